//! Bake files: `docker-bake.hcl` and `docker-bake.json`, which bake reads together, and another one.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::json;

use super::{ITEM, Images, Shape, by_shape};
use crate::laws::adoption::dockerfiles;
use crate::laws::adoption::draft::{Evidence, Layout};
use crate::laws::adoption::image::{ASSETS, Image, SECRET};

/// How a target is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    /// A target that is no image says a part of it.
    Inherits,
    /// One block for all images of a shape.
    Matrix,
    Json,
    Variable,
    Function,
    /// It is in the default group.
    Group,
    /// In `ci.bake.hcl`.
    OtherFile,
}

const STYLES: [Style; 8] = [
    Style::Plain,
    Style::Inherits,
    Style::Matrix,
    Style::Json,
    Style::Variable,
    Style::Function,
    Style::Group,
    Style::OtherFile,
];

fn style(image: &Image) -> Style {
    let is_inline = image.layout == Layout::Inline;
    let has_contexts = image.has_assets || image.named_contexts().next().is_some();
    match STYLES[image.style % STYLES.len()] {
        Style::Matrix if is_inline || has_contexts => Style::Plain,
        style => style,
    }
}

/// Whether bake reads the target by itself.
pub(in crate::laws::adoption) fn is_default(image: &Image) -> bool {
    style(image) != Style::OtherFile
}

const HEAD: &str = "variable \"TAG\" {\n  default = \"dev\"\n}\n";

pub(super) fn files(images: Images<'_>) -> BTreeMap<String, String> {
    let targets = images.of(Evidence::Bake);
    let (mut default, mut other, mut json) = (String::new(), String::new(), serde_json::Map::new());
    let mut grouped = Vec::new();
    for image in targets.iter().filter(|image| style(image) != Style::Matrix) {
        match style(image) {
            Style::OtherFile => other += &block(image, images),
            Style::Json => drop(json.insert(image.name.clone(), object(image, images))),
            Style::Group => {
                grouped.push(format!("\"{}\"", image.name));
                default += &block(image, images);
            }
            _ => default += &block(image, images),
        }
    }
    let of_matrix: Vec<&Image> =
        { targets.iter() }.filter(|image| style(image) == Style::Matrix).copied().collect();
    for (number, (shape, images_of_shape)) in by_shape(&of_matrix).iter().enumerate() {
        default += &matrix(number, shape, images_of_shape, images);
    }
    if !grouped.is_empty() {
        default += &format!("group \"default\" {{\n  targets = [{}]\n}}\n", grouped.join(", "));
    }
    if default.contains("REGISTRY") || default.contains("tag(") {
        let registry = &images.naming.registry;
        default += &format!("variable \"REGISTRY\" {{\n  default = \"{registry}\"\n}}\n");
        default += "function \"tag\" {\n  params = [name]\n  result = [\"${REGISTRY}/${name}:${TAG}\"]\n}\n";
    }
    let of = |path: &str, head: &str, text: String| {
        (!text.is_empty()).then(|| (path.to_owned(), format!("{head}{text}")))
    };
    let json = if json.is_empty() { String::new() } else { json!({ "target": json }).to_string() };
    let all = [
        of("docker-bake.hcl", HEAD, default),
        of("ci.bake.hcl", &HEAD.replace("TAG", "CI_TAG"), other),
        of("docker-bake.json", "", json),
    ];
    all.into_iter().flatten().collect()
}

/// What there is to say of a target, by its attributes.
fn attributes(image: &Image, images: Images<'_>) -> Vec<(&'static str, String)> {
    let text = |text: &str| format!("\"{text}\"");
    let shape = Shape::of(image);
    let dockerfile = shape.below_context().replace(ITEM, &image.name);
    let mut attributes = vec![("context", text(&image.context))];
    attributes.push(match image.layout {
        Layout::Inline => {
            let inline = dockerfiles::text(image, images.all, images.naming).replace("${", "$${");
            ("dockerfile-inline", format!("<<EOT\n{inline}EOT"))
        }
        _ => ("dockerfile", text(&dockerfile)),
    });
    attributes.extend(image.target.iter().map(|target| ("target", text(target))));
    if !image.build_args.is_empty() {
        let lines: String =
            image.build_args.iter().map(|(name, value)| format!("    {name} = \"{value}\"\n")).collect();
        attributes.push(("args", format!("{{\n{lines}  }}")));
    }
    if !image.platforms.is_empty() {
        attributes.push(("platforms", format!("[\"{}\"]", image.platforms.join("\", \""))));
    }
    let contexts: String =
        contexts(image, images).map(|(name, context)| format!("    {name} = \"{context}\"\n")).collect();
    if !contexts.is_empty() {
        attributes.push(("contexts", format!("{{\n{contexts}  }}")));
    }
    if image.has_secret {
        attributes.push(("secret", format!("[\"{}\"]", secret())));
    }
    attributes
}

/// What names of the Dockerfile stand for.
fn contexts(image: &Image, images: Images<'_>) -> impl Iterator<Item = (String, String)> {
    let assets = image.has_assets.then(|| (ASSETS.0.to_owned(), ASSETS.1.to_owned()));
    let linked = image.named_contexts();
    linked.map(move |(name, parent)| (name, format!("target:{}", images.all[parent].name))).chain(assets)
}

fn secret() -> String {
    let (id, variable) = SECRET;
    format!("type=env,id={id},env={variable}")
}

fn block(image: &Image, images: Images<'_>) -> String {
    let name = &image.name;
    let attributes = attributes(image, images);
    let tags = match style(image) {
        Style::Variable => format!("[\"${{REGISTRY}}/{name}:${{TAG}}\"]"),
        Style::Function => format!("tag(\"{name}\")"),
        Style::OtherFile => format!("[\"{}:${{CI_TAG}}\"]", images.tag(image)),
        _ => format!("[\"{}:${{TAG}}\"]", images.tag(image)),
    };
    let tags = ("tags", tags);
    if style(image) == Style::Inherits {
        let (own, common) = attributes.split_at(2);
        let inherits = ("inherits", format!("[\"_{name}\"]"));
        let own = [own, &[tags, inherits]].concat();
        return of_block(&format!("_{name}"), common) + &of_block(name, &own);
    }
    of_block(name, &[attributes, vec![tags]].concat())
}

fn of_block(name: &str, attributes: &[(&str, String)]) -> String {
    let mut text = format!("target \"{name}\" {{\n");
    for (name, value) in attributes {
        writeln!(text, "  {name} = {value}").unwrap();
    }
    text + "}\n"
}

/// A block that makes a target of each of these images.
fn matrix(number: usize, shape: &Shape, images_of_shape: &[&Image], images: Images<'_>) -> String {
    let names: Vec<String> = images_of_shape.iter().map(|image| format!("\"{}\"", image.name)).collect();
    // What all of them say, with the item in place of the name.
    let first = images_of_shape[0];
    let item = |text: &str| text.replace(ITEM, "${item}");
    let mut attributes = vec![
        ("matrix", format!("{{\n    item = [{}]\n  }}", names.join(", "))),
        ("name", "item".to_owned()),
        ("context", format!("\"{}\"", item(&shape.context))),
        ("dockerfile", format!("\"{}\"", item(&shape.below_context()))),
        ("tags", format!("[\"{}/${{item}}:${{TAG}}\"]", images.naming.registry)),
    ];
    attributes.extend(first.target.iter().map(|target| ("target", format!("\"{target}\""))));
    if !shape.build_args.is_empty() {
        let lines =
            shape.build_args.iter().map(|(name, value)| format!("    {name} = \"{}\"\n", item(value)));
        attributes.push(("args", format!("{{\n{}  }}", lines.collect::<String>())));
    }
    if !shape.platforms.is_empty() {
        attributes.push(("platforms", format!("[\"{}\"]", shape.platforms.join("\", \""))));
    }
    if shape.has_secret {
        attributes.push(("secret", format!("[\"{}\"]", secret())));
    }
    of_block(&format!("matrix{number}"), &attributes)
}

fn object(image: &Image, images: Images<'_>) -> serde_json::Value {
    let mut object = json!({
        "context": image.context,
        "dockerfile": Shape::of(image).below_context().replace(ITEM, &image.name),
        "tags": [format!("{}:${{TAG}}", images.tag(image))],
        "args": image.build_args,
    });
    if image.layout == Layout::Inline {
        let text = dockerfiles::text(image, images.all, images.naming).replace("${", "$${");
        object["dockerfile-inline"] = text.into();
        object.as_object_mut().expect("it is one").remove("dockerfile");
    }
    if let Some(target) = &image.target {
        object["target"] = target.as_str().into();
    }
    if !image.platforms.is_empty() {
        object["platforms"] = image.platforms.clone().into();
    }
    for (name, context) in contexts(image, images) {
        object["contexts"][name] = context.into();
    }
    if image.has_secret {
        object["secret"] = json!([secret()]);
    }
    object
}
