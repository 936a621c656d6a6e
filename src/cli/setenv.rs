use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use clap::Args;

use super::Call;
use super::opened::{Opened, Uncommitted};
use crate::error::Error;
use crate::exit::Exit;

#[derive(Debug, Args)]
pub(super) struct Arguments {}

pub(super) fn run(call: &Call) -> Result<Exit, Error> {
    let Call { options, environment, output } = call;
    let opened = Opened::new(options, environment, Uncommitted::LeftOut)?;
    let mut facts = environment.ci.clone();
    facts.commit.get_or_insert_with(|| opened.head.commit.to_string());
    // A tag's job is on no branch, though the CI may have checked one out.
    if facts.branch.is_none() && facts.tag.is_none() {
        facts.branch = opened.head.branch.as_ref().map(ToString::to_string);
    }
    facts.repository_url = facts.repository_url.or_else(|| opened.repository.origin_url());

    let exports = facts.exports();
    match environment.bash_env() {
        Some(file) => {
            append(&file, &exports).map_err(|source| Error::Write { path: file.clone(), source })?;
            output.story(&format!("`{}` has the CI's variables now", file.display()));
        }
        None => output.script(&exports),
    }
    Ok(Exit::Done)
}

fn append(file: &Path, text: &str) -> std::io::Result<()> {
    OpenOptions::new().create(true).append(true).open(file)?.write_all(text.as_bytes())
}
