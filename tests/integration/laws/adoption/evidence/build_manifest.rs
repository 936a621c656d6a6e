//! `build_manifest.json` of older scripts.

use std::collections::BTreeMap;

use serde_json::json;

use super::Images;
use crate::laws::adoption::draft::Evidence;
use crate::laws::adoption::paths::relative;

pub(super) fn files(images: Images<'_>) -> BTreeMap<String, String> {
    let mut projects = serde_json::Map::new();
    for image in images.of(Evidence::BuildManifest) {
        let parents = image.parents.iter().map(|parent| &images.all[parent.image]);
        let parents = parents.filter(|parent| parent.evidence == Evidence::BuildManifest);
        let mut entry = json!({
            "buildDir": image.context,
            "dockerfile": relative(&image.context, &image.named),
            "dependencies": parents.map(|parent| parent.name.as_str()).collect::<Vec<_>>(),
        });
        // Where the whole context is copied, its patterns are easily told.
        let folder = &image.folder;
        if image.context == *folder && !image.has_ignore_file {
            entry["rebuildPatterns"] = match image.style % 3 {
                0 => json!([format!("^{folder}/.*$")]),
                1 => json!(["# All of it", format!("{folder}/**")]),
                _ => json!([]),
            };
        }
        projects.insert(image.name.clone(), entry);
    }
    let is_there = !projects.is_empty();
    let text = serde_json::to_string_pretty(&projects).expect("it is JSON");
    is_there.then(|| ("build_manifest.json".to_owned(), text)).into_iter().collect()
}
