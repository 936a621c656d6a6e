use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory as _};

use super::output::Output;
use crate::error::Error;
use crate::exit::Exit;

/// Commands that nobody would call by a link.
const WITHOUT_LINK: &[&str] = &["completions", "help", "init", "shims"];

/// Whether a link can have the name of this command. One that is hidden would be in the way of a program, as `man` is.
fn has_link(command: &Command) -> bool {
    !command.is_hide_set() && !WITHOUT_LINK.contains(&command.get_name())
}

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder for the links, to add to PATH.
    folder: PathBuf,
}

pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<Exit, Error> {
    let program = std::env::current_exe().map_err(Error::Start)?;
    let folder = &arguments.folder;
    fs::create_dir_all(folder).map_err(|source| Error::Write { path: folder.clone(), source })?;
    let command = super::Arguments::command();
    for name in command.get_subcommands().filter(|command| has_link(command)).map(Command::get_name) {
        let link = folder.join(name);
        put(&program, &link).map_err(|source| Error::Write { path: link.clone(), source })?;
        output.stdout(&format!("{}\n", link.display()));
    }
    Ok(Exit::Done)
}

/// Puts a link in its place, where nothing or another link is.
fn put(program: &Path, link: &Path) -> std::io::Result<()> {
    if fs::symlink_metadata(link).is_ok_and(|there| there.is_symlink()) {
        fs::remove_file(link)?;
    }
    symlink(program, link)
}
