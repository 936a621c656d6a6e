//! What a BuildKit daemon is asked for.

use std::collections::{BTreeMap, HashMap};

use bollard_buildkit_proto::moby::buildkit::v1::{CacheOptions, CacheOptionsEntry, Exporter, SolveRequest};

use super::BuildRequest;
use super::session;
use crate::model::ImageRef;

/// Where an image goes, and how.
#[derive(Clone, Debug)]
pub struct Export {
    /// Host and repository, without a tag.
    pub repository: ImageRef,
    /// Whether the registry is spoken to over plain HTTP.
    pub insecure: bool,
    /// When the image was created: seconds since 1970.
    pub created_seconds: u64,
    /// Where the layers of all stages are kept for other daemons, if anywhere.
    pub cache_to: Option<ImageRef>,
}

pub(super) fn solve_request(request: &BuildRequest, export: &Export, session: &str) -> SolveRequest {
    let exporter = Exporter { r#type: "image".to_owned(), attrs: exporter_attributes(request, export) };
    let cache =
        CacheOptions { exports: cache_export(export).into_iter().collect(), ..CacheOptions::default() };
    SolveRequest {
        r#ref: session::new_id(),
        // Before v0.13, there is but one exporter.
        exporter_deprecated: exporter.r#type.clone(),
        exporter_attrs_deprecated: exporter.attrs.clone(),
        exporters: vec![exporter],
        session: session.to_owned(),
        frontend: "dockerfile.v0".to_owned(),
        frontend_attrs: frontend_attributes(request, export),
        cache: Some(cache),
        ..SolveRequest::default()
    }
}

/// The image is pushed by its digest alone, and no name of it stays in the daemon.
fn exporter_attributes(request: &BuildRequest, export: &Export) -> HashMap<String, String> {
    let name = export.repository.name();
    let created = export.created_seconds.to_string();
    let mut attributes = vec![
        ("name", name.as_str()),
        ("push", "true"),
        ("push-by-digest", "true"),
        ("name-canonical", "true"),
        ("store", "false"),
        // In the exporter only: as a build argument, steps could read it.
        ("source-date-epoch", created.as_str()),
    ];
    if let Some(epoch) = request.build_args.get("SOURCE_DATE_EPOCH") {
        // Whoever says it wants the files to have it, too.
        attributes.extend([("source-date-epoch", epoch.as_str()), ("rewrite-timestamp", "true")]);
    }
    if export.insecure {
        attributes.push(("registry.insecure", "true"));
    }
    owned(attributes)
}

fn frontend_attributes(request: &BuildRequest, export: &Export) -> HashMap<String, String> {
    let mut attributes = HashMap::from([("filename".to_owned(), "Dockerfile".to_owned())]);
    if let Some(target) = &request.target {
        attributes.insert("target".to_owned(), target.to_string());
    }
    if let Some(platform) = &request.platform {
        attributes.insert("platform".to_owned(), platform.to_string());
    }
    if request.pull {
        attributes.insert("image-resolve-mode".to_owned(), "pull".to_owned());
    }
    if request.no_cache {
        // Without a value: no stage in particular, but all of them.
        attributes.insert("no-cache".to_owned(), String::new());
    }
    let proxies = request.proxies.iter().map(|(name, value)| (name, value.reveal()));
    let mut build_args: BTreeMap<&String, &str> = proxies.collect();
    build_args.extend(request.build_args.iter().map(|(name, value)| (name, value.as_str())));
    attributes
        .extend(build_args.into_iter().map(|(name, value)| (format!("build-arg:{name}"), value.to_owned())));
    attributes.extend(request.labels.iter().map(|(name, value)| (format!("label:{name}"), value.clone())));
    if !request.cache_from.is_empty() {
        let import = |image: &ImageRef| {
            let mut of_cache = serde_json::json!({ "ref": image.to_string() });
            if export.insecure {
                of_cache["registry.insecure"] = "true".into();
            }
            serde_json::json!({ "Type": "registry", "Attrs": of_cache })
        };
        let imports: Vec<_> = request.cache_from.iter().map(import).collect();
        attributes.insert("cache-imports".to_owned(), serde_json::json!(imports).to_string());
    }
    attributes
}

/// The layers of all stages. An image does not depend on whether they can be kept.
fn cache_export(export: &Export) -> Option<CacheOptionsEntry> {
    let reference = export.cache_to.as_ref()?.to_string();
    let mut attributes = vec![
        ("ref", reference.as_str()),
        ("mode", "max"),
        ("image-manifest", "true"),
        ("oci-mediatypes", "true"),
        ("ignore-error", "true"),
    ];
    if export.insecure {
        attributes.push(("registry.insecure", "true"));
    }
    Some(CacheOptionsEntry { r#type: "registry".to_owned(), attrs: owned(attributes) })
}

fn owned(attributes: Vec<(&str, &str)>) -> HashMap<String, String> {
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Context, ContextReuse, Logins};

    fn request() -> BuildRequest {
        BuildRequest {
            context: Context::default(),
            reuse: ContextReuse::Run("test".to_owned()),
            dockerfile: b"FROM a".to_vec(),
            target: Some("runtime".parse().unwrap()),
            platform: Some("linux/arm64".parse().unwrap()),
            build_args: [("A".to_owned(), "1".to_owned())].into(),
            proxies: [("http_proxy".to_owned(), crate::model::Secret::new("http://p"))].into(),
            labels: [("l".to_owned(), "2".to_owned())].into(),
            secrets: BTreeMap::new(),
            ssh: BTreeMap::new(),
            cache_from: vec!["r.example/api:branch-main".parse().unwrap()],
            inline_cache: false,
            pull: false,
            no_cache: false,
            logins: Logins::none(),
        }
    }

    fn export() -> Export {
        Export {
            repository: "r.example/api".parse().unwrap(),
            insecure: false,
            created_seconds: 7,
            cache_to: Some("r.example/api:branch-main..linux-arm64".parse().unwrap()),
        }
    }

    #[test]
    fn an_image_is_pushed_by_its_digest_and_no_name_stays_anywhere() {
        let attributes = exporter_attributes(&request(), &export());

        let expected = [
            ("name", "r.example/api"),
            ("push", "true"),
            ("push-by-digest", "true"),
            ("name-canonical", "true"),
            ("store", "false"),
            ("source-date-epoch", "7"),
        ];
        assert_eq!(attributes, owned(expected.to_vec()));
    }

    #[test]
    fn the_times_of_files_are_rewritten_only_for_who_says_the_time() {
        let mut request = request();
        request.build_args.insert("SOURCE_DATE_EPOCH".to_owned(), "42".to_owned());

        let said = exporter_attributes(&request, &export());

        assert_eq!((said["source-date-epoch"].as_str(), said["rewrite-timestamp"].as_str()), ("42", "true"));
        // The commit's time is no build argument: a step could read it, and the input digest does not have it.
        let frontend = frontend_attributes(&self::request(), &export());
        assert!(!frontend.contains_key("build-arg:SOURCE_DATE_EPOCH"), "{frontend:?}");
    }

    #[test]
    fn the_frontend_is_told_all_that_an_engine_is_told() {
        let attributes = frontend_attributes(&request(), &export());

        let imports = r#"[{"Attrs":{"ref":"r.example/api:branch-main"},"Type":"registry"}]"#;
        let expected = [
            ("filename", "Dockerfile"),
            ("target", "runtime"),
            ("platform", "linux/arm64"),
            ("build-arg:A", "1"),
            ("build-arg:http_proxy", "http://p"),
            ("label:l", "2"),
            ("cache-imports", imports),
        ];
        assert_eq!(attributes, owned(expected.to_vec()));
    }

    #[test]
    fn all_stages_are_built_without_cache_only_if_that_is_asked_for() {
        let no_cache = BuildRequest { no_cache: true, ..request() };

        let attribute = |request| frontend_attributes(request, &export()).get("no-cache").cloned();

        assert_eq!((attribute(&request()), attribute(&no_cache)), (None, Some(String::new())));
    }

    #[test]
    fn a_registry_without_tls_is_named_as_one_everywhere() {
        let export = Export { insecure: true, ..export() };

        let cache = cache_export(&export).unwrap().attrs;
        let imports = frontend_attributes(&request(), &export).remove("cache-imports").unwrap();

        assert_eq!(exporter_attributes(&request(), &export)["registry.insecure"], "true");
        assert_eq!((cache["registry.insecure"].as_str(), cache["mode"].as_str()), ("true", "max"));
        assert!(imports.contains(r#""registry.insecure":"true""#), "{imports}");
        assert!(cache_export(&Export { cache_to: None, ..export }).is_none());
    }
}
