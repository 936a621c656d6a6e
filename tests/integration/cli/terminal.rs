//! What a terminal shows while a build runs and after it, read from the screen of a terminal of the test's own.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::support::shop::{Cache, Project, Shop};

/// A program, and the terminal that it runs in. Keys reach it as they do from a keyboard.
struct Terminal {
    keyboard: File,
    screen: vt100::Parser,
    written: Vec<u8>,
    program: Child,
}

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

impl Terminal {
    fn start(usual: &Command, columns: u16, lines: u16) -> Self {
        let own = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&own).unwrap();
        unlockpt(&own).unwrap();
        resize(&own, columns, lines);
        let path = ptsname(&own, Vec::new()).unwrap().into_string().unwrap();
        let other = || Stdio::from(OpenOptions::new().read(true).write(true).open(&path).unwrap());
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(usual.get_program()).args(usual.get_args());
        command.current_dir(usual.get_current_dir().unwrap()).env_clear();
        command.envs(usual.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("TERM", "xterm");
        let program = command.stdin(other()).stdout(other()).stderr(other()).spawn().unwrap();
        let screen = vt100::Parser::new(lines, columns, 100);
        Self { keyboard: File::from(own), screen, written: Vec::new(), program }
    }

    /// Reads what the program writes until the screen is as wanted.
    fn until(&mut self, is_wanted: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let screen = self.screen.screen().contents();
            if is_wanted(&screen) {
                return screen;
            }
            assert!(self.read() && begun.elapsed() < PATIENCE, "{screen}");
        }
    }

    /// The exit code of the program, and the screen that it has left.
    fn ended(mut self) -> (Option<i32>, String, Vec<u8>) {
        while self.read() {}
        let exit = self.program.wait().unwrap().code();
        (exit, self.screen.screen().contents(), std::mem::take(&mut self.written))
    }

    /// `false` once nobody has the terminal any more.
    fn read(&mut self) -> bool {
        let mut bytes = [0; 4096];
        match self.keyboard.read(&mut bytes) {
            Ok(count @ 1..) => {
                self.screen.process(&bytes[..count]);
                self.written.extend(&bytes[..count]);
                true
            }
            Ok(0) | Err(_) => false,
        }
    }
}

fn resize(terminal: &OwnedFd, columns: u16, lines: u16) {
    let size = Winsize { ws_row: lines, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(terminal, size).unwrap();
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// A step that ends when the terminal has shown it for a while.
const SLOW: &[Project] = &[
    ("api", "FROM chinampa/base:1\nRUN echo compiling; sleep 3\n", ""),
    ("web", "FROM chinampa/base:1\nRUN echo no such header; exit 3\n", ""),
];

/// A step that only an interruption ends.
const ENDLESS: &[Project] = &[("api", "FROM chinampa/base:1\nRUN echo asleep; exec sleep 1000\n", "")];

#[test]
fn a_terminal_shows_what_runs_and_is_left_with_what_failed_and_the_summary() {
    let shop = Shop::new().projects(SLOW);
    let mut terminal = Terminal::start(&shop.world.command(["build"]), 80, 24);

    let running =
        terminal.until(|screen| screen.contains("\n      compiling") && screen.contains("1 failed"));
    let (exit, screen, written) = terminal.ended();

    let header = running.lines().find(|line| line.starts_with("[1/2] 1 running, 1 failed, ")).unwrap();
    let after: Vec<&str> = running.lines().skip_while(|line| *line != header).collect();
    assert!(after[1].starts_with("  api  ") && after[1].contains("RUN echo compiling; sleep 3"), "{running}");
    assert_eq!(after[2].trim(), "compiling", "{running}");
    assert!(running.contains("\nweb: failed after "), "{running}");
    assert_eq!(exit, Some(4));
    assert!(!screen.contains(" running"), "{screen}");
    assert!(screen.contains("\nfailed    web after "), "{screen}");
    assert!(
        screen.trim_end().lines().last().unwrap().starts_with("1 built, 0 reused, 1 failed in "),
        "{screen}"
    );
    let text = String::from_utf8_lossy(&written);
    assert!(text.contains("\u{1b}[32mbuilt     \u{1b}[0m"), "{text}");
}

// issue 18: X3
#[test]
fn after_an_interruption_only_the_summary_is_left() {
    let shop = Shop::new().projects(ENDLESS);
    let mut terminal = Terminal::start(&shop.world.command(["build"]), 200, 24);
    terminal.until(|screen| screen.contains("      asleep"));

    terminal.keyboard.write_all(b"\x03").unwrap();
    let (exit, screen, _) = terminal.ended();

    let lines: Vec<&str> = screen.trim_end().lines().collect();
    assert_eq!(exit, Some(130), "{screen}");
    assert!(lines[0].starts_with("changes of "), "{screen}");
    assert_eq!(lines[1..lines.len() - 1], ["cancelled api"], "{screen}");
    assert!(lines[lines.len() - 1].starts_with("0 built, 0 reused, 1 cancelled in "), "{screen}");
}

#[test]
fn a_terminal_that_becomes_narrow_has_one_header_and_no_line_that_wraps() {
    let shop = Shop::new().projects(ENDLESS);
    let mut terminal = Terminal::start(&shop.world.command(["build"]), 120, 24);
    terminal.until(|screen| screen.contains("      asleep"));

    resize(&OwnedFd::from(terminal.keyboard.try_clone().unwrap()), 30, 24);
    terminal.screen.screen_mut().set_size(24, 30);
    let screen = terminal.until(is_cut);
    terminal.keyboard.write_all(b"\x03").unwrap();
    let (exit, ..) = terminal.ended();

    assert_eq!(screen.matches(" running, ").count(), 1, "{screen}");
    assert_eq!(exit, Some(130));
}

/// Whether the line of the running step ends where the terminal does.
fn is_cut(screen: &str) -> bool {
    screen.contains("      asleep")
        && screen.lines().any(|line| line.contains("[2/2] RUN") && line.ends_with('…'))
}

#[test]
fn without_colours_there_are_none_and_with_color_always_a_file_has_them() {
    let mut shop = Shop::new().plain(["api"]);

    let always = shop.world.run(["build", "-q", "--color", "always"]);
    shop.world.set("NO_COLOR", "1");
    let (_, _, written) = Terminal::start(&shop.world.command(["build", "--force"]), 80, 24).ended();

    assert!(always.stdout.contains("\u{1b}[32m1 built\u{1b}[0m, 0 reused"), "{always}");
    let written = String::from_utf8_lossy(&written);
    assert!(written.contains("1 built, 0 reused") && !written.contains("\u{1b}[3"), "{written:?}");
}

/// A step that prints for a while, much faster than anybody reads.
const BUSY: &[Project] = &[(
    "api",
    "FROM chinampa/base:1\nRUN i=0; while [ $i -lt 600 ]; do echo line $i; i=$((i+1)); sleep 0.004; done\n",
    "",
)];

#[test]
fn a_terminal_is_drawn_at_most_ten_times_a_second() {
    let shop = Shop::new().projects(BUSY);
    let begun = Instant::now();
    let terminal = Terminal::start(&shop.world.command(["build"]), 200, 24);

    let (exit, screen, written) = terminal.ended();

    assert_eq!(exit, Some(0), "{screen}");
    // Each drawing erases what is below it, and so does each line that is written above.
    let drawings = String::from_utf8_lossy(&written).matches("\u{1b}[J").count();
    let most = begun.elapsed().as_secs_f64() * 10.0 + 10.0;
    assert!(drawings > 5 && drawings as f64 <= most, "{drawings} drawings, and {most} are allowed");
}

/// A shop whose deployment waits for a file after a line of output.
fn deployed_shop() -> Shop {
    let shop = Shop::new().cache(Cache::oci()).plain(["api", "lib"]);
    let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
    let deploy = shop.cache_table().replace("[cache]", "[deploy]");
    let deploy = deploy.replace(&shop.prefix, &format!("{}deploy/", shop.prefix));
    let tables = format!("{deploy}[environments.dev]\nbranch = \"*\"\n[projects.api]");
    let wait = "echo rolling out; until [ -e go ]; do sleep 0.01; done; echo rolled out";
    let manifest = manifest.replace("[projects.api]", &tables).replace(
        "path = \"api\"",
        &format!("path = \"api\"\nservice = {{ kind = \"command\", run = [\"sh\", \"-c\", \"{wait}\"] }}"),
    );
    shop.world.write("projects.toml", manifest).commit();
    let built = shop.world.run(["build", "-q"]);
    assert_eq!(built.exit, 0, "{built}");
    shop
}

#[test]
fn a_deployment_shows_what_it_does_now_and_leaves_its_summary() {
    for columns in [80, 200] {
        let shop = deployed_shop();
        let mut terminal = Terminal::start(&shop.world.command(["deploy", "-e", "dev"]), columns, 24);

        let running = terminal.until(|screen| screen.contains("      rolling out"));
        shop.world.write("go", "");
        let (exit, screen, _) = terminal.ended();

        let lines: Vec<&str> = running.trim_end().lines().collect();
        let [header, row, output] = lines[lines.len() - 3..] else { panic!("{running}") };
        assert!(header.starts_with("[1/2] restarting the service of api, "), "{running}");
        assert!(row.starts_with("  api  ") && row.ends_with("  restart the service (command)"), "{running}");
        assert_eq!(output, "      rolling out", "{running}");
        assert_eq!(exit, Some(0), "{screen}");
        let left: Vec<&str> = screen.trim_end().lines().collect();
        assert!(left.iter().all(|line| !line.contains("restart") && !line.contains("rolling")), "{screen}");
        assert!(left[left.len() - 1].starts_with("2 deployed to `dev` at "), "{screen}");
    }
}

#[test]
fn an_interrupted_deployment_leaves_only_its_summary() {
    let shop = deployed_shop();
    let mut terminal = Terminal::start(&shop.world.command(["deploy", "-e", "dev"]), 80, 24);
    terminal.until(|screen| screen.contains("      rolling out"));

    terminal.keyboard.write_all(b"\x03").unwrap();
    let (exit, screen, _) = terminal.ended();
    shop.world.write("go", "");

    assert_eq!(exit, Some(130), "{screen}");
    assert!(!screen.contains("restart") && !screen.contains("rolling"), "{screen}");
    assert!(screen.contains("interrupted api\n"), "{screen}");
}

#[test]
fn without_a_terminal_a_deployment_has_plain_lines() {
    let shop = deployed_shop();
    shop.world.write("go", "");

    let answer = shop.world.run(["deploy", "-e", "dev"]);

    assert_eq!(answer.exit, 0, "{answer}");
    assert!(answer.stderr.contains("\napi: | rolling out\napi: | rolled out\n"), "{answer}");
    assert!(!answer.stderr.contains('\u{1b}') && !answer.stderr.contains("[1/2]"), "{answer}");
}
