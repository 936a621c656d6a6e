//! Wildcards of `COPY` and `ADD`, which follow Go's `filepath.Match`, as globs of pattern files.

use std::iter::Peekable;
use std::str::Chars;

/// Whether a part of a path has wildcards. Where none has, a backslash stands for itself.
pub(super) fn is_wild(component: &str) -> bool {
    let mut characters = component.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                characters.next();
            }
            '*' | '?' | '[' => return true,
            _ => {}
        }
    }
    false
}

/// What a `?` or a `[^a]` becomes, which stand for any character.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AnyCharacter {
    /// The same of a glob, which in a pattern file is one byte.
    Kept,
    /// A `*`, which a character beyond ASCII needs there.
    Star,
}

/// The glob that matches the same names, or a few more: a range beyond ASCII becomes a `*`.
///
/// `None` for what engines refuse.
pub(super) fn glob(component: &str, any: AnyCharacter) -> Option<String> {
    let mut glob = String::new();
    let mut rest = component.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '*' => push_star(&mut glob),
            '?' if any == AnyCharacter::Star => push_star(&mut glob),
            '?' => glob.push(character),
            '[' => class(&mut rest, &mut glob, any)?,
            '\\' => push_literal(&mut glob, rest.next()?),
            _ => push_literal(&mut glob, character),
        }
    }
    Some(glob)
}

/// What follows a `[`: `^` negates, `-` and `]` must be escaped, and so is what has a meaning only in ours.
fn class(rest: &mut Peekable<Chars<'_>>, glob: &mut String, any: AnyCharacter) -> Option<()> {
    let mut class = String::from("[");
    let mut is_ascii = true;
    if rest.next_if_eq(&'^').is_some() {
        class.push('!');
        is_ascii = any == AnyCharacter::Kept;
    }
    loop {
        let first = member(rest)?;
        let last = if rest.next_if_eq(&'-').is_some() { member(rest)? } else { first };
        if last < first {
            return None;
        }
        is_ascii &= last.is_ascii();
        push_member(&mut class, first);
        if last != first {
            class.push('-');
            push_member(&mut class, last);
        }
        if rest.next_if_eq(&']').is_some() {
            break;
        }
    }
    if is_ascii {
        glob.push_str(&class);
        glob.push(']');
    } else {
        push_star(glob);
    }
    Some(())
}

/// Two of them would stand for folders in a pattern file.
fn push_star(glob: &mut String) {
    if !glob.ends_with('*') || glob.ends_with("\\*") {
        glob.push('*');
    }
}

fn member(rest: &mut Peekable<Chars<'_>>) -> Option<char> {
    match rest.next()? {
        '-' | ']' => None,
        '\\' => rest.next(),
        character => Some(character),
    }
}

fn push_member(class: &mut String, character: char) {
    if !character.is_ascii_alphanumeric() {
        class.push('\\');
    }
    class.push(character);
}

/// Adds a character that stands for itself.
pub(super) fn push_literal(glob: &mut String, character: char) {
    if matches!(character, '*' | '?' | '[' | '{' | '}' | '\\') {
        glob.push('\\');
    }
    glob.push(character);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unescaped_wildcards_count() {
        assert!(["*", "a?", "[a]", r"\\*"].into_iter().all(is_wild));
        assert!(!["a", r"\*", r"a\?b\[", "{a,b}"].into_iter().any(is_wild));
    }

    #[test]
    fn a_wildcard_keeps_its_meaning_as_a_glob() {
        for (written, expected) in [
            ("*.json", "*.json"),
            ("a**b", "a*b"),
            ("**", "*"),
            (r"\**", r"\**"),
            ("{a,b}?", r"\{a,b\}?"),
            ("[^a-c]x", "[!a-c]x"),
            ("[!a]", r"[\!a]"),
            (r"[\]\-]", r"[\]\-]"),
            ("[[:a]", r"[\[\:a]"),
            ("[ä-ü]x", "*x"),
        ] {
            assert_eq!(glob(written, AnyCharacter::Kept).as_deref(), Some(expected), "{written}");
        }
        for (written, expected) in [("a?*.c", "a*.c"), ("[^a-c]x", "*x"), ("[a]?", "[a]*"), (r"\*?", r"\**")]
        {
            assert_eq!(glob(written, AnyCharacter::Star).as_deref(), Some(expected), "{written}");
        }
    }

    #[test]
    fn what_engines_refuse_is_no_glob() {
        for written in ["[a", "[]a]", "[a-]", "[-a]", "[z-a]", r"a*\", r"[\", "["] {
            assert_eq!(glob(written, AnyCharacter::Kept), None, "{written}");
        }
    }
}
