//! What was seen before: ids, nonces and contents, each under the key that signed it (trust, replay; freshness).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use amp_envelope::{QuarantineId, Timestamp};

use super::clock::{Clock, ClockPolicy};
use super::context::Via;
use super::quarantine::HELD;
use super::refusal::{Refusal, RefusalReason};
use super::replay_limits::{DOMAIN_FULL, MEMORY_FULL, ReplayLimits, SENDER_FULL, SHARE_FULL, Share};
use super::seen::{FirstOutcome, Place, Released, Seen, SenderMemory};
use super::sighting::{RETENTION, Sighting};

/// How many entries that are past their time are looked through for one of a domain.
const MOST_LOOKED_AT: usize = 1024;

/// What a [`ReplayMemory`] makes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sight {
    /// It was not seen before.
    First,
    /// Its content was, under another id and without a nonce: two equal messages, or a replay of one.
    EqualContent,
    /// It was not, as its nonce shows, but another message of the key was under this id. The nonce is signed, the id is
    /// not: whoever relays messages can give one the other's.
    IdConflict,
    /// It was seen before, and this became of it. Nothing is to be done but to say so.
    Duplicate(FirstOutcome),
}

/// The messages that were accepted, for as long as a replay of one could be.
///
/// Everything in it stands under the key that signed it, so no one can use up the ids of another. It is a part of a
/// [`Receiver`](super::Receiver); on its own it serves programs that verify for themselves.
///
/// ```
/// use amp_core::receive::{ClockPolicy, FirstOutcome, ReplayMemory, Sight, Sighting, Via};
/// use amp_core::{Identity, MessageId};
/// let key = Identity::from_seed(&[7; 32]).fingerprint();
/// let now = "2026-01-31T10:00:00Z".parse()?;
/// let sighting = Sighting::new(&key, MessageId::parse("msg_1_a")?, [0; 32], now);
///
/// let mut memory = ReplayMemory::new(ClockPolicy::default());
/// assert_eq!(memory.check(&sighting, Via::Direct, now)?, Sight::First);
/// memory.record(&memory.seen(&sighting, FirstOutcome::Delivered, now));
/// assert_eq!(memory.check(&sighting, Via::Direct, now)?, Sight::Duplicate(FirstOutcome::Delivered));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplayMemory {
    policy: ClockPolicy,
    limits: ReplayLimits,
    clock: Clock,
    senders: BTreeMap<[u8; 32], SenderMemory>,
    /// Every entry, the first to be forgotten first.
    expiry: BTreeSet<(Timestamp, Place)>,
    /// How many entries stand in the share of each domain.
    domains: BTreeMap<Box<str>, usize>,
}

impl ReplayMemory {
    /// An empty memory with the limits of [`ReplayLimits::default`].
    #[must_use]
    pub fn new(policy: ClockPolicy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// Sets how much is remembered.
    #[must_use]
    pub const fn with_limits(mut self, limits: ReplayLimits) -> Self {
        self.limits = limits;
        self
    }

    pub(super) const fn with_settings(mut self, policy: ClockPolicy, limits: ReplayLimits) -> Self {
        self.policy = policy;
        self.limits = limits;
        self
    }

    /// How many messages are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.expiry.len()
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.expiry.is_empty()
    }

    /// The latest time that counts for expiry; none before the first message.
    #[must_use]
    pub const fn clock(&self) -> Option<Timestamp> {
        self.clock.mark()
    }

    /// The time by which a message is judged that arrives at `now`: never earlier than what counted before.
    #[must_use]
    pub fn judged_at(&self, now: Timestamp) -> Timestamp {
        self.clock.judged(now)
    }

    /// Judges a message that was verified, without remembering it.
    ///
    /// What was seen comes first, so that a retry is answered as a duplicate however late it is.
    ///
    /// # Errors
    /// `id_conflict` and `content_replay` for what the key signed before; `expired`, `timestamp_expired` and
    /// `timestamp_future` for the times; `rate_limited` when there is no room.
    pub fn check(&self, sighting: &Sighting, via: Via, now: Timestamp) -> Result<Sight, Refusal> {
        let sender = self.senders.get(&sighting.sender);
        if let Some(entry) = sender.and_then(|sender| sender.get(sighting.id_key(), sighting.digest)) {
            return Ok(Sight::Duplicate(entry.outcome.clone()));
        }
        if sighting.nonce.is_some_and(|nonce| sender.is_some_and(|sender| sender.has_nonce(&nonce))) {
            return Err(NONCE_SEEN);
        }
        let is_id_taken = sender.is_some_and(|sender| sender.has_id(sighting.id_key()));
        if is_id_taken && sighting.nonce.is_none() {
            return Err(ID_TAKEN);
        }
        self.check_times(sighting, via, now)?;
        self.make_room(sighting, self.clock.judged(now))?;
        Ok(if is_id_taken {
            Sight::IdConflict
        } else if sender.is_some_and(|sender| sender.has_content(sighting)) {
            Sight::EqualContent
        } else {
            Sight::First
        })
    }

    /// What became of a message that is in a store already; none when that is forgotten, or never was known.
    ///
    /// # Errors
    /// `content_replay` for a message under another id than the one with which its nonce came.
    pub(super) fn outcome_of(&self, sighting: &Sighting) -> Result<Option<&FirstOutcome>, Refusal> {
        let Some(sender) = self.senders.get(&sighting.sender) else { return Ok(None) };
        if let Some(entry) = sender.get(sighting.id_key(), sighting.digest) {
            return Ok(Some(&entry.outcome));
        }
        if sighting.nonce.is_some_and(|nonce| sender.has_nonce(&nonce)) {
            return Err(NONCE_SEEN);
        }
        let mut equals = sender.equals(sighting.digest).map(|(_, entry)| &entry.outcome);
        let delivered = equals.clone().find(|outcome| **outcome == FirstOutcome::Delivered);
        Ok(delivered.or_else(|| equals.next()))
    }

    /// Judges the times of a message alone.
    pub(super) fn check_times(&self, sighting: &Sighting, via: Via, now: Timestamp) -> Result<(), Refusal> {
        sighting.check_times(via, self.clock, now, &self.policy)
    }

    /// Whether the message was signed long before it was handed over.
    pub(super) fn is_delayed(&self, sighting: &Sighting, via: Via, now: Timestamp) -> bool {
        sighting.is_delayed(via, self.clock.judged(now), &self.policy)
    }

    /// What has to be forgotten for one more message: never anything that could be replayed, and one for one, so that
    /// a clock that is far ahead empties no memory.
    fn make_room(&self, sighting: &Sighting, now: Timestamp) -> Result<Vec<Place>, Refusal> {
        let (limits, mut freed) = (self.limits, Vec::new());
        let place = |(id, digest): (&str, &[u8; 32])| Place {
            sender: sighting.sender,
            id: id.into(),
            digest: *digest,
        };
        if let Some(sender) = self.senders.get(&sighting.sender) {
            let surplus = sender.surplus(sighting).map(|id| (id, &sighting.digest));
            if surplus.is_some() {
                freed.extend(surplus.map(place));
            } else if sender.len() >= limits.per_sender() {
                let (id, digest) = sender.first_lapsed(now).ok_or(SENDER_FULL)?;
                freed.push(place((id, digest)));
            }
        }
        if let Share::Domain { name, is_first_seen } = &sighting.share
            && !freed.iter().any(|place| self.domain_of(place) == Some(&**name))
        {
            let of_all = if *is_first_seen { limits.of_first_seen() } else { limits.of_unconfirmed() };
            if self.domains.get(name).is_some_and(|held| *held >= limits.per_domain()) {
                freed.push(self.first_lapsed_of(name, now).ok_or(DOMAIN_FULL)?.clone());
            } else if freed.is_empty() && self.len() >= of_all {
                freed.push(self.first_lapsed(now).ok_or(SHARE_FULL)?.clone());
            }
        }
        if freed.is_empty() && self.len() >= limits.total() {
            freed.push(self.first_lapsed(now).ok_or(MEMORY_FULL)?.clone());
        }
        Ok(freed)
    }

    fn domain_of(&self, place: &Place) -> Option<&str> {
        let sender = self.senders.get(&place.sender)?;
        sender.get(place.id.clone(), place.digest)?.domain.as_deref()
    }

    fn lapsed(&self, now: Timestamp) -> impl Iterator<Item = &Place> {
        self.expiry.iter().take_while(move |(keep_until, _)| *keep_until < now).map(|(_, place)| place)
    }

    fn first_lapsed(&self, now: Timestamp) -> Option<&Place> {
        self.lapsed(now).next()
    }

    /// What is past its time first in the share of a domain; else what is past its time at all, for the mark to follow.
    fn first_lapsed_of(&self, domain: &str, now: Timestamp) -> Option<&Place> {
        let mut looked_at = self.lapsed(now).take(MOST_LOOKED_AT);
        looked_at.find(|place| self.domain_of(place) == Some(domain)).or_else(|| self.first_lapsed(now))
    }

    /// The id under which an equal content is held already, and waits for a person.
    pub(super) fn held_equal(&self, sighting: &Sighting, now: Timestamp) -> Option<FirstOutcome> {
        let sender = self.senders.get(&sighting.sender).filter(|_| sighting.nonce.is_none())?;
        // What has no nonce has no signed life either, and is kept for the same time.
        let held_since = self.clock.judged(now).saturating_add(RETENTION.saturating_sub(HELD));
        let mut equals = sender.equals(sighting.digest).rev().map(|(_, entry)| entry);
        equals
            .find(|entry| {
                entry.keep_until >= held_since && matches!(entry.outcome, FirstOutcome::Quarantined(_))
            })
            .map(|entry| entry.outcome.clone())
    }

    /// Whether a message is held under this quarantine id, and was not released.
    pub(super) fn is_held(&self, sighting: &Sighting, held: &QuarantineId) -> bool {
        let sender = self.senders.get(&sighting.sender);
        let entry = sender.and_then(|sender| sender.get(sighting.id_key(), sighting.digest));
        entry.is_some_and(|entry| entry.outcome == FirstOutcome::Quarantined(held.clone()))
    }

    pub(super) fn release(&mut self, released: &Released) {
        if let Some(sender) = self.senders.get_mut(&released.message.sender) {
            sender.release(released);
        }
    }

    /// What has to be made durable when the message is accepted, or refused for what it says.
    #[must_use]
    pub fn seen(&self, sighting: &Sighting, outcome: FirstOutcome, now: Timestamp) -> Seen {
        let judged = self.clock.judged(now);
        Seen {
            sender: sighting.sender,
            id: sighting.id.clone(),
            digest: sighting.digest,
            nonce: sighting.nonce,
            keep_until: sighting.keep_until(judged),
            clock: self.clock.following(now, self.policy.step()),
            outcome,
            domain: sighting.share.domain().map(Box::from),
            instead_of: self.make_room(sighting, judged).unwrap_or_default(),
        }
    }

    /// Remembers a message, and forgets those that are past their time. What is remembered already stays as it is.
    pub fn record(&mut self, seen: &Seen) {
        self.set_clock(self.clock.judged(seen.clock));
        self.forget_before(seen.clock);
        let place = seen.place();
        if self
            .senders
            .get(&seen.sender)
            .is_some_and(|sender| sender.get(place.id.clone(), place.digest).is_some())
        {
            return;
        }
        seen.instead_of.iter().for_each(|place| self.forget(place));
        self.senders.entry(seen.sender).or_default().remember(seen);
        self.expiry.insert((seen.keep_until, place));
        if let Some(domain) = &seen.domain {
            let held = self.domains.entry(domain.clone()).or_default();
            *held = held.saturating_add(1);
        }
    }

    /// Forgets what is past its time at `until`.
    fn forget_before(&mut self, until: Timestamp) {
        while let Some((_, place)) =
            self.expiry.first().filter(|(keep_until, _)| *keep_until < until).cloned()
        {
            self.forget(&place);
        }
    }

    fn forget(&mut self, place: &Place) {
        let Some(sender) = self.senders.get_mut(&place.sender) else { return };
        let Some(entry) = sender.forget(place) else { return };
        if sender.is_empty() {
            self.senders.remove(&place.sender);
        }
        self.expiry.remove(&(entry.keep_until, place.clone()));
        if let Some(domain) = entry.domain
            && let Some(held) = self.domains.get_mut(&domain)
        {
            *held = held.saturating_sub(1);
            if *held == 0 {
                self.domains.remove(&domain);
            }
        }
    }

    pub(super) const fn set_clock(&mut self, mark: Timestamp) {
        self.clock.set(mark);
    }

    /// The entries as they would have to be recorded to get the same memory.
    pub(super) fn entries(&self) -> impl Iterator<Item = Seen> {
        self.senders.iter().flat_map(|(sender, memory)| memory.to_seen(*sender))
    }
}

const NONCE_SEEN: Refusal =
    Refusal::new(RefusalReason::ContentReplay, "payload.context.amp.nonce", "a sender uses a nonce once");
const ID_TAKEN: Refusal =
    Refusal::new(RefusalReason::IdConflict, "envelope.id", "a sender uses an id for one message");
