//! Asking a provider for an address (provider API, registration).

use alloc::string::{String, ToString as _};
use alloc::sync::Arc;

use amp_core::identity::ApiKey;
use amp_core::wire::{ApiErrorCode, ApiUrl, Delivery, Register, Registered, Request as _};
use amp_core::{AgentName, SecretText};
use tracing::Instrument as _;

use super::Client;
use super::account::Shared;
use super::builder::Wanted;
use super::calling::{Call, exchange, read};
use super::registration::{Registration, copy_of};
use crate::clock;
use crate::error::{Error, ErrorKind};

/// The tenant of agents for which nobody has named one.
const TENANT: &str = "default";

impl Client {
    /// Registers the agent with one more provider, under its present key. [`send`](Self::send) goes through the provider of the
    /// recipient from now on, where there are several.
    ///
    /// # Errors
    /// As [`ClientBuilder::register`](crate::ClientBuilder::register); [`ErrorKind::Setup`] when the provider
    /// gives itself the name of one that the agent is registered with already, at another place, or a change of the
    /// signing key is not decided.
    pub async fn register_at(&self, api: &ApiUrl, name: &str) -> Result<Registration, Error> {
        let name: AgentName = name.parse().map_err(|error| {
            Error::new(ErrorKind::Setup, "registering: the name of an agent").because(error)
        })?;
        self.shared.register_wanted(api, &name, &Wanted::default()).await
    }

    /// Registers the agent with one more provider, by a request of one's own: made with
    /// [`verifying_key`](Self::verifying_key), and with the key of the agent's owner where that is needed.
    ///
    /// # Errors
    /// As [`register_at`](Self::register_at).
    pub async fn register_with(
        &self,
        api: &ApiUrl,
        request: &Register,
        owner_key: Option<ApiKey>,
    ) -> Result<Registration, Error> {
        let _one_at_a_time = self.shared.account.changing.lock().await;
        self.shared.account.no_key_is_changing().await?;
        let registered = self.shared.ask_for_address(api, request, owner_key.map(Arc::new)).await?;
        self.shared.take_address(api, &registered).await
    }

    /// Ends the registration that calls go to. Its address is given up.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn deregister(&self) -> Result<(), Error> {
        let account = &self.shared.account;
        let at = self.at()?;
        account.call(&at, &amp_core::wire::Deregister).await?;
        account.remove(&at);
        account.keeping.forget(&at).await
    }
}

impl Shared {
    pub(super) async fn register_wanted(
        &self,
        api: &ApiUrl,
        name: &AgentName,
        wanted: &Wanted,
    ) -> Result<Registration, Error> {
        let account = &self.account;
        let _one_at_a_time = account.changing.lock().await;
        account.no_key_is_changing().await?;
        let owner_key = wanted.owner_key.as_ref().map(copy_of).transpose()?.map(Arc::new);
        let mut request = Register::new(name.clone(), account.identity().verifying_key());
        request.tenant = wanted.tenant.clone();
        if request.tenant.is_none() && owner_key.is_none() && wanted.invite.is_none() {
            request.tenant = Some(TENANT.into());
        }
        request.agent_id.clone_from(&account.id);
        request.alias.clone_from(&wanted.alias);
        request.scope.clone_from(&wanted.scope);
        request.invite_code = wanted.invite.as_ref().map(|code| SecretText::new(code.expose().into()));
        request.delivery = wanted.webhook.as_ref().map(|(url, secret)| {
            let mut delivery = Delivery::default();
            delivery.webhook_url = Some(url.clone());
            delivery.webhook_secret = Some(SecretText::new(secret.expose().into()));
            delivery
        });
        let registered = match self.ask_for_address(api, &request, owner_key.clone()).await {
            Err(error) if wanted.tenant.is_none() => match only_tenant(&error) {
                Some(tenant) => {
                    request.tenant = Some(tenant);
                    self.ask_for_address(api, &request, owner_key).await?
                }
                None => return Err(error),
            },
            outcome => outcome?,
        };
        self.take_address(api, &registered).await
    }

    async fn ask_for_address(
        &self,
        api: &ApiUrl,
        request: &Register,
        key: Option<Arc<ApiKey>>,
    ) -> Result<Registered, Error> {
        let account = &self.account;
        let (endpoint, timeout) = (Register::ENDPOINT, account.timeout());
        let call = Call { api, key, endpoint, parts: request.to_parts(), timeout };
        let answer = exchange(&account.http, call).instrument(tracing::info_span!("amp.register")).await?;
        read(request, &answer)
    }

    /// Keeps a registration, and uses it.
    async fn take_address(&self, api: &ApiUrl, registered: &Registered) -> Result<Registration, Error> {
        let account = &self.account;
        let routes = &account.settings.allowed_routes;
        let registration = Registration::made(registered, api, routes, &account.identity(), clock::now())?;
        // Else one provider could have the messages for another, and its registration's file.
        let is_other =
            |one: &Registration| !one.api().same_site(api) && one.provider() == registration.provider();
        if account.registrations().iter().any(is_other) {
            let rule = "registering: the provider gives itself the name of another one";
            return Err(Error::new(ErrorKind::Setup, rule));
        }
        account.keeping.keep(&registration).await?;
        account.add(registration.clone());
        self.receiving.serve_also(registration.address().clone()).await;
        if registration.ignored_route_url().is_some() {
            tracing::warn!("the provider wants messages sent to another site, which is not allowed");
        }
        tracing::info!("registered");
        Ok(registration)
    }
}

/// The tenant that a provider wants instead, where it has only one and nobody has named another.
fn only_tenant(error: &Error) -> Option<String> {
    let api = error.api().filter(|api| api.is(&ApiErrorCode::InvalidField))?;
    let details = api.details()?.as_object()?;
    details.get("expected_tenant")?.as_str().map(|tenant| tenant.to_string())
}
