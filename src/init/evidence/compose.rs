//! Compose files: which services are built, and from what. What a service needs to run, it need not to be built.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::yaml::{Node, YamlError};
use super::{Build, Ignored, SourceLocation, Strength, resolve};
use crate::model::RepoPath;

pub(in crate::init) const NAMES: &[&str] =
    &["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];

/// What of `build` is understood.
const KNOWN: &[&str] = &["context", "dockerfile", "target", "args"];

/// The images that the file `path` builds; what can't be used goes to `ignored`.
pub(in crate::init) fn builds(
    path: &RepoPath,
    text: &[u8],
    ignored: &mut Vec<Ignored>,
) -> Result<Vec<Build>, YamlError> {
    let file = Node::parse(text)?;
    let services = file.get("services").and_then(|services| services.map()).unwrap_or_default();
    let mut builds = Vec::new();
    for (service, about) in services {
        let Some(build) = about.get("build") else { continue };
        let mut reader = Reader { path, service, ignored };
        let image = about.get("image").and_then(|image| image.text()).map(str::to_owned);
        builds
            .extend(reader.build(build).map(|build| Build { images: image.into_iter().collect(), ..build }));
    }
    Ok(builds)
}

struct Reader<'r> {
    path: &'r RepoPath,
    service: &'r str,
    ignored: &'r mut Vec<Ignored>,
}

impl Reader<'_> {
    fn build(&mut self, build: &Rc<Node>) -> Option<Build> {
        let found = SourceLocation::new(self.path, build.line);
        if build.get("dockerfile_inline").is_some() {
            return self.ignore(build, format!("service `{}` has no Dockerfile of its own", self.service));
        }
        for (key, value) in build.map().unwrap_or_default() {
            if !KNOWN.contains(&key) {
                self.note(value, format!("`{key}` of service `{}` has no counterpart", self.service));
            }
        }
        let written = match build.text() {
            Some(context) => context.to_owned(),
            None => build.get("context").and_then(|context| context.text()).unwrap_or(".").to_owned(),
        };
        let folder = self.path.parent().unwrap_or_default();
        let Some(context) = interpolated(&written).and_then(|text| resolve(&folder, &text)) else {
            let reason = "is no folder of the repository, or is not known here";
            return self
                .ignore(build, format!("the context `{written}` of service `{}` {reason}", self.service));
        };
        let dockerfile = match self.text_of(build, "dockerfile") {
            Ok(dockerfile) => dockerfile.unwrap_or_else(|| "Dockerfile".to_owned()),
            Err(reason) => return self.ignore(build, reason),
        };
        let Some(dockerfile) = resolve(&context, &dockerfile) else {
            let reason = format!("the Dockerfile `{dockerfile}` of service `{}` is outside", self.service);
            return self.ignore(build, reason);
        };
        let target = match self.text_of(build, "target") {
            Ok(target) => target,
            Err(reason) => return self.ignore(build, reason),
        };
        let build_args = build.get("args").map(|args| self.args(args)).unwrap_or_default();
        Some(Build {
            says: format!("service `{}` builds it", self.service),
            strength: Strength::Definition,
            name: Some(self.service.to_owned()),
            context: Some(context),
            target,
            build_args,
            ..Build::of(dockerfile, found)
        })
    }

    /// A map, or a list of `NAME=value`; what comes from the environment is left out.
    fn args(&mut self, args: &Rc<Node>) -> BTreeMap<String, Option<String>> {
        let pairs: Vec<(&Rc<Node>, String, Option<String>)> = match (args.map(), args.list()) {
            (Some(map), _) => map
                .into_iter()
                .map(|(name, value)| (value, name.to_owned(), value.text().map(str::to_owned)))
                .collect(),
            (None, Some(list)) => list
                .iter()
                .filter_map(|element| {
                    let (name, value) = match element.text()?.split_once('=') {
                        Some((name, value)) => (name, Some(value.to_owned())),
                        None => (element.text()?, None),
                    };
                    Some((element, name.to_owned(), value))
                })
                .collect(),
            (None, None) => Vec::new(),
        };
        let mut known = BTreeMap::new();
        for (node, name, value) in pairs {
            match value.as_deref().and_then(interpolated) {
                Some(value) => {
                    known.insert(name, Some(value));
                }
                None => {
                    let reason = format!("the argument `{name}` of service `{}`", self.service);
                    self.note(
                        node,
                        format!("{reason} comes from the environment: give it a default or a value"),
                    );
                }
            }
        }
        known
    }

    fn text_of(&self, build: &Node, key: &str) -> Result<Option<String>, String> {
        let Some(text) = build.get(key).and_then(|node| node.text()) else { return Ok(None) };
        let unknown =
            || format!("`{key}` of service `{}` depends on the environment: `{text}`", self.service);
        interpolated(text).map(Some).ok_or_else(unknown)
    }

    fn note(&mut self, node: &Node, why: String) {
        self.ignored.push(Ignored { at: SourceLocation::new(self.path, node.line), why });
    }

    fn ignore<T>(&mut self, node: &Node, why: String) -> Option<T> {
        self.note(node, why);
        None
    }
}

/// The text with its variables' defaults; `None` where one has none, or is no variable as Compose knows them.
fn interpolated(text: &str) -> Option<String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        filled.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            filled.push('$');
            rest = after;
            continue;
        }
        let (inner, after) = after.strip_prefix('{')?.split_once('}')?;
        let name = inner.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')?;
        let default = &inner[name..];
        let default = default.strip_prefix(":-").or_else(|| default.strip_prefix('-'))?;
        if name == 0 || default.contains('$') {
            return None;
        }
        filled.push_str(default);
        rest = after;
    }
    filled.push_str(rest);
    Some(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(build: &str) -> (Vec<Build>, Vec<String>) {
        let text = format!("services:\n  api:\n    build:\n{build}");
        let mut ignored = Vec::new();
        let builds =
            builds(&RepoPath::new("ops/compose.yaml").unwrap(), text.as_bytes(), &mut ignored).unwrap();
        (builds, ignored.iter().map(|ignored| format!("{}: {}", ignored.at, ignored.why)).collect())
    }

    #[test]
    fn paths_are_relative_to_the_file_and_the_dockerfile_to_the_context() {
        let (builds, ignored) =
            read("      context: ../services/api/\n      dockerfile: ../docker/api.Dockerfile\n");

        let path = |text: &str| RepoPath::new(text).unwrap();
        assert_eq!(builds[0].context, Some(path("services/api")));
        assert_eq!(builds[0].dockerfile, path("services/docker/api.Dockerfile"));
        assert_eq!(ignored, Vec::<String>::new());
    }

    #[test]
    fn arguments_are_a_map_or_a_list_and_those_of_the_environment_are_left_out() {
        for args in ["{A: 1, B: \"${B:-x}\", C: , D: $D}", "[A=1, \"B=${B:-x}\", C, \"D=$D\"]"] {
            let (builds, ignored) = read(&format!("      args: {args}\n"));

            let args: Vec<_> = builds[0]
                .build_args
                .iter()
                .map(|(name, value)| format!("{name}={}", value.as_ref().unwrap()))
                .collect();
            assert_eq!(args, ["A=1", "B=x"]);
            assert_eq!(ignored.len(), 2, "{ignored:?}");
        }
    }

    #[test]
    fn what_is_not_understood_is_said_with_its_line() {
        let (builds, ignored) = read("      context: .\n      cache_from: [x]\n      ssh: default\n");
        let (none, inline) = read("      context: .\n      dockerfile_inline: FROM scratch\n");
        let (outside, reasons) = read("      context: ../../other\n");

        assert_eq!(builds.len(), 1);
        assert_eq!(
            ignored,
            [
                "ops/compose.yaml:5: `cache_from` of service `api` has no counterpart",
                "ops/compose.yaml:6: `ssh` of service `api` has no counterpart"
            ]
        );
        assert_eq!((none.len(), inline.len(), outside.len(), reasons.len()), (0, 1, 0, 1));
    }

    #[test]
    fn a_variable_stands_for_its_default_and_for_nothing_else() {
        for (text, expected) in [
            ("./api", Some("./api")),
            ("${DIR:-api}/x", Some("api/x")),
            ("${DIR-api}", Some("api")),
            ("a$$b", Some("a$b")),
            ("${DIR:-}", Some("")),
            ("${DIR}", None),
            ("$DIR", None),
            ("${DIR:?no}", None),
            ("${DIR:-${OTHER}}", None),
            ("${DIR", None),
            ("${:-x}", None),
        ] {
            assert_eq!(interpolated(text).as_deref(), expected, "{text}");
        }
    }
}
