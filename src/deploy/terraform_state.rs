//! What the configuration of a folder says of its state in S3: who applies it needs permissions there.

use hcl_edit::expr::Expression;
use hcl_edit::structure::Body;
use serde_json::Value;

use crate::model::Region;

/// The settings of the backend `s3`, as far as they are texts of the configuration.
///
/// What is `None` is given elsewhere, such as by `-backend-config`, or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct S3State {
    pub bucket: Option<String>,
    pub region: Option<Region>,
    /// The ARN of a key.
    pub key: Option<String>,
    pub lock_table: Option<String>,
    pub is_locked_by_file: bool,
}

impl S3State {
    /// The last one of a file.
    pub(super) fn of_hcl(body: &Body) -> Option<Self> {
        let blocks = body.get_blocks("terraform").flat_map(|terraform| terraform.body.blocks());
        let is_s3 = |labels: &[hcl_edit::structure::BlockLabel]| {
            labels.first().is_some_and(|label| label.as_str() == "s3")
        };
        let backends = blocks.filter(|block| block.ident.as_str() == "backend" && is_s3(&block.labels));
        backends.last().map(|backend| {
            Self::read(|name| match &backend.body.get_attribute(name)?.value {
                Expression::String(text) => Some(text.as_str().to_owned()),
                Expression::Bool(flag) => Some(flag.to_string()),
                _ => None,
            })
        })
    }

    pub(super) fn of_json(document: &Value) -> Option<Self> {
        // A block can be an array with one.
        let block = |value: &Value| match value {
            Value::Array(blocks) => blocks.last().cloned(),
            value => Some(value.clone()),
        };
        let backend = block(block(document.get("terraform")?)?.get("backend")?)?;
        let s3 = block(backend.get("s3")?)?;
        Some(Self::read(|name| match s3.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => None,
        }))
    }

    fn read(setting: impl Fn(&str) -> Option<String>) -> Self {
        Self {
            bucket: setting("bucket"),
            region: setting("region").and_then(|region| region.parse().ok()),
            key: setting("kms_key_id").filter(|key| key.starts_with("arn:")),
            lock_table: setting("dynamodb_table"),
            is_locked_by_file: setting("use_lockfile").as_deref() == Some("true"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_are_texts_are_known_and_others_are_not() {
        let text = "terraform {\n  backend \"s3\" {\n    bucket = \"state\"\n    region = \"eu-west-2\"\n    \
                    use_lockfile = true\n    dynamodb_table = var.table\n  }\n}\n";
        let json = r#"{"terraform":[{"backend":{"s3":{"bucket":"state","region":"eu-west-2","use_lockfile":true}}}]}"#;

        let of_hcl = S3State::of_hcl(&hcl_edit::parser::parse_body(text).unwrap()).unwrap();
        let of_json = S3State::of_json(&serde_json::from_str(json).unwrap()).unwrap();

        let expected = S3State {
            bucket: Some("state".to_owned()),
            region: Some("eu-west-2".parse().unwrap()),
            is_locked_by_file: true,
            ..S3State::default()
        };
        assert_eq!(of_hcl, expected);
        assert_eq!(of_json, expected);
    }

    #[test]
    fn other_backends_have_no_state_in_s3() {
        for text in ["", "terraform {\n  backend \"gcs\" {}\n}", "terraform {\n  cloud {}\n}"] {
            assert_eq!(S3State::of_hcl(&hcl_edit::parser::parse_body(text).unwrap()), None, "{text}");
        }
        assert_eq!(S3State::of_json(&serde_json::json!({ "terraform": { "backend": { "gcs": {} } } })), None);
    }
}
