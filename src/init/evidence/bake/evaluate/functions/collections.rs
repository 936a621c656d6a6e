//! Lists and objects.

use std::collections::BTreeMap;

use super::super::operators::member;
use crate::init::evidence::bake::value::{Unknown, Value};

type Answer = Result<Value, Unknown>;

/// How many comparisons are made to find duplicates.
const MAX_COMPARED: usize = 1 << 20;

/// The longest range.
const MAX_RANGE: usize = 1024;

pub(super) fn length(arguments: &[Value]) -> Answer {
    let length = match &arguments[0] {
        Value::List(elements) => elements.len(),
        Value::Object(members) => members.len(),
        value => return Err(Unknown::new(format!("{} has no length", value.kind()))),
    };
    Ok(Value::exact(f64::from(u32::try_from(length).unwrap_or(u32::MAX))))
}

pub(super) fn concat(arguments: &[Value]) -> Answer {
    let mut elements = Vec::new();
    for list in arguments {
        elements.extend(list.to_list()?.iter().cloned());
    }
    Ok(Value::list(elements))
}

pub(super) fn flatten(arguments: &[Value]) -> Answer {
    let mut elements = Vec::new();
    flatten_into(&mut elements, &Value::List(arguments[0].to_list()?))?;
    Ok(Value::list(elements))
}

fn flatten_into(elements: &mut Vec<Value>, value: &Value) -> Result<(), Unknown> {
    match value {
        Value::List(list) => list.iter().try_for_each(|element| flatten_into(elements, element)),
        // It could be a list.
        Value::Unknown(unknown) => Err(unknown.clone()),
        value => {
            elements.push(value.clone());
            Ok(())
        }
    }
}

/// Without empty texts.
pub(super) fn compact(arguments: &[Value]) -> Answer {
    let list = arguments[0].to_list()?;
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::Text(text) => text.is_empty(),
        _ => false,
    };
    Ok(Value::list(list.iter().filter(|element| !is_empty(element)).cloned().collect()))
}

pub(super) fn distinct(arguments: &[Value]) -> Answer {
    let mut distinct: Vec<Value> = Vec::new();
    let list = arguments[0].to_list()?;
    if list.len().saturating_mul(arguments[0].size()) > MAX_COMPARED {
        return Err(Unknown::new("a list is too long"));
    }
    for element in list.iter() {
        if !contains_value(&distinct, element)? {
            distinct.push(element.clone());
        }
    }
    Ok(Value::list(distinct))
}

pub(super) fn contains(arguments: &[Value]) -> Answer {
    Ok(contains_value(&arguments[0].to_list()?, &arguments[1])?.into())
}

fn contains_value(list: &[Value], wanted: &Value) -> Result<bool, Unknown> {
    Ok(position(list, wanted)?.is_some())
}

fn position(list: &[Value], wanted: &Value) -> Result<Option<usize>, Unknown> {
    for (position, element) in list.iter().enumerate() {
        if element.is_equal(wanted)? {
            return Ok(Some(position));
        }
    }
    Ok(None)
}

pub(super) fn indexof(arguments: &[Value]) -> Answer {
    let position = position(&arguments[0].to_list()?, &arguments[1])?;
    let position = position.and_then(|position| u32::try_from(position).ok());
    let position = position.ok_or_else(|| Unknown::new("what `indexof` looks for is not there"))?;
    Ok(Value::Number(position.into()))
}

/// Beyond its end, a list begins again.
pub(super) fn element(arguments: &[Value]) -> Answer {
    let (list, index) = (arguments[0].to_list()?, arguments[1].to_integer()?);
    let length = i64::try_from(list.len()).unwrap_or(i64::MAX);
    let index = index.checked_rem_euclid(length).and_then(|index| usize::try_from(index).ok());
    let element = index.and_then(|index| list.get(index));
    element.cloned().ok_or_else(|| Unknown::new("a list has no element"))
}

pub(super) fn index(arguments: &[Value]) -> Answer {
    member(&arguments[0], &arguments[1])
}

pub(super) fn hasindex(arguments: &[Value]) -> Answer {
    Ok(member(&arguments[0], &arguments[1]).is_ok().into())
}

pub(super) fn slice(arguments: &[Value]) -> Answer {
    let list = arguments[0].to_list()?;
    let bound = |value: &Value| Ok(usize::try_from(value.to_integer()?).unwrap_or(usize::MAX));
    let (start, end) = (bound(&arguments[1])?, bound(&arguments[2])?);
    let slice = list.get(start..end).ok_or_else(|| Unknown::new("a slice goes beyond its list"))?;
    Ok(Value::list(slice.to_vec()))
}

pub(super) fn reverselist(arguments: &[Value]) -> Answer {
    Ok(Value::list(arguments[0].to_list()?.iter().rev().cloned().collect()))
}

pub(super) fn sort(arguments: &[Value]) -> Answer {
    let list = arguments[0].to_list()?;
    let mut texts: Vec<String> = list.iter().map(Value::to_text).collect::<Result<_, _>>()?;
    texts.sort_unstable();
    Ok(Value::list(texts.into_iter().map(Value::from).collect()))
}

pub(super) fn chunklist(arguments: &[Value]) -> Answer {
    let (list, size) = (arguments[0].to_list()?, arguments[1].to_integer()?);
    let size = usize::try_from(size).ok().filter(|size| *size > 0);
    let size = size.ok_or_else(|| Unknown::new("a chunk has no size"))?;
    Ok(Value::list(list.chunks(size).map(|chunk| Value::list(chunk.to_vec())).collect()))
}

/// The first that is not null, of the type that all have in common.
pub(super) fn coalesce(arguments: &[Value]) -> Answer {
    let is_text = arguments.iter().any(|argument| matches!(argument, Value::Text(_)));
    let first = arguments.iter().find(|argument| !matches!(argument, Value::Null));
    match first {
        None => Err(Unknown::new("all arguments of `coalesce` are null")),
        Some(value @ (Value::Bool(_) | Value::Number(_))) if is_text => Ok(value.to_text()?.into()),
        Some(value) => Ok(value.clone()),
    }
}

pub(super) fn coalescelist(arguments: &[Value]) -> Answer {
    for list in arguments {
        if !list.to_list()?.is_empty() {
            return Ok(list.clone());
        }
    }
    Err(Unknown::new("all arguments of `coalescelist` are empty"))
}

pub(super) fn merge(arguments: &[Value]) -> Answer {
    let mut merged = BTreeMap::new();
    for object in arguments.iter().filter(|object| !matches!(object, Value::Null)) {
        merged.extend(object.to_object()?.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    Ok(Value::object(merged))
}

pub(super) fn keys(arguments: &[Value]) -> Answer {
    Ok(Value::list(arguments[0].to_object()?.keys().map(|key| key.as_str().into()).collect()))
}

pub(super) fn values(arguments: &[Value]) -> Answer {
    Ok(Value::list(arguments[0].to_object()?.values().cloned().collect()))
}

pub(super) fn lookup(arguments: &[Value]) -> Answer {
    let key = arguments[1].to_text()?;
    Ok(arguments[0].to_object()?.get(&key).unwrap_or(&arguments[2]).clone())
}

pub(super) fn zipmap(arguments: &[Value]) -> Answer {
    let (keys, values) = (arguments[0].to_list()?, arguments[1].to_list()?);
    if keys.len() != values.len() {
        return Err(Unknown::new("`zipmap` has more keys than values, or fewer"));
    }
    let keys: Vec<String> = keys.iter().map(Value::to_text).collect::<Result<_, _>>()?;
    Ok(Value::object(keys.into_iter().zip(values.iter().cloned()).collect()))
}

/// Integers from the first argument to before the second, in steps of the third.
pub(super) fn range(arguments: &[Value]) -> Answer {
    let numbers: Vec<i64> = arguments.iter().map(Value::to_integer).collect::<Result<_, _>>()?;
    let (start, end, step) = match *numbers.as_slice() {
        [end] => (0, end, if end < 0 { -1 } else { 1 }),
        [start, end] => (start, end, if end < start { -1 } else { 1 }),
        [start, end, step] if step != 0 && (end == start || (end > start) == (step > 0)) => {
            (start, end, step)
        }
        _ => return Err(Unknown::new("a range has no end")),
    };
    let mut range = Vec::new();
    let mut number = start;
    while if step > 0 { number < end } else { number > end } {
        if range.len() == MAX_RANGE {
            return Err(Unknown::new(format!("a range has more than {MAX_RANGE} numbers")));
        }
        let exact = i32::try_from(number).map_err(|_| Unknown::new("a range has large numbers"))?;
        range.push(Value::Number(exact.into()));
        number += step;
    }
    Ok(Value::list(range))
}
