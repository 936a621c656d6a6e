//! What other programs fill in before a shell sees a text, all written as `${{ name }}`.

use std::collections::BTreeMap;

use super::value::{Folder, Part, Value};

/// A longer text is not filled in any further.
pub(super) const MAX_BYTES: usize = 1 << 18;

/// The template that stands for `name`.
pub(super) fn template(name: &str) -> String {
    format!("${{{{ {} }}}}", name.trim().replace("}}", "} }"))
}

/// Replaces each `open … close` by what `fill` says of its inside; `None` leaves it as it is.
pub(super) fn replaced(
    text: &str,
    (open, close): (&str, &str),
    fill: impl Fn(&str) -> Option<String>,
) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(open) {
        filled.push_str(before);
        let Some((name, behind)) = after.split_once(close) else {
            rest = &rest[before.len()..];
            break;
        };
        match fill(name.trim()).filter(|value| filled.len() + value.len() <= MAX_BYTES) {
            Some(value) => filled.push_str(&value),
            None => filled.extend([open, name, close]),
        }
        rest = behind;
    }
    filled.push_str(rest);
    filled
}

/// The text with the values that are known.
pub(super) fn filled(text: &str, values: &BTreeMap<String, String>) -> String {
    if values.is_empty() {
        return text.to_owned();
    }
    replaced(text, ("${{", "}}"), |name| values.get(name).cloned())
}

/// A text that no shell reads.
pub(super) fn value(text: &str, values: &BTreeMap<String, String>) -> Value {
    let text = filled(text, values);
    let mut value = Value::default();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("${{") {
        value.push(Part::Text(before.to_owned()));
        let (name, behind) = after.split_once("}}").unwrap_or((after, ""));
        value.push(match name.trim() {
            "github.workspace" | "env.GITHUB_WORKSPACE" | "$(Build.SourcesDirectory)" => {
                Part::Folder(Folder::Root)
            }
            name => Part::Unknown(template(name)),
        });
        rest = behind;
    }
    value.push(Part::Text(rest.to_owned()));
    value
}
