//! `doctor`: looks at everything that commands need, and changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;

use super::check::of_error;
use super::engine_diagnosis::gibibytes;
use super::repository_context::{RepositoryContext, Uncommitted};
use super::{
    CommandContext, account_diagnosis, builders, engine_diagnosis, ensure_terraform, local, registries,
    wait_for,
};
use crate::buildkit::{BuildKit, BuildKitError};
use crate::ci::{Branch, Trust};
use crate::config::{BuilderConfig, RegistryConfig, RegistryKind, SecretSource};
use crate::deploy::{self, TerraformProgram};
use crate::error::Error;
use crate::exit::Exit;
use crate::git::{self, Snapshot};
use crate::model::{Platform, RepositoryName};
use crate::pins;
use crate::registry::{Registry, RegistryError};
use crate::report::doctor::{self, Check, DoctorJson, State};
use crate::workspace::{LOCK_FILE, Workspace};

/// Looks at everything, and answers [`Exit::No`] if something that commands need does not work.
pub(super) fn run(command: &CommandContext) -> Result<Exit, Error> {
    let mut checks = Vec::new();
    let repo = RepositoryContext::new(&command.options, &command.environment, Uncommitted::Included);
    match &repo {
        Ok(repo) => {
            checks.extend(clone(repo));
            checks.extend(run_context(command, repo));
            let snapshot = repo.snapshot();
            match Workspace::read(&snapshot, &repo.source) {
                Ok(workspace) => {
                    checks.push(manifest(&workspace));
                    checks.extend(external_images(&workspace));
                    checks.extend(secrets(command, repo, &workspace));
                    checks.extend(wait_for(remote(command, repo, &snapshot, &workspace))?);
                }
                Err(error) => {
                    checks.push(of_error("manifest", error.into()));
                    checks.extend(wait_for(async {
                        Ok(engine_diagnosis::engine(command, false, None).await)
                    })?);
                }
            }
        }
        Err(_) => {
            checks.extend(wait_for(async { Ok(engine_diagnosis::engine(command, false, None).await) })?);
        }
    }
    if let Err(error) = repo {
        checks.insert(0, of_error("git", error));
    }
    command.print(|| DoctorJson::new(&checks), || doctor::text(&checks));
    Ok(if doctor::has_error(&checks) { Exit::No } else { Exit::Done })
}

/// What the clone has, and what it needs the program git for.
fn clone(repo: &RepositoryContext) -> Vec<Check> {
    let head = match &repo.head.branch {
        Some(branch) => format!("{} on `{branch}`", repo.head.commit.short()),
        None => repo.head.commit.short().to_string(),
    };
    let dirty = if repo.is_dirty { ", with uncommitted changes" } else { "" };
    let mut checks = vec![if repo.repository.is_shallow() {
        Check::warning("git", format!("{head}{dirty}; the clone is shallow")).fix(
            "fetch the whole history (`fetch-depth: 0`), or use `--fetch-base`: without it, the base and with it the reasons may be unknown",
        )
    } else {
        Check::ok("git", format!("{head}{dirty}; the history is complete"))
    }];
    if !git::is_program_there() {
        let says = "there is no program `git`";
        checks.push(
            Check::warning("git", says).fix("install it: missing commits, Git LFS and filters need it"),
        );
    }
    checks
}

/// What the CI says of this run.
fn run_context(command: &CommandContext, repo: &RepositoryContext) -> Vec<Check> {
    let mut checks = Vec::new();
    match (&repo.trust, repo.context.branch()) {
        (Trust::Untrusted { why }, _) => {
            let says = format!("this run is not trusted: {why}. It reads the cache, and writes nothing");
            checks.push(Check::ok("run", says));
        }
        (Trust::Trusted, Branch::Known(branch)) => {
            let says = format!("trusted, for the branch `{}` ({})", branch.value, branch.source);
            checks.push(Check::ok("run", says));
        }
        (Trust::Trusted, Branch::Unknown { why }) if command.environment.ci.is_ci() => {
            let says = format!("trusted, but nothing is named after a branch: {why}");
            checks.push(Check::warning("run", says).fix("set `CHINAMPA_BRANCH` in the job"));
        }
        (Trust::Trusted, Branch::Unknown { .. }) => {
            checks.push(Check::ok("run", "trusted, on no branch"));
        }
    }
    checks
}

fn manifest(workspace: &Workspace) -> Check {
    let (file, projects) = (&workspace.manifest_file, workspace.projects.len());
    match projects {
        0 => Check::warning("manifest", format!("`{file}` has no projects"))
            .fix("`chinampa init --update` adds them"),
        _ => Check::ok("manifest", format!("`{file}` is valid: {projects} projects")),
    }
}

/// Whether something pins external images; nothing where there are none.
fn external_images(workspace: &Workspace) -> Option<Check> {
    let images = match pins::used(workspace).len() {
        0 => return None,
        1 => "1 external image".to_owned(),
        images => format!("{images} external images"),
    };
    Some(match workspace.lock {
        Some(_) => Check::ok("images", format!("`{LOCK_FILE}` pins {images}")),
        None => {
            let says = format!("nothing pins {images}: what a tag stands for can be different in each build");
            Check::warning("images", says).fix(format!("`chinampa lock` writes `{LOCK_FILE}`; commit it"))
        }
    })
}

/// Secrets that no build could get. They are not read.
fn secrets(command: &CommandContext, repo: &RepositoryContext, workspace: &Workspace) -> Vec<Check> {
    let mut missing: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let folder = repo.repository.work_dir();
    for (name, project) in &workspace.projects {
        for (id, source) in &project.config.secrets {
            let is_missing = match source {
                SecretSource::Env(variable) => command.environment.secret(variable).is_none(),
                SecretSource::File(path) => {
                    folder.is_some_and(|folder| !folder.join(path.to_os_path()).exists())
                }
                SecretSource::Aws(_) => false,
            };
            if is_missing {
                missing.entry(id).or_default().insert(name.as_str());
            }
        }
    }
    let warning = |(id, projects): (&str, BTreeSet<&str>)| {
        let projects: Vec<&str> = projects.into_iter().collect();
        let says = format!("the secret `{id}` has no value here; it is of {}", projects.join(", "));
        Check::warning("secrets", says).fix("set its variable, or write its file, where these are built")
    };
    missing.into_iter().map(warning).collect()
}

/// The engine, the registries and Terraform.
async fn remote(
    command: &CommandContext,
    repo: &RepositoryContext,
    snapshot: &Snapshot<'_>,
    workspace: &Workspace,
) -> Result<Vec<Check>, Error> {
    let is_store = matches!(workspace.cache.kind, RegistryKind::Engine);
    let configured = builders::configured(command, repo, workspace);
    let has_builders = !matches!(&configured, Ok(configs) if configs.is_empty());
    let pushes_to = Some(&workspace.cache).filter(|_| repo.trust.is_trusted() && !has_builders);
    let mut checks = engine_diagnosis::engine(command, is_store, pushes_to).await;
    let configs = match configured {
        // An untrusted run uses none.
        Ok(_) if !repo.trust.is_trusted() => Vec::new(),
        Ok(configs) => configs,
        Err(error) => {
            checks.push(of_error("builder", error));
            Vec::new()
        }
    };
    if !configs.is_empty() && !is_store {
        // Builders do its work; only local builds and untrusted runs need it.
        let failed = checks.iter_mut().filter(|check| check.state == State::Error);
        failed.for_each(|check| check.state = State::Warning);
    }
    checks.extend(join_all(configs.iter().map(|config| builder(repo, config))).await);
    if !is_store {
        checks.extend(registry(command, "cache", &workspace.cache, &workspace.records).await);
    }
    let mut known: Vec<&RegistryConfig> = Vec::new();
    for name in workspace.environments.keys() {
        let Ok((target, _)) = deploy::target(workspace, name) else { continue };
        if known.contains(&target) {
            continue;
        }
        known.push(target);
        let subject = format!("deploy ({name})");
        match workspace.settings.name.builds_repository().with_prefix(&target.prefix) {
            Ok(records) => checks.extend(registry(command, &subject, target, &records).await),
            Err(error) => checks.push(of_error(&subject, error.into())),
        }
    }
    checks.extend(account_diagnosis::aws(command, workspace).await);
    checks.extend(terraform(command, snapshot, workspace));
    Ok(checks)
}

/// Which version a builder has, for which platforms it builds, and how many layers it keeps.
async fn builder(repo: &RepositoryContext, config: &BuilderConfig) -> Check {
    let subject = "builder";
    let described = async {
        let address = builders::address(config, repo.repository.work_dir())?;
        let buildkit = BuildKit::connect(&address).await?;
        Ok::<_, BuildKitError>((buildkit.describe().await?, buildkit.used_bytes().await?))
    };
    let (info, used) = match described.await {
        Ok(described) => described,
        Err(error) => return of_error(subject, error.into()),
    };
    let listed =
        |platforms: &[Platform]| platforms.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let (native, emulated) = builders::platforms(config, &info);
    let emulated = match listed(&emulated) {
        none if none.is_empty() => none,
        platforms => format!("; emulates {platforms}"),
    };
    let limit = info.garbage_collection.iter().filter_map(|policy| policy.max_used_bytes).max();
    let limit = limit.map(|bytes| format!(" of at most {}", gibibytes(bytes))).unwrap_or_default();
    let version = if info.version.is_empty() { "BuildKit" } else { info.version.as_str() };
    let says = format!(
        "{version} at {} builds for {}{emulated}; {} slots; it keeps {}{limit} of layers",
        config.endpoint,
        listed(&native),
        config.slots,
        gibibytes(used)
    );
    match native.is_empty() {
        true => Check::warning(subject, says).fix("list its `platforms`: it tells none"),
        false => Check::ok(subject, says),
    }
}

/// Whether a registry can be read from and pushed to. Nothing is left there.
async fn registry(
    command: &CommandContext,
    subject: &str,
    config: &RegistryConfig,
    records: &RepositoryName,
) -> Vec<Check> {
    let asked = registries::registry_with(config, &command.environment, local::retry_policy());
    let registry = match asked.await {
        Ok(registry) => registry,
        Err(error) => return vec![of_error(subject, error)],
    };
    let name = match registry.oci() {
        Some(oci) => oci.host().to_string(),
        None => "the engine's own store".to_owned(),
    };
    let tags = match registry.tags(records).await {
        Ok(tags) => tags,
        Err(error) => return vec![of_error(subject, error.into())],
    };
    let found = match tags.len() {
        0 => format!("{name} can be read; nothing is recorded in `{records}` yet"),
        tags => format!("{name} can be read; `{records}` has {tags} tags"),
    };
    let mut checks = vec![Check::ok(subject, found)];
    if !command.environment.ci.trust().is_trusted() {
        return checks;
    }
    checks.push(match push(&*registry, records, tags.is_empty()).await {
        Pushed::Yes => Check::ok(subject, format!("{name} can be pushed to")),
        Pushed::NotThere => {
            let says = format!("`{records}` is not there yet; the first build creates it");
            Check::ok(subject, says)
        }
        Pushed::No(error) => {
            let check = of_error(subject, error);
            Check { says: format!("{name} cannot be pushed to: {}", check.says), ..check }
        }
    });
    checks
}

/// What a registry answers to who wants to push.
enum Pushed {
    Yes,
    /// The repository has to be created first.
    NotThere,
    No(Error),
}

async fn push(registry: &dyn Registry, repository: &RepositoryName, is_empty: bool) -> Pushed {
    let Some(oci) = registry.oci() else { return Pushed::Yes };
    match oci.probe_push(repository).await {
        Ok(()) => Pushed::Yes,
        Err(RegistryError::Missing { .. }) if is_empty => Pushed::NotThere,
        Err(error) => Pushed::No(error.into()),
    }
}

/// Whether Terraform is there, where projects use it.
fn terraform(command: &CommandContext, snapshot: &Snapshot<'_>, workspace: &Workspace) -> Option<Check> {
    workspace.deploy.as_ref()?;
    let folders = match deploy::terraform_folders(snapshot, workspace) {
        Ok(folders) if folders.is_empty() => return None,
        Ok(folders) => folders,
        Err(error) => return Some(of_error("terraform", deploy::ValidateError::from(error).into())),
    };
    let count: usize = folders.values().map(Vec::len).sum();
    Some(match ensure_terraform::program(&command.environment) {
        Ok(TerraformProgram::At(program)) => match deploy::terraform_version(&program) {
            Some(version) => Check::ok(
                "terraform",
                format!("{version} at {}, for {count} configurations", program.display()),
            ),
            None => Check::error("terraform", format!("{} cannot be run", program.display()))
                .fix("set `CHINAMPA_TERRAFORM` to another, or take it from `PATH`: it is then downloaded"),
        },
        Ok(TerraformProgram::Install(install)) if install.program().is_file() => {
            Check::ok("terraform", format!("{} at {}", install.version, install.program().display()))
        }
        Ok(TerraformProgram::Install(install)) => {
            let says = format!("Terraform {} is downloaded when it is needed first", install.version);
            Check::ok("terraform", says).fix("`chinampa ensure_terraform` downloads it now")
        }
        Ok(TerraformProgram::NotFound { name }) => {
            of_error("terraform", deploy::InstallError::NotFound { name }.into())
        }
        Err(error) => of_error("terraform", error),
    })
}
