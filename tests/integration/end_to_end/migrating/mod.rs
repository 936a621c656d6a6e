//! Pages of the documentation that are sessions, those of `docs/migrating` and `docs/getting-started.md`: each does here what it says.

mod page;
mod session;
mod shown;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use granit_parser::Parser;

use self::page::Page;
use self::session::Session;
use crate::support::bed::setting;
use crate::support::engines::BedEngine;
use crate::support::shop::{Cache, Shop};

const PAGES: [&str; 4] = ["from-bake.md", "from-compose.md", "from-git-diff.md", "from-scripts.md"];

#[test]
fn each_page_is_one_that_is_run_here() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/migrating");
    let files =
        std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());

    assert_eq!(files.collect::<BTreeSet<_>>(), PAGES.map(str::to_owned).into());
}

#[test]
fn the_session_from_compose_prints_what_its_page_shows() {
    with_a_registry(BedEngine::Current).run(&Page::read("from-compose.md"));
}

#[test]
fn the_session_from_bake_prints_what_its_page_shows() {
    with_a_registry(BedEngine::Containerd).run(&Page::read("from-bake.md"));
}

#[test]
fn the_session_from_git_diff_prints_what_its_page_shows() {
    with_a_registry(BedEngine::Tls).run(&Page::read("from-git-diff.md"));
}

#[test]
fn the_session_of_the_first_five_minutes_prints_what_its_page_shows() {
    Session::new(Shop::new().on(BedEngine::Current)).run(&Page::read("../getting-started.md"));
}

fn with_a_registry(engine: BedEngine) -> Session {
    let shop = Shop::new().on(engine).cache(Cache::oci());
    Session::new(shop).with("registry.example.com", &setting("REGISTRY_1"))
}

/// The emulators are named by their addresses, and asked there.
#[test]
fn the_session_from_scripts_prints_what_its_page_shows() {
    let mut session = Session::new(Shop::new().on(BedEngine::Current).cache(Cache::ecr()));

    for (emulator, region) in [("AWS_1", "us-east-2"), ("AWS_2", "eu-west-2")] {
        let host = setting(emulator);
        let settings = format!("region = \"{region}\"\nhost = \"{host}\"\nendpoint = \"http://{host}\"\n");
        session = session
            .with(&format!("123456789012.dkr.ecr.{region}.amazonaws.com"), &host)
            .with(&format!("region = \"{region}\"\naccount = \"123456789012\"\n"), &settings);
    }
    session.run(&Page::read("from-scripts.md"));
}

/// A CI runs no page, but what it would run is in the session.
#[test]
fn what_the_ci_of_a_page_runs_is_run_in_its_session() {
    for name in PAGES {
        let page = Page::read(name);
        let is_ci =
            |path: &str| [".github/", ".circleci/", ".gitlab-ci.yml"].iter().any(|ci| path.starts_with(ci));
        let last: BTreeMap<&str, &str> = page.files().filter(|(path, _)| is_ci(path)).collect();
        let lines: Vec<&str> = last.values().flat_map(|text| text.lines()).collect();
        let typed: BTreeSet<&str> = page.commands().flat_map(str::lines).collect();

        let run = lines.iter().map(|line| line.trim().trim_start_matches("- ").trim_start_matches("run: "));
        let ours: Vec<&str> = run.filter(|line| line.contains("chinampa ")).collect();

        assert!(!ours.is_empty(), "{name}: its CI does not run chinampa");
        let not_typed: Vec<_> = ours.iter().filter(|line| !typed.contains(**line)).collect();
        assert!(not_typed.is_empty(), "{name}: {not_typed:?}");
    }
}

#[test]
fn each_yaml_file_of_a_page_can_be_read() {
    for name in PAGES {
        for (path, text) in
            Page::read(name).files().filter(|(path, _)| path.ends_with(".yml") || path.ends_with(".yaml"))
        {
            let error = Parser::new_from_str(text).find_map(Result::err);
            assert!(error.is_none(), "{name}: {path}: {error:?}");
        }
    }
}
