//! The text of a script in Groovy or Kotlin, as far as literal names in it go.

use std::sync::LazyLock;

use regex::Regex;

static PROJECT: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?:^|[^\w.]|dependencies\.|rootProject\.)project\s*(?:\(|['\x22])"));
static LITERAL: LazyLock<Regex> = LazyLock::new(|| {
    regex(r#"^[\w.]*project\s*\(?\s*(?:path\s*[:=]\s*)?(?:"([\w.:-]+)"|'([\w.:-]+)')\s*[,)\n;}]"#)
});
static ACCESSOR: LazyLock<Regex> = LazyLock::new(|| regex(r"(?:^|[^\w.])projects((?:\.\w+)+)"));
static ROOTED: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r#"(?:\$rootDir|\$\{rootDir\}|\$\{rootProject\.projectDir\})/([\w./-]+)|rootProject\.(?:file|layout\.projectDirectory\.\w+)\(\s*["']([\w./-]+)["']"#,
    )
});
static TEXT: LazyLock<Regex> = LazyLock::new(|| regex(r#""([\w./-]+)"|'([\w./-]+)'"#));

fn regex(text: &str) -> Regex {
    Regex::new(text).expect("it is an expression")
}

/// A script without its comments.
pub(super) struct Script(String);

impl Script {
    pub(super) fn read(text: &str) -> Self {
        Self(without_comments(text))
    }

    pub(super) fn code(&self) -> &str {
        &self.0
    }

    /// The projects that `project(…)` names.
    ///
    /// # Errors
    /// The first that is no literal.
    pub(super) fn projects(&self) -> Result<Vec<String>, String> {
        let mut projects = Vec::new();
        for found in PROJECT.find_iter(&self.0) {
            let rest = &self.0[found.start()..];
            let rest = rest.trim_start_matches(|letter: char| !letter.is_alphanumeric());
            let Some(literal) = LITERAL.captures(rest) else {
                return Err(rest.lines().next().unwrap_or_default().chars().take(60).collect());
            };
            projects.extend(literal.iter().skip(1).flatten().map(|name| name.as_str().to_owned()));
        }
        Ok(projects)
    }

    /// `.core.model` of `projects.core.model`.
    pub(super) fn accessors(&self) -> impl Iterator<Item = &str> {
        ACCESSOR.captures_iter(&self.0).filter_map(|found| Some(found.get(1)?.as_str()))
    }

    /// Paths that begin with the root of the build.
    pub(super) fn rooted(&self) -> impl Iterator<Item = &str> {
        ROOTED
            .captures_iter(&self.0)
            .flat_map(|found| found.iter().skip(1).flatten().collect::<Vec<_>>())
            .map(|path| path.as_str())
    }

    /// All literal texts that can be paths.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        TEXT.captures_iter(&self.0)
            .flat_map(|found| found.iter().skip(1).flatten().collect::<Vec<_>>())
            .map(|text| text.as_str())
    }
}

/// The text with a space for each comment. What is in quotes stays.
fn without_comments(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
        } else if rest.starts_with("/*") {
            rest = rest[2..].find("*/").map_or("", |end| &rest[2 + end + 2..]);
            code.push(' ');
        } else if matches!(first, '"' | '\'') {
            let length = text_length(rest, first);
            code.push_str(&rest[..length]);
            rest = &rest[length..];
        } else {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    code
}

/// How long the text in quotes is with which `rest` begins, its quotes included.
fn text_length(rest: &str, quote: char) -> usize {
    let triple = quote.to_string().repeat(3);
    if rest.starts_with(&triple) {
        return rest[3..].find(&triple).map_or(rest.len(), |end| end + 6);
    }
    let mut is_escaped = false;
    for (at, letter) in rest.char_indices().skip(1) {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '\n' => return at,
            letter if letter == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projects_have_literal_names_or_none() {
        let script = Script::read(
            "dependencies {\n  implementation project(':core') // project(x)\n  api(project(\":lib:model\"))\n  testImplementation(project(path = \":core\", configuration = \"tests\"))\n  compile project ':old'\n  /* project(y) */\n  implementation(projects.lib.model)\n}\n",
        );

        assert_eq!(script.projects().unwrap(), [":core", ":lib:model", ":core", ":old"]);
        assert_eq!(script.accessors().collect::<Vec<_>>(), [".lib.model"]);
        for text in [
            "project(name)",
            "project(\":$name\")",
            "project(':a' + b)",
            "implementation project(configuration: 'x', path: ':y')",
        ] {
            assert!(Script::read(text).projects().is_err(), "{text}");
        }
        assert_eq!(
            Script::read("project.version = 1\nsubproject(x)\n").projects().unwrap(),
            Vec::<String>::new()
        );
    }

    #[test]
    fn paths_of_the_root_are_seen() {
        let script = Script::read(
            "apply from: \"$rootDir/config/a.gradle\"\nx = rootProject.file('b/c.xml')\ny = \"${rootDir}/d\"\n",
        );

        assert_eq!(script.rooted().collect::<Vec<_>>(), ["config/a.gradle", "b/c.xml", "d"]);
    }

    #[test]
    fn comments_are_no_code_and_quotes_are() {
        assert_eq!(
            without_comments("a // b\n'c//d' /* e\n */ \"\"\"f//\"\"\" \"g\\\"//\""),
            "a \n'c//d'   \"\"\"f//\"\"\" \"g\\\"//\""
        );
        assert_eq!(without_comments("'open // x\ny"), "'open // x\ny");
    }
}
