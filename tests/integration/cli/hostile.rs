//! Repositories and environments that mean harm.

use std::io::Read as _;
use std::os::unix::fs::symlink;

use insta::assert_snapshot;

use crate::support::shop::Shop;
use crate::support::world::World;

const MANIFEST: (&str, &str) =
    ("projects.toml", "workspace.name = \"shop\"\n[projects.api]\npath = \"api\"\n");
const API: (&str, &str) = ("api/Dockerfile", "FROM chinampa/base:1\n");

// issue 12: S8
#[test]
fn a_file_name_is_no_command_of_a_ci_and_hides_nothing() {
    let world = World::of(&[MANIFEST, API]);
    for name in ["::add-mask::x", "##vso[task.setvariable]x", "a\u{202e}gpj.exe", "b\u{200b}", "c\u{1b}[2J"] {
        world.write(name, "");
    }
    world.commit();

    let text = world.run(["changed", "**", "--base", "HEAD~1"]);
    let json = world.run(["changed", "**", "--base", "HEAD~1", "--json"]);

    assert_eq!(
        text.stdout.lines().collect::<Vec<_>>(),
        [
            r"\u{23}#vso[task.setvariable]x",
            r"\u{3a}:add-mask::x",
            r"a\u{202e}gpj.exe",
            r"b\u{200b}",
            r"c\u{1b}[2J"
        ]
    );
    assert!(json.stdout.is_ascii() && !json.stdout.contains("##vso["), "{}", json.stdout);
    assert!(serde_json::from_str::<serde_json::Value>(&json.stdout).is_ok());
}

// issue 12: S8
#[test]
fn an_argument_is_no_command_of_a_ci_and_hides_nothing() {
    let world = World::of(&[MANIFEST, API]);

    let unknown = world.run(["build", "x\n::set-env name=A::b"]);
    let usage = world.run(["--no-such\n::set-env name=A::b"]);
    let traced = world.run(["changed", "**", "--base", "x\u{202e}\n::set-env name=A::b", "-vv"]);

    for answer in [unknown, usage, traced] {
        assert_eq!(answer.exit, 2, "{}", answer.stderr);
        assert!(answer.stderr.contains(":set-env"), "{}", answer.stderr);
        assert!(answer.stderr.lines().all(|line| !line.trim_start().starts_with("::")), "{}", answer.stderr);
        assert!(!answer.stderr.contains('\u{202e}'));
    }
}

// issue 12: S3
#[test]
fn requests_signed_for_aws_go_to_no_address_that_only_the_manifest_names() {
    let mut world = World::of(&[
        (
            "projects.toml",
            "[workspace]\nname = \"shop\"\n[cache]\nkind = \"ecr\"\nregion = \"us-east-2\"\nendpoint = \"https://aws.invalid\"\n\
             [projects.api]\npath = \"api\"\n",
        ),
        API,
    ]);
    world.set("AWS_ACCESS_KEY_ID", "test").set("AWS_SECRET_ACCESS_KEY", "s3cret-key");

    let answer = world.run(["plan"]);

    assert_snapshot!(answer, @r"
    stderr: error: cannot use the endpoint `https://aws.invalid`
    stderr:   because: AWS's credentials and tokens are not sent to `aws.invalid`, which is neither AWS's own host nor allowed
    stderr:   hint: `projects.toml` can't allow a host; if you trust it, set `CHINAMPA_ALLOWED_HOSTS=aws.invalid` in the environment
    [exit: 2]
    ");
}

/// A project with these secrets, whose build fails if it is given any.
fn shop_with_secrets(secrets: &str) -> Shop {
    let dockerfile = "FROM chinampa/base:1\n\
         RUN --mount=type=secret,id=one --mount=type=secret,id=two busybox sh -c '! ls /run/secrets/*'\n";
    let secrets: &'static str = format!("secrets = {{ {secrets} }}").leak();
    Shop::new().projects(&[("api", dockerfile, secrets)])
}

// issue 12: S2, D12
#[test]
fn a_secret_is_read_from_no_file_of_the_commit_of_git_or_elsewhere() {
    for (file, why) in [
        (
            "api/Dockerfile",
            "git tracks `api/Dockerfile`, so it is no secret, and no input digest would cover it",
        ),
        ("api/out", "git tracks `api/out`, so it is no secret, and no input digest would cover it"),
        (
            "api/etc/passwd",
            "git tracks `api/etc/passwd`, so it is no secret, and no input digest would cover it",
        ),
        ("untracked", "`untracked` is or lies behind a symbolic link, and those are not followed"),
        (".git/config", "`.git/config` is a file of git itself"),
        ("api", "`api` is not a regular file"),
        ("none", "there is no file `none`"),
    ] {
        let shop = shop_with_secrets(&format!("one = {{ file = \"{file}\" }}"));
        symlink("/etc/passwd", shop.world.file("api/out")).unwrap();
        symlink("/etc", shop.world.file("api/etc")).unwrap();
        shop.world.commit();
        symlink("/etc/passwd", shop.world.file("untracked")).unwrap();

        let answer = shop.world.run(["build", "-q"]);

        assert_eq!(answer.exit, 2, "{file}: {answer}");
        assert!(answer.stderr.contains(&format!("because: {why}\n")), "{file}: {answer}");
        assert!(!answer.to_string().contains("root:"), "{answer}");
    }
}

// issue 12: S4
#[test]
fn a_variable_that_the_environment_does_not_list_reaches_no_step() {
    let mut shop = shop_with_secrets("one = { env = \"NPMRC\" }, two = { env = \"AWS_SECRET_ACCESS_KEY\" }");
    shop.world
        .set("NPMRC", "n")
        .set("AWS_SECRET_ACCESS_KEY", "s3cret")
        .set("CHINAMPA_SECRETS", "NPMRC,OTHER");

    let answer = shop.world.run(["build", "-q"]);

    assert_snapshot!(answer, @r"
    stderr: error: cannot use the secret `two` of `api`
    stderr:   because: `CHINAMPA_SECRETS` is set and does not list the variable `AWS_SECRET_ACCESS_KEY`
    stderr:   hint: add it to `CHINAMPA_SECRETS` where the job is defined
    [exit: 2]
    ");
}

// issue 12: S4
#[test]
fn untrusted_work_is_built_without_secrets() {
    let mut shop = shop_with_secrets("one = { env = \"NPMRC\" }, two = { file = \"npmrc\" }");
    shop.world.write("npmrc", "s3cret");
    shop.world.set("NPMRC", "s3cret");

    let trusted = shop.world.run(["build", "-q"]);
    shop.world.set("CHINAMPA_TRUST", "untrusted");
    let untrusted = shop.world.run(["build", "-q"]);

    assert_eq!((trusted.exit, untrusted.exit), (4, 0), "{trusted}\n{untrusted}");
}

// issue 12: S9
#[test]
#[cfg(target_os = "linux")]
fn the_program_is_loaded_at_a_random_address() {
    let mut header = [0; 18];
    std::fs::File::open(env!("CARGO_BIN_EXE_chinampa")).unwrap().read_exact(&mut header).unwrap();

    // ELF's `e_type` of a program that can be at any address: `ET_DYN`.
    assert_eq!(header[16..], 3_u16.to_ne_bytes());
}
