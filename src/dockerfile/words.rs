//! Where words begin and end.

/// The words of `ARG` and `ENV`: spaces inside quotes don't part them, and the quotes stay. An escape character that
/// nothing follows is no part of them.
pub(super) fn quoted_words(text: &str, escape: char) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = None;
    let mut quote = None;
    let mut end = text.len();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        if quote.is_none() && character.is_whitespace() {
            words.extend(start.take().map(|start| &text[start..at]));
            continue;
        }
        match quote {
            Some(open) if open == character => quote = None,
            None if matches!(character, '\'' | '"') => quote = Some(character),
            _ => {}
        }
        if character == escape && quote != Some('\'') && characters.next().is_none() {
            end = at;
            break;
        }
        start.get_or_insert(at);
    }
    words.extend(start.map(|start| &text[start..end]));
    words
}

/// A text, and the words that it falls into at unquoted spaces.
#[derive(Default)]
pub(super) struct Words {
    pub(super) text: String,
    words: Vec<String>,
    word: String,
}

impl Words {
    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
        for character in text.chars() {
            if !character.is_whitespace() {
                self.word.push(character);
            } else if !self.word.is_empty() {
                self.words.push(std::mem::take(&mut self.word));
            }
        }
    }

    pub(super) fn push_quoted(&mut self, text: &str) {
        self.text.push_str(text);
        self.word.push_str(text);
    }

    pub(super) fn finish(mut self) -> (String, Vec<String>) {
        if !self.word.is_empty() {
            self.words.push(self.word);
        }
        (self.text, self.words)
    }
}
