//! Text from outside, made safe for a terminal.

/// Escapes control characters other than tabs, so that a log or a name can't steer the terminal.
///
/// Colour sequences of build tools are dropped whole rather than shown.
pub fn printable(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\t' => result.push('\t'),
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
            control if control.is_control() => result.extend(control.escape_default()),
            plain => result.push(plain),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn what_could_steer_a_terminal_is_dropped_or_escaped() {
        assert_eq!(printable("\u{1b}[31mred\u{1b}[0m\ttab\r"), "red\ttab");
        assert_eq!(printable("a\u{7}b\u{1b}]0;title"), "a\\u{7}b\\u{1b}]0;title");
    }
}
