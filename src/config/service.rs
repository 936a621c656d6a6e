//! `service`: what runs a project's image, and how that is told of a new one.

use std::time::Duration;

use super::ecs_tasks::{self, EcsScheduled, EcsTask};
use super::fields::{Fields, Item};
use super::identity;
use super::template::{Template, not_empty};
use crate::model::{AssumedRole, Region};

pub(super) const KEYS: &[&str] = &[
    "kind",
    "cluster",
    "name",
    "arn",
    "alias",
    "command",
    "like",
    "subnets",
    "security_groups",
    "schedule",
    "group",
    "rule",
    "bus",
    "run",
    "execution_role",
    "infrastructure_role",
    "region",
    "role_arn",
    "external_id",
    "timeout",
];

/// The keys that a service of any kind may have.
const COMMON_KEYS: [&str; 2] = ["kind", "timeout"];

/// The keys that every service of AWS may have.
const AWS_KEYS: [&str; 3] = ["region", "role_arn", "external_id"];

/// The longest that a service may be waited for.
const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// What runs a project's image, and how long a deployment waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceConfig {
    pub service: Service,
    /// Where it is; `None`: in the region that is deployed to.
    pub region: Option<Region>,
    /// Who restarts it; `None`: who promotes images.
    pub role: Option<Box<AssumedRole>>,
    /// From the update until the new image runs. `None`: 15 minutes, and what the service itself
    /// says that its deployments take longer.
    pub timeout: Option<Duration>,
}

/// What runs a project's image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Service {
    /// A service of Amazon ECS.
    Ecs { cluster: Template, name: Template },
    /// An Express service of Amazon ECS.
    EcsExpress(EcsExpress),
    /// A task of Amazon ECS that runs once, before the project's services.
    EcsTask(EcsTask),
    /// Tasks of Amazon ECS that a schedule starts.
    EcsScheduled(EcsScheduled),
    /// A function of AWS Lambda. With an alias, a version is published and the alias moved to it.
    Lambda { name: Template, alias: Option<Template> },
    /// A service of AWS App Runner.
    AppRunner(AppRunner),
    /// Whatever a program does about it.
    Command { program: Template, arguments: Vec<Template> },
}

/// An Express service of Amazon ECS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EcsExpress {
    pub cluster: Template,
    pub name: Template,
    /// What the service is created with where it isn't there yet; `None`: it has to be there.
    pub roles: Option<EcsExpressRoles>,
}

/// The ARNs of the roles that an Express service needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EcsExpressRoles {
    pub execution: Template,
    pub infrastructure: Template,
}

impl Service {
    /// Whether a deployment creates it where it isn't there.
    pub fn is_created_if_missing(&self) -> bool {
        match self {
            Self::EcsExpress(express) => express.roles.is_some(),
            Self::Ecs { .. }
            | Self::EcsTask(_)
            | Self::EcsScheduled(_)
            | Self::Lambda { .. }
            | Self::AppRunner(_)
            | Self::Command { .. } => false,
        }
    }

    /// The `kind` of the manifest.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Ecs { .. } => "ecs",
            Self::EcsExpress(_) => "ecs-express",
            Self::EcsTask(_) => "ecs-task",
            Self::EcsScheduled(_) => "ecs-scheduled",
            Self::Lambda { .. } => "lambda",
            Self::AppRunner(_) => "apprunner",
            Self::Command { .. } => "command",
        }
    }

    /// Whether it comes to an end by itself: then it runs before the project's other services.
    pub fn is_task(&self) -> bool {
        matches!(self, Self::EcsTask(_))
    }
}

/// What an App Runner service is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppRunner {
    Name(Template),
    Arn(Template),
}

#[derive(Clone, Copy)]
enum Kind {
    Ecs,
    EcsExpress,
    EcsTask,
    EcsScheduled,
    Lambda,
    AppRunner,
    Command,
}

impl Kind {
    const ALL: &[(&str, Self)] = &[
        ("ecs", Self::Ecs),
        ("ecs-express", Self::EcsExpress),
        ("ecs-task", Self::EcsTask),
        ("ecs-scheduled", Self::EcsScheduled),
        ("lambda", Self::Lambda),
        ("apprunner", Self::AppRunner),
        ("command", Self::Command),
    ];

    fn is_of_aws(self) -> bool {
        !matches!(self, Self::Command)
    }

    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Ecs => &["cluster", "name"],
            Self::EcsExpress => &["cluster", "name", "execution_role", "infrastructure_role"],
            Self::EcsTask => &["cluster", "name", "command", "like", "subnets", "security_groups"],
            Self::EcsScheduled => &["schedule", "group", "rule", "bus", "name"],
            Self::Lambda => &["name", "alias"],
            Self::AppRunner => &["name", "arn"],
            Self::Command => &["run"],
        }
    }
}

/// One service, or several: tasks that run once first, else in the order of the manifest.
pub(super) fn read(item: Item<'_>) -> Vec<ServiceConfig> {
    let mut services: Vec<ServiceConfig> = match item.value().is_array() {
        true => item.list().into_iter().filter_map(read_one).collect(),
        false => read_one(item).into_iter().collect(),
    };
    services.sort_by_key(|config| !config.service.is_task());
    services
}

fn read_one(item: Item<'_>) -> Option<ServiceConfig> {
    let fields = item.fields(KEYS)?;
    let timeout = match fields.item("timeout") {
        Some(item) => Some(item.read(timeout)?),
        None => None,
    };
    let region = fields.item("region").and_then(|item| item.parse());
    let role = identity::role(&fields).map(Box::new);
    Some(ServiceConfig { service: service(&fields)?, region, role, timeout })
}

fn service(fields: &Fields<'_>) -> Option<Service> {
    let text = |key: &str| fields.item(key).as_ref().and_then(not_empty);
    let [cluster, name, arn, alias, execution, infrastructure] =
        ["cluster", "name", "arn", "alias", "execution_role", "infrastructure_role"].map(text);
    let run = fields.item("run").and_then(command);
    let kind_item = fields.required("kind")?;
    let kind = kind_item.one_of(Kind::ALL)?;
    let fits = |key: &&&str| {
        COMMON_KEYS.contains(key) || kind.keys().contains(key) || kind.is_of_aws() && AWS_KEYS.contains(key)
    };
    for key in KEYS.iter().filter(|key| !fits(key)) {
        if let Some(item) = fields.item(key) {
            let kind = kind_item.text().unwrap_or_default();
            item.wrong(format_args!("a service of kind `{kind}` has no such key"));
        }
    }
    let require = |keys: &[&str]| {
        for key in keys {
            fields.required(key);
        }
    };
    match kind {
        Kind::Ecs => {
            require(&["cluster", "name"]);
            Some(Service::Ecs { cluster: cluster?, name: name? })
        }
        Kind::EcsExpress => {
            require(&["cluster", "name"]);
            let roles = ["execution_role", "infrastructure_role"].map(|key| fields.item(key).is_some());
            if roles[0] != roles[1] {
                fields.wrong("`execution_role` and `infrastructure_role` belong together", None);
            }
            let roles = execution.zip(infrastructure);
            let roles =
                roles.map(|(execution, infrastructure)| EcsExpressRoles { execution, infrastructure });
            Some(Service::EcsExpress(EcsExpress { cluster: cluster?, name: name?, roles }))
        }
        Kind::EcsTask => {
            require(&["cluster", "name"]);
            ecs_tasks::task(fields, cluster, name).map(Service::EcsTask)
        }
        Kind::EcsScheduled => ecs_tasks::scheduled(fields).map(Service::EcsScheduled),
        Kind::Lambda => {
            require(&["name"]);
            Some(Service::Lambda { name: name?, alias })
        }
        Kind::AppRunner => {
            if fields.item("name").is_some() == fields.item("arn").is_some() {
                fields.wrong("either `name` or `arn` is expected", None);
            }
            name.map(AppRunner::Name).or(arn.map(AppRunner::Arn)).map(Service::AppRunner)
        }
        Kind::Command => {
            require(&["run"]);
            run
        }
    }
}

fn timeout(text: &str) -> Result<Duration, String> {
    let timeout = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if (Duration::from_secs(1)..=MAX_TIMEOUT).contains(&timeout) {
        Ok(timeout)
    } else {
        Err("a duration from `1s` to `24h` is expected, such as `40m`".to_owned())
    }
}

fn command(run: Item<'_>) -> Option<Service> {
    let words = run.list();
    if words.is_empty() && run.value().is_array() {
        run.wrong("a program is expected as the first element");
    }
    let program = words.first().and_then(not_empty);
    let arguments: Vec<Option<Template>> = words.iter().skip(1).map(Item::parse).collect();
    Some(Service::Command { program: program?, arguments: arguments.into_iter().collect::<Option<_>>()? })
}
