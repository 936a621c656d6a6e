//! What the steps of a Dockerfile do with a copy of a workspace: which commands run, in which folder of it, and which files of it
//! they and the copies between stages name.

use std::collections::BTreeMap;

use super::NarrowError;
use super::commands::Command;
use super::files::Files;
use super::image::{Copied, Stage, filled};
use crate::dockerfile::{Dockerfile, Instruction};
use crate::infer::CopiedPath;
use crate::init::candidates::Candidate;
use crate::init::evidence::commands;
use crate::init::named_files::joined;
use crate::model::{RepoPath, StageName};

/// Programs whose arguments are not read as files of a build.
const UNREAD: &[&str] = &[
    "rm", "mkdir", "ls", "chown", "chmod", "find", "touch", "echo", "cargo", "go", "test", "useradd",
    "adduser",
];

/// More mappings of folders than this are not followed.
const MAX_COPIES: usize = 200;

/// What the stages that a target needs do.
pub(super) struct Steps {
    pub(super) commands: Vec<Command>,
    /// What is named of the workspace.
    pub(super) named: Vec<CopiedPath>,
    /// Whether the image itself has a copy of the workspace, and not only what is built from it.
    pub(super) is_in_image: bool,
}

struct Reader<'a> {
    files: &'a Files<'a>,
    context: &'a RepoPath,
    build_args: &'a BTreeMap<String, String>,
    /// With the defaults that stand before the first stage.
    global: BTreeMap<String, String>,
    stages: Vec<Stage>,
    steps: Steps,
}

impl Steps {
    pub(super) fn read(candidate: &Candidate, files: &Files<'_>) -> Result<Self, NarrowError> {
        let Candidate { target, reading, context, .. } = candidate;
        let needed = needed_stages(&reading.dockerfile, target.as_ref());
        let mut reader = Reader {
            files,
            context: &context.folder,
            build_args: &reading.build_args,
            global: BTreeMap::new(),
            stages: Vec::new(),
            steps: Self { commands: Vec::new(), named: Vec::new(), is_in_image: false },
        };
        for instruction in reading.dockerfile.instructions() {
            if instruction.keyword == "FROM" {
                reader.start_stage(instruction);
            } else if reader.stages.is_empty() || needed.contains(&(reader.stages.len() - 1)) {
                reader.instruction(instruction)?;
            }
        }
        let last = needed.last().and_then(|target| reader.stages.get(*target));
        let is_in_image =
            last.is_some_and(|stage| stage.copies.iter().any(|copied| files.root.is_within(&copied.from)));
        Ok(Self { is_in_image, ..reader.steps })
    }
}

/// The stages of a target, itself last.
fn needed_stages(dockerfile: &Dockerfile, target: Option<&StageName>) -> Vec<usize> {
    let stages = dockerfile.stages();
    let named =
        target.and_then(|target| stages.iter().rposition(|stage| stage.name.as_ref() == Some(target)));
    let before = dockerfile.stages_needed_for(target).unwrap_or_default();
    before.iter().map(|stage| stage.index).chain([named.unwrap_or(stages.len() - 1)]).collect()
}

impl Reader<'_> {
    fn start_stage(&mut self, instruction: &Instruction) {
        let words = &instruction.arguments;
        let base = words.first().map(|base| filled(base, &self.global)).unwrap_or_default();
        let before = self.stages.iter().rfind(|stage| stage.name.as_ref() == Some(&base.to_lowercase()));
        let mut stage = before.cloned().unwrap_or(Stage { folder: "/".to_owned(), ..Stage::default() });
        stage.name = match words.as_slice() {
            [_, word, name] if word.eq_ignore_ascii_case("AS") => Some(name.to_lowercase()),
            _ => None,
        };
        self.stages.push(stage);
    }

    fn instruction(&mut self, instruction: &Instruction) -> Result<(), NarrowError> {
        let words = &instruction.arguments;
        let mut declared = Vec::new();
        match (instruction.keyword.as_str(), self.stages.last_mut()) {
            ("ARG", stage) => {
                for word in words {
                    let (name, default) = word
                        .split_once('=')
                        .map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
                    let default = default.map(|value| filled(value, &self.global));
                    let value = self.build_args.get(name).cloned().or(default);
                    let value = value.or_else(|| self.global.get(name).cloned());
                    declared.extend(value.map(|value| (name.to_owned(), value)));
                }
                stage.map_or(&mut self.global, |stage| &mut stage.variables).extend(declared);
            }
            ("ENV", Some(stage)) => {
                for pair in words.chunks_exact(2) {
                    let value = filled(&pair[1], &stage.variables);
                    stage.variables.insert(pair[0].clone(), value);
                }
            }
            ("WORKDIR", Some(stage)) => {
                stage.folder = joined(&stage.folder, &filled(&words.join(" "), &stage.variables));
            }
            ("COPY" | "ADD", Some(_)) => self.copy(instruction)?,
            ("RUN", Some(_)) => self.run(instruction)?,
            ("CMD" | "ENTRYPOINT" | "HEALTHCHECK", Some(_)) => {
                let start = usize::from(words.first().is_some_and(|first| first == "CMD"));
                self.script(&words[start..], instruction.is_json, false)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn copy(&mut self, instruction: &Instruction) -> Result<(), NarrowError> {
        let Some(current) = self.stages.last() else { return Ok(()) };
        let words: Vec<String> =
            instruction.arguments.iter().map(|word| filled(word, &current.variables)).collect();
        let Some((destination, sources)) = words.split_last() else { return Ok(()) };
        let to = joined(&current.folder, destination);
        let from = instruction.flags.iter().find_map(|flag| flag.strip_prefix("--from="));
        let mut copies = Vec::new();
        match from {
            None => {
                for source in sources {
                    let path = joined("/", source);
                    let folder = RepoPath::new(&path[1..]).map(|path| self.context.join(&path));
                    let folder = folder.ok().filter(|folder| self.is_folder(folder));
                    copies.extend(folder.map(|from| Copied { to: to.clone(), from }));
                }
            }
            Some(from) => {
                let stage = match from.parse::<usize>() {
                    Ok(index) => self.stages.get(index).filter(|_| index + 1 < self.stages.len()),
                    Err(_) => {
                        self.stages.iter().rfind(|stage| stage.name.as_ref() == Some(&from.to_lowercase()))
                    }
                };
                if let Some(stage) = stage {
                    for source in sources {
                        let taken = stage.taken(&joined("/", source), &to, self.files)?;
                        copies.extend(taken.copies);
                        self.steps.named.extend(taken.named);
                    }
                }
            }
        }
        let current = self.stages.last_mut().expect("looked at before");
        current.copies.extend(copies);
        if current.copies.len() > MAX_COPIES {
            return Err(NarrowError::uncertain("its Dockerfile copies too much"));
        }
        Ok(())
    }

    /// Whether a folder of the context is the workspace, holds it, or lies in it.
    fn is_folder(&self, folder: &RepoPath) -> bool {
        self.files.root.is_within(folder)
            || (folder.is_within(&self.files.root) && self.files.has_folder(folder))
    }

    fn run(&mut self, instruction: &Instruction) -> Result<(), NarrowError> {
        let Some(stage) = self.stages.last_mut() else { return Ok(()) };
        let copies = stage.copies.len();
        for flag in &instruction.flags {
            let Some(mount) = flag.strip_prefix("--mount=") else { continue };
            let field = |names: &[&str]| {
                let mut fields = mount.split(',').filter_map(|field| field.split_once('='));
                fields.find(|(name, _)| names.contains(name)).map(|(_, value)| value)
            };
            if field(&["type"]).is_some_and(|kind| kind != "bind") || field(&["from"]).is_some() {
                continue;
            }
            let target = field(&["target", "dst", "destination"]).unwrap_or(".");
            let source = joined("/", field(&["source", "src"]).unwrap_or("."));
            let from = RepoPath::new(&source[1..]).map(|path| self.context.join(&path));
            stage.copies.extend(from.ok().map(|from| Copied { to: joined(&stage.folder, target), from }));
        }
        let result = self.script(&instruction.arguments, instruction.is_json, true);
        if let Some(stage) = self.stages.last_mut() {
            stage.copies.truncate(copies);
        }
        result
    }

    /// Notes the commands of a step, if they run in the build, and what they name.
    fn script(&mut self, words: &[String], is_json: bool, is_build: bool) -> Result<(), NarrowError> {
        let Some(stage) = self.stages.last() else { return Ok(()) };
        let steps = if is_json {
            let words =
                words.iter().map(|word| commands::Word { text: word.clone(), is_known: true }).collect();
            vec![commands::Step { words, folder: Some(stage.folder.clone()) }]
        } else {
            let text = words.join(" ");
            if text.contains("<<") {
                return Err(NarrowError::uncertain("a here-document of its Dockerfile is not read"));
            }
            let steps = commands::steps(&text, &stage.folder, &stage.variables);
            steps.ok_or_else(|| NarrowError::uncertain("a step of its Dockerfile is too long"))?
        };
        for step in steps {
            let folder = step.folder.map(|folder| joined("/", &folder));
            let in_workspace =
                |path: &RepoPath| path.is_within(&self.files.root) && self.files.has_folder(path);
            let has_workspace = stage.copies.iter().any(|copied| self.files.root.is_within(&copied.from));
            let in_workspace = match folder.as_deref() {
                Some(folder) => stage.paths(folder).find(in_workspace),
                // It may be anywhere: what builds all packages there would build them all.
                None => has_workspace.then(|| self.files.root.clone()),
            };
            let words =
                step.words.into_iter().map(|word| self.seen_from(word, in_workspace.as_ref())).collect();
            let command = Command { words, folder: in_workspace };
            let is_read = command.program().is_some_and(|program| !UNREAD.contains(&program));
            if let Some(folder) = folder.filter(|_| is_read) {
                let mut named = Vec::new();
                for path in command.paths().map(|path| joined(&folder, path)) {
                    named.extend(stage.paths(&path).filter_map(|path| self.inner(&path)));
                }
                self.steps.named.extend(named);
            }
            if is_build {
                self.steps.commands.push(command);
            }
        }
        Ok(())
    }

    /// A word of a command that runs in `folder`: an absolute path of the workspace as it is seen from there.
    fn seen_from(&self, word: commands::Word, folder: Option<&RepoPath>) -> commands::Word {
        let (Some(stage), Some(folder)) = (self.stages.last(), folder.filter(|_| word.is_known)) else {
            return word;
        };
        let (option, path) = match word.text.split_once('=') {
            Some((option, path)) if option.starts_with('-') => (format!("{option}="), path),
            _ => (String::new(), word.text.as_str()),
        };
        let is_there = |path: &RepoPath| path.is_within(&self.files.root) && self.files.at(path).is_some();
        let Some(found) = stage.paths(path).find(is_there).filter(|_| path.starts_with('/')) else {
            return word;
        };
        let above = "../".repeat(folder.components().count());
        let below = String::from_utf8_lossy(found.as_bytes());
        commands::Word { text: format!("{option}{above}{below}"), is_known: true }
    }

    /// What is at a path that lies in the workspace, and is not all of it.
    fn inner(&self, path: &RepoPath) -> Option<CopiedPath> {
        let is_inner = path.is_within(&self.files.root) && *path != self.files.root;
        if is_inner { self.files.at(path) } else { None }
    }
}
