//! Draws the dependency graph as SVG, for pages and for files.

mod layout;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::escape::Text;

/// The colours of outcomes, for light and dark, as CSS.
pub(super) const COLORS: &str = include_str!("colors.css");
/// How the parts of a drawing look, as CSS.
pub(super) const STYLE: &str = include_str!("graph.css");

const NODE_HEIGHT: usize = 26;
const ROW_HEIGHT: usize = 36;
const COLUMN_GAP: usize = 56;
const MARGIN: usize = 12;
/// Longer names are cut.
const MAX_NAME: usize = 26;
/// Of the usual font at its size in the drawing.
const LETTER_WIDTH: usize = 8;

/// A project, and what is shown of it.
#[derive(Clone, Debug)]
pub struct Node<'n> {
    pub name: &'n str,
    /// Those that are not drawn before it are passed over.
    pub needs: Vec<&'n str>,
    /// What stands for its state: a class of the style, and a word.
    pub state: &'static str,
    /// A letter for the state, so that no colour is needed.
    pub mark: &'static str,
    pub is_emphasized: bool,
}

/// Whether a drawing is part of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Each node leads to the element `p-<position>` of the page.
    Inline,
    /// A file of its own, with its style.
    File,
}

/// Draws nodes, each after all that it needs.
pub fn svg(nodes: &[Node<'_>], kind: Kind) -> String {
    let positions: BTreeMap<&str, usize> = nodes.iter().zip(0..).map(|(node, at)| (node.name, at)).collect();
    // The document of a run could name what comes later.
    let before = |at: usize, need: &&str| positions.get(need).copied().filter(|&need| need < at);
    let of_node =
        |(at, node): (usize, &Node<'_>)| node.needs.iter().filter_map(|need| before(at, need)).collect();
    let needs: Vec<Vec<usize>> = nodes.iter().enumerate().map(of_node).collect();
    let placed = place(nodes, &layout::columns(&needs));
    let mut svg = String::new();
    let (width, height) = (placed.width, placed.height);
    let label = format!("Dependency graph of {} projects, dependencies on the left", nodes.len());
    match kind {
        Kind::Inline => write!(
            svg,
            "<svg class=\"graph\" role=\"group\" aria-label=\"{label}\" width=\"{width}\" height=\"{height}\">"
        ),
        Kind::File => write!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"graph\" role=\"img\" aria-label=\"{label}\" \
             width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n<style>{COLORS}{STYLE}</style>\n\
             <rect class=\"canvas\" width=\"100%\" height=\"100%\"/>"
        ),
    }
    .expect("a string takes any text");
    svg.push_str("<g class=\"edges\">");
    for (node, needs) in needs.iter().enumerate() {
        for &need in needs {
            edge(&mut svg, (need, node), placed.boxes[need], placed.boxes[node]);
        }
    }
    svg.push_str("</g>\n");
    for (at, drawn) in nodes.iter().enumerate() {
        node(&mut svg, at, drawn, placed.boxes[at], kind);
    }
    svg.push_str("</svg>\n");
    svg
}

#[derive(Clone, Copy, Debug, Default)]
struct NodeBox {
    x: usize,
    y: usize,
    width: usize,
}

#[derive(Debug)]
struct Placed {
    boxes: Vec<NodeBox>,
    width: usize,
    height: usize,
}

/// Columns stand beside each other, each in the middle of the height.
fn place(nodes: &[Node<'_>], columns: &layout::Columns) -> Placed {
    let rows = columns.iter().map(Vec::len).max().unwrap_or_default();
    let height = 2 * MARGIN + rows * ROW_HEIGHT;
    let mut boxes = vec![NodeBox::default(); nodes.len()];
    let mut x = MARGIN;
    for column in columns {
        let letters = column.iter().map(|&node| nodes[node].name.chars().count().min(MAX_NAME)).max();
        let width = letters.unwrap_or_default() * LETTER_WIDTH + 40;
        let top = MARGIN + (rows - column.len()) * ROW_HEIGHT / 2;
        for (row, &node) in column.iter().enumerate() {
            boxes[node] = NodeBox { x, y: top + row * ROW_HEIGHT, width };
        }
        x += width + COLUMN_GAP;
    }
    Placed { boxes, width: (x + MARGIN).saturating_sub(COLUMN_GAP).max(2 * MARGIN), height }
}

/// A curve from the right of a dependency to the left of its dependent.
fn edge(svg: &mut String, (need, node): (usize, usize), from: NodeBox, to: NodeBox) {
    let (x1, y1) = (from.x + from.width, from.y + NODE_HEIGHT / 2);
    let (x2, y2) = (to.x, to.y + NODE_HEIGHT / 2);
    let bend = (x2.saturating_sub(x1) / 2).min(COLUMN_GAP);
    write!(
        svg,
        "<path data-e=\"{need} {node}\" d=\"M{x1} {y1}C{} {y1} {} {y2} {x2} {y2}\"/>",
        x1 + bend,
        x2 - bend.min(x2)
    )
    .expect("a string takes any text");
}

fn node(svg: &mut String, at: usize, node: &Node<'_>, place: NodeBox, kind: Kind) {
    let NodeBox { x, y, width } = place;
    let Node { name, state, mark, .. } = node;
    let emphasized = if node.is_emphasized { " critical" } else { "" };
    let shown = match name.char_indices().nth(MAX_NAME) {
        Some((cut, _)) => format!("{}…", &name[..cut]),
        None => (*name).to_owned(),
    };
    let needs = match node.needs.as_slice() {
        [] => String::new(),
        needs => format!(", needs {}", needs.join(", ")),
    };
    let (open, close) = match kind {
        Kind::Inline => {
            let tab = if at == 0 { 0 } else { -1 };
            (format!("a href=\"#p-{at}\" tabindex=\"{tab}\""), "a")
        }
        Kind::File => ("g".to_owned(), "g"),
    };
    writeln!(
        svg,
        "<{open} class=\"node {state}{emphasized}\" data-p=\"{at}\">\
         <title>{}: {state}{}</title>\
         <rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{NODE_HEIGHT}\" rx=\"6\"/>\
         <text x=\"{}\" y=\"{text_y}\">{mark}</text><text x=\"{}\" y=\"{text_y}\">{}</text></{close}>",
        Text(name),
        Text(&needs),
        x + 9,
        x + 27,
        Text(&shown),
        text_y = y + 17,
    )
    .expect("a string takes any text");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_has_every_node_and_edge_and_no_markup_from_a_name() {
        let node = |name, needs: &[&'static str]| Node {
            name,
            needs: needs.to_vec(),
            state: "affected",
            mark: "*",
            is_emphasized: false,
        };
        let nodes = [node("<lib>", &[]), node("api", &["<lib>", "elsewhere"])];

        let file = svg(&nodes, Kind::File);
        let inline = svg(&nodes, Kind::Inline);

        assert_eq!((file.matches("<path ").count(), file.matches("data-p=").count()), (1, 2), "{file}");
        assert!(!file.contains("<lib>") && file.contains("&lt;lib&gt;"), "{file}");
        assert!(file.contains("<style>") && file.contains("xmlns"), "{file}");
        assert!(inline.contains("href=\"#p-1\"") && !inline.contains("<style>"), "{inline}");
        assert!(svg(&[], Kind::File).contains("</svg>"));
    }
}
