//! The shipped binary and a mirror that answers as each test says.

use std::io::{Cursor, Write as _};
use std::os::unix::fs::PermissionsExt as _;

use sha2::{Digest as _, Sha256};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::support::scripted::{Scripted, Server};
use crate::support::world::{Answer, World};

const SCRIPT: &[u8] = b"#!/bin/sh\necho Terraform v1.15.5\n";

fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn sums(archive: &[u8]) -> String {
    let sum: String = Sha256::digest(archive).iter().map(|byte| format!("{byte:02x}")).collect();
    let other = "0".repeat(64);
    format!(
        "{other}  terraform_1.15.5_windows_386.zip\n{sum}  terraform_1.15.5_linux_amd64.zip\n\
         {sum}  terraform_1.15.5_linux_arm64.zip\n"
    )
}

async fn mirror(sums: String, archive: Vec<u8>) -> Server {
    Server::start([
        Scripted::new("/t/1.15.5/terraform_1.15.5_SHA256SUMS", [(200, sums)]),
        Scripted::new("/t/1.15.5/terraform_1.15.5_linux_", [(200, archive)]),
    ])
    .await
}

/// Runs the command with a cache folder of its own.
fn ensure(world: &mut World, server: &Server) -> Answer {
    let cache = world.file("cache").display().to_string();
    world.set("XDG_CACHE_HOME", &cache).set("CHINAMPA_TERRAFORM_MIRROR", &format!("{}/t", server.url));
    world.run(["ensure_terraform", "--version", "1.15.5"])
}

/// All files below the cache folder.
fn kept(world: &World) -> Vec<String> {
    let found = std::process::Command::new("find").arg(world.file("cache")).args(["-type", "f"]).output();
    String::from_utf8(found.unwrap().stdout).unwrap().lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn terraform_is_downloaded_once_and_can_be_run() {
    let archive = archive(&[
        ("LICENSE.txt", b"x"),
        ("terraform", SCRIPT),
        ("../outside", b"x"),
        ("/tmp/outside", b"x"),
    ]);
    let server = mirror(sums(&archive), archive).await;
    let mut world = World::new();

    let (first, second) = (ensure(&mut world, &server), ensure(&mut world, &server));

    assert_eq!((first.exit, second.exit), (0, 0), "{first}\n{second}");
    let program = world.file("cache/chinampa/terraform/1.15.5/terraform");
    assert_eq!(first.stdout.trim(), program.display().to_string());
    assert_eq!((second.stdout, second.stderr), (first.stdout, String::new()));
    assert_eq!(server.bodies("GET").len(), 2);
    assert_eq!(std::fs::metadata(&program).unwrap().permissions().mode() & 0o777, 0o755);
    let version = std::process::Command::new(&program).output().unwrap();
    assert_eq!(version.stdout, b"Terraform v1.15.5\n");
    assert_eq!(kept(&world), [program.display().to_string()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_what_was_promised_leaves_nothing_behind() {
    let good = archive(&[("terraform", SCRIPT)]);
    let altered = archive(&[("terraform", b"#!/bin/sh\necho evil\n".as_slice())]);
    let without = archive(&[("../terraform", SCRIPT), ("bin/terraform", SCRIPT)]);
    let half = good[..good.len() / 2].to_vec();
    for (name, sums, archive, said) in [
        ("altered", sums(&good), altered, "has the SHA-256"),
        ("cut", sums(&good), half.clone(), "has the SHA-256"),
        ("broken", sums(&half), half, "cannot unpack"),
        ("without the program", sums(&without), without, "cannot unpack"),
        ("a bomb", sums(&bomb()), bomb(), "has more than 1073741824 bytes"),
        ("not listed", "0  x\n".to_owned(), good.clone(), "has no checksum of `terraform_1.15.5_linux_"),
        ("no list", "<html>".to_owned(), good, "has no checksum of `terraform_1.15.5_linux_"),
    ] {
        let server = mirror(sums, archive).await;
        let mut world = World::new();

        let answer = ensure(&mut world, &server);

        assert_eq!(answer.exit, 3, "{name}: {answer}");
        assert!(answer.stderr.contains(said) && answer.stdout.is_empty(), "{name}: {answer}");
        assert_eq!(kept(&world), Vec::<String>::new(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_the_mirror_does_not_have_is_an_error_that_names_the_address() {
    let server = Server::start([]).await;
    let mut world = World::new();

    let answer = ensure(&mut world, &server);

    assert_eq!(answer.exit, 3);
    let url = format!("{}/t/1.15.5/terraform_1.15.5_SHA256SUMS", server.url);
    assert_eq!(
        answer.stderr.lines().last().unwrap(),
        format!("error: `{url}` was answered with the status 404 Not Found")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checksum_that_is_known_beforehand_counts_too() {
    let archive = archive(&[("terraform", SCRIPT)]);
    let server = mirror(sums(&archive), archive).await;
    let mut world = World::new();
    let cache = world.file("cache").display().to_string();
    world.set("XDG_CACHE_HOME", &cache);

    let mirror = format!("{}/t", server.url);
    let answer = world.run([
        "ensure_terraform",
        "--version",
        "1.15.5",
        "--mirror",
        &mirror,
        "--sha256",
        &"0".repeat(64),
    ]);

    assert_eq!(answer.exit, 3, "{answer}");
    assert!(answer.stderr.contains(&format!("and not {}", "0".repeat(64))), "{answer}");
    assert_eq!(kept(&world), Vec::<String>::new());
}

/// An archive that says of its program that it has 4 GB.
fn bomb() -> Vec<u8> {
    let mut archive = archive(&[("terraform", SCRIPT)]);
    let length = u32::try_from(SCRIPT.len()).unwrap().to_le_bytes();
    let starts: Vec<usize> = (0..archive.len() - 4).filter(|&at| archive[at..at + 4] == length).collect();
    for start in starts {
        archive[start..start + 4].copy_from_slice(&0xffff_fff0_u32.to_le_bytes());
    }
    archive
}

/// The SHA-256 of an archive, as an option has it.
fn sum(archive: &[u8]) -> String {
    Sha256::digest(archive).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_counts_for_a_program_that_is_there_already() {
    let good = archive(&[("terraform", SCRIPT)]);
    let server = mirror(sums(&good), good.clone()).await;
    let mut world = World::new();
    ensure(&mut world, &server);
    let folder = world.file("cache/chinampa/terraform/1.15.5");
    let program = folder.join("terraform");
    let pinned = |pin: &str| world.run(["ensure_terraform", "--version", "1.15.5", "--sha256", pin]);
    let requests = || server.bodies("GET").len();
    let evil = b"#!/bin/sh\necho evil\n";

    // Nobody knows which archive it is from.
    std::fs::write(&program, evil).unwrap();
    let first = pinned(&sum(&good));
    assert_eq!((first.exit, requests()), (0, 4), "{first}");
    assert_eq!(std::fs::read(&program).unwrap(), SCRIPT);
    let second = pinned(&sum(&good));
    assert_eq!((second.exit, requests(), second.stderr.as_str()), (0, 4, ""), "{second}");

    std::fs::write(&program, evil).unwrap();
    assert_eq!((pinned(&sum(&good)).exit, requests()), (0, 6));
    assert_eq!(std::fs::read(&program).unwrap(), SCRIPT);
    for (file, mode) in [(&program, 0o755), (&folder.join("terraform.zip"), 0o644)] {
        assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, mode, "{}", file.display());
    }

    // A cache that somebody else wrote: both are wrong, and agree with each other.
    let other = archive(&[("terraform", evil)]);
    std::fs::write(&program, evil).unwrap();
    std::fs::write(folder.join("terraform.zip"), &other).unwrap();
    assert_eq!((pinned(&sum(&good)).exit, requests()), (0, 8));
    assert_eq!(std::fs::read(&program).unwrap(), SCRIPT);

    let refused = pinned(&sum(&other));
    assert_eq!((refused.exit, refused.stdout.as_str()), (3, ""), "{refused}");
    assert!(refused.stderr.contains(&format!("and not {}", sum(&other))), "{refused}");
    assert_eq!(std::fs::read(&program).unwrap(), SCRIPT);
}
