//! What changed between two agents, as a value that the host stores (guardrails, audit).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;

use amp_address::{Address, Profile};
use amp_envelope::{JsonValue, Timestamp, write_json};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Actor, AdmissionError, GrantState, Pair};

/// One transition of one pair: who caused it, when, what stood there before and what stands there after.
///
/// It is what the host stores and what [`PairGrants::apply`](super::PairGrants::apply) takes. Its JSON form is stable:
/// `{"from","to","actor","at","before":{"state",…},"after":{"state",…}}`.
///
/// ```
/// use amp_core::admission::{GrantEvent, GrantScope, Pair, PairGrants};
///
/// let pair = Pair::new(&"alice@acme.crabmail.ai".parse()?, &"bob@corp.crabmail.ai".parse()?);
/// let event = PairGrants::new().grant(
///     &pair, GrantScope::Message.into(), None, &"owner:42".parse()?, "2026-01-31T10:00:00Z".parse()?)?;
/// let json = event.to_json();
/// assert_eq!(json, concat!(
///     r#"{"from":"alice@acme.crabmail.ai","to":"bob@corp.crabmail.ai","actor":"owner:42","at":"2026-01-31T10:00:00Z","#,
///     r#""before":{"state":"none"},"after":{"state":"granted","scopes":["message"],"since":"2026-01-31T10:00:00Z"}}"#));
/// assert_eq!(GrantEvent::from_json(json.as_bytes())?, event);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GrantEvent {
    pair: Pair,
    actor: Actor,
    at: Timestamp,
    before: GrantState,
    after: GrantState,
}

impl GrantEvent {
    pub(super) const fn new(
        pair: Pair,
        actor: Actor,
        at: Timestamp,
        before: GrantState,
        after: GrantState,
    ) -> Self {
        Self { pair, actor, at, before, after }
    }

    /// The same step from another state.
    pub(super) fn starting_at(self, before: GrantState) -> Self {
        Self { before, ..self }
    }

    /// Whose state changed.
    #[must_use]
    pub const fn pair(&self) -> &Pair {
        &self.pair
    }

    /// Who caused it: the stranger itself, or whoever the host named.
    #[must_use]
    pub const fn actor(&self) -> &Actor {
        &self.actor
    }

    /// When, by the host's clock.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// What stood there before.
    #[must_use]
    pub const fn before(&self) -> &GrantState {
        &self.before
    }

    /// What stands there after.
    #[must_use]
    pub const fn after(&self) -> &GrantState {
        &self.after
    }

    /// The event as compact JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Nothing in an event can fail to be JSON: texts, times and a number.
        write_json(self).unwrap_or_default()
    }

    /// Reads an event that was stored.
    ///
    /// # Errors
    /// A code of the JSON profile, or `invalid_field` for what no event can be: an unknown member, a step that does not exist.
    pub fn from_json(json: &[u8]) -> Result<Self, AdmissionError> {
        let object = JsonValue::read_object(json)?;
        Self::deserialize(object)
            .map_err(|_| AdmissionError::invalid("event", "the event has the form in which it was written"))
    }
}

#[derive(Serialize)]
struct Written<'a> {
    from: &'a str,
    to: &'a str,
    actor: &'a Actor,
    at: Timestamp,
    before: &'a GrantState,
    after: &'a GrantState,
}

impl Serialize for GrantEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { pair, actor, at, before, after } = self;
        let (from, to) = (pair.from().as_str(), pair.to().as_str());
        Written { from, to, actor, at: *at, before, after }.serialize(serializer)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    from: String,
    to: String,
    actor: Actor,
    at: Timestamp,
    before: GrantState,
    after: GrantState,
}

impl<'de> Deserialize<'de> for GrantEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Read { from, to, actor, at, before, after } = Read::deserialize(deserializer)?;
        let address = |text: &str| Address::parse_with(text, Profile::Deployed).map_err(de::Error::custom);
        let pair = Pair::new(&address(&from)?, &address(&to)?);
        if before.leads_to(&after, at) {
            Ok(Self { pair, actor, at, before, after })
        } else {
            Err(de::Error::custom("no step leads from the state before to the state after"))
        }
    }
}
