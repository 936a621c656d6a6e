//! What we read, against what the programs that define the format read.

#[path = "../support/bed.rs"]
mod bed;

mod dockerfile;
