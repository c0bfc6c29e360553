//! Bytes from the operating system's randomness, for ids and nonces.

/// The operating system has no randomness to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("the operating system gave no randomness")]
#[non_exhaustive]
pub struct RandomnessError;

/// As many random bytes as the caller's array holds.
pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N], RandomnessError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| RandomnessError)?;
    Ok(bytes)
}
