//! What we read, against what the programs that define the format read.

mod bake;
mod bake_expressions;
mod bake_targets;
mod compose;
mod compose_random;
mod dockerfile;
mod error_codes;
