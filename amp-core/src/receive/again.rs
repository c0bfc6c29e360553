//! A stored message on its way to a reader: judged once more, by what is known now (trust, levels).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;

use amp_crypto::seal::SharedSecret;
use amp_envelope::{ErrorCode, Message, StoredMessage, Timestamp};

use super::authenticate::{Doubtful, Proven};
use super::content::Content;
use super::context::Context;
use super::letter::Letter;
use super::pipeline::{CONTENT_BLOCKED, Case, NOT_GRANTED};
use super::received::{Flag, Received, UntrustedMessage};
use super::receiver::{REVOKED, Receiver};
use super::refusal::{Refusal, RefusalReason};
use super::seen::FirstOutcome;
use super::sighting::Sighting;
use crate::scan::Verdict;
use crate::sealing::Direction;
use crate::trust::{PinState, RevocationFact, SignatureFact};

/// What a stored message is when it is read again: see [`Receiver::read_again`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Reading {
    /// Its signature holds under a key that is its sender's.
    Proven(Box<Received>),
    /// Nothing vouches for it, and the host wants to see such messages:
    /// [`ReceiverBuilder::show_untrusted`](super::ReceiverBuilder::show_untrusted).
    Untrusted(Box<UntrustedMessage>),
}

impl Receiver {
    /// Judges a message that is stored; changes nothing.
    pub(super) fn judge_again(&self, stored: &[u8], context: &Context<'_>) -> Result<Reading, Refusal> {
        let stored =
            StoredMessage::decode_with(stored, self.settings.profile).map_err(Refusal::of_the_bytes)?;
        let noted_at = stored.local().received_at().unwrap_or(context.now());
        let message = stored.message().clone();
        let reading = Case::new(self, context, &message).read(message, stored.sealed_secret())?;
        Ok(match reading {
            Reading::Proven(received) => {
                Reading::Proven(Box::new(Received { received_at: noted_at, ..*received }))
            }
            Reading::Untrusted(shown) => {
                Reading::Untrusted(Box::new(UntrustedMessage { received_at: noted_at, ..*shown }))
            }
        })
    }
}

impl Case<'_> {
    fn read(&self, message: Message, secret: Option<&SharedSecret>) -> Result<Reading, Refusal> {
        self.check_recipient()?;
        let proven = self.authenticate(message).or_else(|doubtful| self.by_former_key(*doubtful));
        match proven {
            Ok(proven) => self.read_proven(proven, secret),
            Err(doubtful) => self.read_doubtful(*doubtful),
        }
    }

    fn read_proven(&self, proven: Proven, secret: Option<&SharedSecret>) -> Result<Reading, Refusal> {
        let Receiver { settings, memory, .. } = self.receiver;
        let sighting = Sighting::of(&proven.message)?;
        let outcome = memory.replay.outcome_of(&sighting)?;
        match outcome {
            Some(FirstOutcome::Delivered | FirstOutcome::DeliveredUnopened) | None => {}
            Some(FirstOutcome::Refused) => return Err(CONTENT_BLOCKED),
            Some(FirstOutcome::Quarantined(_)) => return Err(HELD),
        }
        let mut proven = self.open(proven, secret)?;
        let letter = &proven.message;
        let by_secret = self.is_open_by_its_secret(letter);
        let is_judged = outcome == Some(&FirstOutcome::Delivered) && !by_secret
            || outcome.is_some() && letter.is_unopened();
        // What is open now, and may not have been when the message came, needs its grant now.
        let is_new = outcome.is_some() || by_secret || letter.is_opened_by_another(secret);
        if !is_judged && letter.is_opened() && is_new {
            self.check_granted(letter)?;
        }
        let scan = Content::of_letter(letter).scan(&settings.scanner);
        if !is_judged && scan.verdict(&settings.overrides) >= Verdict::Quarantine {
            return Err(CONTENT_BLOCKED);
        }
        if matches!(letter, Letter::Plain(_)) && self.had_sealed_by(sighting.signed_at()) {
            proven.flags.push(Flag::SealingDropped);
        }
        Ok(Reading::Proven(Box::new(self.received(proven, scan))))
    }

    fn check_granted(&self, letter: &Letter) -> Result<(), Refusal> {
        if self.refused_contact(letter).is_none() { Ok(()) } else { Err(NOT_GRANTED) }
    }

    /// Whether the sender had sealed a message when it signed this one. What does not say when it was signed may have been
    /// signed after that.
    fn had_sealed_by(&self, signed_at: Option<Timestamp>) -> bool {
        let sealing = self.receiver.memory.sealing_of(&self.from);
        let first = sealing.and_then(|sealing| sealing.first(Direction::From));
        first.is_some_and(|first| signed_at.is_none_or(|signed_at| first <= signed_at))
    }

    fn read_doubtful(&self, doubtful: Doubtful) -> Result<Reading, Refusal> {
        let Doubtful { message, facts, refusal, .. } = doubtful;
        self.check_curious(refusal)?;
        let scan = self.scan_doubtful(&message)?;
        let (claimed_from, received_at) = (self.from.clone(), self.context.now());
        Ok(Reading::Untrusted(Box::new(UntrustedMessage { message, claimed_from, facts, scan, received_at })))
    }

    /// A message that its sender signed with the key that it had then.
    fn by_former_key(&self, doubtful: Doubtful) -> Result<Proven, Box<Doubtful>> {
        let memory = &self.receiver.memory;
        let is_by_another = matches!(
            doubtful.refusal.reason(),
            RefusalReason::Message(ErrorCode::SignatureInvalid) | RefusalReason::KeyMismatch
        );
        let known = memory.keys.get(&self.from).filter(|known| known.state() != PinState::Conflict);
        let Some(known) = known.filter(|_| is_by_another) else { return Err(Box::new(doubtful)) };
        let Doubtful { mut message, facts, refusal, conflict } = doubtful;
        for key in known.used_before() {
            match self.verify(message, key) {
                Ok(verified) if self.is_revoked(key) => {
                    let facts = self.facts(SignatureFact::Valid).revocation(RevocationFact::Revoked);
                    return Err(self.doubtful(verified.into_inner(), facts, REVOKED));
                }
                Ok(verified) => {
                    // Nobody says of a former key that it was not lost: its owner may have given it up for that.
                    let facts = self.facts(SignatureFact::Valid).pin(known.state());
                    let facts = facts.revocation(RevocationFact::Unknown);
                    return Ok(self.proven(verified, facts, [], [Flag::FormerKey]));
                }
                Err(unverified) => message = unverified.into_inner(),
            }
        }
        Err(Box::new(Doubtful { message, facts, refusal, conflict }))
    }
}

const HELD: Refusal = Refusal::new(
    RefusalReason::Decided,
    "status",
    "a held message is read when a person has approved it and it was released",
);
