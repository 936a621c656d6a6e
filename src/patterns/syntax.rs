//! The text of a glob: escapes, brackets and braces, made into tokens.

use thiserror::Error;

/// The most that the braces of one line may expand to, in tokens of all alternatives together.
const MAX_EXPANDED: usize = 16 * 1024;
const MAX_BRACE_DEPTH: usize = 16;

/// What means something else than itself.
pub(super) const SPECIAL: &[u8] = b"*?[{}\\";

/// Why a line isn't a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GlobError {
    #[error("nothing follows `!`")]
    EmptyNegation,
    #[error("paths begin at the repository root: leave out the leading `/`")]
    Absolute,
    #[error("`..` can't be used: paths begin at the repository root, or with `./` at the project's folder")]
    ParentComponent,
    #[error("`.` can stand for the project's folder only at the beginning")]
    DotComponent,
    #[error("there is nothing between two `/`")]
    EmptyComponent,
    #[error("nothing follows the last `\\`")]
    TrailingBackslash,
    #[error("`[` without `]`")]
    UnclosedBracket,
    #[error("a range in brackets ends before it begins")]
    BackwardRange,
    #[error("brackets can hold ASCII characters only, no `/`, and no named class such as `[:alpha:]`")]
    UnsupportedInBrackets,
    #[error("`{{` without `}}`")]
    UnclosedBrace,
    #[error("`}}` without `{{`")]
    UnopenedBrace,
    #[error("braces are nested more than {MAX_BRACE_DEPTH} deep")]
    BracesTooDeep,
    #[error("braces stand for too many alternatives: use `*`, or several lines")]
    TooManyAlternatives,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// This byte; `/` stands between components.
    Byte(u8),
    /// `?`: any byte of a component.
    One,
    /// `*`: any bytes of a component, or none.
    Star,
    Class(Class),
    /// Any character of a component but the ASCII ones that the class leaves out.
    Character(Class),
}

impl Token {
    /// The same where `?` and brackets that begin with `!` stand for a character, which may be several bytes.
    pub(super) fn of_characters(self) -> Self {
        match self {
            Self::One => Self::Character(Class { negated: true, ranges: Box::default() }),
            Self::Class(class) if class.negated => Self::Character(class),
            other => other,
        }
    }

    pub(super) fn byte(&self) -> Option<u8> {
        match self {
            Self::Byte(byte) => Some(*byte),
            _ => None,
        }
    }
}

/// `[a-z]`: one byte of these ranges, both ends included; `[!a-z]`: any other byte of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Class {
    negated: bool,
    ranges: Box<[(u8, u8)]>,
}

impl Class {
    pub(super) fn has(&self, byte: u8) -> bool {
        self.ranges.iter().any(|&(first, last)| (first..=last).contains(&byte)) != self.negated
    }
}

/// Reads a glob as the brace-free alternatives that it stands for; at least one.
pub(super) fn parse(text: &[u8]) -> Result<Vec<Vec<Token>>, GlobError> {
    Parser { text, depth: 0 }.sequence()
}

struct Parser<'t> {
    /// What is still to be read.
    text: &'t [u8],
    /// How many braces are open.
    depth: usize,
}

impl Parser<'_> {
    /// Up to the end of the text, or to the `,` or `}` that ends an alternative.
    fn sequence(&mut self) -> Result<Vec<Vec<Token>>, GlobError> {
        let mut alternatives = vec![Vec::new()];
        while let Some(&byte) = self.text.first() {
            match byte {
                b',' | b'}' if self.depth > 0 => return Ok(alternatives),
                b'}' => return Err(GlobError::UnopenedBrace),
                b'{' => alternatives = product(&alternatives, &self.braces()?)?,
                _ => {
                    let token = self.token()?;
                    for alternative in &mut alternatives {
                        alternative.push(token.clone());
                    }
                    check_expanded(size(&alternatives))?;
                }
            }
        }
        if self.depth > 0 { Err(GlobError::UnclosedBrace) } else { Ok(alternatives) }
    }

    fn braces(&mut self) -> Result<Vec<Vec<Token>>, GlobError> {
        self.depth += 1;
        if self.depth > MAX_BRACE_DEPTH {
            return Err(GlobError::BracesTooDeep);
        }
        self.next();
        let mut alternatives = Vec::new();
        loop {
            alternatives.extend(self.sequence()?);
            check_expanded(size(&alternatives))?;
            if self.next() == Some(b'}') {
                break;
            }
        }
        self.depth -= 1;
        Ok(alternatives)
    }

    fn token(&mut self) -> Result<Token, GlobError> {
        match self.next() {
            Some(b'?') => Ok(Token::One),
            Some(b'*') => Ok(Token::Star),
            Some(b'[') => self.class().map(Token::Class),
            Some(b'\\') => self.next().map(Token::Byte).ok_or(GlobError::TrailingBackslash),
            Some(byte) => Ok(Token::Byte(byte)),
            None => Err(GlobError::EmptyComponent),
        }
    }

    /// After `[`. A `]` that comes first and a `-` at either end stand for themselves.
    fn class(&mut self) -> Result<Class, GlobError> {
        let negated = matches!(self.text.first(), Some(b'!' | b'^'));
        if negated {
            self.next();
        }
        let mut ranges = Vec::new();
        while ranges.is_empty() || self.text.first() != Some(&b']') {
            let first = self.class_byte()?;
            let last = match self.text {
                [b'-', next, ..] if *next != b']' => {
                    self.next();
                    self.class_byte()?
                }
                _ => first,
            };
            if last < first {
                return Err(GlobError::BackwardRange);
            }
            ranges.push((first, last));
        }
        self.next();
        Ok(Class { negated, ranges: ranges.into() })
    }

    fn class_byte(&mut self) -> Result<u8, GlobError> {
        match self.next().ok_or(GlobError::UnclosedBracket)? {
            b'[' if matches!(self.text.first(), Some(b':' | b'.' | b'=')) => {
                Err(GlobError::UnsupportedInBrackets)
            }
            b'\\' => self.next().ok_or(GlobError::TrailingBackslash),
            byte => Ok(byte),
        }
        .and_then(|byte| match byte {
            b'/' | 0x80.. => Err(GlobError::UnsupportedInBrackets),
            _ => Ok(byte),
        })
    }

    fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.text.split_first()?;
        self.text = rest;
        Some(first)
    }
}

/// Each of `heads` followed by each of `tails`.
fn product(heads: &[Vec<Token>], tails: &[Vec<Token>]) -> Result<Vec<Vec<Token>>, GlobError> {
    check_expanded(size(heads).saturating_mul(tails.len()).max(size(tails).saturating_mul(heads.len())))?;
    let pairs = heads.iter().flat_map(|head| tails.iter().map(move |tail| [&head[..], tail].concat()));
    Ok(pairs.collect())
}

/// Counts an alternative without tokens as well, so that many of those are bounded too.
fn size(alternatives: &[Vec<Token>]) -> usize {
    alternatives.iter().map(|alternative| alternative.len() + 1).sum()
}

fn check_expanded(size: usize) -> Result<(), GlobError> {
    if size > MAX_EXPANDED { Err(GlobError::TooManyAlternatives) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &str) -> Vec<String> {
        let show = |token: &Token| match token {
            Token::Byte(byte) => char::from(*byte),
            Token::One => '?',
            Token::Star => '*',
            Token::Class(_) | Token::Character(_) => '#',
        };
        parse(text.as_bytes()).unwrap().iter().map(|tokens| tokens.iter().map(show).collect()).collect()
    }

    #[test]
    fn braces_stand_for_each_of_their_alternatives() {
        assert_eq!(expand("a.{c,h}"), ["a.c", "a.h"]);
        assert_eq!(expand("{a,b}{1,2}"), ["a1", "a2", "b1", "b2"]);
        assert_eq!(expand("{a,{b,c}d}"), ["a", "bd", "cd"]);
        assert_eq!(expand("x{,y}"), ["x", "xy"]);
        assert_eq!(expand("x{y}"), ["xy"]);
        assert_eq!(expand("x{}"), ["x"]);
        assert_eq!(expand("a,b"), ["a,b"]);
        assert_eq!(expand("{[,}],\\,}"), ["#", ","]);
    }

    #[test]
    fn a_backslash_takes_the_meaning_from_what_follows() {
        assert_eq!(parse(br"\*\[\\").unwrap(), [[Token::Byte(b'*'), Token::Byte(b'['), Token::Byte(b'\\')]]);
    }

    #[test]
    fn a_class_holds_ranges_and_its_own_signs_at_the_edges() {
        for (text, inside, outside) in [
            ("[a-c]", "abc", "d-"),
            ("[!a-c]", "d-", "abc"),
            ("[^a]", "b^", "a"),
            ("[]a]", "]a", "["),
            ("[!]]", "a", "]"),
            ("[-a]", "-a", "b"),
            ("[a-]", "-a", "b"),
            (r"[\]\\]", r"]\", "["),
            ("[a!]", "a!", "b"),
        ] {
            let alternatives = parse(text.as_bytes()).unwrap();
            let [Token::Class(class)] = &alternatives[0][..] else { panic!("{text} is no class") };

            assert!(inside.bytes().all(|byte| class.has(byte)), "{text}");
            assert!(!outside.bytes().any(|byte| class.has(byte)), "{text}");
        }
    }

    #[test]
    fn braces_that_would_fill_the_memory_are_an_error() {
        for text in
            ["{a,b}".repeat(20), "{,}".repeat(100), format!("{{{}}}{}", ",".repeat(9000), "x".repeat(50))]
        {
            assert_eq!(parse(text.as_bytes()), Err(GlobError::TooManyAlternatives), "{text}");
        }
        assert_eq!(parse("{".repeat(4000).as_bytes()), Err(GlobError::BracesTooDeep));
    }
}
