//! `amp watch`: messages as they come, over all ways, until it is interrupted.

use std::time::Duration;

use super::arguments::{Common, Watch};
use super::failure::{Exit, Failure};
use super::opening;
use super::screen::Screen;
use super::view::View;

pub(super) async fn run(
    common: &Common,
    arguments: &Watch,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let client = opening::client(common).await?;
    let mut inbox = client.inbox().await?;
    let stopper = inbox.stopper();
    let seconds = arguments.seconds.map(Duration::from_secs);
    let ending = tokio::spawn(async move {
        match seconds {
            Some(seconds) => drop(tokio::time::timeout(seconds, tokio::signal::ctrl_c()).await),
            None => drop(tokio::signal::ctrl_c().await),
        }
        stopper.stop();
    });
    let mut left = arguments.count;
    while left != Some(0) {
        let Some(received) = inbox.next().await else { break };
        screen.show(&View::of_received(&received?, None))?;
        left = left.map(|left| left.saturating_sub(1));
    }
    ending.abort();
    inbox.shut_down().await?;
    Ok(Exit::Done)
}
