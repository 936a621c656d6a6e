//! Blocks of code in pages, and the commands of ours in them.

use std::fmt;
use std::path::Path;

use regex::Regex;

/// A block between fences, without the indentation of the list that it is in.
#[derive(Debug)]
pub(crate) struct Block {
    /// The page, and the line of its fence.
    place: String,
    pub(crate) language: String,
    /// The line before it that is not blank.
    before: String,
    pub(crate) text: String,
}

impl fmt::Display for Block {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.place)
    }
}

pub(crate) fn blocks(page: &Path, text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, Block)> = None;
    let mut before = "";
    for (number, line) in (1..).zip(text.lines()) {
        let fence = line.trim_start().strip_prefix("```");
        match (&mut open, fence) {
            (None, Some(language)) => {
                let place = format!("{}:{number}", page.display());
                let (language, before, text) = (language.to_owned(), before.to_owned(), String::new());
                open = Some((line.len() - line.trim_start().len(), Block { place, language, before, text }));
            }
            (None, None) if line.is_empty() => {}
            (None, None) => before = line,
            (Some(_), Some(_)) => blocks.extend(open.take().map(|(_, block)| block)),
            (Some((indent, block)), None) => {
                block.text.push_str(line.get(*indent..).unwrap_or_default());
                block.text.push('\n');
            }
        }
    }
    assert!(open.is_none(), "{}: a block of code is not closed", page.display());
    blocks
}

impl Block {
    /// The file that it is: the line before it is `` `path`: ``.
    pub(crate) fn file(&self) -> Option<String> {
        let named = Regex::new("^`([^`]+)`:$").unwrap();
        named.captures(self.before.trim()).map(|found| found[1].to_owned())
    }

    /// The arguments of each command of ours: in shell scripts, in sessions, and in what a CI runs.
    pub(crate) fn commands(&self) -> Vec<Vec<String>> {
        let starts: &[&str] = match self.language.as_str() {
            "sh" | "bash" => &[""],
            "console" => &["$ "],
            "yaml" => &["- ", "- run: ", "run: ", "command: ", "- script: "],
            _ => &[],
        };
        let mut commands = Vec::new();
        for line in self.text.lines().map(str::trim) {
            let typed = starts.iter().filter_map(|start| line.strip_prefix(start));
            commands.extend(typed.flat_map(simple_commands).filter_map(of_ours));
        }
        commands
    }
}

/// The arguments of each command of ours that a sentence names, with something in the place of each `<argument>`.
pub(crate) fn inline_commands(text: &str) -> Vec<Vec<String>> {
    let command = Regex::new(r"`(chinampa [^`\n]+)`").unwrap();
    let placeholder = Regex::new(r"<[^>]+>").unwrap();
    let found = command.captures_iter(text).map(|found| found[1].replace("<region>", "us-east-2"));
    let written = found.map(|command| placeholder.replace_all(&command, "it").into_owned());
    written.flat_map(|command| simple_commands(&command)).filter_map(of_ours).collect()
}

/// The words of each command of a line, without redirections and what follows `#`.
fn simple_commands(line: &str) -> Vec<Vec<String>> {
    let token = Regex::new(r#"#.*|&&|\|\||[|;&]|\d?>>?(?:&\d)?|(?:"[^"]*"|'[^']*'|[^\s"'|;&>])+"#).unwrap();
    let mut commands = vec![Vec::new()];
    let mut is_target = false;
    for found in token.find_iter(line) {
        match found.as_str() {
            comment if comment.starts_with('#') => break,
            "&&" | "||" | "|" | ";" | "&" => commands.push(Vec::new()),
            redirection if redirection.contains('>') && !redirection.contains(['"', '\'']) => {
                is_target = !redirection.contains('&');
            }
            _ if is_target => is_target = false,
            word => commands.last_mut().unwrap().push(word.replace(['"', '\''], "")),
        }
    }
    commands
}

/// The arguments, if the program is ours and they are written out.
fn of_ours(words: Vec<String>) -> Option<Vec<String>> {
    let mut words = words.into_iter().skip_while(|word| word.contains('=') && !word.starts_with('-'));
    let is_ours = words.next()? == "chinampa";
    let arguments: Vec<String> = words.collect();
    (is_ours && !arguments.iter().any(|it| it.contains("$@") || it.contains('…'))).then_some(arguments)
}

#[test]
fn commands_are_found_in_scripts_sessions_and_ci_files() {
    let page = "```sh\nA=b chinampa build -j 2 >log 2>&1 | tee x # all\ngit pull && chinampa plan --base \"HEAD~1\"\n```\n\
        1. x\n\n   ```console\n   $ chinampa why api\n   chinampa is no command here\n   ```\n\
        `a/b.yml`:\n\n```yaml\n- run: chinampa lint\n- run: other chinampa\n- chinampa graph > chinampa.txt\n```\n";

    let blocks = blocks(Path::new("page"), page);

    let commands: Vec<String> = blocks.iter().flat_map(Block::commands).map(|it| it.join(" ")).collect();
    assert_eq!(commands, ["build -j 2", "plan --base HEAD~1", "why api", "lint", "graph"]);
    let files: Vec<_> = blocks.iter().map(Block::file).collect();
    assert_eq!(files, [None, None, Some("a/b.yml".to_owned())]);
    let named = inline_commands("Run `chinampa why --not <project>`, not `chinampa`.");
    assert_eq!(named, [["why", "--not", "it"].map(str::to_owned)]);
}
