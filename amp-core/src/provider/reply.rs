//! What a request is answered (provider API).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::vec::Vec;

use super::body::BodyError;
use super::number::MessageNumber;
use crate::wire::{AnswerParts, RateStatus};

/// The answer to a request.
#[derive(Debug)]
#[non_exhaustive]
pub enum Reply {
    /// Here it is.
    Now(AnswerParts),
    /// The answer comes as [`Action::Answer`](super::Action::Answer) with the ticket of the call.
    Later,
}

impl Reply {
    /// The same, with what is left of the limit.
    pub(super) fn with_rate(self, rate: RateStatus) -> Self {
        match self {
            Self::Now(parts) => Self::Now(rate.put_on(parts)),
            Self::Later => Self::Later,
        }
    }

    /// The answer, with bodies from the host's store. None for [`Reply::Later`].
    ///
    /// # Errors
    /// When a body is missing, or is not the one that was stored: answer 500 then, and look at the store.
    pub fn into_answer(
        self,
        _body_of: impl FnMut(MessageNumber) -> Option<Vec<u8>>,
    ) -> Result<Option<AnswerParts>, BodyError> {
        match self {
            Self::Now(parts) => Ok(Some(parts)),
            Self::Later => Ok(None),
        }
    }
}
