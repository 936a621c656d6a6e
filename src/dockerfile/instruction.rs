//! Instructions as others may see them: words, without their places.

use super::error::DockerfileError;
use super::source_text::{SourceText, is_space};
use super::statement::Statement;
use super::variables;
use super::words::quoted_words;

/// One instruction as it is written; variables are not filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// In upper case.
    pub keyword: String,
    pub first_line: usize,
    /// Here-documents included.
    pub last_line: usize,
    /// `--name=value`, without quotes.
    pub flags: Vec<String>,
    /// Words, or a single text where the instruction takes one; names and values in turn for
    /// `ENV` and `LABEL`; for `ONBUILD` the keyword of the trigger, then its arguments.
    pub arguments: Vec<String>,
    /// Whether the arguments are a JSON array.
    pub is_json: bool,
}

impl Instruction {
    pub(super) fn new(statement: &Statement<'_>, escape: char) -> Result<Self, DockerfileError> {
        let mut instruction = Self {
            keyword: statement.keyword.to_owned(),
            first_line: statement.lines.0,
            last_line: statement.lines.1,
            flags: statement.flags.iter().map(owned).collect(),
            arguments: Vec::new(),
            is_json: statement.json.is_some(),
        };
        if statement.keyword == "ONBUILD" {
            let trigger = Self::new(&statement.trigger()?, escape)?;
            instruction.arguments.push(trigger.keyword);
            instruction.arguments.extend(trigger.arguments);
            instruction.is_json = trigger.is_json;
        } else {
            instruction.arguments = arguments(statement, escape)?;
        }
        Ok(instruction)
    }
}

fn arguments(statement: &Statement<'_>, escape: char) -> Result<Vec<String>, DockerfileError> {
    let rest = &statement.rest;
    let words = || rest.words().map(|word| owned(&word)).collect();
    Ok(match (statement.keyword, &statement.json) {
        ("HEALTHCHECK", json) => match (rest.split_once(is_space), json) {
            (Some((kind, _)), Some(command)) => [&[owned(&kind)], command.as_slice()].concat(),
            (Some((kind, command)), None) => vec![owned(&kind), owned(&command.trimmed())],
            (None, _) => words(),
        },
        (_, Some(json)) => json.clone(),
        ("ADD" | "COPY" | "EXPOSE" | "FROM" | "VOLUME", None) => words(),
        ("ARG", None) => quoted_words(&rest.text(), escape).into_iter().map(str::to_owned).collect(),
        ("ENV" | "LABEL", None) => {
            let text = rest.text();
            let pairs = variables::pairs(statement, &text, escape)?;
            pairs.into_iter().flat_map(|(name, value)| [name.to_owned(), value.to_owned()]).collect()
        }
        _ if rest.is_empty() => Vec::new(),
        _ => vec![owned(rest)],
    })
}

fn owned(text: &SourceText<'_>) -> String {
    text.text().into_owned()
}
