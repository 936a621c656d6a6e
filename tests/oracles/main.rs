//! What we read, against what the programs that define the format read.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "../support/bed.rs"]
mod bed;

mod dockerfile;
