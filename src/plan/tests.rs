use std::collections::BTreeSet;

use super::*;
use crate::model::{ChangeKind, ManifestDigest, ObjectId, RepoPath, Tag};
use crate::observe::{BuildRecords, Changes};

fn name(text: &str) -> ProjectName {
    text.parse().unwrap()
}

/// `base` ← `lib` ← `api`, and `site` by itself.
fn graph() -> ProjectGraph {
    let needs = [("base", None), ("lib", Some("base")), ("api", Some("lib")), ("site", None)];
    let needs: BTreeMap<ProjectName, BTreeSet<ProjectName>> =
        needs.map(|(project, need)| (name(project), need.into_iter().map(name).collect())).into();
    ProjectGraph::new(&needs).unwrap()
}

fn file(project: &str) -> Reason {
    Reason::File {
        path: RepoPath::new(format!("{project}/a.rs")).unwrap(),
        change: ChangeKind::Modified,
        inside: Vec::new(),
        pattern: format!("{project}/"),
        source: format!("{project}/.rebuild_patterns:1"),
        project: name(project),
    }
}

fn image(project: &str) -> Image {
    Image {
        repository: project.parse().unwrap(),
        digest: ManifestDigest::of(project.as_bytes()),
        tag: "cache-1".parse().unwrap(),
    }
}

fn commit() -> CommitId {
    CommitId(ObjectId::Sha1([1; 20]))
}

fn changes(changed: &[&str]) -> Changes {
    Changes {
        head: commit(),
        is_dirty: false,
        base: Base::Known { commit: commit(), from: "--base".to_owned() },
        files: Vec::new(),
        direct: changed.iter().map(|project| (name(project), vec![file(project)])).collect(),
    }
}

/// All projects, those named in `images` with an image of their inputs.
fn observed(changed: &[&str], images: &[&str]) -> Observations {
    let observed = |project: &ProjectName| Observed {
        digest: InputDigest::from_bytes([1; 32]),
        files: Vec::new(),
        has_extra_inputs: false,
        image: images.contains(&project.as_str()).then(|| image(project.as_str())),
        local_image: None,
        default_branch_image: None,
        taints: Vec::new(),
    };
    let projects = graph().order().map(|project| (project.clone(), observed(project))).collect();
    Observations {
        changes: changes(changed),
        projects,
        records: BuildRecords::default(),
        is_cache_unread: false,
    }
}

/// As with `--force`.
fn forced(project: &str) -> Forced {
    [(name(project), ForcedBy::Option)].into()
}

fn plan(observed: &Observations, strategy: Strategy, forced: &Forced) -> Plan {
    make(&graph(), observed, strategy, forced)
}

fn built(plan: &Plan) -> Vec<&str> {
    plan.builds().map(|step| step.impact.project.as_str()).collect()
}

fn reasons(plan: &Plan, project: &str) -> Vec<Reason> {
    plan.step(&name(project)).unwrap().reasons().cloned().collect()
}

#[test]
fn what_the_cache_has_is_reused_whatever_the_diff_says() {
    let plan = plan(&observed(&["base"], &["base", "lib", "api", "site"]), Strategy::Digest, &Forced::new());

    assert_eq!(built(&plan), [""; 0]);
    assert!(plan.step(&name("api")).unwrap().impact.is_affected);
}

#[test]
fn a_build_has_its_own_reason_and_those_of_the_diff() {
    let plan = plan(&observed(&["lib"], &["base", "site"]), Strategy::Digest, &Forced::new());

    assert_eq!(built(&plan), ["lib", "api"]);
    assert_eq!(reasons(&plan, "api"), [Reason::NoImage, file("lib"), Reason::Need { project: name("lib") }]);
    let api = &plan.step(&name("api")).unwrap().impact;
    assert!(api.is_affected && !api.is_changed);
}

#[test]
fn an_unknown_base_affects_everything_and_says_why() {
    let why = "there is no default branch".to_owned();
    let changes = Changes { base: Base::Unknown { why: why.clone() }, ..changes(&[]) };

    let impact = impact(&graph(), &changes, &graph().order().cloned().collect());

    for project in &impact.projects {
        assert!(project.is_affected);
        assert_eq!(project.reasons, [Reason::BaseUnknown { why: why.clone() }]);
    }
}

#[test]
fn a_base_that_cannot_be_compared_is_a_reason_of_each_project_once() {
    let unreadable = Reason::UnreadableBase { why: "it has no `projects.toml`".to_owned() };
    let direct = graph().order().map(|project| (project.clone(), vec![unreadable.clone()])).collect();

    let impact = impact(&graph(), &Changes { direct, ..changes(&[]) }, &graph().order().cloned().collect());

    let api = &impact.project(&name("api")).unwrap().reasons;
    assert_eq!(*api, [unreadable, Reason::Need { project: name("lib") }]);
}

#[test]
fn the_diff_strategy_builds_what_the_diff_affects_and_what_has_no_image() {
    let mut observed = observed(&["lib"], &["base", "lib", "api"]);
    assert_eq!(built(&plan(&observed, Strategy::Diff, &Forced::new())), ["lib", "api", "site"]);

    observed.projects.get_mut(&name("site")).unwrap().default_branch_image = Some(image("site"));
    assert_eq!(built(&plan(&observed, Strategy::Diff, &Forced::new())), ["lib", "api"]);
}

/// Git can't tell whether inputs changed that are not committed.
#[test]
fn the_diff_strategy_reuses_extra_inputs_by_their_digest_alone() {
    let mut observed = observed(&[], &["base", "lib", "api"]);
    let site = observed.projects.get_mut(&name("site")).unwrap();
    (site.has_extra_inputs, site.default_branch_image) = (true, Some(image("site")));

    let plan = plan(&observed, Strategy::Diff, &Forced::new());

    assert_eq!(built(&plan), ["site"]);
    assert_eq!(reasons(&plan, "site"), [Reason::NoImageOfExtraInputs]);
}

#[test]
fn force_and_taint_build_what_they_name_and_nothing_else() {
    let mut observed = observed(&[], &["base", "lib", "api", "site"]);
    observed.projects.get_mut(&name("site")).unwrap().taints = vec![Tag::taint(&name("site"), 1)];

    let plan = plan(&observed, Strategy::Digest, &forced("lib"));

    assert_eq!(built(&plan), ["lib", "site"]);
    assert_eq!(reasons(&plan, "lib"), [Reason::Forced { by: ForcedBy::Option }]);
    assert_eq!(reasons(&plan, "site"), [Reason::Tainted]);
}

/// Whatever the reason is that a tainted project is built for: a reason is never read as a command.
#[test]
fn every_build_of_a_tainted_project_ends_its_taint() {
    let mut observed = observed(&[], &["base", "lib", "api", "site"]);
    observed.projects.get_mut(&name("site")).unwrap().taints = vec![Tag::taint(&name("site"), 1)];

    for forced in [Forced::new(), forced("site")] {
        let plan = plan(&observed, Strategy::Digest, &forced);

        let Action::Build(build) = &plan.step(&name("site")).unwrap().action else { panic!("not built") };
        assert_eq!(build.taints, [Tag::taint(&name("site"), 1)], "{forced:?}");
    }
}

#[test]
fn what_the_engine_of_a_local_build_has_is_kept_unless_something_forces_its_build() {
    let mut observed = observed(&["base", "lib", "api"], &["site"]);
    let id = ManifestDigest::of(b"local");
    for project in ["base", "lib", "api", "site"] {
        observed.projects.get_mut(&name(project)).unwrap().local_image = Some(id);
    }
    observed.projects.get_mut(&name("lib")).unwrap().taints = vec![Tag::taint(&name("lib"), 1)];

    for strategy in [Strategy::Digest, Strategy::Diff] {
        let plan = plan(&observed, strategy, &forced("api"));

        assert_eq!(built(&plan), ["lib", "api"], "{strategy:?}");
        for project in ["base", "site"] {
            assert_eq!(plan.step(&name(project)).unwrap().action, Action::Keep(id), "{strategy:?}");
        }
    }
}

/// No error is ever read as "not there".
#[test]
fn without_the_cache_nothing_is_said_to_be_missing_from_it() {
    for strategy in [Strategy::Digest, Strategy::Diff] {
        let observed = Observations { is_cache_unread: true, ..observed(&[], &[]) };

        let plan = plan(&observed, strategy, &Forced::new());

        assert_eq!(built(&plan).len(), 4);
        for project in ["base", "lib", "api", "site"] {
            assert_eq!(reasons(&plan, project), [Reason::CacheUnread], "{strategy:?}");
        }
    }
}

#[test]
fn only_observed_projects_are_planned() {
    let mut observed = observed(&[], &[]);
    observed.projects.retain(|project, _| ["base", "lib"].contains(&project.as_str()));

    let plan = plan(&observed, Strategy::Digest, &Forced::new());

    assert_eq!(built(&plan), ["base", "lib"]);
}
