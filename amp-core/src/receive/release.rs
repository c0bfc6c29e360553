//! A held message on its way out, once a person has approved it (guardrails, quarantine).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::vec::Vec;

use amp_envelope::Message;

use super::content::Content;
use super::context::Context;
use super::disposition::{Decision, Outcome};
use super::effects::{AuditKind, Effect};
use super::letter::Letter;
use super::pipeline::{CONTENT_BLOCKED, Case};
use super::quarantine::{QuarantineEntry, QuarantineStatus};
use super::receiver::Receiver;
use super::refusal::{Refusal, RefusalReason};
use super::seen::Released;
use super::sighting::Sighting;
use super::watch::Looked;
use crate::scan::Verdict;

impl Receiver {
    /// Decides about a message that was held; changes nothing.
    pub(super) fn decide_released(
        &self,
        bytes: &[u8],
        entry: &QuarantineEntry,
        context: &Context<'_>,
    ) -> Decision {
        let decide = || {
            let message =
                Message::decode_with(bytes, self.settings.profile).map_err(Refusal::of_the_bytes)?;
            Case::new(self, context, &message).judge_held(message, entry)
        };
        decide().unwrap_or_else(|refusal| Decision::new(Outcome::Reject(refusal), Vec::new()))
    }
}

impl Case<'_> {
    /// All that was judged before, but for what the message was counted for when it was held.
    fn judge_held(&self, message: Message, entry: &QuarantineEntry) -> Result<Decision, Refusal> {
        self.check_recipient()?;
        let proven = self.authenticate(message).map_err(|doubtful| doubtful.refusal)?;
        let sighting = Sighting::of(&proven.message)?;
        let is_approved =
            entry.status(self.now) == QuarantineStatus::Approved && self.now <= entry.expires_at();
        let is_about_it = entry.digest() == sighting.digest() && *entry.sender() == self.from;
        if !is_approved || !is_about_it || !self.receiver.memory.replay.is_held(&sighting, entry.id()) {
            return Err(NOT_APPROVED);
        }
        sighting.check_expiry(self.now)?;
        self.check_sender()?;
        // What was sealed is held sealed, so it is opened again.
        let proven = self.open(proven, None)?;
        if let Some(refused) = self.judge_grant(&proven.message) {
            return Ok(refused);
        }
        let released = Effect::Released(Released {
            quarantine_id: entry.id().clone(),
            message: sighting.place(),
            at: self.context.now(),
            handover: proven.message.handover(),
        });
        let audit = Effect::Audit(self.note(AuditKind::Released, proven.message.verified()));
        let used = self.first_use(&proven);
        let effects = proven.pin.iter().cloned().chain(used).chain([released, audit]).collect();
        let looked = self.look(&proven.message);
        if self.is_unapproved(&proven.message, entry, &looked) {
            return Err(CONTENT_BLOCKED);
        }
        let received = self.received(proven, looked.report);
        Ok(Decision::new(Outcome::Deliver(Box::new(received)), effects))
    }

    /// Whether a message says what would be held, and did not say it when it was approved: it was not open then.
    fn is_unapproved(&self, letter: &Letter, entry: &QuarantineEntry, looked: &Looked) -> bool {
        let Letter::Opened(opened) = letter else { return false };
        let settings = &self.receiver.settings;
        let inside = || Content::inside(opened).scan(&settings.scanner).verdict(&settings.overrides);
        let is_known = |rule: &&str| entry.rules().any(|known| known == *rule);
        let has_more = || looked.report.rules().iter().any(|rule| !is_known(rule));
        entry.is_unopened()
            && looked.verdict >= Verdict::Quarantine
            && (has_more() || inside() >= Verdict::Quarantine)
    }
}

const NOT_APPROVED: Refusal = Refusal::new(
    RefusalReason::Decided,
    "status",
    "a held message is released once, within 72 hours, when a person has approved it",
);
