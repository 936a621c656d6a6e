//! Commands to builds: which Dockerfiles and folders of the repository they name.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Build, NamedContext, SecretFrom, SourceLocation, Strength};
use super::options::{File, Invocation};
use super::path_pattern::PathPattern;
use super::token::is_name;
use super::value::{Part, Value};
use crate::git::{Entry, EntryKind, GitError, Snapshot};
use crate::model::{FileMode, RepoPath};

/// The files that commands can name.
pub(in crate::init) struct Tree<'t, 'r> {
    pub(in crate::init) snapshot: &'t Snapshot<'r>,
    /// Those that a path with a variable can mean.
    pub(in crate::init) dockerfiles: &'t [RepoPath],
}

impl std::fmt::Debug for Tree<'_, '_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Tree").field("dockerfiles", &self.dockerfiles.len()).finish_non_exhaustive()
    }
}

/// A Dockerfile that fits, with what the variable of its path stands for there.
struct Fit {
    dockerfile: RepoPath,
    context: Option<RepoPath>,
    bindings: BTreeMap<String, String>,
}

/// Whether it is known where a file is started.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Starts {
    One,
    Several,
}

/// What stands in a file's way of being evidence.
enum Misfit {
    Reason(String),
    /// Files that are not there: from another folder, they may be.
    Missing(RepoPath),
}

impl Tree<'_, '_> {
    /// The builds that a command of `file` stands for, if it is started in one of `starts`; the inner error says why there is none.
    pub(super) fn builds(
        &self,
        file: &RepoPath,
        invocation: &Invocation,
        starts: &BTreeSet<RepoPath>,
    ) -> Result<Result<Vec<Build>, String>, GitError> {
        let own = file.parent().unwrap_or_default();
        let mut found: Vec<(&RepoPath, Vec<Fit>)> = Vec::new();
        let mut misfits = Vec::new();
        let of = if starts.len() == 1 { Starts::One } else { Starts::Several };
        for start in starts {
            match self.fits(invocation, start, &own, of)? {
                Ok(fits) => found.push((start, fits)),
                Err(misfit) => misfits.push(misfit),
            }
        }
        let files = |fits: &[Fit]| -> BTreeSet<(RepoPath, Option<RepoPath>)> {
            fits.iter().map(|fit| (fit.dockerfile.clone(), fit.context.clone())).collect()
        };
        let all: BTreeSet<_> = found.iter().map(|(_, fits)| files(fits)).collect();
        if all.len() > 1 {
            let starts: Vec<String> = found.iter().map(|(start, _)| format!("`{start}`")).collect();
            return Ok(Err(format!("whether it runs in {} is not known", starts.join(" or in "))));
        }
        let Some((start, fits)) = found.into_iter().next() else { return Ok(Err(why(&misfits))) };
        let build = |fit: Fit| build(file, invocation, fit, start, &own);
        Ok(Ok(fits.into_iter().map(build).collect()))
    }

    /// The Dockerfiles that it means if it is started in `start`.
    fn fits(
        &self,
        invocation: &Invocation,
        start: &RepoPath,
        own: &RepoPath,
        starts: Starts,
    ) -> Result<Result<Vec<Fit>, Misfit>, GitError> {
        let pattern = |value: &Value, directory: &Value| {
            let path = value.seen_from(directory);
            if let Some(Part::Unknown(from)) = path.parts().first() {
                return Err(Misfit::Reason(format!("`{value}` depends on {from}")));
            }
            let outside = || Misfit::Reason(format!("`{value}` is not in the repository"));
            let mut pattern = PathPattern::new(&path, start, own).ok_or_else(outside)?;
            pattern.is_written |= starts == Starts::One && !start.is_root();
            Ok(pattern)
        };
        let context = invocation.context.as_ref();
        let context = match context.map(|context| pattern(context, &invocation.directory)).transpose() {
            Ok(context) => context,
            Err(misfit) => return Ok(Err(misfit)),
        };
        let files: Result<Vec<PathPattern>, Misfit> = match (&invocation.dockerfile, &context) {
            (File::Named(file), context) => pattern(file, &invocation.directory).map(|path| {
                let inside = context.as_ref().filter(|_| invocation.looks_in_context);
                let inside = inside.and_then(|_| {
                    let context = invocation.context.as_ref()?.seen_from(&invocation.directory);
                    pattern(file, &context).ok()
                });
                [path].into_iter().chain(inside).collect()
            }),
            (File::Default, Some(context)) if context.unknown().is_empty() || context.is_written => {
                let first: &[&str] = if invocation.looks_in_context { &["Containerfile"] } else { &[] };
                let names = first.iter().chain(&["Dockerfile", "dockerfile"]);
                Ok(names.map(|name| context.joined(name)).collect())
            }
            (File::Default, _) => {
                let context = invocation.context.as_ref().map(Value::to_string).unwrap_or_default();
                Err(Misfit::Reason(format!("which folder it builds depends on `{context}`")))
            }
            (File::Unknown, _) => Err(Misfit::Reason("its Dockerfile comes from standard input".to_owned())),
        };
        let files = match files {
            Ok(files) => files,
            Err(misfit) => return Ok(Err(misfit)),
        };
        for file in &files {
            let fits = self.fits_of(file, context.as_ref())?;
            if !fits.is_empty() {
                return Ok(Ok(fits));
            }
        }
        Ok(Err(self.misfit(&files, context.as_ref())))
    }

    fn misfit(&self, files: &[PathPattern], context: Option<&PathPattern>) -> Misfit {
        let variables = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            names.join(" and ")
        };
        let file = files.iter().find(|file| file.known().is_none()).or(files.first());
        match (file, file.and_then(PathPattern::known), context.and_then(PathPattern::known)) {
            (Some(file), None, _) => {
                let reason = format!("which Dockerfile it builds depends on {}", variables(&file.unknown()));
                Misfit::Reason(reason)
            }
            (_, Some(file), Some(context)) if self.is_file(&file).unwrap_or(false) => {
                Misfit::Missing(context)
            }
            (_, Some(file), _) => Misfit::Missing(file),
            (None, ..) => Misfit::Reason("it names no Dockerfile".to_owned()),
        }
    }

    fn fits_of(&self, file: &PathPattern, context: Option<&PathPattern>) -> Result<Vec<Fit>, GitError> {
        let bound: Vec<(RepoPath, BTreeMap<String, String>)> = match file.known() {
            Some(path) if self.is_file(&path)? => vec![(path, BTreeMap::new())],
            Some(_) => Vec::new(),
            None if !file.is_written => Vec::new(),
            None if !self.has_folder(file.known_folder().as_ref())? => Vec::new(),
            None => {
                let bind = |path: &RepoPath| Some((path.clone(), file.binding(path)?));
                self.dockerfiles.iter().filter_map(bind).collect()
            }
        };
        let mut fits = Vec::new();
        for (dockerfile, bindings) in bound {
            // A variable that a path begins with can as well be the root's.
            let context = context.filter(|context| !context.is_unknown() || file.depth() == 2);
            let context = context.and_then(|context| context.bound(&bindings).known());
            let is_there = match &context {
                Some(context) => self.is_folder(context)?,
                None => true,
            };
            if is_there {
                fits.push(Fit { dockerfile, context, bindings });
            }
        }
        Ok(fits)
    }

    fn is_file(&self, path: &RepoPath) -> Result<bool, GitError> {
        let entry = self.snapshot.entry(path)?;
        let is_file = |mode| mode != FileMode::Submodule;
        Ok(matches!(entry, Some(Entry { kind: EntryKind::File(mode), .. }) if is_file(mode)))
    }

    fn has_folder(&self, path: Option<&RepoPath>) -> Result<bool, GitError> {
        path.map_or(Ok(false), |path| self.is_folder(path))
    }

    fn is_folder(&self, path: &RepoPath) -> Result<bool, GitError> {
        Ok(matches!(self.snapshot.entry(path)?, Some(Entry { kind: EntryKind::Folder, .. })))
    }
}

fn why(misfits: &[Misfit]) -> String {
    let reason = misfits.iter().find_map(|misfit| match misfit {
        Misfit::Reason(reason) => Some(reason.clone()),
        Misfit::Missing(_) => None,
    });
    reason.unwrap_or_else(|| {
        let missing: BTreeSet<String> = misfits
            .iter()
            .filter_map(|misfit| match misfit {
                Misfit::Missing(path) => Some(format!("`{path}`")),
                Misfit::Reason(_) => None,
            })
            .collect();
        format!("there is no {}", missing.into_iter().collect::<Vec<_>>().join(" and no "))
    })
}

fn build(file: &RepoPath, invocation: &Invocation, fit: Fit, start: &RepoPath, own: &RepoPath) -> Build {
    let bound = |value: &Value| value.bound(&fit.bindings);
    let known = |value: &Value| bound(value).as_text().map(str::to_owned);
    let path = |value: &Value| {
        let value = bound(value).seen_from(&bound(&invocation.directory));
        PathPattern::new(&value, start, own)?.known()
    };
    let says = match fit.bindings.iter().next() {
        None => format!("`{}` builds it", invocation.tool),
        Some((from, value)) => format!("`{}` builds it where `{from}` is `{value}`", invocation.tool),
    };
    let named = invocation.build_args.iter().filter(|(name, _)| is_name(name));
    let build_args = named.map(|(name, value)| (name.clone(), value.as_ref().and_then(known)));
    let contexts = invocation.contexts.iter().filter_map(|named| {
        let (name, value) = named.split_at_equals()?;
        let context = match value.known_start().strip_prefix("docker-image://") {
            Some(image) if !value.has_unknown() => NamedContext::Image(image.to_owned()),
            _ => NamedContext::Folder(path(&value)?),
        };
        Some((name, context))
    });
    let platforms = invocation.platforms.iter().filter_map(known);
    let platforms =
        platforms.flat_map(|list| list.split(',').map(|one| one.trim().to_owned()).collect::<Vec<_>>());
    let ssh = invocation.ssh.iter().filter_map(known);
    Build {
        strength: Strength::Command,
        says,
        name: invocation.images.iter().find_map(|image| last_name(&bound(image))),
        images: invocation.images.iter().filter_map(|image| reference(&bound(image))).collect(),
        target: invocation.target.as_ref().and_then(known).filter(|target| !target.is_empty()),
        build_args: build_args.collect(),
        contexts: contexts.collect(),
        secrets: invocation.secrets.iter().filter_map(|secret| self::secret(&bound(secret), path)).collect(),
        ssh: ssh.map(|socket| socket.split('=').next().unwrap_or_default().to_owned()).collect(),
        platforms: platforms.filter(|platform| !platform.is_empty()).collect(),
        context: fit.context.clone(),
        ..Build::of(fit.dockerfile.clone(), SourceLocation::new(file, invocation.line))
    }
}

/// What is known of an image: without its tag where that is a variable, and nothing where its name is one.
fn reference(image: &Value) -> Option<String> {
    if let Some(image) = image.as_text() {
        return Some(image.to_owned()).filter(|image| !image.is_empty());
    }
    let start = image.known_start();
    let (name, _) = start.rsplit_once(':')?;
    let is_tag = !image.without_start(name.len()).to_string().contains('/');
    (!name.is_empty() && is_tag).then(|| name.to_owned())
}

/// The last name of an image, which is often known where what stands before it is a variable. `None` where a part of the tag is known: it may tell
/// apart what has one name.
fn last_name(image: &Value) -> Option<String> {
    let last = image.file_name();
    let name = match (last.known_start().split_once(':'), last.has_unknown()) {
        (Some((name, "")), true) | (Some((name, "latest")), false) => name,
        (Some(_), _) | (None, true) => return None,
        (None, false) => last.known_start(),
    };
    (!name.is_empty()).then(|| name.to_owned())
}

/// `id=…` with `env=…` or `src=…`.
fn secret(secret: &Value, path: impl Fn(&Value) -> Option<RepoPath>) -> Option<(String, SecretFrom)> {
    let text = secret.as_text()?;
    let field = |names: &[&str]| {
        text.split(',').find_map(|field| {
            let (name, value) = field.split_once('=')?;
            names.contains(&name.trim()).then(|| value.to_owned())
        })
    };
    let id = field(&["id"])?;
    let from = match (field(&["env"]), field(&["src", "source"])) {
        (Some(name), _) => SecretFrom::Environment(name),
        (None, Some(file)) => SecretFrom::File(path(&Value::text(&file))?),
        (None, None) => SecretFrom::Environment(id.clone()),
    };
    Some((id, from))
}
