//! Reads one tree on several threads.

use std::num::NonZeroUsize;
use std::thread;

use super::GitError;
use super::tree::Snapshot;

impl Snapshot<'_> {
    /// Calls `work` with parts of `items`, one on this thread and each other on a thread with a snapshot of its
    /// own, and returns what it made in the items' order. With fewer than two times `min_items`, everything is done here.
    ///
    /// # Errors
    /// As [`Repository::open`](super::Repository::open), and those of `work`: of several, the first in the items' order.
    pub fn in_parallel<T: Sync, R: Send>(
        &self,
        items: &[T],
        min_items: usize,
        work: impl Fn(&Snapshot<'_>, &[T]) -> Result<R, GitError> + Sync,
    ) -> Result<Vec<R>, GitError> {
        let most_threads = items.len() / min_items;
        if most_threads < 2 {
            return Ok(vec![work(self, items)?]);
        }
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(most_threads);
        let (here, elsewhere) = items.split_at(items.len().div_ceil(threads));
        let (open, tree) = (self.repository().for_another_thread(), self.tree());
        let work_elsewhere = |items| work(&open()?.snapshot_of_tree(tree), items);
        thread::scope(|scope| {
            let running: Vec<_> =
                elsewhere.chunks(here.len()).map(|part| scope.spawn(|| work_elsewhere(part))).collect();
            let first = work(self, here);
            let others = running.into_iter().map(|thread| thread.join().expect("the work does not panic"));
            std::iter::once(first).chain(others).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::Repository;
    use crate::model::RepoPath;

    #[test]
    fn what_was_made_is_in_the_order_of_the_items_and_so_is_the_first_error() {
        let folder = tempfile::tempdir().unwrap();
        git2::Repository::init(folder.path()).unwrap();
        let repository = Repository::open(folder.path()).unwrap();
        let tree = repository.empty_tree();
        let snapshot = repository.snapshot_of_tree(tree);
        let items: Vec<usize> = (0..1000).collect();
        let failed = |reason| GitError::MalformedTree { folder: RepoPath::default(), reason };

        for min_items in [1, 300, 1000] {
            let made = snapshot.in_parallel(&items, min_items, |own, items| {
                assert_eq!(own.tree(), tree);
                Ok(items.to_vec())
            });
            let error = snapshot.in_parallel(&items, min_items, |_, items| match items {
                [0, ..] => Err(failed("the first part")),
                _ => Err::<(), _>(failed("another part")),
            });

            assert_eq!(made.unwrap().concat(), items);
            assert!(matches!(error, Err(GitError::MalformedTree { reason: "the first part", .. })));
        }
    }
}
