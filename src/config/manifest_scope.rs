//! What the whole file says, for whoever reads one project of it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::Common;
use super::environment::EnvironmentName;
use super::fields::{Item, Located};
use super::registry::RegistryConfig;
use crate::model::{
    ImageName, ImagePattern, ImagePrefix, InvalidName, ProjectName, RepoPath, RepositoryName,
};

/// What a project is checked against.
pub(super) struct ManifestScope<'a> {
    /// All projects of the file, those with mistakes in them too.
    names: HashSet<&'a str>,
    /// The same in name order, for suggestions.
    sorted_names: Vec<&'a str>,
    /// `None` where their own tables are wrong.
    pub(super) cache: Option<&'a RegistryConfig>,
    pub(super) deploy: Option<&'a RegistryConfig>,
    /// What stands before a repository's name: in the cache, and wherever images are promoted to.
    pub(super) prefixes: BTreeSet<&'a str>,
    /// The repositories that no project may have, and what they are for.
    pub(super) reserved: Vec<(RepositoryName, &'static str)>,
    /// The tag that each environment's deployments move, by environment.
    pub(super) deploy_tags: BTreeMap<String, &'a EnvironmentName>,
    /// Who has each repository, and where that is said.
    pub(super) repositories: HashMap<RepositoryName, Located<String>>,
    /// What the names of the workspace's images begin with.
    pub(super) own_images: &'a [Located<ImagePrefix>],
    /// Who has each image that `images` names.
    pub(super) images: HashMap<ImagePattern, Located<String>>,
    /// Who has each image that `own_images` and a repository name.
    pub(super) own_names: HashMap<ImageName, Located<String>>,
    /// Who has each image of the cache and of the deploy registry.
    pub(super) registry_names: HashMap<ImageName, Located<String>>,
    /// Who has each terraform folder that is named.
    pub(super) terraform: HashMap<RepoPath, Located<String>>,
}

impl<'a> ManifestScope<'a> {
    /// With the names of all projects in their order.
    pub(super) fn new(common: &'a Common, sorted_names: Vec<&'a str>) -> Self {
        Self {
            names: sorted_names.iter().copied().collect(),
            sorted_names,
            cache: common.cache.as_ref(),
            deploy: common.deploy.as_ref(),
            prefixes: common.registries().map(|registry| registry.prefix.as_str()).collect(),
            reserved: common.workspace.as_ref().map_or_else(Vec::new, |workspace| {
                let name = &workspace.name;
                vec![
                    (name.builds_repository(), "build records"),
                    (name.taints_repository(), "taints"),
                    (name.claims_repository(), "claims"),
                ]
            }),
            deploy_tags: common.workspace.as_ref().map_or_else(BTreeMap::new, |workspace| {
                let environments = common.environments.keys();
                environments.map(|name| (format!("{}-{name}", workspace.name), name)).collect()
            }),
            repositories: HashMap::new(),
            own_images: common.workspace.as_ref().map_or(&[], |workspace| &workspace.own_images),
            images: HashMap::new(),
            own_names: HashMap::new(),
            registry_names: HashMap::new(),
            terraform: HashMap::new(),
        }
    }

    /// Whether another project has this name.
    pub(super) fn is_other(&self, name: &str, project: &str) -> bool {
        name != project && self.names.contains(name)
    }

    /// Another project of the file.
    pub(super) fn need(&self, item: &Item<'_>, name: &str, project: &str) -> Option<ProjectName> {
        let name: ProjectName = name.parse().map_err(|error: InvalidName| item.wrong(error)).ok()?;
        if name.as_str() == project {
            item.wrong("a project can't need itself");
            return None;
        }
        if !self.names.contains(name.as_str()) {
            let hint = item.did_you_mean(name.as_str(), self.sorted_names.iter().copied());
            item.wrong_with_hint(format_args!("there is no project `{name}`"), hint);
            return None;
        }
        Some(name)
    }
}
