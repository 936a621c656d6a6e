//! YAML as another program reads it.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::bed::setting;

/// A key that stands twice is an error there.
const TO_JSON: &str = "import json, sys\n\
    from ruamel.yaml import YAML\n\
print(json.dumps(YAML(typ='safe').load(sys.stdin)))\n";

/// The document in a text.
pub(super) fn read(text: &str) -> Value {
    let mut python = Command::new(setting("PYTHON"));
    let python = python.args(["-c", TO_JSON]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut python = python.stderr(Stdio::piped()).spawn().unwrap();
    python.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
