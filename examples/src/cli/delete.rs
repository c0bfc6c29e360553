//! `amp delete`: messages, with the files that were downloaded for them.

use amp_client::envelope::MessageId;
use amp_client::store::Folder;
use serde_json::{Value, json};

use super::arguments::{Common, Delete, Which};
use super::failure::{Exit, Failure};
use super::opening;
use super::screen::{Answer, Page, Screen};
use super::view::find;

pub(super) async fn run(
    common: &Common,
    arguments: &Delete,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let client = opening::client(common).await?;
    client.take_in_local().await?;
    let folder = if arguments.sent { Folder::Sent } else { Folder::Inbox };
    for id in &arguments.ids {
        let which = Which { id: id.clone(), with: arguments.with.clone() };
        let found = find(&client, folder, &which).await?;
        if !client.store().delete(folder, &found.key).await? {
            return Err(Failure::not_found("there is no such message"));
        }
        screen.show(&Deleted(id))?;
    }
    Ok(Exit::Done)
}

struct Deleted<'a>(&'a MessageId);

impl Answer for Deleted<'_> {
    fn page(&self, page: &mut Page) {
        page.own("deleted ").value(self.0).end();
    }

    fn json(&self) -> Value {
        json!({"deleted": self.0.as_str()})
    }
}
