//! What `build` writes of its run for people and other programs: a page, and a trace.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Args;

use super::build_context::BuildContext;
use crate::error::Error;
use crate::execute::{BuildReport, Destination};
use crate::plan::Plan;
use crate::report::{html, trace};
use crate::runs::{Project, Recorder, Run, Start, Store, read_tail};

#[derive(Debug, Args, Default)]
pub(super) struct RunFiles {
    /// Write the logs of the builds, and a description of the run, to this folder too.
    #[arg(long, value_name = "DIR")]
    pub(super) logs: Option<PathBuf>,
    /// Write a page about the run: graph, timeline, reasons, steps and logs in one file.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write when each project and step ran, for Perfetto and other viewers of traces.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
}

impl RunFiles {
    /// Writes the files that were asked for.
    pub(super) fn write(&self, run: &Run, store: &Store, report: &BuildReport) -> Result<(), Error> {
        if let Some(path) = &self.report {
            let log = |project: &Project| {
                let name = project.name.parse().ok()?;
                report.projects.get(&name)?.log.clone()
            };
            write(path, page(run, store, &log)?.as_bytes())?;
        }
        if let Some(path) = &self.trace {
            write(path, trace::trace(run).to_string().as_bytes())?;
        }
        Ok(())
    }
}

impl BuildContext<'_> {
    /// Starts to write down the run in the clone, and in the folder that a person named.
    pub(super) fn recorder(
        &self,
        plan: &Plan,
        parallelism: NonZeroUsize,
        named: Option<&Path>,
    ) -> Result<Recorder, Error> {
        let start = Start {
            plan,
            workspace: self.workspace.settings.name.as_str(),
            branch: self.repo.context.branch_name(),
            is_trusted: self.repo.trust.is_trusted(),
            is_local: matches!(self.destination, Destination::Local(_)),
            slots: parallelism.get(),
        };
        Ok(Recorder::new(&start, &self.store(), named)?)
    }

    /// The runs that are kept in this clone.
    pub(super) fn store(&self) -> Store {
        Store::of(self.repo.repository.common_dir())
    }
}

/// The page of a run, compared with the one before it of the same kind and projects; `log` names the file with the log of a project.
pub(super) fn page(
    run: &Run,
    store: &Store,
    log: &dyn Fn(&Project) -> Option<PathBuf>,
) -> Result<String, Error> {
    // An untrusted run says nothing about others.
    let is_comparable = |other: &Run| other.seconds.is_some() && other.trusted && other.is_alike(run);
    let before = match run.number {
        Some(number) => store.newest(Some(number), |kept| is_comparable(&kept.run))?,
        None => None,
    };
    let read = |project: &Project, max_bytes: usize| {
        let path = log(project)?;
        let tail = read_tail(&path, u64::try_from(max_bytes).unwrap_or(u64::MAX));
        let tail =
            tail.inspect_err(|error| tracing::warn!("the page lacks the log `{}`: {error}", path.display()));
        tail.ok()
    };
    Ok(html::run_page(run, before.as_ref().map(|kept| &kept.run), &read))
}

fn write(path: &Path, content: &[u8]) -> Result<(), Error> {
    fs::write(path, content).map_err(|source| Error::Write { path: path.to_owned(), source })
}
