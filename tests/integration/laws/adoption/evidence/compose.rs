//! Compose files: one for all, with what it includes, extends and overrides, and others beside it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Images;
use crate::laws::adoption::dockerfiles;
use crate::laws::adoption::draft::{Evidence, Layout};
use crate::laws::adoption::image::{ASSETS, Image, SECRET};
use crate::laws::adoption::paths::{join, relative};

/// How a service is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Long,
    /// `build: ./services/x`, if that is all there is to say.
    Short,
    Profile,
    /// What several have in common stands at an anchor.
    Anchor,
    Extends,
    /// `compose.override.yaml` has a part of it.
    Override,
    /// `compose.yaml` includes the file of its folder.
    Include,
    /// Values are in `.env`, or are defaults.
    Variables,
    /// `docker-compose.x.yml`
    OtherFile,
    /// A file in its folder that nobody includes.
    FolderFile,
}

const STYLES: [Style; 10] = [
    Style::Long,
    Style::Short,
    Style::Profile,
    Style::Anchor,
    Style::Extends,
    Style::Override,
    Style::Include,
    Style::Variables,
    Style::OtherFile,
    Style::FolderFile,
];

fn style(image: &Image) -> Style {
    STYLES[image.style % STYLES.len()]
}

/// Whether other services of the repository's Compose file can name this one.
pub(in crate::laws::adoption) fn is_of_project(image: &Image) -> bool {
    !matches!(style(image), Style::OtherFile | Style::FolderFile)
}

/// What a file has to say of the secret.
fn secrets() -> String {
    let (id, variable) = SECRET;
    format!("secrets:\n  {id}:\n    environment: {variable}\n")
}

/// A key of `build` and its value, in one line or as a block.
type Entry = (&'static str, String);

#[derive(Default)]
struct Texts {
    anchors: String,
    includes: String,
    services: String,
    overrides: String,
    common: String,
    /// Other forms of services, in a file of their own.
    variants: String,
    environment: String,
    others: BTreeMap<String, String>,
}

pub(super) fn files(images: Images<'_>) -> BTreeMap<String, String> {
    let mut texts = Texts::default();
    for image in images.of(Evidence::Compose) {
        texts.add(image, images);
    }
    let Texts { anchors, mut includes, services, overrides, common, variants, environment, others } = texts;
    if !includes.is_empty() {
        includes.insert_str(0, "include:\n");
    }
    let services = if services.is_empty() { services } else { format!("services:\n{services}{}", secrets()) };
    let of = |path: &str, head: &str, text: String| {
        (!text.is_empty()).then(|| (path.to_owned(), format!("{head}{text}")))
    };
    let main = [
        of("compose.yaml", "", format!("{anchors}{includes}{services}")),
        of("compose.override.yaml", "services:\n", overrides),
        of("docker-compose.prod.yml", "services:\n", variants),
        of("docker-compose.common.yml", "services:\n", common),
        of(".env", "# For Compose\n", environment),
    ];
    others.into_iter().chain(main.into_iter().flatten()).collect()
}

impl Texts {
    fn add(&mut self, image: &Image, images: Images<'_>) {
        let name = &image.name;
        let entries = entries(image, "", images);
        let tag = images.tag(image);
        let head = format!("  {name}:\n    image: {tag}:dev\n");
        let service = |entries: &[Entry]| head.clone() + &build(entries);
        match style(image) {
            Style::Long if image.style >= STYLES.len() => {
                // In production another stage is built, under the same name.
                if image.target.is_none() {
                    writeln!(self.variants, "  {name}:\n    build:\n      target: runtime").unwrap();
                }
                let tags = format!("[\"{tag}:dev\"]");
                let entries = [entries, vec![("tags", tags)]].concat();
                self.services += &format!("  {name}:\n{}", build(&entries));
            }
            Style::Long => self.services += &service(&entries),
            Style::Short => match entries.as_slice() {
                [("context", context), ("dockerfile", file)] if file == "Dockerfile" => {
                    writeln!(self.services, "{head}    build: ./{context}").unwrap();
                }
                _ => self.services += &service(&entries),
            },
            Style::Profile => {
                self.services += &service(&entries);
                self.services.push_str("    profiles: [tools]\n");
            }
            Style::Anchor => {
                let (common, own) = entries.split_at(1);
                let at = format!("&of-{name}");
                writeln!(self.anchors, "x-{name}: {at}\n  {}: {}", common[0].0, common[0].1).unwrap();
                self.services += &format!("{head}    build:\n      <<: *of-{name}\n{}", lines(own));
            }
            Style::Extends => {
                let (common, own) = entries.split_at(2);
                self.common += &format!("  {name}-common:\n{}", build(common));
                let from = "{file: docker-compose.common.yml, service: ";
                self.services += &format!("{head}    extends: {from}{name}-common}}\n{}", build(own));
            }
            Style::Override => {
                let (common, own) = entries.split_at(2);
                self.services += &service(common);
                if !own.is_empty() {
                    self.overrides += &format!("  {name}:\n{}", build(own));
                }
            }
            Style::Include => {
                let path = join(&image.folder, "compose.yaml");
                writeln!(self.includes, "  - {path}").unwrap();
                self.others.insert(path, in_folder(image, &head, images));
            }
            Style::Variables => self.add_with_variables(image, &entries, images),
            Style::OtherFile => {
                let path = format!("docker-compose.{name}.yml");
                self.others.insert(path, format!("services:\n{}{}", service(&entries), secrets()));
            }
            Style::FolderFile => {
                let path = join(&image.folder, "docker-compose.yml");
                self.others.insert(path, in_folder(image, &head, images));
            }
        }
    }

    fn add_with_variables(&mut self, image: &Image, entries: &[Entry], images: Images<'_>) {
        if self.environment.is_empty() {
            writeln!(self.environment, "REGISTRY={}", images.naming.registry).unwrap();
        }
        let variable = |(key, value): &Entry| match *key {
            "context" => (*key, format!("${{ROOT:-.}}/{value}")),
            "target" => (*key, format!("${{TARGET:-{value}}}")),
            key => (key, value.clone()),
        };
        let entries: Vec<Entry> = entries.iter().map(variable).collect();
        let name = &image.name;
        let image = format!("    image: ${{REGISTRY}}/{name}:${{TAG:-dev}}\n");
        self.services += &format!("  {name}:\n{image}{}", build(&entries));
    }
}

/// A file of the project's folder.
fn in_folder(image: &Image, head: &str, images: Images<'_>) -> String {
    format!("services:\n{head}{}{}", build(&entries(image, &image.folder, images)), secrets())
}

fn build(entries: &[Entry]) -> String {
    match entries {
        [] => String::new(),
        entries => format!("    build:\n{}", lines(entries)),
    }
}

fn lines(entries: &[Entry]) -> String {
    entries.iter().map(|(key, value)| format!("      {key}: {value}\n")).collect()
}

/// What there is to say of a build in a file of this folder. The context is the first, the Dockerfile the second.
fn entries(image: &Image, folder: &str, images: Images<'_>) -> Vec<Entry> {
    let mut entries = vec![("context", relative(folder, &image.context))];
    entries.push(match image.layout {
        Layout::Inline => {
            // A variable of the Dockerfile is none of Compose.
            let text = dockerfiles::text(image, images.all, images.naming).replace('$', "$$");
            let text: Vec<String> = text.lines().map(|line| format!("\n        {line}")).collect();
            ("dockerfile_inline", format!("|{}", text.concat()))
        }
        _ => ("dockerfile", relative(&image.context, &image.named)),
    });
    entries.extend(image.target.iter().map(|target| ("target", target.clone())));
    if !image.build_args.is_empty() {
        let is_list = image.style.is_multiple_of(2);
        let pair = |(name, value): (&String, &String)| match is_list {
            true => format!("\n        - {name}={value}"),
            false => format!("\n        {name}: {value}"),
        };
        entries.push(("args", image.build_args.iter().map(pair).collect()));
    }
    if !image.platforms.is_empty() {
        entries.push(("platforms", format!("[{}]", image.platforms.join(", "))));
    }
    let assets = image.has_assets.then(|| (ASSETS.0.to_owned(), relative(folder, ASSETS.1)));
    let linked = { image.named_contexts() }
        .map(|(context, parent)| (context, format!("service:{}", images.all[parent].name)));
    let contexts: String =
        linked.chain(assets).map(|(name, context)| format!("\n        {name}: {context}")).collect();
    if !contexts.is_empty() {
        entries.push(("additional_contexts", contexts));
    }
    if image.has_secret {
        entries.push(("secrets", format!("[{}]", SECRET.0)));
    }
    entries
}
