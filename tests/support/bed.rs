//! Where the parts are that tests run against, as `scripts/testbed up` wrote it down.

/// One value of `target/testbed/env`, which has a `KEY=value` on each line.
///
/// # Panics
/// When the bed isn't up: a test that needs it must not pass without it.
pub(crate) fn setting(key: &str) -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/target/testbed/env");
    let text = std::fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("cannot read `{path}` ({error}): run `scripts/testbed up`"));
    text.lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
        .unwrap_or_else(|| panic!("`{path}` has no {key}: run `scripts/testbed up`"))
        .to_owned()
}
