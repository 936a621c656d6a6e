//! What a history would have cost, for people and for other programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::simulate::Simulation;

/// How many projects and lines people are shown.
const MAX_ROWS: usize = 20;

/// The projects and the lines that cost most, and what all cost together.
pub fn text(simulation: &Simulation) -> String {
    let mut text = String::new();
    let mut line = |line: &str| writeln!(text, "{line}").expect("a string can be written to");
    line("declared  inferred  project");
    for project in simulation.projects.iter().take(MAX_ROWS) {
        let guessed = if project.guessed { " (inferred: a guess)" } else { "" };
        line(&format!("{:>8}  {:>8}  `{}`{guessed}", project.declared, project.inferred, project.name));
    }
    if let more @ 1.. = simulation.projects.len().saturating_sub(MAX_ROWS) {
        line(&format!("and {more} more projects: `--json` has them all"));
    }
    let costly: Vec<_> = simulation.lines.iter().filter(|line| line.commits > 0).collect();
    if !costly.is_empty() {
        line("");
        line("  builds      only   commits  line");
    }
    for cost in costly.iter().take(MAX_ROWS) {
        let owner = cost.project.as_ref().map_or("all projects".to_owned(), |name| format!("`{name}`"));
        line(&format!(
            "{:>8}  {:>8}  {:>8}  `{}` ({}) of {owner}",
            cost.builds, cost.only, cost.commits, cost.pattern, cost.source
        ));
    }
    if let more @ 1.. = costly.len().saturating_sub(MAX_ROWS) {
        line(&format!("and {more} more lines: `--json` has them all"));
    }
    line("");
    line(&summary(simulation));
    text
}

fn summary(simulation: &Simulation) -> String {
    let (declared, inferred) = simulation.builds();
    let commits = match simulation.commits {
        1 => "1 commit".to_owned(),
        commits => format!("{commits} commits"),
    };
    format!(
        "{commits}: {declared} builds as declared, {inferred} as inferred, {} if each built all",
        simulation.all_builds()
    )
}

/// `chinampa.simulate/1`
pub fn json(simulation: &Simulation) -> Value {
    let (declared, inferred) = simulation.builds();
    json!({
        "schema": "chinampa.simulate/1",
        "commits": simulation.commits,
        "oldest": simulation.oldest.map(|commit| commit.to_string()),
        "newest": simulation.newest.map(|commit| commit.to_string()),
        "left_out": simulation.left_out.map(|left_out| left_out.to_string()),
        "builds": { "declared": declared, "inferred": inferred, "all": simulation.all_builds() },
        "projects": simulation.projects,
        "lines": simulation.lines,
    })
}
