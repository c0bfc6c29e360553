//! `amp register`: an address at a provider.

use std::io::Read;

use amp_client::wire::ApiUrl;
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
    let Register { api, name, tenant, alias, owner_key, invite } = arguments;
    let name = match name {
        Some(name) => name,
        None => opening::agent(common)?.address().name().to_owned(),
    };
    let mut builder = opening::builder(common, api.clone())?;
    if let Some(tenant) = tenant {
        builder = builder.tenant(&tenant);
    }
    if let Some(alias) = alias {
        builder = builder.alias(&alias);
    }
    if let Some(file) = owner_key {
        let key = texts::secret(&file, input)?;
        let key = key.expose().parse().map_err(|_| Failure::new(Exit::Usage, "the owner's key is no key"))?;
        builder = builder.owner_key(key);
    }
    if let Some(file) = invite {
        builder = builder.invite(texts::secret(&file, input)?);
    }
    let client = builder.register(&name).await?;
    screen.show(&Registered { address: client.address().as_str().to_owned(), api })?;
    Ok(Exit::Done)
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
