use std::collections::BTreeSet;

use clap::{Args, ValueEnum};

use super::CommandContext;
use super::observations;
use super::repository_context::{RepositoryContext, Uncommitted};
use crate::error::Error;
use crate::exit::Exit;
use crate::model::ProjectName;
use crate::report::drawing::{self, Kind};
use crate::report::{graph, html};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[arg(long, value_enum, default_value_t = Format::Text, conflicts_with = "json")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One line per project, dependencies first.
    Text,
    /// Graphviz.
    Dot,
    /// A Mermaid diagram for Markdown pages.
    Mermaid,
    Json,
    /// A page with the drawing, a search and a table.
    Html,
    /// The drawing alone.
    Svg,
}

pub(super) fn run(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
    let CommandContext { options, environment, output } = command;
    let repo = RepositoryContext::new(options, environment, Uncommitted::Included)?;
    let offline = observations::offline(&repo, command)?;
    let affected = offline.impact.projects.iter().filter(|project| project.is_affected);
    let affected: BTreeSet<&ProjectName> = affected.map(|project| &project.project).collect();

    let graph = &offline.workspace.graph;
    let name = offline.workspace.settings.name.as_str();
    match if options.json { Format::Json } else { arguments.format } {
        Format::Json => output.json(&graph::json(graph, &affected)),
        Format::Text => output.stdout(&graph::text(graph, &affected)),
        Format::Dot => output.stdout(&graph::dot(graph, &affected)),
        Format::Html => output.stdout(&html::graph_page(name, graph, &affected)),
        Format::Svg => output.stdout(&drawing::svg(&html::graph_nodes(graph, &affected), Kind::File)),
        Format::Mermaid => output.stdout(&graph::mermaid(graph, &affected)),
    }
    Ok(Exit::Done)
}
