//! `docs/commands.md` and the command line say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use clap::{Arg, Command, CommandFactory as _};
use regex::Regex;

use super::Arguments;

const PAGE: &str = include_str!("../../docs/commands.md");
const README: &str = include_str!("../../README.md");

/// The commands by their names, such as `ci plan`, without the `help` that clap adds and those that packages are made with.
fn commands() -> Vec<(String, Command)> {
    let mut all = Arguments::command();
    all.build();
    commands_of(&all, "")
}

fn commands_of(command: &Command, before: &str) -> Vec<(String, Command)> {
    let own =
        command.get_subcommands().filter(|command| command.get_name() != "help" && !command.is_hide_set());
    let named = own.map(|command| (format!("{before}{}", command.get_name()), command));
    let commands = named.map(|(name, command)| match command.has_subcommands() {
        true => commands_of(command, &format!("{name} ")),
        false => vec![(name, command.clone())],
    });
    commands.flatten().collect()
}

/// The text below a heading of the second level.
fn section(heading: &str) -> &'static str {
    let (_, rest) =
        PAGE.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no `## {heading}`"));
    rest.split("\n## ").next().unwrap()
}

/// The table of options of a section: what the first column has, and the rest of the row.
fn options(section: &'static str) -> BTreeMap<&'static str, &'static str> {
    let lines = section.lines().skip_while(|line| *line != "| option | meaning |").skip(2);
    let rows = lines.take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_start_matches("| ").split_once(" | ").unwrap()).collect()
}

/// As the first column writes it: `-j`, `--jobs <N>`.
fn written(option: &Arg) -> String {
    let value = match option.get_value_names() {
        Some([name]) if option.get_action().takes_values() => format!(" <{name}>"),
        _ => String::new(),
    };
    let short = option.get_short().map(|short| format!("-{short}"));
    let long = option.get_long().map(|long| format!("--{long}"));
    let mut names: Vec<String> = short.into_iter().chain(long).collect();
    names.last_mut().unwrap().push_str(&value);
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Compares a table with options: names, values, defaults, and nothing else.
fn check_options<'a>(place: &str, section: &'static str, expected: impl Iterator<Item = &'a Arg>) {
    let documented = options(section);
    let expected: BTreeMap<String, &Arg> = expected.map(|option| (written(option), option)).collect();
    let names: BTreeSet<&str> = expected.keys().map(String::as_str).collect();
    assert_eq!(documented.keys().copied().collect::<BTreeSet<_>>(), names, "{place}");

    let default = Regex::new(r"Default: `([^`]+)`").unwrap();
    for (name, option) in expected {
        let row = documented[name.as_str()];
        let is_documented = default.captures(row).map(|found| found[1].to_owned());
        let takes_values = option.get_action().takes_values();
        let actual = option.get_default_values().first().filter(|_| takes_values);
        assert_eq!(is_documented, actual.map(|it| it.to_string_lossy().into_owned()), "{place}: {name}");
        for value in option.get_possible_values().iter().filter(|_| takes_values) {
            assert!(
                row.contains(&format!("`{}`", value.get_name())),
                "{place}: {name}: {}",
                value.get_name()
            );
        }
    }
}

#[test]
fn each_command_has_a_section_with_its_usage_and_there_is_no_other() {
    let mut names = BTreeSet::new();
    for (name, mut command) in commands() {
        let usage = command.render_usage().to_string();
        let usage = usage.trim_start_matches("Usage: ");
        let text = section(&format!("`{name}`"));
        assert!(text.starts_with(&format!("\n```text\n{usage}\n```\n")), "the usage is\n{usage}");
        names.insert(name);
    }

    let named = |pattern: &str| -> BTreeSet<String> {
        let pattern = Regex::new(pattern).unwrap();
        pattern.captures_iter(PAGE).map(|found| found[1].to_owned()).collect()
    };
    for name in &names {
        assert!(README.contains(&format!("`{name}")), "README.md does not name `{name}`");
    }
    assert_eq!(named(r"(?m)^## `(.*)`$"), names);
    assert_eq!(named(r"(?m)^\| \[`([\w ]+)`\]\(#[\w-]+\) \|"), names, "the list of commands");
}

#[test]
fn each_option_is_documented_with_its_default_and_no_other_is() {
    use clap::ArgAction::{Help, HelpLong, HelpShort, Version};
    let all = Arguments::command();
    let is_general = |option: &Arg| matches!(option.get_action(), Help | HelpLong | HelpShort | Version);

    let mut built = all;
    built.build();
    let global = built.get_arguments().filter(|option| option.is_global_set() || is_general(option));
    check_options("global options", section("Global options"), global);
    for (name, command) in commands() {
        let own =
            command.get_opts().chain(command.get_arguments().filter(|it| !it.get_action().takes_values()));
        let own = own.filter(|option| !option.is_global_set() && !is_general(option));
        let own = own.filter(|option| !option.is_positional());
        check_options(&name, section(&format!("`{name}`")), own);
        for argument in command.get_positionals() {
            for value in argument.get_possible_values() {
                let text = section(&format!("`{name}`"));
                assert!(text.contains(&format!("`{}`", value.get_name())), "{}", value.get_name());
            }
        }
    }
}

/// "Names with `_` are accepted with `-` too", and no command has another name.
#[test]
fn the_only_aliases_are_those_with_a_hyphen() {
    for (_, command) in commands() {
        let aliases: Vec<&str> = command.get_all_aliases().collect();
        let hyphenated = command.get_name().replace('_', "-");
        let expected = if command.get_name().contains('_') { vec![hyphenated.as_str()] } else { Vec::new() };
        assert_eq!(aliases, expected, "{}", command.get_name());
    }
}

#[test]
fn a_command_has_a_documented_json_answer_or_says_that_it_has_none() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli");
    // A document by itself, or one beside a text.
    let document = Regex::new(r"\.json\(|\.\w+\(\s*\|\|").unwrap();
    for (name, _) in commands() {
        let file = match name.as_str() {
            "history" => "status",
            "untaint" => "taint",
            "update" => "lock",
            "ci continue" => "ci/continuation",
            name => &name.replace(' ', "/"),
        };
        let code = std::fs::read_to_string(folder.join(format!("{file}.rs"))).unwrap();
        let has_answer = document.is_match(&code);
        let text = section(&format!("`{name}`"));
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");

        assert_eq!(text.contains("JSON answer: [`chinampa."), has_answer, "{name}");
        assert_eq!(text.contains("no JSON answer"), !has_answer, "{name}");
    }
}

/// An option as it is typed, with some value if it takes one.
fn typed(option: &Arg) -> Vec<String> {
    let short = option.get_short().map(|short| format!("-{short}"));
    let name = option.get_long().map(|long| format!("--{long}")).or(short).unwrap();
    let value = option.get_possible_values().first().map_or("x".to_owned(), |it| it.get_name().to_owned());
    if option.get_action().takes_values() { vec![name, value] } else { vec![name] }
}

/// The options and values that a command needs, and those behind `--`.
fn required(command: &Command) -> (Vec<String>, &'static [&'static str]) {
    let has_last = command.get_positionals().any(clap::Arg::is_last_set);
    let options = command.get_opts().filter(|option| option.is_required_set()).flat_map(typed);
    let positionals = command.get_positionals().filter(|positional| !positional.is_last_set());
    let values = positionals.map(|positional| match positional.get_possible_values().first() {
        Some(value) => value.get_name().to_owned(),
        // It is a name, a region and a reference.
        None => "us-east-1".to_owned(),
    });
    (options.chain(values).collect(), if has_last { &["--", "x"] } else { &[] })
}

#[test]
fn a_conflict_with_a_global_option_holds_before_and_behind_the_name_of_the_command() {
    let mut conflicts = BTreeSet::new();
    for (name, command) in commands() {
        for argument in command.get_arguments() {
            for global in command.get_arg_conflicts_with(argument).iter().filter(|it| it.is_global_set()) {
                let (own, global) = (typed(argument), typed(global));
                conflicts.insert(format!("{} {}", if argument.is_global_set() { "" } else { &name }, own[0]));
                let name: Vec<String> = name.split(' ').map(str::to_owned).collect();
                let (values, behind) = required(&command);
                let all = [name, values].concat();
                let mut orders = vec![
                    [all.as_slice(), &own, &global].concat(),
                    [all.as_slice(), &global, &own].concat(),
                    [global.as_slice(), &all, &own].concat(),
                ];
                if argument.is_global_set() {
                    orders.push([own.as_slice(), &all, &global].concat());
                    orders.push([own.as_slice(), &global, &all].concat());
                }
                for order in orders {
                    let order = order.iter().map(String::as_str).chain(behind.iter().copied());
                    let order: Vec<&str> = std::iter::once("chinampa").chain(order).collect();
                    let error = super::parse(order.iter().map(Into::into).collect()).err();

                    let kind = error.as_ref().map(clap::Error::kind);
                    assert_eq!(kind, Some(clap::error::ErrorKind::ArgumentConflict), "{order:?}");
                    assert_eq!(error.unwrap().exit_code(), 2, "{order:?}");
                }
            }
        }
    }

    for known in ["lint --fix", "logs --follow", "why --against", "images --commit", " --quiet"] {
        assert!(conflicts.contains(known), "{known}: {conflicts:?}");
    }
}
