//! Commands that run once for each content, with a real registry, and in containers of a real engine.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use crate::support::is_soak;
use crate::support::shop::{Cache, Shop};
use crate::support::world::Answer;

/// A shop with the project `api`, whose one input besides its Dockerfile is `api/f`, and other files.
fn shop() -> Shop {
    let shop = Shop::new().cache(Cache::oci());
    shop.world.write("api/f", format!("{} 0", shop.prefix)).write("fixtures/a", "0").write("other", "0");
    shop.world.write(".gitignore", "junit.xml\n");
    shop.projects(&[("api", "FROM chinampa/base:1\nCOPY f /f\n", "")])
}

/// Where commands of a test note that they were run.
fn log(shop: &Shop) -> String {
    shop.world.file(".git/log").display().to_string()
}

/// How often they were.
fn count(shop: &Shop) -> usize {
    std::fs::read_to_string(log(shop)).map_or(0, |text| text.lines().count())
}

/// Runs a script for `api` that notes that it was run first.
fn run(shop: &Shop, options: &[&str], script: &str) -> Answer {
    let script = format!("echo run >> {}; {script}", log(shop));
    let mut command = shop.world.command(["run", "api", "--name", "test"]);
    command.args(options).args(["--", "sh", "-c", &script]).output().unwrap().into()
}

fn passes(shop: &Shop, options: &[&str], script: &str) -> Answer {
    let answer = run(shop, options, script);
    assert_eq!(answer.exit, 0, "{answer}");
    answer
}

#[test]
fn a_job_is_run_once_for_each_content_whatever_the_commits_and_branches() {
    let commits = if is_soak() { 50 } else { 8 };
    let shop = shop();
    // Any numbers do, and the same each time.
    let mut seed = 20_261_128_u64;
    let mut next = |count: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % count
    };
    let mut contents = BTreeSet::new();
    for commit in 0..commits {
        let branch = format!("branch-{}", next(4));
        shop.world.git(["checkout", "-q", "-B", &branch]);
        let content = (next(3), next(2));
        shop.world.write("api/f", format!("{} {}", shop.prefix, content.0));
        shop.world.write("fixtures/a", content.1.to_string());
        shop.world.write("other", format!("{commit}"));
        shop.world.commit();

        let is_new = contents.insert(content);
        let answer = passes(&shop, &["--input", "fixtures/**"], "cat f ../fixtures/a");

        assert_eq!(answer.stderr.contains("is skipped"), !is_new, "commit {commit}: {answer}");
        assert_eq!(answer.stdout.is_empty(), !is_new, "commit {commit}: {answer}");
        assert_eq!(count(&shop), contents.len(), "commit {commit}");
    }
    assert!(contents.len() > 1, "there was one content only");
}

#[test]
fn a_job_is_run_again_for_whatever_it_can_read_and_however_it_is_called() {
    let mut shop = shop();
    let declared = ["--input", "fixtures/**", "--env", "FLAG"];
    passes(&shop, &declared, "true");
    assert!(passes(&shop, &declared, "true").stderr.contains("is skipped"));
    let mut runs = 1;
    let mut is_run = |shop: &Shop, options: &[&str], script: &str, what: &str| {
        passes(shop, options, script);
        runs += 1;
        assert_eq!(count(shop), runs, "{what}");
    };

    is_run(&shop, &declared, "true ", "another word");
    is_run(&shop, &["--input", "fixtures/**"], "true", "a variable less");
    is_run(&shop, &["--env", "FLAG"], "true", "an input less");
    shop.world.write("fixtures/a", "1").commit();
    is_run(&shop, &declared, "true", "a declared file");
    shop.world.write("fixtures/b", "1").commit();
    is_run(&shop, &declared, "true", "one more declared file");
    shop.world.write("api/f", format!("{} 1", shop.prefix)).commit();
    is_run(&shop, &declared, "true", "an input of the project");
    shop.world.git(["update-index", "--chmod=+x", "fixtures/b"]);
    shop.world.git(["commit", "-q", "-m", "mode"]);
    shop.world.git(["checkout", "-q", "--", "."]);
    is_run(&shop, &declared, "true", "the mode of a declared file");
    shop.world.set("FLAG", "1");
    is_run(&shop, &declared, "true", "the value of a variable");
    shop.world.write("other", "1").commit();
    assert!(
        passes(&shop, &declared, "true").stderr.contains("is skipped"),
        "what it can't read is no matter"
    );
}

#[test]
fn a_job_that_fails_is_run_again() {
    let shop = shop();

    let first = run(&shop, &[], "echo out; exit 3");
    let second = run(&shop, &[], "echo out; exit 3");

    for answer in [first, second] {
        assert_eq!((answer.exit, &*answer.stdout), (4, "out\n"), "{answer}");
        assert!(answer.stderr.contains("`test` of `api` failed"), "{answer}");
        assert!(answer.stderr.contains("exit code 3"), "{answer}");
    }
    assert_eq!(count(&shop), 2);
    let missing = shop.world.run(["run", "api", "--name", "test", "--", "no-such-program"]);
    assert!(missing.exit == 2 && missing.stderr.contains("cannot start `no-such-program`"), "{missing}");
}

#[test]
fn a_look_up_that_fails_runs_the_job() {
    let shop = shop();
    passes(&shop, &[], "true");

    shop.log_in("wrong");
    let answer = passes(&shop, &[], "true");

    assert!(answer.stderr.contains("its record cannot be read"), "{answer}");
    assert!(answer.stderr.contains("which is not recorded: the cache cannot be written to"), "{answer}");
    assert_eq!(count(&shop), 2);
}

#[test]
fn what_is_not_declared_can_not_be_read() {
    let mut shop = shop();
    shop.world.set("TOKEN", "t0p-secret");

    let other = run(&shop, &[], "cat ../other");
    let fixture = run(&shop, &[], "cat ../fixtures/a");
    let declared =
        passes(&shop, &["--input", "fixtures/a", "--env", "TOKEN"], "cat ../fixtures/a; echo $TOKEN");
    let environment = passes(&shop, &[], "test -z \"$TOKEN\" && test -z \"$DOCKER_HOST\" && test ! -e .git");
    let outside = shop.world.run(["run", "api", "--name", "test", "--input", "no/such", "--", "true"]);

    assert!(other.exit == 4 && fixture.exit == 4, "{other}{fixture}");
    assert_eq!(declared.stdout, "0t0p-secret\n", "{declared}");
    assert!(!environment.stderr.contains("t0p-secret"), "{environment}");
    assert!(outside.exit == 2 && outside.stderr.contains("`--input no/such` names no file"), "{outside}");
}

#[test]
fn the_junit_file_is_in_the_work_tree_after_a_run_and_after_a_hit() {
    let shop = shop();
    let path = shop.world.file("api/junit.xml");
    let written = || std::fs::read_to_string(&path).unwrap_or_default();
    let options = ["--junit", "junit.xml"];

    let failed = run(&shop, &options, "echo '<failed/>' > junit.xml; exit 1");
    assert_eq!((failed.exit, &*written()), (4, "<failed/>\n"), "{failed}");
    passes(&shop, &options, "echo '<passed/>' > junit.xml");
    assert_eq!(written(), "<passed/>\n");
    std::fs::remove_file(&path).unwrap();
    let skipped = passes(&shop, &options, "echo '<passed/>' > junit.xml");
    assert!(skipped.stderr.contains("is skipped"), "{skipped}");
    assert_eq!(written(), "<passed/>\n");
    let none = passes(&shop, &options, "ln -s /etc/hostname junit.xml");
    assert!(none.stderr.contains("the command wrote no JUnit file"), "{none}");
    let outside = shop.world.run(["run", "api", "--name", "t", "--junit", "../x", "--", "true"]);
    assert_eq!(outside.exit, 2, "{outside}");
}

#[test]
fn runs_that_are_not_trusted_and_uncommitted_work_record_nothing() {
    let mut shop = shop();
    shop.world.write("api/f", format!("{} 1", shop.prefix));
    let dirty = passes(&shop, &[], "true");
    assert!(dirty.stderr.contains("not recorded: there are uncommitted changes"), "{dirty}");
    shop.world.commit();
    passes(&shop, &[], "true");
    assert_eq!(count(&shop), 2, "the uncommitted run recorded nothing");
    shop.world.set("CHINAMPA_TRUST", "untrusted");

    let untrusted = passes(&shop, &[], "true");

    assert!(untrusted.stderr.contains("not recorded: this run is not trusted"), "{untrusted}");
    assert_eq!(count(&shop), 3, "an untrusted run is never skipped");
}

#[test]
fn a_signal_ends_the_command_and_is_passed_on() {
    let shop = shop();
    let ready = shop.world.file(".git/ready");
    let script = format!(
        "trap 'echo ended >> {}; exit 0' TERM; touch {}; while :; do sleep 0.1; done",
        log(&shop),
        ready.display()
    );
    let mut command = shop.world.command(["run", "api", "--name", "test", "--", "sh", "-c", &script]);
    let process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !ready.exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }

    let id = process.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let answer: Answer = process.wait_with_output().unwrap().into();

    assert_eq!(answer.exit, 130, "{answer}");
    assert_eq!(std::fs::read_to_string(log(&shop)).unwrap(), "ended\n");
}

#[test]
fn a_job_in_the_image_is_run_once_for_each_content_of_the_image() {
    let shop = shop();
    let in_image = |word: &str| -> Answer {
        let mut command = shop.world.command(["run", "api", "--name", "smoke", "--in-image"]);
        command.args(["--", "sh", "-c", "cat /f; exit $0", word]).output().unwrap().into()
    };
    let unbuilt = in_image("0");
    assert!(unbuilt.exit == 4 && unbuilt.stderr.contains("has no image of `api`"), "{unbuilt}");
    shop.build([]);

    let first = in_image("0");
    assert_eq!((first.exit, &*first.stdout), (0, &*format!("{} 0", shop.prefix)), "{first}");
    let second = in_image("0");
    assert!(second.exit == 0 && second.stderr.contains("is skipped"), "{second}");
    let failing = in_image("3");
    assert!(failing.exit == 4 && failing.stderr.contains("exit code 3"), "{failing}");

    // Other inputs, and the same layers.
    let dockerfile = std::fs::read_to_string(shop.world.file("api/Dockerfile")).unwrap();
    shop.world.write("api/Dockerfile", format!("{dockerfile}# a comment\n")).commit();
    assert_eq!(shop.build([])["projects"][0]["outcome"], "built");
    let rebuilt = in_image("0");
    assert!(rebuilt.exit == 0 && rebuilt.stderr.contains("is skipped"), "{rebuilt}");

    shop.world.write("api/f", format!("{} 1", shop.prefix)).commit();
    shop.build([]);
    let changed = in_image("0");
    assert_eq!((changed.exit, &*changed.stdout), (0, &*format!("{} 1", shop.prefix)), "{changed}");
    let missing = shop.world.run(["run", "api", "--name", "x", "--in-image", "--", "no-such-program"]);
    assert!(missing.exit == 2 && missing.stderr.contains("cannot start `no-such-program`"), "{missing}");
    let left = shop.engine_images();
    assert!(left.iter().all(|name| !name.contains("parent-")), "{left:?}");
}

#[test]
fn the_junit_file_of_a_job_in_the_image_is_copied_out() {
    let shop = shop();
    shop.build([]);

    let answer = passes_in_image(&shop, "mkdir -p out && echo '<passed/>' > out/junit.xml");

    assert_eq!(answer["outcome"], "passed");
    let path = shop.world.file("api/out/junit.xml");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "<passed/>\n");
    std::fs::remove_file(&path).unwrap();
    let again = passes_in_image(&shop, "mkdir -p out && echo '<passed/>' > out/junit.xml");
    assert_eq!(again["outcome"], "skipped");
    assert_eq!(again["earlier"]["commit"], shop.world.git(["rev-parse", "HEAD"]));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "<passed/>\n");
}

#[test]
fn a_junit_file_is_of_this_run_or_it_is_not_there_and_whoever_may_read_files_may_read_it() {
    let shop = shop();
    let path = shop.world.file("api/junit.xml");
    let junit = ["--junit", "junit.xml"];
    let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;

    passes(&shop, &junit, "umask 077; echo '<passed/>' > junit.xml");
    let usual = {
        shop.world.write("api/usual", "");
        std::fs::metadata(shop.world.file("api/usual")).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode(), usual);
    passes(&shop, &junit, "umask 077; echo '<passed/>' > junit.xml");
    assert_eq!(mode(), usual);

    let crashed = run(&shop, &junit, "exit 3");

    assert_eq!(crashed.exit, 4, "{crashed}");
    assert!(!path.exists(), "{crashed}");
    shop.world.write("api/junit.xml", "green");
    let unknown =
        shop.world.run(["run", "api", "--name", "x", "--junit", "junit.xml", "--", "no-such-program"]);
    assert_eq!(unknown.exit, 2, "{unknown}");
    assert!(!path.exists(), "{unknown}");
}

#[test]
fn a_command_that_passed_is_recorded_even_if_its_junit_file_cannot_be_copied() {
    let shop = shop();
    shop.world.write("api/junit.xml/in/the/way", "");
    let options = ["--json", "--junit", "junit.xml"];
    let script = "echo '<passed/>' > junit.xml";

    let ran = run(&shop, &options, script);
    let skipped = run(&shop, &options, script);

    assert_eq!((ran.exit, skipped.exit), (3, 3), "{ran}{skipped}");
    assert!(ran.stderr.contains("error: cannot write `"), "{ran}");
    assert_eq!((&ran.json()["outcome"], &ran.json()["recorded"]), (&"passed".into(), &true.into()));
    assert_eq!(skipped.json()["outcome"], "skipped", "{skipped}");
    assert_eq!(count(&shop), 1);
}

fn passes_in_image(shop: &Shop, script: &str) -> serde_json::Value {
    let options = ["--in-image", "--json", "--junit", "out/junit.xml", "--", "sh", "-c", script];
    let mut command = shop.world.command(["run", "api", "--name", "test"]);
    let answer: Answer = command.args(options).output().unwrap().into();
    assert_eq!(answer.exit, 0, "{answer}");
    answer.json()
}
