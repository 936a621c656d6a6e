//! The names of targets: a block with a matrix makes a target of each combination of its values.

use std::collections::{BTreeMap, BTreeSet};

use super::definitions::{Block, Instance};
use super::evaluate::{Evaluator, Scope};
use super::value::{Unknown, Value};
use crate::init::evidence::Ignored;

/// More than any repository builds.
const MAX_TARGETS: usize = 1000;

/// The targets that the blocks make, in their order; a name may come several times.
///
/// The evaluator knows them afterwards. A block whose names are not known is ignored.
///
/// # Errors
/// There are more than 1000.
pub(super) fn instances<'d>(
    evaluator: &mut Evaluator<'d>,
    ignored: &mut Vec<Ignored>,
) -> Result<Vec<Instance<'d>>, Ignored> {
    let mut instances = Vec::new();
    for block in &evaluator.definitions.targets {
        match of_block(evaluator, block) {
            Ok(new) => instances.extend(new),
            Err(unknown) => {
                let why = format!("the targets of `{}` are not known: {}", block.label, unknown.why);
                ignored.push(Ignored { at: block.at.clone(), why });
            }
        }
        if instances.len() > MAX_TARGETS {
            let why = format!("with `{}` there are more than {MAX_TARGETS} targets", block.label);
            return Err(Ignored { at: block.at.clone(), why });
        }
    }
    evaluator.instances =
        instances.iter().map(|instance| (instance.name.clone(), instance.clone())).collect();
    Ok(instances)
}

fn of_block<'d>(evaluator: &mut Evaluator<'d>, block: &'d Block) -> Result<Vec<Instance<'d>>, Unknown> {
    let name = block.attributes.get("name");
    let Some(matrix) = block.attributes.get("matrix") else {
        if name.is_some() {
            return Err(Unknown::new("a `name` needs a `matrix`"));
        }
        check(&block.label)?;
        return Ok(vec![Instance { name: block.label.clone(), block, names: BTreeMap::new() }]);
    };
    let matrix = evaluator.value(&matrix.value, &Scope::default()).to_object()?;
    let mut combinations: Vec<BTreeMap<String, Value>> = vec![BTreeMap::new()];
    for (key, values) in matrix.iter() {
        let values = values.elements()?;
        let count = combinations.len().saturating_mul(values.len());
        if count > MAX_TARGETS {
            return Err(Unknown::new(format!("its matrix has more than {MAX_TARGETS} combinations")));
        }
        evaluator.spend(count * matrix.len())?;
        combinations = combinations
            .iter()
            .flat_map(|names| {
                values.iter().map(|(_, value)| {
                    let mut names = names.clone();
                    names.insert(key.clone(), value.clone());
                    names
                })
            })
            .collect();
    }
    let mut seen = BTreeSet::new();
    let mut instances = Vec::new();
    for names in combinations {
        let scope = Scope::of(names);
        let name = match name {
            Some(name) => evaluator.value(&name.value, &scope).to_text()?,
            None => block.label.clone(),
        };
        check(&name)?;
        if !seen.insert(name.clone()) {
            return Err(Unknown::new(format!("two of them are called `{name}`")));
        }
        instances.push(Instance { name, block, names: scope.names });
    }
    Ok(instances)
}

fn check(name: &str) -> Result<(), Unknown> {
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    if !name.is_empty() && name.chars().all(is_allowed) {
        Ok(())
    } else {
        Err(Unknown::new(format!("`{name}` is not a target's name")))
    }
}
