//! The runs that are kept in the clone: every log whole, whatever happens to the run or to the disk.

use std::fs;
use std::process::{Command, Stdio};

use crate::cli::failures::until;
use crate::support::shop::{Project, Shop};
use crate::support::world::Answer;

/// A project that prints what terminals and CIs obey and fails, one that needs it, and one that is built.
const PROJECTS: &[Project] = &[
    (
        "api",
        "FROM chinampa/base:1\nRUN echo '::error::x'; printf 'a\\033[31mb\\033[0m\\n'; seq 1 100; exit 3\n",
        "",
    ),
    ("good", "FROM chinampa/base:1\nRUN echo fine\n", ""),
    ("web", "FROM api\nRUN true\n", ""),
];

const GOOD: &[Project] = &[("good", "FROM chinampa/base:1\nRUN seq 1 3000\n", "")];

#[test]
fn the_whole_log_of_a_failed_build_is_kept_and_printed_without_what_terminals_obey() {
    let shop = Shop::new().projects(PROJECTS);

    let built = shop.world.run(["build", "-q"]);
    let list = shop.world.run(["logs"]);
    let api = shop.world.run(["logs", "api"]);
    let all = shop.world.run(["logs", "--run", "1"]);
    let json = shop.world.run(["logs", "api", "--json"]).json();
    let none = shop.world.run(["logs", "web"]);
    let no_run = shop.world.run(["logs", "--run", "7"]);

    assert_eq!((built.exit, api.exit, none.exit, no_run.exit), (4, 0, 1, 2), "{built}");
    assert!(list.stdout.contains("1 built, 1 blocked, 1 failed: api\n"), "{list}");
    for number in 1..=100 {
        assert!(api.stdout.contains(&format!("| {number}\n")), "{api}");
    }
    assert!(api.stdout.contains("| ab\n") && !api.stdout.contains('\u{1b}'), "{api}");
    assert!(api.stdout.contains("exit code: 3"), "{api}");
    assert!(api.stdout.lines().all(|line| !line.trim_start().starts_with("::")), "{api}");
    assert!(all.stdout.starts_with("==> api: failed <==\n"), "{all}");
    assert!(all.stdout.contains("==> good: built <==\n"), "{all}");
    let log = fs::read_to_string(json["logs"][0]["path"].as_str().unwrap()).unwrap();
    assert_eq!(json["logs"][0]["log"], log);
}

/// A step that goes on until a file is there, in a project that waits for another one.
const SLOW: &[Project] = &[
    ("lib", "FROM chinampa/base:1\nRUN echo first; sleep 3; echo last of lib\n", ""),
    ("api", "FROM lib\nRUN echo of api; exit 3\n", ""),
];

#[test]
fn a_log_is_followed_from_before_its_build_starts_to_its_end() {
    let shop = Shop::new().projects(SLOW);
    let follow = |project: &str| {
        let mut command = shop.world.command(["logs", "--follow", project]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut build = shop.world.command(["build", "-q"]).stdout(Stdio::null()).spawn().unwrap();
    let log = shop.world.file(".git/chinampa/runs/1/lib.log");
    until(|| fs::read_to_string(&log).is_ok_and(|log| log.contains("| first")));

    let (lib, api) = (follow("lib"), follow("api"));
    let lib = Answer::from(lib.wait_with_output().unwrap());
    let is_building = build.try_wait().unwrap().is_none();
    let api = Answer::from(api.wait_with_output().unwrap());
    let exit = build.wait().unwrap().code();

    assert_eq!((exit, lib.exit, api.exit), (Some(4), 0, 0), "{lib}{api}");
    assert!(is_building, "the log of lib was followed to the end of the run: {lib}");
    assert_eq!(lib.stdout, fs::read_to_string(&log).unwrap());
    assert!(lib.stdout.contains("| last of lib\n"), "{lib}");
    assert!(api.stdout.contains("| of api\n") && api.stdout.contains("exit code: 3"), "{api}");
    assert!(api.stderr.contains("run 1 has not started to build `api` yet"), "{api}");
    let ended = shop.world.run(["logs", "-f", "lib"]);
    assert_eq!((ended.exit, &ended.stdout), (0, &lib.stdout));
}

#[test]
fn a_log_is_found_by_the_folder_of_its_project() {
    let shop = Shop::new().projects(GOOD);
    let manifest = fs::read_to_string(shop.world.file("projects.toml")).unwrap();
    shop.world.write("services/x/Dockerfile", GOOD[0].1);
    let more = "[projects.other]\npath = \"services/x\"\n";
    shop.world.write("projects.toml", format!("{manifest}\n{more}")).commit();
    shop.build([]);
    let log = |name: &str| {
        fs::read_to_string(shop.world.file(&format!(".git/chinampa/runs/1/{name}.log"))).unwrap()
    };

    for (folder, name, project) in [
        (".", "./good", "good"),
        (".", "good/", "good"),
        (".", "services/x", "other"),
        ("good", ".", "good"),
        ("services", "x", "other"),
    ] {
        for arguments in [&["logs", name][..], &["logs", "--run", "1", name], &["logs", "-f", name]] {
            let mut command = shop.world.command(["-C", folder]);
            let answer: Answer = command.args(arguments).output().unwrap().into();

            assert_eq!((answer.exit, answer.stdout.as_str()), (0, log(project).as_str()), "{name}: {answer}");
        }
    }
    let nowhere = shop.world.run(["logs", "."]);
    assert_eq!(nowhere.exit, 2, "{nowhere}");
    // Those of projects that are gone stay.
    shop.world.write("projects.toml", manifest.replace("[projects.good]", "[projects.better]"));
    let gone = shop.world.run(["logs", "good"]);
    assert_eq!((gone.exit, gone.stdout), (0, log("good")));
}

#[test]
fn nothing_is_followed_where_nothing_was_built() {
    let shop = Shop::new().projects(GOOD);
    shop.build([]);

    let unknown = shop.world.run(["logs", "-f", "nope"]);
    let json = shop.world.run(["logs", "-f", "good", "--json"]);
    let json_before = shop.world.run(["--json", "logs", "-f", "good"]);
    let nobody = shop.world.run(["logs", "-f"]);

    assert_eq!((unknown.exit, json.exit, nobody.exit), (1, 2, 2), "{unknown}{json}{nobody}");
    let refused = "error: the argument '--follow' cannot be used with '--json'";
    for json in [json, json_before] {
        assert_eq!((json.exit, json.stderr.lines().next()), (2, Some(refused)));
    }
}

#[test]
fn a_bare_repository_and_all_work_trees_of_a_clone_have_their_runs_in_the_git_folder() {
    let shop = Shop::new().projects(GOOD);
    shop.world.git(["worktree", "add", "-q", "other"]);
    shop.world.git(["clone", "-q", "--bare", ".", "bare.git"]);

    for folder in [".", "other", "bare.git"] {
        let built = shop.world.run(["-C", folder, "build", "-q", "--force"]);
        assert_eq!(built.exit, 0, "{built}");
    }

    let runs = |folder: &str| {
        let json = shop.world.run(["-C", folder, "logs", "--json"]).json();
        json["runs"].as_array().unwrap().iter().map(|run| run["number"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!((runs("."), runs("other"), runs("bare.git")), (vec![2, 1], vec![2, 1], vec![1]));
    assert!(shop.world.file(".git/chinampa/runs/2/good.log").is_file());
    assert!(shop.world.file("bare.git/chinampa/runs/1/good.log").is_file());
}

#[test]
fn logs_are_written_to_a_named_folder_too() {
    let shop = Shop::new().projects(PROJECTS);

    let built = shop.world.run(["build", "-q", "--logs", "out/logs"]);
    let refused = shop.world.run(["build", "-q", "--logs", "projects.toml/x"]);

    assert_eq!((built.exit, refused.exit), (4, 3), "{built}{refused}");
    for name in ["api.log", "good.log", "run.json"] {
        let read = |folder: &str| fs::read(shop.world.file(folder).join(name)).unwrap();
        assert_eq!(read("out/logs"), read(".git/chinampa/runs/1"), "{name}");
    }
}

#[test]
fn a_full_disk_is_one_warning_and_the_build_goes_on() {
    let shop = Shop::new().projects(GOOD);
    let runs = shop.world.file(".git/chinampa/runs");
    fs::create_dir_all(&runs).unwrap();
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=16k", "tmpfs"]).arg(&runs).status();
    assert!(mount.unwrap().success(), "mounting takes root");

    let built = shop.world.run(["build", "--progress", "none"]);

    assert!(Command::new("umount").arg(&runs).status().unwrap().success());
    assert_eq!(built.exit, 0, "{built}");
    assert_eq!(built.stderr.matches("warning: the logs of this run are not kept").count(), 1, "{built}");
}

#[test]
fn a_folder_that_can_not_be_made_is_one_warning() {
    let shop = Shop::new().projects(GOOD);
    fs::create_dir_all(shop.world.file(".git/chinampa")).unwrap();
    fs::write(shop.world.file(".git/chinampa/runs"), "in the way").unwrap();

    let built = shop.world.run(["build", "--progress", "none"]);

    assert_eq!(built.exit, 0, "{built}");
    assert_eq!(built.stderr.matches("warning: the logs of this run are not kept").count(), 1, "{built}");
}

#[test]
fn an_interrupted_run_and_a_killed_one_keep_what_was_printed() {
    let shop = Shop::new().projects(&[("slow", "FROM chinampa/base:1\nRUN echo begun; exec sleep 60\n", "")]);
    for (number, signal, state) in [(1, "INT", "interrupted"), (2, "KILL", "killed")] {
        let mut command = shop.world.command(["build", "-q", "--force"]);
        let mut build = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let log = shop.world.file(&format!(".git/chinampa/runs/{number}/slow.log"));
        until(|| fs::read_to_string(&log).is_ok_and(|log| log.contains("| begun\n")));
        assert_eq!(shop.world.run(["logs", "--json"]).json()["runs"][0]["state"], "running");

        let sent = Command::new("kill").args([&format!("-{signal}"), &build.id().to_string()]).status();
        assert!(sent.unwrap().success());
        build.wait().unwrap();

        let runs = shop.world.run(["logs", "--json"]).json();
        assert_eq!(runs["runs"][0]["state"], state, "{runs:#}");
        assert!(shop.world.run(["logs", "slow"]).stdout.contains("| begun\n"));
    }
}
