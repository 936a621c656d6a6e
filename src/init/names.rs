//! Names that are valid, unique, and near to what people call things.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::WorkspaceName;
use crate::model::{ProjectName, RepoPath, StageName};

/// Folders that are named after what is in them, not after what is built.
const GENERIC: &[&str] = &["docker", "dockerfiles", ".docker"];

/// Longer names are cut off.
const MAX_BYTES: usize = 60;

/// What a project would be called if it were the only one.
pub(super) struct Wish<'a> {
    /// What somebody calls it.
    pub(super) said: Option<&'a str>,
    pub(super) dockerfile: &'a RepoPath,
    pub(super) target: Option<&'a StageName>,
}

/// The names of projects, in the order of the wishes.
pub(super) struct Given {
    pub(super) names: Vec<ProjectName>,
    /// What each of several would be called if it were the only one, with their places, unless somebody calls one of them so.
    pub(super) shared: BTreeMap<String, Vec<usize>>,
}

/// Names each project after what people call it, else after its folder. Those that would have one name are told apart by their
/// targets, where they have one Dockerfile, else by the folders above them: all of them, so that no name depends on the order.
/// No project gets a name that is in `taken`.
pub(super) fn give(workspace: &WorkspaceName, taken: &BTreeSet<ProjectName>, wishes: &[Wish<'_>]) -> Given {
    let mut taken: BTreeSet<String> =
        taken.iter().map(|name| name.as_str().to_owned()).chain(reserved(workspace)).collect();
    let mut names: Vec<Name<'_>> = wishes.iter().map(|wish| Name::of(workspace, wish)).collect();
    let mut shared: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, name) in names.iter().enumerate() {
        shared.entry(name.text()).or_default().push(at);
    }
    for clash in clashes(&names, &taken) {
        for at in clash.iter().copied() {
            let has_same_dockerfile = |other: &usize| wishes[*other].dockerfile == wishes[at].dockerfile;
            let Some(target) = wishes[at].target else { continue };
            if clash.iter().filter(|other| has_same_dockerfile(other)).count() > 1 {
                names[at].end.push_str(&format!("-{target}"));
            }
        }
    }
    let mut clashing = clashes(&names, &taken);
    while !clashing.is_empty() {
        let mut is_longer = false;
        for at in clashing.into_iter().flatten() {
            is_longer |= names[at].lengthen();
        }
        clashing = if is_longer { clashes(&names, &taken) } else { Vec::new() };
    }
    // No folder tells these apart.
    let mut given: Vec<ProjectName> = Vec::new();
    for name in &names {
        let first = name.text();
        let numbered = (2..).map(|number| format!("{first}-{number}"));
        let mut free = std::iter::once(first.clone()).chain(numbered).filter(|name| !taken.contains(name));
        let name = free.next().expect("there are numbers enough");
        given.push(
            name.parse()
                .expect("letters and digits with single separators between them are a project's name"),
        );
        taken.insert(name);
    }
    let is_said = |name: &String, at: usize| names[at].is_said && given[at].as_str() == name;
    shared.retain(|name, places| places.len() > 1 && !places.iter().any(|&at| is_said(name, at)));
    Given { names: given, shared }
}

/// A name, and the folders that can make it longer.
struct Name<'a> {
    /// From the root, those left out that say nothing.
    folders: Vec<&'a str>,
    /// How many of them the name begins with.
    used: usize,
    end: String,
    is_said: bool,
}

impl<'a> Name<'a> {
    fn of(workspace: &WorkspaceName, Wish { said, dockerfile, .. }: &Wish<'a>) -> Self {
        let names = dockerfile.components().map(|name| std::str::from_utf8(name).unwrap_or_default());
        let mut folders: Vec<&str> = names.collect();
        let file = folders.pop().unwrap_or_default();
        let is_in_generic = folders.last().is_some_and(|name| GENERIC.contains(name));
        folders.retain(|name| !GENERIC.contains(name));
        if let Some(said) = said {
            if folders.last().is_some_and(|folder| plain(folder) == plain(said)) {
                folders.pop();
            }
            return Self { folders, used: 0, end: plain(said), is_said: true };
        }
        let (used, end) = match stem(file) {
            Some(stem) if is_in_generic => (0, stem.to_owned()),
            // `api/api.Dockerfile`
            Some(stem) if folders.last().is_some_and(|folder| plain(folder) == plain(stem)) => {
                (1, String::new())
            }
            Some(stem) => (folders.len().min(1), stem.to_owned()),
            None if folders.is_empty() => (0, workspace.as_str().to_owned()),
            None => (1, String::new()),
        };
        Self { folders, used, end, is_said: false }
    }

    /// Puts the next folder before it; `false` where there is none.
    fn lengthen(&mut self) -> bool {
        let is_longer = self.used < self.folders.len();
        self.used += usize::from(is_longer);
        is_longer
    }

    fn text(&self) -> String {
        let folders = &self.folders[self.folders.len() - self.used..];
        let parts = folders.iter().copied().chain(Some(self.end.as_str()).filter(|end| !end.is_empty()));
        plain(&parts.collect::<Vec<_>>().join("-"))
    }
}

/// The places of the names that several have, or that are taken. One that somebody gave is kept by it if it is the only such.
fn clashes(names: &[Name<'_>], taken: &BTreeSet<String>) -> Vec<Vec<usize>> {
    let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, name) in names.iter().enumerate() {
        places.entry(name.text()).or_default().push(at);
    }
    let mut clashes = Vec::new();
    for (name, mut clash) in places {
        let is_taken = taken.contains(&name);
        let is_said = |at: &&usize| names[**at].is_said && names[**at].used == 0;
        let said: Vec<usize> = clash.iter().filter(is_said).copied().collect();
        if let [one] = said[..]
            && !is_taken
        {
            clash.retain(|&at| at != one);
        } else if clash.len() == 1 && !is_taken {
            continue;
        }
        clashes.push(clash);
    }
    clashes.retain(|clash| !clash.is_empty());
    clashes
}

/// The repositories of records, taints and claims, which no project may have.
fn reserved(workspace: &WorkspaceName) -> BTreeSet<String> {
    [workspace.builds_repository(), workspace.taints_repository(), workspace.claims_repository()]
        .map(|name| name.as_str().to_owned())
        .into()
}

/// `x` of `Dockerfile.x`, `Dockerfile-x`, `x.Dockerfile`.
fn stem(file: &str) -> Option<&str> {
    for name in ["dockerfile", "containerfile"] {
        let (start, end) =
            (file.get(..name.len()), file.len().checked_sub(name.len()).and_then(|at| file.get(at..)));
        if start.is_some_and(|start| start.eq_ignore_ascii_case(name)) {
            let stem = file[name.len()..].trim_start_matches(['.', '-', '_']);
            return Some(stem).filter(|stem| !stem.is_empty());
        }
        if end.is_some_and(|end| end.eq_ignore_ascii_case(name)) {
            let stem = file[..file.len() - name.len()].trim_end_matches(['.', '-', '_']);
            return Some(stem).filter(|stem| !stem.is_empty());
        }
    }
    Some(file)
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

    /// The names for these Dockerfiles, and for what files call their images.
    fn given(wishes: &[(&str, Option<&str>)]) -> Vec<String> {
        let paths: Vec<RepoPath> = wishes.iter().map(|(path, _)| RepoPath::new(path).unwrap()).collect();
        let wishes: Vec<Wish<'_>> = { wishes.iter().zip(&paths) }
            .map(|((_, said), dockerfile)| Wish { said: *said, dockerfile, target: None })
            .collect();
        let taken = BTreeSet::from(["known".parse().unwrap()]);
        let given = give(&"shop".parse().unwrap(), &taken, &wishes);
        given.names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_dockerfile_that_nobody_names_is_called_after_its_place() {
        for (path, expected) in [
            ("Dockerfile", "shop"),
            ("services/api/Dockerfile", "api"),
            ("services/api/Dockerfile.worker", "api-worker"),
            ("services/api/Dockerfile-worker", "api-worker"),
            ("services/api/Containerfile", "api"),
            ("services/api/api.Dockerfile", "api"),
            ("services/api/Dockerfile.api", "api"),
            ("docker/proxy.Dockerfile", "proxy"),
            ("web/docker/Dockerfile", "web"),
            ("Dockerfile.ci", "ci"),
        ] {
            assert_eq!(given(&[(path, None)]), [expected], "{path}");
        }
    }

    #[test]
    fn all_projects_of_one_name_get_the_folders_above_them() {
        let paths = ["services/api/Dockerfile", "tools/api/Dockerfile", "web/Dockerfile"];
        let mut wishes = paths.map(|path| (path, None));

        assert_eq!(given(&wishes), ["services-api", "tools-api", "web"]);
        wishes.reverse();
        assert_eq!(given(&wishes), ["web", "tools-api", "services-api"]);
        assert_eq!(given(&[("a/src/Dockerfile", Some("x")), ("b/x/Dockerfile", None)]), ["x", "b-x"]);
        assert_eq!(given(&[("a/x/Dockerfile", Some("x")), ("b/x/Dockerfile", Some("x"))]), ["a-x", "b-x"]);
    }

    #[test]
    fn a_name_that_several_would_have_is_shared_unless_somebody_says_it_of_one() {
        let paths = ["a/api/Dockerfile", "b/api/Dockerfile", "a/web/Dockerfile", "b/web/Dockerfile"];
        let paths = paths.map(|path| RepoPath::new(path).unwrap());
        let said = [None, None, Some("web"), None];
        let wish = |(dockerfile, said)| Wish { said, dockerfile, target: None };
        let wishes: Vec<Wish<'_>> = paths.iter().zip(said).map(wish).collect();

        let shared = give(&"shop".parse().unwrap(), &BTreeSet::new(), &wishes).shared;

        assert_eq!(shared, BTreeMap::from([("api".to_owned(), vec![0, 1])]));
    }

    #[test]
    fn what_one_dockerfile_builds_is_told_apart_by_targets() {
        let dockerfile = RepoPath::new("api/Dockerfile").unwrap();
        let target = "dev".parse().unwrap();
        let wish = |target| Wish { said: Some("api"), dockerfile: &dockerfile, target };

        let names = give(&"shop".parse().unwrap(), &BTreeSet::new(), &[wish(None), wish(Some(&target))]);

        assert_eq!(names.names.iter().map(ToString::to_string).collect::<Vec<_>>(), ["api", "api-dev"]);
        assert!(names.shared.is_empty(), "one of them has the name: {:?}", names.shared);
    }

    #[test]
    fn no_project_has_a_name_that_is_taken_or_that_the_registry_needs() {
        assert_eq!(given(&[("a/Dockerfile", Some("known"))]), ["a-known"]);
        assert_eq!(given(&[("a/Dockerfile", Some("shop-builds"))]), ["a-shop-builds"]);
        assert_eq!(given(&[("Dockerfile", Some("x")), ("Dockerfile", Some("X"))]), ["x", "x-2"]);
    }
}
