//! What snapshots show of an answer: everything but what differs from run to run.

use regex::Regex;

use crate::support::world::{Answer, World};

/// Worlds that tests begin with.
impl World {
    /// A commit of these files, on `main`.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        Self::new().with(files)
    }

    /// Commits these files.
    pub(crate) fn with(self, files: &[(&str, &str)]) -> Self {
        let world = self;
        files.iter().for_each(|(path, content)| {
            world.write(path, content);
        });
        world.commit();
        world
    }

    /// A commit with one project, `api`.
    pub(crate) fn with_api() -> Self {
        Self::with_api_in(&[])
    }

    /// The same in a repository of this format.
    pub(crate) fn with_api_in(format: &[&str]) -> Self {
        let manifest = "workspace.name = \"shop\"\n[projects.api]\npath = \"api\"\n";
        let files = [("projects.toml", manifest), ("api/Dockerfile", "FROM chinampa/base:1\nCOPY . /\n")];
        Self::of_format(format).with(&files)
    }

    /// Runs the binary and shows its answer with placeholders for this world's folder, for ids and times.
    pub(crate) fn shown<const N: usize>(&self, arguments: [&str; N]) -> String {
        self.mask(&self.run(arguments))
    }

    /// An answer with placeholders for this world's folder, for ids and times.
    pub(crate) fn mask(&self, answer: &Answer) -> String {
        let folder = self.path().display().to_string();
        let mut text = answer.to_string().replace(&folder, "<world>");
        for (pattern, placeholder) in [
            // A column of times, whose width differs.
            (r"  +([0-9]+\.[0-9] ?s\b)", "  $1"),
            (r"\b[0-9]+\.[0-9]s\b", "<time>"),
            (r"\b[0-9a-f]{64}\b", "<64 hex>"),
            (r"\b[0-9a-f]{40}\b", "<40 hex>"),
            (r"\b[0-9a-f]{12}\b", "<12 hex>"),
            (r"\b[0-9a-f]{10}\b", "<10 hex>"),
            (r"\b[0-9]+\.[0-9]s?\b s?", "<time> "),
            (r#""seconds": [0-9.e-]+"#, r#""seconds": <time>"#),
        ] {
            text = Regex::new(pattern).unwrap().replace_all(&text, placeholder).into_owned();
        }
        in_name_order(&text)
    }
}

/// The text, with the rows of built projects in the order of names: the slowest is another one each time.
fn in_name_order(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    for rows in lines.chunk_by_mut(|one, other| one.starts_with("built ") && other.starts_with("built ")) {
        rows.sort_unstable();
    }
    lines.join("\n")
}
