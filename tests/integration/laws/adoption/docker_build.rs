//! Images as `docker build` makes them of a checkout, and a look into images.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{CreateContainerOptions, RemoveContainerOptions};
use bytes::Bytes;
use futures_util::TryStreamExt as _;

use super::dockerfiles::BASES;
use super::image::{self, ASSETS, Image, Naming, SECRET};
use crate::laws::affected::repository::Entry;
use crate::support::bed::setting;
use crate::support::engines::BedEngine;
use crate::support::shop::wait_for;

/// The value of the secret.
pub(super) const SECRET_VALUE: &str = "nobody knows";

/// An engine with base images of its own, and the images that `docker build` makes there. They leave it in the end.
pub(super) struct DockerBuild {
    engine: BedEngine,
    naming: Naming,
    /// The folder of Docker's configuration.
    config: PathBuf,
    /// In all names of images.
    mark: String,
}

/// An entry of an image's file system.
#[derive(PartialEq, Eq)]
pub(super) struct Found {
    kind: tar::EntryType,
    mode: u32,
    owner: (u64, u64),
    link: Option<Vec<u8>>,
    content: Vec<u8>,
}

impl std::fmt::Debug for Found {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, mode, owner, link, content } = self;
        let (link, content) = (link.as_deref().unwrap_or_default(), &content[..content.len().min(2000)]);
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        write!(formatter, "{kind:?} {mode:o} {owner:?} {:?} {:?}", text(link), text(content))
    }
}

impl DockerBuild {
    pub(super) fn new(engine: BedEngine, config: &Path, naming: &Naming) -> Self {
        let mark = naming.suffix.trim_start_matches('-').to_owned();
        let (naming, config) = (naming.clone(), config.to_owned());
        let docker_build = Self { engine, naming, config, mark };
        docker_build.base_images();
        docker_build
    }

    /// Makes the images that Dockerfiles start from: a tool by many names, and a file that each image adds to.
    fn base_images(&self) {
        let names = "cargo corepack dotnet go gradle npm pip pnpm";
        let dockerfile = format!(
            "FROM {}\nCOPY tool.sh /bin/tool\nRUN for name in {names}; do ln -s tool /bin/$name; done\n\
             RUN mkdir -p /opt /usr/share/nginx; echo base >/opt/log\n",
            setting("BASE_IMAGE")
        );
        let folder = tempfile::tempdir().unwrap();
        let file = |content: &str, executable| Entry::File { content: content.to_owned(), executable };
        let files =
            [("Dockerfile", file(&dockerfile, false)), ("tool.sh", file(include_str!("tool.sh"), true))];
        write(&files.map(|(path, entry)| (path.to_owned(), entry)).into(), folder.path());
        let mut command = self.command();
        for name in BASES {
            command.args(["--tag", &self.naming.base(name)]);
        }
        succeed(command.arg(folder.path()));
    }

    /// Builds the image at this place as anybody would from a checkout, under all names that Dockerfiles have for it.
    pub(super) fn build(&self, at: usize, all: &[Image], checkout: &Path) {
        let image = &all[at];
        let mut command = self.command();
        let mut dockerfile = checkout.join(&image.dockerfile);
        let rewritten = tempfile::tempdir().unwrap();
        let parents = image.named_contexts().map(|(name, parent)| (name, self.name_of(parent)));
        if self.engine.is_docker_20_10() {
            // It knows no named contexts: the Dockerfile names images for them.
            let mut text = std::fs::read_to_string(&dockerfile).unwrap();
            for (name, parent) in parents {
                text = text.replace(&format!("FROM {name} "), &format!("FROM {parent} "));
            }
            if image.has_assets {
                let assets = format!("--from={} ", self.image_of_assets(checkout));
                text = text.replace(&format!("--from={} ", ASSETS.0), &assets);
            }
            let ignore_file = format!("{}.dockerignore", dockerfile.display());
            dockerfile = rewritten.path().join("Dockerfile");
            std::fs::write(&dockerfile, text).unwrap();
            if Path::new(&ignore_file).exists() {
                std::fs::copy(ignore_file, rewritten.path().join("Dockerfile.dockerignore")).unwrap();
            }
        } else {
            for (name, parent) in parents {
                command.args(["--build-context", &format!("{name}=docker-image://{parent}")]);
            }
            if image.has_assets {
                let (name, folder) = ASSETS;
                command.args(["--build-context", &format!("{name}={}", checkout.join(folder).display())]);
            }
        }
        command.arg("--file").arg(&dockerfile);
        if let Some(target) = &image.target {
            command.args(["--target", target]);
        }
        for (name, value) in &image.build_args {
            command.args(["--build-arg", &format!("{name}={value}")]);
        }
        if image.has_secret {
            let (id, variable) = SECRET;
            command.args(["--secret", &format!("id={id},env={variable}")]).env(variable, SECRET_VALUE);
        }
        command.args(["--tag", &self.name_of(at)]);
        if image::is_meant(at, all) {
            let name = &image.name;
            let registry = format!("{}/{name}", self.naming.registry);
            for name in [format!("{name}:latest"), format!("{registry}:1"), format!("{registry}:latest")] {
                command.args(["--tag", &name]);
            }
        }
        succeed(command.arg(checkout.join(&image.context)));
    }

    /// An image with the files of [`ASSETS`].
    fn image_of_assets(&self, checkout: &Path) -> String {
        let name = format!("assets-{}:latest", self.mark);
        let dockerfile = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(dockerfile.path(), "FROM scratch\nCOPY . /\n").unwrap();
        let mut command = self.command();
        command.args(["--tag", &name, "--file"]).arg(dockerfile.path());
        succeed(command.arg(checkout.join(ASSETS.1)));
        name
    }

    /// What the image at this place is called here.
    pub(super) fn name_of(&self, at: usize) -> String {
        format!("image-{at}-{}:latest", self.mark)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(setting("DOCKER_BUILDX"));
        command.args(["build", "--quiet"]);
        command.env("DOCKER_HOST", self.engine.socket()).env("DOCKER_CONFIG", &self.config);
        command
    }

    /// Everything in an image.
    pub(super) fn files(&self, image: &str) -> BTreeMap<String, Found> {
        let client = self.engine.client();
        let body = ContainerCreateBody {
            image: Some(image.to_owned()),
            cmd: Some(vec!["true".to_owned()]),
            ..Default::default()
        };
        let chunks: Vec<Bytes> = wait_for(async {
            let container = client.create_container(None::<CreateContainerOptions>, body).await.unwrap().id;
            let chunks = client.export_container(&container).try_collect().await.unwrap();
            client.remove_container(&container, None::<RemoveContainerOptions>).await.unwrap();
            chunks
        });
        let bytes = chunks.concat();
        let mut found = BTreeMap::new();
        for entry in tar::Archive::new(&*bytes).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            let header = entry.header();
            let one = Found {
                kind: header.entry_type(),
                mode: header.mode().unwrap(),
                owner: (header.uid().unwrap(), header.gid().unwrap()),
                link: entry.link_name_bytes().map(std::borrow::Cow::into_owned),
                content,
            };
            found.insert(entry.path().unwrap().display().to_string(), one);
        }
        found
    }
}

impl Drop for DockerBuild {
    fn drop(&mut self) {
        self.engine.remove_images(&self.mark);
    }
}

fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Writes files with the modes that git has for them, whatever this process's mask is.
pub(super) fn write(files: &BTreeMap<String, Entry>, folder: &Path) {
    let permit = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    for (path, entry) in files {
        let path = folder.join(path);
        let above: Vec<&Path> = path.ancestors().skip(1).take_while(|above| *above != folder).collect();
        for above in above.into_iter().rev().filter(|above| !above.exists()) {
            std::fs::create_dir(above).unwrap();
            permit(above, 0o755);
        }
        match entry {
            Entry::File { content, executable } => {
                std::fs::write(&path, content).unwrap();
                permit(&path, if *executable { 0o755 } else { 0o644 });
            }
            Entry::Link(target) => symlink(target, &path).unwrap(),
            Entry::Submodule(_) => unreachable!("these repositories have none"),
        }
    }
}
