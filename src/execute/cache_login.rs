//! The login for the cache, as engines and builders get it.

use std::error::Error as _;

use async_trait::async_trait;

use crate::engine::LoginSource;
use crate::model::{Host, Login};
use crate::registry::{OciRegistry, RegistryError, RegistryLogin};

/// Knows the login for the cache while builds run, which may take longer than the login is valid.
#[derive(Debug)]
pub(super) struct CacheLogin(RegistryLogin);

impl CacheLogin {
    pub(super) fn new(cache: &OciRegistry) -> Self {
        Self(cache.login_source())
    }
}

#[async_trait]
impl LoginSource for CacheLogin {
    async fn login(&self, _: &Host) -> Option<Result<Login, String>> {
        let why = |error: RegistryError| {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            tracing::warn!("a build asks the cache without a login: {error}{cause}");
            format!("{error}{cause}")
        };
        self.0.get().await.map_err(why).transpose()
    }
}
