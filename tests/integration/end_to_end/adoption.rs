//! A repository of Compose is adopted as it is: nothing in it is changed, and its images are those that Compose would build.

use serde_json::json;

use crate::end_to_end::support::{docker, project, with_outcome};
use crate::support::engines::{BedEngine, on_each_engine};
use crate::support::shop::Shop;

const SERVICES: [&str; 7] = ["auth", "cart", "catalog", "mail", "orders", "payment", "search"];

on_each_engine!(a_compose_repository_of_nine_services_is_built_without_an_edit);

/// Two services that others are built from or build in their own way, and seven alike.
fn compose(shop: &Shop) -> String {
    let image = |name: &str| format!("    image: registry.example/{}{name}:dev\n", shop.prefix);
    let alike = SERVICES.map(|name| {
        let build = "    build:\n      context: .\n      dockerfile: services/NAME/Dockerfile\n      args: [SERVICE=NAME]\n";
        format!("  {name}:\n{}{}", image(name), build.replace("NAME", name))
    });
    format!(
        "services:\n  runtime:\n{}    build: runtime\n{}  web:\n{}    build: {{context: web, target: site}}\n    depends_on: [catalog]\n  database:\n    image: postgres:17\n",
        image("runtime"),
        alike.concat(),
        image("web"),
    )
}

fn a_compose_repository_of_nine_services_is_built_without_an_edit(engine: BedEngine) {
    let shop = Shop::new().on(engine);
    let world = &shop.world;
    let prefix = &shop.prefix;
    world.write("compose.yaml", compose(&shop)).write("shared/version", format!("1 {prefix}"));
    world
        .write("runtime/Dockerfile", "FROM chinampa/base:1\nCOPY init /init\n")
        .write("runtime/init", prefix);
    for name in SERVICES {
        let dockerfile = format!(
            "ARG SERVICE\nFROM registry.example/{prefix}runtime:dev\nARG SERVICE\nCOPY shared /shared\nCOPY services/{name}/main /main\nRUN echo $SERVICE >/name\nCMD [\"/main\"]\n"
        );
        world.write(&format!("services/{name}/Dockerfile"), dockerfile);
        world.write(&format!("services/{name}/main"), format!("{name} {prefix}"));
    }
    world.write("web/Dockerfile", "FROM chinampa/base:1 AS site\nCOPY . /site\nCMD [\"cat\", \"/site/index.html\"]\nFROM site AS debug\nRUN echo debug >/debug\n");
    world.write("web/index.html", format!("web {prefix}"));
    // The workspace is called after the repository, and so is the prefix of its images in the engine.
    world.git([
        "remote",
        "add",
        "origin",
        &format!("https://git.example/{}.git", prefix.trim_end_matches('/')),
    ]);
    world.commit();

    let proposed = world.run(["init", "--json"]);
    world.commit();
    let checked = world.run(["lint", "--json"]);
    let planned = world.run(["plan", "--json"]);
    let local = shop.build(["--local"]);
    let built = shop.build([]);
    let again = shop.build([]);

    let all = [&SERVICES[..], &["runtime", "web"]].concat();
    assert_eq!((proposed.exit, planned.exit), (0, 0), "{proposed}{planned}");
    for open in ["undecided", "to_fill_in"] {
        assert_eq!(proposed.json()[open], json!([]), "{proposed}");
    }
    assert_eq!(proposed.json()["projects"]["runtime"]["deploy"], false, "{proposed}");
    let findings = checked.json()["findings"].as_array().unwrap().clone();
    assert!(
        findings
            .iter()
            .all(|finding| finding["code"] == "parent-floats" || finding["code"] == "parent-not-pinned"),
        "{checked}"
    );
    assert_eq!(with_outcome(&local, "built").len(), all.len(), "{local}");
    assert_eq!(
        with_outcome(&built, "built").len() + with_outcome(&built, "reused").len(),
        all.len(),
        "{built}"
    );
    assert_eq!(
        with_outcome(&again, "reused"),
        all.iter().map(|name| (*name).to_owned()).collect(),
        "{again}"
    );
    let orders = project(&built, "orders")["image"].as_str().unwrap();
    let run = |image: &str, command: &[&str]| {
        docker(&engine.socket(), &[&["run", "--rm", "--network", "none", image], command].concat())
    };
    assert_eq!(run(orders, &["cat", "/init", "/name", "/main"]), format!("{prefix}orders\norders {prefix}"));
    let web = project(&built, "web")["image"].as_str().unwrap();
    assert_eq!(
        run(web, &["sh", "-c", "ls / | grep -c debug; cat /site/index.html"]),
        format!("0\nweb {prefix}")
    );
}
