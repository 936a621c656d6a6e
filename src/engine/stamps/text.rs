//! A table as it is stored.
//!
//! Records that each end with a NUL byte, because paths may contain newlines; `tr '\0' '\n'` shows them:
//!
//! ```text
//! chinampa-stamps 1
//! key 0f9e7a1c52d84b36a1b2c3d4e5f60718
//! context 0 1204 5891b5b522d5df08… src/main.rs
//! context 70415233 12 e258d248fda94c63… VERSION
//! dockerfile 0 310 0263829989b6fd95… Dockerfile
//! ```
//!
//! That is: the folder, stamp, size and content of a file, and its path.

use std::collections::BTreeMap;
use std::str;

use super::table::{Changed, Contents, Versions};
use super::{Stamp, Table};
use crate::model::{Fingerprint, RepoPath};

const FORMAT: &str = "chinampa-stamps 1";

impl Table {
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = Vec::new();
        record(&mut text, FORMAT, b"");
        match self {
            Self::Unchanged { context, dockerfiles } => {
                record(&mut text, &format!("files {context}"), b"");
                for (platform, content) in dockerfiles {
                    record(&mut text, &format!("platform {content} "), platform.as_bytes());
                }
            }
            Self::Changed(Changed { key, context, dockerfile }) => {
                record(&mut text, &format!("key {key:032x}"), b"");
                versions(&mut text, "context", context);
                versions(&mut text, "dockerfile", dockerfile);
            }
        }
        text
    }

    /// `None` if it is anything else than what [`Table::to_bytes`] returns.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut records = bytes.strip_suffix(b"\0")?.split(|byte| *byte == 0);
        if records.next()? != FORMAT.as_bytes() {
            return None;
        }
        let head = str::from_utf8(records.next()?).ok()?;
        match head.split_once(' ')? {
            ("files", context) => {
                let mut dockerfiles = BTreeMap::new();
                for record in records {
                    let mut words = str::from_utf8(record).ok()?.splitn(3, ' ');
                    let ("platform", content) = (words.next()?, words.next()?.parse().ok()?) else {
                        return None;
                    };
                    dockerfiles.insert(words.next()?.to_owned(), content);
                }
                Some(Self::Unchanged { context: context.parse().ok()?, dockerfiles })
            }
            ("key", key) => {
                let key = u128::from_str_radix(key, 16).ok()?;
                let mut changed = Changed { key, context: Versions::new(), dockerfile: Versions::new() };
                for record in records {
                    add(&mut changed, record)?;
                }
                Some(Self::Changed(changed))
            }
            _ => None,
        }
    }
}

fn record(text: &mut Vec<u8>, words: &str, rest: &[u8]) {
    text.extend_from_slice(words.as_bytes());
    text.extend_from_slice(rest);
    text.push(0);
}

fn versions(text: &mut Vec<u8>, folder: &str, versions: &Versions) {
    for ((path, size), contents) in versions {
        let mut line = |stamp: Stamp, content: &Fingerprint| {
            let words = format!("{folder} {} {size} {content} ", stamp.nanoseconds());
            record(text, &words, path.as_bytes());
        };
        match contents {
            Contents::One(content) => line(Stamp::ZERO, content),
            Contents::Several(stamps) => stamps.iter().for_each(|(content, stamp)| line(*stamp, content)),
        }
    }
}

fn add(changed: &mut Changed, record: &[u8]) -> Option<()> {
    let mut words = record.splitn(5, |byte| *byte == b' ');
    let mut word = || str::from_utf8(words.next()?).ok();
    let folder = word()?;
    let stamp = Stamp::new(word()?.parse().ok()?)?;
    let size = word()?.parse().ok()?;
    let content = word()?.parse().ok()?;
    let path = RepoPath::new(words.next()?).ok()?;
    let versions = match folder {
        "context" => &mut changed.context,
        "dockerfile" => &mut changed.dockerfile,
        _ => return None,
    };
    let key = (path, size);
    match (stamp, versions.get_mut(&key)) {
        (Stamp::ZERO, None) => {
            versions.insert(key, Contents::One(content));
        }
        (_, None) => {
            versions.insert(key, Contents::Several([(content, stamp)].into()));
        }
        (Stamp::ZERO, Some(_)) | (_, Some(Contents::One(_))) => return None,
        (_, Some(Contents::Several(stamps))) => {
            let is_used = stamps.values().any(|used| *used == stamp);
            if is_used || stamps.insert(content, stamp).is_some() {
                return None;
            }
        }
    }
    Some(())
}
