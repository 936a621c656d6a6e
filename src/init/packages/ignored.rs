//! What `.dockerignore` leaves out of a context, as lines of a pattern file: these are taken at their word, so without such lines
//! a change of a file that is never sent would build an image.

use super::NarrowError;
use crate::git::Snapshot;
use crate::infer::{self, CopiedPath};
use crate::init::candidates::Candidate;
use crate::model::RepoPath;

const NAME: &str = ".dockerignore";

/// More rules than this have no lines of their own.
const MAX_RULES: usize = 200;

/// The rules of a context.
pub(super) struct Ignore {
    context: RepoPath,
    rules: crate::dockerignore::DockerIgnore,
    /// The rules that lines of a pattern file can say.
    pub(super) globs: Vec<CopiedPath>,
}

impl Ignore {
    pub(super) fn read(snapshot: &Snapshot<'_>, candidate: &Candidate) -> Result<Self, NarrowError> {
        let context = candidate.context.folder.clone();
        let own = [candidate.build.dockerfile.as_bytes(), NAME.as_bytes()].concat();
        let own = RepoPath::new(own).expect("a path with more letters is a path");
        let files = [own, context.join_component(NAME.as_bytes())];
        let rules = infer::ignored(&files, snapshot)?;
        let mut text = Vec::new();
        for file in &files {
            if let Some(there) = snapshot.read(file)? {
                text = there;
                break;
            }
        }
        let globs = globs(&String::from_utf8_lossy(&text), &context);
        Ok(Self { context, rules, globs })
    }

    pub(super) fn leaves_out(&self, path: &RepoPath) -> bool {
        path.relative_to(&self.context).is_none_or(|path| self.rules.ignores(&path))
    }
}

/// The rules that mean the same as globs. None of them where a `!` rule brings something back.
fn globs(text: &str, context: &RepoPath) -> Vec<CopiedPath> {
    let rules: Vec<&str> =
        text.lines().map(str::trim).filter(|rule| !rule.is_empty() && !rule.starts_with('#')).collect();
    if rules.len() > MAX_RULES || rules.iter().any(|rule| rule.starts_with('!')) {
        return Vec::new();
    }
    let is_same = |rule: &&str| {
        let parts = || rule.split('/');
        !rule.contains(['[', ']', '{', '}', '\\', '^', '#'])
            && parts().all(|part| !matches!(part, "" | "." | "..") && (part == "**" || !part.contains("**")))
    };
    let rules = rules.into_iter().map(|rule| rule.trim_start_matches("./").trim_matches('/')).filter(is_same);
    let glob = |glob: String| CopiedPath::Glob { folder: context.clone(), glob };
    // The file of this name, or all that is in the folder.
    rules.flat_map(|rule| [glob(rule.to_owned()), glob(format!("{rule}/"))]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_mean_something_else_as_globs_have_no_lines() {
        let lines = |text: &str| -> Vec<String> {
            globs(text, &RepoPath::default()).iter().map(|glob| glob.line(&RepoPath::default())).collect()
        };

        assert_eq!(lines("# x\n\n/docs/\n**/*.md\r\n"), ["./docs", "./docs/", "./**/*.md", "./**/*.md/"]);
        assert!(lines("a**b\n[ab]\n{a,b}\n../x\n").is_empty());
        assert!(lines("*.md\n!README.md\n").is_empty());
    }
}
