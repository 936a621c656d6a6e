//! Projects that have one pattern file.

use std::collections::BTreeMap;

use super::walk::Subject;
use crate::model::RepoPath;
use crate::workspace::PATTERN_FILE;

/// Projects by their pattern files.
pub(super) struct Siblings<'s, 'w>(BTreeMap<&'s RepoPath, Vec<&'s Subject<'w>>>);

impl<'s, 'w> Siblings<'s, 'w> {
    pub(super) fn new(subjects: &'s [Subject<'w>]) -> Self {
        let mut by_file: BTreeMap<&RepoPath, Vec<&Subject<'w>>> = BTreeMap::new();
        for subject in subjects {
            if let Some(file) = subject.project.inputs.pattern_file() {
                by_file.entry(file).or_default().push(subject);
            }
        }
        Self(by_file)
    }

    /// The other projects that have the pattern file of this one.
    pub(super) fn of(&self, subject: &Subject<'_>) -> Vec<&'s Subject<'w>> {
        let file = subject.project.inputs.pattern_file();
        let all = file.and_then(|file| self.0.get(file)).into_iter().flatten();
        all.filter(|other| other.name != subject.name).copied().collect()
    }
}

/// How a project gets a pattern file that none of its siblings has.
pub(super) fn own_file(subject: &Subject<'_>, siblings: &[&Subject<'_>]) -> String {
    let (name, config) = (subject.name, &subject.project.config);
    let dockerfile = &config.dockerfile.value;
    let is_shared = siblings.iter().any(|other| other.project.config.dockerfile.value == *dockerfile);
    if is_shared || config.patterns.is_some() {
        format!("name a pattern file of its own by `patterns` in `[projects.{name}]`")
    } else {
        format!("give `{name}` a pattern file of its own, `{dockerfile}{PATTERN_FILE}`")
    }
}
