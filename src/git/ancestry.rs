//! Which commit is in the history of which, by the commit-graph where there is one (gitformat-commit-graph(5)).
//!
//! The file has each commit's parents and its generation, which is greater than that of each parent. A walk that takes the
//! greatest generation first has seen all that comes after a commit before the commit itself, whatever the clocks said.
//! libgit2 has no use for the file, and reads every commit on the way.

use std::collections::{BinaryHeap, HashMap};

use foldhash::fast::RandomState;
use git2::Oid;
use gix_commitgraph::Graph;

use super::error::{self, Cause};
use super::{GitError, Repository, commit_id, oid};
use crate::model::CommitId;

/// With more commits than these that the file doesn't have, it is old, and libgit2 is as fast.
const MOST_OUTSIDE: usize = 4_096;

impl Repository {
    /// The best common ancestor of two commits, or `None` when the history here shows none.
    ///
    /// # Errors
    /// [`GitError::Read`] when the object database fails, or either commit isn't there.
    pub fn merge_base(&self, one: CommitId, other: CommitId) -> Result<Option<CommitId>, GitError> {
        let failed = |source| GitError::Read { what: format!("the merge-base of {one} and {other}"), source };
        if let Some(bases) = self.best_common_ancestors(one, other).map_err(failed)? {
            return Ok(bases.first().copied().map(commit_id));
        }
        match self.inner.merge_base(oid(one.0), oid(other.0)) {
            Ok(base) => Ok(Some(commit_id(base))),
            Err(source) if source.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(source) => Err(failed(error::cause(&source))),
        }
    }

    /// Whether `ancestor` is in the history of `commit`, or is `commit` itself.
    ///
    /// `false` can also mean that history was cut off: see [`Repository::is_shallow`].
    ///
    /// # Errors
    /// [`GitError::Read`] when the object database fails, or either commit isn't there.
    pub fn is_ancestor(&self, ancestor: CommitId, commit: CommitId) -> Result<bool, GitError> {
        if ancestor == commit {
            return Ok(true);
        }
        let failed = |source| GitError::Read { what: format!("the history of {commit}"), source };
        let (newer, older) = (oid(commit.0), oid(ancestor.0));
        if let Some(bases) = self.best_common_ancestors(ancestor, commit).map_err(failed)? {
            return Ok(bases.contains(&older));
        }
        self.inner.graph_descendant_of(newer, older).map_err(|source| failed(error::cause(&source)))
    }

    /// By the commit-graph; `None` where it doesn't help.
    fn best_common_ancestors(&self, one: CommitId, other: CommitId) -> Result<Option<Vec<Oid>>, Cause> {
        // A shallow clone and grafts give commits other parents than the file has.
        if self.is_shallow() || self.common_dir().join("info/grafts").exists() {
            return Ok(None);
        }
        let info = self.common_dir().join("objects/info");
        let Ok(graph) = Graph::at(&info, gix_hash::Kind::Sha1, None) else { return Ok(None) };
        let mut histories = Histories { repository: &self.inner, graph, outside: HashMap::default() };
        histories.best_common_ancestors(oid(one.0), oid(other.0))
    }
}

struct Histories<'r> {
    repository: &'r git2::Repository,
    graph: Graph,
    /// Commits that the file doesn't have.
    outside: HashMap<Oid, Commit, RandomState>,
}

#[derive(Clone)]
struct Commit {
    /// Greater than that of each parent.
    generation: u32,
    parents: Vec<Oid>,
}

/// From where a commit was reached.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Reached {
    from_one: bool,
    from_other: bool,
    /// From a common ancestor, so it is none of the best.
    from_common: bool,
}

impl Histories<'_> {
    /// All of them, those with the greatest generation first: more than one after merges in both directions. `None` where
    /// the file lacks too much.
    fn best_common_ancestors(&mut self, one: Oid, other: Oid) -> Result<Option<Vec<Oid>>, Cause> {
        let mut reached: HashMap<Oid, Reached, RandomState> = HashMap::default();
        let mut waiting = BinaryHeap::new();
        // Of those that wait, how many were not reached from a common ancestor.
        let mut promising = 0_usize;
        let mut best = Vec::new();
        for (start, from_one) in [(one, true), (other, false)] {
            let Some(commit) = self.commit(start)? else { return Ok(None) };
            let entry = reached.entry(start).or_insert_with(|| {
                waiting.push((commit.generation, start));
                promising += 1;
                Reached::default()
            });
            *(if from_one { &mut entry.from_one } else { &mut entry.from_other }) = true;
        }
        while promising > 0
            && let Some((_, id)) = waiting.pop()
        {
            let mut from_here = reached[&id];
            promising -= usize::from(!from_here.from_common);
            if from_here.from_one && from_here.from_other && !from_here.from_common {
                best.push(id);
                from_here.from_common = true;
            }
            let Some(commit) = self.commit(id)? else { return Ok(None) };
            for parent in commit.parents {
                let before = reached.get(&parent).copied();
                let now = before.unwrap_or_default().and(from_here);
                reached.insert(parent, now);
                if before.is_none() {
                    let Some(commit) = self.commit(parent)? else { return Ok(None) };
                    waiting.push((commit.generation, parent));
                }
                // It waits still: its generation is less than all that were taken.
                let was_promising = before.is_some_and(|before| !before.from_common);
                promising += usize::from(!now.from_common);
                promising -= usize::from(was_promising);
            }
        }
        Ok(Some(best))
    }

    /// A commit, from the file where that has it. `None` when too many are not there.
    fn commit(&mut self, id: Oid) -> Result<Option<Commit>, Cause> {
        if let Some(commit) = self.known(id)? {
            return Ok(Some(commit));
        }
        // Parents first: the generation follows from theirs.
        let mut waiting = vec![id];
        while let Some(&next) = waiting.last() {
            let read = self.repository.find_commit(next).map_err(|source| error::cause(&source))?;
            let parents: Vec<Oid> = read.parent_ids().collect();
            let mut generation = 1;
            let known_before = waiting.len();
            for &parent in &parents {
                match self.known(parent)? {
                    Some(parent) => generation = generation.max(parent.generation.saturating_add(1)),
                    None => waiting.push(parent),
                }
            }
            if waiting.len() == known_before {
                waiting.pop();
                self.outside.insert(next, Commit { generation, parents });
            }
            if self.outside.len() + waiting.len() > MOST_OUTSIDE {
                return Ok(None);
            }
        }
        self.known(id)
    }

    fn known(&self, id: Oid) -> Result<Option<Commit>, Cause> {
        if let Some(commit) = self.outside.get(&id) {
            return Ok(Some(commit.clone()));
        }
        // Very old versions of git wrote a zero for each generation.
        let Some(commit) = self.graph.commit_by_id(gix_hash::oid::try_from_bytes(id.as_bytes())?) else {
            return Ok(None);
        };
        if commit.generation() == 0 {
            return Ok(None);
        }
        let parent = |position| Ok(Oid::from_bytes(self.graph.id_at(position).as_bytes())?);
        let parents: Result<_, Cause> = commit.iter_parents().map(|position| parent(position?)).collect();
        Ok(Some(Commit { generation: commit.generation(), parents: parents? }))
    }
}

impl Reached {
    fn and(self, other: Self) -> Self {
        Self {
            from_one: self.from_one || other.from_one,
            from_other: self.from_other || other.from_other,
            from_common: self.from_common || other.from_common,
        }
    }
}
