//! `report`: writes the page of a run that is kept in the clone.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::repository_context::repository;
use super::{CommandContext, run_files};
use crate::error::Error;
use crate::exit::Exit;
use crate::report::runs::ReportJson;
use crate::runs::Store;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The run [default: the newest one that is over].
    #[arg(long, value_name = "N")]
    run: Option<u64>,
    /// Write the page to this file [default: `report.html` in the folder of the run].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
    let CommandContext { options, environment, output } = command;
    let store = Store::of(repository(options, environment)?.common_dir());
    let kept = match arguments.run {
        Some(number) => Some(store.read(number)?),
        None => store.newest(None, |kept| kept.run.seconds.is_some())?,
    };
    let Some(kept) = kept else {
        output.status("no run is kept in this clone yet: `chinampa build` keeps each of its runs");
        return Ok(Exit::No);
    };
    let page = run_files::page(&kept.run, &store, &|project| kept.log(&project.name))?;
    let path = arguments.output.clone().unwrap_or_else(|| kept.folder.join("report.html"));
    write(&path, &page).map_err(|source| Error::Write { path: path.clone(), source })?;
    command.print(|| ReportJson::new(kept.number, &path), || format!("{}\n", path.display()));
    Ok(Exit::Done)
}

/// The page has what the logs have: only the user can read a new file.
fn write(path: &Path, page: &str) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)?.write_all(page.as_bytes())
}
