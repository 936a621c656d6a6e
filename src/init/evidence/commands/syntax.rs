//! Tokens to commands, and the constructs around them that decide in which folder and with which variables they run.

use std::rc::Rc;

use super::lexer::tokens;
use super::token::{Token, Word, is_name};

/// Deeper than any script that people write; what lies deeper is left out.
const MAX_NESTED: usize = 32;

#[derive(Debug)]
pub(super) enum Node {
    Command(Command),
    /// `name=(…)`
    Array {
        name: String,
        values: Vec<Word>,
    },
    /// In a shell of its own.
    Subshell(Vec<Node>),
    /// Runs under some condition.
    Branch(Vec<Node>),
    /// `None`: over the arguments of the script.
    For {
        name: String,
        values: Option<Vec<Word>>,
        body: Vec<Node>,
    },
    Function {
        name: String,
        body: Rc<Vec<Node>>,
    },
}

#[derive(Debug)]
pub(super) struct Command {
    pub(super) words: Vec<Word>,
    /// What is redirected to its standard input.
    pub(super) input: Option<Word>,
    /// Whether its output goes to another command.
    pub(super) is_piped: bool,
}

/// What ends a list of commands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End<'k> {
    Text,
    Close,
    Keyword(&'k str),
}

pub(super) fn parse(text: &str) -> Vec<Node> {
    let mut parser = Parser { tokens: tokens(text).into_iter().peekable(), depth: 0, in_case: false };
    parser.list(End::Text)
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    depth: usize,
    /// Whether a `case` is open, in which `)` ends a pattern.
    in_case: bool,
}

impl Parser {
    fn list(&mut self, end: End<'_>) -> Vec<Node> {
        self.parts(end).into_iter().flatten().collect()
    }

    /// The commands up to `end`, in the parts that `then`, `else` and `do` make of them.
    fn parts(&mut self, end: End<'_>) -> Vec<Vec<Node>> {
        self.depth += 1;
        let mut parts = vec![Vec::new()];
        let mut is_alternative = false;
        while let Some(token) = self.tokens.next() {
            let mut nodes = Vec::new();
            match token {
                Token::Close if end == End::Close => break,
                Token::Or => is_alternative = true,
                Token::End => is_alternative = false,
                Token::And | Token::Pipe | Token::Close | Token::Input => {}
                Token::Open if self.depth > MAX_NESTED || self.in_case => {}
                Token::Open => nodes.push(Node::Subshell(self.list(End::Close))),
                Token::Word(word) => match word.plain() {
                    Some(text) if end == End::Keyword(text) => break,
                    Some("then" | "else" | "elif" | "do") => parts.push(Vec::new()),
                    _ => self.construct(word, &mut nodes),
                },
            }
            let part = parts.last_mut().expect("never empty");
            if is_alternative && !nodes.is_empty() {
                part.push(Node::Branch(nodes));
            } else {
                part.extend(nodes);
            }
        }
        self.depth -= 1;
        parts
    }

    fn construct(&mut self, word: Word, nodes: &mut Vec<Node>) {
        let is_too_deep = self.depth > MAX_NESTED;
        match word.plain() {
            Some("if" | "while" | "until" | "for" | "select" | "case" | "{" | "function") if is_too_deep => {}
            Some("if") => self.branches("fi", nodes),
            Some("while" | "until") => self.branches("done", nodes),
            Some("for" | "select") => self.loop_over(nodes),
            Some("case") => {
                while self.tokens.next_if(|token| !is_keyword(token, "in")).is_some() {}
                self.tokens.next();
                let open = std::mem::replace(&mut self.in_case, true);
                let arms = self.list(End::Keyword("esac"));
                self.in_case = open;
                nodes.push(Node::Branch(arms));
            }
            Some("{") => {
                let open = std::mem::take(&mut self.in_case);
                nodes.extend(self.list(End::Keyword("}")));
                self.in_case = open;
            }
            Some("function") => {
                if let Some(Token::Word(name)) = self.tokens.next()
                    && let Some(name) = name.plain()
                {
                    self.function(name.to_owned(), nodes);
                }
            }
            Some("!" | "time" | "then" | "else" | "elif" | "do" | "fi" | "done" | "esac" | "}") => {}
            Some(name) if !self.in_case && self.tokens.peek() == Some(&Token::Open) => {
                if name.ends_with('=') && word.is_assignment() {
                    let name = name.trim_end_matches(['=', '+']).to_owned();
                    self.tokens.next();
                    let values = self.words_until_close();
                    nodes.push(Node::Array { name, values });
                } else {
                    let name = name.to_owned();
                    self.function(name, nodes);
                }
            }
            _ => {
                let command = self.command(word);
                nodes.push(Node::Command(command));
            }
        }
    }

    /// The first part always runs, the others under conditions.
    fn branches(&mut self, end: &str, nodes: &mut Vec<Node>) {
        let open = std::mem::take(&mut self.in_case);
        for (number, part) in self.parts(End::Keyword(end)).into_iter().enumerate() {
            if number == 0 {
                nodes.extend(part);
            } else {
                nodes.push(Node::Branch(part));
            }
        }
        self.in_case = open;
    }

    fn loop_over(&mut self, nodes: &mut Vec<Node>) {
        let name = match self.tokens.peek() {
            Some(Token::Word(word)) => word.plain().filter(|name| is_name(name)).map(str::to_owned),
            _ => None,
        };
        let mut values = None;
        if name.is_some() {
            self.tokens.next();
            if self.tokens.next_if(|token| is_keyword(token, "in")).is_some() {
                values = Some(self.words());
            }
        }
        while self.tokens.next_if(|token| !is_keyword(token, "do")).is_some() {}
        self.tokens.next();
        let open = std::mem::take(&mut self.in_case);
        let body = self.list(End::Keyword("done"));
        self.in_case = open;
        nodes.push(match name {
            Some(name) => Node::For { name, values, body },
            None => Node::Branch(body),
        });
    }

    /// `name () { … }`, of which the name was read.
    fn function(&mut self, name: String, nodes: &mut Vec<Node>) {
        if self.tokens.next_if_eq(&Token::Open).is_some() {
            self.tokens.next_if_eq(&Token::Close);
        }
        while self.tokens.next_if_eq(&Token::End).is_some() {}
        let mut body = Vec::new();
        match self.tokens.next() {
            Some(Token::Word(word)) if word.plain() == Some("{") => self.construct(word, &mut body),
            Some(Token::Open) if self.depth <= MAX_NESTED => body.push(Node::Subshell(self.list(End::Close))),
            _ => {}
        }
        nodes.push(Node::Function { name, body: Rc::new(body) });
    }

    fn words(&mut self) -> Vec<Word> {
        let mut words = Vec::new();
        while let Some(Token::Word(word)) = self.tokens.next_if(|token| matches!(token, Token::Word(_))) {
            words.push(word);
        }
        words
    }

    fn words_until_close(&mut self) -> Vec<Word> {
        let mut words = Vec::new();
        for token in self.tokens.by_ref() {
            match token {
                Token::Close => break,
                Token::Word(word) => words.push(word),
                _ => {}
            }
        }
        words
    }

    fn command(&mut self, first: Word) -> Command {
        let mut command = Command { words: vec![first], input: None, is_piped: false };
        loop {
            command.words.extend(self.words());
            match self.tokens.peek() {
                Some(Token::Input) => {
                    self.tokens.next();
                    if let Some(Token::Word(word)) =
                        self.tokens.next_if(|token| matches!(token, Token::Word(_)))
                    {
                        command.input = Some(word);
                    }
                }
                Some(Token::Pipe) => {
                    command.is_piped = true;
                    break command;
                }
                _ => break command,
            }
        }
    }
}

fn is_keyword(token: &Token, keyword: &str) -> bool {
    matches!(token, Token::Word(word) if word.plain() == Some(keyword))
}
