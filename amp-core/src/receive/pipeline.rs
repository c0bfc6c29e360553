//! The pipeline: what is judged, in which order (trust; attacks, decisions 1, 3, 4 and 5).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use amp_address::Address;
use amp_crypto::seal::EncryptionKey;
use amp_envelope::{Message, QuarantineId, Timestamp};

use super::authenticate::{Doubtful, Proven};
use super::content::Content;
use super::context::Context;
use super::disposition::{Decision, Held, Outcome};
use super::effects::{AuditEvent, AuditKind, Effect, RiskOutcome};
use super::letter::Letter;
use super::quarantine::{QuarantineEntry, QuarantineReason};
use super::received::{Flag, Received, UntrustedMessage};
use super::receiver::Receiver;
use super::refusal::{Refusal, RefusalReason};
use super::replay::Sight;
use super::replay_limits::Share;
use super::seen::FirstOutcome;
use super::sighting::Sighting;
use super::watch::Looked;
use crate::admission::{Contact, Intent, Pair};
use crate::scan::{ScanReport, Severity, Verdict};
use crate::sealing::Direction;
use crate::trust::{PinState, has_public_suffix, lookalike_of};

/// One message on its way through the pipeline.
pub(super) struct Case<'a> {
    pub(super) receiver: &'a Receiver,
    pub(super) context: &'a Context<'a>,
    /// The time by which it is judged.
    pub(super) now: Timestamp,
    pub(super) from: Address,
    pub(super) to: Address,
}

impl Receiver {
    /// Decides about a message; changes nothing.
    pub(super) fn decide(&self, bytes: &[u8], context: &Context<'_>) -> Decision {
        let message = match Message::decode_with(bytes, self.settings.profile) {
            Ok(message) => message,
            Err(error) => {
                let refusal = Refusal::of_the_bytes(error);
                let audit = AuditEvent::new(AuditKind::Refused, context.now()).with_code(refusal.code());
                return Decision::new(Outcome::Reject(refusal), Vec::from([Effect::Audit(audit)]));
            }
        };
        let case = Case::new(self, context, &message);
        let note = case.note(AuditKind::Refused, &message);
        let hint = context.asks_to_look_up_again().then(|| case.note(AuditKind::LookUpKeyAgain, &message));
        let mut decision = match case.judge(message) {
            Ok(decision) => decision,
            Err(refusal) => {
                let audit = Effect::Audit(note.with_code(refusal.code()));
                Decision::new(Outcome::Reject(refusal), Vec::from([audit]))
            }
        };
        decision.effects.extend(hint.map(Effect::Audit));
        decision
    }
}

impl Decision {
    pub(super) const fn new(outcome: Outcome, effects: Vec<Effect>) -> Self {
        Self { outcome, effects, live: None }
    }
}

impl<'a> Case<'a> {
    pub(super) fn new(receiver: &'a Receiver, context: &'a Context<'a>, message: &Message) -> Self {
        let known = |address: Address| address.with_known_providers(&receiver.settings.providers);
        Self {
            receiver,
            context,
            now: receiver.memory.replay.judged_at(context.now()),
            from: known(message.from()),
            to: known(message.to()),
        }
    }

    pub(super) fn note(&self, kind: AuditKind, message: &Message) -> AuditEvent {
        AuditEvent::new(kind, self.context.now()).about(self.from.clone()).with_id(message.unsigned().id())
    }

    fn judge(&self, message: Message) -> Result<Decision, Refusal> {
        self.check_recipient()?;
        match self.authenticate(message) {
            Ok(proven) => self.judge_proven(proven),
            Err(doubtful) => Ok(self.judge_doubtful(*doubtful)),
        }
    }

    pub(super) fn check_recipient(&self) -> Result<(), Refusal> {
        if self.receiver.settings.addresses.contains(&self.to) {
            return Ok(());
        }
        Err(Refusal::new(RefusalReason::NotForMe, "envelope.to", "a message is for the one who receives it"))
    }

    /// A message that nothing vouches for is refused, or shown as what it is.
    fn judge_doubtful(&self, doubtful: Doubtful) -> Decision {
        let Doubtful { message, facts, refusal, conflict } = doubtful;
        let shown = self.check_showable(&message, refusal);
        let (kind, refusal) = match &shown {
            Ok(_) => (AuditKind::ShownUntrusted, refusal),
            Err(refusal) => (AuditKind::Refused, *refusal),
        };
        let audit = self.note(kind, &message).with_code(refusal.code());
        let effects = conflict.into_iter().chain([Effect::Audit(audit)]).collect();
        let outcome = shown.map_or_else(Outcome::Reject, |scan| {
            Outcome::Untrusted(Box::new(UntrustedMessage {
                message,
                claimed_from: self.from.clone(),
                facts,
                scan,
                received_at: self.context.now(),
            }))
        });
        Decision::new(outcome, effects)
    }

    /// Whether a message that nothing vouches for may be shown all the same; what the scan found.
    fn check_showable(&self, message: &Message, refusal: Refusal) -> Result<ScanReport, Refusal> {
        self.check_curious(refusal)?;
        self.check_sealing(message)?;
        let sighting = Sighting::unproven(message)?;
        self.receiver.memory.replay.check_times(&sighting, self.context.via(), self.context.now())?;
        self.scan_doubtful(message)
    }

    /// Whether the host wants to see what nothing vouches for.
    pub(super) fn check_curious(&self, refusal: Refusal) -> Result<(), Refusal> {
        let settings = &self.receiver.settings;
        // Where an owner lets senders in one by one, an unproven name opens nothing.
        if settings.shows_untrusted && !settings.demands_grants { Ok(()) } else { Err(refusal) }
    }

    /// What the scan found in a message that nothing vouches for, if that keeps nobody from seeing it.
    pub(super) fn scan_doubtful(&self, message: &Message) -> Result<ScanReport, Refusal> {
        let settings = &self.receiver.settings;
        self.check_sender()?;
        let scan = Content::of(message).scan(&settings.scanner);
        // Nobody answers for it, so nobody is asked to look at it either.
        if scan.verdict(&settings.overrides) >= Verdict::Quarantine {
            return Err(CONTENT_BLOCKED);
        }
        Ok(scan)
    }

    fn judge_proven(&self, mut proven: Proven) -> Result<Decision, Refusal> {
        let sighting = Sighting::of(&proven.message)?.in_share(self.share(&proven));
        let replay = &self.receiver.memory.replay;
        match replay.check(&sighting, self.context.via(), self.context.now())? {
            Sight::First => {}
            Sight::EqualContent => proven.flags.push(Flag::ContentReplay),
            Sight::IdConflict => proven.flags.push(Flag::IdConflict),
            Sight::Duplicate(first) => return Ok(self.again(first, &proven.message)),
        }
        if replay.is_delayed(&sighting, self.context.via(), self.context.now()) {
            proven.flags.push(Flag::Delayed);
        }
        self.check_sender()?;
        self.check_sealing(&proven.message)?;
        let mut proven = self.open(proven, None)?;
        if !proven.message.sealing().is_sealed() && self.has_sealed_before() {
            proven.flags.push(Flag::SealingDropped);
        }
        if let Some(decision) = self.judge_grant(&proven.message) {
            return Ok(decision);
        }
        let looked = self.look(&proven.message);
        Ok(self.conclude(proven, &sighting, looked))
    }

    /// What came before is answered as it was then, and counts for nothing more.
    fn again(&self, first: FirstOutcome, message: &Message) -> Decision {
        let audit = Effect::Audit(self.note(AuditKind::Duplicate, message));
        let outcome = match first {
            FirstOutcome::Refused => Outcome::Reject(CONTENT_BLOCKED),
            first => Outcome::Duplicate(first),
        };
        Decision::new(outcome, Vec::from([audit]))
    }

    /// Out of which share of the memory the sender's messages are remembered.
    fn share(&self, proven: &Proven) -> Share {
        let own = &self.receiver.settings.addresses;
        let is_colleague = self.receiver.settings.is_colleague(&self.from);
        if proven.facts == proven.facts.pin(PinState::Confirmed) || is_colleague {
            return Share::Whole;
        }
        let is_first_seen = proven.facts == proven.facts.pin(PinState::FirstSeen);
        Share::Domain { name: owner_domain(&self.from, own).into(), is_first_seen }
    }

    pub(super) fn check_sender(&self) -> Result<(), Refusal> {
        let allowed = self.receiver.settings.allowed_senders.as_ref();
        if allowed.is_none_or(|allowed| allowed.matches(&self.from)) {
            return Ok(());
        }
        Err(Refusal::new(
            RefusalReason::SenderRefused,
            "envelope.from",
            "the recipient takes messages from those it has listed",
        ))
    }

    /// Refuses a message without the grant that it needs; the first one becomes a request.
    pub(super) fn judge_grant(&self, letter: &Letter) -> Option<Decision> {
        let contact = self.refused_contact(letter)?;
        let requested = contact.event().map(|event| Effect::Grant { event: Box::new(event.clone()) });
        let audit = self.note(AuditKind::Refused, letter.verified()).with_code(NOT_GRANTED.code());
        let effects = requested.into_iter().chain([Effect::Audit(audit)]).collect();
        Some(Decision::new(Outcome::Reject(NOT_GRANTED), effects))
    }

    /// What follows from a message without the grant that it needs; nothing when it has that, or needs none.
    pub(super) fn refused_contact(&self, letter: &Letter) -> Option<Contact> {
        if !self.receiver.settings.demands_grants {
            return None;
        }
        let intent = self.intent(&letter.text());
        let pair = Pair::new(&self.from, &self.to);
        let contact = self.receiver.memory.grants.contact(&pair, &letter.scope(), &intent, self.now);
        contact.outcome().is_err().then_some(contact)
    }

    /// The line of a request for a grant: content like any other. What a message would be held for is left out, since a
    /// request is not held.
    fn intent(&self, text: &str) -> Intent {
        let intent = Intent::first_line(text);
        let settings = &self.receiver.settings;
        let verdict = settings.scanner.scan(intent.as_str()).verdict(&settings.overrides);
        if verdict < Verdict::Quarantine { intent } else { Intent::default() }
    }

    /// Scans the message, also together with the sender's last ones.
    pub(super) fn look(&self, letter: &Letter) -> Looked {
        let Receiver { settings, watch, .. } = self.receiver;
        watch.look(settings, (&self.from, &self.to), &Content::of_letter(letter), self.now)
    }

    /// Decides by what the scan has found.
    fn conclude(&self, proven: Proven<Letter>, sighting: &Sighting, looked: Looked) -> Decision {
        let Looked { report, verdict, is_escalated, live } = looked;
        let outcome = match verdict {
            Verdict::Block => RiskOutcome::Blocked,
            _ if is_escalated || verdict == Verdict::Quarantine => RiskOutcome::Quarantined,
            Verdict::Flag => RiskOutcome::Flagged,
            _ => RiskOutcome::Delivered,
        };
        // An equal content may be a replay: it puts neither words nor flags on its sender.
        let is_equal = proven.flags.contains(&Flag::ContentReplay);
        let risk = Effect::RiskCounted { sender: self.from.clone(), outcome, at: self.context.now() };
        let risk = (!is_equal).then_some(risk);
        let live = (!is_equal).then_some(live);
        match outcome {
            RiskOutcome::Blocked => {
                let message = proven.message.verified();
                let note = self.note(AuditKind::Refused, message).with_code(CONTENT_BLOCKED.code());
                // A retry, or a replay, is refused as the first one was and counts for nothing more.
                let seen = self.seen(sighting, FirstOutcome::Refused);
                let effects = [seen].into_iter().chain(risk).chain([Effect::Audit(note)]).collect();
                Decision { outcome: Outcome::Reject(CONTENT_BLOCKED), effects, live }
            }
            RiskOutcome::Quarantined => {
                let replay = &self.receiver.memory.replay;
                if let Some(first) = replay.held_equal(sighting, self.context.now()) {
                    return self.again(first, proven.message.verified());
                }
                let id = QuarantineId::from_parts(self.context.now(), sighting.short_name());
                let entry = self.entry(&id, sighting, &report, is_escalated && verdict < Verdict::Quarantine);
                let mut effects = self.acceptance(&proven, sighting, FirstOutcome::Quarantined(id));
                effects.extend(risk);
                let entry = entry.held_as(proven.message.handover());
                let message = proven.message.into_verified();
                effects.push(Effect::Audit(self.note(AuditKind::Quarantined, &message)));
                let held = Held { entry, message };
                Decision { outcome: Outcome::Quarantine(Box::new(held)), effects, live }
            }
            _ => {
                let delivered = match proven.message {
                    Letter::Plain(_) | Letter::Opened(_) => FirstOutcome::Delivered,
                    Letter::Unopened(..) => FirstOutcome::DeliveredUnopened,
                };
                let mut effects = self.acceptance(&proven, sighting, delivered);
                effects.extend(risk);
                let received = self.received(proven, report);
                Decision { outcome: Outcome::Deliver(Box::new(received)), effects, live }
            }
        }
    }

    fn entry(
        &self,
        id: &QuarantineId,
        sighting: &Sighting,
        report: &ScanReport,
        is_only_risk: bool,
    ) -> QuarantineEntry {
        let reason =
            if is_only_risk { QuarantineReason::RiskThreshold } else { QuarantineReason::InjectionDetected };
        let severity = report.severity().unwrap_or(Severity::Low);
        let message = (self.from.clone(), sighting.id().clone(), *sighting.digest());
        QuarantineEntry::new(id.clone(), reason, severity, self.now, message).with_rules(report.rules())
    }

    /// What an accepted message changes: its sender's pin, that it was sealed, and that it was seen.
    fn acceptance(&self, proven: &Proven<Letter>, sighting: &Sighting, outcome: FirstOutcome) -> Vec<Effect> {
        let used = self.first_use(proven).filter(|_| outcome.is_delivered());
        let sealed = self.first_sealed_from(&proven.message);
        let pin = proven.pin.iter().cloned();
        pin.chain(used).chain(sealed).chain([self.seen(sighting, outcome)]).collect()
    }

    /// That the sender sealed a message, when that was not known.
    fn first_sealed_from(&self, letter: &Letter) -> Option<Effect> {
        let is_first = matches!(letter, Letter::Opened(_)) && !self.has_sealed_before();
        let (address, at) = (self.from.clone(), self.context.now());
        is_first.then_some(Effect::Sealed { address, direction: Direction::From, at })
    }

    /// That the sender's key was used, when that was not known.
    pub(super) fn first_use(&self, proven: &Proven<Letter>) -> Option<Effect> {
        let (keys, key) = (&self.receiver.memory.keys, proven.message.verified().key());
        let is_first = !keys.has_used(&self.from, key);
        is_first.then(|| Effect::KeyUsed { address: self.from.clone(), key: key.clone() })
    }

    fn seen(&self, sighting: &Sighting, outcome: FirstOutcome) -> Effect {
        Effect::Seen(self.receiver.memory.replay.seen(sighting, outcome, self.context.now()))
    }

    pub(super) fn received(&self, proven: Proven<Letter>, scan: ScanReport) -> Received {
        let Proven { message, facts, attestation, mut flags, .. } = proven;
        if flags.contains(&Flag::FirstContact) || facts == facts.pin(PinState::FirstSeen) {
            flags.extend(self.lookalike().map(Flag::LookalikeOf));
        }
        if has_public_suffix(&self.from) {
            flags.push(Flag::PublicSuffix);
        }
        let is_former = message.sealing().is_sealed() && flags.contains(&Flag::FormerKey);
        let answer_to = is_former.then(|| self.present_key()).flatten();
        Received {
            letter: message,
            from: self.from.clone(),
            facts,
            attestation,
            scan,
            flags,
            received_at: self.context.now(),
            answer_to,
        }
    }

    /// The present key of a sender that signed with a former one: whoever has that one may have stolen it.
    fn present_key(&self) -> Option<EncryptionKey> {
        let known = self.receiver.memory.keys.get(&self.from)?;
        EncryptionKey::of(known.key()).ok()
    }

    /// The known contact, or address of the receiver's own, that a new sender's address looks like.
    fn lookalike(&self) -> Option<Address> {
        let own = self.receiver.settings.addresses.iter();
        lookalike_of(&self.from, own.chain(self.receiver.memory.keys.contacts(&self.from)))
            .map(|found| found.contact().clone())
    }
}

/// The part of a domain under which its owner names what it likes: two labels, and one more under the domain that the
/// receiver shares.
fn owner_domain<'d>(sender: &'d Address, own: &BTreeSet<Address>) -> &'d str {
    let name = last_labels(sender.domain(), 2);
    if own.iter().any(|own| last_labels(own.domain(), 2) == name) {
        return last_labels(sender.domain(), 3);
    }
    name
}

fn last_labels(domain: &str, count: usize) -> &str {
    let dot = domain.rmatch_indices('.').nth(count.saturating_sub(1));
    domain.get(dot.map_or(0, |(at, _)| at.saturating_add(1))..).unwrap_or(domain)
}

pub(super) const NOT_GRANTED: Refusal = Refusal::new(
    RefusalReason::NotGranted,
    "envelope.from",
    "the recipient's owner has allowed what the message needs",
);
pub(super) const CONTENT_BLOCKED: Refusal = Refusal::new(
    RefusalReason::ContentBlocked,
    "payload",
    "a message does not hold what the recipient's rules keep out",
);
