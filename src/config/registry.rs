//! `[cache]` and `[deploy]`: where images are built to, and where they are promoted to.

use super::fields::{Fields, Item};
use super::identity;
use super::policy::{self, Policy};
use super::role::Role;
use super::workspace::WorkspaceName;
use crate::model::{
    AwsIdentity, EcrHost, EcrNetwork, Host, ImageName, ImageRef, Region, RepositoryName, TaggedImage,
    aws_account,
};

pub(super) const KEYS: &[&str] = &[
    "kind",
    "region",
    "account",
    "host",
    "insecure",
    "endpoint",
    "profile",
    "role_arn",
    "external_id",
    "prefix",
    "inline",
    "policy",
];

/// A place where images are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryConfig {
    pub kind: RegistryKind,
    /// Put before every repository name, as it stands; a valid name with any repository behind it.
    pub prefix: String,
    /// Whether images that are built to it carry inline cache metadata.
    pub inline_cache: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryKind {
    /// The Docker engine's own store.
    Engine,
    /// Any registry that speaks the OCI distribution protocol.
    Oci {
        host: Host,
        /// Whether it speaks plain HTTP even where it isn't on loopback.
        insecure: bool,
    },
    Ecr(Box<Ecr>),
}

/// Amazon's registry of one account in one region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ecr {
    pub region: Region,
    /// Twelve digits; the account of the credentials when `None`.
    pub account: Option<String>,
    /// The account's own host in that region when `None`.
    pub host: Option<Host>,
    /// Whether `host` speaks plain HTTP even where it isn't on loopback.
    pub insecure: bool,
    /// The URL of ECR's API, without credentials in it; AWS's own when `None`.
    pub endpoint: Option<String>,
    /// Who asks.
    pub identity: AwsIdentity,
    pub policy: Policy,
}

impl Ecr {
    /// The registry at this host; `None` for a host that isn't ECR's.
    pub fn at(host: &Host) -> Option<Self> {
        let EcrHost { account, region } = EcrHost::read(host)?;
        Some(Self {
            region,
            account,
            host: Some(host.clone()),
            insecure: false,
            endpoint: None,
            identity: AwsIdentity::default(),
            policy: Policy::default(),
        })
    }

    /// The account, as far as the file says it: by itself, or by the role.
    pub fn known_account(&self) -> Option<&str> {
        let of_role = || self.identity.role.as_ref().map(|role| role.arn.account());
        self.account.as_deref().or_else(of_role)
    }

    /// The host of this registry, for the account that the credentials turned out to be of.
    ///
    /// `None` when they make no host name: for anything but twelve digits, and where a region has no dual-stack hosts.
    pub fn host_for(&self, account: &str, network: EcrNetwork) -> Option<Host> {
        let of_account = || EcrHost::of(self.known_account().unwrap_or(account), &self.region, network);
        self.host.clone().or_else(of_account)
    }

    /// Whether this can be the host where only the credentials know the account.
    pub fn may_be_at(&self, host: &Host) -> bool {
        let is_here = |account: &str| self.host_for(account, EcrNetwork::default()).as_ref() == Some(host);
        EcrHost::read(host).and_then(|host| host.account).is_some_and(|account| is_here(&account))
    }

    /// Whether a host is one of this registry's, by whichever network.
    pub fn has_host(&self, host: &Host) -> bool {
        self.host.as_ref() == Some(host)
            || EcrHost::read(host).is_some_and(|host| {
                host.region == self.region
                    && host.account.is_some()
                    && host.account.as_deref() == self.known_account()
            })
    }
}

impl RegistryConfig {
    /// What holds without a table: the Docker engine's own store.
    pub(super) fn engine(workspace: Option<&WorkspaceName>) -> Self {
        Self { kind: RegistryKind::Engine, prefix: engine_prefix(workspace), inline_cache: true }
    }

    /// What Dockerfiles can call the image with this repository; `None` for an image of the engine's store that has no prefix.
    /// Of an account that only the credentials know, all names have the same one.
    pub(super) fn name_of(&self, repository: &RepositoryName) -> Option<ImageName> {
        let host = match &self.kind {
            RegistryKind::Engine if self.prefix.is_empty() => return None,
            RegistryKind::Ecr(ecr) => ecr.host_for("000000000000", EcrNetwork::default()),
            RegistryKind::Engine | RegistryKind::Oci { .. } => self.host(),
        };
        let repository = repository.with_prefix(&self.prefix).ok()?;
        Some(TaggedImage::new(ImageRef { host, repository, tag: None, digest: None })?.name())
    }

    /// The host, as far as the file says it.
    ///
    /// `None` for the engine's store, and for ECR where only the credentials know the account.
    pub fn host(&self) -> Option<Host> {
        match &self.kind {
            RegistryKind::Engine => None,
            RegistryKind::Oci { host, .. } => Some(host.clone()),
            RegistryKind::Ecr(ecr) if ecr.host.is_some() => ecr.host.clone(),
            RegistryKind::Ecr(ecr) => {
                ecr.known_account().and_then(|account| ecr.host_for(account, EcrNetwork::default()))
            }
        }
    }

    /// Whether the manifest says that its host speaks plain HTTP.
    pub fn is_insecure(&self) -> bool {
        match &self.kind {
            RegistryKind::Engine => false,
            RegistryKind::Oci { insecure, .. } => *insecure,
            RegistryKind::Ecr(ecr) => ecr.insecure,
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Engine,
    Oci,
    Ecr,
}

/// The default prefix in an engine's store. Without a workspace, which is a problem of its own, there is none.
fn engine_prefix(workspace: Option<&WorkspaceName>) -> String {
    workspace.map(WorkspaceName::engine_prefix).unwrap_or_default()
}

pub(super) fn read(item: Item<'_>, role: Role, workspace: Option<&WorkspaceName>) -> Option<RegistryConfig> {
    let fields = item.fields(KEYS)?;
    let region = fields.item("region").and_then(|item| item.parse());
    let identity = identity::read(&fields);
    let account = fields.item("account").and_then(|item| item.read(aws_account));
    let host = fields.item("host").and_then(host);
    let insecure = fields.item("insecure").and_then(|item| item.flag()).unwrap_or(false);
    let endpoint = fields.item("endpoint").and_then(|item| item.read(endpoint));
    let policy = fields.item("policy").map(|item| policy::read(item, role));
    let policy = policy.unwrap_or_else(|| Policy::of_role(role));
    let prefix = fields.item("prefix").map(|item| item.read(prefix));
    let inline_cache = fields.item("inline").and_then(|item| item.flag()).unwrap_or(true);
    if let Some(item) = fields.item("inline").filter(|_| role == Role::Deploy) {
        item.wrong("images are promoted as they were built: this key belongs into `[cache]`");
    }
    let kind_item = fields.required("kind")?;
    let kind = kind_item.one_of(&[("ecr", Kind::Ecr), ("oci", Kind::Oci), ("engine", Kind::Engine)])?;
    let kind = match kind {
        Kind::Engine => {
            report_misfits(&fields, "engine", &[]);
            if role == Role::Deploy {
                kind_item.wrong(
                    "images are promoted from registry to registry, and the engine's own store is none",
                );
            }
            RegistryKind::Engine
        }
        Kind::Oci => {
            report_misfits(&fields, "oci", &["host", "insecure", "inline"]);
            fields.required("host")?;
            RegistryKind::Oci { host: host?, insecure }
        }
        Kind::Ecr => {
            fields.required("region")?;
            if let Some(item) = fields.item("insecure").filter(|_| insecure && fields.item("host").is_none())
            {
                item.wrong("AWS's own host speaks HTTPS only; plain HTTP needs a `host`");
            }
            RegistryKind::Ecr(Box::new(Ecr {
                region: region?,
                account,
                host,
                insecure,
                endpoint,
                identity,
                policy,
            }))
        }
    };
    let prefix = match (prefix, &kind) {
        (Some(prefix), _) => prefix?,
        (None, RegistryKind::Engine) => engine_prefix(workspace),
        (None, RegistryKind::Oci { .. } | RegistryKind::Ecr(_)) => String::new(),
    };
    Some(RegistryConfig { kind, prefix, inline_cache })
}

fn report_misfits(fields: &Fields<'_>, kind: &str, own: &[&str]) {
    for key in KEYS.iter().filter(|key| !["kind", "prefix"].contains(key) && !own.contains(key)) {
        if let Some(item) = fields.item(key) {
            item.wrong(format_args!("a registry of kind `{kind}` has no such key"));
        }
    }
}

pub(super) fn host(item: Item<'_>) -> Option<Host> {
    if item.text()?.contains('@') {
        // Not shown: what stands before the `@` may be a password.
        item.wrong("credentials don't belong into this file: `name[:port]` is expected");
        return None;
    }
    item.parse()
}

/// At most 100 bytes, so that the build records' repository always fits behind it.
pub(super) fn prefix(text: &str) -> Result<String, String> {
    let any: RepositoryName = "a".parse().expect("a letter is a repository's name");
    if text.len() <= 100 && any.with_prefix(text).is_ok() {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "`{text}` can't begin a repository's name: up to 100 bytes in lower case, such as `team/`"
        ))
    }
}

/// The text is not part of the error: a wrong URL may hold a password.
pub(super) fn endpoint(text: &str) -> Result<String, &'static str> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let (host, path) = rest.and_then(|rest| rest.split_once('/').or(Some((rest, "")))).unwrap_or_default();
    let is_path = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte));
    if host.parse::<Host>().is_ok() && is_path {
        Ok(text.to_owned())
    } else {
        Err("a URL without credentials is expected, such as `http://localhost:4566`")
    }
}
