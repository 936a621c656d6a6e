//! The commands of a script, for readers that look for other things than builds of images.

use std::collections::BTreeMap;

use super::budget::Budget;
use super::shell::{Variables, command_lines};
use super::value::Value;

/// One command that a shell runs.
#[derive(Clone, Debug)]
pub(in crate::init) struct Step {
    pub(in crate::init) words: Vec<Word>,
    /// Where it runs, if that is known.
    pub(in crate::init) folder: Option<String>,
}

#[derive(Clone, Debug)]
pub(in crate::init) struct Word {
    /// What is not known stands in it as it is written: `$VERSION`.
    pub(in crate::init) text: String,
    pub(in crate::init) is_known: bool,
}

/// The commands of a script that starts in `folder`; `None` where there are too many to be followed.
pub(in crate::init) fn steps(
    script: &str,
    folder: &str,
    variables: &BTreeMap<String, String>,
) -> Option<Vec<Step>> {
    let budget = Budget::new();
    let variables: Variables =
        variables.iter().map(|(name, value)| (name.clone(), vec![Value::text(value)])).collect();
    let lines = command_lines(script, Value::text(folder), &variables, &budget);
    let word = |value: &Value| Word { text: value.to_string(), is_known: value.as_text().is_some() };
    let steps = lines.iter().map(|line| Step {
        words: line.words.iter().map(word).collect(),
        folder: line.directory.as_text().map(str::to_owned),
    });
    let steps = steps.collect();
    (!budget.is_spent()).then_some(steps)
}
