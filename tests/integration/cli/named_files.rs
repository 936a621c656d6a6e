//! Files that options of `build` name: they are of this run, or they are not there.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::failures::ONE;
use crate::support::shop::{Cache, Shop};
use crate::support::world::Answer;

/// A file that an earlier run may have left.
fn green(shop: &Shop, name: &str) -> PathBuf {
    shop.world.write(&format!(".git/{name}"), "green");
    shop.world.file(&format!(".git/{name}"))
}

fn build(shop: &Shop, options: &[(&str, &Path)]) -> Answer {
    let mut command = shop.world.command(["build"]);
    for (option, path) in options {
        command.arg(option).arg(path);
    }
    command.output().unwrap().into()
}

#[test]
fn a_run_that_ends_early_leaves_no_file_of_an_earlier_one_and_says_why_nothing_was_built() {
    let mut shop = Shop::new().projects(ONE);
    shop.world.set("DOCKER_HOST", "unix:///nonexistent/docker.sock");
    let [junit, page, trace, target] =
        ["junit.xml", "page.html", "trace.json", "target"].map(|name| green(&shop, name));
    let link = shop.world.file(".git/link");
    std::os::unix::fs::symlink(&target, &link).unwrap();

    let answer = build(&shop, &[("--junit", &junit), ("--report", &page), ("--trace", &trace)]);
    let linked = build(&shop, &[("--trace", &link)]);

    assert_eq!((answer.exit, linked.exit), (3, 3), "{answer}");
    let junit = fs::read_to_string(junit).unwrap();
    assert!(junit.contains("tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\""), "{junit}");
    assert!(junit.contains("<error message=\"cannot reach the Docker engine at "), "{junit}");
    assert!(!page.exists() && !trace.exists(), "{answer}");
    assert_eq!(fs::read_to_string(link).unwrap(), "");
}

#[test]
fn each_mistake_of_a_manifest_has_a_line_in_the_test_results() {
    let shop = Shop::new().projects(ONE);
    let junit = green(&shop, "junit.xml");
    shop.world.write("projects.toml", "nonsense = 1\n[workspace]\nname = \"shop\"\nother = 2\n");

    let answer = build(&shop, &[("--junit", &junit)]);

    assert_eq!(answer.exit, 2, "{answer}");
    let junit = fs::read_to_string(junit).unwrap();
    let (message, _) = junit.split_once("<error message=\"").unwrap().1.split_once("\">").unwrap();
    assert_eq!(message, "the projects can't be used as they are described");
    assert!(junit.contains("&#10;projects.toml:1: unknown key `nonsense`"), "{junit}");
    assert!(junit.contains("&#10;projects.toml:4: unknown key `other`"), "{junit}");
}

#[test]
fn a_file_that_is_committed_is_replaced_and_no_uncommitted_change_for_that() {
    let shop = Shop::new().cache(Cache::oci()).projects(ONE);
    shop.world.write("junit.xml", "green").commit();

    let answer = build(&shop, &[("--junit", Path::new("junit.xml"))]);

    assert_eq!(answer.exit, 0, "{answer}");
    assert!(fs::read_to_string(shop.world.file("junit.xml")).unwrap().contains("tests=\"1\""));
}

#[test]
fn logs_of_an_earlier_run_do_not_stay_beside_the_description_of_this_one() {
    let shop = Shop::new().projects(ONE);
    let logs = shop.world.file(".git/logs");
    let built = build(&shop, &[("--logs", &logs)]);
    assert!(built.exit == 0 && logs.join("api.log").is_file(), "{built}");
    fs::write(logs.join("other.log"), "of another program").unwrap();

    let reused = build(&shop, &[("--logs", &logs)]);

    assert_eq!(reused.exit, 0, "{reused}");
    assert!(fs::read_to_string(logs.join("run.json")).unwrap().contains("\"outcome\":\"reused\""));
    assert!(!logs.join("api.log").exists());
    assert!(logs.join("other.log").is_file());
}

#[test]
fn files_that_a_run_does_not_write_are_refused_or_named() {
    let shop = Shop::new().projects(ONE);
    let file = green(&shop, "file");
    let name = file.to_str().unwrap();
    for option in ["--junit", "--report", "--trace", "--logs", "--imagedefinitions", "--imagedetail"] {
        let dry = shop.world.run(["build", "--dry-run", option, name]);

        assert_eq!(dry.exit, 2, "{option}: {dry}");
    }
    for option in ["--imagedefinitions", "--imagedetail"] {
        let engine = shop.world.run(["build", option, name]);

        assert_eq!(engine.exit, 2, "{option}: {engine}");
        let why = format!("error: `{option}` is for programs that pull the images");
        assert!(engine.stderr.contains(&why) && !file.exists(), "{option}: {engine}");
    }
}

#[test]
fn an_untrusted_run_says_that_it_names_no_images_for_deployers() {
    let mut shop = Shop::new().cache(Cache::oci()).projects(ONE);
    shop.world.set("CHINAMPA_TRUST", "untrusted");
    let file = green(&shop, "images.json");

    let answer = build(&shop, &[("--imagedefinitions", &file)]);

    assert_eq!(answer.exit, 0, "{answer}");
    assert!(answer.stderr.contains("the file of `--imagedefinitions` is not written: "), "{answer}");
    assert!(!file.exists());
}
