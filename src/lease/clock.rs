//! What time it is, and waiting until it is later.

use std::time::Duration;

use async_trait::async_trait;

use crate::model::Timestamp;

/// A clock. Tests have one that they move themselves.
#[async_trait]
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;

    async fn sleep(&self, duration: Duration);
}

/// The machine's own.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
