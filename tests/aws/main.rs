//! The shipped binary against an emulator of AWS, with a proxy between them that plays AWS's bad days.

#![expect(clippy::unwrap_used, reason = "a preparation that fails, fails the test")]

#[path = "../support/bed.rs"]
mod bed;
#[path = "../support/proxy.rs"]
pub mod proxy;
#[path = "../support/world.rs"]
pub mod world;

mod deployment;
mod login;
mod repository;
mod services;
mod support;
mod terraform;
mod trouble;
