//! `amp keys`: new keys in the place of old ones.

use serde_json::{Value, json};

use super::arguments::{Common, Keys, KeysCommand};
use super::failure::{Exit, Failure};
use super::opening;
use super::screen::{Answer, Page, Screen, Style};

pub(super) async fn run(common: &Common, arguments: &Keys, screen: &mut Screen<'_>) -> Result<Exit, Failure> {
    let client = opening::client(common).await?;
    match arguments.command {
        KeysCommand::Rotate => {
            client.rotate_keys().await?;
            screen.show(&Rotated {
                what: "signing key",
                now: client.verifying_key().fingerprint().to_string(),
            })?;
        }
        KeysCommand::RotateApi => {
            let until = client.rotate_api_key().await?;
            let now = until.map_or_else(String::new, |until| format!("the old one works until {until}"));
            screen.show(&Rotated { what: "API key", now })?;
        }
    }
    Ok(Exit::Done)
}

struct Rotated {
    what: &'static str,
    now: String,
}

impl Answer for Rotated {
    fn page(&self, page: &mut Page) {
        page.own("replaced the ").styled(Style::Bold, self.what).own("  ").value(&self.now).end();
    }

    fn json(&self) -> Value {
        json!({"replaced": self.what, "now": self.now})
    }
}
