//! Which commit is in the history of which, by the commit-graph where there is one (gitformat-commit-graph(5)).
//!
//! The file has each commit's parents and its generation, which is greater than that of each parent. A walk that takes the
//! greatest generation first has seen all that comes after a commit before the commit itself, whatever the clocks said.
//! libgit2 refuses the file as git writes it today, and reads every commit on the way. It is asked where the file doesn't help.

use std::collections::{BinaryHeap, HashMap};

use git2::Oid;
use gix_commitgraph::Graph;

use super::error::{self, Cause};
use super::{GitError, Repository, commit_id, oid};
use crate::model::CommitId;

/// How many commits are read that the file doesn't have, to learn their generations: all that came since it was written.
const MAX_OUTSIDE: usize = 256;

impl Repository {
    /// The best common ancestor of two commits, or `None` when the history here shows none.
    ///
    /// After merges in both directions there are several: then the one that was committed last, as with git, and of those of
    /// one second the one with the greatest id.
    ///
    /// # Errors
    /// [`GitError::Read`] when the object database fails, or either commit isn't there.
    pub fn merge_base(&self, one: CommitId, other: CommitId) -> Result<Option<CommitId>, GitError> {
        let failed = |source| GitError::Read { what: format!("the merge-base of {one} and {other}"), source };
        let mut newest = None;
        for base in self.best_common_ancestors(one, other).map_err(failed)? {
            let base = commit_id(base);
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
        let older = self.find_commit(ancestor)?.id();
        let failed = |source| GitError::Read { what: format!("the history of {commit}"), source };
        Ok(self.best_common_ancestors(ancestor, commit).map_err(failed)?.contains(&older))
    }

    fn best_common_ancestors(&self, one: CommitId, other: CommitId) -> Result<Vec<Oid>, Cause> {
        let (one, other) = (oid(one.0), oid(other.0));
        if let Some(graph) = self.commit_graph() {
            let mut histories = Histories { repository: &self.inner, graph, outside: HashMap::default() };
            match histories.best_common_ancestors(one, other) {
                Ok(best) => return Ok(best),
                Err(Stop::Unhelpful(why)) => tracing::info!(why, "the commit-graph does not help"),
                Err(Stop::Failed(cause)) => return Err(cause),
            }
        }
        self.ask_history(|repository| match repository.merge_bases(one, other) {
            Ok(bases) => Ok(bases.to_vec()),
            Err(source) if source.code() == git2::ErrorCode::NotFound => {
                // A commit that isn't there is not found either.
                [one, other].iter().try_for_each(|&id| repository.find_commit(id).map(drop))?;
                Ok(Vec::new())
            }
            Err(source) => Err(source),
        })
        .map_err(|source| error::cause(&source))
    }

    fn commit_graph(&self) -> Option<Graph> {
        // A shallow clone and grafts give commits other parents than the file has.
        let is_edited = || self.is_shallow() || self.common_dir().join("info/grafts").exists();
        let is_wanted = || self.inner.config().and_then(|config| config.get_bool("core.commitGraph"));
        let info = self.common_dir().join("objects/info");
        Graph::at(&info, gix_hash::Kind::Sha1, None)
            .ok()
            .filter(|_| !is_edited() && is_wanted().unwrap_or(true))
    }
}

struct Histories<'r> {
    repository: &'r git2::Repository,
    graph: Graph,
    /// Commits that the file doesn't have.
    outside: HashMap<Oid, Commit>,
}

#[derive(Clone)]
struct Commit {
    /// Greater than that of each parent.
    generation: u32,
    parents: Vec<Oid>,
}

/// From where a commit was reached.
#[derive(Clone, Copy, Default)]
struct Reached {
    from_one: bool,
    from_other: bool,
    /// From a common ancestor, so it is none of the best.
    from_common: bool,
}

/// Why the commit-graph gives no answer.
enum Stop {
    /// It lacks too much, or something is wrong with it: the commits themselves tell.
    Unhelpful(String),
    Failed(Cause),
}

impl Histories<'_> {
    /// All of them: more than one after merges in both directions.
    fn best_common_ancestors(&mut self, one: Oid, other: Oid) -> Result<Vec<Oid>, Stop> {
        let mut reached: HashMap<Oid, Reached> = HashMap::default();
        let mut waiting = BinaryHeap::new();
        // Of those that wait, how many are not reachable from a common ancestor.
        let mut promising = 0_usize;
        let mut best = Vec::new();
        for (start, from_one) in [(one, true), (other, false)] {
            let generation = self.commit(start)?.generation;
            let entry = reached.entry(start).or_insert_with(|| {
                waiting.push((generation, start));
                promising += 1;
                Reached::default()
            });
            *(if from_one { &mut entry.from_one } else { &mut entry.from_other }) = true;
        }
        while promising > 0
            && let Some((generation, id)) = waiting.pop()
        {
            let mut from_here = reached[&id];
            promising -= usize::from(!from_here.from_common);
            if from_here.from_one && from_here.from_other && !from_here.from_common {
                best.push(id);
                from_here.from_common = true;
            }
            for parent in self.commit(id)?.parents {
                let its_generation = self.commit(parent)?.generation;
                if its_generation >= generation {
                    return Err(Stop::Unhelpful(format!(
                        "{id} has not a greater generation than its parent"
                    )));
                }
                let before = reached.get(&parent).copied();
                let now = before.unwrap_or_default().and(from_here);
                reached.insert(parent, now);
                if before.is_none() {
                    waiting.push((its_generation, parent));
                }
                // It waits still: its generation is less than that of all that were taken.
                let was_promising = before.is_some_and(|before| !before.from_common);
                promising += usize::from(!now.from_common);
                promising -= usize::from(was_promising);
            }
        }
        Ok(best)
    }

    /// A commit, from the file where that has it.
    fn commit(&mut self, id: Oid) -> Result<Commit, Stop> {
        if let Some(commit) = self.known(id)? {
            return Ok(commit);
        }
        // Parents first: the generation follows from theirs.
        let mut waiting = vec![id];
        while let Some(&next) = waiting.last() {
            let read =
                self.repository.find_commit(next).map_err(|source| Stop::Failed(error::cause(&source)))?;
            let parents: Vec<Oid> = read.parent_ids().collect();
            let mut generation = 1;
            let waited = waiting.len();
            for &parent in &parents {
                match self.known(parent)? {
                    Some(parent) => generation = generation.max(parent.generation.saturating_add(1)),
                    None => waiting.push(parent),
                }
            }
            if waiting.len() == waited {
                waiting.pop();
                self.outside.insert(next, Commit { generation, parents });
            }
            if self.outside.len() + waiting.len() > MAX_OUTSIDE {
                return Err(Stop::Unhelpful(format!("more than {MAX_OUTSIDE} commits are newer")));
            }
        }
        Ok(self.outside[&id].clone())
    }

    fn known(&self, id: Oid) -> Result<Option<Commit>, Stop> {
        if let Some(commit) = self.outside.get(&id) {
            return Ok(Some(commit.clone()));
        }
        let of_graph = || -> Result<Option<Commit>, Cause> {
            // Very old versions of git wrote a zero for each generation.
            let found = self.graph.commit_by_id(gix_hash::oid::try_from_bytes(id.as_bytes())?);
            let Some(commit) = found.filter(|commit| commit.generation() > 0) else { return Ok(None) };
            let parent = |position| Ok(Oid::from_bytes(self.graph.id_at(position).as_bytes())?);
            let parents: Result<_, Cause> = commit.iter_parents().map(|position| parent(position?)).collect();
            Ok(Some(Commit { generation: commit.generation(), parents: parents? }))
        };
        of_graph().map_err(|source| Stop::Unhelpful(source.to_string()))
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
