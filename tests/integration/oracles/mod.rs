//! What we read, against what the programs that define the format read.

mod compose;
mod compose_random;
mod dockerfile;
