use std::io::{self, Write as _};

/// Reading thousands of small objects is mostly allocation, in libgit2 and zlib too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let exit = chinampa::cli::main();
    // Help is written through a buffer. Where nobody reads it, there is no one to tell either.
    let _ = io::stdout().flush();
    // At once: what libraries do at the end is to give memory back piece by piece, which the system does sooner.
    signal_hook::low_level::exit(exit.code().into());
}
