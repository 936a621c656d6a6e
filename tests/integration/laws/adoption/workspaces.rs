//! Workspaces of five languages: packages that know each other, and are built from the workspace's root.

use std::collections::BTreeMap;

use super::draft::{Draft, Language, Tool};
use super::image::Image;
use super::paths::{join, relative};
use crate::laws::affected::repository::Entry;

/// The package that all others need.
const LIBRARY: &str = "libs/common";

/// The folder of the workspace, empty for the root.
pub(super) fn root(tool: Tool, draft: &Draft) -> String {
    let at = Tool::ALL.iter().position(|one| *one == tool).expect("it is one of all");
    let folder = match tool {
        _ if draft.is_at_root[at] => "",
        Tool::Cargo => "rust",
        Tool::Dotnet => "dotnet",
        Tool::Go => "go",
        Tool::Gradle => "jvm",
        Tool::Pnpm => "web",
    };
    folder.to_owned()
}

/// What a package is called: its folder's name alone can be another one's too.
fn package(folder: &str) -> String {
    let names: Vec<&str> = folder.rsplitn(3, '/').take(2).collect();
    names.into_iter().rev().collect::<Vec<_>>().join("-")
}

/// The stages up to the one that is called `runtime`. `of` names a base image, and `from` the one that the image starts from.
pub(super) fn steps(
    tool: Tool,
    image: &Image,
    of: &dyn Fn(&str) -> String,
    from: &dyn Fn(&str) -> String,
) -> String {
    let here = image.here();
    let package = package(&image.folder);
    let build = |base: &str| format!("FROM {} AS build\nWORKDIR /src\n", of(base));
    let runtime = |base: &str| format!("FROM {} AS runtime\n", from(base));
    match tool {
        Tool::Cargo => {
            build("rust:1")
                + &format!("COPY . .\nRUN cargo build --release -p {package}\n")
                + &runtime("debian:12")
                + &format!(
                    "COPY --from=build /src/target/release/{package} /usr/bin/app\nENTRYPOINT [\"app\"]\n"
                )
        }
        Tool::Dotnet => {
            build("mcr.microsoft.com/dotnet/sdk:8.0")
                + &match image.copies_parts {
                    true => format!(
                        "COPY Directory.Build.props ./\nCOPY {LIBRARY} {LIBRARY}\nCOPY {here} {here}\n"
                    ),
                    false => "COPY . .\n".to_owned(),
                }
                + &format!("RUN dotnet publish {here}/{package}.csproj -c Release -o /out\n")
                + &runtime("mcr.microsoft.com/dotnet/aspnet:8.0")
                + &format!(
                    "WORKDIR /app\nCOPY --from=build /out .\nENTRYPOINT [\"dotnet\", \"{package}.dll\"]\n"
                )
        }
        Tool::Go => {
            build("golang:1.22")
                + "COPY go.mod go.sum ./\nRUN go mod download\n"
                + &match image.copies_parts {
                    true => format!("COPY {LIBRARY} {LIBRARY}\nCOPY {here} {here}\n"),
                    false => "COPY . .\n".to_owned(),
                }
                + &format!("RUN go build -o /out/app ./{here}\n")
                + &runtime("debian:12")
                + "COPY --from=build /out/app /usr/bin/app\nENTRYPOINT [\"app\"]\n"
        }
        Tool::Gradle => {
            let task = here.replace('/', ":");
            build("gradle:8")
                + &format!("COPY . .\nRUN ./gradlew :{task}:bootJar\n")
                + &runtime("debian:12")
                + &format!(
                    "COPY --from=build /src/{here}/build/libs/app.jar /app.jar\nCMD [\"java\", \"-jar\", \"/app.jar\"]\n"
                )
        }
        Tool::Pnpm => {
            build("node:22")
                + &format!(
                    "RUN corepack enable\nCOPY . .\nRUN pnpm install --frozen-lockfile && pnpm --filter @shop/{package} build\n"
                )
                + &runtime("node:22")
                + &format!(
                    "WORKDIR /app\nCOPY --from=build /src/{here}/dist .\nCMD [\"node\", \"index.js\"]\n"
                )
        }
    }
}

/// The files of all workspaces that these images are packages of.
pub(super) fn files(images: &[Image]) -> BTreeMap<String, Entry> {
    let mut members: BTreeMap<(Tool, &str), Vec<&Image>> = BTreeMap::new();
    for image in images {
        if let Language::Member(tool) = image.language {
            members.entry((tool, &image.context)).or_default().push(image);
        }
    }
    let mut files = BTreeMap::new();
    for ((tool, root), members) in members {
        let members: Vec<String> = members.iter().map(|image| image.here()).collect();
        for (path, content) in of_workspace(tool, &members) {
            let executable = path == "gradlew";
            files.insert(join(root, &path), Entry::File { content, executable });
        }
    }
    files
}

/// The files of one workspace, paths seen from its root.
fn of_workspace(tool: Tool, members: &[String]) -> Vec<(String, String)> {
    let packages: Vec<&str> = members.iter().map(String::as_str).chain([LIBRARY]).collect();
    let lines =
        |line: &dyn Fn(&str) -> String| packages.iter().map(|package| line(package)).collect::<String>();
    let quoted = |folder: &&str| format!("\"{folder}\"");
    let mut files: Vec<(String, String)> = match tool {
        Tool::Cargo => vec![
            (
                "Cargo.toml".to_owned(),
                format!(
                    "[workspace]\nresolver = \"2\"\nmembers = [{}]\n",
                    packages.iter().map(quoted).collect::<Vec<_>>().join(", ")
                ),
            ),
            (
                "Cargo.lock".to_owned(),
                lines(&|folder| {
                    format!("[[package]]\nname = \"{}\"\nversion = \"0.1.0\"\n\n", package(folder))
                }),
            ),
        ],
        Tool::Dotnet => vec![
            ("shop.sln".to_owned(), lines(&|folder| format!("Project = \"{}.csproj\"\n", package(folder)))),
            ("Directory.Build.props".to_owned(), "<Project />\n".to_owned()),
        ],
        Tool::Go => vec![
            ("go.mod".to_owned(), "module example.com/shop\n\ngo 1.22\n".to_owned()),
            ("go.sum".to_owned(), String::new()),
        ],
        Tool::Gradle => vec![
            (
                "settings.gradle".to_owned(),
                lines(&|folder| format!("include ':{}'\n", folder.replace('/', ":"))),
            ),
            ("build.gradle".to_owned(), "plugins { id 'java' }\n".to_owned()),
            ("gradlew".to_owned(), "#!/bin/sh\nexec gradle \"$@\"\n".to_owned()),
        ],
        Tool::Pnpm => vec![
            (
                "pnpm-workspace.yaml".to_owned(),
                format!("packages:\n{}", lines(&|folder| format!("  - {folder}\n"))),
            ),
            ("pnpm-lock.yaml".to_owned(), "lockfileVersion: '9.0'\n".to_owned()),
            ("package.json".to_owned(), "{ \"private\": true }\n".to_owned()),
        ],
    };
    for folder in packages {
        files.extend(of_package(tool, folder).map(|(name, content)| (format!("{folder}/{name}"), content)));
    }
    files
}

/// What says that a folder is a package, and its source.
fn of_package(tool: Tool, folder: &str) -> [(String, String); 2] {
    let package = package(folder);
    let library = (folder != LIBRARY).then(|| relative(folder, LIBRARY));
    let dependency = |line: &dyn Fn(&str) -> String| library.as_deref().map(line).unwrap_or_default();
    let (manifest, text, source) = match tool {
        Tool::Cargo => (
            "Cargo.toml".to_owned(),
            format!(
                "[package]\nname = \"{package}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n{}",
                dependency(&|library| format!(
                    "\n[dependencies]\nlibs-common = {{ path = \"{library}\" }}\n"
                ))
            ),
            if folder == LIBRARY { "src/lib.rs" } else { "src/main.rs" },
        ),
        Tool::Dotnet => (
            format!("{package}.csproj"),
            format!(
                "<Project Sdk=\"Microsoft.NET.Sdk\">\n{}</Project>\n",
                dependency(&|library| format!(
                    "  <ItemGroup>\n    <ProjectReference Include=\"{library}/libs-common.csproj\" />\n  </ItemGroup>\n"
                ))
            ),
            "Program.cs",
        ),
        Tool::Go => {
            let import =
                dependency(&|_| format!("\nimport _ \"example.com/shop/{LIBRARY}\"\n\nfunc main() {{}}\n"));
            let name = if folder == LIBRARY { "common" } else { "main" };
            let more = ("more.go".to_owned(), format!("package {name}\n"));
            return [("code.go".to_owned(), format!("package {name}\n{import}")), more];
        }
        Tool::Gradle => (
            "build.gradle".to_owned(),
            dependency(&|_| {
                format!("dependencies {{ implementation project(':{}') }}\n", LIBRARY.replace('/', ":"))
            }),
            "src/main/java/App.java",
        ),
        Tool::Pnpm => (
            "package.json".to_owned(),
            format!(
                "{{ \"name\": \"@shop/{package}\", \"scripts\": {{ \"build\": \"tsc\" }}{} }}\n",
                dependency(&|_| ", \"dependencies\": { \"@shop/libs-common\": \"workspace:*\" }".to_owned())
            ),
            "index.js",
        ),
    };
    [(manifest, text), (source.to_owned(), format!("// {folder}\n"))]
}
