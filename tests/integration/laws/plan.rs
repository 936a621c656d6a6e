//! Laws of planning, on any graph and whatever was observed.

use std::collections::BTreeSet;

use chinampa::internals::config::Strategy as PlanStrategy;
use chinampa::internals::graph::ProjectGraph;
use chinampa::internals::model::{
    ChangeKind, CommitId, InputDigest, ManifestDigest, ObjectId, ProjectName, RepoPath, Tag,
};
use chinampa::internals::observe::{
    Base, BuildRecords, Changes, ForcedBy, Image, Observations, Observed, Reason,
};
use chinampa::internals::plan::{self, Action, Impact, Plan, ProjectImpact};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::laws::graphs::{self, Needs};

type Names = BTreeSet<ProjectName>;

/// Everything that a plan is made from.
#[derive(Clone, Debug)]
struct Case {
    needs: Needs,
    /// With all that they need.
    selected: Names,
    changed: Names,
    base_is_known: bool,
    /// Those with an image of their inputs.
    found: Names,
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
    (graphs::needs(), picked, proptest::bool::weighted(0.9), strategy).prop_map(
        |(needs, (selected, changed, found, of_default_branch, tainted, forced), base_is_known, strategy)| {
            let some = |yes: &[bool]| graphs::some(&needs, yes);
            Case {
                selected: graphs::with_needs(&needs, &some(&selected)),
                changed: some(&changed),
                base_is_known,
                found: some(&found),
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
    fn changes(&self) -> Changes {
        let commit = CommitId(ObjectId::Sha1([1; 20]));
        Changes {
            head: commit,
            is_dirty: false,
            base: match self.base_is_known {
                true => Base::Known { commit, from: "--base".to_owned() },
                false => Base::Unknown { why: "there is none".to_owned() },
            },
            files: Vec::new(),
            direct: self.needs.keys().map(|name| (name.clone(), self.reasons(name))).collect(),
        }
    }

    fn impact(&self) -> Impact {
        plan::impact(&ProjectGraph::new(&self.needs).unwrap(), &self.changes(), &self.selected)
    }

    fn plan(&self) -> Plan {
        let observed = |name: &ProjectName| Observed {
            digest: InputDigest::from_bytes([1; 32]),
            files: Vec::new(),
            has_extra_inputs: false,
            image: self.found.contains(name).then(|| image(name)),
            local_image: None,
            default_branch_image: self.of_default_branch.contains(name).then(|| image(name)),
            taints: self.tainted.contains(name).then(|| Tag::taint(name, 0)).into_iter().collect(),
        };
        let projects = self.selected.iter().map(|name| (name.clone(), observed(name))).collect();
        let observations = Observations {
            changes: self.changes(),
            projects,
            records: BuildRecords::default(),
            is_cache_unread: false,
        };
        let graph = ProjectGraph::new(&self.needs).unwrap();
        let forced = self.forced.iter().map(|name| (name.clone(), ForcedBy::Option)).collect();
        plan::make(&graph, &observations, self.strategy, &forced)
    }

    /// Nothing for a project that didn't change.
    fn reasons(&self, name: &ProjectName) -> Vec<Reason> {
        let reason = Reason::File {
            path: RepoPath::new(format!("{name}/a")).unwrap(),
            change: ChangeKind::Modified,
            inside: Vec::new(),
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

    /// What has to be built.
    fn to_build(&self) -> Names {
        let found = &self.found;
        let stale: Names = match self.strategy {
            PlanStrategy::Digest => &self.all() - found,
            PlanStrategy::Diff => &self.affected() | &(&(&self.all() - found) - &self.of_default_branch),
        };
        let built = &(&stale | &self.tainted) | &self.forced;
        &built & &self.selected
    }
}

fn image(name: &ProjectName) -> Image {
    Image {
        repository: name.as_str().parse().unwrap(),
        digest: ManifestDigest::of(name.as_str().as_bytes()),
        tag: Tag::latest(),
    }
}

fn affected(impact: &Impact) -> Names {
    let affected = impact.projects.iter().filter(|project| project.is_affected);
    affected.map(|project| project.project.clone()).collect()
}

fn built(plan: &Plan) -> Names {
    plan.builds().map(|step| step.impact.project.clone()).collect()
}

proptest! {
    #![proptest_config(crate::laws::config(1_000))]

    #[test]
    fn affected_is_what_changed_and_everything_that_needs_it(case in case()) {
        let impact = case.impact();

        prop_assert_eq!(affected(&impact), &case.affected() & &case.selected);
        for ProjectImpact { is_affected, reasons, .. } in &impact.projects {
            prop_assert_eq!(*is_affected, !reasons.is_empty());
        }
        let planned: Vec<ProjectImpact> = case.plan().steps.into_iter().map(|step| step.impact).collect();
        prop_assert_eq!(planned, impact.projects);
    }

    #[test]
    fn more_changes_and_fewer_images_never_make_fewer_builds(case in case(), other in case()) {
        let names = case.all();
        let mut more = case.clone();
        more.changed.extend(&other.changed & &names);
        more.tainted.extend(&other.tainted & &names);
        more.base_is_known &= other.base_is_known;
        more.of_default_branch = &more.of_default_branch - &other.of_default_branch;
        more.found = &more.found - &other.changed;

        prop_assert!(built(&case.plan()).is_subset(&built(&more.plan())));
        prop_assert!(affected(&case.impact()).is_subset(&affected(&more.impact())));
    }
}

proptest! {
    #![proptest_config(crate::laws::config(1_000))]

    #[test]
    fn built_is_what_has_no_image_to_reuse_or_was_asked_for(case in case()) {
        let plan = case.plan();

        prop_assert_eq!(built(&plan), case.to_build());
        for step in &plan.steps {
            if let Action::Reuse(reused) = &step.action {
                prop_assert_eq!(reused, &image(&step.impact.project));
            }
        }
    }

    #[test]
    fn every_selected_project_has_one_step_after_all_that_it_needs(case in case()) {
        let plan = case.plan();

        let mut done = Names::new();
        for step in &plan.steps {
            let ProjectImpact { project, needs, .. } = &step.impact;
            let needs: Names = needs.iter().cloned().collect();
            prop_assert_eq!(&needs, &case.needs[project]);
            prop_assert!(needs.is_subset(&done), "{} before {:?}", project, &needs - &done);
            prop_assert!(done.insert(project.clone()), "{} twice", project);
        }
        prop_assert_eq!(done, case.selected);
    }

    #[test]
    fn what_is_built_says_why_and_nothing_else_does(case in case()) {
        for step in case.plan().steps {
            let is_built = matches!(step.action, Action::Build(_));
            prop_assert_eq!(step.reasons().next().is_some(), is_built, "{:?}", step);
        }
    }

    #[test]
    fn the_same_observations_give_the_same_plan(case in case()) {
        prop_assert_eq!(case.plan(), case.plan());
    }
}
