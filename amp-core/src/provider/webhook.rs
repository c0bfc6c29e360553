//! Posting messages to agents' webhooks: when, where, and until when (delivery, webhooks).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use core::fmt;

use amp_envelope::{MessageId, Timestamp};

use super::action::{Action, Performed, PerformedKind};
use super::body::{self, BodyError};
use super::decision::Plan;
use super::effect::{Effect, QueuedMessage, Way};
use super::engine::Provider;
use super::live::{Change, Posting};
use super::mail::Entry;
use super::number::{AgentNumber, MessageNumber};
use crate::webhook::{
    Attempt, PostOutcome, RetryEnd, RetrySchedule, RetryStep, Target, WebhookHeaders, WebhookSecret, sign,
};

/// A message for a webhook: which one, and where to.
///
/// The host resolves the target's host, has the addresses admitted, and connects to one of them:
/// see [`Target`]. It follows redirects as far as [`Target::follow`] lets it, signs each request anew, and gives up after
/// [`RetrySchedule::CONNECT_TIMEOUT`] and [`RetrySchedule::RESPONSE_TIMEOUT`]. How it went goes to
/// [`Provider::performed`](super::Provider::performed).
///
/// ```
/// use amp_core::Timestamp;
/// use amp_core::provider::{Performed, WebhookPost};
/// # use amp_core::webhook::{VettedTarget, WebhookHeaders};
/// # use core::net::IpAddr;
/// # fn resolve(host: &str) -> Vec<IpAddr> { Vec::new() }
/// # fn http_post(to: &VettedTarget, headers: &WebhookHeaders, body: &[u8]) -> Option<u16> { None }
/// # fn body_of(number: amp_core::provider::MessageNumber) -> Vec<u8> { Vec::new() }
/// fn perform(post: &WebhookPost, now: Timestamp) -> Performed {
///     let target = post.target();
///     let addresses = target.address().map_or_else(|| resolve(target.host()), |address| vec![address]);
///     if addresses.is_empty() {
///         return post.failed(); // the name does not resolve now; it may later
///     }
///     let Ok(vetted) = target.admit(&addresses) else { return post.not_admitted() };
///     let body = body_of(post.message()); // from the host's store: exactly what is signed is what is sent
///     let Ok(headers) = post.sign(&body, now) else { return post.failed() };
///     match http_post(&vetted, &headers, &body) {
///         Some(status) => post.answered(status),
///         None => post.failed(),
///     }
/// }
/// ```
#[derive(Clone)]
pub struct WebhookPost {
    agent: AgentNumber,
    message: MessageNumber,
    id: MessageId,
    attempt: Attempt,
    target: Target,
    secret: WebhookSecret,
}

impl WebhookPost {
    /// Where to.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// The message whose body is posted, byte for byte as the host keeps it, as `application/json`.
    #[must_use]
    pub const fn message(&self) -> MessageNumber {
        self.message
    }

    /// Which attempt it is, and until when.
    #[must_use]
    pub const fn attempt(&self) -> Attempt {
        self.attempt
    }

    /// The headers of the request, for this body and this moment.
    ///
    /// # Errors
    /// When the body is not the one that was stored: tell [`failed`](Self::failed) then. The message stays in the queue.
    pub fn sign(&self, body: &[u8], now: Timestamp) -> Result<WebhookHeaders, BodyError> {
        body::read(self.message, &self.id, body)?;
        Ok(sign(&self.secret, &self.id, self.attempt.number(), body, now))
    }

    /// The endpoint answered with this status, after redirects.
    #[must_use]
    pub const fn answered(&self, status: u16) -> Performed {
        self.with(PostOutcome::Answered(status))
    }

    /// The host's name did not resolve, there was no connection, or no whole answer in time; or nobody knows.
    #[must_use]
    pub const fn failed(&self) -> Performed {
        self.with(PostOutcome::Failed)
    }

    /// An address that the target resolved to, or a redirect, is not to be called.
    #[must_use]
    pub const fn not_admitted(&self) -> Performed {
        self.with(PostOutcome::NotAdmitted)
    }

    const fn with(&self, outcome: PostOutcome) -> Performed {
        let (agent, message, attempt) = (self.agent, self.message, self.attempt.number());
        Performed { kind: PerformedKind::Posted { agent, message, attempt, outcome } }
    }
}

/// Shows neither the secret nor the URL's path.
impl fmt::Debug for WebhookPost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookPost")
            .field("message", &self.message)
            .field("attempt", &self.attempt)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

impl Provider {
    /// Hands a new message to its recipient's sockets or webhook, whichever it wants first and has. How many it is
    /// being handed to.
    pub(super) fn hand_over(&self, queued: &QueuedMessage, now: Timestamp, plan: &mut Plan) -> usize {
        let agent = self.state.agents.get(queued.agent);
        let posts_first = agent.is_some_and(|agent| !agent.record.delivery.prefer_websocket);
        let post = |plan: &mut Plan| {
            usize::from(self.begin_posting(queued.agent, queued.number, &queued.id, now, plan))
        };
        if posts_first && post(plan) > 0 {
            return 1;
        }
        match self.push_to_all(queued.agent, queued.number, &queued.id, plan) {
            0 if !posts_first => post(plan),
            pushes => pushes,
        }
    }

    /// Posts a message to its recipient's webhook for the first time, if there is one.
    pub(super) fn begin_posting(
        &self,
        agent: AgentNumber,
        message: MessageNumber,
        id: &MessageId,
        now: Timestamp,
        plan: &mut Plan,
    ) -> bool {
        let Some(webhook) = self.webhook_of(agent, now) else { return false };
        self.post(Posting::new(agent, RetrySchedule::new(now)), message, id, webhook, now, plan);
        true
    }

    /// Posts a message that no socket took, unless that was tried before.
    pub(super) fn post_instead(
        &self,
        agent: AgentNumber,
        message: MessageNumber,
        now: Timestamp,
        plan: &mut Plan,
    ) -> bool {
        let untried = |entry: &&Entry| entry.handed_over.is_none() && entry.posting.is_none();
        let entry = self.state.mail.entry(agent, message).filter(untried);
        entry.is_some_and(|entry| self.begin_posting(agent, message, &entry.id, now, plan))
    }

    /// Where an agent wants its messages posted to, under the policy of today. Nothing is posted to a suspended agent:
    /// what waits for it goes on waiting.
    fn webhook_of(&self, agent: AgentNumber, now: Timestamp) -> Option<(Target, WebhookSecret)> {
        let agent = self.state.agents.get(agent).filter(|agent| !self.seems_suspended(agent, now))?;
        let delivery = &agent.record.delivery;
        let (url, secret) = (delivery.webhook_url.as_deref()?, delivery.webhook_secret.as_ref()?);
        let target = Target::parse_with(url, self.settings.webhook_targets()?).ok()?;
        Some((target, WebhookSecret::deployed(secret.expose()).ok()?))
    }

    /// Does what the schedule says: an attempt is counted durably before it is made.
    fn post(
        &self,
        mut posting: Posting,
        message: MessageNumber,
        id: &MessageId,
        (target, secret): (Target, WebhookSecret),
        now: Timestamp,
        plan: &mut Plan,
    ) {
        let agent = posting.agent;
        match posting.schedule.handle_timeout(now) {
            RetryStep::Post(attempt) => {
                let (attempts, due) = (posting.schedule.attempts(), posting.schedule.due());
                plan.effects.push(Effect::Posting { agent, message, attempts, due });
                let post = WebhookPost { agent, message, id: id.clone(), attempt, target, secret };
                plan.actions.push(Action::PostWebhook(Box::new(post)));
                plan.changes.push(Change::Posting(message, posting));
            }
            RetryStep::Wait { .. } => plan.changes.push(Change::Posting(message, posting)),
            RetryStep::End(_) => self.end_posting(posting, message, plan),
        }
    }

    /// The next attempt at posting a message is due, or the present one is over.
    pub(super) fn posting_due(&self, message: MessageNumber, now: Timestamp, plan: &mut Plan) {
        let Some(mut posting) = self.live.postings.get(&message).cloned() else { return };
        match (self.still_posted(&posting, message, now), self.webhook_of(posting.agent, now)) {
            (Some(entry), Some(webhook)) => self.post(posting, message, &entry.id, webhook, now, plan),
            _ => {
                posting.schedule.stop();
                self.end_posting(posting, message, plan);
            }
        }
    }

    /// The message, if it waits still and nobody got it meanwhile.
    fn still_posted(&self, posting: &Posting, message: MessageNumber, now: Timestamp) -> Option<&Entry> {
        let entry = self.state.mail.entry(posting.agent, message)?;
        (entry.handed_over.is_none() && now < entry.expires_at).then_some(entry)
    }

    /// Takes note of how an attempt went.
    pub(super) fn note_post(
        &self,
        message: MessageNumber,
        agent: AgentNumber,
        (attempt, outcome): (u8, PostOutcome),
        now: Timestamp,
        plan: &mut Plan,
    ) {
        let Some(mut posting) = self.live.postings.get(&message).cloned() else {
            // After the end, or after a restart: an endpoint that has it has it.
            if matches!(outcome, PostOutcome::Answered(200..=299)) {
                self.handed_over(agent, message, Way::Webhook, now, plan);
            }
            return;
        };
        posting.schedule.handle_outcome(attempt, outcome, now);
        match posting.schedule.end() {
            Some(RetryEnd::Delivered) => {
                plan.changes.push(Change::PostingEnded(message));
                self.handed_over(agent, message, Way::Webhook, now, plan);
            }
            Some(_) => self.end_posting(posting, message, plan),
            None => {
                plan.changes.push(Change::Posting(message, posting));
                self.answer_awaited(message, None, plan);
            }
        }
    }

    /// The webhook is not called for this message any more. It stays in the queue, and sockets get it that were to come
    /// second.
    fn end_posting(&self, posting: Posting, message: MessageNumber, plan: &mut Plan) {
        let (agent, attempts) = (posting.agent, posting.schedule.attempts());
        plan.changes.push(Change::PostingEnded(message));
        let entry = self.state.mail.entry(agent, message);
        if let Some(entry) = entry.filter(|entry| entry.handed_over.is_none()) {
            plan.effects.push(Effect::Posting { agent, message, attempts, due: None });
            self.push_to_all(agent, message, &entry.id, plan);
        }
        self.answer_awaited(message, None, plan);
    }
}
