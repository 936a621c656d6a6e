//! What a command asks git and the cache about the tree that it looks at: the base, the changes, the images.

use std::collections::BTreeSet;

use super::CommandContext;
use super::environment::Environment;
use super::options::Options;
use super::repository_context::RepositoryContext;
use crate::config::{RegistryConfig, RegistryKind, Workspace as Settings};
use crate::error::Error;
use crate::git::Snapshot;
use crate::model::{CommitId, ProjectName};
use crate::observe::{
    self, Base, BaseRequest, BuildRecords, CacheRequest, Changes, FoundBase, LocalRequest, Observations,
    Records, Zone,
};
use crate::plan::{self, Impact};
use crate::registry::Registry;
use crate::workspace::Workspace;

/// What is asked besides git.
#[derive(Clone, Copy)]
pub(super) struct CacheToRead<'c> {
    pub(super) registry: &'c dyn Registry,
    /// That the run writes to.
    pub(super) zone: Zone,
    /// Of a local build.
    pub(super) local: Option<LocalRequest<'c>>,
}

impl RepositoryContext {
    /// The base that a person named, for which no manifest is needed.
    pub(super) fn named_base(&self, options: &Options) -> Result<Option<Base>, Error> {
        let missing = self.missing(options);
        if let Some(deployed) = &self.deployed_base {
            return Ok(Some(deployed.base(&self.repository, None, missing)?));
        }
        let Some(revision) = &options.base else { return Ok(None) };
        let commit = observe::named_commit(&self.repository, revision, missing)?;
        Ok(Some(Base::Known { commit, from: "--base".to_owned() }))
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

    /// Finds the base without asking a registry, and says so where a build record of one would have come first.
    pub(super) fn base_by_git(
        &self,
        command: &CommandContext,
        settings: &Settings,
        cache: &RegistryConfig,
    ) -> Result<Base, Error> {
        let CommandContext { options, environment, .. } = command;
        let found = self.base(options, environment, settings, &Records::NotAsked)?;
        if found.records_might_say_more && cache.kind != RegistryKind::Engine {
            command.output.status(
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

    /// Asks git and the cache for all that a plan of builds needs, and first the engine of a local build.
    pub(super) async fn observe(
        &self,
        command: &CommandContext,
        snapshot: &Snapshot<'_>,
        workspace: &Workspace,
        selected: &BTreeSet<ProjectName>,
        cache: CacheToRead<'_>,
    ) -> Result<Observations, Error> {
        let CacheToRead { registry, zone, local } = cache;
        let settings = &workspace.settings;
        let commits = &observe::commits_before(&self.repository, &self.context, settings.strategy)?;
        let find_base = |records: &BuildRecords| {
            let records = Records::of(records, workspace, zone, &self.context, commits);
            Ok::<_, Error>(self.base(&command.options, &command.environment, settings, &records)?.base)
        };
        let cache = CacheRequest { registry, zone, context: &self.context, commits, local };
        observe::observe(self.request(snapshot, workspace), selected, cache, find_base).await
    }
}

/// What changes affect by git alone, and what that was made from.
pub(super) struct Offline {
    pub(super) workspace: Workspace,
    pub(super) changes: Changes,
    pub(super) impact: Impact,
}

/// Looks at all projects by git alone and says on which base.
pub(super) fn offline(repo: &RepositoryContext, command: &CommandContext) -> Result<Offline, Error> {
    offline_since(repo, command, |workspace| repo.base_by_git(command, &workspace.settings, &workspace.cache))
}

/// The same since the base that `base` finds.
pub(super) fn offline_since(
    repo: &RepositoryContext,
    command: &CommandContext,
    base: impl FnOnce(&Workspace) -> Result<Base, Error>,
) -> Result<Offline, Error> {
    let snapshot = repo.snapshot();
    let workspace = Workspace::read(&snapshot, &repo.source)?;
    let base = base(&workspace)?;
    let changes = observe::changes(repo.request(&snapshot, &workspace), base)?;
    let all = workspace.projects.keys().cloned().collect();
    let impact = plan::impact(&workspace.graph, &changes, &all);
    command.output.status(&crate::report::text::base(impact.head, impact.is_dirty, &impact.base));
    Ok(Offline { workspace, changes, impact })
}
