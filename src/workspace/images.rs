//! Which project an image reference of a Dockerfile stands for.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::ParentImage;
use crate::config::{ContextSource, Manifest, ProjectConfig, RegistryConfig, RegistryKind, Workspace};
use crate::model::{ImageName, ImagePattern, ImageRef, ProjectName, TaggedImage};

/// What the projects of one manifest are called in Dockerfiles.
pub(super) struct Names<'m> {
    /// In name order.
    projects: Vec<(&'m ProjectName, &'m ProjectConfig)>,
    workspace: &'m Workspace,
    registries: [Option<&'m RegistryConfig>; 2],
    /// What `images` of projects list.
    listed: HashMap<&'m ImagePattern, &'m ProjectName>,
    /// By names that `own_images` begin; made when the first is asked for.
    own: OnceLock<HashMap<ImageName, &'m ProjectName>>,
    /// By repositories without a prefix; made when the first is asked for.
    by_repository: OnceLock<HashMap<&'m str, &'m ProjectName>>,
}

impl<'m> Names<'m> {
    pub(super) fn new(manifest: &'m Manifest) -> Self {
        let projects = manifest.projects.iter().map(|(name, config)| (name, &**config));
        Self::of(projects, &manifest.workspace, &manifest.cache, manifest.deploy.as_ref())
    }

    /// Takes the projects in name order.
    pub(super) fn of(
        projects: impl Iterator<Item = (&'m ProjectName, &'m ProjectConfig)>,
        workspace: &'m Workspace,
        cache: &'m RegistryConfig,
        deploy: Option<&'m RegistryConfig>,
    ) -> Self {
        let projects: Vec<_> = projects.collect();
        let listed =
            projects.iter().flat_map(|(name, config)| config.images.iter().map(move |image| (image, *name)));
        Self {
            listed: listed.collect(),
            projects,
            workspace,
            registries: [Some(cache), deploy],
            own: OnceLock::new(),
            by_repository: OnceLock::new(),
        }
    }

    pub(super) fn cache(&self) -> &'m RegistryConfig {
        self.registries[0].expect("every manifest has a cache")
    }

    /// A project's entry.
    pub(super) fn config(&self, project: &ProjectName) -> Option<&'m ProjectConfig> {
        let place = self.projects.binary_search_by(|(name, _)| (*name).cmp(project)).ok()?;
        Some(self.projects[place].1)
    }

    /// What a reference in `dependent`'s Dockerfile stands for, by the first rule that says something of it:
    ///
    /// 1. a named context of `dependent`;
    /// 2. `external` of `dependent`: it is no project's;
    /// 3. `images` of a project with this tag, then without a tag;
    /// 4. the bare name of a project;
    /// 5. an entry of `own_images`, followed by a project's repository;
    /// 6. `<host>/<prefix><repository>`, where the host is that of the cache or the deploy registry. The engine's own store
    ///    has no host; there a repository is ours only if a prefix tells it from images such as `node`.
    ///
    /// A reference with a digest is external: it names an image, not what a project is at some commit. So
    /// is a project's own image, of an earlier commit.
    pub(super) fn resolve(
        &self,
        dependent: &ProjectName,
        config: &ProjectConfig,
        reference: &str,
    ) -> ParentImage {
        match config.context(reference) {
            Some(ContextSource::Project(project)) => ParentImage::Project(project.clone()),
            Some(ContextSource::Folder(folder)) => ParentImage::Folder(folder.clone()),
            None => match self.project(config, reference) {
                Some(project) if project != dependent => ParentImage::Project(project.clone()),
                _ => ParentImage::External,
            },
        }
    }

    pub(super) fn project(&self, config: &ProjectConfig, reference: &str) -> Option<&'m ProjectName> {
        // The name of a project may be no image's, such as `API`.
        let Ok(image) = reference.parse::<ImageRef>() else { return self.named(reference) };
        let image = TaggedImage::new(image)?;
        if config.external.iter().any(|external| external.matches(&image)) {
            return None;
        }
        self.listed(&image)
            .or_else(|| self.named(reference))
            .or_else(|| self.own(&image))
            .or_else(|| self.in_registries(&image))
    }

    fn listed(&self, image: &TaggedImage) -> Option<&'m ProjectName> {
        if self.listed.is_empty() {
            return None;
        }
        let tags = [Some(image.tag.clone()), None];
        tags.into_iter().find_map(|tag| self.listed.get(&ImagePattern { name: image.name(), tag }).copied())
    }

    pub(super) fn named(&self, name: &str) -> Option<&'m ProjectName> {
        let found = self.projects.binary_search_by(|(project, _)| project.as_str().cmp(name));
        found.ok().map(|found| self.projects[found].0)
    }

    fn own(&self, image: &TaggedImage) -> Option<&'m ProjectName> {
        let prefixes = &self.workspace.own_images;
        if prefixes.is_empty() {
            return None;
        }
        let own = self.own.get_or_init(|| {
            let of_project = |(project, config): &(&'m ProjectName, &'m ProjectConfig)| {
                let names = prefixes.iter().filter_map(|prefix| prefix.value.name(&config.repository).ok());
                names.map(|name| (name, *project)).collect::<Vec<_>>()
            };
            self.projects.iter().flat_map(of_project).collect()
        });
        own.get(&image.name()).copied()
    }

    fn in_registries(&self, image: &TaggedImage) -> Option<&'m ProjectName> {
        let registries = self.registries.into_iter().flatten();
        let mut repositories = registries.filter_map(|registry| repository_in(registry, image));
        repositories.find_map(|repository| self.with_repository(repository))
    }

    pub(super) fn with_repository(&self, repository: &str) -> Option<&'m ProjectName> {
        let by_repository = self.by_repository.get_or_init(|| {
            let projects = self.projects.iter();
            projects.map(|(name, project)| (project.repository.as_str(), *name)).collect()
        });
        by_repository.get(repository).copied()
    }
}

/// The repository without the registry's prefix, if the image is there.
fn repository_in<'i>(registry: &RegistryConfig, image: &'i TaggedImage) -> Option<&'i str> {
    let is_here = match (&registry.kind, &image.host) {
        (RegistryKind::Engine, host) => host.is_none() && !registry.prefix.is_empty(),
        (RegistryKind::Ecr(ecr), Some(host)) if registry.host().is_none() => ecr.may_be_at(host),
        (_, Some(host)) => registry.host().as_ref() == Some(host),
        (_, None) => registry.host().is_some_and(|host| host.is_docker_hub()),
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
        let dependent: ProjectName = dependent.parse().unwrap();
        let config = manifest.projects.values().next().unwrap();
        match Names::new(&manifest).resolve(&dependent, config, reference) {
            ParentImage::Project(project) => Some(project.to_string()),
            ParentImage::Folder(_) | ParentImage::External | ParentImage::Locked(_) => None,
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

    /// What a reference means in the Dockerfile of `app`, with these keys of the workspace, of `lib`, and of `app`.
    fn in_app([workspace, lib, app]: [&str; 3], reference: &str) -> Option<String> {
        let text = format!(
            "[workspace]\nname = \"shop\"\n{workspace}\n{OCI}[projects.lib]\npath = \"lib\"\n{lib}\n\
             [projects.node]\npath = \"node\"\nrepository = \"nodejs\"\n[projects.app]\npath = \"app\"\n{app}\n"
        );
        let manifest = config::parse(text.as_bytes(), "m").unwrap_or_else(|errors| panic!("{errors}"));
        let name: ProjectName = "app".parse().unwrap();
        match Names::new(&manifest).resolve(&name, &manifest.projects[&name], reference) {
            ParentImage::Project(project) => Some(project.to_string()),
            ParentImage::Folder(_) | ParentImage::External | ParentImage::Locked(_) => None,
        }
    }

    #[test]
    fn a_repository_behind_an_entry_of_own_images_is_a_project_whatever_its_tag() {
        let own = ["own_images = [\"quay.io/acme/\", \"docker.io/acme/\", \"localhost:5000/shop-\"]", "", ""];

        for (reference, project) in [
            ("quay.io/acme/lib", Some("lib")),
            ("quay.io/acme/nodejs:v1", Some("node")),
            ("acme/lib", Some("lib")),
            ("index.docker.io/acme/lib:2", Some("lib")),
            ("localhost:5000/shop-lib", Some("lib")),
            ("quay.io/acme/node", None),
            ("quay.io/lib", None),
            ("quay.io/acme/team/lib", None),
            ("quay.io/acme/app", None),
            ("localhost:5000/lib", None),
        ] {
            assert_eq!(in_app(own, reference).as_deref(), project, "{reference}");
        }
    }

    #[test]
    fn what_a_project_lists_comes_before_own_images_and_a_tag_before_all_tags() {
        let keys = [
            "own_images = [\"quay.io/acme/\"]",
            "images = [\"quay.io/acme/nodejs:lib\", \"acme/base\"]",
            "external = [\"quay.io/acme/lib:old\", \"lib:latest\", \"r.example/team/nodejs\"]",
        ];

        for (reference, project) in [
            ("quay.io/acme/nodejs:lib", Some("lib")),
            ("quay.io/acme/nodejs:other", Some("node")),
            ("docker.io/acme/base:9", Some("lib")),
            ("acme/base", Some("lib")),
            ("quay.io/acme/lib:old", None),
            ("quay.io/acme/lib:new", Some("lib")),
            ("lib", None),
            ("r.example/team/nodejs:3", None),
            ("r.example/team/lib:3", Some("lib")),
        ] {
            assert_eq!(in_app(keys, reference).as_deref(), project, "{reference}");
        }
    }

    #[test]
    fn a_registry_that_is_docker_hub_has_references_without_a_host() {
        let hub = "[cache]\nkind = \"oci\"\nhost = \"docker.io\"\nprefix = \"acme/\"\n";

        assert_eq!(project(hub, "acme/lib:1"), Some("lib".to_owned()));
        assert_eq!(project(hub, "index.docker.io/acme/lib"), Some("lib".to_owned()));
        assert_eq!(project(hub, "quay.io/acme/lib"), None);
    }
}
