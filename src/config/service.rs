//! `service`: what runs a project's image, and how that is told of a new one.

use std::str::FromStr;

use super::fields::Item;

pub(super) const KEYS: &[&str] = &["kind", "cluster", "name", "arn", "run"];

/// What runs a project's image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Service {
    /// A service of Amazon ECS.
    Ecs { cluster: Template, name: Template },
    /// A function of AWS Lambda.
    Lambda { name: Template },
    /// A service of AWS App Runner.
    AppRunner(AppRunner),
    /// Whatever a program does about it.
    Command { program: Template, arguments: Vec<Template> },
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
    Place(Placeholder),
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
    UnknownPlace(String),
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
            Piece::Place(place) => value(*place),
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
                    .ok_or_else(|| InvalidTemplate::UnknownPlace(name.to_owned()))?;
                pieces.push(Piece::Place(*place));
                rest = tail;
            } else if rest.starts_with('}') {
                return Err(InvalidTemplate::LoneBrace);
            }
        }
        Ok(Self(pieces))
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Ecs,
    Lambda,
    AppRunner,
    Command,
}

impl Kind {
    const ALL: &[(&str, Self)] = &[
        ("ecs", Self::Ecs),
        ("lambda", Self::Lambda),
        ("apprunner", Self::AppRunner),
        ("command", Self::Command),
    ];

    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Ecs => &["cluster", "name"],
            Self::Lambda => &["name"],
            Self::AppRunner => &["name", "arn"],
            Self::Command => &["run"],
        }
    }
}

pub(super) fn read(item: Item<'_>) -> Option<Service> {
    let fields = item.fields(KEYS)?;
    let [cluster, name, arn] =
        ["cluster", "name", "arn"].map(|key| fields.item(key).as_ref().and_then(not_empty));
    let run = fields.item("run").and_then(command);
    let kind_item = fields.required("kind")?;
    let kind = kind_item.one_of(Kind::ALL)?;
    for key in KEYS.iter().filter(|key| **key != "kind" && !kind.keys().contains(key)) {
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
        Kind::Lambda => {
            require(&["name"]);
            Some(Service::Lambda { name: name? })
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
