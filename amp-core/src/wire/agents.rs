//! `GET /agents`: the agents of a tenant (provider API).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;
use alloc::vec::Vec;

use amp_address::Address;

use super::{ApiError, Endpoint, Extra, Request, RequestParts};

/// Asks for the agents of a tenant, page by page.
///
/// ```
/// use amp_core::wire::{ApiUrl, ListAgents, Request};
///
/// let mut request = ListAgents::default();
/// request.search = Some("bob & co".into());
/// request.limit = Some(20);
/// let api: ApiUrl = "https://api.crabmail.ai/v1".parse()?;
/// assert_eq!(api.join(&request.to_parts()), "https://api.crabmail.ai/v1/agents?search=bob%20%26%20co&limit=20");
/// # Ok::<(), amp_core::wire::WireError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListAgents {
    /// The tenant; the caller's own when absent.
    pub tenant: Option<String>,
    /// What names or aliases have to contain.
    pub search: Option<String>,
    /// How many are wanted.
    pub limit: Option<u64>,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

impl Request for ListAgents {
    const ENDPOINT: Endpoint = Endpoint::ListAgents;
    type Answer = AgentList;

    fn to_parts(&self) -> RequestParts {
        RequestParts::to(Self::ENDPOINT, &[])
            .with_optional_query("tenant", self.tenant.as_ref())
            .with_optional_query("search", self.search.as_ref())
            .with_optional_query("limit", self.limit)
            .with_optional_query("cursor", self.cursor.as_ref())
    }

    fn from_parts(parts: &RequestParts) -> Result<Self, ApiError> {
        parts.arrive(Self::ENDPOINT)?;
        let text = |name| parts.query_value(name).map(|value| value.map(String::from));
        Ok(Self {
            tenant: text("tenant")?,
            search: text("search")?,
            limit: parts.query_parsed("limit", "the limit is a whole number")?,
            cursor: text("cursor")?,
        })
    }

    /// A cursor that does not move on would be asked for without end.
    fn check(&self, answer: &AgentList) -> Result<(), (&'static str, &'static str)> {
        if answer.cursor.is_some() && answer.cursor == self.cursor {
            return Err(("cursor", "the cursor of a page is another than that of the page before"));
        }
        Ok(())
    }
}

object! {
    /// A page of agents.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct AgentList {
        /// The agents of this page.
        pub agents: Vec<ListedAgent>,
        /// How many there are on all pages.
        pub total: Option<u64>,
        /// Where this page ends, if another follows.
        pub cursor: Option<String>,
        /// Whether another follows.
        pub has_more: Option<bool>,
    }
}

json_answer!(AgentList, 200);

object! {
    /// An agent in a list.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct ListedAgent {
        /// Its address.
        pub address: Address,
        /// What people call it. From outside.
        pub alias: Option<String>,
        /// Whether it is connected.
        pub online: Option<bool>,
    }
}

impl ListedAgent {
    /// An agent of this address.
    #[must_use]
    pub fn new(address: Address) -> Self {
        Self { address, alias: None, online: None, extra: Extra::default() }
    }
}
