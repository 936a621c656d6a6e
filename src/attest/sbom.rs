//! The formats of SBOMs.

use serde_json::Value;

/// The type of the artifact that has this SBOM; `None` for what is none in JSON.
pub(super) fn artifact_type(content: &[u8]) -> Option<&'static str> {
    let document: Value = serde_json::from_slice(content).ok()?;
    if document["spdxVersion"].is_string() || document["@context"].as_str().is_some_and(is_spdx_3) {
        Some("application/spdx+json")
    } else if document["bomFormat"] == "CycloneDX" {
        Some("application/vnd.cyclonedx+json")
    } else {
        None
    }
}

/// SPDX 3 is JSON-LD.
fn is_spdx_3(context: &str) -> bool {
    context.starts_with("https://spdx.org/rdf/3.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_what_the_document_says() {
        for (text, expected) in [
            (r#"{"spdxVersion": "SPDX-2.3"}"#, Some("application/spdx+json")),
            (
                r#"{"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"}"#,
                Some("application/spdx+json"),
            ),
            (r#"{"bomFormat": "CycloneDX"}"#, Some("application/vnd.cyclonedx+json")),
            ("{}", None),
            ("NAME  VERSION  TYPE", None),
            ("", None),
        ] {
            assert_eq!(artifact_type(text.as_bytes()), expected, "{text}");
        }
    }
}
