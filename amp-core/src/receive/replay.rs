//! What was seen before: ids, nonces and contents, each under the key that signed it (trust, replay; freshness).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};

use amp_envelope::{MessageId, QuarantineId, Timestamp};
use serde::{Deserialize, Serialize};

use super::clock::{Clock, ClockPolicy};
use super::codec;
use super::context::Via;
use super::refusal::{Refusal, RefusalReason};
use super::sighting::{Sighting, id_key};

/// How much a [`ReplayMemory`] holds. What does not fit is refused: nothing that counts is forgotten to make room.
///
/// ```
/// use amp_core::receive::ReplayLimits;
/// let limits = ReplayLimits::default().with_total(1_000_000);
/// assert_eq!((limits.per_sender(), limits.total()), (16_384, 1_000_000));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayLimits {
    per_sender: usize,
    total: usize,
}

impl Default for ReplayLimits {
    fn default() -> Self {
        Self { per_sender: 16_384, total: 262_144 }
    }
}

impl ReplayLimits {
    /// Most messages that are remembered of one key: 16,384 by default, a message every 37 seconds for a week.
    #[must_use]
    pub const fn per_sender(&self) -> usize {
        self.per_sender
    }

    /// Most messages that are remembered of all keys together: 262,144 by default, about 100 MiB. A receiver takes
    /// messages of keys that are only first seen until half of it is used.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.total
    }

    /// Sets how many messages of one key are remembered.
    #[must_use]
    pub const fn with_per_sender(mut self, messages: usize) -> Self {
        self.per_sender = messages;
        self
    }

    /// Sets how many messages are remembered.
    #[must_use]
    pub const fn with_total(mut self, messages: usize) -> Self {
        self.total = messages;
        self
    }
}

/// What became of a message when it was first seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FirstOutcome {
    /// It was delivered.
    Delivered,
    /// It was held, under this id.
    Quarantined(QuarantineId),
}

/// A message that was accepted, as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    #[serde(with = "codec")]
    sender: [u8; 32],
    id: MessageId,
    #[serde(with = "codec")]
    digest: [u8; 32],
    #[serde(default, skip_serializing_if = "Option::is_none", with = "codec::optional")]
    nonce: Option<[u8; 16]>,
    keep_until: Timestamp,
    /// The receiver's high-water mark afterwards.
    clock: Timestamp,
    /// Where room was needed: what had to be remembered until an earlier time than this is forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    forget: Option<Timestamp>,
    outcome: FirstOutcome,
}

impl Seen {
    /// The message's id.
    #[must_use]
    pub const fn id(&self) -> &MessageId {
        &self.id
    }

    /// What became of it.
    #[must_use]
    pub const fn outcome(&self) -> &FirstOutcome {
        &self.outcome
    }

    /// Until when it is remembered.
    #[must_use]
    pub const fn keep_until(&self) -> Timestamp {
        self.keep_until
    }
}

/// What a [`ReplayMemory`] makes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sight {
    /// It was not seen before.
    First,
    /// Its content was, under another id and without a nonce: two equal messages, or a replay of one.
    EqualContent,
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
    expiry: BTreeSet<(Timestamp, [u8; 32], Box<str>)>,
}

/// What is remembered of one key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct SenderMemory {
    by_id: BTreeMap<Box<str>, Entry>,
    nonces: BTreeSet<[u8; 16]>,
    /// Contents without a nonce, and under how many ids each stands.
    contents: BTreeMap<[u8; 32], usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    id: MessageId,
    digest: [u8; 32],
    nonce: Option<[u8; 16]>,
    keep_until: Timestamp,
    outcome: FirstOutcome,
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
        if let Some(entry) = sender.and_then(|sender| sender.by_id.get(&*sighting.id_key())) {
            return if entry.digest == sighting.digest {
                Ok(Sight::Duplicate(entry.outcome.clone()))
            } else {
                Err(Refusal::new(
                    RefusalReason::IdConflict,
                    "envelope.id",
                    "a sender uses an id for one message",
                ))
            };
        }
        let known_nonce = |nonce| sender.is_some_and(|sender| sender.nonces.contains(nonce));
        if sighting.nonce.as_ref().is_some_and(known_nonce) {
            return Err(Refusal::new(
                RefusalReason::ContentReplay,
                "payload.context.amp.nonce",
                "a sender uses a nonce once",
            ));
        }
        self.check_times(sighting, via, now)?;
        self.check_room(sender, self.clock.judged(now))?;
        let is_known = sender.is_some_and(|sender| sender.contents.contains_key(&sighting.digest));
        Ok(if sighting.nonce.is_none() && is_known { Sight::EqualContent } else { Sight::First })
    }

    /// Judges the times of a message alone.
    pub(super) fn check_times(&self, sighting: &Sighting, via: Via, now: Timestamp) -> Result<(), Refusal> {
        sighting.check_times(via, self.clock, now, &self.policy)
    }

    /// Whether one more message of a sender fits, once what is past its time at `now` is forgotten.
    fn check_room(&self, sender: Option<&SenderMemory>, now: Timestamp) -> Result<(), Refusal> {
        let limits = self.limits;
        if sender.is_some_and(|sender| sender.by_id.len() >= limits.per_sender) {
            let held = sender.map_or(0, |sender| {
                sender.by_id.values().filter(|entry| entry.keep_until >= now).take(limits.per_sender).count()
            });
            if held >= limits.per_sender {
                return Err(Refusal::new(
                    RefusalReason::SenderQuota,
                    "envelope.from",
                    "no more messages of this key can be remembered now",
                ));
            }
        }
        let has_past = self.expiry.first().is_some_and(|(keep_until, ..)| *keep_until < now);
        if self.len() >= limits.total && !has_past {
            return Err(Refusal::new(
                RefusalReason::MemoryFull,
                "envelope.id",
                "no more messages can be remembered now",
            ));
        }
        Ok(())
    }

    /// Whether there is room for a stranger: keys can be made up, so half of the memory is for those that are known.
    pub(super) fn check_room_of_strangers(&self, now: Timestamp) -> Result<(), Refusal> {
        let now = self.clock.judged(now);
        let has_past = self.expiry.first().is_some_and(|(keep_until, ..)| *keep_until < now);
        if self.len() >= self.limits.total.div_ceil(2) && !has_past {
            return Err(Refusal::new(
                RefusalReason::MemoryFull,
                "envelope.from",
                "no more messages of strangers can be remembered now",
            ));
        }
        Ok(())
    }

    /// What has to be made durable when the message is accepted.
    #[must_use]
    pub fn seen(&self, sighting: &Sighting, outcome: FirstOutcome, now: Timestamp) -> Seen {
        Seen {
            sender: sighting.sender,
            id: sighting.id.clone(),
            digest: sighting.digest,
            nonce: sighting.nonce,
            keep_until: sighting.keep_until(self.clock.judged(now)),
            clock: self.clock.following(now, self.policy.step()),
            forget: self.is_at_a_limit(sighting).then(|| self.clock.judged(now)),
            outcome,
        }
    }

    /// Whether the memory is at a limit, so that what is past its time has to be forgotten before the next message is
    /// remembered.
    fn is_at_a_limit(&self, sighting: &Sighting) -> bool {
        let of_sender = self.senders.get(&sighting.sender).map_or(0, |sender| sender.by_id.len());
        of_sender >= self.limits.per_sender || self.len() >= self.limits.total
    }

    /// Remembers a message, and forgets those that are past their time. What is remembered already stays as it is.
    pub fn record(&mut self, seen: &Seen) {
        self.set_clock(self.clock.judged(seen.clock));
        self.forget_before(seen.forget.unwrap_or(seen.clock));
        let sender = self.senders.entry(seen.sender).or_default();
        let key = id_key(&seen.id);
        if !sender.by_id.contains_key(&key) {
            sender.remember(seen, key.clone());
            self.expiry.insert((seen.keep_until, seen.sender, key));
        }
    }

    /// Forgets what is past its time at `until`.
    fn forget_before(&mut self, until: Timestamp) {
        while self.expiry.first().is_some_and(|(keep_until, ..)| *keep_until < until) {
            let Some((_, sender, id)) = self.expiry.pop_first() else { return };
            if let Some(memory) = self.senders.get_mut(&sender) {
                memory.forget(&id);
                if memory.by_id.is_empty() {
                    self.senders.remove(&sender);
                }
            }
        }
    }

    pub(super) const fn set_clock(&mut self, mark: Timestamp) {
        self.clock.set(mark);
    }

    /// The entries as they would have to be recorded to get the same memory.
    pub(super) fn entries(&self) -> impl Iterator<Item = Seen> {
        let clock = self.clock.mark();
        self.senders.iter().flat_map(move |(sender, memory)| {
            memory.by_id.values().map(move |entry| Seen {
                sender: *sender,
                id: entry.id.clone(),
                digest: entry.digest,
                nonce: entry.nonce,
                keep_until: entry.keep_until,
                clock: clock.unwrap_or(Timestamp::MIN),
                forget: Some(Timestamp::MIN),
                outcome: entry.outcome.clone(),
            })
        })
    }
}

impl SenderMemory {
    fn remember(&mut self, seen: &Seen, key: Box<str>) {
        match seen.nonce {
            Some(nonce) => {
                self.nonces.insert(nonce);
            }
            None => {
                let ids = self.contents.entry(seen.digest).or_default();
                *ids = ids.saturating_add(1);
            }
        }
        let entry = Entry {
            id: seen.id.clone(),
            digest: seen.digest,
            nonce: seen.nonce,
            keep_until: seen.keep_until,
            outcome: seen.outcome.clone(),
        };
        self.by_id.insert(key, entry);
    }

    fn forget(&mut self, id: &str) {
        let Some(entry) = self.by_id.remove(id) else { return };
        match entry.nonce {
            Some(nonce) => {
                self.nonces.remove(&nonce);
            }
            None => {
                let left = self.contents.get_mut(&entry.digest).map_or(0, |ids| {
                    *ids = ids.saturating_sub(1);
                    *ids
                });
                if left == 0 {
                    self.contents.remove(&entry.digest);
                }
            }
        }
    }
}
