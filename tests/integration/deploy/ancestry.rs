use chinampa::internals::ci::{CheckedOut, CiContext, CiEnvironment, CommitContext};
use chinampa::internals::config::EnvironmentRule;
use chinampa::internals::deploy::gate::Relation;
use chinampa::internals::deploy::{History, candidate, relation};
use chinampa::internals::git::Repository;
use chinampa::internals::model::CommitId;

use crate::support::world::World;

fn rule(branch: &str) -> EnvironmentRule {
    EnvironmentRule { line: 1, branch: Some(branch.parse().unwrap()), tag: None }
}

fn commit(id: &str) -> CommitId {
    id.parse().unwrap()
}

/// Commits something that no other commit has.
fn commit_new(world: &World, file: &str) -> String {
    world.write(file, file).commit()
}

/// A commit that is checked out without a branch, in an environment of these variables.
fn detached_in(variables: &[(&str, &str)], id: &str) -> CommitContext {
    let find =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let ci = CiContext::read(CiEnvironment { variable: &find, file: &|_| None });
    ci.about(CheckedOut { commit: commit(id), parents: &[], branch: None }).unwrap()
}

fn detached(id: &str) -> CommitContext {
    detached_in(&[], id)
}

#[test]
fn an_older_commit_of_a_branch_is_of_that_branch_and_one_beside_it_is_not() {
    let world = World::new();
    let older = commit_new(&world, "a");
    let newest = commit_new(&world, "b");
    world.git(["checkout", "-q", "-b", "team/feature", &older]);
    let beside = commit_new(&world, "c");
    world.git(["tag", "v1", &beside]);
    world.git(["tag", "-a", "-m", "x", "release/2", &beside]);
    let repository = Repository::open(world.path()).unwrap();

    let branches = |id: &str, pattern: &str| {
        let found = candidate(&repository, &detached(id), &rule(pattern)).unwrap().branches;
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };

    assert_eq!(branches(&older, "main"), ["main"]);
    assert_eq!(branches(&older, "**"), ["main", "team/feature"]);
    assert_eq!(branches(&newest, "**"), ["main"]);
    assert!(branches(&beside, "main").is_empty());
    let tags = candidate(&repository, &detached(&beside), &rule("main")).unwrap().tags;
    assert_eq!(tags.into_iter().collect::<Vec<_>>(), ["release/2", "v1"]);
}

#[test]
fn the_branch_of_a_clone_counts_where_no_local_one_is() {
    let origin = World::new();
    let older = commit_new(&origin, "d");
    commit_new(&origin, "e");
    let clone = World::clone_of(origin.path());
    clone.git(["checkout", "-q", "--detach"]);
    clone.git(["branch", "-q", "-D", "main"]);
    let repository = Repository::open(clone.path()).unwrap();

    let found = candidate(&repository, &detached(&older), &rule("main")).unwrap();

    assert_eq!(found.branches.len(), 1);
}

// issue 12: N2
#[test]
fn in_a_ci_the_branches_of_a_clone_count_only_if_it_is_one_of_the_cis_repository() {
    let origin = World::new();
    let older = commit_new(&origin, "l");
    commit_new(&origin, "m");
    let clone = World::clone_of(origin.path());
    let repository = Repository::open(clone.path()).unwrap();
    let found = |ci: &[(&str, &str)], url: &str| {
        clone.git(["remote", "set-url", "origin", url]);
        candidate(&repository, &detached_in(ci, &older), &rule("main")).unwrap().branches.len()
    };
    let circle = [("CIRCLECI", "true"), ("CIRCLE_REPOSITORY_URL", "git@git.example:acme/shop.git")];
    let of_fork = [&circle[..], &[("CIRCLE_PR_NUMBER", "7")]].concat();

    assert_eq!(found(&circle, "https://git.example/acme/shop"), 1);
    assert_eq!(found(&circle, "https://git.example/mallory/shop"), 0);
    assert_eq!(found(&of_fork, "https://git.example/acme/shop"), 0);
    assert_eq!(found(&[("CI", "true")], "https://git.example/acme/shop"), 0);
    // What a job has put on a local branch is nobody's word.
    clone.git(["update-ref", "-d", "refs/remotes/origin/main"]);
    clone.git(["update-ref", "-d", "refs/remotes/origin/HEAD"]);
    assert_eq!(found(&circle, "https://git.example/acme/shop"), 0);
}

#[test]
fn every_relation_is_told_apart() {
    let world = World::new();
    let first = commit_new(&world, "f");
    let second = commit_new(&world, "g");
    world.git(["checkout", "-q", "--orphan", "other"]);
    let beside = commit_new(&world, "h");
    let repository = Repository::open(world.path()).unwrap();
    let relation = |deployed: &str, id: &str| {
        relation(&repository, commit(deployed), commit(id), History::AsItIs).unwrap()
    };

    assert_eq!(relation(&first, &first), Relation::Same);
    assert_eq!(relation(&first, &second), Relation::FastForward);
    assert_eq!(relation(&second, &first), Relation::Behind);
    assert_eq!(relation(&second, &beside), Relation::Diverged);
    assert_eq!(relation(&"1".repeat(40), &first), Relation::Unknown);
}

#[test]
fn a_history_that_is_cut_off_is_never_taken_for_a_whole_one() {
    let origin = World::new();
    commit_new(&origin, "i");
    origin.git(["checkout", "-q", "-b", "side"]);
    let side = commit_new(&origin, "j");
    origin.git(["checkout", "-q", "main"]);
    let newest = commit_new(&origin, "k");
    let clone = World::clone_of(origin.path());
    clone.git(["fetch", "-q", "--depth=1", "origin", "main", "side"]);
    let repository = Repository::open(clone.path()).unwrap();
    assert!(repository.is_shallow());

    let found = relation(&repository, commit(&side), commit(&newest), History::AsItIs).unwrap();

    assert_eq!(found, Relation::Unknown);
}

// issue 12: P15
#[test]
fn history_that_a_shallow_clone_lacks_is_fetched_where_that_is_wanted() {
    let origin = World::new();
    let older = commit_new(&origin, "l");
    for file in ["m", "n"] {
        commit_new(&origin, file);
    }
    origin.git(["checkout", "-q", "-b", "side", &older]);
    let side = commit_new(&origin, "o");
    origin.git(["checkout", "-q", "main"]);
    let newest = commit_new(&origin, "p");
    origin.git(["config", "uploadpack.allowAnySHA1InWant", "true"]);
    let source = format!("file://{}", origin.path().display());

    for (deployed, expected) in
        [(&older, Relation::FastForward), (&side, Relation::Diverged), (&newest, Relation::Same)]
    {
        let clone = World::cloned(&["--depth=1", &source]);
        let repository = Repository::open(clone.path()).unwrap();
        assert!(repository.is_shallow());

        let found = relation(&repository, commit(deployed), commit(&newest), History::Fetched).unwrap();

        assert_eq!(found, expected, "{deployed}");
    }
}
