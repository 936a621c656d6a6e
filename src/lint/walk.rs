//! One walk over the tree: which lines and which sources of which project take each file.

use std::collections::{BTreeSet, HashSet};

use super::LintError;
use super::expression::{self, Ambiguous};
use crate::config::TerraformSetting;
use crate::dockerignore::DockerIgnore;
use crate::git::{Snapshot, WalkedFile};
use crate::infer::{self, CopiedPath, Resolution, Source};
use crate::model::{FileMode, ProjectName, RepoPath};
use crate::patterns::{FolderCandidates, Index, Pattern, Patterns};
use crate::workspace::{PATTERN_FILE, Project, Workspace};

/// The most files of a source that are kept to be named.
const MAX_NAMED: usize = 3;

/// A project, and what the walk found of it.
pub(super) struct Subject<'w> {
    pub(super) name: &'w ProjectName,
    pub(super) project: &'w Project,
    pub(super) lines: Vec<Line<'w>>,
    pub(super) sources: Vec<Source>,
    /// For each of `sources`.
    pub(super) taken: Vec<Taken>,
    ignore: DockerIgnore,
}

/// A line of the pattern file.
pub(super) struct Line<'w> {
    pub(super) pattern: &'w Pattern,
    /// Files that it takes; for a negated line those that it excludes, or that it keeps a source from.
    pub(super) files: usize,
    /// Those of them that `.dockerignore` leaves out of the context.
    pub(super) ignored: usize,
    /// Whether one of them can be used in a build.
    pub(super) is_used: bool,
    pub(super) ambiguity: Option<Ambiguity>,
}

/// What an expression of two meanings takes in either.
pub(super) struct Ambiguity {
    pub(super) readings: Ambiguous,
    /// Files that it takes as a basic expression.
    pub(super) basic_files: usize,
    /// Whether they are others than those that it takes.
    pub(super) differs: bool,
    /// Whether the clear line takes what it takes.
    pub(super) clear_is_same: bool,
}

/// Committed files that a source takes.
#[derive(Default)]
pub(super) struct Taken {
    /// Files that the context has, unless patterns keep them out.
    pub(super) files: usize,
    /// Those of them that a pattern takes.
    pub(super) covered: usize,
    /// Those of them that a negated line excludes.
    pub(super) excluded: usize,
    /// Files that `.dockerignore` leaves out.
    pub(super) ignored: usize,
    /// Submodules that hold some of them.
    pub(super) submodules: Vec<RepoPath>,
    /// The first that no line says anything of.
    pub(super) uncovered: Vec<RepoPath>,
    /// What the work tree has in place of a source that is not committed, and git does not track.
    pub(super) untracked: Option<RepoPath>,
}

/// Something that paths are looked up for: a number for the subject, and what of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Line(usize),
    Basic(usize),
    Clear(usize),
    Source(usize),
}

/// Reads what the selected projects have, and those that have one of their pattern files, and walks over the tree once.
pub(super) fn subjects<'w>(
    workspace: &'w Workspace,
    selected: &BTreeSet<ProjectName>,
    snapshot: &Snapshot<'_>,
) -> Result<Vec<Subject<'w>>, LintError> {
    let files: HashSet<&RepoPath> =
        selected.iter().filter_map(|name| workspace.projects[name].inputs.pattern_file()).collect();
    let has_one = |project: &Project| project.inputs.pattern_file().is_some_and(|file| files.contains(file));
    let projects =
        workspace.projects.iter().filter(|(name, project)| selected.contains(*name) || has_one(project));
    let mut subjects: Vec<Subject<'w>> = projects
        .map(|(name, project)| Subject::read(name, project, snapshot))
        .collect::<Result<_, LintError>>()?;
    let (asked, sets): (Vec<(usize, What)>, Vec<Patterns>) =
        subjects.iter().enumerate().flat_map(|(number, subject)| subject.sets(number)).unzip();
    let index = Index::new(&sets);
    let of_all = Index::new([&workspace.rebuild_all]);

    let mut current: Option<(RepoPath, FolderCandidates<'_, '_>)> = None;
    let mut hits: Vec<What> = Vec::new();
    snapshot.walk(&mut |folder| index.can_match_below(folder), &mut |file| {
        let parent = file.path.parent().unwrap_or_default();
        if current.as_ref().is_none_or(|(folder, _)| *folder != parent) {
            current = Some((parent.clone(), index.in_folder(&parent)));
        }
        let Some((_, candidates)) = &current else { return };
        let mut found: Vec<(usize, What)> = Vec::new();
        if file.mode == FileMode::Submodule {
            let taken = |patterns: &Patterns| patterns.decide_submodule(file.path).is_some();
            found.extend(
                sets.iter().zip(&asked).filter(|(patterns, _)| taken(patterns)).map(|(_, asked)| *asked),
            );
        } else {
            candidates.matches(file.path, |set, _| found.push(asked[set]));
        }
        if found.is_empty() {
            return;
        }
        let mut is_of_all = false;
        of_all.matches(file.path, |_, _| is_of_all = true);
        for of_one in found.chunk_by(|one, other| one.0 == other.0) {
            hits.clear();
            hits.extend(of_one.iter().map(|(_, what)| *what));
            subjects_file(&mut subjects[of_one[0].0], file, &hits, is_of_all);
        }
    })?;
    Ok(subjects)
}

fn subjects_file(subject: &mut Subject<'_>, file: WalkedFile<'_>, hits: &[What], is_of_all: bool) {
    let path = file.path;
    let lines: Vec<usize> =
        hits.iter().filter_map(|hit| if let What::Line(line) = hit { Some(*line) } else { None }).collect();
    let sources: Vec<usize> = hits
        .iter()
        .filter_map(|hit| if let What::Source(source) = hit { Some(*source) } else { None })
        .collect();
    let is_implied = subject.is_implied(path);
    let in_context = path.relative_to(&subject.project.config.context.value);
    let is_left_out = in_context.as_ref().is_some_and(|path| subject.ignore.ignores(path));
    let is_ignored = in_context.is_none() || is_left_out;
    let is_in_context = subject.project.folders.iter().any(|context| context.takes(path));
    let is_whole = subject.project.whole_context.as_ref().is_some_and(|context| context.takes(path));
    let can_be_taken = !sources.is_empty() && !is_ignored;
    let is_used = is_implied || is_in_context || can_be_taken || subject.is_deployed(path);
    let first = lines.first().copied();
    let mut last = lines.last().copied();
    for number in 0..subject.lines.len() {
        let line = &mut subject.lines[number];
        let is_hit = if line.pattern.is_negated() {
            let has_something = first.is_some_and(|first| first < number) || !sources.is_empty();
            has_something && line.pattern.matches(path)
        } else {
            lines.contains(&number)
        };
        if is_hit {
            line.files += 1;
            line.ignored += usize::from(is_left_out);
            line.is_used |= is_used;
            last = last.max(Some(number));
        }
        if let Some(ambiguity) = &mut line.ambiguity {
            let basic = hits.contains(&What::Basic(number));
            ambiguity.basic_files += usize::from(basic);
            ambiguity.differs |= basic != is_hit;
            ambiguity.clear_is_same &= hits.contains(&What::Clear(number)) == is_hit;
        }
    }
    if path.file_name() == PATTERN_FILE.as_bytes() {
        return;
    }
    let excluded = last.is_some_and(|last| subject.lines[last].pattern.is_negated());
    for source in sources {
        let taken = &mut subject.taken[source];
        if is_ignored {
            taken.ignored += 1;
            continue;
        }
        taken.files += 1;
        if file.mode == FileMode::Submodule {
            taken.submodules.push(path.clone());
        }
        if is_implied || is_of_all || is_whole || (last.is_some() && !excluded) {
            taken.covered += 1;
        } else if excluded {
            taken.excluded += 1;
        } else if taken.uncovered.len() < MAX_NAMED {
            taken.uncovered.push(path.clone());
        }
    }
}

impl<'w> Subject<'w> {
    fn read(name: &'w ProjectName, project: &'w Project, snapshot: &Snapshot<'_>) -> Result<Self, LintError> {
        let failed = |source| LintError::Infer { project: name.clone(), source };
        let sources = project.sources(snapshot).map_err(failed)?;
        let untracked = |source: &Source| {
            let missing = source.takes.first().filter(|_| source.resolution == Resolution::Missing)?;
            let (CopiedPath::File(path) | CopiedPath::Folder(path) | CopiedPath::Glob { folder: path, .. }) =
                missing;
            snapshot.repository().is_untracked(path).then(|| path.clone())
        };
        let taken = sources.iter().map(|source| Taken { untracked: untracked(source), ..Taken::default() });
        let taken = taken.collect();
        let lines = project.inputs.patterns().into_iter().flat_map(Patterns::lines).map(Line::new).collect();
        Ok(Self {
            name,
            project,
            lines,
            sources,
            taken,
            ignore: infer::ignored(&project.ignore_files(), snapshot).map_err(failed)?,
        })
    }

    /// What paths are looked up for. Negated lines are asked only of paths that something else takes.
    fn sets(&self, number: usize) -> Vec<((usize, What), Patterns)> {
        let mut sets = Vec::new();
        for (line, of) in self.lines.iter().enumerate() {
            if !of.pattern.is_negated() {
                sets.push(((number, What::Line(line)), of.pattern.alone()));
            }
            if let Some(Ambiguity { readings, .. }) = &of.ambiguity {
                let parsed = |text: &str| Patterns::from_list([(text.to_owned(), 1)]).ok();
                let basic = parsed(&readings.basic).map(|set| ((number, What::Basic(line)), set));
                let clear = readings.clear.as_deref().and_then(parsed);
                sets.extend(basic.into_iter().chain(clear.map(|set| ((number, What::Clear(line)), set))));
            }
        }
        let sources = self.sources.iter().enumerate();
        sets.extend(sources.map(|(source, of)| ((number, What::Source(source)), of.patterns.clone())));
        sets
    }

    /// Whether it is an input though no pattern names it.
    fn is_implied(&self, path: &RepoPath) -> bool {
        *path == self.project.config.dockerfile.value
            || (path.file_name().ends_with(b".dockerignore") && self.project.ignore_files().contains(path))
    }

    /// Whether it is used when the image is deployed, so that a change must make another image.
    fn is_deployed(&self, path: &RepoPath) -> bool {
        let config = &self.project.config;
        match &config.terraform {
            TerraformSetting::Off => false,
            TerraformSetting::Folder(folder) => path.is_within(&folder.value),
            TerraformSetting::Default => path
                .relative_to(&config.path.value)
                .is_some_and(|own| own.as_bytes().starts_with(b"terraform/")),
        }
    }
}

impl<'w> Line<'w> {
    fn new(pattern: &'w Pattern) -> Self {
        let text = pattern.text().trim_start_matches('!');
        let readings = expression::ambiguous(text).filter(|_| pattern.line().is_some());
        let ambiguity = readings.map(|readings| Ambiguity {
            readings,
            basic_files: 0,
            differs: false,
            clear_is_same: true,
        });
        Self { pattern, files: 0, ignored: 0, is_used: false, ambiguity }
    }
}
