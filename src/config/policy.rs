//! `[cache.policy]` and `[deploy.policy]`: how repositories of ECR are made and kept.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use super::fields::{Item, Located};
use super::role::Role;
use super::{ProjectConfig, WorkspaceName};
use crate::model::{BranchName, RepoPath, RepositoryName, Tag};

pub(super) const KEYS: &[&str] = &[
    "keep",
    "immutable_tags",
    "scan_on_push",
    "repository_policy",
    "tags",
    "kms_key",
    "create",
    "lifecycle",
];

/// As many images as a repository of ECR holds, unless AWS was asked for more.
const MAX_KEPT: i64 = 100_000;

/// As many exceptions as ECR takes.
const MAX_MOVING: usize = 5;

/// As many tags as AWS lets a resource have.
const MAX_TAGS: usize = 50;

/// How each repository is made and kept.
///
/// What is `None` is left as it is in a repository that is there; a new one gets AWS's own choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub lifecycle: Lifecycle,
    /// What expires, besides.
    pub contents: Contents,
    /// Patterns of the tags whose images never expire.
    pub lasting_tags: Vec<String>,
    /// Whether a tag stands for one image for good.
    pub immutable_tags: Option<bool>,
    /// Which tags that is about.
    pub fixed_tags: FixedTags,
    /// Whether images are scanned as they are pushed.
    pub scan_on_push: Option<bool>,
    /// The repositories of records, locks and taints, with the prefix: their tags move, whatever others do, and other
    /// things expire there.
    pub records: Vec<RepositoryName>,
    /// Who else may use the repositories.
    pub repository_policy: Option<RepositoryPolicy>,
    /// Tags of the AWS resource. Others that a repository has are left alone.
    pub tags: BTreeMap<String, String>,
    /// The key that new repositories are encrypted with.
    pub kms_key: Option<String>,
    /// Whether repositories that are missing are created.
    pub create: bool,
}

/// The tags that can't be moved in a repository whose tags are immutable: at most five patterns, in which `*` stands for anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FixedTags {
    /// Of what a build writes, only tags of inputs never move: `MUTABLE_WITH_EXCLUSION`.
    Only(Vec<String>),
    /// Of what is promoted, only the tags that say what runs move: `IMMUTABLE_WITH_EXCLUSION`.
    AllBut(Vec<String>),
}

/// What becomes of the lifecycle policy of a repository. The number is that of the images that are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifecycle {
    /// It stays as it is.
    Leave,
    /// It is set where there is none, and where an earlier run has set it.
    Add(NonZeroU32),
    /// It is set, whatever is there.
    Replace(NonZeroU32),
}

/// What repositories are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// What builds write.
    Built,
    /// What deployments promote.
    Promoted,
}

/// The document of IAM that says who may use a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryPolicy {
    pub file: Located<RepoPath>,
    /// What the file has in it. `None` as long as only the manifest was read.
    pub text: Option<String>,
}

/// Leaves all as it is.
impl Default for Policy {
    fn default() -> Self {
        Self {
            lifecycle: Lifecycle::Leave,
            contents: Contents::Built,
            lasting_tags: Vec::new(),
            immutable_tags: None,
            fixed_tags: FixedTags::AllBut(Vec::new()),
            scan_on_push: None,
            records: Vec::new(),
            repository_policy: None,
            tags: BTreeMap::new(),
            kms_key: None,
            create: true,
        }
    }
}

impl Policy {
    /// What holds where the manifest says nothing: caches are cleaned up, and nothing else is touched.
    pub(super) fn of_role(role: Role) -> Self {
        match role {
            Role::Cache => Self { lifecycle: Lifecycle::Add(default_keep()), ..Self::default() },
            Role::Deploy => Self { contents: Contents::Promoted, ..Self::default() },
        }
    }
}

fn default_keep() -> NonZeroU32 {
    NonZeroU32::new(200).expect("200 is more than nothing")
}

pub(super) fn read(item: Item<'_>, role: Role) -> Policy {
    let Some(fields) = item.fields(KEYS) else {
        return Policy::of_role(role);
    };
    let file = |item: Item<'_>| Some(RepositoryPolicy { file: item.located(item.path()?), text: None });
    let mut policy = Policy {
        immutable_tags: fields.item("immutable_tags").and_then(|item| item.flag()),
        scan_on_push: fields.item("scan_on_push").and_then(|item| item.flag()),
        repository_policy: fields.item("repository_policy").and_then(file),
        tags: fields.item("tags").map(tags).unwrap_or_default(),
        kms_key: fields.item("kms_key").and_then(|item| item.read(key)),
        create: fields.item("create").and_then(|item| item.flag()).unwrap_or(true),
        ..Policy::of_role(role)
    };
    let keep = fields.item("keep").and_then(keep);
    let lifecycle = fields.item("lifecycle");
    policy.lifecycle = match (lifecycle.and_then(|item| item.flag()), keep) {
        (Some(false), None) => Lifecycle::Leave,
        (None, None) => policy.lifecycle,
        (Some(true), None) => Lifecycle::Replace(default_keep()),
        (Some(true) | None, Some(keep)) => Lifecycle::Replace(keep),
        (Some(false), Some(_)) => {
            if let Some(item) = fields.item("keep") {
                item.wrong("`lifecycle = false` leaves the lifecycle policy to others");
            }
            Lifecycle::Leave
        }
    };
    if role == Role::Cache {
        policy.fixed_tags = FixedTags::Only(vec!["cache-*".to_owned()]);
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

/// After "Tag restrictions" (Amazon ECR User Guide); the characters are AWS's to check.
fn tags(item: Item<'_>) -> BTreeMap<String, String> {
    let tag = |item: Item<'_>| {
        let (key, value) = (item.key(), item.text()?);
        let is_key = (1..=128).contains(&key.chars().count()) && !key.to_lowercase().starts_with("aws:");
        if !is_key || value.chars().count() > 256 {
            item.wrong("a tag has up to 128 characters, not beginning with `aws:`, and a value of up to 256");
            return None;
        }
        Some((key.to_owned(), value.to_owned()))
    };
    let tags: BTreeMap<String, String> = item.members(tag).into_iter().collect();
    if tags.len() > MAX_TAGS {
        item.wrong(format_args!("AWS takes at most {MAX_TAGS} tags, and these are {}", tags.len()));
    }
    tags
}

fn key(text: &str) -> Result<String, &'static str> {
    match text.is_empty() || text.contains(char::is_whitespace) {
        true => Err("the ARN, the id or the alias of a key is expected, such as `alias/images`"),
        false => Ok(text.to_owned()),
    }
}

/// Adds the tags of a cache whose images never expire: what runs somewhere, and what the newest records of the default
/// branch need.
pub(super) fn add_cache_tags(policy: &mut Policy, default_branch: &BranchName) {
    let branch = Tag::branch(default_branch);
    let stages = format!("{branch}.*");
    policy.lasting_tags = vec!["deployed-*".to_owned(), branch.to_string(), stages, "record-*".to_owned()];
}

/// The tags that a deployment moves. Reports where they are more than ECR takes.
pub(super) fn deploy_tags<'p>(
    policy: &Policy,
    item: Item<'_>,
    workspace: &WorkspaceName,
    projects: impl Iterator<Item = &'p ProjectConfig>,
) -> Vec<String> {
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
    tags
}
