//! `amp held`: messages that wait until a person has decided.

use amp_client::envelope::QuarantineId;
use amp_client::receive::QuarantineEntry;
use serde_json::{Value, json};

use super::arguments::{Common, Held};
use super::failure::{Exit, Failure};
use super::opening;
use super::screen::{Answer, Page, Screen, Style};

pub(super) async fn run(common: &Common, arguments: &Held, screen: &mut Screen<'_>) -> Result<Exit, Failure> {
    let client = opening::client(common).await?;
    if let Some(id) = &arguments.approve {
        client.approve_held(id).await?;
        screen.show(&Decided(id, "approved"))?;
    } else if let Some(id) = &arguments.reject {
        client.reject_held(id).await?;
        screen.show(&Decided(id, "rejected"))?;
    } else {
        let entries = client.held().await?;
        if entries.is_empty() {
            screen.remark("Nothing is held.")?;
        }
        for entry in &entries {
            screen.show(&Entry(entry))?;
        }
    }
    Ok(Exit::Done)
}

/// What is held is not shown: the rules that hold it are.
struct Entry<'a>(&'a QuarantineEntry);

impl Answer for Entry<'_> {
    fn page(&self, page: &mut Page) {
        let Self(entry) = self;
        page.styled(Style::Bold, entry.id()).own("  ").value(entry.quarantined_at()).own("  until ");
        page.value(entry.expires_at()).end();
        page.own("    from ").value(entry.sender()).end();
        page.own("    ").styled(Style::Bad, entry.rules().collect::<Vec<_>>().join(", ")).end();
    }

    fn json(&self) -> Value {
        let Self(entry) = self;
        json!({
            "quarantine_id": entry.id().as_str(),
            "from": entry.sender().as_str(),
            "id": entry.message_id().as_str(),
            "rules": entry.rules().collect::<Vec<_>>(),
            "quarantined_at": entry.quarantined_at().to_string(),
            "expires_at": entry.expires_at().to_string(),
        })
    }
}

struct Decided<'a>(&'a QuarantineId, &'static str);

impl Answer for Decided<'_> {
    fn page(&self, page: &mut Page) {
        page.value(self.1).own(" ").value(self.0).end();
    }

    fn json(&self) -> Value {
        json!({"quarantine_id": self.0.as_str(), "decision": self.1})
    }
}
