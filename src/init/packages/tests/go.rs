use super::Workspace;

/// `cmd/api` imports `internal/db`, that `internal/log`; nothing that is built imports `internal/other`.
fn module() -> Workspace {
    Workspace::new(&[
        ("go.mod", "module example.com/shop\n\ngo 1.22\n"),
        ("go.sum", ""),
        ("cmd/api/main.go", "package main\n\nimport (\n\t\"fmt\"\n\n\t\"example.com/shop/internal/db\"\n)\n"),
        ("cmd/api/main_test.go", "package main\nimport _ \"example.com/shop/internal/other\"\n"),
        ("cmd/other/main.go", "package main\nimport _ \"example.com/shop/internal/other\"\n"),
        (
            "internal/db/db.go",
            "package db\nimport \"embed\"\nimport _ \"example.com/shop/internal/log\"\n//go:embed schema/*.sql all:seed\nvar files embed.FS\n",
        ),
        ("internal/db/schema/1.sql", ""),
        ("internal/db/schema/notes.md", ""),
        ("internal/db/seed/a/b.json", ""),
        ("internal/db/other/x.txt", ""),
        ("internal/log/log.go", "package log\n"),
        ("internal/log/log.s", ""),
        ("internal/other/other.go", "package other\n"),
        ("web/index.html", ""),
    ])
}

const API: [&str; 8] = [
    "!**",
    "*",
    "cmd/api/*",
    "internal/db/*",
    "internal/db/schema/*.sql",
    "internal/db/seed",
    "internal/log/*",
    "!**/*_test.go",
];

#[test]
fn a_package_is_taken_with_what_it_imports_and_embeds() {
    for steps in [
        "RUN go build -o /out ./cmd/api",
        "RUN go mod download && CGO_ENABLED=0 go build -ldflags=\"-s -X main.v=$VERSION\" -o=/out cmd/api/main.go",
        "RUN go install example.com/tool@latest && go build -ldflags \"-X main.v=$VERSION\" example.com/shop/cmd/api",
        "WORKDIR cmd/api\nRUN go build",
        "RUN go build -C cmd/api -o /out .",
        "RUN cd cmd && go run ./api ./...",
    ] {
        assert_eq!(module().built("docker/Dockerfile", steps).lines(), API, "{steps}");
    }
}

#[test]
fn what_is_vendored_or_lies_in_modules_of_the_workspace_is_taken() {
    let vendored = module()
        .built("docker/Dockerfile", "RUN go build ./cmd/api")
        .with("vendor/modules.txt", "")
        .with("vendor/x/x.go", "");
    assert!(vendored.lines().contains(&"vendor/".to_owned()));

    let replaced = module()
        .built("docker/Dockerfile", "RUN go build ./cmd/api")
        .with("go.mod", "module example.com/shop\nreplace (\n\texample.com/lib v1 => ./third/lib\n\texample.com/x => example.com/y v2\n)\n")
        .with("internal/log/log.go", "package log\nimport _ \"example.com/lib/a\"\nimport _ \"example.com/x\"\n")
        .with("third/lib/go.mod", "module example.com/lib\n")
        .with("third/lib/a/a.go", "package a\n")
        .with("third/lib/b/b.go", "package b\n")
        .lines();
    let of_lib: Vec<&String> = replaced.iter().filter(|line| line.starts_with("third")).collect();
    assert_eq!(of_lib, ["third/lib/a/*", "third/lib/go.mod"]);
}

#[test]
fn modules_of_a_workspace_import_each_other() {
    let workspace = Workspace::new(&[
        ("go.work", "go 1.22\nuse (\n\t./api\n\t./lib\n\t./other\n)\n"),
        ("api/go.mod", "module example.com/api\n"),
        ("api/main.go", "package main\nimport _ \"example.com/lib/log\"\n"),
        ("lib/go.mod", "module example.com/lib\n"),
        ("lib/go.sum", ""),
        ("lib/log/log.go", "package log\n"),
        ("lib/more/more.go", "package more\n"),
        ("other/go.mod", "module example.com/other\n"),
        ("other/other.go", "package other\n"),
    ]);

    let lines = workspace.built("docker/Dockerfile", "RUN go build -o /out ./api").lines();

    assert_eq!(lines, ["!**", "*", "api/*", "lib/log/*", "lib/go.mod", "lib/go.sum", "other/go.mod"]);
}

#[test]
fn commands_that_may_build_anything_are_not_certain() {
    for (steps, why) in [
        ("RUN go build ./...", "`go build ./...` builds all packages"),
        ("RUN go build -o /out/ ./cmd/...", "`go build -o /out/ ./cmd/...` builds all packages"),
        ("RUN go test ./cmd/api && go build ./cmd/api", "`go test ./cmd/api` may read files of any package"),
        (
            "RUN go generate ./cmd/api && go build ./cmd/api",
            "`go generate ./cmd/api` may read files of any package",
        ),
        ("RUN go mod tidy && go build ./cmd/api", "`go mod tidy` reads all packages"),
        ("RUN go build ./cmd/$NAME", "`go build ./cmd/$NAME` names no package that is there"),
        ("RUN go build", "`go build` names no package that is there"),
        ("RUN go mod download", "nothing says which of its packages is built"),
    ] {
        assert_eq!(module().built("docker/Dockerfile", steps).doubt(), why, "{steps}");
    }
    let single =
        module().with("docker/Dockerfile", "FROM golang\nCOPY . /src\nRUN cd /src && go build ./cmd/api\n");
    assert_eq!(single.doubt(), "the image has the workspace itself, and may use any file of it");
}

#[test]
fn sources_that_leave_something_open_are_not_certain() {
    let built = module().built("docker/Dockerfile", "RUN go build ./cmd/api");
    let with = |path: &str, text: &str| built.with(path, text).doubt();

    let generated = "`internal/log/log.go` imports `example.com/shop/gen`, of which git has no file";
    assert_eq!(with("internal/log/log.go", "package log\nimport \"example.com/shop/gen\"\n"), generated);
    assert_eq!(with("internal/log/log.go", "nothing"), "the imports of `internal/log/log.go` can't be read");
    let c = "package log\n// #cgo CFLAGS: -I${SRCDIR}/../c\nimport \"C\"\n";
    assert_eq!(with("internal/log/log.go", c), "`internal/log/log.go` builds C with files of other folders");
    assert_eq!(
        with("internal/go.mod", "module x\n"),
        "`example.com/shop/internal/db` lies in a module of its own"
    );
    let outside = "`go.mod` replaces a module by `../x`, which is not there";
    assert_eq!(with("go.mod", "module example.com/shop\nreplace x => ../x\n"), outside);
}

#[test]
fn tests_that_are_embedded_stay() {
    let lines = module()
        .built("docker/Dockerfile", "RUN go build ./cmd/api")
        .with("internal/db/seed/x_test.go", "")
        .lines();

    assert!(!lines.contains(&"!**/*_test.go".to_owned()), "{lines:?}");
}
