//! What is said of a build to a registry: each step once, with what it counts.

use std::collections::BTreeSet;

use insta::assert_snapshot;

use crate::support::bed::setting;
use crate::support::engines::{BedEngine, on_each_engine};
use crate::support::proxy::{Fault, Proxy, Rule};
use crate::support::shop::{Cache, Project, Shop};

on_each_engine!(
    a_step_of_a_stage_is_counted_once_and_printed_once,
    a_push_is_retried_after_a_transient_error_and_sends_no_layer_twice,
    nothing_stays_in_the_engine_after_a_build_to_a_registry,
);

/// Two steps in a stage, and two in the image.
const STAGES: Project = (
    "api",
    "FROM chinampa/base:1 AS build\nRUN echo $SHOP > /a\nRUN echo more >> /a\n\
     FROM chinampa/base:1\nCOPY --from=build /a /a\nRUN cat /a\n",
    "",
);

// issue 14: E9
fn a_step_of_a_stage_is_counted_once_and_printed_once(engine: BedEngine) {
    let shop = Shop::new().on(engine).cache(Cache::oci()).projects(&[STAGES]);

    let first = shop.shown(["build", "--progress", "plain"]);
    let again = shop.shown(["build", "--progress", "plain", "--force"]);

    assert_snapshot!(steps(&first), @"
    built     api  <time>   0 of 4 steps cached
    stderr:  <time> api: [build 2/3] RUN echo <prefix>/ > /a <time> 
    stderr:  <time> api: [build 3/3] RUN echo more >> /a <time> 
    stderr:  <time> api: [stage-1 2/3] COPY --from=build /a /a <time> 
    stderr:  <time> api: [stage-1 3/3] RUN cat /a <time> 
    stderr:  <time> api: built in <time> , 0 of 4 steps cached
    ");
    assert_snapshot!(steps(&again), @"
    built     api  <time>   4 of 4 steps cached
    stderr:  <time> api: [build 2/3] RUN echo <prefix>/ > /a CACHED
    stderr:  <time> api: [build 3/3] RUN echo more >> /a CACHED
    stderr:  <time> api: [stage-1 2/3] COPY --from=build /a /a CACHED
    stderr:  <time> api: [stage-1 3/3] RUN cat /a CACHED
    stderr:  <time> api: built in <time> , 4 of 4 steps cached
    ");
}

/// The lines of steps, and the summary.
fn steps(answer: &str) -> String {
    let is_step = |line: &&str| {
        ["] RUN", "] COPY", "steps cached"].iter().any(|part| line.contains(part)) && !line.contains("| ")
    };
    answer.lines().filter(is_step).collect::<Vec<_>>().join("\n")
}

// issue 14: E6
fn a_push_is_retried_after_a_transient_error_and_sends_no_layer_twice(engine: BedEngine) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let rule = |method, path, fault| Rule { method, path, times: 1, fault };
    // The first image fails twice, the second three times. Uploads are retried by the engine itself.
    let manifests = [
        Fault::status(429),
        Fault::status(500),
        Fault::Pass,
        Fault::status(502),
        Fault::status(503),
        Fault::Refuse,
    ];
    let rules = manifests.map(|fault| rule("PUT", "/manifests/pushed-", fault));
    let rules = rules.into_iter().chain([rule("POST", "/api/blobs/uploads/", Fault::Refuse)]);
    let proxy = runtime.block_on(Proxy::start(&setting("REGISTRY_1"), rules));
    let shop = Shop::new().on(engine).cache(Cache::Oci(proxy.host().to_owned())).projects(&[STAGES]);

    let answer = shop.world.run(["build", "--progress", "plain"]);

    assert_eq!(answer.exit, 0, "{answer}");
    // The engine itself retries some of the requests.
    assert!(answer.stderr.matches("api: retrying the push of ").count() >= 2, "{answer}");
    let record = proxy.record();
    let uploads = record.iter().filter(|passed| {
        passed.method == "PUT" && passed.path.contains("/api/blobs/uploads/") && passed.status == 201
    });
    let uploads = uploads.count();
    let manifests = shop.tags("api").into_iter().map(|tag| {
        let manifest = shop.manifest(&format!("{}/{}api:{tag}", proxy.host(), shop.prefix));
        [vec![manifest["config"].clone()], manifest["layers"].as_array().unwrap().clone()].concat()
    });
    let blobs: BTreeSet<String> = manifests.flatten().map(|blob| blob["digest"].to_string()).collect();
    assert!(!blobs.is_empty() && uploads <= blobs.len(), "{uploads} of {blobs:?}: {:#?}", proxy.lines());
}

// issue 14: E13
fn nothing_stays_in_the_engine_after_a_build_to_a_registry(engine: BedEngine) {
    let dependent: Project = ("web", "FROM api\nRUN cat /a > /b\n", "");
    let shop = Shop::new().on(engine).cache(Cache::oci()).projects(&[STAGES, dependent]);

    let answer = shop.world.run(["build", "-q"]);

    assert_eq!(answer.exit, 0, "{answer}");
    assert_eq!(shop.engine_images(), BTreeSet::new());
}
