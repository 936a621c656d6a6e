//! What a Go file imports and embeds: its beginning is read up to the last import, and its comments.

/// What a file names of other folders.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) imports: Vec<String>,
    /// Globs in the file's own folder.
    pub(super) embedded: Vec<String>,
    /// Whether C is compiled with files of other folders.
    pub(super) has_flags_of_other_folders: bool,
}

/// Reads a file; `None` where its imports are not understood.
pub(super) fn read(text: &str) -> Option<Source> {
    let mut source = Source::default();
    for line in text.lines() {
        if let Some(patterns) = line.trim_start().strip_prefix("//go:embed") {
            source.embedded.extend(embedded(patterns)?);
        }
        let flags = line.trim_start_matches(['/', ' ', '\t', '*']).strip_prefix("#cgo");
        source.has_flags_of_other_folders |=
            flags.is_some_and(|flags| flags.contains("..") || flags.contains("SRCDIR"));
    }
    let mut lexer = Lexer { rest: text };
    if lexer.next()? != Token::Word("package") {
        return None;
    }
    lexer.next()?;
    loop {
        match lexer.next() {
            None => return Some(source),
            Some(Token::Other(';')) => {}
            Some(Token::Word("import")) => lexer.imports(&mut source.imports)?,
            // Imports stand before everything else.
            Some(_) => return Some(source),
        }
    }
}

/// The patterns of one `//go:embed`: words, or texts in quotes.
fn embedded(written: &str) -> Option<Vec<String>> {
    let mut patterns = Vec::new();
    let mut rest = written.trim();
    while !rest.is_empty() {
        let quote = rest.chars().next().filter(|first| matches!(first, '"' | '`'));
        let (pattern, after) = match quote {
            Some(quote) => rest[1..].split_once(quote)?,
            None => rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())),
        };
        let pattern = pattern.strip_prefix("all:").unwrap_or(pattern);
        if pattern.contains(['\\', '{', '}', '#', '^'])
            || pattern.split('/').any(|part| matches!(part, "" | ".."))
        {
            return None;
        }
        // The folder itself is what is in it.
        patterns.push(if pattern == "." { "**".to_owned() } else { pattern.to_owned() });
        rest = after.trim_start();
    }
    Some(patterns)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'t> {
    Word(&'t str),
    Text(&'t str),
    Other(char),
}

struct Lexer<'t> {
    rest: &'t str,
}

impl<'t> Lexer<'t> {
    /// Without comments. The end of a line is a space, as statements here are told apart without it.
    fn next(&mut self) -> Option<Token<'t>> {
        loop {
            self.rest = self.rest.trim_start();
            if let Some(comment) = self.rest.strip_prefix("//") {
                self.rest = comment.split_once('\n').map_or("", |(_, after)| after);
            } else if let Some(comment) = self.rest.strip_prefix("/*") {
                self.rest = comment.split_once("*/").map_or("", |(_, after)| after);
            } else {
                break;
            }
        }
        let first = self.rest.chars().next()?;
        if matches!(first, '"' | '`') {
            let (text, after) = self.rest[1..].split_once(first)?;
            self.rest = after;
            return Some(Token::Text(text));
        }
        let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
        let length = self.rest.find(|letter| !is_word(letter)).unwrap_or(self.rest.len());
        let (word, after) = self.rest.split_at(length.max(first.len_utf8()));
        self.rest = after;
        Some(if length == 0 { Token::Other(first) } else { Token::Word(word) })
    }

    /// What stands behind `import`: one, or several in parentheses, each perhaps with a name.
    fn imports(&mut self, imports: &mut Vec<String>) -> Option<()> {
        let mut is_block = false;
        loop {
            match self.next()? {
                Token::Other('(') if !is_block => is_block = true,
                Token::Other(')') if is_block => return Some(()),
                Token::Text(path) => {
                    imports.push(path.to_owned());
                    if !is_block {
                        return Some(());
                    }
                }
                Token::Word(_) | Token::Other('.' | ';') => {}
                Token::Other(_) => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_have_many_forms() {
        let text = "// Package x.\n/* import \"no\" */\npackage x // y\n\nimport \"fmt\"; import z \"a/b\"\nimport (\n\t. \"c\"\n\t_ `d`\n\t\"e\" // \"f\"\n)\n\nvar s = \"import\"\nfunc import2() {}\n";

        assert_eq!(read(text).unwrap().imports, ["fmt", "a/b", "c", "d", "e"]);
    }

    #[test]
    fn what_is_no_go_is_not_read() {
        for text in
            ["", "import \"x\"", "package x\nimport (\n\"a\" + \"b\")", "package x\nimport (\n\"a\"\n"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn embedded_files_are_globs_of_the_folder() {
        let source =
            read("package x\nimport _ \"embed\"\n//go:embed a/*.sql all:b \"c d\" .\nvar x embed.FS\n")
                .unwrap();

        assert_eq!(source.embedded, ["a/*.sql", "b", "c d", "**"]);
        assert_eq!(read("package x\n//go:embed ../x\n"), None);
    }

    #[test]
    fn flags_of_other_folders_are_seen() {
        assert!(
            read("package x\n/*\n#cgo CFLAGS: -I${SRCDIR}/../c\n*/\nimport \"C\"\n")
                .unwrap()
                .has_flags_of_other_folders
        );
        assert!(!read("package x\n// #cgo LDFLAGS: -lm\nimport \"C\"\n").unwrap().has_flags_of_other_folders);
    }
}
