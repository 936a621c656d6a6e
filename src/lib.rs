//! Builds the container images of a monorepo, and only those whose inputs changed.
//!
//! ```text
//! config ─► git ─► observe ─► plan ─► execute ─► report
//! (toml)   (trees)  (reads)   (pure)   (writes)   (events)
//! ```
//!
//! A subcommand is a prefix of that line. Planning asks nothing, because observing has asked;
//! executing decides nothing, because the plan has decided. Only `cli` reads the environment and
//! writes to standard output and standard error. Imports go towards `model` only; `tests/layers`
//! holds the table.

mod attest;
mod aws;
mod buildkit;
mod ci;
mod cli;
mod config;
mod continuation;
mod deploy;
mod dns;
mod docker;
mod dockerfile;
mod dockerignore;
mod engine;
mod error;
mod execute;
mod exit;
mod git;
mod graph;
mod infer;
mod init;
mod inputs;
mod interruption;
mod lease;
mod lint;
mod model;
mod observe;
mod once;
mod patterns;
mod permissions;
mod pins;
mod pipeline;
mod plan;
mod program;
mod prune;
mod record;
mod registry;
mod report;
mod runs;
mod secrets;
mod simulate;
mod tls;
mod watch;
mod workspace;

pub use cli::main;

/// What the tests, the benchmarks and the fuzz targets use besides the program, and nothing else: no interface, it changes
/// with the program. All that isn't here is private to the crate, so that the compiler says what nobody uses.
#[doc(hidden)]
pub mod internals {
    pub mod bake {
        pub use crate::init::bake::{Bake, BakeFile, Secret, Target, Text, Unknown};
    }

    pub mod ci {
        pub use crate::ci::{CheckedOut, CiContext, CiEnvironment, CommitContext};
    }

    pub mod config {
        pub use crate::config::{
            CiConfig, CiJob, ContextSource, EnvironmentName, EnvironmentRule, LockFile, LockedImage,
            Manifest, ManifestErrors, SecretSource, Service, ServiceConfig, Strategy, parse,
        };
    }

    pub mod deploy {
        pub use crate::deploy::{
            Apply, Backend, BuiltProject, Checkout, CheckoutError, Creates, DEFAULT_LEASE, DeployError,
            DeployReport, DeployRequest, Deployment, Endpoints, EnvironmentLock, History, LockClaims,
            LockError, LockRequest, Operations, ProjectDeployment, ProjectError, ProjectRequest,
            ServiceError, ServiceState, Terraform, TerraformError, TerraformEvent, TerraformFolder,
            TerraformProgram, TerraformRoot, ValidateError, Validated, Validation, candidate, deploy,
            relation, terraform_folders, validate_terraform,
        };

        pub mod gate {
            pub use crate::deploy::gate::{Candidate, Relation, Rollback};
        }
    }

    pub mod docker {
        pub use crate::docker::{
            AddressError, Docker, DockerError, DockerHost, EngineAddress, EngineSettings,
        };
    }

    pub mod dockerfile {
        pub use crate::dockerfile::{Dockerfile, DockerfileError, Instruction};
    }

    pub mod engine {
        pub use crate::engine::{
            Assignment, BuildFiles, BuildRequest, Built, Content, ContentError, Context, ContextFile,
            ContextReuse, DockerEngine, Engine, EngineError, FileIdentity, FileVersion, InlineCacheFault,
            LoginSource, Logins, Progress, SshAgent, Stamp, Step, Table, seal,
        };
    }

    pub mod execute {
        pub use crate::execute::{
            Backend, BuildReport, Builder, BuilderLoad, BuilderPool, Candidate, Choice, Destination,
            Durations, Event, ExecuteError, Executor, Forecast, Job, LayerCache, Outcome, Pins, PoolMember,
            Publication, PublishEvent, Published, Spot, Tags, Task, TaskVariant, Work, choose, urgencies,
        };
    }

    pub mod git {
        pub use crate::git::{Blobs, EntryKind, Filters, RawEntry, Repository, Snapshot, tree_entries};
    }

    pub mod graph {
        pub use crate::graph::ProjectGraph;
    }

    pub mod infer {
        pub use crate::infer::{Source, lines, sources};
    }

    pub mod init {
        pub use crate::init::{
            Build, Existing, Ignored, NamedContext, Proposal, Request, SecretFrom, compose_builds, propose,
            workspace_name,
        };
    }

    pub mod inputs {
        pub use crate::inputs::{InputContent, InputFiles, InputIndex, TakenBy, digests, files};
    }

    pub mod interruption {
        pub use crate::interruption::Interruption;
    }

    pub mod lease {
        pub use crate::lease::{ClaimId, Clock, SystemClock};
    }

    pub mod lint {
        pub use crate::lint::{Code, Edit, Finding, check, write};
    }

    pub mod model {
        pub use crate::model::{
            AttestationKind, BranchName, Change, ChangeKind, ChangedEntry, CommitId, Credentials, ErrorKind,
            FileMode, Fingerprint, Fingerprinter, Host, ImageRef, InputDigest, Login, ManifestDigest,
            ObjectFormat, ObjectId, Platform, ProjectName, RepoPath, RepositoryName, Secret, Tag,
            TaggedImage, Timestamp,
        };
    }

    pub mod observe {
        pub use crate::observe::{
            Base, BuildRecords, Changes, ForcedBy, Image, Observations, Observed, Reason, direct_changes,
        };
    }

    pub mod patterns {
        pub use crate::patterns::{Index, PathSet, Pattern, Patterns};
    }

    pub mod pipeline {
        pub use crate::pipeline::{
            Deployment, Generated, Pipeline, PipelineError, Reference, Rendered, Request, Setup, Trusted,
            Work,
        };

        pub mod github {
            pub use crate::pipeline::github::{Triggers, Workflow};
        }
    }

    pub mod plan {
        pub use crate::plan::{Action, Forced, Impact, Plan, ProjectImpact, impact, make};
    }

    pub mod record {
        pub use crate::record::{DeployedRecord, ProjectState};
    }

    pub mod registry {
        pub use crate::registry::{
            Attestation, AttestationDocument, CredentialsSource, EngineStore, OciRegistry, Registry,
            RegistryError, RepositoryChange, RetryPolicy, Storage, UsedLogin,
        };

        pub mod copy {
            pub use crate::registry::copy::{Copied, Copies, Endpoint, image};
        }
    }

    pub mod report {
        pub use crate::report::live::Live;
    }

    pub mod simulate {
        pub use crate::simulate::{LineCost, Simulation, run};
    }

    pub mod workspace {
        pub use crate::workspace::{ManifestSource, Project, Workspace};
    }
}
