//! Commits and tags, read from the object database: libgit2 never ends on a loose one that is cut short.

use std::collections::BTreeMap;
use std::str::FromStr;

use gix_object::Kind;

use super::error::Cause;
use super::{GitError, Repository};
use crate::model::{CommitId, ObjectId};

/// More tags of tags than anyone makes; a bound against hostile repositories.
const MAX_TAGS_DEEP: usize = 64;

/// A commit as it is written: a shallow clone may lack its parents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Commit {
    pub(super) tree: ObjectId,
    pub(super) parents: Vec<CommitId>,
    /// When it was committed, since 1970; 0 where that is malformed, as with git.
    pub(super) seconds: i64,
    pub(super) message: String,
}

/// The commits whose parents are not those that are written in them: where a shallow clone ends, and grafts.
pub(super) type Grafts = BTreeMap<CommitId, Vec<CommitId>>;

impl Repository {
    /// # Errors
    /// [`GitError::Read`] when it isn't there, no commit, or damaged.
    pub(super) fn find_commit(&self, id: CommitId) -> Result<Commit, GitError> {
        self.objects
            .commit(id.0)
            .and_then(|raw| parse(&raw))
            .map_err(|source| unreadable("commit", id.0, source))
    }

    /// The commit that an object is or leads to by tags; `None` where it is or leads to something else, or isn't here.
    ///
    /// # Errors
    /// [`GitError::Read`] when an object on the way is damaged.
    pub(super) fn peel(&self, mut id: ObjectId) -> Result<Option<CommitId>, GitError> {
        for _ in 0..MAX_TAGS_DEEP {
            match self.objects.here(id).map_err(|source| unreadable("object", id, source))? {
                Some((Kind::Commit, _)) => return Ok(Some(CommitId(id))),
                Some((Kind::Tag, raw)) => {
                    let target = header(&String::from_utf8_lossy(&raw), "object ").next();
                    let no_tag = || unreadable("tag", id, "it names no object".into());
                    id = target.ok_or_else(no_tag)?;
                }
                Some((Kind::Tree | Kind::Blob, _)) | None => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Where history differs from what commits say.
    pub(super) fn grafts(&self) -> Grafts {
        let list = |name: &str| std::fs::read_to_string(self.common_dir().join(name)).unwrap_or_default();
        // Each line has a commit, and the parents that it is to have: none where a shallow clone ends.
        let lines = [list("info/grafts"), list("shallow")].join("\n");
        let ids = |line: &str| line.split_whitespace().map(str::parse).collect::<Result<Vec<CommitId>, _>>();
        let lists = lines.lines().filter_map(|line| ids(line).ok());
        lists.filter_map(|mut ids| (!ids.is_empty()).then(|| (ids.remove(0), ids))).collect()
    }
}

/// Takes what is needed of a commit, as git does: it has written many over the years that it would not write today.
fn parse(raw: &[u8]) -> Result<Commit, Cause> {
    let text = String::from_utf8_lossy(raw);
    let (head, message) = text.split_once("\n\n").unwrap_or((&text, ""));
    let tree = header(head, "tree ").next().ok_or("it names no tree")?;
    let committer = head.lines().find_map(|line| line.strip_prefix("committer "));
    // Behind the address, whose owner may have any name.
    let seconds = committer.and_then(|line| line.rsplit_once('>')?.1.split_whitespace().next()?.parse().ok());
    Ok(Commit {
        tree,
        parents: header(head, "parent ").collect(),
        seconds: seconds.unwrap_or(0),
        message: message.trim_start_matches('\n').to_owned(),
    })
}

/// The ids in the lines of an object's header that begin so.
fn header<T: FromStr>(text: &str, key: &str) -> impl Iterator<Item = T> {
    let lines = text.lines().take_while(|line| !line.is_empty());
    lines.filter_map(move |line| line.strip_prefix(key)?.parse().ok())
}

fn unreadable(kind: &str, id: ObjectId, source: Cause) -> GitError {
    GitError::Read { what: format!("{kind} {id}"), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

    #[test]
    fn what_is_written_in_a_commit_is_read_whatever_its_author_is_called() {
        let parents = ["1".repeat(40), "2".repeat(40)];
        let raw = format!(
            "tree {TREE}\nparent {}\nparent {}\nauthor a <a> 1 +0000\ncommitter > 5 <x <b> 77 -0130\nencoding latin1\n\n\nfirst\n\nparent 3\n",
            parents[0], parents[1]
        );

        let commit = parse(raw.as_bytes()).unwrap();

        let expected = Commit {
            tree: TREE.parse().unwrap(),
            parents: parents.map(|id| id.parse().unwrap()).into(),
            seconds: 77,
            message: "first\n\nparent 3\n".to_owned(),
        };
        assert_eq!(commit, expected);
        assert_eq!(parse(format!("tree {TREE}\ncommitter nobody\n").as_bytes()).unwrap().seconds, 0);
        assert!(parse(b"parent 1\n\ntree 2\n").is_err());
    }
}
