//! Random numbers for names that nobody else has.

/// 64 bits of the operating system's random numbers.
pub fn random_bits() -> u64 {
    getrandom::u64().expect("the operating system has random numbers")
}

#[cfg(test)]
mod tests {
    use super::random_bits;

    #[test]
    fn no_two_are_the_same() {
        assert_ne!(random_bits(), random_bits());
    }
}
