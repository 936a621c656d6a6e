//! Shell text to words, separators and redirections.
//!
//! `${{ … }}` is what another program fills in before the shell runs: CIs do, and so do make, just and task, whose own
//! forms are translated to this one.

/// Deeper than anybody quotes.
const MAX_NESTED: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Word(Word),
    /// The end of a line, `;` or `&`.
    End,
    And,
    Or,
    Pipe,
    Open,
    Close,
    /// `<`: the next word is a file.
    Input,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) pieces: Vec<Piece>,
    /// From 0.
    pub(super) line: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Unquoted text can be a keyword.
    Text { text: String, is_quoted: bool },
    /// `$name` or `${name<change>}`.
    Variable { name: String, change: String, is_quoted: bool },
    /// `${{ name }}`
    Template(String),
    /// `$(…)` or backticks.
    Command { text: String, line: usize, is_quoted: bool },
    /// An unquoted `*` or `?`.
    Glob,
}

impl Word {
    /// The text of a word without quotes and variables.
    pub(super) fn plain(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [Piece::Text { text, is_quoted: false }] => Some(text),
            _ => None,
        }
    }

    /// Whether it begins as `NAME=…` does; with `+=` too.
    pub(super) fn is_assignment(&self) -> bool {
        let Some(Piece::Text { text, is_quoted: false }) = self.pieces.first() else { return false };
        text.split_once('=').is_some_and(|(name, _)| is_name(name.strip_suffix('+').unwrap_or(name)))
    }
}

pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|letter: char| letter.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

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

struct Lexer<'t> {
    rest: &'t str,
    line: usize,
    tokens: Vec<Token>,
    /// The ends of those that begin on the next line.
    heredocs: Vec<String>,
}

impl<'t> Lexer<'t> {
    fn take(&mut self, start: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(start) else { return false };
        self.line += start.matches('\n').count();
        self.rest = rest;
        true
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.rest.chars().next()?;
        self.rest = &self.rest[letter.len_utf8()..];
        self.line += usize::from(letter == '\n');
        Some(letter)
    }

    /// Takes `bytes` of what comes.
    fn take_bytes(&mut self, bytes: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    /// Takes all before `end` and `end` itself.
    fn take_until(&mut self, end: &str) -> &'t str {
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
            self.word();
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
            self.word();
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

    fn word(&mut self) {
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

    /// What begins with `$` or a backtick.
    fn expansion(&mut self, pieces: &mut Vec<Piece>, is_quoted: bool) {
        let line = self.line;
        if self.take("`") {
            let text = self.take_until("`").to_owned();
            pieces.push(Piece::Command { text, line, is_quoted });
        } else if self.take("${{") {
            let name = self.take_until("}}").trim().to_owned();
            pieces.push(Piece::Template(name));
        } else if self.take("$((") {
            let text = self.nested();
            self.take(")");
            pieces.push(Piece::Template(format!("$(({text}))")));
        } else if self.take("$(") {
            let text = self.nested();
            pieces.push(Piece::Command { text, line, is_quoted });
        } else if self.take("${") {
            let inner = self.braced();
            let inner = inner.strip_prefix('!').unwrap_or(&inner);
            let end = inner
                .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
                .filter(|_| !inner.starts_with(['@', '*', '#']))
                .unwrap_or(inner.len());
            let (name, change) = inner.split_at(end);
            // `${list[@]}` is another variable than `$list`.
            let index = change.starts_with('[').then(|| change.find(']')).flatten().map_or(0, |at| at + 1);
            let name = format!("{name}{}", &change[..index]);
            let change = change[index..].to_owned();
            if change.starts_with('.') {
                // Of Groovy, and of templates.
                pieces.push(Piece::Template(format!("{name}{change}")));
            } else {
                pieces.push(Piece::Variable { name, change, is_quoted });
            }
        } else {
            self.take("$");
            let rest = self.rest;
            let name = match rest.chars().next() {
                Some(letter)
                    if letter.is_ascii_digit() || matches!(letter, '@' | '*' | '#' | '?' | '$' | '!') =>
                {
                    1
                }
                _ => rest
                    .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
                    .unwrap_or(rest.len()),
            };
            if name == 0 {
                push(pieces, "$", is_quoted);
                return;
            }
            let name = self.take_bytes(name).to_owned();
            pieces.push(Piece::Variable { name, change: String::new(), is_quoted });
        }
    }

    /// The inside of parentheses that are open.
    fn nested(&mut self) -> String {
        let mut open = vec!['('];
        let start = self.rest;
        while !open.is_empty() {
            let innermost = open.last().copied();
            match self.next() {
                None => return start.to_owned(),
                Some('\\') => {
                    self.next();
                }
                Some('\'') if innermost == Some('(') => {
                    self.take_until("'");
                }
                Some('"') if innermost == Some('"') => {
                    open.pop();
                }
                Some('"') => open.push('"'),
                Some('$') if self.rest.starts_with('(') => {
                    self.next();
                    open.push('(');
                }
                Some('(') if innermost == Some('(') => open.push('('),
                Some(')') if innermost == Some('(') => {
                    open.pop();
                }
                Some(_) => {}
            }
            if open.len() > MAX_NESTED {
                self.take_bytes(self.rest.len());
                return String::new();
            }
        }
        start[..start.len() - self.rest.len() - 1].to_owned()
    }

    /// The inside of braces that are open.
    fn braced(&mut self) -> String {
        let (start, mut open) = (self.rest, 1_usize);
        while let Some(letter) = self.next() {
            match letter {
                '{' => open += 1,
                '}' => open -= 1,
                '\\' => {
                    self.next();
                }
                _ => {}
            }
            if open == 0 {
                return start[..start.len() - self.rest.len() - 1].to_owned();
            }
        }
        start.to_owned()
    }
}

fn push(pieces: &mut Vec<Piece>, more: &str, quoted: bool) {
    match pieces.last_mut() {
        Some(Piece::Text { text, is_quoted }) if *is_quoted == quoted => text.push_str(more),
        _ => pieces.push(Piece::Text { text: more.to_owned(), is_quoted: quoted }),
    }
}
