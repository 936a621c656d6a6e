//! The session of a page, run in a repository of its own with the parts of the test bed.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use tempfile::TempDir;

use super::page::{Page, Step};
use super::shown::Ids;
use crate::support::bed::setting;
use crate::support::shop::Shop;
use crate::support::world::Answer;

/// How pages call the repository, the workspace, and what stands before the names of images.
const STOREFRONT: &str = "storefront";

/// Runs one command after another in one shell, as far as a folder and variables are concerned.
const SHELL: &str = r#"exec 2>&1; [ ! -f "$1" ] || { . "$1"; cd "$PWD"; }; eval "$2"; status=$?; export -p >"$1"; exit $status"#;

pub(super) struct Session {
    shop: Shop,
    /// The programs of the session, its home, and what its shell remembers.
    folder: TempDir,
    /// What a page says, and what stands in its place here.
    names: Vec<(String, String)>,
}

impl Session {
    /// A session whose images are in the engine, and in the registries that the shop may use.
    pub(super) fn new(mut shop: Shop) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (programs, home) = (folder.path().join("bin"), folder.path().join("home"));
        let plugins = shop.config_file().with_file_name("cli-plugins");
        for folder in [&programs, &home, &plugins] {
            std::fs::create_dir(folder).unwrap();
        }
        symlink(env!("CARGO_BIN_EXE_chinampa"), programs.join("chinampa")).unwrap();
        // Debian's: another one that is on PATH may have no BuildKit of its own.
        symlink("/usr/bin/docker", programs.join("docker")).unwrap();
        symlink(setting("DOCKER_COMPOSE"), plugins.join("docker-compose")).unwrap();
        symlink(setting("DOCKER_BUILDX"), plugins.join("docker-buildx")).unwrap();
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
        shop.world.set("PATH", &path).set("HOME", &home.display().to_string()).set("DOCKER_BUILDKIT", "1");
        shop.world.set("GIT_CONFIG_NOSYSTEM", "1");
        for role in ["AUTHOR", "COMMITTER"] {
            shop.world
                .set(&format!("GIT_{role}_NAME"), "Ana")
                .set(&format!("GIT_{role}_EMAIL"), "ana@git.example");
        }
        let own = shop.prefix.trim_end_matches('/').to_owned();
        shop.world.git(["remote", "add", "origin", &format!("https://git.example/acme/{own}.git")]);
        let names = vec![("busybox:1.37".to_owned(), setting("BASE_IMAGE")), (STOREFRONT.to_owned(), own)];
        Self { shop, folder, names }
    }

    /// Puts something in the place of what a page says.
    pub(super) fn with(mut self, page: &str, here: &str) -> Self {
        self.names.insert(0, (page.to_owned(), here.to_owned()));
        self
    }

    /// Does what a page says, beginning with a commit of the files that stand before its first command.
    ///
    /// # Panics
    /// When a command fails, or prints something else than the page shows; with all that do.
    pub(super) fn run(&self, page: &Page) {
        let mut ids = Ids::default();
        let mut differing = Vec::new();
        let mut has_begun = false;
        for step in &page.steps {
            match step {
                Step::Write { path, text } => self.write(path, text),
                Step::Append { path, text } => {
                    let before = std::fs::read_to_string(self.shop.world.file(path)).unwrap();
                    self.shop.world.write(path, before + &self.here(text));
                }
                Step::Run { line, command, shown } => {
                    if !has_begun {
                        self.shop.world.commit();
                        has_begun = true;
                    }
                    let answer = self.shell(command);
                    let printed = self.on_page(&answer.stdout);
                    if answer.exit != 0 || !ids.are_shown(shown, &printed) {
                        let Page { name, .. } = page;
                        let exit = answer.exit;
                        differing.push(format!("{name}:{line}: exit {exit}\n$ {command}\n{printed}"));
                    }
                }
            }
        }

        assert!(differing.is_empty(), "{}", differing.join("\n"));
    }

    fn write(&self, path: &str, text: &str) {
        self.shop.world.write(path, self.here(text));
        let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(self.shop.world.file(path), permissions).unwrap();
    }

    fn shell(&self, command: &str) -> Answer {
        let memory = self.folder.path().join("shell");
        let memory = Path::to_str(&memory).unwrap();
        let mut shell = self.shop.world.program("bash", &["-c", SHELL, "bash", memory, &self.here(command)]);
        shell.output().unwrap().into()
    }

    fn here(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (page, here)| text.replace(page, here))
    }

    fn on_page(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (page, here)| text.replace(here, page))
    }
}
