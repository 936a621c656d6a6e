use serde_json::{Value, json};

use super::*;
use crate::report::tests::run_of;
use crate::runs::Project;

const NO_LOG: ReadLog<'_> = &|_, _| None;

fn built(name: &str, start: f64, seconds: f64, needs: &[&str]) -> Value {
    json!({ "name": name, "outcome": "built", "start": start, "seconds": seconds, "slot": 0, "needs": needs })
}

fn step(name: &str, seconds: f64, cached: bool) -> Value {
    json!({ "name": name, "start": 0.0, "seconds": seconds, "cached": cached, "failed": false })
}

#[test]
fn no_name_no_log_and_no_error_is_markup_and_nothing_but_the_script_of_the_page_runs() {
    let hostile = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\" onclick=\"alert(1)";
    let failure = json!({
        "causes": [hostile], "step": hostile, "exit_code": null, "hint": hostile, "log_tail": [hostile],
    });
    let failed = json!({
        "name": hostile, "outcome": "failed", "start": 0.0, "seconds": 1.0, "slot": 0, "needs": [hostile], "failure": failure,
        "reasons": [hostile], "image": hostile, "log": "x.log", "steps": [step(hostile, 1.0, false)],
    });
    let blocked = json!({ "name": "b", "outcome": "blocked", "blocked_by": hostile });
    let run = run_of(&[failed, blocked]);

    let page = run_page(&run, Some(&run), &|_, _| Some((hostile.to_owned(), true)));

    assert_eq!(page.matches("<script>").count(), 1);
    assert_eq!(page.matches("</script>").count(), 1);
    assert!(!page.contains("<img") && !page.contains("\" onclick"), "{page}");
    for request in ["src=", "http://", "https://", "url(", "@import"] {
        let shown = page.replace("src=x onerror", "").replace("'none'", "");
        assert!(!shown.contains(request), "{request}");
    }
    let script = page.split("<script>").nth(1).unwrap().split("</script>").next().unwrap();
    let digest = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(script));
    assert!(page.contains(&format!("script-src 'sha256-{digest}'")), "{digest}");
}

#[test]
fn a_page_of_300_projects_is_smaller_than_a_megabyte_and_has_failed_logs_whole() {
    let name = |number: usize| format!("service-{number}-with-a-long-name");
    let project = |number: usize| {
        let steps: Vec<Value> = (0..20)
            .map(|at| step(&format!("[{at}/20] RUN make target-{at} && {}", "x".repeat(60)), 1.0, at < 10))
            .collect();
        let is_failed = number % 100 == 7;
        json!({
            "name": name(number), "outcome": if is_failed { "failed" } else { "built" }, "start": 1.0, "seconds": 20.0,
            "slot": number % 8, "needs": if number < 10 { vec![] } else { vec![name(number % 10), name(number / 2)] },
            "reasons": vec!["`a/file/of/the/project.rs` was modified and matches `a/**` of `service`"; 10],
            "image": format!("registry.example/team/service:{}", "1".repeat(64)), "log": "a.log", "steps": steps,
            "digest": "1".repeat(64), "manifest": format!("sha256:{}", "1".repeat(64)),
            "counted_steps": { "all": 20, "cached": 10 },
        })
    };
    let run = run_of(&(0..300).map(project).collect::<Vec<_>>());
    let line = "     1.000 #2 | <compiling> \"something\" & more\n";
    let log = |_: &Project, max: usize| Some((line.repeat(max / line.len()), true));

    let page = run_page(&run, Some(&run), &log);

    assert!(page.len() < 1_000_000, "{}", page.len());
    assert!(page.matches("<pre ").count() >= 3);
    let whole = "first line\n".to_owned() + &line.repeat(600) + "last line\n";
    let of_failed = |project: &Project, _: usize| {
        (project.outcome == ProjectOutcome::Failed).then(|| (whole.clone(), false))
    };
    assert_eq!(run_page(&run, None, &of_failed).matches("first line").count(), 3);
}

#[test]
fn the_critical_path_is_the_longest_chain_of_dependencies() {
    let run = run_of(&[
        built("lib", 0.0, 3.0, &[]),
        built("tool", 0.0, 5.0, &[]),
        built("api", 3.0, 4.0, &["lib"]),
        built("web", 7.0, 1.0, &["api", "tool"]),
        json!({ "name": "old", "outcome": "reused", "needs": ["web"] }),
    ]);

    let page = run_page(&run, None, NO_LOG);

    let path =
        "<a href=\"#p-0\">lib</a> → <a href=\"#p-2\">api</a> → <a href=\"#p-3\">web</a>, 8.0 s of 8.0 s";
    assert!(page.contains(path), "{page}");
    assert_eq!(page.matches("class=\"bar built critical\"").count(), 3);
}

#[test]
fn a_comparison_says_what_got_slower_and_what_missed_the_cache() {
    let with_steps = |name: &str, seconds: f64, steps: Vec<Value>| json!({ "name": name, "outcome": "built", "start": 0.0, "seconds": seconds, "slot": 0, "steps": steps });
    let reused = |name: &str| json!({ "name": name, "outcome": "reused" });
    let before = run_of(&[
        with_steps("slower", 2.0, vec![step("[1/2] RUN a", 1.0, false), step("[2/2] RUN b", 1.0, false)]),
        with_steps("missed", 2.0, vec![step("[1/2] RUN a", 0.0, true), step("[2/2] RUN b", 1.0, false)]),
        with_steps("same", 2.0, vec![step("[1/2] RUN a", 2.0, false)]),
        with_steps("changed", 2.0, vec![step("[1/2] RUN a", 2.0, false)]),
        reused("rebuilt"),
        reused("broken"),
    ]);
    let now = run_of(&[
        with_steps("slower", 9.0, vec![step("[1/2] RUN a", 1.1, false), step("[2/2] RUN b", 7.9, false)]),
        with_steps("missed", 3.0, vec![step("[1/2] RUN a", 1.0, false), step("[2/2] RUN b", 1.0, false)]),
        with_steps("same", 2.1, vec![step("[1/2] RUN a", 2.1, false)]),
        with_steps("changed", 5.0, vec![step("[1/2] RUN c", 5.0, false)]),
        json!({ "name": "rebuilt", "outcome": "built", "start": 0.0, "seconds": 1.0, "slot": 0,
                "reasons": ["the cache has no image of these inputs", "`a` was modified"] }),
        json!({ "name": "broken", "outcome": "failed", "start": 0.0, "seconds": 1.0, "slot": 0 }),
    ]);

    let page = run_page(&now, Some(&before), NO_LOG);

    let section =
        page.split("<section id=\"comparison\"").nth(1).unwrap().split("</section>").next().unwrap();
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("<tr>")).collect();
    let expected = [
        ("broken", "was reused, now failed"),
        ("slower", "this step took 7.9 s, and 1.0 s before: [2/2] RUN b"),
        ("changed", "this step is new and took 5.0 s: [1/2] RUN c"),
        ("missed", "the layer cache was missed from this step on: [1/2] RUN a"),
        ("rebuilt", "was reused, now built: `a` was modified"),
    ];
    assert_eq!(rows.len(), expected.len(), "{section}");
    for (row, (name, what)) in rows.iter().zip(expected) {
        assert!(row.contains(&format!(">{name}</a>")) && row.contains(what), "{row}");
    }
}

#[test]
fn the_page_of_a_run_that_built_nothing_has_no_timeline() {
    let run = run_of(&[json!({ "name": "api", "outcome": "reused" })]);

    let page = run_page(&run, None, NO_LOG);

    assert!(!page.contains("id=\"timeline\"") && page.contains("= reused"), "{page}");
}

#[test]
fn a_failed_project_has_the_line_of_its_dockerfile_the_failure_and_why_it_was_to_be_built() {
    let failure = json!({
        "causes": ["cannot build the image"], "step": "[2/3] RUN make", "line": "api/Dockerfile:5", "exit_code": 2, "hint": null,
        "log_tail": [],
    });
    let reasons = ["the cache has no image of these inputs", "`api/a.c` was modified"];
    let run = run_of(&[json!({
        "name": "api", "outcome": "failed", "start": 0.0, "seconds": 1.0, "slot": 0, "failure": failure, "reasons": reasons,
    })]);

    let page = run_page(&run, None, NO_LOG);

    let why = "exit code 2 in [2/3] RUN make; to be built because `api/a.c` was modified (+1)";
    assert!(page.contains(why), "{page}");
    assert!(page.contains("<h3>Error</h3><p>at <code>api/Dockerfile:5</code></p>"), "{page}");
}
