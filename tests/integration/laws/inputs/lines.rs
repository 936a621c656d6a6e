//! With which line a path is an input of whom: what a reason says, and `lint` and `simulate` ask for.

use std::collections::BTreeMap;

use chinampa::internals::git::Repository;
use chinampa::internals::inputs::{InputIndex, TakenBy};
use chinampa::internals::model::{ProjectName, RepoPath};
use chinampa::internals::patterns::PathSet;
use chinampa::internals::workspace::{ManifestSource, Project, Workspace};

use crate::support::world::World;

const MANIFEST: &str = "\
[workspace]
name = 'w'
rebuild_all = ['toolchain/']

[projects.apart]
path = 'apart'
context = '.'
extra_inputs = ['dist/**']

[projects.copies]
path = 'copies'
context = '.'

[projects.names]
path = 'names'
context = '.'

[projects.open]
path = 'open'
hermetic = false

[projects.whole]
path = 'whole'
";

fn world() -> World {
    let world = World::new();
    world.write("projects.toml", MANIFEST);
    world
        .write("apart/Dockerfile", "FROM scratch\nCOPY . /\n")
        .write("apart/.rebuild_patterns", "# the service\n./src/\n");
    world
        .write("copies/Dockerfile", "FROM scratch\nCOPY projects.toml /\n")
        .write("copies/.rebuild_patterns", "**\n");
    world.write("names/Dockerfile", "FROM scratch\nCOPY . /\n");
    world.write("names/.rebuild_patterns", "apart/.rebuild_patterns\n");
    world.write("open/Dockerfile", "FROM scratch\nCOPY . /\n").write("open/.rebuild_patterns", "./src/\n");
    world.write("whole/Dockerfile", "FROM scratch\nCOPY . /\n");
    world.commit();
    world
}

/// For each project that has the path as an input: the line, and where it stands.
fn lines(
    workspace: &Workspace,
    index: &InputIndex<'_>,
    projects: &[(&ProjectName, &Project)],
    path: &str,
) -> Vec<String> {
    let path = RepoPath::new(path).unwrap();
    let mut lines = BTreeMap::new();
    index.matches(&path, |number, by: TakenBy<'_>| {
        let (name, project) = projects[number];
        let line = format!("{name}: {} ({})", by.line(&path), by.source(project, &workspace.manifest_file));
        assert_eq!(lines.insert(name, line), None, "{name} has {path} twice");
    });
    lines.into_values().collect()
}

#[test]
fn each_input_is_told_with_the_line_that_makes_it_one_and_where_that_stands() {
    let world = world();
    let repository = Repository::open(world.path()).unwrap();
    let snapshot = repository.snapshot(repository.head().unwrap().commit).unwrap();
    let workspace = Workspace::read(&snapshot, &ManifestSource::Tree).unwrap();
    let projects: Vec<(&ProjectName, &Project)> = workspace.projects.iter().collect();
    let whole = InputIndex::new(&projects, &workspace.rebuild_all);

    let everything = "copies: ** (copies/.rebuild_patterns:1)";
    for (path, expected) in [
        ("apart/src/a", &["apart: ./src/ (apart/.rebuild_patterns:2)", everything][..]),
        ("dist/app", &["apart: dist/** (projects.toml:8)", everything]),
        ("apart/Dockerfile", &["apart: apart/Dockerfile (projects.toml:5)", everything]),
        (
            "apart/Dockerfile.dockerignore",
            &["apart: apart/Dockerfile.dockerignore (projects.toml:5)", everything],
        ),
        (
            ".dockerignore",
            &[
                "apart: .dockerignore (projects.toml:5)",
                everything,
                "names: .dockerignore (projects.toml:14)",
            ],
        ),
        ("open/a", &[everything, "open: open/ (projects.toml:18)"]),
        ("whole/a", &[everything, "whole: COPY . (whole/Dockerfile:2)"]),
        (
            "toolchain/version",
            &[
                "apart: toolchain/ (projects.toml:3)",
                everything,
                "names: toolchain/ (projects.toml:3)",
                "open: toolchain/ (projects.toml:3)",
                "whole: toolchain/ (projects.toml:3)",
            ],
        ),
        // Files of chinampa's own are inputs of those alone that name them, by a line or by a source.
        ("projects.toml", &[everything]),
        ("apart/.rebuild_patterns", &["names: apart/.rebuild_patterns (names/.rebuild_patterns:1)"]),
        ("whole/.rebuild_patterns", &[]),
        ("projects.lock", &[]),
    ] {
        let path_alone = [RepoPath::new(path).unwrap()];
        let for_path = PathSet::new(&path_alone);
        let for_path = InputIndex::for_paths(&projects, &workspace.rebuild_all, &for_path);

        assert_eq!(lines(&workspace, &whole, &projects, path), expected, "{path}");
        assert_eq!(lines(&workspace, &for_path, &projects, path), expected, "{path} alone");
    }
}
