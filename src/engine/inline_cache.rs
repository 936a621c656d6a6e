//! Which engines can die of writing inline cache metadata.
//!
//! The BuildKit of Docker 20.10 follows the records of an image's layers in a cycle, until its stack overflows, if two
//! stages have a layer in common (moby/buildkit#2024). Docker 23.0.0 dies in the same place of an image without layers of
//! its own (moby/moby#44918).

use std::fmt;

/// The API of Docker 24.
const SAFE_API: (usize, usize) = (1, 43);

/// The first version of Docker without the fault.
const SAFE_VERSION: (u32, u32, u32) = (23, 0, 1);

/// The reason why an engine is never asked for inline cache metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InlineCacheFault {
    version: String,
}

impl InlineCacheFault {
    /// Whether the engine of this version has the fault. One whose version is no number is known by its API.
    pub fn of(version: &str, api: (usize, usize)) -> Option<Self> {
        let is_safe = number(version).map_or(api >= SAFE_API, |number| number >= SAFE_VERSION);
        (!is_safe).then(|| Self { version: version.to_owned() })
    }
}

impl fmt::Display for InlineCacheFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor, patch) = SAFE_VERSION;
        write!(
            formatter,
            "Docker {} can crash while it writes it (fixed in {major}.{minor}.{patch})",
            self.version
        )
    }
}

/// The number at the beginning of a version such as `20.10.24+dfsg1`.
fn number(version: &str) -> Option<(u32, u32, u32)> {
    let end = version.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(version.len());
    let mut parts = version[..end].split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    // issue 14: E4
    #[test]
    fn the_fault_is_that_of_docker_before_23_0_1() {
        for (version, api, has_fault) in [
            ("20.10.24+dfsg1", (1, 41), true),
            ("19.03.15", (1, 40), true),
            ("23.0.0", (1, 42), true),
            ("23.0.1", (1, 42), false),
            ("24.0.7-0ubuntu4.1", (1, 43), false),
            ("26.1.5+dfsg1", (1, 45), false),
            ("28.5.2+dfsg4", (1, 51), false),
            ("29.0.0-rc.1", (1, 52), false),
            ("dev", (1, 41), true),
            ("dev", (1, 42), true),
            ("dev", (1, 43), false),
            ("", (1, 41), true),
            ("28", (1, 51), false),
        ] {
            assert_eq!(InlineCacheFault::of(version, api).is_some(), has_fault, "{version}");
        }
    }
}
