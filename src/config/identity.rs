//! `profile`, `role_arn` and `external_id`: who asks AWS.

use super::fields::{Fields, Item};
use crate::model::{AssumedRole, AwsIdentity};

pub(super) const KEYS: [&str; 3] = ["profile", "role_arn", "external_id"];

pub(super) fn read(fields: &Fields<'_>) -> AwsIdentity {
    AwsIdentity { profile: fields.item("profile").and_then(profile), role: role(fields) }
}

/// A role and its external ID, which is nothing without it.
pub(super) fn role(fields: &Fields<'_>) -> Option<AssumedRole> {
    let external_id = fields.item("external_id").map(|item| (item.parse(), item));
    let Some(arn) = fields.item("role_arn") else {
        if let Some((_, item)) = external_id {
            item.wrong("it belongs to a `role_arn`, and there is none in this table");
        }
        return None;
    };
    Some(AssumedRole { arn: arn.parse()?, external_id: external_id.and_then(|(id, _)| id) })
}

fn profile(item: Item<'_>) -> Option<String> {
    let text = item.text()?;
    if text.trim().is_empty() || text.contains(['[', ']']) || text.chars().any(char::is_control) {
        item.wrong("the name of a profile of AWS's configuration files is expected, such as `deployer`");
        return None;
    }
    Some(text.to_owned())
}
