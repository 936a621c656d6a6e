//! Laws of what changed paths affect, on repositories that are read as a command reads them.

use std::collections::{BTreeMap, BTreeSet};

use chinampa::config::Strategy as PlanStrategy;
use chinampa::git::{Repository, Snapshot};
use chinampa::graph::ProjectGraph;
use chinampa::model::{Change, ChangeKind, CommitId, ProjectName, RepoPath};
use chinampa::observe;
use chinampa::plan::{self, Base, Force, Observations};
use chinampa::workspace::{ManifestSource, Workspace};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};

use crate::graphs::{self, Needs};
use crate::patterns;
use crate::world::World;

type Names = BTreeSet<ProjectName>;

/// How many workspaces the cases are about: reading one takes longer than a hundred cases.
const WORKSPACES: usize = 24;

/// Folders of projects, some within others.
const FOLDERS: [&str; 8] = ["a", "b", "ab", "lib", "lib2", "lib/a", "a/b/a.rs", "b/a"];

/// Files that are inputs whatever the patterns say.
const IMPLIED: [&str; 4] = ["Dockerfile", ".rebuild_patterns", ".dockerignore", "Dockerfile.dockerignore"];

/// One workspace as it is written.
#[derive(Clone, Debug)]
struct Written {
    /// For each folder what it needs of those before it, its patterns if it has its own, and whether the build sees
    /// the whole context.
    projects: Vec<(Vec<Index>, Option<Vec<u8>>, bool)>,
    rebuild_all: &'static str,
}

/// One workspace as it is read, with what its graph was written to be.
struct Read {
    commit: CommitId,
    workspace: Workspace,
    needs: Needs,
}

fn written() -> impl Strategy<Value = Written> {
    let project =
        (vec(any::<Index>(), 0..3), proptest::option::weighted(0.8, patterns::file()), any::<bool>());
    let rebuild_all = select(vec!["", "", "'ab/*'", "'**/a.rs', '!lib/**'"]);
    (vec(project, FOLDERS.len()), rebuild_all)
        .prop_map(|(projects, rebuild_all)| Written { projects, rebuild_all })
}

fn commit(world: &World, written: &Written) -> (CommitId, Needs) {
    let mut needs = Needs::new();
    let mut manifest = format!("[workspace]\nname = 'w'\nrebuild_all = [{}]\n", written.rebuild_all);
    world.git(["rm", "-rqf", "--ignore-unmatch", "."]);
    for (number, (chosen, lines, is_hermetic)) in written.projects.iter().enumerate() {
        let folder = FOLDERS[number];
        let needed: BTreeSet<String> =
            chosen.iter().filter(|_| number > 0).map(|index| format!("p{}", index.index(number))).collect();
        manifest += &format!("[projects.p{number}]\npath = '{folder}'\nhermetic = {is_hermetic}\n");
        manifest += &format!("needs = {needed:?}\n")
            .replace(['{', '}'], "")
            .replace("= ", "= [")
            .replace('\n', "]\n");
        world.write(&format!("{folder}/Dockerfile"), "FROM scratch\n");
        if let Some(lines) = lines {
            world.write(&format!("{folder}/.rebuild_patterns"), lines);
        }
        let parse = |name: &String| name.parse().unwrap();
        needs.insert(parse(&format!("p{number}")), needed.iter().map(parse).collect());
    }
    world.write("projects.toml", manifest);
    (CommitId(world.commit().parse().unwrap()), needs)
}

/// Workspaces of one repository, each a commit.
fn workspaces(world: &World, repository: &Repository, config: &Config) -> Vec<Read> {
    let mut runner = TestRunner::new(config.clone());
    let read = |_| {
        let written = written().new_tree(&mut runner).unwrap().current();
        let (commit, needs) = commit(world, &written);
        let snapshot = repository.snapshot(commit).unwrap();
        Read { commit, workspace: Workspace::read(&snapshot, &ManifestSource::Tree).unwrap(), needs }
    };
    (0..WORKSPACES).map(read).collect()
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let implied = (select(&FOLDERS[..]), select(&IMPLIED[..]))
        .prop_map(|(folder, name)| RepoPath::new(format!("{folder}/{name}")).unwrap());
    let path = prop_oneof![
        12 => patterns::path(),
        4 => implied,
        1 => Just(RepoPath::new("projects.toml").unwrap()),
    ];
    let kind = select(vec![ChangeKind::Added, ChangeKind::Deleted, ChangeKind::Modified]);
    vec((path, kind).prop_map(|(path, kind)| Change { path, kind }), 0..6)
}

impl Read {
    /// What a plan says of these changes since `base`.
    fn affected(&self, base: &Self, snapshot: &Snapshot<'_>, changes: &[Change]) -> (Names, Names) {
        let own_changes = observe::own_changes(&self.workspace, &ManifestSource::Tree, snapshot, changes);
        let changed = own_changes.keys().cloned().collect();
        let observed = Observations {
            head: self.commit,
            is_dirty: false,
            base: Base::Known { commit: base.commit, from: "--base".to_owned() },
            own_changes,
            inputs: BTreeMap::new(),
            images: None,
        };
        let graph = ProjectGraph::new(&self.needs).unwrap();
        let all = self.needs.keys().cloned().collect();
        let plan = plan::make(&graph, &observed, &all, PlanStrategy::Digest, &Force::None);
        let affected = plan.steps.into_iter().filter(|step| step.is_affected).map(|step| step.project);
        (changed, affected.collect())
    }

    /// The projects whose own inputs change, each asked for each path.
    fn changed(&self, base: &Self, changes: &[Change]) -> Names {
        let rebuild_all = &self.workspace.rebuild_all;
        let of = |path: &RepoPath, name: &ProjectName| {
            let project = &self.workspace.projects[name];
            let implied = [&project.config.dockerfile.value, &project.pattern_file];
            project.patterns.decide(path).is_some()
                || rebuild_all.decide(path).is_some()
                || implied.contains(&path)
                || project.ignore_files().contains(path)
                || path.as_bytes() == b"projects.toml" && self.entry_differs(base, name)
        };
        let is_changed = |name: &&ProjectName| changes.iter().any(|change| of(&change.path, name));
        self.needs.keys().filter(is_changed).cloned().collect()
    }

    /// All workspaces have the same projects, which differ in what can be written.
    fn entry_differs(&self, base: &Self, name: &ProjectName) -> bool {
        let hermetic = |read: &Self| read.workspace.projects[name].config.hermetic;
        let rebuild_all = |read: &Self| {
            read.workspace.settings.rebuild_all.iter().map(|line| line.value.clone()).collect::<Vec<_>>()
        };
        self.needs[name] != base.needs[name]
            || hermetic(self) != hermetic(base)
            || rebuild_all(self) != rebuild_all(base)
    }
}

#[test]
fn affected_is_what_takes_a_changed_path_and_everything_that_needs_it() {
    let world = World::new();
    let repository = Repository::open(world.path()).unwrap();
    let config = crate::config(10_000);
    let workspaces = workspaces(&world, &repository, &config);
    let snapshots: Vec<_> = workspaces.iter().map(|read| repository.snapshot(read.commit).unwrap()).collect();

    proptest!(config, |(head in 0..WORKSPACES, base in 0..WORKSPACES, changes in changes())| {
        let [read, before] = [head, base].map(|number| &workspaces[number]);

        let (changed, affected) = read.affected(before, &snapshots[base], &changes);

        let expected = read.changed(before, &changes);
        prop_assert_eq!(&changed, &expected);
        prop_assert_eq!(affected, graphs::with_dependents(&read.needs, &expected));
    });
}

#[test]
fn one_more_changed_file_never_spares_a_project() {
    let world = World::new();
    let repository = Repository::open(world.path()).unwrap();
    let config = crate::config(10_000);
    let workspaces = workspaces(&world, &repository, &config);
    let snapshots: Vec<_> = workspaces.iter().map(|read| repository.snapshot(read.commit).unwrap()).collect();

    proptest!(config, |(
        head in 0..WORKSPACES,
        base in 0..WORKSPACES,
        changes in changes(),
        more in changes(),
        at in any::<Index>(),
    )| {
        let [read, before] = [head, base].map(|number| &workspaces[number]);
        let affected = |changes: &[Change]| read.affected(before, &snapshots[base], changes).1;
        let mut with_more = changes.clone();
        let at = at.index(changes.len() + 1);
        with_more.splice(at..at, more);

        prop_assert!(affected(&changes).is_subset(&affected(&with_more)));
    });
}
