//! SIGINT and SIGTERM end every phase at once, with 130, also where SIGINT was ignored when the program was started.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::cli::failures::until;
use crate::support::bed::setting;
use crate::support::proxy::{Fault, Proxy, Rule};
use crate::support::shop::{Cache, Shop};
use crate::support::world::World;

/// Longer than a signal ever takes, and much shorter than what it ends.
const AT_ONCE: Duration = Duration::from_secs(5);

/// How the program is started, and what is sent to it.
const WAYS: [(Start, &str); 4] =
    [(Start::Usual, "INT"), (Start::Usual, "TERM"), (Start::Ignoring, "INT"), (Start::Ignoring, "TERM")];

#[derive(Clone, Copy, Debug)]
enum Start {
    Usual,
    /// As a shell starts what is in the background.
    Ignoring,
}

/// A running program, which does not outlive its test.
struct Run(Child);

impl Run {
    fn start<const N: usize>(world: &World, start: Start, arguments: [&str; N]) -> Self {
        let usual = world.command(arguments);
        let mut command = match start {
            Start::Usual => usual,
            Start::Ignoring => {
                let mut shell = Command::new("/bin/sh");
                shell.args(["-c", "trap '' INT; exec \"$0\" \"$@\""]).arg(usual.get_program());
                shell.args(usual.get_args()).current_dir(usual.get_current_dir().unwrap()).env_clear();
                shell.envs(usual.get_envs().filter_map(|(name, value)| Some((name, value?))));
                shell
            }
        };
        Self(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([&format!("-{signal}"), &self.0.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Sends the signal and checks that the program ends at once, by itself, with 130; returns its answer.
    fn ends_on(mut self, signal: &str) -> String {
        let sent = Instant::now();
        self.signal(signal);
        let status = loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                break status;
            }
            assert!(sent.elapsed() < AT_ONCE, "{signal} did not end it");
            std::thread::sleep(Duration::from_millis(5));
        };
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.0.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        self.0.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!((status.code(), status.signal()), (Some(130), None), "{signal}: {stdout}{stderr}");
        stdout
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const PROJECT: &[(&str, &str)] = &[
    ("projects.toml", "workspace.name = \"shop\"\n[projects.api]\npath = \"api\"\n"),
    ("api/Dockerfile", "FROM chinampa/base:1\n"),
];

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

// issue 12: X5
#[test]
fn planning_ends_though_it_never_looks_up() {
    for (start, signal) in WAYS {
        let world = World::of(PROJECT);
        fifo(&world.file("manifest"));
        let run = Run::start(&world, start, ["plan", "--offline", "--manifest", "manifest"]);
        // Opened once the program reads from it; no end comes.
        let _manifest = std::fs::OpenOptions::new().write(true).open(world.file("manifest")).unwrap();

        run.ends_on(signal);
    }
}

// issue 12: X5
#[test]
fn waiting_for_a_registry_ends() {
    for (start, signal) in WAYS {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let shop = Shop::new().cache(Cache::Oci(silent.local_addr().unwrap().to_string())).projects(&[(
            "api",
            "FROM chinampa/base:1\n",
            "",
        )]);
        let run = Run::start(&shop.world, start, ["build"]);
        let _connection = silent.accept().unwrap();

        run.ends_on(signal);
    }
}

// issue 12: X5
#[test]
fn writing_the_build_record_ends_after_what_was_built_is_reported() {
    for (start, signal) in WAYS {
        let silent = Rule { method: "PUT", path: "shop-builds/", times: usize::MAX, fault: Fault::Silence };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let proxy = runtime.block_on(Proxy::start(&setting("REGISTRY_1"), [silent]));
        let shop = Shop::new().cache(Cache::Oci(proxy.host().to_owned())).projects(&[(
            "api",
            "FROM chinampa/base:1\nRUN true\n",
            "",
        )]);
        shop.log_in(&setting("REGISTRY_1_PASSWORD"));
        let run = Run::start(&shop.world, start, ["build"]);
        let is_record = |line: &String| line.contains("PUT") && line.contains("shop-builds/");
        until(|| proxy.lines().iter().any(is_record));

        let answer = run.ends_on(signal);

        assert!(answer.contains("built     api"), "{answer}");
        assert!(answer.contains("; interrupted"), "{answer}");
    }
}

/// A shop with a `[deploy]` whose Terraform writes to a log what happens to it.
struct Terraformed {
    shop: Shop,
    tools: tempfile::TempDir,
}

impl Terraformed {
    /// `on_signal` is what the shell does with SIGINT; it can't trap what it was started with as ignored.
    fn new(on_signal: &str) -> Self {
        let mut shop = Shop::new().projects(&[("api", "FROM chinampa/base:1\n", "")]);
        let tools = tempfile::tempdir().unwrap();
        let (program, temporary) = (tools.path().join("terraform"), tools.path().join("tmp"));
        std::fs::create_dir(&temporary).unwrap();
        let script = format!(
            "#!/bin/sh\ntrap '{on_signal}' INT\ncd {}\necho started >>log\nwhile [ -e log ]; do sleep 0.05; done\n",
            tools.path().display()
        );
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
        let manifest = format!("{manifest}\n[deploy]\nkind = \"oci\"\nhost = \"localhost:1\"\n");
        shop.world.write("projects.toml", manifest).write("api/terraform/main.tf", "").commit();
        shop.world.set("CHINAMPA_TERRAFORM", &program.display().to_string());
        shop.world.set("TMPDIR", &temporary.display().to_string());
        Self { shop, tools }
    }

    fn has_logged(&self, log: &str) -> bool {
        std::fs::read_to_string(self.tools.path().join("log")).is_ok_and(|text| text == log)
    }
}

// issue 12: P16
#[test]
fn validating_terraform_ends_it_and_removes_the_commits_files() {
    for (start, signal) in WAYS {
        let site = Terraformed::new("echo interrupted >>log; exit 1");
        let run = Run::start(&site.shop.world, start, ["build"]);
        until(|| site.has_logged("started\n"));

        run.ends_on(signal);

        assert!(site.has_logged("started\ninterrupted\n"), "{start:?} {signal}");
        assert_eq!(std::fs::read_dir(site.tools.path().join("tmp")).unwrap().count(), 0);
    }
}

// issue 12: X5
#[test]
fn a_running_build_is_reported_as_cancelled() {
    for (start, signal) in WAYS {
        let shop =
            Shop::new().projects(&[("api", "FROM chinampa/base:1\nRUN echo asleep; sleep 1000\n", "")]);
        let mut run = Run::start(&shop.world, start, ["build"]);
        let mut story = BufReader::new(run.0.stderr.take().unwrap());
        let mut line = String::new();
        while !line.trim_end().ends_with("asleep") {
            line.clear();
            assert_ne!(story.read_line(&mut line).unwrap(), 0, "the story ended");
        }
        run.0.stderr = Some(story.into_inner());

        let answer = run.ends_on(signal);

        assert!(answer.contains("1 cancelled in ") && answer.ends_with("; interrupted\n"), "{answer}");
    }
}

// issue 12: X5
#[test]
fn a_second_signal_ends_what_does_not_stop() {
    let site = Terraformed::new("echo asked >>log");
    let run = Run::start(&site.shop.world, Start::Usual, ["build"]);

    until(|| site.has_logged("started\n"));
    run.signal("INT");
    until(|| site.has_logged("started\nasked\n"));
    run.ends_on("TERM");
}
