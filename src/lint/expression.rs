//! Regular expressions that `grep` reads in one way without `-E` and in another with it.
//!
//! `+ ? | ( ) { }` are operators of *extended* expressions and letters of *basic* ones, where the operators
//! have a backslash; extended ones turn it around. Pattern files are read as extended.

/// What an expression says in both languages, where that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ambiguous {
    /// As an extended expression, what it says as a basic one.
    pub(super) basic: String,
    /// A line that says in any language what it says as an extended expression, where there is one.
    pub(super) clear: Option<String>,
    /// The same for what it says as a basic one.
    pub(super) clear_basic: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Letter(char),
    /// `.`
    Any,
    /// `*`
    Star,
    /// Where `$` stands at the end.
    End,
    /// One of [`DIFFERING`] as an operator of extended expressions.
    Operator(char),
    /// A letter with a backslash before it.
    Escaped(char),
    /// With its brackets.
    Bracket(String),
}

const DIFFERING: &str = "+?|(){}";

/// `None` for an expression, beginning with `^`, that means the same either way.
pub(super) fn ambiguous(text: &str) -> Option<Ambiguous> {
    let tokens = tokens(text.strip_prefix('^')?)?;
    let differs = |token: &Token| matches!(token, Token::Operator(letter) | Token::Escaped(letter) if DIFFERING.contains(*letter));
    if !tokens.iter().any(differs) {
        return None;
    }
    let basic: Vec<Token> = tokens.iter().cloned().map(turned_around).collect();
    Some(Ambiguous { basic: written(&basic), clear: clear(&tokens), clear_basic: clear(&basic) })
}

/// `None` where a backslash or a bracket is left open.
fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(letter) = rest.next() {
        tokens.push(match letter {
            '\\' => Token::Escaped(rest.next()?),
            '.' => Token::Any,
            '*' => Token::Star,
            '$' if rest.peek().is_none() => Token::End,
            '[' => {
                let mut bracket = String::from('[');
                bracket.extend(rest.next_if_eq(&'^'));
                bracket.extend(rest.next_if_eq(&']'));
                while let Some(letter) = rest.next_if(|letter| *letter != ']') {
                    bracket.push(letter);
                    if letter == '[' && rest.peek() == Some(&':') {
                        bracket.extend(rest.by_ref().take_while(|letter| *letter != ']'));
                        bracket.push(']');
                    }
                }
                bracket.push(rest.next()?);
                Token::Bracket(bracket)
            }
            letter if DIFFERING.contains(letter) => Token::Operator(letter),
            letter => Token::Letter(letter),
        });
    }
    Some(tokens)
}

fn turned_around(token: Token) -> Token {
    match token {
        Token::Operator(letter) => Token::Escaped(letter),
        Token::Escaped(letter) if DIFFERING.contains(letter) => Token::Operator(letter),
        token => token,
    }
}

fn written(tokens: &[Token]) -> String {
    let written = tokens.iter().map(|token| match token {
        Token::Letter(letter) | Token::Operator(letter) => letter.to_string(),
        Token::Any => ".".to_owned(),
        Token::Star => "*".to_owned(),
        Token::End => "$".to_owned(),
        Token::Escaped(letter) => format!("\\{letter}"),
        Token::Bracket(bracket) => bracket.clone(),
    });
    format!("^{}", written.collect::<String>())
}

/// What says the same as an extended expression and is none of two minds.
fn clear(tokens: &[Token]) -> Option<String> {
    common(tokens).or_else(|| glob(tokens))
}

/// With what the two languages have in common: `x+` is `xx*`, `\+` is `[+]`, `(a|b)` is `[ab]`.
fn common(tokens: &[Token]) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut rest = tokens;
    while let Some((token, after)) = rest.split_first() {
        rest = after;
        match token {
            Token::Operator('+') => {
                let last = parts.last().filter(|last| *last != "*")?;
                parts.extend([last.clone(), "*".to_owned()]);
            }
            Token::Operator('(') => {
                let (alternatives, after) = group(rest)?;
                rest = after;
                let letters: Option<String> = alternatives.iter().map(|one| single(one)).collect();
                parts.push(format!("[{}]", letters?));
            }
            Token::Operator(_) => return None,
            Token::Escaped(letter) if DIFFERING.contains(*letter) => parts.push(format!("[{letter}]")),
            Token::Letter(_) | Token::Escaped(_) | Token::Any | Token::Star | Token::End => {
                parts.push(written(std::slice::from_ref(token))[1..].to_owned());
            }
            Token::Bracket(bracket) => parts.push(bracket.clone()),
        }
    }
    Some(format!("^{}", parts.concat()))
}

/// The letter that an alternative is, if brackets can hold it as it is.
fn single(alternative: &str) -> Option<char> {
    let mut letters = alternative.chars();
    letters.next().filter(|letter| letter.is_ascii_alphanumeric() && letters.next().is_none())
}

/// As a glob, where it is letters and alternatives, with `.*` for whole names in between.
fn glob(tokens: &[Token]) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut is_deep = false;
    let mut has_end = false;
    let mut rest = tokens;
    while let Some((token, after)) = rest.split_first() {
        rest = after;
        let part = match token {
            Token::Letter(letter) => literal(*letter),
            Token::Escaped(letter) if !letter.is_ascii_alphanumeric() => literal(*letter),
            Token::Operator('(') => {
                let (alternatives, after) = group(rest)?;
                rest = after;
                let alternatives = alternatives.iter().map(|one| one.chars().map(literal).collect());
                format!("{{{}}}", alternatives.collect::<Vec<String>>().join(","))
            }
            Token::Operator('?') => {
                let last = parts.pop().filter(|last| !last.ends_with('*') && last != "/")?;
                let inner = last.strip_prefix('{').and_then(|last| last.strip_suffix('}'));
                format!("{{,{}}}", inner.unwrap_or(&last))
            }
            Token::Any if rest.first() == Some(&Token::Star) && !is_deep => {
                if parts.last().is_some_and(|last| last != "/") {
                    return None;
                }
                rest = &rest[1..];
                is_deep = true;
                "**/*".to_owned()
            }
            Token::End => {
                has_end = true;
                continue;
            }
            _ => return None,
        };
        if is_deep && part.contains('/') && part != "**/*" {
            return None;
        }
        parts.push(part);
    }
    let glob = parts.concat();
    // What takes a path to its end can't be without a wildcard: such a glob takes folders whole.
    let is_whole = if has_end { is_deep } else { glob.ends_with('/') };
    let begins_a_line = !glob.starts_with(['#', '!', '^']) && !glob.starts_with("./");
    (is_whole && begins_a_line).then_some(glob)
}

/// The alternatives after a `(`, of letters only, and what follows the `)`.
fn group(tokens: &[Token]) -> Option<(Vec<String>, &[Token])> {
    let mut alternatives = vec![String::new()];
    let mut rest = tokens;
    loop {
        let (token, after) = rest.split_first()?;
        rest = after;
        match token {
            Token::Operator(')') => break,
            Token::Operator('|') => alternatives.push(String::new()),
            Token::Letter(letter) => alternatives.last_mut()?.push(*letter),
            Token::Escaped(letter) if !letter.is_ascii_alphanumeric() => {
                alternatives.last_mut()?.push(*letter);
            }
            _ => return None,
        }
    }
    let is_repeated = matches!(rest.first(), Some(Token::Star | Token::Operator('+' | '{')));
    (!is_repeated).then_some((alternatives, rest))
}

fn literal(letter: char) -> String {
    match letter {
        '*' | '?' | '[' | '{' | '}' | '\\' | ',' => format!("\\{letter}"),
        letter => letter.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_operators_of_one_of_the_languages_make_an_expression_ambiguous() {
        for text in ["^lib/", r"^lib/.*\.ts$", "^a[+?]b", "^a[]|]b", "^a[[:alpha:]+]", "lib/(a|b)"] {
            assert_eq!(ambiguous(text), None, "{text}");
        }
        for text in ["^a+", r"^a\+", "^(a|b)", r"^a\{2\}", "^a?", r"^a\|b"] {
            assert!(ambiguous(text).is_some(), "{text}");
        }
    }

    #[test]
    fn a_basic_expression_has_its_backslashes_turned_around() {
        assert_eq!(ambiguous(r"^lib/\(a\|b+\)[|]$").unwrap().basic, r"^lib/(a|b\+)[|]$");
    }

    #[test]
    fn a_clear_line_says_the_same() {
        for (text, clear) in [
            ("^cgi/[a-z]+$", Some("^cgi/[a-z][a-z]*$")),
            (r"^a\+b", Some("^a[+]b")),
            ("^lib/.+", Some("^lib/..*")),
            (r"^lib/.*\.(c|h)$", Some(r"^lib/.*\.[ch]$")),
            (r"^lib/.*\.(ts|json)$", Some("lib/**/*.{ts,json}")),
            ("^(lib|last)/", Some("{lib,last}/")),
            (r"^lib/.*\.tsx?$", Some("lib/**/*.ts{,x}")),
            (r"^lib/.*\.(ts|js)?$", Some("lib/**/*.{,ts,js}")),
            ("^lib/(a|b)$", Some("^lib/[ab]$")),
            ("^lib/(aa|b)$", None),
            ("^(aa|b)", None),
            ("^aa|b", None),
            ("^a{2}", None),
            ("^x.*(aa|b)$", None),
            ("^x/.*/(aa|b)$", None),
            ("^(aa|b)*/", None),
        ] {
            assert_eq!(ambiguous(text).unwrap().clear.as_deref(), clear, "{text}");
        }
        assert_eq!(ambiguous(r"^\(lib\|last\)/").unwrap().clear_basic.as_deref(), Some("{lib,last}/"));
    }
}
