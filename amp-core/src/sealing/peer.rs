//! What is known of how a peer seals (sealed messages; attacks, card rollback and seal downgrade).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use core::time::Duration;

use amp_address::Address;
use amp_crypto::VerifyingKey;
use amp_envelope::Timestamp;
use serde::{Deserialize, Serialize};

use crate::identity::{Capability, EncryptionKey, MAX_CARD_LIFETIME, VerifiedCard};
use crate::receive::Effect;
use crate::stored;
use crate::trust::PinState;

/// How long a peer to which mail was sealed is kept while its key is first seen.
const KEPT_FIRST_SEEN: Duration = Duration::from_secs(366 * 86_400);

/// Which way a sealed message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Direction {
    /// To the peer.
    To,
    /// From the peer, and it was opened.
    From,
}

/// What is known of how a peer seals. It stands beside the peer's pinned key, and is forgotten with it.
///
/// ```
/// use amp_core::prelude::*;
/// use amp_core::sealing::{Direction, SealingPlan, SealingWish};
/// # let bob_key = Identity::from_seed(&[8; 32]).verifying_key().clone();
/// let mut receiver = Receiver::builder("alice@acme.crabmail.ai".parse()?).build();
/// let (bob, now): (Address, _) = ("bob@acme.crabmail.ai".parse()?, "2026-01-31T10:00:00Z".parse()?);
/// receiver.name_key(&bob, &SenderKey::resolved(bob_key), now)?.commit();
/// assert_eq!(receiver.plan_sealing(&bob, SealingWish::Policy, now), SealingPlan::Plain);
///
/// receiver.note_sealed_to(&bob, now).commit();
/// let known = receiver.memory().keys().get(&bob).ok_or("known")?;
/// assert_eq!(known.sealing().first(Direction::To), Some(now));
/// assert!(matches!(receiver.plan_sealing(&bob, SealingWish::Policy, now), SealingPlan::Seal(_)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerSealing {
    to: Option<Timestamp>,
    from: Option<Timestamp>,
    card: Option<Box<AcceptedCard>>,
}

impl PeerSealing {
    /// When the first sealed message went this way; none when none did.
    #[must_use]
    pub const fn first(&self, direction: Direction) -> Option<Timestamp> {
        match direction {
            Direction::To => self.to,
            Direction::From => self.from,
        }
    }

    /// Whether a message was sealed before, in either direction.
    #[must_use]
    pub const fn has_sealed(&self) -> bool {
        self.to.is_some() || self.from.is_some()
    }

    /// The newest card of the peer that was accepted. Whether it still counts is another question: see
    /// [`AcceptedCard::is_current`].
    #[must_use]
    pub fn card(&self) -> Option<&AcceptedCard> {
        self.card.as_deref()
    }

    /// Whether the peer must not be forgotten to make room: mail to it could go in plain, or an older card come back.
    /// While its key is first seen that ends after a while: strangers whom one answers must not fill the memory for good.
    pub(crate) fn is_kept(&self, state: PinState, now: Timestamp) -> bool {
        let is_young = |card: &AcceptedCard| now < card.issued_at.saturating_add(MAX_CARD_LIFETIME);
        let is_recent =
            |at: Timestamp| state != PinState::FirstSeen || now < at.saturating_add(KEPT_FIRST_SEEN);
        self.to.is_some_and(is_recent) || self.card().is_some_and(is_young)
    }

    /// Notes a sealed message. The first one stays.
    pub(crate) fn note(&mut self, direction: Direction, at: Timestamp) {
        let slot = match direction {
            Direction::To => &mut self.to,
            Direction::From => &mut self.from,
        };
        slot.get_or_insert(at);
    }

    /// Keeps a card, unless a newer one is kept.
    pub(crate) fn accept(&mut self, card: &AcceptedCard) {
        if self.card().is_none_or(|kept| kept.issued_at <= card.issued_at) {
            self.card = Some(Box::new(card.clone()));
        }
    }

    /// Effects that write all this again.
    pub(crate) fn to_effects(&self, address: &Address) -> impl Iterator<Item = Effect> {
        let sealed = [Direction::To, Direction::From].into_iter().filter_map(|direction| {
            let at = self.first(direction)?;
            Some(Effect::Sealed { address: address.clone(), direction, at })
        });
        let card = self.card.clone().map(|card| Effect::CardAccepted { address: address.clone(), card });
        sealed.chain(card)
    }
}

/// A card that was held against the pinned key and accepted, as far as it matters for sealing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedCard {
    #[serde(with = "stored::key")]
    key: VerifyingKey,
    issued_at: Timestamp,
    expires_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "optional_key")]
    encryption_key: Option<EncryptionKey>,
    seals: bool,
}

impl AcceptedCard {
    pub(crate) fn of(card: &VerifiedCard) -> Self {
        let encryption_key = card.stated_encryption_key();
        Self {
            key: card.public_key().clone(),
            issued_at: card.issued_at(),
            expires_at: card.expires_at(),
            encryption_key,
            seals: encryption_key.is_some() || card.capabilities().contains(&Capability::Sealed),
        }
    }

    /// When the card was issued.
    #[must_use]
    pub const fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// The instant from which on it counts no more.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Whether it says that its owner opens sealed messages: by the capability `sealed:v1`, or by a key to seal to.
    #[must_use]
    pub const fn seals(&self) -> bool {
        self.seals
    }

    /// Whether the card counts: it has not expired, and the key that signed it is the one with which the peer is reached.
    #[must_use]
    pub fn is_current(&self, pinned: &VerifyingKey, now: Timestamp) -> bool {
        now < self.expires_at && self.key == *pinned
    }

    /// The key that it offers. It is not to be used unless the card is current.
    pub(crate) const fn encryption_key(&self) -> Option<EncryptionKey> {
        self.encryption_key
    }
}

/// An encryption key or nothing.
mod optional_key {
    use alloc::borrow::Cow;

    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    use crate::identity::EncryptionKey;

    #[expect(clippy::ref_option, reason = "the shape that serde calls")]
    pub(super) fn serialize<S: Serializer>(value: &Option<EncryptionKey>, to: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(key) => to.collect_str(key),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<EncryptionKey>, D::Error> {
        let Some(text) = Option::<Cow<'_, str>>::deserialize(from)? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| D::Error::custom("an encryption key"))
    }
}
