//! Every key that an address has had, each named by the one before it (keys, rotation).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use amp_address::{Address, Profile};
use amp_crypto::VerifyingKey;
use amp_envelope::Timestamp;

use super::object::{Fault, Object};
use super::record_error::RecordError;
use super::rotation::{Rotation, RotationRefusal};
use super::rotation_record::RotationRecord;

/// The chain of an address's keys: the first that was pinned, and every rotation since.
///
/// It holds at most [`KeyHistory::MAX_ROTATIONS`] rotations. A full one accepts no further rotation, for then it could
/// not tell an old key from a new one: a person pins the address anew, which begins another history.
///
/// ```
/// use amp_core::identity::{KeyHistory, NewKeyStanding, PinView, RotationPolicy, RotationRequest, check_rotation};
/// use amp_core::{Address, Identity, Timestamp};
///
/// let (old, new) = (Identity::from_seed(&[1; 32]), Identity::from_seed(&[2; 32]));
/// let alice: Address = "alice@acme.crabmail.ai".parse()?;
/// let now: Timestamp = "2026-01-31T10:00:00Z".parse()?;
/// let mut history = KeyHistory::begin(&alice, old.verifying_key(), now);
///
/// let request = RotationRequest::prove(&old, &new)?;
/// let pin = PinView::new(&alice, history.current()).with_history(&history);
/// let rotation = check_rotation(pin, &request, |_| NewKeyStanding::Free, RotationPolicy::new(), now)?;
/// history.append(&rotation)?;
/// assert_eq!(history.current(), new.verifying_key());
/// assert_eq!(KeyHistory::decode(history.to_json().as_bytes())?, history);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyHistory {
    address: Address,
    first_key: VerifyingKey,
    since: Timestamp,
    rotations: Vec<RotationRecord>,
}

impl KeyHistory {
    /// The most rotations of one history.
    pub const MAX_ROTATIONS: usize = 64;

    /// A history of one key.
    #[must_use]
    pub fn begin(address: &Address, first_key: &VerifyingKey, since: Timestamp) -> Self {
        Self { address: address.clone(), first_key: first_key.clone(), since, rotations: Vec::new() }
    }

    /// The address.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// The key that was pinned first.
    #[must_use]
    pub const fn first_key(&self) -> &VerifyingKey {
        &self.first_key
    }

    /// When the first key was pinned.
    #[must_use]
    pub const fn since(&self) -> Timestamp {
        self.since
    }

    /// The key that speaks for the address now.
    #[must_use]
    pub fn current(&self) -> &VerifyingKey {
        self.rotations.last().map_or(&self.first_key, RotationRecord::new_key)
    }

    /// The rotations, oldest first.
    #[must_use]
    pub fn rotations(&self) -> &[RotationRecord] {
        &self.rotations
    }

    /// Whether the address has, or once had, this key.
    #[must_use]
    pub fn has_had(&self, key: &VerifyingKey) -> bool {
        self.first_key == *key || self.rotations.iter().any(|rotation| rotation.new_key() == key)
    }

    /// Whether no further rotation fits.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.rotations.len() >= Self::MAX_ROTATIONS
    }

    /// Adds a rotation that [`check_rotation`](super::check_rotation) accepted.
    ///
    /// # Errors
    /// [`RotationRefusal::History`] when it is another address's, does not start at the current key, leads back to a
    /// former one, or when the history is full.
    pub fn append(&mut self, rotation: &Rotation) -> Result<(), RotationRefusal> {
        self.push(rotation.record().clone())
    }

    fn push(&mut self, record: RotationRecord) -> Result<(), RotationRefusal> {
        let continues = *record.address() == self.address
            && record.old_key() == self.current()
            && !self.has_had(record.new_key())
            && !self.is_full();
        if !continues {
            return Err(RotationRefusal::History);
        }
        self.rotations.push(record);
        Ok(())
    }

    /// The history as JSON: `address`, `first_key` (PEM), `since` (RFC 3339), `rotations`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut history = Object::empty();
        history.set_text("address", self.address.as_str());
        history.set_text("first_key", &self.first_key.to_pem());
        history.set_text("since", &self.since.to_string());
        let rotations: Vec<String> = self.rotations.iter().map(RotationRecord::to_json).collect();
        history.set("rotations", &alloc::format!("[{}]", rotations.join(",")));
        history.as_json().into()
    }

    /// Reads a history that [`to_json`](Self::to_json) wrote, and verifies every proof and every link again.
    ///
    /// # Errors
    /// [`RecordError`] when it is no such history, and [`RecordError::Proof`] when the chain does not hold.
    pub fn decode(json: &[u8]) -> Result<Self, RecordError> {
        let object = Object::read(json)?;
        let address = Address::parse_with(&object.text("address")?, Profile::Deployed)
            .map_err(|_| Fault::Invalid("address", "the value is a full address"))?;
        let first_key = VerifyingKey::parse(&object.text("first_key")?)
            .map_err(|_| Fault::Invalid("first_key", "the value is a public key fit to verify with"))?;
        let since = object.parsed("since", "a time is RFC 3339, such as 2026-01-31T10:00:00Z")?;
        let mut history = Self { address, first_key, since, rotations: Vec::new() };
        let rotations = object.get("rotations").ok_or(Fault::Missing("rotations"))?;
        for record in rotations.elements() {
            let record = RotationRecord::decode(record.raw().as_bytes())?;
            history.push(record).map_err(|_| RecordError::Proof { field: "rotations" })?;
        }
        Ok(history)
    }
}
