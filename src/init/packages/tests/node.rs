use super::Workspace;

/// `@shop/api` depends on `@shop/ui`, that on `@shop/core`; nothing depends on `@shop/web`.
fn workspace() -> Workspace {
    Workspace::new(&[
        (
            "package.json",
            r#"{"private": true, "scripts": {"build:api": "turbo run build --filter=@shop/api", "build": "turbo run build"}}"#,
        ),
        ("pnpm-workspace.yaml", "packages:\n  - 'services/*'\n  - packages/**\n  - '!**/test/**'\n"),
        ("pnpm-lock.yaml", ""),
        (".npmrc", ""),
        (
            "services/api/package.json",
            r#"{"name": "@shop/api", "scripts": {"build": "tsc"}, "dependencies": {"@shop/ui": "workspace:*", "express": "4"}}"#,
        ),
        ("services/api/index.ts", ""),
        ("services/web/package.json", r#"{"name": "@shop/web"}"#),
        ("services/web/index.ts", ""),
        ("packages/ui/package.json", r#"{"name": "@shop/ui", "peerDependencies": {"@shop/core": "^1"}}"#),
        ("packages/ui/src/index.ts", ""),
        ("packages/deep/core/package.json", r#"{"name": "@shop/core"}"#),
        ("packages/deep/test/x/package.json", r#"{"name": "@shop/core"}"#),
        ("docs/a.md", ""),
    ])
}

const API: [&str; 7] = [
    "!**",
    "*",
    "packages/deep/core/",
    "packages/ui/",
    "services/api/",
    "services/*/package.json",
    "packages/**/package.json",
];

#[test]
fn a_package_is_taken_with_what_it_depends_on_and_the_manifests_of_all() {
    for steps in [
        "RUN pnpm install --frozen-lockfile && pnpm --filter @shop/api build",
        "RUN corepack enable && pnpm i\nRUN pnpm -F '@shop/api...' run build",
        "RUN pnpm --filter ./services/api --prod deploy /out",
        "RUN pnpm --filter=api build",
        "RUN npx turbo run build --filter=@shop/api...",
        "RUN pnpm dlx turbo@2 prune @shop/api --docker && pnpm turbo build --filter={./services/api}...",
        "RUN pnpm run build:api",
        "RUN pnpm build:api",
        "WORKDIR services/api\nRUN pnpm build",
        "RUN pnpm -C services/api build",
        "RUN cd services/api && npx tsc -p . && turbo run build",
        "ARG APP=api\nRUN turbo run build --filter=@shop/$APP",
        "RUN pnpm exec nx build @shop/api",
        "RUN lerna run build --scope @shop/api",
    ] {
        assert_eq!(workspace().built("docker/Dockerfile", steps).lines(), API, "{steps}");
    }
}

#[test]
fn what_is_built_of_a_part_of_the_workspace_names_no_package() {
    let dockerfile = "FROM base AS build\nWORKDIR /src\nCOPY . .\nRUN turbo prune @shop/api --docker\n\
        FROM base AS pruned\nWORKDIR /src\nCOPY --from=build /src/out/full/ .\nRUN pnpm i && pnpm -r build && turbo run build\n\
        FROM scratch\nCOPY --from=pruned /out /out\n";

    assert_eq!(workspace().with("docker/Dockerfile", dockerfile).lines(), API);
}

#[test]
fn npm_and_yarn_name_members_in_the_manifest_of_the_root() {
    let npm = workspace()
        .without("pnpm-workspace.yaml")
        .with("services/api/package.json", r#"{"name": "@shop/api", "dependencies": {"@shop/ui": "^1"}}"#);
    let list = r#"{"workspaces": ["./services/*/", "packages/ui", "packages/deep/core"]}"#;
    let object =
        r#"{"workspaces": {"packages": ["services/*", "packages/ui", "packages/deep/core"], "nohoist": []}}"#;
    let expected =
        ["!**", "*", "packages/deep/core/", "packages/ui/", "services/api/", "services/*/package.json"];
    for (steps, kind) in [
        ("RUN npm ci && npm run build -w @shop/api", "npm"),
        ("RUN npm run build --workspace=services/api --if-present", "npm"),
        ("RUN npm --prefix services/api run build", "npm"),
        ("RUN yarn install && yarn workspace @shop/api build", "yarn"),
        ("RUN yarn workspaces focus @shop/api --production && yarn --cwd services/api build", "yarn"),
        ("RUN yarn workspaces foreach -Rt --from @shop/api run build", "yarn"),
        ("RUN bun install && bun run --filter @shop/api build", "bun"),
    ] {
        for manifest in [list, object] {
            let workspace = npm.with("package.json", manifest).with(
                if kind == "npm" {
                    "x"
                } else if kind == "yarn" {
                    "yarn.lock"
                } else {
                    "bun.lock"
                },
                "",
            );
            let workspace = workspace.built("docker/Dockerfile", steps);
            assert_eq!(workspace.lines(), expected, "{steps}");
            let proposal = workspace.proposal();
            assert!(
                proposal.guesses.iter().any(|guess| guess.says.contains(&format!("{kind} workspace"))),
                "{:?}",
                proposal.guesses
            );
        }
    }
}

#[test]
fn commands_that_may_build_anything_are_not_certain() {
    for (steps, why) in [
        ("RUN pnpm -r build", "`pnpm -r build` runs in all packages"),
        ("RUN pnpm build", "`turbo run build` builds all packages"),
        ("RUN npm run build --workspaces", "`npm run build --workspaces` runs in all packages"),
        ("RUN turbo run build", "`turbo run build` builds all packages"),
        (
            "RUN pnpm --filter '...@shop/ui' build",
            "`pnpm --filter ...@shop/ui build` selects packages in a way that is not followed",
        ),
        (
            "RUN pnpm --filter '@shop/*' build",
            "`pnpm --filter @shop/* build` selects packages in a way that is not followed",
        ),
        ("RUN pnpm --filter $APP build", "`pnpm --filter $APP build` names no package of the workspace"),
        ("RUN pnpm --filter gone build", "`pnpm --filter gone build` names no package of the workspace"),
        (
            "RUN yarn workspaces foreach -A run build",
            "`yarn workspaces foreach -A run build` runs in all packages",
        ),
        ("RUN lerna run build", "`lerna run build` builds all packages"),
        ("RUN pnpm install", "nothing says which of its packages is built"),
        ("RUN pnpm install && go build ./...", "it is built by tools of several kinds"),
    ] {
        let workspace = workspace()
            .built("docker/Dockerfile", steps)
            .with("go.mod", "module x\n")
            .with("a.go", "package x\n");
        let doubt = if steps.contains("go build") {
            workspace
                .doubt()
                .replace("`go build ./...` builds all packages", "it is built by tools of several kinds")
        } else {
            workspace.doubt()
        };
        assert_eq!(doubt, why, "{steps}");
    }
}

#[test]
fn a_dockerfile_in_a_package_is_evidence() {
    let beside = workspace().built("services/api/Dockerfile", "RUN pnpm install --prod");
    let expected = [
        "!**",
        "*",
        "packages/deep/core/",
        "packages/ui/",
        "./",
        "services/*/package.json",
        "packages/**/package.json",
    ];
    assert_eq!(beside.lines(), expected);

    let all = workspace().built("services/api/Dockerfile", "RUN pnpm install && pnpm -r build");
    assert_eq!(all.doubt(), "`pnpm -r build` runs in all packages");
}

#[test]
fn manifests_that_leave_something_open_are_not_certain() {
    let built = workspace().built("docker/Dockerfile", "RUN pnpm --filter api build");
    let web = |text: &str| built.with("services/web/package.json", text).doubt();
    let depends =
        |version: &str| web(&format!(r#"{{"name": "@shop/web", "dependencies": {{"x": "{version}"}}}}"#));

    assert!(web("{").starts_with("`services/web/package.json` can't be read: "));
    assert_eq!(web(r#"{"name": "@shop/api"}"#), "several packages are called `@shop/api`");
    assert_eq!(web(r#"{"name": "@shop/web", "dependencies": {"x": {}}}"#), "the version of `x` is no text");
    for version in ["workspace:*", "file:../gone", "link:../../../x", "workspace:../../x"] {
        let why = format!("`services/web` depends on `x: {version}`, which is no package of the workspace");
        assert_eq!(depends(version), why);
    }
    let globs = |globs: &str| built.with("pnpm-workspace.yaml", &format!("packages: {globs}\n")).doubt();
    assert_eq!(globs("['../x/*']"), "nobody knows which folders `../x/*` means");
    assert_eq!(globs("['+(a|b)/*']"), "nobody knows which folders `+(a|b)/*` means");
    assert_eq!(globs("{a: b}"), "`pnpm-workspace.yaml` can't be read: `packages` is not a list of texts");
    assert_eq!(
        built.with("services/web/package.yaml", "").doubt(),
        "`services/web/package.yaml` is not read"
    );
}

#[test]
fn dependencies_are_names_aliases_paths_and_files() {
    let api = r#"{"name": "@shop/api", "dependencies": {"a": "workspace:@shop/ui@*", "b": "link:../web", "c": "file:../../vendor/c.tgz"}}"#;
    let lines = workspace()
        .built("docker/Dockerfile", "RUN pnpm --filter api build")
        .with("services/api/package.json", api)
        .with("vendor/c.tgz", "")
        .lines();

    for line in ["packages/ui/", "services/web/", "vendor/c.tgz"] {
        assert!(lines.contains(&line.to_owned()), "{line} {lines:?}");
    }
}

#[test]
fn what_an_installation_runs_and_patches_is_taken() {
    let root = r#"{"scripts": {"postinstall": "node tools/install.js", "lint": "eslint services"}, "pnpm": {"patchedDependencies": {"a@1": "fixes/a.patch"}}}"#;
    let lines = workspace()
        .built("docker/Dockerfile", "RUN pnpm --filter api build")
        .with("package.json", root)
        .with("tools/install.js", "")
        .with("fixes/a.patch", "")
        .with("services/web/package.json", r#"{"name": "@shop/web", "scripts": {"prepare": "tsc"}}"#)
        .lines();

    for line in ["tools/install.js", "fixes/a.patch", "services/web/"] {
        assert!(lines.contains(&line.to_owned()), "{line} {lines:?}");
    }
    assert!(!lines.contains(&"services/".to_owned()), "{lines:?}");
}
