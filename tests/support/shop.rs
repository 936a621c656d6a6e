//! A monorepo whose images are kept somewhere real, under names that no other test and no earlier run has used.

use std::collections::BTreeSet;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::aws::{self, REGION};
use super::bed::setting;
use super::engines::BedEngine;
use super::world::{Answer, World};

/// Where images are kept.
#[derive(Clone, Debug)]
pub(crate) enum Cache {
    /// The machine's own engine.
    Engine,
    /// A registry at this host, with the password of the bed's first one.
    Oci(String),
    /// ECR at this host, and so is the rest of AWS.
    Ecr(String),
}

impl Cache {
    /// The bed's first registry.
    pub(crate) fn oci() -> Self {
        Self::Oci(setting("REGISTRY_1"))
    }

    /// The bed's first region.
    pub(crate) fn ecr() -> Self {
        Self::Ecr(setting("AWS_1"))
    }
}

/// A project's folder, its Dockerfile, and what stands in its table besides `path`.
pub(crate) type Project = (&'static str, &'static str, &'static str);

/// A repository whose images are kept somewhere real. Its images leave the engines with it.
///
/// ```ignore
/// let shop = Shop::new().cache(Cache::oci()).projects(&[("api", "FROM chinampa/base:1\n", "")]);
/// ```
#[derive(Debug)]
pub(crate) struct Shop {
    pub(crate) world: World,
    /// Stands before the name of every image, ends in `/`.
    pub(crate) prefix: String,
    cache: Cache,
    policy: String,
    docker_config: tempfile::TempDir,
    /// Those that have images of it.
    engines: Vec<BedEngine>,
    read_log_bytes: u64,
}

impl Shop {
    /// An empty repository, whose images stay in the machine's own engine.
    pub(crate) fn new() -> Self {
        Self::of(World::new())
    }

    /// The same in a repository that is empty, too.
    pub(crate) fn of(mut world: World) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let (process, number) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let prefix = format!("t{now}-{process}-{number}/");
        let docker_config = tempfile::tempdir().unwrap();
        world.set("DOCKER_HOST", &BedEngine::Machine.host());
        world.set("DOCKER_CONFIG", docker_config.path().to_str().unwrap());
        let (policy, engines) = (String::new(), vec![BedEngine::SecondMachine, BedEngine::Machine]);
        Self { world, prefix, cache: Cache::Engine, policy, docker_config, engines, read_log_bytes: 0 }
    }

    /// Builds with this engine from now on.
    pub(crate) fn on(mut self, engine: BedEngine) -> Self {
        self.use_engine(engine);
        self
    }

    /// Builds with this engine from now on.
    pub(crate) fn use_engine(&mut self, engine: BedEngine) {
        let certificates = engine.certificates();
        let verify = certificates.as_ref().map_or("", |_| "1");
        self.world.set("DOCKER_HOST", &engine.host()).set("DOCKER_TLS_VERIFY", verify);
        self.world.set("DOCKER_CERT_PATH", &certificates.unwrap_or_default());
        self.engines.push(engine);
    }

    /// Keeps the images there, with what it takes to be let in.
    pub(crate) fn cache(mut self, cache: Cache) -> Self {
        self.cache = cache;
        match &self.cache {
            Cache::Engine => {}
            Cache::Oci(_) => self.log_in(&setting("REGISTRY_1_PASSWORD")),
            Cache::Ecr(_) => {
                self.world.set("AWS_ACCESS_KEY_ID", "test").set("AWS_SECRET_ACCESS_KEY", "s3cret-key");
                self.world.set("AWS_EC2_METADATA_DISABLED", "true");
            }
        }
        self
    }

    /// Keeps a policy in the cache's table.
    pub(crate) fn policy(mut self, policy: &str) -> Self {
        policy.clone_into(&mut self.policy);
        self
    }

    /// Commits projects.
    pub(crate) fn projects(self, projects: &[Project]) -> Self {
        let mut manifest = self.empty_manifest();
        for (name, dockerfile, more) in projects {
            manifest += &format!("\n[projects.{name}]\npath = \"{name}\"\n{more}\n");
            self.world.write(&format!("{name}/Dockerfile"), own(dockerfile, &self.prefix));
        }
        self.world.write("projects.toml", manifest).commit();
        self
    }

    /// Commits projects whose image is the one file `f`, with a content of its own.
    pub(crate) fn plain<const N: usize>(self, names: [&'static str; N]) -> Self {
        for name in names {
            self.world.write(&format!("{name}/f"), format!("{}{name}", self.prefix));
        }
        self.projects(&names.map(|name| (name, "FROM scratch\nCOPY f /f\n", "")))
    }

    /// A manifest without projects.
    fn empty_manifest(&self) -> String {
        format!("[workspace]\nname = \"shop\"\n\n{}", self.cache_table())
    }

    /// The manifest's table for the cache.
    pub(crate) fn cache_table(&self) -> String {
        let kind = match &self.cache {
            Cache::Engine => "kind = \"engine\"".to_owned(),
            Cache::Oci(host) => format!("kind = \"oci\"\nhost = \"{host}\""),
            Cache::Ecr(host) => format!(
                "kind = \"ecr\"\nregion = \"{REGION}\"\nhost = \"{host}\"\nendpoint = \"http://{host}\"\n\
                 policy = {{ {} }}",
                self.policy
            ),
        };
        format!("[cache]\n{kind}\nprefix = \"{}\"\n", self.prefix)
    }

    /// Writes what `docker login` would.
    pub(crate) fn log_in(&self, password: &str) {
        let login = format!("{}:{password}", setting("REGISTRY_1_USER"));
        let auth = base64::engine::general_purpose::STANDARD.encode(login);
        let config = json!({ "auths": { self.host(): { "auth": auth } } });
        std::fs::write(self.config_file(), config.to_string()).unwrap();
    }

    pub(crate) fn config_file(&self) -> PathBuf {
        self.docker_config.path().join("config.json")
    }

    /// Where images are pushed to.
    fn host(&self) -> &str {
        match &self.cache {
            Cache::Engine => panic!("images stay in the engine"),
            Cache::Oci(host) | Cache::Ecr(host) => host,
        }
    }

    /// Runs the binary and shows its answer with placeholders for what differs from run to run.
    pub(crate) fn shown<const N: usize>(&self, arguments: [&str; N]) -> String {
        self.mask(&self.world.run(arguments))
    }

    /// An answer with placeholders for what differs from run to run.
    pub(crate) fn mask(&self, answer: &Answer) -> String {
        let docker_config = self.docker_config.path().display().to_string();
        let text = self.world.mask(answer).replace(&self.prefix, "<prefix>/");
        let text = text.replace(&docker_config, "<docker>");
        match &self.cache {
            Cache::Engine => text,
            Cache::Oci(host) | Cache::Ecr(host) => text.replace(host, "<registry>"),
        }
    }

    /// Chooses the engine that is used by a context of the docker CLI, as `docker context use` does.
    pub(crate) fn use_context(&mut self, name: &str) {
        let engine = *self.engines.last().unwrap();
        let id: String = Sha256::digest(name).iter().map(|byte| format!("{byte:02x}")).collect();
        let contexts = self.docker_config.path().join("contexts");
        let (meta, tls) = (contexts.join("meta").join(&id), contexts.join("tls").join(&id).join("docker"));
        std::fs::create_dir_all(&meta).unwrap();
        let endpoints = json!({ "docker": { "Host": engine.host() } });
        let content = json!({ "Name": name, "Metadata": {}, "Endpoints": endpoints });
        std::fs::write(meta.join("meta.json"), content.to_string()).unwrap();
        if let Some(certificates) = engine.certificates() {
            std::fs::create_dir_all(&tls).unwrap();
            for file in ["ca.pem", "cert.pem", "key.pem"] {
                std::fs::copy(Path::new(&certificates).join(file), tls.join(file)).unwrap();
            }
        }
        self.configure(|config| config["currentContext"] = name.into());
        for variable in ["DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"] {
            self.world.set(variable, "");
        }
    }

    /// Changes the Docker configuration, which may hold the login for the cache.
    pub(crate) fn configure(&self, change: impl FnOnce(&mut Value)) {
        let text = std::fs::read_to_string(self.config_file()).unwrap_or_else(|_| "{}".to_owned());
        let mut config = serde_json::from_str(&text).unwrap();
        change(&mut config);
        std::fs::write(self.config_file(), config.to_string()).unwrap();
    }

    /// The names of this shop's images in the engine that it uses, without host and prefix.
    pub(crate) fn engine_images(&self) -> BTreeSet<String> {
        let engine = *self.engines.last().unwrap();
        let names = engine.images().into_iter().flat_map(|image| image.repo_tags);
        names.filter_map(|name| Some(name.split_once(&self.prefix)?.1.to_owned())).collect()
    }

    /// The tags of one repository where images are pushed to; none when it has no such repository.
    pub(crate) fn tags(&self, repository: &str) -> BTreeSet<String> {
        if let Cache::Ecr(_) = &self.cache {
            let answer = self.ask("DescribeImages", repository, json!({}));
            let images = answer["imageDetails"].as_array().unwrap_or_else(|| panic!("{answer}"));
            let tags = images.iter().flat_map(|image| image["imageTags"].as_array().unwrap());
            return tags.map(|tag| tag.as_str().unwrap().to_owned()).collect();
        }
        let url = format!("http://{}/v2/{}{repository}/tags/list", self.host(), self.prefix);
        let (user, password) = (setting("REGISTRY_1_USER"), setting("REGISTRY_1_PASSWORD"));
        let answer = wait_for(async {
            rustls::crypto::ring::default_provider().install_default().ok();
            let asked = reqwest::Client::new().get(url).basic_auth(user, Some(password));
            let answer = asked.send().await.unwrap();
            assert!(matches!(answer.status().as_u16(), 200 | 404), "{answer:?}");
            answer.bytes().await.unwrap()
        });
        let json: Value = serde_json::from_slice(&answer).unwrap();
        let tags = json["tags"].as_array().into_iter().flatten();
        tags.map(|tag| tag.as_str().unwrap().to_owned()).collect()
    }

    /// Asks the emulator of AWS itself about a repository of this shop.
    pub(crate) fn ask(&self, operation: &str, repository: &str, mut request: Value) -> Value {
        request["repositoryName"] = format!("{}{repository}", self.prefix).into();
        aws::ask("AWS_1", REGION, "ecr", aws::ECR, operation, &request)
    }

    /// What the bed's first registry was asked of this shop's repositories since the last call: `METHOD path`.
    pub(crate) fn asked(&mut self) -> Vec<String> {
        let mut log = std::fs::File::open(setting("REGISTRY_1_LOG")).unwrap();
        log.seek(SeekFrom::Start(self.read_log_bytes)).unwrap();
        let mut text = String::new();
        self.read_log_bytes += log.read_to_string(&mut text).unwrap() as u64;
        let prefix = format!("/v2/{}", self.prefix);
        text.lines()
            .filter_map(|line| line.split('"').nth(1))
            .filter(|request| request.contains(&prefix))
            .map(|request| request.rsplit_once(' ').unwrap().0.to_owned())
            .collect()
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        for engine in &self.engines {
            // What a build has pulled or pushed has no other name than its digest.
            engine.remove_images(&self.prefix);
        }
    }
}

/// Makes steps differ from those of other shops: the engine tells of a step that two builds share
/// to the first of them alone.
fn own(dockerfile: &str, prefix: &str) -> String {
    let (from, rest) = dockerfile.split_once('\n').unwrap();
    format!("{from}\nENV SHOP={prefix}\n{rest}")
}

/// Waits for work in a thread of its own: the test may be in a runtime, which can't wait.
pub(crate) fn wait_for<T: Send>(work: impl Future<Output = T> + Send) -> T {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    std::thread::scope(|scope| scope.spawn(|| runtime().block_on(work)).join().unwrap())
}
