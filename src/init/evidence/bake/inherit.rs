//! What targets inherit: all that others say comes first, in their order, and each says it over what it inherits itself.

use std::collections::{BTreeMap, BTreeSet};

use super::evaluate::Evaluator;
use super::target::Target;
use super::value::Unknown;

/// More than people can follow.
const MAX_LEVELS: usize = 32;

/// Targets with what they inherit, or why that is not known.
pub(super) fn resolve(
    evaluator: &mut Evaluator<'_>,
    targets: &[Target],
) -> BTreeMap<String, Result<Target, Unknown>> {
    let by_name = targets.iter().map(|target| (target.name.as_str(), target)).collect();
    let mut resolver =
        Resolver { evaluator, targets: by_name, resolved: BTreeMap::new(), pending: BTreeSet::new() };
    let resolve = |target: &Target| (target.name.clone(), resolver.target(&target.name));
    targets.iter().map(resolve).collect()
}

struct Resolver<'r, 'd> {
    evaluator: &'r mut Evaluator<'d>,
    targets: BTreeMap<&'r str, &'r Target>,
    resolved: BTreeMap<String, Result<Target, Unknown>>,
    /// Those that inherit, one from the other.
    pending: BTreeSet<String>,
}

impl Resolver<'_, '_> {
    fn target(&mut self, name: &str) -> Result<Target, Unknown> {
        if let Some(resolved) = self.resolved.get(name) {
            return resolved.clone();
        }
        let resolved = self.inherited(name);
        // A chain that is too long for one is not too long for those at its end.
        if self.pending.is_empty() || resolved.is_ok() {
            self.resolved.insert(name.to_owned(), resolved.clone());
        }
        resolved
    }

    fn inherited(&mut self, name: &str) -> Result<Target, Unknown> {
        let target = *self
            .targets
            .get(name)
            .ok_or_else(|| Unknown::new(format!("it inherits from `{name}`, which is not there")))?;
        if self.pending.contains(name) {
            return Err(Unknown::new(format!("it inherits from `{name}`, which inherits from itself")));
        }
        if self.pending.len() == MAX_LEVELS {
            return Err(Unknown::new(format!("it inherits over more than {MAX_LEVELS} targets")));
        }
        self.pending.insert(name.to_owned());
        let result = self.merged(target);
        self.pending.remove(name);
        result
    }

    fn merged(&mut self, target: &Target) -> Result<Target, Unknown> {
        let mut merged = Target::named_as(target);
        for parent in &target.inherits {
            let parent = self.target(parent.as_ref().map_err(Unknown::clone)?)?;
            self.evaluator.spend(parent.size())?;
            merged.merge(&parent);
        }
        merged.inherits.clear();
        merged.merge(target);
        Ok(merged)
    }
}
