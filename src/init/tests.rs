//! A repository for the tests of this folder.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use crate::git::{Repository, Snapshot};
use crate::model::{ObjectId, RepoPath};

pub(in crate::init) struct World {
    folder: tempfile::TempDir,
    repository: Repository,
    tree: ObjectId,
}

impl World {
    /// A content that begins with `-> ` is the target of a link, one with `#!` is executable.
    pub(in crate::init) fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &["init", "-q"]);
        for (path, content) in files {
            let file = folder.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            if let Some(target) = content.strip_prefix("-> ") {
                symlink(target, file).unwrap();
                continue;
            }
            std::fs::write(&file, content).unwrap();
            if content.starts_with("#!") {
                std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
            }
        }
        git(folder.path(), &["add", "."]);
        let tree = git(folder.path(), &["write-tree"]).trim().parse().unwrap();
        let repository = Repository::open(folder.path()).unwrap();
        Self { folder, repository, tree }
    }

    pub(in crate::init) fn snapshot(&self) -> Snapshot<'_> {
        assert!(self.folder.path().is_dir());
        self.repository.snapshot_of_tree(self.tree)
    }
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git").args(arguments).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

pub(in crate::init) fn path(text: &str) -> RepoPath {
    RepoPath::new(text).unwrap()
}

mod find {
    use super::*;
    use crate::init::evidence::{Build, Strength};
    use crate::init::find;

    /// `Dockerfile < context` of each build with where it was found, then what is ignored, then what is left out.
    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let world = World::new(files);
        let snapshot = world.snapshot();
        let mut ignored = Vec::new();
        let found = find::files(&snapshot).unwrap();
        let builds = find::builds(&snapshot, &found, &mut ignored).unwrap();
        let shown = |build: &Build| {
            let context = build.context.as_ref().map_or("?".to_owned(), ToString::to_string);
            let link = build.link.as_ref().map_or(String::new(), |link| format!(" as {link}"));
            format!("{:?} {}{link} < {context} by {}", build.strength, build.dockerfile, build.found)
        };
        let mut all: Vec<String> = builds.iter().map(shown).collect();
        all.extend(ignored.iter().map(|ignored| format!("ignored {}: {}", ignored.at, ignored.why)));
        all.extend(find::left_out(&found, &builds).iter().map(|left_out| {
            let examples: Vec<String> = left_out.examples.iter().map(ToString::to_string).collect();
            format!("{:?} {}: {}", left_out.kind, left_out.count, examples.join(" "))
        }));
        assert!(builds.iter().is_sorted_by_key(|build| build.strength == Strength::File));
        all
    }

    const IMAGE: &str = "FROM scratch\n";

    #[test]
    fn dockerfiles_that_are_not_ours_to_build_are_counted_by_kind() {
        let found = found(&[
            ("Containerfile", IMAGE),
            ("a/Dockerfile-debug", IMAGE),
            ("a/node_modules/x/Dockerfile", IMAGE),
            ("a/testdata/1/Dockerfile", IMAGE),
            ("a/testdata/2/Dockerfile", IMAGE),
            ("a/testdata/3/Dockerfile", IMAGE),
            ("a/testdata/4/Dockerfile", IMAGE),
            ("a/Dockerfile.bak", IMAGE),
            ("a/Dockerfile.tmpl", IMAGE),
            ("a/Dockerfile.md", IMAGE),
            ("w/Dockerfile", "FROM mcr.microsoft.com/windows/nanoserver\n"),
        ]);

        assert_eq!(
            found,
            [
                "File Containerfile < ? by Containerfile",
                "File a/Dockerfile-debug < ? by a/Dockerfile-debug",
                "Vendored 1: a/node_modules/x/Dockerfile",
                "Fixture 4: a/testdata/1/Dockerfile a/testdata/2/Dockerfile a/testdata/3/Dockerfile",
                "Template 1: a/Dockerfile.tmpl",
                "Backup 1: a/Dockerfile.bak",
                "Documentation 1: a/Dockerfile.md",
                "Windows 1: w/Dockerfile",
            ]
        );
    }

    #[test]
    fn what_somebody_names_counts_wherever_it_lies() {
        let found = found(&[
            ("vendor/x/Dockerfile", IMAGE),
            ("testdata/y/Dockerfile", IMAGE),
            ("testdata/z/Dockerfile", IMAGE),
            ("testdata/compose.yaml", "services: {z: {build: z}}\n"),
            ("testdata/build.sh", "docker build testdata/z\n"),
            ("w/Dockerfile", "FROM mcr.microsoft.com/windows/nanoserver\n"),
            ("compose.yaml", "services:\n  x:\n    build: vendor/x\n"),
            ("build.sh", "docker build testdata/y\ndocker build w\n"),
        ]);

        assert_eq!(
            found,
            [
                "Definition vendor/x/Dockerfile < vendor/x by compose.yaml:3",
                "Command testdata/y/Dockerfile < testdata/y by build.sh:1",
                "Fixture 1: testdata/z/Dockerfile",
                "Windows 1: w/Dockerfile",
            ]
        );
    }

    #[test]
    fn a_link_names_the_dockerfile_behind_it() {
        let found = found(&[
            ("docker/go.Dockerfile", IMAGE),
            ("api/Dockerfile", "-> ../docker/go.Dockerfile"),
            ("api/Dockerfile.debug", "-> Dockerfile"),
            ("web/Dockerfile", "-> ../docker/go.Dockerfile"),
            ("gone/Dockerfile", "-> nothing"),
            ("out/Dockerfile", "-> ../../etc/passwd"),
            ("round/Dockerfile", "-> Dockerfile"),
            ("Makefile", "web:\n\tdocker build web\n"),
        ]);

        assert_eq!(
            found,
            [
                "Command docker/go.Dockerfile as web/Dockerfile < web by Makefile:2",
                "File docker/go.Dockerfile as api/Dockerfile < ? by api/Dockerfile",
                "ignored gone/Dockerfile: the symbolic link `gone/Dockerfile` leads to no file of the repository",
                "ignored out/Dockerfile: the symbolic link `out/Dockerfile` leads to no file of the repository",
                "ignored round/Dockerfile: the symbolic link `round/Dockerfile` leads to no file of the repository",
            ]
        );
    }

    #[test]
    fn files_that_a_gitlab_file_includes_have_commands_too() {
        let found = found(&[
            ("api/Dockerfile", IMAGE),
            ("web/Dockerfile", IMAGE),
            (".gitlab-ci.yml", "include: [{local: /build/api.yml}, /gone.yml]\n"),
            ("build/api.yml", "include: /.gitlab-ci.yml\napi:\n  script: docker build api\n"),
            (".gitlab/web.yml", "web:\n  script: docker build web\n"),
            ("build/run", "#!/bin/sh\ndocker build -f api/Dockerfile .\n"),
        ]);

        assert_eq!(
            found,
            [
                "Command web/Dockerfile < web by .gitlab/web.yml:2",
                "Command api/Dockerfile < . by build/run:2",
                "Command api/Dockerfile < api by build/api.yml:3",
            ]
        );
    }

    #[test]
    fn hundreds_of_files_are_searched_soon() {
        let many = |name: &'static str, count: usize, text: &'static str| {
            (0..count).map(move |number| (format!("d{}/{number}/{name}", number % 50), text.to_owned()))
        };
        let script = "#!/bin/sh\nset -e\nbuild() {\n  docker build -t x $1\n}\nbuild \"$1\"\ndocker build -f docker/$X/Dockerfile .\n";
        let files: Vec<(String, String)> =
            many("Dockerfile", 200, IMAGE).chain(many("run.sh", 800, script)).collect();
        let files: Vec<(&str, &str)> =
            files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let world = World::new(&files);
        let snapshot = world.snapshot();
        let started = std::time::Instant::now();

        let found = find::files(&snapshot).unwrap();
        let builds = find::builds(&snapshot, &found, &mut Vec::new()).unwrap();

        assert_eq!(builds.len(), 200);
        // Without optimisation, and beside other tests.
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    }
}
