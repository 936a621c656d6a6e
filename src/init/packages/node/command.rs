//! What package managers and task runners are told to build.

use std::collections::BTreeMap;

use super::{filter, script};
use crate::init::evidence::{commands, resolve};
use crate::init::named_files::joined;
use crate::init::packages::NarrowError;
use crate::init::packages::commands::{Command, Scope};
use crate::init::packages::files::Files;
use crate::init::packages::graph::PackageGraph;
use crate::model::RepoPath;

/// Scripts that run scripts are followed as deep.
const MAX_DEPTH: usize = 5;

/// Subcommands that install packages or are about the tool itself.
const INSTALLING: &[&str] = &[
    "add",
    "approve-builds",
    "audit",
    "cache",
    "ci",
    "config",
    "dedupe",
    "env",
    "fetch",
    "global",
    "i",
    "import",
    "info",
    "install",
    "link",
    "list",
    "login",
    "ls",
    "pkg",
    "plugin",
    "prune",
    "rebuild",
    "remove",
    "root",
    "self-update",
    "set",
    "setup",
    "store",
    "unplug",
    "up",
    "update",
    "upgrade",
    "version",
    "view",
    "why",
];

/// Subcommands that run what follows them.
const RUNNING: &[&str] = &["run", "run-script"];
const EXECUTING: &[&str] = &["dlx", "exec", "x"];

/// Options with a value of their own, which says nothing of packages.
const WITH_VALUES: &[&str] = &[
    "--cache-dir",
    "--cacheDir",
    "--concurrency",
    "--configuration",
    "--env-mode",
    "--loglevel",
    "--node-linker",
    "--omit",
    "--only",
    "--package",
    "--parallel",
    "--registry",
    "--reporter",
    "--store-dir",
    "--target",
    "--targets",
    "--token",
    "--team",
    "--workspace-concurrency",
    "-c",
];

/// What a command builds.
pub(in crate::init::packages) fn scope(
    graph: &PackageGraph,
    files: &Files<'_>,
    command: &Command,
) -> Result<Scope, NarrowError> {
    Reader { graph, files }.scope(command, 0)
}

struct Reader<'r> {
    graph: &'r PackageGraph,
    files: &'r Files<'r>,
}

/// The words of a command.
#[derive(Debug, Default)]
struct Words<'w> {
    /// Words that are no options, and how many words stand before each.
    plain: Vec<(&'w str, usize)>,
    filters: Vec<&'w str>,
    is_recursive: bool,
    folder: Option<RepoPath>,
}

impl Reader<'_> {
    fn scope(&self, command: &Command, depth: usize) -> Result<Scope, NarrowError> {
        if depth > MAX_DEPTH {
            return Err(command.unclear("runs scripts that run each other"));
        }
        let program = command.program().unwrap_or_default();
        if program == "node" {
            return Ok(command.script_scope(self.files, command.arguments()));
        }
        let words = Words::read(self.graph, command, program)?;
        let command = &Command { folder: words.folder.clone(), ..command.clone() };
        let first = words.plain.first().map_or("", |(word, _)| *word);
        if first.contains('$') {
            return Err(command.unclear("runs what is not known"));
        }
        let inner = |place: usize| {
            let skipped = words.plain.get(place).map_or(command.words.len(), |(_, before)| *before);
            self.inner(&command.after(skipped), depth)
        };
        match program {
            "corepack" if !matches!(first, "npm" | "pnpm" | "yarn") => Ok(Scope::Nothing),
            "corepack" | "npx" | "pnpx" | "bunx" => inner(0),
            "turbo" | "nx" | "lerna" => self.tasks(program, &words, command),
            "yarn" if first == "workspace" => self.named(command, words.plain.get(1).map(|(word, _)| *word)),
            "yarn" if first == "workspaces" => match words.plain.get(1) {
                Some(("focus", _)) => self.packages(command, words.plain[2..].iter().map(|(word, _)| *word)),
                _ => self.packages(command, words.filters.iter().copied()),
            },
            _ if !words.filters.is_empty() => self.packages(command, words.filters.iter().copied()),
            "yarn" if first.is_empty() => Ok(Scope::Nothing),
            _ if first.is_empty() || INSTALLING.contains(&first) => Ok(Scope::Nothing),
            _ if words.is_recursive => all(command, "runs in all packages"),
            _ if EXECUTING.contains(&first) => inner(1),
            _ if RUNNING.contains(&first) => match words.plain.get(1) {
                Some((name, _)) => self.script(command, name, depth),
                None => Ok(Scope::Nothing),
            },
            "npm" if matches!(first, "start" | "test" | "t" | "pack" | "publish" | "stop") => {
                self.script(command, first, depth)
            }
            "bun" if first == "build" || first.contains('.') => Ok(Scope::Nothing),
            "npm" => Err(command.unclear("is not followed")),
            _ if self.has_script(command, first)? => self.script(command, first, depth),
            _ => inner(0),
        }
    }

    /// A program of a package that another program runs.
    fn inner(&self, command: &Command, depth: usize) -> Result<Scope, NarrowError> {
        match command.program() {
            Some(
                "corepack" | "lerna" | "npm" | "npx" | "nx" | "pnpm" | "turbo" | "yarn" | "bun" | "bunx"
                | "node",
            ) => self.scope(command, depth + 1),
            _ => command.foreign_scope(self.files),
        }
    }

    /// A task runner, which builds all packages unless somebody names some.
    fn tasks(&self, program: &str, words: &Words<'_>, command: &Command) -> Result<Scope, NarrowError> {
        let plain: Vec<&str> = words.plain.iter().map(|(word, _)| *word).collect();
        match (program, plain.as_slice()) {
            (_, []) | ("turbo", ["login" | "link" | "telemetry", ..]) | ("nx", ["reset" | "report", ..]) => {
                Ok(Scope::Nothing)
            }
            ("turbo", ["prune", names @ ..]) if !names.is_empty() => {
                self.packages(command, names.iter().copied())
            }
            _ if !words.filters.is_empty() => self.packages(command, words.filters.iter().copied()),
            ("nx", ["run", task]) => self.named(command, task.split(':').next()),
            ("nx", [task, name]) if *task != "run-many" && *task != "affected" => {
                self.named(command, Some(name))
            }
            _ => match self.package_here(command) {
                Some(folder) => Ok(Scope::Packages(vec![folder])),
                None => all(command, "builds all packages"),
            },
        }
    }

    fn named(&self, command: &Command, name: Option<&str>) -> Result<Scope, NarrowError> {
        self.packages(command, name.into_iter())
    }

    fn packages<'n>(
        &self,
        command: &Command,
        names: impl Iterator<Item = &'n str>,
    ) -> Result<Scope, NarrowError> {
        let folders: Vec<RepoPath> =
            names.map(|name| filter::package(self.graph, command, name)).collect::<Result<_, _>>()?;
        if folders.is_empty() { all(command, "runs in all packages") } else { Ok(Scope::Packages(folders)) }
    }

    fn package_here(&self, command: &Command) -> Option<RepoPath> {
        self.graph.package_of(command.folder.as_ref()?).cloned()
    }

    fn has_script(&self, command: &Command, name: &str) -> Result<bool, NarrowError> {
        let Some(folder) = &command.folder else { return Ok(false) };
        let folder = self.package_here(command).unwrap_or_else(|| folder.clone());
        Ok(script(self.files, &folder, name)?.is_some())
    }

    /// A script of the package in whose folder the command runs. One of the root has to name the packages that it builds.
    fn script(&self, command: &Command, name: &str, depth: usize) -> Result<Scope, NarrowError> {
        let Some(here) = &command.folder else { return Ok(Scope::Nothing) };
        if let Some(folder) = self.package_here(command) {
            return Ok(Scope::Packages(vec![folder]));
        }
        let mut folders = Vec::new();
        for name in [format!("pre{name}"), name.to_owned(), format!("post{name}")] {
            let Some(text) = script(self.files, here, &name)? else { continue };
            let steps = commands::steps(&text, "/", &BTreeMap::new());
            for step in steps.ok_or_else(|| command.unclear("runs a script that is too long"))? {
                let folder = step.folder.and_then(|folder| resolve(here, &joined("/", &folder)[1..]));
                let step = Command { words: step.words, folder };
                match self.inner(&step, depth)? {
                    Scope::Nothing => {}
                    Scope::Packages(more) => folders.extend(more),
                    Scope::Script => return Err(command.unclear("runs a script that may build any package")),
                }
            }
        }
        if folders.is_empty() {
            return Err(command.unclear("builds what a script of the root says"));
        }
        Ok(Scope::Packages(folders))
    }
}

/// What is built where nobody names a package: all that is there, which is nothing of the workspace elsewhere.
fn all(command: &Command, why: &str) -> Result<Scope, NarrowError> {
    if command.folder.is_some() { Err(command.unclear(why)) } else { Ok(Scope::Nothing) }
}

impl<'w> Words<'w> {
    fn read(graph: &PackageGraph, command: &'w Command, program: &str) -> Result<Self, NarrowError> {
        let mut words = Self { folder: command.folder.clone(), ..Self::default() };
        let mut rest = command.arguments().enumerate();
        while let Some((at, word)) = rest.next() {
            if word == "--" {
                break;
            }
            let (name, written) = match word.split_once('=') {
                Some((name, value)) if name.starts_with('-') => (name, Some(value)),
                _ => (word, None),
            };
            let mut value = || match written {
                Some(value) => Ok(value),
                None => rest.next().map(|(_, word)| word).ok_or_else(|| command.unclear("ends too early")),
            };
            match (program, name) {
                ("npm", "-w" | "--workspace")
                | ("pnpm", "-F" | "--filter" | "--filter-prod")
                | ("turbo" | "bun", "-F" | "--filter")
                | ("turbo" | "lerna", "--scope")
                | ("yarn", "--from" | "--include") => words.filters.push(value()?),
                ("nx", "-p" | "--projects" | "--project") => words.filters.extend(value()?.split(',')),
                ("npm", "-ws" | "--workspaces") | ("pnpm", "-r" | "--recursive") => words.is_recursive = true,
                ("pnpm", "-w" | "--workspace-root") => words.folder = Some(graph.root.clone()),
                ("npm", "--prefix" | "-C")
                | ("pnpm", "-C" | "--dir")
                | ("yarn" | "turbo" | "bun", "--cwd") => {
                    let path = value()?;
                    let folder = command.folder.as_ref().map(|folder| resolve(folder, path));
                    let is_outside = folder == Some(None);
                    words.folder = folder.flatten();
                    if is_outside {
                        return Err(command.unclear("runs in another folder"));
                    }
                }
                (_, name) if WITH_VALUES.contains(&name) && written.is_none() => drop(value()?),
                (_, name) if name.starts_with('-') => {}
                _ => words.plain.push((word, at + 1)),
            }
        }
        Ok(words)
    }
}
