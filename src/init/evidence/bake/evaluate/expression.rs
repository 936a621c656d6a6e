//! The kinds of expressions.

use std::collections::BTreeMap;

use hcl_edit::Decorated;
use hcl_edit::expr::{
    BinaryOp, Conditional, Expression, ForExpr, FuncCall, Object, ObjectKey, Traversal, TraversalOperator,
    UnaryOp, UnaryOperator,
};

use super::operators::{member, operate};
use super::{Evaluator, Scope, template};
use crate::init::evidence::bake::value::{Unknown, Value};

pub(super) fn evaluate(
    evaluator: &mut Evaluator<'_>,
    expression: &Expression,
    scope: &Scope<'_>,
) -> Result<Value, Unknown> {
    match expression {
        Expression::Null(_) => Ok(Value::Null),
        Expression::Bool(value) => Ok(Value::Bool(*value.value())),
        Expression::Number(number) => {
            let number = number.value().as_f64().ok_or_else(|| Unknown::new("a number is too large"))?;
            Ok(if number.fract() == 0.0 { Value::exact(number) } else { Value::Number(number) })
        }
        Expression::String(text) => Ok(text.value().as_str().into()),
        Expression::Array(elements) => {
            Ok(Value::list(elements.iter().map(|element| evaluator.value(element, scope)).collect()))
        }
        Expression::Object(members) => object(evaluator, members, scope),
        Expression::StringTemplate(template) => template::quoted(evaluator, template, scope),
        Expression::HeredocTemplate(heredoc) => template::heredoc(evaluator, &heredoc.template, scope),
        Expression::Parenthesis(inner) => Ok(evaluator.value(inner.inner(), scope)),
        Expression::Variable(name) => Ok(evaluator.named(name.as_str(), scope)),
        Expression::Conditional(conditional) => choose(evaluator, conditional, scope),
        Expression::FuncCall(call) => function(evaluator, call, scope),
        Expression::Traversal(traversal) => traverse(evaluator, traversal, scope),
        Expression::UnaryOp(operation) => unary(evaluator, operation, scope),
        Expression::BinaryOp(operation) => binary(evaluator, operation, scope),
        Expression::ForExpr(each) => for_each(evaluator, each, scope),
    }
}

fn object(evaluator: &mut Evaluator<'_>, members: &Object, scope: &Scope<'_>) -> Result<Value, Unknown> {
    let mut object = BTreeMap::new();
    for (key, value) in members.iter() {
        let key = match key {
            ObjectKey::Ident(name) => name.as_str().to_owned(),
            ObjectKey::Expression(expression) => evaluator.value(expression, scope).to_text()?,
        };
        object.insert(key, evaluator.value(value.expr(), scope));
    }
    Ok(Value::object(object))
}

fn choose(
    evaluator: &mut Evaluator<'_>,
    conditional: &Conditional,
    scope: &Scope<'_>,
) -> Result<Value, Unknown> {
    let condition = evaluator.value(&conditional.cond_expr, scope).to_bool();
    let yes = evaluator.value(&conditional.true_expr, scope);
    let no = evaluator.value(&conditional.false_expr, scope);
    let (chosen, other) = match condition {
        Ok(true) => (yes, no),
        Ok(false) => (no, yes),
        Err(unknown) => return Ok(Value::either(&yes, &no, &unknown)),
    };
    // Both sides become one type.
    Ok(match (&chosen, &other) {
        (Value::Bool(_) | Value::Number(_), Value::Text(_)) => chosen.to_text()?.into(),
        _ => chosen,
    })
}

fn function(evaluator: &mut Evaluator<'_>, call: &FuncCall, scope: &Scope<'_>) -> Result<Value, Unknown> {
    let name = call.name.name.as_str();
    if call.name.is_namespaced() {
        return Err(Unknown::new(format!("the function `{name}` is not known")));
    }
    let mut arguments: Vec<Value> =
        call.args.iter().map(|argument| evaluator.value(argument, scope)).collect();
    if call.args.expand_final()
        && let Some(last) = arguments.pop()
    {
        arguments.extend(last.to_list()?.iter().cloned());
    }
    match name {
        // Both look at arguments that have no value.
        "try" => arguments
            .into_iter()
            .find(|argument| !matches!(argument, Value::Unknown(_)))
            .ok_or_else(|| Unknown::new("nothing that is tried is known")),
        "can" => arguments.first().map_or_else(
            || Err(Unknown::new("`can` is called without an argument")),
            |argument| argument.unknown_part().map_or(Ok(true.into()), |unknown| Err(unknown.clone())),
        ),
        name => evaluator.call(name, arguments),
    }
}

fn traverse(
    evaluator: &mut Evaluator<'_>,
    traversal: &Traversal,
    scope: &Scope<'_>,
) -> Result<Value, Unknown> {
    let operators: Vec<&TraversalOperator> = traversal.operators.iter().map(Decorated::value).collect();
    let Expression::Variable(root) = &traversal.expr else {
        let value = evaluator.value(&traversal.expr, scope);
        return follow(evaluator, value, &operators, scope);
    };
    match (root.as_str(), operators.as_slice()) {
        (kind @ ("target" | "group"), [name, TraversalOperator::GetAttr(attribute), rest @ ..]) => {
            let name = match name {
                TraversalOperator::GetAttr(name) => name.as_str().to_owned(),
                TraversalOperator::Index(index) => evaluator.value(index, scope).to_text()?,
                _ => return Err(Unknown::new(format!("`{kind}` is used without a name"))),
            };
            let value = evaluator.of_block(kind, &name, attribute.as_str());
            follow(evaluator, value, rest, scope)
        }
        (kind @ ("target" | "group"), _) => {
            Err(Unknown::new(format!("`{kind}` is used without an attribute")))
        }
        (name, operators) => {
            let value = evaluator.named(name, scope);
            follow(evaluator, value, operators, scope)
        }
    }
}

/// Goes into a value.
fn follow(
    evaluator: &mut Evaluator<'_>,
    value: Value,
    operators: &[&TraversalOperator],
    scope: &Scope<'_>,
) -> Result<Value, Unknown> {
    let mut value = value;
    for (position, operator) in operators.iter().enumerate() {
        let rest = &operators[position + 1..];
        evaluator.spend(1)?;
        value = match operator {
            TraversalOperator::GetAttr(name) => member(&value, &Value::from(name.as_str()))?,
            TraversalOperator::Index(index) => {
                let index = evaluator.value(index, scope);
                member(&value, &index)?
            }
            TraversalOperator::LegacyIndex(index) => {
                let index =
                    u32::try_from(*index.value()).map_err(|_| Unknown::new("an index is too large"))?;
                member(&value, &Value::Number(index.into()))?
            }
            TraversalOperator::FullSplat(_) => return splat(evaluator, &value, rest, scope),
            TraversalOperator::AttrSplat(_) => {
                let is_attribute = |operator: &&TraversalOperator| {
                    matches!(operator, TraversalOperator::GetAttr(_) | TraversalOperator::LegacyIndex(_))
                };
                let end = rest.iter().take_while(|operator| is_attribute(operator)).count();
                let value = splat(evaluator, &value, &rest[..end], scope)?;
                return follow(evaluator, value, &rest[end..], scope);
            }
        };
    }
    Ok(value)
}

/// The same of each element; what is no list counts as a list of it, and null as an empty one.
fn splat(
    evaluator: &mut Evaluator<'_>,
    value: &Value,
    operators: &[&TraversalOperator],
    scope: &Scope<'_>,
) -> Result<Value, Unknown> {
    let elements: Vec<Value> = match value {
        Value::Unknown(unknown) => return Err(unknown.clone()),
        Value::Null => Vec::new(),
        Value::List(elements) => elements.to_vec(),
        value => vec![value.clone()],
    };
    let followed =
        elements.into_iter().map(|element| Value::from(follow(evaluator, element, operators, scope)));
    Ok(Value::list(followed.collect()))
}

fn unary(evaluator: &mut Evaluator<'_>, operation: &UnaryOp, scope: &Scope<'_>) -> Result<Value, Unknown> {
    let value = evaluator.value(&operation.expr, scope);
    Ok(match operation.operator.value() {
        UnaryOperator::Neg => Value::Number(0.0 - value.to_number()?),
        UnaryOperator::Not => Value::Bool(!value.to_bool()?),
    })
}

fn binary(evaluator: &mut Evaluator<'_>, operation: &BinaryOp, scope: &Scope<'_>) -> Result<Value, Unknown> {
    let left = evaluator.value(&operation.lhs_expr, scope);
    let right = evaluator.value(&operation.rhs_expr, scope);
    operate(*operation.operator.value(), &left, &right)
}

fn for_each(evaluator: &mut Evaluator<'_>, each: &ForExpr, scope: &Scope<'_>) -> Result<Value, Unknown> {
    let collection = evaluator.value(&each.intro.collection_expr, scope);
    let mut list = Vec::new();
    let mut object: BTreeMap<String, Value> = BTreeMap::new();
    let mut groups: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (key, element) in collection.elements()? {
        // Clones of what was not made by an expression of its own.
        evaluator.spend(element.size())?;
        let mut names = BTreeMap::new();
        if let Some(name) = &each.intro.key_var {
            names.insert(name.as_str().to_owned(), key);
        }
        names.insert(each.intro.value_var.as_str().to_owned(), element);
        let scope = Scope::within(scope, names);
        if let Some(condition) = &each.cond
            && !evaluator.value(&condition.expr, &scope).to_bool()?
        {
            continue;
        }
        let value = evaluator.value(&each.value_expr, &scope);
        let Some(key) = &each.key_expr else {
            list.push(value);
            continue;
        };
        let key = evaluator.value(key, &scope).to_text()?;
        if each.grouping {
            groups.entry(key).or_default().push(value);
        } else if object.insert(key.clone(), value).is_some() {
            return Err(Unknown::new(format!("two elements have the key `{key}`")));
        }
    }
    Ok(if each.key_expr.is_none() {
        Value::list(list)
    } else if each.grouping {
        Value::object(groups.into_iter().map(|(key, values)| (key, Value::list(values))).collect())
    } else {
        Value::object(object)
    })
}
