//! Why a project is not affected: the changed files that were near, and what did not take them.

use serde_json::json;

use super::json::BaseJson;
use super::styled::{Role, StyledLine, StyledText};
use super::summary::Layout;
use crate::model::{Change, ProjectName, RepoPath};
use crate::patterns::Pattern;
use crate::plan::Impact;
use crate::workspace::{InputRules, Project, Workspace};

/// How many files of one project are listed in words.
const MAX_FILES: usize = 20;

/// The changed files in the folders of a project, and of what it needs, that are no inputs.
#[derive(Debug)]
pub struct NearMisses<'w> {
    project: &'w ProjectName,
    /// Of the whole repository.
    changed_files: usize,
    /// What it needs, itself excluded.
    needs: Vec<&'w ProjectName>,
    by_project: Vec<(&'w ProjectName, &'w Project, Vec<NearMiss<'w>>)>,
}

#[derive(Debug)]
struct NearMiss<'w> {
    path: &'w RepoPath,
    /// The negated line that excludes the file; `None` when no line matches it.
    excluded_by: Option<&'w Pattern>,
}

impl<'w> NearMisses<'w> {
    /// Of a project that the changes do not affect.
    pub fn new(workspace: &'w Workspace, changes: &'w [Change], project: &'w ProjectName) -> Self {
        let with_needs = workspace.graph.with_needs([project]);
        let needs: Vec<&ProjectName> = with_needs.into_iter().filter(|need| *need != project).collect();
        let near = |name: &&'w ProjectName| {
            let (name, it) = workspace.projects.get_key_value(*name)?;
            let folders = [&it.config.path.value, &it.config.context.value];
            let misses: Vec<NearMiss<'_>> = changes
                .iter()
                .filter(|change| folders.iter().any(|folder| change.path.is_within(folder)))
                .map(|Change { path, .. }| NearMiss {
                    path,
                    excluded_by: it.inputs.patterns().and_then(|patterns| patterns.last_match(path)),
                })
                .collect();
            (!misses.is_empty()).then_some((name, it, misses))
        };
        let by_project = [project].iter().chain(&needs).filter_map(near).collect();
        Self { project, changed_files: changes.len(), needs, by_project }
    }

    /// `chinampa.why/2` with `near_misses`.
    pub fn to_json(&self, impact: &Impact) -> serde_json::Value {
        let near_misses = self.by_project.iter().flat_map(|(name, project, misses)| {
            misses.iter().map(move |miss| {
                json!({
                    "project": name,
                    "path": miss.path.to_string(),
                    "excluded_by": miss.excluded_by.map(ToString::to_string),
                    "source": miss.excluded_by.map(|pattern| source(project, pattern)),
                })
            })
        });
        json!({
            "schema": "chinampa.why/2",
            "project": self.project,
            "head": impact.head.to_string(),
            "base": BaseJson::new(&impact.base),
            "affected": false,
            "causes": [],
            "changed_files": self.changed_files,
            "needs": self.needs,
            "near_misses": near_misses.collect::<Vec<_>>(),
        })
    }
}

fn source(project: &Project, pattern: &Pattern) -> String {
    let file = project.inputs.pattern_file().map(ToString::to_string).unwrap_or_default();
    format!("{file}:{}", pattern.line().unwrap_or(1))
}

impl NearMisses<'_> {
    /// The changed files that were near, each with what did not take it.
    pub fn text(&self, layout: Layout) -> StyledText {
        let mut text = StyledText::default();
        let heading = StyledLine::new().text(Role::Strong, &format!("`{}`", self.project));
        text.push(heading.plain(" is not affected:"));
        layout.push(&mut text, StyledLine::new().plain(&self.summary()), 4);
        for (name, project, misses) in &self.by_project {
            let whose = if *name == self.project { String::new() } else { format!(" of `{name}`") };
            for miss in misses.iter().take(MAX_FILES) {
                let line = StyledLine::new().plain("  ").text(Role::Strong, &format!("`{}`", miss.path));
                let line = line.plain(&format!(" {}{whose}", miss.why(project)));
                layout.push(&mut text, line, 4);
            }
            if let Some(more @ 1..) = misses.len().checked_sub(MAX_FILES) {
                let line = format!("  and {more} more files in the folder{whose}");
                text.push(StyledLine::new().text(Role::Dim, &line));
            }
        }
        text
    }

    fn summary(&self) -> String {
        let files = match self.changed_files {
            0 => "no file was changed".to_owned(),
            1 => "the one changed file is no input of it".to_owned(),
            files => format!("none of the {files} changed files is an input of it"),
        };
        let needs: Vec<String> = self.needs.iter().map(|need| format!("`{need}`")).collect();
        match needs.as_slice() {
            [] => format!("  {files}, and it needs no other project"),
            needs => format!("  {files}, nor of what it needs: {}", needs.join(", ")),
        }
    }
}

impl NearMiss<'_> {
    fn why(&self, project: &Project) -> String {
        if let Some(pattern) = self.excluded_by {
            return format!("is excluded by `{pattern}` ({})", source(project, pattern));
        }
        match &project.inputs {
            InputRules::Patterns { file, .. } => format!("matches no line of `{file}`"),
            InputRules::Inferred(inputs) if inputs.names(self.path) => {
                "is left out of the context by `.dockerignore`".to_owned()
            }
            InputRules::Inferred(_) => {
                format!("is taken by no line of `{}`", project.config.dockerfile.value)
            }
        }
    }
}
