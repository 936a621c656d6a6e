//! The text of `projects.toml`: what differs from the defaults, and nothing else.

use std::fmt::Write as _;

use super::Proposal;
use super::evidence::SecretFrom;
use super::fill_in::PLACEHOLDER;
use crate::config::ContextSource;
use crate::model::RepoPath;

/// What stands in the place of a value that is to be filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Empty {
    Kept,
    /// [`PLACEHOLDER`]
    FilledIn,
}

/// The whole file.
pub(super) fn text(proposal: &Proposal, empty: Empty) -> String {
    let mut text = format!("[workspace]\nname = {}\n", quoted(proposal.workspace.as_str()));
    if let Some(branch) = &proposal.default_branch {
        push(&mut text, "default_branch", &quoted(&branch.to_string()));
    }
    push_list(&mut text, "own_images", &proposal.own_images);
    text + &projects(proposal, empty)
}

/// The entries of the projects.
pub(super) fn projects(proposal: &Proposal, empty: Empty) -> String {
    let mut text = String::new();
    for (name, project) in &proposal.projects {
        let key = key_of(name.as_str());
        text.push_str(&format!("\n[projects.{key}]\n"));
        push(&mut text, "path", &quoted_path(&project.path));
        if project.context != project.path {
            push(&mut text, "context", &quoted_path(&project.context));
        }
        let dockerfile = project.dockerfile.relative_to(&project.path).unwrap_or_default();
        if dockerfile.as_bytes() != b"Dockerfile" {
            push(&mut text, "dockerfile", &quoted_path(&dockerfile));
        }
        if let Some(target) = &project.target {
            push(&mut text, "target", &quoted(target));
        }
        push_list(&mut text, "images", &project.images);
        push_list(&mut text, "external", &project.external);
        push_list(&mut text, "needs", &project.needs);
        if project.platforms.len() > 1 && !proposal.holds_platforms() {
            let one = project.platforms.first().filter(|_| project.needs_platform);
            push_list(&mut text, "platforms", one);
            text.push_str("# once `[cache]` is a registry:\n# ");
        }
        push_list(&mut text, "platforms", &project.platforms);
        let arguments = project.build_args.iter().map(|(name, value)| match empty {
            Empty::FilledIn if project.to_fill_in.contains(name) => (name, quoted(PLACEHOLDER)),
            Empty::FilledIn | Empty::Kept => (name, quoted(value)),
        });
        push_table(&mut text, "build_args", arguments);
        let contexts = project.contexts.iter().map(|(name, source)| match source {
            ContextSource::Folder(folder) => (name, quoted_path(folder)),
            ContextSource::Project(project) => (name, quoted(&format!("project:{project}"))),
        });
        push_table(&mut text, "contexts", contexts);
        let secrets = project.secrets.iter().map(|(id, source)| match source {
            SecretFrom::Environment(variable) => (id, format!("{{ env = {} }}", quoted(variable))),
            SecretFrom::File(path) => (id, format!("{{ file = {} }}", quoted_path(path))),
        });
        push_table(&mut text, "secrets", secrets);
        push_list(&mut text, "ssh", &project.ssh);
        push_list(&mut text, "tags", &project.tags);
        if !project.is_deployed {
            push(&mut text, "deploy", "false");
        }
    }
    text
}

fn push(text: &mut String, key: &str, value: &str) {
    text.push_str(&format!("{key} = {value}\n"));
}

/// Nothing where the list is empty, as that is the default.
fn push_list<'v, T: ToString + 'v>(text: &mut String, key: &str, values: impl IntoIterator<Item = &'v T>) {
    let values: Vec<String> = values.into_iter().map(|value| quoted(&value.to_string())).collect();
    if !values.is_empty() {
        push(text, key, &format!("[{}]", values.join(", ")));
    }
}

/// Nothing where the table is empty, as that is the default. The values are TOML.
fn push_table<'n>(text: &mut String, key: &str, members: impl Iterator<Item = (&'n String, String)>) {
    let members: Vec<String> = members.map(|(name, value)| format!("{} = {value}", key_of(name))).collect();
    if !members.is_empty() {
        push(text, key, &format!("{{ {} }}", members.join(", ")));
    }
}

/// A key of a table: bare where that is possible.
fn key_of(name: &str) -> String {
    let is_bare = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'_' | b'-');
    if !name.is_empty() && name.bytes().all(is_bare) { name.to_owned() } else { quoted(name) }
}

/// Only paths that are UTF-8 get here.
fn quoted_path(path: &RepoPath) -> String {
    if path.is_root() { quoted(".") } else { quoted(&String::from_utf8_lossy(path.as_bytes())) }
}

/// A basic string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if letter.is_control() => {
                write!(quoted, "\\U{:08X}", u32::from(letter)).expect("a string takes any text");
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}
