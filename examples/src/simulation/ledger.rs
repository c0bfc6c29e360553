//! What may be said of every message of a run, and what happened in it, counted.

use std::collections::BTreeMap;

use amp_core::JsonValue;

use super::pool::{MESSAGES, POOL, Pool, pair_of};

/// What happened, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Runs.
    pub runs: u64,
    /// Messages that a client began to send.
    pub sent: u64,
    /// Of these, messages that the provider said it had delivered or queued.
    pub accepted: u64,
    /// Messages that a recipient stored and showed.
    pub shown: u64,
    /// Messages that the provider's rule let expire before they were shown.
    pub expired: u64,
    /// Messages that were still in the queue at the end, because the provider's clock was wrong when it stamped them.
    pub waiting: u64,
    /// Messages that a provider lost or destroyed: acknowledged by itself, or handed out in another's place.
    pub lost_by_provider: u64,
    /// Messages that came again and were recognized.
    pub duplicates: u64,
    /// Messages that were refused: forged, altered, stamped wrongly, or seen under another id.
    pub refused: u64,
    /// Acknowledgements that a provider acted on.
    pub acknowledged: u64,
    /// Sockets that were opened.
    pub connections: u64,
    /// Sockets that broke.
    pub disconnects: u64,
    /// Requests, answers and frames that the network lost.
    pub dropped: u64,
    /// Requests that the network delivered twice.
    pub duplicated: u64,
    /// Times when a client was cut off.
    pub partitions: u64,
    /// Clocks that jumped.
    pub clock_jumps: u64,
    /// Processes of clients that ended at any moment, and began again from what was stored.
    pub client_crashes: u64,
    /// The same of the provider.
    pub provider_crashes: u64,
    /// Things that a hostile provider did.
    pub lies: u64,
    /// Frames that waited because the host was slow.
    pub frames_held_back: u64,
    /// Things that happened in all.
    pub events: u64,
}

impl Counts {
    /// Adds those of other runs.
    pub fn add(&mut self, other: &Self) {
        for (sum, value) in self.all().into_iter().zip(other.values()) {
            *sum.1 += value.1;
        }
    }

    /// Name and number of each.
    #[must_use]
    pub fn values(&self) -> [(&'static str, u64); 21] {
        let mut copy = *self;
        copy.all().map(|(name, value)| (name, *value))
    }

    fn all(&mut self) -> [(&'static str, &mut u64); 21] {
        [
            ("runs", &mut self.runs),
            ("messages sent", &mut self.sent),
            ("accepted", &mut self.accepted),
            ("shown once", &mut self.shown),
            ("expired by rule", &mut self.expired),
            ("still waiting, stamped by a wrong clock", &mut self.waiting),
            ("lost by a provider's own doing", &mut self.lost_by_provider),
            ("duplicates recognized", &mut self.duplicates),
            ("refused", &mut self.refused),
            ("acknowledged", &mut self.acknowledged),
            ("connections", &mut self.connections),
            ("disconnects", &mut self.disconnects),
            ("packets dropped", &mut self.dropped),
            ("requests duplicated", &mut self.duplicated),
            ("partitions", &mut self.partitions),
            ("clock jumps", &mut self.clock_jumps),
            ("client crashes", &mut self.client_crashes),
            ("provider crashes", &mut self.provider_crashes),
            ("lies", &mut self.lies),
            ("frames held back", &mut self.frames_held_back),
            ("events", &mut self.events),
        ]
    }
}

/// What is known of one message.
#[derive(Clone, Copy, Debug, Default)]
struct Fate {
    sent: bool,
    /// The provider said so to the sender.
    accepted: bool,
    /// The recipient's store has it.
    shown: bool,
    /// The recipient refused it for good: it is somebody's forgery under this message's name.
    refused: bool,
    /// In how many queues' entries it stands, has stood, and has expired.
    queued: u32,
    expired: u32,
    acknowledged: u32,
    /// A provider destroyed it, or it was in hand, and nowhere else any more, when its client's process ended or could
    /// not take it.
    given_up: bool,
    /// The provider dropped it when it pushed it, as if that were an acknowledgement.
    dropped_when_pushed: bool,
    /// The recipient's process had it, since it last began.
    in_hand: bool,
    /// It was stamped while the provider's clock was wrong.
    stamped_wrongly: bool,
}

/// What was promised about each message, and whether it holds.
#[derive(Debug)]
pub(super) struct Ledger {
    fates: Vec<Fate>,
    /// The names that the provider gave.
    ids: BTreeMap<String, usize>,
    /// Messages that a client still has to bring to the provider.
    outgoing: usize,
    /// The provider keeps every promise, and its clock is never wrong.
    is_exact: bool,
    failure: Option<String>,
    pub(super) counts: Counts,
}

impl Ledger {
    pub(super) fn new(is_exact: bool) -> Self {
        let counts = Counts { runs: 1, ..Counts::default() };
        Self {
            fates: vec![Fate::default(); MESSAGES],
            ids: BTreeMap::new(),
            outgoing: 0,
            is_exact,
            failure: None,
            counts,
        }
    }

    /// The first promise that was broken.
    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    pub(super) fn fail(&mut self, what: String) {
        self.failure.get_or_insert(what);
    }

    /// The message that the provider calls by this name.
    pub(super) fn with_id(&self, id: &str) -> Option<usize> {
        self.ids.get(id).copied()
    }

    pub(super) fn sends(&mut self, message: usize) {
        self.fates[message].sent = true;
        self.outgoing += 1;
        self.counts.sent += 1;
    }

    /// A client is done with sending a message.
    pub(super) fn sent(&mut self, message: usize, accepted: bool) {
        self.outgoing -= 1;
        self.fates[message].accepted = accepted;
        self.counts.accepted += u64::from(accepted);
        if accepted && self.fates[message].queued == 0 {
            self.fail(format!("message {message} is called accepted and never was in a queue"));
        }
    }

    /// The provider stored a message in a queue.
    pub(super) fn queued(&mut self, message: usize, id: &str, clock_is_right: bool) {
        let fate = &mut self.fates[message];
        fate.queued += 1;
        fate.stamped_wrongly |= !clock_is_right;
        if !fate.sent {
            self.fail(format!("message {message} is queued, and nobody sent it"));
        }
        if self.is_exact && self.fates[message].queued > 1 {
            self.fail(format!("message {message} is queued twice under one idempotency key"));
        }
        if self.ids.insert(id.to_owned(), message).is_some() {
            self.fail(format!("{id} is the name of two messages"));
        }
    }

    /// The provider dropped a message that its recipient acknowledged.
    pub(super) fn acknowledged(&mut self, message: usize) {
        self.counts.acknowledged += 1;
        let fate = &mut self.fates[message];
        fate.acknowledged += 1;
        // Whoever acknowledges what stands under another's id means that one.
        if !fate.shown && !fate.refused && !fate.given_up {
            self.fail(format!("message {message} was acknowledged before it was stored"));
        }
    }

    pub(super) fn expired(&mut self, message: usize, is_due: bool) {
        self.fates[message].expired += 1;
        if !is_due {
            self.fail(format!("message {message} expired before its time"));
        }
    }

    /// The provider does what loses a message.
    pub(super) fn gives_up(&mut self, message: usize) {
        self.fates[message].given_up = true;
    }

    /// The provider pushes a message, and takes that for an acknowledgement.
    pub(super) fn dropped_when_pushed(&mut self, message: usize) {
        self.fates[message].dropped_when_pushed = true;
    }

    /// A message has reached its recipient's process.
    pub(super) fn in_hand(&mut self, message: usize) {
        self.fates[message].in_hand = true;
    }

    /// A recipient's process ended.
    pub(super) fn loses_what_is_in_hand(&mut self, recipient: usize) {
        for (at, fate) in self.fates.iter_mut().enumerate() {
            if pair_of(at).1 == recipient && core::mem::take(&mut fate.in_hand) && fate.dropped_when_pushed {
                fate.given_up |= !fate.shown;
            }
        }
    }

    /// A recipient refuses a message for its time, and leaves it in the queue, if it is still there.
    pub(super) fn puts_off(&mut self, bytes: &[u8]) {
        if let Some(message) = claimed(bytes) {
            let fate = &mut self.fates[message];
            fate.given_up |= fate.dropped_when_pushed && !fate.shown;
        }
    }

    /// A recipient stores a message as one whose sender is verified.
    pub(super) fn shown(&mut self, recipient: usize, bytes: &[u8]) {
        let Some(message) = claimed(bytes) else {
            return self.fail("a message was shown that nobody sent".to_owned());
        };
        if let Err(what) = is_genuine(message, recipient, bytes) {
            return self.fail(format!("message {message} was shown as verified: {what}"));
        }
        let fate = &mut self.fates[message];
        if !fate.sent {
            return self.fail(format!("message {message} was shown before it was sent"));
        }
        if core::mem::replace(&mut fate.shown, true) {
            return self.fail(format!("message {message} was shown twice"));
        }
        self.counts.shown += 1;
    }

    /// A recipient refuses a message for good.
    pub(super) fn refuses(&mut self, id: &str, bytes: &[u8]) {
        for message in self.with_id(id).into_iter().chain(claimed(bytes)) {
            self.fates[message].refused = true;
        }
    }

    /// Whether nothing is under way any more.
    pub(super) fn is_settled(&self) -> bool {
        let is_settled = |fate: &Fate| fate.is_settled() && (!self.is_exact || fate.is_out_of_queues());
        self.outgoing == 0 && self.fates.iter().all(is_settled)
    }

    /// What has to hold when all has come to rest.
    pub(super) fn close(&mut self) {
        if self.outgoing > 0 {
            self.fail(format!("{} messages never reached the provider", self.outgoing));
        }
        for at in 0..self.fates.len() {
            let fate = self.fates[at];
            if self.is_exact && !fate.is_out_of_queues() {
                self.fail(format!("message {at} stays in a queue: {fate:?}"));
            }
            if !fate.accepted || fate.shown {
                continue;
            }
            if fate.given_up || (fate.dropped_when_pushed && !fate.in_hand) {
                self.counts.lost_by_provider += 1;
            } else if fate.expired == fate.queued {
                self.counts.expired += 1;
            } else if fate.stamped_wrongly && fate.acknowledged == 0 {
                self.counts.waiting += 1;
            } else {
                self.fail(format!("message {at} was accepted and never shown: {fate:?}"));
            }
        }
    }
}

impl Fate {
    const fn is_out_of_queues(&self) -> bool {
        self.acknowledged + self.expired == self.queued
    }

    const fn is_settled(&self) -> bool {
        !self.accepted
            || self.shown
            || self.given_up
            || (self.dropped_when_pushed && !self.in_hand)
            || self.stamped_wrongly
            || self.expired == self.queued
    }
}

/// Which message the bytes say they are.
pub(super) fn claimed(bytes: &[u8]) -> Option<usize> {
    let value = JsonValue::read_carrier(bytes, usize::MAX).ok()?;
    Pool::named(&value.get("envelope")?.get("subject")?.as_str()?)
}

/// Whether sender, recipient and payload are those that were signed, as this reader finds them.
fn is_genuine(message: usize, recipient: usize, bytes: &[u8]) -> Result<(), &'static str> {
    let signed = POOL.message(message).ok_or("there is none")?;
    let value = JsonValue::read_carrier(bytes, usize::MAX).map_err(|_| "it is not JSON")?;
    let envelope = value.get("envelope").ok_or("it has no envelope")?;
    let text = |name| envelope.get(name).and_then(|value| value.as_str()).unwrap_or_default();
    let address = |agent: usize| POOL.agents.get(agent).map(|agent| agent.address.as_str());
    if Some(&*text("from")) != address(signed.sender) {
        return Err("its sender is another");
    }
    if signed.recipient != recipient || Some(&*text("to")) != address(recipient) {
        return Err("its recipient is another");
    }
    if value.get("payload").map(|payload| payload.raw()) != Some(&signed.payload) {
        return Err("its payload is another");
    }
    Ok(())
}
