//! What we read, against what the programs that define the format read.

mod bake;
mod dockerfile;
