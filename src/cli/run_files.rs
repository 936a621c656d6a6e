//! What `build` writes of its run for people and other programs, where options name files for it.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Args;

use super::build_context::BuildContext;
use super::named_files::{self, write};
use super::troubles::Troubles;
use crate::error::{Error, Reasons};
use crate::execute::{BuildReport, Destination, TwiceReport};
use crate::model::ProjectName;
use crate::plan::Plan;
use crate::report::{html, images, junit, trace};
use crate::runs::{Project, Recorder, Run, Start, Store, read_tail, remove_earlier};

/// The files that options name.
#[derive(Debug, Args, Default)]
pub(super) struct RunFiles {
    /// Write the outcome of each project to this file, as JUnit XML.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the images by digest to this file, as ECS actions of CodePipeline read them.
    #[arg(long, value_name = "FILE", conflicts_with = "local")]
    imagedefinitions: Option<PathBuf>,
    /// Write the image of the one named project to this file, as the blue/green action of CodePipeline for ECS reads it.
    #[arg(long, value_name = "FILE", conflicts_with = "local")]
    pub(super) imagedetail: Option<PathBuf>,
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

/// A run that has come to its end.
pub(super) struct FinishedRun<'r> {
    pub(super) plan: &'r Plan,
    pub(super) report: &'r BuildReport,
    pub(super) twice: Option<&'r TwiceReport>,
    pub(super) run: &'r Run,
    /// The runs that are kept.
    pub(super) store: &'r Store,
    pub(super) destination: &'r Destination,
    /// The project of `--imagedetail`.
    pub(super) only_project: Option<&'r ProjectName>,
}

impl RunFiles {
    /// Removes what an earlier run wrote: whatever this one comes to, nobody takes that for its own.
    ///
    /// # Errors
    /// [`Error::Write`] and [`Error::Runs`] for what stays as it is.
    pub(super) fn remove_earlier(&self) -> Result<(), Error> {
        let Self { junit, imagedefinitions, imagedetail, logs, report, trace } = self;
        for path in [junit, imagedefinitions, imagedetail, report, trace].into_iter().flatten() {
            named_files::remove_earlier(path)?;
        }
        Ok(logs.as_deref().map_or(Ok(()), remove_earlier)?)
    }

    /// Writes what can be said of a run that ended before anything was built.
    ///
    /// # Errors
    /// [`Error::Write`]
    pub(super) fn write_not_built(&self, error: &Error) -> Result<(), Error> {
        let Some(path) = &self.junit else { return Ok(()) };
        let mut lines = vec![error.to_string()];
        let message = match error.reasons() {
            Reasons::Problems(problems) => {
                lines.extend(problems);
                lines[0].clone()
            }
            Reasons::Causes(causes) => {
                lines.extend(causes);
                lines.join(": ")
            }
        };
        let document = junit::not_built(&message, &lines, error.log_tail(), error.hint());
        write(path, document.as_bytes())
    }

    /// The options for files that name images, as deployers read them.
    pub(super) fn image_options(&self) -> Vec<&'static str> {
        let options = [("--imagedefinitions", &self.imagedefinitions), ("--imagedetail", &self.imagedetail)];
        options.into_iter().filter(|(_, file)| file.is_some()).map(|(option, _)| option).collect()
    }

    /// Writes all files that were asked for and can be written.
    pub(super) fn write(&self, finished: &FinishedRun<'_>, troubles: &mut Troubles<'_>) {
        let FinishedRun { plan, report, twice, run, store, destination, only_project } = *finished;
        if let Some(path) = &self.junit {
            troubles.say(write(path, junit::xml(plan, report, twice).as_bytes()));
        }
        if let Some(path) = &self.report {
            let log = |project: &Project| {
                let name = project.name.parse().ok()?;
                report.projects.get(&name)?.log.clone()
            };
            troubles.say(page(run, store, &log).and_then(|page| write(path, page.as_bytes())));
        }
        if let Some(path) = &self.trace {
            troubles.say(write(path, trace::trace(run).to_string().as_bytes()));
        }
        if let (Destination::Shared(_), None) = (destination, report.kind()) {
            let definitions =
                self.imagedefinitions.iter().map(|path| (path, images::imagedefinitions(report)));
            let detail = only_project.and_then(|project| images::imagedetail(report, project));
            for (path, document) in definitions.chain(self.imagedetail.iter().zip(detail)) {
                troubles.say(write(path, format!("{document}\n").as_bytes()));
            }
        }
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
