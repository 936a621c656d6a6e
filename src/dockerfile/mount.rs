//! `RUN --mount=…`: one record of comma-separated values.

use super::written::Written;

/// What a mount takes its files from.
#[derive(Debug, Default)]
pub(super) struct Mount {
    /// In lower case; a bind mount when there is none.
    pub(super) kind: Option<String>,
    pub(super) from: Option<Written>,
    pub(super) source: Option<Written>,
}

impl Mount {
    /// # Errors
    /// What is wrong with the quotes.
    pub(super) fn parse(value: &Written) -> Result<Self, &'static str> {
        let mut mount = Self::default();
        for field in fields(value)? {
            let Some((key, value)) = field.split_once(|byte| byte == b'=') else { continue };
            match key.text().to_ascii_lowercase().as_str() {
                "type" => mount.kind = Some(value.text().to_ascii_lowercase()),
                "from" => mount.from = Some(value),
                "source" | "src" => mount.source = Some(value),
                _ => {}
            }
        }
        Ok(mount)
    }

    pub(super) fn is_bind(&self) -> bool {
        self.kind.as_deref().is_none_or(|kind| kind == "bind")
    }
}

/// The fields of a record after RFC 4180; a quoted field may hold commas, and `""` for a quote.
fn fields(record: &Written) -> Result<Vec<Written>, &'static str> {
    let mut fields = Vec::new();
    let mut marks = record.marks().iter().peekable();
    loop {
        let mut field = Vec::new();
        let is_quoted = marks.next_if(|mark| mark.byte == b'"').is_some();
        loop {
            match marks.next() {
                Some(mark) if mark.byte == b'"' && is_quoted => {
                    if marks.next_if(|next| next.byte == b'"').is_some() {
                        field.push(*mark);
                        continue;
                    }
                    fields.push(Written::from(&field[..]));
                    match marks.next() {
                        None => return Ok(fields),
                        Some(mark) if mark.byte == b',' => break,
                        Some(_) => return Err("has a mount with text after a quoted field"),
                    }
                }
                Some(mark) if mark.byte == b'"' => return Err("has a mount with a stray quote"),
                Some(mark) if mark.byte == b',' && !is_quoted => {
                    fields.push(Written::from(&field[..]));
                    break;
                }
                Some(mark) => field.push(*mark),
                None if is_quoted => return Err("has a mount with a quote that doesn't end"),
                None => {
                    fields.push(Written::from(&field[..]));
                    return Ok(fields);
                }
            }
        }
    }
}
