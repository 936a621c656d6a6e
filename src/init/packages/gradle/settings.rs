//! `settings.gradle` and `settings.gradle.kts`: which projects a build has, and where.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use super::script::Script;
use crate::init::evidence::resolve;
use crate::init::packages::NarrowError;
use crate::init::packages::files::Files;
use crate::init::packages::manifests::unreadable;
use crate::model::{RepoPath, printable};

const SETTINGS: [&str; 2] = ["settings.gradle", "settings.gradle.kts"];

/// Words of settings that are programs, and not lists.
static DYNAMIC: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"\b(each\w*|for|forEach|while|listFiles|list|walk\w*|fileTree|includeFlat|apply|children|buildFileName)\b\s*[({:]|\bapply\s+from\b|\)\s*\.name\s*=[^=]",
    )
});
static INCLUDE: LazyLock<Regex> = LazyLock::new(|| regex(r"(?:^|[^\w])(include|includeBuild)\b"));
static TEXT: LazyLock<Regex> = LazyLock::new(|| regex(r#"^\s*(?:"([\w./:-]+)"|'([\w./:-]+)')"#));
static FOLDER: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r#"\bproject\s*\(\s*["'](:[\w.:-]+)["']\s*\)\s*\.\s*projectDir\s*=\s*(?:new\s+)?[fF]ile\s*\(\s*(?:(?:settingsDir|rootDir|rootProject\.projectDir)\s*,\s*)?["']([\w./-]+)["']\s*\)"#,
    )
});
static PROJECT: LazyLock<Regex> = LazyLock::new(|| regex(r"\bproject\s*\(|\bprojectDir\s*="));

fn regex(text: &str) -> Regex {
    Regex::new(text).expect("it is an expression")
}

/// The projects of a build, without its root.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// Folders by paths such as `:services:api`.
    pub(super) projects: BTreeMap<String, RepoPath>,
    /// Builds that are included as a whole.
    pub(super) builds: Vec<RepoPath>,
}

impl Settings {
    /// Reads the settings at the root of `files`; `None` where there are none.
    pub(super) fn read(files: &Files<'_>) -> Result<Option<Self>, NarrowError> {
        let paths = SETTINGS.map(|name| files.root.join_component(name.as_bytes()));
        let Some(path) = paths.iter().find(|path| files.has(path)) else { return Ok(None) };
        let script = Script::read(&files.manifest(path)?);
        Self::parse(script.code(), &files.root).map(Some).map_err(|why| unreadable(path, &why))
    }

    fn parse(code: &str, root: &RepoPath) -> Result<Self, String> {
        if let Some(found) = DYNAMIC.find(code) {
            return Err(format!("it has `{}`", found.as_str().trim()));
        }
        let mut settings = Self::default();
        for found in INCLUDE.captures_iter(code) {
            let verb = found.get(1).expect("it is in the expression");
            for written in literals(&code[verb.end()..])
                .ok_or_else(|| format!("an `{}` is not literal", verb.as_str()))?
            {
                if verb.as_str() == "includeBuild" {
                    let folder =
                        resolve(root, written).filter(|folder| folder.is_within(root) && folder != root);
                    settings.builds.push(folder.ok_or_else(|| format!("`{written}` is outside"))?);
                } else {
                    settings.add(root, written)?;
                }
            }
        }
        let mut placed = 0;
        for found in FOLDER.captures_iter(code) {
            // What is assigned and what is asked for.
            placed += 2;
            let folder = resolve(root, &found[2]).ok_or_else(|| format!("`{}` is outside", &found[2]))?;
            let place =
                settings.projects.get_mut(&found[1]).ok_or_else(|| format!("there is no `{}`", &found[1]))?;
            *place = folder;
        }
        if PROJECT.find_iter(code).count() != placed {
            return Err("it places a project in a way that is not followed".to_owned());
        }
        Ok(settings)
    }

    /// Adds a project, and those above it.
    fn add(&mut self, root: &RepoPath, written: &str) -> Result<(), String> {
        let mut path = String::new();
        let mut folder = root.clone();
        for name in written.trim_start_matches(':').split(':') {
            let name_path = RepoPath::new(name).map_err(|error| printable(&error.to_string()))?;
            path = format!("{path}:{name}");
            folder = folder.join(&name_path);
            self.projects.entry(path.clone()).or_insert_with(|| folder.clone());
        }
        Ok(())
    }

    /// The project that `projects.core.model` names, with what may stand behind it.
    pub(super) fn by_accessor(&self, written: &str) -> Option<&RepoPath> {
        let accessors = self.projects.iter().map(|(path, folder)| (accessor(path), folder));
        let is_start = |accessor: &str| {
            written.strip_prefix(accessor).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let named = accessors.filter(|(accessor, _)| is_start(accessor));
        named.max_by_key(|(accessor, _)| accessor.len()).map(|(_, folder)| folder)
    }
}

/// `.dataModel.core` for `:data-model:core`.
fn accessor(path: &str) -> String {
    let mut accessor = String::new();
    let mut starts_word = false;
    for letter in path.chars() {
        match letter {
            ':' => accessor.push('.'),
            '-' | '_' | '.' => starts_word = true,
            letter if std::mem::take(&mut starts_word) => accessor.extend(letter.to_uppercase()),
            letter => accessor.push(letter),
        }
    }
    accessor
}

/// The texts behind a verb, in parentheses or not; `None` where something else is among them.
fn literals(rest: &str) -> Option<Vec<&str>> {
    let after = rest.trim_start_matches([' ', '\t']);
    let (mut rest, is_call) = match after.strip_prefix('(') {
        Some(rest) => (rest, true),
        None => (after, false),
    };
    let mut literals = Vec::new();
    loop {
        let found = TEXT.captures(rest)?;
        literals.extend(found.iter().skip(1).flatten().map(|text| text.as_str()));
        rest = rest[found[0].len()..].trim_start_matches([' ', '\t']);
        if is_call {
            rest = rest.trim_start();
        }
        if let Some(more) = rest.strip_prefix(',') {
            rest = more;
            // A comma may stand behind the last one.
            if is_call && rest.trim_start().starts_with(')') {
                return Some(literals);
            }
            continue;
        }
        let ends = if is_call {
            rest.starts_with(')')
        } else {
            rest.is_empty() || rest.starts_with(['\n', '\r', ';', '}'])
        };
        return ends.then_some(literals);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(code: &str) -> Result<Vec<String>, String> {
        let settings = Settings::parse(code, &RepoPath::default())?;
        let projects = settings.projects.iter().map(|(path, folder)| format!("{path} {folder}"));
        Ok(projects.chain(settings.builds.iter().map(|folder| format!("build {folder}"))).collect())
    }

    #[test]
    fn literal_includes_are_projects_with_those_above_them() {
        let code = "pluginManagement { includeBuild(\"build-logic\") }\nrootProject.name = 'shop'\ninclude ':api',\n  'lib:model'\ninclude(\n  \":web\",\n)\nproject(':web').projectDir = new File(settingsDir, 'front/web')\ndependencyResolutionManagement { repositories { maven { content { includeGroup(\"x\") } } } }\n";

        let expected =
            [":api api", ":lib lib", ":lib:model lib/model", ":web front/web", "build build-logic"];
        assert_eq!(shown(code).unwrap(), expected);
    }

    #[test]
    fn settings_that_compute_are_not_followed() {
        for code in [
            "include(*names)",
            "include \":a-$x\"",
            "include ':a' + b",
            "names.each { include it }",
            "for (name in names) { include(name) }",
            "file('x').listFiles().filter { it.isDirectory() }",
            "include ':a'\nproject(':a').projectDir = file(folder)",
            "include ':a'\nproject(':a').name = 'b'",
            "includeFlat('a')",
            "apply(from = \"more.gradle.kts\")",
            "apply from: 'more.gradle'",
            "includeBuild('../other')",
        ] {
            assert!(shown(code).is_err(), "{code}");
        }
    }

    #[test]
    fn accessors_are_the_names_of_projects_in_camel_case() {
        let settings =
            Settings::parse("include 'data-model:core_x', 'data-model'", &RepoPath::default()).unwrap();

        let folder = |written: &str| settings.by_accessor(written).map(ToString::to_string);
        assert_eq!(folder(".dataModel.coreX").as_deref(), Some("data-model/core_x"));
        assert_eq!(folder(".dataModel.dependencyProject").as_deref(), Some("data-model"));
        assert_eq!(folder(".data"), None);
    }
}
