//! Pushing, and building from what a registry holds.
