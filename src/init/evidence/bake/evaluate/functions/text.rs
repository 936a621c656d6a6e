//! Texts.

use std::collections::BTreeMap;

use regex::{Captures, Regex, RegexBuilder};

use crate::init::evidence::bake::value::{Unknown, Value};

type Answer = Result<Value, Unknown>;

/// The largest program of a regular expression, in bytes.
const MAX_REGEX_BYTES: usize = 1 << 20;

pub(super) fn lower(arguments: &[Value]) -> Answer {
    Ok(arguments[0].to_text()?.to_lowercase().into())
}

pub(super) fn upper(arguments: &[Value]) -> Answer {
    Ok(arguments[0].to_text()?.to_uppercase().into())
}

/// Upper case for each letter that begins a word.
pub(super) fn title(arguments: &[Value]) -> Answer {
    let mut title = String::new();
    let mut is_in_word = false;
    for letter in arguments[0].to_text()?.chars() {
        if is_in_word {
            title.push(letter);
        } else {
            title.extend(letter.to_uppercase());
        }
        is_in_word = letter == '_' || letter.is_alphanumeric();
    }
    Ok(title.into())
}

pub(super) fn trimspace(arguments: &[Value]) -> Answer {
    Ok(arguments[0].to_text()?.trim().into())
}

pub(super) fn trim(arguments: &[Value]) -> Answer {
    let letters: Vec<char> = arguments[1].to_text()?.chars().collect();
    Ok(arguments[0].to_text()?.trim_matches(letters.as_slice()).into())
}

pub(super) fn trimprefix(arguments: &[Value]) -> Answer {
    let (text, prefix) = (arguments[0].to_text()?, arguments[1].to_text()?);
    Ok(text.strip_prefix(&prefix).unwrap_or(&text).into())
}

pub(super) fn trimsuffix(arguments: &[Value]) -> Answer {
    let (text, suffix) = (arguments[0].to_text()?, arguments[1].to_text()?);
    Ok(text.strip_suffix(&suffix).unwrap_or(&text).into())
}

pub(super) fn chomp(arguments: &[Value]) -> Answer {
    Ok(arguments[0].to_text()?.trim_end_matches(['\r', '\n']).into())
}

/// Indents all lines but the first.
pub(super) fn indent(arguments: &[Value]) -> Answer {
    let (columns, text) = (arguments[0].to_integer()?, arguments[1].to_text()?);
    let columns = usize::try_from(columns).ok().filter(|columns| *columns <= 80);
    let columns = columns.ok_or_else(|| Unknown::new("an indentation is too large"))?;
    Ok(text.replace('\n', &format!("\n{}", " ".repeat(columns))).into())
}

pub(super) fn replace(arguments: &[Value]) -> Answer {
    let (text, old, new) = (arguments[0].to_text()?, arguments[1].to_text()?, arguments[2].to_text()?);
    bounded(text.len(), new.len())?;
    Ok(text.replace(&old, &new).into())
}

pub(super) fn regex_replace(arguments: &[Value]) -> Answer {
    let (text, new) = (arguments[0].to_text()?, arguments[2].to_text()?);
    bounded(text.len(), new.len())?;
    Ok(compiled(&arguments[1])?.replace_all(&text, new.as_str()).into_owned().into())
}

/// The first match: its text, or what its groups match.
pub(super) fn regex(arguments: &[Value]) -> Answer {
    let (regex, text) = (compiled(&arguments[0])?, arguments[1].to_text()?);
    let found = regex.captures(&text).ok_or_else(|| Unknown::new("a regular expression matches nothing"))?;
    Ok(matched(&regex, &found))
}

pub(super) fn regexall(arguments: &[Value]) -> Answer {
    let (regex, text) = (compiled(&arguments[0])?, arguments[1].to_text()?);
    Ok(Value::list(regex.captures_iter(&text).map(|found| matched(&regex, &found)).collect()))
}

fn compiled(pattern: &Value) -> Result<Regex, Unknown> {
    let pattern = pattern.to_text()?;
    let regex = RegexBuilder::new(&pattern).size_limit(MAX_REGEX_BYTES).build();
    regex.map_err(|_| Unknown::new(format!("`{pattern}` is not a regular expression of a usual size")))
}

fn matched(regex: &Regex, found: &Captures<'_>) -> Value {
    let group = |at: usize| found.get(at).map_or(Value::Null, |group| group.as_str().into());
    let names: Vec<Option<&str>> = regex.capture_names().skip(1).collect();
    if names.is_empty() {
        return group(0);
    }
    if names.iter().all(Option::is_none) {
        return Value::list((1..=names.len()).map(group).collect());
    }
    let named = names.iter().enumerate().filter_map(|(at, name)| Some(((*name)?.to_owned(), group(at + 1))));
    Value::object(named.collect::<BTreeMap<String, Value>>())
}

pub(super) fn split(arguments: &[Value]) -> Answer {
    let (separator, text) = (arguments[0].to_text()?, arguments[1].to_text()?);
    Ok(Value::list(if separator.is_empty() {
        text.chars().map(|letter| letter.to_string().into()).collect()
    } else {
        text.split(&separator).map(Value::from).collect()
    }))
}

pub(super) fn strlen(arguments: &[Value]) -> Answer {
    let text = ascii(&arguments[0])?;
    Ok(Value::exact(f64::from(u32::try_from(text.len()).unwrap_or(u32::MAX))))
}

pub(super) fn reverse(arguments: &[Value]) -> Answer {
    Ok(ascii(&arguments[0])?.chars().rev().collect::<String>().into())
}

/// A negative offset counts from the end, and a negative length goes to the end.
pub(super) fn substr(arguments: &[Value]) -> Answer {
    let text = ascii(&arguments[0])?;
    let (offset, length) = (arguments[1].to_integer()?, arguments[2].to_integer()?);
    let total = i64::try_from(text.len()).unwrap_or(i64::MAX);
    let start = if offset < 0 { (total + offset).max(0) } else { offset.min(total) };
    let end = if length < 0 { total } else { start.saturating_add(length).min(total) };
    let index = |at: i64| usize::try_from(at).unwrap_or_default();
    Ok(text[index(start)..index(end)].into())
}

pub(super) fn sanitize(arguments: &[Value]) -> Answer {
    let is_kept = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    let text = arguments[0].to_text()?;
    let letters = text.chars().map(|letter| Some(letter).filter(is_kept).unwrap_or('_'));
    Ok(letters.collect::<String>().into())
}

pub(super) fn basename(arguments: &[Value]) -> Answer {
    let text = arguments[0].to_text()?;
    let trimmed = text.trim_end_matches('/');
    Ok(match (text.as_str(), trimmed) {
        ("", _) => ".".into(),
        (_, "") => "/".into(),
        (_, path) => path.rsplit('/').next().unwrap_or(path).into(),
    })
}

/// The folder of a path, without `.`, `..` and double slashes where they can be resolved.
pub(super) fn dirname(arguments: &[Value]) -> Answer {
    let text = arguments[0].to_text()?;
    let folder = &text[..text.rfind('/').map_or(0, |slash| slash + 1)];
    let is_absolute = folder.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if is_absolute => {}
            part => parts.push(part),
        }
    }
    let path = parts.join("/");
    Ok(match (is_absolute, path.is_empty()) {
        (true, _) => format!("/{path}").into(),
        (false, true) => ".".into(),
        (false, false) => path.into(),
    })
}

/// A text whose letters are counted as everybody counts them.
fn ascii(value: &Value) -> Result<String, Unknown> {
    let text = value.to_text()?;
    if text.is_ascii() { Ok(text) } else { Err(Unknown::new(format!("`{text}` is not ASCII"))) }
}

/// Keeps replacements from growing beyond what is read.
fn bounded(text: usize, new: usize) -> Result<(), Unknown> {
    const MAX_BYTES: usize = 1 << 20;
    if text.saturating_add(1).saturating_mul(new.max(1)) > MAX_BYTES {
        return Err(Unknown::new("a text is too long"));
    }
    Ok(())
}
