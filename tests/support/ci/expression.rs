//! The expressions of GitHub Actions, as far as generated workflows use them.
//!
//! <https://docs.github.com/actions/reference/workflows-and-actions/expressions>

use serde_json::Value;

/// What an expression can refer to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'s> {
    /// The contexts, by name.
    pub(super) values: &'s Value,
    pub(super) status: Status,
}

/// What the functions that ask for a status answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Status {
    /// The run was cancelled.
    pub(super) cancelled: bool,
    /// An earlier step, or a job before this one, has failed.
    pub(super) failed: bool,
    /// All of them have succeeded.
    pub(super) succeeded: bool,
}

/// Whether a condition holds, which has no `${{` around it.
pub(super) fn holds(text: &str, scope: Scope<'_>) -> bool {
    is_true(&evaluate(text, scope))
}

/// A text in which expressions stand for their values.
pub(super) fn expand(text: &str, scope: Scope<'_>) -> String {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${{") {
        let (expression, end) =
            after.split_once("}}").unwrap_or_else(|| panic!("`${{{{` without an end: {text}"));
        expanded += before;
        expanded += &shown(&evaluate(expression, scope));
        rest = end;
    }
    expanded + rest
}

pub(super) fn evaluate(text: &str, scope: Scope<'_>) -> Value {
    let mut parser = Parser { text, rest: text, scope };
    let value = parser.either();
    assert!(parser.rest.trim().is_empty(), "the runner does not know `{}` in `{text}`", parser.rest);
    value
}

struct Parser<'t> {
    text: &'t str,
    rest: &'t str,
    scope: Scope<'t>,
}

impl Parser<'_> {
    fn takes(&mut self, token: &str) -> bool {
        let found = self.rest.trim_start().strip_prefix(token);
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }

    fn unknown(&self) -> ! {
        panic!("the runner does not know `{}` in `{}`", self.rest, self.text)
    }

    /// The first operand that is true, else the last one.
    fn either(&mut self) -> Value {
        let mut value = self.both();
        while self.takes("||") {
            let other = self.both();
            value = if is_true(&value) { value } else { other };
        }
        value
    }

    fn both(&mut self) -> Value {
        let mut value = self.comparison();
        while self.takes("&&") {
            let other = self.comparison();
            value = if is_true(&value) { other } else { value };
        }
        value
    }

    fn comparison(&mut self) -> Value {
        let value = self.operand();
        if self.takes("==") {
            return is_equal(&value, &self.operand()).into();
        }
        if self.takes("!=") {
            return (!is_equal(&value, &self.operand())).into();
        }
        value
    }

    fn operand(&mut self) -> Value {
        if self.takes("!") {
            return (!is_true(&self.operand())).into();
        }
        if self.takes("(") {
            let value = self.either();
            if !self.takes(")") {
                self.unknown();
            }
            return value;
        }
        if self.takes("'") {
            return self.literal();
        }
        let rest = self.rest.trim_start();
        let is_of_name = |letter: char| letter.is_ascii_alphanumeric() || "_-.".contains(letter);
        let end = rest.find(|letter| !is_of_name(letter)).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        if name.is_empty() {
            self.unknown();
        }
        self.rest = rest;
        if self.takes("(") { self.call(name) } else { self.context(name) }
    }

    /// A quote in a literal is written twice.
    fn literal(&mut self) -> Value {
        let mut text = String::new();
        loop {
            let Some((part, rest)) = self.rest.split_once('\'') else { self.unknown() };
            text += part;
            self.rest = rest;
            match self.rest.strip_prefix('\'') {
                Some(rest) => {
                    text.push('\'');
                    self.rest = rest;
                }
                None => return text.into(),
            }
        }
    }

    fn call(&mut self, name: &str) -> Value {
        let mut arguments = Vec::new();
        while !self.takes(")") {
            if !arguments.is_empty() && !self.takes(",") {
                self.unknown();
            }
            arguments.push(self.either());
        }
        let status = self.scope.status;
        match (name, &*arguments) {
            ("always", []) => true.into(),
            ("cancelled", []) => status.cancelled.into(),
            ("failure", []) => status.failed.into(),
            ("success", []) => status.succeeded.into(),
            ("fromJSON", [text]) => serde_json::from_str(&shown(text))
                .unwrap_or_else(|error| panic!("`{}`: {error}: {text}", self.text)),
            ("contains", [Value::Array(list), item]) => list.iter().any(|it| is_equal(it, item)).into(),
            ("contains", [text, item]) => shown(text).contains(&shown(item)).into(),
            _ => panic!("the runner does not know `{name}` with {arguments:?}"),
        }
    }

    /// A property that isn't there is null; a context has to be.
    fn context(&self, name: &str) -> Value {
        match name {
            "true" => return true.into(),
            "false" => return false.into(),
            "null" => return Value::Null,
            _ => {}
        }
        let mut path = name.split('.');
        let context = path.next().unwrap_or_default();
        let context = self.scope.values.get(context);
        let context = context.unwrap_or_else(|| panic!("the runner does not know the context of `{name}`"));
        path.try_fold(context, |value, key| value.get(key)).cloned().unwrap_or_default()
    }
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::String(text) => !text.is_empty(),
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::Array(_) | Value::Object(_) => true,
    }
}

/// Texts are equal whatever the case of their letters is; different types are compared as numbers.
fn is_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::String(one), Value::String(other)) => one.to_lowercase() == other.to_lowercase(),
        (Value::Null, Value::Null) => true,
        _ => number(one) == number(other),
    }
}

fn number(value: &Value) -> f64 {
    match value {
        Value::Null => 0.0,
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::Number(number) => number.as_f64().unwrap_or(f64::NAN),
        Value::String(text) if text.is_empty() => 0.0,
        Value::String(text) => text.parse().unwrap_or(f64::NAN),
        Value::Array(_) | Value::Object(_) => f64::NAN,
    }
}

/// A value as it stands in a text.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
