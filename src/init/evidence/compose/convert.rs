//! YAML of a Compose file to what this reader merges: only what tells how images are built, in the longest of its forms.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::interpolation::{Environment, Text, defaulted, interpolate};
use super::number;
use super::value::{Kind, Map, Origin, SourceFile, Value};
use crate::init::evidence::Ignored;
use crate::init::evidence::yaml::{Node, Tag};

/// What all values of a repository's Compose files may take up, aliases and `extends` followed.
const MAX_BYTES: usize = 128 << 20;

/// Keys of `build` that change neither what is in an image nor what it is built from.
const WITHOUT_EFFECT: &[&str] = &[
    "cache_from",
    "cache_to",
    "labels",
    "no_cache",
    "no_cache_filter",
    "provenance",
    "pull",
    "sbom",
    "shm_size",
    "ulimits",
];

/// How much may still be read: files of aliases and `extends` can stand for far more than their text.
#[derive(Debug)]
pub(super) struct Budget {
    left: Option<usize>,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { left: Some(MAX_BYTES) }
    }

    /// Whether there was enough left.
    pub(super) fn spend(&mut self, bytes: usize) -> bool {
        self.left = self.left.and_then(|left| left.checked_sub(bytes));
        self.left.is_some()
    }

    pub(super) fn is_exhausted(&self) -> bool {
        self.left.is_none()
    }
}

/// What one document says.
#[derive(Debug, Default)]
pub(super) struct Layer {
    pub(super) services: Map,
    pub(super) secrets: Map,
    pub(super) includes: Vec<Value>,
}

pub(super) struct Converter<'c> {
    pub(super) file: Rc<SourceFile>,
    pub(super) environment: &'c Environment,
    pub(super) budget: &'c mut Budget,
    pub(super) notes: &'c mut Vec<Ignored>,
}

impl Converter<'_> {
    pub(super) fn layer(&mut self, document: &Node) -> Layer {
        let mut services = Map::new();
        for (name, node) in self.section(document, "services") {
            if let Some(service) = self.service(name, node) {
                services.insert(name.to_owned(), service);
            }
        }
        let secrets = self.section(document, "secrets");
        let secrets = secrets.into_iter().map(|(name, node)| (name.to_owned(), self.value(node))).collect();
        let includes = document.get("include").and_then(|node| node.list()).unwrap_or_default();
        let includes = includes.iter().map(|node| self.value(node)).collect();
        Layer { services, secrets, includes }
    }

    fn section<'n>(&mut self, document: &'n Node, key: &str) -> Vec<(&'n str, &'n Rc<Node>)> {
        let Some(node) = document.get(key) else { return Vec::new() };
        let members = self.members(node);
        if members.is_none() && !node.is_null() {
            self.note(node, format!("`{key}` is no map"));
        }
        members.unwrap_or_default()
    }

    /// Keys and values of a map, those of maps that are merged into it included.
    fn members<'n>(&mut self, node: &'n Node) -> Option<Vec<(&'n str, &'n Rc<Node>)>> {
        if self.budget.is_exhausted() {
            return None;
        }
        let members = node.map()?;
        self.budget.spend(size_of_val(members.as_slice()));
        Some(members)
    }

    fn service(&mut self, name: &str, node: &Node) -> Option<Value> {
        if node.tag.is_some() || node.is_null() {
            return Some(self.value(node));
        }
        let Some(members) = self.members(node) else {
            self.note(node, format!("service `{name}` is no map"));
            return None;
        };
        let mut service = Map::new();
        for (key, node) in members {
            let value = match key {
                "build" => self.build(node),
                "extends" | "image" | "platform" => self.value(node),
                _ => continue,
            };
            service.insert(key.to_owned(), value);
        }
        Some(Value::new(self.at(node), Kind::Map(service)))
    }

    fn build(&mut self, node: &Node) -> Value {
        if node.tag == Some(Tag::Reset) {
            return self.value(node);
        }
        let Some(members) = self.members(node) else {
            // A context alone.
            let value = self.value(node);
            if value.text().is_none() {
                return value;
            }
            let context = Value { replaces: false, ..value.clone() };
            return Value { kind: Kind::Map(Map::from([("context".to_owned(), context)])), ..value };
        };
        let mut build = Map::new();
        for (key, node) in members {
            let value = match key {
                key if WITHOUT_EFFECT.contains(&key) => continue,
                "args" => self.args(node),
                "additional_contexts" => self.pairs(node),
                "ssh" => self.ssh(node),
                _ => self.value(node),
            };
            build.insert(key.to_owned(), value);
        }
        self.tagged(node, Kind::Map(build))
    }

    /// Pairs, of which those whose values are defaults of variables are known.
    fn args(&mut self, node: &Node) -> Value {
        let mut value = self.pairs(node);
        let Kind::Map(pairs) = &mut value.kind else { return value };
        let written = |element: &Node| {
            let text = element.text()?;
            let variable = defaulted(text, |name| self.environment.value(name).is_some())?;
            Some((text.to_owned(), variable.to_owned()))
        };
        let mut variables: BTreeMap<String, String> = BTreeMap::new();
        if let Some(members) = node.map() {
            let named =
                members.iter().filter_map(|(name, node)| Some(((*name).to_owned(), written(node)?.1)));
            variables.extend(named);
        } else if let Some(list) = node.list() {
            let named = list
                .iter()
                .filter_map(|node| written(node))
                .filter_map(|(text, variable)| Some((text.split_once('=')?.0.to_owned(), variable)));
            variables.extend(named);
        }
        for (name, variable) in variables {
            let Some(pair) = pairs.get_mut(&name) else { continue };
            if let Kind::Text(text @ Text::Known(_)) = &pair.kind {
                pair.kind = Kind::Default { text: text.clone(), variable };
            }
        }
        value
    }

    /// A map, or a list of `NAME=value`.
    fn pairs(&mut self, node: &Node) -> Value {
        let mut pairs = Map::new();
        if let Some(members) = self.members(node) {
            for (name, node) in members {
                let mut value = self.value(node);
                if value.kind == Kind::Null {
                    value.kind = Kind::Inherited;
                }
                pairs.insert(name.to_owned(), value);
            }
        } else if let Some(list) = node.list() {
            for element in list {
                if element.tag == Some(Tag::Reset) {
                    continue;
                }
                let value = self.value(element);
                let Some((name, kind)) = value.text().and_then(pair) else {
                    let says = "this element is left out: it is no `NAME=value` whose name is known";
                    self.note(element, says.to_owned());
                    continue;
                };
                pairs.insert(name, Value { kind, ..value });
            }
        } else {
            return self.value(node);
        }
        self.tagged(node, Kind::Map(pairs))
    }

    /// A list of ids, or a map of them, each with the agent or the key that it stands for.
    fn ssh(&mut self, node: &Node) -> Value {
        let Some(members) = self.members(node) else { return self.value(node) };
        let mut list = Vec::new();
        for (id, node) in members {
            let value = self.value(node);
            let text = match value.text() {
                Some(Text::Known(path)) if !path.is_empty() => format!("{id}={path}"),
                _ => id.to_owned(),
            };
            list.push(Value { kind: Kind::Text(Text::Known(text)), ..value });
        }
        self.tagged(node, Kind::List(list))
    }

    fn value(&mut self, node: &Node) -> Value {
        let at = self.at(node);
        if node.tag == Some(Tag::Reset) {
            // What it stands before has no meaning.
            return Value { at, replaces: true, kind: Kind::Reset };
        }
        if !self.budget.spend(size_of::<Value>()) {
            return Value::new(at, Kind::Null);
        }
        let kind = if let Some(members) = self.members(node) {
            let mut map = Map::new();
            for (name, node) in members {
                self.budget.spend(name.len());
                map.insert(name.to_owned(), self.value(node));
            }
            Kind::Map(map)
        } else if let Some(list) = node.list() {
            let values = list.iter().map(|node| self.value(node));
            Kind::List(values.filter(|value| value.kind != Kind::Reset).collect())
        } else if let Some(text) = self.text(node) {
            self.budget.spend(text.bytes());
            Kind::Text(text)
        } else {
            Kind::Null
        };
        self.tagged(node, kind)
    }

    fn text(&self, node: &Node) -> Option<Text> {
        let environment = self.environment;
        Some(match node.plain_text() {
            Some(plain) if !plain.contains('$') => Text::Known(number::printed(plain)),
            _ => interpolate(node.text()?, |name| environment.value(name)),
        })
    }

    fn tagged(&self, node: &Node, kind: Kind) -> Value {
        Value { at: self.at(node), replaces: node.tag == Some(Tag::Override), kind }
    }

    fn at(&self, node: &Node) -> Origin {
        Origin { file: Rc::clone(&self.file), line: node.line }
    }

    fn note(&mut self, node: &Node, why: String) {
        self.notes.push(Ignored { at: self.at(node).location(), why });
    }
}

/// What `NAME=value` or `NAME` says.
fn pair(text: &Text) -> Option<(String, Kind)> {
    match text {
        Text::Known(text) => Some(match text.split_once('=') {
            Some((name, value)) => (name.to_owned(), Kind::Text(Text::Known(value.to_owned()))),
            None => (text.clone(), Kind::Inherited),
        }),
        Text::Unknown { written, why } => {
            let (name, value) = written.split_once('=').filter(|(name, _)| !name.contains('$'))?;
            let value = Text::Unknown { written: value.to_owned(), why: why.clone() };
            Some((name.to_owned(), Kind::Text(value)))
        }
    }
}
