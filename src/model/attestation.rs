//! What an artifact that refers to an image says of it.

use std::fmt;
use std::str::FromStr;

/// A kind of artifact that refers to an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttestationKind {
    /// How and from what it was built.
    Provenance,
    /// What it contains.
    Sbom,
    /// Who vouches for it.
    Signature,
}

impl AttestationKind {
    pub const ALL: [Self; 3] = [Self::Provenance, Self::Sbom, Self::Signature];

    /// As `require` names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provenance => "provenance",
            Self::Sbom => "sbom",
            Self::Signature => "signature",
        }
    }

    /// As sentences name one.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Provenance => "provenance",
            Self::Sbom => "SBOM",
            Self::Signature => "signature",
        }
    }
}

impl fmt::Display for AttestationKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A text that names no kind of attestation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no kind of attestation: there are `provenance`, `sbom` and `signature`")]
pub struct UnknownAttestation(String);

impl FromStr for AttestationKind {
    type Err = UnknownAttestation;

    fn from_str(text: &str) -> Result<Self, UnknownAttestation> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| UnknownAttestation(text.to_owned()))
    }
}
