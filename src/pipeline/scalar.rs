//! Texts as scalars of YAML.

/// Whether a text is written as a block: several lines that a block shows as they are.
pub(super) fn is_script(text: &str) -> bool {
    let is_plain =
        |line: &str| line.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && !line.ends_with(' ');
    text.contains('\n')
        && !text.starts_with([' ', '\n'])
        && !text.ends_with("\n\n")
        && text.lines().count() > 1
        && text.split('\n').all(is_plain)
}

/// A text as a scalar on one line.
pub(super) fn scalar(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { quoted(text) }
}

/// Whether a text is the same text without quotes: it begins with a letter and is no word that stands for something else.
fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 10] = ["true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan"];
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_./-".contains(&byte))
        && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// A text in double quotes, in ASCII.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            ' '..='~' => quoted.push(letter),
            _ => {
                let code = u32::from(letter);
                let escape = if code <= 0xFFFF { format!("\\u{code:04x}") } else { format!("\\U{code:08x}") };
                quoted.push_str(&escape);
            }
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn a_text_is_quoted_where_a_reader_would_take_it_for_something_else() {
        let texts = [
            "on",
            "NO",
            "1.5",
            "0x1",
            "",
            "a: b",
            "#",
            "é\u{202e}😀",
            "a\"\\\n",
            "${{ x }}",
            "a-b/c.d",
            " \n",
        ];

        let shown = texts.map(scalar).join(" ");
        assert_snapshot!(shown, @r##""on" "NO" "1.5" "0x1" "" "a: b" "#" "\u00e9\u202e\U0001f600" "a\"\\\n" "${{ x }}" a-b/c.d " \n""##);
    }
}
