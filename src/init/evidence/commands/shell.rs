//! Follows a script as far as folders and variables go, and hands each command line to a reader.
//!
//! Nothing runs. A variable counts where it is constant: one that is assigned under a condition is unknown behind it. Lists of
//! loops are expanded, functions are read with the arguments of each call, and what is not known stays a value with a name.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::budget::Budget;
use super::syntax::{Command, Node, parse};
use super::token::is_name;
use super::value::{Folder, Value};

/// How deep functions and substitutions are followed.
const MAX_CALLS: usize = 12;

/// How many variables are kept; others are unknown.
const MAX_VARIABLES: usize = 500;

/// How many values a list has, or an empty one.
pub(super) const MAX_VALUES: usize = 500;

/// Programs that run their arguments, and how many words of their own they take first.
const WRAPPERS: &[(&str, usize)] = &[
    ("sudo", 0),
    ("env", 0),
    ("time", 0),
    ("exec", 0),
    ("nohup", 0),
    ("nice", 0),
    ("retry", 0),
    ("travis_retry", 0),
    ("travis_wait", 0),
    ("timeout", 1),
];

/// A command line that was reached.
#[derive(Clone, Debug)]
pub(super) struct CommandLine {
    /// From 0.
    pub(super) line: usize,
    pub(super) words: Vec<Value>,
    pub(super) input: Option<Value>,
    /// Where it runs; it begins with a folder.
    pub(super) directory: Value,
}

pub(super) type Variables = HashMap<String, Vec<Value>>;

/// The command lines of a script that starts in `directory`.
pub(super) fn command_lines(
    text: &str,
    directory: Value,
    variables: &Variables,
    budget: &Budget,
) -> Vec<CommandLine> {
    if !budget.spend(variables.len()) || !budget.spend_on(text) {
        return Vec::new();
    }
    let mut shell = Shell {
        variables: variables.clone(),
        directory,
        pushed: Vec::new(),
        arguments: None,
        functions: HashMap::new(),
        called: HashSet::new(),
        found: Vec::new(),
        line: None,
        calls: 0,
        budget,
    };
    shell.run(&parse(text));
    shell.run_uncalled();
    shell.found
}

pub(super) struct Shell<'b> {
    /// A list has several values.
    pub(super) variables: Variables,
    pub(super) directory: Value,
    pushed: Vec<Value>,
    /// Those of the function that is followed; `None` for the script's.
    pub(super) arguments: Option<Vec<Value>>,
    functions: HashMap<String, Rc<Vec<Node>>>,
    called: HashSet<String>,
    found: Vec<CommandLine>,
    /// That of a text within the text.
    pub(super) line: Option<usize>,
    calls: usize,
    pub(super) budget: &'b Budget,
}

impl Shell<'_> {
    /// Runs `nodes` and returns what they print, where that is known or there is something.
    pub(super) fn run(&mut self, nodes: &[Node]) -> Option<Value> {
        let mut printed: Option<Value> = None;
        for node in nodes {
            if !self.budget.spend(1) {
                return Some(Value::unknown("…"));
            }
            let more = self.node(node);
            // Of alternatives, the first one that is known.
            if printed.as_ref().is_none_or(|printed| !printed.has_unknown()) {
                printed = printed.or(more);
            }
        }
        printed
    }

    fn node(&mut self, node: &Node) -> Option<Value> {
        match node {
            Node::Command(command) => self.command(command),
            Node::Array { name, values } => {
                let values = self.all_fields(values);
                self.assign(format!("{name}[@]"), values);
                None
            }
            Node::Subshell(nodes) => self.in_subshell(|shell| shell.run(nodes)),
            Node::Branch(nodes) => {
                let (variables, directory) = (self.saved(), self.directory.clone());
                let printed = self.run(nodes);
                for (name, value) in &mut self.variables {
                    if variables.get(name) != Some(value) {
                        *value = vec![Value::unknown(format!("${name}"))];
                    }
                }
                if self.directory != directory {
                    self.directory = Value::unknown("a condition that changes the folder");
                }
                printed
            }
            Node::For { name, values, body } => {
                let values = match values {
                    Some(words) => self.all_fields(words),
                    None => self.arguments.clone().unwrap_or_else(|| vec![Value::unknown("$@")]),
                };
                for value in values {
                    let directory = self.directory.clone();
                    self.assign(name.clone(), vec![value]);
                    self.run(body);
                    self.directory = directory;
                }
                None
            }
            Node::Function { name, body } => {
                if self.functions.len() < MAX_VARIABLES {
                    self.functions.insert(name.clone(), Rc::clone(body));
                }
                None
            }
        }
    }

    /// Functions that nobody calls here: others do, with arguments of their own.
    fn run_uncalled(&mut self) {
        let mut names: Vec<String> = self.functions.keys().cloned().collect();
        names.sort_unstable();
        let called_before = std::mem::take(&mut self.found);
        let mut by_name: Vec<(String, Vec<CommandLine>)> = Vec::new();
        for name in names.into_iter().filter(|name| !self.called.contains(name)).collect::<Vec<_>>() {
            let body = Rc::clone(&self.functions[&name]);
            self.in_subshell(|shell| shell.run(&body));
            by_name.push((name, std::mem::take(&mut self.found)));
        }
        // Some of them call others.
        by_name.retain(|(name, _)| !self.called.contains(name));
        self.found = called_before;
        self.found.extend(by_name.into_iter().flat_map(|(_, found)| found));
    }

    fn saved(&mut self) -> Variables {
        self.budget.spend(self.variables.len());
        self.variables.clone()
    }

    pub(super) fn in_subshell<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        let (variables, directory) = (self.saved(), self.directory.clone());
        let result = run(self);
        (self.variables, self.directory) = (variables, directory);
        result
    }

    fn assign(&mut self, name: String, mut values: Vec<Value>) {
        values.truncate(MAX_VALUES);
        if self.variables.len() < MAX_VARIABLES || self.variables.contains_key(&name) {
            self.variables.insert(name, values);
        }
    }

    fn assign_word(&mut self, value: &Value) {
        let Some((name, value)) = value.split_at_equals() else { return };
        match name.strip_suffix('+') {
            None => self.assign(name, vec![value]),
            Some(name) => {
                let before = self.variables.get(name).and_then(|values| values.first().cloned());
                let mut joined = before.unwrap_or_else(|| Value::unknown(format!("${name}")));
                joined.extend(&value);
                self.assign(name.to_owned(), vec![joined]);
            }
        }
    }

    /// Follows one command; what it prints is `None` where that is nothing.
    fn command(&mut self, command: &Command) -> Option<Value> {
        let assignments = command.words.iter().take_while(|word| word.is_assignment()).count();
        if assignments == command.words.len() {
            for word in &command.words {
                let value = self.whole(word);
                self.assign_word(&value);
            }
            return None;
        }
        let words = &command.words[assignments..];
        let values = self.all_fields(words);
        let input = command.input.as_ref().map(|word| self.whole(word));
        let line = self.line.unwrap_or(words[0].line);
        let printed = self.words(&values, input, line);
        if command.is_piped { Some(Value::unknown("$(…)")) } else { printed }
    }

    fn words(&mut self, words: &[Value], input: Option<Value>, line: usize) -> Option<Value> {
        let (first, arguments) = words.split_first()?;
        let name = first.as_text().unwrap_or_default();
        if let Some((_, own)) = WRAPPERS.iter().find(|(wrapper, _)| *wrapper == name) {
            let is_own = |word: &&Value| word.known_start().starts_with('-') || is_assignment(word);
            let skipped = arguments.iter().take_while(is_own).count() + own;
            return self.words(arguments.get(skipped..)?, input, line);
        }
        if let Some(body) = self.functions.get(name).cloned() {
            self.called.insert(name.to_owned());
            return self.call(arguments.to_vec(), |shell| shell.run(&body));
        }
        let last = arguments.iter().rfind(|word| !word.known_start().starts_with('-'));
        match name {
            "cd" | "pushd" | "popd" => {
                self.change_directory(name, last);
                None
            }
            "export" | "local" | "declare" | "readonly" | "typeset" => {
                arguments.iter().for_each(|word| self.assign_word(word));
                None
            }
            "shift" => {
                if let Some(arguments) = self.arguments.as_mut().filter(|arguments| !arguments.is_empty()) {
                    arguments.remove(0);
                }
                None
            }
            "set" | "[" | "[[" | "test" | "true" | "false" | ":" | "mkdir" | "exit" | "return" => None,
            "eval" | "bash" | "sh" => self.script_argument(name, arguments, line),
            "pwd" => Some(self.directory.clone()),
            "dirname" => last.map(Value::parent),
            "basename" => Some(arguments.first()?.file_name()),
            "realpath" | "readlink" => last.map(|path| path.seen_from(&self.directory)),
            "which" | "echo" if arguments.len() == 1 => last.cloned(),
            "command" if arguments.first().is_some_and(|word| word.known_start().starts_with('-')) => {
                last.cloned()
            }
            "command" => self.words(arguments, input, line),
            "git" if arguments.iter().any(|word| word.as_text() == Some("--show-toplevel")) => {
                Some(Value::folder(Folder::Root))
            }
            _ => {
                let directory = self.directory.clone();
                self.found.push(CommandLine { line, words: words.to_vec(), input, directory });
                Some(Value::unknown(format!("$({first} …)")))
            }
        }
    }

    fn change_directory(&mut self, command: &str, to: Option<&Value>) {
        let directory = match (command, to) {
            ("popd", _) => self.pushed.pop(),
            (_, Some(to)) => Some(to.seen_from(&self.directory)),
            _ => None,
        };
        let unknown = || Value::unknown(format!("the folder of `{command}`"));
        let before = std::mem::replace(&mut self.directory, directory.unwrap_or_else(unknown));
        if command == "pushd" && self.pushed.len() < MAX_VARIABLES {
            self.pushed.push(before);
        }
    }

    /// Notes a program that runs a file.
    fn push(&mut self, program: &str, arguments: &[Value], line: usize) {
        let words = [&[Value::text(program)], arguments].concat();
        let directory = self.directory.clone();
        self.found.push(CommandLine { line, words, input: None, directory });
    }

    /// `bash -c "…"` and `eval …`.
    fn script_argument(&mut self, name: &str, arguments: &[Value], line: usize) -> Option<Value> {
        let script = if name == "eval" {
            let words: Vec<String> = arguments.iter().map(Value::to_script).collect();
            words.join(" ")
        } else {
            let option = |word: &Value| {
                word.as_text().is_some_and(|text| text.starts_with('-') && text.ends_with('c'))
            };
            let Some(at) = arguments.iter().position(option) else {
                self.push(name, arguments, line);
                return None;
            };
            arguments.get(at + 1)?.to_script()
        };
        if !self.budget.spend_on(&script) {
            return None;
        }
        let outer = self.line.replace(line);
        let printed = self.call(Vec::new(), |shell| shell.run(&parse(&script)));
        self.line = outer;
        printed
    }

    fn call<T>(&mut self, arguments: Vec<Value>, run: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let outer = self.arguments.replace(arguments);
        let result = self.nested(run);
        self.arguments = outer;
        result
    }

    /// Runs something within something, not too deep.
    pub(super) fn nested<T>(&mut self, run: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        if self.calls == MAX_CALLS {
            return None;
        }
        self.calls += 1;
        let result = run(self);
        self.calls -= 1;
        result
    }
}

fn is_assignment(word: &Value) -> bool {
    word.known_start().split_once('=').is_some_and(|(name, _)| is_name(name))
}
