//! The policies of IAM that a repository needs.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::model::printable_json;
use crate::permissions::{AwsPolicies, PolicyDocument, Principal, Reason};

/// `chinampa.aws_policy/1`
pub fn json(policies: &AwsPolicies) -> Value {
    let principals = policies.principals.iter().map(|principal| {
        let Principal { name, account, policies, reasons, trust_policy } = principal;
        let reasons =
            reasons.iter().map(|Reason { actions, text }| json!({ "actions": actions, "reason": text }));
        json!({
            "name": name,
            "account": account,
            "policies": policies,
            "trust_policy": trust_policy,
            "reasons": reasons.collect::<Vec<_>>(),
        })
    });
    json!({
        "schema": "chinampa.aws_policy/1",
        "principals": principals.collect::<Vec<_>>(),
        "notes": policies.notes,
    })
}

/// The documents of somebody, as they are attached.
#[derive(Serialize)]
struct Documents<'d> {
    #[serde(skip_serializing_if = "Option::is_none")]
    trust_policy: Option<&'d PolicyDocument>,
    policies: &'d [PolicyDocument],
}

/// One document as it is, so that it can be handed to AWS; several by whose they are.
pub fn text(policies: &AwsPolicies) -> String {
    let text = match &policies.principals[..] {
        [Principal { policies, trust_policy: None, .. }] if policies.len() == 1 => {
            serde_json::to_string_pretty(&policies[0])
        }
        several => {
            let documents = several.iter().map(|principal| {
                let Principal { name, policies, trust_policy, .. } = principal;
                (name, Documents { trust_policy: trust_policy.as_ref(), policies })
            });
            serde_json::to_string_pretty(&documents.collect::<BTreeMap<_, _>>())
        }
    };
    let text = text.expect("documents of texts are JSON");
    format!("{}\n", printable_json(&text))
}
