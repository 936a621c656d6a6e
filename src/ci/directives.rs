//! What a commit's message asks of the CI.

use std::collections::BTreeSet;

/// What a commit's message asks for, in square brackets anywhere in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directives {
    /// `[ci rebuild]`
    pub rebuild_all: bool,
    /// `[ci rebuild <repository>]`
    pub rebuild: BTreeSet<String>,
    /// `[ci dry-deploy]`
    pub dry_deploy: bool,
}

impl Directives {
    pub fn read(message: &str) -> Self {
        let mut directives = Self::default();
        for bracket in message.split('[').skip(1) {
            let Some((inside, _)) = bracket.split_once(']') else { continue };
            match *inside.split_whitespace().collect::<Vec<_>>() {
                ["ci", "rebuild"] => directives.rebuild_all = true,
                ["ci", "rebuild", repository] => {
                    directives.rebuild.insert(repository.to_owned());
                }
                ["ci", "dry-deploy"] => directives.dry_deploy = true,
                _ => {}
            }
        }
        directives
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_found_anywhere_in_a_message() {
        let message =
            "fix [ci rebuild api] (see [1])\n\n[ci  rebuild web][ci dry-deploy] [ci rebuild a b] [ci";

        let directives = Directives::read(message);

        let rebuild = ["api", "web"].map(str::to_owned).into();
        assert_eq!(directives, Directives { rebuild_all: false, rebuild, dry_deploy: true });
        assert!(Directives::read("[ci rebuild]").rebuild_all);
        assert_eq!(Directives::read("ci rebuild [rebuild] [CI rebuild]"), Directives::default());
    }
}
