//! Reads files into definitions: HCL here, JSON by [`json`].

use std::collections::BTreeMap;

use hcl_edit::Span;
use hcl_edit::structure::{Body, Structure};

use super::definitions::{Attribute, Block, Definitions};
use super::json;
use crate::init::evidence::{Ignored, SourceLocation};
use crate::model::RepoPath;

/// Larger than any file that people write. An object takes the parser the square of its length.
const MAX_BYTES: usize = 128 << 10;

/// Adds what a file defines. A name that ends in `.json` means JSON.
pub(super) fn add(definitions: &mut Definitions, path: &RepoPath, text: &[u8]) -> Result<(), Ignored> {
    let refuse = |why: &str| Ignored { at: SourceLocation::whole(path), why: why.to_owned() };
    if text.len() > MAX_BYTES {
        return Err(refuse(&format!("it has more than {MAX_BYTES} bytes")));
    }
    let text = std::str::from_utf8(text).map_err(|_| refuse("it is not UTF-8"))?;
    if path.file_name().ends_with(b".json") {
        return json::add(definitions, path, text);
    }
    // HCL allows the mark, and its parser does not know it.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let body = hcl_edit::parser::parse_body(text).map_err(|error| Ignored {
        at: SourceLocation::new(path, error.location().line()),
        why: format!("it is not valid HCL: {}", error.message()),
    })?;
    let lines = Lines::of(path, text);
    for structure in body {
        match structure {
            Structure::Attribute(attribute) => {
                let at = lines.at(&attribute.key);
                let name = attribute.key.as_str().to_owned();
                definitions.attributes.insert(name, Attribute { at, value: attribute.value });
            }
            Structure::Block(block) => {
                let [label] = block.labels.as_slice() else { continue };
                let label = label.as_str().to_owned();
                let at = lines.at(&block.ident);
                let kind = block.ident.as_str().to_owned();
                definitions.define(&kind, Block { label, at, attributes: lines.attributes(block.body) });
            }
        }
    }
    Ok(())
}

/// Where the lines of a text begin.
struct Lines<'t> {
    path: &'t RepoPath,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn of(path: &'t RepoPath, text: &str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(index, _)| index + 1);
        Self { path, starts: std::iter::once(0).chain(after_breaks).collect() }
    }

    fn at(&self, node: &impl Span) -> SourceLocation {
        match node.span() {
            Some(span) => {
                SourceLocation::new(self.path, self.starts.partition_point(|start| *start <= span.start))
            }
            None => SourceLocation::whole(self.path),
        }
    }

    /// Blocks in blocks say nothing about a build.
    fn attributes(&self, body: Body) -> BTreeMap<String, Attribute> {
        let attributes = body.into_iter().filter_map(|structure| structure.into_attribute().ok());
        attributes
            .map(|attribute| {
                let at = self.at(&attribute.key);
                (attribute.key.as_str().to_owned(), Attribute { at, value: attribute.value })
            })
            .collect()
    }
}
