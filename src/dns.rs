//! Looks up the addresses of each host once, for all connections of this program.
//!
//! The system's resolver blocks a thread for each question, and each new connection would ask.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::OnceCell;

/// After this, a look-up is out of date: addresses change, and a deployment takes long.
const KEPT: Duration = Duration::from_secs(60);

/// One look-up, which the first who asks does for all who wait.
type Lookup = Arc<OnceCell<Vec<SocketAddr>>>;

/// What has been looked up, and when that began.
#[derive(Default)]
struct Resolver(Mutex<BTreeMap<String, (Instant, Lookup)>>);

impl Resolver {
    /// The one that all connections share.
    fn shared() -> &'static Self {
        static SHARED: LazyLock<Resolver> = LazyLock::new(Resolver::default);
        &SHARED
    }

    /// The addresses of a host. A look-up that fails is not remembered.
    async fn addresses(
        &self,
        host: &str,
        now: Instant,
        look_up: impl AsyncFnOnce() -> io::Result<Vec<SocketAddr>>,
    ) -> io::Result<Vec<SocketAddr>> {
        let lookup = self.lookup(host, now);
        lookup.get_or_try_init(async || look_up().await).await.cloned()
    }

    fn lookup(&self, host: &str, now: Instant) -> Lookup {
        let mut lookups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, lookup) = lookups.entry(host.to_owned()).or_insert_with(|| (now, Lookup::default()));
        if now.saturating_duration_since(*since) > KEPT {
            (*since, *lookup) = (now, Lookup::default());
        }
        Arc::clone(lookup)
    }
}

/// For `reqwest`, which puts the port in.
#[derive(Debug)]
pub(crate) struct SharedResolver;

impl Resolve for SharedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let look_up = async || Ok(tokio::net::lookup_host((name.as_str(), 0)).await?.collect());
            let addresses = Resolver::shared().addresses(name.as_str(), Instant::now(), look_up).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn a_host_is_looked_up_once_for_many_connections_and_again_a_minute_later() {
        let (resolver, count) = (Resolver::default(), Cell::new(0));
        let address: SocketAddr = "10.0.0.1:0".parse().unwrap();
        let look_up = async || {
            count.set(count.get() + 1);
            tokio::task::yield_now().await;
            Ok(vec![address])
        };
        let now = Instant::now();

        let found = join_all((0..32).map(|_| resolver.addresses("r.example", now, look_up))).await;

        assert!(found.into_iter().all(|found| found.unwrap() == [address]));
        assert_eq!(count.get(), 1);
        for (later, expected) in [(KEPT, 1), (KEPT + Duration::from_secs(1), 2)] {
            resolver.addresses("r.example", now + later, look_up).await.unwrap();
            assert_eq!(count.get(), expected);
        }
        resolver.addresses("other.example", now, look_up).await.unwrap();
        assert_eq!(count.get(), 3);
    }

    #[tokio::test]
    async fn a_failed_look_up_is_not_kept() {
        let (resolver, now) = (Resolver::default(), Instant::now());
        let fails = async || Err(io::Error::other("no such host"));

        assert!(resolver.addresses("r.example", now, fails).await.is_err());
        let found =
            resolver.addresses("r.example", now, async || Ok(vec!["10.0.0.1:0".parse().unwrap()])).await;

        assert_eq!(found.unwrap().len(), 1);
    }
}
