//! Globs that are read when a path is first matched with them: of thousands of projects, most are never asked.
//!
//! Only lines of which a glance shows that they can be read are left for later, so that every bad one is an error at once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use foldhash::fast::RandomState;

use super::glob::Glob;
use super::syntax::{self, GlobError, is_plain, is_plain_name};

/// With one group of braces in so few bytes, far from what braces may stand for; with more, each multiplies the others.
const MAX_BYTES: usize = 128;
const MAX_GROUPS: usize = 1;

/// A glob that is known to be one, and what its braces stand for once it was asked.
#[derive(Clone, Debug)]
pub(super) struct LazyGlobs {
    /// The folders that it begins with, each with a `/` at its end, and what follows them.
    text: Box<[u8]>,
    prefix_bytes: usize,
    /// What follows the folders, as globs of its own.
    below_prefix: OnceLock<Arc<[Glob]>>,
}

/// Globs by the text that they were read from.
type Read = HashMap<Box<[u8]>, Arc<[Glob]>, RandomState>;

thread_local! {
    /// What was read on this thread: the lines of thousands of projects are mostly alike but for their folders.
    static READ: RefCell<Read> = RefCell::default();
}

impl LazyGlobs {
    /// `None` for what has to be read to be known: that it is a glob, or below which folders it matches.
    pub(super) fn new(prefix: &[u8], rest: &[u8]) -> Option<Self> {
        let groups = rest.iter().filter(|&&byte| byte == b'{').count();
        if groups > MAX_GROUPS || prefix.len() + rest.len() > MAX_BYTES || !is_plainly_a_glob(rest) {
            return None;
        }
        let text = [prefix, rest].concat().into();
        Some(Self { text, prefix_bytes: prefix.len(), below_prefix: OnceLock::new() })
    }

    /// Empty, or with a `/` at its end: each path that matches begins so.
    pub(super) fn prefix(&self) -> &[u8] {
        &self.text[..self.prefix_bytes]
    }

    pub(super) fn matches(&self, path: &[u8]) -> bool {
        let below = path.strip_prefix(self.prefix());
        below.is_some_and(|path| self.below_prefix().iter().any(|glob| glob.matches(path)))
    }

    /// The globs of what is below the folders that it begins with.
    pub(super) fn below_prefix(&self) -> &[Glob] {
        self.below_prefix.get_or_init(|| {
            let glob = &self.text[self.prefix_bytes..];
            READ.with_borrow_mut(|read| match read.get(glob) {
                Some(globs) => Arc::clone(globs),
                None => {
                    let globs: Arc<[Glob]> =
                        read_plain(glob).expect("a glance showed that it is a glob").into();
                    read.insert(glob.into(), Arc::clone(&globs));
                    globs
                }
            })
        })
    }
}

/// A glob with braces around plain names, one group at most: each alternative is written out, which takes no tokens.
fn read_plain(glob: &[u8]) -> Result<Vec<Glob>, GlobError> {
    let Some(open) = glob.iter().position(|&byte| byte == b'{') else {
        return Ok(vec![Glob::of_stars(b"", glob)?]);
    };
    let inside = &glob[open + 1..];
    let close = inside.iter().position(|&byte| byte == b'}').ok_or(GlobError::UnclosedBrace)?;
    let names = || inside[..close].split(|&byte| byte == b',');
    let mut globs = Vec::with_capacity(names().count());
    for name in names() {
        globs.push(Glob::of_stars(b"", &[&glob[..open], name, &inside[close + 1..]].concat())?);
    }
    Ok(globs)
}

/// What a glob stands for below a prefix.
pub(super) fn read(prefix: &[u8], rest: &[u8]) -> Result<Box<[Glob]>, GlobError> {
    if has_only_stars(rest) {
        return Ok([Glob::of_stars(prefix, rest)?].into());
    }
    syntax::parse(rest)?.iter().map(|tokens| Glob::new(prefix, tokens)).collect()
}

/// Whether nothing but `*` is special in a glob.
pub(super) fn has_only_stars(glob: &[u8]) -> bool {
    glob.iter().all(|byte| *byte == b'*' || !syntax::SPECIAL.contains(byte))
}

/// Components with a `*` each but the literal ones, and braces around plain names, not one in another: nothing else
/// is looked at closely. A component with a `*` outside of braces can't be empty, `.` or `..`.
fn is_plainly_a_glob(rest: &[u8]) -> bool {
    let mut components = rest.split(|&byte| byte == b'/');
    // Without a `*`, it could be a name, and the paths that match would begin with it.
    components.next().is_some_and(has_star_and_plain_braces)
        && components.all(|component| has_star_and_plain_braces(component) || is_plain_name(component))
}

fn has_star_and_plain_braces(component: &[u8]) -> bool {
    let (mut has_star, mut is_in_braces) = (false, false);
    for &byte in component {
        match byte {
            b'{' if !is_in_braces => is_in_braces = true,
            b'}' if is_in_braces => is_in_braces = false,
            b',' if is_in_braces => {}
            b'*' if !is_in_braces => has_star = true,
            byte if is_plain(byte) => {}
            _ => return false,
        }
    }
    has_star && !is_in_braces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glance_never_takes_what_can_not_be_read() {
        let parts = ["*", "**", "a", ".", "..", "/", "{", "}", ",", "?", "[a]", "[", "\\", ""];
        let mut taken = 0;
        for one in parts {
            for two in parts {
                for three in parts {
                    for four in parts {
                        let text = [one, two, three, four].concat();
                        for prefix in [&b""[..], b"p/q/"] {
                            let Some(lazy) = LazyGlobs::new(prefix, text.as_bytes()) else { continue };
                            taken += 1;
                            let read = read(b"", text.as_bytes());
                            assert_eq!(
                                format!("{:?}", lazy.below_prefix()),
                                format!("{:?}", read.unwrap()),
                                "{text}"
                            );
                            assert_eq!(lazy.prefix(), prefix);
                            check_matches(&lazy, prefix, text.as_bytes());
                        }
                    }
                }
            }
        }
        assert!(taken > 500, "{taken}");
    }

    #[track_caller]
    fn check_matches(lazy: &LazyGlobs, prefix: &[u8], rest: &[u8]) {
        let read = read(prefix, rest).unwrap();
        for path in
            ["p", "p/q", "p/q/a", "p/q/a/a", "p/q/a/b/a", "p/qa", "a", "aa", "a/a", "b/a/x", "r/p/q/a"]
        {
            let expected = read.iter().any(|glob| glob.matches(path.as_bytes()));
            assert_eq!(lazy.matches(path.as_bytes()), expected, "{path} by {read:?}");
        }
    }

    #[test]
    fn what_braces_may_not_stand_for_is_an_error_at_once() {
        let many = format!("*{}", "{a,b,c,d,e,f,g,h}".repeat(5));
        let line = crate::patterns::Patterns::parse(many.as_bytes(), &crate::model::RepoPath::default());

        assert!(line.is_err());
        let most = format!("*{{{}}}", "a,".repeat(60));
        assert!(read(b"", most.as_bytes()).is_ok());
        assert_eq!(LazyGlobs::new(b"", most.as_bytes()).unwrap().below_prefix().len(), 61);
    }

    #[test]
    fn the_lines_that_people_write_are_left_for_later() {
        for text in ["**/*.ts", "**/*.{rs,go,py,json}", "*.md", "**/src/*_test.go"] {
            assert!(LazyGlobs::new(b"d000/svc/", text.as_bytes()).is_some(), "{text}");
        }
    }
}
