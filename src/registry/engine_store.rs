//! The store of a Docker engine, for a laptop that has nothing else.
//!
//! An image's digest is its id here. A document is an image of one file, made as `docker import`
//! makes it, and read back from what `docker save` gives.

use std::io::{ErrorKind, Read};

use async_trait::async_trait;
use bollard::query_parameters::{CreateImageOptionsBuilder, TagImageOptionsBuilder};
use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use futures_util::TryStreamExt;
use serde::Deserialize;

use super::{MAX_ARTIFACT_BYTES, Registry, RegistryError, RepositoryChange, Storage};
use crate::docker::{Docker, EngineImage};
use crate::model::{ImageRef, InputDigest, Login, ManifestDigest, Platform, RepositoryName, Tag};

/// The file that a document is.
const DOCUMENT: &str = "document.json";

/// Marks an image that is a document, and says of what type.
const TYPE_LABEL: &str = "dev.chinampa.artifact-type";

/// What an export holds besides the document: the image's configuration and the framing of two archives.
const MAX_FRAME_BYTES: usize = 1 << 20;

/// The engine's own store. Nothing has to be pushed, and nobody asks for a password.
#[derive(Clone, Debug)]
pub struct EngineStore {
    docker: Docker,
}

impl EngineStore {
    /// Uses a connection that is there already.
    pub fn new(docker: &Docker) -> Self {
        Self { docker: docker.clone() }
    }

    /// The id of the image with this name, if its label says that it is made from `inputs`.
    ///
    /// # Errors
    /// [`RegistryError`] when the engine can't be asked.
    pub async fn find_made_from(
        &self,
        image: &ImageRef,
        inputs: &InputDigest,
    ) -> Result<Option<ManifestDigest>, RegistryError> {
        let Some(found) = self.inspect(image).await? else { return Ok(None) };
        let made_from = found.labels.get(InputDigest::LABEL).and_then(|label| label.parse().ok());
        Ok((made_from == Some(*inputs)).then_some(found.id))
    }

    /// The store of an engine that isn't there.
    #[cfg(test)]
    pub(super) fn without_an_engine() -> Self {
        Self { docker: Docker::nowhere() }
    }

    async fn inspect(&self, image: &ImageRef) -> Result<Option<EngineImage>, RegistryError> {
        self.docker.image(&image.to_string()).await.map_err(|error| engine_failed(image, error))
    }

    /// Makes an image without a name; returns its id.
    async fn import(
        &self,
        image: &ImageRef,
        artifact_type: &str,
        content: &[u8],
    ) -> Result<ManifestDigest, RegistryError> {
        let archive = archive_of(content).map_err(|error| engine_failed(image, error))?;
        let options = CreateImageOptionsBuilder::new()
            .from_src("-")
            .changes(vec![format!("LABEL {TYPE_LABEL}={artifact_type}")])
            .build();
        let body = bollard::body_full(archive.into());
        let progress: Vec<_> = self
            .docker
            .bollard()
            .create_image(Some(options), Some(body), None)
            .try_collect()
            .await
            .map_err(|error| engine_failed(image, error))?;
        let id = progress.iter().rev().find_map(|line| line.status.as_deref()?.parse().ok());
        id.ok_or_else(|| RegistryError::malformed(image, "the Docker engine did not say what it imported"))
    }
}

#[async_trait]
impl Registry for EngineStore {
    fn storage(&self) -> Storage {
        Storage::Engine
    }

    fn image(&self, repository: &RepositoryName, tag: &Tag) -> ImageRef {
        ImageRef { host: None, repository: repository.clone(), tag: Some(tag.clone()), digest: None }
    }

    async fn find(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<Option<ManifestDigest>, RegistryError> {
        let image = self.image(repository, tag);
        Ok(self.inspect(&image).await?.map(|found| found.id))
    }

    async fn tags(&self, repository: &RepositoryName) -> Result<Vec<Tag>, RegistryError> {
        let image = ImageRef { host: None, repository: repository.clone(), tag: None, digest: None };
        let images = self.docker.images(Some(repository.as_str())).await;
        let images = images.map_err(|error| engine_failed(&image, error))?;
        let names = images.iter().flat_map(|found| &found.repo_tags);
        Ok(names.filter_map(|name| name.parse::<ImageRef>().ok()?.tag).collect())
    }

    /// Nothing to do: the engine has no repositories.
    async fn ensure_repository(&self, _: &RepositoryName) -> Result<Vec<RepositoryChange>, RegistryError> {
        Ok(Vec::new())
    }

    async fn tag(
        &self,
        repository: &RepositoryName,
        digest: &ManifestDigest,
        tags: &[Tag],
    ) -> Result<(), RegistryError> {
        for tag in tags {
            let image = self.image(repository, tag);
            let options = TagImageOptionsBuilder::new().repo(&image.name()).tag(tag.as_str()).build();
            self.docker
                .bollard()
                .tag_image(&digest.to_string(), Some(options))
                .await
                .map_err(|error| engine_failed(&image, error))?;
        }
        Ok(())
    }

    /// Nothing is pushed here: an image is known by its id.
    async fn verify(
        &self,
        repository: &RepositoryName,
        digest: &ManifestDigest,
        id: &ManifestDigest,
    ) -> Result<(), RegistryError> {
        let image = ImageRef { host: None, repository: repository.clone(), tag: None, digest: Some(*digest) };
        if digest == id { Ok(()) } else { Err(RegistryError::OtherImage { image: Box::new(image), id: *id }) }
    }

    /// No index can be stored: the manifest's reader refuses more than one platform here.
    async fn put_index(
        &self,
        repository: &RepositoryName,
        _images: &[(Platform, ManifestDigest)],
    ) -> Result<ManifestDigest, RegistryError> {
        let image = ImageRef { host: None, repository: repository.clone(), tag: None, digest: None };
        Err(RegistryError::malformed(&image, "the Docker engine's own store holds one platform an image"))
    }

    async fn untag(&self, repository: &RepositoryName, tag: &Tag) -> Result<(), RegistryError> {
        let image = self.image(repository, tag);
        let options = None::<bollard::query_parameters::RemoveImageOptions>;
        match self.docker.bollard().remove_image(&image.to_string(), options, None).await {
            Ok(_) => Ok(()),
            Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => Ok(()),
            Err(error) => Err(engine_failed(&image, error)),
        }
    }

    async fn put_artifact(
        &self,
        repository: &RepositoryName,
        artifact_type: &str,
        content: Bytes,
        tags: &[Tag],
    ) -> Result<ManifestDigest, RegistryError> {
        let image = ImageRef { host: None, repository: repository.clone(), tag: None, digest: None };
        if content.len() > MAX_ARTIFACT_BYTES {
            return Err(RegistryError::too_large(&image, MAX_ARTIFACT_BYTES));
        }
        let id = self.import(&image, artifact_type, &content).await?;
        self.tag(repository, &id, tags).await?;
        Ok(id)
    }

    /// An image is in no repository here, but has names that begin with one.
    async fn delete(
        &self,
        repository: &RepositoryName,
        digest: &ManifestDigest,
    ) -> Result<(), RegistryError> {
        for tag in self.tags(repository).await? {
            if self.find(repository, &tag).await? == Some(*digest) {
                self.untag(repository, &tag).await?;
            }
        }
        Ok(())
    }

    async fn artifact(&self, repository: &RepositoryName, tag: &Tag) -> Result<Option<Bytes>, RegistryError> {
        let image = self.image(repository, tag);
        let Some(found) = self.inspect(&image).await? else {
            return Ok(None);
        };
        if !found.labels.contains_key(TYPE_LABEL) {
            return Err(not_ours(&image));
        }
        // By id: the tag may move between the two requests.
        let id = found.id.to_string();
        let mut export = std::pin::pin!(self.docker.bollard().export_image(&id));
        let mut archive = BytesMut::new();
        while let Some(chunk) = export.try_next().await.map_err(|error| engine_failed(&image, error))? {
            if archive.len() + chunk.len() > MAX_ARTIFACT_BYTES + MAX_FRAME_BYTES {
                return Err(RegistryError::too_large(&image, MAX_ARTIFACT_BYTES));
            }
            archive.extend_from_slice(&chunk);
        }
        let document = document_in(&archive).map_err(|error| engine_failed(&image, error))?;
        document.map(Some).ok_or_else(|| not_ours(&image))
    }

    async fn login(&self) -> Result<Option<Login>, RegistryError> {
        Ok(None)
    }
}

fn engine_failed(
    image: &ImageRef,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> RegistryError {
    RegistryError::Engine { image: Box::new(image.clone()), source: error.into() }
}

fn not_ours(image: &ImageRef) -> RegistryError {
    RegistryError::malformed(image, "it is not a document that chinampa has stored")
}

/// A root file system of one file.
fn archive_of(content: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o444);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_data(&mut header, DOCUMENT, content)?;
    archive.into_inner()
}

/// What `docker save` says of an image in `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SavedImage {
    layers: Vec<String>,
}

/// Finds the document in what `docker save` wrote; `None` when that holds none.
///
/// Engines with the containerd image store compress the layer, others don't.
fn document_in(saved: &[u8]) -> std::io::Result<Option<Bytes>> {
    let Some(images) = file_in(saved, b"manifest.json")? else {
        return Ok(None);
    };
    let images: Vec<SavedImage> = serde_json::from_slice(&images)?;
    let layer = match &images[..] {
        [SavedImage { layers }] if layers.len() == 1 => &layers[0],
        _ => return Ok(None),
    };
    let Some(layer) = file_in(saved, layer.as_bytes())? else {
        return Ok(None);
    };
    let document = match layer.starts_with(&[0x1f, 0x8b]) {
        true => file_in(MultiGzDecoder::new(&layer[..]), DOCUMENT.as_bytes())?,
        false => file_in(&layer[..], DOCUMENT.as_bytes())?,
    };
    Ok(document.map(Bytes::from))
}

/// Reads one file of an archive, of at most [`MAX_ARTIFACT_BYTES`] and a frame.
fn file_in(archive: impl Read, path: &[u8]) -> std::io::Result<Option<Vec<u8>>> {
    let limit = (MAX_ARTIFACT_BYTES + MAX_FRAME_BYTES) as u64;
    let mut archive = tar::Archive::new(archive.take(limit));
    for entry in archive.entries()? {
        let mut entry = entry?;
        if *entry.path_bytes() == *path {
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            // The archive reader takes a cut file for a whole one.
            let is_whole = content.len() as u64 == entry.size();
            return if is_whole { Ok(Some(content)) } else { Err(ErrorKind::UnexpectedEof.into()) };
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[tokio::test]
    async fn an_engine_that_does_not_answer_is_an_error_and_not_absent() {
        let store = EngineStore::without_an_engine();

        let error = store.find(&"gone".parse().unwrap(), &"one".parse().unwrap()).await.unwrap_err();

        assert!(matches!(error, RegistryError::Engine { .. }), "{error}");
    }

    fn saved(layer: &[u8]) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        let manifest = br#"[{"Config": "c.json", "Layers": ["blobs/sha256/ab"]}]"#;
        for (path, content) in [("blobs/sha256/ab", layer), ("manifest.json", manifest)] {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            archive.append_data(&mut header, path, content).unwrap();
        }
        archive.into_inner().unwrap()
    }

    #[test]
    fn a_compressed_layer_is_read_like_a_plain_one() {
        let layer = archive_of(b"content").unwrap();
        let mut compressed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        compressed.write_all(&layer).unwrap();
        let compressed = compressed.finish().unwrap();

        for layer in [layer, compressed] {
            assert_eq!(document_in(&saved(&layer)).unwrap().as_deref(), Some(&b"content"[..]));
        }
    }

    #[test]
    fn a_layer_that_swells_is_cut_off() {
        let bomb = archive_of(&vec![0; 2 * MAX_ARTIFACT_BYTES]).unwrap();
        let mut compressed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        compressed.write_all(&bomb).unwrap();

        let read = document_in(&saved(&compressed.finish().unwrap()));

        assert_eq!(read.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }
}
