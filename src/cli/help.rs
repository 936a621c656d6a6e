//! The help of the program: its commands by what they are for.

use std::io;

use anstyle::Style;
use clap::Command;

use super::terminal::Size;
use crate::report::styled::StyledLine;

/// The headings, and the commands below each.
const GROUPS: [(&str, &[&str]); 6] = [
    ("Set up", &["init", "doctor", "lint", "lock", "update", "completions"]),
    ("Build", &["build", "watch", "run", "taint", "untaint"]),
    ("Look", &["plan", "why", "inputs", "graph", "logs", "report", "simulate"]),
    ("Deploy", &["deploy", "status", "history", "images", "promote", "unlock", "prune", "ensure_repo"]),
    ("CI", &["ci", "changed", "check_rebuild", "image_exists", "last_successful_commit", "setenv"]),
    ("Scripts", &["shims", "ensure_terraform"]),
];

const HEADING: Style = Style::new().bold().underline();
const NAME: Style = Style::new().bold();

/// The width where there is no terminal, and at most.
const MAX_COLUMNS: usize = 100;

/// Lists the commands in groups.
pub(super) fn grouped(command: Command) -> Command {
    let columns = Size::of(io::stdout()).map_or(MAX_COLUMNS, |size| size.columns.min(MAX_COLUMNS));
    let groups: String =
        GROUPS.iter().map(|(heading, names)| group(&command, heading, names, columns)).collect();
    let more = "`chinampa help <COMMAND>` describes a command and its options.";
    command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{groups}{more}\n\n{HEADING}Options:{HEADING:#}\n{{options}}{{after-help}}"
    ))
}

fn group(command: &Command, heading: &str, names: &[&str], columns: usize) -> String {
    let width = names.iter().map(|name| name.len()).max().unwrap_or_default();
    let mut text = format!("{HEADING}{heading}:{HEADING:#}\n");
    for name in names {
        let about = command.find_subcommand(name).and_then(Command::get_about);
        let about = about.map(ToString::to_string).unwrap_or_default();
        let indent = 2 + width + 2;
        let lines = StyledLine::new().plain(&about).wrapped(columns.saturating_sub(indent), 0);
        let about: Vec<String> = lines.iter().map(StyledLine::unstyled).collect();
        let about = about.join(&format!("\n{}", " ".repeat(indent)));
        text += &format!("  {NAME}{name}{NAME:#}{}  {about}\n", " ".repeat(width - name.len()));
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Arguments;

    #[test]
    fn each_command_is_in_one_group() {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for name in GROUPS.iter().flat_map(|(_, names)| names.iter()) {
            *counts.entry((*name).to_owned()).or_default() += 1;
        }

        let command = Arguments::command();
        let visible = command.get_subcommands().filter(|command| !command.is_hide_set());
        let expected = visible.map(|command| (command.get_name().to_owned(), 1)).collect();
        assert_eq!(counts, expected);
    }

    #[test]
    fn the_groups_fit_the_terminal_and_have_no_line_for_a_single_word() {
        let command = Arguments::command();

        for (heading, names) in GROUPS {
            let text = anstream::adapter::strip_str(&group(&command, heading, names, 80)).to_string();
            assert!(text.lines().all(|line| line.len() <= 80), "{text}");
            assert_eq!(text.lines().count(), names.len() + 2, "{text}");
        }
    }
}
