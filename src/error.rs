//! What ends a command early: the causes, their kind and what to do about it.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::attest::{AttestError, InvalidTool};
use crate::buildkit::BuildKitError;
use crate::ci::InvalidCiVariable;
use crate::config::InvalidBuilder;
use crate::continuation::ContinueError;
use crate::deploy::{DeployError, InstallError, InvalidMirror, ValidateError};
use crate::docker::{AddressError, DockerError};
use crate::engine::{EngineError, SshAgentError};
use crate::execute::{PrepareError, RecordingError};
use crate::git::GitError;
use crate::init::InitError;
use crate::inputs::InputsError;
use crate::lint::LintError;
use crate::lint::write::WriteError;
use crate::model::{
    ErrorKind, Host, ImageRef, InvalidImageRef, InvalidLogins, InvalidRegion, ProjectName, Region,
    UnknownAttestation,
};
use crate::observe::ObserveError;
use crate::once::OnceError;
use crate::permissions::PermissionsError;
use crate::pins::PinError;
use crate::pipeline::PipelineError;
use crate::prune::PruneError;
use crate::record::RecordError;
use crate::registry::RegistryError;
use crate::runs::RunsError;
use crate::secrets::SecretsError;
use crate::simulate::SimulateError;
use crate::watch::WatchError;
use crate::workspace::{PlatformError, WorkspaceError};

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
    Prepare(#[from] PrepareError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Docker(#[from] DockerError),
    #[error(transparent)]
    EngineAddress(#[from] AddressError),
    #[error("cannot use the pattern `{pattern}`")]
    Pattern {
        pattern: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error(transparent)]
    Image(#[from] InvalidImageRef),
    #[error(transparent)]
    Recording(#[from] RecordingError),
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
        source: io::Error,
    },
    #[error("cannot write `{path}`")]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("`{folder}` is not in a git repository: CodePipeline provided the files without a clone")]
    PipelineWithoutClone { folder: PathBuf },
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    #[error("cannot forward an ssh agent to the build of `{project}`, whose `ssh` asks for it")]
    SshAgent { project: ProjectName, source: SshAgentError },
    #[error("there are uncommitted changes, and this is CI: what it builds would not be what was committed")]
    DirtyInCi,
    #[error("there are uncommitted changes, and they would be pushed to `{host}`")]
    DirtyPush { host: String },
    #[error("there is nothing to compare: {why}")]
    NothingToCompare { why: &'static str },
    #[error(
        "`{option}` is for programs that pull the images, and those of this workspace stay in the Docker engine"
    )]
    NotPulled { option: &'static str },
    #[error(
        "this run is not trusted, so its builds give images no name that could be told beforehand: {why}"
    )]
    NoLocalNames { why: String },
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
    #[error("this run is not trusted, so it may not {action}: {why}")]
    Untrusted { action: &'static str, why: String },
    #[error(transparent)]
    Deploy(#[from] DeployError),
    #[error(transparent)]
    Validate(#[from] ValidateError),
    #[error(transparent)]
    CiVariable(#[from] InvalidCiVariable),
    #[error("cannot use `{variable}`: {reason}")]
    Lease { variable: &'static str, reason: String },
    #[error("`--shard` cannot be used {why}")]
    Shard { why: &'static str },
    #[error("`--shard` needs a name of this run that all of its jobs share, and nothing tells one")]
    NoRun,
    #[error("the commit's message asks to rebuild `{0}`, which is the repository of no project")]
    DirectiveRepository(String),
    #[error("cannot use `CHINAMPA_ALLOWED_HOSTS`")]
    AllowedHosts(#[source] InvalidImageRef),
    #[error("cannot use `CHINAMPA_REGISTRY_LOGINS`")]
    RegistryLogins(#[source] InvalidLogins),
    #[error("`{variable}` is not set, and it should have the login for `{host}`")]
    NoLogin { host: Host, variable: String },
    #[error("cannot use `CHINAMPA_BUILDERS`")]
    Builders(#[source] InvalidBuilder),
    #[error("cannot use `{variable}`")]
    Tool {
        variable: &'static str,
        #[source]
        source: InvalidTool,
    },
    #[error("cannot use `CHINAMPA_ATTEST`")]
    AttestationKinds(#[source] UnknownAttestation),
    #[error(transparent)]
    Attest(#[from] AttestError),
    #[error(transparent)]
    BuildKit(#[from] BuildKitError),
    #[error("none of the builders answers: {}", .reasons.join("; "))]
    NoBuilder { reasons: Vec<String> },
    #[error("`AWS_REGION` does not name a region")]
    AwsRegion(#[source] InvalidRegion),
    #[error("the projects `{}` and `{}` would both have the variable `{variable}`", .projects[0], .projects[1])]
    SameVariable { variable: String, projects: [ProjectName; 2] },
    #[error(transparent)]
    Prune(#[from] PruneError),
    #[error(transparent)]
    Platform(#[from] PlatformError),
    #[error(transparent)]
    Watch(#[from] WatchError),
    #[error(transparent)]
    Permissions(#[from] PermissionsError),
    #[error(transparent)]
    Pin(#[from] PinError),
    #[error("`projects.lock` is written into the work tree, not into the commit `{revision}`")]
    LockOfCommit { revision: String },
    #[error(transparent)]
    Lint(#[from] LintError),
    #[error(transparent)]
    Fix(#[from] WriteError),
    #[error(transparent)]
    Simulate(#[from] SimulateError),
    #[error(transparent)]
    Runs(#[from] RunsError),
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    #[error(transparent)]
    Once(#[from] OnceError),
    #[error("`--input {pattern}` names no file of the commit")]
    NoInput { pattern: String },
    #[error("`--junit` writes to the work tree, and there is none")]
    NoWorkTree,
    #[error(transparent)]
    Continue(#[from] ContinueError),
    #[error("`CIRCLE_CONTINUATION_KEY` is not set")]
    NoContinuationKey,
    #[error(
        "there is no pipeline with `strategy = \"diff\"`: each of its jobs would build what the changes affect, whether another one has built it or not"
    )]
    DiffInPipeline,
    #[error("`--manifest {path}` is no file of the repository, where the jobs of a pipeline look for it")]
    ManifestOutside { path: String },
    #[error("only the pipeline of GitHub Actions is a file that can be checked")]
    NothingToCheck,
    #[error("`--imagedetail` is about one project, and {projects} are built")]
    ImageDetail { projects: usize },
    #[error("`{path}` is there already")]
    StarterExists { path: &'static str },
    #[error("cannot start")]
    Start(#[source] io::Error),
    #[error("cannot write the answer to standard output")]
    Answer(#[source] io::Error),
}

/// What is behind the sentence of an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reasons {
    /// The mistakes in the manifest and in Dockerfiles, a line each.
    Problems(Vec<String>),
    /// What caused it, and what caused that.
    Causes(Vec<String>),
}

impl Error {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Git(error) => error.kind(),
            Self::Workspace(error) => error.kind(),
            Self::Inputs(error) => error.kind(),
            Self::Init(error) => error.kind(),
            Self::Observe(error) => error.kind(),
            Self::Prepare(error) => error.kind(),
            Self::Secrets(error) => error.kind(),
            Self::SshAgent { source, .. } => source.kind(),
            Self::Engine(error) => error.kind(),
            Self::Docker(error) => error.kind(),
            Self::EngineAddress(error) => error.kind(),
            Self::Registry(error) => error.kind(),
            Self::Recording(error) => error.kind(),
            Self::RecordContent(error) => error.kind(),
            Self::Install(error) => error.kind(),
            Self::Deploy(error) => error.kind(),
            Self::Validate(error) => error.kind(),
            Self::Prune(error) => error.kind(),
            Self::Platform(error) => error.kind(),
            Self::Watch(error) => error.kind(),
            Self::Permissions(error) => error.kind(),
            Self::Pin(error) => error.kind(),
            Self::Lint(error) => error.kind(),
            Self::Fix(error) => error.kind(),
            Self::Simulate(error) => error.kind(),
            Self::Runs(error) => error.kind(),
            Self::Pipeline(error) => error.kind(),
            Self::Continue(error) => error.kind(),
            Self::Once(error) => error.kind(),
            Self::BuildKit(error) => error.kind(),
            Self::Attest(error) => error.kind(),
            Self::Pattern { .. }
            | Self::Image(_)
            | Self::UnknownProject { .. }
            | Self::NoProjectHere { .. }
            | Self::PipelineWithoutClone { .. }
            | Self::DirtyInCi
            | Self::DirtyPush { .. }
            | Self::NothingToCompare { .. }
            | Self::NotPulled { .. }
            | Self::NoLocalNames { .. }
            | Self::Mirror(_)
            | Self::NoCacheFolder
            | Self::NoSuchRegion(_)
            | Self::NoHost(_)
            | Self::ChosenDigest(_)
            | Self::SameVariable { .. }
            | Self::CiVariable(_)
            | Self::Lease { .. }
            | Self::Shard { .. }
            | Self::NoRun
            | Self::NoInput { .. }
            | Self::NoWorkTree
            | Self::DirectiveRepository(_)
            | Self::AllowedHosts(_)
            | Self::RegistryLogins(_)
            | Self::NoLogin { .. }
            | Self::AwsRegion(_)
            | Self::Builders(_)
            | Self::Tool { .. }
            | Self::AttestationKinds(_)
            | Self::NoContinuationKey
            | Self::DiffInPipeline
            | Self::ManifestOutside { .. }
            | Self::NothingToCheck
            | Self::ImageDetail { .. }
            | Self::LockOfCommit { .. }
            | Self::StarterExists { .. } => ErrorKind::Input,
            Self::Untrusted { .. } => ErrorKind::Failed,
            // A name that a person typed.
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => ErrorKind::Input,
            Self::Read { .. }
            | Self::Write { .. }
            | Self::NoBuilder { .. }
            | Self::Start(_)
            | Self::Answer(_) => ErrorKind::Environment,
        }
    }

    /// Whether it is the cache that could not be read, without which a local build can do.
    pub fn is_about_cache(&self) -> bool {
        matches!(self, Self::Registry(_)) || matches!(self, Self::Observe(error) if error.is_about_cache())
    }

    /// What is behind its sentence.
    pub fn reasons(&self) -> Reasons {
        let of_workspace = match self {
            Self::Workspace(error) | Self::Observe(ObserveError::Workspace(error)) => Some(error),
            _ => None,
        };
        if let Some(WorkspaceError::Invalid(problems)) = of_workspace {
            return Reasons::Problems(problems.to_string().lines().map(str::to_owned).collect());
        }
        let causes = std::iter::successors(std::error::Error::source(self), |cause| cause.source());
        Reasons::Causes(causes.map(ToString::to_string).collect())
    }

    /// The last lines of the program, or of the step, that failed, oldest first; empty where it was neither.
    pub fn log_tail(&self) -> &[String] {
        match self {
            Self::Deploy(error) => error.log_tail(),
            Self::Validate(error) => error.log_tail(),
            Self::Attest(error) => error.log_tail(),
            Self::Engine(error) => error.log_tail(),
            _ => &[],
        }
    }

    /// What to do about it, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Git(error) => error.hint(),
            Self::Workspace(error) => error.hint(),
            Self::Inputs(error) => error.hint(),
            Self::Init(error) => error.hint(),
            Self::Observe(error) => error.hint(),
            Self::Prepare(error) => error.hint(),
            Self::Secrets(error) => error.hint(),
            Self::SshAgent { source, .. } => source.hint(),
            Self::Engine(error) => error.hint(),
            Self::Docker(error) => error.hint(),
            Self::EngineAddress(error) => error.hint(),
            Self::Registry(error) => error.hint(),
            Self::Recording(error) => error.hint(),
            Self::RecordContent(error) => error.hint(),
            Self::Install(error) => error.hint(),
            Self::Deploy(error) => error.hint(),
            Self::Validate(error) => error.hint(),
            Self::Prune(error) => error.hint(),
            Self::Platform(error) => error.hint(),
            Self::Watch(error) => error.hint(),
            Self::Permissions(error) => error.hint(),
            Self::Pin(error) => error.hint(),
            Self::LockOfCommit { .. } => Some("leave out `--head`".to_owned()),
            Self::Lint(error) => error.hint(),
            Self::Fix(error) => error.hint(),
            Self::Simulate(error) => error.hint(),
            Self::Runs(error) => error.hint(),
            Self::Pipeline(error) => error.hint(),
            Self::Continue(error) => error.hint(),
            Self::Once(error) => error.hint(),
            Self::BuildKit(error) => error.hint(),
            Self::Attest(error) => error.hint(),
            Self::NoBuilder { .. } => Some("`chinampa doctor` checks every builder".to_owned()),
            Self::NoContinuationKey => {
                Some("CircleCI sets it in the jobs of a configuration with `setup: true`".to_owned())
            }
            Self::ImageDetail { .. } => Some("name the project whose service is deployed".to_owned()),
            Self::StarterExists { .. } => Some("`--force` replaces it".to_owned()),
            Self::DiffInPipeline => {
                Some("use `strategy = \"digest\"`, or one job that runs `chinampa build`".to_owned())
            }
            Self::ManifestOutside { .. } => Some("move it into the repository, and commit it".to_owned()),
            Self::NothingToCheck => {
                Some("the other CIs get a pipeline for each commit, which `ci generate` prints".to_owned())
            }
            Self::UnknownProject { similar: Some(similar), .. } => Some(format!("did you mean `{similar}`?")),
            Self::UnknownProject { similar: None, .. } => {
                Some("`chinampa graph` lists all projects".to_owned())
            }
            Self::DirtyInCi | Self::DirtyPush { .. } => {
                Some("commit the changes, or take them along with `--allow-dirty`".to_owned())
            }
            Self::NothingToCompare { .. } => Some(
                "`build --twice` compares images in a registry: use it in a trusted run, with a cache of the kind `oci` or `ecr`"
                    .to_owned(),
            ),
            Self::NoLocalNames { .. } => {
                Some("`build --local --json` says them, and `watch` sets them for its program".to_owned())
            }
            Self::NotPulled { .. } => Some("let `[cache]` be a registry, of the kind `oci` or `ecr`".to_owned()),
            Self::PipelineWithoutClone { .. } => Some(
                "let the pipeline's source action have the output artifact format \"Full clone\"".to_owned(),
            ),
            Self::Untrusted { .. } => {
                Some("a job that vouches for what it runs sets `CHINAMPA_TRUST=trusted`".to_owned())
            }
            Self::SameVariable { .. } => Some("use `--format json`".to_owned()),
            Self::NoRun => Some(
                "set `CHINAMPA_RUN` to what the CI calls the run and its attempt, the same in all of its jobs"
                    .to_owned(),
            ),
            Self::NoLogin { .. } => Some(
                "set it as a secret of the CI; `CHINAMPA_REGISTRY_LOGINS`, which `login` in `[ci]` sets, names it".to_owned(),
            ),
            Self::NoHost(_) => Some("put its host before it, as in `docker.io/library/nginx`".to_owned()),
            Self::Pattern { .. }
            | Self::Image(_)
            | Self::NoProjectHere { .. }
            | Self::Read { .. }
            | Self::Write { .. }
            | Self::Mirror(_)
            | Self::NoCacheFolder
            | Self::NoSuchRegion(_)
            | Self::ChosenDigest(_)
            | Self::CiVariable(_)
            | Self::Lease { .. }
            | Self::Shard { .. }
            | Self::NoInput { .. }
            | Self::NoWorkTree
            | Self::DirectiveRepository(_)
            | Self::RegistryLogins(_)
            | Self::AllowedHosts(_)
            | Self::AwsRegion(_)
            | Self::Builders(_)
            | Self::Tool { .. }
            | Self::AttestationKinds(_)
            | Self::Start(_)
            | Self::Answer(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
