//! What a sealed message is bound to: who sent it, to whom, and under which key (sealed messages).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::vec::Vec;

use super::{SealError, Suite};
use crate::{Fingerprint, VerifyingKey};

const PROTOCOL: &[u8] = b"amp-sealed-v1";

/// The sender's and the recipient's address and the sender's verifying key, which a sealed message opens with alone.
///
/// A body that is lifted out of one message and signed anew in another does not open there. Give the addresses in
/// their normal form, as the envelope states them: the bytes are bound, not their meaning.
///
/// ```
/// use amp_crypto::{Identity, seal::Binding};
///
/// let alice = Identity::from_seed(&[7; 32]);
/// let binding = Binding::new("alice@acme.crabmail.ai", "bob@acme.crabmail.ai", alice.verifying_key())?;
/// # Ok::<(), amp_crypto::seal::SealError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    info: Vec<u8>,
}

impl Binding {
    /// Binds to these addresses, each at most 65,535 bytes, and this sender's key.
    ///
    /// # Errors
    /// [`SealError::AddressLength`], or [`SealError::NotEd25519`] for a sender with another key.
    pub fn new(from: &str, to: &str, sender: &VerifyingKey) -> Result<Self, SealError> {
        let key = sender.ed25519_bytes().ok_or(SealError::NotEd25519)?;
        let mut info = Vec::from(PROTOCOL);
        for address in [from, to] {
            let length = u16::try_from(address.len()).map_err(|_| SealError::AddressLength)?;
            info.extend(length.to_be_bytes());
            info.extend(address.as_bytes());
        }
        info.extend(key);
        Ok(Self { info })
    }

    /// HPKE's `info`.
    pub(super) fn info(&self) -> &[u8] {
        &self.info
    }
}

/// HPKE's `aad`: the suite's name and the recipient key's id, as they stand in the message.
pub(super) fn associated_data(suite: Suite, kid: &Fingerprint) -> Vec<u8> {
    let kid = alloc::string::ToString::to_string(kid);
    let mut aad = Vec::new();
    for text in [suite.as_str(), &kid] {
        // Both are shorter than 64 bytes.
        aad.extend([0, u8::try_from(text.len()).unwrap_or(u8::MAX)]);
        aad.extend(text.as_bytes());
    }
    aad
}
