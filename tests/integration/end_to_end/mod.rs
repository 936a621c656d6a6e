//! The shipped binary on the example repository, with real engines and a real registry.

mod adoption;
mod builders;
mod commands;
mod contexts;
mod deploy_order;
mod dockerfiles;
mod engine_store;
mod identity;
mod jobs;
mod lfs;
mod lifecycle;
mod local;
mod locked;
mod migrating;
mod monorepo;
mod named_contexts;
mod nowhere;
mod own_images;
mod page_blocks;
mod platforms;
mod prune;
mod shards;
mod submodules;
pub(crate) mod support;
mod trouble;
mod watch;
