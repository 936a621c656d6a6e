//! The inputs of a project, each with the line that takes it.

use serde_json::{Value, json};

use crate::inputs::ListedInput;
use crate::model::{CommitId, ProjectName};

/// `chinampa.inputs/1`
pub fn json(head: CommitId, is_dirty: bool, project: &ProjectName, inputs: &[ListedInput]) -> Value {
    let inputs = inputs.iter().map(|input| {
        json!({
            "path": input.path.to_string(),
            "committed": input.is_committed,
            "folder": input.is_folder,
            "pattern": input.pattern,
            "source": input.source,
        })
    });
    json!({
        "schema": "chinampa.inputs/1",
        "project": project,
        "head": head.to_string(),
        "dirty": is_dirty,
        "inputs": inputs.collect::<Vec<_>>(),
    })
}

/// One line an input: its path, and where the line stands that takes it.
pub fn text(inputs: &[ListedInput]) -> String {
    let line = |input: &ListedInput| {
        let ListedInput { path, source, is_folder, .. } = input;
        format!("{path}{}  {source}\n", if *is_folder { "/" } else { "" })
    };
    inputs.iter().map(line).collect()
}
