//! What is done in registries of ECR, and with what builds read besides.

use super::arn::{ANY, Location};
use super::collector::Collector;
use super::table::Need;
use super::{PermissionsError, Purpose};
use crate::config::{
    AwsSecret, AwsSecretService, Ecr, EnvironmentName, Lifecycle, Policy, RegistryConfig, RegistryKind,
    SecretSource, UNPROTECTED,
};
use crate::deploy;
use crate::model::{AwsIdentity, EcrHost, ImageRef, Region, RepositoryName};
use crate::workspace::Workspace;

/// Where services and Terraform are, and who asks for them.
pub(super) struct DeployScope {
    pub(super) region: Option<Region>,
    pub(super) account: Option<String>,
    pub(super) identity: AwsIdentity,
}

/// What may be done with repositories that are written to.
const READ_AND_WRITE: [Need; 2] = [Need::PullImages, Need::PushImages];

pub(super) fn ecr(registry: &RegistryConfig) -> Option<&Ecr> {
    match &registry.kind {
        RegistryKind::Ecr(ecr) => Some(ecr),
        RegistryKind::Oci { .. } | RegistryKind::Engine => None,
    }
}

pub(super) fn location(ecr: &Ecr) -> Location {
    Location::new(Some(&ecr.region), ecr.known_account())
}

/// What makes repositories as the manifest says.
fn reconciliation(policy: &Policy) -> Vec<Need> {
    let needs = [
        (Need::DescribeRepositories, true),
        (Need::CreateRepositories, policy.create),
        (Need::LifecyclePolicy, policy.lifecycle != Lifecycle::Leave),
        (Need::TagMutability, policy.immutable_tags.is_some()),
        (Need::ScanOnPush, policy.scan_on_push.is_some()),
        (Need::RepositoryPolicy, policy.repository_policy.is_some()),
        (Need::RepositoryTags, !policy.tags.is_empty()),
    ];
    needs.into_iter().filter(|(_, is_needed)| *is_needed).map(|(need, _)| need).collect()
}

/// The repositories with these names; where all have a prefix, whatever has it.
pub(super) fn repositories<'n>(prefix: &str, names: impl Iterator<Item = &'n RepositoryName>) -> Vec<String> {
    match prefix.is_empty() {
        true => names.map(ToString::to_string).collect(),
        false => vec![format!("{prefix}{ANY}")],
    }
}

impl Collector<'_> {
    /// Where the cache is, if it is in AWS.
    pub(super) fn cache_location(&self) -> Option<Location> {
        ecr(&self.request.workspace.cache).map(location)
    }

    /// The account of whoever runs the command, as far as the manifest tells.
    pub(super) fn job_account(&self) -> Option<String> {
        let ecr = ecr(&self.request.workspace.cache)?;
        let is_own = ecr.identity == AwsIdentity::default();
        ecr.account.clone().filter(|_| is_own)
    }

    /// The cache's repositories: images, build records, taints and claims.
    fn cached(&self) -> Vec<String> {
        let Workspace { cache, projects, records, taints, claims, .. } = self.request.workspace;
        let images = projects.values().map(|project| &project.repository);
        repositories(&cache.prefix, images.chain([records, taints, claims]))
    }

    pub(super) fn each_repository(
        &mut self,
        ecr: &Ecr,
        sid: &str,
        needs: &[Need],
        repositories: impl IntoIterator<Item = impl AsRef<str>>,
    ) {
        let location = location(ecr);
        if !location.knows_account() {
            self.note(
                "no `account` is known for a registry, so the policy allows the same in every account that lets \
                 this one in: name it in `projects.toml`",
            );
        }
        self.allow(&ecr.identity, None, &[Need::Login], &location, &[]);
        for name in repositories {
            self.allow(&ecr.identity, Some(sid), needs, &location, &[("name", name.as_ref())]);
        }
    }

    /// Pulls what Dockerfiles are based on, in other registries of ECR.
    fn read_base_images(&mut self) {
        let workspace = self.request.workspace;
        let registries = [Some(&workspace.cache), workspace.deploy.as_ref()];
        let named: Vec<&Ecr> = registries.into_iter().flatten().filter_map(ecr).collect();
        for variant in workspace.projects.values().flat_map(|project| &project.variants) {
            let frontend = variant.dockerfile.frontend().map(|(_, image)| image);
            let references = variant.external_parents().map(str::to_owned).chain(frontend);
            for image in references.filter_map(|reference| reference.parse::<ImageRef>().ok()) {
                let Some(host) = image.host.as_ref() else { continue };
                let Some(EcrHost { account, region }) = EcrHost::read(host) else { continue };
                let owner = named.iter().find(|ecr| ecr.has_host(host));
                let identity = owner.map(|ecr| ecr.identity.clone()).unwrap_or_default();
                let location = Location::new(Some(&region), account.as_deref());
                self.allow(&identity, None, &[Need::Login], &location, &[]);
                let name = [("name", image.repository.as_str())];
                self.allow(&identity, Some("BaseImages"), &[Need::PullImages], &location, &name);
            }
        }
    }

    /// Reads images, build records and taints.
    pub(super) fn read_cache(&mut self) -> Result<(), PermissionsError> {
        let workspace = self.request.workspace;
        if let Some(ecr) = ecr(&workspace.cache) {
            self.each_repository(ecr, "Images", &[Need::PullImages], self.cached());
            self.each_repository(ecr, "Taints", &[Need::ListTags], [workspace.taints.as_str()]);
        }
        self.read_base_images();
        Ok(())
    }

    pub(super) fn build(&mut self) -> Result<(), PermissionsError> {
        let workspace = self.request.workspace;
        if let Some(ecr) = ecr(&workspace.cache) {
            let needs = [&READ_AND_WRITE[..], &reconciliation(&ecr.policy)].concat();
            self.each_repository(ecr, "Images", &needs, self.cached());
            let lists = [Need::ListTags, Need::DeleteImages];
            let repositories = [workspace.taints.as_str(), workspace.claims.as_str()];
            self.each_repository(ecr, "Taints", &lists, repositories);
            self.use_key(ecr);
            self.keep_out_unprotected(ecr);
        }
        self.read_base_images();
        Ok(())
    }

    /// Reads all of the cache, and writes to the repositories of such builds.
    pub(super) fn build_unprotected(&mut self) -> Result<(), PermissionsError> {
        self.read_cache()?;
        let workspace = self.request.workspace;
        if let Some(ecr) = ecr(&workspace.cache) {
            let own = format!("{}{UNPROTECTED}{ANY}", workspace.cache.prefix);
            let needs = [&READ_AND_WRITE[..], &reconciliation(&ecr.policy)].concat();
            self.each_repository(ecr, "Unprotected", &needs, [own]);
            let claims = workspace.unprotected(&workspace.settings.name.claims_repository());
            self.each_repository(ecr, "Claims", &[Need::ListTags, Need::DeleteImages], [claims.as_str()]);
            self.use_key(ecr);
        }
        Ok(())
    }

    pub(super) fn taint(&mut self) {
        let workspace = self.request.workspace;
        if let Some(ecr) = ecr(&workspace.cache) {
            let own = [Need::ReadManifests, Need::PushImages, Need::ListTags, Need::DeleteImages];
            let needs = [&own[..], &reconciliation(&ecr.policy)].concat();
            self.each_repository(ecr, "Taints", &needs, [workspace.taints.as_str()]);
            self.use_key(ecr);
        }
    }

    /// Copies images, writes records and locks, and protects in the cache what runs.
    pub(super) fn deploy(&mut self, environment: &EnvironmentName) -> Result<DeployScope, PermissionsError> {
        let workspace = self.request.workspace;
        let (target, _) = deploy::target(workspace, environment)?;
        if let Some(ecr) = ecr(&workspace.cache) {
            self.each_repository(ecr, "Cache", &[Need::PullImages, Need::TagImages], self.cached());
            self.keep_out_unprotected(ecr);
        }
        let Some(ecr) = ecr(target) else { return Ok(self.deploy_scope(target)) };
        let records = self.deployed_records(target)?;
        let deployed = workspace.projects.values().filter(|project| project.config.is_deployed);
        let images = deployed.map(|project| project.config.repository.with_prefix(&target.prefix));
        let images = images.collect::<Result<Vec<_>, _>>().map_err(deploy::DeployError::from)?;
        let needs = [&READ_AND_WRITE[..], &reconciliation(&ecr.policy)].concat();
        let names = repositories(&target.prefix, images.iter().chain([&records]));
        self.each_repository(ecr, "DeployRegistry", &needs, names);
        self.each_repository(ecr, "Locks", &[Need::ListTags, Need::DeleteImages], [records.as_str()]);
        self.use_key(ecr);
        Ok(self.deploy_scope(target))
    }

    /// Reads the deployed record, claims to the lock, and whether the cache has the images of a commit.
    pub(super) fn read_environment(
        &mut self,
        environment: &EnvironmentName,
    ) -> Result<DeployScope, PermissionsError> {
        let workspace = self.request.workspace;
        let (target, _) = deploy::target(workspace, environment)?;
        if let Some(ecr) = ecr(target) {
            let records = self.deployed_records(target)?;
            self.each_repository(ecr, "Records", &[Need::PullImages, Need::ListTags], [records.as_str()]);
        }
        if let Some(ecr) = ecr(&workspace.cache) {
            self.each_repository(ecr, "Cache", &[Need::PullImages], self.cached());
        }
        Ok(self.deploy_scope(target))
    }

    /// Where the services of an environment are, and who asks for them.
    fn deploy_scope(&self, target: &RegistryConfig) -> DeployScope {
        match ecr(target) {
            None => DeployScope {
                region: self.request.region.cloned(),
                account: None,
                identity: AwsIdentity::default(),
            },
            Some(ecr) => DeployScope {
                region: Some(ecr.region.clone()),
                account: ecr.known_account().map(str::to_owned),
                identity: ecr.identity.clone(),
            },
        }
    }

    pub(super) fn deployed_records(
        &self,
        target: &RegistryConfig,
    ) -> Result<RepositoryName, PermissionsError> {
        let records = self.request.workspace.settings.name.builds_repository();
        Ok(records.with_prefix(&target.prefix).map_err(deploy::DeployError::from)?)
    }

    /// New repositories are encrypted with the key that the manifest names.
    fn use_key(&mut self, ecr: &Ecr) {
        let Some(key) = ecr.policy.kms_key.as_deref().filter(|_| ecr.policy.create) else { return };
        let location = location(ecr);
        let alias = key.rsplit(':').next().filter(|name| name.starts_with("alias/"));
        let arn = match key.starts_with("arn:") {
            true => key.to_owned(),
            false => location.fill("arn:{partition}:kms:{region}:{account}:key/{id}", &[("id", key)]),
        };
        let (need, name) = match alias {
            Some(alias) => (Need::EncryptRepositoriesByAlias, ("alias", alias)),
            None => (Need::EncryptRepositories, ("key", &*arn)),
        };
        self.allow(&ecr.identity, None, &[need], &location, &[name]);
    }

    /// What everybody can have written is not read where protected branches write.
    fn keep_out_unprotected(&mut self, ecr: &Ecr) {
        let Workspace { trust, cache, .. } = self.request.workspace;
        if trust.is_some() && !cache.prefix.is_empty() {
            let name = format!("{}{UNPROTECTED}{ANY}", cache.prefix);
            let repository = location(ecr).fill(Need::PullImages.permission().resource, &[("name", &name)]);
            self.deny(&ecr.identity, "Unprotected", "ecr:*", repository);
        }
    }

    /// Reads secrets of AWS, as whoever runs the command.
    pub(super) fn read_secrets(&mut self) {
        let workspace = self.request.workspace;
        let sources = workspace.projects.values().flat_map(|project| project.config.secrets.values());
        let secrets = sources.filter_map(|source| match source {
            SecretSource::Aws(secret) => Some(secret),
            SecretSource::Env(_) | SecretSource::File(_) => None,
        });
        for secret in secrets {
            self.read_secret(secret);
        }
    }

    fn read_secret(&mut self, secret: &AwsSecret) {
        let cache = ecr(&self.request.workspace.cache).map(|ecr| &ecr.region);
        let region = secret.region().or(cache).or(self.request.region);
        let location = Location::new(region, self.job_account().as_deref());
        let (need, value) = match (secret.service(), secret.name().starts_with("arn:")) {
            (AwsSecretService::SecretsManager, true) => {
                (Need::ReadSecret, ("secret", with_suffix(secret.name())))
            }
            (AwsSecretService::SecretsManager, false) => {
                let arn = "arn:{partition}:secretsmanager:{region}:{account}:secret:{name}";
                (Need::ReadSecret, ("secret", with_suffix(&location.fill(arn, &[("name", secret.name())]))))
            }
            (AwsSecretService::ParameterStore, is_arn) => {
                let name = match is_arn {
                    true => secret.name().split_once(":parameter/").map_or("", |(_, name)| name),
                    false => secret.name().trim_start_matches('/'),
                };
                (Need::ReadParameter, ("name", name.to_owned()))
            }
        };
        let location = match secret.name().split(':').collect::<Vec<_>>()[..] {
            ["arn", _, _, _, account, ..] => Location::new(region, Some(account)),
            _ => location,
        };
        self.allow(&AwsIdentity::default(), None, &[need], &location, &[(value.0, &value.1)]);
        if self.request.purpose != Purpose::Local {
            self.note("secrets that are encrypted with a key of your own need `kms:Decrypt` on it, too");
        }
    }
}

/// The ARN of a secret ends in `-` and six characters that Secrets Manager chooses.
fn with_suffix(arn: &str) -> String {
    let is_whole = arn.rsplit_once('-').is_some_and(|(_, end)| {
        end.len() == 6
            && end.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && !end.bytes().all(|it| it.is_ascii_lowercase())
    });
    if is_whole { arn.to_owned() } else { format!("{arn}-??????") }
}
