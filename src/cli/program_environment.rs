//! What programs that are started here get of the environment: a cleared one, with what each of them needs.

use std::env;
use std::ffi::OsString;

use super::environment::Environment;
use crate::attest::ProgramEnvironment;

/// How proxies are named that programs use.
const PROXIES: [&str; 6] = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"];

impl Environment {
    /// What Terraform gets of the environment to validate with: what it needs to be found, to reach
    /// registries of providers, and to keep what it downloads.
    pub(super) fn terraform_variables(&self) -> Vec<(OsString, OsString)> {
        const KEPT: [&str; 5] =
            ["PATH", "HOME", "SSL_CERT_FILE", "TF_CLI_CONFIG_FILE", "TF_PLUGIN_CACHE_DIR"];
        kept(KEPT.into_iter().chain(PROXIES))
    }

    /// What commands that are run for a project get of the environment in any case.
    pub(super) fn of_commands(&self) -> Vec<(OsString, OsString)> {
        kept(["PATH", "HOME"])
    }

    /// What programs get of the environment that make SBOMs, sign and verify: what they need to be found, to reach registries and services of
    /// signatures, and what is named after them.
    pub(super) fn of_attesting_programs(&self) -> ProgramEnvironment {
        const KEPT: [&str; 7] =
            ["PATH", "HOME", "USER", "TMPDIR", "DOCKER_CONFIG", "SSL_CERT_FILE", "SSL_CERT_DIR"];
        const PREFIXES: &[&str] = &[
            "ACTIONS_ID_TOKEN_REQUEST_",
            "AWS_",
            "AZURE_",
            "COSIGN_",
            "GOOGLE_",
            "NOTATION_",
            "SIGSTORE_",
            "SYFT_",
            "TRIVY_",
            "TUF_",
            "VAULT_",
            "XDG_",
        ];
        let is_kept = |name: &OsString| {
            let name = name.to_string_lossy();
            KEPT.iter().chain(&PROXIES).any(|kept| *kept == name)
                || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        };
        ProgramEnvironment::new(env::vars_os().filter(|(name, _)| is_kept(name)))
    }
}

/// The variables of these that are set.
fn kept(names: impl IntoIterator<Item = &'static str>) -> Vec<(OsString, OsString)> {
    names.into_iter().filter_map(|name| Some((name.into(), env::var_os(name)?))).collect()
}
