//! Names that are valid, unique, and near to what people call things.

use std::collections::BTreeSet;

use crate::config::WorkspaceName;
use crate::model::{ProjectName, RepoPath};

/// Folders that are named after what is in them, not after what is built.
const GENERIC: &[&str] = &["docker", "dockerfiles", ".docker"];

/// Longer names are cut off.
const MAX_BYTES: usize = 60;

/// The names that are given so far.
pub(super) struct Names {
    workspace: String,
    taken: BTreeSet<String>,
}

impl Names {
    pub(super) fn new(workspace: &WorkspaceName) -> Self {
        // No project may have the repository of the build records.
        let records = workspace.builds_repository().as_str().to_owned();
        Self { workspace: workspace.as_str().to_owned(), taken: BTreeSet::from([records]) }
    }

    /// A name for what is called `wished`, or for a Dockerfile that nobody gave a name.
    pub(super) fn give(&mut self, wished: Option<&str>, dockerfile: &RepoPath) -> ProjectName {
        let first = plain(&wished.map_or_else(|| self.after(dockerfile), str::to_owned));
        let folders = dockerfile.parent().unwrap_or_default().to_string().replace('/', "-");
        let numbered = (2..).map(|number| format!("{first}-{number}"));
        let with_folders = [first.clone(), plain(&folders), plain(&format!("{folders}-{first}"))];
        let mut names = with_folders.into_iter().chain(numbered);
        let name = names.find(|name| !self.taken.contains(name)).expect("there are numbers enough");
        self.taken.insert(name.clone());
        name.parse().expect("letters and digits with single separators between them are a project's name")
    }

    fn after(&self, dockerfile: &RepoPath) -> String {
        let file = String::from_utf8_lossy(dockerfile.file_name()).into_owned();
        let stem = file.strip_prefix("Dockerfile.").or_else(|| {
            let (stem, end) = file.rsplit_once('.')?;
            end.eq_ignore_ascii_case("dockerfile").then_some(stem)
        });
        let folder = dockerfile.parent().unwrap_or_default();
        let names: Vec<String> =
            folder.components().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        let own = names.iter().rev().find(|name| !GENERIC.contains(&name.as_str()));
        let is_generic = names.last().is_some_and(|name| GENERIC.contains(&name.as_str()));
        match (stem, own) {
            (Some(stem), Some(folder)) if !is_generic => format!("{folder}-{stem}"),
            (Some(stem), _) => stem.to_owned(),
            (None, Some(folder)) => folder.clone(),
            (None, None) => self.workspace.clone(),
        }
    }
}

/// Whether a Dockerfile lies in a folder that only Dockerfiles are in.
pub(super) fn is_in_generic_folder(dockerfile: &RepoPath) -> bool {
    let folder = dockerfile.parent().unwrap_or_default();
    GENERIC.iter().any(|name| folder.file_name() == name.as_bytes())
}

/// The workspace's name after a repository's URL or folder.
pub fn workspace_name(called: &str) -> WorkspaceName {
    let last = called.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or_default();
    let name = plain(last.strip_suffix(".git").unwrap_or(last));
    name.parse().expect("letters and digits with single separators between them are a workspace's name")
}

/// Lower-case letters and digits, with one `.`, `_` or `-` at a time between them.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut separator = None;
    for letter in text.to_lowercase().chars() {
        if letter.is_ascii_alphanumeric() {
            if let Some(separator) = separator.take().filter(|_| !plain.is_empty()) {
                plain.push(separator);
            }
            plain.push(letter);
        } else {
            let kept = if matches!(letter, '.' | '_') { letter } else { '-' };
            separator = Some(if separator.is_some() { '-' } else { kept });
        }
        if plain.len() >= MAX_BYTES {
            break;
        }
    }
    if plain.is_empty() { "project".to_owned() } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RepositoryName;

    #[test]
    fn names_are_valid_for_projects_and_for_repositories() {
        for (text, expected) in [
            ("api", "api"),
            ("Web App", "web-app"),
            ("__init__", "init"),
            ("a..b__c", "a-b-c"),
            ("v1.2_x", "v1.2_x"),
            ("Ünï", "n"),
            ("", "project"),
            ("…", "project"),
        ] {
            assert_eq!(plain(text), expected, "{text}");
            assert!(plain(text).parse::<RepositoryName>().is_ok(), "{text}");
        }
        assert!(plain(&"a-".repeat(100)).parse::<RepositoryName>().is_ok());
        assert_eq!(workspace_name("https://git.example/team/Shop.git/").as_str(), "shop");
        assert_eq!(workspace_name("git@git.example:shop").as_str(), "shop");
    }

    #[test]
    fn a_dockerfile_that_nobody_names_is_called_after_its_place() {
        let mut names = Names::new(&"shop".parse().unwrap());
        let mut give = |path: &str| names.give(None, &RepoPath::new(path).unwrap()).to_string();

        assert_eq!(give("Dockerfile"), "shop");
        assert_eq!(give("services/api/Dockerfile"), "api");
        assert_eq!(give("services/api/Dockerfile.worker"), "api-worker");
        assert_eq!(give("docker/proxy.Dockerfile"), "proxy");
        assert_eq!(give("web/docker/Dockerfile"), "web");
        assert_eq!(give("Dockerfile.ci"), "ci");
        assert_eq!(give("tools/api/Dockerfile"), "tools-api");
        assert_eq!(give("tools/api/docker/Dockerfile"), "tools-api-docker");
    }

    #[test]
    fn no_two_projects_have_one_name_and_none_has_that_of_the_records() {
        let mut names = Names::new(&"shop".parse().unwrap());
        let path = RepoPath::new("a/Dockerfile").unwrap();

        let given: Vec<String> = ["x", "X", "x", "x", "shop-builds"]
            .iter()
            .map(|wished| names.give(Some(wished), &path).to_string())
            .collect();

        assert_eq!(given, ["x", "a", "a-x", "x-2", "a-shop-builds"]);
    }
}
