//! The command line: reads the environment, calls the library, writes what it answers.
//!
//! Standard output is the answer, standard error status messages.

mod account_diagnosis;
mod attestations;
mod build;
mod build_context;
mod build_outputs;
mod builders;
mod changed;
mod check;
mod check_rebuild;
mod ci;
mod completions;
mod conflicts;
mod deploy;
mod deploy_progress;
mod deployed_base;
mod deployment;
mod diagnosis;
mod doctor;
mod durations_file;
mod ecr_logins;
mod engine_diagnosis;
mod ensure_repo;
mod ensure_terraform;
mod environment;
mod environment_records;
mod external_registries;
mod follow;
mod graph;
mod help;
mod history;
mod ignore_changes;
mod image_exists;
mod images;
mod init;
mod inputs;
mod last_successful_commit;
mod lint;
mod local;
mod lock;
mod logs;
mod named_files;
mod observations;
mod options;
mod output;
mod plan;
mod program_environment;
mod progress;
mod promote;
mod prune;
mod registries;
mod registry_probe;
mod report;
mod repository_context;
mod run;
mod run_files;
mod run_image;
mod run_records;
mod selection;
mod setenv;
mod shares;
mod shims;
mod signals;
mod simulate;
mod status;
mod taint;
mod terminal;
#[cfg(test)]
mod tests;
mod troubles;
mod twice;
mod unlock;
mod untracked;
mod watch;
mod why;

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use serde::Serialize;

use self::environment::Environment;
use self::options::Options;
use self::output::Output;
use self::signals::Signals;
use self::taint::Taint;
use self::troubles::Troubles;
use crate::error::Error;
use crate::exit::Exit;
use crate::report::styled::StyledText;
use crate::report::summary::{Detail, Layout};

/// Build the container images of a monorepo: only those whose inputs changed.
#[derive(Debug, Parser)]
#[command(
    name = "chinampa",
    version,
    max_term_width = 100,
    propagate_version = true,
    subcommand_required = true
)]
#[command(
    after_help = "Exit status: 0 success or yes, 1 no, 2 invalid input, 3 environment error (a retry may help), \
    4 a build or deployment failed, 130 interrupted."
)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create `projects.toml` from Dockerfiles and compose files.
    Init(init::Arguments),
    /// Build the images that are missing from the cache.
    Build(build::Arguments),
    /// Rebuild locally what a saved file affects, and run a program.
    Watch(watch::Arguments),
    /// Run a command once for each content of what it can read.
    Run(run::Arguments),
    /// Promote images, then apply Terraform and restart services.
    Deploy(deploy::Arguments),
    /// Show what environments run, and what a deployment would change.
    Status(status::Arguments),
    /// List the last deployments to an environment.
    History(history::Arguments),
    /// Remove the lock that a dead deployment left.
    Unlock(unlock::Arguments),
    /// List the last runs of `build`, or print the log of a project.
    Logs(logs::Arguments),
    /// Write a page about a run of `build`: graph, timeline, logs.
    Report(report::Arguments),
    /// Show which images would be built or reused, and why.
    Plan(plan::Arguments),
    /// Pin the external images that `projects.lock` lacks.
    Lock(lock::LockArguments),
    /// Pin external images to what their tags stand for now.
    Update(lock::UpdateArguments),
    /// Explain why a project is affected by the changes.
    Why(why::Arguments),
    /// List the inputs of a project, each with the line that makes it one.
    Inputs(inputs::Arguments),
    /// Check whether a path changed since the base commit.
    Changed(changed::Arguments),
    /// Check whether a project or a dependency changed.
    #[command(name = "check_rebuild", alias = "check-rebuild")]
    CheckRebuild(check_rebuild::Arguments),
    /// Check whether an image exists in the cache.
    #[command(name = "image_exists", alias = "image-exists")]
    ImageExists(image_exists::Arguments),
    /// Print the images of a commit or of an environment by digest.
    Images(images::Arguments),
    /// Create an ECR repository, or reconcile its settings.
    #[command(name = "ensure_repo", alias = "ensure-repo")]
    EnsureRepo(ensure_repo::Arguments),
    /// Copy an image from one registry to another, byte for byte.
    Promote(promote::Arguments),
    /// Delete images and records that nothing needs any more.
    Prune(prune::Arguments),
    /// Check the clone, engine, registries, secrets and Terraform.
    Doctor(doctor::Arguments),
    /// Report where patterns, Dockerfiles and dependencies disagree.
    Lint(lint::Arguments),
    /// Replay past commits: how many builds the patterns cause.
    Simulate(simulate::Arguments),
    /// Show the dependency graph, with the affected projects marked.
    Graph(graph::Arguments),
    /// Generate pipelines for CIs.
    Ci(ci::Arguments),
    /// Mark projects for a rebuild, even if their images are cached.
    Taint(taint::Arguments),
    /// Remove the marks that `taint` set.
    Untaint(taint::Arguments),
    /// Print the newest commit with a build record.
    #[command(name = "last_successful_commit", alias = "last-successful-commit")]
    LastSuccessfulCommit(last_successful_commit::Arguments),
    /// Write variables about the commit for a job's steps.
    Setenv(setenv::Arguments),
    /// Create a symbolic link for each command.
    Shims(shims::Arguments),
    /// Download Terraform if it is missing, and print its path.
    #[command(name = "ensure_terraform", alias = "ensure-terraform")]
    EnsureTerraform(ensure_terraform::Arguments),
    /// Print a completion script for a shell.
    Completions(completions::Arguments),
    /// Write the man pages.
    #[command(hide = true)]
    Man(completions::ManArguments),
}

/// Runs the command that the process was called with.
pub fn main() -> Exit {
    match completions::complete(std::env::args_os()) {
        Ok(true) => return Exit::Done,
        Ok(false) => {}
        Err(error) => return output::usage(&error),
    }
    let signals = Signals::install();
    let Arguments { options, command } = match parse(called_as(std::env::args_os())) {
        Ok(arguments) => arguments,
        Err(error) => return output::usage(&error),
    };
    output::start_tracing(&options);
    let context = CommandContext { output: Output::new(&options), environment: Environment::read(), options };
    let exit = signals.map_err(Error::Start).and_then(|signals| run(&context, &signals, &command));
    let exit = exit.unwrap_or_else(|error| {
        context.output.error(&error);
        error.kind().into()
    });
    let mut troubles = Troubles::new(&context.output, exit);
    troubles.say(context.output.take_failure().map_or(Ok(()), Err));
    troubles.exit()
}

fn parse(arguments: Vec<OsString>) -> Result<Arguments, clap::Error> {
    let mut command = help::grouped(Arguments::command());
    let mut matches = command.try_get_matches_from_mut(arguments)?;
    conflicts::check(&command, &matches)?;
    let parsed = Arguments::from_arg_matches_mut(&mut matches);
    parsed.map_err(|error| error.format(&mut Arguments::command()))
}

/// Called through a link that is named after a command, it is that command.
fn called_as(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.collect();
    let name = arguments.first().and_then(|program| Path::new(program).file_name());
    // To look the name up, all commands have to be made once more, which takes a while.
    let name = name.filter(|name| *name != env!("CARGO_PKG_NAME"));
    let is_command =
        |name: &OsStr| Arguments::command().find_subcommand(name).is_some_and(|it| !it.is_hide_set());
    if let Some(command) = name.filter(|name| is_command(name)) {
        let command = command.to_owned();
        arguments.insert(1, command);
    }
    arguments
}

/// What all commands are given.
struct CommandContext {
    options: Options,
    environment: Environment,
    output: Output,
}

impl CommandContext {
    /// Writes the answer: with `--json` as a document, else as text.
    fn print<D: Serialize>(&self, document: impl FnOnce() -> D, text: impl FnOnce() -> String) {
        if self.options.json {
            self.output.json(&document());
        } else {
            self.output.stdout(&text());
        }
    }

    /// Writes the answer: with `--json` as a document, else as a summary.
    fn print_summary<D: Serialize>(
        &self,
        document: impl FnOnce() -> D,
        summary: impl FnOnce(Layout) -> StyledText,
    ) {
        if self.options.json {
            self.output.json(&document());
        } else {
            let detail = if self.options.verbose > 0 { Detail::Full } else { Detail::Brief };
            self.output.styled(&summary(Layout { detail, columns: self.output.stdout_columns() }));
        }
    }
}

fn run(context: &CommandContext, signals: &Signals, command: &Command) -> Result<Exit, Error> {
    match command {
        Command::Init(arguments) => init::run(context, arguments),
        Command::Build(arguments) => build::run(context, signals, arguments),
        Command::Watch(arguments) => watch::run(context, signals, arguments),
        Command::Run(arguments) => run::run(context, signals, arguments),
        Command::Deploy(arguments) => deploy::run(context, signals, arguments),
        Command::Status(arguments) => status::run(context, arguments),
        Command::History(arguments) => history::run(context, arguments),
        Command::Unlock(arguments) => unlock::run(context, arguments),
        Command::Logs(arguments) => logs::run(context, arguments),
        Command::Report(arguments) => report::run(context, arguments),
        Command::Plan(arguments) => plan::run(context, arguments),
        Command::Lock(arguments) => lock::run(context, arguments),
        Command::Update(arguments) => lock::update(context, arguments),
        Command::Why(arguments) => why::run(context, arguments),
        Command::Inputs(arguments) => inputs::run(context, arguments),
        Command::Changed(arguments) => changed::run(context, arguments),
        Command::CheckRebuild(arguments) => check_rebuild::run(context, arguments),
        Command::ImageExists(arguments) => image_exists::run(context, arguments),
        Command::Images(arguments) => images::run(context, arguments),
        Command::EnsureRepo(arguments) => ensure_repo::run(context, arguments),
        Command::Promote(arguments) => promote::run(context, arguments),
        Command::Prune(arguments) => prune::run(context, arguments),
        Command::Lint(arguments) => lint::run(context, arguments),
        Command::Simulate(arguments) => simulate::run(context, arguments),
        Command::Graph(arguments) => graph::run(context, arguments),
        Command::EnsureTerraform(arguments) => ensure_terraform::run(context, arguments),
        Command::Ci(arguments) => ci::run(context, arguments),
        Command::Taint(arguments) => taint::run(context, arguments, Taint::Set),
        Command::Untaint(arguments) => taint::run(context, arguments, Taint::TakeAway),
        Command::LastSuccessfulCommit(_) => last_successful_commit::run(context),
        Command::Setenv(_) => setenv::run(context),
        Command::Shims(arguments) => shims::run(arguments, &context.output),
        Command::Doctor(arguments) => doctor::run(context, arguments),
        Command::Completions(arguments) => Ok(completions::run(arguments, &context.output)),
        Command::Man(arguments) => completions::man(arguments),
    }
}

/// Runs what waits for engines and registries, on this thread and a few more.
fn wait_for<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    run_on(tokio::runtime::Builder::new_multi_thread(), work)
}

/// The same for what copies images. One more thread fills the line as well as several do, and what one thread
/// allocates and another frees piles up: 90 MiB for an image of 300 MiB instead of 40.
fn wait_for_copies<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(1);
    run_on(runtime, work)
}

fn run_on<T>(
    mut runtime: tokio::runtime::Builder,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let runtime = runtime.enable_all().build().map_err(Error::Start)?;
    let result = runtime.block_on(work);
    // What still reads a blob on another thread must not hold up the exit.
    runtime.shutdown_background();
    result
}
