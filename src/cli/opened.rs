//! The repository, the tree that is looked at, and where its manifest comes from.

use std::collections::BTreeSet;
use std::fs;

use super::Call;
use super::environment::Environment;
use super::options::Options;
use crate::ci::Switches;
use crate::config::Switch;
use crate::error::Error;
use crate::git::{GitError, Head, Repository, Snapshot};
use crate::model::{BranchName, ObjectId, ProjectName};
use crate::observe::{self, Base, BaseRequest, Changes, Missing, Observations, Records};
use crate::plan::{self, Impact};
use crate::registry::Registry;
use crate::workspace::{ManifestSource, Workspace};

/// What a command looks at.
pub(super) struct Opened {
    pub(super) repository: Repository,
    pub(super) head: Head,
    /// The tree of the head, or of the work tree.
    pub(super) tree: ObjectId,
    pub(super) is_dirty: bool,
    pub(super) source: ManifestSource,
}

/// Whether uncommitted work is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Uncommitted {
    Included,
    LeftOut,
}

impl Opened {
    pub(super) fn new(
        options: &Options,
        environment: &Environment,
        uncommitted: Uncommitted,
    ) -> Result<Self, Error> {
        let repository = Repository::open(&options.directory).map_err(|error| match error {
            GitError::NotARepository { folder } if environment.ci.is_of_codepipeline => {
                Error::PipelineWithoutClone { folder }
            }
            error => error.into(),
        })?;
        let mut head = match &options.head {
            Some(revision) => Head { commit: repository.commit(revision)?, branch: None },
            None => repository.head()?,
        };
        if head.branch.is_none() {
            head.branch = environment.branch.clone();
            if options.head.is_none() {
                let of_ci = || environment.ci.branch.as_deref().map(BranchName::new);
                head.branch = head.branch.or_else(of_ci);
            }
        }
        let mut tree = repository.snapshot(head.commit)?.tree();
        let mut is_dirty = false;
        let has_work_tree = options.head.is_none() && repository.work_dir().is_some();
        if uncommitted == Uncommitted::Included && has_work_tree {
            let work_tree = repository.snapshot_of_work_tree(head.commit)?;
            (tree, is_dirty) = (work_tree.tree, work_tree.is_dirty);
        }
        let source = match &options.manifest {
            None => ManifestSource::Tree,
            Some(path) => ManifestSource::File {
                name: path.display().to_string(),
                text: fs::read(path).map_err(|source| Error::Read { path: path.clone(), source })?,
            },
        };
        Ok(Self { repository, head, tree, is_dirty, source })
    }

    pub(super) fn snapshot(&self) -> Snapshot<'_> {
        self.repository.snapshot_of_tree(self.tree)
    }

    /// What the commit's message asks for, as far as the manifest lets it.
    pub(super) fn switches(&self, workspace: &Workspace) -> Result<Switches, Error> {
        let allowed = &workspace.settings.message_switches;
        if allowed.is_empty() {
            return Ok(Switches::default());
        }
        let mut switches = Switches::read(&self.repository.message(self.head.commit)?);
        if !allowed.contains(&Switch::Rebuild) {
            (switches.rebuild_all, switches.rebuild) = Default::default();
        }
        switches.dry_deploy &= allowed.contains(&Switch::DryDeploy);
        Ok(switches)
    }

    /// The base that a person named, for which no manifest is needed.
    pub(super) fn named_base(&self, options: &Options) -> Result<Option<Base>, Error> {
        let missing = missing(options);
        let named =
            options.base.as_deref().map(|revision| observe::named_base(&self.repository, revision, missing));
        Ok(named.transpose()?)
    }

    /// Finds the base; `records` are what the cache knows of earlier builds.
    pub(super) fn base(
        &self,
        options: &Options,
        environment: &Environment,
        default_branch: &BranchName,
        records: &Records,
    ) -> Result<Base, Error> {
        if let Some(base) = self.named_base(options)? {
            return Ok(base);
        }
        let request = BaseRequest {
            from_environment: environment.base.as_deref(),
            ci: &environment.ci,
            default_branch,
            records,
            missing: missing(options),
        };
        Ok(observe::base(&self.repository, &self.head, request)?)
    }

    /// What the library is asked about the projects of this tree.
    pub(super) fn request<'r>(
        &'r self,
        snapshot: &'r Snapshot<'r>,
        workspace: &'r Workspace,
    ) -> observe::Request<'r> {
        observe::Request {
            repository: &self.repository,
            head: self.head.commit,
            snapshot,
            is_dirty: self.is_dirty,
            workspace,
            source: &self.source,
        }
    }

    /// Asks git and the cache for all that a plan of builds needs.
    pub(super) async fn observe(
        &self,
        call: &Call,
        snapshot: &Snapshot<'_>,
        workspace: &Workspace,
        selected: &BTreeSet<ProjectName>,
        cache: &dyn Registry,
    ) -> Result<Observations, Error> {
        let find_base = async || {
            let records = match call.options.base {
                Some(_) => Records::default(),
                None => observe::records(cache, workspace, self.head.branch.as_ref()).await?,
            };
            let default_branch = &workspace.settings.default_branch;
            self.base(&call.options, &call.environment, default_branch, &records)
        };
        observe::observe(self.request(snapshot, workspace), selected, cache, find_base).await
    }
}

fn missing(options: &Options) -> Missing {
    if options.fetch_base { Missing::Fetched } else { Missing::LeftOut }
}

/// What changes affect by git alone, and what that was made from.
pub(super) struct Offline {
    pub(super) workspace: Workspace,
    pub(super) changes: Changes,
    pub(super) impact: Impact,
}

/// Looks at all projects by git alone and says on which base.
pub(super) fn offline(opened: &Opened, call: &Call) -> Result<Offline, Error> {
    offline_since(opened, call, |workspace| {
        let default_branch = &workspace.settings.default_branch;
        opened.base(&call.options, &call.environment, default_branch, &Records::default())
    })
}

/// The same since the base that `base` finds.
pub(super) fn offline_since(
    opened: &Opened,
    call: &Call,
    base: impl FnOnce(&Workspace) -> Result<Base, Error>,
) -> Result<Offline, Error> {
    let snapshot = opened.snapshot();
    let workspace = Workspace::read(&snapshot, &opened.source)?;
    let base = base(&workspace)?;
    let changes = observe::changes(opened.request(&snapshot, &workspace), base)?;
    let all = workspace.projects.keys().cloned().collect();
    let impact = plan::impact(&workspace.graph, &changes, &all);
    call.output.story(&crate::report::text::base(impact.head, impact.is_dirty, &impact.base));
    Ok(Offline { workspace, changes, impact })
}

/// The named projects and what they need; all when none is named.
pub(super) fn selection(workspace: &Workspace, names: &[String]) -> Result<BTreeSet<ProjectName>, Error> {
    if names.is_empty() {
        return Ok(workspace.projects.keys().cloned().collect());
    }
    let named: Vec<ProjectName> =
        names.iter().map(|name| project(workspace, name)).collect::<Result<_, _>>()?;
    Ok(workspace.graph.with_needs(&named).into_iter().cloned().collect())
}

/// Finds a project by the name that a person typed.
pub(super) fn project(workspace: &Workspace, name: &str) -> Result<ProjectName, Error> {
    let known = name.parse::<ProjectName>().ok().filter(|name| workspace.projects.contains_key(name));
    known.ok_or_else(|| Error::UnknownProject {
        name: name.to_owned(),
        similar: workspace
            .projects
            .keys()
            .map(|project| (strsim::jaro_winkler(name, project.as_str()), project))
            .filter(|(likeness, _)| *likeness > 0.8)
            .max_by(|one, other| one.0.total_cmp(&other.0))
            .map(|(_, project)| project.clone()),
    })
}
