//! Text that becomes part of a page: nothing in it is markup, and nothing in it is invisible.

use std::fmt;

use crate::model::{printable, printable_log};

/// Text for an element or an attribute in double quotes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'t>(pub(super) &'t str);

/// Lines of a program's output, without the sequences that colour them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lines<'t>(pub(super) &'t str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_escaped(formatter, &printable(self.0))
    }
}

impl fmt::Display for Lines<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.0.lines() {
            write_escaped(formatter, &printable_log(line))?;
            formatter.write_str("\n")?;
        }
        Ok(())
    }
}

fn write_escaped(formatter: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
        formatter.write_str(&rest[..at])?;
        formatter.write_str(match rest.as_bytes()[at] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            _ => "&#39;",
        })?;
        rest = &rest[at + 1..];
    }
    formatter.write_str(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_markup_and_none_is_invisible() {
        let text = "</script><b title='x' id=\"y\">&amp;\u{202e}\u{1b}[31m";

        assert_eq!(
            Text(text).to_string(),
            "&lt;/script&gt;&lt;b title=&#39;x&#39; id=&quot;y&quot;&gt;&amp;amp;\\u{202e}\\u{1b}[31m"
        );
        assert_eq!(Lines("\u{1b}[31m<red>\u{1b}[0m\r\nb").to_string(), "&lt;red&gt;\nb\n");
    }
}
