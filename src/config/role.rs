/// Which of the two registries a table is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// `[cache]`
    Cache,
    /// `[deploy]`
    Deploy,
}
