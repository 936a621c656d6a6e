//! Variables in texts of Compose files, as in `${TAG:-latest}`.
//!
//! The environment of whoever runs `init` is not the one of whoever builds, so that it is never looked at: a variable has
//! the value that a file of the repository gives it, or else its default, or else it is unknown, and so is the text.

use std::collections::BTreeMap;
use std::rc::Rc;

/// How much longer than what is written a text may become.
const MAX_GROWTH: usize = 1 << 16;

/// Defaults within defaults.
const MAX_LEVELS: usize = 32;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Text {
    Known(String),
    Unknown {
        written: String,
        /// As in "no file of the repository sets `TAG`".
        why: String,
    },
}

/// The variables that files set, by their names.
#[derive(Clone, Debug, Default)]
pub(super) struct Environment {
    variables: Rc<BTreeMap<String, Text>>,
}

impl Environment {
    pub(super) fn value(&self, name: &str) -> Option<&Text> {
        self.variables.get(name)
    }

    /// With those of `more` that are not set yet.
    pub(super) fn with(&self, more: BTreeMap<String, Text>) -> Self {
        let mut variables = more;
        variables.extend(self.variables.iter().map(|(name, value)| (name.clone(), value.clone())));
        Self { variables: Rc::new(variables) }
    }
}

impl Text {
    pub(super) fn known(&self) -> Option<&str> {
        match self {
            Self::Known(text) => Some(text),
            Self::Unknown { .. } => None,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Known(text) => text.len(),
            Self::Unknown { written, why } => written.len() + why.len(),
        }
    }
}

/// `written` with the values of its variables, which `lookup` knows.
pub(super) fn interpolate<'e>(written: &str, lookup: impl Fn(&str) -> Option<&'e Text>) -> Text {
    let mut interpolation = Interpolation { lookup, room: written.len() + MAX_GROWTH };
    match interpolation.filled(written, 0) {
        Ok(text) => Text::Known(text),
        Err(why) => Text::Unknown { written: written.to_owned(), why },
    }
}

/// The first variable that `written` names with a default and that `is_set` doesn't know.
pub(super) fn defaulted(written: &str, is_set: impl Fn(&str) -> bool) -> Option<&str> {
    let mut rest = written;
    while let Some((_, after)) = rest.split_once('$') {
        // `$$` is a dollar sign.
        rest = after.strip_prefix('$').unwrap_or(after);
        let Some(inner) = after.strip_prefix('{') else { continue };
        let name = name_at_start(inner);
        let operation = &inner[name.len()..];
        let has_default = operation.starts_with('-') || operation.starts_with(":-");
        if !name.is_empty() && has_default && !is_set(name) {
            return Some(name);
        }
    }
    None
}

/// The name of a variable that `text` begins with.
fn name_at_start(text: &str) -> &str {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let end = text.find(|letter| !is_part(letter)).unwrap_or(text.len());
    let starts = text.starts_with(|first: char| !first.is_ascii_digit());
    if starts { &text[..end] } else { "" }
}

struct Interpolation<L> {
    lookup: L,
    /// In bytes.
    room: usize,
}

impl<'e, L: Fn(&str) -> Option<&'e Text>> Interpolation<L> {
    /// The error says why it is not known.
    fn filled(&mut self, text: &str, level: usize) -> Result<String, String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            self.push(&mut filled, before)?;
            rest = if let Some(after) = after.strip_prefix('$') {
                self.push(&mut filled, "$")?;
                after
            } else if let Some(inner) = after.strip_prefix('{') {
                let end = closing_brace(inner).ok_or_else(|| invalid(text))?;
                let value = self.braced(&inner[..end], level)?;
                self.push(&mut filled, &value)?;
                &inner[end + 1..]
            } else {
                let name = name_at_start(after);
                match name {
                    // It stands for itself.
                    "" => self.push(&mut filled, "$")?,
                    name => {
                        let value = self.value(name)?.ok_or_else(|| unset(name))?;
                        self.push(&mut filled, &value)?;
                    }
                }
                &after[name.len()..]
            };
        }
        self.push(&mut filled, rest)?;
        Ok(filled)
    }

    /// What stands between braces: a name, and what to do where it is not set or empty.
    fn braced(&mut self, inner: &str, level: usize) -> Result<String, String> {
        let name = name_at_start(inner);
        if name.is_empty() || level == MAX_LEVELS {
            return Err(invalid(&format!("${{{inner}}}")));
        }
        let operation = &inner[name.len()..];
        let (counts_empty, operation) = match operation.strip_prefix(':') {
            Some(operation) => (true, operation),
            None => (false, operation),
        };
        let is_used = |value: &String| !(counts_empty && value.is_empty());
        if let Some(default) = operation.strip_prefix('-') {
            return match self.value(name)?.filter(is_used) {
                Some(value) => Ok(value),
                None => self.filled(default, level + 1),
            };
        }
        if operation.starts_with('?') {
            return self.value(name)?.filter(is_used).ok_or_else(|| unset(name));
        }
        if let Some(replacement) = operation.strip_prefix('+') {
            let is_set = match (self.lookup)(name) {
                Some(_) if !counts_empty => true,
                _ => self.value(name)?.is_some_and(|value| is_used(&value)),
            };
            return if is_set { self.filled(replacement, level + 1) } else { Ok(String::new()) };
        }
        if counts_empty || !operation.is_empty() {
            return Err(invalid(&format!("${{{inner}}}")));
        }
        self.value(name)?.ok_or_else(|| unset(name))
    }

    /// `None` where no file sets it; the error says why its value is not known.
    fn value(&self, name: &str) -> Result<Option<String>, String> {
        match (self.lookup)(name) {
            None => Ok(None),
            Some(Text::Known(value)) => Ok(Some(value.clone())),
            Some(Text::Unknown { why, .. }) => Err(why.clone()),
        }
    }

    fn push(&mut self, filled: &mut String, more: &str) -> Result<(), String> {
        let too_long = || "its variables make it longer than is read".to_owned();
        self.room = self.room.checked_sub(more.len()).ok_or_else(too_long)?;
        filled.push_str(more);
        Ok(())
    }
}

/// Where the brace is closed that `inner` comes after.
fn closing_brace(inner: &str) -> Option<usize> {
    let mut open = 1_usize;
    for (at, byte) in inner.bytes().enumerate() {
        match byte {
            b'{' => open += 1,
            b'}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some(at);
        }
    }
    None
}

pub(super) fn unset(name: &str) -> String {
    format!("no file of the repository sets `{name}`")
}

fn invalid(text: &str) -> String {
    format!("`{text}` is no use of a variable; a dollar sign alone is written `$$`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> Environment {
        let known = |value: &str| Text::Known(value.to_owned());
        let unknown = Text::Unknown { written: "$HOME".to_owned(), why: "unknown".to_owned() };
        let variables = [("SET", known("value")), ("EMPTY", known("")), ("OPEN", unknown)];
        Environment::default()
            .with(variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    fn interpolated(text: &str) -> Option<String> {
        let environment = environment();
        interpolate(text, |name| environment.value(name)).known().map(str::to_owned)
    }

    #[test]
    fn a_variable_is_its_value_or_its_default_or_unknown() {
        for (text, expected) in [
            ("./api", Some("./api")),
            ("$SET/x", Some("value/x")),
            ("${SET}x", Some("valuex")),
            ("$SETx", None),
            ("${NONE}", None),
            ("a$$b", Some("a$b")),
            ("a$1 $", Some("a$1 $")),
            ("${SET:-d} ${SET-d}", Some("value value")),
            ("${EMPTY:-d}|${EMPTY-d}", Some("d|")),
            ("${NONE:-d}|${NONE-d}|${NONE:-}", Some("d|d|")),
            ("${NONE:-${ALSO:-${SET}}}", Some("value")),
            ("${NONE:-{a}}", Some("{a}")),
            ("${NONE:-a:-b?c}", Some("a:-b?c")),
            ("${NONE:-${ALSO}}", None),
            ("${SET:?no}${SET?no}", Some("valuevalue")),
            ("${EMPTY?no}", Some("")),
            ("${EMPTY:?no}", None),
            ("${NONE?no}", None),
            ("${SET:+x}|${EMPTY:+x}|${NONE:+x}", Some("x||")),
            ("${SET+x}|${EMPTY+x}|${NONE+x}|${OPEN+x}", Some("x|x||x")),
            ("${OPEN:-d}", None),
            ("${OPEN:+d}", None),
            ("${SET", None),
            ("${:-x}", None),
            ("${1}", None),
            ("${SET!x}", None),
            ("${SET:}", None),
        ] {
            assert_eq!(interpolated(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_default_counts_where_no_file_sets_the_variable() {
        let environment = environment();
        for (text, expected) in [
            ("${NONE:-}", Some("NONE")),
            ("a${SET:-x}${ALSO-b}", Some("ALSO")),
            ("$${NONE:-}", None),
            ("${SET:-x}", None),
            ("${NONE}", None),
            ("$NONE", None),
            ("${NONE:+x}", None),
        ] {
            let found = defaulted(text, |name| environment.value(name).is_some());

            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn what_is_nested_too_deep_or_grows_too_much_is_unknown() {
        let nested = format!("{}x{}", "${A:-".repeat(1000), "}".repeat(1000));
        assert_eq!(interpolated(&nested), None);
        assert_eq!(interpolated(&"${".repeat(100_000)), None);
        let long =
            Environment::default().with(BTreeMap::from([("A".to_owned(), Text::Known("x".repeat(1000)))]));
        assert_eq!(interpolate(&"$A ".repeat(1000), |name| long.value(name)).known(), None);
    }
}
