//! Shell scripts. Where one is started is not known, unless it says it itself.

use super::Variables;
use super::budget::Budget;
use super::shell::{CommandLine, command_lines};
use super::value::{Folder, Value};

const SHELLS: &[&str] = &["sh", "bash", "dash", "ksh", "zsh", "ash"];

pub(super) fn commands(text: &str, budget: &Budget) -> Vec<CommandLine> {
    command_lines(text, Value::folder(Folder::Start), &Variables::new(), budget)
}

/// Whether the first line names a shell, also by `env`.
pub(super) fn is_shell(text: &str) -> bool {
    let Some(line) = text.strip_prefix("#!").and_then(|text| text.lines().next()) else { return false };
    let mut words = line.split_whitespace().filter(|word| !word.starts_with('-'));
    let name =
        |word: Option<&str>| word.and_then(|word| word.rsplit('/').next()).unwrap_or_default().to_owned();
    let program = name(words.next());
    let program = if program == "env" { name(words.next()) } else { program };
    SHELLS.contains(&program.as_str())
}
