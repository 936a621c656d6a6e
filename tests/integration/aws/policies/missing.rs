//! With one action less, a command says which one is missing, to whom and for what.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt as _};

use super::{Accounts, Parts};
use crate::support::iam::Denial;

/// What is wrong with the answer of a command for which an action is denied.
async fn problem(
    command: &'static [&'static str],
    purpose: &'static [&'static str],
    action: String,
) -> Option<String> {
    let it = Accounts::new(Parts::default()).await;
    tokio::task::spawn_blocking(move || {
        if command[0] == "deploy" {
            it.prepare(&["build"]);
        }
        if action == "ecr:BatchDeleteImage" && command[0] == "build" {
            it.prepare(&["taint", "api"]);
        }
        // Layers that are read are those of records.
        if action == "ecr:GetDownloadUrlForLayer" && command[0] == "build" {
            it.prepare(&["build"]);
            it.change();
        }
        it.attach(purpose);
        it.iam.remove(Some(&action));

        let answer = it.run(command);

        let said = answer.to_string();
        let denied = it.iam.denied();
        let denied: Vec<&Denial> = denied.iter().filter(|denial| denial.action == action).collect();
        if denied.is_empty() {
            return Some(format!("{command:?}: {action} was not asked for: {answer}"));
        }
        let names = |part: &str| said.contains(part);
        // What HEAD is answered names nobody.
        let is_named = names(&action)
            && (action == "ecr:BatchCheckLayerAvailability"
                || denied.iter().any(|it| names(&it.principal) && names(&it.resource)));
        (!matches!(answer.exit, 3 | 4) || !is_named)
            .then(|| format!("{command:?} without {action}: {denied:?}\n{said}"))
    })
    .await
    .unwrap()
}

async fn check(command: &'static [&'static str], purpose: &'static [&'static str]) {
    let it = Accounts::new(Parts::default()).await;
    it.attach(purpose);
    let actions: Vec<String> = it.iam.unused().into_iter().map(|(_, action)| action).collect();
    let actions = BTreeSet::from_iter(actions);
    assert!(actions.len() > 10, "{actions:?}");

    let problems = stream::iter(actions).map(|action| problem(command, purpose, action));
    let problems: Vec<Option<String>> = problems.buffer_unordered(4).collect().await;

    let problems: Vec<String> = problems.into_iter().flatten().collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

// issue 17
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_build_names_the_permission_that_is_missing() {
    check(&["build"], &["build"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_deployment_names_the_permission_that_is_missing() {
    check(&["deploy", "-e", "prod"], &["deploy", "-e", "prod"]).await;
}
