//! What `init` wrote, and what of it a person has to look at.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::init::{NewFile, Proposal};
use crate::model::printable;

/// How many projects are shown with the file that builds each; of more, the files are shown, with their counts.
const MAX_PROJECTS: usize = 15;

/// How many lines of one kind are shown without `--verbose`. What is undecided comes first, and has more.
const MAX_UNDECIDED: usize = 30;
const MAX_LINES: usize = 6;

/// A proposal that was written, or would be.
#[derive(Debug, Serialize)]
pub struct Initialised<'p> {
    schema: &'static str,
    workspace: String,
    default_branch: String,
    is_dry_run: bool,
    /// With `--dry-run`, what would be written.
    written: Vec<String>,
    #[serde(flatten)]
    proposal: &'p Proposal,
    #[serde(skip)]
    detail: Detail,
}

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What fits a screen.
    Summary,
    Everything,
}

/// Whether files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Write,
    DryRun,
}

impl<'p> Initialised<'p> {
    pub fn new(proposal: &'p Proposal, files: &[NewFile], mode: Mode, detail: Detail) -> Self {
        let branch = proposal.default_branch.as_ref();
        Self {
            schema: "chinampa.init/1",
            workspace: proposal.workspace.to_string(),
            default_branch: branch.map_or_else(|| "main".to_owned(), ToString::to_string),
            is_dry_run: mode == Mode::DryRun,
            written: files.iter().map(|file| file.path.to_string()).collect(),
            proposal,
            detail,
        }
    }

    /// Lines below a heading, of which there may be too many for a screen.
    fn section(
        &self,
        formatter: &mut fmt::Formatter<'_>,
        heading: &str,
        lines: impl ExactSizeIterator<Item = String>,
        max: usize,
    ) -> fmt::Result {
        let count = lines.len();
        if count == 0 {
            return Ok(());
        }
        writeln!(formatter, "{heading}: {count}")?;
        let shown = match self.detail {
            Detail::Everything => count,
            Detail::Summary if count <= max => count,
            Detail::Summary => max - 1,
        };
        { lines }.take(shown).try_for_each(|line| writeln!(formatter, "  {}", printable(&line)))?;
        match count - shown {
            0 => Ok(()),
            rest => writeln!(formatter, "  and {rest} more: see `--verbose` or `--json`"),
        }
    }

    fn projects(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Proposal { projects, .. } = self.proposal;
        let lines = projects.iter().map(|(name, project)| {
            format!("{name}  {}  {}: {}", project.path, project.found.at, project.found.says)
        });
        if projects.len() <= MAX_PROJECTS || self.detail == Detail::Everything {
            return self.section(formatter, "projects", lines, projects.len());
        }
        let mut by_file: BTreeMap<String, usize> = BTreeMap::new();
        for project in projects.values() {
            let file = project.found.at.file();
            let name = if *file == project.dockerfile {
                "Dockerfiles that nothing names".to_owned()
            } else {
                file.to_string()
            };
            *by_file.entry(name).or_default() += 1;
        }
        writeln!(formatter, "projects: {}", projects.len())?;
        let mut files: Vec<(String, usize)> = by_file.into_iter().collect();
        files.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let rest: usize = files.iter().skip(MAX_LINES).map(|(_, count)| count).sum();
        for (file, count) in files.iter().take(MAX_LINES) {
            writeln!(formatter, "  {count} from {}", printable(file))?;
        }
        if rest > 0 {
            writeln!(formatter, "  {rest} from {} other files", files.len() - MAX_LINES)?;
        }
        Ok(())
    }
}

/// First what a person has to look at, then what there is.
impl fmt::Display for Initialised<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Proposal { kept, undecided, to_fill_in, guesses, ignored, left_out, excluded, .. } =
            self.proposal;
        let undecided = undecided.iter().map(|undecided| format!("{}: {}", undecided.at, undecided.says));
        self.section(formatter, "undecided, check these", undecided, MAX_UNDECIDED)?;
        let to_fill_in = to_fill_in.iter().map(|fill_in| format!("{}: {}", fill_in.at, fill_in.says));
        self.section(formatter, "to fill in", to_fill_in, MAX_LINES)?;
        self.projects(formatter)?;
        let guesses = guesses.iter().map(|guess| format!("{}: {}", guess.at, guess.says));
        self.section(formatter, "concluded", guesses, MAX_LINES)?;
        let ignored = ignored.iter().map(|ignored| format!("{}: {}", ignored.at, ignored.why));
        self.section(formatter, "not used", ignored, MAX_LINES)?;
        let left_out = left_out.iter().map(ToString::to_string);
        self.section(formatter, "kinds of Dockerfiles left out", left_out, MAX_LINES)?;
        if *excluded > 0 {
            writeln!(formatter, "excluded: {excluded}")?;
        }
        let kept = kept.iter().map(ToString::to_string);
        self.section(formatter, "kept as they are", kept, MAX_LINES)?;
        match (self.proposal.known_projects(), excluded) {
            (Some(projects), 0) => {
                writeln!(formatter, "nothing to add: all {projects} images have a project")?;
            }
            (Some(_), _) => {
                writeln!(formatter, "nothing to add: all images but those excluded have a project")?;
            }
            (None, _) => {}
        }
        let heading = if self.is_dry_run { "would be written" } else { "written" };
        self.section(formatter, heading, self.written.iter().cloned(), MAX_LINES)
    }
}
