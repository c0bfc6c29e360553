//! How long a plaintext is made, so that its length says little (sealed messages; Padmé, PETS 2019).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

/// The length that `length` is padded to: at most 12 % more, and one of few.
///
/// Padmé keeps a length's exponent and as many leading bits of its mantissa as the exponent has, so that all lengths
/// up to 2^64 fall into a few thousand buckets. Lengths whose bucket ends beyond 2^64 - 1 bytes are padded to that.
///
/// ```
/// use amp_crypto::seal::padded_len;
///
/// assert_eq!(padded_len(9), 10);
/// assert_eq!(padded_len(1000), 1024);
/// assert_eq!(padded_len(1024), 1024);
/// ```
#[must_use]
pub const fn padded_len(length: u64) -> u64 {
    let Some(exponent) = length.checked_ilog2() else { return 0 };
    let Some(digits) = exponent.checked_ilog2() else { return length };
    let free = exponent.saturating_sub(digits.saturating_add(1));
    let mask = !(u64::MAX << free);
    match length.checked_add(mask) {
        Some(sum) => sum & !mask,
        None => u64::MAX,
    }
}
