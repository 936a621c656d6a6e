//! Text for people whose words say everything, and styles that help the eye.
//!
//! All of it is fit for a terminal and for the log of a CI, whatever it is made from.

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::model::{printable, printable_lines};

/// What a piece of text is to the reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    #[default]
    Plain,
    Strong,
    Success,
    Dim,
    Warning,
    Failure,
}

/// One line, without its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StyledLine {
    spans: Vec<(Role, String)>,
}

/// Lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StyledText {
    lines: Vec<StyledLine>,
}

impl Role {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Strong => Style::new().bold(),
            Self::Success => AnsiColor::Green.on_default(),
            Self::Dim => Style::new().dimmed(),
            Self::Warning => AnsiColor::Yellow.on_default(),
            Self::Failure => AnsiColor::Red.on_default().bold(),
        }
    }
}

impl StyledLine {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds text, what can't be seen of it escaped.
    pub fn text(mut self, role: Role, text: &str) -> Self {
        if !text.is_empty() {
            self.spans.push((role, printable(text)));
        }
        self
    }

    /// Adds text without a style.
    pub fn plain(self, text: &str) -> Self {
        self.text(Role::Plain, text)
    }

    /// How many columns of a terminal it takes.
    pub fn columns(&self) -> usize {
        self.spans.iter().map(|(_, text)| text.width()).sum()
    }

    /// Cuts what goes beyond so many columns, and shows that by `…`. Tabs, which have no width of their own, become spaces.
    pub fn fit(self, columns: usize) -> Self {
        let spans = self.spans.into_iter().map(|(role, text)| (role, text.replace('\t', "    ")));
        let line = Self { spans: spans.collect() };
        if line.columns() <= columns {
            return line;
        }
        let mut left = columns.saturating_sub(1);
        let mut cut = Self::default();
        for (role, text) in line.spans {
            let fitting = fitting(&text, left);
            left -= text[..fitting].width();
            let is_whole = fitting == text.len();
            cut.spans.push((role, text[..fitting].to_owned()));
            if !is_whole {
                break;
            }
        }
        if columns > 0 {
            cut.spans.push((Role::Dim, "…".to_owned()));
        }
        cut
    }

    /// Lines that have at most so many columns, broken at spaces; all but the first begin with `indent` spaces. A word that is
    /// longer than a line stays whole, so that it can be copied.
    pub fn wrapped(self, columns: usize, indent: usize) -> Vec<Self> {
        if self.columns() <= columns {
            return vec![self];
        }
        let mut lines = Vec::new();
        let mut line = Self::default();
        // Leading spaces are the indentation of the first line, and no place to break it.
        let mut has_word = false;
        for (role, text) in self.spans {
            for word in text.split_inclusive(' ') {
                let is_space = word.trim_end().is_empty();
                if has_word && !is_space && line.columns() + word.trim_end().width() > columns {
                    lines.push(std::mem::take(&mut line).trimmed());
                    line = Self::new().plain(&" ".repeat(indent));
                    has_word = false;
                }
                has_word |= !is_space;
                line.spans.push((role, word.to_owned()));
            }
        }
        lines.push(line.trimmed());
        lines
    }

    /// Without spaces at its end.
    fn trimmed(mut self) -> Self {
        while let Some((_, text)) = self.spans.last_mut() {
            text.truncate(text.trim_end_matches(' ').len());
            if !text.is_empty() {
                break;
            }
            self.spans.pop();
        }
        self
    }

    /// Without styles.
    pub fn unstyled(&self) -> String {
        let text: String = self.spans.iter().map(|(_, text)| text.as_str()).collect();
        printable_lines(text.trim_end())
    }

    /// With the sequences that terminals show as styles.
    pub fn ansi(&self) -> String {
        let text: String = self.spans.iter().map(|(_, text)| text.as_str()).collect();
        let safe = printable_lines(&text);
        if safe != text {
            // Together, the pieces are something that a CI would obey.
            return safe;
        }
        let spans = self.spans.iter().map(|(role, text)| {
            let style = role.style();
            format!("{style}{text}{style:#}")
        });
        spans.collect()
    }
}

/// How many bytes at the beginning of a text take at most so many columns.
fn fitting(text: &str, columns: usize) -> usize {
    let mut taken = 0;
    for (at, character) in text.char_indices() {
        taken += character.width().unwrap_or_default();
        if taken > columns {
            return at;
        }
    }
    text.len()
}

impl StyledText {
    pub fn push(&mut self, line: StyledLine) {
        self.lines.push(line);
    }

    pub fn lines(&self) -> &[StyledLine] {
        &self.lines
    }

    /// Without styles, each line with its end.
    pub fn unstyled(&self) -> String {
        self.lines.iter().map(|line| line.unstyled() + "\n").collect()
    }

    /// With styles, each line with its end.
    pub fn ansi(&self) -> String {
        self.lines.iter().map(|line| line.ansi() + "\n").collect()
    }
}

impl Extend<StyledLine> for StyledText {
    fn extend<I: IntoIterator<Item = StyledLine>>(&mut self, lines: I) {
        self.lines.extend(lines);
    }
}

/// The text, and spaces up to so many columns.
pub(super) fn padded(text: &str, columns: usize) -> String {
    let text = printable(text);
    let spaces = columns.saturating_sub(text.width());
    text + &" ".repeat(spaces)
}

/// How many columns of a terminal a text takes once it is printable.
pub(super) fn columns_of(text: &str) -> usize {
    printable(text).width()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_by_columns_and_never_within_a_character() {
        let line = StyledLine::new().plain("日本").text(Role::Dim, "語 text");

        assert_eq!(line.columns(), 11);
        assert_eq!(line.clone().fit(11).unstyled(), "日本語 text");
        assert_eq!(line.clone().fit(6).unstyled(), "日本…");
        assert_eq!(line.clone().fit(7).unstyled(), "日本語…");
        assert_eq!(line.clone().fit(1).unstyled(), "…");
        assert_eq!(line.fit(0).unstyled(), "");
        assert_eq!(StyledLine::new().plain("a\tb").fit(9).unstyled(), "a    b");
    }

    #[test]
    fn a_line_is_wrapped_at_spaces_and_keeps_its_words_and_its_styles() {
        let path = "services/orders/src/main.rs";
        let line = || {
            StyledLine::new().plain("  ").text(Role::Strong, "orders").plain(&format!(" has {path} in it"))
        };
        let wrapped = |columns: usize| {
            let lines = line().wrapped(columns, 4);
            lines.iter().map(StyledLine::unstyled).collect::<Vec<_>>()
        };

        assert_eq!(wrapped(100), [format!("  orders has {path} in it")]);
        assert_eq!(wrapped(40), [format!("  orders has {path}"), "    in it".to_owned()]);
        assert_eq!(
            wrapped(10),
            ["  orders".to_owned(), "    has".to_owned(), format!("    {path}"), "    in it".to_owned()]
        );
        assert!(
            line().wrapped(40, 4)[0].ansi().starts_with("  \u{1b}[1morders\u{1b}[0m"),
            "{:?}",
            line().wrapped(40, 4)[0].ansi()
        );
    }

    #[test]
    fn styles_surround_text_that_cannot_have_any_of_its_own() {
        let line = StyledLine::new().text(Role::Success, "a\u{1b}[31m").plain("b");

        assert_eq!(line.ansi(), "\u{1b}[32ma\\u{1b}[31m\u{1b}[0mb");
        assert_eq!(line.unstyled(), "a\\u{1b}[31mb");
    }

    #[test]
    fn pieces_that_are_a_command_of_a_ci_together_are_defused() {
        for pieces in [["::", "error::x"], [" ", "::error::x"], ["a ##", "[group]x"]] {
            let line = StyledLine::new().text(Role::Dim, pieces[0]).text(Role::Strong, pieces[1]);

            for text in [line.ansi(), line.unstyled()] {
                assert!(!text.trim_start().starts_with("::") && !text.contains("##["), "{text}");
            }
        }
    }
}
