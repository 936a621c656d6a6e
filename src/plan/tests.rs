use super::*;
use crate::model::{ChangeKind, ObjectId, RepoPath};

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
        pattern: format!("{project}/"),
        source: format!("{project}/.rebuild_patterns:1"),
        project: name(project),
    }
}

fn image(project: &str) -> Image {
    Image { digest: ManifestDigest::of(project.as_bytes()), tag: "cache-1".parse().unwrap() }
}

fn commit() -> CommitId {
    CommitId(ObjectId::from_bytes([1; 20]))
}

fn observed(changed: &[&str], images: Option<&[&str]>) -> Observations {
    let found = |project: &&str| (name(project), image(project));
    Observations {
        head: commit(),
        is_dirty: false,
        base: Base::Known { commit: commit(), from: "--base".to_owned() },
        own_changes: changed.iter().map(|project| (name(project), vec![file(project)])).collect(),
        inputs: BTreeMap::new(),
        images: images
            .map(|images| Images { by_digest: images.iter().map(found).collect(), ..Images::default() }),
    }
}

fn plan(observed: &Observations, strategy: Strategy, force: &Force) -> Plan {
    let graph = graph();
    make(&graph, observed, &graph.order().cloned().collect(), strategy, force)
}

fn built(plan: &Plan) -> Vec<&str> {
    let built = plan.steps.iter().filter(|step| step.action == Action::Build);
    built.map(|step| step.project.as_str()).collect()
}

#[test]
fn what_the_cache_has_is_reused_whatever_the_diff_says() {
    let plan =
        plan(&observed(&["base"], Some(&["base", "lib", "api", "site"])), Strategy::Digest, &Force::None);

    assert_eq!(built(&plan), [""; 0]);
    assert!(plan.step(&name("api")).unwrap().is_affected);
}

#[test]
fn a_build_carries_the_reason_and_the_story_of_the_diff() {
    let plan = plan(&observed(&["lib"], Some(&["base", "site"])), Strategy::Digest, &Force::None);

    assert_eq!(built(&plan), ["lib", "api"]);
    let api = plan.step(&name("api")).unwrap();
    assert_eq!(api.because, [Reason::NoImage, file("lib"), Reason::Need { project: name("lib") }]);
    assert!(api.is_affected && !api.is_changed);
}

#[test]
fn an_unknown_base_affects_everything_and_says_why() {
    let mut observed = observed(&[], None);
    observed.base = Base::Unknown { why: "there is no default branch".to_owned() };

    let plan = plan(&observed, Strategy::Digest, &Force::None);

    for step in &plan.steps {
        assert_eq!(step.action, Action::Affected);
        assert_eq!(step.because, [Reason::BaseUnknown { why: "there is no default branch".to_owned() }]);
    }
}

#[test]
fn the_diff_strategy_builds_what_the_diff_affects_and_what_has_no_image() {
    let mut observed = observed(&["lib"], Some(&["base", "lib", "api"]));
    assert_eq!(built(&plan(&observed, Strategy::Diff, &Force::None)), ["lib", "api", "site"]);

    let images = observed.images.as_mut().unwrap();
    images.of_default_branch.insert(name("site"), image("site"));
    assert_eq!(built(&plan(&observed, Strategy::Diff, &Force::None)), ["lib", "api"]);
}

#[test]
fn force_and_taint_build_what_they_name_and_nothing_else() {
    let mut observed = observed(&[], Some(&["base", "lib", "api", "site"]));
    observed.images.as_mut().unwrap().tainted.insert(name("site"));

    let plan = plan(&observed, Strategy::Digest, &Force::Only([name("lib")].into()));

    assert_eq!(built(&plan), ["lib", "site"]);
    assert_eq!(plan.step(&name("lib")).unwrap().because, [Reason::Forced]);
    assert_eq!(plan.step(&name("site")).unwrap().because, [Reason::Tainted]);
}

#[test]
fn only_selected_projects_are_planned() {
    let graph = graph();

    let plan = make(
        &graph,
        &observed(&[], Some(&[])),
        &[name("base"), name("lib")].into(),
        Strategy::Digest,
        &Force::None,
    );

    assert_eq!(built(&plan), ["base", "lib"]);
}
