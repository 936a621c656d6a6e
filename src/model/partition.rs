//! Partitions of AWS: how the names of hosts end in a region.
//!
//! The table is `data/partitions.json` of [botocore](https://pypi.org/project/botocore/), which the SDKs of AWS share; a test
//! compares the two. Which partitions have dual-stack registries is in neither: `docs/aws.md` names the sources.

use super::Region;

/// Regions that have their accounts, and the ends of their host names, to themselves.
#[derive(Debug, PartialEq, Eq)]
pub struct Partition {
    /// As ARNs begin.
    pub id: &'static str,
    /// What its regions begin with.
    regions: &'static str,
    pub suffix: &'static str,
    pub dual_stack_suffix: &'static str,
    /// Of the dual-stack hosts of registries; `None` where there are none.
    pub registry_suffix: Option<&'static str>,
}

impl Partition {
    /// The one that a region is in; regions of unknown names are in the commercial one.
    pub fn of(region: &Region) -> &'static Self {
        let found = PARTITIONS.iter().find(|partition| region.as_str().starts_with(partition.regions));
        found.expect("the last one has all regions")
    }

    pub fn all() -> &'static [Self] {
        &PARTITIONS
    }
}

/// The first that fits.
static PARTITIONS: [Partition; 8] = [
    Partition {
        id: "aws-cn",
        regions: "cn-",
        suffix: "amazonaws.com.cn",
        dual_stack_suffix: "api.amazonwebservices.com.cn",
        registry_suffix: Some("on.amazonwebservices.com.cn"),
    },
    Partition {
        id: "aws-us-gov",
        regions: "us-gov-",
        suffix: "amazonaws.com",
        dual_stack_suffix: "api.aws",
        registry_suffix: Some("on.aws"),
    },
    Partition {
        id: "aws-eusc",
        regions: "eusc-",
        suffix: "amazonaws.eu",
        dual_stack_suffix: "api.amazonwebservices.eu",
        registry_suffix: None,
    },
    Partition {
        id: "aws-iso",
        regions: "us-iso-",
        suffix: "c2s.ic.gov",
        dual_stack_suffix: "api.aws.ic.gov",
        registry_suffix: None,
    },
    Partition {
        id: "aws-iso-b",
        regions: "us-isob-",
        suffix: "sc2s.sgov.gov",
        dual_stack_suffix: "api.aws.scloud",
        registry_suffix: None,
    },
    Partition {
        id: "aws-iso-e",
        regions: "eu-isoe-",
        suffix: "cloud.adc-e.uk",
        dual_stack_suffix: "api.cloud-aws.adc-e.uk",
        registry_suffix: None,
    },
    Partition {
        id: "aws-iso-f",
        regions: "us-isof-",
        suffix: "csp.hci.ic.gov",
        dual_stack_suffix: "api.aws.hci.ic.gov",
        registry_suffix: None,
    },
    Partition {
        id: "aws",
        regions: "",
        suffix: "amazonaws.com",
        dual_stack_suffix: "api.aws",
        registry_suffix: Some("on.aws"),
    },
];

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// `data/partitions.json` of botocore 1.44.8.
    const BOTOCORE: &str = include_str!("../../tests/support/botocore_partitions.json");

    #[test]
    fn every_region_of_botocore_is_in_its_partition() {
        let table: Value = serde_json::from_str(BOTOCORE).unwrap();
        let mut regions = 0;

        for partition in table["partitions"].as_array().unwrap() {
            let outputs = &partition["outputs"];
            for name in partition["regions"].as_object().unwrap().keys() {
                // Such as `aws-cn-global`, which is no region.
                let Ok(region) = name.parse::<Region>() else { continue };
                let ours = Partition::of(&region);

                assert_eq!(partition["id"], ours.id, "{name}");
                assert_eq!(outputs["dnsSuffix"], ours.suffix, "{name}");
                assert_eq!(outputs["dualStackDnsSuffix"], ours.dual_stack_suffix, "{name}");
                regions += 1;
            }
        }

        assert!(regions > 40, "{regions}");
        assert_eq!(table["partitions"].as_array().unwrap().len(), PARTITIONS.len());
    }
}
