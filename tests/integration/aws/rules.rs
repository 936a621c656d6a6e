//! What the proxy before the emulator does with tokens, and what it answers in ECR's place.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::support::proxy::{Fault, Rule};

/// What ECR wants to see for a token.
pub(crate) fn shown(token: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("AWS:{token}")))
}

/// Lets the next request for a token be answered with this one, which is good for `seconds`.
pub(crate) fn gives(token: &str, seconds: u64) -> Rule {
    let expires = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + seconds;
    let body = json!({ "authorizationData": [{
        "authorizationToken": STANDARD.encode(format!("AWS:{token}")),
        "expiresAt": expires,
        "proxyEndpoint": "https://123456789012.dkr.ecr.us-east-2.amazonaws.com",
    }] });
    answers(1, "GetAuthorizationToken", 200, &body.to_string())
}

/// Lets ECR want one of these tokens; any other gets `otherwise`.
pub(crate) fn demands(method: &'static str, path: &'static str, tokens: &[&str], otherwise: u16) -> Rule {
    let authorizations = tokens.iter().map(|token| shown(token)).collect();
    Rule { method, path, times: usize::MAX, fault: Fault::Demand { authorizations, otherwise } }
}

/// Lets an operation of AWS be answered so.
pub(crate) fn answers(times: usize, operation: &'static str, code: u16, body: &str) -> Rule {
    let headers = vec![("content-type", "application/x-amz-json-1.1".to_owned())];
    Rule {
        method: "POST",
        path: operation,
        times,
        fault: Fault::Status { code, headers, body: body.to_owned() },
    }
}
