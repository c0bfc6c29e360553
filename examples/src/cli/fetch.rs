//! `amp fetch`: takes in what waits, once.

use amp_client::Fetched;
use amp_client::store::{Folder, Query};
use serde_json::{Value, json};

use super::arguments::Common;
use super::failure::{Exit, Failure};
use super::opening;
use super::screen::{Answer, Page, Screen, Style};
use super::view::judged_line;

pub(super) async fn run(common: &Common, screen: &mut Screen<'_>) -> Result<Exit, Failure> {
    let client = opening::client(common).await?;
    let fetched = client.fetch().await?;
    for key in fetched.delivered() {
        let mut query = Query::new(Folder::Inbox);
        query.id = Some(key.id().clone());
        query.peer = Some(key.peer().clone());
        let found = client.store().list(&query).await?.messages.into_iter().find(|one| one.key == *key);
        if let Some(summary) = found {
            screen.show(&judged_line(&client, summary).await?)?;
        }
    }
    screen.show(&Count(&fetched))?;
    Ok(Exit::Done)
}

struct Count<'a>(&'a Fetched);

impl Answer for Count<'_> {
    fn page(&self, page: &mut Page) {
        let Self(fetched) = self;
        page.styled(Style::Bold, fetched.delivered().len()).own(" new, ");
        if fetched.untrusted() > 0 {
            page.value(fetched.untrusted()).own(" untrusted, ");
        }
        page.value(fetched.held())
            .own(" held for review, ")
            .value(fetched.refused().len())
            .own(" refused")
            .end();
        for (id, refusal) in fetched.refused() {
            page.own("refused ");
            if let Some(id) = id {
                page.value(id).own("  ");
            }
            page.value(refusal).end();
        }
    }

    fn json(&self) -> Value {
        let Self(fetched) = self;
        let refused = fetched.refused().iter().map(|(id, refusal)| {
            json!({"id": id.as_ref().map(|id| id.as_str()), "code": refusal.code(), "field": refusal.field()})
        });
        json!({
            "new": fetched.delivered().len(),
            "untrusted": fetched.untrusted(),
            "held": fetched.held(),
            "put_off": fetched.put_off(),
            "refused": refused.collect::<Vec<_>>(),
        })
    }
}
