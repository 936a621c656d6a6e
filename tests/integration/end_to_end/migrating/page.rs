//! A page that is a session: files of a repository, and commands with what they print.
//!
//! A block of code below a line such as `` `compose.yaml`: `` is that file, and one below `` Add to `compose.yaml`: `` is added at its
//! end. A `console` block has commands after `$ ` and `> `, and below each what it prints. Any other block
//! needs a comment before it that says why it is not run.

use std::path::Path;

use regex::Regex;

/// What is done, in the order of the page.
#[derive(Debug)]
pub(super) enum Step {
    /// A file, in place of the one that is there.
    Write { path: String, text: String },
    /// Lines at the end of a file.
    Append { path: String, text: String },
    /// A command of a shell, and the lines that the page shows below it.
    Run { line: usize, command: String, shown: Vec<String> },
}

#[derive(Debug)]
pub(super) struct Page {
    pub(super) name: String,
    pub(super) steps: Vec<Step>,
}

/// A block of code with the line before it that is not blank.
struct Block<'t> {
    line: usize,
    language: &'t str,
    before: &'t str,
    lines: Vec<&'t str>,
}

impl Page {
    /// Reads a page of `docs/migrating`.
    pub(super) fn read(name: &str) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/migrating").join(name);
        let text =
            std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        Self { name: name.to_owned(), steps: blocks(&text).iter().flat_map(steps).collect() }
    }

    /// The files that the page shows as a whole, by path; the last of a path is the one that stays.
    pub(super) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.steps.iter().filter_map(|step| match step {
            Step::Write { path, text } => Some((path.as_str(), text.as_str())),
            Step::Append { .. } | Step::Run { .. } => None,
        })
    }

    /// The commands that the session runs.
    pub(super) fn commands(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter_map(|step| match step {
            Step::Run { command, .. } => Some(command.as_str()),
            Step::Write { .. } | Step::Append { .. } => None,
        })
    }
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut open: Option<Block<'_>> = None;
    let mut before = "";
    for (number, line) in (1..).zip(text.lines()) {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => {
                open = Some(Block { line: number, language, before, lines: Vec::new() });
            }
            (None, None) if !line.is_empty() => before = line,
            (None, None) => {}
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => block.lines.push(line),
        }
    }
    assert!(open.is_none(), "a block of code is not closed");
    blocks
}

fn steps(block: &Block<'_>) -> Vec<Step> {
    let named = |pattern: &str| Some(Regex::new(pattern).unwrap().captures(block.before)?[1].to_owned());
    let text = || block.lines.iter().map(|line| format!("{line}\n")).collect();
    if block.language == "console" {
        return commands(block);
    }
    if let Some(path) = named("^`([^`]+)`:$") {
        return vec![Step::Write { path, text: text() }];
    }
    if let Some(path) = named("^Add to `([^`]+)`:$") {
        return vec![Step::Append { path, text: text() }];
    }
    let Block { line, before, .. } = block;
    assert!(
        before.starts_with("<!-- not run: "),
        "line {line}: neither a file nor a session, and no reason why"
    );
    Vec::new()
}

fn commands(block: &Block<'_>) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (number, line) in (block.line + 1..).zip(&block.lines) {
        if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step::Run { line: number, command: command.to_owned(), shown: Vec::new() });
            continue;
        }
        let Some(Step::Run { command, shown, .. }) = steps.last_mut() else {
            panic!("line {number}: no command stands above this")
        };
        match line.strip_prefix("> ") {
            Some(more) if shown.is_empty() => *command += &format!("\n{more}"),
            _ => shown.push((*line).to_owned()),
        }
    }
    steps
}
