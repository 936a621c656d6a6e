//! What a Dockerfile takes from the network that another build may find otherwise, although there is a lock file.

use std::collections::BTreeSet;

use super::walk::Subject;
use super::{Code, Finding};
use crate::config::LockFile;
use crate::dockerfile::CopyKind;
use crate::model::{TaggedImage, printable};
use crate::workspace::{LOCK_FILE, NeededManifest, Variant};

/// The lengths of the names of commits, which say all of them.
const COMMIT_DIGITS: [usize; 2] = [40, 64];

/// A finding for each image that the lock file lacks, and each URL that nothing pins.
pub(super) fn check(lock: &LockFile, subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let config = &subject.project.config;
    let mut reported = BTreeSet::new();
    let mut finding = |line, message: String| {
        if reported.insert((line, message.clone())) {
            findings.push(Finding {
                project: Some(subject.name.clone()),
                file: config.dockerfile.value.to_string(),
                line,
                code: Code::FloatingReference,
                message,
                suggestion: None,
            });
        }
    };
    for variant in &subject.project.variants {
        for external in variant.external.iter().filter(|external| external.pin.is_none()) {
            let lacks = match (&external.manifest, lock.get(&external.image)) {
                (NeededManifest::Of(platform), Some(_)) => {
                    format!("`{LOCK_FILE}` has no manifest of `{}` for {platform}", external.reference)
                }
                _ => format!("`{}` is not in `{LOCK_FILE}`", external.reference),
            };
            finding(external.line, format!("{lacks}: `chinampa lock` adds it"));
        }
        for (line, url) in urls(variant, subject) {
            let shown = printable(&url);
            finding(
                line,
                match is_repository(&url) {
                    true => {
                        format!("`{shown}` names no whole commit, so it can be another one in the next build")
                    }
                    false => {
                        format!("`{shown}` has no `--checksum`, so it can be another file in the next build")
                    }
                },
            );
        }
    }
}

/// The images that a Dockerfile names by tags.
pub(super) fn images(subject: &Subject<'_>) -> impl Iterator<Item = TaggedImage> {
    let external = subject.project.variants.iter().flat_map(|variant| &variant.external);
    external.map(|external| external.image.clone())
}

/// The URLs of `ADD` that nothing pins, with their lines.
fn urls(variant: &Variant, subject: &Subject<'_>) -> Vec<(usize, String)> {
    let copies = variant.dockerfile.copies_needed_for(subject.project.config.target.as_ref());
    let added = copies.unwrap_or_default().into_iter().filter(|copy| copy.kind == CopyKind::Add);
    let sources = added.filter(|copy| !copy.has_checksum).flat_map(|copy| &copy.sources);
    let urls = sources.map(|source| (source.line, source.path.as_ref().unwrap_or(&source.written).clone()));
    urls.filter(|(_, url)| is_url(url) && !names_commit(url)).collect()
}

fn is_url(source: &str) -> bool {
    ["http://", "https://", "git://", "ssh://", "git@"].iter().any(|scheme| source.starts_with(scheme))
}

/// Whether git fetches it, as BuildKit decides.
fn is_repository(url: &str) -> bool {
    let is_http = url.starts_with("http://") || url.starts_with("https://");
    !is_http || url.split(['#', '?']).next().is_some_and(|path| path.ends_with(".git"))
}

/// Whether it is a repository at one commit.
fn names_commit(url: &str) -> bool {
    let fragment = url.split_once('#').map(|(_, fragment)| fragment);
    let commit = fragment.and_then(|fragment| fragment.split(':').next()).unwrap_or_default();
    is_repository(url)
        && COMMIT_DIGITS.contains(&commit.len())
        && commit.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_repository_at_a_commit_is_pinned_without_a_checksum() {
        let commit = "0123456789012345678901234567890123456789";

        assert!(names_commit(&format!("https://example.com/a.git#{commit}:folder")));
        assert!(names_commit(&format!("git@example.com:a.git#{commit}")));
        for url in [
            format!("https://example.com/a#{commit}"),
            "https://example.com/a.git".to_owned(),
            "https://example.com/a.git#main".to_owned(),
            "https://example.com/a.git#0123456".to_owned(),
        ] {
            assert!(is_url(&url) && !names_commit(&url), "{url}");
        }
        assert!(!is_url("a/b") && !is_url("./https"));
    }
}
