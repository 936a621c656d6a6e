//! Every variant of every module's error, and the kind that it has.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::attest::{Purpose, Tool};
use crate::aws::AwsError;
use crate::ci::{CheckedOut, CiContext, CiEnvironment};
use crate::config::{AwsSecret, AwsSecretService, BuilderConfig, EnvironmentName};
use crate::deploy::gate::GateError;
use crate::deploy::{
    CheckoutError, LockError, ProjectError, Rejection, ServiceError, TerraformError, TerraformStep,
};
use crate::docker::{DockerConfigError, DockerHost};
use crate::dockerfile::DockerfileError;
use crate::dockerignore::DockerIgnore;
use crate::engine::{ContentError, ContextError};
use crate::git::{LfsError, NeedsGit, RepositoryFormat, SubmoduleError, SubmoduleFetch};
use crate::infer::InferError;
use crate::lease::Claim;
use crate::model::{
    BuilderEndpoint, CommitId, ErrorKind, Host, InvalidLogins, ManifestDigest, RepoPath, RepositoryName,
};
use crate::pipeline::System;
use crate::program::ProgramError;
use crate::registry::{Answer, CredentialsError};

use crate::secrets::SecretError;
use crate::tls::TlsError;
use crate::workspace::PlatformError;
use ErrorKind::{Environment, Failed, Input, Interrupted};

/// Compares the rows with the kinds that the errors have, and with the variants in the source.
fn check<E: Debug>(source: &str, rows: Vec<(E, ErrorKind)>, kind: impl Fn(&E) -> ErrorKind) {
    let name = std::any::type_name::<E>().rsplit("::").next().unwrap();
    let variants = variants(source, name);
    let mut seen = BTreeSet::new();
    for (error, expected) in &rows {
        let shown = format!("{error:?}");
        let variant: String = shown.chars().take_while(|letter| letter.is_alphanumeric()).collect();
        assert_eq!(kind(error), *expected, "{name}::{variant}");
        seen.insert(variant);
    }
    assert_eq!(seen, variants, "the variants of `{name}`");
}

/// The names of an enum's variants, which are what is indented once and begins with a capital letter.
fn variants(source: &str, name: &str) -> BTreeSet<String> {
    let (_, body) = source.split_once(&format!("enum {name} {{\n")).unwrap();
    let (body, _) = body.split_once("\n}\n").unwrap();
    let lines = body.lines().filter_map(|line| line.strip_prefix("    "));
    let names = lines.filter(|line| line.starts_with(|letter: char| letter.is_ascii_uppercase()));
    names.map(|line| line.chars().take_while(|letter| letter.is_alphanumeric()).collect()).collect()
}

macro_rules! check {
    ($file:literal, $error:ident, [$($row:expr => $kind:expr),* $(,)?]) => {
        check::<$error>(include_str!(concat!("../", $file)), vec![$(($row, $kind)),*], $error::kind)
    };
}

fn path() -> RepoPath {
    RepoPath::new("a/b").unwrap()
}

fn project() -> ProjectName {
    "api".parse().unwrap()
}

fn repository() -> RepositoryName {
    "api".parse().unwrap()
}

fn host() -> Host {
    "registry.example".parse().unwrap()
}

fn image() -> Box<ImageRef> {
    Box::new("registry.example/api:1".parse().unwrap())
}

fn commit() -> CommitId {
    "0123456789012345678901234567890123456789".parse().unwrap()
}

fn io() -> io::Error {
    io::Error::other("no")
}

fn link() -> ContextError {
    ContextError::Twice { path: path() }
}

fn bare() -> GitError {
    GitError::Bare
}

fn no_git() -> GitError {
    GitError::NoGit(io())
}

fn unexpected() -> AwsError {
    AwsError::Unexpected { answer: String::new() }
}

fn aws_secret() -> AwsSecret {
    AwsSecret::new(AwsSecretService::ParameterStore, "/npm").unwrap()
}

fn missing() -> RegistryError {
    RegistryError::Missing { image: image() }
}

fn ignore_error() -> crate::dockerignore::DockerIgnoreError {
    DockerIgnore::parse(b"[").unwrap_err()
}

fn answer() -> Answer {
    Answer { status: 400, code: None, message: String::new() }
}

#[test]
fn each_variant_of_each_error_has_its_kind() {
    check!("engine/ssh_agent.rs", SshAgentError, [
        SshAgentError::NotSet => Environment,
        SshAgentError::Unreachable { socket: "/a".into(), source: io() } => Environment,
    ]);
    check!("git/error.rs", GitError, [
        GitError::NoFolder { folder: "/a".into() } => Input,
        GitError::NotARepository { folder: "/a".into() } => Input,
        GitError::OwnedByAnother { folder: "/a".into() } => Environment,
        GitError::Empty { git_dir: "/a".into() } => Input,
        GitError::BadRevision { revision: "x".to_owned(), source: None } => Input,
        GitError::Open { folder: "/a".into(), source: "no".into() } => Environment,
        GitError::UnknownReferences { folder: "/a".into(), storage: "x".to_owned() } => Input,
        GitError::GitTooOld { folder: "/a".into(), format: RepositoryFormat::Reftable, found: "1.0".to_owned() } => Environment,
        GitError::Read { what: "a tree".to_owned(), source: "no".into() } => Environment,
        GitError::MalformedTree { folder: path(), reason: "cut" } => Environment,
        GitError::Fetch { what: "a blob".to_owned(), source: "no".into() } => Environment,
        no_git() => Environment,
        GitError::NeedsGit { what: NeedsGit::Uncommitted, why: "it is split".to_owned(), source: io() } => Environment,
        GitError::FilterNotRun { file: "a".to_owned(), filter: "lfs".to_owned() } => Environment,
        GitError::Settings { variable: "GIT_CONFIG_COUNT".to_owned(), reason: "is no number" } => Input,
        bare() => Input,
        GitError::Conflicts => Input,
    ]);
    check!("workspace/mod.rs", WorkspaceError, [
        WorkspaceError::NoManifest => Input,
        WorkspaceError::Invalid(crate::config::ManifestErrors { problems: Vec::new(), more: 0 }) => Input,
        WorkspaceError::PolicyFile { at: String::new(), path: path(), reason: "x" } => Input,
        WorkspaceError::Git(no_git()) => Environment,
        WorkspaceError::Git(bare()) => Input,
    ]);
    check!("inputs/mod.rs", InputsError, [
        InputsError::Git(no_git()) => Environment,
        InputsError::NoWorkTree { project: project() } => Input,
        InputsError::Extra { path: "/a".into(), source: io() } => Environment,
    ]);
    check!("infer/mod.rs", InferError, [
        InferError::Git(no_git()) => Environment,
        InferError::Dockerfile(DockerfileError::NoStage) => Input,
        InferError::DockerIgnore { file: path(), source: ignore_error() } => Input,
    ]);
    check!("init/error.rs", InitError, [
        InitError::Git(no_git()) => Environment,
        InitError::Infer { dockerfile: path(), source: InferError::Git(no_git()) } => Environment,
        InitError::Infer { dockerfile: path(), source: DockerfileError::NoStage.into() } => Input,
        InitError::Known(WorkspaceError::NoManifest) => Input,
        InitError::Unusable(WorkspaceError::NoManifest) => Input,
        InitError::NothingToBuild { ignored: Vec::new(), left_out: Vec::new(), excluded: 0 } => Input,
        InitError::AlreadyThere { path: path() } => Input,
        InitError::WorkTreeOnly { option: "--head" } => Input,
        InitError::Write { path: "/a".into(), source: io() } => Environment,
    ]);
    check!("observe/mod.rs", ObserveError, [
        ObserveError::Git(no_git()) => Environment,
        ObserveError::Workspace(WorkspaceError::NoManifest) => Input,
        ObserveError::Inputs(InputsError::NoWorkTree { project: project() }) => Input,
        ObserveError::Image { project: project(), source: missing() } => Environment,
        ObserveError::LocalImage { project: project(), source: missing() } => Environment,
        ObserveError::Record(missing()) => Environment,
        ObserveError::Taints(missing()) => Environment,
        ObserveError::Unprotected("A".parse::<RepositoryName>().unwrap_err()) => Input,
    ]);
    check!("permissions/error.rs", PermissionsError, [
        PermissionsError::NoEnvironment => Input,
        PermissionsError::UnusedEnvironment => Input,
        PermissionsError::NoTrust => Input,
        PermissionsError::NothingInAws => Input,
        PermissionsError::Principal("x".to_owned()) => Input,
        PermissionsError::Deploy(DeployError::NoDeployRegistry) => Input,
        PermissionsError::Terraform(TerraformError::NoFolder { folder: path() }) => Input,
    ]);
    check!("lint/mod.rs", LintError, [
        LintError::Git(no_git()) => Environment,
        LintError::Infer { project: project(), source: DockerfileError::NoStage.into() } => Input,
        LintError::Terraform(TerraformError::NoFolder { folder: path() }) => Input,
    ]);
    check!("lint/write.rs", WriteError, [
        WriteError::Git(no_git()) => Environment,
        WriteError::Differs { file: "a".to_owned() } => Input,
        WriteError::Link { file: "a".to_owned() } => Input,
        WriteError::Io { path: "/a".into(), source: io() } => Environment,
    ]);
    check!("simulate/mod.rs", SimulateError, [
        SimulateError::Git(no_git()) => Environment,
        SimulateError::Infer { project: project(), source: DockerfileError::NoStage.into() } => Input,
    ]);
    check!("watch/error.rs", WatchError, [
        WatchError::Commit { revision: "x".to_owned() } => Input,
        WatchError::Bare => Input,
        WatchError::Watch { folder: "/a".into(), source: notify::Error::generic("no") } => Environment,
        WatchError::Start { program: "x".to_owned(), source: io::ErrorKind::NotFound.into() } => Input,
        WatchError::Start { program: "x".to_owned(), source: io() } => Environment,
        WatchError::End(io()) => Environment,
    ]);
    let in_container = |source| OnceError::StartContainer { program: "x".to_owned(), source };
    let refused = DockerError::Refused { request: "start a container", status: 404, message: String::new() };
    let in_vain = || DockerError::Unexpected { about: "a container", source: "no".into() };
    check!("once/error.rs", OnceError, [
        OnceError::NoImage { project: project() } => Failed,
        OnceError::Start { program: "x".to_owned(), source: io::ErrorKind::NotFound.into() } => Input,
        OnceError::Start { program: "x".to_owned(), source: io() } => Environment,
        in_container(refused) => Input,
        in_container(in_vain()) => Environment,
        OnceError::Write { path: path(), source: io() } => Environment,
        OnceError::Wait(io()) => Environment,
        OnceError::Git(no_git()) => Environment,
        OnceError::Prepare(PrepareError::Git(no_git())) => Environment,
        OnceError::Content(ContentError::NotAFile { path: "/a".into() }) => Input,
        OnceError::Docker(in_vain()) => Environment,
        OnceError::Engine(EngineError::Docker(in_vain())) => Environment,
    ]);
    check!("prune/observe.rs", PruneError, [
        PruneError::NotARegistry => Input,
        PruneError::Read { repository: repository(), source: missing().into() } => Environment,
        PruneError::Record { tag: "deployed-dev".parse().unwrap(), source: RecordError::Schema("x".to_owned()) } => Environment,
        PruneError::Deploying { environment: "dev".to_owned(), holder: "job".to_owned() } => Environment,
        PruneError::Delete { repository: repository(), digest: ManifestDigest::of(b""), source: missing().into() }
            => Environment,
    ]);
    check!("runs/error.rs", RunsError, [
        RunsError::NoSuchRun { number: 1, kept: None } => Input,
        RunsError::Read { path: "/a".into(), source: io() } => Environment,
        RunsError::Write { path: "/a".into(), source: io() } => Environment,
        RunsError::Content { path: "/a".into(), source: no_json() } => Environment,
    ]);
    check!("git/lfs.rs", LfsError, [
        LfsError::Git(no_git()) => Environment,
        LfsError::Missing {
            path: path(),
            oid: "0".repeat(64).parse().unwrap(),
            size: 0,
            command: String::new(),
            source: io().into(),
        } => Environment,
        LfsError::Extensions { path: path() } => Input,
        LfsError::Store { file: "/a".into(), source: io() } => Environment,
    ]);
    check!("git/submodule_files.rs", SubmoduleError, [
        SubmoduleError::Missing {
            path: path(),
            trouble: "gone",
            command: String::new(),
            fetch: SubmoduleFetch::NotAsked,
        } => Environment,
        SubmoduleError::Fetch { path: path(), source: no_git() } => Environment,
        SubmoduleError::TooDeep { path: path() } => Input,
        SubmoduleError::Read { path: path(), source: GitError::Conflicts } => Input,
        SubmoduleError::Lfs(LfsError::Extensions { path: path() }) => Input,
    ]);
    check!("execute/prepare_error.rs", PrepareError, [
        PrepareError::Git(no_git()) => Environment,
        PrepareError::Context { project: project(), source: link() } => Input,
        PrepareError::Lfs { project: project(), source: Box::new(LfsError::Extensions { path: path() }) } => Input,
        PrepareError::Submodule { project: project(), source: SubmoduleError::TooDeep { path: path() } } => Input,
        PrepareError::DockerIgnore { file: path(), source: ignore_error() } => Input,
        PrepareError::Dockerfile { file: path(), source: DockerfileError::NoStage } => Input,
        PrepareError::Link { path: "/a".into(), source: io() } => Environment,
        PrepareError::LinkChanged { path: "/a".into() } => Environment,
        PrepareError::Frontend { project: project(), frontend: String::new() } => Input,
        PrepareError::LocalPlatform {
            project: project(),
            platform: Box::new("linux/amd64".parse().unwrap()),
            need: project(),
            of_need: Box::new("linux/arm64".parse().unwrap()),
        } => Input,
        PrepareError::Credentials(missing()) => Environment,
    ]);
    check!("secrets/error.rs", SecretError, [
        SecretError::AwsNotListed { secret: aws_secret() } => Input,
        SecretError::NoRegion { secret: aws_secret() } => Input,
        SecretError::NotInAws { secret: aws_secret() } => Input,
        SecretError::NotText { secret: aws_secret() } => Input,
        SecretError::Aws { secret: aws_secret(), source: unexpected() } => Environment,
        SecretError::NotBuiltIn { secret: aws_secret() } => Input,
        SecretError::Git(no_git()) => Environment,
        SecretError::NotSet { variable: "A".to_owned() } => Input,
        SecretError::NotListed { variable: "A".to_owned() } => Input,
        SecretError::NoWorkTree { path: path() } => Input,
        SecretError::NotThere { path: path() } => Input,
        SecretError::Tracked { path: path() } => Input,
        SecretError::GitFolder { path: path() } => Input,
        SecretError::Link { path: path() } => Input,
        SecretError::NotAFile { path: path() } => Input,
        SecretError::TooLarge { path: path() } => Input,
        SecretError::NotUtf8 { path: path() } => Input,
        SecretError::Read { path: path(), source: io() } => Environment,
    ]);
    check!("pipeline/mod.rs", PipelineError, [
        PipelineError::TooManyJobs { system: System::Buildkite, jobs: 2, max: 1 } => Input,
        PipelineError::TooLarge { system: System::GitLab, bytes: 2, max: 1 } => Input,
    ]);
    check!("continuation.rs", ContinueError, [
        ContinueError::NotAServer("x".to_owned()) => Input,
        ContinueError::Refused { server: String::new(), message: String::new() } => Input,
        ContinueError::Denied { server: String::new(), message: String::new() } => Environment,
        ContinueError::Unexpected { server: String::new(), status: 500, message: String::new() } => Environment,
        ContinueError::Unreachable { server: String::new(), source: "no".into() } => Environment,
    ]);
    check!("record.rs", RecordError, [
        RecordError::Json(serde_json::from_str::<u8>("x").unwrap_err()) => Environment,
        RecordError::Schema("x".to_owned()) => Environment,
        RecordError::Value("x".to_owned()) => Environment,
    ]);
}

#[test]
fn each_variant_of_an_engine_and_of_a_build_has_its_kind() {
    let refused = || DockerError::Refused { request: "build", status: 500, message: String::new() };
    let failed = || EngineError::BuildFailed { step: None, log_tail: Vec::new(), message: String::new() };
    let address = || Arc::new(DockerHost::default().into());
    let text = || "x".to_owned();
    check!("docker/address_error.rs", AddressError, [
        AddressError::Host { chosen_by: text(), source: "x".parse::<DockerHost>().unwrap_err() } => Input,
        AddressError::UnknownContext { name: text(), by: text(), known: Vec::new() } => Input,
        AddressError::NoEndpoint { name: text() } => Input,
        AddressError::NotAContext { path: "/a".into(), source: serde_json::from_str::<u8>("").unwrap_err() } => Input,
        AddressError::Read { path: "/a".into(), source: io() } => Environment,
        AddressError::Read { path: "/a".into(), source: io::ErrorKind::NotFound.into() } => Input,
        AddressError::Tls { folder: "/a".into(), source: TlsError::BadKey } => Input,
        AddressError::NoCertificates => Input,
        AddressError::Config(DockerConfigError::NotAConfig { path: "/a".into() }) => Environment,
    ]);
    let endpoint = || "unix:///a".parse::<BuilderEndpoint>().unwrap();
    let no_builder = || BuildKitError::Unreachable { endpoint: endpoint(), source: "no".into() };
    check!("buildkit/error.rs", BuildKitError, [
        BuildKitError::NotEncrypted { endpoint: endpoint() } => Input,
        BuildKitError::TlsWithoutTcp { endpoint: endpoint() } => Input,
        BuildKitError::Read { path: "/a".into(), source: io() } => Environment,
        BuildKitError::Read { path: "/a".into(), source: io::ErrorKind::NotFound.into() } => Input,
        BuildKitError::Tls { endpoint: endpoint(), source: Box::new(TlsError::BadKey) } => Input,
        no_builder() => Environment,
        BuildKitError::NotBuildKit { endpoint: endpoint(), message: text() } => Environment,
        BuildKitError::Silent { endpoint: endpoint(), seconds: 1 } => Environment,
        BuildKitError::Unexpected { endpoint: endpoint(), about: "x", source: "no".into() } => Environment,
    ]);
    check!("docker/mod.rs", DockerError, [
        DockerError::Unreachable { engine: address(), source: "no".into() } => Environment,
        DockerError::NotAnEngine { engine: address(), source: "no".into() } => Environment,
        DockerError::Broken { engine: address(), source: "no".into() } => Environment,
        DockerError::TooOld { engine: address(), api: "1.0".to_owned() } => Environment,
        refused() => Environment,
        DockerError::Unexpected { about: "itself", source: "no".into() } => Environment,
    ]);
    check!("engine/error.rs", EngineError, [
        EngineError::Docker(refused()) => Environment,
        EngineError::NoBuildKit { source: refused() } => Environment,
        EngineError::BuildKit(no_builder()) => Environment,
        EngineError::BuilderLost { builder: text(), step: None, source: no_builder().into() } => Environment,
        EngineError::BuilderCutOff { builder: text(), step: None, source: no_builder().into() } => Environment,
        EngineError::Stalled { builder: text(), after: Duration::ZERO } => Environment,
        EngineError::NoStage => Input,
        EngineError::Lost { step: None, source: refused() } => Environment,
        EngineError::BasePlatform { message: String::new() } => Failed,
        failed() => Failed,
        EngineError::PullFailed { host: String::new(), login: String::new(), source: failed().into() } => Failed,
        EngineError::FileName { path: path(), more: 0, source: failed().into() } => Failed,
        EngineError::Content(link().into()) => Input,
        EngineError::Login { host: String::new(), source: DockerConfigError::NotAConfig { path: "/a".into() } } => Environment,
        EngineError::ImagePull { image: image(), message: String::new() } => Failed,
        EngineError::PushFailed { image: image(), message: String::new(), is_final: false } => Failed,
    ]);
    check!("engine/content.rs", ContentError, [
        ContentError::Blob { git_dir: "/a".into(), source: no_git() } => Environment,
        ContentError::Vanished { path: "/a".into() } => Environment,
        ContentError::Changed { path: "/a".into() } => Environment,
        ContentError::Damaged { path: "/a".into() } => Environment,
        ContentError::NotAFile { path: "/a".into() } => Input,
        ContentError::Unreadable { path: "/a".into(), source: io() } => Environment,
        ContentError::Context(link()) => Input,
    ]);
    check!("engine/context.rs", ContextError, [
        ContextError::AbsoluteLink { link: path(), target: "/".to_owned() } => Input,
        ContextError::LinkLeaves { link: path(), target: "..".to_owned() } => Input,
        link() => Input,
    ]);
    check!("execute/record.rs", RecordingError, [
        RecordingError::Registry(missing()) => Environment,
        RecordingError::Content(RecordError::Value("x".to_owned())) => Environment,
        RecordingError::Before(ObserveError::Record(missing())) => Environment,
    ]);
}

#[test]
fn each_variant_of_a_registry_has_its_kind() {
    let digest = || ManifestDigest::of(b"");
    check!("aws.rs", AwsError, [
        AwsError::NoCredentials { source: "no".into() } => Environment,
        AwsError::CredentialsTimedOut { source_name: String::new(), after: Duration::ZERO } => Environment,
        AwsError::LoginSession => Environment,
        AwsError::AssumeRole { role: String::new(), base: String::new(), source: Box::new(unexpected()) } => Environment,
        AwsError::NoRegion => Input,
        AwsError::NoDualStack => Input,
        AwsError::NotBuiltIn => Input,
        AwsError::Expired { answer: String::new() } => Environment,
        AwsError::Denied { answer: String::new() } => Environment,
        AwsError::Throttled { answer: String::new() } => Environment,
        AwsError::Unavailable { answer: String::new() } => Environment,
        AwsError::Limit { answer: String::new() } => Environment,
        AwsError::Key { answer: String::new() } => Environment,
        AwsError::Invalid { answer: String::new() } => Input,
        AwsError::Unreachable { source: "no".into() } => Environment,
        unexpected() => Environment,
        AwsError::Request { source: "no".into() } => Environment,
        AwsError::HostNotAllowed { host: "x".to_owned() } => Input,
    ]);
    check!("docker/config.rs", DockerConfigError, [
        DockerConfigError::Unreadable { path: "/a".into(), source: io() } => Environment,
        DockerConfigError::NotAConfig { path: "/a".into() } => Environment,
        DockerConfigError::HelperFailed { helper: "x".to_owned(), output: String::new() } => Environment,
        DockerConfigError::NoHelper { path: "/a".into() } => Environment,
        DockerConfigError::MalformedHelper { path: "/a".into() } => Environment,
        DockerConfigError::Broken { path: "/a".into() } => Environment,
        DockerConfigError::Interrupted(cancelled()) => Interrupted,
    ]);
    check!("registry/credentials_error.rs", CredentialsError, [
        CredentialsError::DockerConfig(DockerConfigError::NotAConfig { path: "/a".into() }) => Environment,
        CredentialsError::Aws(unexpected()) => Environment,
    ]);
    check!("registry/error.rs", RegistryError, [
        RegistryError::Denied { image: image(), answer: answer(), login: Box::default() } => Environment,
        RegistryError::Throttled { image: image(), answer: answer(), retry_after: None } => Environment,
        RegistryError::Limit { image: image(), answer: answer() } => Environment,
        RegistryError::ImmutableTag { image: image(), answer: answer() } => Environment,
        RegistryError::NoRepository { repository: repository() } => Environment,
        RegistryError::Unavailable { image: image(), answer: answer(), retry_after: None } => Environment,
        RegistryError::Unreachable { image: image(), source: "no".into() } => Environment,
        RegistryError::NoDeletion { image: image(), answer: answer() } => Environment,
        RegistryError::Unexpected { image: image(), answer: answer() } => Environment,
        RegistryError::Malformed { image: image(), what: "x" } => Environment,
        RegistryError::DigestMismatch { image: image(), expected: digest(), actual: digest() } => Environment,
        RegistryError::OtherImage { image: image(), id: digest() } => Environment,
        RegistryError::BrokenLayer { image: image(), source: io() } => Environment,
        RegistryError::TemporaryFile(io()) => Environment,
        RegistryError::Renewed { image: image(), answer: answer() } => Environment,
        RegistryError::UploadLost { image: image(), answer: answer() } => Environment,
        RegistryError::UnknownRepository { image: image(), answer: answer() } => Environment,
        RegistryError::NotStored { image: image() } => Environment,
        RegistryError::TooSlow { image: image(), bytes: 1, period: std::time::Duration::from_secs(1) } => Environment,
        RegistryError::TooLarge { image: image(), limit_bytes: 1 } => Environment,
        missing() => Environment,
        RegistryError::UnsafeRealm { image: image(), realm: String::new() } => Environment,
        RegistryError::NotARegistry { repository: repository() } => Input,
        RegistryError::Credentials { host: host(), source: DockerConfigError::Interrupted(cancelled()).into() } => Interrupted,
        RegistryError::Host { host: host(), source: "no".into() } => Environment,
        RegistryError::Aws { doing: "x".to_owned(), source: unexpected() } => Environment,
        RegistryError::NotBuiltIn { registry: "x".to_owned() } => Input,
        RegistryError::Engine { image: image(), source: "no".into() } => Environment,
        RegistryError::Name("?".parse::<ImageRef>().unwrap_err()) => Input,
    ]);
}

fn ci_variable() -> InvalidCiVariable {
    let variable = |name: &str| (name == "CHINAMPA_PULL_REQUEST").then(|| "#1".to_owned());
    let environment = CiEnvironment { variable: &variable, file: &|_| None };
    let commit = CheckedOut { commit: commit(), parents: &[], branch: None };
    CiContext::read(environment).about(commit).unwrap_err()
}

#[test]
fn each_variant_of_a_deployment_has_its_kind() {
    let failed = || ProgramError::Failed {
        program: "terraform".to_owned(),
        status: ExitStatus::from_raw(256),
        log_tail: Vec::new(),
    };
    let start = || ProgramError::Start { program: "terraform".to_owned(), source: io() };
    let step = |source| TerraformError::Step { folder: path(), step: TerraformStep::Plan, source };
    let service = || "service".to_owned();
    check!("deploy/checkout.rs", CheckoutError, [
        CheckoutError::Git(no_git()) => Environment,
        CheckoutError::Write { path: path(), source: io() } => Environment,
        CheckoutError::GitFolder { path: path() } => Input,
        CheckoutError::Twice { path: path() } => Input,
        CheckoutError::Link { folder: path(), source: link() } => Input,
    ]);
    check!("deploy/gate.rs", GateError, [
        GateError::NotAllowed {
            environment: environment(),
            commit: commit(),
            taken: String::new(),
            found: String::new(),
        } => Failed,
        GateError::GoesBack { environment: environment(), deployed: commit(), commit: commit() } => Failed,
        GateError::HistoryCut { environment: environment(), deployed: commit(), commit: commit() } => Failed,
        GateError::NotBuilt { commit: commit(), missing: BTreeSet::new() } => Failed,
        GateError::NoService { project: project(), service: service() } => Failed,
        GateError::NotAttested { environment: environment(), refused: Vec::new() } => Failed,
    ]);
    check!("deploy/lock_error.rs", LockError, [
        LockError::Registry { environment: environment(), source: missing() } => Environment,
        held() => Environment,
        LockError::InUse { environment: environment(), holder: holder() } => Environment,
        LockError::TakenAway { environment: environment() } => Environment,
        LockError::Expired {
            environment: environment(),
            silence: std::time::Duration::from_secs(1),
        } => Environment,
        LockError::Interrupted => Interrupted,
    ]);
    check!("program.rs", ProgramError, [
        start() => Environment,
        ProgramError::Follow { program: "terraform".to_owned(), source: io() } => Environment,
        ProgramError::TooMuch { program: "syft".to_owned(), limit_bytes: 1 } => Failed,
        failed() => Failed,
        ProgramError::TimedOut {
            program: "helm".to_owned(),
            timeout: std::time::Duration::from_secs(1),
            log_tail: Vec::new(),
        } => Failed,
    ]);
    let sbom = crate::model::AttestationKind::Sbom;
    check!("attest/error.rs", AttestError, [
        AttestError::NotARegistry => Input,
        AttestError::Read { image: image(), source: Box::new(missing()) } => Environment,
        AttestError::Store { kind: sbom, image: image(), source: Box::new(missing()) } => Environment,
        AttestError::Login(Box::new(missing())) => Environment,
        AttestError::LoginFile(io()) => Environment,
        AttestError::Program { kind: sbom, image: image(), source: Box::new(start()) } => Failed,
        AttestError::Verify { image: image(), source: Box::new(start()) } => Environment,
        AttestError::NoSbom { program: "syft".to_owned() } => Failed,
    ]);
    check!("deploy/error.rs", ProjectError, [
        ProjectError::Terraform(step(failed())) => Failed,
        ProjectError::Service(ServiceError::NoRegion { service: service() }) => Input,
    ]);
    check!("deploy/error.rs", DeployError, [
        DeployError::NoDeployRegistry => Input,
        DeployError::UnknownEnvironment { name: environment(), known: Vec::new() } => Input,
        DeployError::EnvironmentName("/".parse::<EnvironmentName>().unwrap_err()) => Input,
        DeployError::NeverDeployed { project: project() } => Input,
        DeployError::NothingDeployed { environment: environment() } => Input,
        DeployError::Gate(GateError::NotBuilt { commit: commit(), missing: BTreeSet::new() }) => Failed,
        DeployError::Attest(AttestError::NotARegistry) => Input,
        DeployError::Lock(held()) => Environment,
        DeployError::Lock(LockError::Interrupted) => Interrupted,
        DeployError::Git(no_git()) => Environment,
        DeployError::Name("?".parse::<ImageRef>().unwrap_err()) => Input,
        DeployError::Registry(missing()) => Environment,
        DeployError::Record(RecordError::Schema(String::new())) => Environment,
        DeployError::Terraform(step(failed())) => Failed,
        DeployError::Plan { project: project(), source: ProjectError::Terraform(step(start())) } => Environment,
        DeployError::RecordChanged { environment: environment() } => Environment,
        DeployError::WriteRecord { environment: environment(), source: missing() } => Environment,
    ]);
    check!("deploy/validate.rs", ValidateError, [
        ValidateError::Invalid { project: project(), source: step(failed()) } => Failed,
        ValidateError::Invalid { project: project(), source: step(start()) } => Environment,
        ValidateError::Terraform(TerraformError::NoFolder { folder: path() }) => Input,
        ValidateError::Remove { path: "/a".into(), source: io() } => Environment,
    ]);
    check!("deploy/services/mod.rs", ServiceError, [
        ServiceError::NoRegion { service: service() } => Input,
        ServiceError::NotBuiltIn { service: "x" } => Input,
        ServiceError::Aws { action: "update", service: service(), source: unexpected() } => Environment,
        ServiceError::Rejected {
            action: "update",
            service: service(),
            source: Rejection::Invalid { answer: String::new() },
        } => Failed,
        ServiceError::NotThere { service: service(), detail: String::new() } => Failed,
        ServiceError::WhichContainer {
            service: service(),
            repository: repository(),
            containers: String::new(),
        } => Input,
        ServiceError::Unsuitable { service: service(), reason: String::new() } => Input,
        ServiceError::Refused { service: service(), reason: String::new() } => Failed,
        ServiceError::TimedOut {
            service: service(),
            timeout: std::time::Duration::from_secs(1),
            state: String::new(),
        } => Failed,
        ServiceError::TaskFailed { task: service(), reason: String::new() } => Failed,
        ServiceError::Program(start()) => Environment,
    ]);
    check!("deploy/services/rejection.rs", Rejection, [
        Rejection::Limit { answer: String::new() } => Environment,
        Rejection::Conflict { answer: String::new() } => Environment,
        Rejection::Invalid { answer: String::new() } => Failed,
    ]);
    check!("deploy/terraform_error.rs", TerraformError, [
        TerraformError::Git(no_git()) => Environment,
        TerraformError::Checkout(CheckoutError::GitFolder { path: path() }) => Input,
        TerraformError::Install(InstallError::Platform { os: "x", architecture: "y" }) => Environment,
        TerraformError::NoFolder { folder: path() } => Input,
        TerraformError::SharedFolder {
            folder: path(),
            owners: Box::new([(project(), String::new()), (project(), String::new())]),
        } => Input,
        TerraformError::NoBackend { folder: path(), kind: None } => Input,
        TerraformError::Credentials(unexpected()) => Environment,
        TerraformError::Interrupted { folder: path() } => Interrupted,
        step(failed()) => Failed,
        step(start()) => Environment,
    ]);
    check!("deploy/install_error.rs", InstallError, [
        InstallError::NotFound { name: "tofu".into() } => Input,
        InstallError::Platform { os: "x", architecture: "y" } => Environment,
        InstallError::Download { url: "x".to_owned(), source: not_a_url() } => Environment,
        InstallError::Status { url: "x".to_owned(), status: reqwest::StatusCode::NOT_FOUND } => Environment,
        InstallError::TooLong { url: "x".to_owned(), most: 1 } => Environment,
        InstallError::NoSum { url: "x".to_owned(), archive: "y".to_owned() } => Environment,
        InstallError::WrongSum {
            url: "x".to_owned(),
            found: String::new(),
            expected: String::new(),
        } => Environment,
        InstallError::Unpack { url: "x".to_owned(), reason: String::new() } => Environment,
        InstallError::Write { path: "/a".into(), source: io() } => Environment,
    ]);
}

#[test]
fn each_variant_of_a_pinned_image_has_the_kind_of_what_went_wrong() {
    let image = || Box::new("node:22".parse().unwrap());
    let place = || "api/Dockerfile:1".to_owned();
    check!("pins/error.rs", PinError, [
        PinError::NoLockFile => Input,
        PinError::NotUsed { image: "node".parse().unwrap() } => Input,
        PinError::NotThere { image: image(), place: place() } => Input,
        PinError::Gone { image: image() } => Environment,
        PinError::NoPlatform {
            image: image(),
            platform: Box::new("linux/arm64".parse().unwrap()),
            place: place(),
        } => Input,
        PinError::Registry { image: image(), source: missing() } => Environment,
    ]);
}

#[test]
fn each_variant_of_a_command_has_the_kind_of_what_went_wrong() {
    let terraform = || TerraformError::NoFolder { folder: path() };
    check!("error.rs", Error, [
        Error::Git(no_git()) => Environment,
        Error::Workspace(WorkspaceError::NoManifest) => Input,
        Error::Inputs(InputsError::NoWorkTree { project: project() }) => Input,
        Error::Pipeline(PipelineError::TooManyJobs { system: System::Buildkite, jobs: 2, max: 1 }) => Input,
        Error::Continue(ContinueError::NotAServer("x".to_owned())) => Input,
        Error::NoContinuationKey => Input,
        Error::Watch(WatchError::Bare) => Input,
        Error::Prune(PruneError::NotARegistry) => Input,
        Error::Platform(PlatformError {
            at: "projects.toml:9".to_owned(), project: project(), platform: Box::new("linux/arm64".parse().unwrap()),
            need: project(), need_at: "projects.toml:1".to_owned()
        }) => Input,
        Error::DiffInPipeline => Input,
        Error::ManifestOutside { path: "a".to_owned() } => Input,
        Error::NothingToCheck => Input,
        Error::ImageDetail { projects: 2 } => Input,
        Error::StarterExists { path: "a" } => Input,
        Error::Init(InitError::AlreadyThere { path: path() }) => Input,
        Error::Observe(ObserveError::Record(missing())) => Environment,
        Error::Prepare(PrepareError::Link { path: "/a".into(), source: io() }) => Environment,
        Error::Registry(missing()) => Environment,
        Error::Engine(EngineError::NoStage) => Input,
        Error::Builders(BuilderConfig::list("x").unwrap_err()) => Input,
        Error::Tool { variable: "CHINAMPA_SIGN", source: Tool::parse(Purpose::Sign, "").unwrap_err() } => Input,
        Error::AttestationKinds("x".parse::<crate::model::AttestationKind>().unwrap_err()) => Input,
        Error::Attest(AttestError::NotARegistry) => Input,
        Error::BuildKit(BuildKitError::NotEncrypted { endpoint: "tcp://a:1".parse().unwrap() }) => Input,
        Error::NoBuilder { reasons: Vec::new() } => Environment,
        Error::Docker(DockerError::Unexpected { about: "itself", source: "no".into() }) => Environment,
        Error::EngineAddress(AddressError::NoCertificates) => Input,
        Error::Pattern { pattern: "[".to_owned(), source: "no".into() } => Input,
        Error::Image("?".parse::<ImageRef>().unwrap_err()) => Input,
        Error::Recording(missing().into()) => Environment,
        Error::RecordContent(RecordError::Schema(String::new())) => Environment,
        Error::UnknownProject { name: "x".to_owned(), similar: None } => Input,
        Error::NoProjectHere { folder: "x".to_owned() } => Input,
        Error::Read { path: "/a".into(), source: io::ErrorKind::NotFound.into() } => Input,
        Error::Read { path: "/a".into(), source: io() } => Environment,
        Error::Write { path: "/a".into(), source: io() } => Environment,
        Error::PipelineWithoutClone { folder: "/a".into() } => Input,
        Error::Secrets(secret(SecretError::Link { path: path() })) => Input,
        Error::SshAgent { project: project(), source: SshAgentError::NotSet } => Environment,
        Error::DirtyInCi => Input,
        Error::DirtyPush { host: "x".to_owned() } => Input,
        Error::NothingToCompare { why: "x" } => Input,
        Error::Install(InstallError::Platform { os: "x", architecture: "y" }) => Environment,
        Error::Mirror("x".parse::<crate::deploy::Mirror>().unwrap_err()) => Input,
        Error::NoCacheFolder => Input,
        Error::NoSuchRegion("us-east-2".parse().unwrap()) => Input,
        Error::NoHost(*image()) => Input,
        Error::ChosenDigest(*image()) => Input,
        Error::Deploy(DeployError::NoDeployRegistry) => Input,
        Error::Validate(ValidateError::Terraform(terraform())) => Input,
        Error::SameVariable { variable: String::new(), projects: [project(), project()] } => Input,
        Error::CiVariable(ci_variable()) => Input,
        Error::Lease { variable: "CHINAMPA_LOCK_LEASE", reason: String::new() } => Input,
        Error::Shard { why: "" } => Input,
        Error::NoLocalNames { why: String::new() } => Input,
        Error::NotPulled { option: "--imagedetail" } => Input,
        Error::NoRun => Input,
        Error::DirectiveRepository("x".to_owned()) => Input,
        Error::Untrusted { action: "deploy", why: String::new() } => Failed,
        Error::AllowedHosts("?".parse::<ImageRef>().unwrap_err()) => Input,
        Error::RegistryLogins(InvalidLogins::Entry(1)) => Input,
        Error::NoLogin { host: host(), variable: "X".to_owned() } => Input,
        Error::AwsRegion("?".parse::<Region>().unwrap_err()) => Input,
        Error::Pin(PinError::NoLockFile) => Input,
        Error::LockOfCommit { revision: String::new() } => Input,
        Error::Permissions(PermissionsError::NoTrust) => Input,
        Error::Lint(LintError::Git(no_git())) => Environment,
        Error::Fix(WriteError::Differs { file: "a".to_owned() }) => Input,
        Error::Simulate(SimulateError::Git(no_git())) => Environment,
        Error::Runs(RunsError::NoSuchRun { number: 1, kept: None }) => Input,
        Error::Once(OnceError::NoImage { project: project() }) => Failed,
        Error::NoInput { pattern: "x".to_owned() } => Input,
        Error::NoWorkTree => Input,
        Error::Start(io()) => Environment,
        Error::Answer(io()) => Environment,
    ]);
}

fn no_json() -> serde_json::Error {
    serde_json::from_str::<u8>("").unwrap_err()
}

fn held() -> LockError {
    LockError::Held { environment: environment(), holder: holder() }
}

fn holder() -> Claim {
    let now = crate::model::Timestamp::from_millis(0);
    let lease = std::time::Duration::from_secs(1);
    Claim { commit: String::new(), by: String::new(), begun: now, renewed: now, lease }
}

fn secret(source: SecretError) -> SecretsError {
    SecretsError { project: project(), id: "npmrc".to_owned(), source: Box::new(source) }
}

fn environment() -> EnvironmentName {
    "dev".parse().unwrap()
}

/// What a task of the runtime ends with that was not let finish.
fn cancelled() -> tokio::task::JoinError {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let task = tokio::spawn(std::future::pending::<()>());
        task.abort();
        task.await.unwrap_err()
    })
}

fn not_a_url() -> reqwest::Error {
    crate::tls::http_client().build().unwrap().get("not a URL").build().unwrap_err()
}
