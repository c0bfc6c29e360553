//! `amp reply`: an answer, which only a message that holds can have.

use std::io::Read;

use amp_client::Outgoing;
use amp_client::receive::Reading;
use amp_client::store::Folder;

use super::arguments::{Common, Reply};
use super::failure::{Exit, Failure};
use super::screen::Screen;
use super::view::{find, reading};
use super::{opening, send, texts};

pub(super) async fn run(
    common: &Common,
    arguments: &Reply,
    input: &mut (dyn Read + Send),
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let client = opening::client(common).await?;
    client.take_in_local().await?;
    let found = find(&client, Folder::Inbox, &arguments.which).await?;
    let Reading::Proven(received) = reading(&client, &found.key).await? else {
        return Err(Failure::new(
            Exit::NotVerified,
            "nothing vouches for the message, so it has no sender to answer",
        ));
    };
    let text = texts::text(&arguments.text, input)?;
    let sent = client.send(arguments.sealing.of(Outgoing::from(received.reply(&text)))).await;
    send::show(&sent.map_err(|error| send::arguments_of(error.into()))?, screen)
}
