//! YAML files with scripts in them: those of CIs, of task, and `package.json`.

use super::super::yaml::{Node, YamlError};
use super::Found;
use super::budget::Budget;
use super::dialect::Dialect;
use super::templates::{replaced, template};
use super::value::Folder;
use super::walk::Walk;
use crate::model::RepoPath;

pub(super) fn read(text: &str, dialect: Dialect, budget: &Budget) -> Result<Found, YamlError> {
    let translated = translated(text, dialect);
    let mut walk = Walk::new(dialect, &translated, budget);
    for document in documents(&translated) {
        let root = Node::parse(document.as_bytes())?;
        match dialect {
            Dialect::PackageJson => {
                for (_, script) in root.get("scripts").and_then(|node| node.map()).unwrap_or_default() {
                    walk.script(&[script], &walk.start(Folder::Own));
                }
            }
            Dialect::CodeBuild => walk.phases(&root),
            Dialect::Taskfile => walk.node(&root, &walk.start(Folder::Own)),
            _ => walk.node(&root, &walk.start(Folder::Root)),
        }
    }
    Ok(walk.found)
}

/// The local files that a GitLab file includes, patterns aside.
pub(super) fn gitlab_includes(text: &[u8]) -> Vec<RepoPath> {
    let Ok(root) = Node::parse(text) else { return Vec::new() };
    let Some(include) = root.get("include") else { return Vec::new() };
    let included = include.list().unwrap_or(std::slice::from_ref(include)).iter();
    let local = included.filter_map(|node| node.text().or_else(|| node.get("local")?.text()));
    let local = local.filter(|path| !path.contains(['*', '$']) && !path.contains("://"));
    local.filter_map(|path| RepoPath::new(path.trim_start_matches('/')).ok()).collect()
}

/// The text with its templates written as `${{ name }}`.
fn translated(text: &str, dialect: Dialect) -> String {
    match dialect {
        // `{{.NAME}}`
        Dialect::Taskfile => replaced(text, ("{{", "}}"), |name| {
            let name = name.strip_prefix('.')?;
            let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            is_name.then(|| template(name))
        }),
        Dialect::CircleCi => replaced(text, ("<<", ">>"), |name| {
            let is_name = |text: &str| {
                text.starts_with("parameters.")
                    || text.starts_with("pipeline.")
                    || text.starts_with("matrix.")
            };
            is_name(name).then(|| template(name))
        }),
        // `$(NAME)` of a variable, where a command would have spaces or is well known.
        Dialect::Azure => replaced(text, ("$(", ")"), |name| {
            let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
            (is_name && !matches!(name, "pwd" | "date" | "nproc" | "whoami"))
                .then(|| template(&format!("$({name})")))
        }),
        _ => text.to_owned(),
    }
}

/// The documents of a file, each with empty lines in place of those before it.
fn documents(text: &str) -> Vec<String> {
    let mut documents = Vec::new();
    let (mut document, mut line) = (String::new(), 0);
    for (number, text) in text.lines().enumerate() {
        if text == "---" && document.trim() != "" && documents.len() < MAX_DOCUMENTS {
            documents.push(std::mem::take(&mut document));
            line = number;
        } else {
            if document.is_empty() {
                document.push_str(&"\n".repeat(line));
            }
            document.push_str(text);
        }
        document.push('\n');
    }
    if documents.is_empty() || document.trim() != "" {
        documents.push(document);
    }
    documents
}

/// More than any file has.
const MAX_DOCUMENTS: usize = 50;
