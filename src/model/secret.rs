//! Values that must never be shown.

use std::fmt;

/// A secret text. Has no `Display`, and its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The secret itself, for the one call that must send it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// What a registry asks for: a user name and a password or token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    pub username: String,
    pub password: Secret,
}

/// What a registry is logged in to with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    Password(Credentials),
    /// A token that a registry's token service exchanges for access tokens.
    IdentityToken(Secret),
}

impl From<Credentials> for Login {
    fn from(credentials: Credentials) -> Self {
        Self::Password(credentials)
    }
}
