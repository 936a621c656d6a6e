//! Which changed paths are whose inputs, and by which line.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::RandomState;

use crate::dockerfile::Dockerfile;
use crate::git::Snapshot;
use crate::model::{Change, ChangeKind, ProjectName, RepoPath};
use crate::patterns::{Index, PathSet, Pattern};
use crate::plan::Reason;
use crate::workspace::{self, MANIFEST, ManifestSource, Project, Workspace};

/// For each project that differs from the base, why its own inputs do: in path order, entry last.
pub fn own_changes(
    workspace: &Workspace,
    source: &ManifestSource,
    base: &Snapshot<'_>,
    changes: &[Change],
) -> BTreeMap<ProjectName, Vec<Reason>> {
    let projects: Vec<(&ProjectName, &Project)> = workspace.projects.iter().collect();
    let files = Files::new(workspace, &projects, changes);
    let mut reasons: BTreeMap<ProjectName, Vec<Reason>> = BTreeMap::new();
    for change in changes {
        files.reasons(change, &mut |name, reason| {
            reasons.entry(name.clone()).or_default().push(reason);
        });
    }
    let manifest_changed = changes.iter().any(|change| change.path.as_bytes() == MANIFEST.as_bytes());
    if manifest_changed && matches!(source, ManifestSource::Tree) {
        for (name, reason) in entry_changes(workspace, base) {
            reasons.entry(name).or_default().push(reason);
        }
    }
    for change in changes.iter().filter(|change| change.kind == ChangeKind::Modified) {
        for &number in files.dockerfiles.get(&change.path).into_iter().flatten() {
            let (name, project) = projects[number];
            if let Some(reason) = parent_changes(base, name, project) {
                reasons.entry(name.clone()).or_default().push(reason);
            }
        }
    }
    reasons
}

/// Which images a Dockerfile that was changed takes something from, and did not before. A text of the base that can't be
/// read, or means nothing with the arguments of today, tells nothing: that the file was changed is reason enough.
fn parent_changes(base: &Snapshot<'_>, name: &ProjectName, project: &Project) -> Option<Reason> {
    let config = &project.config;
    let text = base.read(&config.dockerfile.value).ok()??;
    let old = Dockerfile::parse(&text, &config.build_args, config.platforms.first()).ok()?;
    let references = |dockerfile: &Dockerfile| -> Option<BTreeSet<String>> {
        let parents = dockerfile.parents_needed_for(config.target.as_ref()).ok()?;
        Some(parents.into_iter().map(|parent| parent.reference.clone()).collect())
    };
    let (old, new) = (references(&old)?, references(&project.dockerfile)?);
    let (gone, added) = (old.difference(&new).cloned().collect(), new.difference(&old).cloned().collect());
    (old != new).then(|| Reason::Parents { gone, added, project: name.clone() })
}

/// Looks changed paths up in all patterns of all projects.
struct Files<'w> {
    workspace: &'w Workspace,
    projects: &'w [(&'w ProjectName, &'w Project)],
    own: Index<'w>,
    of_all: Index<'w>,
    /// Which projects have which of the changed paths as Dockerfiles.
    dockerfiles: HashMap<&'w RepoPath, Vec<usize>, RandomState>,
    pattern_files: HashMap<&'w RepoPath, Vec<usize>, RandomState>,
}

impl<'w> Files<'w> {
    fn new(
        workspace: &'w Workspace,
        projects: &'w [(&'w ProjectName, &'w Project)],
        changes: &[Change],
    ) -> Self {
        let changed = PathSet::new(changes.iter().map(|change| &change.path));
        let mut dockerfiles: HashMap<&RepoPath, Vec<usize>, RandomState> = HashMap::default();
        let mut pattern_files: HashMap<&RepoPath, Vec<usize>, RandomState> = HashMap::default();
        // A project's own files lie in its folder.
        let changed_below = |project: &Project| changed.has_at_or_below(&project.config.path.value);
        for (number, (_, project)) in projects.iter().enumerate().filter(|(_, (_, it))| changed_below(it)) {
            let dockerfile = &project.config.dockerfile.value;
            for (path, files) in [(dockerfile, &mut dockerfiles), (&project.pattern_file, &mut pattern_files)]
            {
                if changed.has_at_or_below(path) {
                    files.entry(path).or_default().push(number);
                }
            }
        }
        Self {
            workspace,
            projects,
            own: Index::for_paths(projects.iter().map(|(_, project)| &project.patterns), &changed),
            of_all: Index::new([&workspace.rebuild_all]),
            dockerfiles,
            pattern_files,
        }
    }

    /// Each project takes a path for one reason: its own patterns, else what all have, else what is implied.
    fn reasons(&self, change: &Change, found: &mut dyn FnMut(&'w ProjectName, Reason)) {
        let Change { path, kind } = change;
        let mut taken = vec![];
        self.own.matches(path, |number, pattern| {
            let (name, project) = self.projects[number];
            taken.push(number);
            found(name, self.file(change, name, pattern.to_string(), self.source(project, pattern)));
        });
        self.of_all.matches(path, |_, pattern| {
            for (number, (name, _)) in self.projects.iter().enumerate() {
                if !taken.contains(&number) {
                    let source = self.workspace.manifest_line(pattern.line().unwrap_or(1));
                    found(name, self.file(change, name, pattern.to_string(), source));
                }
            }
            taken = (0..self.projects.len()).collect();
        });
        for number in self.implied(path) {
            let (name, project) = self.projects[number];
            if !taken.contains(&number) {
                let source = self.workspace.manifest_line(project.config.line);
                found(name, self.file(change, name, path.to_string(), source));
            }
        }
        for &number in self.pattern_files.get(path).into_iter().flatten() {
            let name = self.projects[number].0;
            found(name, Reason::Patterns { path: path.clone(), change: *kind, project: name.clone() });
        }
    }

    /// Whose input a path is though no pattern names it: a Dockerfile, or what stands beside one.
    fn implied(&self, path: &RepoPath) -> Vec<usize> {
        let mut numbers = self.dockerfiles.get(path).cloned().unwrap_or_default();
        if path.file_name().ends_with(b".dockerignore") {
            let ignored_by = self.projects.iter().enumerate();
            let ignored_by = ignored_by.filter(|(_, (_, project))| project.ignore_files().contains(path));
            numbers.extend(ignored_by.map(|(number, _)| number));
        }
        numbers
    }

    fn file(&self, change: &Change, name: &ProjectName, pattern: String, source: String) -> Reason {
        let Change { path, kind } = change.clone();
        Reason::File { path, change: kind, pattern, source, project: name.clone() }
    }

    /// The line of the pattern file, or the project's entry where there is none.
    fn source(&self, project: &Project, pattern: &Pattern) -> String {
        match pattern.line() {
            Some(line) => format!("{}:{line}", project.pattern_file),
            None => self.workspace.manifest_line(project.config.line),
        }
    }
}

/// Compares the manifest's entries with those of the base; a base that can't be read differs in all.
fn entry_changes(workspace: &Workspace, base: &Snapshot<'_>) -> Vec<(ProjectName, Reason)> {
    let old = workspace::manifest(base, &ManifestSource::Tree).ok().map(|(manifest, _)| manifest);
    let rebuild_all_differs =
        old.as_ref().is_some_and(|old| old.workspace.rebuild_all != workspace.settings.rebuild_all);
    let mut reasons = Vec::new();
    for (name, project) in &workspace.projects {
        let reason = |keys: Vec<String>| Reason::Entry { keys, project: name.clone() };
        match old.as_ref().and_then(|old| old.projects.get(name)) {
            None => reasons.push((name.clone(), reason(Vec::new()))),
            Some(old) => {
                let mut keys = old.differing_keys(&project.config);
                if rebuild_all_differs {
                    keys.push("rebuild_all".to_owned());
                }
                if !keys.is_empty() {
                    reasons.push((name.clone(), reason(keys)));
                }
            }
        }
    }
    reasons
}
