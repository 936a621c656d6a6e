//! What operators and indices make of values.

use hcl_edit::expr::BinaryOperator;

use crate::init::evidence::bake::value::{Unknown, Value};

pub(super) fn operate(operator: BinaryOperator, left: &Value, right: &Value) -> Result<Value, Unknown> {
    use BinaryOperator::{And, Div, Eq, Greater, GreaterEq, Less, LessEq, Minus, Mod, Mul, NotEq, Or, Plus};
    Ok(match operator {
        Eq => left.is_equal(right)?.into(),
        NotEq => (!left.is_equal(right)?).into(),
        // One side can be enough.
        And | Or => {
            let decides = operator == Or;
            match (left.to_bool(), right.to_bool()) {
                (Ok(side), _) | (_, Ok(side)) if side == decides => decides.into(),
                (Ok(_), Ok(_)) => (!decides).into(),
                (Err(unknown), _) | (_, Err(unknown)) => return Err(unknown),
            }
        }
        Less => (left.to_number()? < right.to_number()?).into(),
        LessEq => (left.to_number()? <= right.to_number()?).into(),
        Greater => (left.to_number()? > right.to_number()?).into(),
        GreaterEq => (left.to_number()? >= right.to_number()?).into(),
        Plus => Value::exact(left.to_number()? + right.to_number()?),
        Minus => Value::exact(left.to_number()? - right.to_number()?),
        Mul => Value::exact(left.to_number()? * right.to_number()?),
        Div => Value::exact(left.to_number()? / right.to_number()?),
        Mod => Value::exact(left.to_number()? % right.to_number()?),
    })
}

/// An element by its index, or a member by its name.
pub(super) fn member(value: &Value, key: &Value) -> Result<Value, Unknown> {
    match value {
        Value::Unknown(unknown) => Err(unknown.clone()),
        Value::List(elements) => {
            let index = key.to_integer()?;
            let element = usize::try_from(index).ok().and_then(|index| elements.get(index));
            element.cloned().ok_or_else(|| Unknown::new(format!("there is no element {index}")))
        }
        Value::Object(members) => {
            let key = key.to_text()?;
            members.get(&key).cloned().ok_or_else(|| Unknown::new(format!("there is no `{key}`")))
        }
        _ => Err(Unknown::new(format!("{} has no elements", value.kind()))),
    }
}
