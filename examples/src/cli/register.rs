//! `amp register`: an address at a provider.

use std::io::Read;

use amp_client::identity::ApiKey;
use amp_client::wire::{self, ApiUrl};
use amp_client::{AgentName, Client, Registration};
use serde_json::{Value, json};

use super::arguments::{Common, Register};
use super::failure::{Exit, Failure};
use super::opening;
use super::screen::{Answer, Page, Screen, Style};
use super::texts;

pub(super) async fn run(
    common: &Common,
    arguments: Register,
    input: &mut (dyn Read + Send),
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let client = opening::client(common).await?;
    let kept = client.registrations().into_iter().find(|one| *one.api() == arguments.api);
    let registration = match kept {
        Some(kept) => {
            screen.remark("The agent is registered there already.")?;
            kept
        }
        None => register(common, &client, &arguments, input).await?,
    };
    screen.show(&Registered { address: registration.address().as_str().to_owned(), api: arguments.api })?;
    Ok(Exit::Done)
}

async fn register(
    common: &Common,
    client: &Client,
    arguments: &Register,
    input: &mut (dyn Read + Send),
) -> Result<Registration, Failure> {
    let Register { api, name, tenant, alias, owner_key, invite } = arguments;
    let name = match name {
        Some(name) => name.clone(),
        None => opening::agent(common)?.address().name().to_owned(),
    };
    if tenant.is_none() && alias.is_none() && owner_key.is_none() && invite.is_none() {
        return Ok(client.register_at(api, &name).await?);
    }
    let name =
        AgentName::parse(&name).map_err(|error| Failure::new(Exit::Usage, format!("the name: {error}")))?;
    let mut request = wire::Register::new(name, &client.verifying_key());
    request.tenant.clone_from(tenant);
    request.alias.clone_from(alias);
    request.invite_code = invite.as_deref().map(|file| texts::secret(file, input)).transpose()?;
    let owner = owner_key.as_deref().map(|file| texts::secret(file, input)).transpose()?;
    let owner = owner.map(|key| key.expose().parse::<ApiKey>()).transpose();
    let owner = owner.map_err(|_| Failure::new(Exit::Usage, "the owner's key is no API key"))?;
    Ok(client.register_with(api, &request, owner).await?)
}

struct Registered {
    address: String,
    api: ApiUrl,
}

impl Answer for Registered {
    fn page(&self, page: &mut Page) {
        page.own("registered as ").styled(Style::Bold, &self.address).own(" at ").value(&self.api).end();
    }

    fn json(&self) -> Value {
        json!({"address": self.address, "api": self.api.as_str()})
    }
}
