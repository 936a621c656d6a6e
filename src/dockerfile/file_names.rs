//! Which files are Dockerfiles by their names, and which of them are no images that this repository builds.

use std::fmt;

use serde::Serialize;

use crate::model::RepoPath;

/// Why a Dockerfile is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeftOutKind {
    /// In a folder with code from elsewhere: `vendor`, `node_modules`.
    Vendored,
    /// In a folder with data of tests: `testdata`.
    Fixture,
    /// A text from which Dockerfiles are made.
    Template,
    /// A copy that an editor or a merge left.
    Backup,
    /// A page about a Dockerfile.
    Documentation,
    /// Its image runs on Windows.
    Windows,
}

/// What is counted, in the plural.
impl fmt::Display for LeftOutKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Vendored => "in folders with code from elsewhere",
            Self::Fixture => "in folders with data of tests",
            Self::Template => "templates",
            Self::Backup => "backups",
            Self::Documentation => "pages of documentation",
            Self::Windows => "for Windows",
        })
    }
}

const VENDORED: &[&str] = &[
    "node_modules",
    "vendor",
    "third_party",
    "third-party",
    ".venv",
    "site-packages",
    "Pods",
    "bower_components",
];

const FIXTURES: &[&str] = &[
    "testdata",
    "testfiles",
    "test-data",
    "test_data",
    "fixtures",
    "__fixtures__",
    "__tests__",
    "test-fixtures",
    "test_fixtures",
];

const TEMPLATES: &[&str] = &[
    ".tmpl",
    ".template",
    ".tpl",
    ".j2",
    ".jinja",
    ".jinja2",
    ".erb",
    ".in",
    ".mustache",
    ".hbs",
    ".ejs",
    ".liquid",
];

const BACKUPS: &[&str] = &[".bak", ".backup", ".orig", ".old", ".rej", ".swp", "~", ".disabled"];

const PAGES: &[&str] = &[".md", ".mdx", ".rst", ".adoc"];

/// Ends of names that begin as those of Dockerfiles do.
const DATA: &[&str] = &[
    "dockerignore",
    "json",
    "yaml",
    "yml",
    "toml",
    "lock",
    "xml",
    "html",
    "css",
    "snap",
    "png",
    "svg",
    "sig",
    "sha256",
    "license",
];

/// Ends of source files, which are `Dockerfile.go` for an image of Go as well.
const CODE: &[&str] = &[
    "go", "rs", "py", "js", "mjs", "ts", "tsx", "java", "kt", "rb", "php", "c", "cc", "cpp", "h", "cs",
    "swift", "sh", "lua", "vim", "el",
];

/// Whether a file has the name of a Dockerfile, or of a template, a backup or a page of one.
pub fn is_dockerfile(name: &str) -> bool {
    let name = name.strip_prefix('.').filter(|_| name.ends_with(".swp")).unwrap_or(name);
    let name =
        TEMPLATES.iter().chain(BACKUPS).chain(PAGES).find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    let has = |list: &[&str]| extension.as_ref().is_some_and(|extension| list.contains(&extension.as_str()));
    if has(DATA) {
        return false;
    }
    let lower = name.to_ascii_lowercase();
    ["dockerfile", "containerfile"].iter().any(|word| {
        let Some(rest) = lower.strip_prefix(word) else {
            let capital = [&word[..1].to_uppercase(), &word[1..]].concat();
            let is_joined = |joint: &str| name.ends_with(&format!("{joint}{capital}"));
            return lower.ends_with(&format!(".{word}")) || is_joined("-") || is_joined("_");
        };
        match rest.chars().next() {
            None => true,
            Some('.') => !has(CODE) || (name.starts_with(['D', 'C']) && rest.matches('.').count() == 1),
            Some('-' | '_') => !has(CODE),
            Some(_) => false,
        }
    })
}

/// Why a Dockerfile is left out by its path alone.
pub fn left_out(path: &RepoPath) -> Option<LeftOutKind> {
    let text = String::from_utf8_lossy(path.as_bytes());
    let (folders, name) = text.rsplit_once('/').unwrap_or(("", &text));
    if let Some(kind) = left_out_folder(folders) {
        return Some(kind);
    }
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    let words = || name.split(['.', '-', '_']).map(str::to_ascii_lowercase);
    if ends(TEMPLATES) || text.contains("{{") {
        Some(LeftOutKind::Template)
    } else if ends(BACKUPS) {
        Some(LeftOutKind::Backup)
    } else if ends(PAGES) {
        Some(LeftOutKind::Documentation)
    } else if words()
        .any(|word| matches!(word.as_str(), "windows" | "nanoserver" | "servercore" | "windowsservercore"))
    {
        Some(LeftOutKind::Windows)
    } else {
        None
    }
}

/// Why nothing in these folders counts.
pub fn left_out_folder(folders: &str) -> Option<LeftOutKind> {
    folders.split('/').find_map(|folder| match folder {
        folder if VENDORED.contains(&folder) => Some(LeftOutKind::Vendored),
        folder if FIXTURES.contains(&folder) => Some(LeftOutKind::Fixture),
        _ => None,
    })
}

/// Whether the image of a Dockerfile runs on Windows: its last stage, or the escape that only Windows needs.
pub fn is_for_windows(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    let directives = text.lines().take_while(|line| line.starts_with('#'));
    let escape = |line: &str| {
        let directive: String = line.chars().filter(|letter| !letter.is_whitespace()).collect();
        directive.eq_ignore_ascii_case("#escape=`")
    };
    if directives.into_iter().any(escape) {
        return true;
    }
    let base = |line: &str| {
        let mut words = line.split_whitespace().skip_while(|word| word.starts_with("--"));
        let is_from = words.next().is_some_and(|word| word.eq_ignore_ascii_case("FROM"));
        is_from.then(|| words.find(|word| !word.starts_with("--")).unwrap_or_default().to_ascii_lowercase())
    };
    let last = text.lines().filter_map(base).next_back().unwrap_or_default();
    ["mcr.microsoft.com/windows", "nanoserver", "servercore"].iter().any(|name| last.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dockerfile_is_known_by_its_name() {
        for name in [
            "Dockerfile",
            "dockerfile",
            "Containerfile",
            "Containerfile.api",
            "Dockerfile.api",
            "Dockerfile-debug",
            "Dockerfile_debug",
            "Dockerfile.go",
            "api.Dockerfile",
            "api.dockerfile",
            "api-Dockerfile",
            "Dockerfile.bak",
            "Dockerfile~",
            ".Dockerfile.swp",
            "api.Dockerfile.j2",
            "Dockerfile.md",
        ] {
            assert!(is_dockerfile(name), "{name}");
        }
        for name in [
            "Dockerfile.dockerignore",
            "dockerfile.rs",
            "dockerfile_test.go",
            "Dockerfile_test.go",
            "Dockerfile.test.js",
            "Dockerfile.json",
            "DockerfileParser.java",
            "dockerfiles",
            "lint-dockerfile",
            "README.md",
        ] {
            assert!(!is_dockerfile(name), "{name}");
        }
    }

    #[test]
    fn a_dockerfile_that_nobody_builds_here_is_left_out_by_its_path() {
        for (path, expected) in [
            ("Dockerfile", None),
            ("vendors/Dockerfile", None),
            ("web/node_modules/x/Dockerfile", Some(LeftOutKind::Vendored)),
            ("third_party/x/Dockerfile", Some(LeftOutKind::Vendored)),
            ("pkg/testdata/a/Dockerfile", Some(LeftOutKind::Fixture)),
            ("web/__tests__/fixtures/Dockerfile", Some(LeftOutKind::Fixture)),
            ("Dockerfile.tmpl", Some(LeftOutKind::Template)),
            ("{{cookiecutter.name}}/Dockerfile", Some(LeftOutKind::Template)),
            ("Dockerfile.in", Some(LeftOutKind::Template)),
            ("Dockerfile.orig", Some(LeftOutKind::Backup)),
            ("Dockerfile~", Some(LeftOutKind::Backup)),
            ("docs/Dockerfile.rst", Some(LeftOutKind::Documentation)),
            ("Dockerfile.windows", Some(LeftOutKind::Windows)),
            ("api-windows.Dockerfile", Some(LeftOutKind::Windows)),
        ] {
            assert_eq!(left_out(&RepoPath::new(path).unwrap()), expected, "{path}");
        }
    }

    #[test]
    fn an_image_runs_on_windows_if_its_last_stage_does() {
        for (text, expected) in [
            ("FROM mcr.microsoft.com/windows/servercore:ltsc2022\n", true),
            ("# syntax=docker/dockerfile:1\n# Escape = `\nFROM x\n", true),
            ("FROM --platform=windows/amd64 mcr.microsoft.com/windows/nanoserver\n", true),
            ("FROM mcr.microsoft.com/windows/nanoserver AS windows\nFROM alpine\n", false),
            ("FROM golang AS build\nfrom golang:nanoserver\n", true),
            ("FROM mcr.microsoft.com/dotnet/sdk:8.0\n# windows\n", false),
            ("", false),
        ] {
            assert_eq!(is_for_windows(text.as_bytes()), expected, "{text}");
        }
    }
}
