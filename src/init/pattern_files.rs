//! The pattern files of projects whose inputs somebody wrote down elsewhere, or that are built from some packages of a workspace.

use std::collections::{BTreeMap, BTreeSet};

use super::candidates::Candidate;
use super::evidence::Build;
use super::packages::{Narrowed, Narrower, Narrowing};
use super::{Existing, Guess, Ignored, InitError, Proposal, SourceLocation};
use crate::git::Snapshot;
use crate::infer::{Resolution, SourceKind};
use crate::model::RepoPath;
use crate::patterns::Patterns;
use crate::workspace::PATTERN_FILE;

/// How a pattern file of packages can be changed.
const ADVICE: &str = "# Other files are not in the build context: add a line if the build misses one, or remove this file to take all that \
                      the Dockerfile copies.";

/// Writes down what somebody wrote elsewhere about a project's inputs, and which packages of a workspace it is built from. The
/// others need no pattern file: their Dockerfiles say it.
///
/// # Errors
/// [`InitError::Git`] and [`InitError::Infer`] when the tree can't be read.
pub(super) fn fill(
    proposal: &mut Proposal,
    snapshot: &Snapshot<'_>,
    there: &BTreeSet<RepoPath>,
    candidates: &[Candidate],
    paths: &[RepoPath],
    existing: Existing,
) -> Result<(), InitError> {
    let mut by_path: BTreeMap<&RepoPath, Vec<&Candidate>> = BTreeMap::new();
    for (candidate, path) in candidates.iter().zip(paths) {
        by_path.entry(path).or_default().push(candidate);
    }
    let mut narrower = Narrower::new(snapshot);
    for (path, candidates) in by_path {
        let shared = path.join_component(PATTERN_FILE.as_bytes());
        // A known project may have this folder as well.
        let is_alone = candidates.len() == 1 && proposal.known.is_none();
        let mut files: BTreeMap<RepoPath, Vec<String>> = BTreeMap::new();
        for candidate in &candidates {
            let dockerfile = &candidate.build.dockerfile;
            let file = if is_alone { shared.clone() } else { beside(dockerfile) };
            // Others that are built from this Dockerfile would have the file as well.
            let of_dockerfile = candidates.iter().filter(|other| other.build.dockerfile == *dockerfile);
            let is_shared = of_dockerfile.count() > 1;
            match written_lines(proposal, snapshot, &candidate.build, path)? {
                Some(_) if is_shared => {
                    let why = "its patterns are not written: other projects have its Dockerfile, and would have the same \
                               pattern file; name one of its own by `patterns`";
                    let at = candidate.build.found.clone();
                    proposal.ignored.push(Ignored { at, why: why.to_owned() });
                    notes(proposal, candidate);
                }
                Some(written) => {
                    let comment = format!("# What `{dockerfile}` is built from.");
                    files.entry(file).or_insert_with(|| vec![comment]).extend(written);
                }
                None => {
                    notes(proposal, candidate);
                    if !is_shared && !there.contains(&file) && !there.contains(&shared) {
                        let narrowing = narrower.narrow(candidate, path)?;
                        let lines = narrowed_lines(proposal, dockerfile, &file, narrowing);
                        files.extend(lines.map(|lines| (file, lines)));
                    }
                }
            }
        }
        let is_kept = |file: &RepoPath| {
            let is_replaced = existing == Existing::Replace && files.contains_key(file);
            there.contains(file) && !is_replaced
        };
        let beside = candidates.iter().map(|candidate| beside(&candidate.build.dockerfile));
        let kept: BTreeSet<RepoPath> = beside.chain([shared.clone()]).filter(is_kept).collect();
        // One for all of them says what the others would say.
        files.retain(|file, _| !kept.contains(&shared) && !kept.contains(file));
        proposal.kept.extend(kept);
        proposal.pattern_files.extend(files);
    }
    Ok(())
}

/// The pattern file of one Dockerfile alone.
fn beside(dockerfile: &RepoPath) -> RepoPath {
    let file = [dockerfile.as_bytes(), PATTERN_FILE.as_bytes()].concat();
    RepoPath::new(file).expect("a path with more letters is a path")
}

/// The lines that somebody wrote elsewhere for this project; `None` where nobody did, or they can't be used.
fn written_lines(
    proposal: &mut Proposal,
    snapshot: &Snapshot<'_>,
    build: &Build,
    path: &RepoPath,
) -> Result<Option<Vec<String>>, InitError> {
    let written = match &build.pattern_file {
        Some(file) => snapshot.read(file)?.map(|text| String::from_utf8_lossy(&text).into_owned()),
        None => Some(build.pattern_lines.join("\n")),
    };
    let Some(written) = written.filter(|written| !written.trim().is_empty()) else { return Ok(None) };
    if let Err(errors) = Patterns::parse(written.as_bytes(), path) {
        let why = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        proposal.ignored.push(Ignored { at: build.found.clone(), why: format!("its patterns: {why}") });
        return Ok(None);
    }
    Ok(Some(written.lines().map(str::to_owned).collect()))
}

/// The lines that take some packages of a workspace, if it is certain which; says where it is not.
fn narrowed_lines(
    proposal: &mut Proposal,
    dockerfile: &RepoPath,
    file: &RepoPath,
    narrowing: Narrowing,
) -> Option<Vec<String>> {
    let (line, says, lines) = match narrowing {
        Narrowing::None => return None,
        Narrowing::Uncertain { line, why } => (line, format!("takes the whole workspace: {why}"), None),
        Narrowing::Certain { line, narrowed: Narrowed { kind, packages, lines } } => {
            let comments = [format!("# {kind}: {packages}."), ADVICE.to_owned()];
            let lines = comments.into_iter().chain(lines).collect();
            (line, format!("`{file}` narrows the {kind} to {packages}"), Some(lines))
        }
    };
    proposal.guesses.push(Guess { at: SourceLocation::new(dockerfile, line), says });
    lines
}

/// Says of each source that is not simply there what becomes of it.
fn notes(proposal: &mut Proposal, candidate: &Candidate) {
    for source in &candidate.context.sources {
        let keyword = match source.kind {
            SourceKind::Copy => "COPY",
            SourceKind::Add => "ADD",
            SourceKind::Mount => "a mount of",
            SourceKind::Frontend => "the frontend",
        };
        let takes: Vec<String> = source.takes.iter().map(|takes| takes.line(&RepoPath::default())).collect();
        let (written, takes) = (&source.written, takes.join("`, `"));
        let at = SourceLocation::new(&candidate.build.dockerfile, source.line);
        let mut guess = |says: String| proposal.guesses.push(Guess { at: at.clone(), says });
        match source.resolution {
            Resolution::There => {}
            Resolution::MatchesNothing => guess(format!("{keyword} `{written}` matches nothing yet")),
            Resolution::Missing => {
                let why = format!(
                    "{keyword} `{written}`: git has no such file in `{}`; if it is made before the build, \
                     name it in `extra_inputs`",
                    candidate.context.folder
                );
                proposal.ignored.push(Ignored { at, why });
                continue;
            }
            Resolution::UnknownVariable => {
                guess(format!("{keyword} `{written}` depends on a variable: it may take all of `{takes}`"));
            }
            Resolution::ForeignFrontend => {
                guess(format!("{keyword} `{written}` is not Docker's own: it may take all of `{takes}`"));
            }
            Resolution::BadWildcard => {
                guess(format!(
                    "{keyword} `{written}` is no wildcard of an engine: it may take all of `{takes}`"
                ));
            }
        }
        if source.has_exclusions {
            guess(format!("what {keyword} `{written}` leaves out by `--exclude` counts all the same"));
        }
    }
}
