//! Reads one `[projects.*]` table, and checks it against the others.

use std::collections::hash_map::Entry;

use toml::de::DeValue;

use super::ci;
use super::fields::{Fields, Item, Located};
use super::lists::{once, sorted_once};
use super::manifest_scope::ManifestScope;
use super::project::{ProjectConfig, TerraformSetting};
use super::read_images::{check_repository, external, images};
use super::read_mounts::{contexts, secret, ssh_id};
use super::registry::{RegistryConfig, RegistryKind};
use super::service;
use crate::model::{InvalidName, Platform, ProjectName, RepoPath, RepositoryName, Tag, is_variable_name};

pub(super) const KEYS: &[&str] = &[
    "path",
    "context",
    "dockerfile",
    "patterns",
    "target",
    "repository",
    "images",
    "external",
    "needs",
    "platforms",
    "build_args",
    "contexts",
    "secrets",
    "ssh",
    "extra_inputs",
    "hermetic",
    "deploy",
    "deploy_after",
    "tags",
    "terraform",
    "service",
    "ci",
];

pub(super) fn read(
    item: Item<'_>,
    scope: &mut ManifestScope<'_>,
) -> Option<(ProjectName, Box<ProjectConfig>)> {
    let name = item.key().parse().map_err(|error: InvalidName| item.wrong(error)).ok();
    let fields = item.fields(KEYS)?;
    let path = fields.required("path").and_then(located_path);
    // A stand-in where the path is wrong, so that the other keys are still looked at.
    let stand_in = Located { value: RepoPath::default(), line: item.line() };
    let folder = path.as_ref().unwrap_or(&stand_in);
    let below_folder = |path: Located<RepoPath>| Located { value: folder.value.join(&path.value), ..path };
    let context = fields.item("context").and_then(located_path).unwrap_or_else(|| folder.clone());
    let dockerfile = match fields.item("dockerfile") {
        Some(item) => file(item).map(below_folder),
        None => Some(Located { value: folder.value.join_component(b"Dockerfile"), line: fields.line() }),
    };
    let patterns = match fields.item("patterns") {
        Some(item) => file(item).map(below_folder).map(Some),
        None => Some(None),
    };
    let target = fields.item("target").and_then(|item| item.parse());
    let repository = repository(&item, &fields, name.as_ref(), scope);
    let images = fields.item("images").map(|images| self::images(images, item.key(), scope));
    let external = fields.item("external").map(self::external);
    let listed_needs =
        fields.item("needs").map(|listed| needs(listed, item.key(), scope)).unwrap_or_default();
    let platforms = match fields.item("platforms") {
        Some(item) => platforms(item, scope.cache),
        None => default_platforms(scope.cache),
    };
    let build_args = fields.item("build_args").map(|item| item.members(build_arg)).unwrap_or_default();
    let build_arg_lines = build_args.iter().map(|arg| (arg.value.0.clone(), arg.line)).collect();
    let contexts = fields.item("contexts").map(|contexts| self::contexts(contexts, item.key(), scope));
    let secrets = fields.item("secrets").map(|item| item.members(secret)).unwrap_or_default();
    let ssh = fields.item("ssh").map(|item| sorted_once(item, ssh_id)).unwrap_or_default();
    let extra_inputs = fields.item("extra_inputs").map(|item| item.patterns()).unwrap_or_default();
    let hermetic = fields.item("hermetic").and_then(|item| item.flag()).unwrap_or(true);
    let tags = fields.item("tags").map(|item| sorted_once(item, |item| tag(item, scope))).unwrap_or_default();
    let is_deployed = fields.item("deploy").and_then(|item| item.flag()).unwrap_or(true);
    let deploy_after = fields.item("deploy_after").map(|projects| needs(projects, item.key(), scope));
    let terraform = match fields.item("terraform") {
        None => Some(TerraformSetting::Default),
        Some(setting) => terraform(setting, &item, &folder.value, scope),
    };
    let services = fields.item("service").map(service::read).unwrap_or_default();
    let ci = fields.item("ci").and_then(ci::read_job).unwrap_or_default();
    Some((
        name?,
        Box::new(ProjectConfig {
            line: item.line(),
            path: path?,
            context,
            dockerfile: dockerfile?,
            patterns: patterns?,
            target,
            repository: repository?,
            images: images.unwrap_or_default(),
            external: external.unwrap_or_default(),
            needs: listed_needs,
            platforms,
            build_args: build_args.into_iter().map(|arg| arg.value).collect(),
            build_arg_lines,
            contexts: contexts.unwrap_or_default(),
            secrets: secrets.into_iter().collect(),
            ssh,
            extra_inputs,
            hermetic,
            tags,
            is_deployed,
            deploy_after: deploy_after.unwrap_or_default(),
            terraform: terraform?,
            services,
            ci,
        }),
    ))
}

fn located_path(item: Item<'_>) -> Option<Located<RepoPath>> {
    item.path().map(|path| item.located(path))
}

/// A folder from the project's folder, which no other project names, or `false`.
fn terraform(
    setting: Item<'_>,
    project: &Item<'_>,
    folder: &RepoPath,
    scope: &mut ManifestScope<'_>,
) -> Option<TerraformSetting> {
    match setting.value() {
        DeValue::Boolean(false) => return Some(TerraformSetting::Off),
        DeValue::Boolean(true) => {
            setting.wrong("a folder is expected, or `false` for none");
            return None;
        }
        _ => {}
    }
    let named = located_path(setting)?;
    let path = folder.join(&named.value);
    match scope.terraform.entry(path.clone()) {
        Entry::Vacant(place) => drop(place.insert(setting.located(project.key().to_owned()))),
        Entry::Occupied(first) => {
            let Located { value: owner, line } = first.get();
            setting.wrong_with_hint(
                format_args!("the folder `{path}` is that of `[projects.{owner}]` (line {line}) already"),
                Some("a project that has none of its own says `terraform = false`".to_owned()),
            );
        }
    }
    Some(TerraformSetting::Folder(Located { value: path, ..named }))
}

/// The path of a file from the project's folder.
fn file(item: Item<'_>) -> Option<Located<RepoPath>> {
    let path = located_path(item)?;
    if path.value.is_root() {
        item.wrong("a file is expected, not a folder");
        return None;
    }
    Some(path)
}

fn repository(
    project: &Item<'_>,
    fields: &Fields<'_>,
    name: Option<&ProjectName>,
    scope: &mut ManifestScope<'_>,
) -> Option<RepositoryName> {
    let (repository, item) = match fields.item("repository") {
        Some(item) => (item.parse::<RepositoryName>()?, item),
        None => match name?.as_str().parse::<RepositoryName>() {
            Ok(repository) => (repository, *project),
            Err(error) => {
                fields.wrong(
                    error,
                    Some("a `repository` is needed where the project's name is none".to_owned()),
                );
                return None;
            }
        },
    };
    for prefix in &scope.prefixes {
        if let Err(error) = repository.with_prefix(prefix) {
            item.wrong(error);
        }
    }
    if let Some((_, purpose)) = scope.reserved.iter().find(|(reserved, _)| *reserved == repository) {
        item.wrong(format_args!("the repository `{repository}` is that of the workspace's {purpose}"));
    }
    match scope.repositories.entry(repository.clone()) {
        Entry::Vacant(place) => drop(place.insert(item.located(project.key().to_owned()))),
        Entry::Occupied(first) => {
            let Located { value: owner, line } = first.get();
            item.wrong(format_args!(
                "the repository `{repository}` is that of `[projects.{owner}]` (line {line}) already"
            ));
            return Some(repository);
        }
    }
    check_repository(&item, &repository, project.key(), scope);
    Some(repository)
}

fn needs(item: Item<'_>, project: &str, scope: &ManifestScope<'_>) -> Vec<Located<ProjectName>> {
    let need = |item: &Item<'_>| scope.need(item, item.text()?, project);
    once(item, need).into_iter().map(|(name, item)| item.located(name)).collect()
}

/// The engine's own where images stay in it. In a registry that machines of several kinds share, the
/// same inputs must be the same image, so there it is one for all.
fn default_platforms(cache: Option<&RegistryConfig>) -> Vec<Platform> {
    match cache {
        None | Some(RegistryConfig { kind: RegistryKind::Engine, .. }) => Vec::new(),
        Some(_) => vec!["linux/amd64".parse().expect("the default is a platform")],
    }
}

fn platforms(item: Item<'_>, cache: Option<&RegistryConfig>) -> Vec<Platform> {
    let platforms = sorted_once(item, Item::parse);
    if item.value().as_array().is_some_and(|listed| listed.is_empty()) {
        item.wrong("at least one platform is expected");
    }
    let in_engine = cache.is_some_and(|cache| cache.kind == RegistryKind::Engine);
    if in_engine && platforms.len() > 1 {
        item.wrong_with_hint(
            "the Docker engine's own store holds one platform per image",
            Some("more need a registry as `[cache]`".to_owned()),
        );
    }
    platforms
}

fn tag(item: &Item<'_>, scope: &ManifestScope<'_>) -> Option<Tag> {
    let tag: Tag = item.parse()?;
    let text = tag.as_str();
    const RESERVED: [&str; 5] = ["cache-", "branch-", "commit-", "deployed-", "deploying-"];
    if RESERVED.iter().any(|prefix| text.starts_with(prefix)) {
        item.wrong(format_args!("the tag `{text}` has a meaning of its own"));
        return None;
    }
    // Each deployment would move it, whatever environment it is to.
    if let Some(environment) = scope.deploy_tags.get(text) {
        item.wrong(format_args!("the tag `{text}` is that of what the environment `{environment}` runs"));
        return None;
    }
    Some(tag)
}

fn build_arg(item: Item<'_>) -> Option<Located<(String, String)>> {
    if !is_variable_name(item.key()) {
        item.wrong("a build argument's name is letters, digits and `_`, the first no digit");
    }
    let value = match item.value() {
        DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) => number.to_string(),
            Err(_) => {
                item.wrong("the integer is too large: write it in quotes");
                return None;
            }
        },
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::String(_) => item.text()?.to_owned(),
        _ => {
            item.wrong_type("a string, an integer or a boolean");
            return None;
        }
    };
    Some(item.located((item.key().to_owned(), value)))
}
