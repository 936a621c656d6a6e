//! What a stage of a Dockerfile has of the repository, and where.

use std::collections::BTreeMap;

use super::NarrowError;
use super::files::Files;
use crate::infer::CopiedPath;
use crate::init::named_files::joined;
use crate::model::RepoPath;

/// A stage, as far as it was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Stage {
    /// In lower case.
    pub(super) name: Option<String>,
    /// Where its steps run.
    pub(super) folder: String,
    pub(super) copies: Vec<Copied>,
    pub(super) variables: BTreeMap<String, String>,
}

/// A folder of the repository, and where the image has it.
#[derive(Clone, Debug)]
pub(super) struct Copied {
    pub(super) to: String,
    pub(super) from: RepoPath,
}

/// What a copy from another stage takes of the repository.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) copies: Vec<Copied>,
    /// Named of the workspace, of which it is a part.
    pub(super) named: Vec<CopiedPath>,
}

impl Stage {
    /// What of the repository a path of the image may be, the newest copy first.
    pub(super) fn paths(&self, path: &str) -> impl Iterator<Item = RepoPath> {
        self.copies.iter().rev().filter_map(move |copied| {
            let rest = below(path, &copied.to)?;
            Some(copied.from.join(&RepoPath::new(rest).ok()?))
        })
    }

    /// What another stage takes that copies `source` from this one.
    pub(super) fn taken(&self, source: &str, to: &str, files: &Files<'_>) -> Result<Taken, NarrowError> {
        let mut taken = Taken::default();
        let parts: Vec<&str> = source.split('/').collect();
        let wild = parts.iter().position(|part| part.contains(['*', '?', '[', '\\'])).unwrap_or(parts.len());
        let (folder, glob) = (parts[..wild].join("/"), parts[wild..].join("/"));
        for copied in &self.copies {
            if let Some(rest) = below(&copied.to, &folder).filter(|_| glob.is_empty()) {
                taken.copies.push(Copied { to: joined(to, rest), from: copied.from.clone() });
                continue;
            }
            let path = below(&folder, &copied.to).and_then(|rest| RepoPath::new(rest).ok());
            let path = path.map(|path| copied.from.join(&path));
            let Some(path) = path.filter(|path| path.is_within(&files.root)) else { continue };
            if glob.is_empty() {
                taken.named.extend(files.at(&path).filter(|_| path != files.root));
                taken
                    .copies
                    .extend(files.has_folder(&path).then_some(Copied { to: to.to_owned(), from: path }));
            } else if glob.contains(['[', '{', '\\']) {
                return Err(NarrowError::uncertain(format!("nobody knows what `{source}` is")));
            } else {
                let globs = [glob.clone(), format!("{glob}/")];
                taken.named.extend(globs.map(|glob| CopiedPath::Glob { folder: path.clone(), glob }));
            }
        }
        Ok(taken)
    }
}

/// `path` as seen from `folder`; `None` where it lies elsewhere.
fn below<'p>(path: &'p str, folder: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(folder.trim_end_matches('/'))?;
    if rest.is_empty() { Some("") } else { rest.strip_prefix('/') }
}

/// Longer texts name nothing: variables that name each other would grow without end.
const MAX_BYTES: usize = 4096;

/// `text` without quotes, and with the variables that are known filled in.
pub(super) fn filled(text: &str, variables: &BTreeMap<String, String>) -> String {
    let mut filled = String::new();
    let mut rest = text.trim_matches(['"', '\'']);
    while let Some((before, after)) = rest.split_once('$') {
        if filled.len() > MAX_BYTES {
            return text.to_owned();
        }
        filled.push_str(before);
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let (name, after) = match after.strip_prefix('{').and_then(|braced| braced.split_once('}')) {
            Some(braced) => braced,
            None => after.split_at(after.find(|letter| !is_name(letter)).unwrap_or(after.len())),
        };
        match variables.get(name) {
            Some(value) => filled.push_str(value),
            // What is not known stays a name that no file has.
            None => filled.push_str(&format!("${{{name}}}")),
        }
        rest = after;
    }
    filled + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_seen_from_folders_above_it_only() {
        for (path, folder, expected) in [
            ("/app/a", "/app", Some("a")),
            ("/app", "/app", Some("")),
            ("/app", "/", Some("app")),
            ("/", "/", Some("")),
            ("/application", "/app", None),
            ("/", "/app", None),
        ] {
            assert_eq!(below(path, folder), expected, "{path} from {folder}");
        }
    }

    #[test]
    fn variables_that_are_not_known_stay() {
        let variables = BTreeMap::from([("A".to_owned(), "one".to_owned())]);

        assert_eq!(filled("\"/x/$A/${A}s/$B-${C:-d}\"", &variables), "/x/one/ones/${B}-${C:-d}");
        assert_eq!(filled("$", &variables), "${}");
        let long = BTreeMap::from([("A".to_owned(), "x".repeat(MAX_BYTES))]);
        assert_eq!(filled("$A$A$A", &long), "$A$A$A");
    }
}
