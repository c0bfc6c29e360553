//! A key names the next: the proof on the wire, and the record of it (keys, rotation).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::{String, ToString};

use amp_address::{Address, Profile};
use amp_crypto::{ContextError, Identity, KeyAlgorithm, RotationForm, Signature, VerifyingKey};
use amp_envelope::Timestamp;

use super::object::{Fault, Object, quoted};
use super::record_error::RecordError;

/// What an agent sends to replace its key: the new key, and the old key's signature over it.
///
/// It names no address, no time and no counter, so it proves only that the old key's owner named the new key once.
/// What follows from it is for [`check_rotation`](super::check_rotation) to say.
///
/// ```
/// use amp_core::Identity;
/// use amp_core::identity::RotationRequest;
///
/// let (old, new) = (Identity::from_seed(&[1; 32]), Identity::from_seed(&[2; 32]));
/// let request = RotationRequest::prove(&old, &new)?;
/// let read = RotationRequest::decode(request.to_json().as_bytes())?;
/// assert_eq!(read.new_key(), new.verifying_key());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotationRequest {
    new_key: VerifyingKey,
    proof: Signature,
}

impl RotationRequest {
    /// Takes a key and a proof that were read elsewhere. Nothing is checked yet.
    #[must_use]
    pub const fn new(new_key: VerifyingKey, proof: Signature) -> Self {
        Self { new_key, proof }
    }

    /// Proves a rotation: the old key signs the new key's 64 lower-case hex digits.
    ///
    /// The new private key is asked for so that nobody rotates to a key that they do not hold.
    ///
    /// # Errors
    /// [`ContextError::SameKey`] when both are one key.
    pub fn prove(old: &Identity, new: &Identity) -> Result<Self, ContextError> {
        let proof = old.prove_rotation(new.verifying_key())?;
        Ok(Self { new_key: new.verifying_key().clone(), proof })
    }

    /// Reads the body of a rotation: `new_public_key`, `key_algorithm`, `proof`.
    ///
    /// # Errors
    /// [`RecordError`] when it is not such a body, when the key is not fit to verify with, or when its algorithm is
    /// another than the stated one.
    pub fn decode(json: &[u8]) -> Result<Self, RecordError> {
        let body = Object::read(json)?;
        let new_key = key(&body, "new_public_key")?;
        if let Some(stated) = body.optional_text("key_algorithm")? {
            new_key
                .check_algorithm(&KeyAlgorithm::from_wire(&stated))
                .map_err(|_| Fault::Invalid("key_algorithm", "the stated algorithm is the key's own"))?;
        }
        Ok(Self { new_key, proof: proof(&body)? })
    }

    /// The key that the address is to have.
    #[must_use]
    pub const fn new_key(&self) -> &VerifyingKey {
        &self.new_key
    }

    /// The old key's signature.
    #[must_use]
    pub const fn proof(&self) -> &Signature {
        &self.proof
    }

    /// The body of a rotation, never empty: to an empty one a deployed provider answers with a key of its own.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut body = Object::empty();
        body.set_text("new_public_key", &self.new_key.to_pem());
        body.set_text("key_algorithm", self.new_key.algorithm().as_str());
        body.set_text("proof", &self.proof.to_base64());
        body.as_json().into()
    }
}

/// A rotation that was proven: which address went from which key to which, when, and the proof.
///
/// Only [`check_rotation`](super::check_rotation) and [`RotationRecord::decode`] make one, and both verify the proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotationRecord {
    pub(super) address: Address,
    pub(super) old_key: VerifyingKey,
    pub(super) new_key: VerifyingKey,
    pub(super) proof: Signature,
    pub(super) form: RotationForm,
    pub(super) at: Timestamp,
}

impl RotationRecord {
    /// Reads a record that [`to_json`](Self::to_json) wrote, and verifies its proof again.
    ///
    /// # Errors
    /// [`RecordError`] when it is no such record, and [`RecordError::Proof`] when the proof does not hold in the form
    /// that is stated.
    pub fn decode(json: &[u8]) -> Result<Self, RecordError> {
        let record = Object::read(json)?;
        let address = record.text("address")?;
        let address = Address::parse_with(&address, Profile::Deployed)
            .map_err(|_| Fault::Invalid("address", "the value is a full address"))?;
        let (old_key, new_key) = (key(&record, "old_key")?, key(&record, "new_key")?);
        let (proof, stated) = (proof(&record)?, record.text("form")?);
        let at = record.parsed("at", "a time is RFC 3339, such as 2026-01-31T10:00:00Z")?;
        match old_key.verify_rotation(&new_key, &proof) {
            Ok(form) if form_name(form) == stated => Ok(Self { address, old_key, new_key, proof, form, at }),
            _ => Err(RecordError::Proof { field: "proof" }),
        }
    }

    /// The address whose key was replaced.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// The key that signed the proof, and no longer speaks for the address.
    #[must_use]
    pub const fn old_key(&self) -> &VerifyingKey {
        &self.old_key
    }

    /// The key that speaks for the address since.
    #[must_use]
    pub const fn new_key(&self) -> &VerifyingKey {
        &self.new_key
    }

    /// The old key's signature over the new key.
    #[must_use]
    pub const fn proof(&self) -> &Signature {
        &self.proof
    }

    /// Which form of the new key the proof is over.
    #[must_use]
    pub const fn form(&self) -> RotationForm {
        self.form
    }

    /// When the keeper of keys accepted the rotation, by its own clock.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// The record as JSON: `address`, `old_key`, `new_key` (PEM), `proof` (base64), `form`, `at` (RFC 3339).
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut record = Object::empty();
        record.set_text("address", self.address.as_str());
        record.set_text("old_key", &self.old_key.to_pem());
        record.set_text("new_key", &self.new_key.to_pem());
        record.set_text("proof", &self.proof.to_base64());
        record.set("form", &quoted(form_name(self.form)));
        record.set_text("at", &self.at.to_string());
        record.as_json().into()
    }
}

fn key(object: &Object, name: &'static str) -> Result<VerifyingKey, Fault> {
    VerifyingKey::parse(&object.text(name)?)
        .map_err(|_| Fault::Invalid(name, "the value is a public key fit to verify with"))
}

fn proof(object: &Object) -> Result<Signature, Fault> {
    Signature::from_base64(&object.text("proof")?)
        .map_err(|_| Fault::Invalid("proof", "the value is a signature in base64"))
}

const fn form_name(form: RotationForm) -> &'static str {
    match form {
        RotationForm::Hex => "hex",
        RotationForm::Pem => "pem",
        RotationForm::Der => "der",
    }
}
