//! `amp init`: an agent with a key, files and a local address.

use super::arguments::{Common, Init};
use super::failure::{Exit, Failure};
use super::identity::Who;
use super::opening;
use super::screen::Screen;

pub(super) fn run(common: &Common, arguments: &Init, screen: &mut Screen<'_>) -> Result<Exit, Failure> {
    let home = opening::home(common)?;
    amp_client::address::AgentName::parse(&arguments.name.to_ascii_lowercase())
        .map_err(|error| Failure::new(Exit::Usage, format!("the agent's name: {error}")))?;
    let agent = match home.agent(&arguments.name)? {
        Some(agent) => {
            screen.remark("This agent is there already, and stays as it is.")?;
            agent
        }
        None => home.create_agent(&arguments.name, &arguments.tenant)?,
    };
    screen.show(&Who::read(&agent)?)?;
    Ok(Exit::Done)
}
