use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use clap::Args;

use super::CommandContext;
use super::repository_context::{RepositoryContext, Uncommitted};
use crate::ci::Exports;
use crate::error::Error;
use crate::exit::Exit;

#[derive(Debug, Args)]
pub(super) struct Arguments {}

pub(super) fn run(command: &CommandContext) -> Result<Exit, Error> {
    let CommandContext { options, environment, output } = command;
    let repo = RepositoryContext::new(options, environment, Uncommitted::LeftOut)?;

    let exports = Exports::new(&environment.ci, &repo.context, repo.repository.origin_url());
    match environment.bash_env() {
        Some(file) => {
            append(&file, &exports.to_string())
                .map_err(|source| Error::Write { path: file.clone(), source })?;
            output.status(&format!("`{}` has the CI's variables now", file.display()));
        }
        None => output.script(&exports.to_string()),
    }
    Ok(Exit::Done)
}

fn append(file: &Path, text: &str) -> std::io::Result<()> {
    OpenOptions::new().create(true).append(true).open(file)?.write_all(text.as_bytes())
}
