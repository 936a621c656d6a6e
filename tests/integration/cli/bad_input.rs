//! What is wrong is named with its file and line, all of it in one run, and nothing is begun.

use insta::assert_snapshot;

use crate::support::world::World;

const DOCKERFILE: &str = "FROM chinampa/base:1\n";

/// Plans a repository whose manifest is `manifest`, with a folder and a Dockerfile for `api` and `lib`.
fn planned(manifest: &str, more: &[(&str, &str)]) -> String {
    let files = [("projects.toml", manifest), ("api/Dockerfile", DOCKERFILE), ("lib/Dockerfile", DOCKERFILE)];
    World::of(&[&files, more].concat()).shown(["plan", "--offline"])
}

#[test]
fn broken_toml_is_named_with_its_place() {
    let answer = planned("[workspace]\nname = \"shop\n", &[]);

    assert_snapshot!(answer, @r#"
    stderr: error: the projects can't be used as they are described
    stderr:   projects.toml:2: column 13: invalid basic string, expected `"`
    [exit: 2]
    "#);
}

#[test]
fn an_unknown_key_is_named_with_the_one_that_was_meant() {
    let answer = planned(
        "workspace.name = \"shop\"\n[projects.api]\npath = \"api\"\ndockerfil = \"Dockerfile\"\n",
        &[],
    );

    assert_snapshot!(answer, @"
    stderr: error: the projects can't be used as they are described
    stderr:   projects.toml:4: unknown key `dockerfil` in `[projects.api]`; did you mean `dockerfile`?
    [exit: 2]
    ");
}

#[test]
fn a_manifest_that_says_nothing_has_no_projects() {
    let answer = planned("", &[]);

    assert_snapshot!(answer, @"
    stderr: error: the projects can't be used as they are described
    stderr:   projects.toml:1: `workspace` is missing; it is a table with a `name`
    [exit: 2]
    ");
}

#[test]
fn a_bad_pattern_is_named_with_its_file_and_line() {
    let patterns = "api/**\napi/[z-a]\n^api/(\n";

    let answer = planned(
        "workspace.name = \"shop\"\n[projects.api]\npath = \"api\"\n",
        &[("api/.rebuild_patterns", patterns)],
    );

    assert_snapshot!(answer, @"
    stderr: error: the projects can't be used as they are described
    stderr:   api/.rebuild_patterns:2: bad pattern `api/[z-a]`: a range in brackets ends before it begins
    stderr:   api/.rebuild_patterns:3: bad regular expression `^api/(`: unclosed group
    [exit: 2]
    ");
}

#[test]
fn problems_of_several_files_are_reported_in_one_run() {
    let manifest = "\
[workspace]
name = \"shop\"
rebuild_all = [\"ok/**\", \"{a\"]

[projects.api]
path = \"api\"

[projects.lib]
path = \"lib\"

[projects.site]
path = \"site\"
";
    let files =
        [("api/.rebuild_patterns", "# nothing\n"), ("lib/Dockerfile", "FROM chinampa/base:1\nCOPPY a b\n")];

    let answer = planned(manifest, &files);

    assert_snapshot!(answer, @"
    stderr: error: the projects can't be used as they are described
    stderr:   api/.rebuild_patterns:1: no pattern takes anything: a project that nothing can change would never be rebuilt
    stderr:   lib/Dockerfile:2: unknown instruction `COPPY`
    stderr:   projects.toml:3: bad pattern `{a`: `{` without `}`
    stderr:   projects.toml:12: `path` of `site`: there is no folder `site` in this commit
    [exit: 2]
    ");
}

#[test]
fn a_missing_folder_and_a_missing_dockerfile_are_named() {
    let manifest = "\
workspace.name = \"shop\"

[projects.api]
path = \"services/api\"

[projects.lib]
path = \"lib\"
dockerfile = \"Containerfile\"
";

    let answer = planned(manifest, &[]);

    assert_snapshot!(answer, @"
    stderr: error: the projects can't be used as they are described
    stderr:   projects.toml:4: `path` of `api`: there is no folder `services/api` in this commit
    stderr:   projects.toml:8: `lib` has no Dockerfile: there is no file `lib/Containerfile` in this commit
    [exit: 2]
    ");
}

#[test]
fn a_folder_and_a_dockerfile_that_git_does_not_track_are_to_be_added() {
    let manifest = "\
workspace.name = \"shop\"

[projects.api]
path = \"services/api\"

[projects.lib]
path = \"lib\"

[projects.out]
path = \"out\"
";
    let world = World::of(&[("projects.toml", manifest), ("lib/f", ""), (".gitignore", "out/\n")]);
    for folder in ["services/api", "lib", "out"] {
        world.write(&format!("{folder}/Dockerfile"), "FROM chinampa/base:1\n");
    }

    let answer = world.shown(["plan", "--offline"]);

    assert_snapshot!(answer, @"
    stderr: error: the projects can't be used as they are described
    stderr:   projects.toml:4: `path` of `api`: there is no folder `services/api` in this commit; git does not track it: `git add services/api`
    stderr:   projects.toml:6: `lib` has no Dockerfile: there is no file `lib/Dockerfile` in this commit; git does not track it: `git add lib/Dockerfile`
    stderr:   projects.toml:10: `path` of `out`: there is no folder `out` in this commit
    [exit: 2]
    ");
}

#[test]
fn a_cycle_is_shown_whole() {
    let manifest = "\
workspace.name = \"shop\"

[projects.api]
path = \"api\"
needs = [\"lib\"]

[projects.lib]
path = \"lib\"

[projects.site]
path = \"site\"
needs = [\"api\"]
";
    let files = [("lib/Dockerfile", "FROM site\n"), ("site/Dockerfile", DOCKERFILE)];

    let answer = planned(manifest, &files);

    assert_snapshot!(answer, @"
    stderr: error: the projects can't be used as they are described
    stderr:   projects.toml:3: projects need each other in a circle: `api` needs `lib` needs `site` needs `api`
    [exit: 2]
    ");
}

#[test]
fn two_projects_with_one_repository_are_refused() {
    let manifest = "\
workspace.name = \"shop\"

[projects.api]
path = \"api\"

[projects.lib]
path = \"lib\"
repository = \"api\"
";

    let answer = planned(manifest, &[]);

    assert_snapshot!(answer, @"
    stderr: error: the projects can't be used as they are described
    stderr:   projects.toml:8: `repository` in `[projects.lib]`: the repository `api` is that of `[projects.api]` (line 3) already
    [exit: 2]
    ");
}

#[test]
fn an_unknown_need_is_named() {
    let answer = planned(
        "workspace.name = \"shop\"\n[projects.api]\npath = \"api\"\nneeds = [\"lob\"]\n\n[projects.lib]\npath = \"lib\"\n",
        &[],
    );

    assert_snapshot!(answer, @"
    stderr: error: the projects can't be used as they are described
    stderr:   projects.toml:4: `needs` in `[projects.api]`: there is no project `lob`; did you mean `lib`?
    [exit: 2]
    ");
}

#[test]
fn an_unknown_project_is_answered_with_the_one_that_was_meant() {
    let world = World::with_api();

    let typo = world.shown(["why", "apo"]);
    let unlike = world.shown(["build", "warehouse"]);
    let not_a_name = world.shown(["check_rebuild", "../api"]);

    assert_snapshot!(typo, @"
    stderr: changes of <10 hex> since an unknown base: this commit is on `main` itself, and nothing says what was built before
    stderr: error: there is no project `apo`
    stderr:   hint: did you mean `api`?
    [exit: 2]
    ");
    assert_snapshot!(unlike, @"
    stderr: error: there is no project `warehouse`
    stderr:   hint: `chinampa graph` lists all projects
    [exit: 2]
    ");
    assert_snapshot!(not_a_name, @"
    stderr: changes of <10 hex> since an unknown base: this commit is on `main` itself, and nothing says what was built before
    stderr: error: there is no project `../api`
    stderr:   hint: `chinampa graph` lists all projects
    [exit: 2]
    ");
}

#[test]
fn a_revision_that_names_no_commit_is_refused() {
    let world = World::with_api();

    let base = world.shown(["plan", "--offline", "--base", "v9"]);
    let head = world.shown(["changed", "--head", "origin/gone", "a"]);
    let option = world.shown(["graph", "--base=--upload-pack=x"]);
    let blob = world.shown(["graph", "--base=HEAD:api/Dockerfile"]);

    assert_snapshot!(base, @"
    stderr: error: `v9` does not name a commit of this repository
    stderr:   hint: `git fetch` it if it is elsewhere; a shallow clone lacks older commits
    [exit: 2]
    ");
    assert_snapshot!(head, @"
    stderr: error: `origin/gone` does not name a commit of this repository
    stderr:   hint: `git fetch` it if it is elsewhere; a shallow clone lacks older commits
    [exit: 2]
    ");
    assert_snapshot!(option, @"
    stderr: error: `--upload-pack=x` does not name a commit of this repository
    stderr:   hint: a revision doesn't begin with `-`
    [exit: 2]
    ");
    assert_snapshot!(blob, @"
    stderr: error: `HEAD:api/Dockerfile` does not name a commit of this repository
    stderr:   hint: `git fetch` it if it is elsewhere; a shallow clone lacks older commits
    [exit: 2]
    ");
}

#[test]
fn a_pattern_of_changed_that_cant_be_used_is_shown() {
    let world = World::with_api();

    let answer = world.shown(["changed", "api/**", "^("]);

    assert_snapshot!(answer, @"
    stderr: error: cannot use the pattern `^(`
    stderr:   because: unclosed group
    [exit: 2]
    ");
}

#[test]
fn names_that_no_registry_takes_are_refused_by_image_exists() {
    let world = World::with_api();

    let repository = world.shown(["image_exists", "Api", "latest"]);
    let tag = world.shown(["image_exists", "api", "a/b"]);

    assert_snapshot!(repository, @"
    stderr: error: `Api` is not a repository name: lower-case letters and digits, with `.`, `_`, `__`, `-` between them, in components between `/`
    [exit: 2]
    ");
    assert_snapshot!(tag, @"
    stderr: error: `a/b` is not a tag: up to 128 letters, digits, `_`, `.` and `-`, the first not `.` or `-`
    [exit: 2]
    ");
}

#[test]
fn a_manifest_that_cant_be_read_is_named() {
    let world = World::of(&[("a", "")]);

    let answer = world.shown(["graph", "--manifest", "ci/projects.toml"]);

    assert_snapshot!(answer, @"
    stderr: error: cannot read `ci/projects.toml`
    stderr:   because: No such file or directory (os error 2)
    [exit: 2]
    ");
}
