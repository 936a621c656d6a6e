//! Shell text to words, separators and redirections.
//!
//! `${{ … }}` is what another program fills in before the shell runs: CIs do, and so do make, just and task, whose own
//! forms are translated to this one.

use super::token::{Piece, Token, Word};

/// Reads all of `text`; what is not closed ends with it.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut lexer = Lexer { rest: text, line: 0, tokens: Vec::new(), heredocs: Vec::new() };
    while lexer.token() {}
    lexer.tokens
}

/// The pieces of `text` as if it stood in double quotes.
pub(super) fn quoted(text: &str) -> Vec<Piece> {
    let mut lexer = Lexer { rest: text, line: 0, tokens: Vec::new(), heredocs: Vec::new() };
    let mut pieces = Vec::new();
    lexer.double_quoted(&mut pieces, None);
    pieces
}

pub(super) struct Lexer<'t> {
    pub(super) rest: &'t str,
    pub(super) line: usize,
    tokens: Vec<Token>,
    /// The ends of those that begin on the next line.
    heredocs: Vec<String>,
}

impl<'t> Lexer<'t> {
    pub(super) fn take(&mut self, start: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(start) else { return false };
        self.line += start.matches('\n').count();
        self.rest = rest;
        true
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let letter = self.rest.chars().next()?;
        self.rest = &self.rest[letter.len_utf8()..];
        self.line += usize::from(letter == '\n');
        Some(letter)
    }

    /// Takes `bytes` of what comes.
    pub(super) fn take_bytes(&mut self, bytes: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    /// Takes all before `end` and `end` itself.
    pub(super) fn take_until(&mut self, end: &str) -> &'t str {
        let at = self.rest.find(end);
        let taken = self.take_bytes(at.unwrap_or(self.rest.len()));
        self.take(end);
        taken
    }

    /// Whether there was one more.
    fn token(&mut self) -> bool {
        while self.rest.starts_with([' ', '\t', '\r']) || self.rest.starts_with("\\\n") {
            if !self.take("\\\n") {
                self.next();
            }
        }
        if self.rest.starts_with('#') {
            let line = self.rest.find('\n').unwrap_or(self.rest.len());
            self.take_bytes(line);
        }
        if self.rest.is_empty() {
            return false;
        }
        if self.take("\n") {
            self.tokens.push(Token::End);
            self.skip_heredocs();
        } else if self.take("&&") {
            self.tokens.push(Token::And);
        } else if self.take("||") {
            self.tokens.push(Token::Or);
        } else if self.take("|&") || self.take("|") {
            self.tokens.push(Token::Pipe);
        } else if self.take("&>>") || self.take("&>") {
            self.skip_target();
        } else if self.take(";") || self.take("&") {
            self.tokens.push(Token::End);
        } else if self.take("(") {
            self.tokens.push(Token::Open);
        } else if self.take(")") {
            self.tokens.push(Token::Close);
        } else if self.rest.starts_with(['<', '>']) {
            self.redirection();
        } else {
            self.read_word();
        }
        true
    }

    fn redirection(&mut self) {
        if self.take("<<<") {
            self.skip_target();
        } else if self.take("<<-") || self.take("<<") {
            let pieces = self.target();
            let text = pieces.iter().filter_map(|piece| match piece {
                Piece::Text { text, .. } => Some(text.as_str()),
                _ => None,
            });
            self.heredocs.push(text.collect());
        } else if self.rest.starts_with("<(") || self.rest.starts_with(">(") {
            self.next();
            self.read_word();
        } else if self.take("<&") {
            self.skip_target();
        } else if self.take("<") {
            self.tokens.push(Token::Input);
        } else if self.take(">>") || self.take(">|") || self.take(">&") || self.take(">") {
            self.skip_target();
        }
    }

    fn skip_target(&mut self) {
        self.target();
    }

    /// The word behind a redirection.
    fn target(&mut self) -> Vec<Piece> {
        while self.take(" ") || self.take("\t") {}
        let mut pieces = Vec::new();
        self.pieces(&mut pieces);
        pieces
    }

    fn skip_heredocs(&mut self) {
        for end in std::mem::take(&mut self.heredocs) {
            while !self.rest.is_empty() && self.take_until("\n").trim_start_matches('\t').trim_end() != end {}
        }
    }

    fn read_word(&mut self) {
        let line = self.line;
        let mut pieces = Vec::new();
        self.pieces(&mut pieces);
        // `2>` has the number of a file before it.
        let is_number = |piece: &Piece| matches!(piece, Piece::Text { text, is_quoted: false } if text.bytes().all(|byte| byte.is_ascii_digit()));
        if self.rest.starts_with(['<', '>']) && pieces.iter().all(is_number) {
            return;
        }
        self.tokens.push(Token::Word(Word { pieces, line }));
    }

    /// Up to the end of the word.
    fn pieces(&mut self, pieces: &mut Vec<Piece>) {
        let is_first = |pieces: &[Piece]| pieces.is_empty();
        loop {
            if self.take("'") {
                self.single_quoted(pieces);
            } else if self.take("$'") {
                let text = self.take_until("'");
                push(pieces, text, true);
            } else if self.take("\"") {
                push(pieces, "", true);
                self.double_quoted(pieces, Some('"'));
            } else if self.take("\\\n") {
            } else if self.take("\\") {
                if let Some(letter) = self.next() {
                    push(pieces, letter.encode_utf8(&mut [0; 4]), true);
                }
            } else if self.rest.starts_with(['$', '`']) {
                self.expansion(pieces, false);
            } else if is_first(pieces) && self.rest.starts_with('(') {
                // Of a process substitution.
                self.next();
                let text = self.nested();
                pieces.push(Piece::Command { text, line: self.line, is_quoted: true });
            } else {
                match self.rest.chars().next() {
                    None | Some(' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')') => return,
                    Some('*' | '?') => {
                        self.next();
                        pieces.push(Piece::Glob);
                    }
                    Some(letter) => {
                        self.next();
                        push(pieces, letter.encode_utf8(&mut [0; 4]), false);
                    }
                }
            }
        }
    }

    /// Nothing is special but what is filled in before.
    fn single_quoted(&mut self, pieces: &mut Vec<Piece>) {
        let text = self.take_until("'");
        let mut rest = text;
        push(pieces, "", true);
        while let Some((before, after)) = rest.split_once("${{") {
            push(pieces, before, true);
            let (name, after) = after.split_once("}}").unwrap_or((after, ""));
            pieces.push(Piece::Template(name.trim().to_owned()));
            rest = after;
        }
        push(pieces, rest, true);
    }

    /// Up to `end`, or to the end of the text.
    fn double_quoted(&mut self, pieces: &mut Vec<Piece>, end: Option<char>) {
        loop {
            if self.take("\\\n") {
            } else if self.rest.starts_with(['$', '`']) {
                self.expansion(pieces, true);
            } else if self.take("\\") {
                let letter = self.next();
                if !matches!(letter, Some('$' | '`' | '"' | '\\')) {
                    push(pieces, "\\", true);
                }
                if let Some(letter) = letter {
                    push(pieces, letter.encode_utf8(&mut [0; 4]), true);
                }
            } else {
                match self.next() {
                    None => return,
                    Some(letter) if Some(letter) == end => return,
                    Some(letter) => push(pieces, letter.encode_utf8(&mut [0; 4]), true),
                }
            }
        }
    }
}

pub(super) fn push(pieces: &mut Vec<Piece>, more: &str, quoted: bool) {
    match pieces.last_mut() {
        Some(Piece::Text { text, is_quoted }) if *is_quoted == quoted => text.push_str(more),
        _ => pieces.push(Piece::Text { text: more.to_owned(), is_quoted: quoted }),
    }
}
