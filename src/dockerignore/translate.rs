//! A pattern with wildcards as a regular expression over the bytes of a path.

use std::iter::Peekable;
use std::str::Chars;

/// The regular expression over a path's bytes that says the same as a pattern.
pub(super) fn regex(pattern: &str) -> Result<String, &'static str> {
    let mut regex = "^".to_owned();
    let mut rest = pattern.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '*' if rest.next_if_eq(&'*').is_some() => {
                rest.next_if_eq(&'/');
                regex.push_str(if rest.peek().is_none() { r"(?s-u:.)*" } else { r"(?:(?s-u:.)*/)?" });
            }
            '*' => regex.push_str(r"(?-u:[^/])*"),
            '?' => regex.push_str("[^/]"),
            '[' => class(&mut rest, &mut regex)?,
            '\\' => push(&mut regex, rest.next().ok_or(r"nothing follows the last `\`")?),
            _ => push(&mut regex, character),
        }
    }
    regex.push('$');
    Ok(regex)
}

/// Translates what follows a `[`. Go's rules: `^` negates; `]` and `-` must be escaped; `/` is as good as
/// any other character.
fn class(rest: &mut Peekable<Chars<'_>>, regex: &mut String) -> Result<(), &'static str> {
    regex.push('[');
    if rest.next_if_eq(&'^').is_some() {
        regex.push('^');
    }
    loop {
        let first = class_member(rest)?;
        push(regex, first);
        if rest.next_if_eq(&'-').is_some() {
            let last = class_member(rest)?;
            if last < first {
                return Err("a range in brackets ends before it begins");
            }
            regex.push('-');
            push(regex, last);
        }
        if rest.next_if_eq(&']').is_some() {
            regex.push(']');
            return Ok(());
        }
    }
}

fn class_member(rest: &mut Peekable<Chars<'_>>) -> Result<char, &'static str> {
    const UNCLOSED: &str = "`[` without `]`";
    match rest.next().ok_or(UNCLOSED)? {
        '-' | ']' => Err(r"a `-` or `]` that stands in brackets needs a `\` before it"),
        '\\' => rest.next().ok_or(UNCLOSED),
        character => Ok(character),
    }
}

/// Adds a character that stands for itself.
fn push(regex: &mut String, character: char) {
    regex.push_str(&format!(r"\x{{{:x}}}", u32::from(character)));
}
