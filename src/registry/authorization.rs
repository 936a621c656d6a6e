//! What goes along with a request, and for what.

use reqwest::RequestBuilder;

use crate::model::{Credentials, RepositoryName, Secret};

/// What a request does to its repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    Pull,
    Push,
    /// Pushes what this other repository of the same registry has.
    MountFrom(RepositoryName),
    Delete,
}

/// What goes into a request's `Authorization` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Authorization {
    Basic(Credentials),
    Bearer(Secret),
}

impl Authorization {
    pub(super) fn put_on(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Self::Basic(Credentials { username, password }) => {
                request.basic_auth(username, Some(password.reveal()))
            }
            Self::Bearer(token) => request.bearer_auth(token.reveal()),
        }
    }
}
