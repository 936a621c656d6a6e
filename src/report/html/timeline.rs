//! When each project was built, and in which slot: bars whose places are percentages, so that they fit any width.

use std::fmt::Write as _;

use super::seconds;
use crate::report::critical_path::CriticalPath;
use crate::report::escape::Text;
use crate::runs::Run;

/// How many ticks the axis has at most.
const MAX_TICKS: f64 = 8.0;
/// Of one slot.
const ROW_HEIGHT: usize = 32;
const BAR_HEIGHT: usize = 24;
const AXIS_HEIGHT: usize = 22;
/// Width of a bar on average, below which the drawing is wider than the page.
const MIN_BAR_WIDTH: usize = 22;

/// The section of the page; nothing where nothing was built.
pub(super) fn section(page: &mut String, run: &Run, critical: &CriticalPath) {
    let slots = run.projects.iter().filter_map(|project| project.slot).max().map_or(0, |last| last + 1);
    if slots == 0 {
        return;
    }
    let ends = run.projects.iter().filter_map(|project| Some(project.start? + project.seconds));
    let whole = ends.fold(0.001, f64::max);
    page.push_str(
        "<section id=\"timeline\" aria-labelledby=\"timeline-h\"><h2 id=\"timeline-h\">Timeline</h2>\n",
    );
    path(page, run, critical, whole);
    let in_slot = |slot| run.projects.iter().filter(|project| project.slot == Some(slot)).count();
    let busiest = (0..slots).map(in_slot).max().unwrap_or_default();
    let width = match busiest * MIN_BAR_WIDTH {
        narrow if narrow <= 900 => "100%".to_owned(),
        wide => wide.to_string(),
    };
    let height = AXIS_HEIGHT + slots * ROW_HEIGHT;
    page.push_str("<div class=\"slots\"><div class=\"slot-names\" aria-hidden=\"true\">");
    for slot in 1..=slots {
        write!(page, "<span>{slot}</span>").expect("a string takes any text");
    }
    write!(
        page,
        "</div><div class=\"scroll\" role=\"region\" aria-label=\"Timeline of {slots} slots\" tabindex=\"0\">\
         <svg class=\"timeline\" role=\"group\" aria-label=\"When each project was built\" width=\"{width}\" height=\"{height}\">"
    )
    .expect("a string takes any text");
    axis(page, whole, height);
    let mut is_first = true;
    for (at, project) in run.projects.iter().enumerate() {
        let (Some(start), Some(slot)) = (project.start, project.slot) else { continue };
        let emphasized = if critical.contains(at) { " critical" } else { "" };
        let (outcome, tab) = (project.outcome.label(), if is_first { 0 } else { -1 });
        is_first = false;
        let name = Text(&project.name);
        let on_path = if emphasized.is_empty() { "" } else { ", on the critical path" };
        writeln!(
            page,
            "<a href=\"#p-{at}\" class=\"bar {outcome}{emphasized}\" data-p=\"{at}\" tabindex=\"{tab}\">\
             <title>{name}: {outcome}, {} from {}, slot {}{on_path}</title>\
             <svg x=\"{:.2}%\" y=\"{}\" width=\"{:.2}%\" height=\"{BAR_HEIGHT}\">\
             <rect x=\"1\" y=\"1\" width=\"99%\" height=\"{}\" rx=\"4\"/><text x=\"7\" y=\"16\">{name}</text></svg></a>",
            seconds(project.seconds),
            seconds(start),
            slot + 1,
            100.0 * start / whole,
            AXIS_HEIGHT + slot * ROW_HEIGHT + (ROW_HEIGHT - BAR_HEIGHT) / 2,
            (100.0 * project.seconds / whole).max(0.15),
            BAR_HEIGHT - 2,
        )
        .expect("a string takes any text");
    }
    page.push_str("</svg></div></div></section>\n");
}

/// The critical path in words.
fn path(page: &mut String, run: &Run, critical: &CriticalPath, whole: f64) {
    let names = critical
        .projects
        .iter()
        .map(|&at| format!("<a href=\"#p-{at}\">{}</a>", Text(&run.projects[at].name)));
    let names: Vec<String> = names.collect();
    writeln!(
        page,
        "<p>Critical path: {}, {} of {}. With more slots, the builds take at least this long.</p>",
        names.join(" → "),
        seconds(critical.seconds),
        seconds(whole),
    )
    .expect("a string takes any text");
}

fn axis(page: &mut String, whole: f64, height: usize) {
    let step = tick(whole);
    let mut at = 0.0;
    while at < whole {
        let place = 100.0 * at / whole;
        // The label of a tick at the very end would be cut.
        let label = if place < 96.0 { label(at, step) } else { String::new() };
        write!(
            page,
            "<line x1=\"{place:.3}%\" x2=\"{place:.3}%\" y1=\"0\" y2=\"{height}\"/>\
             <svg x=\"{place:.3}%\" y=\"0\" width=\"90\" height=\"{AXIS_HEIGHT}\"><text x=\"4\" y=\"14\">{label}</text></svg>"
        )
        .expect("a string takes any text");
        at += step;
    }
    page.push('\n');
}

/// Seconds between two ticks: a round number.
fn tick(whole: f64) -> f64 {
    let steps = [
        0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_200.0, 1_800.0, 3_600.0,
    ];
    steps.into_iter().find(|step| whole / step <= MAX_TICKS).unwrap_or(whole / MAX_TICKS)
}

fn label(at: f64, step: f64) -> String {
    if step < 1.0 {
        format!("{at:.1} s")
    } else if at < 60.0 {
        format!("{at:.0} s")
    } else {
        let minutes = (at / 60.0).floor();
        format!("{minutes:.0}:{:02.0}", at - 60.0 * minutes)
    }
}
