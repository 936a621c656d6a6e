//! What `doctor` says of AWS: whose credentials each part of the manifest uses, and settings of accounts that cost time.

use super::CommandContext;
use super::check::of_error;
use crate::aws::{AwsError, Caller};
use crate::config::{Ecr, RegistryKind};
use crate::deploy;
use crate::model::AwsIdentity;
use crate::registry::{self, RegistryError};
use crate::report::doctor::Check;
use crate::workspace::Workspace;

/// A registry of ECR, and what the manifest uses it for: `cache`, `deploy (<environment>)`.
struct Used<'w> {
    ecr: &'w Ecr,
    parts: Vec<String>,
}

/// Who asks AWS for each registry, and whether ECR shares layers there.
pub(super) async fn aws(command: &CommandContext, workspace: &Workspace) -> Vec<Check> {
    let used = used(workspace);
    let mut callers: Vec<(&AwsIdentity, Result<Caller, AwsError>)> = Vec::new();
    for Used { ecr, .. } in &used {
        if callers.iter().all(|(known, _)| **known != ecr.identity) {
            let caller = command.environment.aws.caller(&ecr.region, &ecr.identity).await;
            callers.push((&ecr.identity, caller));
        }
    }
    let mut checks = Vec::new();
    for one in &used {
        let known = callers.iter().find(|(identity, _)| **identity == one.ecr.identity);
        if let Some((_, Ok(caller))) = known {
            checks.extend(layers(command, one, caller).await);
        }
    }
    let credentials = callers.into_iter().map(|(identity, caller)| {
        let parts = used.iter().filter(|one| one.ecr.identity == *identity).flat_map(|one| &one.parts);
        let parts = parts.map(String::as_str).collect::<Vec<_>>().join(", ");
        match caller {
            Ok(Caller { arn, source, .. }) => Check::ok("credentials", format!("{parts}: {arn}, {source}")),
            Err(source) => {
                let doing = format!("tell whose credentials are used for {parts}");
                of_error("credentials", RegistryError::Aws { doing, source }.into())
            }
        }
    });
    credentials.chain(checks).collect()
}

/// The registries of ECR that the manifest names, each once.
fn used(workspace: &Workspace) -> Vec<Used<'_>> {
    let targets = workspace.environments.keys().filter_map(|name| {
        let (target, _) = deploy::target(workspace, name).ok()?;
        Some((target, format!("deploy ({name})")))
    });
    let mut used: Vec<Used<'_>> = Vec::new();
    for (registry, part) in std::iter::once((&workspace.cache, "cache".to_owned())).chain(targets) {
        let RegistryKind::Ecr(ecr) = &registry.kind else { continue };
        match used.iter_mut().find(|known| is_same(known.ecr, ecr)) {
            Some(known) => known.parts.push(part),
            None => used.push(Used { ecr, parts: vec![part] }),
        }
    }
    used
}

/// Whether two tables mean one registry, asked as one identity.
fn is_same(one: &Ecr, other: &Ecr) -> bool {
    let place = |ecr: &Ecr| (ecr.known_account().map(str::to_owned), ecr.host.clone(), ecr.endpoint.clone());
    one.region == other.region && one.identity == other.identity && place(one) == place(other)
}

/// Whether ECR shares layers between repositories.
async fn layers(command: &CommandContext, used: &Used<'_>, caller: &Caller) -> Option<Check> {
    let Used { ecr, parts } = used;
    let is_cache_and_target = parts.len() > 1 && parts[0] == "cache";
    if ecr.known_account().is_some_and(|account| account != caller.account) {
        // An account tells its settings to its own users alone.
        return None;
    }
    let subject = parts.join(", ");
    let allowed = match command.environment.allowed_hosts() {
        Ok(allowed) => allowed,
        Err(error) => return Some(of_error(&subject, error)),
    };
    let place = format!("account {} in {}", caller.account, ecr.region);
    Some(match registry::ecr_has_blob_mounting(ecr, &allowed, &command.environment.aws).await {
        Ok(true) => Check::ok(subject, format!("{place}: repositories share layers (blob mounting)")),
        Ok(false) => {
            let cost = match is_cache_and_target {
                true => "a deployment uploads layers that the registry has in the cache's repositories",
                false => "a layer of several images is uploaded and stored for each of them",
            };
            let command = format!(
                "`aws ecr put-account-setting --name BLOB_MOUNTING --value ENABLED --region {}` turns it on, for \
                 repositories with the same encryption",
                ecr.region
            );
            Check::warning(subject, format!("{place}: blob mounting is off, so {cost}")).fix(command)
        }
        // Builds work without an answer.
        Err(error) => {
            let check = of_error(&subject, error.into()).into_ok();
            Check {
                says: format!("{place}: whether blob mounting is on is not known: {}", check.says),
                ..check
            }
        }
    })
}
