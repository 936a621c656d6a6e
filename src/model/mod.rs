//! Values that are checked when they are made. No I/O.
//!
//! After parsing, the type is the proof: nothing here is validated twice.

mod attestation;
mod builder_endpoint;
mod change;
mod context_name;
mod digest;
mod ecr_host;
mod error_kind;
mod fingerprint;
mod git;
mod identity;
mod image;
mod image_error;
mod image_name;
mod name;
mod partition;
mod path;
mod platform;
mod printable;
mod random;
mod region;
mod registry_logins;
mod secret;
mod tag;
mod timestamp;

pub use attestation::{AttestationKind, UnknownAttestation};
pub use builder_endpoint::{BuilderEndpoint, TlsFiles};
pub use change::{Change, ChangeKind, ChangedEntry};
pub use context_name::ContextName;
pub use digest::{ContentDigest, InputDigest, ManifestDigest};
pub use ecr_host::{EcrHost, EcrNetwork};
pub use error_kind::ErrorKind;
pub use fingerprint::{Fingerprint, Fingerprinter};
pub use git::{BranchName, CommitId, FileMode, ObjectFormat, ObjectId};
pub use identity::{AssumedRole, AwsIdentity, RoleArn, aws_account};
pub use image::{Host, ImageRef, RepositoryName};
pub use image_error::InvalidImageRef;
pub use image_name::{ImageName, ImagePattern, ImagePrefix, TaggedImage};
pub use name::{InvalidName, ProjectName, StageName};
pub use partition::Partition;
pub use path::RepoPath;
pub use platform::Platform;
pub use printable::{excerpt, printable, printable_json, printable_lines, printable_log};
pub use random::random_bits;
pub use region::{InvalidRegion, Region};
pub use registry_logins::{InvalidLogins, LoginVariables, RegistryLogins, is_variable_name};
pub use secret::{Credentials, Login, Secret};
pub use tag::Tag;
pub use timestamp::Timestamp;
