//! Matrices of jobs.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::super::yaml::Node;

/// How many combinations of a matrix are read.
const MAX_COMBINATIONS: usize = 100;

/// The constant combinations of a job's matrix; one without values where there is none.
pub(super) fn combinations(members: &[(&str, &Rc<Node>)]) -> Vec<BTreeMap<String, String>> {
    let get = |key: &str| members.iter().find(|(name, _)| *name == key).map(|(_, node)| *node);
    let matrix = get("strategy").or_else(|| get("parallel")).and_then(|node| node.get("matrix"));
    let Some(matrix) = matrix else { return vec![BTreeMap::new()] };
    let mut all = Vec::new();
    // GitLab has a list of matrices.
    for matrix in matrix.list().unwrap_or(std::slice::from_ref(matrix)) {
        let mut combined = vec![BTreeMap::new()];
        for (name, values) in matrix.map().unwrap_or_default() {
            if matches!(name, "include" | "exclude") {
                continue;
            }
            let values = values.list().unwrap_or(std::slice::from_ref(values));
            let values: Vec<_> = values.iter().map(|value| flat(name, value)).collect();
            if !values.is_empty() && combined.len() * values.len() <= MAX_COMBINATIONS {
                let with = |before: &BTreeMap<String, String>| {
                    values
                        .iter()
                        .map(|value| before.clone().into_iter().chain(value.clone()).collect())
                        .collect()
                };
                combined =
                    combined.iter().flat_map(|before| -> Vec<BTreeMap<_, _>> { with(before) }).collect();
            }
        }
        combined.retain(|values| !values.is_empty());
        let listed = combined.clone();
        let included = matrix.get("include").and_then(|node| node.list()).unwrap_or_default();
        for values in included.iter().take(MAX_COMBINATIONS) {
            let values = values.map().unwrap_or_default();
            let values: BTreeMap<_, _> = values.iter().flat_map(|(name, value)| flat(name, value)).collect();
            // It belongs to those that it does not contradict, and is one of its own where there are none.
            let fits = |one: &BTreeMap<String, String>| {
                values.iter().all(|(name, value)| one.get(name).is_none_or(|other| other == value))
            };
            if listed.iter().any(fits) {
                let of_listed = combined.iter_mut().zip(&listed).filter(|(_, listed)| fits(listed));
                of_listed.for_each(|(one, _)| one.extend(values.clone()));
            } else {
                combined.push(values);
            }
        }
        all.extend(combined);
    }
    if all.is_empty() { vec![BTreeMap::new()] } else { all }
}

/// A value, or the values of a map, by their names.
fn flat(name: &str, node: &Rc<Node>) -> BTreeMap<String, String> {
    let members = node.map().unwrap_or_default().into_iter();
    let inner = members.filter_map(|(key, value)| Some((format!("{name}.{key}"), value.text()?.to_owned())));
    let own = node.text().map(|text| (name.to_owned(), text.to_owned()));
    inner.chain(own).filter(|(_, text)| !text.contains("${{")).collect()
}
