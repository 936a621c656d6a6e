//! Usage, colour and streams.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};

use insta::assert_snapshot;

use crate::support::world::World;

#[test]
fn help_lists_the_commands() {
    let world = World::new();

    let help = world.shown(["--help"]);

    assert_snapshot!(help, @"
    Build the container images of a monorepo: only those whose inputs changed

    Usage: chinampa [OPTIONS] <COMMAND>

    Set up:
      init         Create `projects.toml` from Dockerfiles and compose files
      doctor       Check the clone, engine, registries, secrets and Terraform
      lint         Report where patterns, Dockerfiles and dependencies disagree
      lock         Pin the external images that `projects.lock` lacks
      update       Pin external images to what their tags stand for now
      completions  Print a completion script for a shell

    Build:
      build    Build the images that are missing from the cache
      watch    Rebuild locally what a saved file affects, and run a program
      run      Run a command once for each content of what it can read
      taint    Mark projects for a rebuild, even if their images are cached
      untaint  Remove the marks that `taint` set

    Look:
      plan      Show which images would be built or reused, and why
      why       Explain why a project is affected by the changes
      inputs    List the inputs of a project, each with the line that makes it one
      graph     Show the dependency graph, with the affected projects marked
      logs      List the last runs of `build`, or print the log of a project
      report    Write a page about a run of `build`: graph, timeline, logs
      simulate  Replay past commits: how many builds the patterns cause

    Deploy:
      deploy       Promote images, then apply Terraform and restart services
      status       Show what environments run, and what a deployment would change
      history      List the last deployments to an environment
      images       Print the images of a commit or of an environment by digest
      promote      Copy an image from one registry to another, byte for byte
      unlock       Remove the lock that a dead deployment left
      prune        Delete images and records that nothing needs any more
      ensure_repo  Create an ECR repository, or reconcile its settings

    CI:
      ci                      Generate pipelines for CIs
      changed                 Check whether a path changed since the base commit
      check_rebuild           Check whether a project or a dependency changed
      image_exists            Check whether an image exists in the cache
      last_successful_commit  Print the newest commit with a build record
      setenv                  Write variables about the commit for a job's steps

    Scripts:
      shims             Create a symbolic link for each command
      ensure_terraform  Download Terraform if it is missing, and print its path

    `chinampa help <COMMAND>` describes a command and its options.

    Options:
      -C <DIR>                   Run in this repository or folder; bare repositories work too
          --manifest <FILE>      Read this file instead of the commit's `projects.toml`
          --base <REV>           Compare with this commit, or with `deployed:<environment>`
          --fetch-base           Fetch missing history if a shallow or partial clone lacks the base
                                 commit
          --head <REV>           Examine this commit, without uncommitted changes [default: HEAD]
          --json                 Print the answer as JSON, with a `schema` field
          --color <COLOR>        Use colours: `auto`, `always` or `never`
      -v, --verbose...           Log more to standard error; repeat for debug output
      -q, --quiet                Print nothing but errors to standard error
          --progress <PROGRESS>  Show running builds as `auto`, `tty`, `plain`, `json` or `none`
      -h, --help                 Print help
      -V, --version              Print version

    Exit status: 0 success or yes, 1 no, 2 invalid input, 3 environment error (a retry may help), 4 a
    build or deployment failed, 130 interrupted.
    [exit: 0]
    ");
}

#[test]
fn the_version_is_that_of_the_package() {
    let answer = World::new().run(["--version"]);

    assert_eq!(answer.stdout, format!("chinampa {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!((answer.stderr.as_str(), answer.exit), ("", 0));
}

#[test]
fn wrong_usage_is_wrong_input() {
    let world = World::new();

    assert_snapshot!(world.shown(["bild"]), @"
    stderr: error: unrecognized subcommand 'bild'
    stderr: 
    stderr:   tip: a similar subcommand exists: 'build'
    stderr: 
    stderr: Usage: chinampa [OPTIONS] <COMMAND>
    stderr: 
    stderr: For more information, try '--help'.
    [exit: 2]
    ");
    assert_snapshot!(world.shown(["changed"]), @"
    stderr: error: the following required arguments were not provided:
    stderr:   <GLOB or ^REGEX>...
    stderr: 
    stderr: Usage: chinampa changed <GLOB or ^REGEX>...
    stderr: 
    stderr: For more information, try '--help'.
    [exit: 2]
    ");
    assert_snapshot!(world.shown(["plan", "--digests"]), @"
    stderr: error: the following required arguments were not provided:
    stderr:   --offline
    stderr: 
    stderr: Usage: chinampa plan --offline --digests [PROJECTS]...
    stderr: 
    stderr: For more information, try '--help'.
    [exit: 2]
    ");
    assert_snapshot!(world.shown(["build", "--jobs", "0"]), @"
    stderr: error: invalid value '0' for '--jobs <N>': a number from 1 is expected
    stderr: 
    stderr: For more information, try '--help'.
    [exit: 2]
    ");
    assert_eq!(world.run([]).exit, 2);
}

#[test]
fn completions_are_a_script_of_the_shell() {
    let world = World::new();

    for shell in ["bash", "zsh", "fish"] {
        let answer = world.run(["completions", shell]);

        assert_eq!((answer.exit, answer.stderr.as_str()), (0, ""), "{shell}");
        assert!(answer.stdout.contains("CHINAMPA_COMPLETE"), "{shell}");
    }
    assert_eq!(world.run(["completions", "cmd"]).exit, 2);
}

#[test]
fn a_shell_completes_commands_projects_and_environments() {
    let world = World::new();
    world.write(
        "projects.toml",
        "[projects.api]\n[projects.api-worker]\n[projects.web]\n[environments.prod]\n",
    );
    let script = world.run(["completions", "bash"]).stdout;
    let program = Path::new(env!("CARGO_BIN_EXE_chinampa")).parent().unwrap();
    // As bash does when Tab is pressed behind the last word.
    let completed = |words: &[&str]| {
        let lines = format!(
            "PATH={}:$PATH\n{script}\nCOMP_WORDS=(chinampa {})\nCOMP_CWORD={}\nCOMP_TYPE=9\n_clap_complete_chinampa chinampa '{}'\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
            program.display(),
            words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" "),
            words.len(),
            words.last().unwrap(),
        );
        let output =
            Command::new("bash").args(["--norc", "-c", &lines]).current_dir(world.path()).output().unwrap();
        String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .map(|line| line.trim().to_owned())
            .filter(|line| !line.is_empty())
            .collect::<Vec<_>>()
    };

    assert_eq!(completed(&["check_r"]), ["check_rebuild"]);
    assert_eq!(completed(&["build", "api"]), ["api", "api-worker"]);
    assert_eq!(completed(&["deploy", "--environment", ""]), ["prod"]);
    world.write("projects.toml", "[[");
    assert_eq!(completed(&["build", "a"]), [""; 0]);
}

#[test]
fn each_command_has_a_man_page() {
    let world = World::new();

    let answer = world.run(["man", "pages"]);

    assert_eq!(answer.exit, 0, "{answer}");
    for page in ["chinampa.1", "chinampa-build.1", "chinampa-check_rebuild.1"] {
        assert!(
            std::fs::read_to_string(world.file("pages").join(page)).unwrap().contains(".SH NAME"),
            "{page}"
        );
    }
}

#[test]
fn colour_is_there_only_where_it_is_wanted() {
    let world = World::new();

    let always = world.run(["why", "api", "--color", "always"]);
    let never = world.run(["why", "api", "--color", "never"]);
    let no_terminal = world.run(["why", "api"]);

    assert!(always.stderr.contains("\u{1b}[1m\u{1b}[31merror:\u{1b}[0m"), "{:?}", always.stderr);
    assert!(!never.stderr.contains('\u{1b}'), "{:?}", never.stderr);
    assert_eq!(never.stderr, no_terminal.stderr);
}

#[test]
fn quiet_leaves_errors_and_answers() {
    let world = World::with_api();

    let answer = world.shown(["check_rebuild", "api", "-q"]);
    let error = world.shown(["check_rebuild", "app", "-q"]);

    assert_snapshot!(answer, @"
    rebuild api: the base is unknown: this commit is on `main` itself, and nothing says what was built before
    [exit: 0]
    ");
    assert_snapshot!(error, @"
    stderr: error: there is no project `app`
    stderr:   hint: did you mean `api`?
    [exit: 2]
    ");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let world = World::with_api();
    let mut child =
        world.command(["completions", "bash"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();

    drop(child.stdout.take());

    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), ""));
}

#[test]
fn an_answer_that_can_not_be_written_is_none() {
    let world = World::with_api();
    world.write("api/f", "").commit();
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    let only_readable = || std::fs::File::open("/dev/null").unwrap();
    let run = |arguments: &[&str], stdout: std::fs::File| {
        let output = world.command([]).args(arguments).stdout(stdout).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };

    let yes_and_no = [
        vec!["plan", "--offline"],
        vec!["graph", "--json"],
        vec!["completions", "bash"],
        vec!["changed", "api/**", "--base", "HEAD~1"],
        vec!["check_rebuild", "api", "--base", "HEAD"],
    ];
    for arguments in &yes_and_no {
        for (stdout, cause) in [(full(), "No space left on device"), (only_readable(), "Bad file descriptor")]
        {
            let (code, stderr) = run(arguments, stdout);

            assert_eq!(code, Some(3), "{arguments:?}: {stderr}");
            assert!(
                stderr.contains("error: cannot write the answer to standard output"),
                "{arguments:?}: {stderr}"
            );
            assert!(stderr.contains(cause), "{arguments:?}: {stderr}");
        }
    }
    for help in [["--help"].as_slice(), &["--version"], &["help", "plan"]] {
        assert_eq!(run(help, full()).0, Some(3), "{help:?}");
    }
    assert_eq!(run(&["plan", "--offline", "nobody"], full()).0, Some(2));
}

#[test]
fn closed_streams_are_no_panic() {
    let world = World::with_api();
    let binary = env!("CARGO_BIN_EXE_chinampa");

    for script in ["plan --offline >&- 2>&-", "--help >&-", "plan --offline --json | :", "bild 2>&-"] {
        let output = world.command([]);
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &format!("{binary} {script}")]).current_dir(world.path());
        shell.env_clear().envs(output.get_envs().filter_map(|(name, value)| Some((name, value?))));

        let output = shell.output().unwrap();

        assert_ne!(output.status.code(), Some(101), "{script}");
        assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"), "{script}");
    }
}

#[test]
fn a_format_and_another_one_by_json_are_refused_together() {
    let world = World::of(&[
        ("projects.toml", "workspace.name = 'shop'\n[projects.api]\npath = 'api'\n"),
        ("api/Dockerfile", "FROM scratch\n"),
    ]);

    for (arguments, format) in [(["images", "--local"], "env"), (["graph", "-q"], "dot")] {
        let [command, option] = arguments;
        let both = world.run([command, option, "--format", format, "--json"]);
        let before = world.run(["--json", command, option, "--format", format]);

        assert_eq!((both.exit, before.exit), (2, 2), "{both}{before}");
        let refused = "error: the argument '--format <FORMAT>' cannot be used with '--json'";
        assert_eq!(both.stderr.lines().next(), Some(refused));
    }
}
