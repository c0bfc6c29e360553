//! Suspending an agent, and asking for its risk (provider API; guardrails). For whoever may administer the provider.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;
use core::time::Duration;

use amp_envelope::{JsonValue, Timestamp};

use super::fault::Fault;
use super::member::{Member, Members, ObjectWriter, misfit};
use super::{ApiError, Endpoint, Extra, OpaqueId, RawJson, Request, RequestParts};

/// Seconds of an hour.
const HOUR_SECONDS: u64 = 3_600;
/// Longest suspension that ends by itself: a hundred years.
const HOURS_MAX: u64 = 876_000;

/// Keeps an agent from sending and receiving until a time, or until it is let in again.
///
/// ```
/// use core::time::Duration;
/// use amp_core::wire::{Request, Suspend};
///
/// let request = Suspend::new("agt_abc123".parse()?, "spam").for_duration(Duration::from_secs(2 * 3600));
/// assert_eq!(request.to_parts().body, br#"{"reason":"spam","duration_hours":2}"#);
/// assert_eq!(Suspend::from_parts(&request.to_parts())?, request);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Suspend {
    /// The agent, as the provider identifies it.
    pub agent_id: OpaqueId,
    /// Why.
    pub reason: String,
    /// For how long, in whole hours; without end when there is none.
    pub duration: Option<Duration>,
    /// Members that this version does not know.
    pub extra: Extra,
}

impl Suspend {
    const MEMBERS: &'static [&'static str] = &["reason", "duration_hours"];

    /// Suspends without end.
    #[must_use]
    pub fn new(agent_id: OpaqueId, reason: &str) -> Self {
        Self { agent_id, reason: reason.into(), duration: None, extra: Extra::default() }
    }

    /// Ends the suspension by itself: after whole hours, rounded up, of at least one and at most a hundred years.
    #[must_use]
    pub fn for_duration(mut self, duration: Duration) -> Self {
        self.duration = Some(in_hours(duration.as_secs().div_ceil(HOUR_SECONDS)));
        self
    }
}

fn in_hours(hours: u64) -> Duration {
    Duration::from_secs(hours.clamp(1, HOURS_MAX).saturating_mul(HOUR_SECONDS))
}

impl Request for Suspend {
    const ENDPOINT: Endpoint = Endpoint::Suspend;
    type Answer = Suspended;

    fn to_parts(&self) -> RequestParts {
        let mut json = String::new();
        let mut object = ObjectWriter::open(&mut json);
        object.text("reason", &self.reason);
        object.member(
            "duration_hours",
            &self.duration.map(|duration| duration.as_secs().div_ceil(HOUR_SECONDS)),
        );
        object.extra(&self.extra, Self::MEMBERS);
        object.close();
        RequestParts::to(Self::ENDPOINT, &[self.agent_id.as_str()]).with_json(json)
    }

    fn from_parts(parts: &RequestParts) -> Result<Self, ApiError> {
        let agent_id = parts.arrive_with(Self::ENDPOINT, "id")?;
        let members = Members::of(parts.json()?).map_err(Fault::of_request)?;
        let hours = members.read::<Option<u64>>("duration_hours").map_err(Fault::of_request)?;
        if hours.is_some_and(|hours| !(1..=HOURS_MAX).contains(&hours)) {
            let rule = "the value is a number of hours, from 1 to 876,000";
            return Err(Fault::invalid("duration_hours", rule).of_request());
        }
        Ok(Self {
            agent_id,
            reason: members.read("reason").map_err(Fault::of_request)?,
            duration: hours.map(in_hours),
            extra: members.extra(Self::MEMBERS),
        })
    }

    fn check(&self, answer: &Suspended) -> Result<(), (&'static str, &'static str)> {
        about(&answer.agent_id, &self.agent_id)
    }
}

object! {
    /// A suspension that stands.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Suspended {
        /// The agent.
        pub agent_id: OpaqueId,
        /// Since when.
        pub suspended_at: Timestamp,
        /// Why.
        pub reason: String,
        /// By whom.
        pub suspended_by: Option<String>,
        /// Until when; without end when there is none.
        pub expires_at: Option<Timestamp>,
    }
}

json_answer!(Suspended, 200);

impl Suspended {
    /// A suspension since a time, without end.
    #[must_use]
    pub fn new(agent_id: OpaqueId, suspended_at: Timestamp, reason: &str) -> Self {
        Self {
            agent_id,
            suspended_at,
            reason: reason.into(),
            suspended_by: None,
            expires_at: None,
            extra: Extra::default(),
        }
    }
}

/// Lets a suspended agent in again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unsuspend {
    /// The agent, as the provider identifies it.
    pub agent_id: OpaqueId,
}

impl Unsuspend {
    /// Lets this agent in again.
    #[must_use]
    pub const fn new(agent_id: OpaqueId) -> Self {
        Self { agent_id }
    }
}

impl Request for Unsuspend {
    const ENDPOINT: Endpoint = Endpoint::Unsuspend;
    type Answer = Unsuspended;

    fn to_parts(&self) -> RequestParts {
        RequestParts::to(Self::ENDPOINT, &[self.agent_id.as_str()])
    }

    fn from_parts(parts: &RequestParts) -> Result<Self, ApiError> {
        Ok(Self { agent_id: parts.arrive_with(Self::ENDPOINT, "id")? })
    }

    fn check(&self, answer: &Unsuspended) -> Result<(), (&'static str, &'static str)> {
        about(&answer.agent_id, &self.agent_id)
    }
}

object! {
    /// An agent that is let in again.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Unsuspended {
        /// The agent.
        pub agent_id: OpaqueId,
        /// Whether it had been suspended.
        pub unsuspended: bool,
    }
}

json_answer!(Unsuspended, 200);

impl Unsuspended {
    /// An agent that had been suspended until now.
    #[must_use]
    pub fn now(agent_id: OpaqueId) -> Self {
        Self { agent_id, unsuspended: true, extra: Extra::default() }
    }

    /// An agent that was not suspended.
    #[must_use]
    pub fn before(agent_id: OpaqueId) -> Self {
        Self { unsuspended: false, ..Self::now(agent_id) }
    }
}

/// Asks for the risk of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GetRisk {
    /// The agent, as the provider identifies it.
    pub agent_id: OpaqueId,
}

impl GetRisk {
    /// For this agent.
    #[must_use]
    pub const fn new(agent_id: OpaqueId) -> Self {
        Self { agent_id }
    }
}

impl Request for GetRisk {
    const ENDPOINT: Endpoint = Endpoint::GetRisk;
    type Answer = Risk;

    fn to_parts(&self) -> RequestParts {
        RequestParts::to(Self::ENDPOINT, &[self.agent_id.as_str()])
    }

    fn from_parts(parts: &RequestParts) -> Result<Self, ApiError> {
        Ok(Self { agent_id: parts.arrive_with(Self::ENDPOINT, "id")? })
    }

    fn check(&self, answer: &Risk) -> Result<(), (&'static str, &'static str)> {
        about(&answer.agent_id, &self.agent_id)
    }
}

/// A score from 0 to 100, and its level, as a provider states them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RiskScore(RawJson);

impl RiskScore {
    /// A score from 0 to 100; none for anything else.
    #[must_use]
    pub fn new(score: f64) -> Option<Self> {
        let fits = (0.0..=100.0).contains(&score);
        fits.then(|| RawJson::new(&score).ok()).flatten().map(Self)
    }

    /// The score.
    #[must_use]
    pub fn get(&self) -> f64 {
        // It was a number when it was taken.
        self.0.as_str().parse().unwrap_or_default()
    }
}

impl Member for RiskScore {
    const RULE: &'static str = "the value is a number from 0 to 100";

    fn read(value: JsonValue<'_>) -> Result<Self, Fault> {
        value.as_f64().and_then(Self::new).ok_or_else(misfit::<Self>)
    }

    fn write(&self, out: &mut String) {
        self.0.write(out);
    }
}

open_words! {
    /// How much an agent's conduct of the last 24 hours asks for attention.
    pub enum RiskBand(OtherRiskBand) {
        /// Up to 10.
        Low = "low",
        /// Above 10, up to 30.
        Medium = "medium",
        /// Above 30, up to 60.
        High = "high",
        /// Above 60.
        Critical = "critical",
    }
}

object! {
    /// What the last 24 hours of an agent's messages amount to.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Risk {
        /// The agent.
        pub agent_id: OpaqueId,
        /// The score.
        pub score: RiskScore,
        /// What it means.
        pub level: RiskBand,
        /// How many messages were refused.
        pub blocked: Option<u64>,
        /// How many were held.
        pub quarantined: Option<u64>,
        /// How many were flagged.
        pub flagged: Option<u64>,
        /// How many there were.
        pub total: Option<u64>,
    }
}

json_answer!(Risk, 200);

impl Risk {
    /// A score and its level.
    #[must_use]
    pub fn new(agent_id: OpaqueId, score: RiskScore, level: RiskBand) -> Self {
        Self {
            agent_id,
            score,
            level,
            blocked: None,
            quarantined: None,
            flagged: None,
            total: None,
            extra: Extra::default(),
        }
    }
}

fn about(answered: &OpaqueId, asked: &OpaqueId) -> Result<(), (&'static str, &'static str)> {
    (answered == asked).then_some(()).ok_or(("agent_id", "the answer is about the agent that was asked for"))
}
