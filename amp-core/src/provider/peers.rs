//! What a provider knows of others only while it runs: answers that hold, and attempts under way (federation).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use amp_address::Provider as Domain;
use amp_envelope::Timestamp;

use super::clock::Running;
use super::decision::Plan;
use super::live::Change;
use super::number::MessageNumber;
use crate::federation::{Discovery, Lesson};

/// When attempts are made, counted from the first.
const ATTEMPTS: [Duration; 3] = [Duration::ZERO, Duration::from_secs(30), Duration::from_secs(120)];
/// How many attempts are made.
pub(super) const ATTEMPTS_MAX: u8 = 3;
/// How long answers to questions about a provider are waited for, and how long an attempt takes at most.
const PATIENCE: Duration = Duration::from_secs(20);

/// How far a message has come that is to be forwarded.
#[derive(Clone, Debug)]
pub(super) enum Stage {
    /// Its next attempt is due.
    Waiting,
    /// Its provider is being looked up for this attempt.
    Asking,
    /// It is being sent.
    Sending,
}

/// A message that is to be forwarded.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub(super) provider: Domain,
    pub(super) stage: Stage,
    /// The first attempt was made at this moment.
    began: Running,
    due: Running,
}

/// A change of what is known while running.
#[derive(Debug)]
pub(super) enum PeerChange {
    /// A source has answered.
    Learned(Box<Lesson>),
    /// A message was exchanged with a provider.
    Exchanged(Box<Lesson>),
    /// A source has answered, and nothing is remembered of it.
    Answered(Domain),
    /// So many questions about a provider were asked.
    Asked(Domain, usize),
    /// A message waits for its next attempt, of which so many were made.
    Waits(MessageNumber, Domain, u8),
    /// A message waits until its provider is looked up.
    Asks(MessageNumber),
    /// A message is being sent.
    Sends(MessageNumber),
    /// A message does not wait any more.
    Ended(MessageNumber),
}

/// Other providers, as far as they are known, and the messages for them.
#[derive(Debug, Default)]
pub(super) struct Peers {
    pub(super) discovery: Discovery,
    attempts: BTreeMap<MessageNumber, Attempt>,
    due: BTreeSet<(Running, MessageNumber)>,
    /// How many questions about a provider are open, and until when their answers are waited for.
    asked: BTreeMap<Domain, (usize, Running)>,
}

impl Peers {
    pub(super) fn attempt(&self, message: MessageNumber) -> Option<&Attempt> {
        self.attempts.get(&message)
    }

    pub(super) fn next_due(&self) -> Option<Running> {
        self.due.first().map(|(due, _)| *due)
    }

    /// The messages for which something is to be done: their attempt is due, or took too long.
    pub(super) fn due(&self, now: Running, most: usize) -> Vec<MessageNumber> {
        let due = self.due.iter().take_while(|(due, _)| *due <= now);
        due.take(most).map(|(_, message)| *message).collect()
    }

    /// Whether answers about a provider are waited for. A question that the host lost is asked again.
    pub(super) fn is_asking(&self, provider: &Domain, now: Running) -> bool {
        self.asked.get(provider).is_some_and(|(_, until)| now < *until)
    }

    /// Takes up what was waiting when the provider stopped.
    pub(super) fn resume(&mut self, message: MessageNumber, provider: Domain) {
        self.wait(message, provider, Running::default(), Running::default());
    }

    pub(super) fn apply(&mut self, change: PeerChange, now: Running) {
        match change {
            PeerChange::Learned(lesson) => {
                let provider = lesson.provider().clone();
                self.discovery.apply(*lesson);
                self.answered(&provider, now);
            }
            PeerChange::Exchanged(lesson) => self.discovery.apply(*lesson),
            PeerChange::Answered(provider) => self.answered(&provider, now),
            PeerChange::Asked(provider, count) => {
                self.asked.retain(|_, (_, until)| now < *until);
                let (open, until) = self.asked.entry(provider).or_default();
                (*open, *until) = (open.saturating_add(count), now.plus(PATIENCE));
            }
            PeerChange::Waits(message, provider, made) => {
                let began = self.attempts.get(&message).map_or(now, |attempt| attempt.began);
                let after = ATTEMPTS.get(usize::from(made)).copied().unwrap_or_default();
                // A restart forgets when the first attempt was: no attempt comes before its time after it.
                self.wait(message, provider, began, began.plus(after).max(now));
            }
            PeerChange::Asks(message) => self.set(message, Stage::Asking, now.plus(PATIENCE)),
            PeerChange::Sends(message) => self.set(message, Stage::Sending, now.plus(PATIENCE)),
            PeerChange::Ended(message) => self.end(message),
        }
    }

    /// A question was answered. When it was the last one, whoever waits for it goes on at once.
    fn answered(&mut self, provider: &Domain, now: Running) {
        if let Some((open, _)) = self.asked.get_mut(provider) {
            *open = open.saturating_sub(1);
            if *open > 0 {
                return;
            }
        }
        self.asked.remove(provider);
        let waiting = self
            .attempts
            .iter()
            .filter(|(_, attempt)| attempt.provider == *provider && matches!(attempt.stage, Stage::Asking));
        let waiting: Vec<MessageNumber> = waiting.map(|(message, _)| *message).collect();
        waiting.into_iter().for_each(|message| self.set(message, Stage::Asking, now));
    }

    fn wait(&mut self, message: MessageNumber, provider: Domain, began: Running, due: Running) {
        self.end(message);
        self.due.insert((due, message));
        self.attempts.insert(message, Attempt { provider, stage: Stage::Waiting, began, due });
    }

    fn set(&mut self, message: MessageNumber, stage: Stage, due: Running) {
        let Some(attempt) = self.attempts.get_mut(&message) else { return };
        self.due.remove(&(attempt.due, message));
        (attempt.stage, attempt.due) = (stage, due);
        self.due.insert((due, message));
    }

    fn end(&mut self, message: MessageNumber) {
        if let Some(attempt) = self.attempts.remove(&message) {
            self.due.remove(&(attempt.due, message));
        }
    }

    pub(super) fn advance(&mut self, now: Timestamp) {
        self.discovery.advance(now);
    }
}

impl Plan {
    pub(super) fn peer(&mut self, change: PeerChange) {
        self.changes.push(Change::Peer(Box::new(change)));
    }
}
