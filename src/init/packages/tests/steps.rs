//! What Dockerfiles do with a workspace, whatever its tool is.

use super::Workspace;

/// `api` depends on `ui`; nothing depends on `web`.
fn workspace() -> Workspace {
    Workspace::new(&[
        ("package.json", r#"{"workspaces": ["packages/*"]}"#),
        ("package-lock.json", "{}"),
        ("packages/api/package.json", r#"{"name": "api", "dependencies": {"ui": "*"}}"#),
        ("packages/api/index.js", ""),
        ("packages/ui/package.json", r#"{"name": "ui"}"#),
        ("packages/ui/index.js", ""),
        ("packages/web/package.json", r#"{"name": "web"}"#),
        ("packages/web/index.js", ""),
        ("config/a.json", ""),
        ("locales/en.json", ""),
        ("scripts/build.sh", "#!/bin/sh\n"),
    ])
}

const API: [&str; 5] = ["!**", "*", "packages/api/", "packages/ui/", "packages/*/package.json"];

fn with_api(more: &[&'static str]) -> Vec<&'static str> {
    API.iter().chain(more).copied().collect()
}

fn lines(dockerfile: &str) -> Vec<String> {
    workspace().with("docker/Dockerfile", dockerfile).lines()
}

#[test]
fn what_else_the_dockerfile_names_is_taken_as_well() {
    let build = "FROM node AS build\nWORKDIR /src\nCOPY . .\nRUN npm ci && npm run build -w api\n";
    for (more, expected) in [
        ("FROM scratch\nCOPY --from=build /out /\n", vec![]),
        ("FROM scratch\nCOPY --from=build /src/config /config\n", vec!["config/"]),
        ("FROM scratch\nCOPY --from=0 /src/config/*.json /config/\n", vec!["config/*.json"]),
        (
            "FROM scratch\nCOPY --from=build /src/packages/api/dist /\nCOPY config/*.yaml /\n",
            vec!["config/*.yaml"],
        ),
        (
            "FROM scratch\nCOPY --from=build /out /\nCOPY package.json packages/api/index.js /\nCOPY packages/web/index.js /\n",
            vec!["packages/web/index.js"],
        ),
        ("RUN sh ./scripts/build.sh\nFROM scratch\nCOPY --from=build /out /\n", vec!["scripts/build.sh"]),
        ("RUN /src/scripts/build.sh\nFROM scratch\nCOPY --from=build /out /\n", vec!["scripts/build.sh"]),
        ("RUN tool --config=config/a.json\nFROM scratch\nCOPY --from=build /out /\n", vec!["config/a.json"]),
        (
            "FROM build AS more\nWORKDIR config\nRUN tool a.json\nFROM scratch\nCOPY --from=more /out /\n",
            vec!["config/a.json"],
        ),
        (
            "FROM scratch AS unused\nCOPY --from=build /src/config /\nFROM scratch\nCOPY --from=build /out /\n",
            vec![],
        ),
        ("RUN rm -rf config locales\nFROM scratch\nCOPY --from=build /out /\n", vec![]),
    ] {
        assert_eq!(lines(&format!("{build}{more}")), with_api(&expected), "{more}");
    }
}

#[test]
fn an_image_that_has_the_workspace_itself_misses_only_packages() {
    let whole = ["**", "!packages/*/", "packages/api/", "packages/ui/", "packages/*/package.json"];
    for dockerfile in [
        "FROM node\nWORKDIR /src\nCOPY . .\nRUN npm ci && npm run build -w api\n",
        "FROM node AS build\nCOPY . /src\nRUN cd /src && npm run build -w api\nFROM node\nCOPY --from=build /src /app\n",
        "FROM node AS build\nCOPY . /src\nRUN cd /src && npm run build -w api\nFROM node\nCOPY --from=build / /\n",
    ] {
        assert_eq!(lines(dockerfile), whole, "{dockerfile}");
    }
}

#[test]
fn a_workspace_that_is_mounted_is_narrowed_too() {
    let dockerfile = "FROM node AS build\nWORKDIR /src\nRUN --mount=type=bind,target=.,rw npm run build -w api\n\
        FROM scratch\nCOPY --from=build /out /\n";

    assert_eq!(lines(dockerfile), API);
}

#[test]
fn a_workspace_that_is_needed_whole_stays_whole() {
    let api = r#"{"name": "api", "dependencies": {"ui": "*", "web": "*"}}"#;
    let dockerfile = "FROM node\nCOPY . /src\nRUN cd /src && npm run build -w api\n";
    let workspace = workspace().with("packages/api/package.json", api).with("docker/Dockerfile", dockerfile);

    assert_eq!(workspace.doubt(), "all of it is needed");
}

#[test]
fn a_script_is_no_evidence_of_a_package_and_spoils_none() {
    let steps = "RUN ./scripts/build.sh";
    let beside = workspace().built("packages/api/Dockerfile", &format!("RUN npm ci\n{steps}"));
    assert_eq!(beside.doubt(), "`./scripts/build.sh` may build any package");

    let absolute = workspace()
        .built("packages/api/Dockerfile", "WORKDIR /src/packages\nRUN npm ci && bash /src/scripts/build.sh");
    assert_eq!(absolute.doubt(), "`bash ../scripts/build.sh` may build any package");

    let named = workspace().built("docker/Dockerfile", &format!("{steps}\nRUN npm run build -w api"));
    assert_eq!(named.lines(), with_api(&["scripts/build.sh"]));
}

#[test]
fn without_a_whole_workspace_or_its_tool_nothing_is_narrowed() {
    for dockerfile in [
        "FROM node\nCOPY packages/api /src\nRUN npm ci -w api\n",
        "FROM node\nCOPY packages /src/packages\nRUN cd /src && npm ci -w api\n",
        "FROM nginx\nCOPY . /src\nRUN tool api\n",
        "FROM nginx\nCOPY . /src\n",
    ] {
        let proposal = workspace().with("docker/Dockerfile", dockerfile).proposal();

        assert!(proposal.pattern_files.is_empty(), "{dockerfile}");
        assert!(
            !proposal.guesses.iter().any(|guess| guess.says.contains("workspace:")),
            "{:?}",
            proposal.guesses
        );
    }
}

#[test]
fn sources_that_nobody_knows_are_not_certain() {
    let build = "FROM node\nCOPY . /src\nRUN cd /src && npm run build -w api\n";
    let doubt = |more: &str| workspace().with("docker/Dockerfile", &format!("{build}{more}")).doubt();

    assert_eq!(doubt("COPY ${DIR}/x /x\n"), "nobody knows what `${DIR}/x` takes");
    let foreign = workspace().with("docker/Dockerfile", &format!("# syntax=quay.io/x/y\n{build}")).doubt();
    assert_eq!(foreign, "nobody knows what `quay.io/x/y` takes");
}

#[test]
fn links_are_taken_with_what_they_lead_to() {
    let lines = workspace()
        .built("docker/Dockerfile", "RUN npm run build -w api")
        .with("packages/api/locales", "-> ../../locales")
        .with("packages/api/own.js", "-> index.js")
        .with("packages/api/gone", "-> ../../../../x")
        .lines();

    assert_eq!(lines, with_api(&["locales/"]));
}

#[test]
fn configuration_that_names_other_folders_takes_them_along() {
    let lines = workspace()
        .built("docker/Dockerfile", "RUN npm run build -w api")
        .with(
            "packages/ui/tsconfig.json",
            r#"{"extends": "../../config/a.json", "references": [{"path": "../web"}], "x": "../../"}"#,
        )
        .lines();

    let expected = ["!**", "*", "packages/api/", "packages/ui/", "packages/web/", "config/a.json"];
    assert_eq!(lines, expected);
}

#[test]
fn what_dockerignore_leaves_out_is_no_input() {
    let workspace = workspace()
        .built("docker/Dockerfile", "RUN npm run build -w api")
        .with("packages/api/README.md", "")
        .with("packages/web/docs/x", "")
        .with("README.md", "");
    let lines = |rules: &str| workspace.with(".dockerignore", rules).lines();

    assert_eq!(lines("**/*.md\npackages/web/docs\n**/test\n"), with_api(&["!**/*.md"]));
    assert_eq!(
        lines("packages/ui\n"),
        ["!**", "*", "packages/api/", "packages/*/package.json", "!packages/ui"]
    );
    // What brings something back is no line of a pattern file.
    assert_eq!(lines("**/*.md\n!README.md\n"), API);
}

#[test]
fn projects_that_share_a_folder_have_files_of_their_own_and_those_that_share_a_dockerfile_none() {
    let dockerfile = |package: &str| {
        format!(
            "FROM node AS build\nCOPY . /src\nRUN cd /src && npm run build -w {package}\nFROM scratch\nCOPY --from=build /out /\n"
        )
    };
    let workspace = workspace()
        .with("docker/api.Dockerfile", &dockerfile("api"))
        .with("docker/web.Dockerfile", &dockerfile("web"));

    let proposal = workspace.proposal();
    let files: Vec<String> = proposal.pattern_files.keys().map(ToString::to_string).collect();
    assert_eq!(files, ["docker/api.Dockerfile.rebuild_patterns", "docker/web.Dockerfile.rebuild_patterns"]);

    let compose = "services:\n  a: {build: {context: ., dockerfile: docker/api.Dockerfile, args: {X: a}}}\n  b: {build: {context: ., dockerfile: docker/api.Dockerfile, args: {X: b}}}\n";
    let shared = workspace.without("docker/web.Dockerfile").with("compose.yaml", compose).proposal();
    assert_eq!(shared.projects.len(), 2);
    assert!(shared.pattern_files.is_empty(), "{:?}", shared.pattern_files);
}

#[test]
fn a_pattern_file_that_is_there_stays() {
    let workspace = workspace()
        .built("docker/Dockerfile", "RUN npm run build -w api")
        .with("docker/.rebuild_patterns", "x\n");

    let proposal = workspace.proposal();

    assert!(proposal.pattern_files.is_empty(), "{:?}", proposal.pattern_files);
    assert_eq!(proposal.kept.len(), 1);
}

#[test]
fn names_from_manifests_stay_in_their_comment() {
    let workspace = workspace()
        .with("packages/api/package.json", "{\"name\": \"a\\nb/\", \"dependencies\": {\"ui\": \"*\"}}")
        .built("packages/api/Dockerfile", "RUN npm ci && cd packages/api && npm run build");

    let proposal = workspace.proposal();

    let lines = proposal.pattern_files.values().next().unwrap();
    assert!(lines[0].contains(r"`a\nb/`"), "{}", lines[0]);
    assert!(lines.iter().all(|line| !line.contains('\n')));
}
