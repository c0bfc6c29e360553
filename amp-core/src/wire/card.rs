//! `GET /agents/me/card`: the caller's card, as its provider has it (provider API; cards).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;

use amp_envelope::JsonValue;

use super::RawJson;
use super::fault::Fault;
use super::member::{Member, misfit};

/// Asks for the caller's card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GetCard;

bare_request!(GetCard => Card);

/// A card's bytes, for [`AgentCard::decode`](crate::identity::AgentCard::decode) when the agent signed it, or
/// [`ProviderAssertedCard::decode`](crate::identity::ProviderAssertedCard::decode) when the provider asserts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card(RawJson);

json_answer!(Card, 200);

impl Card {
    /// Takes a card's JSON, an object.
    #[must_use]
    pub fn from_json(json: &[u8]) -> Option<Self> {
        JsonValue::read_object(json).ok().map(|card| Self(RawJson::copy_of(card)))
    }

    /// The card's JSON, byte for byte.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        self.0.as_str().as_bytes()
    }
}

impl Member for Card {
    const RULE: &'static str = "the value is an object";

    fn read(value: JsonValue<'_>) -> Result<Self, Fault> {
        let card = Some(RawJson::copy_of(value)).filter(|card| card.as_object().is_some());
        card.map(Self).ok_or_else(misfit::<Self>)
    }

    fn write(&self, out: &mut String) {
        self.0.write(out);
    }
}
