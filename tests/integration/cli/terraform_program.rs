//! Which Terraform is run: never one that the commit has.

use std::os::unix::fs::PermissionsExt as _;

use crate::support::shop::Shop;

#[test]
fn a_relative_path_is_seen_from_where_the_command_is_run() {
    let mut shop = Shop::new().projects(&[("api", "FROM chinampa/base:1\n", "")]);
    let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
    let manifest = format!("{manifest}\n[deploy]\nkind = \"oci\"\nhost = \"localhost:1\"\n");
    shop.world.write("projects.toml", manifest).write("api/terraform/main.tf", "");
    for folder in ["bin", "api/terraform/bin"] {
        for name in ["terraform", "tofu"] {
            let file = format!("{folder}/{name}");
            shop.world.write(&file, "#!/bin/sh\nexit 1\n");
            std::fs::set_permissions(shop.world.file(&file), std::fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
    shop.world.commit();
    shop.world.set("PATH", &format!("bin:{}", std::env::var("PATH").unwrap()));
    for (named, run) in
        [("bin/tofu", "bin/tofu"), ("./bin/tofu", "bin/tofu"), ("tofu", "bin/tofu"), ("", "bin/terraform")]
    {
        shop.world.set("CHINAMPA_TERRAFORM", named);

        let answer = shop.world.run(["build"]);

        assert_eq!(answer.exit, 4, "{named}: {answer}");
        let failed = format!("`{}` failed: exit status: 1", shop.world.file(run).display());
        assert!(answer.stderr.contains(&failed), "{named}: {answer}");
    }
    shop.world.write("nowhere", "#!/bin/sh\nexit 1\n");
    shop.world.set("CHINAMPA_TERRAFORM", "nowhere");
    std::fs::set_permissions(shop.world.file("nowhere"), std::fs::Permissions::from_mode(0o755)).unwrap();
    shop.world.commit();

    let answer = shop.world.run(["build"]);

    let says = "error: `CHINAMPA_TERRAFORM` names `nowhere`, which is in no folder of `PATH`";
    assert_eq!(answer.exit, 2, "{answer}");
    assert!(answer.stderr.contains(says), "{answer}");
}
