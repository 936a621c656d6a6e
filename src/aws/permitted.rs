//! Which hosts may get what AWS's credentials are good for: signed requests and the tokens of ECR.
//!
//! The manifest names hosts, and a manifest can come from anybody who may propose a change. So what it names is compared with AWS's own
//! hosts, with loopback, and with a list that only the environment of the process can hold. Not all of what ends in
//! `amazonaws.com` is AWS's own: load balancers, machines and the API gateways of others are there too.

use super::{AllowedHosts, AwsError};
use crate::model::{EcrHost, Host, Partition};

/// The services that are called here, as host names begin, without `-fips`.
const SERVICES: [&str; 8] = ["ecr", "api.ecr", "sts", "ecs", "lambda", "apprunner", "scheduler", "events"];

impl AllowedHosts {
    /// Whether a registry at this host may get a token of ECR.
    pub fn permits(&self, host: &Host, is_encrypted: bool) -> bool {
        host.is_loopback() || self.lists(host) || is_encrypted && is_aws(host)
    }

    /// Accepts the address of AWS's API, if signed requests may go there.
    ///
    /// # Errors
    /// [`AwsError::HostNotAllowed`]
    pub fn endpoint(&self, url: &str) -> Result<Endpoint, AwsError> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        match authority.parse::<Host>() {
            Ok(host) if self.permits(&host, scheme == "https") => Ok(Endpoint(url.to_owned())),
            _ => Err(AwsError::HostNotAllowed { host: authority.to_owned() }),
        }
    }

    fn lists(&self, host: &Host) -> bool {
        let host = host.as_str();
        self.0.iter().any(|listed| {
            listed.as_str().eq_ignore_ascii_case(host)
                || listed.as_str().eq_ignore_ascii_case(without_port(host))
        })
    }
}

/// The address of AWS's API that signed requests may go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(String);

impl Endpoint {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether only AWS answers there: the registry of an account, or the API of a service, or a VPC's own way to either.
fn is_aws(host: &Host) -> bool {
    let name = host.as_str().strip_suffix(":443").unwrap_or(host.as_str()).to_ascii_lowercase();
    EcrHost::read(host).is_some() || Partition::all().iter().any(|partition| is_api(&name, partition))
}

fn is_api(name: &str, partition: &Partition) -> bool {
    [partition.suffix, partition.dual_stack_suffix].iter().any(|suffix| {
        let rest = name.strip_suffix(suffix).and_then(|rest| rest.strip_suffix('.'));
        rest.is_some_and(|rest| rest == "sts" || is_service(rest, partition))
    })
}

/// Such as `ecr-fips.us-east-2`, and `vpce-0123.api.ecr.us-east-2.vpce` for the endpoint of a VPC.
fn is_service(name: &str, partition: &Partition) -> bool {
    let name = match name.strip_suffix(".vpce").map(|name| name.split_once('.')) {
        Some(Some((id, name))) if EcrHost::is_vpc_endpoint(id) => name,
        Some(_) => return false,
        None => name,
    };
    let Some((service, region)) = name.rsplit_once('.') else { return false };
    SERVICES.contains(&service.strip_suffix("-fips").unwrap_or(service))
        && region.parse().is_ok_and(|region| Partition::of(&region) == partition)
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Host {
        text.parse().unwrap()
    }

    // issue 12: S3
    #[test]
    fn only_hosts_that_aws_alone_can_answer_at_get_a_token() {
        for (name, expected) in [
            ("123456789012.dkr.ecr.us-east-2.amazonaws.com", true),
            ("123456789012.dkr.ecr.us-east-2.amazonaws.com:443", true),
            ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", true),
            ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", true),
            ("123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu", true),
            ("123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov", true),
            ("123456789012.dkr-ecr.us-east-2.on.aws", true),
            ("vpce-0a1b-2c3d.dkr.ecr.us-east-2.vpce.amazonaws.com", true),
            ("vpce-0a1b-2c3d.api.ecr.cn-north-1.vpce.amazonaws.com.cn", true),
            ("api.ecr.us-east-2.amazonaws.com", true),
            ("ecr.us-east-2.api.aws", true),
            ("sts.amazonaws.com", true),
            ("sts.us-east-2.amazonaws.com", true),
            ("scheduler.eu-west-2.amazonaws.com", true),
            ("events.eu-west-2.amazonaws.com", true),
            ("localhost:4566", true),
            ("evil.example", false),
            ("123456789012.dkr.ecr.us-east-2.amazonaws.com:5000", false),
            ("123456789012.dkr.ecr.us-east-2.amazonaws.com.evil.example", false),
            ("123456789012.dkr.ecr.us-east-2.evilamazonaws.com", false),
            ("amazonaws.com", false),
            ("12345678901.dkr.ecr.us-east-2.amazonaws.com", false),
            ("x.123456789012.dkr.ecr.us-east-2.amazonaws.com", false),
            ("abc.execute-api.us-east-2.amazonaws.com", false),
            ("balancer-1.us-east-2.elb.amazonaws.com", false),
            ("ec2-1-2-3-4.us-east-2.compute.amazonaws.com", false),
            ("bucket.s3.us-east-2.amazonaws.com", false),
            ("abc.lambda-url.us-east-2.on.aws", false),
            ("vpce-svc-0a1b.us-east-2.vpce.amazonaws.com", false),
            ("vpce-svc-0a1b.dkr.ecr.us-east-2.vpce.amazonaws.com", false),
            ("dkr.ecr.us-east-2.amazonaws.com", false),
            ("ecr-fips.us-gov-west-1.amazonaws.com", true),
            ("api.ecr.cn-north-1.amazonaws.com", false),
            ("ecr.us-iso-east-1.api.aws.ic.gov", true),
            ("ecr.amazonaws.com", false),
        ] {
            assert_eq!(AllowedHosts::default().permits(&host(name), true), expected, "{name}");
        }
    }

    #[test]
    fn nothing_goes_to_aws_in_the_clear() {
        let allowed = AllowedHosts::default();

        assert!(!allowed.permits(&host("123456789012.dkr.ecr.us-east-2.amazonaws.com"), false));
        assert!(allowed.endpoint("http://sts.us-east-2.amazonaws.com").is_err());
        assert!(allowed.permits(&host("127.0.0.1:5000"), false));
    }

    #[test]
    fn the_environment_can_list_more_hosts() {
        let allowed: AllowedHosts = "ecr.corp.example, emulator:4566\t[fd00::1]".parse().unwrap();

        assert!(allowed.permits(&host("ecr.corp.example"), true));
        assert!(allowed.permits(&host("ecr.corp.example:5000"), false));
        assert!(allowed.permits(&host("emulator:4566"), false));
        assert!(!allowed.permits(&host("emulator:4567"), true));
        assert!(!allowed.permits(&host("x.ecr.corp.example"), true));
        assert!("a/b".parse::<AllowedHosts>().is_err());
        assert_eq!("".parse(), Ok(AllowedHosts::default()));
    }

    // issue 12: S3
    #[test]
    fn signed_requests_go_to_no_other_address() {
        let allowed: AllowedHosts = "emulator".parse().unwrap();

        for url in
            ["http://localhost:4566", "https://api.ecr.us-east-2.amazonaws.com/x", "http://emulator:4566/"]
        {
            assert_eq!(allowed.endpoint(url).unwrap().as_str(), url);
        }
        for url in [
            "https://evil.example",
            "https://localhost@evil.example/",
            "https://evil.example#sts.amazonaws.com",
        ] {
            assert!(matches!(allowed.endpoint(url), Err(AwsError::HostNotAllowed { .. })), "{url}");
        }
    }
}
