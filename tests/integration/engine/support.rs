//! A real engine, a repository to build from, and a look into the images that come out.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use bollard::query_parameters::{
    CreateContainerOptions, DownloadFromContainerOptionsBuilder, RemoveContainerOptions,
    RemoveImageOptionsBuilder,
};
use bytes::Bytes;
use chinampa::internals::docker::{EngineAddress, EngineSettings};
use chinampa::internals::engine::{
    BuildRequest, Built, Content, Context, ContextFile, ContextReuse, DockerEngine, Engine as _, EngineError,
    Logins, Progress,
};
use chinampa::internals::git::{self, Blobs};
use chinampa::internals::model::{FileMode, ManifestDigest, ObjectId, RepoPath};
use futures_util::TryStreamExt as _;

use crate::support::bed;
use crate::support::engines::BedEngine;

/// Busybox and nothing else: the bed's `BASE_IMAGE`.
pub(crate) const BASE: &str = "chinampa/base:1";

/// An engine that a test is connected to, and a client that looks into it.
pub(crate) struct TestEngine {
    engine: DockerEngine,
    pub(crate) client: bollard::Docker,
}

impl TestEngine {
    /// The same engine, spoken to in another way.
    pub(crate) fn new(engine: DockerEngine, on: BedEngine) -> Self {
        Self { engine, client: on.client() }
    }
}

impl Deref for TestEngine {
    type Target = DockerEngine;

    fn deref(&self) -> &DockerEngine {
        &self.engine
    }
}

pub(crate) async fn connect(on: BedEngine) -> TestEngine {
    assert_eq!(bed::setting("BASE_IMAGE"), BASE);
    let settings = EngineSettings {
        host: Some(on.host()),
        tls_verify: on.certificates().is_some(),
        certificates: on.certificates().map(PathBuf::from),
        ..EngineSettings::default()
    };
    let address = EngineAddress::choose(&settings).unwrap();
    let engine = DockerEngine::connect(&address).await;
    TestEngine::new(engine.expect("no engine answers: run `scripts/testbed up`"), on)
}

/// A repository, into whose object database the contents of a context are written.
pub(crate) struct Repository {
    folder: tempfile::TempDir,
    repository: git2::Repository,
    blobs: Blobs,
}

impl Repository {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repository = git2::Repository::init_bare(folder.path()).unwrap();
        let blobs = git::Repository::open(folder.path()).unwrap().blobs();
        Self { folder, repository, blobs }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn blobs(&self) -> Blobs {
        self.blobs.clone()
    }

    pub(crate) fn blob(&self, content: impl AsRef<[u8]>) -> Content {
        let id = self.repository.blob(content.as_ref()).unwrap();
        let id = ObjectId::from_slice(id.as_bytes()).unwrap();
        Content::Blob { blobs: self.blobs(), id }
    }

    pub(crate) fn file(&self, path: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> ContextFile {
        self.entry(path, FileMode::Regular, content)
    }

    pub(crate) fn entry(
        &self,
        path: impl AsRef<[u8]>,
        mode: FileMode,
        content: impl AsRef<[u8]>,
    ) -> ContextFile {
        ContextFile { path: RepoPath::new(path).unwrap(), mode, content: self.blob(content) }
    }
}

/// A build of this Dockerfile with these files, and nothing else said.
pub(crate) fn request(dockerfile: &str, mut files: Vec<ContextFile>) -> BuildRequest {
    files.sort_by(|one, other| one.path.cmp(&other.path));
    BuildRequest {
        context: Context { files },
        reuse: ContextReuse::Run("test".to_owned()),
        dockerfile: dockerfile.as_bytes().to_vec(),
        target: None,
        platform: None,
        build_args: BTreeMap::new(),
        proxies: BTreeMap::new(),
        labels: BTreeMap::new(),
        secrets: BTreeMap::new(),
        ssh: BTreeMap::new(),
        cache_from: Vec::new(),
        inline_cache: false,
        pull: false,
        no_cache: false,
        logins: Logins::none(),
    }
}

/// The same build for a project of a clone, whose stamps are in this folder.
pub(crate) fn request_of(stamps: &Path, dockerfile: &str, files: Vec<ContextFile>) -> BuildRequest {
    BuildRequest { reuse: ContextReuse::Project { stamps: stamps.to_owned() }, ..request(dockerfile, files) }
}

/// A text that no other test, and no earlier run, has used: what depends on it is not cached.
pub(crate) fn unique() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    format!("{:016x}", RandomState::new().hash_one(std::time::SystemTime::now()))
}

/// What came of a build. The image is removed at the end.
pub(crate) struct Image {
    pub(crate) built: Built,
    client: bollard::Docker,
    pub(crate) told: Vec<Progress>,
}

pub(crate) async fn build(engine: &TestEngine, request: &BuildRequest) -> Result<Image, EngineError> {
    let told = Mutex::new(Vec::new());
    let built = engine.build(request, &|progress| told.lock().unwrap().push(progress)).await?;
    Ok(Image { built, client: engine.client.clone(), told: told.into_inner().unwrap() })
}

/// An entry of an image's file system, by its path below the folder that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) kind: tar::EntryType,
    pub(crate) mode: u32,
    pub(crate) content: Vec<u8>,
    pub(crate) link: Option<Vec<u8>>,
    pub(crate) modified: u64,
    pub(crate) owner: (u64, u64),
}

impl Image {
    pub(crate) fn id(&self) -> ManifestDigest {
        self.built.image
    }

    /// Everything the steps wrote.
    pub(crate) fn output(&self) -> String {
        let texts = self.told.iter().filter_map(|progress| match progress {
            Progress::Log { text, .. } => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    pub(crate) async fn inspect(&self) -> bollard::models::ImageInspect {
        self.client.inspect_image(&self.id().to_string()).await.unwrap()
    }

    /// Each layer as a tar. The containerd store saves what a registry would have, which is compressed.
    pub(crate) async fn layers(&self) -> Vec<Vec<u8>> {
        let client = &self.client;
        let id = self.id().to_string();
        let chunks: Vec<Bytes> = client.export_image(&id).try_collect().await.unwrap();
        let mut saved = BTreeMap::new();
        for entry in tar::Archive::new(&*chunks.concat()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            saved.insert(entry.path().unwrap().display().to_string(), content);
        }
        let manifest: serde_json::Value = serde_json::from_slice(&saved["manifest.json"]).unwrap();
        let layers = manifest[0]["Layers"].as_array().unwrap().iter();
        layers.map(|layer| uncompressed(&saved[layer.as_str().unwrap()])).collect()
    }

    /// The files below `folder`, which is absolute.
    pub(crate) async fn files(&self, folder: &str) -> BTreeMap<Vec<u8>, Found> {
        let client = &self.client;
        let body = bollard::models::ContainerCreateBody {
            image: Some(self.id().to_string()),
            cmd: Some(vec!["true".to_owned()]),
            ..Default::default()
        };
        let container = client.create_container(None::<CreateContainerOptions>, body).await.unwrap().id;
        let options = DownloadFromContainerOptionsBuilder::new().path(folder).build();
        let chunks: Vec<Bytes> =
            client.download_from_container(&container, Some(options)).try_collect().await.unwrap();
        client.remove_container(&container, None::<RemoveContainerOptions>).await.unwrap();
        let bytes = chunks.concat();
        let mut archive = tar::Archive::new(&*bytes);
        let mut found = BTreeMap::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path_bytes().into_owned();
            // The first component is the folder itself.
            let Some(slash) = path.iter().position(|&byte| byte == b'/') else { continue };
            let path = path[slash + 1..].strip_suffix(b"/").unwrap_or(&path[slash + 1..]).to_vec();
            if path.is_empty() {
                continue;
            }
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            let header = entry.header();
            let one = Found {
                kind: header.entry_type(),
                mode: header.mode().unwrap() & 0o7777,
                link: entry.link_name_bytes().map(std::borrow::Cow::into_owned),
                modified: header.mtime().unwrap(),
                owner: (header.uid().unwrap(), header.gid().unwrap()),
                content,
            };
            found.insert(path, one);
        }
        found
    }
}

fn uncompressed(layer: &[u8]) -> Vec<u8> {
    if !layer.starts_with(&[0x1f, 0x8b]) {
        return layer.to_vec();
    }
    let mut tar = Vec::new();
    flate2::read::GzDecoder::new(layer).read_to_end(&mut tar).unwrap();
    tar
}

impl Drop for Image {
    fn drop(&mut self) {
        let (client, id) = (self.client.clone(), self.id().to_string());
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let removed = std::thread::spawn(move || runtime().block_on(remove(&client, &id))).join();
        assert!(removed.is_ok() || std::thread::panicking(), "an image was left behind");
    }
}

/// Removes an image with all its names.
pub(crate) async fn remove(client: &bollard::Docker, image: &str) {
    let options = RemoveImageOptionsBuilder::new().force(true).build();
    match client.remove_image(image, Some(options), None).await {
        // Another test may have made the same image, and removed it already.
        Ok(_) | Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => {}
        Err(error) => panic!("cannot remove {image}: {error}"),
    }
}
