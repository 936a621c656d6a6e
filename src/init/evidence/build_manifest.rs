//! `build_manifest.json` and `build_manifest.yml`, which older scripts read: projects by their names.

use std::rc::Rc;

use super::yaml::{Node, YamlError};
use super::{Build, Ignored, SourceLocation, resolve};
use crate::model::RepoPath;
use crate::workspace::PATTERN_FILE;

pub(in crate::init) const NAMES: &[&str] =
    &["build_manifest.json", "build_manifest.yaml", "build_manifest.yml"];

const KNOWN: &[&str] = &["buildDir", "projectDir", "dockerfile", "rebuildPatterns", "dependencies"];

/// The images that the file `path` builds; what can't be used goes to `ignored`.
///
/// Paths are relative to the file's folder, a Dockerfile's to the project's `buildDir`.
pub(in crate::init) fn builds(
    path: &RepoPath,
    text: &[u8],
    ignored: &mut Vec<Ignored>,
) -> Result<Vec<Build>, YamlError> {
    let file = Node::parse(text)?;
    let mut builds = Vec::new();
    for (name, entry) in file.map().unwrap_or_default() {
        let mut ignore = |line, why| ignored.push(Ignored { at: SourceLocation::new(path, line), why });
        let Some(members) = entry.map() else {
            ignore(entry.line, format!("`{name}` is no project"));
            continue;
        };
        for (key, value) in &members {
            match *key {
                key if KNOWN.contains(&key) => {}
                "multiarch" => ignore(
                    value.line,
                    format!("`multiarch` of `{name}`: with a registry as `[cache]`, name its `platforms`"),
                ),
                key => ignore(value.line, format!("`{key}` of `{name}` has no counterpart")),
            }
        }
        match entry_of(path, name, entry) {
            Ok(build) => builds.push(build),
            Err(why) => ignore(entry.line, why),
        }
    }
    Ok(builds)
}

fn entry_of(path: &RepoPath, name: &str, entry: &Rc<Node>) -> Result<Build, String> {
    let folder = path.parent().unwrap_or_default();
    let text = |key: &str| entry.get(key).and_then(|node| node.text());
    let below = |folder: &RepoPath, key: &str, default: &str| {
        let text = text(key).unwrap_or(default);
        resolve(folder, text)
            .ok_or_else(|| format!("`{key}` of `{name}` is outside of the repository: `{text}`"))
    };
    if text("buildDir").is_none() && text("dockerfile").is_none() {
        return Err(format!("`{name}` has neither `buildDir` nor `dockerfile`"));
    }
    let context = below(&folder, "buildDir", ".")?;
    let dockerfile = below(&context, "dockerfile", "Dockerfile")?;
    let project = text("projectDir").map(|_| below(&folder, "projectDir", ".")).transpose()?;
    let place = project.as_ref().unwrap_or(&context);
    let texts = |key: &str| -> Vec<String> {
        let node = entry.get(key);
        let list = node.and_then(|node| node.list()).unwrap_or_default();
        list.iter().filter_map(|element| element.text().map(str::to_owned)).collect()
    };
    // A list of lines, or the name of a file that has them.
    let pattern_file = text("rebuildPatterns").and_then(|file| resolve(place, file));
    let pattern_file = pattern_file.filter(|file| *file != place.join_component(PATTERN_FILE.as_bytes()));
    Ok(Build {
        says: format!("`{name}` is one of its projects"),
        name: Some(name.to_owned()),
        context: Some(context),
        path: project,
        needs: texts("dependencies"),
        pattern_lines: texts("rebuildPatterns"),
        pattern_file,
        ..Build::of(dockerfile, SourceLocation::new(path, entry.line))
    })
}
