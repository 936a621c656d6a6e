//! Names of images, written in the one way in which they can be compared.
//!
//! As in Docker, `docker.io/`, `index.docker.io/` and `library/` make no difference: `docker.io/library/node` is `node`.

use std::fmt;
use std::str::FromStr;

use super::image_error::{InvalidImageRef, invalid};
use super::{Host, ImageRef, RepositoryName, Tag};

/// `[host/]repository`, normalised, without tag and digest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageName(Box<str>);

impl ImageName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What a reference without a digest names, normalised. Shown as `[host/]repository:tag`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaggedImage {
    /// `None` for Docker Hub, and for the engine's own store.
    pub host: Option<Host>,
    pub repository: RepositoryName,
    /// `latest` where none is written.
    pub tag: Tag,
}

impl TaggedImage {
    /// `None` for a reference with a digest: whatever its tag, it names one image.
    pub fn new(reference: ImageRef) -> Option<Self> {
        let ImageRef { host, repository, tag, digest: None } = reference else { return None };
        let host = host.filter(|host| !host.is_docker_hub());
        let official = repository.as_str().strip_prefix("library/").filter(|_| host.is_none());
        let official = official.filter(|name| !name.contains('/')).and_then(|name| name.parse().ok());
        let repository = official.unwrap_or(repository);
        Some(Self { host, repository, tag: tag.unwrap_or_else(Tag::latest) })
    }

    pub fn name(&self) -> ImageName {
        let Self { host, repository, .. } = self;
        ImageName(match host {
            Some(host) => format!("{host}/{repository}").into(),
            None => repository.as_str().into(),
        })
    }

    /// How its registry names it, with a host: Docker Hub keeps its official images in `library/`.
    pub fn in_registry(&self) -> ImageRef {
        let Self { host, repository, tag } = self;
        let (host, repository) = match host {
            Some(host) => (host.clone(), repository.clone()),
            None if repository.as_str().contains('/') => (Host::docker_hub(), repository.clone()),
            None => (Host::docker_hub(), repository.with_prefix("library/").unwrap_or(repository.clone())),
        };
        ImageRef { host: Some(host), repository, tag: Some(tag.clone()), digest: None }
    }
}

impl FromStr for TaggedImage {
    type Err = InvalidImageRef;

    fn from_str(text: &str) -> Result<Self, InvalidImageRef> {
        let error =
            || invalid(text, "an image: `[host/]repository[:tag]` without a digest, and not `scratch`");
        let reference: ImageRef = text.parse().map_err(|_| error())?;
        Self::new(reference).filter(|_| text != "scratch").ok_or_else(error)
    }
}

impl fmt::Display for TaggedImage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.name(), self.tag)
    }
}

/// An image as a list names it: one tag of it, or all of its tags where none is written. Shown normalised.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImagePattern {
    pub name: ImageName,
    pub tag: Option<Tag>,
}

impl ImagePattern {
    pub fn matches(&self, image: &TaggedImage) -> bool {
        self.tag.as_ref().is_none_or(|tag| *tag == image.tag) && self.name == image.name()
    }
}

impl FromStr for ImagePattern {
    type Err = InvalidImageRef;

    fn from_str(text: &str) -> Result<Self, InvalidImageRef> {
        let error =
            || invalid(text, "an image: `[host/]repository[:tag]` without a digest, and not `scratch`");
        let reference: ImageRef = text.parse().map_err(|_| error())?;
        let tag = reference.tag.clone();
        let image = TaggedImage::new(reference).filter(|_| text != "scratch").ok_or_else(error)?;
        Ok(Self { name: image.name(), tag })
    }
}

impl fmt::Display for ImagePattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tag {
            Some(tag) => write!(formatter, "{}:{tag}", self.name),
            None => self.name.fmt(formatter),
        }
    }
}

/// What the names of several images begin with: `quay.io/acme/`, or `acme-` for `acme-api`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImagePrefix(Box<str>);

impl ImagePrefix {
    /// The name of the image with this repository behind the prefix.
    ///
    /// # Errors
    /// [`InvalidImageRef`] when the two together are too long.
    pub fn name(&self, repository: &RepositoryName) -> Result<ImageName, InvalidImageRef> {
        let reference: ImageRef = format!("{}{repository}", self.0).parse()?;
        let image = TaggedImage::new(reference).expect("neither of the two has an `@`");
        Ok(image.name())
    }

    /// The repository that stands behind the prefix in an image's name; `None` for a name that begins otherwise.
    pub fn repository_of(&self, image: &TaggedImage) -> Option<RepositoryName> {
        let any = TaggedImage::new(format!("{}a", self.0).parse().ok()?)?;
        let prefix = any.repository.as_str().strip_suffix('a')?;
        let repository: RepositoryName = image.repository.as_str().strip_prefix(prefix)?.parse().ok()?;
        // Those of Docker Hub are not all that can be normalised away.
        let is_it = any.host == image.host && self.name(&repository).is_ok_and(|name| name == image.name());
        is_it.then_some(repository)
    }
}

impl FromStr for ImagePrefix {
    type Err = InvalidImageRef;

    fn from_str(text: &str) -> Result<Self, InvalidImageRef> {
        let any = format!("{text}a").parse::<ImageRef>();
        let is_prefix = any.is_ok_and(|image| image.tag.is_none() && image.digest.is_none());
        // Without a separator, `quay.io/acme` would begin `quay.io/acmeapi`, which nobody means.
        if is_prefix && text.ends_with(['/', '-', '_', '.']) {
            Ok(Self(text.into()))
        } else {
            Err(invalid(
                text,
                "what the names of images begin with: `[host/][path]`, without a tag, ending in `/`, `-`, `_` or `.`, such as `quay.io/acme/`",
            ))
        }
    }
}

impl fmt::Display for ImagePrefix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(text: &str) -> Option<TaggedImage> {
        TaggedImage::new(text.parse().unwrap())
    }

    #[test]
    fn an_image_of_docker_hub_has_one_name_however_it_is_written() {
        for text in
            ["node", "library/node", "docker.io/node", "docker.io/library/node", "index.docker.io/node"]
        {
            assert_eq!(image(text).unwrap().name().as_str(), "node", "{text}");
        }
        for (text, name) in [
            ("docker.io/acme/api:2", "acme/api"),
            ("library/acme/api", "library/acme/api"),
            ("quay.io/library/node", "quay.io/library/node"),
            ("localhost:5000/node:1", "localhost:5000/node"),
        ] {
            assert_eq!(image(text).unwrap().name().as_str(), name, "{text}");
        }
    }

    #[test]
    fn a_registry_is_asked_by_the_name_that_it_has_for_an_image() {
        for (text, shown, asked) in [
            ("node", "node:latest", "docker.io/library/node:latest"),
            ("index.docker.io/acme/api:2", "acme/api:2", "docker.io/acme/api:2"),
            ("localhost:5000/node:1", "localhost:5000/node:1", "localhost:5000/node:1"),
        ] {
            let image: TaggedImage = text.parse().unwrap();

            assert_eq!(image.to_string(), shown);
            assert_eq!(image.in_registry().to_string(), asked);
            assert_eq!(shown.parse(), Ok(image));
        }
        for text in ["scratch", "Node", &format!("node@sha256:{}", "0".repeat(64))] {
            assert!(text.parse::<TaggedImage>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_pattern_without_a_tag_is_every_tag_and_no_tag_is_latest() {
        let matches = |pattern: &str, text: &str| {
            let pattern: ImagePattern = pattern.parse().unwrap();
            image(text).is_some_and(|image| pattern.matches(&image))
        };

        assert!(matches("acme/api", "docker.io/acme/api:2") && matches("acme/api", "acme/api"));
        assert!(matches("acme/api:2", "acme/api:2") && !matches("acme/api:2", "acme/api:3"));
        assert!(matches("docker.io/acme/api:latest", "acme/api") && !matches("acme/api", "acme/ap"));
        assert!(!matches("acme/api", &format!("acme/api@sha256:{}", "0".repeat(64))));
        for none in ["", "scratch", "Acme/api", "a b", &format!("a@sha256:{}", "0".repeat(64))] {
            assert!(none.parse::<ImagePattern>().is_err(), "{none}");
        }
    }

    #[test]
    fn a_prefix_ends_where_a_repository_can_begin() {
        let name = |prefix: &str, repository: &str| {
            let prefix: ImagePrefix = prefix.parse().unwrap();
            prefix.name(&repository.parse().unwrap()).unwrap().to_string()
        };

        assert_eq!(name("quay.io/acme/", "team/api"), "quay.io/acme/team/api");
        assert_eq!(name("localhost:5000/", "api"), "localhost:5000/api");
        assert_eq!(name("docker.io/library/", "api"), "api");
        assert_eq!(name("shop-", "api"), "shop-api");
        for none in [
            "",
            "/",
            "-",
            "quay.io",
            "quay.io/acme",
            "quay.io/Acme/",
            "quay.io//",
            "https://quay.io/",
            "quay.io/acme:1-",
            "quay.io/a@",
            "acme/ ",
        ] {
            assert!(none.parse::<ImagePrefix>().is_err(), "{none}");
        }
        let long: ImagePrefix = format!("{}/", "a".repeat(250)).parse().unwrap();
        assert!(long.name(&"repository".parse().unwrap()).is_err());
    }

    #[test]
    fn a_prefix_begins_images_of_its_own_host_alone() {
        let repository = |prefix: &str, image: &str| {
            let (prefix, image): (ImagePrefix, TaggedImage) =
                (prefix.parse().unwrap(), image.parse().unwrap());
            prefix.repository_of(&image).map(|repository| repository.to_string())
        };
        for (prefix, image, expected) in [
            ("acme/", "acme/api:1", Some("api")),
            ("acme/", "docker.io/acme/team/api", Some("team/api")),
            ("docker.io/acme/", "acme/api", Some("api")),
            ("acme/", "quay.io/acme/api", None),
            ("acme-", "acme-api", Some("api")),
            ("quay.io/", "quay.io/acme/api", Some("acme/api")),
            ("docker.io/", "acme/api", Some("acme/api")),
            ("docker.io/", "quay.io/acme/api", None),
            ("library/", "node", Some("node")),
            ("library/", "acme/api", None),
        ] {
            assert_eq!(repository(prefix, image).as_deref(), expected, "{prefix} {image}");
        }
    }
}
