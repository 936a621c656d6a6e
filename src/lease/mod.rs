//! Leases in a registry: several processes agree which of them does something that one at a time does.
//!
//! Registries have no compare-and-swap, but a tag that was written is listed from then on. So each
//! process writes a claim under a tag of its own and then lists all claims to the same thing.
//! Two that are alone at once would each have listed before the other had written, and both after they had
//! written themselves, which can't be. What those do that see each other is up to the caller, as long as none goes on that
//! isn't alone.
//!
//! A claim is a lease. A process that was killed leaves its claim, which counts as gone when it
//! wasn't renewed for its lease. So a holder renews its own while it works.

mod claim;
mod claims;
mod clock;
mod held;

pub use claim::{Claim, ClaimId, MIN_LEASE};
pub use claims::Claims;
pub use clock::{Clock, SystemClock};
pub use held::{Contest, Lapse, Lease, Loss, RenewalError, Terms};
