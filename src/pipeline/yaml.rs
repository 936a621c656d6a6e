//! Writes YAML that people read: blocks, with short lists and tables on one line.
//!
//! A text is quoted unless every reader of YAML 1.1 and 1.2 takes it for that text. What is not ASCII is escaped.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::scalar::{is_script, scalar};

/// The longest list or table that is written on one line, in bytes.
const MAX_LINE_BYTES: usize = 100;

/// A document, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Yaml {
    Text(String),
    Number(u64),
    Flag(bool),
    List(Vec<Yaml>),
    /// In this order.
    Table(Vec<(String, Yaml)>),
    /// A value that other places refer to.
    Anchor(&'static str, Box<Yaml>),
    Alias(&'static str),
    Null,
    /// A number that is no integer, as it is written.
    Decimal(&'static str),
}

impl From<&str> for Yaml {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Yaml {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for Yaml {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<bool> for Yaml {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<u64> for Yaml {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl<T: Into<Yaml>> From<Vec<T>> for Yaml {
    fn from(list: Vec<T>) -> Self {
        Self::List(list.into_iter().map(Into::into).collect())
    }
}

/// A table of these keys, in their order.
pub(super) fn table<const N: usize>(entries: [(&str, Yaml); N]) -> Yaml {
    Yaml::Table(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// The same, without the keys that have no value.
pub(super) fn table_of<const N: usize>(entries: [(&str, Option<Yaml>); N]) -> Yaml {
    let entries = entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Yaml::Table(entries.collect())
}

impl Yaml {
    /// The value as a document, which ends with a line break.
    pub(super) fn document(&self) -> String {
        let mut text = String::new();
        self.write_block(&mut text, 0);
        let mut text = text.trim_start_matches('\n').to_owned();
        text.push('\n');
        text
    }

    /// The value as JSON on one line, in ASCII.
    pub(super) fn json_line(&self) -> String {
        let mut line = String::new();
        for letter in self.json().to_string().chars() {
            if letter.is_ascii() {
                line.push(letter);
            } else {
                // What stands outside of texts is ASCII anyway.
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    write!(line, "\\u{unit:04x}").expect("a string can be written to");
                }
            }
        }
        line
    }

    fn json(&self) -> Value {
        match self {
            Self::Text(text) => Value::from(text.as_str()),
            Self::Number(number) => Value::from(*number),
            Self::Flag(flag) => Value::from(*flag),
            Self::List(list) => list.iter().map(Self::json).collect(),
            Self::Table(entries) => {
                let members = entries.iter().map(|(key, value)| (key.clone(), value.json()));
                Value::Object(members.collect::<Map<_, _>>())
            }
            Self::Anchor(_, value) => value.json(),
            Self::Alias(name) => Value::from(format!("*{name}")),
            Self::Null => Value::Null,
            Self::Decimal(number) => Value::from(*number),
        }
    }

    /// Writes what stands behind a `:` or a `-`.
    fn write_value(&self, text: &mut String, indent: usize) {
        if let Self::Anchor(name, value) = self {
            write!(text, " &{name}").expect("a string can be written to");
            return value.write_value(text, indent);
        }
        if let Some(line) = self.one_line() {
            text.push(' ');
            text.push_str(&line);
            return;
        }
        self.write_block(text, indent);
    }

    fn write_block(&self, text: &mut String, indent: usize) {
        match self {
            Self::Text(script) => {
                let chomping = if script.ends_with('\n') { "|" } else { "|-" };
                text.push(' ');
                text.push_str(chomping);
                for line in script.lines() {
                    start_line(text, if line.is_empty() { 0 } else { indent });
                    text.push_str(line);
                }
            }
            Self::List(list) => {
                for element in list {
                    start_line(text, indent);
                    text.push('-');
                    match element {
                        // The first key stands behind the dash.
                        Self::Table(entries) if element.one_line().is_none() => {
                            let mut block = String::new();
                            write_entries(entries, &mut block, indent + 2);
                            text.push(' ');
                            text.push_str(block.trim_start());
                        }
                        element => element.write_value(text, indent + 2),
                    }
                }
            }
            Self::Table(entries) => write_entries(entries, text, indent),
            Self::Number(_)
            | Self::Flag(_)
            | Self::Anchor(..)
            | Self::Alias(_)
            | Self::Null
            | Self::Decimal(_) => {
                self.write_value(text, indent);
            }
        }
    }

    /// The value on one line; `None` where it is too long, or a script of several lines.
    fn one_line(&self) -> Option<String> {
        let joined = |parts: Option<Vec<String>>| {
            let parts = parts?.join(", ");
            (parts.len() <= MAX_LINE_BYTES).then_some(parts)
        };
        match self {
            Self::Text(script) if is_script(script) => None,
            Self::Text(text) => Some(scalar(text)),
            Self::Number(number) => Some(number.to_string()),
            Self::Flag(flag) => Some(flag.to_string()),
            Self::Null => Some("null".to_owned()),
            Self::Decimal(number) => Some((*number).to_owned()),
            Self::Alias(name) => Some(format!("*{name}")),
            Self::List(list) if list.is_empty() => Some("[]".to_owned()),
            Self::Table(entries) if entries.is_empty() => Some("{}".to_owned()),
            Self::List(list) if list.iter().all(Self::is_scalar) => {
                Some(format!("[{}]", joined(list.iter().map(Self::one_line).collect())?))
            }
            Self::Table(entries) if entries.iter().all(|(_, value)| value.is_scalar()) => {
                let entry =
                    |(key, value): &(String, Self)| Some(format!("{}: {}", scalar(key), value.one_line()?));
                Some(format!("{{{}}}", joined(entries.iter().map(entry).collect())?))
            }
            Self::List(_) | Self::Table(_) | Self::Anchor(..) => None,
        }
    }

    fn is_scalar(&self) -> bool {
        !matches!(self, Self::List(_) | Self::Table(_) | Self::Anchor(..))
    }
}

fn write_entries(entries: &[(String, Yaml)], text: &mut String, indent: usize) {
    for (key, value) in entries {
        start_line(text, indent);
        text.push_str(&scalar(key));
        text.push(':');
        value.write_value(text, indent + 2);
    }
}

fn start_line(text: &mut String, indent: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n(' ', indent));
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn blocks_are_indented_and_short_values_stand_on_one_line() {
        let document = table([
            ("on", table([("push", table([("branches", vec!["main"].into())]))])),
            (
                "jobs",
                table([
                    (
                        "a",
                        table([(
                            "steps",
                            Yaml::Anchor(
                                "steps",
                                Box::new(Yaml::List(vec![
                                    table([("uses", "x@1".into())]),
                                    table([
                                        ("name", "Build".into()),
                                        ("run", "set -eu\n\nmake \"$A\"\n".into()),
                                    ]),
                                    table([("run", "one".into()), ("env", table([("A", "1".into())]))]),
                                ])),
                            ),
                        )]),
                    ),
                    ("b", table([("steps", Yaml::Alias("steps")), ("needs", Yaml::List(vec![]))])),
                ]),
            ),
        ]);

        assert_snapshot!(document.document(), @r#"
        "on":
          push:
            branches: [main]
        jobs:
          a:
            steps: &steps
              - {uses: "x@1"}
              - name: Build
                run: |
                  set -eu

                  make "$A"
              - run: one
                env: {A: "1"}
          b:
            steps: *steps
            needs: []
        "#);
    }
}
