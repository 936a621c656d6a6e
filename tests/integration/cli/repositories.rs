//! Folders that are no repository, or not one that can be looked at, and those that can.

use std::os::unix::fs::{chown, symlink};

use insta::assert_snapshot;

use crate::support::world::{Answer, World};

const MANIFEST: (&str, &str) =
    ("projects.toml", "workspace.name = \"shop\"\n[projects.api]\npath = \"api\"\n");
const DOCKERFILE: (&str, &str) = ("api/Dockerfile", "FROM chinampa/base:1\nCOPY . /\n");

#[test]
fn a_folder_that_is_no_repository_is_wrong_input() {
    let world = World::new();
    let outside = tempfile::tempdir().unwrap();

    let outside_answer = world.run(["-C", outside.path().to_str().unwrap(), "plan", "--offline"]);
    let missing = world.shown(["-C", "not/there", "plan", "--offline"]);

    assert_snapshot!(outside_answer.to_string().replace(outside.path().to_str().unwrap(), "<outside>"), @"
    stderr: error: `<outside>` is not in a git repository
    stderr:   hint: run it in one, or name one with `-C`
    [exit: 2]
    ");
    assert_snapshot!(missing, @"
    stderr: error: there is no folder `not/there`
    [exit: 2]
    ");
}

#[test]
fn a_repository_of_another_user_is_refused_as_git_does() {
    let world = World::of(&[MANIFEST, DOCKERFILE]);
    chown(world.path(), Some(12345), Some(12345)).unwrap();
    chown(world.file(".git"), Some(12345), Some(12345)).unwrap();

    let answer = world.shown(["plan", "--offline"]);

    assert_snapshot!(answer, @"
    stderr: error: the repository at `<world>` belongs to another user, so git refuses to read it
    stderr:   hint: if you trust it: `git config --global --add safe.directory <world>`
    [exit: 3]
    ");
}

#[test]
fn a_repository_of_another_user_is_taken_once_it_is_called_safe() {
    let mut world = World::of(&[MANIFEST, DOCKERFILE]);
    chown(world.path(), Some(12345), Some(12345)).unwrap();
    chown(world.file(".git"), Some(12345), Some(12345)).unwrap();
    let home = tempfile::tempdir().unwrap();
    let safe = format!("[safe]\n\tdirectory = {}\n", world.path().display());
    std::fs::write(home.path().join(".gitconfig"), safe).unwrap();
    world.set("HOME", home.path().to_str().unwrap());

    let answer = world.shown(["plan", "--offline"]);

    assert_snapshot!(answer, @"
    changes of <10 hex> since an unknown base: this commit is on `main` itself, and nothing says what was built before
    affected `api`
    1 affected, 0 not
    [exit: 0]
    ");
}

/// What git says of a repository of another user, with `safe.directory` in each place where it may stand.
#[test]
fn a_repository_of_another_user_is_safe_exactly_where_git_says_so() {
    let world = World::of(&[MANIFEST, DOCKERFILE]);
    world.git(["config", "safe.directory", "*"]);
    chown(world.path(), Some(12345), Some(12345)).unwrap();
    chown(world.file(".git"), Some(12345), Some(12345)).unwrap();
    let folder = world.path().canonicalize().unwrap();
    let above = folder.parent().unwrap().display().to_string();
    let folder = folder.display().to_string();
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("config of another name");
    let path = file.to_str().unwrap();
    let values = [
        folder.clone(),
        format!("{folder}/"),
        format!("{folder}/*"),
        format!("{above}/*"),
        format!("{above}/./*"),
        above.clone(),
        "/*".to_owned(),
        "*".to_owned(),
        String::new(),
        "/elsewhere".to_owned(),
        "~/x".to_owned(),
    ];
    let places = |value: &str| -> Vec<Vec<(&str, String)>> {
        let parameters = format!("'safe.directory'='{value}'");
        let count = |value: &str| {
            vec![
                ("GIT_CONFIG_COUNT", "1".to_owned()),
                ("GIT_CONFIG_KEY_0", "Safe.Directory".to_owned()),
                ("GIT_CONFIG_VALUE_0", value.to_owned()),
            ]
        };
        let files = [("GIT_CONFIG_GLOBAL", path.to_owned()), ("GIT_CONFIG_SYSTEM", path.to_owned())];
        let [global, system] = files;
        vec![
            vec![global.clone()],
            vec![system.clone()],
            vec![system, ("GIT_CONFIG_NOSYSTEM", "true".to_owned())],
            count(value),
            vec![("GIT_CONFIG_PARAMETERS", parameters)],
            // What comes last may take it back.
            [vec![global], count("")].concat(),
        ]
    };
    let (mut safe, mut refused) = (0, 0);

    for value in &values {
        std::fs::write(&file, format!("[safe]\n\tdirectory = \"{value}\"\n")).unwrap();
        for variables in places(value) {
            let mut git = std::process::Command::new("git");
            git.args(["rev-parse", "HEAD"]).current_dir(world.path()).env_clear();
            git.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", home.path());
            let is_safe = git.envs(variables.clone()).output().unwrap().status.success();

            let mut command = world.command(["plan", "--offline"]);
            let answer: Answer =
                command.env("HOME", home.path()).envs(variables.clone()).output().unwrap().into();

            assert_eq!(answer.exit, if is_safe { 0 } else { 3 }, "{variables:?} with {value:?}: {answer}");
            *(if is_safe { &mut safe } else { &mut refused }) += 1;
        }
    }

    assert!(safe > 15 && refused > 15, "{safe} {refused}");
}

#[test]
fn settings_in_the_environment_decide_what_is_uncommitted() {
    let mut world = World::of(&[MANIFEST, DOCKERFILE, ("api/a.txt", "one\ntwo\n")]);
    world.write("api/a.txt", "one\r\ntwo\r\n");
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("git");
    std::fs::write(&file, "[core]\n\tautocrlf = true\n").unwrap();

    let before = world.run(["lint", "--json"]).json();
    world.set("GIT_CONFIG_GLOBAL", file.to_str().unwrap());
    world.git(["-c", "core.autocrlf=true", "add", "api/a.txt"]);
    let after = world.run(["lint", "--json"]).json();
    world.set("GIT_CONFIG_COUNT", "many");
    let bad = world.shown(["lint"]);

    assert_eq!((&before["dirty"], &after["dirty"]), (&true.into(), &false.into()));
    assert_snapshot!(bad, @"
    stderr: error: `GIT_CONFIG_COUNT`, which configures git, is no number
    [exit: 2]
    ");
}

#[test]
fn an_empty_repository_has_nothing_to_look_at() {
    let world = World::new();

    let answer = world.shown(["plan", "--offline"]);

    assert_snapshot!(answer, @"
    stderr: error: the repository `<world>/.git/` has no commit yet
    stderr:   hint: commit something first
    [exit: 2]
    ");
}

#[test]
fn a_commit_without_a_manifest_says_what_to_write() {
    let world = World::of(&[("README", "")]);

    let answer = world.shown(["plan", "--offline"]);

    assert_snapshot!(answer, @"
    stderr: error: there is no `projects.toml` in the root of the repository
    stderr:   hint: `chinampa init` writes a first one; commit it
    [exit: 2]
    ");
}

#[test]
fn a_bare_repository_can_be_planned() {
    let world = World::of(&[MANIFEST, DOCKERFILE]);
    let bare = tempfile::tempdir().unwrap();
    let folder = bare.path().to_str().unwrap();
    world.git(["clone", "-q", "--bare", ".", folder]);

    let plan = world.shown(["-C", folder, "plan", "--offline"]);
    let here = world.mask(&world.run(["-C", folder, "check_rebuild"])).replace(folder, "<bare>");

    assert_snapshot!(plan, @"
    changes of <10 hex> since an unknown base: this commit is on `main` itself, and nothing says what was built before
    affected `api`
    1 affected, 0 not
    [exit: 0]
    ");
    assert_snapshot!(here, @"
    stderr: changes of <10 hex> since an unknown base: this commit is on `main` itself, and nothing says what was built before
    stderr: error: `<bare>` is no project's folder, so a project must be named
    [exit: 2]
    ");
}

#[test]
fn a_bare_repository_has_no_extra_inputs() {
    let manifest =
        "workspace.name = \"shop\"\n[projects.api]\npath = \"api\"\nextra_inputs = [\"api/dist/**\"]\n";
    let world = World::of(&[("projects.toml", manifest), DOCKERFILE]);
    let bare = tempfile::tempdir().unwrap();
    let folder = bare.path().to_str().unwrap();
    world.git(["clone", "-q", "--bare", ".", folder]);

    let answer = world.shown(["-C", folder, "plan", "--offline", "--digests"]);

    assert_snapshot!(answer, @"
    stderr: error: `api` has `extra_inputs`, which are files of the work tree, and there is none
    stderr:   hint: run it in a clone that has a work tree
    [exit: 2]
    ");
}

#[test]
fn conflicts_cant_be_built() {
    let world = World::of(&[MANIFEST, DOCKERFILE, ("api/a", "0")]);
    world.git(["checkout", "-q", "-b", "other"]);
    world.write("api/a", "1").commit();
    world.git(["checkout", "-q", "main"]);
    world.write("api/a", "2").commit();
    let merged =
        std::process::Command::new("git").args(["merge", "-q", "other"]).current_dir(world.path()).output();
    assert!(!merged.unwrap().status.success());

    let answer = world.shown(["plan"]);

    assert_snapshot!(answer, @"
    stderr: error: the work tree has unresolved merge conflicts
    stderr:   hint: resolve them, or build a commit with `--head`
    [exit: 2]
    ");
}

#[test]
fn a_submodule_that_is_not_checked_out_counts_by_its_commit() {
    let library = World::of(&[("a", "1")]);
    let world = World::of(&[MANIFEST, DOCKERFILE]);
    world.git(["submodule", "--quiet", "add", &library.path().display().to_string(), "api/library"]);
    let base = world.commit();
    library.write("a", "2").commit();
    world.git(["-C", "api/library", "pull", "-q", "origin", "main"]);
    world.commit();
    let clone = World::clone_of(world.path());

    let plan = clone.shown(["plan", "--offline", "--digests", "--base", &base]);

    assert_snapshot!(plan, @"
    changes of <10 hex> since <10 hex> (--base)
    affected `api` <12 hex>
      because `api/library` was modified and matches `COPY .` (api/Dockerfile:2) of `api`
    1 affected, 0 not
    [exit: 0]
    ");
}

#[test]
fn what_changed_inside_of_a_submodule_that_is_checked_out_is_told() {
    let inner = World::of(&[("b", "1")]);
    let library = World::of(&[("a", "1"), ("src/old", "1")]);
    library.git(["submodule", "--quiet", "add", &inner.path().display().to_string(), "inner"]);
    library.commit();
    let world = World::of(&[MANIFEST, DOCKERFILE]);
    world.git(["submodule", "--quiet", "add", &library.path().display().to_string(), "api/library"]);
    let base = world.commit();
    library.remove("src/old").write("src/new", "1").write("a", "2").commit();
    world.git(["-C", "api/library", "pull", "-q", "origin", "main"]);
    world.commit();
    world.git(["submodule", "--quiet", "update", "--init", "--recursive"]);

    let modified = world.run(["changed", "api/library/**", "api/library", "-q", "--base", &base]);
    let added = world.run(["changed", "api/library/**", "-q", "--base", &format!("{base}~1")]);

    assert_snapshot!(modified, @"
    api/library
    api/library/a
    api/library/src/new
    api/library/src/old
    [exit: 0]
    ");
    assert_snapshot!(added, @"
    api/library/.gitmodules
    api/library/a
    api/library/inner
    api/library/inner/b
    api/library/src/new
    [exit: 0]
    ");
}

#[test]
fn an_extra_input_that_leads_out_of_the_repository_is_refused() {
    let manifest =
        "workspace.name = \"shop\"\n[projects.api]\npath = \"api\"\nextra_inputs = [\"api/dist/**\"]\n";
    let world = World::of(&[("projects.toml", manifest), DOCKERFILE, (".gitignore", "dist\n")]);
    world.write("api/dist/a", "");
    symlink("/etc/hostname", world.file("api/dist/link")).unwrap();

    let answer = world.shown(["build"]);

    assert_snapshot!(answer, @"
    stderr: changes of <10 hex> since an unknown base: this commit is on `main` itself, and nothing says what was built before
    stderr: error: the context of `api` can't be made
    stderr:   because: `api/dist/link` is a symbolic link to `/etc/hostname`, which is absolute
    stderr:   hint: let the link lead to a file of the repository, by a relative path
    [exit: 2]
    ");
}

#[test]
fn a_git_folder_that_lies_elsewhere_is_that_of_the_folder_it_was_found_from() {
    let elsewhere = tempfile::tempdir().unwrap();
    for kind in ["a link", "a file"] {
        let world = World::of(&[MANIFEST, DOCKERFILE]);
        let git_dir = elsewhere.path().join(kind.replace(' ', "-"));
        if kind == "a link" {
            std::fs::rename(world.file(".git"), &git_dir).unwrap();
            symlink(&git_dir, world.file(".git")).unwrap();
        } else {
            world.git(["init", "-q", "--separate-git-dir", git_dir.to_str().unwrap()]);
        }
        world.write("api/Dockerfile", "FROM chinampa/base:2\n");

        let plan = world.shown(["-C", "api", "plan", "--base", "HEAD"]);

        assert!(plan.contains("`api/Dockerfile` was modified"), "{kind}: {plan}");
    }
}
