//! What ECR limits and its emulator does not: manifests a second, and tags of an image.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use hyper::Method;
use hyper::http::request::Parts;

use super::memory_registry::content::digest_of;

/// The limits of an account, which all its clients share.
#[derive(Clone, Debug)]
pub(crate) struct EcrLimits {
    /// As many may come at once, too.
    puts_per_second: f64,
    tags_per_image: usize,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    tokens: f64,
    at: Instant,
    /// When manifests were let through.
    puts: Vec<Instant>,
    refused: usize,
    /// By repository and digest.
    tags: BTreeMap<(String, String), BTreeSet<String>>,
}

/// A refusal: its status, and the code and message of its body.
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) u16, pub(crate) &'static str, pub(crate) String);

impl EcrLimits {
    pub(crate) fn new(puts_per_second: f64, tags_per_image: usize) -> Self {
        let state = State {
            tokens: puts_per_second,
            at: Instant::now(),
            puts: Vec::new(),
            refused: 0,
            tags: BTreeMap::new(),
        };
        Self { puts_per_second, tags_per_image, state: Arc::new(Mutex::new(state)) }
    }

    /// When manifests were let through, since the last call, and how many were not.
    pub(crate) fn taken(&self) -> (Vec<Instant>, usize) {
        let mut state = self.state.lock().unwrap();
        (std::mem::take(&mut state.puts), std::mem::take(&mut state.refused))
    }

    /// How ECR refuses a request, if it does.
    pub(crate) fn refusal(&self, head: &Parts, body: &[u8]) -> Option<Refusal> {
        let path = head.uri.path();
        let (repository, reference) = path.strip_prefix("/v2/")?.split_once("/manifests/")?;
        if head.method != Method::PUT {
            return None;
        }
        let mut state = self.state.lock().unwrap();
        let now = Instant::now();
        let refilled = state.tokens + (now - state.at).as_secs_f64() * self.puts_per_second;
        (state.tokens, state.at) = (refilled.min(self.puts_per_second), now);
        if state.tokens < 1.0 {
            state.refused += 1;
            return Some(Refusal(429, "TOOMANYREQUESTS", "Rate exceeded".to_owned()));
        }
        state.tokens -= 1.0;
        if !reference.contains(':') {
            let key = (repository.to_owned(), digest_of(body));
            let has_tag =
                |key: &(String, String)| state.tags.get(key).is_some_and(|it| it.contains(reference));
            if !has_tag(&key) && state.tags.get(&key).map_or(0, BTreeSet::len) >= self.tags_per_image {
                let message = format!(
                    "Adding tag '{reference}' to an image in the repository with name '{repository}' in registry \
                     with id '123456789012' exceeds the maximum allowed number of tags per image which is '{}'",
                    self.tags_per_image
                );
                return Some(Refusal(403, "DENIED", message));
            }
            let others = state.tags.iter_mut().filter(|((of, _), _)| of == repository);
            others.for_each(|(_, tags)| _ = tags.remove(reference));
            state.tags.entry(key).or_default().insert(reference.to_owned());
        }
        state.puts.push(now);
        None
    }
}
