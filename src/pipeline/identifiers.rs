//! Names of jobs where a CI allows fewer letters than a project's name has.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use crate::model::ProjectName;

/// What a CI allows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// Besides ASCII letters, digits and `_`.
    pub(super) more: &'static str,
    pub(super) max_bytes: usize,
    /// Names of other jobs, in lower case.
    pub(super) reserved: &'static [&'static str],
}

/// An identifier for each project, unique whatever the case of its letters is.
///
/// It is the project's name where that is allowed; else other letters are `_`, and where that could be another one's, a digest of
/// the name stands behind it.
pub(super) fn identifiers<'p>(
    projects: impl IntoIterator<Item = &'p ProjectName>,
    rule: Rule,
) -> BTreeMap<&'p ProjectName, String> {
    let projects: BTreeSet<&ProjectName> = projects.into_iter().collect();
    let mut wanted: BTreeMap<String, usize> = BTreeMap::new();
    for project in &projects {
        *wanted.entry(written(project, rule).to_ascii_lowercase()).or_default() += 1;
    }
    let identifier = |project: &'p ProjectName| {
        let written = written(project, rule);
        let folded = written.to_ascii_lowercase();
        let is_free = wanted[&folded] == 1 && !rule.reserved.contains(&folded.as_str());
        if is_free && written.len() <= rule.max_bytes {
            return (project, written);
        }
        let digest = Sha256::digest(project.as_str());
        let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let short: String = written.chars().take(rule.max_bytes - digest.len() - 1).collect();
        (project, format!("{short}_{digest}"))
    };
    projects.iter().map(|project| identifier(project)).collect()
}

fn written(project: &ProjectName, rule: Rule) -> String {
    let allowed =
        |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || rule.more.contains(letter);
    let written: String =
        project.as_str().chars().map(|letter| if allowed(letter) { letter } else { '_' }).collect();
    // No CI lets an identifier begin with a digit that lets others not.
    if written.starts_with(|first: char| first.is_ascii_digit()) { format!("_{written}") } else { written }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projects_whose_names_become_the_same_have_identifiers_of_their_own() {
        let long = "x".repeat(128);
        let names = ["api", "a-b", "a.b", "Gate", "1a", "B", "b", long.as_str()];
        let projects: Vec<ProjectName> = names.iter().map(|name| name.parse().unwrap()).collect();
        let rule = Rule { more: "", max_bytes: 100, reserved: &["gate"] };

        let identifiers = identifiers(&projects, rule);

        let of = |name: &str| identifiers[&name.parse::<ProjectName>().unwrap()].as_str();
        assert_eq!((of("api"), of("1a")), ("api", "_1a"));
        assert!(of("a-b").starts_with("a_b_") && of("a.b").starts_with("a_b_"), "{identifiers:?}");
        assert!(of("Gate").starts_with("Gate_"));
        let all: BTreeSet<String> = identifiers.values().map(|it| it.to_ascii_lowercase()).collect();
        assert_eq!(all.len(), names.len());
        assert!(all.iter().all(|it| it.len() <= 100));
    }
}
