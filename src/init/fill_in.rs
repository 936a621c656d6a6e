//! Reads Dockerfiles that can't be built as they are, because an argument has no value yet or a platform is not chosen.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::Build;
use crate::dockerfile::{Dockerfile, DockerfileError};
use crate::model::Platform;

/// Stands for a value that a person has to fill in: it may be a part of an image's name, or a tag.
pub(super) const PLACEHOLDER: &str = "to-fill-in";

/// What is taken where a Dockerfile needs a platform and nobody names one.
const DEFAULT_PLATFORM: &str = "linux/amd64";

/// More arguments than this in `FROM` lines are not filled in.
const MAX_ARGUMENTS: usize = 50;

/// A Dockerfile as it was read.
pub(super) struct Reading {
    /// For the first platform.
    pub(super) dockerfile: Dockerfile,
    /// For the other platforms, where the file is not the same for all of them.
    others: Vec<Dockerfile>,
    /// What somebody wrote as a platform, and is none.
    pub(super) unknown_platforms: Vec<String>,
    /// Arguments with the values that somebody wrote.
    pub(super) build_args: BTreeMap<String, String>,
    /// Arguments that have no value and no default.
    pub(super) to_fill_in: BTreeSet<String>,
    /// Sorted, each once. None where the Dockerfile is the same for all and nobody says it.
    pub(super) platforms: Vec<Platform>,
    /// Whether the Dockerfile can't be read without one.
    pub(super) needs_platform: bool,
    /// Whether [`Self::platforms`] is what a `FROM` line asks for, and not what somebody wrote.
    pub(super) is_platform_assumed: bool,
}

/// Reads a Dockerfile with what a build of it says.
///
/// # Errors
/// [`DockerfileError`] when it can't be used whatever is filled in.
pub(super) fn read(text: &[u8], build: &Build) -> Result<Reading, DockerfileError> {
    let is_usable = |name: &&String| is_variable_name(name);
    let written = build.build_args.iter().filter(|(name, _)| is_usable(name));
    let build_args: BTreeMap<String, String> =
        written.filter_map(|(name, value)| Some((name.clone(), value.clone()?))).collect();
    let (mut platforms, mut unknown_platforms): (Vec<Platform>, Vec<String>) = Default::default();
    for text in &build.platforms {
        match text.parse() {
            Ok(platform) => platforms.push(platform),
            Err(_) => unknown_platforms.push(text.clone()),
        }
    }
    platforms.sort();
    platforms.dedup();
    let mut filled = build_args.clone();
    let (mut to_fill_in, mut needs_platform) = (BTreeSet::new(), false);
    let is_platform_assumed = platforms.is_empty();
    let dockerfile = loop {
        let platform = platforms.first().filter(|_| needs_platform);
        match Dockerfile::parse(text, &filled, platform) {
            Ok(dockerfile) => break dockerfile,
            Err(DockerfileError::UnsetVariable { variable, .. })
                if to_fill_in.len() < MAX_ARGUMENTS && to_fill_in.insert(variable.clone()) =>
            {
                filled.insert(variable, PLACEHOLDER.to_owned());
            }
            Err(DockerfileError::UnknownVariable { .. }) if !needs_platform => {
                needs_platform = true;
                if platforms.is_empty() {
                    platforms.push(DEFAULT_PLATFORM.parse().expect("it is a platform"));
                }
            }
            Err(error) => return Err(error),
        }
    };
    let from_environment = build.build_args.iter().filter(|(name, value)| value.is_none() && is_usable(name));
    let without_default = from_environment.filter(|(name, _)| declares_without_default(&dockerfile, name));
    to_fill_in.extend(without_default.map(|(name, _)| name.clone()));
    let others = platforms.iter().skip(1).filter(|_| needs_platform);
    let others = others.map(|platform| Dockerfile::parse(text, &filled, Some(platform)));
    Ok(Reading {
        dockerfile,
        others: others.collect::<Result<_, _>>()?,
        unknown_platforms,
        build_args,
        to_fill_in,
        platforms,
        needs_platform,
        is_platform_assumed: is_platform_assumed && needs_platform,
    })
}

impl Reading {
    /// The Dockerfile for each platform for which it differs.
    pub(super) fn dockerfiles(&self) -> impl Iterator<Item = &Dockerfile> {
        std::iter::once(&self.dockerfile).chain(&self.others)
    }

    /// The arguments that the manifest is to hold, those without a value empty.
    pub(super) fn all_build_args(&self) -> BTreeMap<String, String> {
        let empty = self.to_fill_in.iter().map(|name| (name.clone(), String::new()));
        empty.chain(self.build_args.clone()).collect()
    }
}

/// Whether the file has an `ARG` of this name, and none with a default.
fn declares_without_default(dockerfile: &Dockerfile, name: &str) -> bool {
    let arguments = dockerfile.instructions().iter().filter(|instruction| instruction.keyword == "ARG");
    let declared = arguments.flat_map(|instruction| &instruction.arguments).filter_map(|argument| {
        let (declared, default) =
            argument.split_once('=').map_or((argument.as_str(), None), |(name, value)| (name, Some(value)));
        (declared == name).then_some(default)
    });
    let defaults: Vec<Option<&str>> = declared.collect();
    !defaults.is_empty() && defaults.iter().all(Option::is_none)
}

fn is_variable_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
