//! `amp identity`: who the agent is, for people and for agents that lost their context.

use amp_client::AgentHome;
use amp_client::crypto::Fingerprint;
use serde_json::{Value, json};

use super::arguments::Common;
use super::failure::{Exit, Failure};
use super::opening;
use super::screen::{Answer, Page, Screen, Style};

pub(super) fn run(common: &Common, screen: &mut Screen<'_>) -> Result<Exit, Failure> {
    screen.show(&Who::read(&opening::agent(common)?)?)?;
    Ok(Exit::Done)
}

/// An agent, without its secrets.
pub(super) struct Who {
    name: String,
    local: String,
    addresses: Vec<(String, String)>,
    fingerprint: String,
    spki_fingerprint: String,
    directory: String,
}

impl Who {
    pub(super) fn read(agent: &AgentHome) -> Result<Self, Failure> {
        let key = agent.verifying_key()?;
        let registrations = agent.registrations()?;
        let addresses = registrations
            .iter()
            .map(|one| (one.provider().as_str().to_owned(), one.address().as_str().to_owned()));
        Ok(Self {
            name: agent.address().name().to_owned(),
            local: agent.address().as_str().to_owned(),
            addresses: addresses.collect(),
            fingerprint: key.fingerprint().to_string(),
            spki_fingerprint: Fingerprint::of_spki_der(&key).to_string(),
            directory: agent.path().to_string_lossy().into_owned(),
        })
    }
}

impl Answer for Who {
    fn page(&self, page: &mut Page) {
        page.own("agent        ").styled(Style::Bold, &self.name).end();
        page.own("local        ").value(&self.local).end();
        for (provider, address) in &self.addresses {
            page.own("registered   ").value(address).own("  at ").value(provider).end();
        }
        page.own("fingerprint  ").value(&self.fingerprint).end();
        page.own("over its DER ").value(&self.spki_fingerprint).end();
        page.own("directory    ").value(&self.directory).end();
    }

    fn json(&self) -> Value {
        let address =
            |(provider, address): &(String, String)| json!({"provider": provider, "address": address});
        json!({
            "name": self.name,
            "local_address": self.local,
            "registrations": self.addresses.iter().map(address).collect::<Vec<_>>(),
            "fingerprint": self.fingerprint,
            "spki_fingerprint": self.spki_fingerprint,
            "directory": self.directory,
        })
    }
}
