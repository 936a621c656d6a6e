//! What the logs of CIs can do: fold lines, and mark a line of a file.
//!
//! A CI obeys such lines wherever they come from. What is put into them is escaped as each CI demands, and all other lines are
//! made such that no CI obeys them.

use std::time::Duration;

use crate::execute::{BuildReport, DockerfileLine, Failure, Outcome};
use crate::model::{ProjectName, printable, printable_lines};

/// The logs of a CI that can fold lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CiLog {
    GitHub,
    GitLab {
        /// When the run was started, in seconds since 1970.
        started: u64,
    },
    Buildkite,
}

/// Something to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A line for people, not yet fit for a terminal.
    Text(String),
    /// A line that a CI obeys, and that is fit for it.
    Command(String),
}

impl CiLog {
    /// Lines below a title that is folded; none if there are no lines.
    pub(super) fn folded(
        self,
        title: &str,
        project: &ProjectName,
        lines: Vec<String>,
        (begin, end): (Duration, Duration),
    ) -> Vec<Line> {
        if lines.is_empty() {
            return Vec::new();
        }
        let title = printable(title);
        let (open, close) = match self {
            Self::GitHub => (format!("::group::{}", data(&title)), Some("::endgroup::".to_owned())),
            Self::GitLab { started } => {
                let name = section(project);
                let [begin, end] = [begin, end].map(|time| started + time.as_secs());
                (
                    format!("\u{1b}[0Ksection_start:{begin}:{name}[collapsed=true]\r\u{1b}[0K{title}"),
                    Some(format!("\u{1b}[0Ksection_end:{end}:{name}\r\u{1b}[0K")),
                )
            }
            Self::Buildkite => (format!("--- {title}"), None),
        };
        let lines = lines.into_iter().map(Line::Text);
        [Line::Command(open)].into_iter().chain(lines).chain(close.map(Line::Command)).collect()
    }

    /// What a project ends with that did not fail. Its title says all that the line of its end does.
    pub(super) fn finished(
        self,
        title: &str,
        project: &ProjectName,
        lines: Vec<String>,
        times: (Duration, Duration),
        otherwise: Vec<Line>,
    ) -> Vec<Line> {
        if lines.is_empty() { otherwise } else { self.folded(title, project, lines, times) }
    }

    /// The title of lines that are not folded, where a CI would count them to what is folded above.
    pub(super) fn open(self, title: &str) -> Option<Line> {
        match self {
            Self::Buildkite => Some(Line::Command(format!("+++ {}", printable(title)))),
            Self::GitHub | Self::GitLab { .. } => None,
        }
    }

    /// A mark for each failure, at the line of the Dockerfile where that is known.
    pub fn annotations(self, report: &BuildReport) -> Vec<String> {
        if self != Self::GitHub {
            return Vec::new();
        }
        let failures = report.projects.iter().filter_map(|(project, report)| match &report.outcome {
            Outcome::Failed(failure) => Some(annotation(project, failure)),
            _ => None,
        });
        failures.collect()
    }
}

fn annotation(project: &ProjectName, failure: &Failure) -> String {
    let at = failure.at.as_ref().map(|DockerfileLine { file, line }| {
        format!("file={},line={line},", property(&printable(&file.to_string())))
    });
    let title = property(&format!("{project} failed"));
    let mut message = failure.in_short();
    if let Some(hint) = &failure.hint {
        message += &format!("\n{}", printable(hint));
    }
    format!("::error {}title={title}::{}", at.unwrap_or_default(), data(&printable_lines(&message)))
}

/// The text of a command of GitHub's.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property of a command of GitHub's.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// The name of a section of GitLab's: letters, digits, `_`, `.` and `-`.
fn section(project: &ProjectName) -> String {
    let is_allowed = |character: char| character.is_ascii_alphanumeric() || "_.-".contains(character);
    let name = project.as_str().chars().map(|it| if is_allowed(it) { it } else { '_' });
    format!("chinampa_{}", name.collect::<String>())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::report::summary::tests::hostile;

    #[test]
    fn a_failure_is_marked_at_its_line_and_nothing_of_it_ends_the_command() {
        let run = hostile();

        let annotations = CiLog::GitHub.annotations(&run.report);

        insta::assert_snapshot!(annotations.join("\n"), @r"::error file=a%2Cb%3Ac%25\n%3A%3Aerror%3A%3Ax/Dockerfile,line=2,title=api failed::exit code 2 in [2/2] RUN echo \u{23}#[error]x, y: 100 %25%0Ause `x` | x | <b>\n::warning::x");
        assert!(annotations.iter().all(|command| command.lines().count() == 1), "{annotations:?}");
        assert_eq!(CiLog::Buildkite.annotations(&run.report), [""; 0]);
    }

    #[test]
    fn a_title_is_one_line_in_every_ci() {
        let project: ProjectName = "api".parse().unwrap();
        let title = "a\n::error::x\u{1b}[0Ksection_end:1:x\r%0A";
        for ci_log in [CiLog::GitHub, CiLog::GitLab { started: 0 }, CiLog::Buildkite] {
            let lines =
                ci_log.folded(title, &project, vec!["x".to_owned()], (Duration::ZERO, Duration::ZERO));

            let Line::Command(open) = &lines[0] else { panic!("{lines:?}") };
            assert!(!open.contains('\n') && !open.contains("\u{1b}[0Ksection_end:1"), "{open:?}");
        }
    }
}
