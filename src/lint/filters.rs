//! Inputs with a filter that nobody applies.

use std::collections::BTreeMap;

use super::{Code, Finding};
use crate::git::{Filter, FilterLine};
use crate::model::{ProjectName, RepoPath, printable};

/// A finding for each line of a `.gitattributes` that gives such a filter to inputs of the project.
pub(super) fn check(name: &ProjectName, filtered: &[(RepoPath, FilterLine)], findings: &mut Vec<Finding>) {
    let mut lines: BTreeMap<(String, usize), (&Filter, Vec<&RepoPath>)> = BTreeMap::new();
    for (path, FilterLine { filter, file, line }) in filtered {
        if let Some(filter) = filter {
            lines.entry((file.to_string(), *line)).or_insert((filter, Vec::new())).1.push(path);
        }
    }
    for ((file, line), (filter, paths)) in lines {
        let Filter::Other(driver) = filter else { continue };
        let inputs = match paths.as_slice() {
            [] => continue,
            [path] => format!("`{path}` has"),
            [path, ..] => format!("{} inputs, such as `{path}`, have", paths.len()),
        };
        findings.push(Finding {
            project: Some(name.clone()),
            file,
            line,
            code: Code::FilteredInput,
            message: format!(
                "{inputs} `filter={}`, which is not applied: what is committed is in the image",
                printable(driver)
            ),
            suggestion: None,
        });
    }
}
