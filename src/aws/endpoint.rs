//! Where the API of a service answers, by the rules that AWS publishes for its SDKs.

use aws_config::SdkConfig;
use aws_types::service_config::ServiceConfigKey;

use super::AwsError;
use crate::model::{InvalidRegion, Partition, Region};

/// The address for one service: what the configuration says, else AWS's own.
///
/// `id` names the service in the configuration (`AWS_ENDPOINT_URL_<ID>`), `host` in host names.
///
/// # Errors
/// [`AwsError::Request`] when no address can be what the configuration asks for.
pub(super) fn of(config: &SdkConfig, id: &str, host: &str) -> Result<String, AwsError> {
    let refuse = |reason: &str| AwsError::Request { source: reason.into() };
    let fips = config.use_fips().unwrap_or_default();
    let dual_stack = config.use_dual_stack().unwrap_or_default();
    if let Some(url) = configured(config, id) {
        return match (fips, dual_stack) {
            (true, _) => Err(refuse("FIPS endpoints and an endpoint of one's own exclude each other")),
            (_, true) => Err(refuse("dual-stack endpoints and an endpoint of one's own exclude each other")),
            _ => Ok(url),
        };
    }
    let Some(region) = config.region() else { return Err(refuse("there is no region")) };
    let region: Region =
        region.as_ref().parse().map_err(|error: InvalidRegion| AwsError::Request { source: error.into() })?;
    let partition = Partition::of(&region);
    let suffix = if dual_stack { partition.dual_stack_suffix } else { partition.suffix };
    let fips = if fips { "-fips" } else { "" };
    Ok(format!("https://{host}{fips}.{region}.{suffix}"))
}

/// What the program says goes before what is configured for the service, and that before what is for all.
fn configured(config: &SdkConfig, id: &str) -> Option<String> {
    let of_all = || config.endpoint_url().map(str::to_owned);
    if config.get_origin("endpoint_url").is_client_config() {
        return of_all();
    }
    let key = ServiceConfigKey::builder().service_id(id).env("AWS_ENDPOINT_URL").profile("endpoint_url");
    let key = key.build().expect("all of a key is given");
    config.service_config().and_then(|config| config.load_config(key)).or_else(of_all)
}

#[cfg(test)]
mod tests {
    use aws_sdk_sts::config::endpoint::{DefaultResolver, Params, ResolveEndpoint as _};

    use super::*;

    fn config(region: &'static str, fips: bool, dual_stack: bool) -> SdkConfig {
        let config = SdkConfig::builder().region(aws_config::Region::new(region));
        config.use_fips(fips).use_dual_stack(dual_stack).build()
    }

    /// What an SDK answers, whose hosts are named by the same rule.
    async fn oracle(region: &str, dual_stack: bool) -> Option<String> {
        let params = Params::builder().region(region.to_owned()).use_dual_stack(dual_stack).build().unwrap();
        let endpoint = DefaultResolver::new().resolve_endpoint(&params).await.ok()?;
        Some(endpoint.url().to_owned())
    }

    #[tokio::test]
    async fn hosts_are_those_of_the_sdk_in_every_partition() {
        for region in [
            "us-east-2",
            "eu-west-2",
            "ap-southeast-7",
            "us-gov-west-1",
            "cn-north-1",
            "us-iso-east-1",
            "us-isob-east-1",
            "us-isof-south-1",
            "eu-isoe-west-1",
            "eusc-de-east-1",
            "xx-new-1",
        ] {
            for dual_stack in [false, true] {
                let ours = of(&config(region, false, dual_stack), "STS", "sts").ok();

                assert_eq!(ours, oracle(region, dual_stack).await, "{region} {dual_stack}");
            }
        }
    }

    #[test]
    fn fips_is_part_of_the_name() {
        for (region, dual_stack, expected) in [
            ("us-east-2", false, "https://ecs-fips.us-east-2.amazonaws.com"),
            ("us-gov-west-1", false, "https://ecs-fips.us-gov-west-1.amazonaws.com"),
            ("us-east-2", true, "https://ecs-fips.us-east-2.api.aws"),
        ] {
            assert_eq!(of(&config(region, true, dual_stack), "ECS", "ecs").unwrap(), expected);
        }
    }

    #[test]
    fn an_endpoint_of_one_s_own_is_taken_as_it_is_and_not_together_with_fips() {
        let own = |fips, dual_stack| {
            let config = config("us-east-2", fips, dual_stack).into_builder();
            of(&config.endpoint_url("http://localhost:1").build(), "ECS", "ecs")
        };

        assert_eq!(own(false, false).unwrap(), "http://localhost:1");
        assert!(own(true, false).is_err() && own(false, true).is_err());
        assert!(of(&SdkConfig::builder().build(), "ECS", "ecs").is_err());
    }
}
