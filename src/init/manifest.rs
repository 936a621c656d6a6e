//! The text of `projects.toml`: what differs from the defaults, and nothing else.

use std::fmt::Write as _;

use super::Proposal;
use crate::model::RepoPath;

pub(super) fn text(proposal: &Proposal) -> String {
    let mut text = format!("[workspace]\nname = {}\n", quoted(proposal.workspace.as_str()));
    if let Some(branch) = &proposal.default_branch {
        push(&mut text, "default_branch", &quoted(&branch.to_string()));
    }
    if !proposal.own_images.is_empty() {
        let own: Vec<String> = proposal.own_images.iter().map(|prefix| quoted(&prefix.to_string())).collect();
        push(&mut text, "own_images", &format!("[{}]", own.join(", ")));
    }
    for (name, project) in &proposal.projects {
        let key = if name.as_str().contains('.') { quoted(name.as_str()) } else { name.to_string() };
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
        if !project.needs.is_empty() {
            let needs: Vec<String> = project.needs.iter().map(|need| quoted(need.as_str())).collect();
            push(&mut text, "needs", &format!("[{}]", needs.join(", ")));
        }
        if !project.build_args.is_empty() {
            let args: Vec<String> = project
                .build_args
                .iter()
                .map(|(name, value)| format!("{name} = {}", quoted(value)))
                .collect();
            push(&mut text, "build_args", &format!("{{ {} }}", args.join(", ")));
        }
    }
    text
}

fn push(text: &mut String, key: &str, value: &str) {
    text.push_str(&format!("{key} = {value}\n"));
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
