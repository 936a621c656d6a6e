//! The libraries' object ids, and what each library calls the two formats.

use crate::model::{ObjectFormat, ObjectId};

pub(super) fn oid(id: ObjectId) -> git2::Oid {
    git2::Oid::from_bytes(id.as_bytes()).expect("an object id has the length of an oid")
}

pub(super) fn object_id(oid: git2::Oid) -> ObjectId {
    ObjectId::from_slice(oid.as_bytes()).expect("an oid has the length of an object id")
}

pub(super) fn gix_id(id: ObjectId) -> gix_hash::ObjectId {
    match id {
        ObjectId::Sha1(bytes) => gix_hash::ObjectId::Sha1(bytes),
        ObjectId::Sha256(bytes) => gix_hash::ObjectId::Sha256(bytes),
    }
}

pub(super) fn from_gix(id: &gix_hash::oid) -> ObjectId {
    ObjectId::from_slice(id.as_bytes()).expect("an id of the library has the length of an object id")
}

pub(super) fn gix_kind(format: ObjectFormat) -> gix_hash::Kind {
    match format {
        ObjectFormat::Sha1 => gix_hash::Kind::Sha1,
        ObjectFormat::Sha256 => gix_hash::Kind::Sha256,
    }
}

pub(super) fn git2_format(format: ObjectFormat) -> git2::ObjectFormat {
    match format {
        ObjectFormat::Sha1 => git2::ObjectFormat::Sha1,
        ObjectFormat::Sha256 => git2::ObjectFormat::Sha256,
    }
}

/// The tree without entries, which git knows whether or not it was written (`git hash-object -t tree /dev/null`).
pub(super) fn empty_tree(format: ObjectFormat) -> ObjectId {
    from_gix(&gix_hash::ObjectId::empty_tree(gix_kind(format)))
}

/// The blob without content.
pub(super) fn empty_blob(format: ObjectFormat) -> ObjectId {
    from_gix(&gix_hash::ObjectId::empty_blob(gix_kind(format)))
}
