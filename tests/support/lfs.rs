//! Files of Git LFS without git-lfs: pointers, and objects in its store.

use sha2::{Digest as _, Sha256};

use super::world::World;

/// What is committed in place of this content.
pub(crate) fn pointer(content: &str) -> String {
    let size = content.len();
    format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize {size}\n", oid(content))
}

fn oid(content: &str) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl World {
    /// Writes content into git-lfs's store, as if it had been downloaded.
    pub(crate) fn store_lfs(&self, content: &str) -> &Self {
        self.write(&self.lfs_object(content), content)
    }

    /// Where git-lfs's store has a content.
    pub(crate) fn lfs_object(&self, content: &str) -> String {
        let oid = oid(content);
        format!(".git/lfs/objects/{}/{}/{oid}", &oid[..2], &oid[2..4])
    }
}
