//! What the environment says. Nothing else reads it.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::attest::{Purpose, Tool};
use crate::aws::{AllowedHosts, CredentialProviders};
use crate::ci::{CiContext, CiEnvironment, Trust};
use crate::deploy::{DEFAULT_LEASE, TerraformProgram};
use crate::docker::{EngineAddress, EngineSettings};
use crate::error::Error;
use crate::execute::CLAIM_LEASE;
use crate::git::{Configuration, GitError};
use crate::lease::MIN_LEASE;
use crate::model::{AttestationKind, Credentials, Host, LoginVariables, Region, RegistryLogins, Secret};
use crate::report::ci_log::CiLog;
use crate::secrets::SecretAccess;

/// The login for a registry in variables.
pub(super) enum NamedLogin {
    /// No variables are named for it.
    None,
    Known(Credentials),
    /// The variables that are named are not there, as in a run of a fork.
    Withheld,
}

pub(super) struct Environment {
    /// `CHINAMPA_BASE`
    pub(super) base: Option<String>,
    /// `CHINAMPA_TERRAFORM_MIRROR`
    pub(super) terraform_mirror: Option<String>,
    /// What the CI says, and what is said in its place.
    pub(super) ci: CiContext,
    /// Credentials for AWS, which the SDK finds there when they are first needed.
    pub(super) aws: CredentialProviders,
}

impl Environment {
    pub(super) fn read() -> Self {
        let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let ci = CiContext::read(CiEnvironment {
            variable: &|name| env::var(name).ok(),
            file: &|path| {
                std::fs::read_to_string(path)
                    .inspect_err(|error| tracing::info!(path, %error, "a file of the CI can't be read"))
                    .ok()
            },
        });
        Self {
            base: set("CHINAMPA_BASE"),
            terraform_mirror: set("CHINAMPA_TERRAFORM_MIRROR"),
            aws: CredentialProviders::new(&who(&ci)),
            ci,
        }
    }

    /// What git's configuration is, besides the usual files.
    ///
    /// # Errors
    /// [`GitError::Settings`] when variables of git are not as git takes them.
    pub(super) fn git_configuration(&self) -> Result<Arc<Configuration>, GitError> {
        Ok(Arc::new(Configuration::read(&|name| env::var_os(name))?))
    }

    /// Refuses what an untrusted run may not do.
    ///
    /// # Errors
    /// [`Error::Untrusted`]
    pub(super) fn check_trust(&self, action: &'static str) -> Result<(), Error> {
        match self.ci.trust() {
            Trust::Trusted => Ok(()),
            Trust::Untrusted { why } => Err(Error::Untrusted { action, why }),
        }
    }

    /// The engine that the docker CLI would use.
    ///
    /// # Errors
    /// [`Error::EngineAddress`] when variables, contexts or certificates can't be used.
    pub(super) fn engine(&self) -> Result<EngineAddress, Error> {
        let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        let folder = |name: &str| env::var_os(name).filter(|folder| !folder.is_empty()).map(PathBuf::from);
        let settings = EngineSettings {
            host: env::var("DOCKER_HOST").ok(),
            context: env::var("DOCKER_CONTEXT").ok(),
            tls_verify: is_set("DOCKER_TLS_VERIFY"),
            tls: is_set("DOCKER_TLS"),
            certificates: folder("DOCKER_CERT_PATH"),
            config: self.docker_config().and_then(|file| Some(file.parent()?.to_owned())),
            runtime: folder("XDG_RUNTIME_DIR"),
        };
        Ok(EngineAddress::choose(&settings)?)
    }

    /// The hosts that AWS's credentials may go to besides AWS's own: `CHINAMPA_ALLOWED_HOSTS`.
    ///
    /// # Errors
    /// [`Error::AllowedHosts`] when it lists something else.
    pub(super) fn allowed_hosts(&self) -> Result<AllowedHosts, Error> {
        env::var("CHINAMPA_ALLOWED_HOSTS").unwrap_or_default().parse().map_err(Error::AllowedHosts)
    }

    /// The builders that are used instead of those of the manifest: `CHINAMPA_BUILDERS`.
    pub(super) fn builders(&self) -> Option<String> {
        env::var("CHINAMPA_BUILDERS").ok().filter(|builders| !builders.trim().is_empty())
    }

    /// Docker's configuration file: in `DOCKER_CONFIG`, else in `~/.docker`.
    pub(super) fn docker_config(&self) -> Option<PathBuf> {
        let folder = match env::var_os("DOCKER_CONFIG") {
            Some(folder) if !folder.is_empty() => PathBuf::from(folder),
            _ => Path::new(&env::var_os("HOME")?).join(".docker"),
        };
        Some(folder.join("config.json"))
    }

    /// Which variables have the logins for registries: `CHINAMPA_REGISTRY_LOGINS`.
    ///
    /// # Errors
    /// [`Error::RegistryLogins`] when it says something else.
    pub(super) fn registry_logins(&self) -> Result<RegistryLogins, Error> {
        env::var("CHINAMPA_REGISTRY_LOGINS").unwrap_or_default().parse().map_err(Error::RegistryLogins)
    }

    /// The login for a registry that variables have.
    ///
    /// # Errors
    /// [`Error::RegistryLogins`], and [`Error::NoLogin`] when a variable that is named is not set, or empty.
    pub(super) fn login(&self, host: &Host) -> Result<NamedLogin, Error> {
        let logins = self.registry_logins()?;
        let Some(LoginVariables { user, password }) = logins.get(host) else { return Ok(NamedLogin::None) };
        let set = |name: &String| {
            let value = env::var(name).ok().filter(|value| !value.is_empty());
            value.ok_or_else(|| Error::NoLogin { host: host.clone(), variable: name.clone() })
        };
        match (set(user), set(password)) {
            (Ok(username), Ok(password)) => {
                Ok(NamedLogin::Known(Credentials { username, password: Secret::new(password) }))
            }
            (Err(_), _) | (_, Err(_)) if !self.ci.trust().is_trusted() => Ok(NamedLogin::Withheld),
            (Err(error), _) | (_, Err(error)) => Err(error),
        }
    }

    /// The file that `BASH_ENV` names: a CI's shells read it before each step.
    pub(super) fn bash_env(&self) -> Option<PathBuf> {
        env::var_os("BASH_ENV").filter(|file| !file.is_empty()).map(PathBuf::from)
    }

    /// The file that `GITHUB_OUTPUT` names: outputs of the step, for other jobs.
    pub(super) fn github_output(&self) -> Option<PathBuf> {
        env::var_os("GITHUB_OUTPUT").filter(|file| !file.is_empty()).map(PathBuf::from)
    }

    /// What a setup workflow of CircleCI continues its pipeline with: `CIRCLE_CONTINUATION_KEY`.
    pub(super) fn continuation_key(&self) -> Option<Secret> {
        env::var("CIRCLE_CONTINUATION_KEY").ok().filter(|key| !key.is_empty()).map(Secret::new)
    }

    /// What may be kept between runs, of this user: below `XDG_CACHE_HOME`, else `~/.cache`.
    pub(super) fn cache_folder(&self) -> Option<PathBuf> {
        let folder = match env::var_os("XDG_CACHE_HOME").map(PathBuf::from) {
            // The specification says that a relative one is to be ignored.
            Some(folder) if folder.is_absolute() => folder,
            _ => Path::new(&env::var_os("HOME")?).join(".cache"),
        };
        Some(folder.join("chinampa"))
    }

    /// The region that AWS's own tools would look in.
    ///
    /// # Errors
    /// [`Error::AwsRegion`] when it is none.
    pub(super) fn aws_region(&self) -> Result<Option<Region>, Error> {
        let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let region = set("AWS_REGION").or_else(|| set("AWS_DEFAULT_REGION"));
        region.map(|region| region.parse().map_err(Error::AwsRegion)).transpose()
    }

    /// The Terraform that `CHINAMPA_TERRAFORM` names or that is on `PATH`; `None` when there is none.
    ///
    /// # Errors
    /// [`Error::Read`] when there is no current directory, which a relative path begins with.
    pub(super) fn terraform_program(&self) -> Result<Option<TerraformProgram>, Error> {
        let named =
            env::var_os("CHINAMPA_TERRAFORM").filter(|program| !program.is_empty()).map(PathBuf::from);
        let is_path = |program: &PathBuf| program.components().count() > 1;
        let program = match named {
            Some(path) if is_path(&path) => Some(path),
            Some(name) => match on_path(&name) {
                None => return Ok(Some(TerraformProgram::NotFound { name })),
                found => found,
            },
            None => on_path(Path::new("terraform")),
        };
        let absolute = program.map(std::path::absolute).transpose();
        let absolute = absolute.map_err(|source| Error::Read { path: PathBuf::from("."), source })?;
        Ok(absolute.map(TerraformProgram::At))
    }

    /// The program for a purpose, as its variable names it.
    ///
    /// # Errors
    /// [`Error::Tool`] when it names none.
    pub(super) fn program(&self, purpose: Purpose) -> Result<Tool, Error> {
        let variable = purpose.variable();
        let text = env::var(variable).unwrap_or_default();
        Tool::parse(purpose, &text).map_err(|source| Error::Tool { variable, source })
    }

    /// Whether a variable names a program for a purpose.
    pub(super) fn names_program(&self, purpose: Purpose) -> bool {
        env::var(purpose.variable()).is_ok_and(|text| !text.trim().is_empty())
    }

    /// What is attached to images besides what options ask for: `CHINAMPA_ATTEST`, with commas or blanks between several.
    ///
    /// # Errors
    /// [`Error::AttestationKinds`] when it lists something else.
    pub(super) fn attestation_kinds(&self) -> Result<BTreeSet<AttestationKind>, Error> {
        let text = env::var("CHINAMPA_ATTEST").unwrap_or_default();
        let words = text.split([',', ' ']).filter(|word| !word.is_empty());
        words.map(str::parse).collect::<Result<_, _>>().map_err(Error::AttestationKinds)
    }

    /// Who builds, as provenance names it: `CHINAMPA_BUILDER_ID`.
    pub(super) fn builder_id(&self) -> Option<String> {
        env::var("CHINAMPA_BUILDER_ID").ok().filter(|id| !id.trim().is_empty())
    }

    /// How long a claim to an environment's lock counts without being renewed: `CHINAMPA_LOCK_LEASE`.
    ///
    /// # Errors
    /// [`Error::Lease`] when that is no duration, or too short.
    pub(super) fn lock_lease(&self) -> Result<Duration, Error> {
        lease("CHINAMPA_LOCK_LEASE", DEFAULT_LEASE)
    }

    /// The same of a claim to a project, of one of several jobs that share a build: `CHINAMPA_CLAIM_LEASE`.
    ///
    /// # Errors
    /// [`Error::Lease`] when that is no duration, or too short.
    pub(super) fn claim_lease(&self) -> Result<Duration, Error> {
        lease("CHINAMPA_CLAIM_LEASE", CLAIM_LEASE)
    }

    /// How the log of the CI that runs this folds lines; `None` if it doesn't, or no CI runs this.
    pub(super) fn ci_log(&self) -> Option<CiLog> {
        match self.ci.name()? {
            "GitHub Actions" => Some(CiLog::GitHub),
            "GitLab CI" => {
                let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
                Some(CiLog::GitLab { started: now.map(|now| now.as_secs()).unwrap_or_default() })
            }
            "Buildkite" => Some(CiLog::Buildkite),
            _ => None,
        }
    }

    /// The file whose Markdown GitHub shows on the page of the run.
    pub(super) fn step_summary(&self) -> Option<PathBuf> {
        env::var_os("GITHUB_STEP_SUMMARY").filter(|file| !file.is_empty()).map(PathBuf::from)
    }

    /// Who runs this, as others are told.
    pub(super) fn who(&self) -> String {
        who(&self.ci)
    }

    /// Where files that are gone after the command can be.
    pub(super) fn temporary_folder(&self) -> PathBuf {
        env::temp_dir()
    }

    /// Where the user's ssh agent listens: `SSH_AUTH_SOCK`.
    pub(super) fn ssh_auth_sock(&self) -> Option<PathBuf> {
        env::var_os("SSH_AUTH_SOCK").filter(|socket| !socket.is_empty()).map(PathBuf::from)
    }

    /// Which secrets may be read: of variables and of AWS those that `CHINAMPA_SECRETS` lists, if it is set.
    pub(super) fn secret_access(&self, trust: &Trust) -> SecretAccess {
        let listed = env::var_os("CHINAMPA_SECRETS").map(|listed| listed.to_string_lossy().into_owned());
        SecretAccess::new(trust.is_trusted(), listed.as_deref())
    }

    /// The value of a variable that a secret comes from; `None` when it is not set.
    pub(super) fn secret(&self, variable: &str) -> Option<Secret> {
        env::var(variable).ok().map(Secret::new)
    }
}

fn lease(variable: &'static str, default: Duration) -> Result<Duration, Error> {
    let Some(text) = env::var(variable).ok().filter(|text| !text.is_empty()) else {
        return Ok(default);
    };
    let lease = humantime::parse_duration(&text);
    let lease = lease.map_err(|error| Error::Lease { variable, reason: error.to_string() })?;
    if lease < MIN_LEASE {
        let least = humantime::format_duration(MIN_LEASE);
        return Err(Error::Lease { variable, reason: format!("it must be {least} at least") });
    }
    Ok(lease)
}

/// The program of this name in a folder of `PATH`.
fn on_path(name: &Path) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// The CI's job, else the user and the machine.
fn who(ci: &CiContext) -> String {
    let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    if let Some(job) = ci.job() {
        return job.to_owned();
    }
    let user = set("USER").or_else(|| set("LOGNAME")).unwrap_or_else(|| "somebody".to_owned());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let host = host.map(|host| host.trim().to_owned()).filter(|host| !host.is_empty());
    match host.or_else(|| set("HOSTNAME")) {
        Some(host) => format!("{user}@{host}"),
        None => user,
    }
}
