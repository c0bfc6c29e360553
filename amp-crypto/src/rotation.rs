//! Key rotation: the old key's signature over the new key.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::{
    ContextError, DigestReading, Identity, Signature, SigningContext, VerifyError, VerifyingKey, hex,
};

/// Which form of the new key a rotation proof is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the protocol reads these three forms and no more")]
pub enum RotationForm {
    /// The 64 lower-case hex digits of the raw key: what is written.
    Hex,
    /// The PEM text, with or without its final line feed.
    Pem,
    /// The SPKI DER.
    Der,
}

impl Identity {
    /// Proves a rotation to a new key: signs its 64 lower-case hex digits with this, the old, key.
    ///
    /// ```
    /// use amp_crypto::{Identity, RotationForm};
    ///
    /// let (old, new) = (Identity::from_seed(&[1; 32]), Identity::from_seed(&[2; 32]));
    /// let proof = old.prove_rotation(new.verifying_key())?;
    /// let form = old.verifying_key().verify_rotation(new.verifying_key(), &proof)?;
    /// assert_eq!(form, RotationForm::Hex);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ContextError::SameKey`] when the new key is this one's, [`ContextError::NotEd25519`] when it is no Ed25519 key.
    pub fn prove_rotation(&self, new_key: &VerifyingKey) -> Result<Signature, ContextError> {
        if new_key == self.verifying_key() {
            return Err(ContextError::SameKey);
        }
        let raw = new_key.ed25519_bytes().ok_or(ContextError::NotEd25519)?;
        self.sign(SigningContext::RotationHex, &hex::encode_32(raw))
    }
}

impl VerifyingKey {
    /// Verifies this, the old, key's proof of a rotation to a new key, and says which form of the new key was signed.
    ///
    /// A proof over the raw 32 bytes is not a rotation proof: a digest handed to a signer has the same shape. The proof
    /// names no address, time or counter, so whether this key may still speak for an address is the caller's to know.
    ///
    /// # Errors
    /// [`VerifyError::SameKey`] when both keys are one, [`VerifyError::Invalid`] when no form verifies.
    pub fn verify_rotation(
        &self,
        new_key: &VerifyingKey,
        proof: &Signature,
    ) -> Result<RotationForm, VerifyError> {
        if self == new_key {
            return Err(VerifyError::SameKey);
        }
        let signed = |bytes: &[u8]| self.verifies(bytes, proof, DigestReading::Ordinary);
        if new_key.ed25519_bytes().is_some_and(|raw| signed(&hex::encode_32(raw))) {
            return Ok(RotationForm::Hex);
        }
        let pem = new_key.to_pem();
        if signed(pem.as_bytes()) || signed(pem.trim_ascii_end().as_bytes()) {
            return Ok(RotationForm::Pem);
        }
        if signed(&new_key.to_spki_der()) { Ok(RotationForm::Der) } else { Err(VerifyError::Invalid) }
    }
}
