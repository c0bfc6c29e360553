//! Whose message it is: the key, the signature, revocation and conflict (trust, known keys).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::vec::Vec;

use amp_crypto::VerifyingKey;
use amp_envelope::{Dialect, ErrorCode, Message, MessageError, Unverified, Variant, Verified};
use unicode_normalization::is_nfc;

use super::context::{KeySource, SenderKey};
use super::effects::Effect;
use super::keys::{KnownKey, Standing};
use super::pipeline::Case;
use super::received::Flag;
use super::receiver::{CARRIED, REVOKED, conflict, pinned};
use super::refusal::{Refusal, RefusalReason};
use crate::trust::{Attestation, AttestationClaims, PinState, RevocationFact, SignatureFact, TrustFacts};

/// A message whose signature holds under a key that an authenticated source connects with the sender.
pub(super) struct Proven<M = Verified<Message>> {
    pub(super) message: M,
    pub(super) facts: TrustFacts,
    pub(super) attestation: Option<AttestationClaims>,
    /// The pin that is to be written if the message is accepted, and what is forgotten for it.
    pub(super) pin: Vec<Effect>,
    pub(super) flags: Vec<Flag>,
}

/// A message of which that cannot be said.
pub(super) struct Doubtful {
    pub(super) message: Message,
    pub(super) facts: TrustFacts,
    pub(super) refusal: Refusal,
    /// The conflict that an authenticated source has caused.
    pub(super) conflict: Option<Effect>,
}

impl Case<'_> {
    /// Finds the key that the sender's messages are verified with, and verifies.
    pub(super) fn authenticate(&self, message: Message) -> Result<Proven, Box<Doubtful>> {
        let keys = &self.receiver.memory.keys;
        let named = self.context.key();
        let Some(known) = keys.get(&self.from) else {
            return self.authenticate_stranger(message, named);
        };
        // What a source says that was not authenticated counts for nothing beside a pin.
        // Nor does a key that is revoked.
        let contender = named.filter(|named| {
            self.vouches(named)
                && keys.standing(&self.from, named.key()) == Standing::Other
                && !self.receiver.memory.is_revoked(&self.from, named.key())
        });
        match (self.verify(message, known.key()), contender) {
            (Ok(message), None) if known.state() != PinState::Conflict => {
                self.check_revocation(&message)?;
                if let Err(refusal) = self.check_first_use(known) {
                    let facts = self.facts(SignatureFact::Valid).pin(PinState::Conflict);
                    return Err(self.doubtful(message.into_inner(), facts, refusal));
                }
                let state = named.and_then(|named| self.state_to_write(named));
                let pin = state
                    .zip(named)
                    .map(|(state, named)| pinned(&self.from, known.key(), state, named.source(), self.now));
                let facts = self.facts(SignatureFact::Valid).pin(state.unwrap_or(known.state()));
                let first = self.is_new(known).then_some(Flag::FirstContact);
                let rotated = known.is_fresh_rotation(self.now).then_some(Flag::KeyRotated);
                Ok(self.proven(message, facts, pin, first.into_iter().chain(rotated)))
            }
            (Ok(message), contender) => Err(self.in_conflict(message, contender)),
            (Err(unverified), contender) => {
                Err(self.not_by_pinned_key(*unverified.error(), unverified.into_inner(), contender))
            }
        }
    }

    /// The pinned key did not sign the message. Perhaps another one did that an authenticated source names now, or
    /// the one that the address had before.
    fn not_by_pinned_key(
        &self,
        error: MessageError,
        message: Message,
        contender: Option<&SenderKey>,
    ) -> Box<Doubtful> {
        let keys = &self.receiver.memory.keys;
        let retired =
            || self.context.key().filter(|named| keys.standing(&self.from, named.key()) == Standing::Retired);
        let Some(other) = contender.or_else(retired) else { return self.unsigned(message, error) };
        match self.verify(message, other.key()) {
            Ok(message) if contender.is_some() => self.in_conflict(message, contender),
            Ok(message) => self.doubtful(message.into_inner(), self.facts(SignatureFact::Invalid), RETIRED),
            Err(unverified) => self.unsigned(unverified.into_inner(), error),
        }
    }

    /// Verifies with the key that the host has for a sender who was not known before.
    fn authenticate_stranger(
        &self,
        message: Message,
        named: Option<&SenderKey>,
    ) -> Result<Proven, Box<Doubtful>> {
        let Some(named) = named else {
            if message.is_signed() {
                return Err(self.doubtful(message, self.facts(SignatureFact::Unverifiable), CARRIED));
            }
            let refusal = Refusal::new(
                RefusalReason::Message(ErrorCode::SignatureMissing),
                "envelope.signature",
                "a message is signed",
            );
            return Err(self.doubtful(message, self.facts(SignatureFact::Missing), refusal));
        };
        let message = match self.verify(message, named.key()) {
            Ok(message) => message,
            Err(unverified) => {
                let error = *unverified.error();
                return Err(self.unsigned(unverified.into_inner(), error));
            }
        };
        self.check_revocation(&message)?;
        let facts = self.facts(SignatureFact::Valid);
        let Some(state) = self.state_to_write(named) else {
            return Err(self.doubtful(message.into_inner(), facts.pin(PinState::Candidate), CARRIED));
        };
        let keys = &self.receiver.memory.keys;
        if let Err(refusal) = keys.check_free(&self.from, named.key(), named.source()) {
            return Err(self.doubtful(message.into_inner(), facts.pin(PinState::Conflict), refusal));
        }
        let newcomer = self.receiver.settings.newcomer(&self.from, named.source());
        let forgotten = match self.receiver.memory.make_room((&self.from, newcomer), self.now) {
            Ok(forgotten) => forgotten,
            Err(refusal) => {
                return Err(self.doubtful(message.into_inner(), facts.pin(PinState::Candidate), refusal));
            }
        };
        let pin = pinned(&self.from, named.key(), state, named.source(), self.now);
        let pin = forgotten.into_iter().chain([pin]);
        Ok(self.proven(message, facts.pin(state), pin, [Flag::FirstContact]))
    }

    /// Whether the one who named a key was authenticated, and may speak for the sender.
    fn vouches(&self, named: &SenderKey) -> bool {
        self.receiver.settings.may_name(named, &self.from)
    }

    /// Whether no message of the address was delivered before, and no person has spoken for it.
    fn is_new(&self, known: &KnownKey) -> bool {
        !known.is_contact() && known.state() != PinState::Confirmed && known.source() != KeySource::Confirmed
    }

    /// Whether the address may begin to use its key: a pin alone keeps nobody else from having it, its use does.
    fn check_first_use(&self, known: &KnownKey) -> Result<(), Refusal> {
        let keys = &self.receiver.memory.keys;
        if keys.has_used(&self.from, known.key()) {
            return Ok(());
        }
        let is_confirmed = known.state() == PinState::Confirmed;
        let source = if is_confirmed { KeySource::Confirmed } else { known.source() };
        keys.check_free(&self.from, known.key(), source)
    }

    fn state_to_write(&self, named: &SenderKey) -> Option<PinState> {
        let keys = &self.receiver.memory.keys;
        if !self.vouches(named) {
            return None;
        }
        match keys.standing(&self.from, named.key()) {
            Standing::Unknown | Standing::Pinned => keys.named(&self.from, named.source(), self.now),
            Standing::Other | Standing::Retired => None,
        }
    }

    pub(super) fn verify(
        &self,
        message: Message,
        key: &VerifyingKey,
    ) -> Result<Verified<Message>, Unverified<Message>> {
        message.verify_with(key, self.receiver.settings.dialects_for(&self.from))
    }

    pub(super) fn is_revoked(&self, key: &VerifyingKey) -> bool {
        self.context.revocation() == RevocationFact::Revoked
            || self.receiver.memory.is_revoked(&self.from, key)
    }

    fn check_revocation(&self, message: &Verified<Message>) -> Result<(), Box<Doubtful>> {
        if !self.is_revoked(message.key()) {
            return Ok(());
        }
        let facts = self.facts(SignatureFact::Valid).revocation(RevocationFact::Revoked);
        Err(self.doubtful(message.clone().into_inner(), facts, REVOKED))
    }

    pub(super) fn facts(&self, signature: SignatureFact) -> TrustFacts {
        let facts = TrustFacts::between(&self.from, &self.to);
        facts.signature(signature).revocation(self.context.revocation())
    }

    pub(super) fn proven(
        &self,
        message: Verified<Message>,
        facts: TrustFacts,
        pin: impl IntoIterator<Item = Effect>,
        flags: impl IntoIterator<Item = Flag>,
    ) -> Proven {
        let mut flags: Vec<Flag> = flags.into_iter().collect();
        if message.dialect() != Dialect::Jcs {
            flags.push(Flag::FallbackDialect(message.dialect()));
        }
        if message.variant() == Variant::EmptyAttachments {
            flags.push(Flag::EmptyAttachments);
        }
        if !is_nfc(&message.subject()) {
            flags.push(Flag::SubjectNotNormalized);
        }
        let attestation = self.context.attestation(message.key(), &self.from, self.now);
        let facts = facts.attestation(attestation.fact());
        let attestation = match attestation {
            Attestation::Accepted(claims) => Some(claims),
            Attestation::Absent | Attestation::Refused(_) => None,
        };
        Proven { message, facts, attestation, pin: pin.into_iter().collect(), flags }
    }

    #[expect(clippy::unused_self, reason = "one of the ways in which a case ends")]
    pub(super) fn doubtful(&self, message: Message, facts: TrustFacts, refusal: Refusal) -> Box<Doubtful> {
        Box::new(Doubtful { message, facts, refusal, conflict: None })
    }

    /// The signature is missing or does not hold.
    fn unsigned(&self, message: Message, error: MessageError) -> Box<Doubtful> {
        let fact = match error.code() {
            ErrorCode::SignatureMissing => SignatureFact::Missing,
            _ => SignatureFact::Invalid,
        };
        self.doubtful(message, self.facts(fact), Refusal::from(error))
    }

    /// The signature holds, and which key is the address's is disputed: since before, or because an authenticated
    /// source names another one now.
    fn in_conflict(&self, message: Verified<Message>, contender: Option<&SenderKey>) -> Box<Doubtful> {
        if let Err(doubtful) = self.check_revocation(&message) {
            return doubtful;
        }
        let is_known =
            self.receiver.memory.keys.get(&self.from).is_some_and(|known| known.contender().is_some());
        let contender = contender.filter(|_| !is_known);
        let refusal = Refusal::new(
            RefusalReason::KeyConflict,
            "envelope.from",
            "an address has one key, until its owner or a person says otherwise",
        );
        let facts = self.facts(SignatureFact::Valid).pin(PinState::Conflict);
        let mut doubtful = self.doubtful(message.into_inner(), facts, refusal);
        doubtful.conflict = contender.map(|contender| conflict(&self.from, contender.key(), self.now));
        doubtful
    }
}

const RETIRED: Refusal = Refusal::new(
    RefusalReason::KeyMismatch,
    "envelope.signature",
    "a message is signed with the key that the address has, not with one it had",
);
