//! `amp inbox`: what is stored, newest first, each message judged by what is known now.

use amp_client::envelope::Status;
use amp_client::store::{Folder, Query};
use serde_json::{Value, json};

use super::arguments::{Common, Inbox};
use super::failure::{Exit, Failure};
use super::opening;
use super::screen::{Answer, Page, Screen};
use super::view::{judged_line, sent_line};

pub(super) async fn run(common: &Common, arguments: Inbox, screen: &mut Screen<'_>) -> Result<Exit, Failure> {
    let client = opening::client(common).await?;
    client.take_in_local().await?;
    if arguments.count {
        screen.show(&Unread(client.store().unread().await?))?;
        return Ok(Exit::Done);
    }
    let folder = if arguments.sent { Folder::Sent } else { Folder::Inbox };
    let mut query = Query::new(folder);
    query.status = match folder {
        Folder::Sent => None,
        _ if arguments.all => None,
        _ if arguments.read => Some(Status::Read),
        _ => Some(Status::Unread),
    };
    query.peer = arguments.with;
    query.thread = arguments.thread;
    query.limit = arguments.limit.try_into().unwrap_or(usize::MAX);
    let page = client.store().list(&query).await?;
    if page.messages.is_empty() {
        screen.remark("No messages.")?;
    }
    for summary in page.messages {
        let line = match folder {
            Folder::Sent => sent_line(&client, summary).await?,
            _ => judged_line(&client, summary).await?,
        };
        screen.show(&line)?;
    }
    if page.next.is_some() {
        screen.remark("There are more, --limit shows them.")?;
    }
    Ok(Exit::Done)
}

struct Unread(u64);

impl Answer for Unread {
    fn page(&self, page: &mut Page) {
        page.value(self.0).end();
    }

    fn json(&self) -> Value {
        json!({"unread": self.0})
    }
}
