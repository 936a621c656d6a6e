//! `[projects.*]`: what an image is made from, and what is done with it.

use std::collections::{BTreeMap, BTreeSet};

use super::ci::CiJob;
use super::fields::Located;
use super::secret_source::SecretSource;
use super::service::ServiceConfig;
use crate::model::{
    ContextName, ImagePattern, Platform, ProjectName, RepoPath, RepositoryName, StageName, Tag,
};

/// One project: what its image is made from, and what is done with it.
#[derive(Clone, Debug)]
pub struct ProjectConfig {
    /// Of the project's table, from 1.
    pub line: usize,
    /// The project's folder, from the repository root.
    pub path: Located<RepoPath>,
    /// The root of the build context, from the repository root.
    pub context: Located<RepoPath>,
    /// From the repository root, though the file says it from `path`.
    pub dockerfile: Located<RepoPath>,
    /// The file with its patterns, from the repository root, though the file says it from `path`. `None` where the usual ones are
    /// looked for.
    pub patterns: Option<Located<RepoPath>>,
    /// The last stage when `None`.
    pub target: Option<StageName>,
    /// Without the registry's prefix.
    pub repository: RepositoryName,
    /// More images that are this project in any Dockerfile. Sorted, each once, and none another project's.
    pub images: Vec<ImagePattern>,
    /// Images that are no project in this project's Dockerfile, whatever they are called. Sorted, each once.
    pub external: Vec<ImagePattern>,
    /// Besides those that the Dockerfile names. Sorted by name, each once.
    pub needs: Vec<Located<ProjectName>>,
    /// Sorted, each once; the engine's own platform when empty, which it is only for the engine's store.
    pub platforms: Vec<Platform>,
    pub build_args: BTreeMap<String, String>,
    /// The line of each build argument.
    pub build_arg_lines: BTreeMap<String, usize>,
    /// What the names of named contexts stand for in the Dockerfile.
    pub contexts: BTreeMap<ContextName, Located<ContextSource>>,
    /// By the ids that the Dockerfile knows them by.
    pub secrets: BTreeMap<String, SecretSource>,
    /// The ids by which steps mount the user's ssh agent. Sorted, each once.
    pub ssh: Vec<String>,
    /// Patterns, not yet parsed, of files that are not committed and yet needed.
    pub extra_inputs: Vec<Located<String>>,
    /// Whether the context holds declared files only.
    pub hermetic: bool,
    /// More tags in the deploy registry. Sorted, each once.
    pub tags: Vec<Tag>,
    /// Whether the image is ever promoted: base, test and tool images needn't be.
    pub is_deployed: bool,
    /// Projects that are deployed before this one, besides those that it needs. Sorted by name, each once.
    pub deploy_after: Vec<Located<ProjectName>>,
    pub terraform: TerraformSetting,
    /// What runs the image. Tasks that run once are first.
    pub services: Vec<ServiceConfig>,
    /// On what its job of a generated pipeline runs.
    pub ci: CiJob,
}

/// Which folder of a project Terraform is run in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TerraformSetting {
    /// The folder `terraform` of the project, if it is there and no other project names it.
    Default,
    /// From the repository root, though the file says it from `path`.
    Folder(Located<RepoPath>),
    /// `terraform = false`
    Off,
}

/// What a named context is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContextSource {
    /// A folder, from the repository root.
    Folder(RepoPath),
    /// The image of another project.
    Project(ProjectName),
}

impl ProjectConfig {
    /// The named context that stands for a reference of the Dockerfile.
    pub fn context(&self, reference: &str) -> Option<&ContextSource> {
        if self.contexts.is_empty() {
            return None;
        }
        let name: ContextName = reference.parse().ok()?;
        self.contexts.get(&name).map(|source| &source.value)
    }

    /// The folders that are named contexts, each with its line.
    pub fn folders(&self) -> impl Iterator<Item = (&RepoPath, usize)> {
        self.contexts.values().filter_map(|source| match &source.value {
            ContextSource::Folder(folder) => Some((folder, source.line)),
            ContextSource::Project(_) => None,
        })
    }

    /// The keys, as the file names them, that make another image of the same files in `other`.
    ///
    /// Lines, comments, order and defaults that are spelled out don't count, nor what is done with a finished image.
    pub fn differing_keys(&self, other: &Self) -> Vec<String> {
        // Whoever adds a key decides here whether it makes another image.
        let Self {
            line: _,
            path,
            context,
            dockerfile,
            patterns,
            target,
            repository,
            // What they change shows in what references stand for.
            images: _,
            external: _,
            needs,
            platforms,
            build_args,
            build_arg_lines: _,
            contexts,
            secrets,
            ssh,
            extra_inputs,
            hermetic,
            tags: _,
            is_deployed: _,
            deploy_after: _,
            terraform: _,
            services: _,
            ci: _,
        } = self;
        let compared = [
            ("path", *path == other.path),
            ("context", *context == other.context),
            ("dockerfile", *dockerfile == other.dockerfile),
            ("patterns", *patterns == other.patterns),
            ("target", *target == other.target),
            ("repository", *repository == other.repository),
            ("needs", *needs == other.needs),
            ("platforms", *platforms == other.platforms),
            ("ssh", *ssh == other.ssh),
            ("extra_inputs", *extra_inputs == other.extra_inputs),
            ("hermetic", *hermetic == other.hermetic),
        ];
        let differing = compared.into_iter().filter(|(_, same)| !same).map(|(key, _)| key.to_owned());
        let arguments = differing_members(build_args, &other.build_args);
        let contexts = differing_members(contexts, &other.contexts);
        let secrets = differing_members(secrets, &other.secrets);
        let arguments = arguments.into_iter().map(|name| format!("build_args.{name}"));
        let contexts = contexts.into_iter().map(|name| format!("contexts.{name}"));
        let secrets = secrets.into_iter().map(|id| format!("secrets.{id}"));
        differing.chain(arguments).chain(contexts).chain(secrets).collect()
    }
}

/// The keys that only one of two tables has, or whose values differ; sorted.
fn differing_members<'m, N: Ord, V: PartialEq>(
    one: &'m BTreeMap<N, V>,
    other: &'m BTreeMap<N, V>,
) -> BTreeSet<&'m N> {
    let names = one.keys().chain(other.keys());
    names.filter(|name| one.get(*name) != other.get(*name)).collect()
}
