//! Completions of commands, options, projects and environments, and the man pages.
//!
//! A shell asks the program itself for what can follow, with the shell's name in [`VARIABLE`].

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::{Arg, Args, Command, CommandFactory as _};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::Shells;
use toml::de::DeTable;

use super::output::Output;
use crate::error::Error;
use crate::exit::Exit;
use crate::workspace::MANIFEST;

/// What the scripts set when they ask for completions.
const VARIABLE: &str = "CHINAMPA_COMPLETE";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(Shells::builtins().names()))]
    shell: String,
}

#[derive(Debug, Args)]
pub(super) struct ManArguments {
    /// Folder to write the pages to; it is created if it does not exist.
    folder: PathBuf,
}

/// Prints the script that makes a shell ask for completions.
pub(super) fn run(arguments: &Arguments, output: &Output) -> Exit {
    let shells = Shells::builtins();
    let shell = shells.completer(&arguments.shell).expect("the parser knows the same names");
    let mut script = Vec::new();
    let name = env!("CARGO_PKG_NAME");
    shell.write_registration(VARIABLE, name, name, name, &mut script).expect("a vector can be written to");
    output.script(&String::from_utf8_lossy(&script));
    Exit::Done
}

/// Writes a man page for the program and for each command.
pub(super) fn man(arguments: &ManArguments) -> Result<Exit, Error> {
    let folder = &arguments.folder;
    let failed = |source| Error::Write { path: folder.clone(), source };
    fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(super::Arguments::command(), folder).map_err(failed)?;
    Ok(Exit::Done)
}

/// Answers a shell that asks for completions; `false` if none does.
///
/// # Errors
/// What can't be completed, or not be written.
pub(super) fn complete(arguments: impl Iterator<Item = OsString>) -> Result<bool, clap::Error> {
    if std::env::var_os(VARIABLE).is_none() {
        return Ok(false);
    }
    let folder = std::env::current_dir().ok();
    let is_answered =
        CompleteEnv::with_factory(command).var(VARIABLE).try_complete(arguments, folder.as_deref())?;
    // The last candidate has no newline.
    io::stdout().flush()?;
    Ok(is_answered)
}

/// The commands, whose arguments know the names in the manifest.
fn command() -> Command {
    let named = |arg: Arg| match arg.get_id().as_str() {
        "projects" | "project" => arg.add(ArgValueCandidates::new(|| names("projects"))),
        "environment" => arg.add(ArgValueCandidates::new(|| names("environments"))),
        _ => arg,
    };
    super::Arguments::command().mut_subcommands(|subcommand| subcommand.mut_args(named))
}

/// The keys of a table of the nearest manifest above the current folder. Nothing where it can't be read: who types gets no errors.
fn names(table: &str) -> Vec<CompletionCandidate> {
    let keys = || -> Option<Vec<CompletionCandidate>> {
        let folder = std::env::current_dir().ok()?;
        let manifest = folder.ancestors().map(|folder| folder.join(MANIFEST)).find(|path| path.is_file())?;
        let text = fs::read_to_string(manifest).ok()?;
        let manifest = DeTable::parse(&text).ok()?;
        let keys = manifest.get_ref().get(table)?.get_ref().as_table()?.keys();
        Some(keys.map(|key| CompletionCandidate::new(key.get_ref().as_ref())).collect())
    };
    keys().unwrap_or_default()
}
