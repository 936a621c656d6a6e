//! Reads tables key by key and reports whatever doesn't fit, without ever stopping.
//!
//! `None` means that a key is absent or that a problem was reported: the manifest is dropped
//! in the second case, so readers need not tell the two apart.

use std::fmt;
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::problem::Problems;
use crate::model::RepoPath;

/// A value, and the line that it stands on. Two are equal when their values are.
#[derive(Clone, Debug)]
pub struct Located<T> {
    pub value: T,
    /// From 1.
    pub line: usize,
}

impl<T: PartialEq> PartialEq for Located<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Located<T> {}

/// A table of which all keys are known.
pub(super) struct Fields<'a> {
    /// `None` for the file itself.
    scope: Option<Scope<'a>>,
    table: &'a DeTable<'a>,
    offset: usize,
    problems: &'a Problems<'a>,
}

impl<'a> Fields<'a> {
    /// The top level of the file. Reports unknown keys.
    pub(super) fn of_file(table: &'a DeTable<'a>, keys: &[&str], problems: &'a Problems<'a>) -> Self {
        let fields = Self { scope: None, table, offset: 0, problems };
        fields.report_unknown(keys);
        fields
    }

    fn report_unknown(&self, keys: &[&str]) {
        for key in self.table.keys() {
            let name = key.get_ref().as_ref();
            if !keys.contains(&name) {
                let at = At { scope: self.scope.as_ref(), key: name };
                let hint = self.problems.did_you_mean(name, keys.iter().copied());
                self.problems.add(key.span().start, format_args!("unknown key {at}"), hint);
            }
        }
    }

    pub(super) fn item(&self, key: &str) -> Option<Item<'_>> {
        let (key, value) = self.table.get_key_value(key)?;
        Some(self.member(key, value))
    }

    fn member<'s>(&'s self, key: &'s Spanned<DeString<'_>>, value: &'s Spanned<DeValue<'_>>) -> Item<'s> {
        Item {
            scope: self.scope.as_ref(),
            key: key.get_ref(),
            offset: key.span().start,
            value: value.get_ref(),
            problems: self.problems,
        }
    }

    /// Like [`Self::item`]; that the key is absent is a problem.
    pub(super) fn required(&self, key: &str) -> Option<Item<'_>> {
        let item = self.item(key);
        if item.is_none() {
            self.wrong(format_args!("`{key}` is missing"), None);
        }
        item
    }

    pub(super) fn line(&self) -> usize {
        self.problems.line(self.offset)
    }

    /// Reports something about the table as a whole.
    pub(super) fn wrong(&self, reason: impl fmt::Display, hint: Option<String>) {
        match self.scope {
            None => self.problems.add(self.offset, reason, hint),
            Some(scope) => self.problems.add(self.offset, format_args!("`{scope}`: {reason}"), hint),
        }
    }
}

/// One value of a table, or one element of an array there.
#[derive(Clone, Copy)]
pub(super) struct Item<'a> {
    /// The table that it stands in; `None` for the file itself.
    scope: Option<&'a Scope<'a>>,
    key: &'a str,
    offset: usize,
    value: &'a DeValue<'a>,
    problems: &'a Problems<'a>,
}

impl<'a> Item<'a> {
    pub(super) fn key(&self) -> &'a str {
        self.key
    }

    pub(super) fn value(&self) -> &'a DeValue<'a> {
        self.value
    }

    pub(super) fn line(&self) -> usize {
        self.problems.line(self.offset)
    }

    pub(super) fn located<T>(&self, value: T) -> Located<T> {
        Located { value, line: self.line() }
    }

    /// Reports what is wrong with this value.
    pub(super) fn wrong(&self, reason: impl fmt::Display) {
        self.wrong_with_hint(reason, None);
    }

    pub(super) fn wrong_with_hint(&self, reason: impl fmt::Display, hint: Option<String>) {
        let at = At { scope: self.scope, key: self.key };
        self.problems.add(self.offset, format_args!("{at}: {reason}"), hint);
    }

    pub(super) fn did_you_mean<'c>(
        &self,
        text: &str,
        candidates: impl IntoIterator<Item = &'c str>,
    ) -> Option<String> {
        self.problems.did_you_mean(text, candidates)
    }

    pub(super) fn wrong_type(&self, expected: &str) {
        self.wrong(format_args!("{expected} is expected, not {}", type_name(self.value)));
    }

    /// A string; it may be empty.
    pub(super) fn text(&self) -> Option<&'a str> {
        let Some(text) = self.value.as_str() else {
            let is_scalar = !self.value.is_array() && !self.value.is_table();
            let hint = is_scalar.then(|| "write it in quotes".to_owned());
            self.wrong_with_hint(format_args!("a string is expected, not {}", type_name(self.value)), hint);
            return None;
        };
        if text.contains('\0') {
            self.wrong("it has a NUL character");
            return None;
        }
        Some(text)
    }

    /// A string that `make` accepts.
    pub(super) fn read<T, E: fmt::Display>(&self, make: impl FnOnce(&'a str) -> Result<T, E>) -> Option<T> {
        make(self.text()?).map_err(|error| self.wrong(error)).ok()
    }

    pub(super) fn parse<T: FromStr<Err: fmt::Display>>(&self) -> Option<T> {
        self.read(str::parse)
    }

    /// A path below some folder of the repository; `.` is that folder itself.
    pub(super) fn path(&self) -> Option<RepoPath> {
        if self.text()?.is_empty() {
            self.wrong_with_hint("the path is empty", Some("write `.` for the folder itself".to_owned()));
            return None;
        }
        self.read(RepoPath::new)
    }

    pub(super) fn flag(&self) -> Option<bool> {
        let flag = self.value.as_bool();
        if flag.is_none() {
            self.wrong_type("`true` or `false`");
        }
        flag
    }

    pub(super) fn integer(&self) -> Option<i64> {
        let integer = self.value.as_integer();
        if integer.is_none() {
            self.wrong_type("an integer");
        }
        integer.and_then(|integer| {
            let value = i64::from_str_radix(integer.as_str(), integer.radix());
            value.map_err(|_| self.wrong("the integer is too large")).ok()
        })
    }

    pub(super) fn one_of<T: Copy>(&self, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        let choice = choices.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice);
        if choice.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            let reason = format!("`{text}` is none of `{}`", names.join("`, `"));
            self.wrong_with_hint(reason, self.did_you_mean(text, names));
        }
        choice
    }

    /// The elements of an array, each with its own line.
    pub(super) fn list(&self) -> Vec<Self> {
        let Some(array) = self.value.as_array() else {
            self.wrong_type("an array");
            return Vec::new();
        };
        array
            .iter()
            .map(|element| Self { offset: element.span().start, value: element.get_ref(), ..*self })
            .collect()
    }

    /// An array of patterns, which are lines that aren't blank.
    pub(super) fn patterns(&self) -> Vec<Located<String>> {
        let pattern = |item: Item<'_>| {
            let text = item.text()?;
            if text.trim().is_empty() || text.contains(['\n', '\r']) {
                item.wrong("a pattern is one line that isn't blank");
                return None;
            }
            Some(item.located(text.to_owned()))
        };
        self.list().into_iter().filter_map(pattern).collect()
    }

    /// A table of which all keys are known; unknown ones are reported.
    pub(super) fn fields(&self, keys: &[&str]) -> Option<Fields<'a>> {
        let fields = self.open()?;
        fields.report_unknown(keys);
        Some(fields)
    }

    /// The members of a table whose keys are names that users choose.
    pub(super) fn members<R>(&self, mut read: impl FnMut(Item<'_>) -> Option<R>) -> Vec<R> {
        let Some(fields) = self.open() else {
            return Vec::new();
        };
        fields.table.iter().filter_map(|(key, value)| read(fields.member(key, value))).collect()
    }

    fn open(&self) -> Option<Fields<'a>> {
        let Some(table) = self.value.as_table() else {
            self.wrong_type("a table");
            return None;
        };
        let scope = Some(Scope { outer: self.scope, key: self.key });
        Some(Fields { scope, table, offset: self.offset, problems: self.problems })
    }
}

/// A table by its key and that of the tables around it. Shown as its header would be written: `[projects.api]`.
#[derive(Clone, Copy)]
struct Scope<'a> {
    outer: Option<&'a Scope<'a>>,
    key: &'a str,
}

impl Scope<'_> {
    fn write_keys(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(outer) = self.outer {
            outer.write_keys(formatter)?;
            formatter.write_str(".")?;
        }
        formatter.write_str(self.key)
    }
}

impl fmt::Display for Scope<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[")?;
        self.write_keys(formatter)?;
        formatter.write_str("]")
    }
}

/// A key as messages name it.
struct At<'a> {
    scope: Option<&'a Scope<'a>>,
    key: &'a str,
}

impl fmt::Display for At<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scope, key } = self;
        match scope {
            None => write!(formatter, "`{key}`"),
            Some(scope) => write!(formatter, "`{key}` in `{scope}`"),
        }
    }
}

fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
