//! `amp resolve`: who has an address, and how firmly the key is known.

use amp_client::crypto::Fingerprint;
use amp_client::trust::PinState;
use amp_client::{Address, Client, ErrorKind, VerifyingKey};
use serde_json::{Value, json};

use super::arguments::{Common, Resolve};
use super::failure::{Exit, Failure};
use super::opening;
use super::screen::{Answer, Page, Screen, Style};
use super::view;

pub(super) async fn run(
    common: &Common,
    arguments: &Resolve,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let client = opening::client(common).await?;
    let address = view::recipient(&arguments.address, &client.address())?;
    let (key, mut pin, alias) = match opening::home(common)?.local_key(&address)? {
        // On this machine the home says it, and nobody else is asked.
        Some(named) => (named.key().clone(), pin_of(&client, &address, named.key()).await?, None),
        None => asked(&client, &address, arguments.confirm.is_some()).await?,
    };
    if let Some(compared) = &arguments.confirm {
        if compared.matches(&key).is_none() {
            return Err(Failure::new(
                Exit::NotVerified,
                "the key has another fingerprint, nothing was confirmed",
            ));
        }
        client.confirm_key(&address, &key).await?;
        pin = PinState::Confirmed;
    }
    screen.show(&Found { address, key, pin, alias })?;
    Ok(Exit::Done)
}

/// What a provider says: key, pin and alias.
async fn asked(
    client: &Client,
    address: &Address,
    is_compared: bool,
) -> Result<(VerifyingKey, PinState, Option<String>), Failure> {
    match client.resolve(address).await {
        Ok(peer) => Ok((peer.key().clone(), peer.pin(), peer.resolved().alias.clone())),
        // The person who asks has compared the key, and decides whether it takes the place of the one that is pinned.
        Err(error) if error.kind() == ErrorKind::Key && is_compared => {
            let resolved = client.call(&amp_client::wire::Resolve::new(address.clone())).await?;
            Ok((resolved.public_key().clone(), PinState::Conflict, resolved.alias.clone()))
        }
        Err(error) => Err(error.into()),
    }
}

/// How firmly this key is known for an address.
async fn pin_of(client: &Client, address: &Address, key: &VerifyingKey) -> Result<PinState, Failure> {
    Ok(match client.known_key(address).await? {
        None => PinState::Candidate,
        Some((pinned, pin)) if pinned == *key => pin,
        Some(_) => PinState::Conflict,
    })
}

struct Found {
    address: Address,
    key: VerifyingKey,
    pin: PinState,
    alias: Option<String>,
}

impl Answer for Found {
    fn page(&self, page: &mut Page) {
        page.own("address      ").styled(Style::Bold, &self.address).end();
        if let Some(alias) = &self.alias {
            page.own("alias        ").name(alias).end();
        }
        page.own("key          ").value(self.key.algorithm().as_str()).own("  ").value(self.pin).end();
        page.own("fingerprint  ").value(self.key.fingerprint()).end();
        page.own("over its DER ").value(Fingerprint::of_spki_der(&self.key)).end();
    }

    fn json(&self) -> Value {
        json!({
            "address": self.address.as_str(),
            "alias": self.alias,
            "algorithm": self.key.algorithm().as_str(),
            "pin": self.pin.as_str(),
            "fingerprint": self.key.fingerprint().to_string(),
            "spki_fingerprint": Fingerprint::of_spki_der(&self.key).to_string(),
        })
    }
}
