//! Sizes as people read them.

/// Three digits or less, in the units that `docker image ls` has: `812 B`, `4.2 kB`, `41 MB`, `1.3 GB`.
pub fn bytes(bytes: u64) -> String {
    let mut scaled = bytes as f64;
    let mut units = ["B", "kB", "MB", "GB", "TB"].into_iter().peekable();
    while let Some(unit) = units.next() {
        // What would be rounded to 1000 belongs to the next unit.
        if scaled < 999.5 || units.peek().is_none() {
            let is_short = unit != "B" && scaled < 9.95;
            return if is_short { format!("{scaled:.1} {unit}") } else { format!("{scaled:.0} {unit}") };
        }
        scaled /= 1000.0;
    }
    unreachable!("the last unit takes all")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_digits_at_most() {
        let shown =
            [0, 812, 999, 1000, 4_240, 41_300_000, 999_600_000, 1_300_000_000, 7_000_000_000_000].map(bytes);

        assert_eq!(
            shown,
            ["0 B", "812 B", "999 B", "1.0 kB", "4.2 kB", "41 MB", "1.0 GB", "1.3 GB", "7.0 TB"]
        );
    }
}
