//! Work that is asked to stop comes to an orderly end: it gives back what it holds, and nothing is dropped half-way.

use std::sync::Arc;

use tokio::sync::watch;

/// Whether a person or the CI asked to stop. All clones say the same, and it is never withdrawn.
#[derive(Clone, Debug)]
pub struct Interruption(Arc<watch::Sender<bool>>);

impl Interruption {
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
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
        let asked = receiver.wait_for(|is_requested| *is_requested).await;
        asked.expect("the sender lives as long as `self`");
    }

    /// The value of `work`, or `None` when it is asked to stop before that is there.
    ///
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

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn all_clones_are_asked_to_stop_and_stay_so() {
        let interruption = Interruption::new();
        let other = interruption.clone();
        assert_eq!(interruption.unless_requested(async { 1 }).await, Some(1));

        std::thread::spawn(move || other.request());

        assert_eq!(interruption.unless_requested(pending::<u8>()).await, None);
        assert!(interruption.is_requested());
        assert_eq!(interruption.unless_requested(async { 1 }).await, None);
    }
}
