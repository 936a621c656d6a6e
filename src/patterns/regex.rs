//! Lines that begin with `^`: regular expressions over the bytes of a whole path.

use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::literal::{ExtractKind, Extractor};
use regex_syntax::hir::{Class, Hir, HirKind, Look};
use thiserror::Error;

/// The most characters and classes that an expression may have once its repetitions are written out.
///
/// Each of them takes at most a few kilobytes, so a checked expression always compiles within
/// [`COMPILED_LIMIT_BYTES`], and compiling can wait until a path needs it.
const MAX_STATES: usize = 2000;
const COMPILED_LIMIT_BYTES: usize = 64 << 20;

/// Why a line isn't a regular expression.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RegexError {
    #[error("it is not UTF-8")]
    NotUtf8,
    /// Without the expression itself, which could steer a terminal.
    #[error("{reason}")]
    Syntax { reason: String },
    #[error("it has more than {MAX_STATES} characters once its repetitions are written out")]
    TooLarge,
}

#[derive(Clone, Debug)]
pub(super) struct PathRegex {
    /// What each path that matches begins with.
    prefix: Box<[u8]>,
    /// `None` when the prefix says it all, as in `^barretenberg/`.
    whole: Option<Deferred>,
}

/// A checked expression, compiled when first used: that takes 100 times as long as checking it.
#[derive(Clone, Debug)]
struct Deferred {
    text: Box<str>,
    compiled: OnceLock<Regex>,
}

impl PathRegex {
    /// # Errors
    /// [`RegexError`] for each of its reasons.
    pub(super) fn new(text: &[u8]) -> Result<Self, RegexError> {
        let text = std::str::from_utf8(text).map_err(|_| RegexError::NotUtf8)?;
        let mut parser = ParserBuilder::new().unicode(false).utf8(false).dot_matches_new_line(true).build();
        let hir = parser.parse(text).map_err(|error| RegexError::Syntax { reason: reason(&error) })?;
        if states(&hir) > MAX_STATES {
            return Err(RegexError::TooLarge);
        }
        let whole =
            (!is_prefix_alone(&hir)).then(|| Deferred { text: text.into(), compiled: OnceLock::new() });
        Ok(Self { prefix: prefix(&hir), whole })
    }

    pub(super) fn matches(&self, path: &[u8]) -> bool {
        path.starts_with(&self.prefix) && self.whole.as_ref().is_none_or(|regex| regex.get().is_match(path))
    }

    pub(super) fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// Whether every path matches that begins with the prefix.
    pub(super) fn is_prefix_alone(&self) -> bool {
        self.whole.is_none()
    }
}

impl Deferred {
    fn get(&self) -> &Regex {
        self.compiled.get_or_init(|| {
            let mut builder = RegexBuilder::new(&self.text);
            builder.unicode(false).dot_matches_new_line(true).size_limit(COMPILED_LIMIT_BYTES);
            builder.build().expect("it was parsed with the same flags, and its states were counted")
        })
    }
}

/// How many states its automaton has, about; never much fewer.
fn states(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) | HirKind::Class(Class::Bytes(_)) => 1,
        HirKind::Literal(text) => text.0.len(),
        // Up to four bytes encode each end of a range.
        HirKind::Class(Class::Unicode(class)) => 4 * class.ranges().len(),
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min).max(1);
            states(&repetition.sub).saturating_mul(times as usize).saturating_add(1)
        }
        HirKind::Capture(capture) => states(&capture.sub).saturating_add(1),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().map(states).fold(1, usize::saturating_add)
        }
    }
}

fn reason(error: &regex_syntax::Error) -> String {
    match error {
        regex_syntax::Error::Parse(error) => error.kind().to_string(),
        regex_syntax::Error::Translate(error) => error.kind().to_string(),
        _ => "it is not a regular expression".to_owned(),
    }
}

/// Empty when some match need not begin at the path's beginning, as in `^a|b`.
fn prefix(hir: &Hir) -> Box<[u8]> {
    if !hir.properties().look_set_prefix().contains(Look::Start) {
        return Box::default();
    }
    let literals = Extractor::new().kind(ExtractKind::Prefix).extract(hir);
    literals.longest_common_prefix().unwrap_or_default().into()
}

fn is_prefix_alone(hir: &Hir) -> bool {
    let HirKind::Concat(parts) = hir.kind() else { return false };
    match &parts[..] {
        [start, text] => {
            matches!(start.kind(), HirKind::Look(Look::Start)) && matches!(text.kind(), HirKind::Literal(_))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, prefix: &str, matching: &[&str], others: &[&str]) {
        let regex = PathRegex::new(text.as_bytes()).unwrap();
        assert_eq!(String::from_utf8_lossy(regex.prefix()), prefix, "{text}");
        for path in matching {
            assert!(regex.matches(path.as_bytes()), "`{text}` does not match {path}");
        }
        for path in others {
            assert!(!regex.matches(path.as_bytes()), "`{text}` matches {path}");
        }
    }

    #[test]
    fn lines_of_the_older_scripts_mean_what_they_meant() {
        check(
            "^barretenberg/",
            "barretenberg/",
            &["barretenberg/a/b"],
            &["barretenberg", "x/barretenberg/a"],
        );
        check(r"^lib/.*\.(c|h)$", "lib/", &["lib/a.c", "lib/x/a.h"], &["lib/a.cc", "src/lib/a.c"]);
        check(
            r"^yarn-project/.*\.(ts|json)$",
            "yarn-project/",
            &["yarn-project/a/b.ts"],
            &["yarn-project/a.tsx"],
        );
        check("^lib", "lib", &["lib", "library", "lib/a"], &["a/lib"]);
        check("^(lib|last)/", "l", &["lib/a", "last/b"], &["l", "less/a"]);
    }

    #[test]
    fn a_prefix_holds_for_every_alternative() {
        check("^a|b", "", &["a", "xb"], &["xa"]);
        check("^lib/a|lib/b", "", &["lib/a", "src/lib/b"], &["src/lib/a"]);
        check("^ab?c", "a", &["ac", "abc"], &["abb"]);
        check("^ab*", "a", &["a", "abb"], &["b"]);
        check("^(?i)lib/", "", &["LIB/a", "lib/a"], &["a"]);
        check("^(?m)a$|^b", "", &["x\nb"], &["xb"]);
        check("^", "", &["a"], &[]);
        check("^$", "", &[], &["a"]);
    }

    #[test]
    fn any_byte_is_a_byte() {
        let regex = PathRegex::new(b"^lib/.$").unwrap();

        assert!(regex.matches(b"lib/\xff"));
        assert!(regex.matches(b"lib/\n"));
        check("^docs/é", "docs/é", &["docs/école"], &["docs/e"]);
    }

    #[test]
    fn the_largest_expressions_that_are_accepted_compile() {
        for text in [
            "^.{1900}",
            r"^[^a]{1,1900}",
            r"^(?u:.){100}$",
            r"^(?i:ab|cd){200}",
            r"^(?u:\s)",
            r"^(?:\b.?){400}",
        ] {
            assert!(PathRegex::new(text.as_bytes()).is_ok_and(|regex| !regex.matches(b"")), "{text}");
        }
    }

    #[test]
    fn an_expression_that_would_fill_the_memory_is_an_error() {
        let huge = PathRegex::new(b"^((a{100}){100}){100}");
        let deep = PathRegex::new("(".repeat(4000).as_bytes());

        assert_eq!(huge.err(), Some(RegexError::TooLarge));
        assert!(matches!(deep, Err(RegexError::Syntax { .. })));
    }
}
