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

    /// What is asked of these repositories alone.
    pub fn limited_to(self, repositories: BTreeSet<String>) -> Self {
        let rebuild = if self.rebuild_all { repositories } else { &self.rebuild & &repositories };
        Self { rebuild_all: false, rebuild, dry_deploy: self.dry_deploy }
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
    }

    #[test]
    fn a_job_rebuilds_what_it_is_for_and_the_gate_nothing() {
        let of_job = |message, repositories: &[&str]| {
            let repositories = repositories.iter().map(|&it| it.to_owned()).collect();
            let Directives { rebuild_all, rebuild, .. } = Directives::read(message).limited_to(repositories);
            assert!(!rebuild_all);
            rebuild.into_iter().collect::<Vec<_>>().join(" ")
        };

        assert_eq!(of_job("[ci rebuild]", &["api"]), "api");
        assert_eq!(of_job("[ci rebuild api] [ci rebuild lib]", &["api"]), "api");
        assert_eq!(of_job("[ci rebuild lib]", &["api"]), "");
        assert_eq!(of_job("[ci rebuild]", &[]), "");
        assert_eq!(Directives::read("ci rebuild [rebuild] [CI rebuild]"), Directives::default());
    }
}
