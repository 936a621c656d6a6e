//! What is said of images that are built again because a `.dockerignore` changed, and nothing else.

use crate::dockerignore::LineChange;
use crate::model::{ProjectName, RepoPath};

/// How many lines and how many projects are named.
const MAX_NAMED: usize = 3;

/// A `.dockerignore` that is all that changed of some projects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgnoreChange {
    pub path: RepoPath,
    /// Those with a pattern.
    pub lines: Vec<LineChange>,
    pub projects: Vec<ProjectName>,
}

/// One sentence.
pub fn line(change: &IgnoreChange) -> String {
    let IgnoreChange { path, lines, projects } = change;
    let lines: Vec<String> = lines.iter().map(changed).collect();
    let what = match lines.as_slice() {
        [] => "comments and empty lines alone".to_owned(),
        lines => listed(lines),
    };
    let projects: Vec<String> = projects.iter().map(|project| format!("`{project}`")).collect();
    format!(
        "only `{path}` changed for {}: {what}; it decides which files a build gets, so its content is an input",
        listed(&projects)
    )
}

fn changed(change: &LineChange) -> String {
    match change {
        LineChange::Added { line, text } => format!("line {line} `{text}` was added"),
        LineChange::Removed { line, text } => format!("`{text}`, which was line {line}, was removed"),
    }
}

fn listed(texts: &[String]) -> String {
    // Text that says there is one more is no shorter than that one.
    let shown = if texts.len() == MAX_NAMED + 1 { texts.len() } else { MAX_NAMED.min(texts.len()) };
    match texts.len() - shown {
        0 => texts.join(", "),
        more => format!("{} and {more} more", texts[..shown].join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_names_the_file_the_projects_the_lines_and_why_that_counts() {
        let names = ["api", "web"].map(|name| name.parse().unwrap());
        let added = |line| LineChange::Added { line, text: "*.md".to_owned() };
        let change = |lines| IgnoreChange {
            path: RepoPath::new(".dockerignore").unwrap(),
            lines,
            projects: names.to_vec(),
        };

        let sentences = [
            line(&change(vec![added(3), LineChange::Removed { line: 1, text: "docs".to_owned() }])),
            line(&change(vec![])),
            line(&change((1..6).map(added).collect())),
        ];

        insta::assert_snapshot!(sentences.join("\n"), @r"
        only `.dockerignore` changed for `api`, `web`: line 3 `*.md` was added, `docs`, which was line 1, was removed; it decides which files a build gets, so its content is an input
        only `.dockerignore` changed for `api`, `web`: comments and empty lines alone; it decides which files a build gets, so its content is an input
        only `.dockerignore` changed for `api`, `web`: line 1 `*.md` was added, line 2 `*.md` was added, line 3 `*.md` was added and 2 more; it decides which files a build gets, so its content is an input
        ");
    }
}
