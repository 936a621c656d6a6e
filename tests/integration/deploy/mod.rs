//! What follows a whole build, on real repositories and programs.

mod ancestry;
mod commands;
mod ensure_terraform;
mod terraform;
