//! What `init` proposes for repositories that are built by other means is right, or listed as undecided.

mod repository;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use chinampa::internals::init::{Existing, Proposal, Request, propose, workspace_name};
use chinampa::internals::lint::{self, Code};
use chinampa::internals::model::{ObjectId, ProjectName};
use chinampa::internals::workspace::{ManifestSource, Workspace};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use self::repository::{Repository, Truth, repositories};
use crate::laws::affected::repository::{Entry, Store};
use crate::laws::config;

/// At most this share of what is decided may be undecided, in percent.
const MAX_UNDECIDED: usize = 5;

/// What a finding of `lint` may be about: that base images float is true of these repositories.
const TRUE_FINDINGS: [Code; 2] = [Code::ParentFloats, Code::ParentNotPinned];

fn tree(store: &Store, files: &BTreeMap<String, String>) -> ObjectId {
    let file = |content: &String| Entry::File { content: content.clone(), executable: false };
    store.write(&files.iter().map(|(path, content)| (path.clone(), file(content))).collect())
}

fn proposal(store: &Store, files: &BTreeMap<String, String>) -> Proposal {
    let snapshot = store.repository().snapshot_of_tree(tree(store, files));
    let request = Request {
        workspace: workspace_name("shop"),
        default_branch: None,
        existing: Existing::Keep,
        excluded: Default::default(),
        unusable: BTreeMap::new(),
        known: None,
    };
    propose(&snapshot, request).unwrap()
}

/// The repository with what would be written.
fn adopted(store: &Store, files: &BTreeMap<String, String>, proposal: &Proposal) -> ObjectId {
    let mut files = files.clone();
    for (path, content) in proposal.contents_filled_in() {
        files.insert(path.to_string(), String::from_utf8(content).unwrap());
    }
    tree(store, &files)
}

/// What is wrong of a proposal and not listed as undecided.
fn wrong(repository: &Repository, proposal: &Proposal, workspace: &Workspace) -> Vec<String> {
    let is_undecided = |dockerfile: &str| {
        proposal.undecided.iter().any(|undecided| undecided.at.file().to_string() == dockerfile)
    };
    let dockerfiles: BTreeMap<&ProjectName, String> = { workspace.projects.iter() }
        .map(|(name, project)| (name, project.config.dockerfile.value.to_string()))
        .collect();
    let mut found = BTreeMap::new();
    for (name, project) in &workspace.projects {
        let config = &project.config;
        let truth = Truth {
            context: Some(config.context.value.to_string())
                .filter(|context| !context.is_empty())
                .unwrap_or(".".into()),
            target: config.target.as_ref().map(ToString::to_string),
            build_args: config.build_args.clone(),
            // Several are a comment of the manifest until there is a registry.
            platforms: proposal.projects[name].platforms.iter().map(ToString::to_string).collect(),
            parents: workspace.graph.needs(name).into_iter().map(|need| dockerfiles[need].clone()).collect(),
        };
        found.insert(dockerfiles[name].clone(), truth);
    }
    let all: BTreeSet<&String> = repository.truth.keys().chain(found.keys()).collect();
    let is_wrong = |dockerfile: &&String| found.get(*dockerfile) != repository.truth.get(*dockerfile);
    { all.into_iter() }
        .filter(|dockerfile| is_wrong(dockerfile) && !is_undecided(dockerfile))
        .map(|dockerfile| {
            format!("{dockerfile}: {:?} is {:?}", found.get(dockerfile), repository.truth.get(dockerfile))
        })
        .collect()
}

#[test]
fn a_proposal_is_right_or_says_what_is_not_sure() {
    let store = Store::new();
    let (mut decided, mut undecided) = (0, 0);
    let mut runner = TestRunner::new(config(200));
    let cases = runner.config().cases;

    runner
        .run(&repositories(), |repository| {
            let proposal = proposal(&store, &repository.files);
            let snapshot = store.repository().snapshot_of_tree(adopted(&store, &repository.files, &proposal));
            let workspace = Workspace::read(&snapshot, &ManifestSource::Tree).unwrap();
            let wrong = wrong(&repository, &proposal, &workspace);
            prop_assert_eq!(wrong, Vec::<String>::new(), "{:#?}", repository.files);
            let contexts =
                proposal.undecided.iter().filter(|undecided| undecided.says.starts_with("`context`"));
            let contexts: BTreeSet<String> =
                contexts.map(|undecided| undecided.at.file().to_string()).collect();
            prop_assert!(contexts.is_subset(&repository.silent), "{:?} {:#?}", contexts, repository.files);
            let all = workspace.projects.keys().cloned().collect();
            let findings = lint::check(&workspace, &all, &snapshot).unwrap().findings;
            let false_ones = findings.iter().filter(|finding| !TRUE_FINDINGS.contains(&finding.code));
            let is_undecided = |file: &str| {
                proposal.undecided.iter().any(|undecided| undecided.at.file().to_string() == file)
            };
            let false_ones: Vec<_> = false_ones.filter(|finding| !is_undecided(&finding.file)).collect();
            prop_assert!(false_ones.is_empty(), "{:#?}\n{:#?}", false_ones, repository.files);
            COUNTS.with_borrow_mut(|(decided, undecided)| {
                *decided += repository.truth.len()
                    + repository.truth.values().map(|truth| truth.parents.len()).sum::<usize>();
                *undecided += proposal.undecided.len();
            });
            Ok(())
        })
        .unwrap();

    COUNTS.with_borrow(|counts| (decided, undecided) = *counts);
    println!("{cases} repositories: {undecided} of {decided} undecided");
    assert!(undecided * 100 <= decided * MAX_UNDECIDED, "{undecided} of {decided}");
}

thread_local! {
    /// How many contexts and references there were, and how many of them were undecided.
    static COUNTS: RefCell<(usize, usize)> = const { RefCell::new((0, 0)) };
}
