//! Texts that are put together; what they begin with is known even if the rest is not.

use crate::init::evidence::bake::value::{Text, Unknown, Value};

type Answer = Result<Value, Unknown>;

/// The widest field.
const MAX_WIDTH: usize = 100;

/// Parts of a text, up to the first that is not known.
fn assembled(parts: impl Iterator<Item = Text>) -> Answer {
    let mut text = String::new();
    for part in parts {
        match part {
            Ok(part) => text.push_str(&part),
            Err(unknown) => return Err(Unknown { why: unknown.why, starts: vec![text] }),
        }
    }
    Ok(text.into())
}

/// The elements of several lists with a separator between them.
pub(super) fn join(arguments: &[Value]) -> Answer {
    let separator = arguments[0].to_text().map_err(|unknown| Unknown::new(&unknown.why))?;
    let mut parts: Vec<Text> = Vec::new();
    for list in &arguments[1..] {
        for element in list.to_list()?.iter() {
            if !parts.is_empty() {
                parts.push(Ok(separator.clone()));
            }
            parts.push(element.to_text());
        }
    }
    assembled(parts.into_iter())
}

/// `%s`, `%v`, `%d`, `%q`, `%t` and `%%`, with widths.
pub(super) fn format(arguments: &[Value]) -> Answer {
    let pattern = arguments[0].to_text().map_err(|unknown| Unknown::new(&unknown.why))?;
    let mut values = arguments[1..].iter();
    let mut parts: Vec<Text> = Vec::new();
    let mut rest = pattern.as_str();
    while let Some((before, after)) = rest.split_once('%') {
        parts.push(Ok(before.to_owned()));
        let end = after.find(|letter: char| !letter.is_ascii_digit() && letter != '-').unwrap_or(after.len());
        let (flags, after) = after.split_at(end);
        let mut letters = after.chars();
        let verb = letters.next().unwrap_or_default();
        rest = letters.as_str();
        if verb == '%' {
            parts.push(Ok("%".to_owned()));
            continue;
        }
        let value = values.next().ok_or_else(|| Unknown::new("`format` has too few arguments"))?;
        parts.push(formatted(verb, value).and_then(|text| padded(text, flags)));
    }
    if values.next().is_some() {
        return Err(Unknown::new("`format` has too many arguments"));
    }
    parts.push(Ok(rest.to_owned()));
    assembled(parts.into_iter())
}

fn formatted(verb: char, value: &Value) -> Text {
    match (verb, value) {
        ('v', Value::Null) => Ok("null".to_owned()),
        ('s' | 'v', value) => value.to_text(),
        ('d', value) => value.to_integer().map(|number| number.to_string()),
        ('t', value) => value.to_bool().map(|value| value.to_string()),
        ('q', value) => {
            let text = value.to_text()?;
            let is_plain = !text.chars().any(|letter| letter.is_control() || matches!(letter, '"' | '\\'));
            if is_plain { Ok(format!("\"{text}\"")) } else { Err(Unknown::new("`%q` of special characters")) }
        }
        (verb, _) => Err(Unknown::new(format!("`%{verb}` of `format` is not known"))),
    }
}

fn padded(text: String, flags: &str) -> Text {
    let is_left = flags.starts_with('-');
    let digits = flags.trim_start_matches('-');
    if digits.is_empty() {
        return Ok(text);
    }
    let width = digits.parse::<usize>().ok().filter(|width| *width <= MAX_WIDTH);
    let width = width.ok_or_else(|| Unknown::new(format!("the width `{flags}` is not known")))?;
    Ok(match (is_left, digits.starts_with('0'), text.strip_prefix('-')) {
        (true, _, _) => format!("{text:<width$}"),
        (false, true, Some(number)) => format!("-{number:0>width$}", width = width.saturating_sub(1)),
        (false, true, None) => format!("{text:0>width$}"),
        (false, false, _) => format!("{text:>width$}"),
    })
}
