//! `# syntax=`: the program that reads the Dockerfile.

use std::collections::BTreeMap;

/// The only frontend whose instructions are known here, by the name that it has at Docker Hub.
const FRONTEND: &str = "docker/dockerfile";

/// The build argument that names another one, whatever the text says.
pub const ARGUMENT: &str = "BUILDKIT_SYNTAX";

/// The image of another frontend that a Dockerfile asks for, if it does, and the line: a program of its author's choice.
///
/// Looks at every comment before the first instruction. Which of them count differs from one version to the next.
pub fn foreign_frontend(text: &[u8]) -> Option<(usize, String)> {
    let text = String::from_utf8_lossy(text);
    let comments = text.trim_start_matches('\u{feff}').lines().map(str::trim).zip(1..);
    let comments = comments.take_while(|(line, _)| line.is_empty() || line.starts_with('#'));
    let mut frontends = comments.filter_map(|(line, number)| {
        let (name, value) = line.trim_start_matches('#').split_once('=')?;
        let is_syntax = name.trim().eq_ignore_ascii_case("syntax");
        is_syntax.then(|| (number, value.split_whitespace().next().unwrap_or_default().to_owned()))
    });
    frontends.find(|(_, frontend)| !is_dockers(frontend))
}

/// The same, or the one that a build argument names; that one stands on no line, so on the first.
pub(super) fn foreign_frontend_with(
    text: &[u8],
    build_args: &BTreeMap<String, String>,
) -> Option<(usize, String)> {
    let named = build_args.get(ARGUMENT).filter(|frontend| !is_dockers(frontend));
    named.map(|frontend| (1, frontend.clone())).or_else(|| foreign_frontend(text))
}

fn is_dockers(frontend: &str) -> bool {
    let hosts = ["docker.io/", "index.docker.io/"];
    let name = hosts.iter().find_map(|host| frontend.strip_prefix(host)).unwrap_or(frontend);
    name.strip_prefix(FRONTEND).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '@']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frontend_but_dockers_own_is_foreign() {
        for none in [
            "FROM a\n# syntax=evil",
            "# syntax=docker/dockerfile:1\nFROM a",
            "#syntax = docker.io/docker/dockerfile:1.7@sha256:00\nFROM a",
            "# escape=`\n# Syntax=docker/dockerfile\n",
            "",
        ] {
            assert_eq!(foreign_frontend(none.as_bytes()), None, "{none}");
        }
        for (text, line, frontend) in [
            ("# syntax=evil/frontend:1\nFROM a", 1, "evil/frontend:1"),
            ("\u{feff}#SYNTAX=docker/dockerfile-upstream\n", 1, "docker/dockerfile-upstream"),
            ("# syntax=docker/dockerfile:1\n# syntax=evil\n", 2, "evil"),
            (
                "#!/usr/bin/env x\n\n# a comment\n# syntax=ghcr.io/docker/dockerfile\n",
                4,
                "ghcr.io/docker/dockerfile",
            ),
            ("# syntax=docker.io/docker/dockerfile.evil\n", 1, "docker.io/docker/dockerfile.evil"),
        ] {
            assert_eq!(foreign_frontend(text.as_bytes()), Some((line, frontend.to_owned())), "{text}");
        }
    }

    #[test]
    fn a_build_argument_names_a_frontend_whatever_the_text_says() {
        let with = |frontend: &str| {
            let build_args = [("BUILDKIT_SYNTAX".to_owned(), frontend.to_owned())].into();
            foreign_frontend_with(b"FROM a", &build_args)
        };

        assert_eq!(with("evil"), Some((1, "evil".to_owned())));
        assert_eq!(with("docker/dockerfile:1.10"), None);
    }
}
