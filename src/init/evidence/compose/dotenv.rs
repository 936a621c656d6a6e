//! `.env` files, which give variables of Compose files their values.

use std::collections::BTreeMap;

use super::interpolation::{Environment, Text, interpolate};

/// Longer than any that people write.
const MAX_BYTES: usize = 1 << 18;

/// All values together, their variables replaced: each may hold the one before it twice.
const MAX_VALUES: usize = 1 << 20;

/// The variables of a file, whose values may name variables before them and those of `environment`. The error says what is
/// wrong on which line.
pub(super) fn parse(file: &[u8], environment: &Environment) -> Result<BTreeMap<String, Text>, String> {
    if file.len() > MAX_BYTES {
        return Err(format!("it has more than {MAX_BYTES} bytes"));
    }
    let text = std::str::from_utf8(file).map_err(|_| "it is not UTF-8".to_owned())?;
    let text = text.trim_start_matches('\u{feff}');
    let mut variables = BTreeMap::new();
    let mut room = MAX_VALUES;
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Ok(variables);
        }
        if rest.starts_with('#') {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
            continue;
        }
        let on_line = |reason| {
            let line = text[..text.len() - rest.len()].matches('\n').count() + 1;
            format!("line {line}: {reason}")
        };
        let (name, after) = name(rest).map_err(on_line)?;
        let Some(after) = after else {
            // The environment sets it, or nothing does.
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
            continue;
        };
        let lookup = |name: &str| environment.value(name).or_else(|| variables.get(name));
        let (value, after) = value(after, lookup).map_err(on_line)?;
        room = room
            .checked_sub(value.bytes())
            .ok_or_else(|| format!("its values have more than {MAX_VALUES} bytes"))?;
        variables.insert(name.to_owned(), value);
        rest = after;
    }
}

/// The name that a statement begins with, and what comes after its `=`, if it has one.
fn name(statement: &str) -> Result<(&str, Option<&str>), String> {
    let statement = match statement.strip_prefix("export") {
        Some(after) if after.starts_with([' ', '\t']) => after.trim_start_matches([' ', '\t']),
        _ => statement,
    };
    let end = statement.find(['=', ':', '\n']).unwrap_or(statement.len());
    let name = statement[..end].trim_end();
    let is_part = |letter: char| letter.is_alphanumeric() || "_.-[]".contains(letter);
    if let Some(letter) = name.chars().find(|letter| !is_part(*letter)) {
        return Err(format!("{letter:?} can't be in the name of a variable"));
    }
    let has_value = statement[end..].starts_with(['=', ':']);
    Ok((name, has_value.then(|| statement[end + 1..].trim_start_matches([' ', '\t', '\r']))))
}

/// The value that `text` begins with, and what comes after it.
fn value<'t, 'e>(
    text: &'t str,
    lookup: impl Fn(&str) -> Option<&'e Text>,
) -> Result<(Text, &'t str), String> {
    let Some(quote) = text.chars().next().filter(|first| matches!(first, '"' | '\'')) else {
        let (line, rest) = text.split_once('\n').unwrap_or((text, ""));
        let value = line.split_once(" #").map_or(line, |(value, _)| value);
        return Ok((interpolate(value.trim_end(), lookup), rest));
    };
    let mut value = String::new();
    let mut letters = text.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        if letter == quote {
            let rest = &text[at + 1..];
            let value = match quote {
                '"' => interpolate(&unescaped(&value), lookup),
                _ => Text::Known(value),
            };
            return Ok((value, rest));
        }
        match (letter, letters.clone().next()) {
            ('\\', Some((_, next))) => {
                letters.next();
                if next != quote {
                    value.push('\\');
                }
                value.push(next);
            }
            _ => value.push(letter),
        }
    }
    Err(format!("the {quote} is not closed"))
}

fn unescaped(text: &str) -> String {
    let mut unescaped = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            unescaped.push(letter);
            continue;
        }
        match letters.next() {
            Some('n') => unescaped.push('\n'),
            Some('r') => unescaped.push('\r'),
            Some('t') => unescaped.push('\t'),
            Some('\\') => unescaped.push('\\'),
            Some('"') => unescaped.push('"'),
            // No variable.
            Some('$') => unescaped.push_str("$$"),
            other => {
                unescaped.push('\\');
                unescaped.extend(other);
            }
        }
    }
    unescaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Vec<String> {
        let set = BTreeMap::from([("SET".to_owned(), Text::Known("outer".to_owned()))]);
        let variables = parse(text.as_bytes(), &Environment::default().with(set)).unwrap();
        let shown = |value: &Text| value.known().map_or("?".to_owned(), str::to_owned);
        variables.iter().map(|(name, value)| format!("{name}={}", shown(value))).collect()
    }

    #[test]
    fn values_are_quoted_or_not_and_name_variables_before_them() {
        assert_eq!(
            parsed(
                "\u{feff}# one\r\nA=1\r\n  export B = two words # more\nC: yaml\n\nD='$A # \\'q\\''\nE=\"a\\tb\\\"${A}\\$A\"\n\
                 F=${A}-$SET\nG=$NONE\nH=${NONE:-x}\nI=a#b\nJ=\nK\nL=\"two\nlines\"\nA.b-c=1"
            ),
            [
                "A=1",
                "A.b-c=1",
                "B=two words",
                "C=yaml",
                "D=$A # 'q'",
                "E=a\tb\"1$A",
                "F=1-outer",
                "G=?",
                "H=x",
                "I=a#b",
                "J=",
                "L=two\nlines",
            ]
        );
    }

    #[test]
    fn what_is_no_env_file_is_said_with_its_line() {
        let error = |text: &[u8]| parse(text, &Environment::default()).unwrap_err();

        assert_eq!(error(b"A=1\nB C=2\n"), "line 2: ' ' can't be in the name of a variable");
        assert_eq!(error(b"\nA='1\n"), "line 2: the ' is not closed");
        assert_eq!(error(b"\xff"), "it is not UTF-8");
        assert_eq!(error(&vec![b' '; MAX_BYTES + 1]), "it has more than 262144 bytes");
        let doubling: String = (1..40).map(|n| format!("A{n}=$A{0}$A{0}\n", n - 1)).collect();
        assert_eq!(parse(format!("A0=x\n{doubling}").as_bytes(), &Environment::default()).unwrap().len(), 40);
        let copies: String = (1..1000).map(|n| format!("B{n}=$A15\n")).collect();
        assert!(error(format!("A0=x\n{doubling}{copies}").as_bytes()).contains("more than 1048576 bytes"));
    }
}
