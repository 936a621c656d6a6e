//! A stretch of a pack, read by one call: what is asked for next may lie in it too.

use std::fs::File;
use std::io::{Error, ErrorKind};
use std::os::unix::fs::FileExt as _;

pub(super) struct Window {
    /// How many bytes are read at least.
    least: usize,
    /// The number of the pack that the bytes are of, once there are some.
    pack: Option<usize>,
    offset: u64,
    bytes: Vec<u8>,
    /// Whether there is nothing behind the bytes.
    is_end: bool,
}

impl Window {
    pub(super) fn new(least: usize) -> Self {
        Self { least, pack: None, offset: 0, bytes: Vec::new(), is_end: false }
    }

    /// So many bytes or more from an offset on, or what there is up to the end of the pack.
    pub(super) fn bytes(&mut self, pack: usize, data: &File, offset: u64, wanted: usize) -> Option<&[u8]> {
        if self.here(pack, offset).is_none_or(|bytes| bytes.len() < wanted && !self.is_end) {
            let wanted = wanted.max(self.least);
            self.pack = None;
            self.offset = offset;
            read(data, offset, wanted, &mut self.bytes).ok()?;
            self.is_end = self.bytes.len() < wanted;
            self.pack = Some(pack);
        }
        self.here(pack, offset)
    }

    fn here(&self, pack: usize, offset: u64) -> Option<&[u8]> {
        let start = usize::try_from(offset.checked_sub(self.offset)?).ok()?;
        self.bytes.get(start..).filter(|_| self.pack == Some(pack))
    }
}

/// Reads so many bytes, or what there is up to the end of the file.
fn read(file: &File, offset: u64, wanted: usize, bytes: &mut Vec<u8>) -> Result<(), Error> {
    bytes.resize(wanted, 0);
    let mut filled = 0;
    while filled < wanted {
        match file.read_at(&mut bytes[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_was_read_before_the_bytes_are_those_of_the_pack_that_is_asked() {
        let folder = tempfile::tempdir().unwrap();
        let packs = [0, 7].map(|first: u8| {
            let content: Vec<u8> =
                (0..250).chain(0..250).chain(0..250).map(|number| first.wrapping_add(number)).collect();
            let path = folder.path().join(first.to_string());
            std::fs::write(&path, &content).unwrap();
            (File::open(path).unwrap(), content)
        });
        let mut window = Window::new(64);

        for step in 0..4000_usize {
            let (pack, offset, wanted) = (step / 5 % 2, step * 37 % 800, 1 + step * 13 % 200);
            let (file, content) = &packs[pack];
            let bytes = window.bytes(pack, file, offset as u64, wanted).unwrap_or_default();

            let rest = content.get(offset..).unwrap_or_default();
            assert!(bytes.len() >= wanted.min(rest.len()), "{step}");
            assert_eq!(bytes, &rest[..bytes.len()], "{step}");
        }
    }
}
