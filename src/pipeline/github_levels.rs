//! A workflow of GitHub Actions that would be too large with a job for each project: a matrix for each level of the graph.
//!
//! The projects of a level need only those of earlier levels. A matrix has at most 256 jobs, so a level can have several.

use std::collections::BTreeMap;

use super::github_job::{BUILT, History, from_secrets, runs_on, steps};
use super::yaml::{Yaml, table, table_of};
use super::{Job, Setup, Trusted, script};
use crate::model::ProjectName;

/// How many jobs a matrix can have.
const MAX_JOBS: usize = 256;

/// Projects that wait for nothing but earlier levels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Level {
    pub(super) matrices: Vec<Matrix>,
}

/// Some projects of a level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Matrix {
    /// Of its job, and of the output with those of its projects that are built.
    pub(super) name: String,
    pub(super) projects: Vec<ProjectName>,
}

/// The levels of the projects, the first one first.
pub(super) fn levels(jobs: &[Job]) -> Vec<Level> {
    let mut of_project: BTreeMap<&ProjectName, usize> = BTreeMap::new();
    let mut levels: Vec<Vec<ProjectName>> = Vec::new();
    for job in jobs {
        let level = job.needs.iter().map(|need| of_project[need] + 1).max().unwrap_or_default();
        of_project.insert(&job.project, level);
        if levels.len() == level {
            levels.push(Vec::new());
        }
        levels[level].push(job.project.clone());
    }
    let level = |(number, projects): (usize, Vec<ProjectName>)| {
        let matrix = |(part, projects): (usize, &[ProjectName])| Matrix {
            name: format!("level_{}_{}", number + 1, part + 1),
            projects: projects.to_vec(),
        };
        Level { matrices: projects.chunks(MAX_JOBS).enumerate().map(matrix).collect() }
    };
    levels.into_iter().enumerate().map(level).collect()
}

/// Adds a job for each matrix; returns the names of all.
pub(super) fn jobs(
    setup: &Setup,
    trusted: &Trusted,
    levels: &[Level],
    jobs: &mut Vec<(String, Yaml)>,
) -> Vec<String> {
    let settings = &trusted.settings;
    let names = |level: &Level| level.matrices.iter().map(|matrix| matrix.name.clone()).collect::<Vec<_>>();
    let mut environment = vec![("CHINAMPA_PROJECT".to_owned(), "${{ matrix.project }}".into())];
    environment.extend(from_secrets(trusted.secrets(), settings));
    let mut before = Vec::new();
    let mut is_first = true;
    for level in levels {
        for Matrix { name, .. } in &level.matrices {
            let needs: Vec<String> =
                std::iter::once("plan".to_owned()).chain(before.iter().cloned()).collect();
            let steps = if is_first {
                let steps = steps(setup, History::Commit, "Build", &script::build(BUILT));
                Yaml::Anchor("build", Box::new(steps))
            } else {
                Yaml::Alias("build")
            };
            is_first = false;
            let projects = format!("${{{{ fromJSON(needs.plan.outputs.{name}) }}}}");
            let strategy =
                table([("fail-fast", false.into()), ("matrix", table([("project", projects.into())]))]);
            let job = table_of([
                ("name", Some("${{ matrix.project }}".into())),
                ("needs", Some(needs.into())),
                ("if", Some(format!("!cancelled() && !failure() && needs.plan.outputs.{name}").into())),
                ("strategy", Some(strategy)),
                ("runs-on", Some(runs_on(settings))),
                ("container", settings.image.as_ref().map(Into::into)),
                ("env", Some(Yaml::Table(environment.clone()))),
                ("steps", Some(steps)),
            ]);
            jobs.push((name.clone(), job));
        }
        before = names(level);
    }
    levels.iter().flat_map(names).collect()
}
