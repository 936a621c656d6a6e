//! Which commit comes before which, with the histories that were written as the judge.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::ops::Range;
use std::process::{Command, Stdio};

use chinampa::git::Repository;
use chinampa::model::CommitId;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::world::World;

/// A commit's parents, as numbers of commits before it, and its time: clocks go wrong.
type Commits = Vec<(Vec<usize>, u64)>;

#[test]
fn the_best_common_ancestors_are_those_that_no_other_has_behind_it() {
    proptest!(crate::config(96), |(commits in commits(), in_graph in any::<prop::sample::Index>())| {
        let world = World::new();
        let in_graph = in_graph.index(commits.len() + 1);
        write_commits(&world, &commits, 0..in_graph);
        world.git(["commit-graph", "write", "--reachable"]);
        write_commits(&world, &commits, in_graph..commits.len());
        let (histories, ids) = (histories(&commits), ids(&world));

        // With a commit-graph that lacks the newest, with one that has all, and without one.
        for round in 0..3 {
            match round {
                1 => drop(world.git(["commit-graph", "write", "--reachable"])),
                2 if in_graph > 0 => drop(world.remove(".git/objects/info/commit-graph")),
                _ => {}
            }
            let repository = Repository::open(world.path()).unwrap();
            for one in 0..ids.len() {
                for other in 0..ids.len() {
                    let base = repository.merge_base(ids[one], ids[other]).unwrap();

                    let common: BTreeSet<usize> = histories[one].intersection(&histories[other]).copied().collect();
                    let is_best = |&it: &usize| common.iter().all(|&newer| newer == it || !histories[newer].contains(&it));
                    let best: Vec<CommitId> = common.iter().copied().filter(is_best).map(|it| ids[it]).collect();
                    prop_assert_eq!(base.is_none(), best.is_empty());
                    prop_assert!(base.is_none_or(|base| best.contains(&base)), "{:?} of {:?}", base, best);
                    let is_ancestor = repository.is_ancestor(ids[one], ids[other]).unwrap();
                    prop_assert_eq!(is_ancestor, histories[other].contains(&one));
                }
            }
        }
    });
}

fn commits() -> impl Strategy<Value = Commits> {
    let commit = (vec(any::<prop::sample::Index>(), 0..4), 0_u64..8);
    vec(commit, 1..14).prop_map(|commits| {
        let parents = |number: usize, chosen: Vec<prop::sample::Index>| {
            let chosen = chosen.into_iter().filter(|_| number > 0).map(|parent| parent.index(number));
            chosen.collect::<BTreeSet<usize>>().into_iter().rev().collect()
        };
        commits
            .into_iter()
            .enumerate()
            .map(|(number, (chosen, time))| (parents(number, chosen), time))
            .collect()
    })
}

/// Each commit with all before it.
fn histories(commits: &Commits) -> Vec<BTreeSet<usize>> {
    let mut histories: Vec<BTreeSet<usize>> = Vec::new();
    for (number, (parents, _)) in commits.iter().enumerate() {
        let above = parents.iter().flat_map(|&parent| histories[parent].iter().copied());
        let history = above.chain([number]).collect();
        histories.push(history);
    }
    histories
}

/// Adds commits with these numbers, each on a branch of its own.
fn write_commits(world: &World, commits: &Commits, numbers: Range<usize>) {
    let mut stream = String::new();
    for number in numbers {
        let (parents, time) = &commits[number];
        let seconds = 1_700_000_000 + time;
        let message = format!("commit {number}");
        writeln!(stream, "commit refs/heads/b{number}\ncommitter t <t@example.com> {seconds} +0000").unwrap();
        writeln!(stream, "data {}\n{message}", message.len()).unwrap();
        for (place, parent) in parents.iter().enumerate() {
            let word = if place == 0 { "from" } else { "merge" };
            writeln!(stream, "{word} refs/heads/b{parent}").unwrap();
        }
        stream.push('\n');
    }
    let import = ["fast-import", "--quiet"];
    let mut import =
        Command::new("git").args(import).current_dir(world.path()).stdin(Stdio::piped()).spawn().unwrap();
    import.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
    assert!(import.wait().unwrap().success());
}

/// The ids of the commits, by their numbers.
fn ids(world: &World) -> Vec<CommitId> {
    let listed = world.git(["for-each-ref", "--sort=version:refname", "--format=%(objectname)"]);
    listed.lines().map(|id| id.parse().unwrap()).collect()
}
