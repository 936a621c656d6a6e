//! Texts that nobody writes, except to harm.

use proptest::prelude::*;

use super::*;
use crate::init::evidence::commands::dialect::Dialect;

const KINDS: &[Kind] = &[
    Kind::Makefile,
    Kind::Justfile,
    Kind::Jenkinsfile,
    Kind::Script,
    Kind::Ci(Dialect::Azure),
    Kind::Ci(Dialect::CircleCi),
    Kind::Ci(Dialect::CodeBuild),
    Kind::Ci(Dialect::GitHub),
    Kind::Ci(Dialect::GitLab),
    Kind::Ci(Dialect::PackageJson),
    Kind::Ci(Dialect::Taskfile),
    Kind::Ci(Dialect::Plain),
    Kind::CloudBuild,
];

/// Reads `text` as every kind of file, and looks for what it names.
fn read_all(world: &Files, text: &[u8]) {
    let snapshot = world.world.snapshot();
    let tree = Tree { snapshot: &snapshot, dockerfiles: &world.dockerfiles };
    for kind in KINDS {
        let mut ignored = Vec::new();
        builds(&tree, &path("ops/ci/x"), *kind, text, &mut ignored).unwrap();
        included(*kind, text);
    }
}

#[test]
fn hostile_texts_are_read_in_bounded_time() {
    let world = world();
    let started = std::time::Instant::now();
    let bomb: String =
        (1..60).map(|level| format!("a{level}: &a{level} [*a{0},*a{0}]\n", level - 1)).collect();
    for text in [
        "$(".repeat(9_375),
        "${a:-".repeat(3_125),
        "`".repeat(15_625),
        "\"$(\"".repeat(3_125),
        "(".repeat(15_625),
        "if ".repeat(9_375),
        "for x in a b; do ".repeat(1_562),
        "f() { ".repeat(3_125),
        "case x in ".repeat(1_562),
        "A=x; ".to_owned() + &"A=$A$A; ".repeat(1_562) + "docker build $A",
        "f() { f; f; }; f".to_owned(),
        "f() { g; g; g; g; }; g() { f; f; f; f; }; f; ".repeat(250),
        "for a in 1 2 3 4 5 6 7 8 9; do ".repeat(20) + "docker build $a" + &"; done".repeat(20),
        "for a in ".to_owned() + &"x ".repeat(3_125) + "; do docker build services/$a/$b; done",
        "<<a ".repeat(3_125) + "\n",
        "A0 =\n".to_owned()
            + &(1..7)
                .map(|n| format!("A{n} = {}\n", format!("$(A{})", n - 1).repeat(500)))
                .collect::<String>()
            + "x:\n\tdocker build $(A6)\n",
        "env: {".to_owned()
            + &(0..5_000).map(|n| format!("A{n}: x, ")).collect::<String>()
            + "}\na:\n"
            + &"  - {env: {B: y}, run: docker build $B}\n".repeat(500),
        "V = ".to_owned() + &"x ".repeat(5_000) + "\n" + &"a b c d:\n\tdocker build $(V)\n".repeat(750),
        "A = $(A)$(A)\nx:\n\tdocker build $(A)\n".to_owned(),
        (1..40).map(|n| format!("A{n} = $(A{})$(A{})\n", n - 1, n - 1)).collect::<String>()
            + "A0 = x\nx:\n\tdocker build $(A39)\n",
        "all: ".to_owned() + &"x ".repeat(3_125) + "\n" + &"x ".repeat(3_125) + ":\n\tdocker build $@\n",
        format!("a0: &a0 {{run: docker build x}}\n{bomb}"),
        "docker build ".repeat(1_562),
        "docker build -t x services/$1\n".repeat(625),
        "{ ".repeat(6_250),
        "dir('x') {".repeat(2_500),
        "docker.build(".repeat(1_562),
        "\\".repeat(15_625),
    ] {
        read_all(&world, (text.clone() + "\ndocker build .\n").as_bytes());
    }
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut text = b"docker build ".to_vec();
        text.extend(bytes);
        for kind in KINDS {
            if let Ok(found) = read(*kind, &String::from_utf8_lossy(&text), &Budget::new()) {
                let lines = text.iter().filter(|byte| **byte == b'\n').count() + 1;
                prop_assert!(found.builds.iter().all(|build| build.line <= lines));
            }
        }
    }

    /// What scripts are made of, in any order.
    #[test]
    fn any_words_are_read(words in proptest::collection::vec(proptest::sample::select(WORDS), 0..60)) {
        let text = words.concat();
        for kind in KINDS {
            if let Ok(found) = read(*kind, &text, &Budget::new()) {
                let lines = text.lines().count() + 1;
                prop_assert!(found.builds.iter().all(|build| build.line <= lines), "{text}");
            }
        }
    }
}

const WORDS: &[&str] = &[
    "docker build ",
    "-f ",
    "-t x ",
    ". ",
    "services/",
    "$1",
    "${A:-",
    "}",
    "$(",
    ")",
    "`",
    "\"",
    "'",
    "\\",
    "\n",
    "\n\t",
    "\n  ",
    "; ",
    "&& ",
    "|| ",
    "| ",
    "( ",
    ") ",
    "{ ",
    "} ",
    "for x in ",
    "do ",
    "done ",
    "if ",
    "then ",
    "fi ",
    "case ",
    "in ",
    "esac ",
    "f() ",
    "A=",
    "cd ",
    "<<E ",
    "E\n",
    "${{ ",
    "}} ",
    "{{",
    "}}",
    "$(A) ",
    "$@ ",
    "x: ",
    "- ",
    "run: |\n",
    "script:\n",
    "sh ",
    "dir(",
    "'''",
    "é",
    "* ",
    "# ",
    "build ",
    "\r\n",
    "<< ",
    ">> ",
    "define a\n",
    "endef\n",
    ":= ",
    "steps:\n",
    "dirname ",
    "pwd ",
];
