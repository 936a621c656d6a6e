//! The emulator of AWS, asked past the tool.

use std::process::Command;

use serde_json::Value;

use super::bed::setting;

/// The region of the bed's first emulator.
pub(crate) const REGION: &str = "us-east-2";

/// The interface of ECR, as `X-Amz-Target` names it.
pub(crate) const ECR: &str = "AmazonEC2ContainerRegistry_V20150921";

/// Asks an emulator itself for an operation of one of AWS's services.
pub(crate) fn ask(
    emulator: &str,
    region: &str,
    service: &str,
    interface: &str,
    operation: &str,
    request: &Value,
) -> Value {
    let target = format!("X-Amz-Target: {interface}.{operation}");
    let scope =
        format!("Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/{region}/{service}/aws4_request");
    let output = Command::new("curl")
        .args(["-s", "--noproxy", "*", "-H", "Content-Type: application/x-amz-json-1.1", "-H", &target])
        .args(["-H", &scope, "-d", &request.to_string(), &format!("http://{}/", setting(emulator))])
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}
