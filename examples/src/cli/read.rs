//! `amp read`: one message, judged once more by what is known now.

use std::time::Duration;

use amp_client::envelope::Status;
use amp_client::receive::Reading;
use amp_client::store::{Folder, MessageKey, Summary};
use amp_client::{Client, ErrorKind};

use super::arguments::{Common, Read};
use super::failure::{Exit, Failure, now};
use super::opening;
use super::screen::Screen;
use super::view::{View, find, reading};

/// How long a receipt may take: the message is read whether it is sent or not.
const RECEIPT_WITHIN: Duration = Duration::from_secs(5);

pub(super) async fn run(common: &Common, arguments: &Read, screen: &mut Screen<'_>) -> Result<Exit, Failure> {
    let client = opening::client(common).await?;
    if arguments.sent {
        let found = find(&client, Folder::Sent, &arguments.which).await?;
        let view = sent(&client, &found.key).await?;
        screen.show(&view)?;
        return Ok(view.exit());
    }
    client.take_in_local().await?;
    let found = find(&client, Folder::Inbox, &arguments.which).await?;
    let reading = reading(&client, &found.key).await?;
    let mut view = View::of_reading(&reading, Some(found.status))?;
    view.is_raw = arguments.raw;
    screen.show(&view)?;
    if !arguments.keep_unread && found.status == Status::Unread {
        mark(&client, &found, &reading, arguments.no_receipt).await?;
    }
    Ok(match reading {
        Reading::Proven(_) => Exit::Done,
        _ => Exit::NotVerified,
    })
}

async fn sent(client: &Client, key: &MessageKey) -> Result<View, Failure> {
    let none = || Failure::not_found("there is no such message");
    match client.read_sent(key).await {
        Ok(sent) => Ok(View::of_sent(&sent.ok_or_else(none)?)),
        Err(error) if error.kind() == ErrorKind::Message => {
            let stored = client.store().get(Folder::Sent, key).await?;
            Ok(View::of_anybody(stored.ok_or_else(none)?.into_message()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Nobody whose word is not proven gets a receipt.
async fn mark(client: &Client, found: &Summary, reading: &Reading, is_quiet: bool) -> Result<(), Failure> {
    match reading {
        Reading::Proven(received) if !is_quiet => {
            // It is marked first: what fails or takes long after that is the receipt.
            let _ = tokio::time::timeout(RECEIPT_WITHIN, client.mark_read(received)).await;
        }
        _ => drop(client.store().mark(&found.key, Status::Read, now()?).await?),
    }
    Ok(())
}
