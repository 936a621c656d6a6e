//! A reason in documents.

use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};

use crate::inputs::{LockedChange, ParentChange};
use crate::observe::{ForcedBy, Reason};
use crate::workspace::ParentImage;

/// An object with `kind` and what that kind of reason holds.
#[derive(Debug)]
pub(in crate::report) struct ReasonJson<'r>(pub(in crate::report) &'r Reason);

impl Serialize for ReasonJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let mut kind = |kind: &str| map.serialize_entry("kind", kind);
        match self.0 {
            Reason::File { path, change, inside, pattern, source, project } => {
                kind("file")?;
                map.serialize_entry("path", &path.to_string())?;
                map.serialize_entry("change", change)?;
                if !inside.is_empty() {
                    let inside: Vec<String> = inside.iter().map(ToString::to_string).collect();
                    map.serialize_entry("inside", &inside)?;
                }
                map.serialize_entry("pattern", pattern)?;
                map.serialize_entry("source", source)?;
                map.serialize_entry("project", project)?;
            }
            Reason::Folder { path, change, pattern, source, project } => {
                kind("folder")?;
                map.serialize_entry("path", &path.to_string())?;
                map.serialize_entry("change", change)?;
                map.serialize_entry("pattern", pattern)?;
                map.serialize_entry("source", source)?;
                map.serialize_entry("project", project)?;
            }
            Reason::Lfs { path, is_lfs, attributes, pattern, source, project } => {
                kind("lfs")?;
                map.serialize_entry("path", &path.to_string())?;
                map.serialize_entry("lfs", is_lfs)?;
                map.serialize_entry("attributes", &attributes.to_string())?;
                map.serialize_entry("pattern", pattern)?;
                map.serialize_entry("source", source)?;
                map.serialize_entry("project", project)?;
            }
            Reason::New { project } => {
                kind("new")?;
                map.serialize_entry("project", project)?;
            }
            Reason::UnreadableInBase { why, project } => {
                kind("unreadable-in-base")?;
                map.serialize_entry("why", why)?;
                map.serialize_entry("project", project)?;
            }
            Reason::UnreadableBase { why } => {
                kind("unreadable-base")?;
                map.serialize_entry("why", why)?;
            }
            Reason::Entry { keys, project } => {
                kind("entry")?;
                map.serialize_entry("keys", keys)?;
                map.serialize_entry("project", project)?;
            }
            Reason::DefaultPlatform { now, project } => {
                kind("default-platform")?;
                map.serialize_entry("platform", &now.as_ref().map(ToString::to_string))?;
                map.serialize_entry("project", project)?;
            }
            Reason::Parents { changes, project } => {
                kind("parents")?;
                let changes: Vec<_> = changes.iter().map(parent_change).collect();
                map.serialize_entry("changes", &changes)?;
                map.serialize_entry("project", project)?;
            }
            Reason::Locked { changes, project } => {
                kind("locked")?;
                let changes: Vec<_> = changes.iter().map(locked_change).collect();
                map.serialize_entry("images", &changes)?;
                map.serialize_entry("project", project)?;
            }
            Reason::Patterns { path, change, project } => {
                kind("patterns")?;
                map.serialize_entry("path", &path.to_string())?;
                map.serialize_entry("change", change)?;
                map.serialize_entry("project", project)?;
            }
            Reason::Need { project } => {
                kind("need")?;
                map.serialize_entry("project", project)?;
            }
            Reason::BaseUnknown { why } => {
                kind("base-unknown")?;
                map.serialize_entry("why", why)?;
            }
            Reason::NoImage => kind("no-image")?,
            Reason::CacheUnread => kind("cache-unread")?,
            Reason::NoImageOfDefaultBranch => kind("no-image-of-default-branch")?,
            Reason::NoImageOfExtraInputs => kind("no-image-of-extra-inputs")?,
            Reason::Tainted => kind("tainted")?,
            Reason::Forced { by } => {
                kind("forced")?;
                let by = match by {
                    ForcedBy::Option => "option",
                    ForcedBy::Message => "message",
                };
                map.serialize_entry("by", by)?;
            }
        }
        map.end()
    }
}

fn locked_change(LockedChange { image, before, now }: &LockedChange) -> serde_json::Value {
    serde_json::json!({ "reference": image.to_string(), "before": before, "now": now })
}

fn parent_change(change: &ParentChange) -> serde_json::Value {
    let image = |image: &Option<ParentImage>| match image {
        Some(ParentImage::Project(project)) => serde_json::json!({ "project": project }),
        Some(ParentImage::Folder(folder)) => serde_json::json!({ "folder": folder.to_string() }),
        Some(ParentImage::External | ParentImage::Locked(_)) => serde_json::json!({ "external": true }),
        None => serde_json::Value::Null,
    };
    serde_json::json!({
        "reference": change.reference,
        "source": change.source,
        "before": image(&change.before),
        "now": image(&change.now),
    })
}
