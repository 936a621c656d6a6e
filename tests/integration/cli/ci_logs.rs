//! What a build writes for the CI that runs it: folded lines, marks, a summary, and a file of test results.

use crate::support::shop::{Cache, Project, Shop};

const PROJECTS: &[Project] = &[
    ("lib", "FROM chinampa/base:1\nRUN echo compiling\n", ""),
    ("bad", "FROM chinampa/base:1\nRUN echo '::error::forged'; echo '##[group]x'; exit 3\n", ""),
    ("web", "FROM bad\nRUN true\n", ""),
];

/// A run of a push, as GitHub Actions describes it.
fn pushed(shop: &mut Shop) {
    let head = shop.world.git(["rev-parse", "HEAD"]);
    for (name, value) in [
        ("CI", "true"),
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_EVENT_NAME", "push"),
        ("GITHUB_REF", "refs/heads/main"),
        ("GITHUB_SHA", &head),
    ] {
        shop.world.set(name, value);
    }
}

#[test]
fn github_folds_what_was_built_marks_what_failed_and_gets_a_summary_and_test_results() {
    let mut shop = Shop::new().cache(Cache::oci()).projects(PROJECTS);
    pushed(&mut shop);
    let folder = tempfile::tempdir().unwrap();
    let [summary, junit] = ["summary.md", "junit.xml"].map(|name| folder.path().join(name));
    std::fs::write(&summary, "what another step wrote\n").unwrap();
    shop.world.set("GITHUB_STEP_SUMMARY", summary.to_str().unwrap());

    let answer = shop.world.run(["build", "--jobs", "2", "--junit", junit.to_str().unwrap()]);

    assert_eq!(answer.exit, 4, "{answer}");
    let commands: Vec<&str> =
        answer.stderr.lines().filter(|line| line.trim_start().starts_with("::")).collect();
    let error = "::error file=bad/Dockerfile,line=3,title=bad failed::exit code 3 in [2/2] RUN echo '::error::forged'; echo '\\u{23}#[group]x'; exit 3";
    for command in ["::group::lib: built in ", "::endgroup::", error] {
        assert!(commands.iter().any(|line| line.starts_with(command)), "{command}: {commands:#?}");
    }
    assert!(!answer.stderr.contains("##[") && !answer.stdout.contains("##["), "{answer}");
    assert!(commands.iter().all(|line| !line.starts_with("::error::")), "{commands:#?}");
    let summary = std::fs::read_to_string(summary).unwrap();
    assert!(
        summary
            .starts_with("what another step wrote\n### chinampa: 1 built, 0 reused, 1 failed, 1 blocked in "),
        "{summary}"
    );
    assert!(summary.contains("| <code>web</code> | blocked by <code>bad</code> |"), "{summary}");
    let junit = std::fs::read_to_string(junit).unwrap();
    assert!(junit.contains("tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\""), "{junit}");
    assert!(junit.contains("<failure message=\"bad/Dockerfile:3: exit code 3 in "), "{junit}");
}

#[test]
fn a_file_of_test_results_that_cannot_be_written_is_an_error_after_the_answer() {
    let shop = Shop::new().plain(["api"]);

    let answer = shop.world.run(["build", "-q", "--junit", "no/such/folder.xml"]);

    assert_eq!(answer.exit, 3, "{answer}");
    assert!(answer.stdout.contains("1 built, 0 reused"), "{answer}");
    assert!(answer.stderr.contains("error: cannot write `no/such/folder.xml`"), "{answer}");
}
