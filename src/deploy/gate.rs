//! Whether a commit may be deployed: to this environment, after what runs there, and built completely.
//! Pure: what git and the registry say was asked before.
//!
//! These rules guard against mistakes. Whom AWS lets write to the deploy registry is what guards
//! against people.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::not_attested::{self, NotAttested};
use crate::config::{EnvironmentName, EnvironmentRule, RefPattern};
use crate::model::{BranchName, CommitId, ErrorKind, InputDigest, ProjectName};
use crate::record::{BuildRecord, RecordedImage};

/// A commit that is to be deployed, and the names that it goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub commit: CommitId,
    /// Those whose history it is in.
    pub branches: BTreeSet<BranchName>,
    pub tags: BTreeSet<String>,
}

/// How a commit is related to one that is deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// It is the one that is deployed.
    Same,
    /// What is deployed is in its history.
    FastForward,
    /// It is in the history of what is deployed.
    Behind,
    /// Neither is in the other's history.
    Diverged,
    /// History is cut off here, so it can't be told.
    Unknown,
}

/// Whether an environment may go back to an earlier commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rollback {
    Allowed,
    Refused,
}

/// Why a commit may not be deployed.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum GateError {
    #[error(
        "{} may not be deployed to `{environment}`, which takes {taken}: it is {found}",
        .commit.short()
    )]
    NotAllowed {
        environment: EnvironmentName,
        commit: CommitId,
        /// What the rule allows.
        taken: String,
        /// The branches and tags of the commit.
        found: String,
    },
    #[error(
        "`{environment}` runs {}, which already has {} in its history",
        .deployed.short(), .commit.short()
    )]
    GoesBack { environment: EnvironmentName, deployed: CommitId, commit: CommitId },
    #[error(
        "`{environment}` runs {}, and the history here is cut off, so whether {} comes after it can't be told",
        .deployed.short(), .commit.short()
    )]
    HistoryCut { environment: EnvironmentName, deployed: CommitId, commit: CommitId },
    #[error("{} was not built completely: there is no image of {}", .commit.short(), names(.missing))]
    NotBuilt { commit: CommitId, missing: BTreeSet<ProjectName> },
    #[error("`{environment}` requires what images lack: {}", not_attested::listed(.refused))]
    NotAttested { environment: EnvironmentName, refused: Vec<NotAttested> },
    #[error(
        "`{project}` can't be deployed: there is no {service}, and no Terraform that is applied before creates one"
    )]
    NoService { project: ProjectName, service: String },
}

impl GateError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotAllowed { .. }
            | Self::GoesBack { .. }
            | Self::HistoryCut { .. }
            | Self::NotBuilt { .. }
            | Self::NotAttested { .. }
            | Self::NoService { .. } => ErrorKind::Failed,
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotAllowed { .. } => None,
            Self::GoesBack { .. } => Some("to go back on purpose: `--rollback`".to_owned()),
            Self::HistoryCut { .. } => {
                Some("let it be fetched: `--fetch-base`, or `git fetch --unshallow`".to_owned())
            }
            Self::NotBuilt { .. } => Some("`chinampa build` of that commit says why".to_owned()),
            Self::NotAttested { refused, .. } => Some(not_attested::attesting_build(refused)),
            Self::NoService { .. } => Some(
                "create it, or let the project's Terraform do so; `--apply-all` applies Terraform that \
                 did not change"
                    .to_owned(),
            ),
        }
    }
}

/// Checks the environment's rule: a branch or a tag of the commit must match it.
///
/// # Errors
/// [`GateError::NotAllowed`]
pub fn check_rule(
    environment: &EnvironmentName,
    rule: &EnvironmentRule,
    candidate: &Candidate,
) -> Result<(), GateError> {
    let by_branch = rule
        .branch
        .as_ref()
        .is_some_and(|pattern| candidate.branches.iter().any(|branch| pattern.matches(branch.as_str())));
    let by_tag =
        rule.tag.as_ref().is_some_and(|pattern| candidate.tags.iter().any(|tag| pattern.matches(tag)));
    if by_branch || by_tag {
        return Ok(());
    }
    Err(GateError::NotAllowed {
        environment: environment.clone(),
        commit: candidate.commit,
        taken: taken(rule),
        found: found(candidate),
    })
}

/// Checks that the environment doesn't go back behind a commit that it runs, or may run, unless
/// that is wanted.
///
/// A diverged commit is allowed: a fix of an older release is one.
///
/// # Errors
/// [`GateError::GoesBack`], and [`GateError::HistoryCut`] when it can't be told.
pub fn check_relation(
    environment: &EnvironmentName,
    deployed: CommitId,
    commit: CommitId,
    relation: Relation,
    rollback: Rollback,
) -> Result<(), GateError> {
    let environment = environment.clone();
    match (rollback, relation) {
        (Rollback::Allowed, _)
        | (Rollback::Refused, Relation::Same | Relation::FastForward | Relation::Diverged) => Ok(()),
        (Rollback::Refused, Relation::Behind) => Err(GateError::GoesBack { environment, deployed, commit }),
        (Rollback::Refused, Relation::Unknown) => {
            Err(GateError::HistoryCut { environment, deployed, commit })
        }
    }
}

/// The image of each project, from the build record where that is of these very inputs, else as
/// it was found in the cache.
///
/// # Errors
/// [`GateError::NotBuilt`] names every project that has no image.
pub fn check_built(
    commit: CommitId,
    inputs: &BTreeMap<ProjectName, InputDigest>,
    record: Option<&BuildRecord>,
    found: &BTreeMap<ProjectName, RecordedImage>,
) -> Result<BTreeMap<ProjectName, RecordedImage>, GateError> {
    let mut images = BTreeMap::new();
    let mut missing = BTreeSet::new();
    for (project, digest) in inputs {
        let recorded = record.and_then(|record| record.projects.get(project));
        let of_these_inputs =
            [recorded, found.get(project)].into_iter().flatten().find(|image| image.inputs == *digest);
        match of_these_inputs {
            Some(image) => {
                images.insert(project.clone(), image.clone());
            }
            None => {
                missing.insert(project.clone());
            }
        }
    }
    if missing.is_empty() { Ok(images) } else { Err(GateError::NotBuilt { commit, missing }) }
}

fn taken(rule: &EnvironmentRule) -> String {
    let pattern = |kind: &str, pattern: &Option<RefPattern>| {
        pattern.as_ref().map(|pattern| format!("commits of {kind} `{}`", pattern.as_str()))
    };
    let patterns = [pattern("the branch", &rule.branch), pattern("a tag", &rule.tag)];
    patterns.into_iter().flatten().collect::<Vec<_>>().join(" or ")
}

fn found(candidate: &Candidate) -> String {
    let branches = quoted(candidate.branches.iter().map(BranchName::as_str));
    let tags = quoted(candidate.tags.iter().map(String::as_str));
    let branches = if branches.is_empty() { "no branch that is known here".to_owned() } else { branches };
    let tags = if tags.is_empty() { "without a tag".to_owned() } else { format!("with the tag {tags}") };
    format!("on {branches}, {tags}")
}

fn names(projects: &BTreeSet<ProjectName>) -> String {
    quoted(projects.iter().map(ProjectName::as_str))
}

fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ManifestDigest, ObjectId};

    fn commit(byte: u8) -> CommitId {
        CommitId(ObjectId::Sha1([byte; 20]))
    }

    fn environment() -> EnvironmentName {
        "prod".parse().unwrap()
    }

    fn rule(branch: Option<&str>, tag: Option<&str>) -> EnvironmentRule {
        let [branch, tag] = [branch, tag].map(|text| text.map(|text| text.parse().unwrap()));
        EnvironmentRule { line: 1, branch, tag }
    }

    fn candidate(branches: &[&str], tags: &[&str]) -> Candidate {
        Candidate {
            commit: commit(1),
            branches: branches.iter().map(|name| BranchName::new(*name)).collect(),
            tags: tags.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn a_refusal_names_what_is_missing_and_what_can_be_done() {
        let [api, lib] = ["api", "lib"].map(|name| name.parse().unwrap());
        let (deployed, commit) = (commit(2), commit(1));
        let not_allowed = check_rule(&environment(), &rule(Some("main"), None), &candidate(&["next"], &[]));
        let not_built = GateError::NotBuilt { commit, missing: [api, lib].into() };
        let hint = |error: &GateError| error.hint().unwrap_or_default();

        assert_eq!(not_allowed.unwrap_err().hint(), None);
        assert_eq!(
            not_built.to_string(),
            "0101010101 was not built completely: there is no image of `api`, `lib`"
        );
        assert_eq!(hint(&not_built), "`chinampa build` of that commit says why");
        let goes_back = GateError::GoesBack { environment: environment(), deployed, commit };
        assert!(hint(&goes_back).contains("`--rollback`"));
        let cut = GateError::HistoryCut { environment: environment(), deployed, commit };
        assert!(hint(&cut).contains("`--fetch-base`"));
        let service = GateError::NoService { project: "api".parse().unwrap(), service: "x".to_owned() };
        assert!(hint(&service).contains("Terraform"));
    }

    fn image(inputs: u8) -> RecordedImage {
        let inputs = InputDigest::from_bytes([inputs; 32]);
        RecordedImage { repository: "api".to_owned(), inputs, image: ManifestDigest::of(b"m") }
    }

    #[test]
    fn either_pattern_lets_a_commit_in() {
        let rule = rule(Some("main"), Some("v*"));

        for candidate in [candidate(&["main"], &[]), candidate(&["x"], &["v1"])] {
            assert_eq!(check_rule(&environment(), &rule, &candidate), Ok(()));
        }
        let refused = check_rule(&environment(), &rule, &candidate(&["feature/a"], &["w1"]));
        assert_eq!(
            refused.unwrap_err().to_string(),
            "0101010101 may not be deployed to `prod`, which takes commits of the branch `main` or commits of a \
             tag `v*`: it is on `feature/a`, with the tag `w1`"
        );
    }

    #[test]
    fn an_environment_goes_back_only_when_that_is_wanted() {
        let check = |relation, rollback| {
            check_relation(&environment(), commit(2), commit(1), relation, rollback).is_ok()
        };

        for relation in [Relation::Same, Relation::FastForward, Relation::Diverged] {
            assert!(check(relation, Rollback::Refused), "{relation:?}");
        }
        for relation in [Relation::Behind, Relation::Unknown] {
            assert!(!check(relation, Rollback::Refused), "{relation:?}");
            assert!(check(relation, Rollback::Allowed), "{relation:?}");
        }
    }

    #[test]
    fn every_project_without_an_image_is_named() {
        let [api, web]: [ProjectName; 2] = ["api".parse().unwrap(), "web".parse().unwrap()];
        let digest = InputDigest::from_bytes([1; 32]);
        let inputs = BTreeMap::from([(api.clone(), digest), (web.clone(), digest)]);
        let of_other_inputs = BTreeMap::from([(api.clone(), image(2))]);

        let refused = check_built(commit(1), &inputs, None, &of_other_inputs).unwrap_err();

        assert_eq!(refused, GateError::NotBuilt { commit: commit(1), missing: [api, web].into() });
    }

    #[test]
    fn an_image_comes_from_the_record_else_from_the_cache() {
        let [api, web]: [ProjectName; 2] = ["api".parse().unwrap(), "web".parse().unwrap()];
        let digest = InputDigest::from_bytes([1; 32]);
        let inputs = BTreeMap::from([(api.clone(), digest), (web.clone(), digest)]);
        let projects = BTreeMap::from([(api.clone(), image(1)), (web.clone(), image(9))]);
        let record = BuildRecord {
            commit: commit(1),
            branch: None,
            sequence: 0,
            projects,
            durations: BTreeMap::new(),
            builders: BTreeMap::new(),
        };

        let images =
            check_built(commit(1), &inputs, Some(&record), &[(web.clone(), image(1))].into()).unwrap();

        assert_eq!(images, [(api, image(1)), (web, image(1))].into());
    }
}
