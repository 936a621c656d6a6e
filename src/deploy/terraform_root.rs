//! A folder that Terraform is run in, with all that decides about it: where its state is kept, and
//! whether it is the one that was applied.
//!
//! The fingerprint covers the folder and the local modules that it uses, recursively, by the ids of
//! their trees. A folder that reads a path elsewhere has no fingerprint that could be trusted.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use super::terraform_config::{Configuration, UsedPath};
use super::terraform_state::S3State;
use super::{OwnedAttribute, TerraformError, TerraformFolder};
use crate::config::{EcsScheduled, Service};
use crate::git::{EntryKind, GitError, Snapshot};
use crate::model::{FileMode, Fingerprint, Fingerprinter, RepoPath};

/// A folder that Terraform is run in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerraformRoot {
    pub folder: TerraformFolder,
    pub backend: Backend,
    pub fingerprint: Fingerprint,
    /// Why the fingerprint doesn't cover all that the configuration reads.
    pub reads_elsewhere: Option<String>,
    pub creates: Creates,
    /// What it and its modules set that deployments may set, too.
    pub owned: Vec<OwnedAttribute>,
}

/// Where Terraform keeps the state: somewhere that outlives the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    kind: String,
    /// The setting that names the state, and its value. `None` where the backend has no such setting.
    state: Option<(&'static str, String)>,
}

/// What a configuration creates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Creates {
    /// Resources of these types.
    Known(BTreeSet<String>),
    /// There are parts that are not in the repository, or can't be read.
    Unknown,
}

impl Backend {
    /// A backend of some kind whose state is named by `key`.
    ///
    /// `None` for those whose state is gone with the run: it would be made in the folder of files
    /// that the commit is written to.
    pub fn new(kind: &str, key: String) -> Option<Self> {
        let setting = match kind {
            "local" | "inmem" => return None,
            "azurerm" | "cos" | "oci" | "s3" => Some("key"),
            "gcs" | "oss" => Some("prefix"),
            "consul" => Some("path"),
            "pg" => Some("schema_name"),
            _ => None,
        };
        Some(Self { kind: kind.to_owned(), state: setting.map(|setting| (setting, key)) })
    }

    /// What `terraform init` is told of it.
    pub fn arguments(&self) -> Vec<String> {
        let argument = |(setting, key): &(&str, String)| format!("-backend-config={setting}={key}");
        self.state.iter().map(argument).collect()
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            Some((_, key)) => write!(formatter, "`{key}` in {}", self.kind),
            None => write!(formatter, "what {} names", self.kind),
        }
    }
}

impl Creates {
    /// Whether this may create such a service.
    pub fn may_create(&self, service: &Service) -> bool {
        let kind = match service {
            Service::Ecs { .. } => "ecs_service",
            Service::EcsExpress(_) => "ecs_express_gateway_service",
            Service::EcsTask(_) | Service::EcsScheduled(EcsScheduled::Family(_)) => "ecs_task_definition",
            Service::EcsScheduled(EcsScheduled::Schedule { .. }) => "scheduler_schedule",
            Service::EcsScheduled(EcsScheduled::Rule { .. }) => "cloudwatch_event_target",
            Service::Lambda { alias: None, .. } => "lambda_function",
            Service::Lambda { alias: Some(_), .. } => "lambda_alias",
            Service::AppRunner(_) => "apprunner_service",
            Service::Command { .. } => return true,
        };
        match self {
            Self::Unknown => true,
            Self::Known(types) => types.iter().any(|it| it.ends_with(kind) || it.contains("cloudformation")),
        }
    }
}

impl TerraformRoot {
    /// Reads a folder of the commit; `key` names its state.
    ///
    /// # Errors
    /// [`TerraformError::NoBackend`] when its state would be gone with the run, and
    /// [`TerraformError::Git`] when the commit can't be read.
    pub fn read(
        snapshot: &Snapshot<'_>,
        folder: TerraformFolder,
        key: String,
    ) -> Result<Self, TerraformError> {
        let root = folder.path.clone();
        let modules = Modules::gather(snapshot, &root)?;
        let kind = modules.found[&root].backend().map(str::to_owned);
        let backend = kind.as_deref().and_then(|kind| Backend::new(kind, key));
        let Some(backend) = backend else { return Err(TerraformError::NoBackend { folder: root, kind }) };
        Ok(Self {
            fingerprint: modules.fingerprint(snapshot, &backend)?,
            reads_elsewhere: modules.reads_elsewhere(snapshot, &root)?,
            creates: modules.creates(),
            owned: modules.owned(),
            folder,
            backend,
        })
    }
}

/// What the configuration of a folder and its local modules set that deployments may set, too.
///
/// # Errors
/// [`GitError`] when the commit can't be read.
pub fn owned_attributes(
    snapshot: &Snapshot<'_>,
    folder: &TerraformFolder,
) -> Result<Vec<OwnedAttribute>, GitError> {
    Ok(Modules::gather(snapshot, &folder.path)?.owned())
}

/// What the configuration of a folder says of its state in S3; `None` where it is kept elsewhere.
///
/// # Errors
/// [`GitError`] when the commit can't be read.
pub fn s3_state(snapshot: &Snapshot<'_>, folder: &TerraformFolder) -> Result<Option<S3State>, GitError> {
    let configuration = read(snapshot, &folder.path)?;
    let is_s3 = configuration.backend() == Some("s3");
    Ok(configuration.s3.filter(|_| is_s3))
}

/// The configurations of a folder and of the local modules that it uses.
struct Modules {
    found: BTreeMap<RepoPath, Configuration>,
    /// Modules that are not there, or not in the repository.
    unreachable: Option<String>,
}

impl Modules {
    fn gather(snapshot: &Snapshot<'_>, root: &RepoPath) -> Result<Self, GitError> {
        let mut modules = Self { found: BTreeMap::new(), unreachable: None };
        let mut waiting = VecDeque::from([root.clone()]);
        while let Some(folder) = waiting.pop_front() {
            if modules.found.contains_key(&folder) {
                continue;
            }
            let configuration = read(snapshot, &folder)?;
            for source in &configuration.modules {
                // `//` parts a package from a folder in it; of a local one both are here.
                match resolve(&folder, source) {
                    Some(module) if snapshot.has_folder(&module)? => waiting.push_back(module),
                    _ => {
                        modules.unreachable = Some(format!("the module `{source}` is not in the repository"));
                    }
                }
            }
            modules.found.insert(folder, configuration);
        }
        Ok(modules)
    }

    fn fingerprint(&self, snapshot: &Snapshot<'_>, backend: &Backend) -> Result<Fingerprint, GitError> {
        let mut fingerprint = Fingerprinter::new("terraform/1").field(backend.to_string());
        for folder in self.found.keys() {
            let tree = snapshot.entry(folder)?.map(|entry| entry.id.to_string()).unwrap_or_default();
            fingerprint = fingerprint.field(folder.as_bytes()).field(tree);
        }
        Ok(fingerprint.finish())
    }

    fn reads_elsewhere(&self, snapshot: &Snapshot<'_>, root: &RepoPath) -> Result<Option<String>, GitError> {
        if let Some(why) = &self.unreachable {
            return Ok(Some(why.clone()));
        }
        for (folder, configuration) in &self.found {
            if let Some(why) = &configuration.unknown_path {
                return Ok(Some(format!("`{folder}`: {why}")));
            }
            for used in &configuration.paths {
                let (base, path) = match used {
                    UsedPath::OfModule(path) => (folder, path),
                    UsedPath::OfRoot(path) => (root, path),
                };
                if !resolve(base, path).is_some_and(|path| self.covers(&path)) {
                    return Ok(Some(format!("`{folder}` reads `{path}`")));
                }
            }
            if let Some(link) = self.link_that_leaves(snapshot, folder)? {
                return Ok(Some(format!("`{link}` is a link that leads elsewhere")));
            }
        }
        Ok(None)
    }

    fn covers(&self, path: &RepoPath) -> bool {
        self.found.keys().any(|folder| path.is_within(folder))
    }

    fn link_that_leaves(
        &self,
        snapshot: &Snapshot<'_>,
        folder: &RepoPath,
    ) -> Result<Option<RepoPath>, GitError> {
        let mut links = Vec::new();
        let is_near = |path: &RepoPath| path.is_within(folder) || folder.is_within(path);
        snapshot.walk(&mut |path| is_near(path), &mut |file| {
            if file.mode == FileMode::Symlink && file.path.is_within(folder) {
                links.push((file.path.clone(), file.id));
            }
        })?;
        for (link, id) in links {
            let target = snapshot.blob(id, &link)?;
            let base = link.parent().unwrap_or_default();
            let target = std::str::from_utf8(&target).ok().and_then(|target| resolve(&base, target));
            if !target.is_some_and(|target| self.covers(&target)) {
                return Ok(Some(link));
            }
        }
        Ok(None)
    }

    fn owned(&self) -> Vec<OwnedAttribute> {
        self.found.values().flat_map(|it| it.owned.iter().cloned()).collect()
    }

    fn creates(&self) -> Creates {
        let is_unknown = |it: &Configuration| it.has_remote_modules || it.is_unread;
        if self.unreachable.is_some() || self.found.values().any(is_unknown) {
            return Creates::Unknown;
        }
        Creates::Known(self.found.values().flat_map(|it| it.resources.iter().cloned()).collect())
    }
}

/// The files directly in a folder, as Terraform takes them.
fn read(snapshot: &Snapshot<'_>, folder: &RepoPath) -> Result<Configuration, GitError> {
    let mut configuration = Configuration::default();
    for (path, kind) in snapshot.children(folder)? {
        let name = String::from_utf8_lossy(path.file_name()).into_owned();
        if !Configuration::is_read(&name) {
            continue;
        }
        match kind {
            EntryKind::File(FileMode::Regular | FileMode::Executable) => {
                configuration.add(&path, &name, &snapshot.read(&path)?.unwrap_or_default());
            }
            EntryKind::File(FileMode::Symlink) => configuration.leave_unread(format!("`{name}` is a link")),
            EntryKind::File(FileMode::Submodule) | EntryKind::Folder => {}
        }
    }
    Ok(configuration)
}

/// The path that `relative` leads to from `folder`; `None` when that leaves the repository.
fn resolve(folder: &RepoPath, relative: &str) -> Option<RepoPath> {
    if relative.starts_with('/') {
        return None;
    }
    let mut components: Vec<&[u8]> = folder.components().collect();
    for component in relative.split('/') {
        match component {
            "" | "." => {}
            ".." => drop(components.pop()?),
            name => components.push(name.as_bytes()),
        }
    }
    RepoPath::new(components.join(&b'/')).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_leaves_the_repository_leads_nowhere() {
        let folder = RepoPath::new("a/b").unwrap();

        for (relative, expected) in [
            ("../m", Some("a/m")),
            ("./x//y/.", Some("a/b/x/y")),
            ("../..", Some("")),
            ("../../..", None),
            ("/etc", None),
        ] {
            let expected = expected.map(|path| RepoPath::new(path).unwrap());
            assert_eq!(resolve(&folder, relative), expected, "{relative}");
        }
    }

    #[test]
    fn a_backend_that_is_gone_with_the_run_is_none_and_others_are_told_the_state_in_their_own_words() {
        let arguments = |kind: &str| Backend::new(kind, "shop-dev/api".to_owned()).map(|it| it.arguments());

        for kind in ["local", "inmem"] {
            assert_eq!(arguments(kind), None, "{kind}");
        }
        assert_eq!(arguments("s3").unwrap(), ["-backend-config=key=shop-dev/api"]);
        assert_eq!(arguments("gcs").unwrap(), ["-backend-config=prefix=shop-dev/api"]);
        for kind in ["cloud", "remote", "http", "kubernetes", "of-the-future"] {
            assert_eq!(arguments(kind).unwrap(), [""; 0], "{kind}");
        }
    }
}
