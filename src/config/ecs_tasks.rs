//! Tasks of Amazon ECS: those that run once, and those that a schedule starts.

use super::fields::Fields;
use super::template::{Template, not_empty};

/// A task of Amazon ECS that runs once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EcsTask {
    pub cluster: Template,
    /// Of its task definition.
    pub family: Template,
    /// In place of the container's own command; empty: that one.
    pub command: Vec<Template>,
    pub settings: TaskSettings,
}

/// What a task gets besides its task definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskSettings {
    None,
    /// What this service of the cluster gives its tasks.
    OfService(Template),
    Network {
        subnets: Vec<Template>,
        security_groups: Vec<Template>,
    },
}

/// What starts tasks of Amazon ECS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EcsScheduled {
    /// A schedule of EventBridge Scheduler.
    Schedule { name: Template, group: Option<Template> },
    /// A rule of EventBridge.
    Rule { name: Template, bus: Option<Template> },
    /// Whatever starts the newest revision of this family.
    Family(Template),
}

pub(super) fn task(
    fields: &Fields<'_>,
    cluster: Option<Template>,
    family: Option<Template>,
) -> Option<EcsTask> {
    let (settings, command) = (task_settings(fields), texts(fields, "command"));
    Some(EcsTask { cluster: cluster?, family: family?, command: command?, settings: settings? })
}

fn task_settings(fields: &Fields<'_>) -> Option<TaskSettings> {
    let is_there = |key: &str| fields.item(key).is_some();
    if let Some(like) = fields.item("like") {
        if is_there("subnets") || is_there("security_groups") {
            fields.wrong(
                "`like` takes the network of a service: no `subnets` and `security_groups` beside it",
                None,
            );
        }
        return not_empty(&like).map(TaskSettings::OfService);
    }
    if is_there("security_groups") && !is_there("subnets") {
        fields.wrong("`security_groups` belong to `subnets`", None);
    }
    let (subnets, security_groups) = (texts(fields, "subnets")?, texts(fields, "security_groups")?);
    if is_there("subnets") && subnets.is_empty() {
        fields.wrong("`subnets` names none", None);
    }
    Some(match subnets.is_empty() {
        true => TaskSettings::None,
        false => TaskSettings::Network { subnets, security_groups },
    })
}

pub(super) fn scheduled(fields: &Fields<'_>) -> Option<EcsScheduled> {
    let starters = ["schedule", "rule", "name"].map(|key| fields.item(key));
    if starters.iter().flatten().count() != 1 {
        fields.wrong("exactly one of `schedule`, `rule` and `name` is expected", None);
    }
    for (key, of) in [("group", "schedule"), ("bus", "rule")] {
        if fields.item(key).is_some() && fields.item(of).is_none() {
            fields.wrong(format_args!("`{key}` belongs to `{of}`"), None);
        }
    }
    let text = |key: &str| fields.item(key).as_ref().and_then(not_empty);
    let [schedule, rule, name] = starters.map(|item| item.as_ref().and_then(not_empty));
    let schedule = schedule.map(|name| EcsScheduled::Schedule { name, group: text("group") });
    let rule = rule.map(|name| EcsScheduled::Rule { name, bus: text("bus") });
    schedule.or(rule).or(name.map(EcsScheduled::Family))
}

/// The texts of an array; none where the key isn't there.
fn texts(fields: &Fields<'_>, key: &str) -> Option<Vec<Template>> {
    let Some(item) = fields.item(key) else { return Some(Vec::new()) };
    let texts: Vec<Option<Template>> = item.list().iter().map(not_empty).collect();
    texts.into_iter().collect()
}
