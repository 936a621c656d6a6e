//! Builds of runs that nobody vouches for: what they make is seen by no other run, though the engine may be a shared one.
//!
//! An engine's layer cache knows a step by its command and by what it starts from. What else decides on the result of a step
//! has to be apart for these runs, or a step that was run with less, or with something else, would be taken for one of a trusted
//! build: cache mounts, secrets that are missing here, and proxies, which the engine leaves out of account.

use std::collections::BTreeMap;
use std::fmt;

use crate::dockerfile::Dockerfile;
use crate::engine::BuildRequest;
use crate::model::{ImageRef, Platform, RepositoryName, Tag, random_bits};

/// Set by the engine's frontend before the ids of all cache mounts.
const CACHE_MOUNT_NAMESPACE: &str = "BUILDKIT_CACHE_MOUNT_NS";

/// What begins the names of build arguments that the frontend takes as settings, `BUILDKIT_SYNTAX` among them.
const FRONTEND_SETTINGS: &str = "BUILDKIT_";

/// Build arguments that steps see and the layer cache doesn't.
const PROXIES: [&str; 5] = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];

/// A run, as the names of its images have it: no other run has the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UntrustedRun(String);

impl UntrustedRun {
    /// A new name.
    pub fn new() -> Self {
        Self(format!("{:016x}", random_bits()))
    }

    /// How the engine names an image of this run; each platform's is an image of its own.
    pub(super) fn image(&self, repository: &RepositoryName, platform: Option<&Platform>) -> ImageRef {
        let tag = Tag::untrusted(&self.0, platform);
        ImageRef { host: None, repository: repository.clone(), tag: Some(tag), digest: None }
    }
}

impl Default for UntrustedRun {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for UntrustedRun {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The request without all that only a trusted run may use: secrets, the ssh agent, proxies, and settings of the frontend.
pub(super) fn without_privileges(request: BuildRequest) -> BuildRequest {
    BuildRequest {
        build_args: build_args(&request.build_args),
        proxies: BTreeMap::new(),
        secrets: BTreeMap::new(),
        ssh: BTreeMap::new(),
        ..request
    }
}

/// The build arguments without those that only the frontend and the network see, and with a namespace for cache mounts.
fn build_args(declared: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let is_harmless = |name: &str| {
        let name = name.to_ascii_uppercase();
        !name.starts_with(FRONTEND_SETTINGS) && !PROXIES.contains(&name.as_str())
    };
    let namespace = (CACHE_MOUNT_NAMESPACE.to_owned(), "untrusted".to_owned());
    let harmless = declared.iter().filter(|(name, _)| is_harmless(name));
    harmless.map(|(name, value)| (name.clone(), value.clone())).chain([namespace]).collect()
}

/// A Dockerfile, with its parents filled in, whose steps that mount a secret or a key are other steps than those of a trusted run:
/// these have one, and what comes of it must not be missing there.
pub(super) fn with_steps_of_its_own(dockerfile: &Dockerfile, text: Vec<u8>) -> Vec<u8> {
    let mounts = |flag: &String| {
        let flag = flag.to_ascii_lowercase();
        flag.starts_with("--mount") && ["secret", "ssh", "$"].iter().any(|word| flag.contains(word))
    };
    let steps = dockerfile.instructions().iter().filter(|step| step.flags.iter().any(mounts));
    let lines: Vec<usize> = steps.map(|step| step.first_line).collect();
    if lines.is_empty() {
        return text;
    }
    let mut separated = Vec::with_capacity(text.len() + lines.len() * 32);
    for (number, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        if lines.contains(&(number + 1)) {
            separated.extend_from_slice(b"ARG CHINAMPA_TRUST=untrusted\n");
        }
        separated.extend_from_slice(line);
    }
    separated
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Context, ContextReuse, Logins, SshAgent};
    use crate::model::Secret;

    #[test]
    fn what_the_layer_cache_leaves_out_of_account_is_left_out() {
        let names = [
            "VERSION",
            "http_proxy",
            "HTTPS_PROXY",
            "No_Proxy",
            "BUILDKIT_SYNTAX",
            "BUILDKIT_CACHE_MOUNT_NS",
        ];
        let declared = names.map(|name| (name.to_owned(), "x".to_owned())).into();

        let sent = build_args(&declared);

        let expected = [("BUILDKIT_CACHE_MOUNT_NS", "untrusted"), ("VERSION", "x")];
        assert_eq!(sent, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    }

    #[test]
    fn what_only_a_trusted_run_may_use_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("agent");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let agent = SshAgent::find(Some(socket)).unwrap();
        let request = BuildRequest {
            context: Context::default(),
            reuse: ContextReuse::Run("1".to_owned()),
            dockerfile: Vec::new(),
            target: None,
            platform: None,
            build_args: BTreeMap::new(),
            proxies: [("http_proxy".to_owned(), Secret::new("x"))].into(),
            labels: BTreeMap::new(),
            secrets: [("token".to_owned(), Secret::new("x"))].into(),
            ssh: [("default".to_owned(), agent)].into(),
            cache_from: Vec::new(),
            inline_cache: false,
            pull: false,
            no_cache: false,
            logins: Logins::none(),
        };

        let left = without_privileges(request);

        assert!(left.proxies.is_empty() && left.secrets.is_empty() && left.ssh.is_empty(), "{left:?}");
    }

    #[test]
    fn steps_that_mount_a_secret_are_steps_of_their_own() {
        let text = "FROM a\nRUN one\nRUN \\\n  --mount=id=x,type=secret two\nRUN --mount=type=cache,target=/c three\n";
        let dockerfile = Dockerfile::parse(text.as_bytes(), &BTreeMap::new(), None).unwrap();

        let separated = with_steps_of_its_own(&dockerfile, text.into());

        let expected = "FROM a\nRUN one\nARG CHINAMPA_TRUST=untrusted\nRUN \\\n  --mount=id=x,type=secret two\n\
            RUN --mount=type=cache,target=/c three\n";
        assert_eq!(String::from_utf8(separated).unwrap(), expected);
    }

    #[test]
    fn no_two_runs_and_no_two_platforms_share_a_name() {
        let repository: RepositoryName = "shop/api".parse().unwrap();
        let platforms = ["linux/amd64", "linux/arm64"].map(|platform| platform.parse::<Platform>().unwrap());
        let (one, other) = (UntrustedRun::new(), UntrustedRun::new());

        let names = [
            one.image(&repository, None),
            one.image(&repository, Some(&platforms[0])),
            one.image(&repository, Some(&platforms[1])),
            other.image(&repository, None),
        ];

        assert!(names.iter().all(|name| name.to_string().starts_with("shop/api:untrusted-")), "{names:?}");
        let different: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(different.len(), names.len(), "{names:?}");
    }
}
