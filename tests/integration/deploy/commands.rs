//! Commands that need git alone, with the shipped binary.

use std::process::Command;

use crate::support::world::{Answer, World};

#[test]
fn setenv_gives_later_steps_what_the_ci_says_and_no_secret() {
    let mut world = World::new();
    let commit = world.commit();
    world.git(["remote", "add", "origin", "https://user:secret@git.example/a/b"]);

    let printed = world.run(["setenv"]);
    let file = world.file("env").display().to_string();
    world.set("BASH_ENV", &file).set("CIRCLECI", "true").set("CIRCLE_SHA1", &commit);
    world.set("CIRCLE_BRANCH", "it's").set("CIRCLE_JOB", "j");
    let written = world.run(["setenv"]);

    let url = "export CHINAMPA_REPOSITORY_URL='https://git.example/a/b'\n";
    let commit = format!("export CHINAMPA_COMMIT='{commit}'\n");
    assert_eq!(printed.stdout, format!("{commit}export CHINAMPA_BRANCH='main'\n{url}"));
    assert_eq!((written.exit, written.stdout.as_str()), (0, ""), "{written}");
    let branch = "export CHINAMPA_BRANCH='it'\\''s'\nexport CHINAMPA_JOB='j'\n";
    assert_eq!(std::fs::read_to_string(file).unwrap(), format!("{commit}{branch}{url}"));
}

// issue 12: N1, N8
#[test]
fn setenv_keeps_what_was_given_for_this_commit_and_excludes_what_was_given_for_another() {
    let mut world = World::new();
    let [older, commit] = [world.commit(), world.commit()];
    world.set("CIRCLECI", "true").set("CIRCLE_SHA1", &older).set("CIRCLE_BRANCH", "main");
    let setenv = |variables: &[(&str, &str)]| -> String {
        let answer: Answer =
            world.command(["setenv"]).envs(variables.iter().copied()).output().unwrap().into();
        answer.stdout
    };

    let of_head = format!("export CHINAMPA_COMMIT='{commit}'\n");
    assert_eq!(setenv(&[]), of_head);
    assert_eq!(setenv(&[("CHINAMPA_BRANCH", "topic")]), format!("{of_head}export CHINAMPA_BRANCH='topic'\n"));
    assert_eq!(
        setenv(&[("CHINAMPA_BRANCH", "topic"), ("CHINAMPA_COMMIT", &older)]),
        format!("unset CHINAMPA_BRANCH\n{of_head}")
    );
}

#[test]
fn called_through_a_link_it_is_the_command_that_the_link_is_named_after() {
    let world = World::new();
    world.write("projects.toml", "[workspace]\nname = \"shop\"\n[projects.api]\npath = \"api\"\n");
    world.write("api/Dockerfile", "FROM scratch\n").commit();

    for _ in 0..2 {
        assert_eq!(world.run(["shims", "bin"]).exit, 0);
    }
    // No command that is hidden may be in the way of a program.
    assert!(!world.file("bin/man").exists());
    std::os::unix::fs::symlink(world.file("bin/build").read_link().unwrap(), world.file("bin/man")).unwrap();
    let called = |name: &str, arguments: &[&str]| -> Answer {
        let mut command = Command::new(world.file("bin").join(name));
        command.args(arguments).current_dir(world.path()).env_clear().output().unwrap().into()
    };

    assert_eq!(called("check_rebuild", &["api"]).exit, 0);
    assert_eq!(called("changed", &["nothing-like-this", "--base", "HEAD"]).exit, 1);
    assert!(!world.file("bin/shims").exists());
    assert_eq!((called("man", &["ls"]).exit, world.file("ls").exists()), (2, false));
    world.remove("bin/build").write("bin/build", "mine");
    let refused = world.run(["shims", "bin"]);
    assert_eq!(refused.exit, 3, "{refused}");
    assert_eq!(std::fs::read_to_string(world.file("bin/build")).unwrap(), "mine");
}
