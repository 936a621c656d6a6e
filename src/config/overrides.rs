//! What an environment says over `[deploy]`: another account, region, role or prefix.

use super::fields::Fields;
use super::identity;
use super::registry::{self, Ecr, RegistryConfig, RegistryKind};
use crate::model::{AwsIdentity, Host, Region, aws_account};

/// The keys that only a `[deploy]` of ECR has.
const ECR_KEYS: [&str; 7] = ["account", "region", "host", "endpoint", "profile", "role_arn", "external_id"];

/// The file's `[deploy]`.
#[derive(Clone, Copy)]
pub(super) enum Deploy<'d> {
    Absent,
    /// Its problems were reported.
    Wrong,
    Read(&'d RegistryConfig),
}

/// The environment's registry; `None` without a `[deploy]`.
pub(super) fn read(fields: &Fields<'_>, deploy: Deploy<'_>) -> Option<RegistryConfig> {
    let overrides = Overrides::read(fields);
    match deploy {
        Deploy::Read(deploy) => overrides.over(deploy, fields),
        Deploy::Wrong => None,
        Deploy::Absent => {
            for keys in [&ECR_KEYS[..], &["prefix"]] {
                report(fields, keys, "there is no `[deploy]` that it could differ from");
            }
            None
        }
    }
}

/// What an environment says of the registry.
struct Overrides {
    account: Option<String>,
    region: Option<Region>,
    host: Option<Host>,
    endpoint: Option<String>,
    identity: AwsIdentity,
    prefix: Option<String>,
}

impl Overrides {
    fn read(fields: &Fields<'_>) -> Self {
        Self {
            account: fields.item("account").and_then(|item| item.read(aws_account)),
            region: fields.item("region").and_then(|item| item.parse()),
            host: fields.item("host").and_then(registry::host),
            endpoint: fields.item("endpoint").and_then(|item| item.read(registry::endpoint)),
            identity: identity::read(fields),
            prefix: fields.item("prefix").and_then(|item| item.read(registry::prefix)),
        }
    }

    /// `None` where a problem was reported.
    fn over(self, deploy: &RegistryConfig, fields: &Fields<'_>) -> Option<RegistryConfig> {
        let mut registry = deploy.clone();
        if let Some(prefix) = self.prefix.clone() {
            registry.prefix = prefix;
        }
        match &mut registry.kind {
            RegistryKind::Ecr(ecr) => self.over_ecr(ecr, fields)?,
            RegistryKind::Oci { .. } | RegistryKind::Engine => {
                report(fields, &ECR_KEYS, "the kind of `[deploy]` is not `ecr`, so it has no such key");
            }
        }
        Some(registry)
    }

    fn over_ecr(self, ecr: &mut Ecr, fields: &Fields<'_>) -> Option<()> {
        let before = (ecr.region.clone(), ecr.known_account().map(str::to_owned));
        ecr.account = self.account.or(ecr.account.take());
        ecr.region = self.region.unwrap_or_else(|| ecr.region.clone());
        ecr.identity = self.identity.over(&ecr.identity);
        let moves_region = ecr.region != before.0;
        let moves = moves_region || ecr.known_account() != before.1.as_deref();
        // An address in the file is that of one registry, and of one region's API.
        for (key, is_stale) in [
            ("host", moves && ecr.host.is_some() && self.host.is_none()),
            ("endpoint", moves_region && ecr.endpoint.is_some() && self.endpoint.is_none()),
        ] {
            if is_stale {
                fields.wrong(
                    format_args!("the `{key}` of `[deploy]` is that of another account or region"),
                    Some(format!("the environment needs its own `{key}`")),
                );
                return None;
            }
        }
        ecr.host = self.host.or(ecr.host.take());
        ecr.endpoint = self.endpoint.or(ecr.endpoint.take());
        Some(())
    }
}

fn report(fields: &Fields<'_>, keys: &[&str], reason: &str) {
    for item in keys.iter().filter_map(|key| fields.item(key)) {
        item.wrong(reason);
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use crate::config::{Ecr, FixedTags, Manifest, RegistryKind, parse};
    use crate::model::{EcrNetwork, RepositoryName};

    const DEPLOY: &str = "[deploy]\nkind = \"ecr\"\nregion = \"us-east-2\"\naccount = \"111111111111\"\n\
                          role_arn = \"arn:aws:iam::111111111111:role/d\"\nexternal_id = \"shop\"\n";

    fn read(rest: &str) -> Result<Manifest, String> {
        let text = format!("workspace.name = \"shop\"\n{rest}");
        parse(text.as_bytes(), "projects.toml").map_err(|errors| errors.to_string())
    }

    fn prod(rest: &str) -> (Ecr, String) {
        let mut manifest = read(rest).unwrap();
        let registry = manifest.environments.remove(&"prod".parse().unwrap()).unwrap().registry.unwrap();
        match registry.kind {
            RegistryKind::Ecr(ecr) => (*ecr, registry.prefix),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_an_environment_says_goes_before_the_deploy_registry() {
        let (ecr, prefix) = prod(&format!(
            "{DEPLOY}[environments.prod]\ntag = \"v*\"\naccount = \"222222222222\"\nregion = \"eu-west-2\"\n\
             role_arn = \"arn:aws:iam::222222222222:role/p\"\nprefix = \"team/\"\n"
        ));

        let host = ecr.host_for("333333333333", EcrNetwork::default()).unwrap();
        assert_eq!(host.as_str(), "222222222222.dkr.ecr.eu-west-2.amazonaws.com");
        let role = ecr.identity.role.unwrap();
        assert_eq!((role.arn.as_str(), role.external_id), ("arn:aws:iam::222222222222:role/p", None));
        assert_eq!(prefix, "team/");
        let records: Vec<&str> = ecr.policy.records.iter().map(RepositoryName::as_str).collect();
        assert_eq!(
            records,
            [
                "team/shop-builds",
                "team/unprotected/shop-builds",
                "team/shop-taints",
                "team/shop-claims",
                "team/unprotected/shop-claims",
            ]
        );
        assert_eq!(ecr.policy.fixed_tags, FixedTags::AllBut(vec!["shop-*".to_owned()]));
        assert_eq!(ecr.policy.lasting_tags, ["shop-*"]);
    }

    #[test]
    fn what_an_environment_leaves_open_is_that_of_the_deploy_registry() {
        let (ecr, _) = prod(&format!("{DEPLOY}[environments.prod]\ntag = \"v*\"\nprofile = \"p\"\n"));

        assert_eq!((ecr.region.as_str(), ecr.known_account()), ("us-east-2", Some("111111111111")));
        assert_eq!(ecr.identity.profile.as_deref(), Some("p"));
        assert_eq!(ecr.identity.role.unwrap().external_id.unwrap().as_str(), "shop");
    }

    #[test]
    fn the_repository_policy_of_the_deploy_registry_is_read_for_environments_too() {
        let policy = "[deploy.policy]\nrepository_policy = \"ecr.json\"\n";
        let mut manifest = read(&format!("{DEPLOY}{policy}[environments.prod]\ntag = \"v*\"\n")).unwrap();

        manifest.read_files(|_| Ok::<_, ()>("{}".to_owned())).unwrap();

        let promoted_to = manifest.registries().filter_map(|registry| match &registry.kind {
            RegistryKind::Ecr(ecr) => Some(ecr.policy.repository_policy.as_ref().unwrap().text.as_deref()),
            RegistryKind::Oci { .. } | RegistryKind::Engine => None,
        });
        assert_eq!(promoted_to.collect::<Vec<_>>(), [Some("{}"), Some("{}")]);
    }

    #[test]
    fn without_an_account_the_role_says_it() {
        let role = "role_arn = \"arn:aws:iam::222222222222:role/p\"\n";
        let deploy = "[deploy]\nkind = \"ecr\"\nregion = \"us-east-2\"\n";
        let of_deploy = format!("{deploy}{role}[environments.prod]\ntag = \"v*\"\n");
        let of_environment = format!("{deploy}[environments.prod]\ntag = \"v*\"\n{role}");

        for text in [of_deploy, of_environment] {
            assert_eq!(prod(&text).0.known_account(), Some("222222222222"), "{text}");
        }
    }

    #[test]
    fn an_address_of_another_account_or_region_is_not_taken_over() {
        let deploy = DEPLOY
            .replace("external_id", "host = \"localhost:1\"\nendpoint = \"http://localhost:1\"\nexternal_id");
        let problems =
            |keys: &str| read(&format!("{deploy}[environments.prod]\ntag = \"v*\"\n{keys}")).unwrap_err();

        assert_snapshot!(problems("account = \"222222222222\"\n"), @"projects.toml:10: `[environments.prod]`: the `host` of `[deploy]` is that of another account or region; the environment needs its own `host`");
        assert_snapshot!(problems("region = \"eu-west-2\"\nhost = \"localhost:2\"\n"), @"projects.toml:10: `[environments.prod]`: the `endpoint` of `[deploy]` is that of another account or region; the environment needs its own `endpoint`");
        let own = "region = \"eu-west-2\"\nhost = \"localhost:2\"\nendpoint = \"http://localhost:2\"\n";
        let (ecr, _) = prod(&format!("{deploy}[environments.prod]\ntag = \"v*\"\n{own}"));
        assert_eq!(ecr.endpoint.as_deref(), Some("http://localhost:2"));
    }

    #[test]
    fn only_a_deploy_registry_of_ecr_has_accounts() {
        let keys = "account = \"222222222222\"\nprefix = \"team/\"\n";
        let environment = format!("[environments.prod]\ntag = \"v*\"\n{keys}");

        assert_snapshot!(read(&environment).unwrap_err(), @r"
        projects.toml:4: `account` in `[environments.prod]`: there is no `[deploy]` that it could differ from
        projects.toml:5: `prefix` in `[environments.prod]`: there is no `[deploy]` that it could differ from
        ");
        let oci = format!("[deploy]\nkind = \"oci\"\nhost = \"r.example\"\n{environment}");
        assert_snapshot!(read(&oci).unwrap_err(), @"projects.toml:7: `account` in `[environments.prod]`: the kind of `[deploy]` is not `ecr`, so it has no such key");
    }

    #[test]
    fn roles_and_external_ids_are_checked_wherever_they_are() {
        let rest = "[cache]\nkind = \"oci\"\nhost = \"r.example\"\nprofile = \"p\"\n\
                    [deploy]\nkind = \"ecr\"\nregion = \"us-east-2\"\nrole_arn = \"deploy\"\n\
                    [environments.prod]\ntag = \"v*\"\nexternal_id = \"shop\"\n\
                    [terraform]\nprofile = \"[p]\"\n\
                    [projects.api]\npath = \"api\"\n\
                    service = { kind = \"command\", run = [\"true\"], role_arn = \"arn:aws:iam::222222222222:role/p\" }\n";

        assert_snapshot!(read(rest).unwrap_err(), @r"
        projects.toml:5: `profile` in `[cache]`: a registry of kind `oci` has no such key
        projects.toml:9: `role_arn` in `[deploy]`: `deploy` is not the ARN of a role, such as `arn:aws:iam::123456789012:role/deploy`
        projects.toml:12: `external_id` in `[environments.prod]`: it belongs to a `role_arn`, and there is none in this table
        projects.toml:14: `profile` in `[terraform]`: the name of a profile of AWS's configuration files is expected, such as `deployer`
        projects.toml:17: `role_arn` in `[projects.api.service]`: a service of kind `command` has no such key
        ");
    }
}
