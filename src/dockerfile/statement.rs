//! Lines to instructions: parser directives, comments, continuations, flags, here-documents.

use super::error::DockerfileError;
use super::heredoc;
use super::lines::{Directives, Lines};
use super::source_text::{SourceMap, SourceText, is_space};

/// One instruction as it is written, its continuation lines joined.
#[derive(Debug)]
pub(super) struct Statement<'t> {
    /// In upper case.
    pub(super) keyword: &'static str,
    /// The first line and the last, here-documents included; both from 1.
    pub(super) lines: (usize, usize),
    /// Words that begin with `--`, without quotes.
    pub(super) flags: Vec<SourceText<'t>>,
    /// What follows the flags.
    pub(super) rest: SourceText<'t>,
    /// The rest, where it is a JSON array of strings.
    pub(super) json: Option<Vec<String>>,
}

#[rustfmt::skip]
const KEYWORDS: [&str; 18] = [
    "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL",
    "MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
];
const WITH_JSON: [&str; 7] = ["ADD", "CMD", "COPY", "ENTRYPOINT", "RUN", "SHELL", "VOLUME"];

/// How often the end of what may be a here-document is looked for in vain, each time to the end
/// of the file.
const MAX_FRUITLESS_SEARCHES: usize = 100;

/// Reads all instructions; returns the escape character too.
pub(super) fn read(text: &[u8]) -> Result<(Vec<Statement<'_>>, char), DockerfileError> {
    let mut directives = Directives::default();
    let mut statements = Vec::new();
    let mut lines = Lines::new(text);
    let mut fruitless_searches = 0;
    while let Some(line) = lines.next() {
        let line = line.without_indent();
        directives.read(&line)?;
        if line.is_comment_or_blank() {
            continue;
        }
        let first = line.number;
        let whole = match directives.content(&line) {
            (content, true) => continued(content, line.start, &mut lines, &directives),
            (content, false) => SourceText::as_is(content, line.start),
        };
        let mut statement = Statement::parse(&whole, first)?;
        skip_heredocs(&mut lines, &statement, &whole, &mut fruitless_searches)?;
        statement.lines.1 = lines.number;
        statements.push(statement);
    }
    Ok((statements, char::from(directives.escape)))
}

/// A line that stands from `start` on, and those that belong to it.
fn continued<'t>(
    first: &[u8],
    start: usize,
    lines: &mut Lines<'_>,
    directives: &Directives,
) -> SourceText<'t> {
    let mut joined = SourceMap::default();
    joined.add(first, start);
    while let Some(line) = lines.next() {
        if line.without_indent().is_comment_or_blank() {
            continue;
        }
        let (content, is_continued) = directives.content(&line);
        joined.add(content, line.start);
        if !is_continued {
            break;
        }
    }
    joined.into()
}

/// Skips the here-documents of an instruction that can have them.
fn skip_heredocs(
    lines: &mut Lines<'_>,
    statement: &Statement<'_>,
    whole: &SourceText<'_>,
    fruitless_searches: &mut usize,
) -> Result<(), DockerfileError> {
    let trigger = if statement.keyword == "ONBUILD" { Some(statement.trigger()?) } else { None };
    let inner = trigger.as_ref().unwrap_or(statement);
    let can_have_some = matches!(inner.keyword, "ADD" | "COPY" | "RUN") && inner.json.is_none();
    if !can_have_some || !whole.has_double(b'<') {
        return Ok(());
    }
    let (line, text) = (statement.lines.0, whole.text().into_owned());
    let heredocs =
        heredoc::of_line(&text).map_err(|source| DockerfileError::Expansion { line, text, source })?;
    for heredoc in heredocs {
        if !heredoc.is_certain && *fruitless_searches == MAX_FRUITLESS_SEARCHES {
            continue;
        }
        if lines.skip_to(|line| heredoc.is_ended_by(line)) {
            continue;
        }
        if heredoc.is_certain {
            return Err(DockerfileError::UnterminatedHeredoc { line, name: heredoc.name });
        }
        *fruitless_searches += 1;
    }
    Ok(())
}

impl<'t> Statement<'t> {
    /// An instruction whose lines are joined, and the first of them.
    ///
    /// # Errors
    /// [`DockerfileError`] for what is none.
    pub(super) fn parse(whole: &SourceText<'t>, line: usize) -> Result<Self, DockerfileError> {
        let whole = whole.trimmed();
        let length = whole.bytes().len();
        let (keyword, rest) =
            whole.split_once(is_space).unwrap_or_else(|| (whole.clone(), whole.part(length..length)));
        let Some(keyword) =
            KEYWORDS.into_iter().find(|known| keyword.bytes().eq_ignore_ascii_case(known.as_bytes()))
        else {
            let keyword = keyword.text().to_ascii_uppercase();
            return Err(DockerfileError::UnknownInstruction { line, keyword });
        };
        let (flags, rest) = take_flags(&rest);
        let json = match keyword {
            "HEALTHCHECK" => rest.split_once(is_space).and_then(|(_, command)| json_array(&command)),
            name if WITH_JSON.contains(&name) => json_array(&rest),
            _ => None,
        };
        let json = match json {
            None => None,
            Some(Ok(strings)) => Some(strings),
            Some(Err(problem)) => {
                return Err(DockerfileError::Malformed { line, keyword: keyword.to_owned(), problem });
            }
        };
        Ok(Self { keyword, lines: (line, line), flags, rest, json })
    }

    /// What `ONBUILD` will do later.
    ///
    /// # Errors
    /// [`DockerfileError::Malformed`] where it can't be a trigger, and whatever is wrong with it.
    pub(super) fn trigger(&self) -> Result<Self, DockerfileError> {
        let problem = if self.rest.is_empty() {
            "needs an instruction"
        } else {
            let trigger = Self::parse(&self.rest, self.lines.0)?;
            match trigger.keyword {
                "ONBUILD" | "FROM" | "MAINTAINER" => "can't hold this instruction",
                _ => return Ok(trigger),
            }
        };
        Err(self.malformed(problem))
    }

    pub(super) fn malformed(&self, problem: &'static str) -> DockerfileError {
        DockerfileError::Malformed { line: self.lines.0, keyword: self.keyword.to_owned(), problem }
    }

    /// The value of the first flag with this name.
    pub(super) fn flag(&self, name: &str) -> Option<SourceText<'t>> {
        self.flags_named(name).next()
    }

    pub(super) fn flags_named(&self, name: &str) -> impl Iterator<Item = SourceText<'t>> {
        self.flags.iter().filter_map(move |flag| {
            let (key, value) = flag.split_once(|byte| byte == b'=')?;
            (key.bytes().get(2..)? == name.as_bytes()).then_some(value)
        })
    }
}

/// `None` where the text is no JSON array at all.
fn json_array(text: &SourceText<'_>) -> Option<Result<Vec<String>, &'static str>> {
    if *text.bytes().first()? != b'[' {
        return None;
    }
    let values: Vec<serde_json::Value> = serde_json::from_str(&text.text()).ok()?;
    let strings = values.into_iter().map(|value| match value {
        serde_json::Value::String(text) => Ok(text),
        _ => Err("has a JSON array with something else than strings"),
    });
    Some(strings.collect())
}

/// Takes the leading `--flags`; quotes and `\` lose their meaning on the way, as in BuildKit.
fn take_flags<'t>(text: &SourceText<'t>) -> (Vec<SourceText<'t>>, SourceText<'t>) {
    let bytes = text.bytes();
    let mut flags = Vec::new();
    let mut at = 0;
    loop {
        at += bytes[at..].iter().take_while(|&&byte| is_space(byte)).count();
        if !bytes[at..].starts_with(b"--") {
            return (flags, text.part(at..bytes.len()).trimmed());
        }
        let (flag, length) = flag(&text.part(at..bytes.len()));
        at += length;
        if flag.bytes() == b"--" {
            return (flags, text.part(at..bytes.len()).trimmed());
        }
        flags.push(flag);
    }
}

/// Reads a word up to an unquoted space; returns how many bytes it took.
fn flag<'t>(text: &SourceText<'t>) -> (SourceText<'t>, usize) {
    let mut flag = SourceMap::default();
    let mut quote = None;
    let mut at = 0;
    while let Some(&byte) = text.bytes().get(at) {
        let place = text.place(at);
        at += 1;
        match (byte, quote) {
            (byte, Some(open)) if byte == open => quote = None,
            (b'\'' | b'"', None) => quote = Some(byte),
            (b'\\', _) => {
                if let Some(&escaped) = text.bytes().get(at) {
                    flag.push(escaped, text.place(at).escaped_by(place));
                    at += 1;
                }
            }
            (_, None) if is_space(byte) => return (flag.into(), at - 1),
            _ => flag.push(byte, place),
        }
    }
    (flag.into(), at)
}
