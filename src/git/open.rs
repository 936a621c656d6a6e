//! Opening repositories with libgit2: which it can read, and which it may.

use std::path::Path;

use super::GitError;
use super::configuration::Configuration;
use super::handle::Handle;

/// Opens the repository that `folder` lies in, whoever owns it.
pub(super) fn open(folder: &Path, configuration: &Configuration) -> Result<Handle, GitError> {
    let across_mounts = git2::RepositoryOpenFlags::CROSS_FS;
    open_with(folder, across_mounts, configuration)
}

/// Opens a repository by its git folder alone, whoever owns it.
pub(super) fn open_git_dir(folder: &Path, configuration: &Configuration) -> Result<Handle, GitError> {
    let git_dir = git2::RepositoryOpenFlags::BARE | git2::RepositoryOpenFlags::NO_SEARCH;
    open_with(folder, git_dir, configuration)
}

fn open_with(
    folder: &Path,
    flags: git2::RepositoryOpenFlags,
    configuration: &Configuration,
) -> Result<Handle, GitError> {
    let folder = &match folder.canonicalize() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(GitError::NoFolder { folder: folder.to_owned() });
        }
        canonical => canonical.unwrap_or_else(|_| folder.to_owned()),
    };
    // As git itself: what is read was checked when it was written or fetched.
    git2::opts::strict_hash_verification(false);
    // Hardly an object is read twice, and libgit2 copies what it keeps.
    git2::opts::enable_caching(false);
    // A tree of the index names what git put there, which a partial clone may lack.
    git2::opts::strict_object_creation(false);
    set_options();
    let inner = match git2::Repository::open_ext(folder, flags, [] as [&Path; 0]) {
        Ok(inner) => inner,
        Err(source) if source.code() == git2::ErrorCode::NotFound => {
            return Err(GitError::NotARepository { folder: folder.to_owned() });
        }
        Err(source) => return Err(GitError::open(folder, source)),
    };
    configuration.apply(&inner).map_err(|source| GitError::open(folder, source))?;
    Ok(Handle::of(inner))
}

/// Refuses a repository that git would not read because it belongs to somebody else.
pub(super) fn check_owner(
    repository: &Handle,
    folder: &Path,
    configuration: &Configuration,
) -> Result<(), GitError> {
    if configuration.is_safe(repository).map_err(|source| GitError::open(folder, source))? {
        return Ok(());
    }
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    Err(GitError::OwnedByAnother { folder: root_above(&folder).to_owned() })
}

/// Lets libgit2 open what it would refuse by an extension's name: partial clones, as git before 2.25 wrote them, and
/// repositories whose references [`References`](super::references::References) asks git for. Leaves to
/// [`Configuration::is_safe`] whose repositories are opened: libgit2 knows fewer forms of `safe.directory` than git.
fn set_options() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        // SAFETY: `call_once` sees to it that no other thread sets them meanwhile, and that all that open a repository
        // here wait until they are set.
        #[expect(unsafe_code, reason = "git2 leaves to its callers that no two threads set options at once")]
        let set = unsafe {
            git2::opts::set_extensions(&["partialclone", "refstorage"])
                .and_then(|()| git2::opts::set_verify_owner_validation(false))
        };
        if let Err(error) = set {
            tracing::warn!(%error, "libgit2 does not take its options");
        }
    });
}

/// The folder whose owner git looks at: the nearest that holds a `.git`, else the folder itself.
fn root_above(folder: &Path) -> &Path {
    folder.ancestors().find(|above| above.join(".git").exists()).unwrap_or(folder)
}
