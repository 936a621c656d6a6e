//! Variables and commands in words: what begins with `$` or a backtick.

use super::lexer::{Lexer, push};
use super::token::Piece;

/// Deeper than anybody quotes.
const MAX_NESTED: usize = 64;

impl Lexer<'_> {
    /// What begins with `$` or a backtick.
    pub(super) fn expansion(&mut self, pieces: &mut Vec<Piece>, is_quoted: bool) {
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
    pub(super) fn nested(&mut self) -> String {
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
