//! The input digest once more, after `docs/input-digest.md` alone: git lists the files, and nothing of
//! the library is used. Knows only what the tests' repositories have: no globs, no variables.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use sha2::{Digest as _, Sha256};
use toml::{Table, Value};

use crate::support::world::World;

type Record = Vec<Vec<u8>>;

/// The digests of all projects of the commit that is checked out.
pub(super) fn digests(world: &World) -> BTreeMap<String, String> {
    let manifest: Table = std::fs::read_to_string(world.file("projects.toml")).unwrap().parse().unwrap();
    let projects = manifest["projects"].as_table().unwrap();
    let mut known = BTreeMap::new();
    while known.len() < projects.len() {
        for (name, project) in projects {
            if let Some(records) = records(world, &manifest, name, project.as_table().unwrap(), &known) {
                known.insert(name.clone(), hash(&records));
            }
        }
    }
    known
}

/// SHA-256 over all fields, each after its length.
pub(super) fn hash(records: &[Record]) -> String {
    let mut bytes = Vec::new();
    for field in records.iter().flatten() {
        bytes.extend_from_slice(&u64::try_from(field.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(field);
    }
    hex(&bytes)
}

/// The records of one project, or `None` while a dependency has no digest.
fn records(
    world: &World,
    manifest: &Table,
    name: &str,
    project: &Table,
    known: &BTreeMap<String, String>,
) -> Option<Vec<Record>> {
    let text = |key: &str, default: &str| {
        project.get(key).map_or(default, |value| value.as_str().unwrap()).to_owned()
    };
    let path = text("path", "");
    let context = text("context", &path);
    let context = context.trim_end_matches('.');
    let dockerfile = format!("{path}/{}", text("dockerfile", "Dockerfile"));
    let hermetic = project.get("hermetic").is_none_or(|value| value.as_bool().unwrap());
    let below = |file: &str, folder: &str| folder.is_empty() || file.starts_with(&format!("{folder}/"));
    let contexts = project.get("contexts").map_or(Table::new(), |value| value.as_table().unwrap().clone());
    let text_of = |file: &str| std::fs::read_to_string(world.file(file)).unwrap();
    let parents = sorted(parents(&text_of(&dockerfile)));
    let folder_of = |parent: &str| contexts.get(parent)?.as_str().filter(|it| !it.starts_with("project:"));
    let folders: Vec<&str> = parents.iter().filter_map(|parent| folder_of(parent)).collect();
    let has_patterns = world.file(&format!("{path}/.rebuild_patterns")).exists();

    let copied = copied(&text_of(&dockerfile));

    let mut files: BTreeMap<Vec<u8>, Record> = BTreeMap::new();
    for extra in strings(project.get("extra_inputs")) {
        for (file, mode, sha256) in below_folder(world.path(), extra.trim_end_matches("/**")) {
            files.insert(file.clone(), vec![b"extra".into(), mode.into(), file, sha256.into()]);
        }
    }
    for (mode, id, file) in ls_tree(world) {
        let shown = String::from_utf8(file.clone()).unwrap();
        let is_implied = shown == dockerfile
            || shown == format!("{dockerfile}.dockerignore")
            || shown == format!("{context}/.dockerignore").trim_start_matches('/');
        // Chinampa's own files are nobody's inputs.
        if shown == "projects.toml" || shown.ends_with(".rebuild_patterns") {
            continue;
        }
        let is_own = if has_patterns {
            below(&shown, &path) && !shown.ends_with(".md")
        } else {
            copied
                .iter()
                .map(|source| in_context(context, source))
                .any(|source| shown == source || below(&shown, &source))
        };
        let is_in_context = folders.iter().any(|folder| {
            below(&shown, folder) && !(folder == &"proto" && shown.ends_with(".md"))
                || shown == format!("{folder}/.dockerignore")
        });
        if is_own
            || is_implied
            || is_in_context
            // A committed file that `extra_inputs` names too.
            || files.contains_key(&file)
            || below(&shown, "toolchain")
            || !hermetic && below(&shown, context)
        {
            let kind = if mode.starts_with("100") && is_lfs(world, &shown) { "lfs" } else { "file" };
            files.insert(file.clone(), vec![kind.into(), mode.into(), file, id.into()]);
        }
    }

    let mut records: Vec<Record> = vec![vec![b"chinampa-inputs/2".into()]];
    records.extend(files.into_values());
    let mut add =
        |fields: &[&str]| records.push(fields.iter().map(|field| field.as_bytes().to_vec()).collect());
    add(&["context", context]);
    add(&["hermetic", &hermetic.to_string()]);
    add(&["dockerfile", &dockerfile]);
    add(&["target", &text("target", "")]);
    sorted(strings(project.get("platforms"))).iter().for_each(|platform| add(&["platform", platform]));
    let table = |key: &str| project.get(key).map_or(Table::new(), |value| value.as_table().unwrap().clone());
    let arguments: BTreeMap<String, Value> = table("build_args").into_iter().collect();
    arguments.iter().for_each(|(name, value)| add(&["build-arg", name, value.as_str().unwrap()]));
    let secrets: BTreeMap<String, Value> = table("secrets").into_iter().collect();
    for (id, source) in &secrets {
        let (kind, from) = source.as_table().unwrap().iter().next().unwrap();
        add(&["secret", id, kind, from.as_str().unwrap()]);
    }
    sorted(strings(project.get("ssh"))).iter().for_each(|id| add(&["ssh", id]));

    let projects = manifest["projects"].as_table().unwrap();
    let is_ours = |parent: &&String| projects.contains_key(*parent) && *parent != name;
    let ours: Vec<&String> = parents.iter().filter(is_ours).collect();
    let needs = strings(project.get("needs")).into_iter().chain(ours.iter().map(ToString::to_string));
    for need in sorted(needs.collect()) {
        add(&["need", &need, known.get(&need)?]);
    }
    // One platform after the other; in the engine's own store without one.
    let mut platforms = sorted(strings(project.get("platforms")));
    if platforms.is_empty() {
        platforms.push(String::new());
    }
    for platform in &platforms {
        for parent in &parents {
            match folder_of(parent) {
                Some(folder) => add(&["folder-parent", platform, parent, folder]),
                None if is_ours(&parent) => add(&["own-parent", platform, parent, parent]),
                None => add(&["parent", platform, parent]),
            }
        }
    }
    Some(records)
}

fn sorted(mut list: Vec<String>) -> Vec<String> {
    list.sort();
    list.dedup();
    list
}

fn strings(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.map(|value| value.as_str().unwrap().to_owned()).collect()
}

/// What follows `FROM` and `--from=`, but for `scratch` and the stages before it.
fn parents(dockerfile: &str) -> Vec<String> {
    let (mut parents, mut stages) = (Vec::new(), vec!["scratch"]);
    for line in dockerfile.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let from = if words[0] == "FROM" {
            Some(words[1])
        } else {
            words.iter().find_map(|word| word.strip_prefix("--from="))
        };
        parents.extend(from.filter(|from| !stages.contains(from)).map(str::to_owned));
        stages.extend((words[0] == "FROM" && words.len() == 4).then(|| words[3]));
    }
    parents
}

/// What git says of a file's attributes, which are checked out.
fn is_lfs(world: &World, path: &str) -> bool {
    // Most repositories have none, and a process for each file takes long.
    let has_attributes = ls_tree(world).iter().any(|(_, _, path)| path.ends_with(b".gitattributes"));
    has_attributes && world.git(["check-attr", "filter", "--", path]).ends_with(": filter: lfs")
}

/// The sources of `COPY` that are neither images nor stages.
fn copied(dockerfile: &str) -> Vec<String> {
    let words = dockerfile.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let copies = words.filter(|words| words[0] == "COPY" && !words[1].starts_with("--"));
    copies
        .flat_map(|words| words[1..words.len() - 1].iter().map(ToString::to_string).collect::<Vec<_>>())
        .collect()
}

/// The path of a source; that of the context where it is `.`.
fn in_context(context: &str, source: &str) -> String {
    format!("{context}/{}", source.trim_end_matches('.')).trim_matches('/').to_owned()
}

/// Mode, object id and path of every committed file.
fn ls_tree(world: &World) -> Vec<(String, String, Vec<u8>)> {
    let output =
        Command::new("git").args(["ls-tree", "-r", "-z", "HEAD"]).current_dir(world.path()).output().unwrap();
    let entries = output.stdout.split(|&byte| byte == 0).filter(|entry| !entry.is_empty());
    entries
        .map(|entry| {
            let tab = entry.iter().position(|&byte| byte == b'\t').unwrap();
            let head: Vec<&str> = std::str::from_utf8(&entry[..tab]).unwrap().split(' ').collect();
            (head[0].to_owned(), head[2].to_owned(), entry[tab + 1..].to_vec())
        })
        .collect()
}

/// Path, mode and SHA-256 of a file of the work tree, or of every file in such a folder.
fn below_folder(root: &Path, path: &str) -> Vec<(Vec<u8>, &'static str, String)> {
    let file = root.join(path);
    let entry = file.symlink_metadata().unwrap();
    if entry.is_dir() {
        let names = std::fs::read_dir(file).unwrap().map(|entry| entry.unwrap().file_name());
        return names
            .flat_map(|name| below_folder(root, &format!("{path}/{}", name.to_str().unwrap())))
            .collect();
    }
    if entry.is_symlink() {
        let target = std::fs::read_link(file).unwrap();
        return vec![(path.into(), "120000", hex(target.as_os_str().as_bytes()))];
    }
    let mode = if entry.permissions().mode() & 0o100 == 0 { "100644" } else { "100755" };
    vec![(path.into(), mode, hex(&std::fs::read(file).unwrap()))]
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
