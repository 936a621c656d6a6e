//! YAML as a tree that knows its lines, JSON included.
//!
//! It is read as libyaml and Go's `yaml` read it, which is what the files were written for: a `]` may stand in the column
//! of its key. Aliases share what they stand for, and merge keys (`<<`) are looked through when a key is asked for: a file of
//! aliases of aliases takes no more memory than its text.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use granit_parser::{Event, Parser, ScalarStyle, Tag as WrittenTag};
use thiserror::Error;

/// Deeper than any file that people write.
const MAX_LEVELS: usize = 64;

/// Longer than any, too.
const MAX_BYTES: usize = 1 << 20;

/// How many maps are looked through for one key.
const MAX_MERGED: usize = 64;

/// Why a text is no YAML, or none that is read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(in crate::init) enum YamlError {
    #[error("line {line}: {reason}")]
    Syntax { line: usize, reason: String },
    #[error("it is not UTF-8")]
    NotUtf8,
    #[error("it is nested more than {MAX_LEVELS} deep")]
    TooDeep,
    #[error("it has more than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("it is empty")]
    Empty,
}

/// A local tag, which the reader of the tree knows a meaning of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::init) enum Tag {
    /// `!reset`
    Reset,
    /// `!override`
    Override,
}

#[derive(Clone, Debug)]
pub(in crate::init) struct Node {
    /// From 1.
    pub(in crate::init) line: usize,
    pub(in crate::init) tag: Option<Tag>,
    value: Value,
    /// How many nodes lie within each other here, aliases followed.
    levels: usize,
}

#[derive(Clone, Debug)]
enum Value {
    /// `None` where nothing, `~` or `null` stands.
    Scalar(Option<Scalar>),
    List(Vec<Rc<Node>>),
    Map(Vec<(Rc<Node>, Rc<Node>)>),
}

#[derive(Clone, Debug)]
struct Scalar {
    text: String,
    /// Neither quoted nor tagged, so that it may be a number.
    is_plain: bool,
}

impl Node {
    /// Reads the first document.
    pub(in crate::init) fn parse(text: &[u8]) -> Result<Rc<Self>, YamlError> {
        Self::documents(text)?.into_iter().next().ok_or(YamlError::Empty)
    }

    /// Reads all documents, of which there may be none.
    pub(in crate::init) fn documents(text: &[u8]) -> Result<Vec<Rc<Self>>, YamlError> {
        if text.len() > MAX_BYTES {
            return Err(YamlError::TooLarge);
        }
        let text = std::str::from_utf8(text).map_err(|_| YamlError::NotUtf8)?;
        let mut builder = Builder::default();
        let mut documents = Vec::new();
        for event in Parser::new_from_str(text) {
            let (event, span) = event
                .map_err(|error| YamlError::Syntax { line: error.marker().line(), reason: error.info() })?;
            documents.extend(builder.take(event, span.start.line())?);
        }
        Ok(documents)
    }

    pub(in crate::init) fn is_null(&self) -> bool {
        matches!(self.value, Value::Scalar(None))
    }

    pub(in crate::init) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(scalar) => scalar.as_ref().map(|scalar| &*scalar.text),
            _ => None,
        }
    }

    /// What is neither quoted nor tagged: it may be a number, which readers of types see otherwise than its text.
    pub(in crate::init) fn plain_text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(Some(Scalar { text, is_plain: true })) => Some(text),
            _ => None,
        }
    }

    pub(in crate::init) fn list(&self) -> Option<&[Rc<Self>]> {
        match &self.value {
            Value::List(elements) => Some(elements),
            _ => None,
        }
    }

    /// Keys and values in their order, merged ones last and only where there is no other of that key.
    pub(in crate::init) fn map(&self) -> Option<Vec<(&str, &Rc<Self>)>> {
        let Value::Map(_) = &self.value else { return None };
        let mut members: Vec<(&str, &Rc<Self>)> = Vec::new();
        let mut seen = HashSet::new();
        let mut waiting = vec![self];
        for _ in 0..MAX_MERGED {
            let Some(node) = waiting.pop() else { break };
            match &node.value {
                Value::Scalar(_) => {}
                // The first in a list of merged maps wins.
                Value::List(elements) => waiting.extend(elements.iter().rev().map(|element| &**element)),
                Value::Map(entries) => {
                    for (key, value) in entries {
                        match key.text() {
                            Some("<<") => waiting.push(value),
                            Some(key) if seen.insert(key) => members.push((key, value)),
                            _ => {}
                        }
                    }
                }
            }
        }
        Some(members)
    }

    pub(in crate::init) fn get(&self, key: &str) -> Option<&Rc<Self>> {
        self.map()?.into_iter().find(|(name, _)| *name == key).map(|(_, value)| value)
    }
}

/// Puts events together.
#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    by_anchor: HashMap<usize, Rc<Node>>,
}

struct Open {
    line: usize,
    anchor: usize,
    tag: Option<Tag>,
    is_map: bool,
    children: Vec<Rc<Node>>,
}

impl Builder {
    /// The document, once it is whole.
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<Option<Rc<Node>>, YamlError> {
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                // The text of a block begins in the line below its `|` or `>`.
                let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                let line = line + usize::from(is_block);
                let is_plain = style == ScalarStyle::Plain && !tag.as_deref().is_some_and(is_of_text);
                let is_null = is_plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let scalar = Scalar { text: text.into_owned(), is_plain };
                let value = Value::Scalar((!is_null).then_some(scalar));
                (Rc::new(Node { line, tag: tag_of(tag.as_deref()), value, levels: 1 }), anchor)
            }
            Event::Alias(anchor) => {
                let undefined = || YamlError::Syntax { line, reason: "an alias of nothing".to_owned() };
                (Rc::clone(self.by_anchor.get(&anchor).ok_or_else(undefined)?), 0)
            }
            Event::SequenceStart(_, anchor, tag) => {
                return self.open(Open::new(line, anchor, tag.as_deref(), false));
            }
            Event::MappingStart(_, anchor, tag) => {
                return self.open(Open::new(line, anchor, tag.as_deref(), true));
            }
            Event::DocumentStart(..) => {
                self.by_anchor.clear();
                return Ok(None);
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open { line, anchor, tag, is_map, children }) = self.open.pop() else {
                    return Ok(None);
                };
                let levels = 1 + children.iter().map(|child| child.levels).max().unwrap_or(0);
                if levels > MAX_LEVELS {
                    return Err(YamlError::TooDeep);
                }
                let value = if is_map {
                    check_keys(&children)?;
                    let pairs = children.chunks_exact(2);
                    Value::Map(pairs.map(|pair| (Rc::clone(&pair[0]), Rc::clone(&pair[1]))).collect())
                } else {
                    Value::List(children)
                };
                (Rc::new(Node { line, tag, value, levels }), anchor)
            }
            _ => return Ok(None),
        };
        if anchor != 0 {
            self.by_anchor.insert(anchor, Rc::clone(&node));
        }
        match self.open.last_mut() {
            Some(parent) => {
                parent.children.push(node);
                Ok(None)
            }
            None => Ok(Some(node)),
        }
    }

    fn open(&mut self, open: Open) -> Result<Option<Rc<Node>>, YamlError> {
        if self.open.len() == MAX_LEVELS {
            return Err(YamlError::TooDeep);
        }
        self.open.push(open);
        Ok(None)
    }
}

impl Open {
    fn new(line: usize, anchor: usize, tag: Option<&WrittenTag>, is_map: bool) -> Self {
        Self { line, anchor, tag: tag_of(tag), is_map, children: Vec::new() }
    }
}

fn tag_of(tag: Option<&WrittenTag>) -> Option<Tag> {
    let tag = tag.filter(|tag| tag.handle() == "!")?;
    match tag.suffix() {
        "reset" => Some(Tag::Reset),
        "override" => Some(Tag::Override),
        _ => None,
    }
}

/// Whether a tag makes text of what looks like a number.
fn is_of_text(tag: &WrittenTag) -> bool {
    tag.is_yaml_core_schema() && tag.suffix() == "str"
}

/// Keys and values, one after the other: no key is there twice.
fn check_keys(children: &[Rc<Node>]) -> Result<(), YamlError> {
    let mut seen = HashSet::new();
    for key in children.iter().step_by(2) {
        if let Some(name) = key.text()
            && !seen.insert(name)
        {
            return Err(YamlError::Syntax {
                line: key.line,
                reason: format!("the key `{name}` is there twice"),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merge_keys_give_what_a_map_does_not_say_itself() {
        let node = Node::parse(
            b"x: &x {a: 1, b: 2}\ny: &y\n  b: 3\n  c: 4\nz:\n  <<: [*x, *y]\n  a: 5\nw:\n  <<: *y\n",
        )
        .unwrap();

        let texts = |key: &str| -> Vec<(String, String)> {
            let map = node.get(key).unwrap().map().unwrap();
            map.iter().map(|(key, value)| ((*key).to_owned(), value.text().unwrap().to_owned())).collect()
        };
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        assert_eq!(texts("z"), pairs(&[("a", "5"), ("b", "2"), ("c", "4")]));
        assert_eq!(texts("w"), pairs(&[("b", "3"), ("c", "4")]));
    }

    // A bracket or a text in the column of its key, or further left.
    #[test]
    fn indentation_means_nothing_within_brackets_and_quotes_as_for_libyaml() {
        for text in [
            "x:\n  args: [\n    A,\n    B\n  ]\n  next: 1\n",
            "x:\n    args: [\n A,\nB\n]\n    next: 1\n",
            "x:\n  args: [\n    A, # one\n    # none\n    B,\n  ]\n  next: 1\n",
            "x: {\n  args: [\n  A,\n  B],\n  next: 1\n}\n",
            "x:\n  args: [A, \"B\"]\n  text: \"a\n  b\"\n  next: 1\n",
            "\u{feff}x:\r\n  args: [\r\n    A,\r\n    B\r\n  ]\r\n  next: 1\r\n",
        ] {
            let node = Node::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));

            let x = node.get("x").unwrap();
            let args = x.get("args").unwrap().list().unwrap();
            assert_eq!(args.iter().map(|node| node.text()).collect::<Vec<_>>(), [Some("A"), Some("B")]);
            assert_eq!(x.get("next").unwrap().text(), Some("1"), "{text}");
        }
    }

    #[test]
    fn json_is_yaml_also_with_tabs() {
        let node = Node::parse(b"{\n\t\"a\": {\n\t\t\"b\": [\"c\\u0064\", null, true]\n\t}\n}\n").unwrap();

        let list = node.get("a").unwrap().get("b").unwrap().list().unwrap();
        assert_eq!(list.iter().map(|node| node.text()).collect::<Vec<_>>(), [Some("cd"), None, Some("true")]);
        assert_eq!(list[0].line, 3);
    }

    #[test]
    fn a_file_has_as_many_documents_as_it_says() {
        let text = b"a: 1\n---\nb: 2\n---\n- c\n";

        let documents = Node::documents(text).unwrap();

        assert_eq!(documents.iter().map(|document| document.line).collect::<Vec<_>>(), [1, 3, 5]);
        assert_eq!(Node::parse(text).unwrap().get("a").unwrap().text(), Some("1"));
        assert_eq!(Node::documents(b"").unwrap().len(), 0);
    }

    #[test]
    fn what_is_hostile_is_an_error_or_stays_small() {
        let bomb: String =
            (1..40).map(|level| format!("a{level}: &a{level} [*a{0},*a{0}]\n", level - 1)).collect();
        assert!(Node::parse(format!("a0: &a0 x\n{bomb}").as_bytes()).is_ok());
        let circle: String = "a: &a\n  <<: *a\n".to_owned();
        assert!(Node::parse(circle.as_bytes()).is_err());
        let chain: String =
            (1..1000).map(|level| format!("a{level}: &a{level} [*a{}]\n", level - 1)).collect();
        assert_eq!(Node::parse(format!("a0: &a0 x\n{chain}").as_bytes()).unwrap_err(), YamlError::TooDeep);
        assert!(Node::parse("[".repeat(1000).as_bytes()).is_err());
        assert_eq!(Node::parse(&[b' '; MAX_BYTES + 1]).unwrap_err(), YamlError::TooLarge);
        assert_eq!(Node::parse(b"\xff").unwrap_err(), YamlError::NotUtf8);
        assert_eq!(Node::parse(b"").unwrap_err(), YamlError::Empty);
        assert!(matches!(Node::parse(b"a: [b\n"), Err(YamlError::Syntax { .. })));
    }
}
