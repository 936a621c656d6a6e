//! justfiles: recipes as the shell gets them.

use std::collections::BTreeMap;

use super::Variables;
use super::budget::Budget;
use super::scripts::is_shell;
use super::shell::{CommandLine, command_lines};
use super::templates::{replaced, template};
use super::value::{Folder, Value};

/// The command lines of all recipes. Each logical line has a shell of its own, where the recipe is no script.
pub(super) fn commands(text: &str, budget: &Budget) -> Vec<CommandLine> {
    let values = constants(text);
    let filled = replaced(text, ("{{", "}}"), |name| {
        Some(values.get(name).cloned().flatten().unwrap_or_else(|| template(name)))
    });
    let mut commands = Vec::new();
    let mut run = |line: usize, script: &str| {
        let found = command_lines(script, Value::folder(Folder::Own), &Variables::new(), budget);
        commands.extend(found.into_iter().map(|found| CommandLine { line: found.line + line, ..found }));
    };
    let mut script: Option<(usize, String)> = None;
    let mut is_whole = false;
    for (number, line) in filled.lines().enumerate() {
        let is_recipe = line.starts_with([' ', '\t']);
        let continues = script.as_ref().is_some_and(|(_, script)| is_whole || script.ends_with("\\\n"));
        match &mut script {
            Some((_, script)) if (is_recipe || is_whole && line.is_empty()) && continues => {
                script.push_str(line);
                script.push('\n');
            }
            _ => {
                if let Some((start, script)) = script.take() {
                    run(start, &script);
                }
                let text = line.trim_start().trim_start_matches(['@', '-']);
                is_whole = is_recipe && is_shell(text);
                script = is_recipe.then(|| (number, format!("{text}\n")));
            }
        }
    }
    if let Some((start, script)) = script {
        run(start, &script);
    }
    commands
}

/// `name := "value"`; `None` where it is no text.
fn constants(text: &str) -> BTreeMap<String, Option<String>> {
    let mut constants = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with([' ', '\t', '#'])) {
        let Some((name, value)) = line.split_once(":=") else { continue };
        let name = name.trim().trim_start_matches("export ").trim();
        let value = value.trim();
        let unquoted = ['"', '\''].into_iter().find_map(|quote| {
            let inside = value.strip_prefix(quote)?.strip_suffix(quote)?;
            (!inside.contains([quote, '\\'])).then(|| inside.to_owned())
        });
        constants.insert(name.to_owned(), unquoted);
    }
    constants
}
