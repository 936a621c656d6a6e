//! Reads a large manifest in parts, on several threads, and gives up wherever that could make a difference.
//!
//! A file is cut where a line begins with `[projects.<name>]`. That a part can be read by itself says that it leaves
//! nothing open: an array, an inline table or a string that isn't closed is an error. So each part begins where a table
//! does, and says the same as in its place in the file, unless it adds to a table that another part has, or has a header
//! that isn't of a project: then, and when there is any problem, the file is read as a whole.

use std::collections::HashSet;

use foldhash::fast::RandomState;
use toml::de::DeTable;

use super::fields::Fields;
use super::problem::Problems;
use super::read_project::{self, Surroundings};
use super::{Common, KEYS, MAX_BYTES, Manifest, ProjectConfig, TerraformSetting};
use crate::model::{ProjectName, RepoPath, RepositoryName};
use crate::threads::{self, Queue};

/// Less is read sooner than a thread has begun.
const PART_BYTES: usize = 8 * 1024;

const PROJECTS: &str = "projects";

/// What the header of a project's table begins with.
const HEADER: &str = "[projects.";

#[derive(Clone, Copy, Debug)]
struct Part<'t> {
    text: &'t str,
    /// How many lines the file has before it.
    lines_before: usize,
}

type Projects = Vec<(ProjectName, Box<ProjectConfig>)>;

/// The manifest, where it is large and nothing is wrong with it; else it may be read as a whole.
pub(super) fn manifest(text: &[u8], file: &str) -> Option<Manifest> {
    if !(4 * PART_BYTES..=MAX_BYTES).contains(&text.len()) {
        return None;
    }
    manifest_of_parts(std::str::from_utf8(text).ok()?, PART_BYTES, file)
}

fn manifest_of_parts(text: &str, part_bytes: usize, file: &str) -> Option<Manifest> {
    let (first, others) = cut(text, part_bytes)?;
    let problems = Problems::new(file, first.text.as_bytes());
    let table = table(first.text)?;
    let fields = Fields::of_file(&table, KEYS, &problems);
    let common = Common::read(&fields);
    let of_first = projects(&fields, &common);
    if !problems.is_empty() {
        return None;
    }
    let of_queue = |queue: &Queue<'_, Part<'_>>| queue.each(|part| part.read(&common, file).ok_or(()));
    let of_others = threads::share(&others, threads::processors(), of_queue, of_queue).ok()?;
    let parts = || std::iter::once(&of_first).chain(&of_others);
    let count = parts().map(Vec::len).sum();
    let names: HashSet<&ProjectName, RandomState> = parts().flatten().map(|(name, _)| name).collect();
    // Where all repositories are named after their projects, they differ as the names do.
    if parts().flatten().any(|(name, config)| config.repository.as_str() != name.as_str()) {
        let repositories: HashSet<&RepositoryName, RandomState> =
            parts().flatten().map(|(_, config)| &config.repository).collect();
        if repositories.len() < count {
            return None;
        }
    }
    // Who has a terraform folder that is named is told by the whole file.
    let named = parts().flatten().filter_map(|(_, config)| match &config.terraform {
        TerraformSetting::Folder(folder) => Some(&folder.value),
        TerraformSetting::Default | TerraformSetting::Off => None,
    });
    let mut folders: HashSet<&RepoPath, RandomState> = HashSet::default();
    if !named.into_iter().all(|folder| folders.insert(folder)) {
        return None;
    }
    let mut needs = parts().flatten().flat_map(|(_, config)| &config.needs);
    if names.len() < count || !needs.all(|need| names.contains(&need.value)) {
        return None;
    }
    let projects = std::iter::once(of_first).chain(of_others).flatten().collect();
    common.with(projects, &fields).filter(|_| problems.is_empty())
}

/// A part with all that stands before the second project, and parts with some projects each.
///
/// The header in the first one sees to it that `projects` is a table that others may add to.
fn cut(text: &str, part_bytes: usize) -> Option<(Part<'_>, Vec<Part<'_>>)> {
    let first_header = if is_header(text) { 0 } else { next_header(text, 0)? };
    let mut start = next_header(text, first_header)?;
    let first = Part { text: &text[..start], lines_before: 0 };
    let mut lines_before = lines(first.text);
    let mut others = Vec::new();
    while start < text.len() {
        let end = next_header(text, start + part_bytes).unwrap_or(text.len());
        let part = Part { text: &text[start..end], lines_before };
        lines_before += lines(part.text);
        others.push(part);
        start = end;
    }
    Some((first, others))
}

/// Where the next line begins that is a project's header, behind the one in which `from` lies.
fn next_header(text: &str, from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += text.as_bytes().get(at..)?.iter().position(|&byte| byte == b'\n')? + 1;
        if is_header(&text[at..]) {
            return Some(at);
        }
    }
}

/// Whether a text begins with the header of a project's own table, its name without quotes.
fn is_header(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(HEADER) else { return false };
    let name = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(byte)).count();
    name > 0 && rest[name..].starts_with(']')
}

fn lines(text: &str) -> usize {
    text.bytes().filter(|&byte| byte == b'\n').count()
}

fn table(text: &str) -> Option<DeTable<'_>> {
    Some(DeTable::parse(text).ok()?.into_inner())
}

fn projects(fields: &Fields<'_>, common: &Common) -> Projects {
    let mut around = Surroundings::new(common, None);
    let item = fields.item(PROJECTS);
    item.map(|item| item.members(|project| read_project::read(project, &mut around))).unwrap_or_default()
}

impl Part<'_> {
    /// The projects of a part that has nothing else, and no problems.
    fn read(self, common: &Common, file: &str) -> Option<Projects> {
        let mut brackets = self.text.lines().map(str::trim_start).filter(|line| line.starts_with('['));
        // `[projects]` itself may stand there once only, as may what is no project.
        if !brackets.all(|line| line.starts_with(HEADER)) {
            return None;
        }
        let problems = Problems::of_part(file, self.text.as_bytes(), self.lines_before);
        let table = table(self.text)?;
        let projects = projects(&Fields::of_file(&table, &[PROJECTS], &problems), common);
        problems.is_empty().then_some(projects)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::prelude::{Just, Strategy, prop, prop_oneof};
    use proptest::test_runner::{Config, TestRunner};

    use super::*;

    /// Whatever could make a cut wrong: what spans lines, what is said twice, and what parts refer to each other for.
    fn line() -> impl Strategy<Value = String> {
        let name = || prop::sample::select(vec!["a", "b", "c", "d", "e", "f", "\"g\"", "'h'", "projects"]);
        prop_oneof![
            20 => name().prop_map(|name| format!("[projects.{name}]\npath = {name:?}")),
            2 => name().prop_map(|name| format!("needs = [\n{name:?}, # all\n\n]")),
            2 => name().prop_map(|name| format!("[projects.{name}.build_args]\nA = 1")),
            1 => name().prop_map(|name| format!("repository = {name:?}")),
            1 => Just("[projects]".to_owned()),
            1 => prop::sample::select(vec![
                "[ projects . a ]", "  [projects.e]", "[[projects.a]]", "[\"projects\".c]", "[cache]",
                "[projects.a]", "[projects.a] # again", "tags = [", "]", "\"\"\"", "'''", "x = \"\"\"", "needs = [[", "[a]]",
                "projects.c.path = \"c\"", "projects = { c = { path = \"c\" } }", "c.path = \"c\"", "d = { path = \"d\" }",
                "# [projects.a]", "[[projects]]", "service = {", "}", "build_args = {\nA = 1,\n}", "path = \"p\"\r",
                "needs = \"a", "tags = ['x', 'y']\r", "hermetic = false", "hermetic = [", "terraform = \"t\"", "", "\t",
            ]).prop_map(str::to_owned),
        ]
    }

    #[test]
    fn what_is_read_in_parts_is_what_the_whole_says() {
        let first = prop_oneof![9 => Just("workspace.name = \"shop\""), 1 => Just("\u{feff}[workspace]\nname = \"s\"")];
        let texts = (first, prop::collection::vec(line(), 0..12), 1..200_usize);
        let (read, wrong) = (Cell::new(0), Cell::new(0));

        let result = TestRunner::new(Config::with_cases(20_000)).run(&texts, |(first, lines, part_bytes)| {
            let text = format!("{first}\n{}\n", lines.join("\n"));
            let whole = super::super::whole(text.as_bytes(), "projects.toml");
            wrong.set(wrong.get() + usize::from(whole.is_err()));
            if let Some(parts) = manifest_of_parts(&text, part_bytes, "projects.toml") {
                read.set(read.get() + 1);
                assert_eq!(format!("{parts:#?}"), format!("{:#?}", whole.unwrap()), "{text}");
            }
            Ok(())
        });

        result.unwrap();
        assert!(read.get() > 1000 && wrong.get() > 1000, "{read:?} {wrong:?}");
    }

    #[test]
    fn a_manifest_of_thousands_of_projects_is_read_in_parts() {
        let project = |number: usize| {
            let need = number.saturating_sub(1000);
            format!("[projects.p{number}]\npath = \"p{number}\"\nneeds = [\"p{need}\"]\n\n")
        };
        let text = format!("workspace.name = \"shop\"\n{}", (1..5000).map(project).collect::<String>());
        let text = text.replace("\"p0\"", "");

        let parts = manifest(text.as_bytes(), "projects.toml").unwrap();

        let whole = super::super::whole(text.as_bytes(), "projects.toml").unwrap();
        assert_eq!(format!("{parts:?}"), format!("{whole:?}"));
        assert_eq!(
            manifest(text.replace("[\"p7\"]", "[\"q7\"]").as_bytes(), "projects.toml").map(drop),
            None
        );
    }
}
