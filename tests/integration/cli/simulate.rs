//! `simulate`: what patterns would have cost, and which history that is counted over.

use insta::assert_snapshot;

use crate::support::world::World;

const MANIFEST: &str = "\
[workspace]
name = \"shop\"
rebuild_all = [\"tools/\"]

[projects.lib]
path = \"lib\"

[projects.api]
path = \"api\"
";

/// `api` is built from `lib`; five commits after the first.
fn world() -> World {
    let world = World::of(&[
        ("projects.toml", MANIFEST),
        ("lib/Dockerfile", "FROM scratch\nCOPY src /src\n"),
        ("lib/.rebuild_patterns", "# all of it\n./\n"),
        ("lib/src/a", ""),
        ("api/Dockerfile", "FROM lib\nARG BIN\nCOPY src/$BIN /bin\n"),
        ("api/src/main", ""),
        ("tools/version", "1"),
    ]);
    for file in ["lib/src/a", "lib/notes.md", "lib/README.md", "api/src/main", "tools/version"] {
        world.write(file, "changed").commit();
    }
    world
}

#[test]
fn each_line_has_its_cost() {
    let world = world();

    let text = world.shown(["simulate", "HEAD~5..HEAD"]);
    let json = world.shown(["simulate", "HEAD~2..HEAD", "--json"]);

    assert_snapshot!(text, @"
    declared  inferred  project
           5         3  `api` (inferred: a guess)
           4         2  `lib`

      builds      only   commits  line
           6         3         3  `./` (lib/.rebuild_patterns:2) of `lib`
           2         1         1  `tools/` (projects.toml:3) of all projects
           1         1         1  `COPY src/$BIN` (api/Dockerfile:3) of `api`

    5 commits: 9 builds as declared, 5 as inferred, 10 if each built all
    [exit: 0]
    ");
    assert_snapshot!(json, @r#"
    {
      "builds": {
        "all": 4,
        "declared": 3,
        "inferred": 3
      },
      "commits": 2,
      "left_out": null,
      "lines": [
        {
          "builds": 2,
          "commits": 1,
          "only": 1,
          "pattern": "tools/",
          "project": null,
          "source": "projects.toml:3"
        },
        {
          "builds": 1,
          "commits": 1,
          "only": 1,
          "pattern": "COPY src/$BIN",
          "project": "api",
          "source": "api/Dockerfile:3"
        },
        {
          "builds": 0,
          "commits": 0,
          "only": 0,
          "pattern": "./",
          "project": "lib",
          "source": "lib/.rebuild_patterns:2"
        }
      ],
      "newest": "<40 hex>",
      "oldest": "<40 hex>",
      "projects": [
        {
          "declared": 2,
          "guessed": true,
          "inferred": 2,
          "name": "api"
        },
        {
          "declared": 1,
          "guessed": false,
          "inferred": 1,
          "name": "lib"
        }
      ],
      "schema": "chinampa.simulate/1"
    }
    [exit: 0]
    "#);
}

#[test]
fn lines_that_are_not_committed_yet_can_be_tried() {
    let world = world();
    world.write("lib/.rebuild_patterns", "./src/\n");

    let tried = world.run(["simulate", "HEAD~5.."]);
    let committed = world.run(["simulate", "HEAD~5..HEAD", "--head", "HEAD"]);

    let last = |stdout: &str| stdout.lines().last().unwrap().to_owned();
    assert_eq!(last(&tried.stdout), "5 commits: 5 builds as declared, 5 as inferred, 10 if each built all");
    assert_eq!(
        last(&committed.stdout),
        "5 commits: 9 builds as declared, 5 as inferred, 10 if each built all"
    );
}

#[test]
fn what_of_the_history_is_not_looked_at_is_said() {
    let world = world();
    let shallow = World::new();
    let source = format!("file://{}", world.path().display());
    shallow.git(["fetch", "-q", "--depth", "3", &source, "main"]);
    shallow.git(["reset", "-q", "--hard", "FETCH_HEAD"]);

    let limit = world.shown(["simulate", "HEAD", "--limit", "1", "--json"]);
    let shallow = shallow.run(["simulate", "HEAD"]);
    let whole = world.run(["simulate", "HEAD"]);

    assert_snapshot!(limit, @r#"
    {
      "builds": {
        "all": 2,
        "declared": 2,
        "inferred": 2
      },
      "commits": 1,
      "left_out": "there are older commits, which `--limit 1` leaves out",
      "lines": [
        {
          "builds": 2,
          "commits": 1,
          "only": 1,
          "pattern": "tools/",
          "project": null,
          "source": "projects.toml:3"
        },
        {
          "builds": 0,
          "commits": 0,
          "only": 0,
          "pattern": "COPY src/$BIN",
          "project": "api",
          "source": "api/Dockerfile:3"
        },
        {
          "builds": 0,
          "commits": 0,
          "only": 0,
          "pattern": "./",
          "project": "lib",
          "source": "lib/.rebuild_patterns:2"
        }
      ],
      "newest": "<40 hex>",
      "oldest": "<40 hex>",
      "projects": [
        {
          "declared": 1,
          "guessed": true,
          "inferred": 1,
          "name": "api"
        },
        {
          "declared": 1,
          "guessed": false,
          "inferred": 1,
          "name": "lib"
        }
      ],
      "schema": "chinampa.simulate/1"
    }
    stderr: there are older commits, which `--limit 1` leaves out
    [exit: 0]
    "#);
    assert_snapshot!(world.mask(&shallow), @"
    declared  inferred  project
           2         2  `api` (inferred: a guess)
           1         1  `lib`

      builds      only   commits  line
           2         1         1  `tools/` (projects.toml:3) of all projects
           1         1         1  `COPY src/$BIN` (api/Dockerfile:3) of `api`

    2 commits: 3 builds as declared, 3 as inferred, 4 if each built all
    stderr: history is cut off at <10 hex>, as in a shallow clone: what it changed, and what was before it, could not be seen
    [exit: 0]
    ");
    assert!(whole.stderr.is_empty(), "{whole}");
    assert!(whole.stdout.contains("6 commits: 11 builds as declared"), "{whole}");
}

#[test]
fn a_merge_is_what_it_changed_of_its_first_parent() {
    let world = world();
    world.git(["checkout", "-q", "-b", "side"]);
    world.write("lib/src/a", "two").commit();
    world.write("api/src/main", "two").commit();
    world.git(["checkout", "-q", "main"]);
    world.git(["merge", "-q", "--no-ff", "-m", "merge", "side"]);

    let answer = world.run(["simulate", "HEAD~1..HEAD"]);

    assert!(answer.stdout.contains("1 commit: 2 builds as declared, 2 as inferred"), "{answer}");
}

#[test]
fn what_is_no_range_is_refused() {
    let world = world();

    for range in ["--upload-pack=x", "-x..HEAD", "HEAD..-x", "HEAD...HEAD", "nothing..HEAD", ""] {
        let answer = world.run(["simulate", range]);

        assert_eq!((answer.exit, answer.stdout.as_str()), (2, ""), "{range}: {answer}");
    }
}
