//! The suite replay.

use amp_core::receive::{ClockPolicy, FirstOutcome, ReplayLimits, ReplayMemory, Sight, Sighting, Via};
use amp_core::{Fingerprint, MessageId, Profile, Timestamp};
use serde_json::Value;

use super::{Input, Outcome, Refusal, output};

pub(super) fn replay(input: Input<'_>) -> Outcome {
    let steps = input.list("steps")?.ok_or_else(|| Refusal::of("missing_field", "steps"))?;
    let mut memory = ReplayMemory::new(ClockPolicy::default()).with_limits(limits(input)?);
    let outcomes = steps.iter().map(|step| Step::read(Input(step))?.take(&mut memory));
    let outcomes = outcomes.collect::<Result<Vec<_>, Refusal>>()?;
    Ok(output([("outcomes", outcomes.into())]))
}

fn limits(input: Input<'_>) -> Result<ReplayLimits, Refusal> {
    let number = |name: &str| match input.0.get(name) {
        None => Ok(None),
        Some(value) => value
            .as_u64()
            .and_then(|number| usize::try_from(number).ok())
            .map(Some)
            .ok_or_else(|| Refusal::of("invalid_field", name)),
    };
    let mut limits = ReplayLimits::default();
    if let Some(messages) = number("per_sender")? {
        limits = limits.with_per_sender(messages);
    }
    if let Some(messages) = number("total")? {
        limits = limits.with_total(messages);
    }
    Ok(limits)
}

/// One message that arrives.
struct Step {
    sighting: Sighting,
    via: Via,
    now: Timestamp,
}

impl Step {
    fn read(step: Input<'_>) -> Result<Self, Refusal> {
        let id = MessageId::parse_with(step.text("id")?, Profile::Deployed)
            .map_err(|error| Refusal::of(error.code().as_str(), "id"))?;
        // One content for every id, unless it is stated: both spellings of an id have one.
        let content = match step.optional_text("content")? {
            Some(content) => content.to_owned(),
            None => id.as_str().replace('-', "_"),
        };
        let sender = Fingerprint::parse(&hex(step.optional_text("sender")?.unwrap_or("alice")))
            .map_err(|_| Refusal::of("invalid_field", "sender"))?;
        let timestamp = time(step, "timestamp")?.ok_or_else(|| Refusal::of("missing_field", "timestamp"))?;
        let mut sighting = Sighting::new(&sender, id, bytes(&content), timestamp);
        if let Some(nonce) = step.optional_text("nonce")? {
            let sent_at = time(step, "sent_at")?.unwrap_or(timestamp);
            sighting = sighting.with_nonce(bytes(nonce), sent_at);
        }
        if let Some(expires_at) = time(step, "expires_at")? {
            sighting = sighting.with_expiry(expires_at);
        }
        let via = match (step.text("via")?, time(step, "queued_at")?) {
            ("direct", _) => Via::Direct,
            ("relay", Some(queued_at)) => Via::Relay { queued_at },
            ("relay", None) | ("store", _) => Via::Store,
            _ => return Err(Refusal::of("invalid_field", "via")),
        };
        let now = time(step, "now")?.ok_or_else(|| Refusal::of("missing_field", "now"))?;
        Ok(Self { sighting, via, now })
    }

    fn take(self, memory: &mut ReplayMemory) -> Result<Value, Refusal> {
        let Self { sighting, via, now } = self;
        let outcome = match memory.check(&sighting, via, now) {
            Err(refusal) => refusal.code(),
            Ok(Sight::Duplicate(_)) => "duplicate_message",
            Ok(sight) => {
                memory.record(&memory.seen(&sighting, FirstOutcome::Delivered, now));
                if sight == Sight::First { "accept" } else { "accept_flagged" }
            }
        };
        Ok(outcome.into())
    }
}

fn time(step: Input<'_>, name: &str) -> Result<Option<Timestamp>, Refusal> {
    let parsed = step.optional_text(name)?.map(str::parse).transpose();
    parsed.map_err(|_| Refusal::of("invalid_field", name))
}

/// A text as that many bytes: short texts give different ones.
fn bytes<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [0_u8; N];
    for (at, byte) in text.bytes().enumerate() {
        let slot = &mut bytes[at % N];
        *slot = slot.wrapping_mul(31).wrapping_add(byte);
    }
    bytes
}

fn hex(text: &str) -> String {
    bytes::<32>(text).iter().map(|byte| format!("{byte:02x}")).collect()
}
