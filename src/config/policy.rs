//! `[cache.policy]` and `[deploy.policy]`: how repositories of ECR are kept.

use std::num::NonZeroU32;

use super::fields::Item;
use super::role::Role;
use super::{ProjectConfig, WorkspaceName};
use crate::model::RepositoryName;

pub(super) const KEYS: &[&str] = &["keep", "immutable_tags", "scan_on_push"];

/// As many images as a repository of ECR holds, unless AWS was asked for more.
const MAX_KEPT: i64 = 100_000;

/// As many exceptions as ECR takes.
const MAX_MOVING: usize = 5;

/// How each repository is kept.
///
/// What is `None` is left as it is in a repository that is there; a new one gets AWS's own choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Maximum number of images with a `cache-` tag, the newest. `None`: whatever lifecycle policy a
    /// repository has is left alone.
    pub keep: Option<NonZeroU32>,
    /// Whether a tag stands for one image for good.
    pub immutable_tags: Option<bool>,
    /// The tags that move all the same: at most five patterns, in which `*` stands for anything.
    pub moving_tags: Vec<String>,
    /// Whether images are scanned as they are pushed.
    pub scan_on_push: Option<bool>,
    /// The repositories of records, locks and taints, with the prefix: their tags move, whatever others do.
    pub records: Vec<RepositoryName>,
}

/// Leaves all as it is.
impl Default for Policy {
    fn default() -> Self {
        Self {
            keep: None,
            immutable_tags: None,
            moving_tags: Vec::new(),
            scan_on_push: None,
            records: Vec::new(),
        }
    }
}

impl Policy {
    /// What holds where the manifest says nothing: caches are cleaned up, and nothing else is touched.
    pub(super) fn of_role(role: Role) -> Self {
        let keep = match role {
            Role::Cache => Some(NonZeroU32::new(200).expect("200 is more than nothing")),
            Role::Deploy => None,
        };
        Self { keep, ..Self::default() }
    }
}

pub(super) fn read(item: Item<'_>, role: Role) -> Policy {
    let Some(fields) = item.fields(KEYS) else {
        return Policy::of_role(role);
    };
    let mut policy = Policy {
        immutable_tags: fields.item("immutable_tags").and_then(|item| item.flag()),
        scan_on_push: fields.item("scan_on_push").and_then(|item| item.flag()),
        ..Policy::of_role(role)
    };
    if let Some(keep) = fields.item("keep").and_then(keep) {
        policy.keep = Some(keep);
    }
    if role == Role::Cache {
        // Of what a build writes, only `cache-` tags never move.
        policy.moving_tags = ["branch-*", "commit-*", "deployed-*", "pushed-*"].map(str::to_owned).to_vec();
    }
    policy
}

fn keep(item: Item<'_>) -> Option<NonZeroU32> {
    let keep = item.integer()?;
    let kept = u32::try_from(keep).ok().filter(|_| keep <= MAX_KEPT).and_then(NonZeroU32::new);
    if kept.is_none() {
        item.wrong(format_args!("a number from 1 to {MAX_KEPT} is expected, not {keep}"));
    }
    kept
}

/// Adds the tags that a deployment moves. Reports where they are more than ECR takes.
pub(super) fn add_deploy_tags<'p>(
    policy: &mut Policy,
    item: Item<'_>,
    workspace: &WorkspaceName,
    projects: impl Iterator<Item = &'p ProjectConfig>,
) {
    let mut tags: Vec<String> = projects.flat_map(|project| &project.tags).map(ToString::to_string).collect();
    tags.push(format!("{workspace}-*"));
    tags.sort();
    tags.dedup();
    if policy.immutable_tags == Some(true) && tags.len() > MAX_MOVING {
        item.wrong(format_args!(
            "with `immutable_tags` ECR lets at most {MAX_MOVING} tags move, and these are {}: `{}`",
            tags.len(),
            tags.join("`, `")
        ));
    }
    policy.moving_tags = tags;
}
