//! `watch`: what a saved file affects is built, and a program runs with the images.

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use crate::end_to_end::support::{docker, names};
use crate::support::engines::BedEngine;
use crate::support::shop::{Cache, Shop};
use crate::support::world::World;

/// Longer than a build of these images takes.
const IN_TIME: Duration = Duration::from_secs(60);

/// What runs with the images: it says which process it is and which image it has, and stays until it is ended.
const PROGRAM: &str = "echo \"$$ runs with $API_IMAGE\"; exec sleep 1000";

/// A `watch` that runs, and all that it and its program write, line by line.
struct Watch {
    process: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Watch {
    fn start<const N: usize>(world: &World, arguments: [&str; N]) -> Self {
        let mut command = world.command(["watch"]);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let (sender, lines) = channel();
        forward(process.stdout.take().unwrap(), sender.clone());
        forward(process.stderr.take().unwrap(), sender);
        Self { process, lines, seen: Vec::new() }
    }

    /// Waits for a line with this text, and returns it.
    fn line(&mut self, text: &str) -> String {
        loop {
            match self.lines.recv_timeout(IN_TIME) {
                Ok(line) => self.seen.push(line),
                Err(error) => panic!("no line with `{text}`, {error}: {:#?}", self.seen),
            }
            let last = self.seen.last().unwrap();
            if last.contains(text) {
                return last.clone();
            }
        }
    }

    /// Waits until the program runs, and returns its process.
    fn runs(&mut self) -> String {
        // Not the line that says what is run.
        self.line(" runs with t").split(' ').next().unwrap().to_owned()
    }

    /// Interrupts it, and returns its exit code.
    fn interrupted(mut self) -> Option<i32> {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        self.process.wait().unwrap().code()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn forward(stream: impl Read + Send + 'static, sender: Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
}

fn is_running(process: &str) -> bool {
    Path::new("/proc").join(process).exists()
}

fn shop() -> Shop {
    let shop = Shop::new().on(BedEngine::Machine).cache(Cache::Engine);
    shop.world.write("lib/f", "1").write("api/f", "1").write("web/f", "1").write("README", "1");
    shop.projects(&[
        ("lib", "FROM chinampa/base:1\nCOPY f /lib\n", ""),
        ("api", "FROM lib\nCOPY f /api\nRUN test ! -s /api || true\n", ""),
        ("web", "FROM chinampa/base:1\nCOPY f /web\n", ""),
    ])
}

#[test]
fn a_saved_file_is_built_and_the_program_runs_with_the_new_image() {
    let shop = shop();
    let image = format!("{}api:local", shop.prefix);
    let content = |file| {
        docker(&BedEngine::Machine.socket(), &["run", "--rm", "--network", "none", &image, "cat", file])
    };
    let mut watch = Watch::start(&shop.world, ["api", "--", "sh", "-c", PROGRAM]);

    let first = watch.runs();
    assert!(watch.seen.last().unwrap().ends_with(&image), "{:?}", watch.seen);
    // No input of `api`.
    shop.world.write("README", "2").write("web/f", "2");
    shop.world.write("lib/f", "2");
    let second = watch.runs();

    assert_eq!(content("/lib"), "2");
    assert!(!is_running(&first), "{:#?}", watch.seen);
    assert_eq!(shop.engine_images(), names(["api:local", "lib:local"]));
    // A build that fails, and a manifest that can't be read, end nothing but the program.
    shop.world.write("api/Dockerfile", "FROM lib\nCOPY f /api\nRUN exit 3\n");
    watch.line("failed");
    let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
    shop.world.write("projects.toml", "[[");
    watch.line("error: ");
    assert!(!is_running(&second), "{:#?}", watch.seen);
    shop.world.write("projects.toml", manifest);
    shop.world.write("api/Dockerfile", "FROM lib\nCOPY f /mended\n");
    let third = watch.runs();
    assert_eq!(content("/mended"), "1");

    assert_eq!(watch.interrupted(), Some(130));
    assert!(!is_running(&third));
}

#[test]
fn in_an_untrusted_run_the_program_has_the_images_that_were_built() {
    let mut shop = shop();
    shop.world.set("CHINAMPA_TRUST", "untrusted");
    let mut watch = Watch::start(&shop.world, ["lib", "--", "sh", "-c", "echo \"has $LIB_IMAGE\""]);

    let line = watch.line("has t");

    assert_eq!(watch.interrupted(), Some(130));
    let image = line.strip_prefix("has ").unwrap();
    assert!(image.starts_with(&format!("{}lib:untrusted-", shop.prefix)), "{line}");
    let content = ["run", "--rm", "--network", "none", image, "cat", "/lib"];
    assert_eq!(docker(&BedEngine::Machine.socket(), &content), "1");
    let names = shop.world.run(["images", "--local"]);
    assert!(names.exit == 2 && names.stdout.is_empty(), "{names}");
}

#[test]
fn the_documents_of_builds_are_all_that_is_on_standard_output() {
    let shop = shop();
    let mut command = shop.world.command(["watch", "lib", "--json", "--", "sh", "-c", "echo of the program"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut stderr = BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);

    let has_ended = stderr.any(|line| line.contains("the program ended"));
    let id = process.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let mut stdout = String::new();
    process.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    process.wait().unwrap();

    assert!(has_ended);
    let document: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(document["schema"], "chinampa.build/2");
}

#[test]
fn a_program_that_ends_is_said_and_runs_again_after_the_next_build() {
    let shop = shop();
    let mut watch = Watch::start(&shop.world, ["lib", "--", "sh", "-c", "echo \"has $LIB_IMAGE\"; exit 7"]);

    watch.line("has ");
    watch.line("the program ended: exit status: 7");
    shop.world.write("lib/f", "2");
    watch.line("changed: lib/f");
    watch.line("has ");

    assert_eq!(watch.interrupted(), Some(130));
}

#[test]
fn a_new_file_is_built_when_git_tracks_it() {
    let shop = shop();
    shop.world.write("web/Dockerfile", "FROM chinampa/base:1\nCOPY . /web/\n").commit();
    let mut watch = Watch::start(&shop.world, ["web", "--", "sh", "-c", "echo \"has $WEB_IMAGE\""]);
    watch.line("has t");
    watch.line("the program ended");

    shop.world.write("web/new", "1");
    watch.line("`git add web/new`");
    shop.world.git(["add", "web/new"]);

    watch.line("changed: what git tracks");
    watch.line("has t");
    assert_eq!(watch.interrupted(), Some(130));
}

#[test]
fn what_cannot_be_watched_is_invalid_input() {
    let shop = shop();
    shop.world.write("Makefile", "");
    let bare = World::new();
    assert!(
        Command::new("git").args(["init", "-q", "--bare"]).arg(bare.file("bare")).status().unwrap().success()
    );

    let commit = shop.world.run(["watch", "--head", "HEAD"]);
    let absent = shop.world.run(["watch", "lib", "-q", "--", "no-such-program"]);

    assert_eq!(commit.exit, 2, "{commit}");
    assert!(commit.stderr.contains("a commit does not change"), "{commit}");
    assert_eq!(absent.exit, 2, "{absent}");
    assert!(absent.stderr.contains("cannot start `no-such-program`"), "{absent}");
}

#[test]
fn a_save_builds_what_it_affects_whatever_the_message_of_the_commit_asks_for() {
    let shop = shop();
    let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
    let allowed = "name = \"shop\"\nmessage_switches = [\"rebuild\"]";
    shop.world.write("projects.toml", manifest.replace("name = \"shop\"", allowed));
    shop.world.git(["commit", "-q", "-a", "-m", "[ci rebuild]"]);
    let mut watch = Watch::start(&shop.world, ["lib", "web", "--", "echo", "is built"]);
    watch.line("2 built");
    watch.line("is built");

    shop.world.write("web/f", "2");

    let summary = watch.line(" reused in");
    assert!(summary.contains("1 built, 1 reused"), "{:#?}", watch.seen);
    assert_eq!(watch.interrupted(), Some(130));
}
