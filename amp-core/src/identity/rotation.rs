//! Whether an address goes over to another key: what a keeper of keys asks of a rotation (attacks, known keys).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use core::time::Duration;

use amp_address::Address;
use amp_crypto::{KeyAlgorithm, RotationForm, VerifyError, VerifyingKey};
use amp_envelope::Timestamp;

use super::key_history::KeyHistory;
use super::rotation_record::{RotationRecord, RotationRequest};

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
    check_new_key(pin, request.new_key(), standing_of)?;
    if let Some(history) = pin.history {
        check_history(pin, history, policy, now)?;
    }
    let record = RotationRecord {
        address: pin.address.clone(),
        old_key: pin.key.clone(),
        new_key: request.new_key().clone(),
        proof: request.proof().clone(),
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
    match pinned.verify_rotation(request.new_key(), request.proof()) {
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
