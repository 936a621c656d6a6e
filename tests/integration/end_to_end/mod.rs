//! The shipped binary on the example repository, with real engines and a real registry.

mod commands;
mod contexts;
mod dockerfiles;
mod engine_store;
mod identity;
mod monorepo;
mod named_contexts;
mod nowhere;
mod platforms;
mod support;
mod trouble;
