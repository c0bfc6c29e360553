//! The pipeline: what is judged, in which order (trust; attacks, decisions 1, 3, 4 and 5).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::vec::Vec;

use amp_address::Address;
use amp_crypto::VerifyingKey;
use amp_envelope::{
    Dialect, ErrorCode, Message, MessageError, QuarantineId, Timestamp, Unverified, Variant, Verified,
};
use unicode_normalization::is_nfc;

use super::content::Content;
use super::context::{Context, SenderKey};
use super::disposition::{Decision, Held, Outcome};
use super::effects::{AuditEvent, AuditKind, Effect, RiskOutcome};
use super::keys::Standing;
use super::quarantine::{QuarantineEntry, QuarantineReason, QuarantineStatus};
use super::received::{Flag, Received, UntrustedMessage};
use super::receiver::{CARRIED, REVOKED, Receiver, conflict, pinned};
use super::refusal::{Refusal, RefusalReason};
use super::replay::{FirstOutcome, Sight, Sighting};
use super::watch::Looked;
use crate::admission::{GrantScope, Intent, Pair};
use crate::scan::{ScanReport, Severity, Verdict};
use crate::trust::{
    Attestation, AttestationClaims, PinState, RevocationFact, SignatureFact, TrustFacts, has_public_suffix,
    lookalike_of,
};

/// A message whose signature holds under a key that an authenticated source connects with the sender.
struct Proven {
    message: Verified<Message>,
    facts: TrustFacts,
    attestation: Option<AttestationClaims>,
    /// The pin that is to be written if the message is accepted.
    pin: Option<Effect>,
    flags: Vec<Flag>,
}

/// A message of which that cannot be said.
struct Doubtful {
    message: Message,
    facts: TrustFacts,
    refusal: Refusal,
    /// The conflict that an authenticated source has caused.
    conflict: Option<Effect>,
}

/// One message on its way through the pipeline.
struct Case<'a> {
    receiver: &'a Receiver,
    context: &'a Context<'a>,
    /// The time by which it is judged.
    now: Timestamp,
    from: Address,
    to: Address,
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

    /// Judges a held message anew.
    pub(super) fn judge_released(
        &self,
        bytes: &[u8],
        entry: &QuarantineEntry,
        context: &Context<'_>,
    ) -> Result<Received, Refusal> {
        let message = Message::decode_with(bytes, self.settings.profile).map_err(Refusal::of_the_bytes)?;
        let case = Case::new(self, context, &message);
        case.check_recipient()?;
        let proven = case.authenticate(message).map_err(|doubtful| doubtful.refusal)?;
        let sighting = Sighting::of(&proven.message)?;
        let is_approved = entry.status(case.now) == QuarantineStatus::Approved;
        if !is_approved || entry.digest() != sighting.digest() || *entry.sender() != case.from {
            return Err(Refusal::new(
                RefusalReason::Decided,
                "status",
                "a held message is released once a person has approved it",
            ));
        }
        let looked = case.look(&proven.message);
        Ok(case.received(proven, looked.report))
    }
}

impl Decision {
    const fn new(outcome: Outcome, effects: Vec<Effect>) -> Self {
        Self { outcome, effects, live: None }
    }
}

impl<'a> Case<'a> {
    fn new(receiver: &'a Receiver, context: &'a Context<'a>, message: &Message) -> Self {
        let known = |address: Address| address.with_known_providers(&receiver.settings.providers);
        Self {
            receiver,
            context,
            now: receiver.memory.replay.judged_at(context.now()),
            from: known(message.from()),
            to: known(message.to()),
        }
    }

    fn note(&self, kind: AuditKind, message: &Message) -> AuditEvent {
        AuditEvent::new(kind, self.context.now()).about(self.from.clone()).with_id(message.unsigned().id())
    }

    fn judge(&self, message: Message) -> Result<Decision, Refusal> {
        self.check_recipient()?;
        match self.authenticate(message) {
            Ok(proven) => self.judge_proven(proven),
            Err(doubtful) => Ok(self.judge_doubtful(*doubtful)),
        }
    }

    fn check_recipient(&self) -> Result<(), Refusal> {
        if self.receiver.settings.addresses.contains(&self.to) {
            return Ok(());
        }
        Err(Refusal::new(RefusalReason::NotForMe, "envelope.to", "a message is for the one who receives it"))
    }

    /// Finds the key that the sender's messages are verified with, and verifies.
    fn authenticate(&self, message: Message) -> Result<Proven, Box<Doubtful>> {
        let keys = &self.receiver.memory.keys;
        let named = self.context.key();
        let Some(known) = keys.get(&self.from) else {
            return self.authenticate_stranger(message, named);
        };
        // What a source says that was not authenticated counts for nothing beside a pin.
        let contender = named.filter(|named| {
            named.source().is_authenticated() && keys.standing(&self.from, named.key()) == Standing::Other
        });
        match (self.verify(message, known.key()), contender) {
            (Ok(message), None) if known.contender().is_none() => {
                self.check_revocation(&message)?;
                let state = named.and_then(|named| self.state_to_write(named));
                let pin = state
                    .zip(named)
                    .map(|(state, named)| pinned(&self.from, known.key(), state, named.source(), self.now));
                let facts = self.facts(SignatureFact::Valid).pin(state.unwrap_or(known.state()));
                let rotated = known.is_fresh_rotation(self.now).then_some(Flag::KeyRotated);
                Ok(self.proven(message, facts, pin, rotated))
            }
            (Ok(message), contender) => Err(self.in_conflict(message, contender)),
            (Err(unverified), contender) => {
                Err(self.not_by_pinned_key(*unverified.error(), unverified.into_inner(), contender))
            }
        }
    }

    /// The pinned key did not sign the message. Perhaps another one did that an authenticated source names now, or
    /// the one that the address had before.
    fn not_by_pinned_key(
        &self,
        error: MessageError,
        message: Message,
        contender: Option<&SenderKey>,
    ) -> Box<Doubtful> {
        let keys = &self.receiver.memory.keys;
        let retired =
            || self.context.key().filter(|named| keys.standing(&self.from, named.key()) == Standing::Retired);
        let Some(other) = contender.or_else(retired) else { return self.unsigned(message, error) };
        match self.verify(message, other.key()) {
            Ok(message) if contender.is_some() => self.in_conflict(message, contender),
            Ok(message) => self.doubtful(message.into_inner(), self.facts(SignatureFact::Invalid), RETIRED),
            Err(unverified) => self.unsigned(unverified.into_inner(), error),
        }
    }

    /// Verifies with the key that the host has for a sender who was not known before.
    fn authenticate_stranger(
        &self,
        message: Message,
        named: Option<&SenderKey>,
    ) -> Result<Proven, Box<Doubtful>> {
        let Some(named) = named else {
            if message.is_signed() {
                return Err(self.doubtful(message, self.facts(SignatureFact::Unverifiable), CARRIED));
            }
            let refusal = Refusal::new(
                RefusalReason::Message(ErrorCode::SignatureMissing),
                "envelope.signature",
                "a message is signed",
            );
            return Err(self.doubtful(message, self.facts(SignatureFact::Missing), refusal));
        };
        let message = match self.verify(message, named.key()) {
            Ok(message) => message,
            Err(unverified) => {
                let error = *unverified.error();
                return Err(self.unsigned(unverified.into_inner(), error));
            }
        };
        self.check_revocation(&message)?;
        let facts = self.facts(SignatureFact::Valid);
        let Some(state) = self.state_to_write(named) else {
            return Err(self.doubtful(message.into_inner(), facts.pin(PinState::Candidate), CARRIED));
        };
        let keys = &self.receiver.memory.keys;
        if let Err(refusal) = keys.check_free(&self.from, named.key()) {
            return Err(self.doubtful(message.into_inner(), facts.pin(PinState::Conflict), refusal));
        }
        if let Err(refusal) = keys.check_room(&self.from) {
            return Err(self.doubtful(message.into_inner(), facts.pin(PinState::Candidate), refusal));
        }
        let pin = pinned(&self.from, named.key(), state, named.source(), self.now);
        Ok(self.proven(message, facts.pin(state), Some(pin), Some(Flag::FirstContact)))
    }

    fn state_to_write(&self, named: &SenderKey) -> Option<PinState> {
        let keys = &self.receiver.memory.keys;
        match keys.standing(&self.from, named.key()) {
            Standing::Unknown | Standing::Pinned => keys.named(&self.from, named.source(), self.now),
            Standing::Other | Standing::Retired => None,
        }
    }

    fn verify(&self, message: Message, key: &VerifyingKey) -> Result<Verified<Message>, Unverified<Message>> {
        message.verify_with(key, self.receiver.settings.dialects_for(&self.from))
    }

    fn is_revoked(&self, key: &VerifyingKey) -> bool {
        self.context.revocation() == RevocationFact::Revoked
            || self.receiver.memory.revocations.of(key).is_some()
    }

    fn check_revocation(&self, message: &Verified<Message>) -> Result<(), Box<Doubtful>> {
        if !self.is_revoked(message.key()) {
            return Ok(());
        }
        let facts = self.facts(SignatureFact::Valid).revocation(RevocationFact::Revoked);
        Err(self.doubtful(message.clone().into_inner(), facts, REVOKED))
    }

    fn facts(&self, signature: SignatureFact) -> TrustFacts {
        let facts = TrustFacts::between(&self.from, &self.to);
        facts.signature(signature).revocation(self.context.revocation())
    }

    fn proven(
        &self,
        message: Verified<Message>,
        facts: TrustFacts,
        pin: Option<Effect>,
        flag: Option<Flag>,
    ) -> Proven {
        let mut flags: Vec<Flag> = flag.into_iter().collect();
        if message.dialect() != Dialect::Jcs {
            flags.push(Flag::FallbackDialect(message.dialect()));
        }
        if message.variant() == Variant::EmptyAttachments {
            flags.push(Flag::EmptyAttachments);
        }
        if !is_nfc(&message.subject()) {
            flags.push(Flag::SubjectNotNormalized);
        }
        let attestation = self.context.attestation(message.key(), &self.from, self.now);
        let facts = facts.attestation(attestation.fact());
        let attestation = match attestation {
            Attestation::Accepted(claims) => Some(claims),
            Attestation::Absent | Attestation::Refused(_) => None,
        };
        Proven { message, facts, attestation, pin, flags }
    }

    #[expect(clippy::unused_self, reason = "one of the ways in which a case ends")]
    fn doubtful(&self, message: Message, facts: TrustFacts, refusal: Refusal) -> Box<Doubtful> {
        Box::new(Doubtful { message, facts, refusal, conflict: None })
    }

    /// The signature is missing or does not hold.
    fn unsigned(&self, message: Message, error: MessageError) -> Box<Doubtful> {
        let fact = match error.code() {
            ErrorCode::SignatureMissing => SignatureFact::Missing,
            _ => SignatureFact::Invalid,
        };
        self.doubtful(message, self.facts(fact), Refusal::from(error))
    }

    /// The signature holds, and which key is the address's is disputed: since before, or because an authenticated
    /// source names another one now.
    fn in_conflict(&self, message: Verified<Message>, contender: Option<&SenderKey>) -> Box<Doubtful> {
        if let Err(doubtful) = self.check_revocation(&message) {
            return doubtful;
        }
        let is_known =
            self.receiver.memory.keys.get(&self.from).is_some_and(|known| known.contender().is_some());
        let contender = contender.filter(|contender| !is_known && !self.is_revoked(contender.key()));
        let refusal = Refusal::new(
            RefusalReason::KeyConflict,
            "envelope.from",
            "an address has one key, until its owner or a person says otherwise",
        );
        let facts = self.facts(SignatureFact::Valid).pin(PinState::Conflict);
        let mut doubtful = self.doubtful(message.into_inner(), facts, refusal);
        doubtful.conflict = contender.map(|contender| conflict(&self.from, contender.key(), self.now));
        doubtful
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
        let Receiver { settings, memory, .. } = self.receiver;
        if !settings.shows_untrusted {
            return Err(refusal);
        }
        let sighting = Sighting::unproven(message)?;
        memory.replay.check_times(&sighting, self.context.via(), self.context.now())?;
        self.check_sender()?;
        let scan = settings.scanner.scan_parts(Content::of(message).parts());
        // Nobody answers for it, so nobody is asked to look at it either.
        if scan.verdict(&settings.overrides) >= Verdict::Quarantine {
            return Err(CONTENT_BLOCKED);
        }
        Ok(scan)
    }

    fn judge_proven(&self, mut proven: Proven) -> Result<Decision, Refusal> {
        let sighting = Sighting::of(&proven.message)?;
        let replay = &self.receiver.memory.replay;
        match replay.check(&sighting, self.context.via(), self.context.now())? {
            Sight::First => {}
            Sight::EqualContent => proven.flags.push(Flag::ContentReplay),
            Sight::Duplicate(first) => {
                let audit = self.note(AuditKind::Duplicate, &proven.message);
                return Ok(Decision::new(Outcome::Duplicate(first), Vec::from([Effect::Audit(audit)])));
            }
        }
        self.check_sender()?;
        if let Some(decision) = self.judge_grant(&proven.message) {
            return Ok(decision);
        }
        let looked = self.look(&proven.message);
        Ok(self.conclude(proven, &sighting, looked))
    }

    fn check_sender(&self) -> Result<(), Refusal> {
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
    fn judge_grant(&self, message: &Verified<Message>) -> Option<Decision> {
        if !self.receiver.settings.demands_grants {
            return None;
        }
        let needed = GrantScope::needed_by(&message.payload().message_type());
        let intent = Intent::first_line(&message.text());
        let pair = Pair::new(&self.from, &self.to);
        let contact = self.receiver.memory.grants.contact(&pair, &needed, &intent, self.now);
        contact.outcome().err()?;
        let refusal = Refusal::new(
            RefusalReason::NotGranted,
            "envelope.from",
            "the recipient's owner has allowed what the message needs",
        );
        let requested = contact.event().map(|event| Effect::Grant { event: Box::new(event.clone()) });
        let audit = self.note(AuditKind::Refused, message).with_code(refusal.code());
        let effects = requested.into_iter().chain([Effect::Audit(audit)]).collect();
        Some(Decision::new(Outcome::Reject(refusal), effects))
    }

    /// Scans the message, also together with the sender's last ones.
    fn look(&self, message: &Verified<Message>) -> Looked {
        let Receiver { settings, watch, .. } = self.receiver;
        watch.look(settings, (&self.from, &self.to), &Content::of(message), self.now)
    }

    /// Decides by what the scan has found.
    fn conclude(&self, proven: Proven, sighting: &Sighting, looked: Looked) -> Decision {
        let Looked { report, verdict, is_escalated, live } = looked;
        let outcome = match verdict {
            Verdict::Block => RiskOutcome::Blocked,
            _ if is_escalated || verdict == Verdict::Quarantine => RiskOutcome::Quarantined,
            Verdict::Flag => RiskOutcome::Flagged,
            _ => RiskOutcome::Delivered,
        };
        let risk = Effect::RiskCounted { sender: self.from.clone(), outcome, at: self.context.now() };
        match outcome {
            RiskOutcome::Blocked => {
                let note = self.note(AuditKind::Refused, &proven.message).with_code(CONTENT_BLOCKED.code());
                let effects = Vec::from([risk, Effect::Audit(note)]);
                Decision { outcome: Outcome::Reject(CONTENT_BLOCKED), effects, live: Some(live) }
            }
            RiskOutcome::Quarantined => {
                let id = QuarantineId::from_parts(self.context.now(), sighting.short_name());
                let entry = self.entry(&id, sighting, &report, is_escalated && verdict < Verdict::Quarantine);
                let mut effects = self.acceptance(&proven, sighting, FirstOutcome::Quarantined(id));
                effects.push(risk);
                effects.push(Effect::Audit(self.note(AuditKind::Quarantined, &proven.message)));
                let level = proven.facts.level();
                let held = Held { entry, message: proven.message, level, scan: report };
                Decision { outcome: Outcome::Quarantine(Box::new(held)), effects, live: Some(live) }
            }
            _ => {
                let mut effects = self.acceptance(&proven, sighting, FirstOutcome::Delivered);
                effects.push(risk);
                let received = self.received(proven, report);
                Decision { outcome: Outcome::Deliver(Box::new(received)), effects, live: Some(live) }
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

    /// What an accepted message changes: its sender's pin, and that it was seen.
    fn acceptance(&self, proven: &Proven, sighting: &Sighting, outcome: FirstOutcome) -> Vec<Effect> {
        let replay = &self.receiver.memory.replay;
        let seen = Effect::Seen(replay.seen(sighting, outcome, self.context.now()));
        proven.pin.iter().cloned().chain([seen]).collect()
    }

    fn received(&self, proven: Proven, scan: ScanReport) -> Received {
        let Proven { message, facts, attestation, mut flags, .. } = proven;
        if flags.contains(&Flag::FirstContact) {
            flags.extend(self.lookalike().map(Flag::LookalikeOf));
        }
        if has_public_suffix(&self.from) {
            flags.push(Flag::PublicSuffix);
        }
        Received {
            message,
            from: self.from.clone(),
            facts,
            attestation,
            scan,
            flags,
            received_at: self.context.now(),
        }
    }

    /// The known contact, or address of the receiver's own, that a new sender's address looks like.
    fn lookalike(&self) -> Option<Address> {
        let own = self.receiver.settings.addresses.iter();
        lookalike_of(&self.from, own.chain(self.receiver.memory.keys.contacts()))
            .map(|found| found.contact().clone())
    }
}

const RETIRED: Refusal = Refusal::new(
    RefusalReason::KeyMismatch,
    "envelope.signature",
    "a message is signed with the key that the address has, not with one it had",
);
const CONTENT_BLOCKED: Refusal = Refusal::new(
    RefusalReason::ContentBlocked,
    "payload",
    "a message does not hold what the recipient's rules keep out",
);
