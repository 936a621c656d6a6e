//! Brings what was built to where it runs.

mod lock;

pub use lock::{Intents, LEASE, Lock, LockError};
