//! Which lines of a `.dockerignore` differ from an earlier version of it.

/// A line that only one of two versions has. Lines are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineChange {
    Added { line: usize, text: String },
    Removed { line: usize, text: String },
}

/// The lines with a pattern that differ, between the first and the last difference. None where only comments and empty lines do.
pub fn changed_lines(before: &[u8], after: &[u8]) -> Vec<LineChange> {
    let (before, after) = (patterns(before), patterns(after));
    let same = |pairs: &mut dyn Iterator<Item = (&(usize, String), &(usize, String))>| {
        pairs.take_while(|(one, other)| one.1 == other.1).count()
    };
    let first = same(&mut before.iter().zip(&after));
    let (old, new) = (&before[first..], &after[first..]);
    let last = same(&mut old.iter().rev().zip(new.iter().rev()));
    let (old, new) = (&old[..old.len() - last], &new[..new.len() - last]);
    let removed = old.iter().map(|(line, text)| LineChange::Removed { line: *line, text: text.clone() });
    let added = new.iter().map(|(line, text)| LineChange::Added { line: *line, text: text.clone() });
    removed.chain(added).collect()
}

/// The lines that are no comments and not empty, with their numbers.
fn patterns(text: &[u8]) -> Vec<(usize, String)> {
    let text = String::from_utf8_lossy(text);
    let lines = text.lines().enumerate().filter(|(_, line)| !line.starts_with('#'));
    let lines = lines.map(|(number, line)| (number + 1, line.trim().to_owned()));
    lines.filter(|(_, line)| !line.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(line: usize, text: &str) -> LineChange {
        LineChange::Added { line, text: text.to_owned() }
    }

    fn removed(line: usize, text: &str) -> LineChange {
        LineChange::Removed { line, text: text.to_owned() }
    }

    #[test]
    fn the_lines_between_the_first_and_the_last_difference_are_named() {
        let before = b"*.md\n# tests\ntests/\n!keep\n";

        assert_eq!(changed_lines(before, b"*.md\ntests/\nlogs/\n!keep\n"), [added(3, "logs/")]);
        assert_eq!(changed_lines(before, b"*.md\n!keep\n"), [removed(3, "tests/")]);
        assert_eq!(changed_lines(before, b"*.txt\ntests/\n!keep"), [removed(1, "*.md"), added(1, "*.txt")]);
        assert_eq!(changed_lines(b"", b"a\n"), [added(1, "a")]);
    }

    #[test]
    fn comments_and_empty_lines_are_no_difference_and_order_is() {
        assert_eq!(changed_lines(b"a\nb\n", b"# why\na\n\nb\n"), []);
        assert_eq!(
            changed_lines(b"a\n!a\n", b"!a\na\n"),
            [removed(1, "a"), removed(2, "!a"), added(1, "!a"), added(2, "a")]
        );
    }
}
