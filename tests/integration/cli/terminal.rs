//! What a terminal shows while a build runs and after it, read from the screen of a terminal of the test's own.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::support::shop::{Project, Shop};

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
    assert_eq!(
        lines[1..lines.len() - 1],
        ["because   api  the cache has no image of these inputs", "cancelled api",],
        "{screen}"
    );
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
