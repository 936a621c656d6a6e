//! The values of a project's secrets, for the one run that builds it.
//!
//! The manifest says where a secret comes from, and a manifest can come from anybody who may propose a change. So work that isn't
//! trusted gets none; the environment of the process can list which of its variables and which secrets of AWS may be read; and a file is opened beneath the
//! work tree without following a link, must not be git's own, and must not be in the commit: what a commit
//! holds is no secret, and would reach the image past the input digest.

#[cfg(feature = "_aws")]
mod aws;
#[cfg(not(feature = "_aws"))]
#[path = "without_aws.rs"]
mod aws;
mod error;
mod open;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::os::fd::AsFd as _;

use rustix::io::Errno;

pub use self::aws::AwsSecrets;
pub use self::error::{SecretError, SecretsError};

use self::open::open_beneath;
use crate::config::{AwsSecret, SecretSource};
use crate::git::{EntryKind, GitError, Snapshot};
use crate::model::{ProjectName, RepoPath, Secret};

/// BuildKit takes no larger ones.
const MAX_BYTES: u64 = 500 * 1024;

/// Which secrets a run may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretAccess {
    /// None: whoever wrote what is built is not trusted. Steps that can do without them run.
    Denied,
    /// Files, and the variables of these names. Secrets of AWS are listed as `aws-secrets-manager:<name>` and `aws-ssm:<name>`.
    Listed(BTreeSet<String>),
    /// Files, every variable, and every secret of AWS.
    All,
}

impl SecretAccess {
    /// `listed` has names with commas or spaces between them; `None` stands for all.
    pub fn new(is_trusted: bool, listed: Option<&str>) -> Self {
        let separates = |character: char| character == ',' || character.is_whitespace();
        let names =
            |text: &str| text.split(separates).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        match (is_trusted, listed) {
            (false, _) => Self::Denied,
            (true, Some(listed)) => Self::Listed(names(listed)),
            (true, None) => Self::All,
        }
    }

    fn allows(&self, name: &str) -> bool {
        match self {
            Self::Denied => false,
            Self::Listed(names) => names.contains(name),
            Self::All => true,
        }
    }

    fn allows_aws(&self, secret: &AwsSecret) -> bool {
        self.allows(&secret.listed())
    }
}

/// Reads secrets for what is built from a snapshot.
pub struct SecretReader<'s> {
    pub access: SecretAccess,
    /// The value of a variable of the environment; `None` when it is not set.
    pub variable: &'s dyn Fn(&str) -> Option<Secret>,
    pub snapshot: &'s Snapshot<'s>,
    pub aws: AwsSecrets,
}

impl std::fmt::Debug for SecretReader<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SecretReader").field("access", &self.access).finish_non_exhaustive()
    }
}

impl SecretReader<'_> {
    /// The values of a project's secrets, by their ids; none at all where access is denied.
    ///
    /// # Errors
    /// [`SecretsError`] for the first that can't be used.
    pub async fn read(
        &mut self,
        project: &ProjectName,
        sources: &BTreeMap<String, SecretSource>,
    ) -> Result<BTreeMap<String, Secret>, SecretsError> {
        let mut values = BTreeMap::new();
        if self.access == SecretAccess::Denied {
            return Ok(values);
        }
        for (id, source) in sources {
            let value = self.value(source).await.map_err(|source| SecretsError {
                project: project.clone(),
                id: id.clone(),
                source: Box::new(source),
            })?;
            values.insert(id.clone(), value);
        }
        Ok(values)
    }

    async fn value(&mut self, source: &SecretSource) -> Result<Secret, SecretError> {
        match source {
            SecretSource::Aws(secret) if !self.access.allows_aws(secret) => {
                Err(SecretError::AwsNotListed { secret: secret.clone() })
            }
            SecretSource::Aws(secret) => self.aws.value(secret).await,
            SecretSource::Env(variable) if !self.access.allows(variable) => {
                Err(SecretError::NotListed { variable: variable.clone() })
            }
            SecretSource::Env(variable) => {
                (self.variable)(variable).ok_or_else(|| SecretError::NotSet { variable: variable.clone() })
            }
            SecretSource::File(path) => self.file(path),
        }
    }

    fn file(&self, path: &RepoPath) -> Result<Secret, SecretError> {
        if path.components().any(|name| name.eq_ignore_ascii_case(b".git")) {
            return Err(SecretError::GitFolder { path: path.clone() });
        }
        if self.is_tracked(path)? {
            return Err(SecretError::Tracked { path: path.clone() });
        }
        let Some(work_tree) = self.snapshot.repository().work_dir() else {
            return Err(SecretError::NoWorkTree { path: path.clone() });
        };
        let read = |source| SecretError::Read { path: path.clone(), source };
        let opened = open_beneath(File::open(work_tree).map_err(read)?.as_fd(), path);
        let file = match opened {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Err(SecretError::NotThere { path: path.clone() }),
            Err(Errno::LOOP | Errno::XDEV) => return Err(SecretError::Link { path: path.clone() }),
            Err(Errno::NOTDIR | Errno::NXIO) => return Err(SecretError::NotAFile { path: path.clone() }),
            Err(error) => return Err(read(error.into())),
        };
        if !file.metadata().map_err(read)?.is_file() {
            return Err(SecretError::NotAFile { path: path.clone() });
        }
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(read)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(SecretError::TooLarge { path: path.clone() });
        }
        let text = String::from_utf8(bytes).map_err(|_| SecretError::NotUtf8 { path: path.clone() })?;
        Ok(Secret::new(text))
    }

    /// Whether the path, or one that it is below, is a file, a link or a submodule of the snapshot.
    fn is_tracked(&self, path: &RepoPath) -> Result<bool, GitError> {
        let mut path = Some(path.clone());
        while let Some(here) = path.filter(|path| !path.is_root()) {
            match self.snapshot.entry(&here)?.map(|entry| entry.kind) {
                Some(EntryKind::File(_)) => return Ok(true),
                Some(EntryKind::Folder) => return Ok(false),
                None => path = here.parent(),
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::AwsSecretService;

    #[test]
    fn a_secret_of_aws_is_listed_with_its_service() {
        let ssm = AwsSecret::new(AwsSecretService::ParameterStore, "/npm").unwrap();
        let allows = |listed| SecretAccess::new(true, listed).allows_aws(&ssm);

        assert!(allows(None) && allows(Some("A,aws-ssm:/npm")));
        assert!(!allows(Some("A")) && !allows(Some("/npm aws-secrets-manager:/npm")));
        assert!(!SecretAccess::new(false, None).allows_aws(&ssm));
    }

    #[test]
    fn only_trusted_work_reads_variables_and_only_those_that_are_listed() {
        let allows =
            |is_trusted, listed, variable: &str| SecretAccess::new(is_trusted, listed).allows(variable);

        assert!(allows(true, None, "NPMRC"));
        assert!(allows(true, Some("A, NPMRC\tB"), "NPMRC"));
        assert!(!allows(true, Some("A,NPMRC_"), "NPMRC"));
        assert!(!allows(true, Some(""), "NPMRC"));
        assert!(!allows(false, None, "NPMRC"));
        assert!(!allows(false, Some("NPMRC"), "NPMRC"));
    }
}
