//! What every command takes.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct Options {
    /// Run in this repository or folder; bare repositories work too.
    #[arg(short = 'C', value_name = "DIR", global = true, default_value = ".", hide_default_value = true)]
    pub(super) directory: PathBuf,
    /// Read this file instead of the commit's `projects.toml`.
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) manifest: Option<PathBuf>,
    /// Compare with this commit, or with `deployed:<environment>`.
    #[arg(long, value_name = "REV", global = true)]
    pub(super) base: Option<String>,
    /// Fetch missing history if a shallow or partial clone lacks the base commit.
    #[arg(long, global = true)]
    pub(super) fetch_base: bool,
    /// Examine this commit, without uncommitted changes [default: HEAD].
    #[arg(long, value_name = "REV", global = true)]
    pub(super) head: Option<String>,
    /// Print the answer as JSON, with a `schema` field.
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Use colours: `auto`, `always` or `never`.
    #[arg(long, value_enum, default_value_t = Color::Auto, global = true, hide_default_value = true, hide_possible_values = true)]
    pub(super) color: Color,
    /// Log more to standard error; repeat for debug output.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub(super) verbose: u8,
    /// Print nothing but errors to standard error.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// Show running builds as `auto`, `tty`, `plain`, `json` or `none`.
    #[arg(long, value_enum, default_value_t = ProgressKind::Auto, global = true, hide_default_value = true, hide_possible_values = true)]
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
    /// `tty` on a terminal, otherwise `plain`.
    Auto,
    /// One live line per running build.
    Tty,
    /// One line per event.
    Plain,
    /// One JSON object per event and line.
    Json,
    None,
}
