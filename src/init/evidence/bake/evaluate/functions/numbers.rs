//! Numbers, booleans and comparisons.

use hcl_edit::expr::BinaryOperator;

use super::super::operators::operate;
use crate::init::evidence::bake::value::{Unknown, Value};

type Answer = Result<Value, Unknown>;

fn operator(operator: BinaryOperator, arguments: &[Value]) -> Answer {
    operate(operator, &arguments[0], &arguments[1])
}

pub(super) fn add(arguments: &[Value]) -> Answer {
    operator(BinaryOperator::Plus, arguments)
}

pub(super) fn subtract(arguments: &[Value]) -> Answer {
    operator(BinaryOperator::Minus, arguments)
}

pub(super) fn multiply(arguments: &[Value]) -> Answer {
    operator(BinaryOperator::Mul, arguments)
}

pub(super) fn divide(arguments: &[Value]) -> Answer {
    operator(BinaryOperator::Div, arguments)
}

pub(super) fn modulo(arguments: &[Value]) -> Answer {
    operator(BinaryOperator::Mod, arguments)
}

pub(super) fn and(arguments: &[Value]) -> Answer {
    operator(BinaryOperator::And, arguments)
}

pub(super) fn or(arguments: &[Value]) -> Answer {
    operator(BinaryOperator::Or, arguments)
}

pub(super) fn equal(arguments: &[Value]) -> Answer {
    operator(BinaryOperator::Eq, arguments)
}

pub(super) fn not_equal(arguments: &[Value]) -> Answer {
    operator(BinaryOperator::NotEq, arguments)
}

pub(super) fn less_than(arguments: &[Value]) -> Answer {
    operator(BinaryOperator::Less, arguments)
}

pub(super) fn less_than_or_equal(arguments: &[Value]) -> Answer {
    operator(BinaryOperator::LessEq, arguments)
}

pub(super) fn greater_than(arguments: &[Value]) -> Answer {
    operator(BinaryOperator::Greater, arguments)
}

pub(super) fn greater_than_or_equal(arguments: &[Value]) -> Answer {
    operator(BinaryOperator::GreaterEq, arguments)
}

pub(super) fn not(arguments: &[Value]) -> Answer {
    Ok((!arguments[0].to_bool()?).into())
}

pub(super) fn negate(arguments: &[Value]) -> Answer {
    Ok(Value::Number(0.0 - arguments[0].to_number()?))
}

pub(super) fn absolute(arguments: &[Value]) -> Answer {
    Ok(Value::Number(arguments[0].to_number()?.abs()))
}

pub(super) fn ceil(arguments: &[Value]) -> Answer {
    Ok(Value::exact(arguments[0].to_number()?.ceil()))
}

pub(super) fn floor(arguments: &[Value]) -> Answer {
    Ok(Value::exact(arguments[0].to_number()?.floor()))
}

pub(super) fn int(arguments: &[Value]) -> Answer {
    Ok(Value::exact(arguments[0].to_number()?.trunc()))
}

pub(super) fn max(arguments: &[Value]) -> Answer {
    extreme(arguments, f64::max)
}

pub(super) fn min(arguments: &[Value]) -> Answer {
    extreme(arguments, f64::min)
}

fn extreme(arguments: &[Value], choose: fn(f64, f64) -> f64) -> Answer {
    let mut extreme = arguments[0].to_number()?;
    for argument in &arguments[1..] {
        extreme = choose(extreme, argument.to_number()?);
    }
    Ok(Value::Number(extreme))
}

pub(super) fn parseint(arguments: &[Value]) -> Answer {
    let (text, base) = (arguments[0].to_text()?, arguments[1].to_integer()?);
    let base = u32::try_from(base).ok().filter(|base| (2..=36).contains(base));
    let number = base.and_then(|base| i32::from_str_radix(&text, base).ok());
    let number = number.ok_or_else(|| Unknown::new(format!("`{text}` is not a small integer")))?;
    Ok(Value::Number(number.into()))
}
