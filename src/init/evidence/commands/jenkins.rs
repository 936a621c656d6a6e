//! Jenkinsfiles: `sh` steps and `docker.build(…)`, in the folder that `dir(…)` says.

use super::budget::Budget;
use super::shell::{CommandLine, command_lines};
use super::value::{Folder, Value};
use super::{Variables, says_build};

/// One text of Groovy, or one letter that matters.
#[derive(Clone, Debug, PartialEq)]
enum Token {
    Name(String),
    Text(String),
    Letter(char),
}

pub(super) fn commands(text: &str, budget: &Budget) -> Vec<CommandLine> {
    let tokens = tokens(text);
    let variables = variables(&tokens);
    let mut directories = vec![Value::folder(Folder::Root)];
    let mut next_directory = None;
    let mut commands = Vec::new();
    for (at, (line, token)) in tokens.iter().enumerate() {
        let directory = directories.last().cloned().unwrap_or_else(|| Value::folder(Folder::Root));
        let mut read = |line: usize, script: &str| {
            if says_build(script) {
                let found = command_lines(script, directory.clone(), &variables, budget);
                commands
                    .extend(found.into_iter().map(|found| CommandLine { line: found.line + line, ..found }));
            }
        };
        match token {
            Token::Letter('{') => directories.push(next_directory.take().unwrap_or(directory)),
            Token::Letter('}') if directories.len() > 1 => {
                directories.pop();
            }
            Token::Name(name) if matches!(name.as_str(), "sh" | "bash") => {
                // `sh 'x'`, `sh(script: 'x', …)`, `sh script: 'x'`
                let skipped = tokens[at + 1..].iter().take(4).take_while(|(_, token)| match token {
                    Token::Name(name) => name == "script",
                    Token::Letter(letter) => matches!(letter, '(' | ':'),
                    Token::Text(_) => false,
                });
                if let Some((line, Token::Text(script))) = tokens.get(at + 1 + skipped.count()) {
                    read(*line, script);
                }
            }
            Token::Name(name) if name == "dir" => {
                let arguments = arguments(&tokens[at + 1..]);
                next_directory = arguments.first().map(|argument| match argument {
                    Some(folder) => in_folder(&directory, folder, &variables, budget),
                    None => Value::unknown("the folder of `dir`"),
                });
            }
            Token::Name(name) if name == "docker.build" => {
                let arguments = arguments(&tokens[at + 1..]);
                if let Some(Some(image)) = arguments.first() {
                    // The image is one word, whatever it holds; the other text is options and the context.
                    let rest = match arguments.get(1) {
                        None => Some("."),
                        Some(rest) => rest.as_deref(),
                    };
                    if let Some(rest) = rest {
                        read(*line, &format!("docker build -t \"{image}\" {rest}"));
                    }
                }
            }
            _ => {}
        }
    }
    commands
}

fn in_folder(directory: &Value, folder: &str, variables: &Variables, budget: &Budget) -> Value {
    // The words of a command are the only texts that are evaluated.
    let found = command_lines(&format!("cd \"{folder}\"; here"), directory.clone(), variables, budget);
    found.into_iter().next().map_or_else(|| Value::unknown("the folder of `dir`"), |here| here.directory)
}

/// The texts between parentheses, split at commas; `None` for what is no text alone.
fn arguments(tokens: &[(usize, Token)]) -> Vec<Option<String>> {
    let mut arguments = Vec::new();
    let mut open: Vec<&Token> = Vec::new();
    let mut depth = 0_usize;
    for (_, token) in tokens.iter().take(200) {
        match token {
            Token::Letter('(') if depth == 0 => {
                depth = 1;
                continue;
            }
            _ if depth == 0 => break,
            Token::Letter('(') => depth += 1,
            Token::Letter(')') => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && *token == Token::Letter(',')) {
            arguments.push(match open.as_slice() {
                [Token::Text(text)] => Some(text.clone()),
                _ => None,
            });
            open.clear();
        } else {
            open.push(token);
        }
        if depth == 0 {
            break;
        }
    }
    arguments
}

/// Those that have one constant value.
fn variables(tokens: &[(usize, Token)]) -> Variables {
    let mut variables = Variables::new();
    for window in tokens.windows(3) {
        let [(_, Token::Name(name)), (_, Token::Letter('=')), (_, value)] = window else { continue };
        let value = match value {
            Token::Text(text) if !text.contains('$') => Value::text(text),
            _ => Value::unknown(format!("${name}")),
        };
        let values = variables.entry(name.clone()).or_insert_with(|| vec![value.clone()]);
        if values[0] != value {
            *values = vec![Value::unknown(format!("${name}"))];
        }
    }
    variables
}

/// Lines from 0.
fn tokens(text: &str) -> Vec<(usize, Token)> {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (text, 0);
    while let Some(letter) = rest.chars().next() {
        let (token, bytes) = token(rest, letter);
        tokens.extend(token.map(|token| (line, token)));
        line += rest[..bytes].matches('\n').count();
        rest = &rest[bytes..];
    }
    tokens
}

/// What a text begins with, and its length; `None` for comments and spaces.
fn token(text: &str, letter: char) -> (Option<Token>, usize) {
    let behind = |start: usize, end: &str| text[start..].find(end).map(|at| start + at + end.len());
    let to_the_end = text.len();
    if text.starts_with("//") {
        return (None, behind(2, "\n").unwrap_or(to_the_end));
    }
    if text.starts_with("/*") {
        return (None, behind(2, "*/").unwrap_or(to_the_end));
    }
    for quotes in ["'''", "\"\"\""] {
        if text.starts_with(quotes) {
            let end = behind(3, quotes);
            let inside = &text[3..end.map_or(to_the_end, |end| end - 3)];
            return (Some(Token::Text(unescaped(inside))), end.unwrap_or(to_the_end));
        }
    }
    match letter {
        '\'' | '"' => {
            let mut is_escaped = false;
            let end = text[1..].find(|other: char| {
                let is_end = !is_escaped && (other == letter || other == '\n');
                is_escaped = other == '\\' && !is_escaped;
                is_end
            });
            let end = end.map_or(to_the_end, |end| end + 1);
            (Some(Token::Text(unescaped(&text[1..end]))), (end + 1).min(to_the_end))
        }
        letter if letter.is_alphabetic() || letter == '_' => {
            let end = text.find(|letter: char| !letter.is_alphanumeric() && !matches!(letter, '_' | '.'));
            let name = &text[..end.unwrap_or(to_the_end)];
            (Some(Token::Name(name.to_owned())), name.len())
        }
        letter if letter.is_whitespace() => (None, letter.len_utf8()),
        letter => (Some(Token::Letter(letter)), letter.len_utf8()),
    }
}

/// The escapes of a shell script's own signs; others mean the same to the shell.
fn unescaped(text: &str) -> String {
    let mut letters = text.chars().peekable();
    let mut unescaped = String::with_capacity(text.len());
    while let Some(letter) = letters.next() {
        let next = letters.peek().copied();
        match (letter, next) {
            ('\\', Some(escaped @ ('$' | '"' | '\'' | '\\'))) => {
                letters.next();
                unescaped.push(escaped);
            }
            _ => unescaped.push(letter),
        }
    }
    unescaped
}
