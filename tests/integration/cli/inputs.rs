//! What a project is made from, where nobody wrote a pattern file and where somebody did.

use insta::assert_snapshot;

use crate::support::world::World;

const MANIFEST: &str = "\
[workspace]
name = \"shop\"
rebuild_all = [\"toolchain/\"]

[projects.base]
path = \"base\"

[projects.api]
path = \"api\"
context = \".\"
build_args = { CONF = \"conf\" }
";

/// `api`, which copies a little of the repository, and starts from `base`.
fn world() -> World {
    World::of(&[
        ("projects.toml", MANIFEST),
        (
            "base/Dockerfile",
            "FROM scratch\nCOPY etc /etc/\nONBUILD COPY version /\nONBUILD COPY --from=compile /a /\n",
        ),
        ("base/etc/motd", ""),
        ("base/README.md", ""),
        (
            "api/Dockerfile",
            "FROM node:22 AS unused\nCOPY elsewhere /\nFROM node:22 AS compile\nCOPY api/src /src/\n\
             ADD https://example.com/$VERSION/x /x/\nFROM base\nARG CONF\nCOPY lib/*.c ${CONF}/a /\n\
             RUN --mount=type=bind,source=scripts,target=/s true\n",
        ),
        (".dockerignore", "**/*.md\n"),
        ("version", ""),
        ("elsewhere", ""),
        ("api/src/main.ts", ""),
        ("api/src/README.md", ""),
        ("lib/a.c", ""),
        ("lib/b.h", ""),
        ("conf/a", ""),
        ("conf/b", ""),
        ("scripts/s", ""),
        ("toolchain/version", ""),
    ])
}

#[test]
fn each_input_is_listed_with_the_line_that_takes_it() {
    let world = world();

    assert_snapshot!(world.shown(["inputs", "api"]), @"
    .dockerignore  projects.toml:8
    api/Dockerfile  projects.toml:8
    api/src/main.ts  api/Dockerfile:4
    conf/a  api/Dockerfile:8
    lib/a.c  api/Dockerfile:8
    scripts/s  api/Dockerfile:9
    toolchain/version  projects.toml:3
    version  api/Dockerfile:6
    [exit: 0]
    ");
    assert_snapshot!(world.shown(["inputs", "apo"]), @"
    stderr: error: there is no project `apo`
    stderr:   hint: did you mean `api`?
    [exit: 2]
    ");
}

/// As for Docker, whose image has the folder too (I10).
#[test]
fn a_folder_whose_files_are_all_ignored_is_an_input_though_none_of_them_is() {
    let world = World::of(&[
        ("projects.toml", "workspace.name = 'shop'\n[projects.api]\npath = 'api'\n"),
        ("api/Dockerfile", "FROM scratch\nCOPY . /\n"),
        ("api/.dockerignore", "tests/*\n**/cache\n"),
        ("api/main", ""),
    ]);
    world.write("api/tests/one", "").write("api/deep/er/cache/x", "").commit();

    let inputs = world.shown(["inputs", "api"]);
    let new = world.shown(["why", "api", "--base", "HEAD~1", "-q"]);
    world.write("api/tests/two", "").commit();
    let another = world.shown(["why", "api", "--base", "HEAD~1", "-q"]);
    world.git(["rm", "-q", "-r", "api/tests"]);
    world.commit();
    let gone = world.shown(["why", "api", "--base", "HEAD~1", "-q"]);

    assert_snapshot!(inputs, @"
    api/.dockerignore  api/Dockerfile:2
    api/Dockerfile  api/Dockerfile:2
    api/deep/  api/Dockerfile:2
    api/deep/er/  api/Dockerfile:2
    api/main  api/Dockerfile:2
    api/tests/  api/Dockerfile:2
    [exit: 0]
    ");
    assert_snapshot!(new, @"
    `api` is affected:
      the folder `api/deep`, whose files are all ignored, was added and matches `COPY .` (api/Dockerfile:2) of `api`
      the folder `api/deep/er`, whose files are all ignored, was added and matches `COPY .` (api/Dockerfile:2) of `api`
      the folder `api/tests`, whose files are all ignored, was added and matches `COPY .` (api/Dockerfile:2) of `api`
    [exit: 0]
    ");
    assert_snapshot!(another, @"
    `api` is not affected: none of its inputs, nor of what it needs, differs from the base
    [exit: 0]
    ");
    assert_snapshot!(gone, @"
    `api` is affected:
      the folder `api/tests`, whose files are all ignored, was deleted and matches `COPY .` (api/Dockerfile:2) of `api`
    [exit: 0]
    ");
}

#[test]
fn a_list_for_other_programs_says_what_is_committed() {
    let world = World::of(&[
        ("projects.toml", "workspace.name = 'w'\n[projects.a]\npath = 'a'\nextra_inputs = ['a/dist/**']\n"),
        ("a/Dockerfile", "FROM scratch\nCOPY b dist /\n"),
        ("a/b", ""),
        (".gitignore", "dist\n"),
    ]);
    world.write("a/dist/app", "built").write("a/b", "changed");

    assert_snapshot!(world.mask(&world.run(["inputs", "a", "--json"])), @r#"
    {
      "dirty": true,
      "head": "<40 hex>",
      "inputs": [
        {
          "committed": true,
          "folder": false,
          "path": "a/Dockerfile",
          "pattern": "a/Dockerfile",
          "source": "projects.toml:2"
        },
        {
          "committed": true,
          "folder": false,
          "path": "a/b",
          "pattern": "COPY b",
          "source": "a/Dockerfile:2"
        },
        {
          "committed": false,
          "folder": false,
          "path": "a/dist/app",
          "pattern": "a/dist/**",
          "source": "projects.toml:4"
        }
      ],
      "project": "a",
      "schema": "chinampa.inputs/1"
    }
    [exit: 0]
    "#);
}

#[test]
fn what_no_build_can_see_affects_nothing() {
    let world = world();
    for file in ["api/src/README.md", "base/README.md", "elsewhere", "lib/b.h", "conf/b", "api/notes"] {
        world.write(file, "changed");
    }
    world.commit();

    let untouched = world.run(["check_rebuild", "api", "--base", "HEAD~1"]);
    world.write("lib/a.c", "changed").commit();
    let touched = world.shown(["why", "api", "--base", "HEAD~1"]);

    assert_eq!(untouched.exit, 1, "{untouched}");
    assert_snapshot!(touched, @"
    `api` is affected:
      `lib/a.c` was modified and matches `COPY lib/*.c` (api/Dockerfile:8) of `api`
    stderr: changes of <10 hex> since <10 hex> (--base)
    [exit: 0]
    ");
}

#[test]
fn what_is_no_input_is_said_to_be_none() {
    let world = world();
    world.write("api/src/README.md", "changed").write("api/notes", "").commit();

    assert_snapshot!(world.shown(["why", "api", "--not", "--base", "HEAD~1"]), @"
    `api` is not affected:
      none of the 2 changed files is an input of it, nor of what it needs: `base`
      `api/notes` is taken by no line of `api/Dockerfile`
      `api/src/README.md` is left out of the context by `.dockerignore`
    stderr: changes of <10 hex> since <10 hex> (--base)
    [exit: 0]
    ");
}

#[test]
fn what_is_taken_by_the_base_or_by_the_head_is_a_change() {
    let world = world();
    world.write("api/Dockerfile", "FROM base\nCOPY api/notes /\n").write("api/notes", "").commit();
    world.remove("api/src/main.ts").write("lib/b.h", "changed").write("lib/a.c", "changed").commit();

    let why = world.shown(["why", "api", "--base", "HEAD~2"]);

    assert_snapshot!(why, @"
    `api` is affected:
      `api/Dockerfile` was modified and matches `api/Dockerfile` (projects.toml:8) of `api`
      `api/notes` was added and matches `COPY api/notes` (api/Dockerfile:2) of `api`
      `api/src/main.ts` was deleted and matches `COPY api/src` (api/Dockerfile:4) of `api`
      `lib/a.c` was modified and matches `COPY lib/*.c` (api/Dockerfile:8) of `api`
      `api` is built from other images: `node:22` (api/Dockerfile:1) is not used any more
    stderr: changes of <10 hex> since <10 hex> (--base)
    [exit: 0]
    ");
}

#[test]
fn a_link_that_leads_elsewhere_than_in_the_base_is_followed_in_both() {
    let world = World::of(&[
        ("projects.toml", "workspace.name = 'w'\n[projects.a]\npath = 'a'\ncontext = '.'\n"),
        ("a/Dockerfile", "FROM scratch\nCOPY now/f /\n"),
        ("one/f", ""),
        ("two/f", ""),
    ]);
    let link = |target: &str| {
        let _ = std::fs::remove_file(world.file("now"));
        std::os::unix::fs::symlink(target, world.file("now")).unwrap();
    };
    link("one");
    world.commit();
    link("two");
    world.write("one/f", "changed").write("two/f", "changed").commit();

    assert_snapshot!(world.shown(["why", "a", "--base", "HEAD~1"]), @"
    `a` is affected:
      `now` was modified and matches `COPY now/f` (a/Dockerfile:2) of `a`
      `one/f` was modified and matches `COPY now/f` (a/Dockerfile:2) of `a`
      `two/f` was modified and matches `COPY now/f` (a/Dockerfile:2) of `a`
    stderr: changes of <10 hex> since <10 hex> (--base)
    [exit: 0]
    ");
}

#[test]
fn a_triggers_sources_are_those_of_the_base_and_of_the_head() {
    let world = world();
    world.write("base/Dockerfile", "FROM scratch\nONBUILD COPY lib/b.h /\n");
    world.write("version", "changed").write("lib/b.h", "changed").commit();

    let why = world.run(["why", "api", "--base", "HEAD~1"]).stdout;

    for file in
        ["version` was modified and matches `COPY version", "lib/b.h` was modified and matches `COPY lib/b.h"]
    {
        assert!(why.contains(file), "{why}");
    }
}

#[test]
fn the_pattern_file_of_a_dockerfile_comes_before_that_of_its_folder() {
    let manifest = "workspace.name = 'w'\n[projects.one]\npath = '.'\ndockerfile = 'one.Dockerfile'\n\
        [projects.two]\npath = '.'\ndockerfile = 'two.Dockerfile'\n\
        [projects.three]\npath = '.'\ndockerfile = 'three.Dockerfile'\npatterns = 'three.txt'\n";
    let dockerfile = "FROM scratch\nCOPY . /\n";
    let world = World::of(&[
        ("projects.toml", manifest),
        ("one.Dockerfile", dockerfile),
        ("two.Dockerfile", dockerfile),
        ("three.Dockerfile", dockerfile),
        ("a", ""),
        ("b", ""),
        ("c", ""),
        (".rebuild_patterns", "# all\n./a\n"),
        ("one.Dockerfile.rebuild_patterns", "./b\n"),
        ("three.txt", "./c\n"),
    ]);

    let listed = ["one", "two", "three"].map(|project| world.run(["inputs", project]).stdout);

    assert_snapshot!(listed.concat(), @"
    b  one.Dockerfile.rebuild_patterns:1
    one.Dockerfile  projects.toml:2
    a  .rebuild_patterns:2
    two.Dockerfile  projects.toml:5
    c  three.txt:1
    three.Dockerfile  projects.toml:8
    ");
    // Another file takes its place, and what it took was an input.
    world.remove("one.Dockerfile.rebuild_patterns").write("b", "changed").commit();
    assert_snapshot!(world.shown(["why", "one", "--base", "HEAD~1"]), @"
    `one` is affected:
      `b` was modified and matches `./b` (one.Dockerfile.rebuild_patterns:1) of `one`
      `one.Dockerfile.rebuild_patterns`, which names the inputs of `one`, was deleted
    stderr: changes of <10 hex> since <10 hex> (--base)
    [exit: 0]
    ");
    world.remove("three.txt").commit();
    assert_snapshot!(world.shown(["inputs", "three"]), @"
    stderr: error: the projects can't be used as they are described
    stderr:   projects.toml:11: `patterns` of `three`: there is no file `three.txt` in this commit
    [exit: 2]
    ");
}

#[test]
fn without_hermetic_what_is_ignored_is_no_input() {
    let world = World::of(&[
        ("projects.toml", "workspace.name = 'w'\n[projects.a]\npath = 'a'\nhermetic = false\n"),
        ("a/Dockerfile", "FROM scratch\nCOPY b /\n"),
        ("a/Dockerfile.dockerignore", "*.md\n"),
        ("a/b", ""),
        ("a/c", ""),
        ("a/d.md", ""),
    ]);

    assert_snapshot!(world.shown(["inputs", "a"]), @"
    a/Dockerfile  projects.toml:2
    a/Dockerfile.dockerignore  projects.toml:2
    a/b  a/Dockerfile:2
    a/c  projects.toml:2
    [exit: 0]
    ");
}

#[test]
fn an_ignore_file_that_an_engine_would_refuse_is_an_error_with_its_line() {
    let world = World::of(&[
        ("projects.toml", "workspace.name = 'w'\n[projects.a]\npath = 'a'\n"),
        ("a/Dockerfile", "FROM scratch\nCOPY b /\n"),
        ("a/.dockerignore", "# all\n[z\n"),
        ("a/b", ""),
    ]);

    assert_snapshot!(world.shown(["inputs", "a"]), @"
    stderr: error: the projects can't be used as they are described
    stderr:   a/.dockerignore:2: bad pattern: `[` without `]`
    [exit: 2]
    ");
}
