//! Commands that build images, in scripts, Makefiles and the files of CIs.
//!
//! A file is read in two steps: what commands it has ([`Found`]), which is about its text alone, and which files of the
//! repository they name ([`place`]). What nobody can tell is said: a wrong context is worse than none. Only files with the
//! word `build` (or the name of kaniko's program) are looked into.

mod actions;
mod budget;
mod ci;
mod cloud_build;
mod dialect;
mod dollar;
mod expansion;
mod flags;
mod jenkins;
mod kind;
mod lexer;
mod makefile;
mod matrix;
mod options;
mod path_pattern;
mod place;
mod recipes;
mod scope;
mod scripts;
mod shell;
mod steps;
mod syntax;
mod templates;
#[cfg(test)]
mod tests;
mod token;
mod value;
mod walk;

use std::collections::BTreeSet;

pub(in crate::init) use kind::Kind;
pub(in crate::init) use place::Tree;
pub(in crate::init) use steps::{Step, Word, steps};

use super::yaml::YamlError;
use super::{Build, Ignored, SourceLocation};
use crate::git::GitError;
use crate::model::RepoPath;
use budget::Budget;
use options::Invocation;
use shell::{CommandLine, Variables};

/// Larger files are not read.
pub(in crate::init) const MAX_BYTES: u64 = 1 << 20;

/// What a file says of builds.
#[derive(Debug, Default)]
struct Found {
    builds: Vec<Invocation>,
    /// What builds and cannot be followed, by line.
    notes: BTreeSet<(usize, String)>,
}

impl Found {
    fn add(&mut self, command: &CommandLine) {
        match options::invocation(command) {
            Some(Ok(invocation)) => self.add_build(invocation),
            Some(Err(why)) => {
                self.notes.insert((command.line + 1, why));
            }
            None => {}
        }
    }

    fn add_build(&mut self, invocation: Invocation) {
        if !self.builds.contains(&invocation) && self.builds.len() < MAX_BUILDS {
            self.builds.push(invocation);
        }
    }

    fn of(commands: &[CommandLine]) -> Self {
        let mut found = Self::default();
        commands.iter().for_each(|command| found.add(command));
        found
    }
}

/// More than any one file builds; the rest of it is not followed.
const MAX_BUILDS: usize = 1_000;

/// The images that `file` builds; what can't be used goes to `ignored`.
///
/// # Errors
/// [`GitError`] where the tree can't be read.
pub(in crate::init) fn builds(
    tree: &Tree<'_, '_>,
    file: &RepoPath,
    kind: Kind,
    text: &[u8],
    ignored: &mut Vec<Ignored>,
) -> Result<Vec<Build>, GitError> {
    let text = String::from_utf8_lossy(text);
    if !says_build(&text) {
        return Ok(Vec::new());
    }
    let budget = Budget::new();
    let found = match read(kind, &text, &budget) {
        Ok(found) => found,
        // Templates of CI files are no YAML: only what is read counts.
        Err(error) => {
            let why = format!("what it builds is not known: {error}");
            ignored.push(Ignored { at: SourceLocation::whole(file), why });
            return Ok(Vec::new());
        }
    };
    if budget.is_spent() {
        let why = "not all of its commands are followed: there are too many".to_owned();
        ignored.push(Ignored { at: SourceLocation::whole(file), why });
    }
    let mut builds = Vec::new();
    let mut notes = found.notes;
    for invocation in &found.builds {
        if builds.len() > MAX_BUILDS {
            notes.insert((
                invocation.line,
                "the rest of the file is not followed: it builds too much".to_owned(),
            ));
            break;
        }
        match tree.builds(file, invocation, &kind.starts(file))? {
            Ok(more) => builds.extend(more),
            Err(why) => {
                notes.insert((invocation.line, format!("`{}` is not followed: {why}", invocation.tool)));
            }
        }
    }
    ignored.extend(notes.into_iter().map(|(line, why)| Ignored { at: SourceLocation::new(file, line), why }));
    Ok(builds)
}

/// The files of the repository that a CI file includes.
pub(in crate::init) fn included(kind: Kind, text: &[u8]) -> Vec<RepoPath> {
    match kind {
        Kind::Ci(dialect::Dialect::GitLab) => ci::gitlab_includes(text),
        _ => Vec::new(),
    }
}

fn read(kind: Kind, text: &str, budget: &Budget) -> Result<Found, YamlError> {
    Ok(match kind {
        Kind::Makefile | Kind::IncludedMakefile => Found::of(&makefile::commands(text, budget)),
        Kind::Justfile => Found::of(&recipes::commands(text, budget)),
        Kind::Jenkinsfile => Found::of(&jenkins::commands(text, budget)),
        Kind::Script => Found::of(&scripts::commands(text, budget)),
        Kind::Executable if scripts::is_shell(text) => Found::of(&scripts::commands(text, budget)),
        Kind::Executable => Found::default(),
        Kind::Ci(dialect) => ci::read(text, dialect, budget)?,
        Kind::CloudBuild => cloud_build::read(text, budget)?,
    })
}

/// Whether a text can have a command that builds.
fn says_build(text: &str) -> bool {
    ["build", "BUILD", "bud ", "executor", "bake-action"].iter().any(|word| text.contains(word))
}
