//! Compose files, against what `docker compose config` makes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use chinampa::internals::git::Repository;
use chinampa::internals::init::{Build, NamedContext, SecretFrom, compose_builds};
use chinampa::internals::model::RepoPath;
use serde_json::Value;

use super::compose_random;
use crate::support::bed;

/// Files of a project, by their paths.
pub(super) struct Project {
    pub(super) name: String,
    pub(super) files: BTreeMap<String, String>,
}

/// What both sides say of a service's build.
#[derive(Debug, Default, PartialEq, Eq)]
struct Service {
    context: String,
    dockerfile: String,
    inline: Option<String>,
    target: Option<String>,
    args: BTreeMap<String, Option<String>>,
    contexts: BTreeMap<String, String>,
    secrets: BTreeMap<String, String>,
    ssh: Vec<String>,
    platforms: BTreeSet<String>,
    images: BTreeSet<String>,
}

type Services = BTreeMap<String, Service>;

#[test]
fn services_are_read_as_compose_reads_them() {
    let projects: Vec<Project> =
        ["build", "yaml", "variables", "files"].map(projects).into_iter().flatten().collect();
    assert!(projects.len() >= 60, "only {} projects", projects.len());
    // What editors of other systems write.
    let rewritten = projects_of("yaml", |text| format!("\u{feff}{}", text.replace('\n', "\r\n")));
    let mut differing = Vec::new();

    for project in projects.iter().chain(&rewritten) {
        let folder = project.write();

        let official = official(folder.path(), &[]);
        let (ours, notes) = project.ours(folder.path(), "");

        match official {
            Ok(official) if official == ours && notes.is_empty() => {}
            other => differing.push(format!("{}: {ours:#?}\n{notes:#?}\nofficial: {other:#?}", project.name)),
        }
    }

    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

/// Some are refused, for example where a file over another one takes away what a service is built from.
#[test]
fn random_projects_are_read_as_compose_reads_them() {
    let mut differing = Vec::new();
    let mut compared = 0;

    for project in compose_random::projects(60) {
        let folder = project.write();

        let official = official(folder.path(), &[]);
        let (ours, _) = project.ours(folder.path(), "");

        let Ok(official) = official else { continue };
        compared += 1;
        if official != ours {
            let files = &project.files;
            differing.push(format!("{}: {files:#?}\n{ours:#?}\nofficial: {official:#?}", project.name));
        }
    }

    assert!(differing.is_empty(), "{}", differing.join("\n"));
    assert!(compared >= 40, "only {compared} projects are accepted");
}

#[test]
fn a_file_that_leaves_services_to_another_is_read_over_it() {
    for project in projects("overlays") {
        let folder = project.write();
        let base =
            project.files.keys().find(|path| !path.contains("prod") && path.contains("compose")).unwrap();

        let mut official = official(folder.path(), &[base, "compose.prod.yaml"]).unwrap();
        let (ours, notes) = project.ours(folder.path(), "compose.prod.yaml:");

        // What the base says alone counts there.
        official.retain(|name, _| ours.contains_key(name));
        assert!(!ours.is_empty() && official == ours, "{}: {ours:#?}\nofficial: {official:#?}", project.name);
        assert_eq!(notes, Vec::<String>::new(), "{}", project.name);
    }
}

#[test]
fn what_compose_refuses_is_not_taken_and_is_said() {
    for project in projects("refused") {
        let folder = project.write();

        let official = official(folder.path(), &[]);
        let (ours, notes) = project.ours(folder.path(), "");

        assert!(official.is_err(), "{}: {official:#?}", project.name);
        assert!(!ours.contains_key("api") && !notes.is_empty(), "{}: {ours:#?} {notes:?}", project.name);
    }
}

/// Compose takes what is set nowhere for empty, or for what the environment of the moment says. Whoever builds has another.
#[test]
fn what_no_file_sets_is_to_be_filled_in_and_not_empty() {
    let project = Project::new(
        "services:\n  api: {image: '$REG/api', build: {context: ., args: {A: $A, B: , C: x-$C}}}\n  web: {build: {context: $DIR}}\n",
    );
    let folder = project.write();

    let official = official(folder.path(), &[]).unwrap();
    let (ours, notes) = project.ours(folder.path(), "");

    let args = |services: &Services| services["api"].args.clone();
    let known = |value: &str| Some(value.to_owned());
    let names = |names: [(&str, Option<String>); 3]| {
        BTreeMap::from(names.map(|(name, value)| (name.to_owned(), value)))
    };
    assert_eq!(args(&ours), names([("A", None), ("B", None), ("C", None)]));
    assert_eq!(args(&official), BTreeMap::from([("A".to_owned(), known("")), ("C".to_owned(), known("x-"))]));
    assert_eq!(official["api"].images, BTreeSet::from(["/api".to_owned()]));
    assert!(ours["api"].images.is_empty() && !ours.contains_key("web"));
    assert_eq!(official["web"].context, "");
    assert_eq!(notes.len(), 5, "{notes:#?}");
}

/// This Compose passes on how Go writes a time, and its successors refuse it.
#[test]
fn a_date_is_the_text_that_is_written() {
    let project = Project::new("services: {api: {build: {args: {DATE: 2024-01-01}}}}\n");
    let folder = project.write();

    let official = official(folder.path(), &[]).unwrap();
    let (ours, _) = project.ours(folder.path(), "");

    let date = |services: &Services| services["api"].args["DATE"].clone().unwrap();
    assert_eq!(date(&official), "2024-01-01 00:00:00 +0000 UTC");
    assert_eq!(date(&ours), "2024-01-01");
}

fn projects(file: &str) -> Vec<Project> {
    projects_of(file, str::to_owned)
}

/// The projects of a file: `=== <name>`, and for each of its files `--- <path>` with the text after it, which is rewritten.
fn projects_of(file: &str, rewritten: impl Fn(&str) -> String) -> Vec<Project> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/oracles/compose_projects");
    let text = std::fs::read_to_string(folder.join(file).with_extension("txt")).unwrap();
    let mut projects = Vec::new();
    for project in text.strip_prefix("=== ").unwrap().split("\n=== ") {
        let (name, files) = project.split_once("\n--- ").unwrap();
        let files = files.split("\n--- ").map(|file| {
            let (path, text) = file.split_once('\n').unwrap_or((file, ""));
            (path.to_owned(), rewritten(&format!("{text}\n")))
        });
        projects.push(Project { name: format!("{file}: {name}"), files: files.collect() });
    }
    projects
}

impl Project {
    fn new(compose: &str) -> Self {
        let files = BTreeMap::from([("compose.yaml".to_owned(), compose.to_owned())]);
        Self { name: "one".to_owned(), files }
    }

    fn write(&self) -> tempfile::TempDir {
        let folder = tempfile::Builder::new().prefix("project").tempdir().unwrap();
        for (path, text) in &self.files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    /// What we read of the files in the root, as far as it was found at what begins with `found`, and what was noted.
    fn ours(&self, folder: &Path, found: &str) -> (Services, Vec<String>) {
        let git = |arguments: &[&str]| {
            let output = Command::new("git").args(arguments).current_dir(folder).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        git(&["init", "-q"]);
        git(&["add", "--all", "--force"]);
        let tree = git(&["write-tree"]).trim().parse().unwrap();
        let repository = Repository::open(folder).unwrap();
        let in_root = self.files.keys().filter(|path| path.contains("compose") && !path.contains('/'));
        let preferred = preferred(in_root.map(String::as_str).collect());
        let files: Vec<RepoPath> = preferred.iter().map(|path| RepoPath::new(path).unwrap()).collect();
        let mut notes = Vec::new();
        let builds = compose_builds(&repository.snapshot_of_tree(tree), &files, &mut notes).unwrap();
        let builds = builds.iter().filter(|build| build.found.to_string().starts_with(found));
        let notes = notes.iter().map(|note| format!("{}: {}", note.at, note.why)).collect();
        (builds.map(|build| (build.name.clone().unwrap(), service(build))).collect(), notes)
    }
}

/// Without the files that Compose passes over where it prefers `compose.yaml`.
fn preferred(files: Vec<&str>) -> Vec<&str> {
    let passed_over = |file: &&str| {
        matches!(*file, "compose.yml" | "docker-compose.yml") && files.contains(&"compose.yaml")
    };
    files.iter().copied().filter(|file| !passed_over(file)).collect()
}

fn service(build: &Build) -> Service {
    let shown = |path: &RepoPath| if path.is_root() { String::new() } else { path.to_string() };
    let context = build.context.as_ref().unwrap();
    let named = |context: &NamedContext| match context {
        NamedContext::Folder(path) => shown(path),
        NamedContext::Build(name) => format!("service:{name}"),
        NamedContext::Image(image) => format!("docker-image://{image}"),
    };
    let secret = |from: &SecretFrom| match from {
        SecretFrom::Environment(name) => format!("${name}"),
        SecretFrom::File(path) => shown(path),
    };
    Service {
        context: shown(context),
        dockerfile: if build.inline.is_some() { String::new() } else { shown(&build.dockerfile) },
        inline: build.inline.clone(),
        target: build.target.clone(),
        args: build.build_args.clone(),
        contexts: build.contexts.iter().map(|(name, context)| (name.clone(), named(context))).collect(),
        secrets: build.secrets.iter().map(|(id, from)| (id.clone(), secret(from))).collect(),
        ssh: build.ssh.clone(),
        platforms: build.platforms.iter().cloned().collect(),
        images: build.images.iter().cloned().collect(),
    }
}

/// What Compose makes of its default files, or of these; the error is what it says.
fn official(folder: &Path, files: &[&str]) -> Result<Services, String> {
    let folder = folder.canonicalize().unwrap();
    let mut command = Command::new(bed::setting("DOCKER_COMPOSE"));
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", "/nonexistent").current_dir(&folder);
    for file in files {
        command.args(["-f", file]);
    }
    let output = command.args(["--profile", "*", "config", "--format", "json"]).output().unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let project: Value = serde_json::from_slice(&output.stdout).unwrap();
    let root = folder.to_str().unwrap();
    let mut services = Services::new();
    for (name, service) in project["services"].as_object().into_iter().flatten() {
        if service["build"].is_object() {
            services.insert(name.clone(), official_service(service, &project["secrets"], root));
        }
    }
    Ok(services)
}

fn official_service(service: &Value, secrets: &Value, root: &str) -> Service {
    let build = &service["build"];
    let text = |value: &Value| value.as_str().map(|text| text.replace("$$", "$"));
    let texts =
        |value: &Value| -> Vec<String> { value.as_array().into_iter().flatten().filter_map(text).collect() };
    let in_root = |path: String| match path.strip_prefix(root) {
        Some(path) => path.trim_start_matches('/').to_owned(),
        None => path,
    };
    let context = in_root(text(&build["context"]).unwrap_or_default());
    let dockerfile = text(&build["dockerfile"]).map(|file| cleaned(&format!("{context}/{file}")));
    let members = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let secret = |secret: &Value| {
        let source = text(&secret["source"]).unwrap();
        let from = &secrets[&source];
        let from = match text(&from["environment"]) {
            Some(variable) => format!("${variable}"),
            None => in_root(text(&from["file"]).unwrap()),
        };
        (text(&secret["target"]).unwrap_or(source), from)
    };
    let own_platform = text(&service["platform"]).filter(|_| build["platforms"].is_null());
    Service {
        dockerfile: dockerfile.unwrap_or_default(),
        context,
        inline: text(&build["dockerfile_inline"]),
        target: text(&build["target"]),
        args: members(&build["args"]).iter().map(|(name, value)| (name.clone(), text(value))).collect(),
        contexts: members(&build["additional_contexts"])
            .iter()
            .map(|(name, value)| (name.clone(), in_root(text(value).unwrap())))
            .collect(),
        secrets: build["secrets"].as_array().into_iter().flatten().map(secret).collect(),
        ssh: texts(&build["ssh"]),
        platforms: texts(&build["platforms"]).into_iter().chain(own_platform).collect(),
        images: text(&service["image"]).into_iter().chain(texts(&build["tags"])).collect(),
    }
}

/// A path without `.` and `..`.
fn cleaned(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}
