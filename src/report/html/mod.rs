//! Pages that stand alone: one file, no request, nothing in it but what is written here and text.
//!
//! The page is complete without its script, which only filters, sorts and opens rows. Its policy names the digests of the
//! one style and the one script, so nothing else runs, whatever a log or a name holds.

mod comparison;
mod details;
mod projects;
#[cfg(test)]
mod tests;
mod timeline;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use base64::Engine as _;
use sha2::{Digest as _, Sha256};

pub use details::ReadLog;

use super::critical_path::CriticalPath;
use super::drawing::{self, Kind, Node};
use super::escape::{Lines, Text};
use super::runs::short;
use crate::graph::ProjectGraph;
use crate::model::ProjectName;
use crate::runs::{ProjectOutcome, Run};

const PAGE_STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page of a run; `before` is the run that it is compared with.
pub fn run_page(run: &Run, before: Option<&Run>, log: ReadLog<'_>) -> String {
    let critical = CriticalPath::of(run);
    let differences = before.map(|before| comparison::differences(run, before)).unwrap_or_default();
    let mut main = String::new();
    failures(&mut main, run);
    timeline::section(&mut main, run, &critical);
    let nodes: Vec<Node<'_>> = run
        .projects
        .iter()
        .enumerate()
        .map(|(at, project)| Node {
            name: &project.name,
            needs: project.needs.iter().map(String::as_str).collect(),
            state: project.outcome.label(),
            mark: mark(project.outcome),
            is_emphasized: critical.contains(at),
        })
        .collect();
    graph_section(&mut main, &nodes);
    if let Some(before) = before {
        comparison::section(&mut main, run, before, &differences);
    }
    projects::section(&mut main, run, before, &differences, log);
    let number = run.number.map(|number| format!(" {number}")).unwrap_or_default();
    let title = format!("{}: run{number}", run.workspace);
    let counts = ProjectOutcome::ALL.map(|outcome| (outcome.label(), mark(outcome), run.count(outcome)));
    page(&title, &facts(run), &counts, &main)
}

/// The page of a graph, with the affected projects marked.
pub fn graph_page(workspace: &str, graph: &ProjectGraph, affected: &BTreeSet<&ProjectName>) -> String {
    let nodes = graph_nodes(graph, affected);
    let mut main = String::new();
    graph_section(&mut main, &nodes);
    main.push_str(
        "<section id=\"projects\" aria-labelledby=\"projects-h\"><h2 id=\"projects-h\">Projects</h2><p id=\"shown\" role=\"status\"></p>\n\
         <div class=\"scroll\" role=\"region\" aria-label=\"Table of projects\" tabindex=\"0\"><table id=\"table\"><thead><tr><th scope=\"col\">Project</th>\
         <th scope=\"col\">State</th><th scope=\"col\">Dependencies</th></tr></thead>\n",
    );
    for (at, node) in nodes.iter().enumerate() {
        writeln!(
            main,
            "<tbody id=\"p-{at}\" data-name=\"{0}\" data-outcome=\"{1}\"><tr><th scope=\"row\">{0}</th>\
             <td><span class=\"badge {1}\">{2} {1}</span></td><td>{3}</td></tr></tbody>",
            Text(node.name),
            node.state,
            node.mark,
            Text(&node.needs.join(", ")),
        )
        .expect("a string takes any text");
    }
    main.push_str("</table></div></section>\n");
    let count = |state: &str| nodes.iter().filter(|node| node.state == state).count();
    let counts = [("affected", "*", count("affected")), ("unaffected", "·", count("unaffected"))];
    page(&format!("{workspace}: dependency graph"), "", &counts, &main)
}

/// The projects of a graph as they are drawn.
pub fn graph_nodes<'g>(graph: &'g ProjectGraph, affected: &BTreeSet<&ProjectName>) -> Vec<Node<'g>> {
    let node = |name: &'g ProjectName| {
        let (state, mark) = if affected.contains(name) { ("affected", "*") } else { ("unaffected", "·") };
        let needs = graph.needs(name).into_iter().map(ProjectName::as_str).collect();
        Node { name: name.as_str(), needs, state, mark, is_emphasized: false }
    };
    graph.order().map(node).collect()
}

/// The frame of every page: title, facts, filter, and the sections.
fn page(title: &str, facts: &str, counts: &[(&str, &str, usize)], main: &str) -> String {
    let style = format!("{}{}{}", drawing::COLORS, drawing::STYLE, PAGE_STYLE);
    let hash = |text: &str| base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text));
    let (style_hash, script_hash) = (hash(&style), hash(SCRIPT));
    let mut page = String::with_capacity(main.len() + style.len() + SCRIPT.len() + 4096);
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'sha256-{style_hash}'; \
         script-src 'sha256-{script_hash}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <link rel=\"icon\" href=\"data:,\">\n<title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#projects\">Skip to the projects</a>\n\
         <header><div class=\"title\"><h1>{title}</h1><button type=\"button\" id=\"theme\">Dark</button></div>\n{facts}</header>\n\
         <div class=\"toolbar\" role=\"search\" aria-label=\"Filter projects\"><label for=\"search\">Search</label>\
         <input id=\"search\" type=\"search\" placeholder=\"project or reason\" autocomplete=\"off\" spellcheck=\"false\">\
         <div class=\"filters\" role=\"group\" aria-label=\"Outcomes\">",
        title = Text(title),
    )
    .expect("a string takes any text");
    for (label, mark, count) in counts.iter().filter(|(_, _, count)| *count > 0) {
        write!(
            page,
            "<button type=\"button\" class=\"badge {label}\" data-filter=\"{label}\" aria-pressed=\"false\">{mark} {count} {label}</button>"
        )
        .expect("a string takes any text");
    }
    write!(page, "</div></div>\n<main>\n{main}</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n")
        .expect("a string takes any text");
    page
}

fn graph_section(page: &mut String, nodes: &[Node<'_>]) {
    write!(
        page,
        "<section id=\"graph\" aria-labelledby=\"graph-h\"><h2 id=\"graph-h\">Dependencies</h2>\n\
         <div class=\"scroll tall\" role=\"region\" aria-label=\"Dependency graph\" tabindex=\"0\">{}</div></section>\n",
        drawing::svg(nodes, Kind::Inline)
    )
    .expect("a string takes any text");
}

/// What is known of the run as a whole.
fn facts(run: &Run) -> String {
    let mut text = String::from("<dl class=\"facts\">");
    let mut fact = |name: &str, value: &str| {
        write!(text, "<div><dt>{name}</dt><dd>{value}</dd></div>").expect("a string takes any text");
    };
    fact("State", run.state.label());
    let branch = run.branch.as_deref().map(|branch| format!(" on {}", Text(branch))).unwrap_or_default();
    let dirty = if run.dirty { " with uncommitted changes" } else { "" };
    fact("Commit", &format!("<code>{}</code>{branch}{dirty}", Text(short(&run.head))));
    match (&run.base, &run.base_unknown) {
        (Some(base), _) => {
            fact("Base", &format!("<code>{}</code> ({})", Text(short(&base.commit)), Text(&base.from)));
        }
        (None, why) => {
            fact("Base", &format!("unknown: {}", Text(why.as_deref().unwrap_or("no reason is known"))));
        }
    }
    fact("Started", &Text(&run.started).to_string());
    if let Some(took) = run.seconds {
        let built: f64 = run.projects.iter().map(|project| project.seconds).sum();
        if let Some(estimated) = run.seconds_estimated {
            fact("Expected", &format!("about {}", seconds(estimated)));
        }
        fact("Took", &format!("{} for {} of builds in {} slots", seconds(took), seconds(built), run.slots));
    }
    text.push_str("</dl>");
    text
}

/// The projects that failed, before all else.
fn failures(page: &mut String, run: &Run) {
    let failed =
        run.projects.iter().enumerate().filter(|(_, project)| project.outcome == ProjectOutcome::Failed);
    let failed: Vec<_> = failed.collect();
    if failed.is_empty() {
        return;
    }
    page.push_str(
        "<section id=\"failures\" aria-labelledby=\"failures-h\"><h2 id=\"failures-h\">Failures</h2>\n",
    );
    for (at, project) in failed {
        let Some(failure) = &project.failure else { continue };
        write!(page, "<article class=\"failure\"><h3><a href=\"#p-{at}\">{}</a></h3>", Text(&project.name))
            .expect("a string takes any text");
        if let Some(step) = &failure.step {
            let code = failure.exit_code.map(|code| format!(" exited with {code}")).unwrap_or_default();
            write!(page, "<p><code>{}</code>{code}</p>", Text(step)).expect("a string takes any text");
        }
        let is_told = failure.step.is_some() && failure.exit_code.is_some();
        for cause in failure.causes.iter().filter(|_| !is_told) {
            write!(page, "<p>{}</p>", Text(cause)).expect("a string takes any text");
        }
        if let Some(hint) = &failure.hint {
            write!(page, "<p><strong>Hint:</strong> {}</p>", Text(hint)).expect("a string takes any text");
        }
        if !failure.log_tail.is_empty() {
            write!(
                page,
                "<pre tabindex=\"0\" role=\"region\" aria-label=\"Last lines of {}\">{}</pre>",
                Text(&project.name),
                Lines(&failure.log_tail.join("\n"))
            )
            .expect("a string takes any text");
        }
        page.push_str("</article>\n");
    }
    page.push_str("</section>\n");
}

fn mark(outcome: ProjectOutcome) -> &'static str {
    match outcome {
        ProjectOutcome::Failed => "✗",
        ProjectOutcome::Blocked => "⊘",
        ProjectOutcome::Cancelled => "–",
        ProjectOutcome::Unfinished => "…",
        ProjectOutcome::Built => "✓",
        ProjectOutcome::BuiltElsewhere => "→",
        ProjectOutcome::Pulled => "↓",
        ProjectOutcome::Reused => "=",
    }
}

/// A time as people read it.
fn seconds(seconds: f64) -> String {
    let whole = seconds.round();
    if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else if whole < 3_600.0 {
        let minutes = (whole / 60.0).floor();
        format!("{minutes:.0} min {:.0} s", whole - 60.0 * minutes)
    } else {
        let hours = (whole / 3_600.0).floor();
        format!("{hours:.0} h {:.0} min", ((whole - 3_600.0 * hours) / 60.0).floor())
    }
}
