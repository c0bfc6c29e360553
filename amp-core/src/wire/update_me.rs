//! `PATCH /agents/me`: changes to the caller's registration (provider API).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;

use amp_address::Address;

use super::delivery::Delivery;
use super::fault::WireError;
use super::register::{check_read_metadata, checked_metadata};
use super::{ApiError, Endpoint, Extra, RawJson, Request, RequestParts};
use crate::admission::CommunicationPolicy;

object! {
    /// Changes what is registered of the caller. What is absent stays as it is.
    ///
    /// ```
    /// use amp_core::wire::{RawJson, UpdateMe};
    /// use serde_json::json;
    ///
    /// let mut update = UpdateMe::default().with_metadata(RawJson::new(&json!({"team": "web"}))?)?;
    /// update.alias = Some("Alice".into());
    /// // In this member deployed providers keep what they know of the agent: sent, it would replace that.
    /// assert!(UpdateMe::default().with_metadata(RawJson::new(&json!({"amp": {}}))?).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Debug, Default)]
    pub struct UpdateMe {
        /// What people call it.
        pub alias: Option<String>,
        /// How it wants its messages.
        pub delivery: Option<Delivery>,
        metadata: Option<RawJson>,
        /// To whom it may write.
        pub communication_policy: Option<CommunicationPolicy>,
    }
}

impl UpdateMe {
    /// The same with whatever the host wants to be kept beside.
    ///
    /// # Errors
    /// [`WireError::Field`] when it is no object, or has a member `amp`, in which deployed providers keep their own
    /// record of the agent.
    pub fn with_metadata(mut self, metadata: RawJson) -> Result<Self, WireError> {
        self.metadata = Some(checked_metadata(metadata)?);
        Ok(self)
    }

    /// What the host wants to be kept beside: an object.
    #[must_use]
    pub const fn metadata(&self) -> Option<&RawJson> {
        self.metadata.as_ref()
    }
}

impl Request for UpdateMe {
    const ENDPOINT: Endpoint = Endpoint::UpdateMe;
    type Answer = Updated;

    fn to_parts(&self) -> RequestParts {
        RequestParts::to(Self::ENDPOINT, &[]).with_object(self)
    }

    fn from_parts(parts: &RequestParts) -> Result<Self, ApiError> {
        parts.arrive(Self::ENDPOINT)?;
        let request: Self = parts.read_object()?;
        check_read_metadata(request.metadata.as_ref())?;
        Ok(request)
    }
}

object! {
    /// The registration was changed.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Updated {
        /// Whether it was.
        pub updated: Option<bool>,
        /// Whose it is.
        pub address: Option<Address>,
    }
}

json_answer!(Updated, 200);

impl Updated {
    /// The registration of this agent was changed.
    #[must_use]
    pub fn new(address: Address) -> Self {
        Self { updated: Some(true), address: Some(address), extra: Extra::default() }
    }
}
