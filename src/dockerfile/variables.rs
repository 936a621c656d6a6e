//! `ARG` and `ENV`: what they set, and which of it can be seen from where.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use super::MAX_BYTES;
use super::error::DockerfileError;
use super::shell::{self, Expanded, Value};
use super::source_text::is_space;
use super::statement::Statement;
use super::words::quoted_words;
use crate::model::Platform;

/// How many bytes of values may be filled in while one file is read.
const MAX_EXPANDED_BYTES: usize = 8 * MAX_BYTES;

/// What `ENV` or `LABEL` sets by its `text`: `name=value …`, or the older `name value`.
pub(super) fn pairs<'s>(
    statement: &Statement<'_>,
    text: &'s str,
    escape: char,
) -> Result<Vec<(&'s str, &'s str)>, DockerfileError> {
    let words = quoted_words(text, escape);
    let Some(first) = words.first().copied() else {
        return Err(statement.malformed("needs a name and a value"));
    };
    if !first.contains('=') {
        let is_separator = |character: char| u8::try_from(character).is_ok_and(is_space);
        let (name, value) =
            text.split_once(is_separator).ok_or_else(|| statement.malformed("needs a name and a value"))?;
        return Ok(vec![(name, value.trim_start_matches(is_separator))]);
    }
    let pair = |word: &&'s str| match word.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name, value)),
        _ => Err(statement.malformed("has a word that is not `name=value`")),
    };
    words.iter().map(pair).collect()
}

/// What `ARG` declares by its `text`, each with its default if it has one.
pub(super) fn declarations<'s>(
    statement: &Statement<'_>,
    text: &'s str,
    escape: char,
) -> Result<Vec<(&'s str, Option<&'s str>)>, DockerfileError> {
    let words = quoted_words(text, escape);
    if words.is_empty() {
        return Err(statement.malformed("needs a name"));
    }
    let declaration = |word: &'s str| match word.split_once('=') {
        Some(("", _)) => Err(statement.malformed("has a value without a name")),
        Some((name, value)) => Ok((name, Some(value))),
        None => Ok((word, None)),
    };
    words.into_iter().map(declaration).collect()
}

/// Every variable of a file, in the scope it belongs to.
pub(super) struct Variables<'a> {
    escape: char,
    build_args: &'a BTreeMap<String, String>,
    platform: Option<&'a Platform>,
    /// Those before the first `FROM`, which only `FROM` sees and `ARG` allowsto a stage.
    global: BTreeMap<String, Value>,
    stages: Vec<Stage>,
    /// The names that any `ARG` declares.
    declared: BTreeSet<String>,
    expanded_bytes: Cell<usize>,
}

#[derive(Default)]
struct Stage {
    /// The stage it starts from, whose variables it inherits.
    base: Option<usize>,
    /// Whether it starts from nothing, so that no image sets anything in it.
    is_from_scratch: bool,
    own: BTreeMap<String, Value>,
}

impl<'a> Variables<'a> {
    pub(super) fn new(
        escape: char,
        build_args: &'a BTreeMap<String, String>,
        platform: Option<&'a Platform>,
    ) -> Self {
        let (global, stages, declared) = (BTreeMap::new(), Vec::new(), BTreeSet::new());
        Self { escape, build_args, platform, global, stages, declared, expanded_bytes: Cell::new(0) }
    }

    pub(super) fn into_declared(self) -> BTreeSet<String> {
        self.declared
    }

    pub(super) fn escape(&self) -> char {
        self.escape
    }

    pub(super) fn start_stage(&mut self, base: Option<usize>, is_from_scratch: bool) {
        self.stages.push(Stage { base, is_from_scratch, own: BTreeMap::new() });
    }

    /// Fills in what `FROM` can see.
    pub(super) fn expand_global(&self, text: &str, line: usize) -> Result<Expanded, DockerfileError> {
        self.expand(text, line, &|name| self.global(name))
    }

    /// Fills in what the last stage can see. What its base image sets is not known.
    pub(super) fn expand_in_stage(&self, text: &str, line: usize) -> Result<Expanded, DockerfileError> {
        self.expand(text, line, &|name| self.in_stage(name))
    }

    fn expand(
        &self,
        text: &str,
        line: usize,
        value_of: &dyn Fn(&str) -> Value,
    ) -> Result<Expanded, DockerfileError> {
        let bounded = |name: &str| match value_of(name) {
            Value::Set(value) => {
                self.expanded_bytes.set(self.expanded_bytes.get() + value.len());
                if self.expanded_bytes.get() > MAX_EXPANDED_BYTES { Value::Unset } else { Value::Set(value) }
            }
            other => other,
        };
        let expanded = shell::expand(text, self.escape, &bounded);
        if self.expanded_bytes.get() > MAX_EXPANDED_BYTES {
            return Err(DockerfileError::TooMuchExpansion { line });
        }
        expanded.map_err(|source| DockerfileError::Expansion { line, text: text.to_owned(), source })
    }

    /// Carries out an `ARG`, in the last stage or before the first.
    pub(super) fn declare(&mut self, statement: &Statement<'_>) -> Result<(), DockerfileError> {
        for (name, default) in declarations(statement, &statement.rest.text(), self.escape)? {
            let line = statement.lines.0;
            let value = match (self.build_args.get(name), default) {
                (Some(given), _) => Value::Set(given.clone()),
                (None, Some(default)) if self.stages.is_empty() => known(self.expand_global(default, line)?),
                (None, Some(default)) => known(self.expand_in_stage(default, line)?),
                (None, None) => self.global(name),
            };
            if value != Value::Unset {
                self.set(name.to_owned(), value);
            }
            self.declared.insert(name.to_owned());
        }
        Ok(())
    }

    /// Carries out an `ENV`; its values don't see each other.
    pub(super) fn assign(&mut self, statement: &Statement<'_>) -> Result<(), DockerfileError> {
        let mut values = Vec::new();
        for (name, value) in pairs(statement, &statement.rest.text(), self.escape)? {
            let name = self.expand_in_stage(name, statement.lines.0)?.text;
            values.push((name, known(self.expand_in_stage(value, statement.lines.0)?)));
        }
        for (name, value) in values {
            self.set(name, value);
        }
        Ok(())
    }

    fn set(&mut self, name: String, value: Value) {
        match self.stages.last_mut() {
            Some(stage) => stage.own.insert(name, value),
            None => self.global.insert(name, value),
        };
    }

    fn global(&self, name: &str) -> Value {
        if let Some(value) = self.global.get(name) {
            return value.clone();
        }
        let predefined = predefined(name, self.platform);
        match self.build_args.get(name) {
            Some(given) if predefined != Value::Unset => Value::Set(given.clone()),
            _ => predefined,
        }
    }

    fn in_stage(&self, name: &str) -> Value {
        let mut stage = self.stages.last();
        while let Some(Stage { base, is_from_scratch, own }) = stage {
            if let Some(value) = own.get(name) {
                return value.clone();
            }
            if *is_from_scratch && !is_set_by_engines(name) {
                return Value::Unset;
            }
            stage = base.and_then(|base| self.stages.get(base));
        }
        Value::Unknown
    }
}

fn known(expanded: Expanded) -> Value {
    if expanded.unknown.is_empty() { Value::Set(expanded.text) } else { Value::Unknown }
}

/// Whether a variable may have a value that neither the file nor an image gives it.
fn is_set_by_engines(name: &str) -> bool {
    name == "PATH" || name.to_ascii_uppercase().ends_with("_PROXY")
}

/// Whether an argument has an effect though no `ARG` declares it: on `RUN` steps, on `FROM`, or on BuildKit itself.
pub(super) fn is_predefined(name: &str) -> bool {
    const PROXIES: [&str; 5] = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];
    PROXIES.iter().any(|proxy| name == *proxy || name == proxy.to_ascii_lowercase())
        || name.starts_with("BUILDKIT_")
        || name == "SOURCE_DATE_EPOCH"
        || predefined(name, None) != Value::Unset
}

/// The arguments that exist without being declared, as `FROM` sees them.
fn predefined(name: &str, platform: Option<&Platform>) -> Value {
    match (name, platform) {
        ("TARGETPLATFORM", Some(platform)) => Value::Set(platform.to_string()),
        ("TARGETOS", Some(platform)) => Value::Set(platform.os().to_owned()),
        ("TARGETARCH", Some(platform)) => Value::Set(platform.architecture().to_owned()),
        ("TARGETVARIANT", Some(platform)) => Value::Set(platform.variant().unwrap_or_default().to_owned()),
        (
            "TARGETPLATFORM" | "TARGETOS" | "TARGETARCH" | "TARGETVARIANT" | "TARGETOSVERSION"
            | "TARGETSTAGE" | "BUILDPLATFORM" | "BUILDOS" | "BUILDARCH" | "BUILDVARIANT" | "BUILDOSVERSION",
            _,
        ) => Value::Unknown,
        _ => Value::Unset,
    }
}
