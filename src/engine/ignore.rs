//! `.dockerignore` patterns, as `moby/patternmatcher` reads them.
//!
//! The engine reads the file, splits and cleans its lines, and leaves it to its client not to
//! send what they match. Not `.gitignore`: patterns are rooted, so `a` is not `b/a`.

use regex::bytes::Regex;

use super::ContextError;
use crate::model::RepoPath;

/// The patterns of one `.dockerignore`, in its order.
#[derive(Debug, Default)]
pub(super) struct Ignore {
    patterns: Vec<Pattern>,
}

#[derive(Debug)]
struct Pattern {
    regex: Regex,
    /// Begins with `!`: takes back what was ignored.
    takes_back: bool,
}

impl Ignore {
    /// # Errors
    /// [`ContextError::BadIgnorePattern`] for an unclosed `[` and the like.
    pub(super) fn new(patterns: &[Vec<u8>]) -> Result<Self, ContextError> {
        let patterns = patterns.iter().map(|pattern| {
            let text = String::from_utf8_lossy(pattern);
            let (takes_back, glob) = match text.strip_prefix('!') {
                Some(rest) => (true, rest),
                None => (false, &*text),
            };
            let regex = Regex::new(&translate(glob))
                .map_err(|source| ContextError::BadIgnorePattern { pattern: text.to_string(), source })?;
            Ok(Pattern { regex, takes_back })
        });
        Ok(Self { patterns: patterns.collect::<Result<_, _>>()? })
    }

    /// Whether the last pattern that matches the path, or a folder that it is in, ignores it.
    pub(super) fn matches(&self, path: &RepoPath) -> bool {
        let last = self.patterns.iter().rev().find(|pattern| {
            let is_end = |at: &usize| *at == path.as_bytes().len() || path.as_bytes()[*at] == b'/';
            (1..=path.as_bytes().len())
                .filter(is_end)
                .any(|end| pattern.regex.is_match(&path.as_bytes()[..end]))
        });
        last.is_some_and(|pattern| !pattern.takes_back)
    }
}

/// `*` and `?` stop at `/`, `**` doesn't, and `**/` is also nothing at all.
fn translate(glob: &str) -> String {
    const ANY: &str = "(?s-u:.)*";
    const ANY_IN_NAME: &str = "(?-u:[^/])*";
    const ONE_IN_NAME: &str = "(?:[^/]|(?-u:[^/]))";
    let mut regex = String::from("^");
    let mut rest = glob.chars().peekable();
    if let Some(suffix) = glob.strip_prefix("**")
        && !suffix.starts_with('/')
        && !suffix.contains(['*', '?', '[', ']', '\\'])
    {
        return format!("^{ANY}{}$", regex::escape(suffix));
    }
    while let Some(character) = rest.next() {
        match character {
            '*' if rest.next_if_eq(&'*').is_some() => {
                rest.next_if_eq(&'/');
                match rest.peek() {
                    None => regex.push_str(ANY),
                    Some(_) => regex.push_str(&format!("({ANY}/)?")),
                }
            }
            '*' => regex.push_str(ANY_IN_NAME),
            '?' => regex.push_str(ONE_IN_NAME),
            '[' | ']' => regex.push(character),
            '\\' => match rest.next() {
                Some(escaped) => regex.push_str(&regex::escape(escaped.encode_utf8(&mut [0; 4]))),
                None => regex.push_str(r"\\"),
            },
            // Between brackets, `^` and `-` have their meaning there too.
            '^' | '-' => regex.push(character),
            _ => regex.push_str(&regex::escape(character.encode_utf8(&mut [0; 4]))),
        }
    }
    regex.push('$');
    regex
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cases of `moby/patternmatcher` that tell its rules apart from others'.
    #[test]
    fn patterns_mean_what_docker_means_by_them() {
        for (patterns, path, expected) in [
            (&["a"][..], "a", true),
            (&["a"], "a/b/c", true),
            (&["a"], "b/a", false),
            (&["**/a"], "b/a", true),
            (&["**/a"], "a", true),
            (&["**/a"], "ba", false),
            (&["**"], "a/b", true),
            (&["**.md"], "a/b.md", true),
            (&["*.md"], "a/b.md", false),
            (&["*.md"], "b.md", true),
            (&["a/**"], "a/b/c", true),
            (&["a/**"], "a", false),
            (&["a/**/c"], "a/c", true),
            (&["a/**/c"], "a/b/b/c", true),
            (&["a?c"], "abc", true),
            (&["a?c"], "a/c", false),
            (&["a?c"], "aéc", true),
            (&["[a-c]x"], "bx", true),
            (&["[^a-c]x"], "bx", false),
            (&[r"a\*"], "a*", true),
            (&[r"a\*"], "ab", false),
            (&["a.b"], "axb", false),
            (&["*", "!a"], "a", false),
            (&["*", "!a/b"], "a/b", false),
            (&["*", "!a/b"], "a/c", true),
            (&["*", "!a", "a/c"], "a/c", true),
            (&["!a", "*"], "a", true),
        ] {
            let patterns: Vec<Vec<u8>> = patterns.iter().map(|pattern| pattern.as_bytes().to_vec()).collect();

            let ignored = Ignore::new(&patterns).unwrap().matches(&RepoPath::new(path).unwrap());

            assert_eq!(ignored, expected, "{:?} on {path}", String::from_utf8_lossy(&patterns.concat()));
        }
    }

    #[test]
    fn names_that_are_not_text_are_matched_too() {
        let ignore = Ignore::new(&[b"*.bin".to_vec()]).unwrap();

        assert!(ignore.matches(&RepoPath::new(b"a\xff\n.bin").unwrap()));
    }

    #[test]
    fn a_broken_pattern_is_an_error() {
        assert!(Ignore::new(&[b"[a".to_vec()]).is_err());
    }
}
