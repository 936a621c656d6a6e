//! Submodules, which are taken as a whole: what is in one can't be told from the tree that it is a path of.

use super::glob::{Component, Glob};
use super::line::Matcher;
use super::{Pattern, Patterns};
use crate::model::RepoPath;

/// The name of a file that no pattern names.
const ANY_FILE: &[u8] = b"/\0";

impl Patterns {
    /// The line that takes a submodule at `path`: the last that takes the path itself, or may take a path below it. A negated line
    /// counts if it excludes the path itself, or everything below it.
    pub fn decide_submodule(&self, path: &RepoPath) -> Option<&Pattern> {
        let path = path.as_bytes();
        let last = self.lines().iter().rev().find(|pattern| {
            pattern.matcher.matches(path)
                || if pattern.is_negated() {
                    pattern.matcher.matches_all_below(path)
                } else {
                    pattern.matcher.can_match_below(path)
                }
        });
        last.filter(|last| !last.is_negated())
    }
}

impl Matcher {
    /// Whether some path below `folder` may match; if in doubt, it may.
    fn can_match_below(&self, folder: &[u8]) -> bool {
        match self {
            Self::Globs(globs) => globs.iter().any(|glob| glob.can_match_below(folder)),
            Self::Regex(regex) => {
                is_within(regex.prefix(), folder) || below(folder).starts_with(regex.prefix())
            }
        }
    }

    /// Whether every path below `folder` matches; if in doubt, not every one does.
    fn matches_all_below(&self, folder: &[u8]) -> bool {
        match self {
            Self::Globs(globs) => globs.iter().any(|glob| glob.matches_all_below(folder)),
            Self::Regex(regex) => regex.is_prefix_alone() && below(folder).starts_with(regex.prefix()),
        }
    }
}

impl Glob {
    fn can_match_below(&self, folder: &[u8]) -> bool {
        match self {
            Self::Path(own) | Self::Descendants(own) => is_within(own, folder) || is_within(folder, own),
            Self::Wild { prefix, components } => match below(folder).strip_prefix(&**prefix) {
                Some(rest) => can_go_on(components, rest.strip_suffix(b"/").unwrap_or(rest)),
                None => prefix.starts_with(&below(folder)),
            },
        }
    }

    fn matches_all_below(&self, folder: &[u8]) -> bool {
        match self {
            Self::Path(own) | Self::Descendants(own) => is_within(folder, own),
            Self::Wild { components, .. } => {
                components.last() == Some(&Component::AnyDepth) && self.matches(&[folder, ANY_FILE].concat())
            }
        }
    }
}

/// Whether paths below this one may match.
fn can_go_on(components: &[Component], path: &[u8]) -> bool {
    let mut names = path.split(|&byte| byte == b'/').filter(|name| !name.is_empty());
    for component in components {
        if *component == Component::AnyDepth {
            return true;
        }
        match names.next() {
            Some(name) if component.matches(name) => {}
            Some(_) => return false,
            None => return true,
        }
    }
    false
}

/// Whether `path` is `folder` or below it; everything is below the root, which is empty.
fn is_within(path: &[u8], folder: &[u8]) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| matches!(rest, [] | [b'/', ..]))
}

fn below(folder: &[u8]) -> Vec<u8> {
    [folder, b"/"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<usize>) {
        let path = |text: &str| RepoPath::new(text).unwrap();
        let patterns = Patterns::parse(text.as_bytes(), &path("own")).unwrap();

        let line = patterns.decide_submodule(&path("vendor/lib")).and_then(Pattern::line);

        assert_eq!(line, expected, "{text:?}");
    }

    #[test]
    fn a_submodule_is_taken_by_a_line_for_it_or_for_anything_that_may_be_in_it() {
        for text in [
            "vendor/lib",
            "vendor/lib/",
            "vendor/",
            "vendor/lib/src/a.c",
            "vendor/lib/src/*.c",
            "vendor/*",
            "vendor/*/*.c",
            "vendor/**",
            "**/*.c",
            "**/lib/x",
            "*/lib/x",
            "*/*",
            "{x,vendor}/lib/y",
            "^vendor/",
            "^vendor/lib/src/.*c$",
            "^ven",
            "^(a|vendor)",
            "v*/l*/*/*",
        ] {
            check(text, Some(1));
        }
        for text in [
            "vendor/library",
            "vendor/lib.c",
            "vendor/l",
            "lib/",
            "*.c",
            "*/*.c",
            "vendor/other/**",
            "^vendor/lib2",
            "^lib",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn a_negated_line_excludes_a_submodule_if_it_excludes_all_of_it() {
        for text in [
            "!vendor/lib",
            "!vendor/lib/",
            "!vendor/",
            "!vendor/**",
            "!**/lib/",
            "!**/lib",
            "!vendor/*/**",
            "!^vendor/",
            "!*/*",
        ] {
            check(&format!("vendor/\n{text}"), None);
            check(&format!("{text}\nvendor/lib/src/"), Some(2));
        }
        for text in [
            "!**/*.md",
            "!vendor/lib/src/",
            "!vendor/lib/*",
            "!vendor/lib/*/**",
            "!^vendor/lib/.*md$",
            "!*.c",
        ] {
            check(&format!("vendor/\n{text}"), Some(1));
        }
    }
}
