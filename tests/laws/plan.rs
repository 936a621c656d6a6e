//! Laws of planning, on any graph and whatever was observed.

use std::collections::{BTreeMap, BTreeSet};

use chinampa::config::Strategy as PlanStrategy;
use chinampa::graph::ProjectGraph;
use chinampa::model::{ChangeKind, CommitId, ManifestDigest, ObjectId, ProjectName, RepoPath, Tag};
use chinampa::plan::{self, Action, Base, Force, Image, Images, Observations, Plan, Reason, Step};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::graphs::{self, Needs};

type Names = BTreeSet<ProjectName>;

/// Everything that a plan is made from.
#[derive(Clone, Debug)]
struct Case {
    needs: Needs,
    /// With all that they need.
    selected: Names,
    changed: Names,
    base_is_known: bool,
    /// Those with an image of their inputs; `None` when nobody was asked.
    found: Option<Names>,
    of_default_branch: Names,
    tainted: Names,
    forced: Names,
    strategy: PlanStrategy,
}

fn case() -> impl Strategy<Value = Case> {
    let sometimes = || vec(proptest::bool::weighted(0.2), 31);
    let often = || vec(any::<bool>(), 31);
    let strategy = select(vec![PlanStrategy::Digest, PlanStrategy::Diff]);
    let picked = (often(), sometimes(), often(), often(), sometimes(), sometimes());
    (graphs::needs(), picked, proptest::bool::weighted(0.9), proptest::bool::weighted(0.8), strategy)
        .prop_map(
            |(
                needs,
                (selected, changed, found, of_default_branch, tainted, forced),
                base_is_known,
                asked,
                strategy,
            )| {
                let some = |yes: &[bool]| graphs::some(&needs, yes);
                Case {
                    selected: graphs::with_needs(&needs, &some(&selected)),
                    changed: some(&changed),
                    base_is_known,
                    found: asked.then(|| some(&found)),
                    of_default_branch: some(&of_default_branch),
                    tainted: some(&tainted),
                    forced: some(&forced),
                    strategy,
                    needs,
                }
            },
        )
}

impl Case {
    fn plan(&self) -> Plan {
        let commit = CommitId(ObjectId::from_bytes([1; 20]));
        let images = |names: &Names| names.iter().map(|name| (name.clone(), image(name))).collect();
        let observed = Observations {
            head: commit,
            is_dirty: false,
            base: match self.base_is_known {
                true => Base::Known { commit, from: "--base".to_owned() },
                false => Base::Unknown { why: "there is none".to_owned() },
            },
            own_changes: self.needs.keys().map(|name| (name.clone(), self.reasons(name))).collect(),
            inputs: BTreeMap::new(),
            images: self.found.as_ref().map(|found| Images {
                by_digest: images(found),
                of_default_branch: images(&self.of_default_branch),
                tainted: self.tainted.clone(),
            }),
        };
        let graph = ProjectGraph::new(&self.needs).unwrap();
        plan::make(&graph, &observed, &self.selected, self.strategy, &Force::Only(self.forced.clone()))
    }

    /// Nothing for a project that didn't change.
    fn reasons(&self, name: &ProjectName) -> Vec<Reason> {
        let reason = Reason::File {
            path: RepoPath::new(format!("{name}/a")).unwrap(),
            change: ChangeKind::Modified,
            pattern: format!("{name}/"),
            source: "projects.toml:1".to_owned(),
            project: name.clone(),
        };
        self.changed.contains(name).then_some(reason).into_iter().collect()
    }

    fn affected(&self) -> Names {
        if self.base_is_known { graphs::with_dependents(&self.needs, &self.changed) } else { self.all() }
    }

    fn all(&self) -> Names {
        self.needs.keys().cloned().collect()
    }

    /// What has to be built, if the registry was asked.
    fn to_build(&self) -> Names {
        let Some(found) = &self.found else { return Names::new() };
        let stale: Names = match self.strategy {
            PlanStrategy::Digest => &self.all() - found,
            PlanStrategy::Diff => &self.affected() | &(&(&self.all() - found) - &self.of_default_branch),
        };
        let built = &(&stale | &self.tainted) | &self.forced;
        &built & &self.selected
    }
}

fn image(name: &ProjectName) -> Image {
    Image { digest: ManifestDigest::of(name.as_str().as_bytes()), tag: Tag::tainted() }
}

fn where_(plan: &Plan, is: impl Fn(&Step) -> bool) -> Names {
    plan.steps.iter().filter(|step| is(step)).map(|step| step.project.clone()).collect()
}

fn built(plan: &Plan) -> Names {
    where_(plan, |step| step.action == Action::Build)
}

proptest! {
    #![proptest_config(crate::config(10_000))]

    #[test]
    fn affected_is_what_changed_and_everything_that_needs_it(case in case()) {
        let plan = case.plan();

        let expected = &case.affected() & &case.selected;
        prop_assert_eq!(where_(&plan, |step| step.is_affected), expected.clone());
        let affected_only = if case.found.is_none() { expected } else { Names::new() };
        prop_assert_eq!(where_(&plan, |step| step.action == Action::Affected), affected_only);
    }

    #[test]
    fn more_changes_and_fewer_images_never_make_fewer_builds(case in case(), other in case()) {
        let names = case.all();
        let mut more = case.clone();
        more.changed.extend(&other.changed & &names);
        more.tainted.extend(&other.tainted & &names);
        more.base_is_known &= other.base_is_known;
        more.of_default_branch = &more.of_default_branch - &other.of_default_branch;
        more.found = more.found.map(|found| &found - &other.changed);

        let (plan, more) = (case.plan(), more.plan());

        prop_assert!(built(&plan).is_subset(&built(&more)));
        let affected = |plan| where_(plan, |step| step.is_affected);
        prop_assert!(affected(&plan).is_subset(&affected(&more)));
    }
}

proptest! {
    #![proptest_config(crate::config(1024))]

    #[test]
    fn built_is_what_has_no_image_to_reuse_or_was_asked_for(case in case()) {
        let plan = case.plan();

        prop_assert_eq!(built(&plan), case.to_build());
        for step in &plan.steps {
            if let Action::Reuse(reused) = &step.action {
                prop_assert_eq!(reused, &image(&step.project));
            }
        }
    }

    #[test]
    fn every_selected_project_has_one_step_after_all_that_it_needs(case in case()) {
        let plan = case.plan();

        let mut done = Names::new();
        for step in &plan.steps {
            let needs: Names = step.needs.iter().cloned().collect();
            prop_assert_eq!(&needs, &case.needs[&step.project]);
            prop_assert!(needs.is_subset(&done), "{} before {:?}", step.project, &needs - &done);
            prop_assert!(done.insert(step.project.clone()), "{} twice", step.project);
        }
        prop_assert_eq!(done, case.selected);
    }

    #[test]
    fn what_is_built_or_affected_says_why_and_nothing_else_does(case in case()) {
        for step in case.plan().steps {
            let says = matches!(step.action, Action::Build | Action::Affected);
            prop_assert_eq!(!step.because.is_empty(), says, "{:?}", step);
        }
    }

    #[test]
    fn the_same_observations_give_the_same_plan(case in case()) {
        prop_assert_eq!(case.plan(), case.plan());
    }
}
