//! What the provider says about itself, its agents and this one; and any other call (provider API).

use alloc::string::String;
use alloc::vec::Vec;

use amp_core::wire::{
    Card, GetCard, GetInfo, GetMe, Info, ListAgents, ListedAgent, Me, Request, UpdateMe, Updated,
};

use super::Client;
use super::account::not_registered;
use super::registration::Registration;
use crate::error::{Error, ErrorKind};

/// Most pages of a list that are asked for.
const PAGES_MAX: usize = 1_000;

impl Client {
    /// Makes any call of the provider's API, with the agent's key where the endpoint wants one.
    ///
    /// A call that cannot have been done is made again until the [timeout](crate::ClientBuilder::timeout): no connection
    /// came about, or the provider refused it for now and said when to come back. One that may have been done is made
    /// again only where that does no harm.
    ///
    /// ```
    /// # async fn f(client: amp_client::Client) -> Result<(), amp_client::Error> {
    /// use amp_client::wire::GetHealth;
    ///
    /// println!("{:?}", client.call(&GetHealth).await?.status);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] with the provider's [`code`](Error::code); [`ErrorKind::Unreachable`] and
    /// [`ErrorKind::TimedOut`] when there is no answer: the provider may have acted; [`ErrorKind::BadAnswer`] when the
    /// answer is not what it ought to be, or to something else; [`ErrorKind::Target`] when the address may not be connected to;
    /// [`ErrorKind::Setup`] when the agent is registered nowhere.
    pub async fn call<R: Request + Sync>(&self, request: &R) -> Result<R::Answer, Error> {
        self.shared.account.call(&self.at()?, request).await
    }

    /// What the provider offers. Ask it before relying on a capability: [`Info::has_capability`].
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn info(&self) -> Result<Info, Error> {
        self.call(&GetInfo).await
    }

    /// The agent's registration, as the provider has it.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn me(&self) -> Result<Me, Error> {
        self.call(&GetMe).await
    }

    /// Changes the agent's registration: alias, delivery, metadata, policy.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn update(&self, change: &UpdateMe) -> Result<Updated, Error> {
        self.call(change).await
    }

    /// The agent's card, as the provider asserts it.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn card(&self) -> Result<Card, Error> {
        self.call(&GetCard).await
    }

    /// The agents of the tenant whose name or alias holds a text, over all pages; with an empty text, all of them. At most
    /// 100,000. Aliases are text from outside.
    ///
    /// # Errors
    /// As [`call`](Self::call); [`ErrorKind::BadAnswer`] when the provider's pages do not end.
    pub async fn agents(&self, search: &str) -> Result<Vec<ListedAgent>, Error> {
        let mut request = ListAgents::default();
        request.search = (!search.is_empty()).then(|| String::from(search));
        let mut agents = Vec::new();
        let mut passed = std::collections::HashSet::new();
        for _ in 0..PAGES_MAX {
            let page = self.call(&request).await?;
            agents.extend(page.agents);
            match page.cursor {
                Some(cursor) if page.has_more != Some(false) => {
                    if agents.len() >= AGENTS_MAX || !passed.insert(cursor.clone()) {
                        break;
                    }
                    request.cursor = Some(cursor);
                }
                _ => return Ok(agents),
            }
        }
        Err(Error::new(ErrorKind::BadAnswer, "listing agents: the provider's pages do not end"))
    }

    /// The registration that calls go to.
    pub(crate) fn at(&self) -> Result<Registration, Error> {
        let first = || self.shared.account.registrations().into_iter().next();
        self.at.clone().or_else(first).ok_or_else(not_registered)
    }
}

/// Most agents of a list.
const AGENTS_MAX: usize = 100_000;
