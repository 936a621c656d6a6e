//! Which targets are images: others are there to be inherited from, or make something else.

use std::collections::BTreeSet;

use super::Bake;
use super::target::Target;
use super::value::Text;

impl Bake {
    /// The targets that are named contexts of others.
    pub(super) fn linked(&self) -> BTreeSet<String> {
        let contexts = self.targets.values().flatten().flat_map(|target| target.contexts.values().flatten());
        contexts.filter_map(|text| text.strip_prefix("target:").map(str::to_owned)).collect()
    }

    /// Whether a target is only there for others to inherit from.
    ///
    /// Nobody asks for it by a group or a link, and it says nothing about a Dockerfile, or its Dockerfile is one that
    /// its heirs are built from.
    pub(super) fn is_template(&self, target: &Target, linked: &BTreeSet<String>) -> bool {
        if self.grouped.contains(&target.name) || linked.contains(&target.name) {
            return false;
        }
        let inherits = |heir: &&Target| heir.inherits.iter().flatten().any(|name| *name == target.name);
        let heirs: Vec<&Target> = self
            .own
            .iter()
            .filter(inherits)
            .filter_map(|heir| self.targets[&heir.name].as_ref().ok())
            .collect();
        let says_nothing =
            target.context.is_none() && target.dockerfile.is_none() && target.dockerfile_inline.is_none();
        !heirs.is_empty() && (says_nothing || heirs.iter().any(|heir| is_same_dockerfile(target, heir)))
    }
}

fn is_same_dockerfile(one: &Target, other: &Target) -> bool {
    one.context == other.context
        && one.dockerfile == other.dockerfile
        && one.dockerfile_inline == other.dockerfile_inline
}

/// Why a target makes no image, if it makes none.
pub(super) fn no_image(target: &Target) -> Option<String> {
    let name = &target.name;
    if let Some(Ok(call)) = &target.call
        && !matches!(call.as_str(), "" | "build")
    {
        return Some(format!("target `{name}` makes no image: its `call` is `{call}`"));
    }
    let outputs = target.outputs.as_deref().unwrap_or_default();
    let has_tags = target.tags.iter().flatten().any(|tag| tag.as_ref().map_or(true, |tag| !tag.is_empty()));
    match outputs.first() {
        Some(Ok(first)) if !has_tags && outputs.iter().all(|output| !is_image(output)) => {
            Some(format!("target `{name}` makes no image: its output is `{first}`"))
        }
        _ => None,
    }
}

/// Whether an output such as `type=registry` is an image; one without a type is a folder.
fn is_image(output: &Text) -> bool {
    let Ok(output) = output else { return true };
    let kind = output.split(',').find_map(|field| field.trim().strip_prefix("type="));
    matches!(kind, Some("docker" | "image" | "oci" | "registry"))
}
