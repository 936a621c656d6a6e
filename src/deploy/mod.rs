//! What follows a whole build: may it be deployed, terraform, and the services that run it.

pub mod gate;
mod standing;

pub use standing::{candidate, course};
