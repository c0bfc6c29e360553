//! `amp forget`: a registration that is of no use any more.

use amp_client::Provider;
use serde_json::{Value, json};

use super::arguments::{Common, Forget};
use super::failure::{Exit, Failure};
use super::opening;
use super::screen::{Answer, Page, Screen};

pub(super) fn run(common: &Common, arguments: &Forget, screen: &mut Screen<'_>) -> Result<Exit, Failure> {
    if !opening::agent(common)?.remove_registration(&arguments.provider)? {
        return Err(Failure::not_found("the agent is not registered there"));
    }
    screen.show(&Forgotten(&arguments.provider))?;
    Ok(Exit::Done)
}

struct Forgotten<'a>(&'a Provider);

impl Answer for Forgotten<'_> {
    fn page(&self, page: &mut Page) {
        page.own("forgot the registration with ").value(self.0.as_str()).end();
    }

    fn json(&self) -> Value {
        json!({"forgotten": self.0.as_str()})
    }
}
