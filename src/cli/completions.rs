use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::output::Output;
use crate::exit::Exit;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments, output: &Output) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut super::Arguments::command(), "chinampa", &mut script);
    output.script(&String::from_utf8_lossy(&script));
    Exit::Done
}
