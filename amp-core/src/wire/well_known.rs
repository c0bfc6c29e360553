//! `GET /.well-known/agent-messaging.json` at the root of a provider's host (provider API; federation, discovery).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::fault::Fault;
use super::{Answer, AnswerParts, ApiError};
use crate::federation::WellKnown;

/// Asks where a provider's API is, at the root of its host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GetWellKnown;

bare_request!(GetWellKnown => WellKnown);

impl Answer for WellKnown {
    fn to_parts(&self) -> AnswerParts {
        let answer = AnswerParts::new(200).with_header("Content-Type", "application/json");
        answer.with_body(self.to_json().into_bytes())
    }

    fn from_parts(parts: &AnswerParts) -> Result<Self, ApiError> {
        parts.json()?;
        let rule = "the body is a provider's discovery document";
        Self::decode(&parts.body).map_err(|_| parts.unreadable(Fault::body(rule)))
    }
}
