//! The summary of a build as Markdown, for the page that a CI shows of a run.

use std::fmt::Write as _;

use super::summary::reasons;
use super::time;
use crate::execute::{BuildReport, Comparison, Failure, Outcome, ProjectReport, TwiceReport};
use crate::model::{ProjectName, printable, printable_log};
use crate::plan::Plan;

/// GitHub takes 1 MiB of a step. What is more is cut, whole lines.
const MAX_BYTES: usize = 1_000_000;

/// The last lines of a log that are shown.
const MAX_LOG_LINES: usize = 20;

/// A table of all projects that were not reused, what failed, and what was not equal when it was built twice.
pub fn markdown(plan: &Plan, report: &BuildReport, twice: Option<&TwiceReport>) -> String {
    let mut text = format!("### chinampa: {}\n\n", totals(report));
    let projects = plan.steps.iter().filter_map(|step| {
        let name = &step.impact.project;
        Some((name, report.projects.get(name)?))
    });
    let why = reasons(plan, report);
    let shown: Vec<_> =
        projects.filter(|(_, project)| !matches!(project.outcome, Outcome::Reused { .. })).collect();
    for (name, project) in &shown {
        if let Outcome::Failed(failure) = &project.outcome {
            text += &failed(name, failure);
        }
    }
    for (name, comparison) in twice.into_iter().flat_map(|twice| &twice.projects) {
        text += &not_equal(name, comparison);
    }
    if !shown.is_empty() {
        text += "| project | outcome | time | why |\n|---|---|---:|---|\n";
    }
    for (name, project) in shown {
        let why = why.get(name).map(String::as_str).unwrap_or_default();
        let time = if project.took.is_zero() { String::new() } else { time::measured(project.took) };
        let row = format!("| {} | {} | {time} | {} |\n", code(name.as_str()), outcome(project), escaped(why));
        if text.len() + row.len() > MAX_BYTES {
            break;
        }
        text += &row;
    }
    text.push('\n');
    text
}

fn totals(report: &BuildReport) -> String {
    let mut parts = Vec::new();
    for label in ["built", "built elsewhere", "reused", "pulled", "failed", "blocked", "cancelled"] {
        let count = report.projects.values().filter(|project| project.outcome.label() == label).count();
        if count > 0 || matches!(label, "built" | "reused") {
            parts.push(format!("{count} {label}"));
        }
    }
    let end = if report.is_interrupted { ", interrupted" } else { "" };
    format!("{} in {}{end}", parts.join(", "), time::measured(report.took))
}

fn outcome(project: &ProjectReport) -> String {
    match &project.outcome {
        Outcome::Failed(_) => "**failed**".to_owned(),
        Outcome::Blocked { by } => format!("blocked by {}", code(by.as_str())),
        Outcome::Built { steps: steps @ 1.., cached_steps, .. } => {
            format!("built, {cached_steps} of {steps} steps cached")
        }
        Outcome::BuiltElsewhere { by: Some(by), .. } => format!("built by {}", code(by)),
        other => other.label().to_owned(),
    }
}

fn failed(name: &ProjectName, failure: &Failure) -> String {
    let at = failure.at.as_ref().map(|at| format!(" at {}", code(&at.to_string()))).unwrap_or_default();
    let mut text = format!("**{} failed**{at}: {}\n\n", code(name.as_str()), escaped(&failure.in_short()));
    if let Some(hint) = &failure.hint {
        writeln!(text, "{}\n", escaped(hint)).expect("a string can be written to");
    }
    let log = &failure.log_tail[failure.log_tail.len().saturating_sub(MAX_LOG_LINES)..];
    if !log.is_empty() {
        text += "<pre>\n";
        for line in log {
            text += &html(&printable_log(line));
            text.push('\n');
        }
        text += "</pre>\n\n";
    }
    text
}

/// Nothing for images that are equal.
fn not_equal(name: &ProjectName, comparison: &Comparison) -> String {
    let name = code(name.as_str());
    match comparison {
        Comparison::Equal { .. } => String::new(),
        Comparison::Different { .. } => format!("**{name} differs** when it is built a second time\n\n"),
        Comparison::Failed(failure) => {
            format!("**{name} failed the second time**: {}\n\n", escaped(&failure.in_short()))
        }
        Comparison::Cancelled => format!("{name} was not built a second time: cancelled\n\n"),
    }
}

/// Text in which nothing is Markdown, HTML, a mention, or the end of a cell.
fn escaped(text: &str) -> String {
    let mut result = String::new();
    for character in printable(text).chars() {
        match character {
            '<' => result.push_str("&lt;"),
            '>' => result.push_str("&gt;"),
            '&' => result.push_str("&amp;"),
            '@' => result.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '+' | '-' | '!' | '|'
            | '~' | ':' | '$' => {
                write!(result, "&#{};", u32::from(character)).expect("a string can be written to");
            }
            other => result.push(other),
        }
    }
    result
}

/// The same in the type of code.
fn code(text: &str) -> String {
    format!("<code>{}</code>", escaped(text))
}

/// The text of an element of HTML, within which Markdown isn't read.
fn html(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('@', "&#64;");
    // A blank line would end the element for Markdown.
    if escaped.trim().is_empty() { "&#32;".to_owned() } else { escaped }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::summary::tests::{hostile, thirty};

    #[test]
    fn a_summary_lists_what_was_not_reused_and_shows_what_failed() {
        let run = thirty();

        insta::assert_snapshot!(markdown(&run.plan, &run.report, None), @"
        ### chinampa: 4 built, 24 reused, 1 failed, 1 blocked in 44.1 s

        **<code>api</code> failed** at <code>services/api/Dockerfile&#58;12</code>: exit code 2 in &#91;build 4/7&#93; RUN make &#45;j4 &#45;C services/api PREFIX=/usr/local CONFIGURATION=release all install

        <pre>
        main.c:1: error: expected ';' before '}' token
        main.c:2: error: expected ';' before '}' token
        main.c:3: error: expected ';' before '}' token
        main.c:4: error: expected ';' before '}' token
        main.c:5: error: expected ';' before '}' token
        main.c:6: error: expected ';' before '}' token
        main.c:7: error: expected ';' before '}' token
        main.c:8: error: expected ';' before '}' token
        main.c:9: error: expected ';' before '}' token
        main.c:10: error: expected ';' before '}' token
        main.c:11: error: expected ';' before '}' token
        main.c:12: error: expected ';' before '}' token
        </pre>

        | project | outcome | time | why |
        |---|---|---:|---|
        | <code>common</code> | built, 3 of 12 steps cached | 3.1 s | libs/common/src/log.sh, libs/common/src/trace.sh &#40;added&#41; |
        | <code>catalog</code> | built, 3 of 12 steps cached | 41.2 s | needs common |
        | <code>orders</code> | built, 3 of 12 steps cached | 9.0 s | needs common |
        | <code>worker</code> | built, 3 of 12 steps cached | 1 min 15 s | needs common |
        | <code>api</code> | **failed** | 12.3 s | needs common |
        | <code>web</code> | blocked by <code>api</code> |  | needs api, common |
        ");
    }

    #[test]
    fn what_a_log_or_a_file_name_holds_is_neither_markdown_nor_html() {
        let run = hostile();

        let text = markdown(&run.plan, &run.report, None);

        insta::assert_snapshot!(text, @r"
        ### chinampa: 1 built, 0 reused, 1 failed in 44.1 s

        **<code>api</code> failed** at <code>a,b&#58;c%&#92;n&#58;&#58;error&#58;&#58;x/Dockerfile&#58;2</code>: exit code 2 in &#91;2/2&#93; RUN echo &#35;&#35;&#91;error&#93;x, y&#58; 100 %

        use &#96;x&#96; &#124; x &#124; &lt;b&gt;&#92;n&#58;&#58;warning&#58;&#58;x

        <pre>
        ::error::x
        ##[group]x\u{202e}
        &lt;/pre&gt;&lt;script&gt;alert(1)&lt;/script&gt;
        &#32;
        &#64;everyone [x](http://example.com) \u{0}￾
        </pre>

        | project | outcome | time | why |
        |---|---|---:|---|
        | <code>lib</code> | built, 3 of 12 steps cached | 1.0 s | a&#92;n&#58;&#58;warning&#58;&#58;x &#124; x &#124; &#96;&lt;b&gt;&#96; |
        | <code>api</code> | **failed** | 12.3 s | needs common |
        ");
        for forbidden in ["<script", "</pre><", "<b>", "@everyone", "\u{1b}", "| x |"] {
            assert!(!text.contains(forbidden), "{forbidden}: {text}");
        }
    }
}
