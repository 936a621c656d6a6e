//! What ends a command early: the causes, the exit status and what to do about it.

use std::path::PathBuf;

use thiserror::Error;

use crate::deploy::{DeployError, InstallError, InvalidMirror, ValidateError};
use crate::docker::{DockerError, InvalidDockerHost};
use crate::engine::EngineError;
use crate::exit::Exit;
use crate::git::{GitError, UnsupportedFormat};
use crate::infer::InferError;
use crate::init::InitError;
use crate::inputs::InputsError;
use crate::lint::LintError;
use crate::lint::write::WriteError;
use crate::model::{ErrorKind, ImageRef, InvalidImageRef, InvalidRegion, ProjectName, Region};
use crate::observe::ObserveError;
use crate::record::RecordError;
use crate::registry::RegistryError;
use crate::simulate::SimulateError;
use crate::task::TaskError;
use crate::workspace::WorkspaceError;

/// Any reason why a command could not do what it was asked.
#[derive(Debug, Error)]
pub enum Error {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    #[error(transparent)]
    Inputs(#[from] InputsError),
    #[error(transparent)]
    Init(#[from] InitError),
    #[error(transparent)]
    Observe(#[from] ObserveError),
    #[error(transparent)]
    Task(#[from] TaskError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Docker(#[from] DockerError),
    #[error("cannot use the engine that `DOCKER_HOST` names")]
    DockerHost(#[source] InvalidDockerHost),
    #[error("cannot use the pattern `{pattern}`")]
    Pattern {
        pattern: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error(transparent)]
    Image(#[from] InvalidImageRef),
    #[error("cannot write the build record")]
    Record(#[source] RegistryError),
    #[error(transparent)]
    RecordContent(#[from] RecordError),
    #[error("there is no project `{name}`")]
    UnknownProject { name: String, similar: Option<ProjectName> },
    #[error("`{folder}` is no project's folder, so a project must be named")]
    NoProjectHere { folder: String },
    #[error("cannot read `{path}`")]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("cannot write `{path}`")]
    Write {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("`{folder}` is not in a git repository: CodePipeline handed over the files alone")]
    PipelineWithoutClone { folder: PathBuf },
    #[error("the secret `{id}` of `{project}` is to come from {from}")]
    Secret { id: String, project: ProjectName, from: String },
    #[error("there are uncommitted changes, and this is CI: what it builds would not be what was committed")]
    DirtyInCi,
    #[error("there are uncommitted changes, and they would be pushed to `{host}`")]
    DirtyPush { host: String },
    #[error(transparent)]
    Install(#[from] InstallError),
    #[error("cannot use the mirror that `CHINAMPA_TERRAFORM_MIRROR` names")]
    Mirror(#[source] InvalidMirror),
    #[error("there is no folder to keep things in: neither `XDG_CACHE_HOME` nor `HOME` is set")]
    NoCacheFolder,
    #[error("neither `[cache]` nor `[deploy]` is a registry of kind `ecr` in `{0}`")]
    NoSuchRegion(Region),
    #[error("`{0}` names no registry")]
    NoHost(ImageRef),
    #[error("`{0}` names a digest, and what is copied keeps the one that it has")]
    ChosenDigest(ImageRef),
    #[error(transparent)]
    Deploy(#[from] DeployError),
    #[error(transparent)]
    Validate(#[from] ValidateError),
    #[error("`CHINAMPA_LOCK_LEASE` is no lease: {reason}")]
    Lease { reason: String },
    #[error("the commit's message asks to rebuild `{0}`, which is the repository of no project")]
    SwitchRepository(String),
    #[error("`AWS_REGION` does not name a region")]
    AwsRegion(#[source] InvalidRegion),
    #[error(transparent)]
    Lint(#[from] LintError),
    #[error(transparent)]
    Fix(#[from] WriteError),
    #[error(transparent)]
    Simulate(#[from] SimulateError),
    #[error("cannot start")]
    Start(#[source] std::io::Error),
    #[error("cannot write the answer to standard output")]
    Answer(#[source] std::io::Error),
}

impl Error {
    /// The exit status that this error ends the process with.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Git(error)
            | Self::Workspace(WorkspaceError::Git(error))
            | Self::Inputs(InputsError::Git(error))
            | Self::Init(InitError::Git(error) | InitError::Infer { source: InferError::Git(error), .. })
            | Self::Observe(
                ObserveError::Git(error)
                | ObserveError::Workspace(WorkspaceError::Git(error))
                | ObserveError::Inputs(InputsError::Git(error)),
            )
            | Self::Lint(LintError::Git(error) | LintError::Infer { source: InferError::Git(error), .. })
            | Self::Fix(WriteError::Git(error))
            | Self::Simulate(
                SimulateError::Git(error) | SimulateError::Infer { source: InferError::Git(error), .. },
            )
            | Self::Task(TaskError::Git(error)) => git_exit(error),
            Self::Workspace(_)
            | Self::Init(
                InitError::NothingToBuild { .. } | InitError::AlreadyThere { .. } | InitError::Infer { .. },
            )
            | Self::Inputs(InputsError::NoWorkTree { .. })
            | Self::Observe(
                ObserveError::Workspace(_) | ObserveError::Inputs(InputsError::NoWorkTree { .. }),
            )
            | Self::Task(_)
            | Self::DockerHost(_)
            | Self::Pattern { .. }
            | Self::Image(_)
            | Self::UnknownProject { .. }
            | Self::NoProjectHere { .. }
            | Self::Read { .. }
            | Self::Secret { .. }
            | Self::DirtyInCi
            | Self::DirtyPush { .. }
            | Self::PipelineWithoutClone { .. }
            | Self::Mirror(_)
            | Self::NoCacheFolder
            | Self::NoSuchRegion(_)
            | Self::NoHost(_)
            | Self::ChosenDigest(_)
            | Self::Lease { .. }
            | Self::AwsRegion(_)
            | Self::Lint(_)
            | Self::Simulate(_)
            | Self::Fix(WriteError::Differs { .. } | WriteError::Link { .. })
            | Self::SwitchRepository(_) => Exit::BadInput,
            Self::Deploy(error) => exit_of(error.kind()),
            Self::Validate(error) => exit_of(error.kind()),
            Self::Inputs(InputsError::Extra { .. })
            | Self::Observe(
                ObserveError::Inputs(InputsError::Extra { .. })
                | ObserveError::Image { .. }
                | ObserveError::Record(_),
            )
            | Self::Registry(_)
            | Self::Engine(_)
            | Self::Docker(_)
            | Self::Record(_)
            | Self::RecordContent(_)
            | Self::Install(_)
            | Self::Write { .. }
            | Self::Fix(WriteError::Io { .. })
            | Self::Init(InitError::Write { .. })
            | Self::Start(_)
            | Self::Answer(_) => Exit::Surroundings,
        }
    }

    /// What to do about it, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Git(error)
            | Self::Workspace(WorkspaceError::Git(error))
            | Self::Observe(ObserveError::Git(error)) => git_hint(error),
            Self::Workspace(WorkspaceError::NoManifest) => {
                Some("`chinampa init` writes a first one; commit it".to_owned())
            }
            Self::Init(InitError::AlreadyThere { .. }) => {
                Some("`--force` replaces it, and the pattern files of projects".to_owned())
            }
            Self::Init(InitError::Git(error)) => git_hint(error),
            Self::UnknownProject { similar: Some(similar), .. } => Some(format!("did you mean `{similar}`?")),
            Self::UnknownProject { similar: None, .. } => {
                Some("`chinampa graph` lists all projects".to_owned())
            }
            Self::DirtyInCi | Self::DirtyPush { .. } => {
                Some("commit the changes, or take them along with `--allow-dirty`".to_owned())
            }
            Self::PipelineWithoutClone { .. } => Some(
                "let the pipeline's source action have the output artifact format \"Full clone\"".to_owned(),
            ),
            Self::Secret { .. } => {
                Some("set it, or take the secret out of the project's `secrets`".to_owned())
            }
            Self::NoHost(_) => Some("put its host before it, as in `docker.io/library/nginx`".to_owned()),
            Self::Deploy(error) => error.hint(),
            Self::Validate(error) => error.hint(),
            Self::Registry(error)
            | Self::Record(error)
            | Self::Observe(ObserveError::Image { source: error, .. } | ObserveError::Record(error)) => {
                error.hint()
            }
            Self::Docker(error) => error.hint().map(str::to_owned),
            Self::Fix(WriteError::Differs { .. }) => Some("run it again".to_owned()),
            _ => None,
        }
    }
}

fn exit_of(kind: ErrorKind) -> Exit {
    match kind {
        ErrorKind::Input => Exit::BadInput,
        ErrorKind::Environment => Exit::Surroundings,
        ErrorKind::Failed => Exit::Failed,
        ErrorKind::Interrupted => Exit::Interrupted,
    }
}

fn git_exit(error: &GitError) -> Exit {
    match error {
        GitError::NoFolder { .. }
        | GitError::NotARepository { .. }
        | GitError::Empty { .. }
        | GitError::BadRevision { .. }
        | GitError::Unsupported { .. }
        | GitError::Conflicts
        | GitError::Bare => Exit::BadInput,
        GitError::OwnedByAnother { .. }
        | GitError::Open { .. }
        | GitError::Read { .. }
        | GitError::Fetch { .. }
        | GitError::NoGit(_)
        | GitError::MalformedTree { .. } => Exit::Surroundings,
    }
}

fn git_hint(error: &GitError) -> Option<String> {
    match error {
        GitError::NotARepository { .. } => Some("run it in one, or name one with `-C`".to_owned()),
        GitError::OwnedByAnother { folder } => {
            Some(format!("if you trust it: `git config --global --add safe.directory {}`", folder.display()))
        }
        GitError::BadRevision { revision, .. } if revision.starts_with('-') => {
            Some("a revision doesn't begin with `-`".to_owned())
        }
        GitError::BadRevision { .. } => {
            Some("`git fetch` it if it is elsewhere; a shallow clone lacks older commits".to_owned())
        }
        GitError::Unsupported { format: UnsupportedFormat::Reftable, .. } => {
            Some("`git refs migrate --ref-format=files` keeps them in files".to_owned())
        }
        GitError::Unsupported { format: UnsupportedFormat::Sha256, .. } => {
            Some("only repositories with SHA-1 object ids can be read".to_owned())
        }
        GitError::Empty { .. } => Some("commit something first".to_owned()),
        GitError::Conflicts => Some("resolve them, or build a commit with `--head`".to_owned()),
        _ => None,
    }
}
