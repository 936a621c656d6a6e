//! Command lines of programs that build images.

use super::flags::{FLAGS, OTHERS};
use super::shell::CommandLine;
use super::value::{Folder, Value};

/// A command that builds an image, before anybody looks whether its files are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Invocation {
    /// From 1.
    pub(super) line: usize,
    /// What builds, as in "`docker build` builds it".
    pub(super) tool: &'static str,
    /// Where it runs; it begins with a folder.
    pub(super) directory: Value,
    pub(super) dockerfile: File,
    /// `None` where no folder is sent.
    pub(super) context: Option<Value>,
    /// Whether a Dockerfile that is not in `directory` is looked for in the context.
    pub(super) looks_in_context: bool,
    pub(super) target: Option<Value>,
    pub(super) images: Vec<Value>,
    /// `None` is a value that the environment gives.
    pub(super) build_args: Vec<(String, Option<Value>)>,
    /// `name=value`
    pub(super) contexts: Vec<Value>,
    /// `id=…,env=…`
    pub(super) secrets: Vec<Value>,
    pub(super) ssh: Vec<Value>,
    pub(super) platforms: Vec<Value>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum File {
    /// That of the context.
    Default,
    Named(Value),
    /// From standard input, and where that is not from a file.
    Unknown,
}

/// What makes a command line a build.
struct Tool {
    says: &'static str,
    /// Words before the options, apart from options of the program itself.
    subcommands: &'static [&'static str],
    looks_in_context: bool,
}

const DOCKER: &[&[&str]] =
    &[&["buildx", "build"], &["buildx", "b"], &["image", "build"], &["builder", "build"], &["build"]];

/// The build that a command line is; `None` for any other command, the inner error for one whose context can't be told.
pub(super) fn invocation(command: &CommandLine) -> Option<Result<Invocation, String>> {
    let (program, words) = command.words.split_first()?;
    let (tool, words) = tool(program, words)?;
    let is_kaniko = tool.says == KANIKO;
    let mut reader = Options::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        reader.take(word, &mut words, is_kaniko);
    }
    if reader.is_help {
        return None;
    }
    let not_followed = |why| format!("`{}` is not followed: {why}", tool.says);
    Some(reader.invocation(command, &tool).map_err(not_followed))
}

pub(super) const KANIKO: &str = "kaniko";

/// The tool, and the words behind what names it.
fn tool<'w>(program: &Value, words: &'w [Value]) -> Option<(Tool, &'w [Value])> {
    let name = program.file_name();
    let name = match name.as_text() {
        Some(name) => name,
        // A variable of which only the name says what it runs.
        None => {
            let name = program.to_string().to_uppercase();
            let engines = ["DOCKER", "PODMAN", "CONTAINER", "NERDCTL", "BUILDAH", "OCI_BIN"];
            if !engines.iter().any(|engine| name.contains(engine)) {
                return None;
            }
            "docker"
        }
    };
    let (says, forms, looks_in_context): (&str, &[&[&str]], bool) = match name {
        "docker" | "docker.exe" => ("docker build", DOCKER, false),
        "docker-buildx" | "buildx" => ("docker buildx build", &[&["build"], &["b"]], false),
        "depot" => ("depot build", &[&["build"]], false),
        "podman" => ("podman build", DOCKER, true),
        "nerdctl" => ("nerdctl build", DOCKER, true),
        "img" => ("img build", &[&["build"]], false),
        "buildah" => ("buildah build", &[&["bud"], &["build"], &["build-using-dockerfile"]], true),
        "executor" => (KANIKO, &[&[]], true),
        _ => return None,
    };
    forms.iter().find_map(|subcommands| {
        let rest = behind(words, subcommands)?;
        Some((Tool { says, subcommands, looks_in_context }, rest))
    })
}

/// The words behind `subcommands`, with options before each of them.
fn behind<'w>(mut words: &'w [Value], subcommands: &[&str]) -> Option<&'w [Value]> {
    for subcommand in subcommands {
        loop {
            let (word, rest) = words.split_first()?;
            words = rest;
            let option = word.known_start();
            if word.as_text() == Some(*subcommand) {
                break;
            } else if !option.starts_with('-') {
                return None;
            } else if !option.contains('=') && (OTHERS.contains(&option) || option == "--context") {
                words = words.get(1..)?;
            }
        }
    }
    Some(words)
}

/// What the options of a command line say.
#[derive(Default)]
struct Options {
    dockerfile: Option<Value>,
    /// kaniko's.
    context: Option<Value>,
    sub_path: Option<Value>,
    target: Option<Value>,
    images: Vec<Value>,
    build_args: Vec<(String, Option<Value>)>,
    contexts: Vec<Value>,
    secrets: Vec<Value>,
    ssh: Vec<Value>,
    platforms: Vec<Value>,
    others: Vec<Value>,
    is_help: bool,
}

impl Options {
    fn take<'w>(&mut self, word: &Value, words: &mut impl Iterator<Item = &'w Value>, is_kaniko: bool) {
        let start = word.known_start();
        if !start.starts_with('-') || word.as_text() == Some("-") {
            self.others.push(word.clone());
            return;
        }
        let (name, value) = match start.split_once('=') {
            Some((name, _)) if start.starts_with("--") => {
                (name.to_owned(), Some(word.without_start(name.len() + 1)))
            }
            _ if start.starts_with("--") => (start.to_owned(), None),
            // `-fDockerfile` and `-f=Dockerfile`
            _ => {
                let name: String = start.chars().take(2).collect();
                let value = word.without_start(name.len());
                let value = if value.known_start().starts_with('=') { value.without_start(1) } else { value };
                (name, Some(value).filter(|value| !value.is_empty()))
            }
        };
        let name = name.as_str();
        self.is_help |= matches!(name, "--help" | "-h");
        let is_known = |name: &str| OTHERS.contains(&name) && !(is_kaniko && name == "-c");
        if FLAGS.contains(&name) || name == "--ssh" && value.is_none() && is_kaniko {
            return;
        }
        let mut value = || value.clone().or_else(|| words.next().cloned());
        match name {
            "--file" | "-f" | "--dockerfile" => self.dockerfile = value(),
            "--context" | "-c" if is_kaniko => self.context = value(),
            "--context-sub-path" if is_kaniko => self.sub_path = value(),
            "--tag" | "-t" | "--destination" | "-d" => self.images.extend(value()),
            "--target" => self.target = value(),
            "--build-arg" => self.build_args.extend(value().as_ref().map(argument)),
            "--build-context" => self.contexts.extend(value()),
            "--secret" => self.secrets.extend(value()),
            "--ssh" => self.ssh.extend(value()),
            "--platform" | "--customPlatform" | "--custom-platform" => self.platforms.extend(value()),
            name if is_known(name) => {
                value();
            }
            _ => {}
        }
    }

    fn invocation(self, command: &CommandLine, tool: &Tool) -> Result<Invocation, String> {
        let is_kaniko = tool.subcommands.is_empty();
        let context = if is_kaniko { self.kaniko_context() } else { only(&self.others)? };
        let is_stdin = |value: &Value| value.as_text() == Some("-");
        let input = || command.input.clone().map_or(File::Unknown, File::Named);
        let (dockerfile, context) = match self.dockerfile {
            _ if is_stdin(&context) && self.dockerfile.is_none() => (input(), None),
            Some(file) if is_stdin(&file) => (input(), Some(context)),
            Some(file) => (File::Named(file), Some(context).filter(|context| !is_stdin(context))),
            None => (File::Default, Some(context)),
        };
        Ok(Invocation {
            line: command.line + 1,
            tool: tool.says,
            directory: command.directory.clone(),
            dockerfile,
            context,
            looks_in_context: tool.looks_in_context,
            target: self.target,
            images: self.images,
            build_args: self.build_args,
            contexts: self.contexts,
            secrets: self.secrets,
            ssh: self.ssh,
            platforms: self.platforms,
        })
    }

    fn kaniko_context(&self) -> Value {
        let context = self.context.clone().unwrap_or_else(|| Value::folder(Folder::Root));
        let scheme = "dir://";
        let context = if context.known_start().starts_with(scheme) {
            context.without_start(scheme.len())
        } else {
            context
        };
        match &self.sub_path {
            Some(path) => path.seen_from(&context),
            None => context,
        }
    }
}

/// `NAME=value`, and `NAME` alone for a value of the environment.
pub(super) fn argument(word: &Value) -> (String, Option<Value>) {
    match word.split_at_equals() {
        Some((name, value)) => (name, Some(value)),
        None => (word.to_string(), None),
    }
}

/// The one argument; a variable alone that stands beside it is about options.
fn only(arguments: &[Value]) -> Result<Value, String> {
    let known: Vec<&Value> = arguments.iter().filter(|word| !word.known_start().is_empty()).collect();
    let is_word = |word: &&Value| !word.is_empty();
    let others: Vec<&Value> = arguments.iter().filter(is_word).collect();
    match (known.as_slice(), others.as_slice()) {
        ([context], _) | ([], [context]) => Ok((*context).clone()),
        ([], []) => Err("it has no context".to_owned()),
        (several, others) => {
            let shown = if several.is_empty() { others } else { several };
            let shown: Vec<String> = shown.iter().map(|word| format!("`{word}`")).collect();
            Err(format!("which of {} is the context is not known", shown.join(" and ")))
        }
    }
}
