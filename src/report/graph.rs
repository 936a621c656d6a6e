//! The graph for people and for other programs, with affected projects marked.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::graph::ProjectGraph;
use crate::model::ProjectName;

/// One line a project, after everything that it needs.
pub fn text(graph: &ProjectGraph, affected: &BTreeSet<&ProjectName>) -> String {
    lines(graph, |name, needs| {
        let mark = if affected.contains(name) { "* " } else { "  " };
        let needs: Vec<&str> = needs.into_iter().map(ProjectName::as_str).collect();
        let needs = if needs.is_empty() { String::new() } else { format!(" needs {}", needs.join(", ")) };
        format!("{mark}{name}{needs}\n")
    })
}

/// For Graphviz: an arrow goes from a dependency to its dependent.
pub fn dot(graph: &ProjectGraph, affected: &BTreeSet<&ProjectName>) -> String {
    let body = lines(graph, |name, needs| {
        let style = if affected.contains(name) { " [style=filled, fillcolor=orange]" } else { "" };
        let arrows: String = needs.into_iter().map(|need| format!("  \"{need}\" -> \"{name}\"\n")).collect();
        format!("  \"{name}\"{style}\n{arrows}")
    });
    format!("digraph projects {{\n  rankdir=LR\n{body}}}\n")
}

/// For Markdown: an arrow goes from a dependency to its dependent.
pub fn mermaid(graph: &ProjectGraph, affected: &BTreeSet<&ProjectName>) -> String {
    let numbers: std::collections::BTreeMap<&ProjectName, usize> = graph.order().zip(0..).collect();
    let body = lines(graph, |name, needs| {
        let class = if affected.contains(name) { ":::affected" } else { "" };
        let number = numbers[name];
        let arrows: String =
            needs.into_iter().map(|need| format!("  p{} --> p{number}\n", numbers[need])).collect();
        format!("  p{number}[\"{name}\"]{class}\n{arrows}")
    });
    format!("flowchart LR\n{body}  classDef affected fill:#f96\n")
}

/// `chinampa.graph/1`
pub fn json(graph: &ProjectGraph, affected: &BTreeSet<&ProjectName>) -> Value {
    let projects: Vec<Value> = graph
        .order()
        .map(|name| json!({ "name": name, "needs": graph.needs(name), "affected": affected.contains(name) }))
        .collect();
    json!({ "schema": "chinampa.graph/1", "projects": projects })
}

fn lines(graph: &ProjectGraph, line: impl Fn(&ProjectName, BTreeSet<&ProjectName>) -> String) -> String {
    graph.order().fold(String::new(), |mut text, name| {
        write!(text, "{}", line(name, graph.needs(name))).expect("a string can be written to");
        text
    })
}
