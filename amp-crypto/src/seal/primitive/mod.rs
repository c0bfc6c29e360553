//! The curve and the ciphers, and nothing else: what a backend has to give. What it gives does not depend on which it is.
//!
//! Nonces are the caller's, who never uses one twice under a key. A buffer that does not open holds no plaintext.

#[cfg(feature = "aws-lc")]
mod aws_lc;
#[cfg(test)]
#[cfg(feature = "aws-lc")]
mod differential;
mod portable;

use zeroize::ZeroizeOnDrop;

#[cfg(feature = "aws-lc")]
pub(super) use aws_lc::{ChaCha, XChaCha, x25519, x25519_base, x25519_base_and};
#[cfg(not(feature = "aws-lc"))]
pub(super) use portable::{ChaCha, XChaCha, x25519, x25519_base, x25519_base_and};

pub(super) const TAG: usize = 16;

/// A cipher with its key, which is wiped when it is dropped.
pub(super) trait Aead: ZeroizeOnDrop {
    /// A nonce of the cipher's own length.
    type Nonce;

    fn with_key(key: &[u8; 32]) -> Self;

    /// Encrypts in place and gives the tag; nothing when the buffer is longer than the cipher takes.
    fn seal_in_place(&self, nonce: &Self::Nonce, aad: &[u8], buffer: &mut [u8]) -> Option<[u8; TAG]>;

    /// Decrypts in place if the tag is right, and says so.
    #[must_use]
    fn open_in_place(&self, nonce: &Self::Nonce, aad: &[u8], buffer: &mut [u8], tag: &[u8; TAG]) -> bool;
}
