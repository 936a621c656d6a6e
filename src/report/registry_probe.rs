//! What a registry can do: a line for each probe.

use std::fmt::Write as _;

use serde::Serialize;

use crate::model::{ImageRef, printable};
use crate::registry::{Capability, Finding, ProbeReport};

/// `chinampa.registry_probe/1`
#[derive(Debug, Serialize)]
pub struct ProbeJson<'p> {
    schema: &'static str,
    repository: &'p str,
    usable: bool,
    probes: Vec<LineJson<'p>>,
    left: Vec<String>,
}

#[derive(Debug, Serialize)]
struct LineJson<'p> {
    name: Capability,
    /// Null where it could not be tried.
    answer: Option<bool>,
    why: Option<&'p str>,
}

impl<'p> ProbeJson<'p> {
    pub fn new(repository: &'p str, report: &'p ProbeReport) -> Self {
        let line = |(name, finding): &'p (Capability, Finding)| {
            let (answer, why) = parts(finding);
            LineJson { name: *name, answer, why }
        };
        Self {
            schema: "chinampa.registry_probe/1",
            repository,
            usable: is_usable(report),
            probes: report.findings.iter().map(line).collect(),
            left: report.left.iter().map(ImageRef::to_string).collect(),
        }
    }
}

/// Whether images can be kept there.
pub fn is_usable(report: &ProbeReport) -> bool {
    report.findings.iter().all(|(capability, finding)| !capability.is_required() || finding.is_yes())
}

/// A line for each probe, and what stays in the registry.
pub fn text(repository: &str, report: &ProbeReport) -> String {
    let columns = report.findings.iter().map(|(name, _)| name.label().len()).max().unwrap_or_default();
    let mut text = format!("{}\n", printable(repository));
    let mut line = |line: std::fmt::Arguments<'_>| {
        writeln!(text, "{line}").expect("a string can be written to");
    };
    for (name, finding) in &report.findings {
        let name = name.label();
        let (answer, why) = parts(finding);
        let answer = match answer {
            Some(true) => "yes",
            Some(false) => "no",
            None => "could not tell",
        };
        match why {
            Some(why) => line(format_args!("{name:<columns$}  {answer}: {}", printable(why))),
            None => line(format_args!("{name:<columns$}  {answer}")),
        }
    }
    for image in &report.left {
        line(format_args!("left there: {image}"));
    }
    line(format_args!("Layers stay until the registry removes what no image has."));
    text
}

fn parts(finding: &Finding) -> (Option<bool>, Option<&str>) {
    match finding {
        Finding::Yes => (Some(true), None),
        Finding::No { why } => (Some(false), Some(why)),
        Finding::Unknown { why } => (None, Some(why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_probe_has_a_line_and_only_what_images_need_decides() {
        let no = Finding::No { why: "status 405".to_owned() };
        let unknown = Finding::Unknown { why: "status 403, DENIED".to_owned() };
        let findings = vec![
            (Capability::Read, Finding::Yes),
            (Capability::Mount, unknown),
            (Capability::Delete, no.clone()),
        ];
        let left = vec!["r.example/p:probe-1-image".parse().unwrap()];
        let report = ProbeReport { findings, left };

        let expected = "\
r.example/p
read              yes
mount             could not tell: status 403, DENIED
delete by digest  no: status 405
left there: r.example/p:probe-1-image
Layers stay until the registry removes what no image has.
";
        assert_eq!(text("r.example/p", &report), expected);
        assert!(is_usable(&report));
        let without_images = ProbeReport { findings: vec![(Capability::Image, no)], left: Vec::new() };
        assert!(!is_usable(&without_images));
    }
}
