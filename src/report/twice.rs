//! What `build --twice` found: whether the images of each project are equal, and what differs.

use serde::Serialize;

use super::styled::{Role, StyledLine, StyledText};
use super::summary::{Detail, Layout};
use crate::execute::{Comparison, DifferentImage, DockerfileLine, TwiceReport};
use crate::model::{ManifestDigest, ProjectName};
use crate::registry::{Aspect, FileDifference, LayerChange, LayerDifference};

/// How many files of a layer fit a summary.
const SHOWN_FILES: usize = 5;

/// How many fields of a configuration fit a summary.
const SHOWN_FIELDS: usize = 5;

/// The field `twice` of `chinampa.build/2`.
#[derive(Debug, Serialize)]
pub(super) struct ComparisonJson<'t> {
    project: &'t ProjectName,
    /// Null where they could not be compared.
    equal: Option<bool>,
    first: Option<ManifestDigest>,
    second: Option<ManifestDigest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'t [String]>,
    differences: Vec<DifferenceJson<'t>>,
}

#[derive(Debug, Serialize)]
struct DifferenceJson<'t> {
    platform: Option<&'t str>,
    fields: &'t [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    first_layers: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    second_layers: Option<usize>,
    layers: Vec<LayerJson<'t>>,
}

#[derive(Debug, Serialize)]
struct LayerJson<'t> {
    number: usize,
    created_by: Option<&'t str>,
    line: Option<String>,
    change: &'static str,
    files: Vec<FileJson<'t>>,
    more_files: usize,
}

#[derive(Debug, Serialize)]
struct FileJson<'t> {
    path: &'t str,
    differs: Vec<Aspect>,
}

impl<'t> ComparisonJson<'t> {
    pub(super) fn all(report: &'t TwiceReport) -> Vec<Self> {
        report.projects.iter().map(|(project, comparison)| Self::new(project, comparison)).collect()
    }

    fn new(project: &'t ProjectName, comparison: &'t Comparison) -> Self {
        let json =
            Self { project, equal: None, first: None, second: None, error: None, differences: Vec::new() };
        match comparison {
            Comparison::Equal { digest } => {
                Self { equal: Some(true), first: Some(*digest), second: Some(*digest), ..json }
            }
            Comparison::Different { first, second, images } => Self {
                equal: Some(false),
                first: Some(*first),
                second: Some(*second),
                differences: images.iter().map(DifferenceJson::new).collect(),
                ..json
            },
            Comparison::Failed(failure) => Self { error: Some(&failure.causes), ..json },
            Comparison::Cancelled => json,
        }
    }
}

impl<'t> DifferenceJson<'t> {
    fn new(image: &'t DifferentImage) -> Self {
        let difference = &image.difference;
        Self {
            platform: difference.platform.as_deref(),
            fields: &difference.fields,
            first_layers: difference.layer_counts.map(|(first, _)| first),
            second_layers: difference.layer_counts.map(|(_, second)| second),
            layers: image.layers().map(|(layer, line)| LayerJson::new(layer, line)).collect(),
        }
    }
}

impl<'t> LayerJson<'t> {
    fn new(layer: &'t LayerDifference, line: Option<&DockerfileLine>) -> Self {
        let (files, more_files) = match &layer.change {
            LayerChange::Files { files, more } => (&files[..], *more),
            LayerChange::Order | LayerChange::Compression | LayerChange::Unread { .. } => (&[][..], 0),
        };
        let file = |file: &'t FileDifference| FileJson {
            path: &file.path,
            differs: file.aspects.iter().copied().collect(),
        };
        Self {
            number: layer.number,
            created_by: layer.created_by.as_deref(),
            line: line.map(ToString::to_string),
            change: match &layer.change {
                LayerChange::Files { .. } => "files",
                LayerChange::Order => "order",
                LayerChange::Compression => "compression",
                LayerChange::Unread { .. } => "unread",
            },
            files: files.iter().map(file).collect(),
            more_files,
        }
    }
}

/// A row for each project, and below it what differs.
pub fn rows(text: &mut StyledText, report: &TwiceReport, layout: Layout) {
    for (project, comparison) in &report.projects {
        match comparison {
            Comparison::Equal { digest } => {
                let row = Layout::row(Role::Success, "equal").text(Role::Strong, project.as_str());
                text.push(layout.cut(row.text(Role::Dim, &format!(" {digest}"))));
            }
            Comparison::Different { images, .. } => {
                let row = Layout::row(Role::Failure, "differs").text(Role::Strong, project.as_str());
                text.push(row);
                text.extend(images.iter().flat_map(|image| image_lines(image, layout)));
            }
            Comparison::Failed(failure) => {
                let row = Layout::row(Role::Failure, "failed").text(Role::Strong, project.as_str());
                text.push(row.plain(&format!(" the second time: {}", failure.in_short())));
            }
            Comparison::Cancelled => {
                let row = Layout::row(Role::Warning, "cancelled").text(Role::Strong, project.as_str());
                text.push(row.plain(" the second time"));
            }
        }
    }
    if report.is_interrupted {
        text.push(StyledLine::new().text(Role::Warning, "interrupted: not all images were built twice"));
    }
}

/// All that differs, as lines of text.
pub(super) fn differences(images: &[DifferentImage]) -> Vec<String> {
    let layout = Layout { detail: Detail::Full, columns: None };
    let lines = images.iter().flat_map(|image| image_lines(image, layout));
    lines.map(|line| line.unstyled().trim_start().to_owned()).collect()
}

fn image_lines(image: &DifferentImage, layout: Layout) -> Vec<StyledLine> {
    let difference = &image.difference;
    let platform = difference.platform.as_ref().map(|platform| format!("{platform}: ")).unwrap_or_default();
    let mut lines = Vec::new();
    if !difference.fields.is_empty() {
        let fields = listed(&difference.fields, layout, SHOWN_FIELDS, 0);
        lines.push(line(layout, &format!("{platform}configuration: {fields}")));
    }
    if let Some((first, second)) = difference.layer_counts {
        lines.push(line(layout, &format!("{platform}{first} layers, then {second}")));
    }
    for (layer, at) in image.layers() {
        let at = at.map(|at| format!(", {at}")).unwrap_or_default();
        let by = layer.created_by.as_ref().map(|by| format!(", `{by}`")).unwrap_or_default();
        lines.push(line(layout, &format!("{platform}layer {}{at}{by}", layer.number)));
        lines.push(line(layout, &format!("  {}", what_differs(&layer.change, layout))));
    }
    lines
}

fn what_differs(change: &LayerChange, layout: Layout) -> String {
    match change {
        LayerChange::Files { files, more } => {
            let files: Vec<String> = files.iter().map(file).collect();
            listed(&files, layout, SHOWN_FILES, *more)
        }
        LayerChange::Order => "the same files in another order".to_owned(),
        LayerChange::Compression => "the same archive, compressed in another way".to_owned(),
        LayerChange::Unread { media_type } => {
            format!("cannot be compared: layers of type {media_type} are not read")
        }
    }
}

fn file(FileDifference { path, aspects }: &FileDifference) -> String {
    let aspects: Vec<&str> = aspects.iter().map(|aspect| aspect.label()).collect();
    format!("{path} ({})", aspects.join(", "))
}

/// Entries, as many as fit, and how many more there are besides those that are known.
fn listed(entries: &[String], layout: Layout, max: usize, unknown: usize) -> String {
    let shown = match layout.detail {
        Detail::Brief => entries.len().min(max),
        Detail::Full => entries.len(),
    };
    let more = match entries.len() - shown + unknown {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    entries[..shown].join(", ") + &more
}

fn line(layout: Layout, text: &str) -> StyledLine {
    layout.cut(Layout::continued().plain(text))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::registry::ImageDifference;

    #[test]
    fn each_difference_is_said_with_its_line() {
        let layer = |number, change| LayerDifference {
            number,
            created_by: Some("RUN /bin/sh -c date >/d".to_owned()),
            change,
        };
        let file = |path: &str| FileDifference {
            path: path.to_owned(),
            aspects: BTreeSet::from([Aspect::Content, Aspect::Time]),
        };
        let files = LayerChange::Files {
            files: "abcdefg".chars().map(|it| file(&it.to_string())).collect(),
            more: 3,
        };
        let difference = ImageDifference {
            platform: Some("linux/amd64".to_owned()),
            fields: vec!["created".to_owned(), "history[0].created".to_owned()],
            layer_counts: None,
            layers: vec![layer(2, files), layer(3, LayerChange::Order)],
        };
        let at = DockerfileLine { file: crate::model::RepoPath::new("api/Dockerfile").unwrap(), line: 4 };
        let images = vec![DifferentImage { difference, lines: vec![Some(at), None] }];
        let (first, second) = (ManifestDigest::of(b"1"), ManifestDigest::of(b"2"));
        let projects = [
            ("api".parse().unwrap(), Comparison::Different { first, second, images }),
            ("lib".parse().unwrap(), Comparison::Equal { digest: first }),
        ];
        let report = TwiceReport { projects: projects.into(), is_interrupted: false };

        let mut text = StyledText::default();
        rows(&mut text, &report, Layout::default());

        let expected = "\
differs   api
          linux/amd64: configuration: created, history[0].created
          linux/amd64: layer 2, api/Dockerfile:4, `RUN /bin/sh -c date >/d`
            a (content, time), b (content, time), c (content, time), d (content, time), e (content, time) and 5 more
          linux/amd64: layer 3, `RUN /bin/sh -c date >/d`
            the same files in another order
equal     lib sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b
";
        assert_eq!(text.unstyled(), expected);
    }
}
