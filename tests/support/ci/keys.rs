//! Mappings of a configuration, of which every key has to be known.

use std::collections::BTreeMap;

use serde_json::Value;

/// A mapping whose entries are taken one by one.
pub(super) struct Keys<'v> {
    what: String,
    entries: BTreeMap<&'v str, &'v Value>,
}

impl<'v> Keys<'v> {
    pub(super) fn of(what: &str, value: &'v Value) -> Self {
        let object = value.as_object().unwrap_or_else(|| panic!("{what} is no mapping: {value}"));
        let entries = object.iter().map(|(key, value)| (key.as_str(), value)).collect();
        Self { what: what.to_owned(), entries }
    }

    pub(super) fn take(&mut self, key: &str) -> Option<&'v Value> {
        self.entries.remove(key)
    }

    pub(super) fn required(&mut self, key: &str) -> &'v Value {
        self.take(key).unwrap_or_else(|| panic!("{} has no `{key}`", self.what))
    }

    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        self.take(key).map(|value| text(&format!("`{key}` of {}", self.what), value))
    }

    pub(super) fn required_text(&mut self, key: &str) -> String {
        text(&format!("`{key}` of {}", self.what), self.required(key))
    }

    pub(super) fn texts(&mut self, key: &str) -> Option<Vec<String>> {
        self.take(key).map(|value| texts(&format!("`{key}` of {}", self.what), value))
    }

    /// A mapping of texts.
    pub(super) fn variables(&mut self, key: &str) -> Vec<(String, String)> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let what = format!("`{key}` of {}", self.what);
        let mut variables = Keys::of(&what, value);
        variables.rest().into_iter().map(|(name, value)| (name, text(&what, value))).collect()
    }

    /// Takes an entry that means nothing here, or only one thing: this value.
    pub(super) fn only(&mut self, key: &str, value: &Value) {
        if let Some(found) = self.take(key) {
            assert_eq!(found, value, "the runner does not know this `{key}` of {}", self.what);
        }
    }

    /// Takes all that is left.
    pub(super) fn rest(&mut self) -> Vec<(String, &'v Value)> {
        let rest = std::mem::take(&mut self.entries);
        rest.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// Sees that nothing is left.
    pub(super) fn end(self) {
        if let Some(key) = self.entries.keys().next() {
            panic!("the runner does not know the key `{key}` of {}", self.what);
        }
    }
}

pub(super) fn text(what: &str, value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{what} is no text: {value}")).to_owned()
}

pub(super) fn texts(what: &str, value: &Value) -> Vec<String> {
    let list = value.as_array().unwrap_or_else(|| panic!("{what} is no list: {value}"));
    list.iter().map(|value| text(what, value)).collect()
}
