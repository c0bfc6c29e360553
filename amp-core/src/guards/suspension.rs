//! Agents that may not write or be written to for a while (guardrails, suspension).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use core::time::Duration;

use amp_envelope::{JsonValue, Timestamp, write_json};
use serde::{Deserialize, Serialize};

/// How long an agent is suspended whose risk is critical.
const AUTOMATIC: Duration = Duration::from_secs(60 * 60);
/// The most bytes of a reason, and of the name of whoever suspends.
const TEXT: usize = 256;

/// The record of a suspension: who, since when, why, by whom, until when.
///
/// ```
/// use amp_core::guards::Suspension;
/// let now = "2026-01-31T10:00:00Z".parse()?;
/// let record = Suspension::automatic("agt_7", now);
/// assert_eq!(record.reason(), "automated_risk_threshold");
/// assert_eq!(record.expires_at(), Some("2026-01-31T11:00:00Z".parse()?));
/// assert_eq!(Suspension::from_json(record.to_json().as_bytes())?, record);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspension {
    agent_id: String,
    suspended_at: Timestamp,
    reason: String,
    suspended_by: String,
    #[serde(default)]
    expires_at: Option<Timestamp>,
}

/// A text that is no record of a suspension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a record of a suspension")]
pub struct SuspensionError;

impl Suspension {
    /// Suspends an agent until somebody lifts it. Of reason and name, the first 256 bytes are kept.
    #[must_use]
    pub fn new(agent_id: &str, reason: &str, suspended_by: &str, now: Timestamp) -> Self {
        Self {
            agent_id: agent_id.into(),
            suspended_at: now,
            reason: shortened(reason),
            suspended_by: shortened(suspended_by),
            expires_at: None,
        }
    }

    /// Suspends an agent whose risk is critical, for an hour.
    #[must_use]
    pub fn automatic(agent_id: &str, now: Timestamp) -> Self {
        Self::new(agent_id, "automated_risk_threshold", "system", now).lasting(AUTOMATIC)
    }

    /// Ends by itself after a time.
    #[must_use]
    pub fn lasting(mut self, duration: Duration) -> Self {
        self.expires_at = Some(self.suspended_at.saturating_add(duration));
        self
    }

    /// The provider's id of the agent.
    #[must_use]
    pub fn agent_id(&self) -> &str {
        &self.agent_id
    }

    /// Since when.
    #[must_use]
    pub const fn suspended_at(&self) -> Timestamp {
        self.suspended_at
    }

    /// Why: for the agent's owner.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Who did it.
    #[must_use]
    pub fn suspended_by(&self) -> &str {
        &self.suspended_by
    }

    /// When it ends by itself, if it does.
    #[must_use]
    pub const fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// The same suspension, beginning at another time.
    pub(crate) fn from(&self, now: Timestamp) -> Self {
        let expires_at = self.duration().map(|duration| now.saturating_add(duration));
        Self { suspended_at: now, expires_at, ..self.clone() }
    }

    /// The same suspension, of another agent.
    pub(crate) fn passed_to(&self, agent_id: &str) -> Self {
        Self { agent_id: agent_id.into(), ..self.clone() }
    }

    /// How long it lasts.
    fn duration(&self) -> Option<Duration> {
        self.expires_at.map(|end| end.duration_since(self.suspended_at).unwrap_or_default())
    }

    /// The record as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        write_json(self).unwrap_or_default()
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// For anything else.
    pub fn from_json(json: &[u8]) -> Result<Self, SuspensionError> {
        let value = JsonValue::read_object(json).map_err(|_| SuspensionError)?;
        let record = Self::deserialize(value).map_err(|_| SuspensionError)?;
        let fits = record.reason.len() <= TEXT && record.suspended_by.len() <= TEXT;
        if fits { Ok(record) } else { Err(SuspensionError) }
    }
}

fn shortened(text: &str) -> String {
    let end = (0..=TEXT.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or_default().into()
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    record: Suspension,
    until: Option<Timestamp>,
}

impl Held {
    /// When it ends, seen at `now`: never later than it lasts, though the clock was set back meanwhile.
    fn ends(&self, now: Timestamp) -> Option<Timestamp> {
        let latest = self.record.duration().map(|duration| now.saturating_add(duration));
        self.until.min(latest)
    }
}

/// Who is suspended. It is asked with every request: nothing has to run for a suspension to end.
///
/// At most one record for each agent, of about 600 bytes and the length of its id: as many as the host has agents. Time
/// that was over once stays over, and a clock that is set back makes no suspension longer than it was meant to be.
///
/// ```
/// use amp_core::guards::{Suspension, Suspensions};
/// use amp_core::Timestamp;
/// let now: Timestamp = "2026-01-31T10:00:00Z".parse()?;
/// let later = "2026-01-31T11:00:00Z".parse()?;
/// let mut suspensions = Suspensions::default();
/// suspensions.suspend(Suspension::automatic("agt_7", now));
/// assert!(suspensions.is_suspended("agt_7", now));
/// assert!(!suspensions.is_suspended("agt_7", later));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suspensions {
    agents: BTreeMap<Box<str>, Held>,
}

impl Suspensions {
    /// Suspends an agent. Whoever suspends replaces what was decided before.
    pub fn suspend(&mut self, record: Suspension) {
        let until = record.expires_at;
        self.agents.insert(record.agent_id.as_str().into(), Held { record, until });
    }

    /// Whether a further suspension would change anything for the worse: not if the present one lasts as long. What a
    /// rule suspends must ask this, so that it shortens nothing that a person decided.
    #[must_use]
    pub fn would_extend(&self, record: &Suspension, now: Timestamp) -> bool {
        let Some(held) = self.agents.get(record.agent_id()) else { return true };
        match (held.ends(now), record.expires_at) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(present), Some(further)) => present <= now || further > present,
        }
    }

    /// Ends an agent's suspension. The record, if there was one.
    pub fn lift(&mut self, agent_id: &str) -> Option<Suspension> {
        self.agents.remove(agent_id).map(|held| held.record)
    }

    /// The suspension of an agent at a time, if it is suspended.
    #[must_use]
    pub fn get(&self, agent_id: &str, now: Timestamp) -> Option<&Suspension> {
        let held = self.agents.get(agent_id)?;
        held.ends(now).is_none_or(|end| now < end).then_some(&held.record)
    }

    /// Whether an agent is suspended. What is over is forgotten, and what would last too long is brought back.
    pub fn is_suspended(&mut self, agent_id: &str, now: Timestamp) -> bool {
        let Some(held) = self.agents.get_mut(agent_id) else { return false };
        held.until = held.ends(now);
        if held.until.is_some_and(|end| now >= end) {
            self.agents.remove(agent_id);
            return false;
        }
        true
    }

    /// The record of an agent, though it may be over.
    pub(crate) fn record(&self, agent_id: &str) -> Option<&Suspension> {
        self.agents.get(agent_id).map(|held| &held.record)
    }

    /// The records, in the order of the agents' ids. Some may be over.
    pub fn iter(&self) -> impl Iterator<Item = &Suspension> {
        self.agents.values().map(|held| &held.record)
    }

    /// How many records are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.agents.len()
    }

    /// Whether no record is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.agents.is_empty()
    }
}
