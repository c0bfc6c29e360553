//! What was handed out and is not acknowledged yet, and what was acknowledged lately (delivery, pick-up).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::collections::{BTreeMap, VecDeque};
use core::time::Duration;

use amp_envelope::{MessageId, Timestamp};
use sha2::{Digest as _, Sha256};

use super::call::Ticket;
use super::clock::Deadline;

/// Most messages that are with the host and not acknowledged. No more are fetched until it has done with some.
pub(super) const WAITING_MAX: usize = 1_000;
/// Most acknowledged ids that are remembered.
const DONE_MAX: usize = 1_000;
/// How often an id is acknowledged again that the provider goes on to hand out.
const AGAIN_MAX: u8 = 3;

/// A message by what it says: an id can be given to another one.
type Mark = [u8; 16];

/// Memory of at most 2,000 ids.
#[derive(Debug)]
pub(super) struct HandedOut {
    known: BTreeMap<MessageId, Entry>,
    done: VecDeque<MessageId>,
    waiting: usize,
    patience: Duration,
}

#[derive(Debug)]
struct Entry {
    mark: Mark,
    standing: Standing,
}

#[derive(Debug)]
enum Standing {
    /// With the host, which may have dropped it once this is due.
    Handed(Deadline),
    /// The host has stored it, the provider has not heard of that.
    Acknowledging,
    /// The provider has.
    Done { at: Ticket, again: u8 },
}

/// What to do with a message that the provider hands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// Hand it out.
    New,
    /// The host has it.
    Known,
    /// It was acknowledged, and the provider hands it out all the same: acknowledge it again.
    AcknowledgeAgain,
    /// The same, once too often.
    Stubborn,
}

impl HandedOut {
    /// What is not acknowledged within `patience` is handed out again.
    pub(super) const fn new(patience: Duration) -> Self {
        Self { known: BTreeMap::new(), done: VecDeque::new(), waiting: 0, patience }
    }

    pub(super) fn has_room(&self) -> bool {
        self.waiting < WAITING_MAX
    }

    /// How many are with the host or on their way to be acknowledged.
    pub(super) const fn waiting(&self) -> usize {
        self.waiting
    }

    /// Takes note of a message in the answer to a call.
    pub(super) fn see(&mut self, id: &MessageId, bytes: &[u8], call: Ticket, now: Timestamp) -> Sight {
        let mark = mark_of(bytes);
        let handed = Standing::Handed(Deadline::after(self.patience, now));
        let Some(entry) = self.known.get_mut(id) else {
            self.known.insert(id.clone(), Entry { mark, standing: handed });
            self.waiting = self.waiting.saturating_add(1);
            return Sight::New;
        };
        match &mut entry.standing {
            Standing::Handed(_) | Standing::Acknowledging if entry.mark == mark => Sight::Known,
            Standing::Handed(_) => {
                *entry = Entry { mark, standing: handed };
                Sight::New
            }
            Standing::Acknowledging => Sight::Known,
            // The answer may have been written before the acknowledgement arrived.
            Standing::Done { at, .. } if call <= *at => Sight::Known,
            Standing::Done { .. } if entry.mark != mark => {
                *entry = Entry { mark, standing: handed };
                self.done.retain(|other| other != id);
                self.waiting = self.waiting.saturating_add(1);
                Sight::New
            }
            Standing::Done { again, .. } => {
                *again = again.saturating_add(1);
                match *again {
                    ..=AGAIN_MAX => Sight::AcknowledgeAgain,
                    _ => Sight::Stubborn,
                }
            }
        }
    }

    /// The host has stored it.
    pub(super) fn acknowledging(&mut self, id: &MessageId) {
        match self.known.get_mut(id) {
            Some(entry) if matches!(entry.standing, Standing::Done { .. }) => {}
            Some(entry) => entry.standing = Standing::Acknowledging,
            // It came another way.
            None => {
                let entry = Entry { mark: Mark::default(), standing: Standing::Acknowledging };
                self.known.insert(id.clone(), entry);
                self.waiting = self.waiting.saturating_add(1);
            }
        }
    }

    /// The provider has forgotten it, or will never do so. `at` is the last call so far.
    pub(super) fn done(&mut self, id: &MessageId, at: Ticket) {
        let Some(entry) = self.known.get_mut(id) else { return };
        if let Standing::Done { at: before, .. } = &mut entry.standing {
            *before = at;
            return;
        }
        entry.standing = Standing::Done { at, again: 0 };
        self.waiting = self.waiting.saturating_sub(1);
        self.done.push_back(id.clone());
        if self.done.len() > DONE_MAX
            && let Some(oldest) = self.done.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// Forgets what the host has had for too long. It is handed out again when the provider lists it.
    pub(super) fn give_up(&mut self, now: Timestamp) -> bool {
        let before = self.known.len();
        self.known.retain(|_, entry| match &mut entry.standing {
            Standing::Handed(deadline) => {
                deadline.hold(now);
                !deadline.is_due(now)
            }
            _ => true,
        });
        let dropped = before.saturating_sub(self.known.len());
        self.waiting = self.waiting.saturating_sub(dropped);
        dropped > 0
    }

    /// When the first message is given up that the host has.
    pub(super) fn next_timeout(&self) -> Option<Timestamp> {
        let deadlines = self.known.values().filter_map(|entry| match &entry.standing {
            Standing::Handed(deadline) => Some(deadline.at()),
            _ => None,
        });
        deadlines.min()
    }
}

fn mark_of(bytes: &[u8]) -> Mark {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    digest.first_chunk().copied().unwrap_or_default()
}
