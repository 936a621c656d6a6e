//! Which project an image reference of a Dockerfile stands for.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::ParentImage;
use crate::config::{Manifest, ProjectConfig, RegistryConfig, RegistryKind};
use crate::model::{ImageRef, ProjectName};

/// What the projects of one manifest are called in Dockerfiles.
pub(super) struct Names<'m> {
    /// In name order.
    projects: Vec<(&'m ProjectName, &'m ProjectConfig)>,
    registries: [Option<&'m RegistryConfig>; 2],
    /// By repositories without a prefix; made when the first is asked for.
    by_repository: OnceLock<HashMap<&'m str, &'m ProjectName>>,
}

impl<'m> Names<'m> {
    pub(super) fn new(manifest: &'m Manifest) -> Self {
        let projects = manifest.projects.iter().map(|(name, config)| (name, &**config));
        Self::of(projects, &manifest.cache, manifest.deploy.as_ref())
    }

    /// Takes the projects in name order.
    pub(super) fn of(
        projects: impl Iterator<Item = (&'m ProjectName, &'m ProjectConfig)>,
        cache: &'m RegistryConfig,
        deploy: Option<&'m RegistryConfig>,
    ) -> Self {
        let registries = [Some(cache), deploy];
        Self { projects: projects.collect(), registries, by_repository: OnceLock::new() }
    }

    pub(super) fn cache(&self) -> &'m RegistryConfig {
        self.registries[0].expect("every manifest has a cache")
    }

    /// A project's entry.
    pub(super) fn config(&self, project: &ProjectName) -> Option<&'m ProjectConfig> {
        let place = self.projects.binary_search_by(|(name, _)| (*name).cmp(project)).ok()?;
        Some(self.projects[place].1)
    }

    /// What a reference in `dependent`'s Dockerfile stands for.
    ///
    /// A bare name is the project of that name, `<host>/<prefix><repository>` the project with that
    /// repository, where the host is that of the cache or the deploy registry. The engine's own store
    /// has no host; there a repository is ours only if a prefix tells it from images such as `node`.
    /// A reference with a digest is external: it names an image, not what a project is at some commit. So
    /// is a project's own image, of an earlier commit.
    pub(super) fn resolve(&self, dependent: &ProjectName, reference: &str) -> ParentImage {
        match self.project(reference) {
            Some(project) if project != dependent => ParentImage::Project(project.clone()),
            _ => ParentImage::External,
        }
    }

    fn project(&self, reference: &str) -> Option<&'m ProjectName> {
        if let Ok(name) = reference.parse::<ProjectName>()
            && let Ok(found) = self.projects.binary_search_by(|(project, _)| (*project).cmp(&name))
        {
            return Some(self.projects[found].0);
        }
        let image: ImageRef = reference.parse().ok()?;
        if image.digest.is_some() {
            return None;
        }
        let registries = self.registries.into_iter().flatten();
        let mut repositories = registries.filter_map(|registry| repository_in(registry, &image));
        repositories.find_map(|repository| self.with_repository(repository))
    }

    fn with_repository(&self, repository: &str) -> Option<&'m ProjectName> {
        let by_repository = self.by_repository.get_or_init(|| {
            let projects = self.projects.iter();
            projects.map(|(name, project)| (project.repository.as_str(), *name)).collect()
        });
        by_repository.get(repository).copied()
    }
}

/// The repository without the registry's prefix, if the image is there.
fn repository_in<'i>(registry: &RegistryConfig, image: &'i ImageRef) -> Option<&'i str> {
    let is_here = match (&registry.kind, &image.host) {
        (RegistryKind::Engine, None) => !registry.prefix.is_empty(),
        (RegistryKind::Ecr(ecr), Some(host)) if registry.host().is_none() => ecr.may_be_at(host),
        (_, Some(host)) => registry.host().as_ref() == Some(host),
        (_, None) => false,
    };
    if is_here { image.repository.as_str().strip_prefix(registry.prefix.as_str()) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn project(cache: &str, reference: &str) -> Option<String> {
        project_in("app", cache, reference)
    }

    fn project_in(dependent: &str, cache: &str, reference: &str) -> Option<String> {
        let projects =
            "[projects.lib]\npath = \"lib\"\n[projects.node]\npath = \"node\"\nrepository = \"nodejs\"\n";
        let manifest =
            config::parse(format!("[workspace]\nname = \"shop\"\n{cache}{projects}").as_bytes(), "m")
                .unwrap();
        match Names::new(&manifest).resolve(&dependent.parse().unwrap(), reference) {
            ParentImage::Project(project) => Some(project.to_string()),
            ParentImage::Folder(_) | ParentImage::External => None,
        }
    }

    const OCI: &str = "[cache]\nkind = \"oci\"\nhost = \"r.example\"\nprefix = \"team/\"\n";

    #[test]
    fn a_bare_name_is_a_project_but_a_project_is_never_its_own_parent() {
        assert_eq!(project("", "lib"), Some("lib".to_owned()));
        assert_eq!(project_in("node", "", "node"), None);
        assert_eq!(project_in("node", OCI, "r.example/team/nodejs"), None);
    }

    #[test]
    fn a_repository_of_the_cache_is_a_project_whatever_its_tag() {
        assert_eq!(project(OCI, "r.example/team/lib:v1"), Some("lib".to_owned()));
        assert_eq!(project(OCI, "r.example/team/nodejs"), Some("node".to_owned()));
        for foreign in ["r.example/lib", "other.example/team/lib", "team/lib", "lib:v1"] {
            assert_eq!(project(OCI, foreign), None, "{foreign}");
        }
    }

    #[test]
    fn in_the_engines_store_only_a_prefix_makes_a_repository_ours() {
        let engine = |prefix: &str| format!("[cache]\nkind = \"engine\"\nprefix = \"{prefix}\"\n");

        assert_eq!(project(&engine("team/"), "team/nodejs:1"), Some("node".to_owned()));
        assert_eq!(project(&engine(""), "nodejs:1"), None);
    }

    #[test]
    fn an_account_that_only_the_credentials_know_may_be_any() {
        let ecr = "[cache]\nkind = \"ecr\"\nregion = \"us-east-2\"\n";

        assert_eq!(project(ecr, "123456789012.dkr.ecr.us-east-2.amazonaws.com/lib"), Some("lib".to_owned()));
        assert_eq!(project(ecr, "123456789012.dkr.ecr.eu-west-2.amazonaws.com/lib"), None);
    }

    #[test]
    fn a_reference_with_a_digest_is_external() {
        let digest = "0".repeat(64);

        assert_eq!(project(OCI, &format!("r.example/team/lib:v1@sha256:{digest}")), None);
        assert_eq!(project(OCI, &format!("r.example/team/lib@sha256:{digest}")), None);
    }
}
