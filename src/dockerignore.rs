//! `.dockerignore`, with the rules of Docker's own matcher.
//!
//! They differ from git's: every pattern begins at the context's root, a pattern that matches a folder
//! holds for everything below it, a later `!` line can take a part of that back, and `**` stands for
//! any text that ends at a `/`, even within a name. One thing is left out: Docker hands a `\` before a letter
//! to its regular expressions, where `\d` is a digit; here it stands for the letter.

mod changes;
mod translate;

use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder};
use thiserror::Error;

pub use changes::{LineChange, changed_lines};

use crate::model::RepoPath;

/// Longer patterns are an error, which bounds the expressions made of them.
const MAX_PATTERN_BYTES: usize = 4096;

/// Far more than the longest pattern needs.
const MAX_REGEX_BYTES: usize = 1 << 28;

/// The rules of one file, in their order. None at all ignore nothing.
#[derive(Clone, Debug, Default)]
pub struct DockerIgnore(Vec<Rule>);

/// A line that Docker refuses as well, unless a `*` before the fault keeps it from looking.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: bad pattern: {reason}")]
pub struct DockerIgnoreError {
    /// Counted from 1.
    pub line: usize,
    reason: &'static str,
}

#[derive(Clone, Debug)]
struct Rule {
    matcher: Matcher,
    /// Whether the line begins with `!`: what it matches is not ignored.
    exception: bool,
}

#[derive(Clone, Debug)]
enum Matcher {
    /// This path.
    Exact(Box<[u8]>),
    /// `dir/**`: paths that begin so.
    Prefix(Box<[u8]>),
    /// `**/name`: paths that end so; with a `/` at its beginning also the rest of it alone.
    Suffix(Box<[u8]>),
    Name(NameWithStar),
    /// Each takes ten kilobytes once it is compiled.
    Regex(LazyRegex),
}

/// `*.log`, `**/*.md`, `src/a*.c`: a name with one star, in one folder or in any.
#[derive(Clone, Debug)]
struct NameWithStar {
    /// With a `/` at its end; empty for the root of the context. `None` for any.
    folder: Option<Box<[u8]>>,
    before: Box<[u8]>,
    behind: Box<[u8]>,
}

/// An expression that is compiled when a path is first compared with it.
#[derive(Clone, Debug)]
struct LazyRegex {
    text: String,
    compiled: OnceLock<Regex>,
}

impl DockerIgnore {
    /// # Errors
    /// [`DockerIgnoreError`] for the first line that Docker's matcher refuses too, or that is longer than
    /// any path.
    pub fn parse(text: &[u8]) -> Result<Self, DockerIgnoreError> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let rules = text.split(|&byte| byte == b'\n').zip(1..).filter_map(|(text, line)| {
            Rule::parse(text).map_err(|reason| DockerIgnoreError { line, reason }).transpose()
        });
        rules.collect::<Result<_, _>>().map(Self)
    }

    /// Whether `path` is left out, and with it all that may be below it; if in doubt, it is not.
    pub fn ignores_all_of(&self, path: &RepoPath) -> bool {
        self.ignores(path) && !self.0.iter().any(|rule| rule.exception)
    }

    /// Whether `path`, as seen from the context's root, is left out of the context.
    ///
    /// The last line decides that matches the path or a folder above it. But as in Docker, a line is not
    /// asked about a path where it could change nothing, and then counts as not matching that folder for
    /// what is below: after `src/**`, which does not match `src` itself, `!src` takes nothing back.
    pub fn ignores(&self, path: &RepoPath) -> bool {
        let path = path.as_bytes();
        let slashes = path.iter().enumerate().filter(|&(_, &byte)| byte == b'/').map(|(at, _)| at);
        let mut matched = vec![false; self.0.len()];
        let mut ignored = false;
        for end in slashes.chain([path.len()]) {
            ignored = false;
            for (rule, matched) in self.0.iter().zip(&mut matched) {
                *matched |= rule.exception == ignored && rule.matcher.matches(&path[..end]);
                if *matched {
                    ignored = !rule.exception;
                }
            }
        }
        ignored
    }
}

impl Rule {
    /// `None` for a blank line and a comment.
    fn parse(line: &[u8]) -> Result<Option<Self>, &'static str> {
        let text = line.trim_ascii();
        // Only a `#` at the very beginning of the line makes a comment.
        if text.is_empty() || line.starts_with(b"#") {
            return Ok(None);
        }
        let exception = text.starts_with(b"!");
        let pattern = text.strip_prefix(b"!").unwrap_or(text).trim_ascii();
        if pattern.is_empty() {
            return Err("nothing follows `!`");
        }
        if pattern.len() > MAX_PATTERN_BYTES {
            return Err("it is too long");
        }
        Ok(Some(Self { matcher: Matcher::new(&clean(pattern))?, exception }))
    }
}

/// Resolves `.`, `..`, doubled slashes and those at either end. A `..` too many stays, and matches nothing.
fn clean(pattern: &[u8]) -> Vec<u8> {
    let absolute = pattern.starts_with(b"/");
    let mut components: Vec<&[u8]> = Vec::new();
    for component in pattern.split(|&byte| byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." if components.last().is_some_and(|last| last != b"..") => {
                components.pop();
            }
            b".." if absolute => {}
            _ => components.push(component),
        }
    }
    components.join(&b'/')
}

impl Matcher {
    fn new(pattern: &[u8]) -> Result<Self, &'static str> {
        let is_plain = |text: &[u8]| !text.iter().any(|byte| b"*?[\\".contains(byte));
        if is_plain(pattern) {
            return Ok(Self::Exact(pattern.into()));
        }
        if let Some(suffix) = pattern.strip_prefix(b"**").filter(|suffix| is_plain(suffix)) {
            return Ok(Self::Suffix(suffix.into()));
        }
        if let Some(prefix) = pattern.strip_suffix(b"**").filter(|prefix| is_plain(prefix)) {
            return Ok(Self::Prefix(prefix.into()));
        }
        if let Some(name) = NameWithStar::parse(pattern, is_plain) {
            return Ok(Self::Name(name));
        }
        let pattern = std::str::from_utf8(pattern).map_err(|_| "with wildcards in it, it must be UTF-8")?;
        Ok(Self::Regex(LazyRegex { text: translate::regex(pattern)?, compiled: OnceLock::new() }))
    }

    fn matches(&self, path: &[u8]) -> bool {
        match self {
            Self::Exact(own) => path == &**own,
            Self::Prefix(prefix) => path.starts_with(prefix),
            Self::Suffix(suffix) => path.ends_with(suffix) || suffix.strip_prefix(b"/") == Some(path),
            Self::Name(name) => name.matches(path),
            Self::Regex(regex) => regex.is_match(path),
        }
    }
}

impl NameWithStar {
    /// `None` for another pattern.
    fn parse(pattern: &[u8], is_plain: impl Fn(&[u8]) -> bool) -> Option<Self> {
        let name = pattern.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
        let (folder, name) = pattern.split_at(name);
        let folder = match folder {
            b"**/" => None,
            folder if is_plain(folder) => Some(folder.into()),
            _ => return None,
        };
        let star = name.iter().position(|&byte| byte == b'*')?;
        let (before, behind) = (&name[..star], &name[star + 1..]);
        // Docker takes such a pattern only if all of it is UTF-8.
        let is_one_star = is_plain(before) && is_plain(behind) && std::str::from_utf8(pattern).is_ok();
        is_one_star.then(|| Self { folder, before: before.into(), behind: behind.into() })
    }

    fn matches(&self, path: &[u8]) -> bool {
        let name = path.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
        let (folder, name) = path.split_at(name);
        self.folder.as_deref().is_none_or(|own| own == folder)
            && name.len() >= self.before.len() + self.behind.len()
            && name.starts_with(&self.before)
            && name.ends_with(&self.behind)
    }
}

impl LazyRegex {
    fn is_match(&self, path: &[u8]) -> bool {
        let compile = || {
            let regex = RegexBuilder::new(&self.text).size_limit(MAX_REGEX_BYTES).build();
            regex.expect("a translated pattern is an expression, and its length is bounded")
        };
        self.compiled.get_or_init(compile).is_match(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, ignored: &[&str], kept: &[&str]) {
        let ignore = DockerIgnore::parse(text.as_bytes()).unwrap();
        for path in ignored {
            assert!(ignore.ignores(&RepoPath::new(path).unwrap()), "{text:?} keeps {path}");
        }
        for path in kept {
            assert!(!ignore.ignores(&RepoPath::new(path).unwrap()), "{text:?} ignores {path}");
        }
    }

    #[test]
    fn patterns_begin_at_the_contexts_root() {
        check("*.md", &["a.md"], &["a/b.md", "a.mdx"]);
        check("node_modules", &["node_modules", "node_modules/a/b"], &["a/node_modules/b", "node_modules2"]);
        check("a/b?", &["a/bc", "a/bé", "a/bc/d"], &["a/b", "a/b/c", "x/a/bc"]);
    }

    #[test]
    fn a_star_stays_in_its_folder() {
        check("a*c", &["ac", "abc", "abc/d"], &["a/c", "x/ac", "a", "c"]);
        check("aba*aba", &["abaaba", "abaxaba"], &["aba", "ababa"]);
        check("b/a*", &["b/a", "b/ac/d"], &["b", "b/c/a", "a", "x/b/a"]);
        check("**/a*c", &["ac", "b/c/axc"], &["b/a/c", "b/ba", "ac.d"]);
        check("*/a*c", &["b/ac"], &["ac", "b/c/ac"]);
        check("*/", &["a", "a/b"], &[]);
    }

    #[test]
    fn a_name_with_a_star_matches_what_its_regular_expression_matches() {
        let texts = |letters: &[u8]| {
            let mut texts = vec![Vec::new()];
            for _ in 0..5 {
                let longer = texts.iter().flat_map(|text: &Vec<u8>| {
                    letters.iter().map(move |&letter| [text.as_slice(), &[letter]].concat())
                });
                texts = longer.chain([Vec::new()]).collect();
            }
            texts
        };
        let is_plain = |text: &[u8]| !text.contains(&b'*');
        let paths: Vec<_> = texts(b"ab/").into_iter().filter_map(|text| RepoPath::new(text).ok()).collect();
        let mut compared = 0;
        for pattern in texts(b"a/*").iter().map(|text| clean(text)) {
            let Some(name) = NameWithStar::parse(&pattern, is_plain) else { continue };
            let text = translate::regex(std::str::from_utf8(&pattern).unwrap()).unwrap();
            let regex = LazyRegex { text, compiled: OnceLock::new() };
            for path in paths.iter().map(RepoPath::as_bytes) {
                assert_eq!(name.matches(path), regex.is_match(path), "{pattern:?} {path:?}");
                compared += 1;
            }
        }
        assert!(compared > 1000, "{compared}");
    }

    #[test]
    fn two_stars_stand_for_any_folders() {
        check("**/*.md", &["a.md", "a/b.md", "a/b.md/c"], &["a.mdx"]);
        check("**/.git", &[".git/x", "a/.git"], &["a.git", "git"]);
        check("a/**", &["a/b", "a/b/c"], &["a", "ab"]);
        check("a/**/b", &["a/b", "a/x/y/b"], &["ab", "a/xb"]);
        check("**", &["a", "a/b"], &[]);
        check("**/a/**", &["a/b", "x/a/b/c"], &["a", "b"]);
        check("a**b", &["ab", "ax/b", "a/b"], &["axb"]);
    }

    #[test]
    fn the_last_line_that_matches_the_path_or_a_folder_above_decides() {
        check("*\n!src\n!*.toml", &["a", "docs/a"], &["src", "src/a/b", "Cargo.toml"]);
        check("!a/b\na", &["a/b"], &[]);
        check("a\n!a/b\na/b/c", &["a", "a/x", "a/b/c", "a/b/c/d"], &["a/b", "a/b/d"]);
        check("*.md\n!README*.md\nREADME-secret.md", &["a.md", "README-secret.md"], &["README-a.md"]);
    }

    #[test]
    fn an_exception_for_a_folder_that_was_not_ignored_takes_nothing_back() {
        check("src/**\n!src", &["src/a"], &["src"]);
        check("src/**\n!src/a", &["src/b"], &["src/a", "src/a/b"]);
    }

    #[test]
    fn lines_are_cleaned_before_they_are_patterns() {
        check(
            "/a\n./b\nc/\nd//e\nf/../g\n  h  \r\n! /h/i",
            &["a", "b", "c/x", "d/e", "g", "h"],
            &["f", "h/i"],
        );
        check("\u{feff}# a\n\n #b\nc", &["#b", "c"], &["# a", "a"]);
        check("/\n.\n../a", &[], &["a", "b"]);
    }

    #[test]
    fn brackets_and_backslashes_follow_gos_rules() {
        check("[a-c]x", &["ax", "cx"], &["dx", "-x"]);
        check("[^a]x", &["bx", "éx"], &["ax"]);
        check("[!a]x", &["!x", "ax"], &["bx"]);
        check(r"[\]\-]x", &["]x", "-x"], &["ax"]);
        check("[[&&a]x", &["[x", "&x", "ax"], &["bx"]);
        check(r"\*\a.{b,c}", &["*a.{b,c}"], &["xa.b", "a.b"]);
    }

    #[test]
    fn any_bytes_can_be_matched() {
        let ignore = DockerIgnore::parse(b"\xff\n*.c").unwrap();

        assert!(ignore.ignores(&RepoPath::new(b"\xff/a").unwrap()));
        assert!(ignore.ignores(&RepoPath::new(b"\xfe.c").unwrap()));
        assert!(!ignore.ignores(&RepoPath::new(b"\xfe").unwrap()));
    }

    #[test]
    fn a_line_that_docker_refuses_is_an_error_with_its_number() {
        for text in ["[a", "[]a]", "[a-]", "[-a]", "[z-a]", r"a\*\", "!", "[", r"[\", "*\u{7f}["] {
            let error = DockerIgnore::parse(format!("# one\n{text}\nb").as_bytes()).unwrap_err();
            assert_eq!(error.line, 2, "{text}");
        }
        assert!(DockerIgnore::parse(b"\xff*?").is_err());
        assert!(DockerIgnore::parse("a*".repeat(3000).as_bytes()).is_err());
    }

    #[test]
    fn the_longest_pattern_can_be_used() {
        for text in ["?", "**/a", "[^a]", "*a", "[^a-\u{10000}]"] {
            let text = text.repeat(MAX_PATTERN_BYTES / text.len());
            let ignore = DockerIgnore::parse(text.as_bytes()).unwrap();
            assert!(!ignore.ignores(&RepoPath::new("b").unwrap()), "{}", &text[..9]);
        }
    }
}
