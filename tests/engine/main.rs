//! Builds on the machine's own Docker engine.

mod context;
mod support;
