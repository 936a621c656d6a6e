//! The hosts of ECR's registries.
//!
//! | host | is that of |
//! |---|---|
//! | `<account>.dkr.ecr.<region>.amazonaws.com` | a registry |
//! | `<account>.dkr.ecr-fips.<region>.amazonaws.com` | the same, with FIPS cryptography |
//! | `<account>.dkr-ecr.<region>.on.aws` | the same, by IPv6 and IPv4 |
//! | `<account>.dkr-ecr-fips.<region>.on.aws` | both |
//! | `vpce-<id>.dkr.ecr.<region>.vpce.amazonaws.com` | every registry of a region, from within a VPC |

use super::{Host, Partition, Region, aws_account};

/// What the host of a registry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EcrHost {
    /// `None` for the endpoint of a VPC, which all accounts have in common.
    pub account: Option<String>,
    pub region: Region,
}

/// Which of its hosts a registry is reached at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EcrNetwork {
    pub fips: bool,
    pub dual_stack: bool,
}

impl EcrHost {
    /// Reads a host without a port, or with that of HTTPS; `None` for one that isn't ECR's.
    pub fn read(host: &Host) -> Option<Self> {
        let name = host.as_str().strip_suffix(":443").unwrap_or(host.as_str()).to_ascii_lowercase();
        Partition::all().iter().find_map(|partition| {
            let dual_stack = partition.registry_suffix.map(|suffix| (suffix, "dkr-ecr"));
            let mut ends = [(partition.suffix, "dkr.ecr")].into_iter().chain(dual_stack);
            ends.find_map(|(suffix, service)| Self::read_in(&name, partition, suffix, service))
        })
    }

    fn read_in(name: &str, partition: &Partition, suffix: &str, service: &str) -> Option<Self> {
        let name = name.strip_suffix(suffix)?.strip_suffix('.')?;
        let (name, is_of_vpc) = match name.strip_suffix(".vpce") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let (name, region) = name.rsplit_once('.')?;
        let owner = name.strip_suffix("-fips").unwrap_or(name).strip_suffix(service)?.strip_suffix('.')?;
        let region: Region = region.parse().ok()?;
        let account = match is_of_vpc {
            true if Self::is_vpc_endpoint(owner) => None,
            true => return None,
            false => Some(aws_account(owner).ok()?),
        };
        // The suffix of one partition may be that of another too.
        (Partition::of(&region) == partition).then_some(Self { account, region })
    }

    /// `vpce-` and hexadecimal digits, with the name of a zone behind them. An endpoint of somebody's own service begins with `vpce-svc-`.
    pub fn is_vpc_endpoint(id: &str) -> bool {
        id.strip_prefix("vpce-").is_some_and(|rest| {
            rest.starts_with(|digit: char| digit.is_ascii_hexdigit())
                && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
    }

    /// The host of an account's registry; `None` where the region has no such host, or twelve digits no account.
    pub fn of(account: &str, region: &Region, network: EcrNetwork) -> Option<Host> {
        let partition = Partition::of(region);
        let (service, suffix) = match network.dual_stack {
            true => ("dkr-ecr", partition.registry_suffix?),
            false => ("dkr.ecr", partition.suffix),
        };
        let fips = if network.fips { "-fips" } else { "" };
        format!("{account}.{service}{fips}.{region}.{suffix}").parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: EcrNetwork = EcrNetwork { fips: false, dual_stack: false };
    const FIPS: EcrNetwork = EcrNetwork { fips: true, dual_stack: false };
    const DUAL_STACK: EcrNetwork = EcrNetwork { fips: false, dual_stack: true };
    const BOTH: EcrNetwork = EcrNetwork { fips: true, dual_stack: true };

    fn read(host: &str) -> Option<(Option<String>, String)> {
        let host = EcrHost::read(&host.parse().unwrap())?;
        Some((host.account, host.region.to_string()))
    }

    #[test]
    fn a_registry_has_its_hosts_in_every_partition() {
        for (region, network, expected) in [
            ("us-east-2", PLAIN, Some("1.dkr.ecr.us-east-2.amazonaws.com")),
            ("us-east-2", FIPS, Some("1.dkr.ecr-fips.us-east-2.amazonaws.com")),
            ("us-east-2", DUAL_STACK, Some("1.dkr-ecr.us-east-2.on.aws")),
            ("us-east-2", BOTH, Some("1.dkr-ecr-fips.us-east-2.on.aws")),
            ("us-gov-west-1", FIPS, Some("1.dkr.ecr-fips.us-gov-west-1.amazonaws.com")),
            ("us-gov-west-1", BOTH, Some("1.dkr-ecr-fips.us-gov-west-1.on.aws")),
            ("cn-north-1", PLAIN, Some("1.dkr.ecr.cn-north-1.amazonaws.com.cn")),
            ("cn-north-1", DUAL_STACK, Some("1.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn")),
            ("us-iso-east-1", PLAIN, Some("1.dkr.ecr.us-iso-east-1.c2s.ic.gov")),
            ("us-isob-east-1", PLAIN, Some("1.dkr.ecr.us-isob-east-1.sc2s.sgov.gov")),
            ("eu-isoe-west-1", PLAIN, Some("1.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk")),
            ("us-isof-south-1", PLAIN, Some("1.dkr.ecr.us-isof-south-1.csp.hci.ic.gov")),
            ("eusc-de-east-1", PLAIN, Some("1.dkr.ecr.eusc-de-east-1.amazonaws.eu")),
            ("eusc-de-east-1", DUAL_STACK, None),
        ] {
            let account = "123456789012";
            let host = EcrHost::of(account, &region.parse().unwrap(), network);

            let name = host.as_ref().map(|host| host.as_str().replacen(account, "1", 1));
            assert_eq!(name.as_deref(), expected, "{region} {network:?}");
            if let Some(host) = host {
                assert_eq!(read(host.as_str()), Some((Some(account.to_owned()), region.to_owned())));
            }
        }
    }

    #[test]
    fn the_endpoint_of_a_vpc_is_that_of_all_accounts() {
        for host in [
            "vpce-0a1b-2c3d.dkr.ecr.us-east-2.vpce.amazonaws.com",
            "vpce-0a1b-2c3d-us-east-2a.dkr.ecr.us-east-2.vpce.amazonaws.com:443",
        ] {
            assert_eq!(read(host), Some((None, "us-east-2".to_owned())), "{host}");
        }
    }

    #[test]
    fn what_anybody_can_answer_at_is_no_host_of_ecr() {
        for host in [
            "r.example",
            "12345678901.dkr.ecr.us-east-2.amazonaws.com",
            "x.123456789012.dkr.ecr.us-east-2.amazonaws.com",
            "123456789012.dkr.ecr.us-east-2.amazonaws.com.evil.example",
            "123456789012.dkr.ecr.us-east-2.evilamazonaws.com",
            "123456789012.dkr.ecr.us-east-2.amazonaws.com:5000",
            "123456789012.dkr.ecr.us-east-2.amazonaws.com.cn",
            "123456789012.dkr.ecr.us-east-2.on.aws",
            "123456789012.dkr-ecr.us-east-2.amazonaws.com",
            "vpce-svc-0a1b.dkr.ecr.us-east-2.vpce.amazonaws.com",
            "123456789012.dkr.ecr.us-east-2.vpce.amazonaws.com",
            "dkr.ecr.us-east-2.amazonaws.com",
        ] {
            assert_eq!(read(host), None, "{host}");
        }
    }
}
