//! When a build or the environment fails: named, with the right exit status, and nothing half-written.

use std::io::{BufRead, BufReader, Read as _};
use std::os::unix::fs::symlink;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use insta::assert_snapshot;

use crate::support::shop::{Cache, Shop};
use crate::support::world::Answer;

pub(crate) const ONE: &[crate::support::shop::Project] =
    &[("api", "FROM chinampa/base:1\nRUN echo built\n", "")];

/// `tool` fails in its third step; `api` needs it, `site` does not.
const FAILING: &[crate::support::shop::Project] = &[
    ("base", "FROM chinampa/base:1\nRUN echo base\n", ""),
    (
        "tool",
        "FROM base\nRUN echo one\nRUN echo two\nRUN echo compiling >&2; echo no such header >&2; exit 7\n",
        "",
    ),
    ("api", "FROM tool\n", ""),
    ("site", "FROM chinampa/base:1\nRUN echo site\n", ""),
];

#[test]
fn without_an_engine_there_is_a_hint() {
    let mut shop = Shop::new().projects(ONE);
    shop.world.set("DOCKER_HOST", "unix:///nonexistent/docker.sock");

    let socket = shop.shown(["build"]);
    shop.world.set("DOCKER_HOST", "tcp://localhost:1");
    let port = shop.shown(["plan"]);
    shop.world.set("DOCKER_HOST", "docker.example");
    let not_a_host = shop.shown(["plan"]);

    assert_snapshot!(socket, @"
    stderr: error: cannot reach the Docker engine at `unix:///nonexistent/docker.sock` (from `DOCKER_HOST`)
    stderr:   because: No such file or directory (os error 2)
    stderr:   hint: start it (`systemctl start docker`), or let your user use its socket
    [exit: 3]
    ");
    assert_snapshot!(port, @"
    stderr: error: cannot reach the Docker engine at `tcp://localhost:1` (from `DOCKER_HOST`)
    stderr:   because: Connection refused (os error 111)
    stderr:   hint: see whether `DOCKER_HOST` is right and the engine is running
    [exit: 3]
    ");
    assert_snapshot!(not_a_host, @"
    stderr: error: cannot use the engine that `DOCKER_HOST` names
    stderr:   because: `docker.example` is not the address of a Docker engine: `unix:///path`, `tcp://host:port` or `ssh://user@host` is expected
    [exit: 2]
    ");
}

#[test]
fn a_refused_password_is_told_and_never_shown() {
    let shop = Shop::new().cache(Cache::oci()).projects(ONE);
    shop.log_in("swordfish-is-wrong");

    let answer = shop.shown(["build", "-vv"]);
    let quiet = shop.shown(["plan", "-q"]);

    assert!(!answer.contains("swordfish"), "{answer}");
    assert_snapshot!(quiet, @"
    stderr: error: cannot ask the cache for the image of `api`
    stderr:   because: access to `<registry>/<prefix>/api:cache-<64 hex>` denied: status 401
    stderr:   hint: the login of `chinampa` in `<docker>/config.json` was refused: log in with `docker login <registry>`
    [exit: 3]
    ");
}

#[test]
fn a_registry_that_isnt_there_is_told_in_time() {
    let shop = Shop::new().cache(Cache::Oci("localhost:1".to_owned())).projects(ONE);
    let begun = Instant::now();

    let answer = shop.shown(["build", "-q"]);

    assert_snapshot!(answer, @"
    stderr: error: cannot ask the cache for the image of `api`
    stderr:   because: `<registry>/<prefix>/api:cache-<64 hex>`: no whole answer from the registry
    stderr:   because: Connection refused (os error 111)
    stderr:   hint: see whether `<registry>` is right and can be reached from here
    [exit: 3]
    ");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[test]
fn a_failed_step_is_shown_and_blocks_only_what_needs_it() {
    let shop = Shop::new().projects(FAILING);

    let answer = shop.shown(["build", "-q", "--jobs", "1"]);
    let images: Vec<String> = shop.engine_images().into_iter().collect();

    assert_snapshot!(answer, @"
    built     base  <time>   0 of 1 steps cached
    built     site  <time>   0 of 1 steps cached
    because   base, site, tool, api  the cache has no image of these inputs
    blocked   api needs tool, which failed
    failed    tool after <time>  at tool/Dockerfile:5
              exit code 7: [4/4] RUN echo compiling >&2; echo no such header >&2; exit 7
              | compiling
              | no such header
              log: <world>/.git/chinampa/runs/1/tool.log
    2 built, 0 reused, 1 failed, 1 blocked in <time> 
    [exit: 4]
    ");
    assert!(images.iter().all(|image| !image.starts_with("tool") && !image.starts_with("api")), "{images:?}");
}

#[test]
fn a_failed_project_has_no_tag_in_the_registry() {
    let shop = Shop::new().cache(Cache::oci()).projects(FAILING);

    let answer = shop.world.run(["build", "--json"]);

    assert_eq!(answer.exit, 4, "{answer}");
    let outcomes: Vec<(String, String)> = answer.json()["projects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|project| {
            (project["name"].as_str().unwrap().into(), project["outcome"].as_str().unwrap().into())
        })
        .collect();
    assert_snapshot!(format!("{outcomes:?}"), @r#"[("base", "built"), ("site", "built"), ("tool", "failed"), ("api", "blocked")]"#);
    assert!(shop.tags("tool").is_empty());
    assert!(shop.tags("api").is_empty());
    assert!(!shop.tags("site").is_empty());
    assert!(shop.tags("shop-builds").is_empty(), "the build was not whole");
}

#[test]
fn a_secret_that_isnt_set_is_named_without_a_value() {
    let projects = &[(
        "api",
        "FROM chinampa/base:1\nRUN --mount=type=secret,id=npmrc true\n",
        "secrets = { npmrc = { env = \"NPMRC\" } }",
    )];
    let shop = Shop::new().projects(projects);

    let answer = shop.shown(["build", "-q"]);

    assert_snapshot!(answer, @"
    stderr: error: cannot use the secret `npmrc` of `api`
    stderr:   because: the variable `NPMRC` is not set, or its value is not UTF-8
    stderr:   hint: set it, or take the secret out of the project's `secrets`
    [exit: 2]
    ");
    assert!(shop.engine_images().is_empty());
}

#[test]
fn links_that_lead_out_of_the_repository_are_refused() {
    let shop = Shop::new().projects(ONE);
    shop.world.write("api/Dockerfile", "FROM chinampa/base:1\nCOPY . /\n");
    symlink("/etc/passwd", shop.world.file("api/link")).unwrap();
    shop.world.commit();

    let absolute = shop.shown(["build", "-q"]);
    shop.world.remove("api/link");
    symlink("lib/../../../etc/passwd", shop.world.file("api/link")).unwrap();
    let relative = shop.shown(["build", "-q"]);

    assert_snapshot!(absolute, @"
    stderr: error: the context of `api` can't be made
    stderr:   because: `api/link` is a symbolic link to `/etc/passwd`, which is absolute
    stderr:   hint: let the link lead to a file of the repository, by a relative path
    [exit: 2]
    ");
    assert_snapshot!(relative, @"
    stderr: error: the context of `api` can't be made
    stderr:   because: `api/link` is a symbolic link to `lib/../../../etc/passwd`, which is outside of the repository
    stderr:   hint: let the link lead to a file of the repository, by a relative path
    [exit: 2]
    ");
}

#[test]
fn extra_inputs_are_files_and_links_inside_the_repository() {
    let extra = &[("api", "FROM chinampa/base:1\nCOPY dist /dist\n", "extra_inputs = [\"api/dist/**\"]")];
    let shop = Shop::new().projects(extra);
    shop.world.write(".gitignore", "dist\n").write("api/dist/a", &shop.prefix).commit();
    symlink("gone", shop.world.file("api/dist/dangling")).unwrap();

    let dangling = shop.shown(["build", "-q"]);
    symlink("../../../x", shop.world.file("api/dist/leaves")).unwrap();
    let leaves = shop.shown(["build", "-q"]);
    shop.world.remove("api/dist/leaves");
    let made = Command::new("mkfifo").arg(shop.world.file("api/dist/pipe")).status();
    assert!(made.unwrap().success());
    let pipe = shop.shown(["build", "-q"]);

    assert_snapshot!(dangling, @"
    built     api  <time>   0 of 1 steps cached
    because   api  the cache has no image of these inputs
    1 built, 0 reused in <time> 
    [exit: 0]
    ");
    assert_snapshot!(leaves, @"
    stderr: error: the context of `api` can't be made
    stderr:   because: `api/dist/leaves` is a symbolic link to `../../../x`, which is outside of the repository
    stderr:   hint: let the link lead to a file of the repository, by a relative path
    [exit: 2]
    ");
    assert_snapshot!(pipe, @"
    stderr: error: cannot read the extra input `<world>/api/dist/pipe`
    stderr:   because: it is neither a file nor a link
    [exit: 3]
    ");
}

#[test]
fn an_interruption_stops_the_build_and_is_reported() {
    assert_snapshot!(interrupted_by("INT"), @"
    cancelled api
    0 built, 0 reused, 1 cancelled in <time> ; interrupted
    stderr:  <time> api: cancelled
    [exit: 130]
    ");
}

#[test]
fn an_order_to_end_is_an_interruption_too() {
    assert_snapshot!(interrupted_by("TERM"), @"
    cancelled api
    0 built, 0 reused, 1 cancelled in <time> ; interrupted
    stderr:  <time> api: cancelled
    [exit: 130]
    ");
}

/// Sends a signal to a build in the middle of a step that would take days.
fn interrupted_by(signal: &str) -> String {
    let shop = Shop::new().projects(ONE);
    // No other process on this machine sleeps as long.
    let digits: String = shop.prefix.chars().filter(char::is_ascii_digit).collect();
    let seconds = format!("1{}", &digits[digits.len() - 8..]);
    let step = format!("FROM chinampa/base:1\nRUN echo asleep; sleep {seconds}\n");
    shop.world.write("api/Dockerfile", step).commit();
    let mut build =
        Build(shop.world.command(["build"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());

    let mut story = BufReader::new(build.0.stderr.take().unwrap());
    read_to_line(&mut story, "asleep");
    until(|| runs(&seconds));
    let sent = Command::new("kill").args([&format!("-{signal}"), &build.0.id().to_string()]).status();
    assert!(sent.unwrap().success());

    let (mut stdout, mut stderr) = (String::new(), String::new());
    build.0.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    story.read_to_string(&mut stderr).unwrap();
    let exit = build.0.wait().unwrap().code().unwrap_or(-1);
    until(|| !runs(&seconds));
    assert!(shop.engine_images().is_empty());
    shop.mask(&Answer { stdout, stderr, exit })
}

/// A running build, which does not outlive its test.
struct Build(Child);

impl Drop for Build {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Reads the story until a line ends in `end`.
fn read_to_line(story: &mut impl BufRead, end: &str) {
    let mut line = String::new();
    while !line.trim_end().ends_with(end) {
        line.clear();
        assert_ne!(story.read_line(&mut line).unwrap(), 0, "the story ended before `{end}`");
    }
}

/// Whether this machine runs `sleep <seconds>`.
fn runs(seconds: &str) -> bool {
    let wanted = format!("sleep\0{seconds}\0");
    let processes = std::fs::read_dir("/proc").unwrap();
    let mut lines = processes.filter_map(|process| std::fs::read(process.ok()?.path().join("cmdline")).ok());
    lines.any(|line| line == wanted.as_bytes())
}

pub(crate) fn until(holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it didn't come about");
        std::thread::sleep(Duration::from_millis(20));
    }
}
