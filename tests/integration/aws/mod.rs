//! The shipped binary against an emulator of AWS, with a proxy between them that plays AWS's bad days.

mod accounts;
mod deployment;
mod errors;
mod limits;
mod login;
mod oidc;
mod policies;
mod repository;
mod rules;
mod secrets;
mod services;
mod terraform;
mod trouble;
