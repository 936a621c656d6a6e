//! Laws of what patterns would have cost, on generated histories.

use std::collections::BTreeSet;

use chinampa::internals::git::{Filters, Repository};
use chinampa::internals::model::{ProjectName, RepoPath};
use chinampa::internals::simulate::{self, Simulation};
use chinampa::internals::workspace::{ManifestSource, Workspace};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::subsequence;

use crate::support::world::World;

const MANIFEST: &str = "\
[workspace]
name = 'w'
rebuild_all = ['tools/']
[projects.lib]
path = 'lib'
[projects.api]
path = 'api'
[projects.site]
path = 'site'
";

const FILES: &[&str] = &[
    "lib/a.c",
    "lib/b/c.h",
    "lib/b/d.md",
    "api/src/a.ts",
    "api/src/b.md",
    "api/Dockerfile",
    "site/x",
    "tools/version",
    "shared/s",
    "README",
];

const LINES: &[&str] =
    &["./", "./src/", "./b/", "lib/*.c", "shared/", "!**/*.md", "**/*.c", "./**/*.ts", "^shared"];

type Lines = Vec<&'static str>;

/// `lib` ← `api` ← `site`; then a commit for each list of files, which changes these.
fn world(lib: &Lines, api: &Lines, commits: &[Vec<&'static str>]) -> World {
    let world = World::new();
    for file in FILES {
        world.write(file, "first");
    }
    world.write("projects.toml", MANIFEST);
    world.write("lib/Dockerfile", "FROM scratch\nCOPY b /b\n");
    world.write("api/Dockerfile", "FROM lib\nCOPY src /src\n");
    world.write("site/Dockerfile", "FROM scratch\nCOPY --from=api / /\n");
    write_lines(&world, "lib", lib);
    write_lines(&world, "api", api);
    world.commit();
    world.git(["tag", "first"]);
    for (number, files) in commits.iter().enumerate() {
        for file in files {
            let text = if *file == "api/Dockerfile" { "FROM lib\nCOPY src /src\n#" } else { "" };
            world.write(file, format!("{text}{number}"));
        }
        world.commit();
    }
    world
}

fn write_lines(world: &World, project: &str, lines: &[&str]) {
    world.write(&format!("{project}/.rebuild_patterns"), format!("{project}/never\n{}\n", lines.join("\n")));
}

/// Simulates the commits after the first by the patterns of the work tree.
fn simulated(world: &World) -> (Workspace, Simulation) {
    let repository = Repository::open(world.path()).unwrap();
    let head = repository.head().unwrap().commit;
    let tree = repository.snapshot_of_work_tree(head, Filters::Run).unwrap().tree;
    let snapshot = repository.snapshot_of_tree(tree);
    let workspace = Workspace::read(&snapshot, &ManifestSource::Tree).unwrap();
    let first = repository.commit("first").unwrap();
    let history = repository.first_parents(head, Some(first), 1000).unwrap();
    let source = ManifestSource::Tree;
    let simulation = simulate::run(&workspace, &source, &snapshot, &repository, &history).unwrap();
    (workspace, simulation)
}

/// Each file of each commit tried on each project.
fn builds(workspace: &Workspace, commits: &[Vec<&str>], project: &ProjectName) -> usize {
    let is_own = |name: &ProjectName, file: &str| {
        let (path, project) = (RepoPath::new(file).unwrap(), &workspace.projects[name]);
        project.inputs.patterns().is_some_and(|patterns| patterns.decide(&path).is_some())
            || workspace.rebuild_all.decide(&path).is_some()
            || path == project.config.dockerfile.value
    };
    let needs = workspace.graph.with_needs([project]);
    let is_built = |files: &&Vec<&str>| needs.iter().any(|need| files.iter().any(|file| is_own(need, file)));
    commits.iter().filter(is_built).count()
}

proptest! {
    #![proptest_config(crate::laws::config(24))]

    #[test]
    fn a_history_costs_what_its_commits_cost_one_by_one(
        lib in subsequence(LINES, 0..4),
        api in subsequence(LINES, 0..4),
        commits in vec(subsequence(FILES, 0..4), 0..6),
    ) {
        let world = world(&lib, &api, &commits);

        let (workspace, simulation) = simulated(&world);

        prop_assert_eq!(simulation.commits, commits.len());
        for project in &simulation.projects {
            let expected = builds(&workspace, &commits, &project.name);
            prop_assert_eq!(project.declared, expected, "{}", project.name);
        }
    }

    #[test]
    fn a_line_costs_what_is_not_built_when_it_is_taken_out(
        lib in subsequence(LINES, 0..4),
        api in subsequence(LINES, 0..4),
        commits in vec(subsequence(FILES, 0..4), 0..6),
    ) {
        let world = world(&lib, &api, &commits);
        let (_, whole) = simulated(&world);

        for (project, lines) in [("lib", &lib), ("api", &api)] {
            for (nth, line) in lines.iter().enumerate().filter(|(_, line)| !line.starts_with('!')) {
                let rest: Vec<&str> = lines.iter().enumerate().filter(|(other, _)| *other != nth).map(|(_, line)| *line).collect();
                write_lines(&world, project, &rest);
                let (_, without) = simulated(&world);
                write_lines(&world, project, lines);

                let is_this = |cost: &&simulate::LineCost| {
                    cost.pattern == *line && cost.project.as_ref().is_some_and(|name| name.as_str() == project)
                };
                let cost = whole.lines.iter().find(is_this).unwrap();
                prop_assert_eq!(cost.builds, whole.builds().0 - without.builds().0, "`{}` of {}", line, project);
            }
        }
    }
}

#[test]
fn inferred_patterns_build_what_dockerfiles_take() {
    let commits = vec![
        vec!["lib/a.c"],
        vec!["lib/b/d.md"],
        vec!["api/src/b.md"],
        vec!["README"],
        vec!["tools/version"],
    ];
    let world = world(&vec!["./"], &vec!["./src/", "!**/*.md"], &commits);

    let (_, simulation) = simulated(&world);

    let costs: BTreeSet<(&str, usize, usize)> =
        simulation.projects.iter().map(|cost| (cost.name.as_str(), cost.declared, cost.inferred)).collect();
    assert_eq!(costs, [("api", 3, 3), ("lib", 3, 2), ("site", 3, 3)].into());
}
