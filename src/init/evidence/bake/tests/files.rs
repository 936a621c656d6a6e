//! Which files are read, which of them together, and what their paths are relative to.

use super::super::is_bake_file;
use super::{names, read, read_in};

#[test]
fn paths_are_seen_from_the_folder_in_which_they_are_there() {
    let text = "target \"api\" { context = \"api\" }\ntarget \"web\" { context = \"web\" }\n";
    let files = [("docker-bake.hcl", text)];
    let context = |there: &[&str]| {
        let (builds, ignored) = read_in("ops/bake", &files, there);
        (builds[0].context.as_ref().unwrap().to_string(), ignored)
    };

    let beside = context(&["ops/bake/api/Dockerfile", "ops/bake/web/Dockerfile", "api/Dockerfile"]);
    let root = context(&["ops/bake/api/Dockerfile", "api/Dockerfile", "web/Dockerfile"]);
    let between = context(&["ops/api/Dockerfile"]);
    let both = context(&["ops/bake/api/Dockerfile", "api/Dockerfile"]);
    let nowhere = context(&["README.md"]);

    assert_eq!(beside, ("ops/bake/api".to_owned(), Vec::new()));
    assert_eq!(root, ("api".to_owned(), Vec::new()));
    assert_eq!(between, ("ops/api".to_owned(), Vec::new()));
    assert_eq!(both.0, "ops/bake/api");
    assert_eq!(
        both.1,
        ["ops/bake/docker-bake.hcl: its paths are there as seen from `ops/bake` and from the root: \
          read from `ops/bake`"]
    );
    assert_eq!(nowhere.0, "ops/bake/api");
    assert!(nowhere.1[0].contains("no Dockerfile of its targets is there"), "{:?}", nowhere.1);
}

#[test]
fn files_that_bake_reads_by_itself_are_one_and_others_add_to_them() {
    let (builds, ignored) = read_in(
        "",
        &[
            (
                "ci-bake.hcl",
                "target \"api\" { context = \"ci\" }\ntarget \"lint\" { inherits = [\"api\"] }\n",
            ),
            (
                "docker-bake.hcl",
                "target \"api\" { context = \"api\" }\ntarget \"web\" { context = \"web\" }\n",
            ),
            ("docker-bake.override.hcl", "target \"web\" { target = \"debug\" }\n"),
            ("docker-bake.json", "{\"target\": {\"web\": {\"context\": \"other\"}}}"),
            ("bake-results.json", "{\"api\": {\"digest\": \"sha256:0\"}}"),
            ("bake-broken.json", "{"),
        ],
        &[],
    );

    let contexts: Vec<String> =
        builds.iter().map(|build| build.context.as_ref().unwrap().to_string()).collect();
    assert_eq!(names(&builds), ["web", "api", "lint"]);
    assert_eq!(contexts, ["web", "api", "ci"]);
    assert_eq!(builds[0].target.as_deref(), Some("debug"));
    assert_eq!(ignored[0], "ci-bake.hcl: target `api` is another form of the one that bake builds by itself");
    assert!(ignored[1].starts_with("bake-broken.json: it can't be read"), "{ignored:?}");
    assert_eq!(ignored.len(), 2);
}

#[test]
fn bake_files_are_known_by_their_names() {
    for (name, is_bake) in [
        ("docker-bake.hcl", true),
        ("docker-bake.override.json", true),
        ("bake.hcl", true),
        ("Bake-ci.hcl", true),
        ("docker-compose.yml", false),
        ("main.hcl", false),
        ("bake.py", false),
    ] {
        assert_eq!(is_bake_file(name), is_bake, "{name}");
    }
}

#[test]
fn a_file_that_is_no_hcl_or_no_json_is_said_with_its_line() {
    let (_, hcl) = read("target \"api\" {\n  context = [\n}\n");
    let (_, bytes) =
        read_in("", &[("docker-bake.json", "{\"target\": {\"api\": {\"context\": \"${\"}}}")], &[]);

    assert!(hcl[0].starts_with("docker-bake.hcl:3: it is not valid HCL"), "{hcl:?}");
    assert_eq!(bytes.len(), 1);
    assert!(bytes[0].starts_with("docker-bake.json:1: `${` is not a valid template"), "{bytes:?}");
}
