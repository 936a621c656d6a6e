//! Objects that a crash or a full disk left damaged: whatever is wrong with them, a command ends soon and names them.

use std::fs;
use std::io::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::ZlibEncoder;

use crate::support::shop::Shop;
use crate::support::some_of;
use crate::support::world::{Answer, World};

const COMMANDS: [&[&str]; 4] = [
    &["plan", "--offline", "--digests", "--base", "v1"],
    &["why", "api", "--base", "HEAD~1"],
    &["simulate", "HEAD~1..HEAD"],
    &["build", "-q"],
];

/// Within this, a command tells what is damaged.
const SOON: Duration = Duration::from_secs(1);

/// Whether a command ends soon. On a busy machine it may need another attempt, or as long as it takes where all is whole.
fn ends_soon(world: &World, whole: &World, arguments: &[&str], took: Duration) -> bool {
    let again = |world| {
        let start = Instant::now();
        run(world, arguments);
        start.elapsed()
    };
    took < SOON || again(world) < SOON || again(world) < SOON.max(5 * again(whole))
}

/// Ends what does not end by itself.
fn run(world: &World, arguments: &[&str]) -> Answer {
    let command = world.command_of(arguments);
    let mut bounded = Command::new("timeout");
    bounded
        .arg("10")
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(world.path())
        .env_clear();
    bounded.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    bounded.output().unwrap().into()
}

fn compressed(content: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// What may become of a file.
fn damages(whole: &[u8]) -> Vec<Vec<u8>> {
    let lengths = [0, 1, 12, whole.len() / 2, whole.len() - 5];
    let mut damages: Vec<Vec<u8>> = lengths.map(|length| whole[..length].to_vec()).into();
    damages.push(vec![b'x'; whole.len()]);
    let contents = [
        "",
        "commit 9999\0",
        "commit 3\0tree",
        "commit 3000000000\0tree",
        "tree 3000000000\0tree",
        "blob 18446744073709551615\0a",
    ];
    for content in contents {
        damages.push(compressed(content.as_bytes()));
    }
    damages
}

#[test]
fn a_damaged_object_is_named_or_not_needed() {
    let shop = Shop::new().projects(&[("api", "FROM scratch\nCOPY f /\n", "")]);
    let world = &shop.world;
    world.write("api/f", &shop.prefix).commit();
    world.git(["tag", "-a", "-m", "first", "v1"]);
    world.write("api/f", format!("{} changed", shop.prefix)).commit();
    let whole = COMMANDS.map(|command| run(world, command));
    assert!(whole.iter().all(|answer| answer.exit == 0), "{whole:#?}");
    // From now on its image is there.
    let reused = run(world, &["build", "-q"]).stdout;
    let listed = world.git(["cat-file", "--batch-all-objects", "--batch-check=%(objectname)"]);
    let mut clone = World::clone_of(world.path());
    clone.set_all_of(world);
    let mut named = 0;

    for (turn, id) in listed.lines().enumerate() {
        let file = world.file(&format!(".git/objects/{}/{}", &id[..2], &id[2..]));
        let content = fs::read(&file).unwrap();
        for (number, damage) in some_of(4, turn, damages(&content).into_iter().enumerate()) {
            fs::remove_file(&file).unwrap();
            fs::write(&file, damage).unwrap();
            for (command, whole) in COMMANDS.iter().zip(&whole) {
                let start = Instant::now();
                let answer = run(world, command);
                let took = start.elapsed();

                let expected = if command[0] == "build" { &reused } else { &whole.stdout };
                let is_same = answer.exit == 0 && answer.stdout == *expected;
                let is_named = answer.exit == 3 && answer.stderr.contains(id);
                assert!(is_same || is_named, "{id}, damage {number}, {command:?}: {answer}");
                named += usize::from(is_named);
                assert!(
                    ends_soon(world, &clone, command, took),
                    "{id}, damage {number}, {command:?}: after {took:?}"
                );
            }
        }
        fs::remove_file(&file).unwrap();
        fs::write(&file, content).unwrap();
    }

    assert!(named > 25, "{named}");
}
