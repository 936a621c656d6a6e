//! Which project needs which: acyclic, and in the same order every time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, VecDeque};

use petgraph::Direction;
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use thiserror::Error;

use crate::model::ProjectName;

/// The projects of a workspace and their dependencies. An edge goes from a dependency to its dependent.
#[derive(Clone, Debug)]
pub struct ProjectGraph {
    graph: DiGraph<ProjectName, ()>,
    nodes: HashMap<ProjectName, NodeIndex>,
    order: Vec<NodeIndex>,
}

/// One project of a graph.
#[derive(Clone, Copy, Debug)]
pub struct Node<'g> {
    graph: &'g ProjectGraph,
    index: NodeIndex,
}

/// Some projects of one graph: whether a node is among them is known without a look at its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSet(Vec<bool>);

/// For each project of one graph, which of some chosen ones it needs, however far away.
#[derive(Clone, Debug)]
pub struct NeedsAmong(Vec<Vec<NodeIndex>>);

/// Projects that need each other.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("projects need each other in a circle: {}", show(.path))]
pub struct Cycle {
    /// Each needs the next, the last needs the first.
    pub path: Vec<ProjectName>,
}

fn show(path: &[ProjectName]) -> String {
    let names: Vec<String> = path.iter().chain(path.first()).map(|name| format!("`{name}`")).collect();
    names.join(" needs ")
}

impl ProjectGraph {
    /// Builds the graph from each project's needs, the projects in name order and each once. Needs that are no projects
    /// are passed over.
    ///
    /// # Errors
    /// A [`Cycle`] for each group of projects that need each other.
    pub fn new<'n, N: IntoIterator<Item = &'n ProjectName>>(
        needs: impl IntoIterator<Item = (&'n ProjectName, N), IntoIter: Clone>,
    ) -> Result<Self, Vec<Cycle>> {
        let needs = needs.into_iter();
        assert!(needs.clone().is_sorted_by(|(one, _), (next, _)| one < next), "numbers are in name order");
        let (_, most) = needs.size_hint();
        let most = most.unwrap_or_default();
        let mut graph = DiGraph::with_capacity(most, 2 * most);
        let mut nodes = HashMap::with_capacity(most);
        nodes.extend(needs.clone().map(|(name, _)| (name.clone(), graph.add_node(name.clone()))));
        let mut of_node = Vec::new();
        for (number, (_, needs)) in needs.enumerate() {
            of_node.extend(needs.into_iter().filter_map(|need| nodes.get(need).copied()));
            sort_by_name(&mut of_node);
            of_node.dedup();
            for need in of_node.drain(..) {
                graph.add_edge(need, NodeIndex::new(number), ());
            }
        }
        let order = order_by_needs(&graph);
        if order.len() < graph.node_count() {
            return Err(cycles(&graph));
        }
        Ok(Self { graph, nodes, order })
    }

    /// All projects, each after everything that it needs, otherwise by name.
    pub fn order(&self) -> impl DoubleEndedIterator<Item = &ProjectName> {
        self.order.iter().map(|&node| &self.graph[node])
    }

    /// The same, as nodes.
    pub fn nodes(&self) -> impl Iterator<Item = Node<'_>> {
        self.order.iter().map(|&index| Node { graph: self, index })
    }

    /// Those of these projects that the graph has.
    pub fn set<'n>(&self, names: impl IntoIterator<Item = &'n ProjectName>) -> NodeSet {
        let mut set = NodeSet(vec![false; self.len()]);
        for node in names.into_iter().filter_map(|name| self.nodes.get(name)) {
            set.0[node.index()] = true;
        }
        set
    }

    pub fn set_of_all(&self) -> NodeSet {
        NodeSet(vec![true; self.len()])
    }

    /// These and all that need them, however far away.
    pub fn set_with_dependents(&self, set: &NodeSet) -> NodeSet {
        self.reach(set.indices(), Direction::Outgoing)
    }

    /// How many projects there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// What a project needs itself, in name order.
    pub fn needs(&self, name: &ProjectName) -> BTreeSet<&ProjectName> {
        self.neighbours(name, Direction::Incoming)
    }

    /// What needs this project itself, in name order.
    pub fn dependents(&self, name: &ProjectName) -> BTreeSet<&ProjectName> {
        self.neighbours(name, Direction::Outgoing)
    }

    /// The given projects and all that they need, however far away.
    pub fn with_needs<'a>(&self, names: impl IntoIterator<Item = &'a ProjectName>) -> BTreeSet<&ProjectName> {
        let start = names.into_iter().filter_map(|name| self.nodes.get(name).copied());
        self.reach(start, Direction::Incoming).indices().map(|node| &self.graph[node]).collect()
    }

    /// Which of the chosen projects each project needs.
    pub fn needs_among(&self, chosen: &NodeSet) -> NeedsAmong {
        let mut found: Vec<Vec<NodeIndex>> = vec![Vec::new(); self.len()];
        // Needs come first in this order, so that theirs are known.
        for &node in &self.order {
            let mut of_node = Vec::new();
            for need in self.graph.neighbors_directed(node, Direction::Incoming) {
                of_node.extend(chosen.0[need.index()].then_some(need));
                of_node.extend(&found[need.index()]);
            }
            sort_by_name(&mut of_node);
            of_node.dedup();
            found[node.index()] = of_node;
        }
        NeedsAmong(found)
    }

    /// The shortest way from `name` to a dependency, `name` first; `None` when it doesn't need it.
    pub fn path_to_need(&self, name: &ProjectName, need: &ProjectName) -> Option<Vec<ProjectName>> {
        let (start, end) = (*self.nodes.get(name)?, *self.nodes.get(need)?);
        let path = shortest_path(&self.graph, start, end, Direction::Incoming)?;
        Some(path.into_iter().map(|node| self.graph[node].clone()).collect())
    }

    fn neighbours(&self, name: &ProjectName, direction: Direction) -> BTreeSet<&ProjectName> {
        match self.nodes.get(name) {
            Some(&node) => {
                self.graph.neighbors_directed(node, direction).map(|node| &self.graph[node]).collect()
            }
            None => BTreeSet::new(),
        }
    }

    fn reach(&self, start: impl Iterator<Item = NodeIndex>, direction: Direction) -> NodeSet {
        let mut waiting: Vec<NodeIndex> = start.collect();
        let mut seen = vec![false; self.len()];
        while let Some(node) = waiting.pop() {
            if !std::mem::replace(&mut seen[node.index()], true) {
                waiting.extend(self.graph.neighbors_directed(node, direction));
            }
        }
        NodeSet(seen)
    }
}

impl<'g> Node<'g> {
    pub fn name(self) -> &'g ProjectName {
        &self.graph.graph[self.index]
    }

    /// What it needs itself, in name order.
    pub fn needs(self) -> impl ExactSizeIterator<Item = Node<'g>> {
        let Self { graph, index } = self;
        let mut needs: Vec<NodeIndex> = graph.graph.neighbors_directed(index, Direction::Incoming).collect();
        sort_by_name(&mut needs);
        needs.into_iter().map(move |index| Node { graph, index })
    }
}

impl NodeSet {
    /// Whether a node of the same graph is among them.
    pub fn contains(&self, node: Node<'_>) -> bool {
        self.0[node.index.index()]
    }

    /// In name order.
    fn indices(&self) -> impl Iterator<Item = NodeIndex> {
        let members = self.0.iter().enumerate().filter(|(_, is_member)| **is_member);
        members.map(|(number, _)| NodeIndex::new(number))
    }
}

impl NeedsAmong {
    /// Those that a node of the same graph needs, in name order.
    pub fn of<'g>(&self, node: Node<'g>) -> impl Iterator<Item = &'g ProjectName> {
        self.0[node.index.index()].iter().map(move |&need| &node.graph.graph[need])
    }
}

/// Nodes are numbered in name order.
fn sort_by_name(nodes: &mut [NodeIndex]) {
    nodes.sort_unstable();
}

/// All nodes that no cycle holds back, dependencies first; of those that are ready the least name.
fn order_by_needs(graph: &DiGraph<ProjectName, ()>) -> Vec<NodeIndex> {
    let mut missing: Vec<usize> = graph
        .node_indices()
        .map(|node| graph.neighbors_directed(node, Direction::Incoming).count())
        .collect();
    // Nodes were added in name order, so the order of their numbers is that of their names.
    let mut ready: BinaryHeap<Reverse<NodeIndex>> =
        graph.node_indices().filter(|node| missing[node.index()] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(graph.node_count());
    while let Some(Reverse(node)) = ready.pop() {
        order.push(node);
        for dependent in graph.neighbors_directed(node, Direction::Outgoing) {
            missing[dependent.index()] -= 1;
            if missing[dependent.index()] == 0 {
                ready.push(Reverse(dependent));
            }
        }
    }
    order
}

/// One cycle for each group of nodes that reach each other, as short as the group allows.
fn cycles(graph: &DiGraph<ProjectName, ()>) -> Vec<Cycle> {
    let mut cycles: Vec<Cycle> = tarjan_scc(graph)
        .into_iter()
        .filter_map(|group| {
            let first = group.into_iter().min_by_key(|&node| &graph[node])?;
            let back = graph
                .neighbors_directed(first, Direction::Incoming)
                .filter_map(|need| shortest_path(graph, need, first, Direction::Incoming))
                .min_by_key(Vec::len)?;
            let path = std::iter::once(first).chain(back).map(|node| graph[node].clone());
            let mut path: Vec<ProjectName> = path.collect();
            path.pop();
            Some(Cycle { path })
        })
        .collect();
    cycles.sort_by(|one, other| one.path.cmp(&other.path));
    cycles
}

/// Breadth first, ties broken by the order of edges, both ends included.
fn shortest_path(
    graph: &DiGraph<ProjectName, ()>,
    start: NodeIndex,
    end: NodeIndex,
    direction: Direction,
) -> Option<Vec<NodeIndex>> {
    let mut came_from = BTreeMap::from([(start, start)]);
    let mut waiting = VecDeque::from([start]);
    while let Some(node) = waiting.pop_front() {
        if node == end {
            let mut path = vec![end];
            let mut at = end;
            while at != start {
                at = came_from[&at];
                path.push(at);
            }
            path.reverse();
            return Some(path);
        }
        for next in graph.neighbors_directed(node, direction) {
            came_from.entry(next).or_insert_with(|| {
                waiting.push_back(next);
                node
            });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ProjectName {
        text.parse().unwrap()
    }

    fn needs(entries: &[(&str, &[&str])]) -> BTreeMap<ProjectName, BTreeSet<ProjectName>> {
        entries
            .iter()
            .map(|(project, needs)| (name(project), needs.iter().map(|need| name(need)).collect()))
            .collect()
    }

    #[test]
    fn every_project_comes_after_what_it_needs() {
        let graph =
            ProjectGraph::new(&needs(&[("api", &["lib"]), ("base", &[]), ("lib", &["base"])])).unwrap();

        let order: Vec<&str> = graph.order().map(ProjectName::as_str).collect();

        assert_eq!(order, ["base", "lib", "api"]);
    }

    #[test]
    fn a_cycle_is_shown_whole() {
        let cycles = ProjectGraph::new(&needs(&[
            ("a", &["b"]),
            ("b", &["c"]),
            ("c", &["a"]),
            ("d", &["a"]),
            ("e", &["e"]),
        ]))
        .unwrap_err();

        assert_eq!(
            cycles[0].to_string(),
            "projects need each other in a circle: `a` needs `b` needs `c` needs `a`"
        );
        assert_eq!(cycles[1].to_string(), "projects need each other in a circle: `e` needs `e`");
        assert_eq!(cycles.len(), 2);
    }

    #[test]
    fn a_change_reaches_everything_that_needs_it_and_nothing_else() {
        let graph = ProjectGraph::new(&needs(&[
            ("api", &["lib"]),
            ("base", &[]),
            ("lib", &["base"]),
            ("site", &["base"]),
        ]))
        .unwrap();

        let affected = graph.set_with_dependents(&graph.set([&name("lib")]));

        assert_eq!(affected, graph.set([&name("api"), &name("lib")]));
    }

    #[test]
    fn the_path_to_a_dependency_is_the_shortest() {
        let graph = ProjectGraph::new(&needs(&[
            ("api", &["lib", "tools"]),
            ("base", &[]),
            ("lib", &["mid"]),
            ("mid", &["base"]),
            ("tools", &["base"]),
        ]))
        .unwrap();

        let path = graph.path_to_need(&name("api"), &name("base")).unwrap();

        assert_eq!(path, [name("api"), name("tools"), name("base")]);
        assert_eq!(graph.path_to_need(&name("base"), &name("api")), None);
    }
}
