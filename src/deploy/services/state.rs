//! What a service answers before a deployment changes it.

/// What a service answers before it is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceState {
    /// It runs, or comes to run, this image.
    Runs { image: String },
    /// A deployment of this image was given up, and nothing is tried any more.
    GivenUp { image: String, reason: String },
    /// It isn't there; how messages name it.
    Missing { service: String },
    /// It can't be asked: what runs behind a program.
    Unknown,
}
