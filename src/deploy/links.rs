//! Where symbolic links of a commit's tree lead, followed as the system would follow them.
//!
//! By its text alone, `a/up/../x` stays inside whatever `a/up` is. So each component is looked up: one that is a link is
//! replaced by its target before the next `..` is applied. What isn't in the tree counts as a folder,
//! because a program may make one there.

use std::collections::BTreeMap;

use crate::engine::ContextError;
use crate::model::{RepoPath, printable};

/// No system follows more links on the way to one file.
const MAX_LINKS: usize = 64;

/// The targets of all symbolic links of a tree.
#[derive(Debug, Default)]
pub(super) struct Links(BTreeMap<RepoPath, Vec<u8>>);

impl Links {
    pub(super) fn insert(&mut self, link: RepoPath, target: Vec<u8>) {
        self.0.insert(link, target);
    }

    /// All links, each with its target, by path.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&RepoPath, &[u8])> {
        self.0.iter().map(|(link, target)| (link, target.as_slice()))
    }

    /// Checks that a link of the tree stays in it, and so does every link on the way.
    ///
    /// A circle of links stays inside, and leads nowhere.
    ///
    /// # Errors
    /// [`ContextError::AbsoluteLink`] and [`ContextError::LinkLeaves`]
    pub(super) fn check(&self, link: &RepoPath, target: &[u8]) -> Result<(), ContextError> {
        let shown = || printable(&String::from_utf8_lossy(target));
        if target.starts_with(b"/") {
            return Err(ContextError::AbsoluteLink { link: link.clone(), target: shown() });
        }
        let leaves = || ContextError::LinkLeaves { link: link.clone(), target: shown() };
        let mut here: Vec<&[u8]> = link.components().collect();
        here.pop();
        // The next component is the last.
        let mut waiting: Vec<&[u8]> = components(target).collect();
        let mut followed = 0;
        while let Some(component) = waiting.pop() {
            match component {
                b"" | b"." => {}
                b".." => drop(here.pop().ok_or_else(leaves)?),
                name => {
                    here.push(name);
                    let Some(target) = self.0.get(here.join(&b'/').as_slice()) else { continue };
                    if target.starts_with(b"/") {
                        return Err(leaves());
                    }
                    followed += 1;
                    if followed > MAX_LINKS {
                        return Ok(());
                    }
                    here.pop();
                    waiting.extend(components(target));
                }
            }
        }
        Ok(())
    }
}

/// The components of a path, the last one first.
fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&byte| byte == b'/').rev()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::os::unix::fs::symlink;

    use proptest::prelude::*;

    use super::*;

    fn path(text: &str) -> RepoPath {
        RepoPath::new(text).unwrap()
    }

    fn links(links: &[(&str, &str)]) -> Links {
        Links(links.iter().map(|(link, target)| (path(link), target.as_bytes().to_vec())).collect())
    }

    /// Those that lead out.
    fn leaving(links: &Links) -> Vec<String> {
        let leaving = links.iter().filter(|(link, target)| links.check(link, target).is_err());
        leaving.map(|(link, _)| link.to_string()).collect()
    }

    // issue 12: S7
    #[test]
    fn a_link_is_followed_by_way_of_other_links() {
        let links = links(&[
            ("a/inside", "../b/./c"),
            ("a/self", "self"),
            ("a/b/c/up", "../../.."),
            ("lexical", "a/b/c/up/../x"),
            ("through", "a/b/c/up/etc"),
            ("far", "missing/../../x"),
            ("near", "missing/../x"),
            ("etc", "/etc"),
            ("behind", "etc/passwd"),
            ("root", "."),
            ("twice", "root/root/../x"),
        ]);

        assert_eq!(leaving(&links), ["behind", "etc", "far", "lexical", "through", "twice"]);
    }

    proptest! {
        /// The system's own answer, where it has one.
        #[test]
        fn no_link_that_is_kept_leads_out_of_the_folder(
            made in prop::collection::btree_map("[abc](/[abc]){0,2}", "([abc]|\\.\\.|\\.)(/([abc]|\\.\\.)){0,4}", 1..6),
            folders in prop::collection::vec("[abc](/[abc]){0,2}", 0..4),
        ) {
            let outside = tempfile::tempdir().unwrap();
            let root = outside.path().canonicalize().unwrap().join("x/y/root");
            // What is a link is no folder of another path.
            let is_below = |path: &str| made.keys().any(|link| path.starts_with(&format!("{link}/")));
            let made: Vec<(&str, &str)> = made.iter().filter(|(link, _)| !is_below(link)).map(|(link, target)| (link.as_str(), target.as_str())).collect();
            fs::create_dir_all(&root).unwrap();
            for folder in folders.iter().filter(|folder| !is_below(folder) && !made.iter().any(|(link, _)| link == folder)) {
                fs::create_dir_all(root.join(folder)).unwrap();
            }
            let links = links(&made);
            let leaving: BTreeSet<String> = leaving(&links).into_iter().collect();
            let kept: Vec<&(&str, &str)> = made.iter().filter(|(link, _)| !leaving.contains(*link)).collect();

            for (link, target) in &kept {
                fs::create_dir_all(root.join(link).parent().unwrap()).unwrap();
                // A folder that was made above may be there.
                let _made = symlink(target, root.join(link));
            }

            for (link, _) in kept {
                if let Ok(end) = root.join(link).canonicalize() {
                    prop_assert!(end.starts_with(&root), "{link} leads to {}", end.display());
                }
            }
        }
    }
}
