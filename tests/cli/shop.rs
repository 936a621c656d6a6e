//! Projects that are built with a real engine, under names of their own.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use bollard::query_parameters::{ListImagesOptionsBuilder, RemoveImageOptionsBuilder};

use crate::bed::setting;
use crate::world::{Answer, World};

/// A repository whose images are kept somewhere real. Its images leave the engine with it.
pub(crate) struct Shop {
    pub(crate) world: World,
    /// Stands before the name of every image, ends in `/`.
    pub(crate) prefix: String,
    /// Where images are pushed to, if it isn't the engine that keeps them.
    host: Option<String>,
    docker_config: tempfile::TempDir,
}

/// A folder, its Dockerfile, and what stands in its table besides `path`.
pub(crate) type Project = (&'static str, &'static str, &'static str);

impl Shop {
    /// Commits projects whose images stay in the engine.
    pub(crate) fn in_engine(projects: &[Project]) -> Self {
        Self::new(projects, None)
    }

    /// Commits projects whose images are pushed to the bed's registry, whose password is known.
    pub(crate) fn in_registry(projects: &[Project]) -> Self {
        let shop = Self::new(projects, Some(setting("REGISTRY_1")));
        shop.log_in(&setting("REGISTRY_1_PASSWORD"));
        shop
    }

    /// Commits projects whose images are pushed to `host`.
    pub(crate) fn in_registry_at(host: &str, projects: &[Project]) -> Self {
        Self::new(projects, Some(host.to_owned()))
    }

    fn new(projects: &[Project], host: Option<String>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let prefix = format!("t-{}-{}/", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let cache = match &host {
            None => "kind = \"engine\"".to_owned(),
            Some(host) => format!("kind = \"oci\"\nhost = \"{host}\""),
        };
        let mut manifest =
            format!("[workspace]\nname = \"shop\"\n\n[cache]\n{cache}\nprefix = \"{prefix}\"\n");
        let mut world = World::new();
        for (name, dockerfile, more) in projects {
            manifest += &format!("\n[projects.{name}]\npath = \"{name}\"\n{more}\n");
            world.write(&format!("{name}/Dockerfile"), own(dockerfile, &prefix));
        }
        world.write("projects.toml", manifest).commit();
        let docker_config = tempfile::tempdir().unwrap();
        world.set("DOCKER_HOST", &setting("DOCKER_HOST_1"));
        world.set("DOCKER_CONFIG", docker_config.path().to_str().unwrap());
        Self { world, prefix, host, docker_config }
    }

    /// Writes what `docker login` would.
    pub(crate) fn log_in(&self, password: &str) {
        let user = setting("REGISTRY_1_USER");
        let auth = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        let host = self.host.as_deref().unwrap();
        let config = format!(r#"{{"auths": {{"{host}": {{"auth": "{auth}"}}}}}}"#);
        std::fs::write(self.config_file(), config).unwrap();
    }

    pub(crate) fn config_file(&self) -> PathBuf {
        self.docker_config.path().join("config.json")
    }

    /// Runs the binary and shows its answer with placeholders for what differs from run to run.
    pub(crate) fn shown<const N: usize>(&self, arguments: [&str; N]) -> String {
        self.mask(&self.world.run(arguments))
    }

    /// An answer with placeholders for what differs from run to run.
    pub(crate) fn mask(&self, answer: &Answer) -> String {
        let text = self.world.mask(answer).replace(&self.prefix, "<prefix>/");
        match &self.host {
            Some(host) => text.replace(host, "<registry>"),
            None => text,
        }
    }

    /// The names of this shop's images in the engine, without host and prefix.
    pub(crate) fn engine_images(&self) -> BTreeSet<String> {
        let names = self.names_in_engine();
        names.iter().filter_map(|name| Some(name.split_once(&self.prefix)?.1.to_owned())).collect()
    }

    fn names_in_engine(&self) -> BTreeSet<String> {
        let docker = engine();
        let options = ListImagesOptionsBuilder::new().all(true).build();
        let images = wait_for(docker.list_images(Some(options))).unwrap();
        let names = images.into_iter().flat_map(|image| image.repo_tags);
        names.filter(|name| name.contains(&self.prefix)).collect()
    }

    /// The tags of one repository in the registry; none when it has no such repository.
    pub(crate) fn registry_tags(&self, repository: &str) -> BTreeSet<String> {
        let host = self.host.as_deref().unwrap();
        let url = format!("http://{host}/v2/{}{repository}/tags/list", self.prefix);
        let (user, password) = (setting("REGISTRY_1_USER"), setting("REGISTRY_1_PASSWORD"));
        rustls::crypto::ring::default_provider().install_default().ok();
        let answer = wait_for(async {
            let asked = reqwest::Client::new().get(url).basic_auth(user, Some(password));
            let answer = asked.send().await.unwrap();
            assert!(matches!(answer.status().as_u16(), 200 | 404), "{answer:?}");
            answer.bytes().await.unwrap()
        });
        let json: serde_json::Value = serde_json::from_slice(&answer).unwrap();
        let tags = json["tags"].as_array().into_iter().flatten();
        tags.map(|tag| tag.as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let docker = engine();
        for name in self.names_in_engine() {
            let options = RemoveImageOptionsBuilder::new().force(true).build();
            // What another name still holds goes with that name.
            let _ = wait_for(docker.remove_image(&name, Some(options), None));
        }
    }
}

/// Makes steps differ from those of other shops: the engine tells of a step that two builds share
/// to the first of them alone.
fn own(dockerfile: &str, prefix: &str) -> String {
    let (from, rest) = dockerfile.split_once('\n').unwrap();
    format!("{from}\nENV SHOP={prefix}\n{rest}")
}

fn engine() -> bollard::Docker {
    bollard::Docker::connect_with_host(&setting("DOCKER_HOST_1")).unwrap()
}

pub(crate) fn wait_for<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}
