//! Which fields differ between two configurations of images, and between two manifests.

use std::collections::BTreeSet;

use serde_json::Value;

/// How many fields are named.
const MAX_FIELDS: usize = 100;

/// The fields that differ, as `config.Env[0]` or `manifest.annotations.a`. Those that describe layers are left out: the layers
/// say more.
pub(super) fn fields(
    first: &Value,
    second: &Value,
    first_manifest: &Value,
    second_manifest: &Value,
) -> Vec<String> {
    let mut found = BTreeSet::new();
    compare("", &without(first, &["rootfs"]), &without(second, &["rootfs"]), &mut found);
    let described = ["config", "layers"];
    compare(
        "manifest",
        &without(first_manifest, &described),
        &without(second_manifest, &described),
        &mut found,
    );
    found.into_iter().take(MAX_FIELDS).collect()
}

fn without(value: &Value, keys: &[&str]) -> Value {
    let mut value = value.clone();
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|key, _| !keys.contains(&key.as_str()));
    }
    value
}

fn compare(path: &str, first: &Value, second: &Value, found: &mut BTreeSet<String>) {
    match (first, second) {
        _ if first == second => {}
        (Value::Object(one), Value::Object(other)) => {
            for key in one.keys().chain(other.keys()) {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let value = |of: &serde_json::Map<String, Value>| of.get(key).cloned().unwrap_or_default();
                compare(&path, &value(one), &value(other), found);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (place, (first, second)) in one.iter().zip(other).enumerate() {
                compare(&format!("{path}[{place}]"), first, second, found);
            }
        }
        _ => {
            found.insert(path.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_field_that_differs_is_named_and_those_of_layers_are_not() {
        let first = json!({
            "created": "a", "os": "linux", "config": { "Env": ["A=1", "B=1"], "Labels": { "l": "1" } },
            "history": [{ "created": "a" }], "rootfs": { "diff_ids": ["x"] },
        });
        let second = json!({
            "created": "b", "os": "linux", "config": { "Env": ["A=1", "B=2"], "Labels": {}, "User": "u" },
            "history": [{ "created": "b" }, {}], "rootfs": { "diff_ids": ["y"] },
        });
        let manifest =
            |annotation: &str| json!({ "layers": [annotation], "annotations": { "a": annotation } });

        let found = fields(&first, &second, &manifest("1"), &manifest("2"));

        let expected = [
            "config.Env[1]",
            "config.Labels.l",
            "config.User",
            "created",
            "history",
            "manifest.annotations.a",
        ];
        assert_eq!(found, expected);
        assert!(fields(&first, &first, &manifest("1"), &manifest("1")).is_empty());
    }
}
