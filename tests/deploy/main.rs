//! What follows a whole build, on real repositories and programs.

#![expect(clippy::unwrap_used, reason = "a preparation that fails, fails the test")]

#[path = "../support/scripted.rs"]
mod scripted;
#[path = "../support/world.rs"]
pub mod world;

mod ancestry;
mod commands;
mod ensure_terraform;
mod terraform;
