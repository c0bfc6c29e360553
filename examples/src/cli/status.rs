//! `amp status`: what there is, without asking anybody.

use amp_client::Client;
use serde_json::{Value, json};

use super::arguments::Common;
use super::failure::{Exit, Failure};
use super::identity::Who;
use super::opening;
use super::screen::{Answer, Page, Screen, Style};

pub(super) async fn run(common: &Common, screen: &mut Screen<'_>) -> Result<Exit, Failure> {
    let who = Who::read(&opening::agent(common)?)?;
    let client = opening::client(common).await?;
    client.take_in_local().await?;
    screen.show(&Standing::read(who, &client).await?)?;
    Ok(Exit::Done)
}

struct Standing {
    who: Who,
    unread: u64,
    held: usize,
    writes_from: Vec<String>,
}

impl Standing {
    async fn read(who: Who, client: &Client) -> Result<Self, Failure> {
        Ok(Self {
            who,
            unread: client.store().unread().await?,
            held: client.held().await?.len(),
            writes_from: client.addresses().iter().map(|address| address.as_str().to_owned()).collect(),
        })
    }
}

impl Answer for Standing {
    fn page(&self, page: &mut Page) {
        self.who.page(page);
        page.own("unread       ").styled(Style::Bold, self.unread).end();
        page.own("held         ").value(self.held).end();
    }

    fn json(&self) -> Value {
        json!({
            "agent": self.who.json(),
            "addresses": self.writes_from,
            "unread": self.unread,
            "held": self.held,
        })
    }
}
