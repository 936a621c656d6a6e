//! `RUN --mount=…`: one record of comma-separated values.

use super::SessionMount;
use super::source_text::{SourceMap, SourceText};

/// What a mount takes its files from.
#[derive(Debug, Default)]
pub(super) struct Mount<'t> {
    /// In lower case; a bind mount when there is none.
    pub(super) kind: Option<String>,
    pub(super) from: Option<SourceText<'t>>,
    pub(super) source: Option<SourceText<'t>>,
    id: Option<SourceText<'t>>,
    target: Option<SourceText<'t>>,
}

impl<'t> Mount<'t> {
    /// # Errors
    /// What is wrong with the quotes.
    pub(super) fn parse(value: &SourceText<'t>) -> Result<Self, &'static str> {
        let mut mount = Self::default();
        for field in fields(value)? {
            let Some((key, value)) = field.split_once(|byte| byte == b'=') else { continue };
            match key.text().to_ascii_lowercase().as_str() {
                "type" => mount.kind = Some(value.text().to_ascii_lowercase()),
                "from" => mount.from = Some(value),
                "source" | "src" => mount.source = Some(value),
                "id" => mount.id = Some(value),
                "target" | "dst" | "destination" => mount.target = Some(value),
                // `required`, `env`, `mode` and the like change nothing here.
                _ => {}
            }
        }
        Ok(mount)
    }

    /// What it takes from the session by an id: for a secret its source, its id, or the name of the file that it becomes.
    pub(super) fn session_mount(&self) -> Option<(SessionMount, String)> {
        let text = |field: &Option<SourceText<'t>>| {
            field.as_ref().map(|field| field.text().into_owned()).filter(|text| !text.is_empty())
        };
        match self.kind.as_deref()? {
            "ssh" => Some((SessionMount::Ssh, text(&self.id).unwrap_or_else(|| "default".to_owned()))),
            "secret" => {
                let file = || text(&self.target)?.rsplit('/').next().map(str::to_owned);
                let id = text(&self.source).or_else(|| text(&self.id)).or_else(file)?;
                Some((SessionMount::Secret, id))
            }
            _ => None,
        }
    }

    pub(super) fn is_bind(&self) -> bool {
        self.kind.as_deref().is_none_or(|kind| kind == "bind")
    }
}

/// The fields of a record after RFC 4180; a quoted field may hold commas, and `""` for a quote.
fn fields<'t>(record: &SourceText<'t>) -> Result<Vec<SourceText<'t>>, &'static str> {
    let mut fields = Vec::new();
    let mut bytes = record.bytes().iter().copied().enumerate().peekable();
    loop {
        let mut field = SourceMap::default();
        let is_quoted = bytes.next_if(|(_, byte)| *byte == b'"').is_some();
        loop {
            match bytes.next() {
                Some((at, b'"')) if is_quoted => {
                    if bytes.next_if(|(_, next)| *next == b'"').is_some() {
                        field.push(b'"', record.place(at));
                        continue;
                    }
                    fields.push(field.into());
                    match bytes.next() {
                        None => return Ok(fields),
                        Some((_, b',')) => break,
                        Some(_) => return Err("has a mount with text after a quoted field"),
                    }
                }
                Some((_, b'"')) => return Err("has a mount with a stray quote"),
                Some((_, b',')) if !is_quoted => {
                    fields.push(field.into());
                    break;
                }
                Some((at, byte)) => field.push(byte, record.place(at)),
                None if is_quoted => return Err("has a mount with a quote that doesn't end"),
                None => {
                    fields.push(field.into());
                    return Ok(fields);
                }
            }
        }
    }
}
