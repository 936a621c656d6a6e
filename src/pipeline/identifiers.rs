//! Names of jobs where a CI allows fewer letters than the name of a project or an environment has.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

/// What a CI allows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// Besides ASCII letters, digits and `_`.
    pub(super) more: &'static str,
    pub(super) max_bytes: usize,
}

/// An identifier for each name, unique whatever the case of its letters is, and none of those that other jobs have.
///
/// It is the name itself where that is allowed; else other letters are `_`, and where that could be another one's, a digest of
/// the name stands behind it.
pub(super) fn identifiers<'n>(
    names: impl IntoIterator<Item = &'n str>,
    rule: Rule,
    reserved: &[&str],
) -> BTreeMap<&'n str, String> {
    let names: BTreeSet<&str> = names.into_iter().collect();
    let mut wanted: BTreeMap<String, usize> = BTreeMap::new();
    for name in &names {
        *wanted.entry(written(name, rule).to_ascii_lowercase()).or_default() += 1;
    }
    let identifier = |name: &'n str| {
        let written = written(name, rule);
        let is_reserved = reserved.iter().any(|other| written.eq_ignore_ascii_case(other));
        let is_free = wanted[&written.to_ascii_lowercase()] == 1 && !is_reserved;
        if is_free && written.len() <= rule.max_bytes {
            return (name, written);
        }
        let digest = Sha256::digest(name);
        let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let short: String = written.chars().take(rule.max_bytes - digest.len() - 1).collect();
        (name, format!("{short}_{digest}"))
    };
    names.iter().map(|name| identifier(name)).collect()
}

fn written(name: &str, rule: Rule) -> String {
    let allowed =
        |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || rule.more.contains(letter);
    let written: String = name.chars().map(|letter| if allowed(letter) { letter } else { '_' }).collect();
    // No CI lets an identifier begin with a digit that lets others not.
    if written.starts_with(|first: char| first.is_ascii_digit()) { format!("_{written}") } else { written }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_become_the_same_have_identifiers_of_their_own() {
        let long = "x".repeat(128);
        let names = ["api", "a-b", "a.b", "Gate", "1a", "B", "b", long.as_str()];
        let rule = Rule { more: "", max_bytes: 100 };

        let identifiers = identifiers(names, rule, &["gate"]);

        let of = |name: &str| identifiers[name].as_str();
        assert_eq!((of("api"), of("1a")), ("api", "_1a"));
        assert!(of("a-b").starts_with("a_b_") && of("a.b").starts_with("a_b_"), "{identifiers:?}");
        assert!(of("Gate").starts_with("Gate_"));
        let all: BTreeSet<String> = identifiers.values().map(|it| it.to_ascii_lowercase()).collect();
        assert_eq!(all.len(), names.len());
        assert!(all.iter().all(|it| it.len() <= 100));
    }
}
