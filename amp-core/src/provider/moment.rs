//! When something happens, and the randomness of that moment: both are the host's (provider API).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;
use core::fmt;

#[cfg(feature = "getrandom")]
use amp_crypto::RandomnessError;
use amp_crypto::hmac_sha256;
use amp_envelope::Timestamp;
use zeroize::Zeroize;

/// The time of a call, and 32 bytes of randomness that are used for it alone.
///
/// Every id, API key and name that the provider makes in a call comes from these bytes, so the same state, call and
/// moment always give the same decision. The same bytes in two calls would give two agents the same API key: a moment is
/// used up by the call that it is given to, and cannot be copied.
///
/// ```
/// use amp_core::provider::Moment;
///
/// let moment = Moment::new("2026-01-31T10:00:00Z".parse()?, [7; 32]); // `Moment::generate` with `getrandom`
/// assert_eq!(moment.now().to_string(), "2026-01-31T10:00:00Z");
/// # Ok::<(), amp_core::TimestampError>(())
/// ```
///
/// ```compile_fail,E0382
/// # fn twice(provider: &mut amp_core::provider::Provider, call: &amp_core::provider::Call, moment: amp_core::provider::Moment) {
/// let _ = provider.handle(call, moment).commit();
/// let _ = provider.handle(call, moment).commit(); // the moment is gone
/// # }
/// ```
pub struct Moment {
    now: Timestamp,
    entropy: [u8; 32],
}

impl Moment {
    /// The time of the host's wall clock, and 32 bytes that nobody can guess.
    #[must_use]
    pub const fn new(now: Timestamp, entropy: [u8; 32]) -> Self {
        Self { now, entropy }
    }

    /// A moment with the operating system's randomness.
    ///
    /// # Errors
    /// When the operating system has none to give.
    #[cfg(feature = "getrandom")]
    pub fn generate(now: Timestamp) -> Result<Self, RandomnessError> {
        let mut entropy = [0; 32];
        getrandom::fill(&mut entropy).map_err(|_| RandomnessError)?;
        Ok(Self { now, entropy })
    }

    /// The time.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// 64 hex digits that belong to this label.
    pub(super) fn hex(&self, label: &str) -> String {
        hmac_sha256(&self.entropy, &[label.as_bytes()]).to_hex()
    }

    /// Eight bytes that belong to this label.
    pub(super) fn bytes(&self, label: &str) -> [u8; 8] {
        let hex = self.hex(label);
        let first = hex.get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok());
        first.unwrap_or_default().to_be_bytes()
    }
}

impl Drop for Moment {
    fn drop(&mut self) {
        self.entropy.zeroize();
    }
}

impl zeroize::ZeroizeOnDrop for Moment {}

/// Shows the time alone.
impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Moment").field("now", &self.now).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_give_bytes_that_have_nothing_in_common() {
        let moment = Moment::new(Timestamp::UNIX_EPOCH, [1; 32]);
        assert_ne!(moment.bytes("one"), moment.bytes("two"));
        assert_eq!(moment.bytes("one"), Moment::new(Timestamp::MAX, [1; 32]).bytes("one"));
        assert_ne!(moment.hex("one"), Moment::new(Timestamp::UNIX_EPOCH, [2; 32]).hex("one"));
    }

    #[test]
    fn debug_shows_no_randomness() {
        let shown = alloc::format!("{:?}", Moment::new(Timestamp::UNIX_EPOCH, [77; 32]));
        assert!(!shown.contains("77"), "{shown}");
    }
}
