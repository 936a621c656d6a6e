//! What `build`, `plan` and `image_exists` answer when a real engine builds.

use insta::assert_snapshot;

use crate::support::engines::BedEngine;
use crate::support::shop::{Cache, Shop};
use crate::support::world::Answer;

const CHAIN: &[crate::support::shop::Project] = &[
    ("lib", "FROM chinampa/base:1\nRUN echo lib > /lib\nCOPY Dockerfile /\n", ""),
    ("api", "FROM lib\nRUN cat /lib\n", ""),
];

#[test]
fn what_is_built_once_is_reused() {
    let shop = Shop::new().projects(CHAIN);

    let planned = shop.shown(["plan"]);
    let first = shop.shown(["build", "-q"]);
    let second = shop.shown(["build", "-q"]);
    let planned_again = shop.shown(["plan", "api"]);

    assert_snapshot!(planned, @"
    changes of <10 hex> since an unknown base: this commit is on `main` itself, and nothing says what was built before
    build `lib` <12 hex>
      because the cache has no image of these inputs
    build `api` <12 hex>
      because the cache has no image of these inputs
    2 to build, 0 to reuse
    [exit: 0]
    ");
    assert_snapshot!(first, @"
    built     api  <time>   0 of 1 steps cached
    built     lib  <time>   0 of 2 steps cached
    because   lib, api  the cache has no image of these inputs
    2 built, 0 reused in <time> 
    [exit: 0]
    ");
    assert_snapshot!(second, @"
    0 built, 2 reused in <time> 
    [exit: 0]
    ");
    assert_snapshot!(planned_again, @"
    changes of <10 hex> since <10 hex> (the last complete build of `main`)
    reuse `lib` <12 hex>
    reuse `api` <12 hex>
    0 to build, 2 to reuse
    [exit: 0]
    ");
}

#[test]
fn images_that_a_dockerignore_alone_builds_again_are_named_with_the_line_that_changed() {
    let shop = Shop::new().projects(&[("api", "FROM chinampa/base:1\nCOPY . /\n", "")]);
    shop.world.write("api/.dockerignore", "*.md\n").write("api/a", shop.prefix.as_str()).commit();
    let built = shop.world.run(["build"]);
    assert_eq!(built.exit, 0, "{built}");
    let is_named = "only `api/.dockerignore` changed for `api`: line 2 `*.txt` was added";

    shop.world.write("api/.dockerignore", "*.md\n*.txt\n").commit();
    let planned = shop.world.run(["plan"]);
    let again = shop.world.run(["build"]);
    shop.world.write("api/.dockerignore", "*.md\n").write("api/a", format!("{}2", shop.prefix)).commit();
    let with_more = shop.world.run(["plan"]);

    assert!(planned.stderr.contains(is_named) && again.stderr.contains(is_named), "{planned}{again}");
    assert_eq!(again.exit, 0, "{again}");
    assert!(!with_more.stderr.contains("api/.dockerignore"), "{with_more}");
}

#[test]
fn a_registry_gets_the_images_their_tags_and_the_record() {
    let shop = Shop::new().on(BedEngine::Current).cache(Cache::oci()).projects(CHAIN);

    let built = shop.shown(["build", "-q"]);
    let tags: Vec<String> = shop.tags("api").into_iter().collect();

    assert_snapshot!(built, @"
    built     api  <time>   0 of 1 steps cached
    built     lib  <time>   0 of 2 steps cached
    because   lib, api  the cache has no image of these inputs
    2 built, 0 reused in <time> 
    [exit: 0]
    ");
    assert_eq!(tags.iter().filter(|tag| tag.starts_with("cache-")).count(), 1, "{tags:?}");
    assert!(tags.contains(&"branch-main".to_owned()), "{tags:?}");
    assert!(tags.contains(&format!("commit-{}", shop.world.git(["rev-parse", "HEAD"]))), "{tags:?}");
}

#[test]
fn plain_progress_tells_each_thing_that_happened_on_standard_error() {
    let shop = Shop::new().projects(&CHAIN[..1]);

    let answer = shop.shown(["build"]);
    // How the engine names and counts the parent depends on who else builds from it.
    let lines: Vec<&str> = answer.lines().filter(|line| !line.contains("] FROM ")).collect();

    assert_snapshot!(lines.join("\n"), @"
    built     lib  <time>   0 of 2 steps cached
    because   lib  the cache has no image of these inputs
    1 built, 0 reused in <time> 
    stderr: changes of <10 hex> since an unknown base: this commit is on `main` itself, and nothing says what was built before
    stderr:  <time> lib: building
    stderr:  <time> lib: [2/3] RUN echo lib > /lib <time> 
    stderr:  <time> lib: [3/3] COPY Dockerfile / <time> 
    stderr:  <time> lib: exporting to image <time> 
    stderr:  <time> lib: built in <time> , 0 of 2 steps cached
    [exit: 0]
    ");
}

#[test]
fn json_progress_is_one_object_a_line() {
    let shop = Shop::new().projects(&CHAIN[..1]);

    let answer = shop.world.run(["build", "--progress", "json", "--json"]);

    assert_eq!(answer.json()["schema"], "chinampa.build/2");
    let (events, for_people): (Vec<&str>, Vec<&str>) =
        answer.stderr.lines().partition(|line| line.starts_with('{'));
    let lines: Vec<serde_json::Value> =
        events.into_iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(for_people.len() == 1 && for_people[0].starts_with("changes of "), "{answer}");
    let events: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!((events[0], events[events.len() - 1]), ("started", "finished"), "{answer}");
    assert!(lines.iter().all(|line| line["schema"] == "chinampa.event/1"), "{answer}");
}

#[test]
fn build_as_json_says_what_became_of_each_project() {
    let shop = Shop::new().projects(CHAIN);

    let answer = shop.shown(["build", "--json", "-q"]);

    assert_snapshot!(answer, @r#"
    {
      "schema": "chinampa.build/2",
      "head": "<40 hex>",
      "dirty": false,
      "base": null,
      "base_unknown": "this commit is on `main` itself, and nothing says what was built before",
      "projects": [
        {
          "name": "lib",
          "action": "build",
          "digest": "<64 hex>",
          "changed": true,
          "affected": true,
          "needs": [],
          "inputs": 1,
          "reasons": [
            {
              "kind": "no-image"
            },
            {
              "kind": "base-unknown",
              "why": "this commit is on `main` itself, and nothing says what was built before"
            }
          ],
          "outcome": "built",
          "seconds": <time>,
          "image": "<prefix>/lib:cache-<64 hex>",
          "cached_steps": 0,
          "steps": 2
        },
        {
          "name": "api",
          "action": "build",
          "digest": "<64 hex>",
          "changed": true,
          "affected": true,
          "needs": [
            "lib"
          ],
          "inputs": 1,
          "reasons": [
            {
              "kind": "no-image"
            },
            {
              "kind": "base-unknown",
              "why": "this commit is on `main` itself, and nothing says what was built before"
            }
          ],
          "outcome": "built",
          "seconds": <time>,
          "image": "<prefix>/api:cache-<64 hex>",
          "cached_steps": 0,
          "steps": 1
        }
      ],
      "interrupted": false,
      "seconds": <time>,
      "seconds_estimated": null,
      "seconds_saved": null,
      "inline_cache_fault": null,
      "lost_builders": [],
      "record": "<prefix>/shop-builds:commit-<40 hex>"
    }
    [exit: 0]
    "#);
}

#[test]
fn plan_as_json_says_what_would_be_built_and_reused() {
    let shop = Shop::new().projects(CHAIN);
    shop.world.run(["build", "-q", "lib"]);

    let answer = shop.shown(["plan", "--json", "-q"]);

    assert_snapshot!(answer, @r#"
    {
      "schema": "chinampa.plan/2",
      "head": "<40 hex>",
      "dirty": false,
      "base": null,
      "base_unknown": "this commit is on `main` itself, and nothing says what was built before",
      "projects": [
        {
          "name": "lib",
          "action": "reuse",
          "digest": "<64 hex>",
          "changed": true,
          "affected": true,
          "needs": [],
          "inputs": 1,
          "reasons": []
        },
        {
          "name": "api",
          "action": "build",
          "digest": "<64 hex>",
          "changed": true,
          "affected": true,
          "needs": [
            "lib"
          ],
          "inputs": 1,
          "reasons": [
            {
              "kind": "no-image"
            },
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
fn a_dry_run_builds_nothing() {
    let shop = Shop::new().projects(CHAIN);

    let answer = shop.shown(["build", "--dry-run", "api"]);

    assert_snapshot!(answer, @"
    changes of <10 hex> since an unknown base: this commit is on `main` itself, and nothing says what was built before
    build `lib` <12 hex>
      because the cache has no image of these inputs
    build `api` <12 hex>
      because the cache has no image of these inputs
    2 to build, 0 to reuse
    [exit: 0]
    ");
    assert!(shop.engine_images().is_empty());
}

#[test]
fn image_exists_answers_yes_no_or_that_it_cant_be_told() {
    let mut shop = Shop::new().cache(Cache::oci()).projects(&CHAIN[..1]);
    shop.world.run(["build", "-q"]);

    let yes = shop.shown(["image_exists", "lib", "branch-main"]);
    let no = shop.shown(["image-exists", "lib", "branch-other"]);
    let no_json = shop.shown(["image_exists", "gone", "branch-main", "--json"]);
    shop.world.set("DOCKER_CONFIG", "/nonexistent");
    let untold = shop.shown(["image_exists", "lib", "branch-main"]);

    assert_snapshot!(yes, @"
    <registry>/<prefix>/lib:branch-main is sha256:<64 hex>
    [exit: 0]
    ");
    assert_snapshot!(no, @"
    stderr: <registry>/<prefix>/lib:branch-other is not there
    [exit: 1]
    ");
    assert_snapshot!(no_json, @r#"
    {
      "digest": null,
      "exists": false,
      "image": "<registry>/<prefix>/gone:branch-main",
      "schema": "chinampa.image_exists/1"
    }
    [exit: 1]
    "#);
    assert_snapshot!(untold, @"
    stderr: error: access to `<registry>/<prefix>/lib:branch-main` denied: status 401
    stderr:   hint: `/nonexistent/config.json` has no login for `<registry>`: log in with `docker login <registry>`
    [exit: 3]
    ");
}

#[test]
fn uncommitted_changes_are_built_on_a_laptop_and_refused_by_a_ci() {
    let mut shop = Shop::new().projects(&CHAIN[..1]);
    shop.world.write("lib/Dockerfile", "FROM chinampa/base:1\n");

    let laptop = shop.shown(["build", "-q"]);
    let images = shop.engine_images();
    shop.world.set("CI", "true");
    let refused = shop.shown(["build"]);
    let allowed = shop.world.run(["build", "-q", "--allow-dirty"]);

    assert_snapshot!(laptop, @"
    built     lib  <time> 
    because   lib  the cache has no image of these inputs
    1 built, 0 reused in <time> 
    [exit: 0]
    ");
    assert!(images.iter().all(|image| image.starts_with("lib:cache-")), "{images:?}");
    assert_snapshot!(refused, @"
    stderr: error: there are uncommitted changes, and this is CI: what it builds would not be what was committed
    stderr:   hint: commit the changes, or take them along with `--allow-dirty`
    [exit: 2]
    ");
    assert_eq!(allowed.exit, 0, "{allowed}");
}

#[test]
fn uncommitted_changes_are_pushed_only_when_that_is_allowed() {
    let shop = Shop::new().cache(Cache::oci()).projects(&CHAIN[..1]);
    shop.world.write("lib/Dockerfile", "FROM chinampa/base:1\n");

    let refused = shop.shown(["build"]);
    let tags_before = shop.tags("lib");
    let allowed = shop.world.run(["build", "--allow-dirty"]);

    assert_snapshot!(refused, @"
    stderr: changes of <10 hex> with uncommitted changes since an unknown base: this commit is on `main` itself, and nothing says what was built before
    stderr: error: there are uncommitted changes, and they would be pushed to `<registry>`
    stderr:   hint: commit the changes, or take them along with `--allow-dirty`
    [exit: 2]
    ");
    assert!(tags_before.is_empty(), "{tags_before:?}");
    assert_eq!(allowed.exit, 0, "{allowed}");
    let tags = shop.tags("lib");
    let is_anonymous = |tag: &String| tag.starts_with("cache-") || tag.starts_with("pushed-");
    assert!(tags.iter().all(is_anonymous), "{tags:?}");
}

#[test]
fn every_command_that_plans_includes_uncommitted_changes() {
    let shop = Shop::new().projects(&CHAIN[..1]);
    let ask = |command: &[&str], more: &[&str]| -> Answer {
        let command = shop.world.command(["--base", "HEAD"]).args(command).args(more).output();
        command.unwrap().into()
    };
    let commands: [(&[&str], &str); 5] = [
        (&["check_rebuild", "lib"], "rebuild lib: `lib/Dockerfile` was modified"),
        (&["changed", "**"], "lib/Dockerfile\n"),
        (&["why", "lib"], "`lib/Dockerfile` was modified"),
        (&["plan", "--offline"], "`lib/Dockerfile` was modified"),
        (&["graph"], "* lib"),
    ];
    let clean = commands.map(|(command, _)| ask(command, &[]).stdout);

    shop.world.write("lib/Dockerfile", "FROM chinampa/base:1\nLABEL a=b\n");

    for ((command, expected), clean) in commands.into_iter().zip(clean) {
        let of_work_tree = ask(command, &[]);
        let of_commit = ask(command, &["--head", "HEAD"]);
        assert!(of_work_tree.stdout.contains(expected), "{command:?}: {of_work_tree}");
        assert_eq!(of_commit.stdout, clean, "{command:?}");
    }
}

#[test]
fn what_a_message_asks_for_is_planned_as_it_is_built_and_the_reason_says_who_asked() {
    let shop = Shop::new().projects(CHAIN);
    let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
    let allowed = "name = \"shop\"\nmessage_switches = [\"rebuild\"]";
    let say = |message: &str| shop.world.git(["commit", "-q", "--allow-empty", "-m", message]);
    shop.world.commit();
    shop.build([]);
    let planned = |arguments: [&str; 3]| shop.world.run(arguments).stdout;

    say("[ci rebuild lib]");
    let ignored = planned(["plan", "lib", "-q"]);
    shop.world.write("projects.toml", manifest.replace("name = \"shop\"", allowed));
    shop.world.git(["commit", "-q", "-a", "-m", "[ci rebuild lib]"]);
    let plan = planned(["plan", "lib", "-q"]);
    let dry_run = planned(["build", "--dry-run", "-q"]);
    let json = shop.world.run(["plan", "lib", "--json"]).json();
    let forced = shop.world.run(["build", "lib", "--dry-run", "--force", "--json"]).json();
    say("[ci rebuild nope]");
    let unknown = shop.world.run(["plan"]);

    assert!(ignored.contains("0 to build"), "{ignored}");
    let reason = "the commit's message asked for it";
    assert!(plan.contains(reason) && dry_run.contains(reason), "{plan}{dry_run}");
    assert!(!plan.contains("--force"), "{plan}");
    let reason_of = |json: &serde_json::Value| json["projects"][0]["reasons"][0].clone();
    assert_eq!(reason_of(&json), serde_json::json!({ "kind": "forced", "by": "message" }));
    assert_eq!(reason_of(&forced), serde_json::json!({ "kind": "forced", "by": "option" }));
    assert_eq!(unknown.exit, 2, "{unknown}");
}
