//! Which commit is in the history of which, by the commit-graph where there is one (gitformat-commit-graph(5)).
//!
//! The file has each commit's parents and its generation, which is greater than that of each parent. A walk that takes the
//! greatest generation first, and the newest of one, has seen most that comes after a commit before the commit itself. Where it
//! has not, because clocks went wrong, it takes the commit once more: the answer does not depend on the order.

use std::collections::{BinaryHeap, HashMap};

use gix_commitgraph::Graph;

use super::commits::Grafts;
use super::error::Cause;
use super::ids::{from_gix, gix_id, gix_kind};
use super::{GitError, Repository};
use crate::model::CommitId;

/// Of commits that the file doesn't have: all that came since it was written.
const NO_GENERATION: u32 = u32::MAX;

impl Repository {
    /// The best common ancestor of two commits, or `None` when the history here shows none.
    ///
    /// After merges in both directions there are several: then the one that was committed last, as with git, and of those of
    /// one second the one with the greatest id.
    ///
    /// # Errors
    /// [`GitError::Read`] when the object database fails, or either commit isn't there.
    pub fn merge_base(&self, one: CommitId, other: CommitId) -> Result<Option<CommitId>, GitError> {
        let best = self.ask_history(|history| history.best_common_ancestors(one, other))?;
        let mut newest = None;
        for base in best {
            newest = newest.max(Some((self.commit_time(base)?, base)));
        }
        Ok(newest.map(|(_, base)| base))
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
        // Both are read here, so that neither is missing.
        self.find_commit(commit)?;
        self.find_commit(ancestor)?;
        let common = self.ask_history(|history| history.common_ancestors(ancestor, commit))?;
        Ok(common.contains(&ancestor))
    }

    /// Asks once more, without the commit-graph, where that turned out to be none.
    fn ask_history<T>(
        &self,
        mut ask: impl FnMut(&mut History<'_>) -> Result<T, GitError>,
    ) -> Result<T, GitError> {
        let mut history = History::of(self);
        let answer = ask(&mut history);
        if !history.is_misled {
            return answer;
        }
        ask(&mut History { graph: None, is_misled: false, known: HashMap::new(), ..history })
    }

    fn commit_graph(&self, grafts: &Grafts) -> Option<Graph> {
        let is_wanted = || self.inner.config().and_then(|config| config.get_bool("core.commitGraph"));
        let info = self.common_dir().join("objects/info");
        // A shallow clone and grafts give commits other parents than the file has.
        Graph::at(&info, gix_kind(self.object_format()), None)
            .ok()
            .filter(|_| grafts.is_empty() && is_wanted().unwrap_or(true))
    }
}

struct History<'r> {
    repository: &'r Repository,
    graph: Option<Graph>,
    grafts: Grafts,
    known: HashMap<CommitId, Commit>,
    /// Whether something was wrong with the commit-graph.
    is_misled: bool,
}

#[derive(Clone)]
struct Commit {
    generation: u32,
    seconds: i64,
    parents: Vec<CommitId>,
}

/// From where a commit was reached.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Reached {
    from_one: bool,
    from_other: bool,
    /// From a common ancestor, so it is none of the best.
    from_common: bool,
}

/// The commits that wait to be taken, greatest generation first.
#[derive(Default)]
struct Waiting {
    heap: BinaryHeap<(u32, i64, CommitId)>,
    reached: HashMap<CommitId, (Reached, IsWaiting)>,
    /// How many of them are not reachable from a common ancestor.
    promising: usize,
}

type IsWaiting = bool;

impl<'r> History<'r> {
    fn of(repository: &'r Repository) -> Self {
        let grafts = repository.grafts();
        let graph = repository.commit_graph(&grafts);
        Self { repository, graph, grafts, known: HashMap::new(), is_misled: false }
    }

    /// All of them: more than one after merges in both directions.
    fn best_common_ancestors(&mut self, one: CommitId, other: CommitId) -> Result<Vec<CommitId>, GitError> {
        let common = self.common_ancestors(one, other)?;
        let mut best = common.clone();
        for &base in &common {
            for &another in common.iter().filter(|&&another| another != base) {
                if self.common_ancestors(base, another)?.contains(&base) {
                    best.retain(|&it| it != base);
                }
            }
        }
        Ok(best)
    }

    /// The best common ancestors, and, where clocks went wrong, maybe some that others of these have behind them.
    fn common_ancestors(&mut self, one: CommitId, other: CommitId) -> Result<Vec<CommitId>, GitError> {
        let mut waiting = Waiting::default();
        waiting.push(one, &self.commit(one)?, Reached { from_one: true, ..Reached::default() });
        waiting.push(other, &self.commit(other)?, Reached { from_other: true, ..Reached::default() });
        let mut common = Vec::new();
        while waiting.promising > 0
            && let Some((id, mut from_here)) = waiting.pop()
        {
            if from_here.from_one && from_here.from_other && !from_here.from_common {
                common.push(id);
                from_here.from_common = true;
            }
            for parent in self.commit(id)?.parents {
                waiting.push(parent, &self.commit(parent)?, from_here);
            }
        }
        common.sort_unstable();
        common.dedup();
        common.retain(|id| !waiting.reached[id].0.from_common);
        Ok(common)
    }

    /// A commit, from the file where that has it.
    fn commit(&mut self, id: CommitId) -> Result<Commit, GitError> {
        if let Some(known) = self.known.get(&id) {
            return Ok(known.clone());
        }
        let of_graph = self.graph.as_ref().map_or(Ok(None), |graph| in_graph(graph, id));
        let commit = match of_graph {
            Ok(Some(commit)) => commit,
            Ok(None) => self.read(id)?,
            Err(why) => {
                tracing::info!(why, "the commit-graph does not help");
                self.is_misled = true;
                self.read(id)?
            }
        };
        self.known.insert(id, commit.clone());
        Ok(commit)
    }

    fn read(&self, id: CommitId) -> Result<Commit, GitError> {
        let read = self.repository.find_commit(id)?;
        let parents = self.grafts.get(&id).cloned().unwrap_or(read.parents);
        Ok(Commit { generation: NO_GENERATION, seconds: read.seconds, parents })
    }
}

/// What the file says of a commit; `None` when nothing.
fn in_graph(graph: &Graph, id: CommitId) -> Result<Option<Commit>, Cause> {
    let id = Some(gix_id(id.0)).filter(|id| id.kind() == graph.object_hash());
    let Some(commit) = id.and_then(|id| graph.commit_by_id(id)) else { return Ok(None) };
    let parent = |position| -> Result<CommitId, Cause> {
        if graph.commit_at(position).generation() >= commit.generation() {
            return Err(format!("{} has not a greater generation than its parent", commit.id()).into());
        }
        Ok(CommitId(from_gix(graph.id_at(position))))
    };
    let parents: Result<_, Cause> = commit.iter_parents().map(|position| parent(position?)).collect();
    let seconds = i64::try_from(commit.committer_timestamp())?;
    Ok(Some(Commit { generation: commit.generation(), seconds, parents: parents? }))
}

impl Waiting {
    /// Adds from where a commit was reached. It waits, once more if need be, where that is new.
    fn push(&mut self, id: CommitId, commit: &Commit, from: Reached) {
        let (before, is_waiting) = self.reached.get(&id).copied().unwrap_or_default();
        let now = before.and(from);
        if now == before {
            return;
        }
        self.promising -= usize::from(is_waiting && !before.from_common);
        self.promising += usize::from(!now.from_common);
        if !is_waiting {
            self.heap.push((commit.generation, commit.seconds, id));
        }
        self.reached.insert(id, (now, true));
    }

    fn pop(&mut self) -> Option<(CommitId, Reached)> {
        let (_, _, id) = self.heap.pop()?;
        let (reached, is_waiting) = self.reached.get_mut(&id)?;
        *is_waiting = false;
        self.promising -= usize::from(!reached.from_common);
        Some((id, *reached))
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
