//! Summaries as people see them, at 80 and at 200 columns, with and without colour.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use insta::assert_snapshot;

use super::{Detail, Layout, build};
use crate::execute::{BuildReport, DockerfileLine, Failure, Outcome, ProjectReport};
use crate::model::{
    ChangeKind, CommitId, ErrorKind, ImageRef, InputDigest, ManifestDigest, ObjectId, ProjectName, RepoPath,
};
use crate::observe::{Base, Image, Reason};
use crate::plan::{Action, Build, Plan, ProjectImpact, Step};
use crate::report::styled::StyledText;
use crate::report::tests::workspace;

const NARROW: Layout = Layout { detail: Detail::Brief, columns: Some(80) };
const WIDE: Layout = Layout { detail: Detail::Brief, columns: Some(200) };
const FULL: Layout = Layout { detail: Detail::Full, columns: Some(80) };

/// A plan and its report, made project by project.
pub(crate) struct Run {
    pub(crate) plan: Plan,
    pub(crate) report: BuildReport,
}

fn name(text: &str) -> ProjectName {
    text.parse().unwrap()
}

fn image(project: &str) -> ImageRef {
    format!("registry.example.com/shop/{project}").parse::<ImageRef>().unwrap().pinned(digest())
}

fn digest() -> ManifestDigest {
    ManifestDigest::of(b"image")
}

impl Run {
    fn new() -> Self {
        let commit = CommitId(ObjectId::Sha1([1; 20]));
        let base = Base::Known { commit, from: "--base".to_owned() };
        let plan = Plan { head: commit, is_dirty: false, base, steps: Vec::new() };
        let report = BuildReport {
            projects: BTreeMap::new(),
            is_interrupted: false,
            took: Duration::from_millis(44_100),
            estimated: None,
            saved: None,
            inline_cache_fault: None,
            lost_builders: Vec::new(),
        };
        Self { plan, report }
    }

    fn add(mut self, project: &str, reasons: Option<Vec<Reason>>, outcome: Outcome, seconds: f64) -> Self {
        let action = match &reasons {
            Some(_) => Action::Build(Build { reasons: vec![Reason::NoImage], taints: Vec::new() }),
            None => Action::Reuse(Image {
                repository: project.parse().unwrap(),
                digest: digest(),
                tag: "cache-1".parse().unwrap(),
            }),
        };
        let impact = ProjectImpact {
            project: name(project),
            is_changed: true,
            is_affected: true,
            needs: Vec::new(),
            reasons: reasons.unwrap_or_default(),
        };
        self.plan.steps.push(Step { impact, digest: InputDigest::from_bytes([1; 32]), files: 1, action });
        let took = Duration::from_secs_f64(seconds);
        let log = matches!(outcome, Outcome::Failed(_))
            .then(|| PathBuf::from(format!(".git/chinampa/logs/12/{project}.log")));
        self.report.projects.insert(name(project), ProjectReport { outcome, took, log });
        self
    }

    fn reused(self, project: &str) -> Self {
        self.add(project, None, Outcome::Reused { image: image(project), digest: digest() }, 0.0)
    }

    fn built(self, project: &str, seconds: f64, reasons: Vec<Reason>) -> Self {
        let outcome = Outcome::Built {
            image: image(project),
            of_platforms: BTreeMap::new(),
            digest: digest(),
            steps: 12,
            cached_steps: 3,
            builders: BTreeMap::new(),
        };
        self.add(project, Some(reasons), outcome, seconds)
    }

    fn failed(self, project: &str, failure: Failure) -> Self {
        self.add(project, Some(vec![needs("common")]), Outcome::Failed(failure), 12.3)
    }

    fn shown(&self, layout: Layout) -> StyledText {
        let record = "registry.example.com/shop/shop-builds:commit-1".parse().unwrap();
        build(&self.plan, &workspace(), &self.report, Some(&record), layout)
    }

    /// As a terminal without colour shows it.
    fn text(&self, layout: Layout) -> String {
        self.shown(layout).unstyled()
    }

    /// With the sequences for colours, readable.
    fn colours(&self, layout: Layout) -> String {
        self.shown(layout).ansi().replace('\u{1b}', "^")
    }
}

fn file(path: &str, change: ChangeKind) -> Reason {
    Reason::File {
        path: RepoPath::new(path).unwrap(),
        change,
        inside: Vec::new(),
        pattern: "src/".to_owned(),
        source: "libs/common/.rebuild_patterns:1".to_owned(),
        project: name("common"),
    }
}

fn needs(project: &str) -> Reason {
    Reason::Need { project: name(project) }
}

/// A step that ran a program, which wrote twelve lines.
fn failure() -> Failure {
    Failure {
        causes: vec!["cannot build the image".to_owned(), "step `…` failed: exit code: 2".to_owned()],
        step: Some(
            "[build 4/7] RUN make -j4 -C services/api PREFIX=/usr/local CONFIGURATION=release all install"
                .to_owned(),
        ),
        message: Some("process \"/bin/sh -c make\" did not complete successfully: exit code: 2".to_owned()),
        at: Some(DockerfileLine { file: RepoPath::new("services/api/Dockerfile").unwrap(), line: 12 }),
        exit_code: Some(2),
        log_tail: (1..=12)
            .map(|number| format!("main.c:{number}: error: expected ';' before '}}' token"))
            .collect(),
        hint: None,
        kind: ErrorKind::Failed,
        is_of_build: true,
    }
}

/// Thirty projects: a library and what needs it were built, one of them failed and blocks another.
pub(crate) fn thirty() -> Run {
    let mut run = Run::new().built(
        "common",
        3.12,
        vec![
            file("libs/common/src/log.sh", ChangeKind::Modified),
            file("libs/common/src/trace.sh", ChangeKind::Added),
        ],
    );
    for (project, seconds) in [("catalog", 41.2), ("orders", 9.0), ("worker", 75.0)] {
        run = run.built(project, seconds, vec![needs("common")]);
    }
    run = run.failed("api", failure());
    let blocked = Outcome::Blocked { by: name("api") };
    run = run.add("web", Some(vec![needs("api"), needs("common")]), blocked, 0.0);
    (1..=24).fold(run, |run, number| run.reused(&format!("service-{number}")))
}

/// A project whose names and output are made to steer whatever shows them.
pub(crate) fn hostile() -> Run {
    let failure = Failure {
        causes: vec!["<script>x</script>\u{1b}[31m]]>".to_owned()],
        step: Some("[2/2] RUN echo ##[error]x, y: 100 %\u{1b}[2J".to_owned()),
        at: Some(DockerfileLine { file: RepoPath::new("a,b:c%\n::error::x/Dockerfile").unwrap(), line: 2 }),
        log_tail: vec![
            "::error::x".to_owned(),
            "\u{1b}[31m##[group]x\u{202e}".to_owned(),
            "</pre><script>alert(1)</script>".to_owned(),
            String::new(),
            "@everyone [x](http://example.com) \u{0}\u{fffe}".to_owned(),
        ],
        hint: Some("use `x` | x | <b>\n::warning::x".to_owned()),
        ..failure()
    };
    let reasons = vec![file("a\n::warning::x | x | `<b>`", ChangeKind::Modified)];
    Run::new().built("lib", 1.0, reasons).failed("api", failure)
}

#[test]
fn thirty_projects_with_a_failure_fit_25_lines_and_the_failure_is_in_the_last_ten() {
    let run = thirty();

    assert_snapshot!(run.text(NARROW), @"
    built     worker   1 min 15 s  3 of 12 steps cached
    built     catalog      41.2 s  3 of 12 steps cached
    built     orders        9.0 s  3 of 12 steps cached
    built     common        3.1 s  3 of 12 steps cached
    because   common                      libs/common/src/log.sh, libs/common/src/t…
    because   catalog, orders and 3 more  need common
    because   web                         needs api
    blocked   web needs api, which failed
    failed    api after 12.3 s at services/api/Dockerfile:12
              exit code 2: [build 4/7] RUN make -j4 -C services/api PREFIX=/usr/loc…
              | main.c:7: error: expected ';' before '}' token
              | main.c:8: error: expected ';' before '}' token
              | main.c:9: error: expected ';' before '}' token
              | main.c:10: error: expected ';' before '}' token
              | main.c:11: error: expected ';' before '}' token
              | main.c:12: error: expected ';' before '}' token
              log: .git/chinampa/logs/12/api.log
    4 built, 24 reused, 1 failed, 1 blocked in 44.1 s
    ");
    assert_snapshot!(run.text(WIDE), @"
    built     worker   1 min 15 s  3 of 12 steps cached
    built     catalog      41.2 s  3 of 12 steps cached
    built     orders        9.0 s  3 of 12 steps cached
    built     common        3.1 s  3 of 12 steps cached
    because   common                             libs/common/src/log.sh, libs/common/src/trace.sh (added)
    because   catalog, orders, worker, api, web  need common
    because   web                                needs api
    blocked   web needs api, which failed
    failed    api after 12.3 s at services/api/Dockerfile:12
              exit code 2: [build 4/7] RUN make -j4 -C services/api PREFIX=/usr/local CONFIGURATION=release all install
              | main.c:7: error: expected ';' before '}' token
              | main.c:8: error: expected ';' before '}' token
              | main.c:9: error: expected ';' before '}' token
              | main.c:10: error: expected ';' before '}' token
              | main.c:11: error: expected ';' before '}' token
              | main.c:12: error: expected ';' before '}' token
              log: .git/chinampa/logs/12/api.log
    4 built, 24 reused, 1 failed, 1 blocked in 44.1 s
    ");
    assert_snapshot!(run.colours(NARROW), @"
    ^[32mbuilt     ^[0mworker   1 min 15 s^[2m  3 of 12 steps cached^[0m
    ^[32mbuilt     ^[0mcatalog      41.2 s^[2m  3 of 12 steps cached^[0m
    ^[32mbuilt     ^[0morders        9.0 s^[2m  3 of 12 steps cached^[0m
    ^[32mbuilt     ^[0mcommon        3.1 s^[2m  3 of 12 steps cached^[0m
    ^[2mbecause   ^[0mcommon                      libs/common/src/log.sh, libs/common/src/t^[2m…^[0m
    ^[2mbecause   ^[0mcatalog, orders and 3 more  need common
    ^[2mbecause   ^[0mweb                         needs api
    ^[1m^[31mblocked   ^[0mweb needs api, which failed
    ^[1m^[31mfailed    ^[0m^[1mapi^[0m after 12.3 s at ^[1mservices/api/Dockerfile:12^[0m
              ^[1m^[31mexit code 2: ^[0m[build 4/7] RUN make -j4 -C services/api PREFIX=/usr/loc^[2m…^[0m
              ^[2m| ^[0mmain.c:7: error: expected ';' before '}' token
              ^[2m| ^[0mmain.c:8: error: expected ';' before '}' token
              ^[2m| ^[0mmain.c:9: error: expected ';' before '}' token
              ^[2m| ^[0mmain.c:10: error: expected ';' before '}' token
              ^[2m| ^[0mmain.c:11: error: expected ';' before '}' token
              ^[2m| ^[0mmain.c:12: error: expected ';' before '}' token
              ^[1mlog:^[0m .git/chinampa/logs/12/api.log
    ^[32m4 built^[0m, 24 reused, ^[1m^[31m1 failed^[0m, ^[1m^[31m1 blocked^[0m in 44.1 s
    ");
    for layout in [NARROW, WIDE] {
        let text = run.text(layout);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.len() <= 25, "{text}");
        assert!(lines[lines.len() - 10..].iter().any(|line| line.starts_with("failed    api")), "{text}");
        assert_eq!(text.matches("RUN make").count(), 1, "{text}");
    }
}

// The most that can be said of thirty projects.
#[test]
fn every_project_built_for_reasons_of_its_own_fits_25_lines_too() {
    let mut run = Run::new();
    for number in 1..=28 {
        let path = format!("services/service-{number}/src/main.rs");
        run = run.built(&format!("service-{number}"), number.into(), vec![file(&path, ChangeKind::Modified)]);
    }
    let hint = Some("services/api/Dockerfile:12: `conf` is not committed".to_owned());
    run = run.failed("api", Failure { hint, ..failure() });
    run = run.add("web", Some(vec![needs("api")]), Outcome::Blocked { by: name("api") }, 0.0);

    let text = run.text(NARROW);

    assert!(text.lines().count() <= 25, "{text}");
    assert_snapshot!(text, @"
    built     service-28  28.0 s  3 of 12 steps cached
    built     service-27  27.0 s  3 of 12 steps cached
    built     service-26  26.0 s  3 of 12 steps cached
    built     service-25  25.0 s  3 of 12 steps cached
    built     service-24  24.0 s  3 of 12 steps cached
    built     service-23  23.0 s  3 of 12 steps cached
    built     22 more in at most 22.0 s each
    because   service-1  services/service-1/src/main.rs
    because   service-2  services/service-2/src/main.rs
    because   service-3  services/service-3/src/main.rs
    because   service-4  services/service-4/src/main.rs
    because   26 more reasons: `chinampa why PROJECT` names them
    blocked   web needs api, which failed
    failed    api after 12.3 s at services/api/Dockerfile:12
              exit code 2: [build 4/7] RUN make -j4 -C services/api PREFIX=/usr/loc…
              | main.c:8: error: expected ';' before '}' token
              | main.c:9: error: expected ';' before '}' token
              | main.c:10: error: expected ';' before '}' token
              | main.c:11: error: expected ';' before '}' token
              | main.c:12: error: expected ';' before '}' token
              log: .git/chinampa/logs/12/api.log
              hint: services/api/Dockerfile:12: `conf` is not committed
    28 built, 0 reused, 1 failed, 1 blocked in 44.1 s
    ");
}

#[test]
fn all_reused_is_one_line() {
    let mut run = (1..=30).fold(Run::new(), |run, number| run.reused(&format!("service-{number}")));
    run.report.took = Duration::from_millis(310);
    run.report.saved = Some(Duration::from_secs(372));

    assert_snapshot!(run.text(NARROW), @"0 built, 30 reused in 0.3 s, about 6 min saved");
    assert_snapshot!(run.text(WIDE), @"0 built, 30 reused in 0.3 s, about 6 min saved");
    assert_snapshot!(run.colours(WIDE), @"0 built, 30 reused in 0.3 s^[2m, about 6 min saved^[0m");
}

#[test]
fn an_interruption_says_what_was_not_built() {
    let mut run = Run::new().built("common", 3.12, vec![file("libs/common/src/log.sh", ChangeKind::Deleted)]);
    for project in ["catalog", "orders", "worker", "notifications", "recommendations", "search"] {
        run = run.add(project, Some(vec![needs("common")]), Outcome::Cancelled, 0.0);
    }
    run.report.is_interrupted = true;

    assert_snapshot!(run.text(NARROW), @"
    built     common  3.1 s  3 of 12 steps cached
    cancelled catalog, orders and 4 more
    1 built, 0 reused, 6 cancelled in 44.1 s; interrupted
    ");
    assert_snapshot!(run.text(WIDE), @"
    built     common  3.1 s  3 of 12 steps cached
    cancelled catalog, orders, worker and 3 more
    1 built, 0 reused, 6 cancelled in 44.1 s; interrupted
    ");
    assert_snapshot!(run.colours(NARROW), @"
    ^[32mbuilt     ^[0mcommon  3.1 s^[2m  3 of 12 steps cached^[0m
    ^[33mcancelled ^[0mcatalog, orders and 4 more
    ^[32m1 built^[0m, 0 reused, ^[33m6 cancelled^[0m in 44.1 s^[33m; interrupted^[0m
    ");
}

#[test]
fn a_blocked_chain_names_the_project_that_failed_and_not_each_link() {
    let failure = Failure {
        step: Some("[2/3] COPY conf /".to_owned()),
        message: Some("failed to compute cache key: \"/conf\" not found".to_owned()),
        exit_code: None,
        log_tail: Vec::new(),
        hint: Some("libs/common/Dockerfile:3: no pattern takes `conf`, so the build can't find it: add `./conf` to libs/common/.rebuild_patterns".to_owned()),
        ..failure()
    };
    let reasons = vec![file("libs/common/Dockerfile", ChangeKind::Modified)];
    let mut run = Run::new().add("common", Some(reasons), Outcome::Failed(failure), 0.4);
    for (project, need) in [("sdk", "common"), ("api", "sdk"), ("web", "api")] {
        run = run.add(project, Some(vec![needs(need)]), Outcome::Blocked { by: name("common") }, 0.0);
    }

    assert_snapshot!(run.text(NARROW), @r#"
    because   common  libs/common/Dockerfile
    because   sdk     needs common
    because   api     needs sdk
    because   web     needs api
    blocked   sdk, api, web need common, which failed
    failed    common after 0.4 s at services/api/Dockerfile:12
              [2/3] COPY conf /
              error: failed to compute cache key: "/conf" not found
              log: .git/chinampa/logs/12/common.log
              hint: libs/common/Dockerfile:3: no pattern takes `conf`, so the build can't find it: add `./conf` to libs/common/.rebuild_patterns
    0 built, 0 reused, 1 failed, 3 blocked in 44.1 s
    "#);
    assert_snapshot!(run.text(WIDE), @r#"
    because   common  libs/common/Dockerfile
    because   sdk     needs common
    because   api     needs sdk
    because   web     needs api
    blocked   sdk, api, web need common, which failed
    failed    common after 0.4 s at services/api/Dockerfile:12
              [2/3] COPY conf /
              error: failed to compute cache key: "/conf" not found
              log: .git/chinampa/logs/12/common.log
              hint: libs/common/Dockerfile:3: no pattern takes `conf`, so the build can't find it: add `./conf` to libs/common/.rebuild_patterns
    0 built, 0 reused, 1 failed, 3 blocked in 44.1 s
    "#);
    assert_snapshot!(run.colours(NARROW), @r#"
    ^[2mbecause   ^[0mcommon  libs/common/Dockerfile
    ^[2mbecause   ^[0msdk     needs common
    ^[2mbecause   ^[0mapi     needs sdk
    ^[2mbecause   ^[0mweb     needs api
    ^[1m^[31mblocked   ^[0msdk, api, web need common, which failed
    ^[1m^[31mfailed    ^[0m^[1mcommon^[0m after 0.4 s at ^[1mservices/api/Dockerfile:12^[0m
              [2/3] COPY conf /
              ^[1merror:^[0m failed to compute cache key: "/conf" not found
              ^[1mlog:^[0m .git/chinampa/logs/12/common.log
              ^[1mhint:^[0m libs/common/Dockerfile:3: no pattern takes `conf`, so the build can't find it: add `./conf` to libs/common/.rebuild_patterns
    0 built, 0 reused, ^[1m^[31m1 failed^[0m, ^[1m^[31m3 blocked^[0m in 44.1 s
    "#);
}

#[test]
fn a_failure_outside_of_any_step_shows_the_chain_of_errors() {
    let failure = Failure {
        causes: vec!["cannot push `registry.example.com/shop/api`".to_owned(), "status 503".to_owned()],
        step: None,
        message: None,
        at: None,
        exit_code: None,
        log_tail: Vec::new(),
        ..failure()
    };

    assert_snapshot!(Run::new().failed("api", failure).text(NARROW), @"
    because   api  needs common
    failed    api after 12.3 s
              error: cannot push `registry.example.com/shop/api`
              because: status 503
              log: .git/chinampa/logs/12/api.log
    0 built, 0 reused, 1 failed in 44.1 s
    ");
}

#[test]
fn with_everything_wanted_nothing_is_counted_and_images_have_their_full_references() {
    let run = Run::new().reused("lib").built("api", 2.0, vec![needs("lib")]).failed("web", failure());

    assert_snapshot!(run.text(FULL), @"
    reused    lib as registry.example.com/shop/lib@sha256:6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d
    built     api  2.0 s  3 of 12 steps cached
              as registry.example.com/shop/api@sha256:6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d
    note      replaces `quay.io/acme/lib:1` (api/Dockerfile:1) with the image of `lib`
    because   api  needs lib
    because   web  needs common
    failed    web after 12.3 s at services/api/Dockerfile:12
              exit code 2: [build 4/7] RUN make -j4 -C services/api PREFIX=/usr/local CONFIGURATION=release all install
              | main.c:1: error: expected ';' before '}' token
              | main.c:2: error: expected ';' before '}' token
              | main.c:3: error: expected ';' before '}' token
              | main.c:4: error: expected ';' before '}' token
              | main.c:5: error: expected ';' before '}' token
              | main.c:6: error: expected ';' before '}' token
              | main.c:7: error: expected ';' before '}' token
              | main.c:8: error: expected ';' before '}' token
              | main.c:9: error: expected ';' before '}' token
              | main.c:10: error: expected ';' before '}' token
              | main.c:11: error: expected ';' before '}' token
              | main.c:12: error: expected ';' before '}' token
              log: .git/chinampa/logs/12/web.log
    1 built, 1 reused, 1 failed in 44.1 s
    recorded as registry.example.com/shop/shop-builds:commit-1
    ");
}

#[test]
fn what_a_log_or_a_file_name_holds_steers_neither_a_terminal_nor_a_ci() {
    let run = hostile();

    for text in [run.text(NARROW), run.colours(NARROW)] {
        assert!(!text.contains("##["), "{text}");
        assert!(text.lines().all(|line| !line.trim_start().starts_with("::")), "{text}");
        assert!(!text.contains("\u{202e}") && !text.contains("^[2J") && !text.contains("^[31m##"), "{text}");
    }
}
