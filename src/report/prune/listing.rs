//! What is deleted, or would be, for people.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::{DeployRemovals, LocalRemovals, Pruned};
use crate::engine::Leftover;
use crate::model::{CommitId, ManifestDigest, RepositoryName, Tag};
use crate::prune::{Reason, Removal, Removals};
use crate::report::counted::counted;
use crate::report::styled::{Role, StyledLine, StyledText};
use crate::report::summary::{Detail, Layout};
use crate::report::{size, time};

/// The columns that digests, sizes and ages take together with the spaces between them.
const REASON_COLUMN: usize = 36;

/// What is deleted or would be, by repository, each with its size, its age and why; and totals. What was deleted has been
/// named one by one meanwhile, so that it is only counted.
pub fn text(pruned: &Pruned, deleted: bool, now: SystemTime, layout: Layout) -> StyledText {
    let mut page = Page { text: StyledText::default(), deleted, now, layout };
    if let Some(removals) = &pruned.cache {
        page.groups(&removals.records, "build record");
        page.groups(&removals.images, "image");
        page.total(&cache_total(removals, page.verb()));
    }
    for DeployRemovals { registry, environments, removals } in &pruned.deploy {
        page.groups(&removals.images, "image");
        let (images, verb) = (counted(removals.images.len(), "image"), page.verb());
        let frees = frees(removals);
        let environments = environments.join(", ");
        let kept = counted(removals.kept_images, "image");
        page.total(&format!("{images} of {registry} ({environments}) {verb}{frees}; {kept} kept"));
    }
    if let Some(local) = &pruned.local {
        page.local(local);
    }
    let is_any = |removals: &Removals| !removals.images.is_empty() || !removals.records.is_empty();
    let is_any = pruned.cache.as_ref().is_some_and(is_any)
        || pruned.deploy.iter().any(|it| is_any(&it.removals))
        || pruned.local.as_ref().is_some_and(|local| !local.leftovers.is_empty());
    if is_any && !deleted {
        page.text.push(StyledLine::new().plain("`--delete` deletes them"));
    }
    page.text
}

fn cache_total(removals: &Removals, verb: &str) -> String {
    let images = counted(removals.images.len(), "image");
    let records = counted(removals.records.len(), "build record");
    let kept = (counted(removals.kept_images, "image"), counted(removals.kept_records, "build record"));
    format!("{images} and {records} {verb}{}; {} and {} kept", frees(removals), kept.0, kept.1)
}

fn frees(removals: &Removals) -> String {
    match removals.freed_bytes {
        0 => String::new(),
        bytes => format!(", which frees {}", size::bytes(bytes)),
    }
}

/// Text that is being written.
struct Page {
    text: StyledText,
    deleted: bool,
    now: SystemTime,
    layout: Layout,
}

impl Page {
    fn verb(&self) -> &'static str {
        if self.deleted { "deleted" } else { "to delete" }
    }

    fn total(&mut self, text: &str) {
        self.push(StyledLine::new().text(Role::Strong, text), 2);
    }

    /// A heading for each repository, and below it a row for each image or record.
    fn groups(&mut self, removals: &[Removal], noun: &str) {
        let mut groups: BTreeMap<&RepositoryName, Vec<&Removal>> = BTreeMap::new();
        for removal in removals {
            groups.entry(&removal.repository).or_default().push(removal);
        }
        for (repository, removals) in groups {
            let count = counted(removals.len(), noun);
            let heading = StyledLine::new().text(Role::Strong, &repository.to_string());
            self.push(heading.plain(&format!(": {count}")), 2);
            if !self.deleted || self.layout.detail == Detail::Full {
                self.rows(removals);
            }
        }
    }

    /// Oldest first. The images of platforms are counted with what lists them.
    fn rows(&mut self, mut removals: Vec<&Removal>) {
        removals.sort_by_key(|removal| (removal.made, removal.digest));
        let brief = self.layout.detail == Detail::Brief;
        let index_of = |removal: &Removal| match removal.reason {
            Reason::OfPlatform { index } => Some(index),
            _ => None,
        };
        let of_platforms =
            |digest: ManifestDigest| removals.iter().filter(|other| index_of(other) == Some(digest)).count();
        let shown = removals.iter().filter(|removal| !brief || index_of(removal).is_none());
        let lines: Vec<_> = shown.map(|removal| self.row(removal, of_platforms(removal.digest))).collect();
        for line in lines {
            self.push(line, REASON_COLUMN);
        }
    }

    fn row(&self, removal: &Removal, of_platforms: usize) -> StyledLine {
        let brief = self.layout.detail == Detail::Brief;
        let digest = if brief { removal.digest.short() } else { removal.digest.to_string() };
        let bytes = if removal.bytes == 0 { String::new() } else { size::bytes(removal.bytes) };
        let mut reason = removal.reason.to_string();
        if of_platforms > 0 && brief {
            reason += &format!(", with {}", counted(of_platforms, "platform"));
        }
        let tags: Vec<String> = if brief {
            commit_of(removal).into_iter().collect()
        } else {
            removal.tags.iter().map(Tag::to_string).collect()
        };
        let tags = if tags.is_empty() { String::new() } else { format!(" ({})", tags.join(", ")) };
        let age = self.age(removal.made);
        StyledLine::new()
            .plain(&format!("  {digest}  {bytes:>6}  {age:>10}  {reason}"))
            .text(Role::Dim, &tags)
    }

    fn age(&self, made: Option<SystemTime>) -> String {
        let age = made.map(|made| time::age(self.now.duration_since(made).unwrap_or_default()));
        age.unwrap_or_else(|| "unknown".to_owned())
    }

    fn local(&mut self, local: &LocalRemovals) {
        for Leftover { image, kind, since, bytes } in &local.leftovers {
            let (bytes, age) = (size::bytes(*bytes), self.age(Some(*since)));
            if !self.deleted || self.layout.detail == Detail::Full {
                let line = StyledLine::new().text(Role::Strong, &image.to_string());
                self.push(line.plain(&format!("  {bytes}, {age}, {}", kind.origin())), 2);
            }
        }
        let names = counted(local.leftovers.len(), "name");
        let (verb, kept) = (self.verb(), counted(local.kept, "name"));
        self.total(&format!("{names} in the engine {verb}; {kept} kept"));
    }

    fn push(&mut self, line: StyledLine, indent: usize) {
        self.layout.push(&mut self.text, line, indent);
    }
}

/// The commit that it was built or deployed with, short.
fn commit_of(removal: &Removal) -> Option<String> {
    let commit = |tag: &Tag| tag.as_str().strip_prefix("commit-").unwrap_or(tag.as_str()).parse().ok();
    let commit: CommitId = removal.tags.iter().find_map(commit)?;
    Some(commit.short().to_string())
}
