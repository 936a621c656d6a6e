//! Hosts that AWS's credentials may go to because the environment says so.

use std::str::FromStr;

use crate::model::{Host, InvalidImageRef};

/// Hosts that AWS's credentials may go to besides AWS's own and loopback.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedHosts(pub(super) Vec<Host>);

/// Names with or without a port, with commas or spaces between them. Without a port, every port is meant.
impl FromStr for AllowedHosts {
    type Err = InvalidImageRef;

    fn from_str(text: &str) -> Result<Self, InvalidImageRef> {
        let names = text.split(|character: char| character == ',' || character.is_whitespace());
        names.filter(|name| !name.is_empty()).map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}
