//! What builds left in an engine: the names of local builds, and of builds of untrusted runs and builds that were killed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use bollard::query_parameters::RemoveImageOptions;

use super::{DockerEngine, EngineError};
use crate::docker::Docker;
use crate::model::{ImageRef, RepositoryName, Tag};

/// The host of names that images have only while something is built from them.
pub const TEMPORARY_HOST: &str = "context.invalid";

/// A name in an engine that no build looks for any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    pub image: ImageRef,
    pub kind: LeftoverKind,
    /// When the image got the name, or where the engine does not tell that, when it was built.
    pub since: SystemTime,
    /// Of all its layers, which other images may have too.
    pub bytes: u64,
}

/// Whose name it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftoverKind {
    /// Of `build --local`. It moves with each build.
    Local,
    /// Of an untrusted run.
    Untrusted,
    /// Of a build that was killed before it could take the name away.
    Interrupted,
}

impl LeftoverKind {
    /// `None` for a name that builds do not give.
    fn of(image: &ImageRef) -> Option<Self> {
        let tag = image.tag.as_ref()?;
        let is_temporary = image.host.as_ref().is_some_and(|host| host.as_str() == TEMPORARY_HOST);
        match (is_temporary, &image.host) {
            (true, _) => Some(Self::Interrupted),
            (false, None) if *tag == Tag::local() => Some(Self::Local),
            (false, None) if tag.is_of_untrusted_run() => Some(Self::Untrusted),
            (false, _) => None,
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Untrusted => "untrusted",
            Self::Interrupted => "interrupted",
        }
    }

    /// What gave the image the name.
    pub fn origin(self) -> &'static str {
        match self {
            Self::Local => "of a local build",
            Self::Untrusted => "of an untrusted run",
            Self::Interrupted => "of a build that was killed",
        }
    }
}

impl DockerEngine {
    /// The names that builds of these repositories left here, in the order of names.
    ///
    /// # Errors
    /// [`EngineError`] when the engine does not answer.
    pub async fn leftovers(
        &self,
        repositories: &BTreeSet<RepositoryName>,
    ) -> Result<Vec<Leftover>, EngineError> {
        let listed = self.docker.images(None).await?;
        let names: BTreeMap<&String, i64> =
            listed.iter().flat_map(|image| image.repo_tags.iter().map(|name| (name, image.size))).collect();
        let mut leftovers = Vec::new();
        for (name, size) in names {
            let Ok(image) = name.parse::<ImageRef>() else { continue };
            let Some(kind) = LeftoverKind::of(&image) else { continue };
            if !repositories.contains(&image.repository) {
                continue;
            }
            // It may have gone meanwhile.
            if let Some(since) = since(&self.docker, &image).await? {
                let bytes = u64::try_from(size).unwrap_or_default();
                leftovers.push(Leftover { image, kind, since, bytes });
            }
        }
        Ok(leftovers)
    }

    /// Takes a name away, and the image with its last name. `false` if a container uses the image, which then stays.
    ///
    /// # Errors
    /// [`EngineError`] when the engine does not answer.
    pub async fn remove_leftover(&self, leftover: &Leftover) -> Result<bool, EngineError> {
        use bollard::errors::Error::DockerResponseServerError;

        let name = leftover.image.to_string();
        match self.docker.bollard().remove_image(&name, None::<RemoveImageOptions>, None).await {
            Ok(_) | Err(DockerResponseServerError { status_code: 404, .. }) => Ok(true),
            Err(DockerResponseServerError { status_code: 409, .. }) => Ok(false),
            Err(error) => Err(self.docker.error("remove an image", error).into()),
        }
    }
}

async fn since(docker: &Docker, image: &ImageRef) -> Result<Option<SystemTime>, EngineError> {
    let Some(found) = docker.image(&image.to_string()).await? else { return Ok(None) };
    Ok(Some(found.tagged.or(found.created).unwrap_or_else(SystemTime::now)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_builds_give_are_leftovers() {
        let kind = |name: &str| LeftoverKind::of(&name.parse().unwrap());

        assert_eq!(kind("shop/api:local"), Some(LeftoverKind::Local));
        assert_eq!(kind("shop/api:untrusted-0123456789abcdef"), Some(LeftoverKind::Untrusted));
        assert_eq!(kind("shop/api:untrusted-0123456789abcdef-linux-arm64"), Some(LeftoverKind::Untrusted));
        assert_eq!(kind("context.invalid/shop/api:parent-0123456789abcdef"), Some(LeftoverKind::Interrupted));
        assert_eq!(
            kind("context.invalid/shop/api:context-0123456789abcdef"),
            Some(LeftoverKind::Interrupted)
        );
        let others = [
            "shop/api:latest",
            "shop/api:cache-0",
            "shop/api:untrusted",
            "shop/api:untrusted-by-me",
            "registry.example/api:local",
        ];
        assert!(others.iter().all(|name| kind(name).is_none()));
    }
}
