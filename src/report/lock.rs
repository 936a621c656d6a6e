//! What became of `projects.lock`, and what of it is behind its tag.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Serialize;

use super::counted::counted;
use crate::model::{ManifestDigest, ProjectName, TaggedImage, printable};
use crate::pins::{PinChange, Relocked, TagState};
use crate::workspace::LOCK_FILE;

/// How many digits of a digest tell images apart.
const SHORT_DIGITS: usize = 12;

/// `chinampa.lock/1`
#[derive(Debug, Serialize)]
pub struct LockJson<'l> {
    schema: &'static str,
    file: &'static str,
    /// Whether the file was written: it differs from what was there.
    written: bool,
    images: Vec<ImageJson>,
    /// Whose input digests differ, with all that need them.
    rebuilds: &'l BTreeSet<ProjectName>,
}

#[derive(Debug, Serialize)]
struct ImageJson {
    reference: String,
    change: &'static str,
    before: Option<ManifestDigest>,
    now: Option<ManifestDigest>,
}

/// `chinampa.locked/1`
#[derive(Debug, Serialize)]
pub struct LockedJson<'l> {
    schema: &'static str,
    images: Vec<TagJson<'l>>,
}

#[derive(Debug, Serialize)]
struct TagJson<'l> {
    reference: String,
    behind: bool,
    locked: ManifestDigest,
    now: ManifestDigest,
    /// When the image that the tag stands for now was made, as it says itself.
    created: Option<&'l str>,
    projects: &'l BTreeSet<ProjectName>,
}

impl<'l> LockJson<'l> {
    pub fn new(relocked: &Relocked, rebuilds: &'l BTreeSet<ProjectName>, written: bool) -> Self {
        let image = |(image, change): (&TaggedImage, &PinChange)| {
            let (change, before, now) = match *change {
                PinChange::Added { now } => ("added", None, Some(now)),
                PinChange::Moved { before, now } => ("moved", Some(before), Some(now)),
                PinChange::Platforms { now } => ("platforms", Some(now), Some(now)),
                PinChange::Removed { before } => ("removed", Some(before), None),
                PinChange::Unchanged { now } => ("unchanged", Some(now), Some(now)),
            };
            ImageJson { reference: image.to_string(), change, before, now }
        };
        let images = relocked.changes.iter().map(image).collect();
        Self { schema: "chinampa.lock/1", file: LOCK_FILE, written, images, rebuilds }
    }
}

impl<'l> LockedJson<'l> {
    pub fn new(states: &'l [TagState]) -> Self {
        let image = |state: &'l TagState| TagJson {
            reference: state.image.to_string(),
            behind: state.is_behind(),
            locked: state.locked,
            now: state.now,
            created: state.created.as_deref(),
            projects: &state.projects,
        };
        Self { schema: "chinampa.locked/1", images: states.iter().map(image).collect() }
    }
}

/// A line for each reference that is not as it was, what that rebuilds, and a total.
pub fn text(relocked: &Relocked, rebuilds: &BTreeSet<ProjectName>, is_written: bool) -> String {
    let mut text = String::new();
    let mut line = |line: std::fmt::Arguments<'_>| {
        writeln!(text, "{line}").expect("a string can be written to");
    };
    for (image, change) in &relocked.changes {
        match change {
            PinChange::Added { now } => line(format_args!("added {image} {}", short(now))),
            PinChange::Moved { before, now } => {
                line(format_args!("moved {image} {} to {}", short(before), short(now)));
            }
            PinChange::Platforms { .. } => line(format_args!("changed the platforms of {image}")),
            PinChange::Removed { .. } => line(format_args!("removed {image}: no project names it")),
            PinChange::Unchanged { .. } => {}
        }
    }
    if !rebuilds.is_empty() {
        let names: Vec<&str> = rebuilds.iter().map(ProjectName::as_str).collect();
        line(format_args!("this rebuilds {}", names.join(", ")));
    }
    let images = counted(relocked.lock.images().len(), "image");
    match is_written {
        true => line(format_args!("`{LOCK_FILE}` pins {images}")),
        false => line(format_args!("`{LOCK_FILE}` is as it was: it pins {images}")),
    }
    text
}

/// A line for each reference that is behind its tag, and a total.
pub fn tag_states(states: &[TagState]) -> String {
    let mut text = String::new();
    let mut line = |line: std::fmt::Arguments<'_>| {
        writeln!(text, "{line}").expect("a string can be written to");
    };
    let behind: Vec<&TagState> = states.iter().filter(|state| state.is_behind()).collect();
    for TagState { image, locked, now, created, projects } in &behind {
        let created = created.as_deref().map(|created| format!(", made {}", printable(created)));
        let projects: Vec<&str> = projects.iter().map(ProjectName::as_str).collect();
        line(format_args!(
            "{image} is behind its tag: locked is {}, and the tag is {}{}; used by {}",
            short(locked),
            short(now),
            created.unwrap_or_default(),
            projects.join(", ")
        ));
    }
    let all = counted(states.len(), "locked image");
    match behind.len() {
        0 => line(format_args!("{all}, none behind its tag")),
        behind => line(format_args!("{all}, {behind} behind: `chinampa update` takes what the tags are now")),
    }
    text
}

fn short(digest: &ManifestDigest) -> String {
    digest.to_string().trim_start_matches("sha256:")[..SHORT_DIGITS].to_owned()
}
