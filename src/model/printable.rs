//! Text from outside, made safe for terminals and for the logs of CIs.
//!
//! A file's name, a build's log or a registry's answer can hold characters that steer a terminal or turn
//! what stands around them, and lines that a CI's runner obeys. All of it is escaped as in a Rust string, so
//! that it can be seen. Whatever is written passes [`printable_lines`] or [`printable_json`] on its way out; the
//! others are for text that becomes part of a sentence.

use std::fmt::{self, Write};

/// What a runner obeys wherever it stands in a line: GitHub's older form and Azure's, Azure's, TeamCity's.
const COMMANDS: [&str; 3] = ["##[", "##vso[", "##teamcity["];

/// Escapes what can't be seen: control characters other than tabs, and marks of direction and of no width.
pub fn printable(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    write_printable(&mut result, text).expect("a string takes any text");
    result
}

/// The same for a line of a program's output: without the sequences that colour it, and carriage returns.
pub fn printable_log(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' if characters.peek() == Some(&'[') => {
                // A control sequence ends with its first byte from `@` to `~` (ECMA-48 § 5.4).
                characters.next();
                for parameter in characters.by_ref() {
                    if ('@'..='~').contains(&parameter) {
                        break;
                    }
                }
            }
            '\r' => {}
            other => result.push(other),
        }
    }
    printable(&result)
}

/// The same, cut after `max_characters`.
pub fn excerpt(text: &str, max_characters: usize) -> String {
    match text.char_indices().nth(max_characters) {
        Some((cut, _)) => format!("{}…", printable(&text[..cut])),
        None => printable(text),
    }
}

/// The same for whole lines, whose beginnings a CI's runner could take for a command.
///
/// Each keeps its line break. What was printable stays as it is.
pub fn printable_lines(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        let line = printable(line);
        // GitHub's runner looks past spaces.
        let (spaces, body) = line.split_at(line.len() - line.trim_start().len());
        result.push_str(spaces);
        let body = match body.strip_prefix("::") {
            Some(rest) => {
                result.push_str("\\u{3a}:");
                rest
            }
            None => body,
        };
        push_without_commands(&mut result, body, "\\u{23}");
        result.push_str(end);
    }
    result
}

/// The same for a JSON document, by JSON's own escapes: what reads it gets what was written.
pub fn printable_json(json: &str) -> String {
    let mut result = String::with_capacity(json.len());
    let mut units = [0; 2];
    for character in json.chars() {
        if character == '\n' || is_printable(character) {
            result.push(character);
        } else {
            for unit in character.encode_utf16(&mut units) {
                write!(result, "\\u{unit:04x}").expect("a string takes any text");
            }
        }
    }
    let mut document = String::with_capacity(result.len());
    push_without_commands(&mut document, &result, "\\u0023");
    document
}

/// Writes the text as [`printable`] makes it.
pub(super) fn write_printable(to: &mut impl Write, text: &str) -> fmt::Result {
    let mut rest = text;
    while let Some(at) = rest.find(|character| !is_printable(character)) {
        let (before, hidden) = rest.split_at(at);
        to.write_str(before)?;
        let mut characters = hidden.chars();
        characters
            .next()
            .into_iter()
            .flat_map(char::escape_default)
            .try_for_each(|each| to.write_char(each))?;
        rest = characters.as_str();
    }
    to.write_str(rest)
}

/// `hash` replaces the first `#` of each command.
fn push_without_commands(result: &mut String, text: &str, hash: &str) {
    let mut rest = text;
    while let Some(at) = rest.find("##") {
        let (before, found) = rest.split_at(at);
        let is_command = COMMANDS.iter().any(|command| found.starts_with(command));
        result.push_str(before);
        result.push_str(if is_command { hash } else { "#" });
        rest = &found[1..];
    }
    result.push_str(rest);
}

/// Whether a reader sees the character where it stands, and it does nothing else.
fn is_printable(character: char) -> bool {
    match character {
        '\t' | ' '..='~' => true,
        // The code points that Unicode calls ignorable by default, but for the selectors of a symbol's form; and the
        // separators of lines and paragraphs.
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' => false,
        other => !other.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Text that is likely to hold what matters here.
    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            any::<char>().prop_map(String::from),
            prop::sample::select(vec![
                "::",
                ":",
                "##[",
                "##vso[",
                "##",
                "#",
                "teamcity[",
                "\n",
                "\r\n",
                " ",
                "\t",
                "\u{1b}[31m",
                "\u{202e}",
                "\u{200b}",
                "\u{85}",
                "\u{2028}",
                "add-mask",
            ])
            .prop_map(str::to_owned),
        ];
        prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn no_line_that_is_written_steers_a_terminal_or_a_runner(text in hostile()) {
            let written = printable_lines(&text);

            prop_assert!(written.chars().all(|each| each == '\n' || is_printable(each)), "{written:?}");
            prop_assert!(COMMANDS.iter().all(|command| !written.contains(command)), "{written:?}");
            prop_assert!(written.lines().all(|line| !line.trim_start().starts_with("::")), "{written:?}");
            prop_assert_eq!(written.matches('\n').count(), text.matches('\n').count());
            prop_assert_eq!(printable_lines(&written), written);
        }

        #[test]
        fn a_json_document_says_the_same_once_it_is_printable(text in hostile()) {
            let written = printable_json(&serde_json::to_string_pretty(&[&text]).unwrap());

            prop_assert_eq!(serde_json::from_str::<Vec<String>>(&written).unwrap(), [text]);
            prop_assert!(written.chars().all(|each| each == '\n' || is_printable(each)), "{written:?}");
            prop_assert!(COMMANDS.iter().all(|command| !written.contains(command)), "{written:?}");
            prop_assert!(written.lines().all(|line| !line.trim_start().starts_with("::")), "{written:?}");
        }
    }

    #[test]
    fn what_can_be_seen_stays_as_it_is() {
        let text = "a: `b`, c::d, Ünï, 日本 ⚙\u{fe0f}\n\t# ## [x]\n";

        assert_eq!(printable_lines(text), text);
        assert_eq!(printable_json(text), text);
    }

    // issue 12: S8
    #[test]
    fn what_cant_be_seen_and_what_a_runner_obeys_is_escaped() {
        assert_eq!(
            printable("a\u{7}b\u{1b}]0;title\r\n\u{202e}\u{200b}"),
            "a\\u{7}b\\u{1b}]0;title\\r\\n\\u{202e}\\u{200b}"
        );
        assert_eq!(
            printable_lines(
                "::add-mask::x\n  ::stop-commands::y\na ##[add-mask]x ##vso[task.x]\n##teamcity[x]"
            ),
            "\\u{3a}:add-mask::x\n  \\u{3a}:stop-commands::y\na \\u{23}#[add-mask]x \\u{23}#vso[task.x]\n\\u{23}#teamcity[x]"
        );
        assert_eq!(printable_json("\"##[x] \u{e0041}\""), "\"\\u0023#[x] \\udb40\\udc41\"");
    }

    #[test]
    fn the_colours_of_a_log_are_dropped() {
        assert_eq!(printable_log("\u{1b}[31mred\u{1b}[0m\ttab\r"), "red\ttab");
    }

    #[test]
    fn an_excerpt_says_that_it_is_one() {
        assert_eq!(excerpt("abc\n", 4), "abc\\n");
        assert_eq!(excerpt("abcde", 4), "abcd…");
    }
}
