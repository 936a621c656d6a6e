//! Random numbers that are the same in every run with the same seed.

/// A generator of numbers.
#[derive(Clone, Debug)]
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1))
    }

    /// At least 0, less than 1.
    pub(crate) fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        #[expect(clippy::cast_precision_loss, reason = "32 bits are a number of 64 bits exactly")]
        let number = (self.0 >> 32) as f64;
        number / 4_294_967_296.0
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "small numbers"
        )]
        let number = (self.next() * limit as f64) as usize;
        number
    }
}
