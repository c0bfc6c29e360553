//! Bytes from the operating system's randomness, for ids and nonces.

use amp_crypto::RandomnessError;

/// As many random bytes as the caller's array holds.
pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N], RandomnessError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| RandomnessError)?;
    Ok(bytes)
}
