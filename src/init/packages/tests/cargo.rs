use super::Workspace;

fn package(name: &str, more: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\n{more}")
}

/// `api` depends on `core`, that on `base`; nothing depends on `other`.
fn workspace() -> Workspace {
    let root = "[workspace]\nmembers = [\"crates/*\"]\n\n[workspace.dependencies]\ncore = { path = \"crates/core\" }\n";
    Workspace::new(&[
        ("Cargo.toml", root),
        ("Cargo.lock", ""),
        (".cargo/config.toml", ""),
        ("docs/a.md", ""),
        ("crates/api/Cargo.toml", &package("api", "[dependencies]\ncore.workspace = true\nserde = \"1\"\n")),
        ("crates/api/src/main.rs", ""),
        (
            "crates/core/Cargo.toml",
            &package(
                "core",
                "[target.'cfg(unix)'.dependencies]\nb = { path = \"../base\", package = \"base\" }\n",
            ),
        ),
        ("crates/core/src/lib.rs", ""),
        ("crates/base/Cargo.toml", &package("base", "")),
        ("crates/base/src/lib.rs", ""),
        ("crates/other/Cargo.toml", &package("other", "")),
        ("crates/other/src/lib.rs", ""),
        ("crates/other/src/more.rs", ""),
    ])
}

const API: [&str; 8] = [
    "!**",
    "*",
    ".cargo/",
    "crates/api/",
    "crates/base/",
    "crates/core/",
    "crates/*/Cargo.toml",
    "crates/*/src/{lib,main}.rs",
];

#[test]
fn a_package_is_taken_with_what_it_depends_on_and_the_manifests_of_all() {
    for steps in [
        "RUN cargo build --release -p api",
        "RUN apt-get update && cargo +nightly build --locked --package=api --target x86_64-unknown-linux-musl",
        "RUN cargo build --bin api",
        "RUN cargo fetch\nRUN cd crates/api && cargo build",
        "RUN cargo install --path crates/api --root /out",
        "RUN cargo build --manifest-path crates/api/Cargo.toml",
        "RUN cargo chef prepare --recipe-path r.json\nRUN cargo chef cook --release\nRUN cargo build -p api@0.1.0",
        "ARG NAME=api\nRUN --mount=type=cache,target=/x cargo build -p ${NAME} -F \"$FEATURES\"",
        "WORKDIR crates/api\nRUN [\"cargo\", \"build\"]",
    ] {
        assert_eq!(workspace().built("docker/Dockerfile", steps).lines(), API, "{steps}");
    }
}

#[test]
fn what_is_built_is_said_with_what_it_is_concluded_from() {
    let proposal = workspace().built("docker/Dockerfile", "RUN cargo build -p api").proposal();

    let (path, lines) = proposal.pattern_files.iter().next().unwrap();
    assert_eq!(path.to_string(), "docker/.rebuild_patterns");
    let says = "package `api` (crates/api/Cargo.toml) and what it depends on: `base`, `core`";
    assert_eq!(lines[0], format!("# Cargo workspace: {says}."));
    assert!(lines[1].starts_with("# Other files are not in the build context"), "{}", lines[1]);
    let guess = proposal.guesses.iter().find(|guess| guess.says.contains("narrows")).unwrap();
    assert_eq!(guess.at.to_string(), "docker/Dockerfile:3");
    assert_eq!(guess.says, format!("`docker/.rebuild_patterns` narrows the Cargo workspace to {says}"));
}

#[test]
fn a_dockerfile_in_a_package_is_evidence_unless_it_builds_others() {
    let beside = workspace().built("crates/api/Dockerfile", "RUN cargo build -p api");
    assert_eq!(
        beside.lines(),
        [
            "!**",
            "*",
            ".cargo/",
            "./",
            "crates/base/",
            "crates/core/",
            "crates/*/Cargo.toml",
            "crates/*/src/{lib,main}.rs"
        ]
    );

    let other = workspace().built("crates/api/Dockerfile", "RUN cargo build -p other");
    assert_eq!(other.doubt(), "it lies in the package `api` and builds others");
}

#[test]
fn commands_that_may_build_anything_are_not_certain() {
    for (steps, why) in [
        (
            "RUN cargo build --release",
            "`cargo build --release` builds the whole workspace, or a package that is not in it",
        ),
        ("RUN cargo build --workspace -p api", "`cargo build --workspace -p api` builds the whole workspace"),
        ("RUN cargo build -p gone", "`cargo build -p gone` names no package of the workspace"),
        ("RUN cargo build -p $NAME", "`cargo build -p $NAME` names no package of the workspace"),
        ("RUN cargo xtask dist", "`cargo xtask dist` may build any package"),
        ("RUN cargo build -p api && make all", "`make all` may build any package"),
        ("RUN cargo fetch", "nothing says which of its packages is built"),
        ("RUN <<EOF\nmake\nEOF\nRUN cargo build -p api", "a here-document of its Dockerfile is not read"),
        ("RUN cargo build -p api && npm ci", "`npm ci` is a tool of another kind"),
    ] {
        assert_eq!(workspace().built("docker/Dockerfile", steps).doubt(), why, "{steps}");
    }
}

#[test]
fn manifests_that_leave_something_open_are_not_certain() {
    let built = workspace().built("docker/Dockerfile", "RUN cargo build -p api");
    let with = |path: &str, text: &str| built.with(path, text).doubt();

    assert!(
        with("crates/other/Cargo.toml", "[package").starts_with("`crates/other/Cargo.toml` can't be read: ")
    );
    assert_eq!(
        with("crates/other/Cargo.toml", "[package]\n"),
        "`crates/other/Cargo.toml` can't be read: it has no name"
    );
    let outside = "`crates/other` depends on `../../../x`, which is no package of the workspace";
    assert_eq!(
        with("crates/other/Cargo.toml", &package("other", "[dependencies]\nx = { path = \"../../../x\" }")),
        outside
    );
    let gone = "`crates/other` depends on `../gone`, which is no package of the workspace";
    assert_eq!(
        with("crates/other/Cargo.toml", &package("other", "[dev-dependencies]\nx = { path = \"../gone\" }")),
        gone
    );
    assert_eq!(with("crates/other/Cargo.toml", &package("api", "")), "several packages are called `api`");
    assert_eq!(
        with("Cargo.toml", "[workspace]\nmembers = [\"../x\"]\n"),
        "nobody knows which folders `../x` means"
    );
    assert_eq!(
        with("Cargo.toml", "[workspace]\nmembers = [\"crates/gone\"]\n"),
        "`Cargo.toml` names a member that is not there"
    );
    assert_eq!(
        with("Cargo.toml", "[workspace]\nmembers = [\"crates/{api,core}\"]\n"),
        "`members` has braces, which Cargo does not expand"
    );
}

#[test]
fn what_cargo_refuses_to_miss_is_taken_of_packages_that_are_not_needed() {
    let more = "default-run = \"tool\"\nlinks = \"x\"\n";
    let lines = workspace()
        .built("docker/Dockerfile", "RUN cargo build -p api")
        .with("crates/other/Cargo.toml", &package("other", more))
        .with("crates/other/src/bin/tool.rs", "")
        .with("crates/other/build.rs", "")
        .with("crates/third/Cargo.toml", &package("third", ""))
        .with("crates/third/src/bin/x/main.rs", "")
        .with("crates/third/tests/t.rs", "")
        .lines();

    let files: Vec<&String> =
        lines.iter().filter(|line| line.contains("other") || line.contains("third")).collect();
    assert_eq!(
        files,
        [
            "crates/other/build.rs",
            "crates/other/src/bin/tool.rs",
            "crates/third/src/bin/x/main.rs",
            "crates/third/tests/t.rs"
        ]
    );
}

#[test]
fn a_package_at_the_root_takes_all_but_the_members_that_it_does_not_need() {
    let root = "[package]\nname = \"shop\"\nversion = \"0.1.0\"\n[dependencies]\ncore = { path = \"crates/core\" }\n[workspace]\nmembers = [\"crates/*\"]\nexclude = [\"crates/base\"]\n[workspace.dependencies]\ncore = { path = \"crates/core\" }\n";
    let workspace = workspace().with("Cargo.toml", root).with("src/main.rs", "");

    let lines = workspace.built("docker/Dockerfile", "RUN cargo build --release").lines();
    let expected = [
        "**",
        "!crates/*/",
        "crates/base/",
        "crates/core/",
        "crates/*/Cargo.toml",
        "crates/*/src/{lib,main}.rs",
    ];
    assert_eq!(lines, expected);

    let default = root.replace("exclude", "default-members = [\"crates/*\"]\nexclude");
    let default = workspace.with("Cargo.toml", &default).built("docker/Dockerfile", "RUN cargo build");
    assert_eq!(default.doubt(), "`cargo build` builds the workspace's default members");
}

#[test]
fn patches_and_sources_in_folders_are_taken_for_all() {
    let root = "[workspace]\nmembers = [\"crates/*\"]\n[workspace.dependencies]\ncore = { path = \"crates/core\" }\n[patch.crates-io]\nserde = { path = \"forks/serde\" }\n";
    let lines = workspace()
        .built("docker/Dockerfile", "RUN cargo build -p api")
        .with("Cargo.toml", root)
        .with("forks/serde/Cargo.toml", &package("serde", ""))
        .with("forks/serde/src/lib.rs", "")
        .with(
            ".cargo/config.toml",
            "[source.crates-io]\nreplace-with = \"v\"\n[source.v]\ndirectory = \"vendor\"\n",
        )
        .with("vendor/a/src/lib.rs", "")
        .lines();

    assert!(lines.contains(&"forks/serde/".to_owned()) && lines.contains(&"vendor/".to_owned()), "{lines:?}");
}

#[test]
fn a_workspace_may_be_the_folder_of_the_pattern_file_or_lie_below_the_root() {
    let at_root = workspace().built("Dockerfile", "RUN cargo build -p base").lines();
    let expected = [
        "!./",
        "./*",
        "./.cargo/",
        "./crates/base/",
        "./crates/*/Cargo.toml",
        "./crates/*/src/{lib,main}.rs",
    ];
    assert_eq!(at_root, expected);

    let files: Vec<(String, String)> =
        workspace().0.into_iter().map(|(path, text)| (format!("rust/{path}"), text)).collect();
    let below = Workspace(files)
        .built("docker/Dockerfile", "RUN cargo build -p base")
        .with("compose.yaml", "services: {x: {build: {context: rust, dockerfile: ../docker/Dockerfile}}}\n")
        .with("other/a", "")
        .lines();
    let expected = [
        "!rust/",
        "rust/*",
        "rust/.cargo/",
        "rust/crates/base/",
        "rust/crates/*/Cargo.toml",
        "rust/crates/*/src/{lib,main}.rs",
    ];
    assert_eq!(below, expected);
}
