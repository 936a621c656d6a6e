//! Goes through a tree of YAML and follows its scripts, with the folders, variables and matrices around them.

use std::rc::Rc;

use super::super::yaml::Node;
use super::budget::Budget;
use super::dialect::Dialect;
use super::matrix::combinations;
use super::scope::Scope;
use super::shell::{CommandLine, command_lines};
use super::templates::{filled, value};
use super::value::{Folder, Value};
use super::{Found, actions, says_build};

/// How many steps a node is.
const NODE: usize = 10;

/// Lists under these keys are one script, and so are these keys together, in their order.
const TOGETHER: &[&str] = &["before_install", "install", "before_script", "script"];

/// Other keys of scripts.
const ALONE: &[&str] = &[
    "after_script",
    "after_success",
    "after_failure",
    "bash",
    "before_deploy",
    "cmd",
    "command",
    "commands",
    "deploy",
    "run",
];

const DIRECTORIES: &[&str] = &["working-directory", "working_directory", "workingDirectory", "dir"];

const VARIABLES: &[&str] = &["env", "environment", "variables", "vars"];

pub(super) struct Walk<'t> {
    dialect: Dialect,
    lines: Vec<&'t str>,
    budget: &'t Budget,
    pub(super) found: Found,
}

impl<'t> Walk<'t> {
    pub(super) fn new(dialect: Dialect, text: &'t str, budget: &'t Budget) -> Self {
        Self { dialect, lines: text.lines().collect(), budget, found: Found::default() }
    }

    pub(super) fn start<'n>(&self, folder: Folder) -> Scope<'n> {
        Scope {
            directory: Value::folder(folder),
            variables: Rc::default(),
            templates: Rc::default(),
            before: Vec::new(),
        }
    }

    pub(super) fn node<'n>(&mut self, node: &'n Rc<Node>, scope: &Scope<'n>) {
        // Aliases of aliases can stand for more than anybody reads.
        if !self.budget.spend(NODE) {
            return;
        }
        if let Some(elements) = node.list() {
            elements.iter().for_each(|element| self.node(element, scope));
            return;
        }
        let Some(members) = node.map() else { return };
        let outer = self.scope(&members, scope);
        for combination in combinations(&members) {
            let mut scope = outer.clone();
            self.budget.spend(scope.templates.len());
            Rc::make_mut(&mut scope.templates)
                .extend(combination.iter().map(|(name, value)| (format!("matrix.{name}"), value.clone())));
            if self.dialect == Dialect::GitLab {
                let values = combination.iter().map(|(name, value)| (name.clone(), vec![Value::text(value)]));
                Rc::make_mut(&mut scope.variables).extend(values);
            }
            self.members(&members, &scope);
        }
    }

    fn members<'n>(&mut self, members: &[(&'n str, &'n Rc<Node>)], scope: &Scope<'n>) {
        let get = |key: &str| members.iter().find(|(name, _)| *name == key).map(|(_, node)| *node);
        if let Some(action) = get("uses") {
            let with = get("with");
            actions::read(action, with, scope, &mut self.found);
        }
        if get("script").is_some() {
            let mut together = scope.before.clone();
            TOGETHER.iter().filter(|key| **key != "before_script").filter_map(|key| get(key)).for_each(
                |node| {
                    texts(node, &mut together);
                },
            );
            self.script(&together, scope);
        }
        // Another shell or no shell runs it.
        let shell = get("shell").and_then(|node| node.text()).unwrap_or("bash");
        let is_shell = ["bash", "sh"].iter().any(|name| shell.contains(name));
        for (key, node) in members {
            if ALONE.contains(key) && is_shell {
                let mut script = Vec::new();
                texts(node, &mut script);
                self.script(&script, scope);
            }
            if *key == "cmds" {
                for element in node.list().unwrap_or_default() {
                    self.script(&[element], scope);
                }
            }
            self.node(node, scope);
        }
    }

    /// What the members of a map say of themselves and of those in them.
    fn scope<'n>(&self, members: &[(&'n str, &'n Rc<Node>)], outer: &Scope<'n>) -> Scope<'n> {
        let mut scope = outer.clone();
        for (key, node) in members {
            let of_defaults = node.get("run").and_then(|run| run.get("working-directory"));
            let directory = if DIRECTORIES.contains(key) {
                Some(*node)
            } else {
                of_defaults.filter(|_| *key == "defaults")
            };
            if let Some(folder) = directory.and_then(|node| node.text()) {
                let folder = value(folder, &scope.templates);
                let base = if self.dialect == Dialect::Taskfile { Folder::Own } else { Folder::Root };
                scope.directory = folder.seen_from(&Value::folder(base));
            }
            // A copy of those around it is made.
            if VARIABLES.contains(key) && self.budget.spend(scope.variables.len() + scope.templates.len()) {
                self.variables(node, &mut scope);
            }
            if *key == "before_script" {
                scope.before.clear();
                texts(node, &mut scope.before);
            }
            if *key == "default"
                && let Some(before) = node.get("before_script")
            {
                texts(before, &mut scope.before);
            }
        }
        scope
    }

    /// A map, or Azure's list of names and values.
    fn variables(&self, node: &Rc<Node>, scope: &mut Scope<'_>) {
        let listed = node
            .list()
            .unwrap_or_default()
            .iter()
            .filter_map(|element| Some((element.get("name")?.text()?, element.get("value")?)));
        for (name, node) in node.map().unwrap_or_default().into_iter().chain(listed) {
            if node.map().is_some() && name == "variables" {
                self.variables(node, scope);
            }
            // GitLab's has a description beside it.
            let text = node.text().or_else(|| node.get("value")?.text());
            let Some(text) = text.filter(|text| !text.contains("$(")) else { continue };
            let filled = value(text, &scope.templates);
            let is_constant = !text.contains('$') || filled.has_unknown();
            if is_constant {
                Rc::make_mut(&mut scope.variables).insert(name.to_owned(), vec![filled]);
            }
            let template = match self.dialect {
                Dialect::Taskfile => name.to_owned(),
                Dialect::Azure => format!("$({name})"),
                _ => continue,
            };
            if !text.contains('$') {
                Rc::make_mut(&mut scope.templates).insert(template, text.to_owned());
            }
        }
    }

    /// Follows a script that stands in several texts.
    pub(super) fn script(&mut self, texts: &[&Rc<Node>], scope: &Scope<'_>) {
        let mut script = String::new();
        // The line of the file for each of the script.
        let mut lines: Vec<usize> = Vec::new();
        for node in texts {
            let Some(text) = node.text() else { continue };
            let text = filled(text, &scope.templates);
            let first = self.first_line(node);
            for (number, text) in text.lines().enumerate() {
                script.push_str(text);
                script.push('\n');
                lines.push(first.map_or(node.line, |first| first + number));
            }
        }
        if !says_build(&script) {
            return;
        }
        for command in command_lines(&script, scope.directory.clone(), &scope.variables, self.budget) {
            let line = lines.get(command.line).map_or(0, |line| line - 1);
            self.found.add(&CommandLine { line, ..command });
        }
    }

    /// Where the text of a block begins, from 1; `None` for other texts, whose lines are not those of the file.
    fn first_line(&self, node: &Node) -> Option<usize> {
        let before = self.lines.get(node.line.checked_sub(2)?)?.trim_end();
        ["|", "|-", "|+"].iter().any(|block| before.ends_with(block)).then_some(node.line)
    }

    /// CodeBuild runs the commands of all phases in one shell.
    pub(super) fn phases(&mut self, root: &Rc<Node>) {
        let mut scope = self.start(Folder::Root);
        if let Some(variables) = root.get("env") {
            self.variables(variables, &mut scope);
        }
        let mut commands = Vec::new();
        let phases = root.get("phases");
        for phase in ["install", "pre_build", "build", "post_build"] {
            let list = phases.and_then(|phases| phases.get(phase)?.get("commands"));
            list.into_iter().for_each(|list| texts(list, &mut commands));
        }
        self.script(&commands, &scope);
    }
}

/// The texts of a list, of lists in it, or of one text.
fn texts<'n>(node: &'n Rc<Node>, found: &mut Vec<&'n Rc<Node>>) {
    for element in node.list().unwrap_or_default() {
        match element.list() {
            Some(elements) => found.extend(elements.iter().filter(|node| node.text().is_some())),
            None if element.text().is_some() => found.push(element),
            None => {}
        }
    }
    if node.text().is_some() {
        found.push(node);
    }
}
