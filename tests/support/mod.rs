//! What tests are made with: repositories, the test bed, and servers that record and fail on demand.

pub(crate) mod aws;
pub(crate) mod bed;
pub(crate) mod buildkit;
pub(crate) mod chromium;
pub(crate) mod ci;
pub(crate) mod ecr_limits;
pub(crate) mod engines;
pub(crate) mod iam;
pub(crate) mod lfs;
pub(crate) mod memory_registry;
pub(crate) mod numbers;
pub(crate) mod proxy;
pub(crate) mod scripted;
pub(crate) mod shop;
pub(crate) mod shown;
pub(crate) mod ssh_agent;
pub(crate) mod world;

/// Whether everything is tried as often as `make soak` tries it.
pub(crate) fn is_soak() -> bool {
    std::env::var_os("CHINAMPA_SOAK").is_some()
}

/// One case in `every`, others for another `turn`; in the soak, all of them.
pub(crate) fn some_of<T>(
    every: usize,
    turn: usize,
    cases: impl IntoIterator<Item = T>,
) -> impl Iterator<Item = T> {
    let numbered = cases.into_iter().enumerate();
    numbered
        .filter(move |(number, _)| is_soak() || (number + turn).is_multiple_of(every))
        .map(|(_, case)| case)
}
