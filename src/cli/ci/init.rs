use clap::Args;

use super::context::CiInputs;
use super::system::System;
use crate::cli::CommandContext;
use crate::error::Error;
use crate::exit::Exit;
use crate::git::GitError;
use crate::init::{self, Existing, NewFile};
use crate::model::RepoPath;
use crate::pipeline::github::WORKFLOW;
use crate::pipeline::starter::{File, Starter};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// CI that the files are for.
    #[arg(value_enum)]
    system: System,
    /// Overwrite existing files.
    #[arg(long)]
    force: bool,
}

pub(super) fn run(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
    let inputs = CiInputs::read(command)?;
    let root = inputs.repo.repository.work_dir().ok_or(GitError::Bare)?;
    let mut starter = inputs.starter(arguments.system.into());
    let mut notes: Vec<String> = starter.notes.iter().map(|&note| note.to_owned()).collect();
    if arguments.system == System::GitHub {
        let rendered = inputs.workflow()?.rendered;
        starter.files.push(File { path: WORKFLOW, text: rendered.text });
        notes.extend(rendered.notes);
    }
    notes.extend(inputs.login_notes(arguments.system.into()));
    let Starter { files, .. } = starter;
    let mut new = Vec::new();
    for File { path, text } in &files {
        let file = root.join(path);
        if !arguments.force && file.symlink_metadata().is_ok() {
            return Err(Error::StarterExists { path });
        }
        let folder = file.parent().unwrap_or(root);
        std::fs::create_dir_all(folder).map_err(|source| Error::Write { path: folder.to_owned(), source })?;
        let path = RepoPath::new(path).expect("the starter's names are paths");
        let existing = if arguments.force { Existing::Replace } else { Existing::Keep };
        new.push(NewFile { path, content: text.clone().into_bytes(), existing });
    }
    init::write(root, &new)?;
    for File { path, .. } in &files {
        command.output.status(&format!("`{path}` is written"));
    }
    for note in &notes {
        command.output.status(note);
    }
    Ok(Exit::Done)
}
