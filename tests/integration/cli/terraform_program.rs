//! Which Terraform is run: never one that the commit has.

use std::os::unix::fs::PermissionsExt as _;

use crate::support::shop::Shop;

/// A shop that is deployed with Terraform, of which nothing is known but this script.
fn shop(script: &str) -> Shop {
    let mut shop = Shop::new().projects(&[("api", "FROM chinampa/base:1\n", "")]);
    let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
    let manifest = format!("{manifest}\n[deploy]\nkind = \"oci\"\nhost = \"localhost:1\"\n");
    shop.world.write("projects.toml", manifest).write("api/terraform/main.tf", "");
    shop.world.write(".git/terraform", script);
    let program = shop.world.file(".git/terraform");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    shop.world.set("CHINAMPA_TERRAFORM", program.to_str().unwrap());
    shop.world.commit();
    shop
}

#[test]
fn what_terraform_says_of_a_configuration_that_is_not_valid_is_shown() {
    let script = "#!/bin/sh\ntest $1 = init && exit\necho begin\nprintf '\\033[31mError: bad config\\033[0m\\n::error::x\\n' >&2\nexit 1\n";
    let shop = shop(script);

    let answer = shop.world.run(["build", "--quiet"]);

    assert_eq!(answer.exit, 4, "{answer}");
    for line in ["  | begin\n", "  | Error: bad config\n", "  | ::error::x\n"] {
        assert!(answer.stderr.contains(line), "{line}: {answer}");
    }
}

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

#[test]
fn a_name_that_is_nowhere_matters_once_terraform_is_needed() {
    let mut shop = Shop::new().projects(&[("api", "FROM chinampa/base:1\n", "")]);
    let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
    let manifest = format!("{manifest}\n[deploy]\nkind = \"oci\"\nhost = \"localhost:1\"\n");
    shop.world.write("projects.toml", manifest).commit();
    shop.world.set("CHINAMPA_TERRAFORM", "nowhere");

    let answer = shop.world.run(["build"]);

    assert_eq!(answer.exit, 0, "{answer}");
}
