//! Where the projects of a graph stand in its drawing: a column for each level, what is connected close together.

use std::collections::BTreeMap;

/// Levels with more nodes than this are drawn in several columns, where the graph is large.
const MAX_ROWS: usize = 20;

/// Up to so many nodes, each level is one column.
const SMALL_GRAPH: usize = 40;

/// How often the order of each level is improved. The last time, what a level needs decides.
const SWEEPS: usize = 5;

/// Columns from left to right, each with its nodes from top to bottom, by position.
pub(super) type Columns = Vec<Vec<usize>>;

/// Arranges nodes; `needs` has for each node those that it needs, which come before it.
pub(super) fn columns(needs: &[Vec<usize>]) -> Columns {
    let levels = levels(needs);
    let mut of_level: Vec<Vec<usize>> = vec![Vec::new(); levels.iter().max().map_or(0, |last| last + 1)];
    for (node, &level) in levels.iter().enumerate() {
        of_level[level].push(node);
    }
    let dependents = dependents(needs);
    for sweep in 0..SWEEPS {
        let (neighbours, order): (_, Vec<usize>) = match sweep % 2 {
            0 => (needs, (0..of_level.len()).collect()),
            _ => (dependents.as_slice(), (0..of_level.len()).rev().collect()),
        };
        for level in order {
            let rows = rows(&of_level);
            sort_by_neighbours(&mut of_level[level], neighbours, &rows);
        }
    }
    let max_rows = if needs.len() > SMALL_GRAPH { MAX_ROWS } else { usize::MAX };
    of_level
        .iter()
        .flat_map(|level| level.chunks(level.len().clamp(1, max_rows)))
        .map(<[usize]>::to_vec)
        .collect()
}

/// One more than the highest level of what a node needs.
fn levels(needs: &[Vec<usize>]) -> Vec<usize> {
    let mut levels: Vec<usize> = Vec::with_capacity(needs.len());
    for needs in needs {
        levels.push(needs.iter().map(|&need| levels[need] + 1).max().unwrap_or_default());
    }
    levels
}

fn dependents(needs: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut dependents = vec![Vec::new(); needs.len()];
    for (node, needs) in needs.iter().enumerate() {
        for &need in needs {
            dependents[need].push(node);
        }
    }
    dependents
}

/// How far down each node is in its level, from 0 to 1.
fn rows(levels: &[Vec<usize>]) -> BTreeMap<usize, f64> {
    let row = |level: &[usize], row: usize| number(row) / number(level.len().saturating_sub(1).max(1));
    let rows =
        levels.iter().flat_map(|level| level.iter().enumerate().map(|(at, &node)| (node, row(level, at))));
    rows.collect()
}

/// A node goes where its neighbours are on average; one without any stays where it is.
fn sort_by_neighbours(level: &mut [usize], neighbours: &[Vec<usize>], rows: &BTreeMap<usize, f64>) {
    level.sort_by_cached_key(|&node| {
        let of_node = &neighbours[node];
        let sum: f64 = of_node.iter().map(|neighbour| rows[neighbour]).sum();
        let mean = if of_node.is_empty() { rows[&node] } else { sum / number(of_node.len()) };
        // Positive numbers are in the order of their bits.
        mean.to_bits()
    });
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_stands_right_of_all_that_it_needs_and_near_them() {
        let needs = [vec![], vec![], vec![1], vec![0], vec![2, 3], vec![0]];

        assert_eq!(columns(&needs), [vec![0, 1], vec![3, 5, 2], vec![4]]);
    }

    #[test]
    fn a_large_level_has_several_columns() {
        let needs = vec![Vec::new(); 50];

        let columns = columns(&needs);

        assert_eq!(columns.iter().map(Vec::len).collect::<Vec<_>>(), [20, 20, 10]);
        assert!(super::columns(&[]).is_empty());
    }
}
