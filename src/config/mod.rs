//! Reads `projects.toml` (`docs/projects-toml.md`) and `projects.lock` (`docs/projects-lock.md`), and reports all problems of a file at once.
//!
//! Only what the file alone can show is checked here. Folders and Dockerfiles that aren't
//! there, bad patterns and cycles are found by those who know the tree and the graph: the
//! lines that they need for it are kept.

mod builder;
mod ci;
mod ecs_tasks;
mod environment;
mod fields;
mod identity;
mod lists;
mod lock_file;
mod manifest_scope;
mod overrides;
mod policy;
mod problem;
mod project;
mod read_images;
mod read_mounts;
mod read_project;
mod registry;
mod role;
mod secret_source;
mod service;
mod template;
mod terraform;
#[cfg(test)]
mod tests;
mod trust;
mod workspace;

use std::collections::BTreeMap;

use toml::de::DeTable;

use crate::model::{AwsIdentity, ProjectName, RepoPath};

pub use builder::{BuilderConfig, InvalidBuilder};
pub use ci::{CiConfig, CiJob, Install};
pub use ecs_tasks::{EcsScheduled, EcsTask, TaskSettings};
pub use environment::{
    EnvironmentConfig, EnvironmentName, EnvironmentRule, InvalidEnvironmentName, RefPattern,
};
pub use fields::Located;
pub use lock_file::{LockFile, LockedImage};
#[cfg(feature = "ecr")]
pub use policy::Contents;
pub use policy::{FixedTags, Lifecycle, Policy};
pub use problem::{ManifestErrors, Problem};
pub use project::{ContextSource, ProjectConfig, TerraformSetting};
pub use registry::{Ecr, RegistryConfig, RegistryKind};
pub use secret_source::{AwsSecret, AwsSecretService, SecretSource};
#[cfg(all(test, feature = "deploy"))]
pub use service::EcsExpressRoles;
pub use service::{AppRunner, EcsExpress, Service, ServiceConfig};
pub use template::{Placeholder, Template};
pub use trust::{Trust, UNPROTECTED};
pub use workspace::{Directive, Strategy, Workspace, WorkspaceName};

use fields::Fields;
use manifest_scope::ManifestScope;
use overrides::Deploy;
use problem::Problems;
use role::Role;

/// The largest file that is read.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The largest file of which all syntax errors are listed: garbage has one a byte, and a
/// hundred bytes of memory for each are affordable only so far.
const MAX_BYTES_TO_RECOVER: usize = 1024 * 1024;

const KEYS: &[&str] =
    &["workspace", "cache", "deploy", "environments", "terraform", "trust", "builders", "ci", "projects"];

/// Everything that `projects.toml` says.
#[derive(Clone, Debug)]
pub struct Manifest {
    pub workspace: Workspace,
    /// Where images are built to.
    pub cache: RegistryConfig,
    /// Where they are promoted to; never the engine's store.
    pub deploy: Option<RegistryConfig>,
    pub environments: BTreeMap<EnvironmentName, EnvironmentConfig>,
    /// Who applies Terraform, where that is not who promotes images.
    pub terraform: AwsIdentity,
    pub trust: Option<Trust>,
    /// BuildKit daemons that build the images; an engine does where there are none.
    pub builders: Vec<BuilderConfig>,
    /// How generated pipelines run.
    pub ci: CiConfig,
    /// Boxed: an entry is large.
    pub projects: BTreeMap<ProjectName, Box<ProjectConfig>>,
}

impl Manifest {
    /// The cache, and wherever images are promoted to.
    pub fn registries(&self) -> impl Iterator<Item = &RegistryConfig> {
        let of_environments = self.environments.values().filter_map(|it| it.registry.as_ref());
        std::iter::once(&self.cache).chain(&self.deploy).chain(of_environments)
    }

    fn registries_mut(&mut self) -> impl Iterator<Item = &mut RegistryConfig> {
        let of_environments = self.environments.values_mut().filter_map(|it| it.registry.as_mut());
        std::iter::once(&mut self.cache).chain(&mut self.deploy).chain(of_environments)
    }

    /// Reads the files that the manifest names by way of `read`.
    ///
    /// # Errors
    /// What `read` fails with.
    pub fn read_files<E>(&mut self, read: impl Fn(&Located<RepoPath>) -> Result<String, E>) -> Result<(), E> {
        for registry in self.registries_mut() {
            if let RegistryKind::Ecr(ecr) = &mut registry.kind
                && let Some(policy) = &mut ecr.policy.repository_policy
            {
                policy.text = Some(read(&policy.file)?);
            }
        }
        Ok(())
    }
}

/// Reads a manifest; `file` is what problems call it.
///
/// # Errors
/// [`ManifestErrors`] with every problem of the file. Syntax errors, bytes that are no UTF-8 and a
/// size above 16 MiB hide all others.
pub fn parse(text: &[u8], file: &str) -> Result<Manifest, ManifestErrors> {
    let problems = Problems::new(file, text);
    let table = document(text, &problems);
    let manifest = table.as_ref().and_then(|table| read(table, &problems));
    problems.into_result(manifest)
}

fn document<'t>(text: &'t [u8], problems: &Problems<'_>) -> Option<DeTable<'t>> {
    if text.len() > MAX_BYTES {
        problems.add(
            0,
            format_args!("the file has {} bytes; at most {MAX_BYTES} are read", text.len()),
            None,
        );
        return None;
    }
    let text = match std::str::from_utf8(text) {
        Ok(text) => text,
        Err(error) => {
            problems.add(error.valid_up_to(), "the file is not UTF-8", None);
            return None;
        }
    };
    match DeTable::parse(text) {
        Ok(table) => Some(table.into_inner()),
        Err(first) => {
            let errors = if text.len() <= MAX_BYTES_TO_RECOVER {
                DeTable::parse_recoverable(text).1
            } else {
                vec![first]
            };
            report_syntax(&errors, problems);
            None
        }
    }
}

/// Reports the first error of each line: those behind it mostly follow from it.
///
/// Those without a place, such as that keys are nested too deep, are of the file as a whole.
fn report_syntax(errors: &[toml::de::Error], problems: &Problems<'_>) {
    if let Some(error) = errors.iter().find(|error| error.span().is_none()) {
        problems.add(0, format_args!("somewhere in the file: {}", error.message()), None);
    }
    let mut errors: Vec<(usize, &str)> =
        errors.iter().filter_map(|error| Some((error.span()?.start, error.message()))).collect();
    errors.sort_by_key(|(offset, _)| *offset);
    errors.dedup_by_key(|(offset, _)| problems.line(*offset));
    for (offset, message) in errors {
        problems.add(offset, format_args!("column {}: {message}", problems.column(offset)), None);
    }
}

fn read(table: &DeTable<'_>, problems: &Problems<'_>) -> Option<Manifest> {
    let fields = Fields::of_file(table, KEYS, problems);
    let common = Common::read(&fields);
    let projects = fields.item("projects").map(|item| {
        let names = item.value().as_table().into_iter().flat_map(DeTable::keys);
        let names = names.map(|key| key.get_ref().as_ref()).collect();
        let mut scope = ManifestScope::new(&common, names);
        item.members(|project| read_project::read(project, &mut scope))
    });
    common.with(projects.unwrap_or_default().into_iter().collect(), &fields)
}

/// What holds for all projects; a table that has problems is `None`.
struct Common {
    workspace: Option<Workspace>,
    cache: Option<RegistryConfig>,
    deploy: Option<RegistryConfig>,
    environments: BTreeMap<EnvironmentName, EnvironmentConfig>,
    terraform: AwsIdentity,
    trust: Option<Trust>,
    builders: Vec<BuilderConfig>,
    ci: CiConfig,
}

impl Common {
    fn read(fields: &Fields<'_>) -> Self {
        let workspace = fields.item("workspace");
        if workspace.is_none() {
            let hint = "it is a table with a `name`".to_owned();
            fields.wrong("`workspace` is missing", Some(hint));
        }
        let workspace = workspace.and_then(workspace::read);
        let name = workspace.as_ref().map(|workspace| &workspace.name);
        let cache = match fields.item("cache") {
            Some(item) => registry::read(item, Role::Cache, name),
            None => Some(RegistryConfig::engine(name)),
        };
        let deploy = fields.item("deploy").and_then(|item| registry::read(item, Role::Deploy, name));
        let known = match (&deploy, fields.item("deploy")) {
            (Some(deploy), _) => Deploy::Read(deploy),
            (None, Some(_)) => Deploy::Wrong,
            (None, None) => Deploy::Absent,
        };
        let environments = fields.item("environments");
        let environments = environments.map(|item| item.members(|item| environment::read(item, known)));
        let environments = environments.unwrap_or_default().into_iter().collect();
        let terraform = fields.item("terraform").and_then(terraform::read).unwrap_or_default();
        let trust = fields.item("trust").and_then(trust::read);
        let builders = fields.item("builders").map(builder::read).unwrap_or_default();
        let ci = fields.item("ci").and_then(ci::read).unwrap_or_default();
        Self { workspace, cache, deploy, environments, terraform, trust, builders, ci }
    }

    /// All registries that are named.
    fn registries(&self) -> impl Iterator<Item = &RegistryConfig> {
        let of_environments = self.environments.values().filter_map(|it| it.registry.as_ref());
        self.cache.iter().chain(&self.deploy).chain(of_environments)
    }

    fn with(
        self,
        projects: BTreeMap<ProjectName, Box<ProjectConfig>>,
        fields: &Fields<'_>,
    ) -> Option<Manifest> {
        let Self { workspace, mut cache, mut deploy, mut environments, terraform, trust, builders, ci } =
            self;
        let workspace = workspace?;
        if let Some(RegistryKind::Ecr(ecr)) = cache.as_mut().map(|cache| &mut cache.kind) {
            policy::add_cache_tags(&mut ecr.policy, &workspace.default_branch);
        }
        let mut tags = Vec::new();
        if let (Some(item), Some(RegistryKind::Ecr(ecr))) =
            (fields.item("deploy"), deploy.as_ref().map(|deploy| &deploy.kind))
        {
            let projects = projects.values().map(Box::as_ref);
            tags = policy::deploy_tags(&ecr.policy, item, &workspace.name, projects);
        }
        let promoted_to = environments.values_mut().filter_map(|environment| environment.registry.as_mut());
        let mut promoted_to: Vec<&mut RegistryConfig> = deploy.iter_mut().chain(promoted_to).collect();
        for registry in &mut promoted_to {
            if let RegistryKind::Ecr(ecr) = &mut registry.kind {
                ecr.policy.lasting_tags.clone_from(&tags);
                ecr.policy.fixed_tags = FixedTags::AllBut(tags.clone());
            }
        }
        for registry in promoted_to.into_iter().chain(&mut cache) {
            keep_records(registry, &workspace.name);
        }
        let cache = cache?;
        Some(Manifest { workspace, cache, deploy, environments, terraform, trust, builders, ci, projects })
    }
}

/// Says which repositories of a registry are those of records. A prefix that makes a name of them none is a problem of
/// its own.
fn keep_records(registry: &mut RegistryConfig, workspace: &WorkspaceName) {
    if let RegistryKind::Ecr(ecr) = &mut registry.kind {
        let (builds, taints) = (workspace.builds_repository(), workspace.taints_repository());
        let claims = workspace.claims_repository();
        let (prefix, unprotected) = (&registry.prefix, format!("{}{UNPROTECTED}", registry.prefix));
        let repositories = [
            (prefix, &builds),
            (&unprotected, &builds),
            (prefix, &taints),
            (prefix, &claims),
            (&unprotected, &claims),
        ];
        let whole = repositories.map(|(prefix, repository)| repository.with_prefix(prefix).ok());
        ecr.policy.records = whole.into_iter().flatten().collect();
    }
}
