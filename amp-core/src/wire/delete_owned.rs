//! `DELETE /agents/owned/{id}`: the end of an owned agent's registration (provider API).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::{ApiError, Deregistered, Endpoint, OpaqueId, Request, RequestParts};

/// Ends the registration of an agent of the owner whose session this is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeleteOwned {
    /// The provider's identifier of the agent.
    pub id: OpaqueId,
}

impl DeleteOwned {
    /// Ends the registration of this agent.
    #[must_use]
    pub const fn new(id: OpaqueId) -> Self {
        Self { id }
    }
}

impl Request for DeleteOwned {
    const ENDPOINT: Endpoint = Endpoint::DeleteOwned;
    type Answer = Deregistered;

    fn to_parts(&self) -> RequestParts {
        RequestParts::to(Self::ENDPOINT, &[self.id.as_str()])
    }

    fn from_parts(parts: &RequestParts) -> Result<Self, ApiError> {
        Ok(Self::new(parts.arrive_with(Self::ENDPOINT, "id")?))
    }
}
