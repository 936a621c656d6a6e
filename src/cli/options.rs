//! What every command takes.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct Options {
    /// The repository, or a folder in it; bare ones too.
    #[arg(short = 'C', value_name = "DIR", global = true, default_value = ".", hide_default_value = true)]
    pub(super) directory: PathBuf,
    /// The manifest, instead of `projects.toml` of the commit.
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) manifest: Option<PathBuf>,
    /// The commit that changes are counted from.
    #[arg(long, value_name = "REV", global = true)]
    pub(super) base: Option<String>,
    /// Lets git fetch what a shallow or partial clone lacks to find the base.
    #[arg(long, global = true)]
    pub(super) fetch_base: bool,
    /// The commit that is looked at, without uncommitted work [default: HEAD].
    #[arg(long, value_name = "REV", global = true)]
    pub(super) head: Option<String>,
    /// Answers in JSON, with a `schema` field.
    #[arg(long, global = true)]
    pub(super) json: bool,
    #[arg(long, value_enum, default_value_t = Color::Auto, global = true, hide_default_value = true)]
    pub(super) color: Color,
    /// Says more on standard error; twice says everything.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub(super) verbose: u8,
    /// Says nothing on standard error but errors.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// How running builds are shown on standard error.
    #[arg(long, value_enum, default_value_t = ProgressKind::Auto, global = true, hide_default_value = true)]
    pub(super) progress: ProgressKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ProgressKind {
    /// `tty` on a terminal, else `plain`.
    Auto,
    /// A line for each running build, kept up to date.
    Tty,
    /// A line for each thing that happened.
    Plain,
    /// An object for each thing that happened, one a line.
    Json,
    None,
}
