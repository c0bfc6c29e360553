//! `amp card`: the agent's own card, to give to others, or another agent's, to seal mail to it.

use std::io::Read;

use amp_client::identity::{AgentCard, VerifiedCard};
use serde_json::{Value, json};

use super::arguments::{Card, Common};
use super::failure::{Exit, Failure};
use super::screen::{Answer, Page, Screen};
use super::{opening, texts};

pub(super) async fn run(
    common: &Common,
    arguments: &Card,
    input: &mut (dyn Read + Send),
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let client = opening::client(common).await?;
    match &arguments.accept {
        None => screen.show(&Own(client.agent_card()?))?,
        Some(path) => {
            let card = client.accept_card(&texts::file(path, input)?).await?;
            screen.show(&Accepted(&card))?;
        }
    }
    Ok(Exit::Done)
}

/// The card itself, so that it can go into a file.
struct Own(AgentCard);

impl Answer for Own {
    fn page(&self, page: &mut Page) {
        page.json(&self.json()).end();
    }

    fn json(&self) -> Value {
        serde_json::from_str(self.0.as_json()).unwrap_or_default()
    }
}

struct Accepted<'a>(&'a VerifiedCard);

impl Answer for Accepted<'_> {
    fn page(&self, page: &mut Page) {
        page.own("accepted ").value(self.0.address()).own("  until ").value(self.0.expires_at()).end();
    }

    fn json(&self) -> Value {
        json!({
            "address": self.0.address().as_str(),
            "fingerprint": self.0.fingerprint().to_string(),
            "expires_at": self.0.expires_at().to_string(),
        })
    }
}
