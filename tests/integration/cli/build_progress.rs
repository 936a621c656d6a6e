//! What is said of a build to a registry: each step once, with what it counts.

use insta::assert_snapshot;

use crate::support::shop::{Cache, Project, Shop};

/// Two steps in a stage, and two in the image.
const STAGES: Project = (
    "api",
    "FROM chinampa/base:1 AS build\nRUN echo $SHOP > /a\nRUN echo more >> /a\n\
     FROM chinampa/base:1\nCOPY --from=build /a /a\nRUN cat /a\n",
    "",
);

// issue 14: E9
#[test]
fn a_step_of_a_stage_is_counted_once_and_printed_once() {
    let shop = Shop::new().cache(Cache::oci()).projects(&[STAGES]);

    let first = shop.shown(["build", "--progress", "plain"]);
    let again = shop.shown(["build", "--progress", "plain", "--force"]);

    assert_snapshot!(steps(&first), @"
    built     api in <time> , 0 of 4 steps cached
    stderr: api: [build 2/3] RUN echo <prefix>/ > /a <time> 
    stderr: api: [build 3/3] RUN echo more >> /a <time> 
    stderr: api: [stage-1 2/3] COPY --from=build /a /a <time> 
    stderr: api: [stage-1 3/3] RUN cat /a <time> 
    stderr: api: built in <time> , 0 of 4 steps cached
    ");
    assert_snapshot!(steps(&again), @"
    built     api in <time> , 4 of 4 steps cached
    stderr: api: [build 2/3] RUN echo <prefix>/ > /a CACHED
    stderr: api: [build 3/3] RUN echo more >> /a CACHED
    stderr: api: [stage-1 2/3] COPY --from=build /a /a CACHED
    stderr: api: [stage-1 3/3] RUN cat /a CACHED
    stderr: api: built in <time> , 4 of 4 steps cached
    ");
}

/// The lines of steps, and the summary.
fn steps(answer: &str) -> String {
    let is_step = |line: &&str| {
        ["] RUN", "] COPY", "steps cached"].iter().any(|part| line.contains(part)) && !line.contains("| ")
    };
    answer.lines().filter(is_step).collect::<Vec<_>>().join("\n")
}
