//! The JSON syntax of HCL: objects for blocks, and texts that are templates.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use hcl_edit::Number;
use hcl_edit::expr::{Array, Expression, Object, ObjectKey, ObjectValue};
use hcl_edit::template::{Element, StringTemplate};
use serde_json::Value;

use super::definitions::{Attribute, Block, Definitions};
use crate::init::evidence::yaml::Node;
use crate::init::evidence::{Ignored, SourceLocation};
use crate::model::RepoPath;

/// The kinds of blocks; what else stands at the top is an attribute.
const BLOCKS: &[&str] = &["variable", "function", "target", "group"];

/// Adds what a JSON file defines.
pub(super) fn add(definitions: &mut Definitions, path: &RepoPath, text: &str) -> Result<(), Ignored> {
    let refuse = |why: String| Ignored { at: SourceLocation::whole(path), why };
    // One reader knows lines, the other knows types.
    let node = Node::parse(text.as_bytes()).map_err(|error| refuse(format!("it can't be read: {error}")))?;
    let value: Value = serde_json::from_str(text).map_err(|error| Ignored {
        at: SourceLocation::new(path, error.line().max(1)),
        why: format!("it is not valid JSON: {error}"),
    })?;
    let reader = Reader { path };
    for (kind, line, value) in members(&node, &value) {
        if !BLOCKS.contains(&kind) {
            definitions.attributes.insert(kind.to_owned(), reader.attribute(line.line, value)?);
            continue;
        }
        for (label, line, bodies) in members(line, value) {
            for (line, body) in each(line, bodies) {
                let at = SourceLocation::new(path, line.line);
                let mut attributes = BTreeMap::new();
                for (name, line, value) in members(line, body) {
                    attributes.insert(name.to_owned(), reader.attribute(line.line, value)?);
                }
                definitions.define(kind, Block { label: label.to_owned(), at, attributes });
            }
        }
    }
    Ok(())
}

/// The members of an object, or of each object in an array, in the order of the file.
fn members<'v>(node: &'v Rc<Node>, value: &'v Value) -> Vec<(&'v str, &'v Rc<Node>, &'v Value)> {
    let mut found = Vec::new();
    for (node, value) in each(node, value) {
        let Some(object) = value.as_object() else { continue };
        let mut members: HashMap<&str, &Value> =
            object.iter().map(|(key, value)| (key.as_str(), value)).collect();
        // `//` is a comment.
        for (key, node) in node.map().unwrap_or_default().into_iter().filter(|(key, _)| *key != "//") {
            found.extend(members.remove(key).map(|value| (key, node, value)));
        }
    }
    found
}

/// The elements of an array, or the value itself.
fn each<'v>(node: &'v Rc<Node>, value: &'v Value) -> Vec<(&'v Rc<Node>, &'v Value)> {
    match (value.as_array(), node.list()) {
        (Some(values), Some(nodes)) => nodes.iter().zip(values).collect(),
        _ => vec![(node, value)],
    }
}

struct Reader<'r> {
    path: &'r RepoPath,
}

impl Reader<'_> {
    fn attribute(&self, line: usize, value: &Value) -> Result<Attribute, Ignored> {
        let at = SourceLocation::new(self.path, line);
        let value = expression(value).map_err(|why| Ignored { at: at.clone(), why })?;
        Ok(Attribute { at, value })
    }
}

fn expression(value: &Value) -> Result<Expression, String> {
    Ok(match value {
        Value::Null => Expression::null(),
        Value::Bool(value) => Expression::from(*value),
        Value::Number(number) => {
            let number = number.as_f64().and_then(Number::from_f64).ok_or("a number is too large")?;
            Expression::from(number)
        }
        Value::String(text) => template(text)?,
        Value::Array(elements) => {
            let elements: Result<Vec<Expression>, String> = elements.iter().map(expression).collect();
            Expression::Array(Array::from(elements?))
        }
        Value::Object(members) => {
            let mut object = Object::new();
            for (key, value) in members {
                let key = ObjectKey::Expression(template(key)?);
                object.insert(key, ObjectValue::new(expression(value)?));
            }
            Expression::Object(object)
        }
    })
}

fn template(text: &str) -> Result<Expression, String> {
    if !text.contains("${") && !text.contains("%{") {
        return Ok(Expression::from(text));
    }
    let parsed = hcl_edit::parser::parse_template(text)
        .map_err(|error| format!("`{text}` is not a valid template: {}", error.message()))?;
    let elements: Vec<Element> = parsed.into_iter().collect();
    Ok(match elements.as_slice() {
        [Element::Literal(literal)] => Expression::from(literal.value().as_str()),
        _ => Expression::StringTemplate(StringTemplate::from(elements)),
    })
}
