//! Which images ECR removes by itself.
//!
//! ECR applies the rules of a policy in the order of their priority, the lowest number first, and "an image
//! that matches the tagging requirements of a rule cannot be expired by a rule with a lower priority" (Amazon ECR
//! User Guide, "How lifecycle policies work"). So a rule that takes the tags to be kept, and more images of
//! them than a repository can hold, protects those images from every rule behind it. Several patterns in
//! one rule would ask for images that have them all, therefore each pattern has a rule of its own. The images that an index
//! names can't expire before it, whatever tags they have.

use std::num::NonZeroU32;

use serde_json::{Value, json};

use crate::config::Contents;

/// More images than a repository can hold.
const NEVER: u32 = 999_999;

/// Build records, so that the newest of every branch that is worked on are there: each takes some kilobytes.
const MAX_RECORDS: u32 = 10_000;

/// Branches on which nothing was built for so long have no layer cache of their own any more.
const BRANCH_DAYS: u32 = 90;

/// For what the jobs of a run have claimed or tried in vain: no run lasts that long.
const CLAIM_DAYS: u32 = 3;

/// For what an interrupted or failed build has left, and for stages that a newer build has replaced.
const LEFTOVER_DAYS: u32 = 7;

/// What each rule's description begins with, so that an earlier policy of this program is known.
const SIGNATURE: &str = "chinampa: ";

/// What a repository is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Images(Contents),
    Records,
}

enum Rule<'r> {
    Never(&'r str),
    MoreThan(&'r str, u32),
    Older(&'r str, u32),
    /// Images without a tag.
    Untagged(u32),
}

/// Keeps the `keep` newest images, and all that `lasting` tags name.
pub(super) fn policy(purpose: Purpose, keep: NonZeroU32, lasting: &[String]) -> Value {
    let own: &[Rule<'_>] = match purpose {
        Purpose::Records => &[
            Rule::Never("deployed-*"),
            Rule::Never("deploying-*"),
            Rule::Never("branch-*"),
            Rule::MoreThan("commit-*", MAX_RECORDS),
            Rule::MoreThan("run-*", MAX_RECORDS),
            Rule::Older("claim-*", CLAIM_DAYS),
            Rule::Untagged(LEFTOVER_DAYS),
        ],
        Purpose::Images(Contents::Built) => &[
            Rule::Older("branch-*", BRANCH_DAYS),
            Rule::MoreThan("cache-*", keep.get()),
            Rule::Older("commit-*", LEFTOVER_DAYS),
            Rule::Older("pushed-*", LEFTOVER_DAYS),
            Rule::Older("timing-*", LEFTOVER_DAYS),
            Rule::Untagged(LEFTOVER_DAYS),
        ],
        // Signatures and the like have no tag there, and refer to their image.
        Purpose::Images(Contents::Promoted) => &[Rule::MoreThan("*", keep.get())],
    };
    let lasting = match purpose {
        Purpose::Records => &[],
        Purpose::Images(_) => lasting,
    };
    let lasting = lasting.iter().map(|pattern| Rule::Never(pattern).json());
    let rules = (1..).zip(lasting.chain(own.iter().map(Rule::json)));
    let rules: Vec<Value> = rules
        .map(|(priority, (description, selection))| {
            json!({
                "rulePriority": priority,
                "description": format!("{SIGNATURE}{description}"),
                "selection": selection,
                "action": { "type": "expire" },
            })
        })
        .collect();
    json!({ "rules": rules })
}

impl Rule<'_> {
    /// A description, and what is selected.
    fn json(&self) -> (String, Value) {
        match *self {
            Self::Never(pattern) => (
                format!("keep images with tags `{pattern}`"),
                json!({ "tagStatus": "tagged", "tagPatternList": [pattern], "countType": "imageCountMoreThan", "countNumber": NEVER }),
            ),
            Self::MoreThan(pattern, count) => (
                format!("keep the newest {count} images with tags `{pattern}`"),
                json!({ "tagStatus": "tagged", "tagPatternList": [pattern], "countType": "imageCountMoreThan", "countNumber": count }),
            ),
            Self::Older(pattern, days) => (
                format!("keep images with tags `{pattern}` for {days} days"),
                json!({ "tagStatus": "tagged", "tagPatternList": [pattern], "countType": "sinceImagePushed", "countUnit": "days", "countNumber": days }),
            ),
            Self::Untagged(days) => (
                format!("keep images without tags for {days} days"),
                json!({ "tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": days }),
            ),
        }
    }
}

/// Whether a policy, as ECR gives it back, says the same: layout and the order of keys and rules don't matter.
pub(super) fn is_same(policy: &Value, text: &str) -> bool {
    serde_json::from_str(text).is_ok_and(|there: Value| in_order(&there) == in_order(policy))
}

/// Whether a version of this program has written a policy. The first ones did not sign.
pub(super) fn is_ours(text: &str) -> bool {
    let Ok(policy) = serde_json::from_str::<Value>(text) else { return false };
    let rules = policy["rules"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_ours = |rule: &Value| {
        let description = rule["description"].as_str().unwrap_or_default();
        let is_first = description == "keep what `branch-` tags name"
            || description == "keep what `deployed-` tags name"
            || description.starts_with("keep ") && description.ends_with(" images with `cache-` tags");
        description.starts_with(SIGNATURE) || is_first
    };
    !rules.is_empty() && rules.iter().all(is_ours)
}

fn in_order(policy: &Value) -> Value {
    let mut policy = policy.clone();
    if let Some(rules) = policy.get_mut("rules").and_then(Value::as_array_mut) {
        rules.sort_by_key(|rule| rule["rulePriority"].as_u64());
    }
    policy
}

#[cfg(test)]
mod tests;
