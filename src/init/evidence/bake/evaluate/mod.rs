//! Evaluates expressions as bake does, but without its environment.
//!
//! Evaluation does not fail. What only a run of bake knows is [`Value::Unknown`], and so is what bake would refuse: both make
//! what they are used for unknown, with the reason, and nothing else.

mod expression;
mod functions;
mod operators;
mod template;

use std::collections::BTreeMap;

use hcl_edit::expr::Expression;

use super::definitions::{Attribute, Block, Definitions, Instance, REFERENCED};
use super::value::{Unknown, Value};

/// How much work a set of files may be: expressions, and elements and bytes of what they make.
const MAX_WORK: usize = 4 << 20;

/// How many expressions lie in each other, through variables and functions too.
const MAX_DEPTH: usize = 160;

pub(super) struct Evaluator<'d> {
    pub(super) definitions: &'d Definitions,
    /// The targets by their names, once those are known.
    pub(super) instances: BTreeMap<String, Instance<'d>>,
    known: BTreeMap<String, Value>,
    /// What is being evaluated, to find cycles.
    pending: Vec<String>,
    work: usize,
    depth: usize,
}

/// Names with values, besides those of the files.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope<'s> {
    pub(super) names: BTreeMap<String, Value>,
    pub(super) parent: Option<&'s Scope<'s>>,
}

impl<'s> Scope<'s> {
    pub(super) fn of(names: BTreeMap<String, Value>) -> Self {
        Self { names, parent: None }
    }

    pub(super) fn within(parent: &'s Self, names: BTreeMap<String, Value>) -> Self {
        Self { names, parent: Some(parent) }
    }

    fn find(&self, name: &str) -> Option<&Value> {
        self.names.get(name).or_else(|| self.parent?.find(name))
    }
}

impl<'d> Evaluator<'d> {
    pub(super) fn new(definitions: &'d Definitions) -> Self {
        Self {
            definitions,
            instances: BTreeMap::new(),
            known: BTreeMap::new(),
            pending: Vec::new(),
            work: 0,
            depth: 0,
        }
    }

    /// Whether there was more to do than is done.
    pub(super) fn is_exhausted(&self) -> bool {
        self.work > MAX_WORK
    }

    /// Counts work; once there was too much, everything is unknown.
    pub(super) fn spend(&mut self, work: usize) -> Result<(), Unknown> {
        self.work = self.work.saturating_add(work);
        if self.is_exhausted() { Err(Unknown::new("its expressions are too much work")) } else { Ok(()) }
    }

    pub(super) fn value(&mut self, expression: &Expression, scope: &Scope<'_>) -> Value {
        if let Err(unknown) = self.spend(1) {
            return Value::Unknown(unknown);
        }
        if self.depth == MAX_DEPTH {
            return Value::unknown(format!("its expressions are more than {MAX_DEPTH} deep"));
        }
        self.depth += 1;
        let value = expression::evaluate(self, expression, scope);
        self.depth -= 1;
        let value = Value::from(value);
        match self.spend(value.size()) {
            Ok(()) => value,
            Err(unknown) => Value::Unknown(unknown),
        }
    }

    /// What a name stands for: in the scope, as an attribute of the files, or as a variable.
    pub(super) fn named(&mut self, name: &str, scope: &Scope<'_>) -> Value {
        if let Some(value) = scope.find(name) {
            return value.clone();
        }
        match name {
            "BAKE_CMD_CONTEXT" => return "cwd://".into(),
            "BAKE_LOCAL_PLATFORM" => {
                return Value::unknown("`BAKE_LOCAL_PLATFORM` is the machine's platform");
            }
            _ => {}
        }
        let definitions = self.definitions;
        if let Some(attribute) = definitions.attributes.get(name) {
            return self.once(name.to_owned(), attribute, &Scope::default());
        }
        let Some(variable) = definitions.variables.get(name) else {
            return Value::unknown(format!("there is no variable `{name}`"));
        };
        match variable.attributes.get("default") {
            Some(default) => self.once(name.to_owned(), default, &Scope::default()),
            None => Value::unknown(format!("the variable `{name}` has no default")),
        }
    }

    /// The value of an attribute of a target or group, as it stands in its own block.
    pub(super) fn of_block(&mut self, kind: &str, name: &str, attribute: &str) -> Value {
        let definitions = self.definitions;
        let missing = || Value::unknown(format!("there is no `{kind}.{name}`"));
        let (block, scope): (&Block, Scope<'_>) = if kind == "group" {
            match definitions.groups.iter().rev().find(|group| group.label == name) {
                Some(group) => (group, Scope::default()),
                None => return missing(),
            }
        } else {
            match self.instances.get(name) {
                Some(instance) => (instance.block, Scope::of(instance.names.clone())),
                None => return missing(),
            }
        };
        if attribute == "name" {
            return name.into();
        }
        match block.attributes.get(attribute) {
            Some(found) => {
                let value = self.once(format!("{kind}.{name}.{attribute}"), found, &scope);
                as_decoded(attribute, value)
            }
            None if REFERENCED.contains(&attribute) => Value::Null,
            None => Value::unknown(format!("there is no `{kind}.{name}.{attribute}`")),
        }
    }

    /// Evaluates what has a name, the first time that it is asked for.
    fn once(&mut self, name: String, attribute: &Attribute, scope: &Scope<'_>) -> Value {
        if let Some(value) = self.known.get(&name) {
            return value.clone();
        }
        if self.pending.contains(&name) {
            return Value::unknown(format!("`{name}` is defined by itself"));
        }
        self.pending.push(name.clone());
        let value = self.value(&attribute.value, scope);
        self.pending.pop();
        self.known.insert(name, value.clone());
        value
    }

    /// Calls a function of the files, or else one that bake has.
    pub(super) fn call(&mut self, name: &str, arguments: Vec<Value>) -> Result<Value, Unknown> {
        let definitions = self.definitions;
        self.spend(arguments.iter().map(Value::size).sum())?;
        if let Some(function) = functions::named(name) {
            return function.call(&arguments);
        }
        let Some(function) = definitions.functions.get(name) else {
            return Err(Unknown::new(format!("the function `{name}` is not known")));
        };
        let pending = format!("{name}()");
        if self.pending.contains(&pending) {
            return Err(Unknown::new(format!("the function `{name}` calls itself")));
        }
        let malformed = || Unknown::new(format!("the function `{name}` is malformed"));
        let parameters = function.attributes.get("params").and_then(|params| keywords(&params.value));
        let parameters = parameters.ok_or_else(malformed)?;
        let result = function.attributes.get("result").ok_or_else(malformed)?;
        let variadic = function.attributes.get("variadic_params").map(|params| keyword(&params.value));
        let is_too_few = arguments.len() < parameters.len();
        if is_too_few || (variadic.is_none() && arguments.len() > parameters.len()) {
            return Err(Unknown::new(format!("the function `{name}` is called with other arguments")));
        }
        let mut arguments = arguments.into_iter();
        let mut names: BTreeMap<String, Value> = parameters.into_iter().zip(arguments.by_ref()).collect();
        if let Some(variadic) = variadic {
            names.insert(variadic.ok_or_else(malformed)?, Value::list(arguments.collect()));
        }
        self.pending.push(pending);
        let value = self.value(&result.value, &Scope::of(names));
        self.pending.pop();
        Ok(value)
    }
}

/// References see the values of targets as texts, where bake takes texts.
fn as_decoded(attribute: &str, value: Value) -> Value {
    let decoded = |value: &Value| match value {
        Value::Bool(_) | Value::Number(_) => value.to_text().map(Value::from).into(),
        value => value.clone(),
    };
    match (&value, attribute) {
        (Value::Object(members), "args" | "contexts" | "labels") => {
            Value::object(members.iter().map(|(key, value)| (key.clone(), decoded(value))).collect())
        }
        _ => decoded(&value),
    }
}

/// The names in a list of names, or of texts in JSON.
fn keywords(expression: &Expression) -> Option<Vec<String>> {
    expression.as_array()?.iter().map(keyword).collect()
}

fn keyword(expression: &Expression) -> Option<String> {
    match expression {
        Expression::Variable(name) => Some(name.as_str().to_owned()),
        Expression::String(name) => Some(name.value().clone()),
        _ => None,
    }
}
