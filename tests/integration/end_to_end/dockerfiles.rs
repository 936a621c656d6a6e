//! What Dockerfiles need from elsewhere, and what is said where that is not there.

use crate::end_to_end::support::{names, project, with_outcome};
use crate::support::engines::{BedEngine, on_each_engine};
use crate::support::shop::{Cache, Shop};

on_each_engine!(
    a_copy_of_an_external_onbuild_is_an_error_unless_patterns_say_what_it_takes,
    packages_that_copy_a_library_at_the_same_time_are_built,
);

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

fn a_copy_of_an_external_onbuild_is_an_error_unless_patterns_say_what_it_takes(engine: BedEngine) {
    let external =
        Shop::new().on(engine).projects(&[("base", "FROM chinampa/base:1\nONBUILD COPY . /app/\n", "")]);
    let base = external.build([]);
    let base = project(&base, "base")["image"].as_str().unwrap();
    let shop = Shop::new().on(engine);
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

// An engine makes equal steps once, and tells each build of those of the others as well (issue 16).
fn packages_that_copy_a_library_at_the_same_time_are_built(engine: BedEngine) {
    let shop = Shop::new().on(engine);
    let names_of_all = ["api", "cart", "mail"];
    let mut manifest = format!("[workspace]\nname = \"shop\"\n{}", shop.cache_table());
    for name in names_of_all {
        manifest += &format!("[projects.{name}]\npath = \"{name}\"\ncontext = \".\"\n");
        let dockerfile = format!(
            "FROM chinampa/base:1 AS build\nWORKDIR /src\nCOPY lock ./\nCOPY lib lib\nCOPY {name} {name}\n\
             FROM chinampa/base:1\nCOPY --from=build /src /app\n"
        );
        shop.world.write(&format!("{name}/Dockerfile"), dockerfile);
    }
    shop.world.write("projects.toml", manifest);
    shop.world.write("lock", &shop.prefix).write("lib/a", &shop.prefix).commit();

    let report = shop.build(["--jobs", "3"]);

    assert_eq!(with_outcome(&report, "built"), names(names_of_all), "{report}");
}
