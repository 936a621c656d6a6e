//! The user's ssh agent in build steps.

use chinampa::internals::engine::{EngineError, SshAgent};
use chinampa::internals::model::FileMode;

use crate::engine::support::{self, BASE, Repository, request, unique};
use crate::support::engines::{BedEngine, on_each_engine};
use crate::support::shop::{Cache, Shop};
use crate::support::ssh_agent;

on_each_engine!(async
    a_step_lists_the_keys_of_its_agent_and_cannot_change_them,
    a_step_that_requires_an_agent_fails_without_one,
);

// issue 14: E10
async fn a_step_lists_the_keys_of_its_agent_and_cannot_change_them(on: BedEngine) {
    let engine = support::connect(on).await;
    let repository = Repository::new();
    let comment = unique();
    let (agent, other) = (ssh_agent::SshAgent::start(&comment), ssh_agent::SshAgent::start("other"));
    let client = repository.entry("ask", FileMode::Executable, ssh_agent::client());
    let dockerfile = format!(
        "FROM {BASE}\nCOPY ask /ask\n\
         RUN --mount=type=ssh /ask 11 19 11 && echo {comment}\n\
         RUN --mount=type=ssh,id=github,required /ask 11\n\
         RUN --mount=type=ssh,id=undeclared test ! -e \"$SSH_AUTH_SOCK\"\n\
         RUN test -z \"$SSH_AUTH_SOCK\"\n"
    );
    let mut request = request(&dockerfile, vec![client]);
    request.ssh.insert("default".to_owned(), SshAgent::find(Some(agent.socket())).unwrap());
    request.ssh.insert("github".to_owned(), SshAgent::find(Some(other.socket())).unwrap());

    let image = support::build(&engine, &request).await.unwrap();

    let output = image.output();
    assert_eq!(output.matches("request 11: answer 12").count(), 3, "{output}");
    assert_eq!(output.matches(&format!("{comment}\n")).count(), 3, "{output}");
    assert!(output.contains("request 19: answer 5 \n"), "{output}");
    assert_eq!((agent.asked(), other.asked()), (vec![11, 11], vec![11]));
    let files = image.files("/").await;
    let left = files.iter().filter(|(path, entry)| path.starts_with(b"run/") && !entry.kind.is_dir());
    assert_eq!(left.count(), 0, "no socket stays in the image");
}

async fn a_step_that_requires_an_agent_fails_without_one(on: BedEngine) {
    let engine = support::connect(on).await;
    let dockerfile = format!("FROM {BASE}\nRUN --mount=type=ssh,required echo {}\n", unique());

    let Err(error) = support::build(&engine, &request(&dockerfile, vec![])).await else { panic!("it built") };

    let EngineError::BuildFailed { message, .. } = &error else { panic!("{error:?}") };
    assert!(message.contains("no ssh agent is forwarded as `default`"), "{message}");
}

/// Needs an agent.
const WITH_SSH: &str =
    "FROM chinampa/base:1\nCOPY ask /ask\nRUN --mount=type=ssh,id=github,required /ask 11\n";

fn shop() -> Shop {
    let shop = Shop::new().cache(Cache::Engine);
    shop.world.write("api/ask", ssh_agent::client());
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(shop.world.file("api/ask"), mode).unwrap();
    shop.projects(&[("api", WITH_SSH, "ssh = [\"default\", \"github\"]")])
}

#[test]
fn the_agent_of_the_environment_is_forwarded_and_which_it_is_makes_no_other_image() {
    let agent = ssh_agent::SshAgent::start("a-key");
    let mut shop = shop();
    shop.world.set("SSH_AUTH_SOCK", agent.socket().to_str().unwrap());

    let built = shop.world.run(["build", "--progress", "plain"]);
    shop.world.set("SSH_AUTH_SOCK", "/nowhere");
    let again = shop.world.run(["build"]);

    assert_eq!(built.exit, 0, "{built}");
    assert!(built.to_string().contains("a-key"), "{built}");
    assert_eq!(agent.asked(), [11]);
    assert_eq!(again.exit, 0, "nothing is built, so no agent is needed: {again}");
    assert!(again.stdout.contains("1 reused"), "{again}");
}

#[test]
fn without_an_agent_nothing_is_built_and_the_error_names_project_and_key() {
    let mut shop = shop();

    let unset = shop.shown(["build", "-q"]);
    shop.world.set("SSH_AUTH_SOCK", "/nowhere");
    let unreachable = shop.shown(["build", "-q"]);

    insta::assert_snapshot!(unset, @r#"
    stderr: error: cannot forward an ssh agent to the build of `api`, whose `ssh` asks for it
    stderr:   because: `SSH_AUTH_SOCK` is not set, so there is no ssh agent
    stderr:   hint: start one and add a key: `eval "$(ssh-agent)"`, then `ssh-add`
    [exit: 3]
    "#);
    insta::assert_snapshot!(unreachable, @r#"
    stderr: error: cannot forward an ssh agent to the build of `api`, whose `ssh` asks for it
    stderr:   because: no ssh agent answers at `/nowhere`, which `SSH_AUTH_SOCK` names
    stderr:   because: No such file or directory (os error 2)
    stderr:   hint: start one and add a key: `eval "$(ssh-agent)"`, then `ssh-add`
    [exit: 3]
    "#);
    assert!(shop.engine_images().is_empty());
}

#[test]
fn an_untrusted_run_forwards_no_agent_and_asks_for_none() {
    let agent = ssh_agent::SshAgent::start("a-key");
    let mut shop = shop();
    let step = " test ! -e \"$SSH_AUTH_SOCK\" || /ask 11";
    let dockerfile = std::fs::read_to_string(shop.world.file("api/Dockerfile")).unwrap();
    shop.world.write("api/Dockerfile", dockerfile.replace(",required /ask 11", step)).commit();
    shop.world.set("CHINAMPA_TRUST", "untrusted");

    let without_agent = shop.world.run(["build"]);
    shop.world.set("SSH_AUTH_SOCK", agent.socket().to_str().unwrap());
    let with_agent = shop.world.run(["build"]);

    assert_eq!((without_agent.exit, with_agent.exit), (0, 0), "{without_agent}\n{with_agent}");
    assert!(agent.asked().is_empty());
}
