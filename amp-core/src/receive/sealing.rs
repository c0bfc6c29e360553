//! What a receiver knows of how its peers seal, and what follows for mail to them (sealed messages; attacks, card
//! rollback and seal downgrade).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::vec::Vec;

use amp_address::Address;
use amp_crypto::VerifyingKey;
use amp_envelope::Timestamp;

use super::disposition::Change;
use super::effects::Effect;
use super::receiver::Receiver;
use super::refusal::{Refusal, RefusalReason};
use crate::identity::{CardError, EncryptionKey, VerifiedCard};
use crate::sealing::{AcceptedCard, Direction, PeerSealing, SealingPlan, SealingWish, Stance};
use crate::trust::PinState;

impl Receiver {
    /// Says whether a message to a peer is to be sealed, and to which key.
    ///
    /// | stance | [`SealingWish::Policy`] | [`SealingWish::Seal`] | [`SealingWish::Plain`] |
    /// |---|---|---|---|
    /// | [`Stance::Require`] | sealed | sealed | refused |
    /// | [`Stance::Prefer`] | sealed where mail with the peer was sealed before, or its newest accepted card says that it opens such mail; else plain | sealed | plain |
    /// | [`Stance::Refuse`] | plain | refused | plain |
    ///
    /// What is to be sealed is sealed to the key on the peer's [accepted card](Self::accept_card), while that card
    /// has not expired and the key that signed it is the peer's pinned one; else to the pinned key itself. Without a pinned
    /// key, and while it is disputed or revoked, the plan is to refuse, never to send in plain.
    pub fn plan_sealing(&self, to: &Address, wish: SealingWish, now: Timestamp) -> SealingPlan {
        let now = self.memory.replay.judged_at(now);
        match (self.settings.sealing.stance(to), wish) {
            (Stance::Require, SealingWish::Plain) => SealingPlan::Refuse(REQUIRED),
            (Stance::Refuse, SealingWish::Seal) => SealingPlan::Refuse(REFUSED),
            (Stance::Refuse, SealingWish::Policy) | (_, SealingWish::Plain) => SealingPlan::Plain,
            (Stance::Prefer, SealingWish::Policy) if !self.expects_sealed(to) => SealingPlan::Plain,
            (Stance::Require | Stance::Prefer, _) => {
                self.key_to_seal_to(to, now).map_or_else(SealingPlan::Refuse, SealingPlan::Seal)
            }
        }
    }

    /// Takes note that a message to a peer was sealed: from now on nothing but [`SealingWish::Plain`] leads to plain
    /// mail to it. The host makes it durable before the message leaves, or with it.
    ///
    /// Nothing changes when it is known already, or no key is pinned to the address.
    pub fn note_sealed_to(&mut self, address: &Address, now: Timestamp) -> Change<'_> {
        let effect = self.first_sealed(address, Direction::To, now);
        Change::new(self, effect.into_iter().collect())
    }

    /// Accepts a peer's card, so that what it says about sealing counts: that the peer opens sealed mail, until a newer card
    /// of it says otherwise, and its key to seal to, until the card expires and as long as the key that signed it is the
    /// peer's pinned one.
    ///
    /// A card pins nothing and raises no conflict: anybody can make one.
    ///
    /// # Errors
    /// As [`AgentCard::verify`](crate::identity::AgentCard::verify), for the present time; `key_not_found` when no key is
    /// pinned to its address, or that key is revoked or disputed; `key_conflict` when another one is; `card_rolled_back`
    /// when a newer card of the address was accepted.
    ///
    /// ```
    /// use amp_core::identity::{Capability, CardBuilder};
    /// use amp_core::prelude::*;
    /// use amp_core::sealing::{SealingPlan, SealingWish};
    /// # let bob_identity = Identity::from_seed(&[8; 32]);
    /// # let bob_key = bob_identity.verifying_key().clone();
    /// let (bob, now): (Address, Timestamp) = ("bob@acme.crabmail.ai".parse()?, "2026-01-31T10:00:00Z".parse()?);
    /// # let from_bob = CardBuilder::new(bob.clone()).capability(Capability::Sealed).sign(&bob_identity, now)?;
    /// let mut receiver = Receiver::builder("alice@acme.crabmail.ai".parse()?).build();
    /// receiver.name_key(&bob, &SenderKey::resolved(bob_key), now)?.commit();
    ///
    /// let change = receiver.accept_card(&from_bob.verify(now)?, now)?;
    /// // ... change.effects() go into the host's database ...
    /// change.commit();
    /// assert!(matches!(receiver.plan_sealing(&bob, SealingWish::Policy, now), SealingPlan::Seal(_)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn accept_card(&mut self, card: &VerifiedCard, now: Timestamp) -> Result<Change<'_>, CardError> {
        card.verify(self.memory.replay.judged_at(now))?;
        let address = card.address();
        let pinned = self.memory.key_to_send_to(address).ok_or(CardError::NotPinned)?;
        if pinned != card.public_key() {
            return Err(CardError::KeyConflict);
        }
        let kept = self.memory.sealing_of(address).and_then(PeerSealing::card);
        if let Some(newest) = kept.map(AcceptedCard::issued_at).filter(|newest| card.issued_at() < *newest) {
            return Err(CardError::RolledBack { newest });
        }
        let accepted = AcceptedCard::of(card);
        let is_news = kept != Some(&accepted);
        let effect = Effect::CardAccepted { address: address.clone(), card: Box::new(accepted) };
        Ok(Change::new(self, is_news.then_some(effect).into_iter().collect::<Vec<_>>()))
    }

    /// That a message was sealed in this direction, when none was known before.
    pub(super) fn first_sealed(
        &self,
        address: &Address,
        direction: Direction,
        at: Timestamp,
    ) -> Option<Effect> {
        let sealing = self.memory.sealing_of(address)?;
        let is_first = sealing.first(direction).is_none();
        is_first.then(|| Effect::Sealed { address: address.clone(), direction, at })
    }

    /// Whether a peer is known to open sealed mail. A card of its counts here when it is no longer current too: a conflict, a
    /// revocation or a lapse of time is what somebody on the way can bring about.
    fn expects_sealed(&self, peer: &Address) -> bool {
        let says_so = |sealing: &PeerSealing| sealing.card().is_some_and(AcceptedCard::seals);
        self.memory.sealing_of(peer).is_some_and(|sealing| sealing.has_sealed() || says_so(sealing))
    }

    fn key_to_seal_to(&self, peer: &Address, now: Timestamp) -> Result<EncryptionKey, Refusal> {
        let pinned = self.memory.key_to_send_to(peer).ok_or_else(|| self.why_no_key(peer))?;
        match self.current_card(peer, pinned, now).and_then(AcceptedCard::encryption_key) {
            Some(stated) => Ok(stated),
            None => EncryptionKey::of(pinned).map_err(|_| NOT_ED25519),
        }
    }

    fn current_card(&self, peer: &Address, pinned: &VerifyingKey, now: Timestamp) -> Option<&AcceptedCard> {
        let card = self.memory.sealing_of(peer)?.card()?;
        card.is_current(pinned, now).then_some(card)
    }

    fn why_no_key(&self, peer: &Address) -> Refusal {
        match self.memory.keys.get(peer) {
            None => NOT_PINNED,
            Some(known) if known.state() == PinState::Conflict => IN_CONFLICT,
            Some(_) => REVOKED,
        }
    }
}

pub(super) const REQUIRED: Refusal = Refusal::new(
    RefusalReason::SealingRequired,
    "payload.type",
    "messages with this peer are sealed, by the host's own rule",
);
pub(super) const REFUSED: Refusal = Refusal::new(
    RefusalReason::SealingRefused,
    "payload.type",
    "messages with this peer are not sealed, by the host's own rule",
);
const NOT_PINNED: Refusal = Refusal::new(
    RefusalReason::KeyNotFound,
    "envelope.to",
    "a message is sealed to a key that is pinned to its recipient",
);
const IN_CONFLICT: Refusal = Refusal::new(
    RefusalReason::KeyConflict,
    "envelope.to",
    "nothing is sealed to an address whose key is disputed, until a person decides",
);
const REVOKED: Refusal =
    Refusal::new(RefusalReason::KeyRevoked, "envelope.to", "nothing is sealed to a key that is revoked");
const NOT_ED25519: Refusal = Refusal::new(
    RefusalReason::InvalidKey,
    "envelope.to",
    "a message is sealed to the key of a card, or to an Ed25519 key",
);
