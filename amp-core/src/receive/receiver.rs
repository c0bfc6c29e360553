//! The receiver: one agent's side of everything that arrives for it (trust).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::vec::Vec;

use amp_address::{Address, Provider};
use amp_crypto::VerifyingKey;
use amp_envelope::Timestamp;

use super::again::Reading;
use super::context::{Context, KeySource, SenderKey};
use super::disposition::{Change, Reception};
use super::effects::{AuditEvent, AuditKind, Effect};
use super::keys::Standing;
use super::memory::Memory;
use super::quarantine::QuarantineEntry;
use super::refusal::{Refusal, RefusalReason};
use super::revocation::Revocation;
use super::room::Newcomer;
use super::settings::{ReceiverBuilder, Settings};
use super::watch::Watch;
use crate::admission::{GrantError, GrantEvent};
use crate::identity::{
    NewKeyStanding, PinView, RotationPolicy, RotationRefusal, RotationRequest, check_rotation,
};
use crate::trust::PinState;

pub(super) use super::watch::Live;

/// Decides about everything that arrives for one agent, and remembers what it has to.
///
/// It holds no key of its own, opens nothing and asks nobody: bytes, the time and what the host knows go in, a
/// [`Reception`] comes out. A process that serves several agents has a receiver for each.
///
/// ```
/// use amp_core::receive::{Context, Disposition, Receiver, SenderKey, Via};
/// # use amp_core::prelude::*;
/// # let alice = Identity::from_seed(&[7; 32]);
/// # let signed = Draft::request("bob@acme.crabmail.ai".parse()?, "Hi", "Are you there?")
/// #     .from(&"alice@acme.crabmail.ai".parse()?)
/// #     .sign(&alice, "2026-01-31T10:00:00Z".parse()?)?;
/// # let (bytes, key, now) = (signed.to_json(), alice.verifying_key().clone(), "2026-01-31T10:00:05Z".parse()?);
/// let mut receiver = Receiver::builder("bob@acme.crabmail.ai".parse()?).build();
/// let context = Context::new(now, Via::Direct).with_key(SenderKey::resolved(key));
/// let reception = receiver.receive(bytes.as_bytes(), &context);
/// // ... reception.effects() and reception.stored() go into one transaction of the host's database ...
/// match reception.commit() {
///     Disposition::Deliver(message) => println!("{}", message.for_prompt()),
///     Disposition::Quarantine(entry) => println!("held until {}", entry.expires_at()),
///     Disposition::Reject(refusal) => println!("{refusal}"), // code, field, rule; never the content
///     Disposition::Duplicate(_) => println!("acknowledge again"),
///     _ => {}
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Receiver {
    pub(super) settings: Settings,
    pub(super) memory: Memory,
    pub(super) watch: Watch,
}

impl Receiver {
    /// A receiver for the agent with this address.
    pub fn builder(address: Address) -> ReceiverBuilder {
        ReceiverBuilder::new(address)
    }

    pub(super) fn new(settings: Settings, memory: Memory) -> Self {
        Self { settings, memory, watch: Watch::default() }
    }

    /// What the receiver remembers.
    #[must_use]
    pub const fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Decides about a message. Nothing changes until the reception is committed.
    ///
    /// In this order: its form and its limits, the recipient, the sender's key, the signature, revocation, conflict,
    /// replay and times, trust, who may write, whether it is sealed and opens, which grant what it says needs, the scan of
    /// that, and what follows from it. Whatever fails first decides.
    ///
    /// A sealed message is opened with the context's [keys](Context::with_opening_keys). Where none of them is the one
    /// that it names, it is delivered as it is: [`Sealing::Unopened`](crate::sealing::Sealing::Unopened), and can be
    /// [read again](Self::read_again) when the key is there.
    pub fn receive(&mut self, bytes: &[u8], context: &Context<'_>) -> Reception<'_> {
        let decision = self.decide(bytes, context);
        Reception::new(self, decision)
    }

    /// Decides about a held message that a person has approved. It is handed out once, when the reception is committed.
    ///
    /// Signature, key, trust, its own expiry and who may write are judged anew; it was counted as seen when it was held.
    /// A sealed one is held sealed and opened anew: keys are kept longer than the 72 hours, also when they are replaced.
    /// It is refused as [`RefusalReason::Decided`] when the entry is not approved, is about another message, or was
    /// released before, and when its 72 hours are over by the clock that counts for expiry.
    pub fn release(&mut self, bytes: &[u8], entry: &QuarantineEntry, context: &Context<'_>) -> Reception<'_> {
        let decision = self.decide_released(bytes, entry, context);
        Reception::new(self, decision)
    }

    /// Judges a message once more that was received before and stored, for a reader: `stored` is its stored form, or the
    /// message alone.
    ///
    /// Key, signature, revocation, trust and scan are judged by what is known now; notes beside the message are not
    /// believed. Its times, its way and who may write were judged when it came, so the context's way does not matter.
    /// Nothing changes, and no pin is written.
    ///
    /// A sealed one is opened with the context's keys, or, when the one that it names is not among them, with the secret
    /// that stands beside it in its stored form. What
    /// could not be opened when it came, and can be now, is judged as if it came now: by the grant that it needs, and by
    /// the scan.
    ///
    /// One that was signed with a former key of its sender is read too, unless that key is revoked, and is at most
    /// [`External`](crate::trust::TrustLevel::External): whoever found the key can still sign with it.
    ///
    /// # Errors
    /// As [`receive`](Self::receive) refuses. What is remembered as refused or held is not read, nor is what the scan
    /// would hold now, unless it is remembered as delivered (for 7 days, or its signed life): whoever can put a file into
    /// the store cannot take a held message out of quarantine.
    ///
    /// ```
    /// use amp_core::receive::{Context, Disposition, Reading, Receiver, SenderKey, Via};
    /// # use amp_core::prelude::*;
    /// # let alice = Identity::from_seed(&[7; 32]);
    /// # let signed = Draft::request("bob@acme.crabmail.ai".parse()?, "Hi", "Are you there?")
    /// #     .from(&"alice@acme.crabmail.ai".parse()?)
    /// #     .sign(&alice, "2026-01-31T10:00:00Z".parse()?)?;
    /// # let (bytes, key) = (signed.to_json(), alice.verifying_key().clone());
    /// let mut receiver = Receiver::builder("bob@acme.crabmail.ai".parse()?).build();
    /// let context = Context::new("2026-01-31T10:00:05Z".parse()?, Via::Direct).with_key(SenderKey::resolved(key));
    /// let reception = receiver.receive(bytes.as_bytes(), &context);
    /// let file = reception.stored().map(|stored| stored.to_json(Default::default())).unwrap_or_default();
    /// assert!(matches!(reception.commit(), Disposition::Deliver(_)));
    ///
    /// // A year later, and with the key that is remembered.
    /// let context = Context::new("2027-01-31T10:00:00Z".parse()?, Via::Store);
    /// let Reading::Proven(message) = receiver.read_again(file.as_bytes(), &context)? else { panic!() };
    /// assert_eq!(message.for_prompt(), "Subject: Hi\n\nAre you there?");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read_again(&self, stored: &[u8], context: &Context<'_>) -> Result<Reading, Refusal> {
        self.judge_again(stored, context)
    }

    /// Takes in an effect that is durable already: one that another process has stored which serves the same agent.
    ///
    /// Processes that share a store append to one list of effects, each only where it knows all that stand in it: it takes
    /// in what the others have appended, in that order, and decides about its own message after that. An effect that is
    /// taken in twice in a row changes nothing the second time.
    ///
    /// ```
    /// use amp_core::receive::{Context, Disposition, FirstOutcome, Receiver, SenderKey, Via};
    /// # use amp_core::prelude::*;
    /// # let alice = Identity::from_seed(&[7; 32]);
    /// # let signed = Draft::request("bob@acme.crabmail.ai".parse()?, "Hi", "Are you there?")
    /// #     .from(&"alice@acme.crabmail.ai".parse()?)
    /// #     .sign(&alice, "2026-01-31T10:00:00Z".parse()?)?;
    /// # let (bytes, key) = (signed.to_json(), alice.verifying_key().clone());
    /// let (mut one, mut another) = (
    ///     Receiver::builder("bob@acme.crabmail.ai".parse()?).build(),
    ///     Receiver::builder("bob@acme.crabmail.ai".parse()?).build(),
    /// );
    /// let context = Context::new("2026-01-31T10:00:05Z".parse()?, Via::Direct).with_key(SenderKey::resolved(key));
    /// let reception = one.receive(bytes.as_bytes(), &context);
    /// reception.effects().iter().for_each(|effect| another.apply(effect)); // ... by way of the store ...
    /// assert!(matches!(reception.commit(), Disposition::Deliver(_)));
    ///
    /// let again = another.receive(bytes.as_bytes(), &context).commit();
    /// assert!(matches!(again, Disposition::Duplicate(FirstOutcome::Delivered)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn apply(&mut self, effect: &Effect) {
        self.memory.apply(effect);
    }

    /// Remembers effects that the host has made durable.
    pub(super) fn remember(&mut self, effects: &[Effect], live: Option<Live>) {
        effects.iter().for_each(|effect| self.memory.apply(effect));
        if let Some(live) = live {
            self.watch.remember(&live);
        }
    }

    /// Takes note of a key that an authenticated source names for an address, apart from any message.
    ///
    /// The first one is pinned. The same one, a day later or more, is pinned firmly. Another one raises a conflict.
    ///
    /// # Errors
    /// [`RefusalReason::KeyNotFound`] for a key that was only carried along; `key_revoked`; `key_conflict` for a key that is another address's;
    /// [`RefusalReason::MemoryFull`].
    pub fn name_key(
        &mut self,
        address: &Address,
        key: &SenderKey,
        now: Timestamp,
    ) -> Result<Change<'_>, Refusal> {
        if !self.settings.may_name(key, address) {
            return Err(CARRIED);
        }
        let (source, key) = (key.source(), key.key());
        self.check_usable(address, key, source)?;
        let forgotten = self.memory.make_room((address, self.settings.newcomer(address, source)), now)?;
        let effects = match self.memory.keys.standing(address, key) {
            Standing::Unknown | Standing::Pinned => {
                let state = self.memory.keys.named(address, source, now);
                let pin = state.map(|state| pinned(address, key, state, source, now));
                forgotten.into_iter().chain(pin).collect()
            }
            Standing::Other => Vec::from([conflict(address, key, now)]),
            // An answer from before the rotation.
            Standing::Retired => Vec::new(),
        };
        Ok(Change::new(self, effects))
    }

    /// Pins a key because a person, or another channel that proves it, says that it is the address's. This resolves a
    /// conflict, whichever key is chosen. Where the memory is full, a key that was only first seen makes room.
    ///
    /// # Errors
    /// `key_revoked`; `key_conflict` for a key that is another address's; [`RefusalReason::MemoryFull`] when a person has
    /// confirmed all that are known.
    pub fn confirm_key(
        &mut self,
        address: &Address,
        key: &VerifyingKey,
        now: Timestamp,
    ) -> Result<Change<'_>, Refusal> {
        self.check_usable(address, key, KeySource::Confirmed)?;
        let forgotten = self.memory.make_room((address, Newcomer::Confirmed), now)?;
        let audit = AuditEvent::new(AuditKind::KeyDecided, now).about(address.clone());
        let pin = pinned(address, key, PinState::Confirmed, KeySource::Confirmed, now);
        let effects = forgotten.into_iter().chain([pin, Effect::Audit(audit)]).collect();
        Ok(Change::new(self, effects))
    }

    /// Forgets the key of an address, with its history and what is disputed about it, because a person wants it: whoever
    /// writes from there next is a stranger. What was revoked stays so. Nothing changes when the address is unknown.
    pub fn forget_address(&mut self, address: &Address, now: Timestamp) -> Change<'_> {
        if self.memory.keys.get(address).is_none() {
            return Change::new(self, Vec::new());
        }
        let audit = AuditEvent::new(AuditKind::KeyDecided, now).about(address.clone());
        let forgotten = Effect::AddressForgotten { address: address.clone() };
        Change::new(self, Vec::from([forgotten, Effect::Audit(audit)]))
    }

    /// Replaces the pinned key by the one that its owner names, and resolves a conflict thereby.
    ///
    /// For 24 hours afterwards messages of the address are marked, and no further rotation is taken: whoever stole the
    /// old key could have made this one too.
    ///
    /// # Errors
    /// [`RefusalReason::KeyNotFound`] when no key is pinned; `key_revoked` when the old or the new one is;
    /// `signature_invalid` for the proof, which is over the key's hexadecimal form; `key_conflict` for a key that the
    /// address had before, or that is another address's; `rotation_too_soon`.
    pub fn rotate_key(
        &mut self,
        address: &Address,
        request: &RotationRequest,
        now: Timestamp,
    ) -> Result<Change<'_>, Refusal> {
        let Memory { keys, replay, .. } = &self.memory;
        let is_revoked = |key: &VerifyingKey| self.memory.is_revoked(address, key);
        let judged = replay.judged_at(now);
        let known = keys.get(address).ok_or(NOT_PINNED)?;
        let mut pin = PinView::new(address, known.key());
        if is_revoked(known.key()) {
            pin = pin.revoked();
        }
        let standing_of = |key: &VerifyingKey| {
            if is_revoked(key) {
                NewKeyStanding::Revoked
            } else if keys.check_free(address, key, KeySource::Resolved).is_err() {
                NewKeyStanding::PinnedElsewhere
            } else {
                NewKeyStanding::Free
            }
        };
        check_rotation(pin, request, standing_of, RotationPolicy::new(), judged).map_err(rotation_refused)?;
        if keys.standing(address, request.new_key()) == Standing::Retired {
            return Err(rotation_refused(RotationRefusal::NewKeyRetired));
        }
        if known.is_full() {
            return Err(rotation_refused(RotationRefusal::History));
        }
        if known.is_doubted() {
            return Err(DOUBTED);
        }
        if known.is_fresh_rotation(judged) {
            return Err(TOO_SOON);
        }
        let rotated = Effect::KeyRotated {
            address: address.clone(),
            to: request.new_key().clone(),
            proof: request.proof().to_base64(),
            at: now,
        };
        let audit = AuditEvent::new(AuditKind::KeyRotated, now).about(address.clone());
        Ok(Change::new(self, Vec::from([rotated, Effect::Audit(audit)])))
    }

    /// Takes note of a revocation that an authenticated source states.
    ///
    /// It holds for the key at the record's address, and at others of the same agent: the source has to be one that may
    /// speak for that address; what a federation peer states goes to [`revoke_key_of_peer`](Self::revoke_key_of_peer). It is kept for 90 days or more, and for good when the address was ever pinned. A header
    /// that nobody signed is no such source: see [`Context::with_revocation_hint`].
    ///
    /// When the address has rotated from this key, and the key was stolen or revoked before that, whoever stole it may
    /// have made the new one: the address is in conflict until a person decides.
    ///
    /// # Errors
    /// [`RefusalReason::MemoryFull`] when no room can be made for it.
    pub fn revoke_key(&mut self, record: Revocation, now: Timestamp) -> Result<Change<'_>, Refusal> {
        let Memory { keys, revocations, .. } = &self.memory;
        if !revocations.is_news(&record) {
            return Ok(Change::new(self, Vec::new()));
        }
        if !revocations.has_room(now, keys) {
            return Err(Refusal::new(
                RefusalReason::MemoryFull,
                "fingerprint",
                "no more revocations can be remembered",
            ));
        }
        let doubted = keys.doubted_by(&record).map(|address| Effect::KeyDoubted { address: address.clone() });
        let doubted = doubted.collect::<Vec<_>>();
        let revoked = core::iter::once(Effect::Revoked { record, at: now });
        Ok(Change::new(self, revoked.chain(doubted).collect()))
    }

    /// Takes note of a revocation that a federation peer states which is authenticated as this provider.
    ///
    /// # Errors
    /// [`RefusalReason::SenderRefused`] for an agent of another provider, and for one of the receiver's own; else as
    /// [`revoke_key`](Self::revoke_key).
    pub fn revoke_key_of_peer(
        &mut self,
        peer: &Provider,
        record: Revocation,
        now: Timestamp,
    ) -> Result<Change<'_>, Refusal> {
        if !self.settings.is_of_peer(record.agent_address(), peer) {
            return Err(NOT_THE_PEERS);
        }
        self.revoke_key(record, now)
    }

    /// Lets two addresses have one key: the host knows them to be one agent's.
    ///
    /// # Errors
    /// [`RefusalReason::MemoryFull`].
    pub fn join_addresses(&mut self, one: &Address, another: &Address) -> Result<Change<'_>, Refusal> {
        if self.memory.keys.is_same_agent(one, another) {
            return Ok(Change::new(self, Vec::new()));
        }
        self.memory.keys.check_room_for_pair()?;
        let joined = Effect::SameAgent { one: one.clone(), another: another.clone() };
        Ok(Change::new(self, Vec::from([joined])))
    }

    /// Takes note of a transition of a grant: one that [`PairGrants`](crate::admission::PairGrants) made. The one that the
    /// change holds begins at the present state, also when the sender has written once more meanwhile.
    ///
    /// # Errors
    /// [`GrantError::Stale`] when the pair's state has changed since: decide again.
    pub fn grant(&mut self, event: GrantEvent) -> Result<Change<'_>, GrantError> {
        let event = self.memory.grants.brought_up_to_date(event)?;
        Ok(Change::new(self, Vec::from([Effect::Grant { event: event.into() }])))
    }

    /// Sets the clock's high-water mark, when a person has found that the host's clock was wrong. What was seen stays
    /// remembered.
    pub fn set_clock(&mut self, to: Timestamp) -> Change<'_> {
        Change::new(self, Vec::from([Effect::ClockSet { to }]))
    }

    /// Whether a key may be pinned to an address at all.
    fn check_usable(&self, address: &Address, key: &VerifyingKey, source: KeySource) -> Result<(), Refusal> {
        if self.memory.is_revoked(address, key) {
            return Err(REVOKED);
        }
        self.memory.keys.check_free(address, key, source)
    }
}

pub(super) const REVOKED: Refusal =
    Refusal::new(RefusalReason::KeyRevoked, "envelope.from", "the sender's key is not revoked");
pub(super) const CARRIED: Refusal = Refusal::new(
    RefusalReason::KeyNotFound,
    "envelope.from",
    "an authenticated source names the sender's key; one that travels with a message names itself",
);
const NOT_PINNED: Refusal =
    Refusal::new(RefusalReason::KeyNotFound, "address", "a rotation starts from a pinned key");
const NOT_THE_PEERS: Refusal = Refusal::new(
    RefusalReason::SenderRefused,
    "agent_address",
    "a federation peer speaks for the agents of its own domain",
);
const DOUBTED: Refusal = Refusal::new(
    RefusalReason::KeyConflict,
    "address",
    "a person decides about a key that came from one which is revoked",
);
const TOO_SOON: Refusal =
    Refusal::new(RefusalReason::RotationTooSoon, "address", "an address rests for 24 hours after a rotation");

pub(super) fn pinned(
    address: &Address,
    key: &VerifyingKey,
    state: PinState,
    source: KeySource,
    at: Timestamp,
) -> Effect {
    Effect::KeyPinned { address: address.clone(), key: key.clone(), state, source, at }
}

pub(super) fn conflict(address: &Address, contender: &VerifyingKey, at: Timestamp) -> Effect {
    Effect::ConflictRaised { address: address.clone(), contender: contender.clone(), at }
}

fn rotation_refused(refusal: RotationRefusal) -> Refusal {
    let reason = match refusal.code() {
        "key_revoked" => RefusalReason::KeyRevoked,
        "signature_invalid" => RefusalReason::Message(amp_envelope::ErrorCode::SignatureInvalid),
        "rotation_too_soon" => RefusalReason::RotationTooSoon,
        "invalid_key" => RefusalReason::InvalidKey,
        _ => RefusalReason::KeyConflict,
    };
    let (field, rule) = match refusal {
        RotationRefusal::OldKeyRevoked => ("address", "a revoked key names no successor"),
        RotationRefusal::ProofInvalid => ("proof", "the pinned key signs the new key"),
        RotationRefusal::ProofForm => ("proof", "a proof is over the key's 64 lower-case hex digits"),
        RotationRefusal::SameKey => ("new_public_key", "the new key is not the old one"),
        RotationRefusal::NewKeyAlgorithm => ("new_public_key", "a rotation leads to an Ed25519 key"),
        RotationRefusal::NewKeyRetired => ("new_public_key", "a key that was given up does not come back"),
        RotationRefusal::NewKeyPinnedElsewhere => {
            ("new_public_key", "a key that is pinned to one address is not another's")
        }
        RotationRefusal::NewKeyRevoked => ("new_public_key", "the new key is not revoked"),
        _ => ("address", "a rotation continues the address's history"),
    };
    Refusal::new(reason, field, rule)
}
