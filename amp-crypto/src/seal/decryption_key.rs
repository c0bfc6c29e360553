//! The X25519 private key that sealed messages are opened with (sealed messages, RFC 7748).

use core::fmt;

use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::{EncryptionKey, primitive};
#[cfg(feature = "getrandom")]
use crate::RandomnessError;
use crate::{Identity, SecretBytes};

/// An X25519 private key. Zeroized on drop; cannot be cloned, printed or serialized.
///
/// Whoever has it opens every message that was ever sealed to it: there is no forward secrecy toward this key. Delete it
/// when it is replaced and its last messages have arrived.
///
/// ```
/// use amp_crypto::{Identity, seal::{DecryptionKey, EncryptionKey}};
///
/// let key = DecryptionKey::from_bytes(&[7; 32]); // `DecryptionKey::generate()` with the feature `getrandom`
/// println!("sealed mail to {}", key.encryption_key());
///
/// // Every agent has one already: its Ed25519 key, mapped.
/// let bob = Identity::from_seed(&[8; 32]);
/// assert_eq!(DecryptionKey::of(&bob).encryption_key(), EncryptionKey::of(bob.verifying_key())?);
/// # Ok::<(), amp_crypto::seal::EncryptionKeyError>(())
/// ```
///
/// ```compile_fail,E0599
/// let copy = amp_crypto::seal::DecryptionKey::from_bytes(&[7; 32]).clone();
/// ```
///
/// ```compile_fail,E0277
/// println!("{}", amp_crypto::seal::DecryptionKey::from_bytes(&[7; 32]));
/// ```
#[derive(ZeroizeOnDrop)]
pub struct DecryptionKey {
    /// Clamped.
    scalar: [u8; 32],
    #[zeroize(skip)]
    public: EncryptionKey,
}

impl DecryptionKey {
    /// A new key from the operating system's randomness.
    ///
    /// # Panics
    /// When the operating system has no randomness to give, which current ones never report once they run;
    /// [`try_generate`](Self::try_generate) returns that as an error.
    #[cfg(feature = "getrandom")]
    #[must_use]
    #[expect(clippy::expect_used, reason = "no input leads here, and no key may be made without randomness")]
    pub fn generate() -> Self {
        Self::try_generate().expect("the operating system's randomness")
    }

    /// A new key from the operating system's randomness, or the news that there is none.
    ///
    /// # Errors
    /// [`RandomnessError`] when the operating system has no randomness to give.
    #[cfg(feature = "getrandom")]
    pub fn try_generate() -> Result<Self, RandomnessError> {
        let mut scalar = Zeroizing::new([0; 32]);
        getrandom::fill(scalar.as_mut_slice()).map_err(|_| RandomnessError)?;
        Ok(Self::from_bytes(&scalar))
    }

    /// The key of 32 secret bytes (RFC 7748). All are keys; five bits are set or cleared as X25519 has it.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        let mut scalar = Zeroizing::new(*bytes);
        let [low, .., high] = &mut *scalar;
        *low &= 0xf8;
        *high = (*high & 0x7f) | 0x40;
        let public = EncryptionKey::of_base(primitive::x25519_base(&scalar));
        Self { scalar: *scalar, public }
    }

    /// The X25519 private key of an agent's Ed25519 key: the first half of the seed's SHA-512, which is also its
    /// signing scalar (RFC 8032).
    ///
    /// One key then signs and opens. That the two do not weaken each other is argued in Thormarker, "On using the same
    /// key pair for Ed25519 and an X25519 based KEM" (ePrint 2021/509). Losing the one loses the other, however, and
    /// an opening key that is replaced often is better kept apart from the identity.
    #[must_use]
    pub fn of(identity: &Identity) -> Self {
        Self::from_bytes(&identity.x25519_scalar())
    }

    /// The public key.
    #[must_use]
    pub const fn encryption_key(&self) -> EncryptionKey {
        self.public
    }

    /// The 32 bytes, clamped.
    #[must_use]
    pub fn to_bytes(&self) -> SecretBytes {
        SecretBytes::new(self.scalar.to_vec())
    }

    pub(super) const fn scalar(&self) -> &[u8; 32] {
        &self.scalar
    }
}

/// Shows the public key's id and nothing else.
impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DecryptionKey({})", self.public.id())
    }
}
