//! The law that everything rests on: whatever makes another digest affects the project, and says why.
//!
//! Random repositories are edited at random, in everything that a digest can depend on, and each edit is looked at as a
//! commit: trees are written into the object database by this process, and no git is run.

mod edits;
mod locks;
pub(super) mod repository;

use std::collections::{BTreeMap, BTreeSet};

use chinampa::internals::config::Strategy as PlanStrategy;
use chinampa::internals::git::Snapshot;
use chinampa::internals::inputs::{self, InputContent};
use chinampa::internals::model::{InputDigest, ManifestDigest, ProjectName, RepoPath, Tag};
use chinampa::internals::observe::{
    self, Base, BuildRecords, Changes, Image, Observations, Observed, Reason,
};
use chinampa::internals::plan::{self, Action, Forced, Impact};
use chinampa::internals::workspace::{ManifestSource, Workspace};
use proptest::collection::vec;
use proptest::prelude::*;

use edits::{Edit, Model};
use repository::Store;

/// One tree, with all that its projects are made from.
struct State<'s> {
    snapshot: Snapshot<'s>,
    /// `None` where the tree's projects can't be used.
    read: Option<Read>,
}

struct Read {
    workspace: Workspace,
    files: inputs::InputFiles,
    digests: BTreeMap<ProjectName, InputDigest>,
}

impl<'s> State<'s> {
    fn new(store: &'s Store, model: &Model) -> Self {
        let snapshot = store.repository().snapshot_of_tree(store.write(&model.files()));
        let workspace = Workspace::read(&snapshot, &ManifestSource::Tree).ok();
        let read = workspace.map(|workspace| {
            let all = workspace.projects.keys().cloned().collect();
            let files = inputs::files(&workspace, &all, &snapshot, Some(store.work_dir())).unwrap();
            let digests = inputs::digests(&workspace, &files);
            Read { workspace, files, digests }
        });
        Self { snapshot, read }
    }
}

/// What is said of `head` since `base`, which git alone is asked for.
fn changes(base: &State<'_>, head: &State<'_>, read: &Read) -> Changes {
    let files = base.snapshot.changes_to(&head.snapshot).unwrap();
    let source = &ManifestSource::Tree;
    let direct =
        observe::direct_changes(&read.workspace, source, &base.snapshot, &head.snapshot, &files).unwrap();
    let commit = chinampa::internals::model::CommitId(base.snapshot.tree());
    Changes {
        head: commit,
        is_dirty: false,
        base: Base::Known { commit, from: "--base".to_owned() },
        files,
        direct,
    }
}

/// Projects whose digest is not what it was, and projects that were not there. In a base that can't be used there are no
/// digests to differ from.
fn differing(base: &State<'_>, read: &Read) -> BTreeSet<ProjectName> {
    let Some(before) = base.read.as_ref().map(|read| &read.digests) else { return BTreeSet::new() };
    let differs = |(name, digest): &(&ProjectName, &InputDigest)| before.get(*name) != Some(*digest);
    read.digests.iter().filter(differs).map(|(name, _)| name.clone()).collect()
}

/// The committed inputs of a project by their paths.
fn inputs_of<'r>(read: Option<&'r Read>, name: &ProjectName) -> BTreeSet<&'r RepoPath> {
    let files = read.and_then(|read| read.files.get(name)).into_iter().flatten();
    let committed =
        files.filter(|file| matches!(file.content, InputContent::Committed(_) | InputContent::Lfs(_)));
    committed.map(|file| &file.path).collect()
}

/// The plan with `diff` where the cache has just the images of the base, all of them as those of the default branch.
fn reused_with_diff(base: &State<'_>, read: &Read, changes: Changes) -> BTreeMap<ProjectName, Image> {
    let image = |digest: &InputDigest| Image {
        repository: "image".parse().unwrap(),
        digest: ManifestDigest::of(digest.to_string().as_bytes()),
        tag: Tag::latest(),
    };
    let before = |name: &ProjectName| base.read.as_ref().and_then(|read| read.digests.get(name));
    let observed = |(name, digest): (&ProjectName, &InputDigest)| {
        let observed = Observed {
            digest: *digest,
            files: Vec::new(),
            has_extra_inputs: !read.workspace.projects[name].extra_inputs.lines().is_empty(),
            image: before(name).filter(|before| *before == digest).map(image),
            local_image: None,
            default_branch_image: before(name).map(image),
            taints: Vec::new(),
        };
        (name.clone(), observed)
    };
    let projects = read.digests.iter().map(observed).collect();
    let observations =
        Observations { changes, projects, records: BuildRecords::default(), is_cache_unread: false };
    let plan = plan::make(&read.workspace.graph, &observations, PlanStrategy::Diff, &Forced::new());
    let reused = plan.steps.into_iter().filter_map(|step| match step.action {
        Action::Reuse(image) => Some((step.impact.project, image)),
        Action::Build(_) | Action::Keep(_) => None,
    });
    reused.collect()
}

/// Checks all laws of one step from `base` to `head`.
fn check(base: &State<'_>, head: &State<'_>) -> Result<(), TestCaseError> {
    let Some(read) = &head.read else { return Ok(()) };
    let changes = changes(base, head, read);
    let all = read.workspace.projects.keys().cloned().collect();
    let impact: Impact = plan::impact(&read.workspace.graph, &changes, &all);

    for name in differing(base, read) {
        let project = impact.project(&name).unwrap();
        prop_assert!(project.is_affected, "the digest of `{name}` differs, and it is called unaffected");
        prop_assert!(!project.reasons.is_empty(), "`{name}` is affected without a reason");
    }

    for name in read.workspace.projects.keys() {
        let reasons = changes.direct.get(name).into_iter().flatten();
        let told: BTreeSet<&RepoPath> = reasons
            .filter_map(|reason| match reason {
                Reason::File { path, project, .. } if project == name => Some(path),
                _ => None,
            })
            .collect();
        let (before, now) = (inputs_of(base.read.as_ref(), name), inputs_of(Some(read), name));
        let changed = changes.files.iter().map(|change| &change.path);
        let expected: BTreeSet<&RepoPath> =
            changed.filter(|path| before.contains(path) || now.contains(path)).collect();
        // What is no input in a base that can't be read, nobody knows.
        if base.read.is_some() {
            prop_assert_eq!(told, expected, "file reasons of `{}`", name);
        }
    }

    for name in read.workspace.projects.keys() {
        check_lfs(base, read, name, &changes)?;
        check_folders(base, read, name, &changes)?;
    }

    for (name, image) in reused_with_diff(base, read, changes.clone()) {
        let own = ManifestDigest::of(read.digests[&name].to_string().as_bytes());
        prop_assert_eq!(image.digest, own, "with `diff`, `{}` reuses a stale image", name);
    }
    Ok(())
}

/// Checks that a file is told that is the same blob in both, and in only one of the two a Git LFS file; and no other.
fn check_lfs(
    base: &State<'_>,
    read: &Read,
    name: &ProjectName,
    changes: &Changes,
) -> Result<(), TestCaseError> {
    let Some(before) = &base.read else { return Ok(()) };
    let reasons = changes.direct.get(name).into_iter().flatten();
    let told: BTreeMap<&RepoPath, bool> = reasons
        .filter_map(|reason| match reason {
            Reason::Lfs { path, is_lfs, project, .. } if project == name => Some((path, *is_lfs)),
            _ => None,
        })
        .collect();
    let contents = |read: &Read| -> BTreeMap<RepoPath, InputContent> {
        let files = read.files.get(name).into_iter().flatten();
        files.map(|file| (file.path.clone(), file.content)).collect()
    };
    let (before, now) = (contents(before), contents(read));
    for (path, now) in &now {
        let is_lfs = match (before.get(path), now) {
            (Some(InputContent::Committed(old)), InputContent::Lfs(new)) if old == new => true,
            (Some(InputContent::Lfs(old)), InputContent::Committed(new)) if old == new => false,
            _ => continue,
        };
        let is_changed = changes.files.iter().any(|change| change.path == *path);
        prop_assert!(is_changed || told.get(path) == Some(&is_lfs), "`{}` is not told of `{}`", path, name);
    }
    for (path, is_lfs) in told {
        let is_input = before.contains_key(path) || now.contains_key(path);
        let is_so = now.get(path).is_none_or(|now| matches!(now, InputContent::Lfs(_)) == is_lfs);
        prop_assert!(is_input && is_so, "`{}` is told of `{}`", path, name);
    }
    Ok(())
}

/// Checks that a folder is told that the build gets in one of the two, with an input in it or none, and that is only in one.
fn check_folders(
    base: &State<'_>,
    read: &Read,
    name: &ProjectName,
    changes: &Changes,
) -> Result<(), TestCaseError> {
    let Some(before) = &base.read else { return Ok(()) };
    let inputs = |read: &Read| -> Vec<(RepoPath, InputContent)> {
        let files = read.files.get(name).into_iter().flatten();
        files.map(|file| (file.path.clone(), file.content)).collect()
    };
    let (before, now) = (inputs(before), inputs(read));
    for reason in changes.direct.get(name).into_iter().flatten() {
        let Reason::Folder { path, .. } = reason else { continue };
        let is_got = |inputs: &[(RepoPath, InputContent)]| {
            inputs.iter().any(|(input, content)| {
                input.is_within(path) && (input != path || *content == InputContent::EmptyFolder)
            })
        };
        prop_assert!(is_got(&before) != is_got(&now), "the folder `{}` is told of `{}`", path, name);
    }
    Ok(())
}

/// How many edits a repository goes through.
const EDITS: usize = 20;

/// A thousand edits; ten thousand in the soak.
#[test]
fn whatever_makes_another_digest_affects_the_project() {
    let store = Store::new();
    proptest!(crate::laws::config_of([25, 500]), |(mut model in edits::model(), edits in vec(edits::edit(), EDITS))| {
        let mut base = State::new(&store, &model);
        for edit in &edits {
            let mut edited = model.clone();
            Edit::apply(edit, &mut edited);
            let head = State::new(&store, &edited);

            let after = |error: TestCaseError| TestCaseError::fail(format!("{error}, after {edit:?}"));
            check(&base, &head).map_err(after)?;
            // Back again, too: what an edit takes away, the other way round it adds.
            check(&head, &base).map_err(after)?;

            // From a tree that can't be used, hardly any edit leads out.
            if head.read.is_some() {
                (model, base) = (edited, head);
            }
        }
    });
}
