//! Which commit comes before which, with the histories that were written as the judge.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::ops::Range;
use std::process::{Command, Stdio};

use chinampa::internals::git::Repository;
use chinampa::internals::model::CommitId;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::world::{FORMATS, World};

/// A commit's parents, as numbers of commits before it, and its time: clocks go wrong.
type Commits = Vec<(Vec<usize>, u64)>;

#[test]
fn the_best_common_ancestors_are_those_that_no_other_has_behind_it() {
    proptest!(crate::laws::config_of([32, 960]), |(format in select(&FORMATS[..]), commits in commits(), in_graph in any::<prop::sample::Index>())| {
        let world = World::of_format(format);
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
                    let best = common.iter().copied().filter(is_best).map(|it| (commits[it].1, ids[it])).max();
                    prop_assert_eq!(base, best.map(|(_, id)| id), "of {} and {}, round {}", one, other, round);
                    let is_ancestor = repository.is_ancestor(ids[one], ids[other]).unwrap();
                    prop_assert_eq!(is_ancestor, histories[other].contains(&one));
                }
            }
        }
    });
}

#[test]
fn a_commit_graph_that_does_not_help_changes_no_answer() {
    let commits = chain_with_a_fork(400);
    let world = World::new();
    write_commits(&world, &commits, 0..1);
    world.git(["commit-graph", "write", "--reachable", "--split"]);
    write_commits(&world, &commits, 1..commits.len());
    let ids = ids(&world);
    let answers = || {
        let repository = Repository::open(world.path()).unwrap();
        let (main, topic) = (ids[399], ids[400]);
        let base = repository.merge_base(main, topic).unwrap();
        let is_ancestor = |older, newer| repository.is_ancestor(older, newer).unwrap();
        [base == Some(ids[200]), is_ancestor(ids[0], main), !is_ancestor(topic, main)]
    };
    assert_eq!(answers(), [true; 3], "it has the first commit alone");

    world.git(["commit-graph", "write", "--reachable", "--split=no-merge"]);
    assert_eq!(answers(), [true; 3], "it is in two files");

    let list = world.file(".git/objects/info/commit-graphs/commit-graph-chain");
    let listed = std::fs::read_to_string(&list).unwrap();
    let [_, upper] = listed.lines().collect::<Vec<_>>()[..] else { panic!("{listed}") };
    std::fs::write(&list, format!("{upper}\n")).unwrap();
    assert_eq!(answers(), [true; 3], "the lower of the two is not listed");

    std::fs::remove_dir_all(list.parent().unwrap()).unwrap();
    world.write(".git/objects/info/commit-graph", "no commit-graph");
    assert_eq!(answers(), [true; 3], "it is none");
}

#[test]
fn a_damaged_commit_graph_is_never_a_panic() {
    let commits = chain_with_a_fork(30);
    let world = World::new();
    write_commits(&world, &commits, 0..commits.len());
    let ids = ids(&world);
    world.git(["commit-graph", "write", "--reachable"]);
    let graph = world.file(".git/objects/info/commit-graph");
    let whole = std::fs::read(&graph).unwrap();
    std::fs::remove_file(&graph).unwrap();

    for round in 0..200_usize {
        let mut damaged = whole.clone();
        let places = (8 + round * 5 % whole.len()..damaged.len()).step_by(61 + round * 7);
        places.for_each(|place| damaged[place] ^= 1 << (round % 8));
        if round % 3 == 0 {
            damaged.truncate(damaged.len() - round);
        }
        std::fs::write(&graph, &damaged).unwrap();
        let repository = Repository::open(world.path()).unwrap();

        for pair in ids.windows(2) {
            let _ = repository.merge_base(pair[0], pair[1]);
            let _ = repository.is_ancestor(pair[1], ids[0]);
        }
    }
}

/// Commit 0 is an ancestor of commit 3, so it is not a best common ancestor of 3 and 4.
///
/// When this fails, `gix-revision` may give only the best ones without a commit-graph too. If the first law of this file holds with it, the
/// walk in `src/git/ancestry.rs` can go.
#[test]
fn gix_revision_still_gives_an_ancestor_of_a_best_common_ancestor() {
    let commits = vec![(vec![], 6), (vec![], 5), (vec![1, 0], 5), (vec![2, 1], 7), (vec![3, 0], 4)];
    let world = World::new();
    write_commits(&world, &commits, 0..commits.len());
    let ids = ids(&world);
    let [zero, three, four] =
        [0, 3, 4].map(|number| gix_hash::ObjectId::from_bytes_or_panic(ids[number].0.as_bytes()));
    let objects = gix_odb::at(world.file(".git/objects"), gix_hash::Kind::Sha1).unwrap();
    let mut graph = gix_revision::Graph::new(objects, None);

    let found = gix_revision::merge_base(three, &[four], &mut graph).unwrap();

    assert_eq!(found.into_iter().flatten().collect::<Vec<_>>(), [three, zero]);
    assert_eq!(Repository::open(world.path()).unwrap().merge_base(ids[3], ids[4]).unwrap(), Some(ids[3]));
}

/// So many commits, one after the other, and last one more that follows the one in the middle.
fn chain_with_a_fork(length: usize) -> Commits {
    let parent = |number: usize| if number == length { Some(length / 2) } else { number.checked_sub(1) };
    (0..=length).map(|number| (parent(number).into_iter().collect(), number as u64)).collect()
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
