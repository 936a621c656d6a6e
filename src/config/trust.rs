//! `[trust]`: which branches' builds the others may take as they are.

use super::environment::RefPattern;
use super::fields::Item;
use crate::model::BranchName;

pub(super) const KEYS: &[&str] = &["protected"];

/// What stands, behind the cache's prefix, before the repositories that unprotected branches write to.
pub const UNPROTECTED: &str = "unprotected/";

/// Whose images are taken for those of the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// Branches that not everybody who may push may push to. One at least.
    protected: Vec<RefPattern>,
}

impl Trust {
    /// Whether only some people may write to a branch.
    pub fn protects(&self, branch: &BranchName) -> bool {
        self.protected.iter().any(|pattern| pattern.matches(branch.as_str()))
    }
}

pub(super) fn read(item: Item<'_>) -> Option<Trust> {
    let fields = item.fields(KEYS)?;
    let patterns = fields.required("protected")?;
    let written = patterns.list();
    if written.is_empty() {
        patterns
            .wrong("no branch is protected: leave `[trust]` out where every branch may write to the cache");
    }
    let protected: Vec<RefPattern> = written.iter().filter_map(Item::parse).collect();
    (!protected.is_empty()).then_some(Trust { protected })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    fn read(table: &str) -> Result<Option<Trust>, String> {
        let text = format!("workspace.name = \"shop\"\n{table}");
        let manifest = parse(text.as_bytes(), "projects.toml");
        manifest.map(|manifest| manifest.trust).map_err(|errors| format!("{errors}"))
    }

    #[test]
    fn branches_are_protected_by_name_or_by_pattern() {
        let trust = read("trust.protected = [\"main\", \"release/*\"]").unwrap().unwrap();
        let protects = |branch: &str| trust.protects(&BranchName::new(branch));

        assert!(protects("main") && protects("release/1"));
        assert!(!protects("topic") && !protects("release/1/x") && !protects("pull/7"));
        assert_eq!(read("").unwrap(), None);
    }

    #[test]
    fn a_table_that_protects_nothing_is_a_mistake() {
        for wrong in [
            "[trust]",
            "trust.protected = []",
            "trust.protected = \"main\"",
            "trust = { protect = [\"main\"] }",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    /// Their tags move also where `immutable_tags` keeps those of images.
    #[test]
    fn the_records_of_both_kinds_of_branches_are_records() {
        let text = b"workspace.name = \"shop\"\n[cache]\nkind = \"ecr\"\nregion = \"eu-west-2\"\nprefix = \"team/\"\n";
        let manifest = parse(text, "projects.toml").unwrap();
        let crate::config::RegistryKind::Ecr(ecr) = &manifest.cache.kind else { panic!("{manifest:?}") };

        let records: Vec<String> = ecr.policy.records.iter().map(ToString::to_string).collect();

        assert_eq!(
            records,
            [
                "team/shop-builds",
                "team/unprotected/shop-builds",
                "team/shop-taints",
                "team/shop-claims",
                "team/unprotected/shop-claims",
            ]
        );
    }
}
