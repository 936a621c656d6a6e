//! References, wherever a repository keeps them: in files, which libgit2 reads, or in reftables, of which git is asked
//! (gitformat-reftable is read by no library here).

use std::path::Path;

use git2::{ConfigLevel, ErrorCode, Repository};

use super::ids::object_id;
use super::{GitError, NeedsGit, RepositoryFormat, program};
use crate::model::ObjectId;

const BRANCHES: &str = "refs/heads/";

/// The references of a repository, by where they are kept.
pub(super) enum References<'r> {
    Files(&'r Repository),
    Reftables(Reftables<'r>),
}

/// Where `HEAD` leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HeadReference {
    /// The object, if there is one yet.
    pub(super) target: Option<ObjectId>,
    /// Without `refs/heads/`; `None` where no branch is checked out.
    pub(super) branch: Option<String>,
}

impl<'r> References<'r> {
    /// # Errors
    /// [`GitError::UnknownReferences`] when they are kept in neither way.
    pub(super) fn of(repository: &'r Repository) -> Result<Self, GitError> {
        // What the user's files say of formats does not count.
        let own = repository.config().and_then(|config| config.open_level(ConfigLevel::Local));
        match own.and_then(|config| config.get_string("extensions.refstorage")) {
            Ok(storage) if storage == "reftable" => Ok(Self::Reftables(Reftables { repository })),
            Ok(storage) if storage != "files" => {
                Err(GitError::UnknownReferences { folder: repository.path().to_owned(), storage })
            }
            Ok(_) => Ok(Self::Files(repository)),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(Self::Files(repository)),
            Err(error) => Err(GitError::read("the configuration", error)),
        }
    }

    /// Whether libgit2 sees no branch checked out, when it looks for settings that are for one.
    pub(super) fn hide_the_branch(&self) -> bool {
        matches!(self, Self::Reftables(_))
    }

    /// # Errors
    /// [`GitError::Read`] when `HEAD` can't be read.
    pub(super) fn head(&self) -> Result<HeadReference, GitError> {
        match self {
            Self::Files(repository) => head_in_files(repository),
            Self::Reftables(tables) => tables.head(),
        }
    }

    /// The object of the first of these references, by their full names, that is there and leads to one.
    ///
    /// # Errors
    /// [`GitError::Read`] when they can't be read.
    pub(super) fn first_of(&self, names: &[String]) -> Result<Option<ObjectId>, GitError> {
        match self {
            Self::Files(repository) => {
                let mut targets = names.iter().map(|name| in_files(repository.find_reference(name), name));
                targets.find_map(Result::transpose).transpose()
            }
            Self::Reftables(tables) => tables.first_of(names),
        }
    }

    /// The object of the reference that a short name stands for (gitrevisions(7)).
    ///
    /// # Errors
    /// [`GitError::Read`] when it can't be read.
    pub(super) fn target_of_short_name(&self, name: &str) -> Result<Option<ObjectId>, GitError> {
        match self {
            Self::Reftables(tables) if ALWAYS_FILES.contains(&name) => {
                in_files(tables.repository.find_reference(name), name)
            }
            _ => self.first_of(&full_names(name)),
        }
    }

    /// The reference that this one stands for; `None` where it isn't there, or is no symbolic one.
    ///
    /// # Errors
    /// [`GitError::Read`] when it can't be read.
    pub(super) fn symbolic_target(&self, name: &str) -> Result<Option<String>, GitError> {
        match self {
            Self::Files(repository) => match repository.find_reference(name) {
                Ok(reference) => Ok(reference.symbolic_target().ok().flatten().map(str::to_owned)),
                Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
                Err(error) => Err(GitError::read(&format!("the reference `{name}`"), error)),
            },
            Self::Reftables(tables) => {
                let listed = tables.list(&[name], RootRefs::LeftOut)?;
                Ok(listed.into_iter().find(|it| it.name == name).and_then(|it| it.symbolic_target))
            }
        }
    }

    /// The references whose names begin so, up to a `/`, by the rest of their names, with the objects that they lead to. A name
    /// that isn't UTF-8 matches no rule, and is left out.
    ///
    /// # Errors
    /// [`GitError::Read`] when they can't be read.
    pub(super) fn below(&self, prefix: &str) -> Result<Vec<(String, ObjectId)>, GitError> {
        let all = match self {
            Self::Files(repository) => below_in_files(repository, prefix)?,
            Self::Reftables(tables) => {
                let listed = tables.list(&[prefix], RootRefs::LeftOut)?;
                listed.into_iter().map(|reference| (reference.name, reference.target)).collect()
            }
        };
        let rest = |(name, target): (String, ObjectId)| Some((name.strip_prefix(prefix)?.to_owned(), target));
        Ok(all.into_iter().filter_map(rest).collect())
    }
}

/// What git keeps in files whatever keeps the references: more than an object id is in them.
const ALWAYS_FILES: [&str; 2] = ["FETCH_HEAD", "MERGE_HEAD"];

/// Where git looks for a short name, in its order.
const PLACES: [&str; 6] =
    ["{}", "refs/{}", "refs/tags/{}", "refs/heads/{}", "refs/remotes/{}", "refs/remotes/{}/HEAD"];

/// The references that a short name may stand for; none for what can be no name.
fn full_names(name: &str) -> Vec<String> {
    if !git2::Reference::is_valid_name(&format!("{BRANCHES}{name}")) {
        return Vec::new();
    }
    let names = PLACES.iter().map(|place| place.replace("{}", name));
    // Other files of the git folder, such as `config`, are no references.
    names.filter(|name| name.starts_with("refs/") || is_root(name)).collect()
}

/// Whether a reference may have this name outside of `refs`.
fn is_root(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_uppercase() || b"-_".contains(&byte))
}

fn head_in_files(repository: &Repository) -> Result<HeadReference, GitError> {
    let failed = |source| GitError::read("`HEAD`", source);
    let head = repository.find_reference("HEAD").map_err(failed)?;
    match head.resolve() {
        Ok(reference) => Ok(HeadReference {
            target: reference.target().map(object_id),
            branch: reference.name().ok().and_then(branch_name),
        }),
        // The branch has no commit yet.
        Err(error) if error.code() == ErrorCode::NotFound => {
            let branch = head.symbolic_target().ok().flatten().and_then(branch_name);
            Ok(HeadReference { target: None, branch })
        }
        Err(error) => Err(failed(error)),
    }
}

fn branch_name(reference: &str) -> Option<String> {
    reference.strip_prefix(BRANCHES).map(str::to_owned)
}

fn in_files(
    found: Result<git2::Reference<'_>, git2::Error>,
    name: &str,
) -> Result<Option<ObjectId>, GitError> {
    match found.and_then(|reference| reference.resolve()) {
        Ok(reference) => Ok(reference.target().map(object_id)),
        Err(error) if matches!(error.code(), ErrorCode::NotFound | ErrorCode::InvalidSpec) => Ok(None),
        Err(error) => Err(GitError::read(&format!("the reference `{name}`"), error)),
    }
}

fn below_in_files(repository: &Repository, prefix: &str) -> Result<Vec<(String, ObjectId)>, GitError> {
    let failed = |source| GitError::read("the references", source);
    let mut found = Vec::new();
    for reference in repository.references_glob(&format!("{prefix}*")).map_err(failed)? {
        let reference = reference.map_err(failed)?;
        let Ok(name) = reference.name() else { continue };
        if let Some(target) = reference.resolve().ok().and_then(|reference| reference.target()) {
            found.push((name.to_owned(), object_id(target)));
        }
    }
    Ok(found)
}

/// What git says of references in reftables.
pub(super) struct Reftables<'r> {
    repository: &'r Repository,
}

/// Whether references besides those below `refs` are listed, such as `HEAD`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RootRefs {
    Included,
    LeftOut,
}

struct Listed {
    name: String,
    target: ObjectId,
    /// The reference that it stands for, if it is symbolic.
    symbolic_target: Option<String>,
}

impl Reftables<'_> {
    fn head(&self) -> Result<HeadReference, GitError> {
        let listed = self.list(&["HEAD"], RootRefs::Included)?;
        if let Some(Listed { target, symbolic_target, .. }) = listed.into_iter().find(|it| it.name == "HEAD")
        {
            let branch = symbolic_target.as_deref().and_then(branch_name);
            return Ok(HeadReference { target: Some(target), branch });
        }
        // The branch has no commit yet, so it is not listed.
        let named = self.ask(&["symbolic-ref", "HEAD"])?;
        Ok(HeadReference { target: None, branch: branch_name(String::from_utf8_lossy(&named).trim()) })
    }

    /// The object of the first of these references that is there.
    fn first_of(&self, names: &[String]) -> Result<Option<ObjectId>, GitError> {
        // Without a name, git lists all.
        if names.is_empty() {
            return Ok(None);
        }
        // To list those outside of `refs` takes git longer.
        let root_refs =
            if names.iter().any(|name| is_root(name)) { RootRefs::Included } else { RootRefs::LeftOut };
        let patterns: Vec<&str> = names.iter().map(String::as_str).collect();
        let listed = self.list(&patterns, root_refs)?;
        let mut found = names.iter().filter_map(|name| listed.iter().find(|it| it.name == *name));
        Ok(found.next().map(|reference| reference.target))
    }

    /// The references with these names, or below them.
    fn list(&self, patterns: &[&str], root_refs: RootRefs) -> Result<Vec<Listed>, GitError> {
        let mut arguments = vec!["for-each-ref", "--format=%(objectname)%00%(symref)%00%(refname)"];
        arguments.extend((root_refs == RootRefs::Included).then_some("--include-root-refs"));
        arguments.push("--");
        arguments.extend(patterns);
        let answer = self.ask(&arguments)?;
        let unreadable = |line: &[u8]| GitError::Read {
            what: "the references".to_owned(),
            source: format!("git wrote `{}`", String::from_utf8_lossy(line)).into(),
        };
        let lines = answer.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        let listed = lines.map(|line| {
            let mut parts = line.splitn(3, |&byte| byte == 0).map(|part| String::from_utf8(part.to_owned()));
            let (Some(Ok(target)), Some(symbolic), Some(name)) = (parts.next(), parts.next(), parts.next())
            else {
                return Err(unreadable(line));
            };
            let (Ok(symbolic), Ok(name)) = (symbolic, name) else { return Ok(None) };
            let target = target.parse().map_err(|_| unreadable(line))?;
            let symbolic_target = Some(symbolic).filter(|name| !name.is_empty());
            Ok(Some(Listed { name, target, symbolic_target }))
        });
        listed.filter_map(Result::transpose).collect()
    }

    fn ask(&self, arguments: &[&str]) -> Result<Vec<u8>, GitError> {
        tracing::debug!(?arguments, "git is asked about references");
        let git_dir: &Path = self.repository.path();
        let output = program::git(git_dir).args(arguments).output().map_err(|source| GitError::NeedsGit {
            what: NeedsGit::References,
            why: format!("the repository {}", RepositoryFormat::Reftable),
            source,
        })?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        program::check_version(git_dir, RepositoryFormat::Reftable)?;
        Err(GitError::Read { what: "the references".to_owned(), source: program::words(&output) })
    }
}
