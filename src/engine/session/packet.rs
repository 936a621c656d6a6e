//! The messages of `fsutil`, in which the engine asks for files (`fsutil/types/wire.proto`).
//!
//! Paths are bytes here. The schema says `string`, but what Linux and git hold needn't be UTF-8,
//! and the engine doesn't mind.

use bytes::Bytes;

use super::super::context::Entry;
use super::listing::{File, Listed};

/// The second of all files, 1980-01-01T00:00:00Z, in nanoseconds. Zip archives have no earlier time.
const MODIFIED_NANOSECONDS: i64 = 315_532_800 * 1_000_000_000;

/// Bits of Go's `os.FileMode`.
const FOLDER: u32 = 1 << 31;
const SYMBOLIC_LINK: u32 = 1 << 27;

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Packet {
    #[prost(enumeration = "Kind", tag = "1")]
    pub(super) kind: i32,
    #[prost(message, optional, tag = "2")]
    pub(super) stat: Option<Stat>,
    /// Which stat of the listing, counted from 0.
    #[prost(uint32, tag = "3")]
    pub(super) id: u32,
    #[prost(bytes = "bytes", tag = "4")]
    pub(super) data: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub(super) enum Kind {
    /// One file of the listing; without a stat, the end of the listing.
    Stat = 0,
    /// Asks for the content of a file.
    Request = 1,
    /// A part of a content; empty, its end.
    Data = 2,
    /// Nothing more is wanted.
    Finish = 3,
    Error = 4,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Stat {
    #[prost(bytes = "vec", tag = "1")]
    path: Vec<u8>,
    #[prost(uint32, tag = "2")]
    mode: u32,
    #[prost(uint32, tag = "3")]
    user: u32,
    #[prost(uint32, tag = "4")]
    group: u32,
    #[prost(int64, tag = "5")]
    size: i64,
    #[prost(int64, tag = "6")]
    modified: i64,
    #[prost(bytes = "vec", tag = "7")]
    link: Vec<u8>,
}

impl Packet {
    pub(super) fn listed(listed: &Listed) -> Self {
        let Listed { file: File { path, entry, size, link }, stamp } = listed;
        let mode = match entry {
            Entry::Folder => FOLDER | 0o755,
            Entry::File { executable: true, .. } => 0o755,
            Entry::File { executable: false, .. } => 0o644,
            Entry::Link { .. } => SYMBOLIC_LINK | 0o777,
        };
        let stat = Stat {
            path: path.as_bytes().to_vec(),
            mode,
            user: 0,
            group: 0,
            size: i64::try_from(*size).unwrap_or(i64::MAX),
            modified: MODIFIED_NANOSECONDS + i64::from(stamp.nanoseconds()),
            link: link.clone(),
        };
        Self { stat: Some(stat), ..Self::of(Kind::Stat) }
    }

    pub(super) fn end_of_listing() -> Self {
        Self::of(Kind::Stat)
    }

    /// An empty `data` ends the content.
    pub(super) fn data(id: u32, data: Bytes) -> Self {
        Self { id, data, ..Self::of(Kind::Data) }
    }

    pub(super) fn finish() -> Self {
        Self::of(Kind::Finish)
    }

    fn of(kind: Kind) -> Self {
        Self { kind: kind.into(), ..Self::default() }
    }
}
