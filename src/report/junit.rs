//! A build as JUnit XML, which CIs show as tests: each project is a test case.

use std::time::Duration;

use super::twice::differences;
use crate::execute::{BuildReport, Comparison, Failure, Outcome, ProjectReport, TwiceReport};
use crate::model::{ProjectName, printable, printable_log};
use crate::plan::Plan;

/// A test case.
struct Case<'c> {
    class: &'static str,
    name: &'c str,
    took: Duration,
    result: CaseResult,
}

enum CaseResult {
    Passed(&'static str),
    Skipped(String),
    Failed {
        message: String,
        details: Vec<String>,
    },
    /// What kept the case from being tried.
    Error {
        message: String,
        details: Vec<String>,
    },
}

/// The document of a build, and of how the images compare that were built twice.
pub fn xml(plan: &Plan, report: &BuildReport, twice: Option<&TwiceReport>) -> String {
    let builds = plan.steps.iter().filter_map(|step| {
        let name = &step.impact.project;
        Some(of_build(name, report.projects.get(name)?))
    });
    let comparisons = twice.into_iter().flat_map(|twice| &twice.projects);
    let comparisons = comparisons.map(|(name, comparison)| of_comparison(name, comparison));
    document(&builds.chain(comparisons).collect::<Vec<_>>(), report.took)
}

/// The document of a run that ended before anything was built: the error and what is behind it, a line each, the last lines of a program, and
/// a hint.
pub fn not_built(message: &str, lines: &[String], log_tail: &[String], hint: Option<String>) -> String {
    let lines: Vec<String> = lines.iter().map(|line| printable(line)).collect();
    let result =
        CaseResult::Error { message: printable(message), details: details(&lines, hint.as_ref(), log_tail) };
    let case = Case { class: "chinampa.build", name: "nothing was built", took: Duration::ZERO, result };
    document(&[case], Duration::ZERO)
}

fn document(cases: &[Case<'_>], took: Duration) -> String {
    let count = |is: fn(&CaseResult) -> bool| cases.iter().filter(|case| is(&case.result)).count();
    let totals = format!(
        "name=\"chinampa\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{:.3}\"",
        cases.len(),
        count(|result| matches!(result, CaseResult::Failed { .. })),
        count(|result| matches!(result, CaseResult::Error { .. })),
        count(|result| matches!(result, CaseResult::Skipped(_))),
        took.as_secs_f64(),
    );
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {totals}>\n  <testsuite {totals}>\n"
    );
    for Case { class, name, took, result } in cases {
        let body = match result {
            CaseResult::Passed(label) => format!("<system-out>{label}</system-out>"),
            CaseResult::Skipped(why) => format!("<skipped message=\"{}\"/>", escaped(why)),
            CaseResult::Failed { message, details } => element("failure", message, details),
            CaseResult::Error { message, details } => element("error", message, details),
        };
        text += &format!(
            "    <testcase classname=\"{class}\" name=\"{}\" time=\"{:.3}\">\n      {body}\n    </testcase>\n",
            escaped(name),
            took.as_secs_f64(),
        );
    }
    text + "  </testsuite>\n</testsuites>\n"
}

fn element(name: &str, message: &str, details: &[String]) -> String {
    format!("<{name} message=\"{}\">{}</{name}>", escaped(message), escaped(&details.join("\n")))
}

fn of_build<'c>(name: &'c ProjectName, project: &ProjectReport) -> Case<'c> {
    let result = match &project.outcome {
        Outcome::Failed(failure) => failed(failure),
        Outcome::Blocked { by } => CaseResult::Skipped(format!("{by} failed")),
        Outcome::Cancelled => CaseResult::Skipped("cancelled".to_owned()),
        outcome @ (Outcome::Built { .. }
        | Outcome::BuiltElsewhere { .. }
        | Outcome::Reused { .. }
        | Outcome::Pulled { .. }) => CaseResult::Passed(outcome.label()),
    };
    Case { class: "chinampa.build", name: name.as_str(), took: project.took, result }
}

fn of_comparison<'c>(name: &'c ProjectName, comparison: &Comparison) -> Case<'c> {
    let result = match comparison {
        Comparison::Equal { .. } => CaseResult::Passed("equal"),
        Comparison::Different { first, second, images } => CaseResult::Failed {
            message: "the image of the second build differs".to_owned(),
            details: [format!("{first}, then {second}")].into_iter().chain(differences(images)).collect(),
        },
        Comparison::Failed(failure) => failed(failure),
        Comparison::Cancelled => CaseResult::Skipped("cancelled".to_owned()),
    };
    Case { class: "chinampa.twice", name: name.as_str(), took: Duration::ZERO, result }
}

fn failed(failure: &Failure) -> CaseResult {
    let at = failure.at.as_ref().map(|at| format!("{at}: ")).unwrap_or_default();
    CaseResult::Failed {
        message: at + &failure.in_short(),
        details: details(&failure.causes, failure.hint.as_ref(), &failure.log_tail),
    }
}

/// What went wrong, then its causes, what helps, and the log.
fn details(causes: &[String], hint: Option<&String>, log_tail: &[String]) -> Vec<String> {
    let mut details = causes.to_vec();
    details.extend(hint.map(|hint| format!("hint: {hint}")));
    details.extend(log_tail.iter().map(|line| format!("| {}", printable_log(line))));
    details
}

/// Text in an attribute or an element. What XML cannot have becomes `�`.
fn escaped(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => result.push_str("&amp;"),
            '<' => result.push_str("&lt;"),
            '>' => result.push_str("&gt;"),
            '"' => result.push_str("&quot;"),
            '\n' => result.push_str("&#10;"),
            '\t' => result.push_str("&#9;"),
            '\u{fffe}' | '\u{ffff}' => result.push('\u{fffd}'),
            other if other.is_control() => result.push('\u{fffd}'),
            other => result.push(other),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ManifestDigest;
    use crate::report::summary::tests::{hostile, thirty};

    #[test]
    fn each_project_is_a_test_case() {
        let run = thirty();

        let text = xml(&run.plan, &run.report, None);

        let cases = text.split("    <testcase ").skip(1);
        let shown: Vec<&str> = cases.filter(|case| !case.contains("name=\"service-")).collect();
        insta::assert_snapshot!(shown.concat(), @r#"
        classname="chinampa.build" name="common" time="3.120">
              <system-out>built</system-out>
            </testcase>
        classname="chinampa.build" name="catalog" time="41.200">
              <system-out>built</system-out>
            </testcase>
        classname="chinampa.build" name="orders" time="9.000">
              <system-out>built</system-out>
            </testcase>
        classname="chinampa.build" name="worker" time="75.000">
              <system-out>built</system-out>
            </testcase>
        classname="chinampa.build" name="api" time="12.300">
              <failure message="services/api/Dockerfile:12: exit code 2 in [build 4/7] RUN make -j4 -C services/api PREFIX=/usr/local CONFIGURATION=release all install">cannot build the image&#10;step `…` failed: exit code: 2&#10;| main.c:1: error: expected ';' before '}' token&#10;| main.c:2: error: expected ';' before '}' token&#10;| main.c:3: error: expected ';' before '}' token&#10;| main.c:4: error: expected ';' before '}' token&#10;| main.c:5: error: expected ';' before '}' token&#10;| main.c:6: error: expected ';' before '}' token&#10;| main.c:7: error: expected ';' before '}' token&#10;| main.c:8: error: expected ';' before '}' token&#10;| main.c:9: error: expected ';' before '}' token&#10;| main.c:10: error: expected ';' before '}' token&#10;| main.c:11: error: expected ';' before '}' token&#10;| main.c:12: error: expected ';' before '}' token</failure>
            </testcase>
        classname="chinampa.build" name="web" time="0.000">
              <skipped message="api failed"/>
            </testcase>
        "#);
        assert!(text.contains("tests=\"30\" failures=\"1\" errors=\"0\" skipped=\"1\""), "{text}");
    }

    #[test]
    fn what_is_not_equal_when_it_is_built_twice_is_a_failed_test_case() {
        let run = thirty();
        let mut failures = run.report.projects.values().filter_map(|project| match &project.outcome {
            Outcome::Failed(failure) => Some(failure.clone()),
            _ => None,
        });
        let (first, second) = (ManifestDigest::of(b"1"), ManifestDigest::of(b"2"));
        let comparisons = [
            ("catalog", Comparison::Different { first, second, images: Vec::new() }),
            ("common", Comparison::Equal { digest: first }),
            ("orders", Comparison::Failed(failures.next().unwrap())),
            ("worker", Comparison::Cancelled),
        ];
        let projects = comparisons.map(|(name, comparison)| (name.parse().unwrap(), comparison));
        let twice = TwiceReport { projects: projects.into(), is_interrupted: false };

        let text = xml(&run.plan, &run.report, Some(&twice));

        assert!(text.contains("tests=\"34\" failures=\"3\" errors=\"0\" skipped=\"2\""), "{text}");
        let (_, cases) = text.split_once("    <testcase classname=\"chinampa.twice\" ").unwrap();
        let expected = format!(
            "name=\"catalog\" time=\"0.000\">\n      <failure message=\"the image of the second build differs\">{first}, then {second}</failure>\n"
        );
        assert!(cases.starts_with(&expected), "{cases}");
        assert!(
            cases.contains(
                "name=\"orders\" time=\"0.000\">\n      <failure message=\"services/api/Dockerfile:12: "
            ),
            "{cases}"
        );
    }

    #[test]
    fn a_run_that_built_nothing_is_an_error() {
        let lines = ["the cache cannot be read".to_owned(), "refused".to_owned()];
        let log = ["a <line>".to_owned()];

        let text = not_built("the cache cannot be read: refused", &lines, &log, Some("log in".to_owned()));

        let (_, case) = text.split_once("    <testcase ").unwrap();
        insta::assert_snapshot!(case, @r#"
        classname="chinampa.build" name="nothing was built" time="0.000">
              <error message="the cache cannot be read: refused">the cache cannot be read&#10;refused&#10;hint: log in&#10;| a &lt;line&gt;</error>
            </testcase>
          </testsuite>
        </testsuites>
        "#);
        assert!(text.contains("tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\""), "{text}");
    }

    #[test]
    fn whatever_a_log_holds_the_document_can_be_read() {
        let run = hostile();

        let text = xml(&run.plan, &run.report, None);

        let mut failure = String::new();
        for token in xmlparser::Tokenizer::from(text.as_str()) {
            if let xmlparser::Token::Text { text } = token.unwrap() {
                failure.push_str(text.as_str());
            }
        }
        assert!(failure.contains("&lt;script&gt;") && !text.contains('\u{1b}'), "{text}");
    }
}
