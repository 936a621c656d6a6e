//! What Dockerfiles need from elsewhere, and what is said where that is not there.

use crate::end_to_end::support::project;
use crate::support::shop::{Cache, Shop};

fn manifest(shop: &Shop, rest: &str) -> String {
    format!("[workspace]\nname = \"shop\"\n{}[projects.api]\npath = \"api\"\n{rest}", shop.cache_table())
}

#[test]
fn a_frontend_that_cannot_be_fetched_is_named_with_its_line_and_what_to_do() {
    for cache in [Cache::Engine, Cache::oci()] {
        let shop = Shop::new().cache(cache);
        shop.world.write("projects.toml", manifest(&shop, ""));
        let dockerfile =
            "# escape=`\n# syntax=127.0.0.1:1/frontend:1\nFROM chinampa/base:1 AS first\nFROM first\n";
        shop.world.write("api/Dockerfile", dockerfile).commit();

        let answer = shop.world.run(["build", "-q"]);

        assert_eq!(answer.exit, 4, "{answer}");
        let what = "cannot fetch the Dockerfile frontend `127.0.0.1:1/frontend:1`, which `# syntax=` names in api/Dockerfile:2";
        assert!(answer.to_string().contains(what), "{answer}");
        assert!(answer.to_string().contains("connection refused"), "{answer}");
        assert!(answer.to_string().contains("remove the line to use the engine's own frontend"), "{answer}");
    }
}

#[test]
fn a_copy_of_an_external_onbuild_is_an_error_unless_patterns_say_what_it_takes() {
    let external = Shop::new().projects(&[("base", "FROM chinampa/base:1\nONBUILD COPY . /app/\n", "")]);
    let base = external.build([]);
    let base = project(&base, "base")["image"].as_str().unwrap();
    let shop = Shop::new();
    shop.world.write("projects.toml", manifest(&shop, "context = \".\"\n"));
    shop.world.write("api/Dockerfile", format!("ARG A\nFROM {base} AS app\nRUN ls /app\nFROM app\n"));
    shop.world.write("shared/f", "").commit();

    let undeclared = shop.world.run(["build", "--progress", "plain"]);
    shop.world.write("api/.rebuild_patterns", "shared/\n").commit();
    let declared = shop.world.run(["build", "--progress", "plain"]);

    assert_eq!(undeclared.exit, 4, "{undeclared}");
    let why = "COPY . /app/` is `ONBUILD` of the base image in api/Dockerfile:2, and nothing says which files it copies";
    assert!(undeclared.to_string().contains(why), "{undeclared}");
    assert_eq!(declared.exit, 0, "{declared}");
    assert!(declared.to_string().contains("shared"), "{declared}");
}
