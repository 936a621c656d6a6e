use std::process::ExitCode;

/// Reading thousands of small objects is mostly allocation, in libgit2 and zlib too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    chinampa::cli::main().into()
}
