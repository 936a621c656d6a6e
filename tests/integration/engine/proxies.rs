//! Proxies of the Docker configuration in builds.

use serde_json::json;

use crate::support::engines::{BedEngine, on_each_engine};
use crate::support::shop::{Project, Shop};

on_each_engine!(
    commands_get_the_proxies_and_neither_image_nor_digest_has_them,
    an_untrusted_run_gets_no_proxies,
);

/// Succeeds only behind the proxy that the tests configure.
const BEHIND: &[Project] = &[(
    "api",
    "FROM chinampa/base:1\nRUN test \"$http_proxy\" = \"$HTTP_PROXY\" && test \"${HTTP_PROXY#*@}\" = proxy.example:1\n",
    "",
)];

const PROXY: &str = "http://user:pr0xy-s3cret@proxy.example:1";

fn configure(shop: &Shop, proxy: &str) {
    let config = json!({ "proxies": { "default": { "httpProxy": proxy } } });
    std::fs::write(shop.config_file(), config.to_string()).unwrap();
}

fn commands_get_the_proxies_and_neither_image_nor_digest_has_them(engine: BedEngine) {
    let shop = Shop::new().on(engine).projects(BEHIND);
    configure(&shop, PROXY);

    let built = shop.world.run(["build", "--progress", "plain", "-vv"]);
    configure(&shop, "http://other.example:1");
    let again = shop.world.run(["plan"]);

    assert_eq!(built.exit, 0, "{built}");
    assert!(!built.to_string().contains("pr0xy-s3cret"), "{built}");
    assert_eq!(again.exit, 0, "{again}");
    assert!(again.stdout.contains("0 to build, 1 to reuse"), "{again}");
    let client = engine.client();
    let name = shop.engine_images().into_iter().find(|name| name.contains("cache-")).unwrap();
    let name = format!("{}{name}", shop.prefix);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let image = runtime.block_on(client.inspect_image(&name)).unwrap();
    let history = runtime.block_on(client.image_history(&name)).unwrap();
    let shown = format!("{image:?} {history:?}");
    assert!(!shown.contains("pr0xy-s3cret"), "{shown}");
}

fn an_untrusted_run_gets_no_proxies(engine: BedEngine) {
    let mut shop = Shop::new().on(engine).projects(BEHIND);
    configure(&shop, PROXY);
    shop.world.set("CHINAMPA_TRUST", "untrusted");

    let answer = shop.world.run(["build", "--progress", "plain"]);

    assert_eq!(answer.exit, 4, "{answer}");
}
