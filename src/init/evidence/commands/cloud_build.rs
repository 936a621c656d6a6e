//! Google Cloud Build: the arguments of steps with the Docker or the kaniko image, and scripts.

use std::rc::Rc;

use super::super::yaml::{Node, YamlError};
use super::budget::Budget;
use super::shell::command_lines;
use super::value::{Folder, Value};
use super::{Found, Variables};

pub(super) fn read(text: &str, budget: &Budget) -> Result<Found, YamlError> {
    let file = Node::parse(text.as_bytes())?;
    let mut variables = Variables::new();
    for (name, value) in file.get("substitutions").and_then(|node| node.map()).unwrap_or_default() {
        if let Some(value) = value.text() {
            variables.insert(name.to_owned(), vec![Value::text(value)]);
        }
    }
    let mut found = Found::default();
    for step in file.get("steps").and_then(|steps| steps.list()).unwrap_or_default() {
        let Some((line, script)) = script(step) else { continue };
        let root = Value::folder(Folder::Root);
        let directory = step.get("dir").and_then(|node| node.text());
        let directory = directory.map_or(root.clone(), |folder| Value::text(folder).seen_from(&root));
        for mut command in command_lines(&script, directory, &variables, budget) {
            command.line += line;
            found.add(&command);
        }
    }
    Ok(found)
}

/// The script that a step is, and its line from 0.
fn script(step: &Rc<Node>) -> Option<(usize, String)> {
    let text = |key: &str| step.get(key).and_then(|node| node.text());
    if let Some(script) = step.get("script") {
        return Some((script.line - 1, script.text()?.to_owned()));
    }
    let arguments = step.get("args")?;
    let texts: Vec<&str> = arguments.list()?.iter().filter_map(|node| node.text()).collect();
    if let Some(entrypoint) = text("entrypoint").filter(|name| *name != "docker") {
        let is_shell =
            entrypoint.ends_with("sh") && texts.first().is_some_and(|option| option.ends_with('c'));
        let script = arguments.list()?.get(1).filter(|_| is_shell)?;
        return Some((script.line - 1, script.text()?.to_owned()));
    }
    let image = text("name")?.split(['@', ':']).next()?;
    let program = match image.rsplit('/').next()? {
        "docker" => "docker",
        "executor" if image.contains("kaniko") => "executor",
        "podman" => "podman",
        "buildah" => "buildah",
        _ => return None,
    };
    let words = texts.iter().map(|text| format!(" \"{}\"", text.replace(['"', '\\', '`'], "")));
    let line = step.get("args").map_or(step.line, |node| node.line) - 1;
    Some((line, format!("{program}{}", words.collect::<String>())))
}
