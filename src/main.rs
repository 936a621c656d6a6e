/// Reading thousands of small objects is mostly allocation, in libgit2 and zlib too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let exit = chinampa::main();
    // At once: what libraries do at the end is to give memory back piece by piece, which the system does sooner. No answer
    // is left in a buffer: help, which clap writes, is made of whole lines.
    signal_hook::low_level::exit(exit.code().into());
}
