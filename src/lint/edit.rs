//! What would fix a finding, as a change of one file that leaves all its other bytes as they are.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use crate::config;
use crate::model::{ProjectName, RepoPath, printable};
use crate::patterns::Patterns;

/// A change of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Edit {
    pub file: String,
    /// The line that it is about; `None` where a line is added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    #[serde(flatten)]
    pub kind: EditKind,
    /// Whether it can be made without a person who decides.
    #[serde(rename = "fixable")]
    pub by_itself: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum EditKind {
    /// Lines of a pattern file.
    Add { lines: Vec<String> },
    /// A line of a pattern file.
    Remove { text: String },
    /// Another text for a line of a pattern file.
    Replace { text: String },
    /// Takes a dependency out of a project's entry in the manifest.
    RemoveNeed { project: ProjectName, need: ProjectName },
    /// Another reference in a Dockerfile.
    Pin { reference: String },
}

/// What is to be done.
impl fmt::Display for Edit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            EditKind::Add { lines } => write!(formatter, "add {} to {}", shown(lines), self.file),
            EditKind::Remove { .. } => formatter.write_str("remove the line"),
            EditKind::Replace { text } => write!(formatter, "write `{}`", printable(text)),
            EditKind::RemoveNeed { need, .. } => write!(formatter, "take `{need}` out of `needs`"),
            EditKind::Pin { reference } => write!(formatter, "write `{}`", printable(reference)),
        }
    }
}

impl Edit {
    /// What was done.
    pub fn done(&self) -> String {
        let place = match self.line {
            Some(line) => format!("{}:{line}", self.file),
            None => self.file.clone(),
        };
        match &self.kind {
            EditKind::Add { lines } => format!("{place}: added {}", shown(lines)),
            EditKind::Remove { text } => format!("{place}: removed `{}`", printable(text)),
            EditKind::Replace { text } => format!("{place}: now `{}`", printable(text)),
            EditKind::RemoveNeed { project, need } => {
                format!("{place}: took `{need}` out of the needs of `{project}`")
            }
            EditKind::Pin { reference } => format!("{place}: pinned `{}`", printable(reference)),
        }
    }
}

fn shown(lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| format!("`{}`", printable(line))).collect();
    lines.join(" and ")
}

/// A pattern file in `folder` after these edits, and those of them that were made.
///
/// The last line that takes anything is not removed. Lines are added before the first that takes something
/// back, so that what is excluded stays so.
pub(super) fn patterns(text: &[u8], folder: &RepoPath, edits: &[&Edit]) -> Option<(Vec<u8>, Vec<Edit>)> {
    let mut made = without_redundant(edits);
    loop {
        let edited = edited(text, &made);
        if Patterns::parse(&edited, folder).is_ok() {
            return Some((edited, made));
        }
        let removed = made.iter().rposition(|edit| match &edit.kind {
            EditKind::Remove { text } => !text.starts_with('!'),
            _ => false,
        });
        made.remove(removed?);
    }
}

/// Each edit once, without lines for what another added line takes.
fn without_redundant(edits: &[&Edit]) -> Vec<Edit> {
    let added: Vec<&String> = edits.iter().flat_map(|edit| edit.added()).collect();
    let is_within = |line: &String| {
        added.iter().any(|other| *other != line && other.ends_with('/') && line.starts_with(other.as_str()))
    };
    let mut kept: Vec<Edit> = Vec::new();
    for &edit in edits {
        let mut edit = edit.clone();
        if let EditKind::Add { lines } = &mut edit.kind {
            let is_known = |line: &String| kept.iter().any(|other| other.added().contains(line));
            lines.retain(|line| !is_within(line) && !is_known(line));
            if lines.is_empty() {
                continue;
            }
        }
        if !kept.contains(&edit) {
            kept.push(edit);
        }
    }
    kept
}

impl Edit {
    fn added(&self) -> &[String] {
        match &self.kind {
            EditKind::Add { lines } => lines,
            _ => &[],
        }
    }
}

fn edited(text: &[u8], edits: &[Edit]) -> Vec<u8> {
    let line_end: &[u8] = if text.windows(2).any(|two| two == b"\r\n") { b"\r\n" } else { b"\n" };
    let lines: Vec<&[u8]> = text.split_inclusive(|&byte| byte == b'\n').collect();
    let removed: BTreeSet<usize> = edits
        .iter()
        .filter(|edit| matches!(edit.kind, EditKind::Remove { .. }))
        .filter_map(|edit| edit.line)
        .collect();
    let added: Vec<&String> = edits.iter().flat_map(Edit::added).collect();
    let place = place_to_add(&lines, &removed);
    let add = |edited: &mut Vec<u8>| {
        added.iter().for_each(|text| edited.extend([text.as_bytes(), line_end].concat()));
    };
    // The mark stands before the first line, whichever that is.
    let mark = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK } else { b"" };
    let mut edited = mark.to_vec();
    for (nth, line) in lines.iter().enumerate() {
        if nth == place {
            add(&mut edited);
        }
        let number = nth + 1;
        let other = edits.iter().find_map(|edit| match &edit.kind {
            EditKind::Replace { text } if edit.line == Some(number) => Some(text),
            _ => None,
        });
        match other {
            _ if removed.contains(&number) => {}
            Some(text) => edited.extend([text.as_bytes(), end_of(line)].concat()),
            None => edited.extend(line.strip_prefix(if nth == 0 { mark } else { b"" }).unwrap_or(line)),
        }
    }
    if place == lines.len() && !added.is_empty() {
        if edited.last().is_some_and(|&last| last != b'\n') {
            edited.extend(line_end);
        }
        add(&mut edited);
    }
    edited
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Before the first line that takes something back, and the comments that stand over it; else the end.
fn place_to_add(lines: &[&[u8]], removed: &BTreeSet<usize>) -> usize {
    let is_negated = |nth: &usize| lines[*nth].starts_with(b"!") && !removed.contains(&(nth + 1));
    let Some(first) = (0..lines.len()).find(is_negated) else { return lines.len() };
    let comments = lines[..first].iter().rev().take_while(|line| line.starts_with(b"#")).count();
    first - comments
}

fn end_of(line: &[u8]) -> &[u8] {
    let length = match line {
        [.., b'\r', b'\n'] => 2,
        [.., b'\n'] => 1,
        _ => 0,
    };
    &line[line.len() - length..]
}

/// The manifest without a dependency of a project that stands on `line`; `None` where that can't be done
/// without touching something else.
pub(super) fn without_need(
    text: &[u8],
    line: usize,
    project: &ProjectName,
    need: &ProjectName,
) -> Option<Vec<u8>> {
    let lines: Vec<&[u8]> = text.split_inclusive(|&byte| byte == b'\n').collect();
    let whole = std::str::from_utf8(lines.get(line.checked_sub(1)?)?).ok()?;
    let quoted = [format!("\"{need}\""), format!("'{need}'")];
    let mut found = quoted.iter().flat_map(|quoted| whole.match_indices(quoted.as_str()));
    let ((start, quoted), None) = (found.next()?, found.next()) else { return None };
    let (before, after) = (&whole[..start], &whole[start + quoted.len()..]);
    let edited = match after.trim_start_matches([' ', '\t']).strip_prefix(',') {
        Some(after) => format!("{before}{}", after.trim_start_matches([' ', '\t'])),
        None => {
            let trimmed = before.trim_end_matches([' ', '\t']);
            format!("{}{after}", trimmed.strip_suffix(',').unwrap_or(before))
        }
    };
    let edited = if edited.trim().is_empty() { String::new() } else { edited };
    let text_after = [lines[..line - 1].concat(), edited.into_bytes(), lines[line..].concat()].concat();

    let needs = |text: &[u8]| {
        let manifest = config::parse(text, "").ok()?;
        let pairs = manifest.projects.into_iter().flat_map(|(name, config)| {
            let needs = config.needs.into_iter().map(|need| need.value);
            needs.map(move |need| (name.clone(), need)).collect::<Vec<_>>()
        });
        Some(pairs.collect::<BTreeSet<(ProjectName, ProjectName)>>())
    };
    let mut expected = needs(text)?;
    expected.remove(&(project.clone(), need.clone()));
    (needs(&text_after)? == expected).then_some(text_after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(line: Option<usize>, kind: EditKind) -> Edit {
        Edit { file: ".rebuild_patterns".to_owned(), line, kind, by_itself: true }
    }

    fn add(text: &str) -> Edit {
        edit(None, EditKind::Add { lines: text.lines().map(str::to_owned).collect() })
    }

    fn remove(line: usize, text: &str) -> Edit {
        edit(Some(line), EditKind::Remove { text: text.to_owned() })
    }

    #[track_caller]
    fn check(before: &str, edits: &[Edit], after: &str) {
        let edits: Vec<&Edit> = edits.iter().collect();
        let (edited, _) = patterns(before.as_bytes(), &RepoPath::default(), &edits).unwrap();
        assert_eq!(String::from_utf8(edited).unwrap(), after);
    }

    #[test]
    fn nothing_but_the_lines_that_are_meant_changes() {
        let replace = edit(Some(3), EditKind::Replace { text: "^a[+]".to_owned() });

        check("# a\r\na/ \r\n^a\\+\r\n\r\nb", &[replace], "# a\r\na/ \r\n^a[+]\r\n\r\nb");
        check("a\nb\n\n# c\nc", &[remove(2, "b")], "a\n\n# c\nc");
        check("\u{feff}a\nb\n", &[remove(1, "a")], "\u{feff}b\n");
    }

    #[test]
    fn lines_are_added_at_the_end_with_the_line_ends_of_the_file() {
        check("a", &[add("./src/")], "a\n./src/\n");
        check("a\r\nb\r\n", &[add("./src/")], "a\r\nb\r\n./src/\r\n");
    }

    #[test]
    fn an_added_line_takes_nothing_that_was_excluded() {
        check("a\n# no text\n!**/*.md\nb\n", &[add("./src/")], "a\n./src/\n# no text\n!**/*.md\nb\n");
        check("a\n!x\nb\n!y\n", &[add("./src/"), remove(2, "!x")], "a\nb\n./src/\n!y\n");
    }

    #[test]
    fn what_another_added_line_takes_is_not_added() {
        check("a\n", &[add("./src/x"), add("./src/"), add("./src/")], "a\n./src/\n");
        check("a\r\n", &[add("b*\nb*/"), add("b*")], "a\r\nb*\r\nb*/\r\n");
    }

    #[test]
    fn the_last_line_that_takes_something_stays() {
        check("a\nb\n!c\n", &[remove(1, "a"), remove(2, "b"), remove(3, "!c")], "b\n");
        check("a\nb\n", &[remove(1, "a"), remove(2, "b"), add("./c")], "./c\n");
    }

    #[track_caller]
    fn check_need(needs: &str, after: Option<&str>) {
        let manifest = |needs: &str| {
            format!(
                "[workspace]\nname = \"w\"\n[projects.lib]\npath = \"lib\"\n[projects.base]\npath = \"b\"\n\
                 [projects.api] # lib\npath = \"api\"\n{needs}"
            )
        };
        let before = manifest(needs);
        let line = before
            .lines()
            .position(|line| line.contains("'lib'") || line.ends_with("lib\"]") || line.contains("\"lib\","));
        let (project, need) = ("api".parse().unwrap(), "lib".parse().unwrap());

        let edited = without_need(before.as_bytes(), line.unwrap_or(6) + 1, &project, &need);

        assert_eq!(edited.map(|text| String::from_utf8(text).unwrap()), after.map(manifest));
    }

    #[test]
    fn a_dependency_is_removed_from_its_list() {
        check_need("needs = [\"lib\"]\n", Some("needs = []\n"));
        check_need("needs = [\"lib\", \"base\"] # two\n", Some("needs = [\"base\"] # two\n"));
        check_need("needs = [\"base\", \"lib\"]", Some("needs = [\"base\"]"));
        check_need("needs = [\n  'lib', # first\n  'base',\n]", Some("needs = [\n  # first\n  'base',\n]"));
        check_need("needs = [\n  'base',\n  'lib'\n]", Some("needs = [\n  'base',\n]"));
    }

    #[test]
    fn a_dependency_that_does_not_stand_alone_on_its_line_is_left() {
        check_need("needs = ['lib'] # 'lib'\n", None);
    }
}
