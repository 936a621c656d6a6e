//! Projects that need each other, made up.

use std::collections::{BTreeMap, BTreeSet};

use chinampa::internals::model::ProjectName;
use proptest::prelude::*;
use proptest::sample::Index;

/// What each project needs itself; acyclic.
pub(crate) type Needs = BTreeMap<ProjectName, BTreeSet<ProjectName>>;

/// Up to 30 projects whose names say nothing of who needs whom.
pub(crate) fn needs() -> impl Strategy<Value = Needs> {
    let names: Vec<ProjectName> = (0..30).map(|number| format!("p{number:02}").parse().unwrap()).collect();
    let chosen = proptest::collection::vec(proptest::collection::vec(any::<Index>(), 0..4), 1..=30);
    (Just(names).prop_shuffle(), chosen).prop_map(|(names, chosen)| {
        let needs = |(number, chosen): (usize, Vec<Index>)| {
            let earlier = &names[..number];
            let needs = chosen.iter().filter(|_| number > 0).map(|index| index.get(earlier).clone());
            (names[number].clone(), needs.collect())
        };
        chosen.into_iter().enumerate().map(needs).collect()
    })
}

/// The projects for which `yes` says so, by turns.
pub(crate) fn some(needs: &Needs, yes: &[bool]) -> BTreeSet<ProjectName> {
    needs.keys().zip(yes.iter().cycle()).filter(|(_, yes)| **yes).map(|(name, _)| name.clone()).collect()
}

/// `start` and everything that needs one of it: asked again and again until nothing is new.
pub(crate) fn with_dependents(needs: &Needs, start: &BTreeSet<ProjectName>) -> BTreeSet<ProjectName> {
    let mut reached = start.clone();
    loop {
        let dependents = needs.iter().filter(|(_, needs)| !needs.is_disjoint(&reached));
        let next: BTreeSet<_> = dependents.map(|(name, _)| name.clone()).chain(reached.clone()).collect();
        if next == reached {
            return reached;
        }
        reached = next;
    }
}

/// `start` and everything that it needs, in the same way.
pub(crate) fn with_needs(needs: &Needs, start: &BTreeSet<ProjectName>) -> BTreeSet<ProjectName> {
    let mut reached = start.clone();
    loop {
        let next: BTreeSet<_> =
            reached.iter().flat_map(|name| &needs[name]).cloned().chain(reached.clone()).collect();
        if next == reached {
            return reached;
        }
        reached = next;
    }
}
