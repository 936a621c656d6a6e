//! Targets, each with what it says and what it inherits.

use std::collections::{BTreeMap, BTreeSet};

use super::definitions::Instance;
use super::evaluate::{Evaluator, Scope};
use super::mounts::{Secret, secret, ssh};
use super::value::{Text, Unknown, Value};
use crate::init::evidence::{Ignored, SourceLocation};

/// Attributes without which steps may fail, and that `projects.toml` can't express.
const OF_STEPS: &[&str] = &["entitlements", "extra-hosts", "network"];

/// A target, as far as it matters to what is built. `None` and empty is what nobody says.
#[derive(Clone, Debug)]
pub struct Target {
    pub name: String,
    /// Where its first block is.
    pub at: SourceLocation,
    pub context: Option<Text>,
    pub dockerfile: Option<Text>,
    pub dockerfile_inline: Option<Text>,
    pub target: Option<Text>,
    pub args: BTreeMap<String, Text>,
    pub contexts: BTreeMap<String, Text>,
    pub tags: Option<Vec<Text>>,
    pub platforms: Option<Vec<Text>>,
    pub secrets: Vec<Secret>,
    /// Ids.
    pub ssh: Vec<String>,
    pub outputs: Option<Vec<Text>>,
    pub call: Option<Text>,
    pub inherits: Vec<Text>,
}

impl Target {
    fn empty(name: &str, at: &SourceLocation) -> Self {
        Self {
            name: name.to_owned(),
            at: at.clone(),
            context: None,
            dockerfile: None,
            dockerfile_inline: None,
            target: None,
            args: BTreeMap::new(),
            contexts: BTreeMap::new(),
            tags: None,
            platforms: None,
            secrets: Vec::new(),
            ssh: Vec::new(),
            outputs: None,
            call: None,
            inherits: Vec::new(),
        }
    }

    /// A target that says nothing yet, called as `other`.
    pub(super) fn named_as(other: &Self) -> Self {
        Self::empty(&other.name, &other.at)
    }

    /// Puts `over` over what is said, as bake does. Lists replace each other, except for secrets and ssh.
    pub(super) fn merge(&mut self, over: &Self) {
        fn replace<T: Clone>(under: &mut Option<T>, over: &Option<T>) {
            if over.is_some() {
                under.clone_from(over);
            }
        }
        replace(&mut self.context, &over.context);
        replace(&mut self.dockerfile, &over.dockerfile);
        replace(&mut self.dockerfile_inline, &over.dockerfile_inline);
        replace(&mut self.target, &over.target);
        replace(&mut self.tags, &over.tags);
        replace(&mut self.platforms, &over.platforms);
        replace(&mut self.outputs, &over.outputs);
        replace(&mut self.call, &over.call);
        self.args.extend(over.args.clone());
        self.contexts.extend(over.contexts.clone());
        for secret in &over.secrets {
            self.secrets.retain(|other| other.id != secret.id);
            self.secrets.push(secret.clone());
        }
        for id in over.ssh.iter().filter(|id| !self.ssh.contains(id)).cloned().collect::<Vec<_>>() {
            self.ssh.push(id);
        }
        self.inherits.extend(over.inherits.iter().cloned());
    }

    /// How much there is to copy.
    pub(super) fn size(&self) -> usize {
        let texts = self.args.values().chain(self.contexts.values()).flatten().map(|text| 1 + text.len());
        let lists = [&self.tags, &self.platforms, &self.outputs];
        1 + texts.sum::<usize>()
            + lists.into_iter().flatten().map(Vec::len).sum::<usize>()
            + self.secrets.len()
            + self.ssh.len()
            + self.inherits.len()
    }
}

/// What the block of a target says by itself.
pub(super) fn read<'d>(
    evaluator: &mut Evaluator<'d>,
    instance: &Instance<'d>,
    ignored: &mut Vec<Ignored>,
) -> Target {
    let mut reader = Reader { evaluator, instance, scope: Scope::of(instance.names.clone()), ignored };
    let mut target = Target::empty(&instance.name, &instance.block.at);
    target.context = reader.text("context");
    target.dockerfile = reader.text("dockerfile");
    target.dockerfile_inline = reader.text("dockerfile-inline");
    target.target = reader.text("target");
    target.args = reader.texts_by_name("args");
    target.contexts = reader.texts_by_name("contexts");
    target.tags = reader.texts("tags");
    target.platforms = reader.texts("platforms");
    target.outputs = reader.texts("output");
    target.call = reader.text("call");
    target.secrets = reader.mounts("secret", secret);
    target.ssh = reader.mounts("ssh", ssh);
    target.inherits = match reader.value("inherits").map(|value| value.to_list()) {
        None => Vec::new(),
        Some(Ok(names)) => names.iter().map(Value::to_text).collect(),
        Some(Err(unknown)) => vec![Err(unknown)],
    };
    for name in OF_STEPS {
        reader.note_step(name);
    }
    target
}

struct Reader<'r, 'd> {
    evaluator: &'r mut Evaluator<'d>,
    instance: &'r Instance<'d>,
    scope: Scope<'static>,
    ignored: &'r mut Vec<Ignored>,
}

impl Reader<'_, '_> {
    /// `None` for null too.
    fn value(&mut self, name: &str) -> Option<Value> {
        let attribute = self.instance.block.attributes.get(name)?;
        match self.evaluator.value(&attribute.value, &self.scope) {
            Value::Null => None,
            value => Some(value),
        }
    }

    fn text(&mut self, name: &str) -> Option<Text> {
        self.value(name).map(|value| value.to_text())
    }

    /// The elements that are not null.
    fn list(&mut self, name: &str) -> Option<Vec<Value>> {
        let value = self.value(name)?;
        match value.to_list() {
            Ok(list) => {
                Some(list.iter().filter(|element| !matches!(element, Value::Null)).cloned().collect())
            }
            Err(unknown) => {
                self.ignore(name, &unknown);
                None
            }
        }
    }

    fn texts(&mut self, name: &str) -> Option<Vec<Text>> {
        let mut texts: Vec<Text> = Vec::new();
        let mut seen = BTreeSet::new();
        for element in self.list(name)? {
            let text = match element {
                // Objects have no place where texts are asked for, but may say that there is one.
                Value::Object(_) => self.object_text(name, &element),
                element => element.to_text(),
            };
            if text.as_ref().map_or(true, |text| !text.is_empty() && seen.insert(text.clone())) {
                texts.push(text);
            }
        }
        Some(texts)
    }

    /// An output can be an object; its type is all that is looked at.
    fn object_text(&mut self, name: &str, element: &Value) -> Text {
        let members = element.to_object()?;
        let kind = members.get("type").filter(|_| name == "output");
        let kind = kind.ok_or_else(|| Unknown::new("an object is not a string"))?;
        Ok(format!("type={}", kind.to_text()?))
    }

    fn texts_by_name(&mut self, name: &str) -> BTreeMap<String, Text> {
        let Some(value) = self.value(name) else { return BTreeMap::new() };
        match value.to_object() {
            Ok(members) => {
                let members = members.iter().filter(|(_, value)| !matches!(value, Value::Null));
                members.map(|(name, value)| (name.clone(), value.to_text())).collect()
            }
            Err(unknown) => {
                self.ignore(name, &unknown);
                BTreeMap::new()
            }
        }
    }

    fn mounts<T>(&mut self, name: &str, read: fn(&Value) -> Result<T, Unknown>) -> Vec<T> {
        let mut mounts = Vec::new();
        for element in self.list(name).unwrap_or_default() {
            match read(&element) {
                Ok(mount) => mounts.push(mount),
                Err(unknown) => self.ignore(name, &unknown),
            }
        }
        mounts
    }

    fn ignore(&mut self, name: &str, unknown: &Unknown) {
        let why =
            format!("part of `{name}` of target `{}` is not known: {}", self.instance.name, unknown.why);
        self.note(name, why);
    }

    fn note_step(&mut self, name: &str) {
        let is_usual = |value: &Value| match value {
            Value::Text(text) => &**text == "default",
            Value::List(elements) => elements.is_empty(),
            Value::Object(members) => members.is_empty(),
            _ => false,
        };
        if self.value(name).is_some_and(|value| !is_usual(&value)) {
            self.note(name, format!("`{name}` of target `{}` has no counterpart", self.instance.name));
        }
    }

    fn note(&mut self, name: &str, why: String) {
        let attribute = self.instance.block.attributes.get(name);
        let at = attribute.map_or(&self.instance.block.at, |attribute| &attribute.at).clone();
        let note = Ignored { at, why };
        // A matrix says it many times.
        if !self.ignored.contains(&note) {
            self.ignored.push(note);
        }
    }
}
