//! Reads what Dockerfiles use by a name that the manifest defines: secrets, ssh agents, named contexts.

use std::collections::BTreeMap;

use super::fields::{Item, Located};
use super::manifest_scope::ManifestScope;
use super::project::ContextSource;
use super::secret_source::{AwsSecret, AwsSecretService, SecretSource};
use crate::model::{ContextName, InvalidName, is_variable_name};

pub(super) const SECRET_KEYS: &[&str] = &["env", "file", "aws-secrets-manager", "aws-ssm"];

pub(super) fn secret(item: Item<'_>) -> Option<(String, SecretSource)> {
    if !is_secret_id(item.key()) {
        item.wrong("a secret's id is up to 128 letters, digits, `.`, `_` and `-`, the first a letter, a digit or `_`");
    }
    let fields = item.fields(SECRET_KEYS)?;
    let given: Vec<Item<'_>> = SECRET_KEYS.iter().filter_map(|key| fields.item(key)).collect();
    let [from] = given[..] else {
        fields.wrong(format_args!("one of `{}` is expected", SECRET_KEYS.join("`, `")), None);
        return None;
    };
    // Texts are not shown: one may be the secret itself.
    let aws = |service| from.read(|name| AwsSecret::new(service, name)).map(SecretSource::Aws);
    let source = match from.key() {
        "env" => SecretSource::Env(from.read(|name| {
            is_variable_name(name)
                .then(|| name.to_owned())
                .ok_or("the name of an environment variable is expected")
        })?),
        "file" => SecretSource::File(from.path()?),
        "aws-ssm" => aws(AwsSecretService::ParameterStore)?,
        _ => aws(AwsSecretService::SecretsManager)?,
    };
    Some((item.key().to_owned(), source))
}

pub(super) fn ssh_id(item: &Item<'_>) -> Option<String> {
    let id = item.text()?;
    if !is_secret_id(id) {
        item.wrong(format_args!(
            "`{id}` is not an id: up to 128 letters, digits, `.`, `_` and `-`, the first a letter, a digit or `_`"
        ));
        return None;
    }
    Some(id.to_owned())
}

fn is_secret_id(text: &str) -> bool {
    text.len() <= 128
        && text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// Named contexts: folders from the repository root, or `project:<name>`.
pub(super) fn contexts(
    item: Item<'_>,
    project: &str,
    scope: &ManifestScope<'_>,
) -> BTreeMap<ContextName, Located<ContextSource>> {
    let mut contexts = BTreeMap::new();
    let mut read = |item: Item<'_>| {
        let name: ContextName = item.key().parse().map_err(|error: InvalidName| item.wrong(error)).ok()?;
        let source = match item.text()?.split_once(':') {
            Some(("project", other)) => ContextSource::Project(scope.need(&item, other, project)?),
            Some(_) => {
                item.wrong("a folder of the repository is expected, or `project:` and the name of a project");
                return None;
            }
            None => ContextSource::Folder(item.path()?),
        };
        if contexts.insert(name.clone(), item.located(source)).is_some() {
            item.wrong(format_args!("the context `{name}` stands there twice"));
        }
        Some(())
    };
    item.members(&mut read);
    contexts
}
