//! `service`: what runs a project's image, and how that is told of a new one.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::fields::{Fields, Item};

pub(super) const KEYS: &[&str] =
    &["kind", "cluster", "name", "arn", "alias", "run", "execution_role", "infrastructure_role", "timeout"];

/// The keys that a service of any kind may have.
const COMMON_KEYS: [&str; 2] = ["kind", "timeout"];

/// The longest that a service may be waited for.
const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// What runs a project's image, and how long a deployment waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceConfig {
    pub service: Service,
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
            Self::Ecs { .. } | Self::Lambda { .. } | Self::AppRunner(_) | Self::Command { .. } => false,
        }
    }
}

/// What an App Runner service is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppRunner {
    Name(Template),
    Arn(Template),
}

/// A text with places that a deployment fills in, such as `{deploy_tag}-api`.
///
/// `{{` and `}}` stand for the braces themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Placeholder(Placeholder),
}

/// What a deployment can fill in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// `<workspace>-<environment>`
    DeployTag,
    Workspace,
    Environment,
    Project,
    Repository,
    /// The commit that is deployed, in full.
    Commit,
    /// The image in the deploy registry, with its digest.
    Image,
}

/// The places by their names.
const PLACEHOLDERS: &[(&str, Placeholder)] = &[
    ("deploy_tag", Placeholder::DeployTag),
    ("workspace", Placeholder::Workspace),
    ("environment", Placeholder::Environment),
    ("project", Placeholder::Project),
    ("repository", Placeholder::Repository),
    ("commit", Placeholder::Commit),
    ("image", Placeholder::Image),
];

/// A text that is not a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTemplate {
    #[error("`{{{0}}}` is none of {known}; `{{{{` and `}}}}` stand for the braces themselves", known = known_places())]
    UnknownPlaceholder(String),
    #[error("a brace has no partner; `{{{{` and `}}}}` stand for the braces themselves")]
    LoneBrace,
}

fn known_places() -> String {
    let names: Vec<String> = PLACEHOLDERS.iter().map(|(name, _)| format!("`{{{name}}}`")).collect();
    names.join(", ")
}

impl Template {
    /// The text with every place filled in by what `value` says.
    pub fn fill(&self, value: impl Fn(Placeholder) -> String) -> String {
        let filled = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Placeholder(place) => value(*place),
        };
        self.0.iter().map(filled).collect()
    }
}

impl FromStr for Template {
    type Err = InvalidTemplate;

    fn from_str(text: &str) -> Result<Self, InvalidTemplate> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let brace = rest.find(['{', '}']).unwrap_or(rest.len());
            let (plain, tail) = rest.split_at(brace);
            if !plain.is_empty() {
                pieces.push(Piece::Text(plain.to_owned()));
            }
            rest = tail;
            if let Some(tail) = rest.strip_prefix("{{") {
                pieces.push(Piece::Text("{".to_owned()));
                rest = tail;
            } else if let Some(tail) = rest.strip_prefix("}}") {
                pieces.push(Piece::Text("}".to_owned()));
                rest = tail;
            } else if let Some(tail) = rest.strip_prefix('{') {
                let (name, tail) = tail.split_once('}').ok_or(InvalidTemplate::LoneBrace)?;
                let (_, place) = PLACEHOLDERS
                    .iter()
                    .find(|(known, _)| *known == name)
                    .ok_or_else(|| InvalidTemplate::UnknownPlaceholder(name.to_owned()))?;
                pieces.push(Piece::Placeholder(*place));
                rest = tail;
            } else if rest.starts_with('}') {
                return Err(InvalidTemplate::LoneBrace);
            }
        }
        Ok(Self(pieces))
    }
}

/// The text as it is written in the manifest.
impl fmt::Display for Template {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => formatter.write_str(&text.replace('{', "{{").replace('}', "}}")),
            Piece::Placeholder(place) => {
                let known = PLACEHOLDERS.iter().find(|(_, known)| known == place);
                let (name, _) = known.expect("all places have names");
                write!(formatter, "{{{name}}}")
            }
        })
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Ecs,
    EcsExpress,
    Lambda,
    AppRunner,
    Command,
}

impl Kind {
    const ALL: &[(&str, Self)] = &[
        ("ecs", Self::Ecs),
        ("ecs-express", Self::EcsExpress),
        ("lambda", Self::Lambda),
        ("apprunner", Self::AppRunner),
        ("command", Self::Command),
    ];

    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Ecs => &["cluster", "name"],
            Self::EcsExpress => &["cluster", "name", "execution_role", "infrastructure_role"],
            Self::Lambda => &["name", "alias"],
            Self::AppRunner => &["name", "arn"],
            Self::Command => &["run"],
        }
    }
}

pub(super) fn read(item: Item<'_>) -> Option<ServiceConfig> {
    let fields = item.fields(KEYS)?;
    let timeout = match fields.item("timeout") {
        Some(item) => Some(item.read(timeout)?),
        None => None,
    };
    Some(ServiceConfig { service: service(&fields)?, timeout })
}

fn service(fields: &Fields<'_>) -> Option<Service> {
    let [cluster, name, arn, alias, execution, infrastructure] =
        ["cluster", "name", "arn", "alias", "execution_role", "infrastructure_role"]
            .map(|key| fields.item(key).as_ref().and_then(not_empty));
    let run = fields.item("run").and_then(command);
    let kind_item = fields.required("kind")?;
    let kind = kind_item.one_of(Kind::ALL)?;
    for key in KEYS.iter().filter(|key| !COMMON_KEYS.contains(key) && !kind.keys().contains(key)) {
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

fn not_empty(item: &Item<'_>) -> Option<Template> {
    if item.text()?.is_empty() {
        item.wrong("it is empty");
        return None;
    }
    item.parse()
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
