//! What `scripts/testbed up` has started.

/// Reads one `KEY=value` line of `target/testbed/env`.
pub fn setting(key: &str) -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/target/testbed/env");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let found = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("no `{key}` in {path}: run `scripts/testbed up`")).to_owned()
}
