//! The repository, the tree that is looked at, and where its manifest comes from.

use std::fs;

use super::Call;
use super::deployed_base::DeployedBase;
use super::environment::Environment;
use super::options::Options;
use crate::ci::Switches;
use crate::config::Switch;
use crate::error::Error;
use crate::git::{GitError, Head, Repository, Snapshot};
use crate::model::{BranchName, Change, ObjectId, ProjectName};
use crate::observe::{self, BaseRequest, Missing, Records};
use crate::plan::{Base, Force, Observations, Plan};
use crate::workspace::{ManifestSource, Workspace};

/// What a command looks at.
pub(super) struct Opened {
    pub(super) repository: Repository,
    pub(super) head: Head,
    /// The tree of the head, or of the work tree.
    pub(super) tree: ObjectId,
    pub(super) is_dirty: bool,
    pub(super) source: ManifestSource,
    /// Where `--base` names what an environment runs.
    deployed_base: Option<DeployedBase>,
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
        let mut opened = Self { repository, head, tree, is_dirty, source, deployed_base: None };
        if let Some(revision) = &options.base {
            let workspace = || Ok(Workspace::read(&opened.snapshot(), &opened.source)?);
            opened.deployed_base = DeployedBase::read(revision, workspace, environment)?;
        }
        Ok(opened)
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
        if let Some(deployed) = &self.deployed_base {
            return Ok(Some(deployed.base(&self.repository, None, missing)?));
        }
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

    /// What differs from the base; nothing where that is unknown.
    pub(super) fn changes(&self, snapshot: &Snapshot<'_>, base: &Base) -> Result<Vec<Change>, Error> {
        Ok(match base {
            Base::Unknown { .. } => Vec::new(),
            Base::Known { commit, .. } => {
                self.repository.snapshot(*commit)?.changes_with_submodules_to(snapshot)?
            }
        })
    }

    /// What git alone can say of the changes, without digests and images.
    pub(super) fn observe(
        &self,
        workspace: &Workspace,
        base: Base,
        changes: &[Change],
    ) -> Result<Observations, Error> {
        let own_changes = match &base {
            Base::Unknown { .. } => Default::default(),
            Base::Known { commit, .. } => {
                let base = self.repository.snapshot(*commit)?;
                observe::own_changes(workspace, &self.source, &base, changes)
            }
        };
        Ok(Observations {
            head: self.head.commit,
            is_dirty: self.is_dirty,
            base,
            own_changes,
            inputs: Default::default(),
            images: None,
        })
    }
}

pub(super) fn missing(options: &Options) -> Missing {
    if options.fetch_base { Missing::Fetched } else { Missing::LeftOut }
}

/// A plan by git alone, and what it was made from.
pub(super) struct OfflinePlan {
    pub(super) workspace: Workspace,
    pub(super) changes: Vec<Change>,
    pub(super) observed: Observations,
    pub(super) plan: Plan,
}

/// Plans all projects by git alone and says on which base.
pub(super) fn plan_offline(opened: &Opened, call: &Call) -> Result<OfflinePlan, Error> {
    plan_offline_since(opened, call, |workspace| {
        let default_branch = &workspace.settings.default_branch;
        opened.base(&call.options, &call.environment, default_branch, &Records::default())
    })
}

/// The same since the base that `base` finds.
pub(super) fn plan_offline_since(
    opened: &Opened,
    call: &Call,
    base: impl FnOnce(&Workspace) -> Result<Base, Error>,
) -> Result<OfflinePlan, Error> {
    let snapshot = opened.snapshot();
    let workspace = Workspace::read(&snapshot, &opened.source)?;
    let base = base(&workspace)?;
    let changes = opened.changes(&snapshot, &base)?;
    let observed = opened.observe(&workspace, base, &changes)?;
    let selected = workspace.graph.order().cloned().collect();
    let strategy = workspace.settings.strategy;
    let plan = crate::plan::make(&workspace.graph, &observed, &selected, strategy, &Force::None);
    call.output.story(&crate::report::text::base(&plan));
    Ok(OfflinePlan { workspace, changes, observed, plan })
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
