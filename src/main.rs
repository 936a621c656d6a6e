use std::process::ExitCode;

fn main() -> ExitCode {
    chinampa::main().code().into()
}
