//! Why a connection ended, and when the next one is due (delivery; provider API, WebSocket; deployed dialects).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::wire::{ApiErrorCode, ErrorFrame};

/// Why a connection ended, or none came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndReason {
    /// The peer, or the network, ended it. The WebSocket's close code, if there was one.
    Closed(Option<u16>),
    /// No connection, and no answer of another kind, within 30 seconds.
    NotReached,
    /// The provider answered the upgrade with this HTTP status instead.
    NotUpgraded(u16),
    /// The provider did not answer the authentication within 10 seconds.
    NotAuthenticated,
    /// The provider refuses the API key.
    KeyRefused,
    /// The agent is suspended.
    Suspended,
    /// The provider closed with 4003 and did not say why: the agent is suspended, or the key is refused.
    Refused,
    /// The provider knows the key as another agent's. Nothing of that agent's is read or acknowledged.
    OtherAgent,
    /// Nothing was heard for 5 minutes, and a ping was not answered.
    Silent,
    /// The peer sent a frame that is not text.
    BinaryFrame,
    /// The peer sent more than 1,000 frames within a minute that say nothing.
    Flood,
}

impl EndReason {
    /// Whether trying again will not help until somebody does something: what is refused is asked for rarely.
    #[must_use]
    pub const fn is_refusal(self) -> bool {
        match self {
            Self::KeyRefused | Self::Suspended | Self::Refused | Self::OtherAgent => true,
            // A proxy in between may answer 408; 429 asks for patience and not for help.
            Self::NotUpgraded(status) => matches!(status, 400..=499) && !matches!(status, 408 | 425 | 429),
            _ => false,
        }
    }

    /// What a close code means, beside what the provider said last.
    pub(super) fn of_close(code: Option<u16>, said: Option<Self>) -> Self {
        match (code, said) {
            (Some(4003), None) => Self::Refused,
            (Some(1008 | 4001..=4003), Some(said)) => said,
            // 4001: no authentication came; 4002: it was not the first frame. Both happen to frames that get lost.
            _ => Self::Closed(code),
        }
    }

    /// What an error frame says about the agent as a whole.
    pub(super) fn of_error(error: &ErrorFrame) -> Option<Self> {
        match error.code.as_str() {
            "unauthorized" | "invalid_token" | "forbidden" => Some(Self::KeyRefused),
            code if code == ApiErrorCode::AgentSuspended.as_str() => Some(Self::Suspended),
            _ => None,
        }
    }
}
