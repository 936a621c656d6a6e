//! A deployment that is asked to stop ends its step and gives back what it holds: nothing is dropped half-way.

use tokio::sync::watch;

/// Whether a person or the CI asked the deployment to stop.
#[derive(Debug)]
pub struct Interruption(watch::Sender<bool>);

impl Interruption {
    pub fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    pub fn request(&self) {
        self.0.send_replace(true);
    }

    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Ready once it is requested.
    pub async fn requested(&self) {
        let mut receiver = self.0.subscribe();
        // The sender lives as long as `self`, so waiting can't fail.
        let _ = receiver.wait_for(|is_requested| *is_requested).await;
    }

    /// The value of `work`, or `None` when the deployment is asked to stop before that is there.
    /// Only for work that may be dropped at any time, such as a read.
    pub async fn unless_requested<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.requested() => None,
            value = work => Some(value),
        }
    }
}

impl Default for Interruption {
    fn default() -> Self {
        Self::new()
    }
}
