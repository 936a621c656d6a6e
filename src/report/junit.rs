//! A build as JUnit XML, which CIs show as tests: each project is a test case.

use crate::execute::{BuildReport, Failure, Outcome};
use crate::model::printable_log;
use crate::plan::Plan;

/// The document.
pub fn xml(plan: &Plan, report: &BuildReport) -> String {
    let projects = plan.steps.iter().filter_map(|step| {
        let name = &step.impact.project;
        Some((name, report.projects.get(name)?))
    });
    let projects: Vec<_> = projects.collect();
    let count = |is: &dyn Fn(&Outcome) -> bool| projects.iter().filter(|(_, it)| is(&it.outcome)).count();
    let failures = count(&Outcome::is_failure);
    let skipped = count(&|outcome| matches!(outcome, Outcome::Blocked { .. } | Outcome::Cancelled));
    let totals = format!(
        "name=\"chinampa\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\" time=\"{:.3}\"",
        projects.len(),
        report.took.as_secs_f64(),
    );
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {totals}>\n  <testsuite {totals}>\n"
    );
    for (name, project) in projects {
        let case = format!(
            "    <testcase classname=\"chinampa.build\" name=\"{}\" time=\"{:.3}\"",
            escaped(name.as_str()),
            project.took.as_secs_f64(),
        );
        let body = match &project.outcome {
            Outcome::Failed(failure) => failed(failure),
            Outcome::Blocked { by } => {
                format!("      <skipped message=\"{} failed\"/>\n", escaped(by.as_str()))
            }
            Outcome::Cancelled => "      <skipped message=\"cancelled\"/>\n".to_owned(),
            outcome @ (Outcome::Built { .. }
            | Outcome::BuiltElsewhere { .. }
            | Outcome::Reused { .. }
            | Outcome::Pulled { .. }) => {
                format!("      <system-out>{}</system-out>\n", outcome.label())
            }
        };
        text += &format!("{case}>\n{body}    </testcase>\n");
    }
    text + "  </testsuite>\n</testsuites>\n"
}

fn failed(failure: &Failure) -> String {
    let at = failure.at.as_ref().map(|at| format!("{at}: ")).unwrap_or_default();
    let mut details: Vec<String> = failure.causes.clone();
    details.extend(failure.hint.iter().map(|hint| format!("hint: {hint}")));
    details.extend(failure.log_tail.iter().map(|line| format!("| {}", printable_log(line))));
    format!(
        "      <failure message=\"{}\">{}</failure>\n",
        escaped(&(at + &failure.in_short())),
        escaped(&details.join("\n")),
    )
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
    use crate::report::summary::tests::{hostile, thirty};

    #[test]
    fn each_project_is_a_test_case() {
        let run = thirty();

        let text = xml(&run.plan, &run.report);

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
    fn whatever_a_log_holds_the_document_can_be_read() {
        let run = hostile();

        let text = xml(&run.plan, &run.report);

        let mut failure = String::new();
        for token in xmlparser::Tokenizer::from(text.as_str()) {
            if let xmlparser::Token::Text { text } = token.unwrap() {
                failure.push_str(text.as_str());
            }
        }
        assert!(failure.contains("&lt;script&gt;") && !text.contains('\u{1b}'), "{text}");
    }
}
