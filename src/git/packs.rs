//! Packed objects, read by calls instead of a mapped file (gitformat-pack(5)).
//!
//! A mapped pack counts as memory with all that the kernel maps around each object that is touched: thousands of small
//! objects, far from each other, are the whole pack. Whatever is out of the ordinary here, is no answer: then the
//! library reads the object, and says what is wrong with it.

use std::fs::File;
use std::path::{Path, PathBuf};

use gix_hash::oid;
use gix_object::Kind;
use libdeflater::Decompressor;

use super::delta;
use super::pack_index::PackIndex;
use super::window::Window;
use crate::model::ObjectId;

/// Of an entry without what it holds: the type and the size, and the base of a delta.
const MAX_HEADER_BYTES: usize = 32;

/// The largest object that is read here: more takes a while anyway.
const MAX_OBJECT_BYTES: usize = 16 << 20;

/// The library is slow where less room is left than it may fill at once. Of small objects, that is all of them.
const ROOM_BYTES: usize = 512;
const MAX_SMALL_BYTES: usize = 4096;

/// As many as git makes, at most, and some more.
const MAX_DELTAS: usize = 64;

/// Each takes a file that is open. A repository that was never repacked has thousands, most of them small.
const MAX_PACKS: usize = 32;

/// The packs of a repository, as they were when they were opened.
pub(super) struct Packs(Vec<Pack>);

struct Pack {
    /// Which of the packs it is.
    number: usize,
    index: PackIndex,
    data: File,
}

/// Where an object is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pack: usize,
    offset: u64,
}

/// What reading needs again and again: always from the same packs, of which it holds some bytes.
pub(super) struct Scratch {
    decompressor: Decompressor,
    window: Window,
    /// For an object and some room behind it.
    small: Box<[u8]>,
}

impl Scratch {
    /// git puts trees next to each other, those of a folder's subfolders too, and most are small.
    pub(super) fn for_trees() -> Self {
        Self::with_window(16 * 1024)
    }

    /// Files of a folder are neighbours, but few of them are asked for.
    pub(super) fn for_blobs() -> Self {
        Self::with_window(512)
    }

    fn with_window(bytes: usize) -> Self {
        let small = vec![0; MAX_SMALL_BYTES + ROOM_BYTES].into();
        Self { decompressor: Decompressor::new(), window: Window::new(bytes), small }
    }
}

/// What an entry holds.
enum Entry {
    Whole(Kind, Vec<u8>),
    /// Instructions that make the object from that at an offset, or with an id.
    Delta(Base, Vec<u8>),
}

enum Base {
    Offset(u64),
    Id(ObjectId),
}

impl Packs {
    /// The largest in a folder of objects; the others, and one that can't be opened, are left to the library.
    pub(super) fn open(objects: &Path) -> Self {
        let folder = objects.join("pack");
        let Ok(files) = std::fs::read_dir(&folder) else { return Self(Vec::new()) };
        let indexes = files.flatten().filter(|file| file.path().extension().is_some_and(|it| it == "idx"));
        let mut indexes: Vec<(u64, PathBuf)> =
            indexes.filter_map(|index| Some((index.metadata().ok()?.len(), index.path()))).collect();
        indexes.sort_unstable_by(|one, other| other.cmp(one));
        let packs = indexes.iter().take(MAX_PACKS).filter_map(|(_, index)| Pack::open(index));
        Self(packs.zip(0..).map(|((index, data), number)| Pack { number, index, data }).collect())
    }

    /// An object, where it is in one of these packs and nothing is odd about it.
    pub(super) fn read(&self, id: ObjectId, scratch: &mut Scratch) -> Option<(Kind, Vec<u8>)> {
        let id = gix_hash::ObjectId::Sha1(*id.as_bytes());
        self.0.iter().find_map(|pack| pack.object(pack.index.offset_of(&id)?, scratch))
    }

    /// Where objects are, those that are in one of these packs: in less time than for one after the other.
    pub(super) fn places(&self, ids: &[ObjectId]) -> Vec<Option<Place>> {
        let mut places = vec![None; ids.len()];
        for pack in &self.0 {
            let missing: Vec<usize> = (0..ids.len()).filter(|&number| places[number].is_none()).collect();
            if missing.is_empty() {
                break;
            }
            let wanted = missing.iter().map(|&number| oid::from_bytes_unchecked(ids[number].as_bytes()));
            let offsets = pack.index.offsets_of(&wanted.collect::<Vec<_>>());
            for (number, offset) in missing.into_iter().zip(offsets) {
                places[number] = offset.map(|offset| Place { pack: pack.number, offset });
            }
        }
        places
    }

    /// What is at a place, if nothing is odd about it.
    pub(super) fn read_at(&self, place: Place, scratch: &mut Scratch) -> Option<(Kind, Vec<u8>)> {
        self.0.get(place.pack)?.object(place.offset, scratch)
    }
}

impl Pack {
    fn open(index: &Path) -> Option<(PackIndex, File)> {
        let data = File::open(index.with_extension("pack")).ok()?;
        let index = PackIndex::open(index)?;
        Some((index, data))
    }

    fn object(&self, offset: u64, scratch: &mut Scratch) -> Option<(Kind, Vec<u8>)> {
        let mut deltas = Vec::new();
        let mut offset = offset;
        loop {
            match self.entry(offset, scratch)? {
                Entry::Whole(kind, content) => {
                    let apply = |base: Vec<u8>, delta: &Vec<u8>| delta::apply(&base, delta, MAX_OBJECT_BYTES);
                    return Some((kind, deltas.iter().rev().try_fold(content, apply)?));
                }
                Entry::Delta(base, delta) => {
                    offset = match base {
                        Base::Offset(offset) => offset,
                        Base::Id(id) => self.index.offset_of(&gix_hash::ObjectId::Sha1(*id.as_bytes()))?,
                    };
                    deltas.push(delta);
                    if deltas.len() > MAX_DELTAS {
                        return None;
                    }
                }
            }
        }
    }

    fn entry(&self, offset: u64, scratch: &mut Scratch) -> Option<Entry> {
        let Scratch { decompressor, window, small } = scratch;
        let bytes = window.bytes(self.number, &self.data, offset, MAX_HEADER_BYTES)?;
        let (kind, size, mut header) = entry_header(bytes)?;
        let base = match kind {
            6 => {
                let (back, length) = offset_back(&bytes[header..])?;
                header += length;
                Some(Base::Offset(offset.checked_sub(back)?))
            }
            7 => {
                let id = bytes[header..].first_chunk::<20>()?;
                header += 20;
                Some(Base::Id(ObjectId::from_bytes(*id)))
            }
            _ => None,
        };
        if size > MAX_OBJECT_BYTES {
            return None;
        }
        // More than git's zlib makes of so many bytes.
        let most = header + size + size / 1000 + 64;
        let bytes = window.bytes(self.number, &self.data, offset, most)?;
        // What follows the stream belongs to the next entry, and is passed over.
        let packed = bytes.get(header..)?;
        let mut inflate = |output: &mut [u8]| decompressor.zlib_decompress(packed, output).ok();
        let mut object = Vec::new();
        let written = if size <= MAX_SMALL_BYTES {
            let written = inflate(&mut small[..size + ROOM_BYTES])?;
            object.extend_from_slice(&small[..size]);
            written
        } else {
            object.resize(size, 0);
            inflate(&mut object)?
        };
        if written != size {
            return None;
        }
        Some(match (base, kind) {
            (Some(base), _) => Entry::Delta(base, object),
            (None, 2) => Entry::Whole(Kind::Tree, object),
            (None, 3) => Entry::Whole(Kind::Blob, object),
            // Commits and tags are read elsewhere.
            _ => return None,
        })
    }
}

/// The type and the size of an entry, and how many bytes say them: three bits of type and four of size, then
/// seven bits of size a byte, the lowest first, as long as the highest bit is set.
fn entry_header(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let first = *bytes.first()?;
    let (kind, mut size, mut shift) = ((first >> 4) & 7, usize::from(first & 15), 4);
    let mut read = 1;
    let mut goes_on = first & 0x80 != 0;
    while goes_on {
        let byte = *bytes.get(read)?;
        size |= usize::from(byte & 0x7f).checked_shl(shift)?;
        (shift, read, goes_on) = (shift + 7, read + 1, byte & 0x80 != 0);
        if shift > 60 {
            return None;
        }
    }
    Some((kind, size, read))
}

/// How far back a delta's base begins: seven bits a byte, the highest first, and one more for each byte but the last.
fn offset_back(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut back = 0_u64;
    for (read, &byte) in bytes.iter().enumerate().take(9) {
        back = (back << 7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((back, read + 1));
        }
        back += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn git(folder: &Path, arguments: &[&str]) -> Vec<u8> {
        let output = Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
            .args(arguments)
            .current_dir(folder)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// A repository with one pack of trees and blobs, most of them deltas of others.
    fn repository() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &["init", "-q"]);
        let mut text: Vec<u8> =
            (0..4000_u32).flat_map(|number| format!("{number:x} line\n").into_bytes()).collect();
        for version in 0..30_usize {
            text.splice(version * 50..version * 50 + 3, format!("<{version}>").into_bytes());
            for file in ["a/f", "a/g", "b/f"] {
                let file = folder.path().join(file);
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(&file, &text).unwrap();
                text.rotate_left(70_000 / (version + 1) % 1000);
            }
            std::fs::write(folder.path().join("empty"), "").unwrap();
            git(folder.path(), &["add", "-A"]);
            git(folder.path(), &["commit", "-q", "-m", "c"]);
        }
        git(folder.path(), &["repack", "-adfq", "--depth=50", "--window=50"]);
        folder
    }

    fn ids(folder: &Path) -> Vec<(ObjectId, Kind)> {
        let all = git(folder, &["cat-file", "--batch-check", "--batch-all-objects"]);
        let all = String::from_utf8(all).unwrap();
        let line = |line: &str| {
            let words: Vec<&str> = line.split(' ').collect();
            (words[0].parse().unwrap(), Kind::from_bytes(words[1].as_bytes()).unwrap())
        };
        all.lines().map(line).collect()
    }

    /// The file of the one pack that ends so.
    fn file_of_pack(folder: &Path, end: &str) -> PathBuf {
        let files = std::fs::read_dir(folder.join(".git/objects/pack")).unwrap().flatten();
        files.map(|file| file.path()).find(|file| file.extension().unwrap() == end).unwrap()
    }

    #[test]
    fn every_tree_and_blob_is_what_git_says() {
        let folder = repository();
        check_all(&folder);

        let pack = file_of_pack(folder.path(), "pack");
        std::fs::remove_file(file_of_pack(folder.path(), "idx")).unwrap();
        git(folder.path(), &["index-pack", "--index-version=1", pack.to_str().unwrap()]);
        check_all(&folder);
    }

    fn check_all(folder: &tempfile::TempDir) {
        let packs = Packs::open(&folder.path().join(".git/objects"));
        let deltas = String::from_utf8(git(
            folder.path(),
            &["cat-file", "--batch-check=%(deltabase)", "--batch-all-objects"],
        ));
        assert!(deltas.unwrap().lines().filter(|base| !base.starts_with("0000")).count() > 50, "no deltas");

        let mut read = 0;
        for (id, kind) in ids(folder.path()) {
            let found = packs.read(id, &mut Scratch::for_blobs());

            let Some((found, content)) = found else {
                assert_eq!(kind, Kind::Commit, "{id} was not read");
                continue;
            };
            assert_eq!(found, kind);
            assert_eq!(content, git(folder.path(), &["cat-file", &kind.to_string(), &id.to_string()]));
            read += 1;
        }
        assert!(read > 100);
    }

    #[test]
    fn an_entry_that_holds_more_or_less_than_its_header_says_is_no_answer() {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &["init", "-q"]);
        std::fs::write(folder.path().join("f"), "ten bytes.").unwrap();
        let id: ObjectId = String::from_utf8(git(folder.path(), &["hash-object", "-w", "f"]))
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        git(folder.path(), &["update-index", "--add", "f"]);
        git(folder.path(), &["commit", "-q", "-m", "c"]);
        git(folder.path(), &["repack", "-adq"]);
        let file = file_of_pack(folder.path(), "pack");
        let pack = std::fs::read(&file).unwrap();
        let index = file.with_extension("idx");
        let entries = String::from_utf8(git(folder.path(), &["verify-pack", "-v", index.to_str().unwrap()]));
        let entries = entries.unwrap();
        let entry = entries.lines().find(|line| line.starts_with(&id.to_string())).unwrap();
        let header: usize = entry.split(' ').next_back().unwrap().parse().unwrap();
        // Three bits of type and four of size: a blob of ten bytes.
        assert_eq!(pack[header], 3 << 4 | 10);
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let read_with_size = |size: u8| {
            let mut pack = pack.clone();
            pack[header] = 3 << 4 | size;
            std::fs::write(&file, &pack).unwrap();
            Packs::open(&folder.path().join(".git/objects")).read(id, &mut Scratch::for_blobs())
        };

        let (kind, content) = read_with_size(10).unwrap();

        assert_eq!((kind, content.as_slice()), (Kind::Blob, &b"ten bytes."[..]));
        assert_eq!(read_with_size(9), None);
        assert_eq!(read_with_size(11), None);
    }

    #[test]
    fn of_many_packs_only_some_are_held_open() {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &["init", "-q"]);
        for number in 0..MAX_PACKS + 8 {
            std::fs::write(folder.path().join("f"), number.to_string()).unwrap();
            git(folder.path(), &["add", "f"]);
            git(folder.path(), &["commit", "-q", "-m", "c"]);
            git(folder.path(), &["repack", "-dq"]);
        }

        let packs = Packs::open(&folder.path().join(".git/objects"));

        assert_eq!(packs.0.len(), MAX_PACKS);
        let repository = crate::git::Repository::open(folder.path()).unwrap();
        for revision in ["HEAD", &format!("HEAD~{}", MAX_PACKS + 7)] {
            let snapshot = repository.snapshot(repository.commit(revision).unwrap()).unwrap();
            assert!(snapshot.read(&crate::model::RepoPath::new("f").unwrap()).unwrap().is_some());
        }
    }

    #[test]
    fn a_damaged_pack_gives_no_answer_or_another_and_never_a_panic() {
        let folder = repository();
        let ids = ids(folder.path());
        // Behind what would not be opened at all.
        for (end, from) in [("pack", 12), ("idx", 8 + 256 * 4)] {
            check_damaged(folder.path(), &file_of_pack(folder.path(), end), from, &ids);
        }
    }

    fn check_damaged(folder: &Path, file: &Path, from: usize, ids: &[(ObjectId, Kind)]) {
        let whole = std::fs::read(file).unwrap();
        std::fs::remove_file(file).unwrap();

        for round in 0..40_usize {
            let mut damaged = whole.clone();
            for place in (from + round * 7..damaged.len()).step_by(97 + round) {
                damaged[place] ^= 1 << (round % 8);
            }
            if round % 2 == 0 {
                damaged.truncate(damaged.len() - round * whole.len() / 50);
            }
            std::fs::write(file, &damaged).unwrap();
            let packs = Packs::open(&folder.join(".git/objects"));

            for (id, _) in ids {
                let _ = packs.read(*id, &mut Scratch::for_blobs());
            }
        }
        std::fs::write(file, whole).unwrap();
    }
}
