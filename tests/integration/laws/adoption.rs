//! What `init` proposes for repositories that are built by other means is right, or listed as undecided.

mod docker_build;
mod dockerfiles;
mod draft;
mod engine;
mod evidence;
mod image;
mod paths;
mod repository;
mod workspaces;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use chinampa::internals::config::{ContextSource, SecretSource};
use chinampa::internals::git::Snapshot;
use chinampa::internals::init::{Existing, Proposal, Request, propose, workspace_name};
use chinampa::internals::lint::{self, Code, Finding};
use chinampa::internals::model::{ObjectId, ProjectName};
use chinampa::internals::workspace::{ManifestSource, Workspace};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use self::repository::{Repository, Truth, key, repositories};
use crate::laws::affected::repository::{Entry, Store};
use crate::laws::config_of;

/// At most this share of what is decided may be undecided, in percent.
const MAX_UNDECIDED: usize = 5;

/// What a finding of `lint` may be about: that base images float is true of these repositories.
const TRUE_FINDINGS: [Code; 2] = [Code::ParentFloats, Code::ParentNotPinned];

fn proposal(store: &Store, repository: &Repository) -> Proposal {
    let snapshot = store.repository().snapshot_of_tree(store.write(&repository.files));
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
fn adopted(store: &Store, repository: &Repository, proposal: &Proposal) -> ObjectId {
    let mut files = repository.files.clone();
    for (path, content) in proposal.contents_filled_in() {
        let content = String::from_utf8(content).unwrap();
        files.insert(path.to_string(), Entry::File { content, executable: false });
    }
    store.write(&files)
}

/// The files of which something is undecided.
fn undecided(proposal: &Proposal) -> BTreeSet<String> {
    proposal.undecided.iter().map(|undecided| undecided.at.file().to_string()).collect()
}

/// What is wrong of a proposal and not listed as undecided.
fn wrong(repository: &Repository, proposal: &Proposal, workspace: &Workspace) -> Vec<String> {
    let undecided = undecided(proposal);
    let context = |name: &ProjectName| {
        let context = workspace.projects[name].config.context.value.to_string();
        if context.is_empty() { ".".to_owned() } else { context }
    };
    let keys: BTreeMap<&ProjectName, String> = { workspace.projects.iter() }
        .map(|(name, project)| {
            let config = &project.config;
            (name, key(&config.dockerfile.value.to_string(), &context(name), &config.build_args))
        })
        .collect();
    let found: BTreeMap<String, Truth> = { workspace.projects.iter() }
        .map(|(name, project)| {
            let config = &project.config;
            let source = |source: &ContextSource| match source {
                ContextSource::Folder(folder) => folder.to_string(),
                ContextSource::Project(project) => keys[project].clone(),
            };
            let variable = |secret: &SecretSource| {
                let (_, variable) = secret.key_and_value();
                String::from_utf8_lossy(variable).into_owned()
            };
            let truth = Truth {
                context: context(name),
                target: config.target.as_ref().map(ToString::to_string),
                build_args: config.build_args.clone(),
                // Several are a comment of the manifest until there is a registry.
                platforms: proposal.projects[name].platforms.iter().map(ToString::to_string).collect(),
                contexts: { config.contexts.iter() }
                    .map(|(name, context)| (name.to_string(), source(&context.value)))
                    .collect(),
                secrets: { config.secrets.iter() }
                    .map(|(id, secret)| (id.clone(), variable(secret)))
                    .collect(),
                parents: workspace.graph.needs(name).into_iter().map(|need| keys[need].clone()).collect(),
            };
            (keys[name].clone(), truth)
        })
        .collect();
    let truth = repository.truth();
    let all: BTreeSet<&String> = truth.keys().chain(found.keys()).collect();
    let is_undecided = |key: &str| {
        let dockerfile = key.split(" for ").next().unwrap_or(key);
        undecided.contains(dockerfile)
            || repository.names_of(dockerfile).into_iter().any(|name| undecided.contains(name))
    };
    { all.into_iter() }
        .filter(|key| found.get(*key) != truth.get(*key) && !is_undecided(key))
        .map(|key| format!("{key}: {:?} is {:?}", found.get(key), truth.get(key)))
        .collect()
}

/// What `lint` finds that is not true and nobody was told of, or that `lint --fix` would change.
fn false_findings(workspace: &Workspace, snapshot: &Snapshot<'_>, proposal: &Proposal) -> Vec<Finding> {
    let undecided = undecided(proposal);
    let all = workspace.projects.keys().cloned().collect();
    let findings = lint::check(workspace, &all, snapshot).unwrap().findings.into_iter();
    let is_false = |finding: &Finding| {
        let is_expected = TRUE_FINDINGS.contains(&finding.code) || undecided.contains(&finding.file);
        !is_expected || finding.suggestion.as_ref().is_some_and(|edit| edit.by_itself)
    };
    findings.filter(is_false).collect()
}

#[test]
fn a_proposal_is_right_or_says_what_is_not_sure() {
    let store = Store::new();
    let (mut decided, mut undecided) = (0, 0);
    let mut runner = TestRunner::new(config_of([50, 2_000]));
    let cases = runner.config().cases;

    runner
        .run(&repositories(), |repository| {
            let proposal = proposal(&store, &repository);
            let snapshot = store.repository().snapshot_of_tree(adopted(&store, &repository, &proposal));
            let workspace = Workspace::read(&snapshot, &ManifestSource::Tree).unwrap();
            let wrong = wrong(&repository, &proposal, &workspace);
            prop_assert_eq!(wrong, Vec::<String>::new(), "{:#?}", repository.files);
            let contexts =
                proposal.undecided.iter().filter(|undecided| undecided.says.starts_with("`context`"));
            let contexts: BTreeSet<String> =
                contexts.map(|undecided| undecided.at.file().to_string()).collect();
            let silent = repository.silent();
            prop_assert!(
                contexts.iter().all(|context| silent.contains(context.as_str())),
                "{:?} {:#?}",
                contexts,
                repository.files
            );
            let findings = false_findings(&workspace, &snapshot, &proposal);
            prop_assert!(findings.is_empty(), "{:#?}\n{:#?}", findings, repository.files);
            COUNTS.with_borrow_mut(|(decided, undecided)| {
                let images = &repository.images;
                *decided += images.len() + images.iter().map(|image| image.parents.len()).sum::<usize>();
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
