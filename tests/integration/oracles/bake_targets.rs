//! Targets, as bake and we have them.

use std::collections::{BTreeMap, BTreeSet};

use chinampa::internals::bake::{Secret, Target, Text};
use serde_json::Value;

/// What both sides say of a target.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    context: String,
    dockerfile: String,
    dockerfile_inline: Option<String>,
    target: Option<String>,
    args: BTreeMap<String, String>,
    contexts: BTreeMap<String, String>,
    tags: Vec<String>,
    platforms: Vec<String>,
    secrets: BTreeMap<String, Secret>,
    ssh: BTreeSet<String>,
}

/// What our reading says.
///
/// # Panics
/// When something is unknown.
pub(super) fn said(target: &Target) -> Said {
    let known = |text: &Text| text.clone().unwrap_or_else(|unknown| panic!("{}: {unknown:?}", target.name));
    let or = |text: &Option<Text>, default: &str| {
        text.as_ref().map(known).filter(|text| !text.is_empty()).unwrap_or_else(|| default.to_owned())
    };
    let map = |texts: &BTreeMap<String, Text>| {
        texts.iter().map(|(name, text)| (name.clone(), known(text))).collect::<BTreeMap<_, _>>()
    };
    let list = |texts: &Option<Vec<Text>>| texts.iter().flatten().map(known).collect::<Vec<_>>();
    let context = target.context.as_ref().map_or_else(|| ".".to_owned(), known);
    Said {
        // Bake prints what the prefix means.
        context: context.strip_prefix("cwd://").unwrap_or(&context).to_owned(),
        dockerfile: or(&target.dockerfile, "Dockerfile"),
        dockerfile_inline: target.dockerfile_inline.as_ref().map(known),
        target: target.target.as_ref().map(known),
        args: map(&target.args),
        contexts: map(&target.contexts).into_iter().filter(|(_, text)| !text.is_empty()).collect(),
        tags: list(&target.tags),
        platforms: list(&target.platforms),
        secrets: target.secrets.iter().map(|secret| (secret.id.clone(), secret.clone())).collect(),
        ssh: target.ssh.iter().cloned().collect(),
    }
}

/// What bake prints.
pub(super) fn said_by_bake(target: &Value) -> Said {
    // What is printed can be read again, so markers of templates are escaped.
    let plain = |text: &str| text.replace("$${", "${").replace("%%{", "%{");
    let text = |name: &str| target[name].as_str().map(plain);
    let map = |name: &str| {
        let members = target[name].as_object().into_iter().flatten();
        members.map(|(name, value)| (name.clone(), plain(value.as_str().unwrap()))).collect()
    };
    let list = |name: &str| target[name].as_array().cloned().unwrap_or_default();
    let texts =
        |name: &str| list(name).iter().map(|value| value.as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let secrets = list("secret");
    let secrets = secrets.iter().map(secret_of_bake).map(|secret| (secret.id.clone(), secret));
    Said {
        context: text("context").unwrap(),
        // An older version prints an empty one as it is written.
        dockerfile: text("dockerfile").filter(|text| !text.is_empty()).unwrap_or("Dockerfile".to_owned()),
        dockerfile_inline: text("dockerfile-inline"),
        target: text("target"),
        args: map("args"),
        contexts: map("contexts"),
        tags: texts("tags"),
        platforms: texts("platforms"),
        secrets: secrets.collect(),
        ssh: list("ssh").iter().map(ssh_of_bake).collect(),
    }
}

/// Older versions print the text as it is written, newer ones an object.
fn secret_of_bake(value: &Value) -> Secret {
    let fields: BTreeMap<String, String> = match value.as_object() {
        Some(object) => {
            object.iter().map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned())).collect()
        }
        None => value
            .as_str()
            .unwrap()
            .split(',')
            .map(|field| field.split_once('=').unwrap())
            .map(|(key, value)| (key.replace("source", "src"), value.to_owned()))
            .collect(),
    };
    let field = |name: &str| fields.get(name).cloned();
    let is_variable = field("type").as_deref() == Some("env");
    let (env, file) = match (field("env"), field("src")) {
        (None, Some(variable)) if is_variable => (Some(variable), None),
        fields => fields,
    };
    Secret { id: field("id").unwrap(), env, file }
}

fn ssh_of_bake(value: &Value) -> String {
    match value.as_str() {
        Some(text) => text.split('=').next().unwrap().to_owned(),
        None => value["id"].as_str().unwrap().to_owned(),
    }
}
