//! The build script: how the program is linked.

#![expect(clippy::print_stdout, reason = "cargo reads what a build script writes there")]

fn main() {
    println!("cargo::rerun-if-changed=scripts/link.rs");
    // To run at any address, a program of this size has 55,000 pointers written into 220 pages before it begins: a third of
    // the time that planning a small repository takes (`docs/decisions.md`, 18).
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
