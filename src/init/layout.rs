//! Builds to projects: contexts, folders, names, needs, and the lines that somebody wrote for pattern files.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::Build;
use super::find::Found;
use super::names::{Names, is_in_generic_folder};
use super::own_images;
use super::{Existing, Guess, Ignored, InitError, Project, Proposal, SourceLocation};
use crate::dockerfile::Dockerfile;
use crate::git::{EntryKind, Snapshot};
use crate::infer::{self, Resolution, Source, SourceKind};
use crate::model::{ProjectName, RepoPath, StageName};
use crate::patterns::Patterns;
use crate::workspace::PATTERN_FILE;

/// A build that can be one of the workspace, and what its Dockerfile says.
struct Candidate {
    build: Build,
    /// Those whose values somebody wrote.
    build_args: BTreeMap<String, String>,
    dockerfile: Dockerfile,
    context: RepoPath,
    sources: Vec<Source>,
}

/// Fills in all that `builds` say of projects.
pub(super) fn fill(
    proposal: &mut Proposal,
    snapshot: &Snapshot<'_>,
    found: &Found,
    builds: Vec<Build>,
    existing: Existing,
) -> Result<(), InitError> {
    let mut candidates: Vec<Candidate> = Vec::new();
    for build in builds {
        let (at, says) = (build.found.clone(), build.says.clone());
        match candidate(snapshot, build, &mut proposal.guesses)? {
            Err(why) => proposal.ignored.push(Ignored { at, why }),
            Ok(new) => match candidates.iter().find(|other| other.is_same_image(&new)) {
                None => candidates.push(new),
                Some(other) => {
                    let why =
                        format!("{says}, which is the image that {} is about already", other.build.found);
                    proposal.ignored.push(Ignored { at, why });
                }
            },
        }
    }
    let names = named(proposal, &candidates);
    let paths = paths(proposal, &candidates);
    for ((candidate, name), path) in candidates.iter().zip(&names).zip(&paths) {
        let needs = needs(proposal, candidate, name, &candidates, &names);
        let project = Project {
            path: path.clone(),
            context: candidate.context.clone(),
            dockerfile: candidate.build.dockerfile.clone(),
            target: candidate.build.target.clone(),
            needs,
            build_args: candidate.build_args.clone(),
            found: Guess { at: candidate.build.found.clone(), says: candidate.build.says.clone() },
        };
        proposal.projects.insert(name.clone(), project);
    }
    pattern_files(proposal, snapshot, found, &candidates, &paths, existing)
}

impl Candidate {
    fn is_same_image(&self, other: &Self) -> bool {
        self.build.dockerfile == other.build.dockerfile
            && self.context == other.context
            && self.build.target == other.build.target
            && self.build_args == other.build_args
    }
}

/// Reads what a build names; the inner error says why it can't be used.
fn candidate(
    snapshot: &Snapshot<'_>,
    mut build: Build,
    guesses: &mut Vec<Guess>,
) -> Result<Result<Candidate, String>, InitError> {
    let path = build.dockerfile.clone();
    if [&build.context, &build.path].into_iter().flatten().chain([&path]).any(|path| !is_text(path)) {
        return Ok(Err("a name that is not UTF-8 can't stand in `projects.toml`".to_owned()));
    }
    let Some(text) = snapshot.read(&path)? else {
        return Ok(Err(format!("there is no file `{path}`")));
    };
    let written = build.build_args.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
    let build_args: BTreeMap<String, String> = written.filter(|(name, _)| is_variable_name(name)).collect();
    let dockerfile = match Dockerfile::parse(&text, &build_args, None) {
        Ok(dockerfile) => dockerfile,
        Err(error) if build.found.file == path => return Ok(Err(format!("it can't be used: {error}"))),
        Err(error) => return Ok(Err(format!("`{path}` can't be used: {error}"))),
    };
    let target: Option<StageName> = match build.target.as_deref().map(str::parse).transpose() {
        Ok(target) => target,
        Err(error) => return Ok(Err(format!("`{path}`: {error}"))),
    };
    if let Err(error) = dockerfile.stages_needed_for(target.as_ref()) {
        return Ok(Err(format!("`{path}`: {error}")));
    }
    let sources = |context: &RepoPath| {
        infer::sources(&dockerfile, target.as_ref(), context, snapshot)
            .map_err(|source| InitError::Infer { dockerfile: path.clone(), source })
    };
    let (context, sources) = match build.context.take() {
        Some(context) => {
            let sources = sources(&context)?;
            (context, sources)
        }
        None => {
            let (context, sources) = guessed_context(&path, sources)?;
            let own = path.parent().unwrap_or_default();
            if context != own {
                let says = format!("the context is `{context}`: what it copies is there");
                guesses.push(Guess { at: SourceLocation::file(&path), says });
            }
            (context, sources)
        }
    };
    if !snapshot.entry(&context)?.is_some_and(|entry| entry.kind == EntryKind::Folder) {
        return Ok(Err(format!("there is no folder `{context}`")));
    }
    Ok(Ok(Candidate { build, build_args, dockerfile, context, sources }))
}

/// The nearest folder above a Dockerfile in which the least of what it takes is missing.
fn guessed_context(
    dockerfile: &RepoPath,
    sources: impl Fn(&RepoPath) -> Result<Vec<Source>, InitError>,
) -> Result<(RepoPath, Vec<Source>), InitError> {
    let mut folders: Vec<RepoPath> = std::iter::successors(dockerfile.parent(), RepoPath::parent).collect();
    if is_in_generic_folder(dockerfile) {
        // What is beside it are other Dockerfiles: nobody copies these.
        folders.swap(0, 1);
    }
    let mut best: Option<(usize, RepoPath, Vec<Source>)> = None;
    for folder in folders {
        let sources = sources(&folder)?;
        let missing = sources.iter().filter(|source| source.resolution == Resolution::Missing).count();
        if best.as_ref().is_none_or(|(least, ..)| missing < *least) {
            best = Some((missing, folder, sources));
        }
    }
    let (_, folder, sources) = best.expect("a file lies in a folder");
    Ok((folder, sources))
}

fn named(proposal: &mut Proposal, candidates: &[Candidate]) -> Vec<ProjectName> {
    let mut names = Names::new(&proposal.workspace);
    let mut given = Vec::new();
    for Candidate { build, .. } in candidates {
        let name = names.give(build.name.as_deref(), &build.dockerfile);
        if let Some(wished) = build.name.as_ref().filter(|wished| **wished != name.as_str()) {
            let says =
                format!("`{wished}` is called `{name}`: a name is lower-case, and one project's alone");
            proposal.guesses.push(Guess { at: build.found.clone(), says });
        }
        given.push(name);
    }
    given
}

/// The folder of each project: it holds the Dockerfile, and its pattern file is the project's.
fn paths(proposal: &mut Proposal, candidates: &[Candidate]) -> Vec<RepoPath> {
    let mut contexts: BTreeMap<&RepoPath, usize> = BTreeMap::new();
    for candidate in candidates {
        *contexts.entry(&candidate.context).or_default() += 1;
    }
    let mut paths = Vec::new();
    for Candidate { build, context, .. } in candidates {
        let holds_dockerfile = |folder: &RepoPath| build.dockerfile.is_within(folder);
        let own = build.dockerfile.parent().unwrap_or_default();
        if let Some(path) = &build.path
            && !holds_dockerfile(path)
        {
            let why = format!("the folder `{path}` does not hold `{}`", build.dockerfile);
            proposal.ignored.push(Ignored { at: build.found.clone(), why });
        }
        let said = build.path.as_ref().filter(|path| holds_dockerfile(path));
        // In the root, a pattern file would be far from what it is about.
        let is_near = |context: &RepoPath| !context.is_root() || own.is_root();
        let alone = Some(context)
            .filter(|context| contexts[context] == 1 && holds_dockerfile(context) && is_near(context));
        paths.push(said.or(alone).unwrap_or(&own).clone());
    }
    paths
}

/// The dependencies that are written down, and a note of those that the Dockerfile names.
fn needs(
    proposal: &mut Proposal,
    candidate: &Candidate,
    name: &ProjectName,
    candidates: &[Candidate],
    names: &[ProjectName],
) -> Vec<ProjectName> {
    let by_wish = |wished: &str| {
        let at = candidates.iter().position(|other| other.build.name.as_deref() == Some(wished))?;
        Some(names[at].clone()).filter(|need| need != name)
    };
    let mut needs = BTreeSet::new();
    for wished in &candidate.build.needs {
        match by_wish(wished) {
            Some(need) => {
                needs.insert(need);
            }
            None => {
                let why = format!("`{name}` can't need `{wished}`: no other project is called so");
                proposal.ignored.push(Ignored { at: candidate.build.found.clone(), why });
            }
        }
    }
    own_images::note(proposal, &candidate.build, &candidate.dockerfile, &needs);
    for parent in candidate.dockerfile.parents() {
        let at = SourceLocation::new(&candidate.build.dockerfile, parent.line);
        let built = candidates.iter().position(|other| other.build.images.contains(&parent.reference));
        if let Some(need) = built.map(|built| &names[built]).filter(|need| need.as_str() != parent.reference)
        {
            let why = format!(
                "`{}` is what `{need}` is built as: write `{need}`, so that it is needed",
                parent.reference
            );
            proposal.ignored.push(Ignored { at: at.clone(), why });
        }
        let need = names.iter().find(|other| *other != name && other.as_str() == parent.reference);
        if let Some(need) = need {
            let says = format!(
                "`{name}` needs the project `{need}`: that is what `{}` names here",
                parent.reference
            );
            proposal.guesses.push(Guess { at, says });
        }
    }
    needs.into_iter().collect()
}

/// Writes down what somebody wrote elsewhere about a project's inputs. The others need no pattern file: their Dockerfiles say it.
fn pattern_files(
    proposal: &mut Proposal,
    snapshot: &Snapshot<'_>,
    found: &Found,
    candidates: &[Candidate],
    paths: &[RepoPath],
    existing: Existing,
) -> Result<(), InitError> {
    let mut by_path: BTreeMap<&RepoPath, Vec<&Candidate>> = BTreeMap::new();
    for (candidate, path) in candidates.iter().zip(paths) {
        by_path.entry(path).or_default().push(candidate);
    }
    for (path, candidates) in by_path {
        let shared = path.join_component(PATTERN_FILE.as_bytes());
        let mut files: BTreeMap<RepoPath, Vec<String>> = BTreeMap::new();
        for candidate in &candidates {
            let Some(written) = written_lines(proposal, snapshot, &candidate.build, path)? else {
                notes(proposal, candidate);
                continue;
            };
            let dockerfile = &candidate.build.dockerfile;
            let file = if candidates.len() == 1 { shared.clone() } else { beside(dockerfile) };
            let comment = format!("# What `{dockerfile}` is built from.");
            files.entry(file).or_insert_with(|| vec![comment]).extend(written);
        }
        let is_kept = |file: &RepoPath| {
            let is_replaced = existing == Existing::Replace && files.contains_key(file);
            found.pattern_files.contains(file) && !is_replaced
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

/// Says of each source that is not simply there what becomes of it.
fn notes(proposal: &mut Proposal, candidate: &Candidate) {
    for source in &candidate.sources {
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
                    candidate.context
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

fn is_text(path: &RepoPath) -> bool {
    std::str::from_utf8(path.as_bytes()).is_ok()
}

fn is_variable_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
