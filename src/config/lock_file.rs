//! Reads and writes `projects.lock` (`docs/projects-lock.md`): which images the external references of Dockerfiles stand for.
//!
//! ```toml
//! version = 1
//!
//! [images."node:22"]
//! digest = "sha256:…"
//! platforms."linux/amd64" = "sha256:…"
//! ```

use std::collections::BTreeMap;
use std::fmt;

use super::document;
use super::fields::{Fields, Item};
use super::problem::{ManifestErrors, Problems};
use crate::model::{ManifestDigest, Platform, TaggedImage};

pub(super) const KEYS: &[&str] = &["version", "images"];
pub(super) const IMAGE_KEYS: &[&str] = &["digest", "platforms"];

/// The only version that is read and written.
const VERSION: i64 = 1;

/// Which images the external references of Dockerfiles stand for. Shown as it is written: references in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockFile(BTreeMap<TaggedImage, LockedImage>);

/// What a tag stood for when it was resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedImage {
    /// Of the index, or of the manifest where there is no index.
    pub digest: ManifestDigest,
    /// The manifest of each platform that projects need.
    pub platforms: BTreeMap<Platform, ManifestDigest>,
}

impl LockFile {
    /// Reads a lock file; `file` is what problems call it.
    ///
    /// # Errors
    /// [`ManifestErrors`] with every problem of the file: unknown keys, another version, references that are not as they are
    /// written here, and what is no digest or platform. Syntax errors, keys that are there twice among them, hide all others.
    pub fn parse(text: &[u8], file: &str) -> Result<Self, ManifestErrors> {
        let problems = Problems::new(file, text);
        let table = document(text, &problems);
        let read = table.as_ref().and_then(|table| {
            let fields = Fields::of_file(table, KEYS, &problems);
            version(fields.required("version")?)?;
            let images = fields.item("images").map(|images| images.members(image)).unwrap_or_default();
            Some(Self(images.into_iter().collect()))
        });
        problems.into_result(read)
    }

    pub fn get(&self, image: &TaggedImage) -> Option<&LockedImage> {
        self.0.get(image)
    }

    pub fn images(&self) -> impl ExactSizeIterator<Item = (&TaggedImage, &LockedImage)> {
        self.0.iter()
    }
}

impl FromIterator<(TaggedImage, LockedImage)> for LockFile {
    fn from_iter<I: IntoIterator<Item = (TaggedImage, LockedImage)>>(images: I) -> Self {
        Self(images.into_iter().collect())
    }
}

impl LockedImage {
    /// The manifest for a platform, if that was needed when it was resolved.
    pub fn manifest(&self, platform: &Platform) -> Option<ManifestDigest> {
        self.platforms.get(platform).copied()
    }
}

fn version(item: Item<'_>) -> Option<()> {
    let version = item.integer()?;
    if version != VERSION {
        let hint = "use a newer `chinampa`".to_owned();
        item.wrong_with_hint(format_args!("version {version} is not known, only {VERSION}"), Some(hint));
        return None;
    }
    Some(())
}

fn image(item: Item<'_>) -> Option<(TaggedImage, LockedImage)> {
    let key = item.key();
    let image = key.parse::<TaggedImage>().map_err(|error| item.wrong(error)).ok();
    if let Some(image) = image.as_ref().filter(|image| image.to_string() != key) {
        item.wrong(format_args!("it is written as `{image}` here"));
    }
    let fields = item.fields(IMAGE_KEYS)?;
    let digest = fields.required("digest")?.parse();
    let platforms = fields.item("platforms").map(|platforms| platforms.members(platform)).unwrap_or_default();
    Some((image?, LockedImage { digest: digest?, platforms: platforms.into_iter().collect() }))
}

fn platform(item: Item<'_>) -> Option<(Platform, ManifestDigest)> {
    let platform = item.key().parse().map_err(|error| item.wrong(error)).ok();
    let digest = item.parse();
    Some((platform?, digest?))
}

/// Nothing that is written needs to be escaped: neither references nor platforms have quotes or backslashes.
impl fmt::Display for LockFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "# Written by `chinampa lock` and `chinampa update`. Commit it, and do not edit it."
        )?;
        writeln!(formatter, "version = {VERSION}")?;
        for (image, LockedImage { digest, platforms }) in &self.0 {
            write!(formatter, "\n[images.\"{image}\"]\ndigest = \"{digest}\"\n")?;
            for (platform, digest) in platforms {
                writeln!(formatter, "platforms.\"{platform}\" = \"{digest}\"")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: u8) -> ManifestDigest {
        ManifestDigest::of(&[number])
    }

    fn locked(digest: ManifestDigest, platforms: &[(&str, ManifestDigest)]) -> LockedImage {
        let platforms = platforms.iter().map(|(platform, digest)| (platform.parse().unwrap(), *digest));
        LockedImage { digest, platforms: platforms.collect() }
    }

    fn problems(text: &str) -> String {
        LockFile::parse(text.as_bytes(), "projects.lock").unwrap_err().to_string()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let images = [
            ("node:22", locked(digest(1), &[("linux/arm64", digest(2)), ("linux/amd64", digest(3))])),
            ("[::1]:5000/team/api:v1.2-a_b", locked(digest(4), &[])),
            ("docker/dockerfile:1", locked(digest(5), &[])),
        ];
        let lock: LockFile =
            images.into_iter().map(|(image, locked)| (image.parse().unwrap(), locked)).collect();

        let text = lock.to_string();

        assert_eq!(LockFile::parse(text.as_bytes(), "projects.lock").unwrap(), lock, "{text}");
        let empty = LockFile::default();
        assert_eq!(LockFile::parse(empty.to_string().as_bytes(), "projects.lock").unwrap(), empty);
    }

    #[test]
    fn references_and_platforms_are_written_in_their_order() {
        let lock: LockFile = ["node:22", "alpine:3"]
            .map(|image| {
                (
                    image.parse().unwrap(),
                    locked(digest(1), &[("linux/arm64", digest(2)), ("linux/amd64", digest(3))]),
                )
            })
            .into_iter()
            .collect();

        insta::assert_snapshot!(lock, @r#"
        # Written by `chinampa lock` and `chinampa update`. Commit it, and do not edit it.
        version = 1

        [images."alpine:3"]
        digest = "sha256:4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a"
        platforms."linux/amd64" = "sha256:084fed08b978af4d7d196a7446a86b58009e636b611db16211b65a9aadff29c5"
        platforms."linux/arm64" = "sha256:dbc1b4c900ffe48d575b5da5c638040125f65db0fe3e24494b76ea986457d986"

        [images."node:22"]
        digest = "sha256:4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a"
        platforms."linux/amd64" = "sha256:084fed08b978af4d7d196a7446a86b58009e636b611db16211b65a9aadff29c5"
        platforms."linux/arm64" = "sha256:dbc1b4c900ffe48d575b5da5c638040125f65db0fe3e24494b76ea986457d986"
        "#);
    }

    #[test]
    fn each_problem_has_its_line() {
        let hash = "a".repeat(64);

        let found = problems(&format!(
            "version = 1\nlocked = true\n[images.\"docker.io/library/node:22\"]\ndigest = \"sha256:{hash}\"\n\
             [images.\"alpine:3\"]\ndigest = \"sha256:12\"\nsince = 1\n\
             platforms.\"linux\" = \"sha256:{hash}\"\n[images.\"scratch\"]\n[images.\"a:1@sha256:{hash}\"]\ndigest = 1\n"
        ));

        insta::assert_snapshot!(found.replace(&hash, "<hash>"), @"
        projects.lock:2: unknown key `locked`
        projects.lock:3: `docker.io/library/node:22` in `[images]`: it is written as `node:22` here
        projects.lock:6: `digest` in `[images.alpine:3]`: `sha256:12` is not a manifest digest: `sha256:` and 64 hexadecimal digits
        projects.lock:7: unknown key `since` in `[images.alpine:3]`
        projects.lock:8: `linux` in `[images.alpine:3.platforms]`: `linux` is not a platform: `<os>/<architecture>[/<variant>]` is expected, such as `linux/amd64`
        projects.lock:9: `scratch` in `[images]`: `scratch` is not an image: `[host/]repository[:tag]` without a digest, and not `scratch`
        projects.lock:9: `[images.scratch]`: `digest` is missing
        projects.lock:10: `a:1@sha256:<hash>` in `[images]`: `a:1@sha256:<hash>` is not an image: `[host/]repository[:tag]` without a digest, and not `scratch`
        projects.lock:11: `digest` in `[images.a:1@sha256:<hash>]`: a string is expected, not an integer; write it in quotes
        ");
    }

    #[test]
    fn a_key_that_is_there_twice_and_another_version_are_refused() {
        let twice = problems("version = 1\n[images.\"a:1\"]\n[images.\"b:1\"]\n[images.\"a:1\"]\n");

        assert!(twice.starts_with("projects.lock:4: ") && twice.contains("duplicate key"), "{twice}");
        insta::assert_snapshot!(problems("version = 2\nimages = 1\n"), @"
        projects.lock:1: `version`: version 2 is not known, only 1; use a newer `chinampa`
        ");
        insta::assert_snapshot!(problems(""), @"projects.lock:1: `version` is missing");
    }
}
