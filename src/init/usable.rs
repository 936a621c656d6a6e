//! Proposes only what can be read: a build in which something is found only as a whole is left out, and the others go on.

use std::collections::BTreeMap;

use super::{InitError, Project, Proposal, Request, SourceLocation, propose};
use crate::config::Problem;
use crate::git::{GitError, Repository, Snapshot};
use crate::model::{ProjectName, RepoPath};
use crate::workspace::{MANIFEST, ManifestSource, PATTERN_FILE, Workspace, WorkspaceError};

const DOCKERIGNORE: &str = ".dockerignore";

/// Proposes what [`propose`] does, and reads it as it would be written.
///
/// `files` are those of the work tree.
///
/// # Errors
/// As [`propose`]; [`InitError::Unusable`] where a problem is no build's.
pub fn propose_usable(
    repository: &Repository,
    files: &Snapshot<'_>,
    mut request: Request,
) -> Result<Proposal, InitError> {
    loop {
        let proposal = propose(files, request.clone())?;
        let Err(error) = read(repository, &proposal)? else { return Ok(proposal) };
        let WorkspaceError::Invalid(errors) = &error else { return Err(InitError::Unusable(error)) };
        let unusable = unusable(&proposal, &errors.problems);
        if unusable.is_empty() {
            return Err(InitError::Unusable(error));
        }
        request.unusable.extend(unusable);
    }
}

/// The builds of the projects that have problems, and of those that are built from them: without these, they would be built from
/// images of the same names from elsewhere.
fn unusable(proposal: &Proposal, problems: &[Problem]) -> BTreeMap<SourceLocation, String> {
    let mut unusable: BTreeMap<&ProjectName, String> = BTreeMap::new();
    for problem in problems {
        // The lines of the manifest are those of a file that is not written.
        let why = if problem.file == MANIFEST { problem.message.clone() } else { problem.to_string() };
        unusable.extend(at_fault(proposal, problem).into_iter().map(|name| (name, why.clone())));
    }
    let mut known = 0;
    while unusable.len() > known {
        known = unusable.len();
        for (name, project) in &proposal.projects {
            let dependency = project.dependencies().find(|dependency| unusable.contains_key(dependency));
            if let Some(dependency) = dependency.filter(|_| !unusable.contains_key(name)) {
                unusable.insert(name, format!("it is built from `{dependency}`, which can't be used"));
            }
        }
    }
    { unusable.into_iter() }.map(|(name, why)| (proposal.projects[name].found.at.clone(), why)).collect()
}

/// Reads the projects of the work tree with what would be written; the inner error says why they can't be used.
fn read(repository: &Repository, proposal: &Proposal) -> Result<Result<Workspace, WorkspaceError>, GitError> {
    let tree = repository.tree_of_all_files(&proposal.contents_filled_in())?;
    Ok(Workspace::read(&repository.snapshot_of_tree(tree), &ManifestSource::Tree))
}

/// The proposed projects that have the problem: the one whose entry it is, or those that the file says something of.
fn at_fault<'p>(proposal: &'p Proposal, problem: &Problem) -> Vec<&'p ProjectName> {
    if problem.file == MANIFEST {
        return entry_at(proposal, problem.line).into_iter().collect();
    }
    let projects = proposal.projects.iter().filter(|(_, project)| files_of(project).contains(&problem.file));
    projects.map(|(name, _)| name).collect()
}

/// The project whose entry in the manifest has this line.
fn entry_at(proposal: &Proposal, line: usize) -> Option<&ProjectName> {
    let entries = |text: &[u8], lines: usize| {
        let lines = text.split(|&byte| byte == b'\n').take(lines);
        lines.filter(|line| line.starts_with(b"[projects.")).count()
    };
    let (_, text) = proposal.contents_filled_in().pop()?;
    let known = proposal.known.as_ref().map_or(0, |known| entries(&known.text, usize::MAX));
    // Entries stand in the order of the projects.
    let place = entries(&text, line).checked_sub(known)?.checked_sub(1)?;
    proposal.projects.keys().nth(place)
}

/// What is read of a project besides the manifest.
fn files_of(project: &Project) -> [String; 5] {
    let Project { dockerfile, context, path, .. } = project;
    let beside = |end: &str| format!("{dockerfile}{end}");
    let within = |folder: &RepoPath, name: &str| folder.join_component(name.as_bytes()).to_string();
    [
        dockerfile.to_string(),
        beside(DOCKERIGNORE),
        within(context, DOCKERIGNORE),
        beside(PATTERN_FILE),
        within(path, PATTERN_FILE),
    ]
}
