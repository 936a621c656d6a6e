//! Regions of AWS.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use thiserror::Error;

/// The name of a region, such as `eu-west-2` or `us-gov-west-1`; at most 32 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(String);

/// A text that can't be the name of a region.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not a region, such as `us-east-2`")]
pub struct InvalidRegion(String);

impl Region {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Region {
    type Err = InvalidRegion;

    fn from_str(text: &str) -> Result<Self, InvalidRegion> {
        let parts: Vec<&str> = text.split('-').collect();
        let is_region = text.len() <= 32
            && parts.len() >= 3
            && parts.last().is_some_and(|number| number.parse::<u8>().is_ok())
            && parts.iter().all(|part| !part.is_empty())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if is_region { Ok(Self(text.to_owned())) } else { Err(InvalidRegion(text.to_owned())) }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Serialize for Region {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Region;

    #[test]
    fn what_could_be_part_of_another_host_is_no_region() {
        for text in ["us-east-2", "us-gov-west-1", "ap-southeast-10"] {
            assert_eq!(text.parse::<Region>().unwrap().as_str(), text);
        }
        for text in ["", "us-east", "us--1", "us-east-x", "us-east-2.evil.example", "US-east-2", "us-east-+2"]
        {
            assert!(text.parse::<Region>().is_err(), "{text:?} was accepted");
        }
    }
}
