//! Which images ECR removes by itself.
//!
//! ECR applies the rules of a policy in the order of their priority, the lowest number first, and "an image
//! that matches the tagging requirements of a rule cannot be expired by a rule with a lower priority" (Amazon ECR
//! User Guide, "How lifecycle policies work"). So a rule that takes the tags to be kept, and more images of
//! them than a repository can hold, protects those images from every rule behind it. Several prefixes in
//! one rule would ask for images that have them all, therefore each prefix has a rule of its own.

use std::num::NonZeroU32;

use serde_json::{Value, json};

/// Images with such tags are never removed, however many there are.
const PROTECTED: [&str; 2] = ["branch-", "deployed-"];

/// More images than a repository can hold.
const NEVER: u32 = 999_999;

/// Keeps the `keep` newest images with a `cache-` tag, and all that [`PROTECTED`] tags name.
pub(super) fn policy(keep: NonZeroU32) -> Value {
    let protect = |prefix: &str| (format!("keep what `{prefix}` tags name"), prefix.to_owned(), NEVER);
    let remove = (format!("keep {keep} images with `cache-` tags"), "cache-".to_owned(), keep.get());
    let rules = PROTECTED.into_iter().map(protect).chain([remove]);
    let rules: Vec<Value> = (1..)
        .zip(rules)
        .map(|(priority, (description, prefix, count))| {
            json!({
                "rulePriority": priority,
                "description": description,
                "selection": {
                    "tagStatus": "tagged",
                    "tagPrefixList": [prefix],
                    "countType": "imageCountMoreThan",
                    "countNumber": count,
                },
                "action": { "type": "expire" },
            })
        })
        .collect();
    json!({ "rules": rules })
}

/// Whether a policy, as ECR gives it back, says the same: layout and the order of keys and rules don't matter.
pub(super) fn is_same(policy: &Value, text: &str) -> bool {
    serde_json::from_str(text).is_ok_and(|there: Value| in_order(&there) == in_order(policy))
}

fn in_order(policy: &Value) -> Value {
    let mut policy = policy.clone();
    if let Some(rules) = policy.get_mut("rules").and_then(Value::as_array_mut) {
        rules.sort_by_key(|rule| rule["rulePriority"].as_u64());
    }
    policy
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> Value {
        policy(NonZeroU32::new(200).unwrap())
    }

    #[test]
    fn what_is_protected_has_a_higher_priority_than_what_is_removed() {
        let rules: Vec<String> = kept()["rules"]
            .as_array()
            .unwrap()
            .iter()
            .map(|rule| {
                let selection = &rule["selection"];
                format!(
                    "{} {} {}",
                    rule["rulePriority"], selection["tagPrefixList"], selection["countNumber"]
                )
            })
            .collect();

        assert_eq!(rules, [r#"1 ["branch-"] 999999"#, r#"2 ["deployed-"] 999999"#, r#"3 ["cache-"] 200"#]);
    }

    #[test]
    fn layout_and_order_are_no_difference_and_a_number_is() {
        let mut turned = kept();
        turned["rules"].as_array_mut().unwrap().reverse();

        assert!(is_same(&kept(), &serde_json::to_string_pretty(&turned).unwrap()));
        assert!(!is_same(&kept(), &kept().to_string().replace("200", "201")));
        for other in ["", "{}", "[]", r#"{"rules":[]}"#] {
            assert!(!is_same(&kept(), other), "{other}");
        }
    }
}
