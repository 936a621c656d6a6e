//! Here-documents: `RUN <<EOF`, whose body is never read as instructions.

use super::shell;
use super::shell_error::ShellError;
use super::source_text::is_space;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Heredoc {
    pub(super) name: String,
    /// `<<-`: tabs before the end word don't count.
    strips_tabs: bool,
    /// `<< EOF`: only newer frontends read it so, and `$((1 << 2))` looks just like it.
    pub(super) is_certain: bool,
}

impl Heredoc {
    /// Whether `line`, without its line end, ends the document.
    pub(super) fn is_ended_by(&self, line: &[u8]) -> bool {
        let tabs = if self.strips_tabs { line.iter().take_while(|&&byte| byte == b'\t').count() } else { 0 };
        &line[tabs..] == self.name.as_bytes()
    }
}

/// The documents that follow an instruction, in their order.
///
/// As in BuildKit, there are none where the quotes or braces of the line don't match.
///
/// # Errors
/// [`ShellError`] for a line past our own bounds: BuildKit would read it.
pub(super) fn of_line(line: &str) -> Result<Vec<Heredoc>, ShellError> {
    if !line.contains("<<") {
        return Ok(Vec::new());
    }
    match shell::split(line) {
        Ok(words) => Ok(words.iter().filter_map(|word| of_word(word)).collect()),
        Err(error @ (ShellError::TooDeep | ShellError::TooLong)) => Err(error),
        Err(_) => Ok(Vec::new()),
    }
}

/// `[digits]<<[-]name`, the name perhaps quoted.
pub(super) fn of_word(word: &str) -> Option<Heredoc> {
    let rest = word.trim_start_matches(|character: char| character.is_ascii_digit()).strip_prefix("<<")?;
    let (rest, strips_tabs) = match rest.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    let name = rest.trim_start_matches(|character: char| u8::try_from(character).is_ok_and(is_space));
    if name.contains('<') {
        return None;
    }
    match shell::unquote(name).ok()?.as_slice() {
        [only] => Some(Heredoc { name: only.clone(), strips_tabs, is_certain: rest.len() == name.len() }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(line: &str) -> Vec<String> {
        of_line(line).unwrap().into_iter().map(|heredoc| heredoc.name).collect()
    }

    #[test]
    fn only_a_word_that_begins_with_the_sign_starts_a_document() {
        for (line, expected) in [
            ("RUN <<EOF", vec!["EOF"]),
            ("RUN cat <<-'A' 3<<\"B\" > x", vec!["A", "B"]),
            ("RUN cat<<EOF", vec![]),
            ("RUN cat <<<EOF", vec![]),
            ("RUN echo '<<EOF'", vec![]),
            ("RUN echo it's <<EOF", vec![]),
            ("RUN <<$NAME", vec!["$NAME"]),
        ] {
            assert_eq!(names(line), expected, "{line}");
        }
    }

    #[test]
    fn a_document_ends_at_its_word_alone() {
        let document = |line: &str| of_line(line).unwrap().remove(0);

        assert!(document("RUN <<EOF").is_ended_by(b"EOF"));
        for line in [&b"EOFX"[..], b"EO", b" EOF", b"\tEOF", b"EOF "] {
            assert!(!document("RUN <<EOF").is_ended_by(line), "{line:?}");
        }
        assert!(document("RUN <<-EOF").is_ended_by(b"\t\tEOF"));
        assert!(!document("RUN <<-EOF").is_ended_by(b" EOF"));
    }
}
