//! What identifies a message, and whether its times fit the way on which it came (trust, replay; freshness).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use core::time::Duration;

use amp_crypto::Fingerprint;
use amp_envelope::{Message, MessageError, MessageId, Timestamp, Verified};
use sha2::{Digest, Sha256};

use super::clock::{Clock, ClockPolicy, MOST_AHEAD};
use super::context::Via;
use super::refusal::{Refusal, RefusalReason};
use super::replay_limits::Share;
use super::seen::Place;

/// A queue keeps a message for 7 days, and every clock on its way may be off by what the policy allows at most.
const HORIZON: Duration = Duration::from_secs(7 * 86_400 + 10 * 60);
/// A message that was seen is remembered for the horizon, and for what its stamp may lie in the future.
pub(super) const RETENTION: Duration = HORIZON.saturating_add(MOST_AHEAD);
/// A message whose sender signed a longer life is remembered this long at most.
const MOST_RETENTION: Duration = Duration::from_secs(31 * 86_400);

/// What identifies a message that was verified, and its times.
///
/// ```
/// use amp_core::receive::Sighting;
/// # use amp_core::prelude::*;
/// # let alice = Identity::from_seed(&[7; 32]);
/// # let signed = Draft::request("bob@acme.crabmail.ai".parse()?, "Hi", "Hello")
/// #     .from(&"alice@acme.crabmail.ai".parse()?)
/// #     .sign(&alice, "2026-01-31T10:00:00Z".parse()?)?;
/// let verified = Message::decode(signed.to_json().as_bytes())?.verify(alice.verifying_key())?;
/// let sighting = Sighting::of(&verified)?;
/// assert_eq!(sighting.id(), &verified.unsigned().id());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sighting {
    pub(super) sender: [u8; 32],
    pub(super) id: MessageId,
    pub(super) digest: [u8; 32],
    pub(super) timestamp: Timestamp,
    pub(super) nonce: Option<[u8; 16]>,
    sent_at: Option<Timestamp>,
    /// The earlier of the signed and the unsigned one.
    expires_at: Option<Timestamp>,
    signed_expiry: Option<Timestamp>,
    pub(super) share: Share,
}

impl Sighting {
    /// What identifies a verified message.
    ///
    /// # Errors
    /// When its freshness block does not obey its grammar: it is not taken for an absent one.
    pub fn of(message: &Verified<Message>) -> Result<Self, MessageError> {
        let freshness = message.payload().freshness()?;
        Ok(Self {
            sender: *message.key().fingerprint().as_bytes(),
            digest: message.signing_digest(),
            nonce: freshness.map(|freshness| *freshness.nonce()),
            ..Self::unproven(message)?
        })
    }

    /// The id and the times of a message that nobody vouches for.
    pub(super) fn unproven(message: &Message) -> Result<Self, MessageError> {
        let freshness = message.payload().freshness()?;
        let unsigned = message.unsigned();
        let signed_expiry = freshness.and_then(|freshness| freshness.expires_at());
        Ok(Self {
            sender: [0; 32],
            id: unsigned.id(),
            digest: [0; 32],
            timestamp: unsigned.timestamp(),
            nonce: None,
            sent_at: freshness.map(|freshness| freshness.sent_at()),
            expires_at: signed_expiry.into_iter().chain(unsigned.expires_at()).min(),
            signed_expiry,
            share: Share::Whole,
        })
    }

    /// The one text that all spellings of the id share: deployed stores write `msg_` ids with hyphens too.
    pub(super) fn id_key(&self) -> Box<str> {
        id_key(&self.id)
    }

    pub(super) const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// When the sender says, under its signature, that it wrote the message.
    pub(super) const fn signed_at(&self) -> Option<Timestamp> {
        self.sent_at
    }

    /// Eight bytes that no other message shares but by chance: two of equal content have different ids.
    pub(super) fn short_name(&self) -> [u8; 8] {
        let digest = Sha256::new().chain_update(self.sender).chain_update(self.digest);
        let digest = digest.chain_update(&*self.id_key()).finalize();
        let mut name = [0; 8];
        for (slot, byte) in name.iter_mut().zip(digest) {
            *slot = byte;
        }
        name
    }

    /// Says out of which share the message is remembered.
    pub(super) fn in_share(self, share: Share) -> Self {
        Self { share, ..self }
    }

    pub(super) fn place(&self) -> Place {
        Place { sender: self.sender, id: self.id_key(), digest: self.digest }
    }

    /// Whether the message was signed long before it was handed over: honest delay, or a replay of one that never came.
    pub(super) fn is_delayed(&self, via: Via, now: Timestamp, policy: &ClockPolicy) -> bool {
        let arrival = match via {
            Via::Direct => now,
            Via::Relay { queued_at } => queued_at,
            Via::Store => self.timestamp,
        };
        self.sent_at.is_some_and(|sent_at| sent_at < arrival.saturating_sub(policy.max_age()))
    }

    /// A message known by its parts: the key that signed it, its id, the SHA-256 of its signing string, its stamp. It
    /// carries no freshness block and does not expire.
    #[must_use]
    pub fn new(sender: &Fingerprint, id: MessageId, digest: [u8; 32], timestamp: Timestamp) -> Self {
        let sender = *sender.as_bytes();
        Self {
            sender,
            id,
            digest,
            timestamp,
            nonce: None,
            sent_at: None,
            expires_at: None,
            signed_expiry: None,
            share: Share::Whole,
        }
    }

    /// Adds the nonce and the time that the sender has signed.
    #[must_use]
    pub const fn with_nonce(mut self, nonce: [u8; 16], sent_at: Timestamp) -> Self {
        self.nonce = Some(nonce);
        self.sent_at = Some(sent_at);
        self
    }

    /// Adds when the message expires: the earlier of the signed and the unsigned time. Only what is signed, and so comes
    /// with a nonce, lengthens the time for which the message is remembered.
    #[must_use]
    pub const fn with_expiry(mut self, expires_at: Timestamp) -> Self {
        self.expires_at = Some(expires_at);
        self.signed_expiry = Some(expires_at);
        self
    }

    /// The message's id.
    #[must_use]
    pub const fn id(&self) -> &MessageId {
        &self.id
    }

    /// Judges the message's times, for the way on which it came: what is over by the high-water mark, and what is still
    /// to come by the host's clock.
    pub(super) fn check_times(
        &self,
        via: Via,
        clock: Clock,
        host: Timestamp,
        policy: &ClockPolicy,
    ) -> Result<(), Refusal> {
        let now = clock.judged(host);
        self.check_expiry(now)?;
        let latest = host.saturating_add(policy.max_ahead());
        if self.timestamp > latest {
            return Err(ahead("envelope.timestamp"));
        }
        if self.sent_at.is_some_and(|sent_at| sent_at > latest) {
            return Err(ahead("payload.context.amp.sent_at"));
        }
        // What was signed before all that is remembered may have been seen and forgotten.
        let horizon = now.saturating_sub(HORIZON);
        if self.sent_at.is_some_and(|sent_at| sent_at < horizon) {
            return Err(too_old(
                "payload.context.amp.sent_at",
                "the memory of replays does not reach so far back",
            ));
        }
        let oldest = |arrival: Timestamp| arrival.saturating_sub(policy.max_age());
        match via {
            Via::Direct if self.timestamp < oldest(now) => Err(too_old(
                "envelope.timestamp",
                "a message that is delivered directly is at most 5 minutes old",
            )),
            Via::Relay { queued_at } if queued_at > latest => Err(ahead("queued_at")),
            Via::Relay { queued_at } if queued_at < horizon => {
                Err(too_old("queued_at", "a queue keeps a message for 7 days"))
            }
            Via::Relay { queued_at } if self.timestamp < oldest(queued_at) => {
                Err(too_old("envelope.timestamp", "a message is at most 5 minutes old when it is queued"))
            }
            Via::Store if self.timestamp < horizon => {
                Err(too_old("envelope.timestamp", "the memory of replays does not reach so far back"))
            }
            Via::Direct | Via::Relay { .. } | Via::Store => Ok(()),
        }
    }

    pub(super) fn check_expiry(&self, now: Timestamp) -> Result<(), Refusal> {
        if self.expires_at.is_some_and(|expires_at| now > expires_at) { Err(EXPIRED) } else { Ok(()) }
    }

    /// How long the message has to be remembered.
    pub(super) fn keep_until(&self, now: Timestamp) -> Timestamp {
        let signed_life = self.signed_expiry.filter(|_| self.nonce.is_some());
        let own_life = signed_life.unwrap_or(now).min(now.saturating_add(MOST_RETENTION));
        now.saturating_add(RETENTION).max(own_life)
    }
}

const EXPIRED: Refusal =
    Refusal::new(RefusalReason::Expired, "expires_at", "a message is not accepted after its time");

const fn ahead(field: &'static str) -> Refusal {
    Refusal::new(
        RefusalReason::TimestampFuture,
        field,
        "a stamp is at most 60 seconds ahead of the receiver's clock",
    )
}

const fn too_old(field: &'static str, rule: &'static str) -> Refusal {
    Refusal::new(RefusalReason::TimestampExpired, field, rule)
}

/// The one text that all spellings of an id share: deployed stores write `msg_` ids with hyphens too.
pub(super) fn id_key(id: &MessageId) -> Box<str> {
    let text = id.as_str();
    if text.starts_with("msg_") || text.starts_with("msg-") {
        text.replace('-', "_").into()
    } else {
        text.into()
    }
}
