use serde_json::{Value, json};

use super::*;

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

fn digest(content: &str) -> ManifestDigest {
    ManifestDigest::of(content.as_bytes())
}

fn descriptor(media_type: &str, content: &str) -> Value {
    json!({ "mediaType": media_type, "digest": digest(content), "size": content.len() })
}

fn manifest(media_type: &str, document: &Value) -> Manifest {
    Manifest { bytes: document.to_string().into(), media_type: media_type.to_owned() }
}

fn image_of(layers: &[Value]) -> Value {
    json!({ "schemaVersion": 2, "config": descriptor("application/x", "config"), "layers": layers })
}

fn index_of(manifests: &[&Manifest]) -> Manifest {
    let entries: Vec<_> = manifests
        .iter()
        .map(|each| json!({ "mediaType": IMAGE, "digest": each.digest(), "size": each.bytes.len() }))
        .collect();
    manifest(OCI_INDEX, &json!({ "schemaVersion": 2, "manifests": entries }))
}

fn name() -> ImageRef {
    "r.example/api".parse().unwrap()
}

#[test]
fn layers_that_must_not_be_distributed_are_no_blobs_to_copy() {
    let layers = [
        descriptor(LAYER, "ours"),
        descriptor("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "foreign"),
        descriptor("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "licensed"),
    ];

    let named = Named::read(&manifest(IMAGE, &image_of(&layers))).unwrap();

    assert_eq!(named.blobs, [(digest("ours"), 4), (digest("config"), 6)]);
}

#[test]
fn what_could_be_read_in_two_ways_or_in_none_is_refused() {
    let image = image_of(&[descriptor(LAYER, "a")]);
    let with = |key: &str, value: Value| {
        let mut image = image.clone();
        image[key] = value;
        image
    };
    let layer = |key: &str, value: Value| {
        let mut layer = descriptor(LAYER, "a");
        layer[key] = value;
        image_of(&[layer])
    };
    assert!(Named::read(&manifest(IMAGE, &image)).is_ok());

    for broken in [
        with("manifests", json!([])),
        with("mediaType", OCI_INDEX.into()),
        with("config", Value::Null),
        with("layers", Value::Null),
        layer("digest", "sha512:00".into()),
        layer("digest", "../../x".into()),
        layer("size", (-1).into()),
        json!([]),
        json!({}),
    ] {
        assert!(Named::read(&manifest(IMAGE, &broken)).is_err(), "{broken}");
    }
    assert!(Named::read(&manifest(OCI_INDEX, &image)).is_err());
    let index = |more: &[&str]| {
        let mut index = json!({ "schemaVersion": 2, "manifests": [] });
        more.iter().for_each(|key| index[key] = image[key].clone());
        manifest(OCI_INDEX, &index)
    };
    assert!(Named::read(&index(&[])).is_ok());
    for more in [&["config"][..], &["layers"], &["config", "layers"]] {
        assert!(Named::read(&index(more)).is_err(), "{more:?}");
    }
}

#[test]
fn a_manifest_comes_after_all_that_it_names_however_often_they_are_named() {
    let leaf = manifest(IMAGE, &image_of(&[]));
    let inner = index_of(&[&leaf]);
    let root = index_of(&[&leaf, &inner, &leaf]);
    let mut gathered = Gathered::default();

    let first = gathered.add(&name(), root.digest(), root.clone()).unwrap();
    let second = gathered.add(&name(), leaf.digest(), leaf.clone()).unwrap();
    let third = gathered.add(&name(), inner.digest(), inner.clone()).unwrap();

    let digests = |new: &[(ManifestDigest, Option<u64>)]| new.iter().map(|each| each.0).collect::<Vec<_>>();
    assert_eq!(digests(&first), [leaf.digest(), inner.digest()]);
    assert!(second.is_empty() && third.is_empty());
    let order: Vec<_> =
        gathered.sorted(&root.digest()).manifests.into_iter().map(|part| part.digest).collect();
    assert_eq!(order, [leaf.digest(), inner.digest(), root.digest()]);
}

#[test]
fn an_image_without_measure_is_refused() {
    let layers: Vec<_> = (0..MAX_BLOBS).map(|number| descriptor(LAYER, &number.to_string())).collect();
    let many = manifest(IMAGE, &image_of(&layers));
    let two_sizes = {
        let mut other = descriptor(LAYER, "a");
        other["size"] = 9.into();
        manifest(IMAGE, &image_of(&[descriptor(LAYER, "a"), other]))
    };

    for broken in [many, two_sizes] {
        let error = Gathered::default().add(&name(), broken.digest(), broken).unwrap_err();

        assert!(matches!(error, RegistryError::Malformed { .. }), "{error}");
    }
}

#[test]
fn large_blobs_come_first() {
    let part = |blobs: &[(&str, u64)]| Part {
        digest: digest("manifest"),
        manifest: manifest(IMAGE, &json!({})),
        names: Named {
            manifests: Vec::new(),
            blobs: blobs.iter().map(|(content, size)| (digest(content), *size)).collect(),
        },
    };
    let parts = [part(&[("a", 1), ("b", 3)]), part(&[("c", 2), ("a", 1)])];

    let sizes: Vec<_> = largest_first(&parts).into_iter().map(|(_, size)| size).collect();

    assert_eq!(sizes, [3, 2, 1]);
}
