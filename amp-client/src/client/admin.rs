//! What a provider's administrator and the owner of agents ask for, with keys of their own (guardrails; provider API).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use amp_core::envelope::QuarantineId;
use amp_core::identity::ApiKey;
use amp_core::wire::{
    ApiUrl, ApproveQuarantine, DeleteOwned, Deregistered, GetQuarantine, GetRisk, GetUserKey, HeldMessage,
    ListOwned, ListQuarantine, OpaqueId, OwnedAgent, RejectQuarantine, Request, Reviewed, Risk, Suspend,
    Suspended, Unsuspend, Unsuspended,
};

use super::Client;
use super::calling::{Call, exchange, read};
use crate::error::{Error, ErrorKind};
use crate::http::Http;

/// Most pages of a list that are asked for.
const PAGES_MAX: usize = 1_000;

/// Calls a provider with another key than an agent's: an administrator's, or that of the owner of agents.
///
/// ```
/// # async fn f(client: amp_client::Client, key: amp_client::identity::ApiKey) -> Result<(), amp_client::Error> {
/// let admin = client.admin(key)?;
/// for held in admin.quarantine().await? {
///     admin.reject(&held.quarantine_id).await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Admin {
    http: Http,
    api: ApiUrl,
    key: Arc<ApiKey>,
    timeout: Duration,
}

impl Client {
    /// Calls this client's provider with another key: an administrator's, or an owner's.
    ///
    /// # Errors
    /// [`ErrorKind::Setup`] when the agent is registered nowhere.
    pub fn admin(&self, key: ApiKey) -> Result<Admin, Error> {
        let account = &self.shared.account;
        let (api, timeout) = (self.at()?.api().clone(), account.timeout());
        Ok(Admin { http: account.http.clone(), api, key: Arc::new(key), timeout })
    }
}

impl Admin {
    /// Makes any call with this key.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn call<R: Request + Sync>(&self, request: &R) -> Result<R::Answer, Error> {
        let call = Call {
            api: &self.api,
            key: Some(Arc::clone(&self.key)),
            endpoint: R::ENDPOINT,
            parts: request.to_parts(),
            timeout: self.timeout,
        };
        read(request, &exchange(&self.http, call).await?)
    }

    /// The messages that wait for a person, over all pages: at most 1,000 pages.
    ///
    /// # Errors
    /// As [`Client::call`]; [`ErrorKind::BadAnswer`] when the provider's pages do not end.
    pub async fn quarantine(&self) -> Result<Vec<HeldMessage>, Error> {
        let mut request = ListQuarantine::default();
        let mut held = Vec::new();
        let mut passed = Vec::new();
        for _ in 0..PAGES_MAX {
            let page = self.call(&request).await?;
            held.extend(page.entries);
            match page.cursor {
                Some(cursor) if page.has_more != Some(false) => {
                    if passed.contains(&cursor) {
                        break;
                    }
                    passed.push(cursor.clone());
                    request.cursor = Some(cursor);
                }
                _ => return Ok(held),
            }
        }
        Err(Error::new(ErrorKind::BadAnswer, "listing what is held: the provider's pages do not end"))
    }

    /// One of them.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn quarantined(&self, id: &QuarantineId) -> Result<HeldMessage, Error> {
        self.call(&GetQuarantine::new(id.clone())).await
    }

    /// It may be delivered.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn approve(&self, id: &QuarantineId) -> Result<Reviewed, Error> {
        self.call(&ApproveQuarantine::new(id.clone())).await
    }

    /// It may not.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn reject(&self, id: &QuarantineId) -> Result<Reviewed, Error> {
        self.call(&RejectQuarantine::new(id.clone())).await
    }

    /// An agent may no longer send, until somebody lifts it. [`Suspend::for_duration`] with [`call`](Self::call) sets an end.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn suspend(&self, agent: &OpaqueId, reason: &str) -> Result<Suspended, Error> {
        self.call(&Suspend::new(agent.clone(), reason)).await
    }

    /// It may again.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn unsuspend(&self, agent: &OpaqueId) -> Result<Unsuspended, Error> {
        self.call(&Unsuspend::new(agent.clone())).await
    }

    /// An agent's risk.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn risk(&self, agent: &OpaqueId) -> Result<Risk, Error> {
        self.call(&GetRisk::new(agent.clone())).await
    }

    /// The owner's key for the registration of more agents.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn user_key(&self) -> Result<ApiKey, Error> {
        Ok(self.call(&GetUserKey).await?.user_key)
    }

    /// The owner's agents.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn owned(&self) -> Result<Vec<OwnedAgent>, Error> {
        Ok(self.call(&ListOwned).await?.agents)
    }

    /// Ends the registration of one of the owner's agents.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn delete_owned(&self, agent: &OpaqueId) -> Result<Deregistered, Error> {
        self.call(&DeleteOwned::new(agent.clone())).await
    }
}

/// Shows where it calls, and no key.
impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").field("api", &self.api).finish_non_exhaustive()
    }
}
