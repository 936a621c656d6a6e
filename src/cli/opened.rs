//! The repository, the tree that is looked at, and where its manifest comes from.

use std::collections::BTreeSet;
use std::fs;

use super::Call;
use super::deployed_base::DeployedBase;
use super::environment::Environment;
use super::options::Options;
use crate::ci::{Branch, CheckedOut, CommitContext, Directives, Trust};
use crate::config::{Switch, Workspace as Settings};
use crate::error::Error;
use crate::git::{GitError, Head, Repository, Snapshot};
use crate::model::{CommitId, ObjectId, ProjectName};
use crate::observe::{self, Base, BaseRequest, Changes, FoundBase, Missing, Observations, Records, Zone};
use crate::plan::{self, Impact};
use crate::registry::Registry;
use crate::workspace::{ManifestSource, Workspace};

/// What a command looks at.
pub(super) struct Opened {
    pub(super) repository: Repository,
    pub(super) head: Head,
    /// What the environment says about the head.
    pub(super) context: CommitContext,
    pub(super) trust: Trust,
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
            GitError::NotARepository { folder } if environment.ci.is_of_codepipeline() => {
                Error::PipelineWithoutClone { folder }
            }
            error => error.into(),
        })?;
        let mut head = match &options.head {
            Some(revision) => Head { commit: repository.commit(revision)?, branch: None },
            None => repository.head()?,
        };
        let context = context(&repository, &head, environment)?;
        head.branch = context.branch_name().cloned();
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
        let trust = environment.ci.trust();
        let mut opened =
            Self { repository, head, context, trust, tree, is_dirty, source, deployed_base: None };
        if let Some(revision) = &options.base {
            let workspace = || Ok(Workspace::read(&opened.snapshot(), &opened.source)?);
            opened.deployed_base = DeployedBase::read(revision, workspace, environment)?;
        }
        Ok(opened)
    }

    pub(super) fn snapshot(&self) -> Snapshot<'_> {
        self.repository.snapshot_of_tree(self.tree)
    }

    /// What the commit's message asks for, as far as the manifest lets it; nothing for an untrusted run.
    pub(super) fn directives(&self, workspace: &Workspace) -> Result<Directives, Error> {
        let allowed = &workspace.settings.message_switches;
        if allowed.is_empty() || !self.trust.is_trusted() {
            return Ok(Directives::default());
        }
        let mut directives = Directives::read(&self.repository.message(self.head.commit)?);
        if !allowed.contains(&Switch::Rebuild) {
            (directives.rebuild_all, directives.rebuild) = Default::default();
        }
        directives.dry_deploy &= allowed.contains(&Switch::DryDeploy);
        Ok(directives)
    }

    /// The base that a person named, for which no manifest is needed.
    pub(super) fn named_base(&self, options: &Options) -> Result<Option<Base>, Error> {
        let missing = self.missing(options);
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
        settings: &Settings,
        records: &Records,
    ) -> Result<FoundBase, Error> {
        if let Some(base) = self.named_base(options)? {
            return Ok(FoundBase { base, records_might_say_more: false });
        }
        let request = BaseRequest {
            from_environment: environment.base.as_deref(),
            context: &self.context,
            default_branch: &settings.default_branch,
            strategy: settings.strategy,
            records,
            missing: self.missing(options),
        };
        Ok(observe::base(&self.repository, request)?)
    }

    /// Finds the base without asking a registry, and says so where a build record would have come first.
    pub(super) fn base_by_git(&self, call: &Call, settings: &Settings) -> Result<Base, Error> {
        let found = self.base(&call.options, &call.environment, settings, &Records::NotAsked)?;
        if found.records_might_say_more {
            call.output.story(
                "no registry is asked here: a build record, which `plan` looks for, might name a nearer base",
            );
        }
        Ok(found.base)
    }

    /// Whether the branch's build record may move from an earlier commit to the head, or why not.
    pub(super) fn may_move_record(
        &self,
        options: &Options,
        recorded: CommitId,
    ) -> Result<Result<(), String>, Error> {
        Ok(observe::descends(&self.repository, self.head.commit, recorded, self.missing(options))?)
    }

    /// Asks the cache for the build records that the base may be taken from.
    pub(super) async fn records(
        &self,
        cache: &dyn Registry,
        workspace: &Workspace,
        zone: Zone,
    ) -> Result<Records, Error> {
        let strategy = workspace.settings.strategy;
        let commits = observe::commits_before(&self.repository, &self.context, strategy)?;
        Ok(observe::records(cache, workspace, zone, &self.context, &commits).await?)
    }

    /// Whether git may fetch. For an untrusted run it doesn't: what is fetched stays in a clone that others may use.
    pub(super) fn missing(&self, options: &Options) -> Missing {
        match (&self.trust, options.fetch_base) {
            (Trust::Trusted, true) => Missing::Fetched,
            (Trust::Untrusted { why }, true) => {
                tracing::warn!("nothing is fetched: {why}");
                Missing::LeftOut
            }
            (_, false) => Missing::LeftOut,
        }
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

    /// Which part of the cache this run writes to.
    pub(super) fn zone(&self, snapshot: &Snapshot<'_>, workspace: &Workspace) -> Result<Zone, Error> {
        Ok(Zone::of(self.request(snapshot, workspace), &self.context)?)
    }

    /// Asks git and the cache for all that a plan of builds needs.
    pub(super) async fn observe(
        &self,
        call: &Call,
        snapshot: &Snapshot<'_>,
        workspace: &Workspace,
        zone: Zone,
        selected: &BTreeSet<ProjectName>,
        cache: &dyn Registry,
    ) -> Result<Observations, Error> {
        let find_base = async || {
            let records = match call.options.base {
                Some(_) => Records::NotAsked,
                None => self.records(cache, workspace, zone).await?,
            };
            Ok::<_, Error>(self.base(&call.options, &call.environment, &workspace.settings, &records)?.base)
        };
        observe::observe(self.request(snapshot, workspace), zone, selected, cache, find_base).await
    }
}

/// What the environment says about the commit that is looked at: the one place where all commands ask.
fn context(repository: &Repository, head: &Head, environment: &Environment) -> Result<CommitContext, Error> {
    let parents = repository.parents(head.commit)?;
    let checked_out = CheckedOut { commit: head.commit, parents: &parents, branch: head.branch.as_ref() };
    let context = environment.ci.about(checked_out);
    match context.branch() {
        Branch::Known(branch) => tracing::info!(branch = %branch.value, source = %branch.source, "branch"),
        Branch::Unknown { why } => tracing::info!(why, "no branch"),
    }
    Ok(context)
}

/// What changes affect by git alone, and what that was made from.
pub(super) struct Offline {
    pub(super) workspace: Workspace,
    pub(super) changes: Changes,
    pub(super) impact: Impact,
}

/// Looks at all projects by git alone and says on which base.
pub(super) fn offline(opened: &Opened, call: &Call) -> Result<Offline, Error> {
    offline_since(opened, call, |workspace| opened.base_by_git(call, &workspace.settings))
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
