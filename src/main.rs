use std::process::ExitCode;

fn main() -> ExitCode {
    chinampa::cli::main().code().into()
}
