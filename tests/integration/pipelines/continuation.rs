//! `ci continue`, against a server that answers as CircleCI's does.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::scripted::{Scripted, Server};
use crate::support::world::{Answer, World};

const ASKED: &str = "POST /api/v2/pipeline/continue";

/// Continues with a large configuration, and shows what is answered.
async fn answer(answers: Vec<(u16, &'static str)>) -> (Answer, Vec<String>, String) {
    let server = Server::start([Scripted::new(ASKED, answers)]).await;
    let mut world = World::new();
    world.write("next.yml", "#".repeat(300_000));
    world.set("CIRCLE_CONTINUATION_KEY", "the-key");
    let mut command = world.command_of(&["ci", "continue", "next.yml", "--server", &server.url]);
    let answer: Answer = tokio::task::spawn_blocking(move || command.output().unwrap().into()).await.unwrap();
    let shown = answer.to_string().replace(&server.url, "<server>");
    (answer, server.bodies(ASKED), shown)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_of_any_size_is_sent_with_its_key() {
    let (answer, bodies, _) = answer(vec![(200, "{\"message\":\"ok\"}")]).await;

    assert_eq!((answer.exit, bodies.len()), (0, 1), "{answer}");
    let body: Value = serde_json::from_str(&bodies[0]).unwrap();
    let expected = json!({
        "continuation-key": "the-key",
        "configuration": "#".repeat(300_000),
        "parameters": {},
    });
    assert!(body == expected, "{}", &bodies[0][..200]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_in_trouble_is_asked_three_times() {
    let (recovered, twice, _) = answer(vec![(503, ""), (200, "{}")]).await;
    let (_, thrice, shown) = answer(vec![(503, "{\"message\":\"down\\u001b[31m\"}")]).await;

    assert_eq!((recovered.exit, twice.len(), thrice.len()), (0, 2, 3), "{recovered}");
    assert_snapshot!(shown, @r"
    stderr: warning: <server> answered with status 503: down\u{1b}[31m; it is tried once more
    stderr: warning: <server> answered with status 503: down\u{1b}[31m; it is tried once more
    stderr: error: <server> answered with status 503: down\u{1b}[31m
    [exit: 3]
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_refuses_is_said_with_its_reason_and_without_the_key() {
    let (_, once, configuration) = answer(vec![(400, "{\"message\":\"Error parsing config file\"}")]).await;
    let (_, _, key) = answer(vec![(403, "{\"message\":\"Permission denied\"}")]).await;

    assert_eq!(once.len(), 1);
    assert_snapshot!(configuration, @r"
    stderr: error: <server> refused the configuration: Error parsing config file
    stderr:   hint: `circleci config validate` shows where it is wrong, if its format is the reason
    [exit: 2]
    ");
    assert_snapshot!(key, @r"
    stderr: error: <server> refused the continuation key: Permission denied
    stderr:   hint: a key continues its pipeline once, within six hours; a setup workflow can't be run again, but a new pipeline can be started
    [exit: 3]
    ");
}

#[test]
fn a_key_goes_to_no_other_machine_without_tls() {
    let mut world = World::new();
    world.write("next.yml", "version: 2.1\n");
    let without_key = world.shown(["ci", "continue", "next.yml"]);
    world.set("CIRCLE_CONTINUATION_KEY", "the-key");

    assert_snapshot!(without_key, @r"
    stderr: error: `CIRCLE_CONTINUATION_KEY` is not set
    stderr:   hint: CircleCI sets it in the jobs of a configuration with `setup: true`
    [exit: 2]
    ");
    assert_snapshot!(world.shown(["ci", "continue", "next.yml", "--server", "http://circleci.example"]), @r"
    stderr: error: `http://circleci.example` is not the URL of a server: one with `https` is expected, as in `https://circleci.com`
    [exit: 2]
    ");
    assert_snapshot!(world.shown(["ci", "continue", "none.yml"]), @r"
    stderr: error: cannot read `none.yml`
    stderr:   because: No such file or directory (os error 2)
    [exit: 2]
    ");
}
