//! The shell blocks of all pages do what they say: each is run as it stands on its page, in the example monorepo, with the registries and
//! the engine of the test bed. What is not run here is listed with the reason.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::end_to_end::support::examples_in;
use crate::support::bed::setting;
use crate::support::engines::BedEngine;
use crate::support::shop::{Cache, Shop};
use crate::support::world::Answer;

/// What a block begins with, as it stands on its page, and why it is not run.
const NOT_RUN: &[(&str, &str)] = &[
    ("make demo", "builds and tests this program itself"),
    ("make dist", "builds this program"),
    ("cargo install --locked --path .", "builds this program"),
    ("cargo build --release", "builds this program"),
    ("docker login registry.example.com", "asks for a password"),
    ("chinampa watch api", "does not end"),
    ("chinampa build --local         #", "its last line does not end"),
    ("docker image ls --filter label", "removes images of other tests from the engine"),
    ("docker run --privileged", "changes the kernel's settings, with an image of somebody else"),
    ("chinampa promote registry.example.com", "needs ECR at its own host"),
    ("chinampa run api --name test", "runs the tests of an imaginary project; `end_to_end::jobs` has others"),
    ("chinampa lock", "resolves images at a registry outside; `end_to_end::locked` has others"),
    ("chinampa update", "the same"),
    ("chinampa plan --check-locked", "needs the file that the two write"),
    ("CHINAMPA_TERRAFORM=$(chinampa ensure_terraform", "downloads Terraform from a server outside"),
    ("aws ecr put-account-setting", "needs the program aws and an account"),
    (
        "export CHINAMPA_SBOM=syft",
        "needs programs that make SBOMs and sign; `end_to_end::attestations` has others in their place",
    ),
];

/// Pages whose blocks are sessions, which other tests run.
const SESSIONS: [&str; 2] = ["docs/migrating", "docs/getting-started.md"];

/// Languages of blocks that a shell runs.
const SHELL: [&str; 3] = ["sh", "bash", "console"];

struct Block {
    /// The page and the line of its fence.
    place: String,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn pages(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(pages(&path)),
            false if path.extension().is_some_and(|it| it == "md") => found.push(path),
            false => {}
        }
    }
    found.sort();
    found
}

/// The blocks of a page that a shell runs: no files of a repository, and of sessions the commands.
fn blocks(page: &Path) -> Vec<Block> {
    let name = page.strip_prefix(root()).unwrap().display().to_string();
    let (mut blocks, mut before) = (Vec::new(), String::new());
    let mut open: Option<(String, Vec<String>)> = None;
    for (number, line) in (1..).zip(std::fs::read_to_string(page).unwrap().lines()) {
        let line = line.trim();
        let fence = line.strip_prefix("```");
        match (open.as_mut(), fence) {
            (None, Some(language)) => open = Some((language.to_owned(), vec![format!("{name}:{number}")])),
            (None, None) if !line.is_empty() => before = line.to_owned(),
            (None, None) => {}
            (Some((_, lines)), None) => lines.push(line.to_owned()),
            (Some(_), Some(_)) => {
                let (language, lines) = open.take().unwrap();
                let is_file = before.starts_with('`') && before.ends_with("`:");
                if SHELL.contains(&language.as_str()) && !is_file {
                    let [place, lines @ ..] = &lines[..] else { unreachable!() };
                    let typed = |line: &String| match language.as_str() {
                        "console" => line.strip_prefix("$ ").map(str::to_owned),
                        _ => Some(line.clone()),
                    };
                    let text = lines.iter().filter_map(typed).map(|line| line + "\n").collect();
                    blocks.push(Block { place: place.clone(), text });
                }
            }
        }
    }
    blocks
}

/// The example monorepo with a cache in one region, environments in another one, and all that pages speak of: commits on `main` since
/// `v1.4`, a remote, and deployments of the first commit.
struct Monorepo {
    shop: Shop,
    /// The remote, programs and Docker's plugins.
    folder: tempfile::TempDir,
    first: String,
}

impl Monorepo {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let programs = folder.path().join("bin");
        std::fs::create_dir(&programs).unwrap();
        symlink(env!("CARGO_BIN_EXE_chinampa"), programs.join("chinampa")).unwrap();
        symlink("/usr/bin/docker", programs.join("docker")).unwrap();
        let mut shop = examples_in(Shop::new().on(BedEngine::Current).cache(Cache::ecr()));
        let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
        let (host, prefix) = (setting("AWS_2"), &shop.prefix);
        let deploy = format!(
            "[deploy]\nkind = \"ecr\"\nregion = \"eu-west-2\"\nhost = \"{host}\"\nendpoint = \"http://{host}\"\n\
             prefix = \"{prefix}\"\n[environments.dev]\nbranch = \"main\"\n[environments.prod]\nbranch = \"main\"\n"
        );
        let manifest = manifest.replace("[projects.base]", &format!("{deploy}\n[projects.base]"));
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
        let home = folder.path().display().to_string();
        let world = &mut shop.world;
        world
            .set("PATH", &path)
            .set("HOME", &home)
            .set("CHINAMPA_RUN", "1")
            .set("REGISTRY_USER", "user")
            .set("REGISTRY_PASSWORD", "s3cret");
        for role in ["AUTHOR", "COMMITTER"] {
            world
                .set(&format!("GIT_{role}_NAME"), "Ana")
                .set(&format!("GIT_{role}_EMAIL"), "ana@git.example");
        }
        world.write("projects.toml", manifest);
        let first = world.commit();
        let remote = folder.path().join("remote.git").display().to_string();
        world.git_with(&["init", "-q", "--bare", "-b", "main", &remote]);
        world.git_with(&["remote", "add", "origin", &remote]);
        world.git(["tag", "v1.4"]);
        let it = Self { shop, folder, first };
        it.prepare(&["build"]);
        for environment in ["dev", "prod"] {
            it.prepare(&["deploy", "--environment", environment]);
        }
        it.change();
        it.prepare(&["build"]);
        it.prepare(&["deploy", "--environment", "prod"]);
        it.shop.world.git(["push", "-q", "--set-upstream", "origin", "main"]);
        it
    }

    fn prepare(&self, arguments: &[&str]) {
        let answer = Answer::from(self.shop.world.command_of(arguments).output().unwrap());
        assert_eq!(answer.exit, 0, "{arguments:?}: {answer}");
    }

    /// Commits a change of `lib`.
    fn change(&self) {
        let file = "examples/lib/src/prices.sh";
        let text = std::fs::read_to_string(self.shop.world.file(file)).unwrap();
        self.shop.world.write(file, format!("{text}# changed\n")).commit();
    }

    /// What stands on a page, with the names of this place.
    fn here(&self, text: &str) -> String {
        let own = self.shop.prefix.trim_end_matches('/');
        text.replace("4e4100b067", &self.first)
            .replace("registry.example.com", &setting("REGISTRY_1"))
            .replace(
                "docker run --rm shop/",
                &format!("docker run --rm --network none --entrypoint true {own}/"),
            )
    }

    fn run(&self, block: &Block) -> Answer {
        if block.text.contains("git add projects.toml") {
            let manifest = std::fs::read_to_string(self.shop.world.file("projects.toml")).unwrap();
            self.shop.world.write("projects.toml", format!("{manifest}# once more\n"));
        }
        let text = self.here(&block.text);
        let mut shell = self.shop.world.program("bash", &["-euo", "pipefail", "-c", &text]);
        shell.current_dir(self.shop.world.path()).env("TMPDIR", self.folder.path()).output().unwrap().into()
    }
}

#[test]
fn each_block_of_a_page_that_a_shell_can_run_runs() {
    let mut files = pages(&root().join("docs"));
    files.push(root().join("README.md"));
    let is_session = |file: &&PathBuf| SESSIONS.iter().any(|page| file.starts_with(root().join(page)));
    let blocks: Vec<Block> =
        files.iter().filter(|file| !is_session(file)).flat_map(|it| blocks(it)).collect();
    let it = Monorepo::new();

    let (mut failed, mut run, mut unused) =
        (Vec::new(), 0, NOT_RUN.iter().map(|it| it.0).collect::<BTreeSet<_>>());
    for block in &blocks {
        if let Some((start, _)) = NOT_RUN.iter().find(|(start, _)| block.text.starts_with(start)) {
            unused.remove(start);
            continue;
        }
        run += 1;
        let answer = it.run(block);
        if answer.exit != 0 {
            failed.push(format!("{}:\n{}{answer}", block.place, block.text));
        }
    }

    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(run >= 18, "only {run} blocks were run");
    assert!(unused.is_empty(), "these are on no page: {unused:?}");
}
