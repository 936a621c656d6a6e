//! Conflicts with global options, wherever the options stand.
//!
//! The parser checks each command by itself, before it passes on the global options that stand before the command's name: it never
//! sees `chinampa --head REV lint --fix` as a conflict.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

/// Checks the declared conflicts once more, on what was parsed as a whole.
///
/// `command` is the one that `matches` are of.
///
/// # Errors
/// The parser's own error for two options that exclude each other.
pub(super) fn check(command: &Command, matches: &ArgMatches) -> Result<(), clap::Error> {
    // A command has all that was passed on to it, so the innermost one has everything.
    if let Some((name, matches)) = matches.subcommand() {
        return check(command.find_subcommand(name).expect("it was parsed"), matches);
    }
    let is_given = |argument: &Arg| {
        let id = argument.get_id().as_str();
        matches.try_contains_id(id).is_ok() && matches.value_source(id) == Some(ValueSource::CommandLine)
    };
    for argument in command.get_arguments().filter(|argument| is_given(argument)) {
        let others = command.get_arg_conflicts_with(argument);
        if let Some(other) = others.into_iter().find(|other| is_given(other)) {
            return Err(conflict(command, argument, other));
        }
    }
    Ok(())
}

fn conflict(command: &Command, argument: &Arg, other: &Arg) -> clap::Error {
    let mut error = clap::Error::new(ErrorKind::ArgumentConflict).with_cmd(command);
    error.insert(ContextKind::InvalidArg, ContextValue::String(argument.to_string()));
    error.insert(ContextKind::PriorArg, ContextValue::String(other.to_string()));
    error.insert(ContextKind::Usage, ContextValue::StyledStr(command.clone().render_usage()));
    error
}
