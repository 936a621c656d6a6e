//! Texts of the manifest with places that a deployment fills in.

use std::fmt;
use std::str::FromStr;

use super::fields::Item;

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

/// A template that isn't empty.
pub(super) fn not_empty(item: &Item<'_>) -> Option<Template> {
    if item.text()?.is_empty() {
        item.wrong("it is empty");
        return None;
    }
    item.parse()
}
