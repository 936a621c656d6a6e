//! The errors of AWS's services that deployments know, against those that botocore documents.

use std::collections::BTreeMap;
use std::process::Command;

use regex::Regex;

use crate::support::bed::setting;

const KNOWN: &str = "src/deploy/services/aws/error_codes.json";

/// The status of each error, by service, operation and code.
type ErrorCodes = BTreeMap<String, BTreeMap<String, BTreeMap<String, u16>>>;

fn known() -> ErrorCodes {
    serde_json::from_slice(&std::fs::read(KNOWN).unwrap()).unwrap()
}

/// An error that is new needs a line in `meaning.rs`: what it means, and so whether it is tried again.
#[test]
fn every_error_that_botocore_documents_for_the_operations_that_are_called_is_known() {
    let output = Command::new(setting("PYTHON"))
        .args(["tests/integration/oracles/error_codes.py", KNOWN])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let documented: ErrorCodes = serde_json::from_slice(&output.stdout).unwrap();

    let known = known();
    let mut unknown = Vec::new();
    for (service, operations) in &documented {
        for (operation, errors) in operations {
            // What is known may be of a newer botocore than the bed's.
            let new =
                errors.iter().filter(|(code, status)| known[service][operation].get(*code) != Some(status));
            unknown.extend(new.map(|(code, status)| format!("{service} {operation}: {code} ({status})")));
        }
    }
    assert_eq!(unknown, [""; 0], "these are missing from {KNOWN}");
}

#[test]
fn every_operation_that_is_called_by_its_name_is_among_them() {
    let call = Regex::new(r#""((?:Create|Describe|List|Put|Register|Run|Update)[A-Z][A-Za-z]+)""#).unwrap();
    let mut called = Vec::new();
    for file in std::fs::read_dir("src/deploy/services/aws").unwrap() {
        let path = file.unwrap().path();
        if path.is_file() && !path.ends_with("tests.rs") {
            let source = std::fs::read_to_string(path).unwrap();
            called.extend(call.captures_iter(&source).map(|found| found[1].to_owned()));
        }
    }
    assert!(called.len() > 15, "{called:?}");

    let known = known();
    called.retain(|operation| !known.values().any(|operations| operations.contains_key(operation)));
    assert_eq!(called, [""; 0], "these are missing from {KNOWN}");
}
