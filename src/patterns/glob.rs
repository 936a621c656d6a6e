//! One brace-free glob, and whether a path matches it.
//!
//! Both matchers, of components within a path and of bytes within a component, go back to the last
//! `**` or `*` only: what stood before it can stay where it matched first. So the time is bounded by
//! the product of the lengths.

use super::syntax::{Class, GlobError, Token};

/// A glob without braces.
#[derive(Clone, Debug)]
pub(super) enum Glob {
    /// `lib`: this path and everything below it.
    Path(Box<[u8]>),
    /// `lib/`, `lib/**`: everything below this folder; everything at all when it is empty.
    Descendants(Box<[u8]>),
    /// With at least one `*`, `?` or class before a last `**`.
    Wild {
        /// What comes before the first component of `components`: empty, or with a `/` at its end.
        prefix: Box<[u8]>,
        components: Box<[Component]>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Component {
    Literal(Box<[u8]>),
    Wild(Box<[Piece]>),
    /// `**`: any number of components; at least one where it is last.
    AnyDepth,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    Bytes(Box<[u8]>),
    One,
    Star,
    Class(Class),
    Character(Class),
}

impl Glob {
    /// The glob of `tokens` below `prefix`, which is empty or has a `/` at its end.
    ///
    /// # Errors
    /// [`GlobError`] for what can't be a path of the repository.
    pub(super) fn new(prefix: &[u8], tokens: &[Token]) -> Result<Self, GlobError> {
        if let Some(folder) = prefix.strip_suffix(b"/").filter(|_| tokens.is_empty()) {
            return Ok(Self::Descendants(folder.into()));
        }
        let slash = Token::Byte(b'/');
        let (tokens, folder_only) = match tokens {
            [before @ .., last] if *last == slash && !before.is_empty() => (before, true),
            _ => (tokens, false),
        };
        if tokens.first() == Some(&slash) {
            return Err(if prefix.is_empty() { GlobError::Absolute } else { GlobError::EmptyComponent });
        }
        let mut start = prefix.to_vec();
        let mut components: Vec<Component> = Vec::new();
        for part in tokens.split(|token| *token == slash) {
            match component(part)? {
                Component::Literal(name) if components.is_empty() => {
                    start.extend_from_slice(&name);
                    start.push(b'/');
                }
                Component::AnyDepth if components.last() == Some(&Component::AnyDepth) => {}
                component => components.push(component),
            }
        }
        if folder_only && components.last() != Some(&Component::AnyDepth) {
            components.push(Component::AnyDepth);
        }
        let folder = start.strip_suffix(b"/").unwrap_or(&start);
        Ok(match &components[..] {
            [] => Self::Path(folder.into()),
            [Component::AnyDepth] => Self::Descendants(folder.into()),
            _ => Self::Wild { prefix: start.into(), components: components.into() },
        })
    }

    pub(super) fn matches(&self, path: &[u8]) -> bool {
        match self {
            Self::Path(own) => path.strip_prefix(&**own).is_some_and(|rest| matches!(rest, [] | [b'/', ..])),
            Self::Descendants(folder) if folder.is_empty() => true,
            Self::Descendants(folder) => {
                path.strip_prefix(&**folder).is_some_and(|rest| rest.starts_with(b"/"))
            }
            Self::Wild { prefix, components } => {
                // To compare with an empty box takes 20 ns and more: its pointer dangles.
                let rest = if prefix.is_empty() { Some(path) } else { path.strip_prefix(&**prefix) };
                rest.is_some_and(|rest| match_components(components, rest))
            }
        }
    }
}

fn component(tokens: &[Token]) -> Result<Component, GlobError> {
    if tokens.len() > 1 && tokens.iter().all(|token| *token == Token::Star) {
        return Ok(Component::AnyDepth);
    }
    let mut pieces: Vec<Piece> = Vec::new();
    for run in tokens.chunk_by(|a, b| matches!((a, b), (Token::Byte(_), Token::Byte(_)))) {
        match &run[0] {
            Token::Byte(_) => pieces.push(Piece::Bytes(run.iter().filter_map(Token::byte).collect())),
            Token::One => pieces.push(Piece::One),
            Token::Class(class) => pieces.push(Piece::Class(class.clone())),
            Token::Character(class) => pieces.push(Piece::Character(class.clone())),
            Token::Star if pieces.last() == Some(&Piece::Star) => {}
            Token::Star => pieces.push(Piece::Star),
        }
    }
    match &mut pieces[..] {
        [] => Err(GlobError::EmptyComponent),
        [Piece::Bytes(name)] => match &**name {
            b"." => Err(GlobError::DotComponent),
            b".." => Err(GlobError::ParentComponent),
            _ => Ok(Component::Literal(std::mem::take(name))),
        },
        _ => Ok(Component::Wild(pieces.into())),
    }
}

fn match_components(components: &[Component], path: &[u8]) -> bool {
    let (mut next, mut rest) = (0, Some(path));
    // What follows the last `**`, and the path below which it was last tried.
    let mut retry: Option<(usize, &[u8])> = None;
    loop {
        match (components.get(next), rest) {
            (None, None) => return true,
            (Some(Component::AnyDepth), Some(_)) if next + 1 == components.len() => return true,
            (Some(Component::AnyDepth), Some(path)) => {
                next += 1;
                retry = Some((next, path));
                continue;
            }
            (Some(component), Some(path)) => {
                let (name, below) = split_first(path);
                if component.matches(name) {
                    (next, rest) = (next + 1, below);
                    continue;
                }
            }
            _ => {}
        }
        let Some((after, Some(below))) = retry.map(|(after, path)| (after, split_first(path).1)) else {
            return false;
        };
        retry = Some((after, below));
        (next, rest) = (after, Some(below));
    }
}

/// The first component, and what is below it.
fn split_first(path: &[u8]) -> (&[u8], Option<&[u8]>) {
    match path.iter().position(|&byte| byte == b'/') {
        Some(slash) => (&path[..slash], Some(&path[slash + 1..])),
        None => (path, None),
    }
}

impl Component {
    pub(super) fn matches(&self, name: &[u8]) -> bool {
        match self {
            Self::Literal(own) => **own == *name,
            Self::Wild(pieces) => match_pieces(pieces, name),
            Self::AnyDepth => true,
        }
    }
}

fn match_pieces(pieces: &[Piece], name: &[u8]) -> bool {
    let (mut next, mut at) = (0, 0);
    // What follows the last `*`, and where it was last tried.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let rest = &name[at..];
        match pieces.get(next) {
            None if rest.is_empty() => return true,
            Some(Piece::Star) => {
                next += 1;
                retry = Some((next, at));
                continue;
            }
            Some(piece) => {
                if let Some(taken) = piece.take(rest) {
                    (next, at) = (next + 1, at + taken);
                    continue;
                }
            }
            None => {}
        }
        match retry {
            Some((after, tried)) if tried < name.len() => {
                retry = Some((after, tried + 1));
                (next, at) = (after, tried + 1);
            }
            _ => return false,
        }
    }
}

impl Piece {
    /// How many bytes it takes from the beginning of `rest`.
    fn take(&self, rest: &[u8]) -> Option<usize> {
        match self {
            Self::Bytes(bytes) => rest.starts_with(bytes).then_some(bytes.len()),
            Self::One => rest.first().map(|_| 1),
            Self::Class(class) => rest.first().filter(|&&byte| class.has(byte)).map(|_| 1),
            Self::Star => Some(0),
            Self::Character(class) => match rest.first()? {
                byte if byte.is_ascii() => class.has(*byte).then_some(1),
                _ => Some(character_bytes(rest)),
            },
        }
    }
}

/// How long the character is that a text begins with; a byte that is none counts as one.
fn character_bytes(text: &[u8]) -> usize {
    (2..=text.len().min(4)).find(|&length| std::str::from_utf8(&text[..length]).is_ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patterns::syntax;

    fn glob(text: &str) -> Glob {
        Glob::new(b"", &syntax::parse(text.as_bytes()).unwrap()[0]).unwrap()
    }

    #[track_caller]
    fn check(text: &str, matching: &[&str], others: &[&str]) {
        let glob = glob(text);
        for path in matching {
            assert!(glob.matches(path.as_bytes()), "`{text}` does not match {path}: {glob:?}");
        }
        for path in others {
            assert!(!glob.matches(path.as_bytes()), "`{text}` matches {path}: {glob:?}");
        }
    }

    #[test]
    fn a_plain_path_is_the_path_and_everything_below() {
        check("lib", &["lib", "lib/a", "lib/a/b"], &["library", "a/lib", "li"]);
        check(r"a\*b", &["a*b", "a*b/c"], &["axb"]);
    }

    #[test]
    fn a_slash_at_the_end_means_everything_below_and_not_the_name_itself() {
        check("lib/", &["lib/a", "lib/a/b"], &["lib", "library/a", "a/lib/b"]);
        check("svc-*/", &["svc-1/a", "svc-1/a/b"], &["svc-1", "svc/a", "a/svc-1/b"]);
        check("**/gen/", &["gen/a", "a/b/gen/c/d"], &["gen", "a/gen", "a/gene/x"]);
    }

    #[test]
    fn a_star_stops_at_a_slash() {
        check("lib/*.rs", &["lib/a.rs", "lib/.rs"], &["lib/a/b.rs", "lib/a.rs/b", "lib/a.rsx", "a.rs"]);
        check("lib/*", &["lib/a"], &["lib", "lib/a/b"]);
        check("*a*b*", &["ab", "xaxbx", "aab"], &["ba", "a/b", "a"]);
        check("*.test.*", &["a.test.ts", "a.test.test.ts"], &["a.tes.ts"]);
    }

    #[test]
    fn a_question_mark_is_one_byte_of_a_component() {
        check("a?c", &["abc"], &["ac", "a/c", "abbc"]);
        check("a[!b]c", &["axc"], &["abc", "a/c", "ac"]);
    }

    #[test]
    fn a_character_is_as_many_bytes_as_it_has() {
        let glob = |text: &str| {
            let tokens = syntax::parse(text.as_bytes()).unwrap().remove(0);
            let tokens: Vec<Token> = tokens.into_iter().map(Token::of_characters).collect();
            Glob::new(b"", &tokens).unwrap()
        };

        for path in ["a.é", "a.c", "a.€", "a.🦀"] {
            assert!(glob("a.?").matches(path.as_bytes()), "{path}");
        }
        assert!(glob("[!a]x").matches("éx".as_bytes()) && !glob("[!a]x").matches(b"ax"));
        assert!(glob("*?").matches("é".as_bytes()) && glob("?").matches(b"\xff"));
        assert!(!glob("a.?").matches("a.éé".as_bytes()) && !glob("[a-c]").matches("é".as_bytes()));
    }

    #[test]
    fn two_stars_cross_slashes() {
        check("lib/**", &["lib/a", "lib/a/b"], &["lib", "library/a"]);
        check("**", &["a", "a/b"], &[]);
        check("**/*.md", &["a.md", "a/b.md", "a/b/.md"], &["a.mdx", "a.md/b"]);
        check("a/**/b", &["a/b", "a/x/b", "a/x/y/b", "a/b/b"], &["a/xb", "ab", "a/b/c", "b"]);
        check("a/**/b/**/c", &["a/b/c", "a/x/b/y/c", "a/b/b/c/c"], &["a/c/b", "a/b"]);
        check("**/b/c/*.d", &["b/c/x.d", "b/c/b/c/x.d", "b/b/c/.d"], &["b/c/d", "b/x/c/x.d"]);
        check("a/**/**", &["a/b", "a/b/c"], &["a"]);
        check("a/**/*", &["a/b", "a/b/c"], &["a"]);
    }

    #[test]
    fn two_stars_within_a_name_are_one() {
        check("a**b", &["ab", "axb"], &["a/b"]);
        check("**.rs", &["a.rs"], &["a/b.rs"]);
    }

    #[test]
    fn any_bytes_can_be_matched() {
        assert!(glob("lib/*.c").matches(b"lib/\xff\xfe.c"));
        assert!(glob("lib/?").matches(b"lib/\xff"));
        assert!(Glob::new(b"", &syntax::parse(b"\xff/*").unwrap()[0]).unwrap().matches(b"\xff/a"));
    }

    #[test]
    fn a_hostile_glob_takes_no_longer_than_the_product_of_the_lengths() {
        let stars = glob(&format!("{}*c*b", "*a".repeat(1000)));
        let depths = glob(&format!("{}**/c/b", "**/a/".repeat(500)));

        assert!(!stars.matches(format!("{}b", "a".repeat(4000)).as_bytes()));
        assert!(!depths.matches(format!("{}b", "a/".repeat(2000)).as_bytes()));
    }
}
