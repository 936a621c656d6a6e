/// Without it, and without the exit below, a plan of thousands of projects takes half as long again (docs/performance.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let exit = chinampa::main();
    // Without exit handlers: the allocator's would collect memory that the system frees anyway. No answer is left in a buffer: help,
    // which clap writes, ends with a whole line.
    signal_hook::low_level::exit(exit.code().into());
}
