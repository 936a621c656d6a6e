//! The commands that answer from git alone: no engine, no registry, nothing on standard output but the answer.

use insta::assert_snapshot;

use crate::support::world::World;

const MANIFEST: &str = "\
[workspace]
name = \"shop\"

[projects.lib]
path = \"lib\"

[projects.api]
path = \"services/api\"

[projects.site]
path = \"site\"
";

/// `api` is built from `lib`; the second commit changes `lib`. No engine is there.
fn world() -> (World, String) {
    let mut world = World::of(&[
        ("projects.toml", MANIFEST),
        ("lib/Dockerfile", "FROM chinampa/base:1\nCOPY a.txt /\n"),
        ("lib/.rebuild_patterns", "# sources\nlib/*.txt\n"),
        ("lib/a.txt", "one"),
        ("services/api/Dockerfile", "FROM lib\nCOPY src /src\n"),
        ("services/api/src/main", "one"),
        ("site/Dockerfile", "FROM chinampa/base:1\n"),
    ]);
    let base = world.git(["rev-parse", "HEAD"]);
    world.write("lib/a.txt", "two").write("lib/notes.md", "not an input").commit();
    world.set("DOCKER_HOST", "unix:///nonexistent/docker.sock");
    (world, base)
}

#[test]
fn changed_answers_whether_a_path_that_matches_changed() {
    let (world, base) = world();

    let yes = world.shown(["changed", "lib/**", "--base", &base]);
    let no = world.shown(["changed", "site/", "^.*[.]rs$", "--base", &base]);
    let excluded = world.shown(["changed", "lib/*", "!**/*.md", "--base", &base, "--json"]);

    assert_snapshot!(yes, @"
    lib/a.txt
    lib/notes.md
    stderr: changes of <10 hex> since <10 hex> (--base)
    [exit: 0]
    ");
    assert_snapshot!(no, @"
    stderr: changes of <10 hex> since <10 hex> (--base)
    [exit: 1]
    ");
    assert_snapshot!(excluded, @r#"
    {
      "base": {
        "commit": "<40 hex>",
        "from": "--base"
      },
      "changed": true,
      "paths": [
        "lib/a.txt"
      ],
      "schema": "chinampa.changed/1"
    }
    stderr: changes of <10 hex> since <10 hex> (--base)
    [exit: 0]
    "#);
}

#[test]
fn an_unknown_base_counts_as_changed_and_says_why() {
    let (world, base) = world();

    let changed = world.shown(["changed", "site/", "--head", &base]);
    let json = world.shown(["changed", "site/", "--json", "--head", &base]);
    let check = world.shown(["check_rebuild", "site", "--head", &base]);

    assert_snapshot!(changed, @"
    stderr: the base is unknown, so everything counts as changed: this commit is on `main` itself, and nothing says what was built before
    [exit: 0]
    ");
    assert_snapshot!(json, @r#"
    {
      "base": null,
      "base_unknown": "this commit is on `main` itself, and nothing says what was built before",
      "changed": true,
      "paths": [],
      "schema": "chinampa.changed/1"
    }
    stderr: the base is unknown, so everything counts as changed: this commit is on `main` itself, and nothing says what was built before
    [exit: 0]
    "#);
    assert_snapshot!(check, @"
    rebuild site: the base is unknown: this commit is on `main` itself, and nothing says what was built before
    stderr: changes of <10 hex> since an unknown base: this commit is on `main` itself, and nothing says what was built before
    [exit: 0]
    ");
}

#[test]
fn check_rebuild_answers_for_a_project_and_what_it_needs() {
    let (world, base) = world();

    let own = world.shown(["check_rebuild", "lib", "--base", &base]);
    let through_a_need = world.shown(["check-rebuild", "api", "--base", &base]);
    let no = world.shown(["check_rebuild", "site", "--base", &base]);

    assert_snapshot!(own, @"
    rebuild lib: `lib/a.txt` was modified and matches `lib/*.txt` (lib/.rebuild_patterns:2) of `lib`
    stderr: changes of <10 hex> since <10 hex> (--base)
    [exit: 0]
    ");
    assert_snapshot!(through_a_need, @"
    rebuild api: `lib/a.txt` was modified and matches `lib/*.txt` (lib/.rebuild_patterns:2) of `lib`
    stderr: changes of <10 hex> since <10 hex> (--base)
    [exit: 0]
    ");
    assert_snapshot!(no, @"
    keep site: none of its inputs, nor of what it needs, differs from the base
    stderr: changes of <10 hex> since <10 hex> (--base)
    [exit: 1]
    ");
}

#[test]
fn what_is_said_of_build_records_is_said_only_where_a_registry_may_have_some() {
    let (world, base) = world();
    let cache = "\n[cache]\nkind = \"oci\"\nhost = \"registry.example\"\n";
    world.write("projects.toml", MANIFEST.to_owned() + cache).commit();

    let without = world.run(["graph", "--head", &base]);
    let with = world.run(["graph"]);

    let said = "no registry is asked here: a build record, which `plan` looks for, might name a nearer base";
    assert!(!without.stderr.contains(said), "{without}");
    assert!(with.stderr.contains(said), "{with}");
}

#[test]
fn a_project_can_be_named_by_its_folder() {
    let (world, base) = world();
    let run_in = |folder: &str, arguments: &[&str]| {
        let mut command = world.command_of(arguments);
        let output = command.args(["-q", "--base", &base]).current_dir(world.file(folder)).output();
        world.mask(&output.unwrap().into())
    };

    assert_snapshot!(run_in("services/api/src", &["inputs", "."]), @"
    services/api/Dockerfile  projects.toml:7
    services/api/src/main  services/api/Dockerfile:2
    [exit: 0]
    ");
    assert_snapshot!(run_in("services", &["check_rebuild", "../lib/"]), @"
    rebuild lib: `lib/a.txt` was modified and matches `lib/*.txt` (lib/.rebuild_patterns:2) of `lib`
    [exit: 0]
    ");
    assert_snapshot!(run_in(".", &["check_rebuild", "services/api"]), @"
    rebuild api: `lib/a.txt` was modified and matches `lib/*.txt` (lib/.rebuild_patterns:2) of `lib`
    [exit: 0]
    ");
    assert_snapshot!(run_in(".", &["check_rebuild", "services"]), @"
    stderr: error: there is no project `services`
    stderr:   hint: `chinampa graph` lists all projects
    [exit: 2]
    ");
    assert_snapshot!(run_in(".", &["inputs", "../lib"]), @"
    stderr: error: there is no project `../lib`
    stderr:   hint: `chinampa graph` lists all projects
    [exit: 2]
    ");
}

#[test]
fn in_a_projects_folder_check_rebuild_needs_no_name() {
    let (world, base) = world();
    let run_in = |folder: &str| {
        let output =
            world.command(["check_rebuild", "-q", "--base", &base]).current_dir(world.file(folder)).output();
        world.mask(&output.unwrap().into())
    };

    assert_snapshot!(run_in("services/api/src"), @"
    rebuild api: `lib/a.txt` was modified and matches `lib/*.txt` (lib/.rebuild_patterns:2) of `lib`
    [exit: 0]
    ");
    assert_snapshot!(run_in("site"), @"
    keep site: none of its inputs, nor of what it needs, differs from the base
    [exit: 1]
    ");
    assert_snapshot!(run_in("services"), @"
    stderr: error: `<world>/services` is no project's folder, so a project must be named
    [exit: 2]
    ");
}

#[test]
fn why_tells_the_full_explanation() {
    let (world, base) = world();

    let affected = world.shown(["why", "api", "--base", &base]);
    let not_affected = world.shown(["why", "site", "--base", &base, "-q"]);
    let json = world.shown(["why", "api", "--base", &base, "-q", "--json"]);

    assert_snapshot!(affected, @"
    `api` is affected:
      `api` needs `lib`, and
        `lib/a.txt` was modified and matches `lib/*.txt` (lib/.rebuild_patterns:2) of `lib`
    stderr: changes of <10 hex> since <10 hex> (--base)
    [exit: 0]
    ");
    assert_snapshot!(not_affected, @"
    `site` is not affected: none of its inputs, nor of what it needs, differs from the base
    [exit: 0]
    ");
    assert_snapshot!(json, @r#"
    {
      "affected": true,
      "base": {
        "commit": "<40 hex>",
        "from": "--base"
      },
      "causes": [
        {
          "path": [
            "api",
            "lib"
          ],
          "reasons": [
            {
              "change": "modified",
              "kind": "file",
              "path": "lib/a.txt",
              "pattern": "lib/*.txt",
              "project": "lib",
              "source": "lib/.rebuild_patterns:2"
            }
          ]
        }
      ],
      "head": "<40 hex>",
      "project": "api",
      "schema": "chinampa.why/2"
    }
    [exit: 0]
    "#);
}

#[test]
fn graph_shows_who_needs_whom_and_who_is_affected() {
    let (world, base) = world();
    let graph = |format: &str| world.shown(["graph", "-q", "--base", &base, "--format", format]);

    assert_snapshot!(graph("text"), @"
    * lib
    * api needs lib
      site
    [exit: 0]
    ");
    assert_snapshot!(graph("dot"), @r#"
    digraph projects {
      rankdir=LR
      "lib" [style=filled, fillcolor=orange]
      "api" [style=filled, fillcolor=orange]
      "lib" -> "api"
      "site"
    }
    [exit: 0]
    "#);
    assert_snapshot!(graph("mermaid"), @r#"
    flowchart LR
      p0["lib"]:::affected
      p1["api"]:::affected
      p0 --> p1
      p2["site"]
      classDef affected fill:#f96
    [exit: 0]
    "#);
    assert_snapshot!(graph("json"), @r#"
    {
      "projects": [
        {
          "affected": true,
          "name": "lib",
          "needs": []
        },
        {
          "affected": true,
          "name": "api",
          "needs": [
            "lib"
          ]
        },
        {
          "affected": false,
          "name": "site",
          "needs": []
        }
      ],
      "schema": "chinampa.graph/1"
    }
    [exit: 0]
    "#);
    assert_eq!(world.run(["graph", "-q", "--base", &base, "--json"]).json()["schema"], "chinampa.graph/1");
}

#[test]
fn an_offline_plan_says_what_is_affected_and_why() {
    let (world, base) = world();

    let text = world.shown(["plan", "--offline", "--base", &base]);
    let one = world.shown(["plan", "--offline", "--base", &base, "--digests", "site"]);

    assert_snapshot!(text, @"
    changes of <10 hex> since <10 hex> (--base)
    affected `lib`
      because `lib/a.txt` was modified and matches `lib/*.txt` (lib/.rebuild_patterns:2) of `lib`
    affected `api`
      because `lib/a.txt` was modified and matches `lib/*.txt` (lib/.rebuild_patterns:2) of `lib`
      because it needs `lib`, which is affected
    unaffected `site`
    2 affected, 1 not
    [exit: 0]
    ");
    assert_snapshot!(one, @"
    changes of <10 hex> since <10 hex> (--base)
    unaffected `site` <12 hex>
    0 affected, 1 not
    [exit: 0]
    ");
}

#[test]
fn an_offline_plan_as_json_is_the_interface_to_other_programs() {
    let (world, base) = world();

    let plan = world.run(["plan", "--offline", "--base", &base, "--json"]);

    let mut json = plan.json();
    assert_eq!(json["head"], world.git(["rev-parse", "HEAD"]));
    assert_eq!(json["base"]["commit"], base);
    json["head"] = "<head>".into();
    json["base"]["commit"] = "<base>".into();
    assert_snapshot!(plan.stderr, @"");
    assert_snapshot!(serde_json::to_string_pretty(&json).unwrap(), @r#"
    {
      "base": {
        "commit": "<base>",
        "from": "--base"
      },
      "dirty": false,
      "head": "<head>",
      "projects": [
        {
          "action": "affected",
          "affected": true,
          "changed": true,
          "name": "lib",
          "needs": [],
          "reasons": [
            {
              "change": "modified",
              "kind": "file",
              "path": "lib/a.txt",
              "pattern": "lib/*.txt",
              "project": "lib",
              "source": "lib/.rebuild_patterns:2"
            }
          ]
        },
        {
          "action": "affected",
          "affected": true,
          "changed": false,
          "name": "api",
          "needs": [
            "lib"
          ],
          "reasons": [
            {
              "change": "modified",
              "kind": "file",
              "path": "lib/a.txt",
              "pattern": "lib/*.txt",
              "project": "lib",
              "source": "lib/.rebuild_patterns:2"
            },
            {
              "kind": "need",
              "project": "lib"
            }
          ]
        },
        {
          "action": "unaffected",
          "affected": false,
          "changed": false,
          "name": "site",
          "needs": [],
          "reasons": []
        }
      ],
      "schema": "chinampa.plan/2"
    }
    "#);
}

#[test]
fn digests_are_there_when_they_are_asked_for() {
    let (world, base) = world();

    let plan = world.run(["plan", "--offline", "--digests", "--base", &base, "--json", "lib"]);

    let json = plan.json();
    let project = &json["projects"][0];
    assert_eq!(project["inputs"], 2, "{plan}");
    assert_eq!(project["digest"].as_str().unwrap().len(), 64, "{plan}");
}

#[test]
fn an_unknown_base_is_null_in_json() {
    let (world, base) = world();

    let plan = world.shown(["plan", "--offline", "--json", "site", "--head", &base]);

    assert_snapshot!(plan, @r#"
    {
      "schema": "chinampa.plan/2",
      "head": "<40 hex>",
      "dirty": false,
      "base": null,
      "base_unknown": "this commit is on `main` itself, and nothing says what was built before",
      "projects": [
        {
          "name": "site",
          "action": "affected",
          "changed": true,
          "affected": true,
          "needs": [],
          "reasons": [
            {
              "kind": "base-unknown",
              "why": "this commit is on `main` itself, and nothing says what was built before"
            }
          ]
        }
      ]
    }
    [exit: 0]
    "#);
}

#[test]
fn an_older_head_is_looked_at_as_it_was() {
    let (world, base) = world();

    let plan = world.shown(["plan", "--offline", "--head", &base, "--base", &base]);

    assert_snapshot!(plan, @"
    changes of <10 hex> since <10 hex> (--base)
    unaffected `lib`
    unaffected `api`
    unaffected `site`
    0 affected, 3 not
    [exit: 0]
    ");
}

#[test]
fn why_not_names_the_files_that_were_near_and_what_did_not_take_them() {
    let (world, _) = world();
    world.write("lib/.rebuild_patterns", "lib/*.txt\n!**/old.txt\n").commit();
    world.write("lib/notes.md", "changed").write("lib/old.txt", "changed").write("x", "changed").commit();

    let not = world.shown(["why", "--not", "api", "--base", "HEAD~1"]);
    let but_it_is = world.shown(["why", "--not", "api", "--against", "HEAD~2", "-q"]);
    let json = world.run(["why", "--not", "lib", "--base", "HEAD~1", "-q", "--json"]).json();

    assert_snapshot!(not, @"
    `api` is not affected:
      none of the 3 changed files is an input of it, nor of what it needs: `lib`
      `lib/notes.md` matches no line of `lib/.rebuild_patterns` of `lib`
      `lib/old.txt` is excluded by `!**/old.txt` (lib/.rebuild_patterns:2) of `lib`
    stderr: changes of <10 hex> since <10 hex> (--base)
    [exit: 0]
    ");
    assert_snapshot!(but_it_is, @"
    `api` is affected:
      `api` needs `lib`, and
        `lib/.rebuild_patterns`, which names the inputs of `lib`, was modified
    [exit: 1]
    ");
    assert_eq!(json["near_misses"][1]["source"], "lib/.rebuild_patterns:2");
    assert_eq!(json["near_misses"][0]["excluded_by"], serde_json::Value::Null);
}

#[test]
fn another_platform_is_a_reason_by_itself_and_no_other_parent() {
    let (world, _) = world();
    world.write("projects.toml", format!("{MANIFEST}platforms = [\"linux/arm64\"]\n")).commit();

    let why = world.shown(["why", "site", "--base", "HEAD~1", "-q"]);

    assert_snapshot!(why, @"
    `site` is affected:
      the manifest's entry of `site` differs in `platforms`
    [exit: 0]
    ");
}

#[test]
fn why_tells_which_argument_and_which_parent_differs() {
    let (world, _) = world();
    let arguments = |arguments: &str| format!("{MANIFEST}build_args = {{ {arguments} }}\n");
    world.write("projects.toml", arguments("A = 1, B = 2")).commit();
    world.write("projects.toml", arguments("B = 3, C = 4"));
    world.write("site/Dockerfile", "FROM chinampa/base:2\nCOPY --from=other:1 /a /a\n").commit();

    let why = world.shown(["why", "site", "--against", "HEAD~1", "-q"]);

    assert_snapshot!(why, @"
    `site` is affected:
      `site/Dockerfile` was modified and matches `site/Dockerfile` (projects.toml:10) of `site`
      the manifest's entry of `site` differs in `build_args.A`, `build_args.B`, `build_args.C`
      `site` is built from other images: `chinampa/base:1` (site/Dockerfile:1) is not used any more; `chinampa/base:2` (site/Dockerfile:1) is new; `other:1` (site/Dockerfile:2) is new
    [exit: 0]
    ");
}

// issue 12: G7
#[test]
fn on_the_default_branch_the_base_of_last_resort_is_the_first_parent() {
    let (world, base) = world();
    world.git(["checkout", "-q", "-b", "topic", &base]);
    world.write("site/t", "1").commit();
    world.git(["checkout", "-q", "main"]);
    world.git(["merge", "-q", "--no-ff", "-m", "merge", "topic"]);

    let merged = world.shown(["changed", "**"]);
    world.write("api/x", "1").commit();
    let checked = world.shown(["check_rebuild", "site"]);

    assert_snapshot!(merged, @"
    site/t
    stderr: changes of <10 hex> since <10 hex> (its first parent; nothing says what was built before on `main`)
    [exit: 0]
    ");
    assert_snapshot!(checked, @"
    keep site: none of its inputs, nor of what it needs, differs from the base
    stderr: changes of <10 hex> since <10 hex> (its first parent; nothing says what was built before on `main`)
    [exit: 1]
    ");
}
