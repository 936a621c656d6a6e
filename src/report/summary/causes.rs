//! Why projects were built: each cause once, with all projects that it made stale.

use std::collections::BTreeMap;

use super::Layout;
use crate::execute::{BuildReport, Outcome};
use crate::model::{ChangeKind, ProjectName};
use crate::observe::Reason;
use crate::plan::{Plan, Step};
use crate::report::styled::{Role, StyledText, columns_of, padded};

/// Up to how many rows there are.
const MAX_ROWS: usize = 4;

/// Up to how many files or dependencies one row names.
const MAX_NAMED: usize = 3;

/// A reason without the project that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Cause {
    /// A path, and what was done to it unless it was modified.
    File(String),
    Need(String),
    Sentence(String),
}

/// Causes of one kind that the same projects have.
struct Row<'p> {
    projects: Vec<&'p ProjectName>,
    causes: Vec<Cause>,
}

pub(super) fn rows(text: &mut StyledText, plan: &Plan, report: &BuildReport, layout: Layout) {
    let stale = Stale::of(plan, report);
    let rows = stale.grouped();
    let (shown, more) = rows.split_at(layout.shown(rows.len(), MAX_ROWS));
    let names = |row: &Row<'_>| {
        let names = layout.names(&row.projects);
        let is_all = row.projects.len() == stale.0.len() && names.contains(" more");
        if is_all { format!("all {}", stale.0.len()) } else { names }
    };
    let columns = shown.iter().map(|row| columns_of(&names(row))).max().unwrap_or_default();
    for row in shown {
        let line = Layout::row(Role::Dim, "because");
        let line = line.plain(&padded(&names(row), columns)).plain("  ").plain(&row.text(layout));
        text.push(layout.cut(line));
    }
    if let more @ 1.. = more.len() {
        let more = format!("{more} more reasons: `chinampa why PROJECT` names them");
        text.push(Layout::row(Role::Dim, "because").text(Role::Dim, &more));
    }
}

/// Why each project was to be built, in a few words.
pub(in crate::report) fn by_project<'p>(
    plan: &'p Plan,
    report: &BuildReport,
) -> BTreeMap<&'p ProjectName, String> {
    let stale = Stale::of(plan, report);
    let why = |step: &&'p Step| {
        let project = &step.impact.project;
        let causes = stale.causes(step).into_iter().map(|cause| (cause, vec![project]));
        let rows = rows_of(causes.collect());
        (project, rows.iter().map(|row| row.text(Layout::default())).collect::<Vec<_>>().join("; "))
    };
    stale.0.iter().map(why).collect()
}

/// The projects that were to be built.
struct Stale<'p>(Vec<&'p Step>);

impl<'p> Stale<'p> {
    fn of(plan: &'p Plan, report: &BuildReport) -> Self {
        let is_stale = |step: &&Step| {
            let outcome = report.projects.get(&step.impact.project).map(|project| &project.outcome);
            !matches!(outcome, None | Some(Outcome::Reused { .. } | Outcome::Pulled { .. }))
        };
        Self(plan.steps.iter().filter(is_stale).collect())
    }

    fn grouped(&self) -> Vec<Row<'p>> {
        let mut causes: Vec<(Cause, Vec<&'p ProjectName>)> = Vec::new();
        for step in &self.0 {
            for cause in self.causes(step) {
                let project = &step.impact.project;
                match causes.iter_mut().find(|(known, _)| *known == cause) {
                    Some((_, projects)) => projects.push(project),
                    None => causes.push((cause, vec![project])),
                }
            }
        }
        rows_of(causes)
    }

    /// An unknown base is the same for all, and was said before. That the cache has no image is worth a word where nothing else is.
    /// What is about a dependency is said of that one, if it was to be built as well.
    fn causes(&self, step: &Step) -> Vec<Cause> {
        let reasons: Vec<&Reason> =
            step.reasons().filter(|reason| !matches!(reason, Reason::BaseUnknown { .. })).collect();
        let is_more = |reason: &&Reason| !matches!(reason, Reason::NoImage);
        let has_more = reasons.iter().any(is_more);
        let mut causes = Vec::new();
        for reason in reasons.into_iter().filter(|reason| !has_more || is_more(reason)) {
            let other = project_of(reason).filter(|project| **project != step.impact.project);
            let cause = match other.filter(|project| self.has(project)) {
                Some(project) => Cause::Need(project.to_string()),
                None => Cause::of(reason),
            };
            if !causes.contains(&cause) {
                causes.push(cause);
            }
        }
        causes
    }

    fn has(&self, project: &ProjectName) -> bool {
        self.0.iter().any(|step| step.impact.project == *project)
    }
}

fn rows_of(causes: Vec<(Cause, Vec<&ProjectName>)>) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for (cause, projects) in causes {
        let same = |row: &&mut Row<'_>| {
            let is_alike = std::mem::discriminant(&row.causes[0]) == std::mem::discriminant(&cause);
            row.projects == projects && is_alike && !matches!(cause, Cause::Sentence(_))
        };
        match rows.iter_mut().find(same) {
            Some(row) => row.causes.push(cause),
            None => rows.push(Row { projects, causes: vec![cause] }),
        }
    }
    rows
}

/// Whose inputs a reason is about.
fn project_of(reason: &Reason) -> Option<&ProjectName> {
    match reason {
        Reason::File { project, .. }
        | Reason::Folder { project, .. }
        | Reason::Lfs { project, .. }
        | Reason::New { project }
        | Reason::UnreadableInBase { project, .. }
        | Reason::Entry { project, .. }
        | Reason::DefaultPlatform { project, .. }
        | Reason::Parents { project, .. }
        | Reason::Locked { project, .. }
        | Reason::Patterns { project, .. } => Some(project),
        Reason::Need { .. }
        | Reason::UnreadableBase { .. }
        | Reason::BaseUnknown { .. }
        | Reason::NoImage
        | Reason::CacheUnread
        | Reason::NoImageOfDefaultBranch
        | Reason::NoImageOfExtraInputs
        | Reason::Tainted
        | Reason::Forced { .. } => None,
    }
}

impl Cause {
    fn of(reason: &Reason) -> Self {
        match reason {
            Reason::File { path, change: ChangeKind::Modified, inside, .. } if inside.is_empty() => {
                Self::File(path.to_string())
            }
            Reason::File { path, change, inside, .. } => match inside.len() {
                0 => Self::File(format!("{path} ({change})")),
                1 => Self::File(format!("{path} (1 file inside)")),
                files => Self::File(format!("{path} ({files} files inside)")),
            },
            Reason::Patterns { path, change: ChangeKind::Modified, .. } => Self::File(path.to_string()),
            Reason::Patterns { path, change, .. } => Self::File(format!("{path} ({change})")),
            Reason::Need { project } => Self::Need(project.to_string()),
            Reason::Entry { keys, .. } => {
                let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
                Self::Sentence(format!("the entry in the manifest differs in {}", keys.join(", ")))
            }
            Reason::New { .. } => Self::Sentence("new in the manifest".to_owned()),
            other => Self::Sentence(other.to_string()),
        }
    }
}

impl Row<'_> {
    fn text(&self, layout: Layout) -> String {
        let texts: Vec<&str> = self.causes.iter().map(Cause::text).collect();
        let shown = layout.shown(texts.len(), MAX_NAMED);
        let mut list = texts[..shown].join(", ");
        if let more @ 1.. = texts.len() - shown {
            list += &format!(" and {more} more");
        }
        match (&self.causes[0], self.projects.len()) {
            (Cause::Need(_), 1) => format!("needs {list}"),
            (Cause::Need(_), _) => format!("need {list}"),
            (Cause::File(_) | Cause::Sentence(_), _) => list,
        }
    }
}

impl Cause {
    fn text(&self) -> &str {
        match self {
            Self::File(text) | Self::Need(text) | Self::Sentence(text) => text,
        }
    }
}
