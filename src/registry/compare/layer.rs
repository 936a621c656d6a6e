//! What is in the archive of a layer, and how that differs from another one.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufReader, Read};

use flate2::read::MultiGzDecoder;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tar::{Archive, EntryType};

/// How many files of a layer are named.
pub(super) const MAX_FILES: usize = 100;

/// The files of a layer by their paths, which are bytes.
pub(super) type Files = BTreeMap<Vec<u8>, Entry>;

/// A file, folder or link of a layer that another layer has otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDifference {
    /// From the root of the image; bytes that are not UTF-8 are replaced.
    pub path: String,
    pub aspects: BTreeSet<Aspect>,
}

/// What of a file is different.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Aspect {
    /// Only the second layer has it.
    Added,
    /// Only the first layer has it.
    Missing,
    /// Whether it is a file, a folder or a link.
    Type,
    Content,
    Mode,
    Owner,
    /// When it was changed.
    Time,
    /// What a link leads to.
    Link,
    /// Extended attributes, and all else.
    Attributes,
}

impl Aspect {
    pub fn label(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Missing => "missing",
            Self::Type => "type",
            Self::Content => "content",
            Self::Mode => "mode",
            Self::Owner => "owner",
            Self::Time => "time",
            Self::Link => "link",
            Self::Attributes => "attributes",
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    kind: u8,
    mode: u32,
    owner: (u64, u64),
    time: Vec<u8>,
    link: Vec<u8>,
    content: [u8; 32],
    /// By their names.
    attributes: BTreeMap<String, Vec<u8>>,
}

/// Whether layers of this type are read here: archives without compression, or with gzip.
pub(super) fn can_be_read(media_type: &str) -> bool {
    is_gzip(media_type) || media_type.ends_with(".tar")
}

fn is_gzip(media_type: &str) -> bool {
    media_type.ends_with("gzip")
}

/// Reads an archive to its end.
pub(super) fn list(archive: impl Read, media_type: &str) -> io::Result<Files> {
    let archive = BufReader::new(archive);
    if is_gzip(media_type) { entries(MultiGzDecoder::new(archive)) } else { entries(archive) }
}

fn entries(archive: impl Read) -> io::Result<Files> {
    let mut files = Files::new();
    for entry in Archive::new(archive).entries()? {
        let mut entry = entry?;
        let path = entry.path_bytes().into_owned();
        files.insert(path, read(&mut entry)?);
    }
    Ok(files)
}

fn read<R: Read>(entry: &mut tar::Entry<'_, R>) -> io::Result<Entry> {
    let mut attributes = BTreeMap::new();
    if let Some(extensions) = entry.pax_extensions()? {
        for extension in extensions {
            let extension = extension?;
            let name = String::from_utf8_lossy(extension.key_bytes()).into_owned();
            attributes.insert(name, extension.value_bytes().to_vec());
        }
    }
    // What the header has, too, is compared as such.
    for name in ["path", "linkpath", "size", "uid", "gid"] {
        attributes.remove(name);
    }
    let header = entry.header();
    let time = match attributes.remove("mtime") {
        Some(time) => time,
        None => header.mtime()?.to_string().into_bytes(),
    };
    let (kind, mode, owner) = (header.entry_type(), header.mode()?, (header.uid()?, header.gid()?));
    let link = entry.link_name_bytes().map(std::borrow::Cow::into_owned).unwrap_or_default();
    let mut content = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match entry.read(&mut buffer)? {
            0 => break,
            length => content.update(&buffer[..length]),
        }
    }
    let kind = if kind == EntryType::Continuous { EntryType::Regular } else { kind };
    Ok(Entry {
        kind: kind.as_byte(),
        mode,
        owner,
        time,
        link,
        content: content.finalize().into(),
        attributes,
    })
}

/// The files that differ, by path, and how many more there are than are named.
pub(super) fn differences(first: &Files, second: &Files) -> (Vec<FileDifference>, usize) {
    let paths: BTreeSet<&Vec<u8>> = first.keys().chain(second.keys()).collect();
    let aspects = |path: &Vec<u8>| match (first.get(path), second.get(path)) {
        (Some(one), Some(other)) => differing(one, other),
        (Some(_), None) => BTreeSet::from([Aspect::Missing]),
        (None, _) => BTreeSet::from([Aspect::Added]),
    };
    let differing = paths.into_iter().map(|path| (path, aspects(path)));
    let differing: Vec<_> = differing.filter(|(_, aspects)| !aspects.is_empty()).collect();
    let more = differing.len().saturating_sub(MAX_FILES);
    let named = differing.into_iter().take(MAX_FILES).map(|(path, aspects)| {
        let path = String::from_utf8_lossy(path).into_owned();
        FileDifference { path, aspects }
    });
    (named.collect(), more)
}

fn differing(one: &Entry, other: &Entry) -> BTreeSet<Aspect> {
    let compared = [
        (one.kind != other.kind, Aspect::Type),
        (one.content != other.content, Aspect::Content),
        (one.mode != other.mode, Aspect::Mode),
        (one.owner != other.owner, Aspect::Owner),
        (one.time != other.time, Aspect::Time),
        (one.link != other.link, Aspect::Link),
        (one.attributes != other.attributes, Aspect::Attributes),
    ];
    compared.into_iter().filter(|(differs, _)| *differs).map(|(_, aspect)| aspect).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    struct File {
        path: &'static str,
        content: &'static str,
        mode: u32,
        owner: u64,
        time: u64,
    }

    const USUAL: File = File { path: "a", content: "x", mode: 0o644, owner: 0, time: 7 };

    fn archive(files: &[File]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for File { path, content, mode, owner, time } in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(*mode);
            header.set_uid(*owner);
            header.set_gid(0);
            header.set_mtime(*time);
            builder.append_data(&mut header, path, content.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn gzip(archive: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(archive).unwrap();
        encoder.finish().unwrap()
    }

    fn shown(first: &[File], second: &[File]) -> Vec<String> {
        let list =
            |files: &[File]| list(&*gzip(&archive(files)), "application/vnd.oci.image.layer.v1.tar+gzip");
        let (files, more) = differences(&list(first).unwrap(), &list(second).unwrap());
        assert_eq!(more, 0);
        let aspects =
            |file: &FileDifference| file.aspects.iter().map(|it| it.label()).collect::<Vec<_>>().join(" ");
        files.iter().map(|file| format!("{}: {}", file.path, aspects(file))).collect()
    }

    #[test]
    fn each_file_that_differs_is_named_with_what_differs() {
        assert_eq!(shown(&[USUAL], &[USUAL]), Vec::<String>::new());
        for (changed, expected) in [
            (File { content: "y", ..USUAL }, "a: content"),
            (File { mode: 0o755, ..USUAL }, "a: mode"),
            (File { owner: 1, ..USUAL }, "a: owner"),
            (File { time: 8, content: "yy", ..USUAL }, "a: content time"),
        ] {
            assert_eq!(shown(&[USUAL], &[changed]), [expected]);
        }
        let other = File { path: "b", ..USUAL };
        assert_eq!(shown(&[USUAL], &[other]), ["a: missing", "b: added"]);
    }

    #[test]
    fn archives_without_compression_are_read_and_those_of_other_kinds_are_not() {
        let files = list(&*archive(&[USUAL]), "application/vnd.oci.image.layer.v1.tar").unwrap();
        assert_eq!(files.len(), 1);
        for (media_type, expected) in [
            ("application/vnd.docker.image.rootfs.diff.tar.gzip", true),
            ("application/vnd.oci.image.layer.v1.tar+gzip", true),
            ("application/vnd.oci.image.layer.v1.tar", true),
            ("application/vnd.oci.image.layer.v1.tar+zstd", false),
        ] {
            assert_eq!(can_be_read(media_type), expected, "{media_type}");
        }
    }

    #[test]
    fn no_more_files_are_named_than_anybody_reads() {
        let files = |time: &[u8]| -> Files {
            let entry = || Entry {
                kind: b'0',
                mode: 0,
                owner: (0, 0),
                time: time.to_vec(),
                link: Vec::new(),
                content: [0; 32],
                attributes: BTreeMap::new(),
            };
            (0..MAX_FILES + 5).map(|number| (format!("{number:04}").into_bytes(), entry())).collect()
        };

        let (named, more) = differences(&files(b"1"), &files(b"2"));

        assert_eq!((named.len(), more), (MAX_FILES, 5));
    }
}
