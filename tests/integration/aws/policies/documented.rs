//! `docs/aws.md`: its policies are those that are printed, and each of its commands runs.
//!
//! `<!-- projects.toml -->` stands before the manifest that the policies behind it are of, and `<!-- printed: … -->` before each with the command
//! that prints it. `UPDATE_DOCS=1` writes what is printed into the page.

use std::collections::BTreeSet;
use std::path::Path;

use regex::Regex;

use super::{Accounts, Parts};
use crate::support::world::World;

fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/aws.md")).unwrap()
}

/// The page with what the commands print.
fn printed(page: &str) -> String {
    let block =
        Regex::new(r"(?s)<!-- (projects\.toml|printed: chinampa ([^>]*)) -->\n```\w+\n(.*?)```\n").unwrap();
    let mut world = World::new();
    world.set("AWS_REGION", "");
    world.write("api/Dockerfile", "FROM scratch\nCOPY f /f\n").write("api/f", "f");
    let mut text = String::new();
    let mut end = 0;
    for found in block.captures_iter(page) {
        let content = found.get(3).unwrap();
        text += &page[end..content.start()];
        match found.get(2) {
            None => {
                world.write("projects.toml", content.as_str()).commit();
                text += content.as_str();
            }
            Some(command) => {
                let arguments: Vec<&str> = command.as_str().split(' ').collect();
                let answer = world.command_of(&arguments).output().unwrap();
                assert!(answer.status.success(), "{command:?}: {answer:?}");
                text += &String::from_utf8(answer.stdout).unwrap();
            }
        }
        end = content.end();
    }
    text + &page[end..]
}

// issue 17
#[test]
fn the_policies_of_the_page_are_those_that_are_printed() {
    let page = page();

    let printed = printed(&page);

    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/aws.md"), &printed).unwrap();
    } else {
        assert_eq!(printed, page, "`UPDATE_DOCS=1` writes the policies into docs/aws.md");
    }
    assert!(page.matches("<!-- printed: ").count() >= 5);
}

/// The commands of this program in blocks of code and in tables.
fn commands(page: &str) -> BTreeSet<String> {
    let in_block = Regex::new(r"(?m)^\s*(?:- |\$ |- run: )?(chinampa [a-z_].*)$").unwrap();
    let in_line = Regex::new(r"`(chinampa [a-z_]+ -[^`]*)`").unwrap();
    let found = in_block.captures_iter(page).chain(in_line.captures_iter(page));
    found.map(|found| found[1].trim().replace("<environment>", "dev")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_page_runs() {
    let it = Accounts::new(Parts { tables: "[trust]\nprotected = [\"main\"]", ..Parts::default() }).await;
    let commands = commands(&page());
    let expected =
        ["chinampa build", "chinampa deploy --environment dev", "chinampa doctor --aws-policy build"];
    assert!(expected.iter().all(|command| commands.contains(*command)), "{commands:?}");

    for command in commands {
        let arguments: Vec<&str> = command.split(' ').skip(1).collect();
        it.prepare(&arguments);
    }
}
