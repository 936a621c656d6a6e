//! Pages and drawings, looked at with a browser as people do.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::chromium::Page;
use crate::support::shop::{Project, Shop};
use crate::support::world::World;

const PROJECTS: &[Project] = &[
    ("lib", "FROM chinampa/base:1\nRUN echo lib\n", ""),
    (
        "api",
        "FROM lib\nRUN echo '</script><script>document.title=1</script><img src=http://localhost:1/x>'; exit 3\n",
        "",
    ),
    ("web", "FROM api\nRUN true\n", ""),
    ("docs", "FROM chinampa/base:1\nRUN echo docs\n", ""),
];

#[test]
fn the_page_of_a_failed_build_asks_for_nothing_and_can_be_searched_filtered_and_read_by_all() {
    let shop = Shop::new().projects(PROJECTS);
    let first = shop.world.run(["build", "-q", "lib"]);
    let built = shop.world.run(["build", "-q", "--report", "report.html"]);
    assert_eq!((first.exit, built.exit), (0, 4), "{built}");
    let file = shop.world.file("report.html");

    let mut page = Page::open(&file);

    assert_eq!(page.value("document.title"), "shop: run 2");
    assert_eq!(
        page.value("[...document.querySelectorAll('h2')].map(it => it.textContent)"),
        json!(["Failures", "Timeline", "Dependencies", "Projects"])
    );
    let visible = "[...document.querySelectorAll('tbody[data-name]')].filter(it => !it.hidden).map(it => it.dataset.name)";
    assert_eq!(page.value(visible), json!(["api", "web", "docs", "lib"]));
    page.value("document.querySelector('[data-filter=failed]').click()");
    assert_eq!(page.value(visible), json!(["api"]));
    assert_eq!(page.value("document.getElementById('shown').textContent"), "1 of 4 projects");
    page.value("document.querySelector('[data-filter=failed]').click()");
    page.value("search.value = 'api failed'; search.dispatchEvent(new Event('input'))");
    assert_eq!(page.value(visible), json!(["web"]));
    // A link from the graph opens the project, though it is filtered out.
    page.value("location.hash = document.querySelector('svg.graph a.failed').getAttribute('href')");
    page.value("new Promise(requestAnimationFrame)");
    assert_eq!(page.value(visible), json!(["api", "web", "docs", "lib"]));
    let log = page.value("document.querySelector('tr.details:not([hidden]) pre').textContent");
    assert!(log.as_str().unwrap().contains("| </script><script>document.title=1</script>"), "{log}");
    assert_eq!(page.value("document.querySelectorAll('svg.timeline a.bar').length"), 2);
    let background = "getComputedStyle(document.documentElement).backgroundColor";
    for (width, scheme) in [(1280, "light"), (1280, "dark"), (400, "light")] {
        page.emulate(width, scheme);
        let expected = if scheme == "dark" { "rgb(13, 17, 23)" } else { "rgb(255, 255, 255)" };
        assert_eq!(page.value(background), expected);
        page.keep_picture(&format!("report-{width}-{scheme}"));
        assert_eq!(page.accessibility_findings(), [""; 0], "{width} {scheme}");
        let is_wider = page.value("document.documentElement.scrollWidth > innerWidth");
        assert_eq!(is_wider, false, "at {width}");
    }
    page.value("theme.click()");
    assert_eq!(page.value(background), "rgb(13, 17, 23)");
    let (requests, complaints) = page.requests_and_complaints();
    assert_eq!(requests, [format!("file://{}", file.display())]);
    assert!(complaints.is_empty(), "{complaints:#?}");
}

/// What people wait for without noticing, and more than the page takes.
const AT_ONCE: Duration = Duration::from_secs(1);

#[test]
fn the_page_of_300_projects_opens_and_filters_within_a_second() {
    let world = World::new();
    let folder = world.file(".git/chinampa/runs/1");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("run.json"), large_run(300).to_string()).unwrap();
    for number in 0..300 {
        let log = "     1.000 #2 | one more line of a log\n".repeat(500);
        fs::write(folder.join(format!("service-{number}.log")), log).unwrap();
    }

    let written = world.run(["report"]);

    assert_eq!(written.exit, 0, "{written}");
    let file = std::path::PathBuf::from(written.stdout.trim());
    assert!(fs::metadata(&file).unwrap().len() < 1_000_000);
    let mut page = Page::open(&file);
    let opened = page.busy();
    assert!(opened < AT_ONCE, "{opened:?}");
    page.value(
        "search.value = 'service-29'; search.dispatchEvent(new Event('input')); new Promise(requestAnimationFrame)",
    );
    let filtered = page.busy() - opened;
    assert!(filtered < AT_ONCE, "{filtered:?}");
    assert_eq!(page.value("document.getElementById('shown').textContent"), "11 of 300 projects");
    page.keep_picture("report-300-projects");
}

/// A run of so many projects on three levels.
fn large_run(count: usize) -> Value {
    let name = |number: usize| format!("service-{number}");
    let project = |number: usize| {
        let step = |at: usize| {
            json!({
                "name": format!("[{at}/12] RUN make target-{at}"), "start": 1.0, "seconds": 1.0, "cached": at < 4, "failed": false,
            })
        };
        json!({
            "name": name(number), "outcome": "built", "affected": true,
            "needs": if number < 20 { vec![] } else { vec![name(number % 20), name(number / 2)] },
            "reasons": ["`a/file.rs` was modified and matches `a/**` of `service`"], "more_reasons": 0, "digest": "1".repeat(64),
            "files": 3, "image": format!("registry.example/service:cache-{}", "1".repeat(64)), "manifest": null,
            "start": number as f64, "seconds": 8.0, "slot": number % 8, "steps": (1..=12).map(step).collect::<Vec<_>>(),
            "counted_steps": { "all": 12, "cached": 4 }, "failure": null, "blocked_by": null, "log": format!("service-{number}.log"),
        })
    };
    json!({
        "schema": "chinampa.run/1", "number": 1, "started": "2026-11-28T20:15:00Z", "seconds": 310.0, "state": "complete",
        "workspace": "shop", "head": "1".repeat(40), "dirty": false, "branch": "main", "base": null, "base_unknown": "no history",
        "trusted": true, "slots": 8, "projects": (0..count).map(project).collect::<Vec<_>>(),
    })
}

#[test]
fn a_graph_is_drawn_as_a_page_and_as_a_picture_with_the_affected_projects_marked() {
    let shop = Shop::new().projects(PROJECTS);
    shop.world.write("api/Dockerfile", "FROM lib\nRUN echo other\n").commit();

    let html = shop.world.run(["graph", "--format", "html", "--base", "HEAD~1"]);
    let svg = shop.world.run(["graph", "--format", "svg", "--base", "HEAD~1"]);

    shop.world.write("graph.html", &html.stdout).write("graph.svg", &svg.stdout);
    let mut page = Page::open(&shop.world.file("graph.html"));
    let affected = "[...document.querySelectorAll('svg a.affected')].map(it => it.textContent.split(':')[0])";
    assert_eq!(page.value(affected), json!(["api", "web"]));
    assert_eq!(page.accessibility_findings(), [""; 0]);
    page.keep_picture("graph");
    let (requests, complaints) = page.requests_and_complaints();
    assert!(requests.len() == 1 && complaints.is_empty(), "{requests:?} {complaints:#?}");
    let mut picture = Page::open(&shop.world.file("graph.svg"));
    assert_eq!(picture.value("document.documentElement.localName"), "svg");
    assert_eq!(picture.value("document.querySelectorAll('.affected').length"), 2);
    assert_eq!(picture.value("document.querySelectorAll('.edges path').length"), 2);
}

#[test]
fn a_trace_has_each_project_in_its_slot_and_its_steps() {
    let shop = Shop::new().projects(PROJECTS);

    let built = shop.world.run(["build", "-q", "lib", "--trace", "trace.json"]);

    assert_eq!(built.exit, 0, "{built}");
    let trace: Value = serde_json::from_slice(&fs::read(shop.world.file("trace.json")).unwrap()).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let of_kind = |kind: &str| events.iter().filter(|event| event["cat"] == kind).collect::<Vec<_>>();
    let (projects, steps) = (of_kind("project"), of_kind("step"));
    assert_eq!((projects.len(), projects[0]["name"].as_str()), (1, Some("lib")));
    let end = |event: &Value| event["ts"].as_f64().unwrap() + event["dur"].as_f64().unwrap();
    assert!(steps.iter().any(|step| step["name"].as_str().unwrap().contains("RUN echo lib")), "{trace:#}");
    for step in steps {
        assert!(
            step["ts"].as_f64() >= projects[0]["ts"].as_f64() && end(step) <= end(projects[0]) + 1.0,
            "{step}"
        );
    }
}
