//! Laws of what changed paths affect, on repositories that are read as a command reads them.

use std::collections::{BTreeMap, BTreeSet};

use chinampa::internals::git::{Repository, Snapshot};
use chinampa::internals::graph::ProjectGraph;
use chinampa::internals::model::{Change, ChangeKind, ChangedEntry, CommitId, ProjectName, RepoPath};
use chinampa::internals::observe::{self, Base, Changes};
use chinampa::internals::plan;
use chinampa::internals::workspace::{ManifestSource, Workspace};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};

use crate::laws::graphs::Needs;
use crate::laws::patterns;
use crate::support::world::World;

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
    let change = |(path, kind)| Change { path, kind, entry: ChangedEntry::File };
    vec((path, kind).prop_map(change), 0..6)
}

impl Read {
    /// The projects that these changes since `base` affect.
    fn affected(&self, base: &Self, trees: [&Snapshot<'_>; 2], changes: &[Change]) -> Names {
        let [before, now] = trees;
        let direct =
            observe::direct_changes(&self.workspace, &ManifestSource::Tree, before, now, changes).unwrap();
        let changes = Changes {
            head: self.commit,
            is_dirty: false,
            base: Base::Known { commit: base.commit, from: "--base".to_owned() },
            files: Vec::new(),
            direct,
        };
        let graph = ProjectGraph::new(&self.needs).unwrap();
        let impact = plan::impact(&graph, &changes, &self.needs.keys().cloned().collect());
        let affected = impact.projects.into_iter().filter(|project| project.is_affected);
        affected.map(|project| project.project).collect()
    }
}

/// What a comparison of the two commits tells, and with it what is claimed of further files.
fn told<'a>(truth: &'a [Change], claims: impl IntoIterator<Item = &'a Change>) -> Vec<Change> {
    let claims = claims.into_iter().chain(truth).map(|change| (&change.path, change));
    let told: BTreeMap<_, _> = claims.collect();
    told.into_values().cloned().collect()
}

#[test]
fn one_more_changed_file_never_spares_a_project() {
    let world = World::new();
    let repository = Repository::open(world.path()).unwrap();
    let config = crate::laws::config_of([400, 10_000]);
    let workspaces = workspaces(&world, &repository, &config);
    let snapshots: Vec<_> = workspaces.iter().map(|read| repository.snapshot(read.commit).unwrap()).collect();

    proptest!(config, |(
        head in 0..WORKSPACES,
        base in 0..WORKSPACES,
        changes in changes(),
        more in changes(),
    )| {
        let truth = snapshots[base].changes_to(&snapshots[head]).unwrap();
        let [read, before] = [head, base].map(|number| &workspaces[number]);
        let affected = |changes: &[Change]| read.affected(before, [&snapshots[base], &snapshots[head]], changes);
        let few = told(&truth, &changes);
        let many = told(&truth, more.iter().chain(&changes));

        prop_assert!(affected(&few).is_subset(&affected(&many)));
    });
}
