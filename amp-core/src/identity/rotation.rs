//! Replacing the key of an address: proofs on the wire, proven records, and the check a keeper of keys makes
//! (keys, rotation; attacks, known keys).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::{String, ToString};
use core::time::Duration;

use amp_address::{Address, Profile};
use amp_crypto::{ContextError, Identity, KeyAlgorithm, RotationForm, Signature, VerifyError, VerifyingKey};
use amp_envelope::Timestamp;

use super::key_history::KeyHistory;
use super::object::{Fault, Object, quoted};
use super::record_error::RecordError;

/// What an agent sends to replace its key: the new key, and the old key's signature over it.
///
/// It names no address, no time and no counter, so it proves only that the old key's owner named the new key once.
/// What follows from it is for [`check_rotation`] to say.
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
/// Only [`check_rotation`] and [`RotationRecord::decode`] make one, and both verify the proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotationRecord {
    address: Address,
    old_key: VerifyingKey,
    new_key: VerifyingKey,
    proof: Signature,
    form: RotationForm,
    at: Timestamp,
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

/// What a keeper of keys holds for an address that has a pinned key. A key that only travelled with a message is not
/// pinned, and there is nothing to rotate from it.
#[derive(Clone, Copy, Debug)]
pub struct PinView<'a> {
    address: &'a Address,
    key: &'a VerifyingKey,
    revoked: bool,
    history: Option<&'a KeyHistory>,
}

impl<'a> PinView<'a> {
    /// The address and the key that is pinned to it now, also while another key is in conflict with it.
    #[must_use]
    pub const fn new(address: &'a Address, key: &'a VerifyingKey) -> Self {
        Self { address, key, revoked: false, history: None }
    }

    /// The pinned key was revoked: it can do nothing any more.
    #[must_use]
    pub const fn revoked(mut self) -> Self {
        self.revoked = true;
        self
    }

    /// The keys that the address had before. They come back in no rotation.
    #[must_use]
    pub const fn with_history(mut self, history: &'a KeyHistory) -> Self {
        self.history = Some(history);
        self
    }
}

/// What a keeper of keys knows of the key that a rotation names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NewKeyStanding {
    /// Nothing is known against it: it is pinned to no address, or to addresses that the host says are the same agent.
    Free,
    /// It is pinned to the address of another agent.
    PinnedElsewhere,
    /// It was revoked.
    Revoked,
}

/// What a keeper of keys asks of a rotation.
///
/// By default proofs over the hexadecimal form are accepted, and a second rotation of an address only 24 hours after
/// the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RotationPolicy {
    cool_off: Duration,
    any_form: bool,
}

impl Default for RotationPolicy {
    fn default() -> Self {
        Self::new()
    }
}

impl RotationPolicy {
    /// The default policy.
    #[must_use]
    pub const fn new() -> Self {
        Self { cool_off: Duration::from_secs(24 * 60 * 60), any_form: false }
    }

    /// How long an address rests after a rotation before the next is accepted.
    #[must_use]
    pub const fn with_cool_off(mut self, cool_off: Duration) -> Self {
        self.cool_off = cool_off;
        self
    }

    /// Also accepts proofs over the PEM text and the DER of the new key.
    #[must_use]
    pub const fn accepting_any_form(mut self) -> Self {
        self.any_form = true;
        self
    }
}

/// Why a rotation is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RotationRefusal {
    /// The pinned key was revoked.
    #[error("key_revoked: a revoked key names no successor")]
    OldKeyRevoked,
    /// The proof is not the pinned key's over the new key.
    #[error("signature_invalid in proof: the pinned key did not sign the new key")]
    ProofInvalid,
    /// The proof holds, in a form of the key that the policy does not accept.
    #[error("signature_invalid in proof: the proof is not over the key's 64 lower-case hex digits")]
    ProofForm,
    /// The new key is the pinned one.
    #[error("invalid_key in new_public_key: the new key is the old key")]
    SameKey,
    /// The new key is not an Ed25519 key.
    #[error("invalid_key in new_public_key: a rotation leads to an Ed25519 key")]
    NewKeyAlgorithm,
    /// The address had the new key before, and gave it up.
    #[error("key_conflict in new_public_key: the address had this key before")]
    NewKeyRetired,
    /// The new key is pinned to another agent's address.
    #[error("key_conflict in new_public_key: the key is pinned to another address")]
    NewKeyPinnedElsewhere,
    /// The new key was revoked.
    #[error("key_revoked in new_public_key: the new key was revoked")]
    NewKeyRevoked,
    /// The address rotated a short while ago.
    #[error("rotation_too_soon: the address rests until {until} after its last rotation")]
    TooSoon {
        /// When the next rotation is accepted.
        until: Timestamp,
    },
    /// The history and the pinned key are not of one address, or the history is full.
    #[error("key_conflict: the rotation does not continue the address's history")]
    History,
}

impl RotationRefusal {
    /// The protocol's code; `rotation_too_soon` is this library's own.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::OldKeyRevoked | Self::NewKeyRevoked => "key_revoked",
            Self::ProofInvalid | Self::ProofForm => "signature_invalid",
            Self::SameKey | Self::NewKeyAlgorithm => "invalid_key",
            Self::NewKeyRetired | Self::NewKeyPinnedElsewhere | Self::History => "key_conflict",
            Self::TooSoon { .. } => "rotation_too_soon",
        }
    }
}

/// A rotation that was accepted: pin the new key, keep the record, and tell people until the cool-off ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    record: RotationRecord,
    cool_off_until: Timestamp,
}

impl Rotation {
    /// What is to be kept.
    #[must_use]
    pub const fn record(&self) -> &RotationRecord {
        &self.record
    }

    /// What is to be kept.
    #[must_use]
    pub fn into_record(self) -> RotationRecord {
        self.record
    }

    /// Until when the address rests. Whoever stole the old key could have made this rotation too: what matters much
    /// may wait until then.
    #[must_use]
    pub const fn cool_off_until(&self) -> Timestamp {
        self.cool_off_until
    }
}

/// Decides whether an address goes over to a new key. Changes nothing.
///
/// The proof is checked before anything is said about the new key, so nobody but the pinned key's holder learns where
/// else a key is pinned. A conflict does not stand in the way: a rotation by the pinned key is one of the two things
/// that end it.
///
/// ```
/// use amp_core::identity::{NewKeyStanding, PinView, RotationPolicy, RotationRefusal, RotationRequest, check_rotation};
/// use amp_core::{Address, Identity, Timestamp};
///
/// let (old, new) = (Identity::from_seed(&[1; 32]), Identity::from_seed(&[2; 32]));
/// let alice: Address = "alice@acme.crabmail.ai".parse()?;
/// let now: Timestamp = "2026-01-31T10:00:00Z".parse()?;
/// let request = RotationRequest::prove(&old, &new)?;
/// let check = |pin| check_rotation(pin, &request, |_| NewKeyStanding::Free, RotationPolicy::new(), now);
///
/// let pin = PinView::new(&alice, old.verifying_key());
/// assert_eq!(check(pin)?.record().new_key(), new.verifying_key());
/// assert_eq!(check(pin.revoked()), Err(RotationRefusal::OldKeyRevoked));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`RotationRefusal`], the first that applies in the order: the pinned key is revoked, the proof, the new key by
/// itself, what is known of the new key, the cool-off.
pub fn check_rotation(
    pin: PinView<'_>,
    request: &RotationRequest,
    standing_of: impl FnOnce(&VerifyingKey) -> NewKeyStanding,
    policy: RotationPolicy,
    now: Timestamp,
) -> Result<Rotation, RotationRefusal> {
    if pin.revoked {
        return Err(RotationRefusal::OldKeyRevoked);
    }
    let form = proven_form(pin.key, request, policy)?;
    check_new_key(pin, &request.new_key, standing_of)?;
    if let Some(history) = pin.history {
        check_history(pin, history, policy, now)?;
    }
    let record = RotationRecord {
        address: pin.address.clone(),
        old_key: pin.key.clone(),
        new_key: request.new_key.clone(),
        proof: request.proof.clone(),
        form,
        at: now,
    };
    Ok(Rotation { record, cool_off_until: now.saturating_add(policy.cool_off) })
}

fn proven_form(
    pinned: &VerifyingKey,
    request: &RotationRequest,
    policy: RotationPolicy,
) -> Result<RotationForm, RotationRefusal> {
    match pinned.verify_rotation(&request.new_key, &request.proof) {
        Ok(form) if form == RotationForm::Hex || policy.any_form => Ok(form),
        Ok(_) => Err(RotationRefusal::ProofForm),
        Err(VerifyError::SameKey) => Err(RotationRefusal::SameKey),
        Err(_) => Err(RotationRefusal::ProofInvalid),
    }
}

fn check_new_key(
    pin: PinView<'_>,
    new_key: &VerifyingKey,
    standing_of: impl FnOnce(&VerifyingKey) -> NewKeyStanding,
) -> Result<(), RotationRefusal> {
    if new_key.algorithm() != KeyAlgorithm::Ed25519 {
        return Err(RotationRefusal::NewKeyAlgorithm);
    }
    if pin.history.is_some_and(|history| history.has_had(new_key)) {
        return Err(RotationRefusal::NewKeyRetired);
    }
    match standing_of(new_key) {
        NewKeyStanding::Free => Ok(()),
        NewKeyStanding::PinnedElsewhere => Err(RotationRefusal::NewKeyPinnedElsewhere),
        NewKeyStanding::Revoked => Err(RotationRefusal::NewKeyRevoked),
    }
}

fn check_history(
    pin: PinView<'_>,
    history: &KeyHistory,
    policy: RotationPolicy,
    now: Timestamp,
) -> Result<(), RotationRefusal> {
    if history.address() != pin.address || history.current() != pin.key || history.is_full() {
        return Err(RotationRefusal::History);
    }
    let Some(last) = history.rotations().last() else { return Ok(()) };
    let until = last.at().saturating_add(policy.cool_off);
    if now < until { Err(RotationRefusal::TooSoon { until }) } else { Ok(()) }
}
