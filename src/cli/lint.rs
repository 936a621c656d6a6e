use std::collections::BTreeSet;

use clap::Args;

use super::opened::{self, Opened, Uncommitted};
use super::{Call, output::Output};
use crate::error::Error;
use crate::exit::Exit;
use crate::lint::{self, Edit, Lint};
use crate::model::ProjectName;
use crate::report::lint as report;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The projects that are looked at; none named: all.
    projects: Vec<String>,
    /// Changes the files of the work tree where no person has to decide, then looks again.
    #[arg(long, conflicts_with = "head")]
    fix: bool,
}

pub(super) fn run(call: &Call, arguments: &Arguments) -> Result<Exit, Error> {
    let Call { options, environment, output } = call;
    let open = || Opened::new(options, environment, Uncommitted::Included);
    let mut opened = open()?;
    let (mut lint, projects, mut fixed) = (Lint::default(), arguments.projects.as_slice(), Vec::new());
    let mut count = look(&opened, projects, |workspace, found, snapshot| {
        if arguments.fix {
            let work_dir = opened.repository.work_dir().ok_or(crate::git::GitError::Bare)?;
            fixed = lint::write::fix(workspace, &found.findings, snapshot, work_dir)?;
        }
        lint = found;
        Ok(())
    })?;
    if !fixed.is_empty() {
        opened = open()?;
        count = look(&opened, projects, |_, found, _| {
            lint = found;
            Ok(())
        })?;
    }
    answer(call, &opened, count, &lint, &fixed, output);
    Ok(if lint.findings.is_empty() { Exit::Done } else { Exit::No })
}

/// Looks at the named projects; returns how many there are.
fn look(
    opened: &Opened,
    names: &[String],
    then: impl FnOnce(&Workspace, Lint, &crate::git::Snapshot<'_>) -> Result<(), Error>,
) -> Result<usize, Error> {
    let snapshot = opened.snapshot()?;
    let workspace = Workspace::read(&snapshot, &opened.source)?;
    let selected: BTreeSet<ProjectName> = match names {
        [] => workspace.projects.keys().cloned().collect(),
        names => names.iter().map(|name| opened::project(&workspace, name)).collect::<Result<_, _>>()?,
    };
    let found = lint::check(&workspace, &selected, &snapshot)?;
    then(&workspace, found, &snapshot)?;
    // Freeing thousands of projects piece by piece takes longer than the end of the process.
    std::mem::forget(workspace);
    Ok(selected.len())
}

fn answer(call: &Call, opened: &Opened, count: usize, lint: &Lint, fixed: &[Edit], output: &Output) {
    if call.options.json {
        let (head, is_dirty) = (opened.head.commit, opened.is_dirty);
        output.json(&report::LintJson::new(head, is_dirty, count, lint, fixed));
    } else {
        lint.unchecked.iter().for_each(|unchecked| output.story(&report::unchecked(unchecked)));
        output.answer(&report::text(count, lint, fixed));
    }
}
