//! The files that build images, each in the forms that people write.

pub(super) mod bake;
mod build_manifest;
mod commands;
pub(super) mod compose;
mod skaffold;
mod workflow;

use std::collections::BTreeMap;

use super::draft::Evidence;
use super::image::{Image, Naming};
use super::paths::relative;

/// What stands for the name of an image in a [`Shape`].
const ITEM: &str = "<item>";

/// All images of a repository, and how they are called.
#[derive(Clone, Copy)]
pub(super) struct Images<'i> {
    pub(super) all: &'i [Image],
    pub(super) naming: &'i Naming,
}

impl<'i> Images<'i> {
    fn of(self, evidence: Evidence) -> Vec<&'i Image> {
        self.all.iter().filter(|image| image.evidence == evidence).collect()
    }

    /// The name of an image without its tag.
    fn tag(self, image: &Image) -> String {
        format!("{}/{}", self.naming.registry, image.name)
    }
}

/// What images that only their names tell apart have in common: each name is `<item>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Shape {
    context: String,
    /// From the root.
    dockerfile: String,
    target: Option<String>,
    build_args: BTreeMap<String, String>,
    platforms: Vec<String>,
    has_secret: bool,
    has_assets: bool,
}

impl Shape {
    fn of(image: &Image) -> Self {
        let named = |text: &String| text.replace(&image.name, ITEM);
        Self {
            context: named(&image.context),
            dockerfile: named(&image.named),
            target: image.target.clone(),
            build_args: image.build_args.iter().map(|(name, value)| (name.clone(), named(value))).collect(),
            platforms: image.platforms.clone(),
            has_secret: image.has_secret,
            has_assets: image.has_assets,
        }
    }

    /// The Dockerfile as it is seen from the context.
    fn below_context(&self) -> String {
        relative(&self.context, &self.dockerfile)
    }
}

/// The images of each shape.
fn by_shape<'i>(images: &[&'i Image]) -> BTreeMap<Shape, Vec<&'i Image>> {
    let mut shapes: BTreeMap<Shape, Vec<&Image>> = BTreeMap::new();
    for image in images {
        shapes.entry(Shape::of(image)).or_default().push(image);
    }
    shapes
}

/// All files that build these images.
pub(super) fn files(images: Images<'_>) -> BTreeMap<String, String> {
    let writers = [
        compose::files,
        bake::files,
        skaffold::files,
        commands::files,
        workflow::files,
        build_manifest::files,
    ];
    writers.into_iter().flat_map(|files| files(images)).collect()
}
