//! From the arguments to a home, an agent and a client (local mailbox).

use std::time::Duration;

use amp_client::envelope::Dialect;
use amp_client::wire::ApiUrl;
use amp_client::{AgentHome, Client, ClientBuilder, Error, Home};

use super::arguments::Common;
use super::failure::{Exit, Failure};

/// The forms under which the deployed programs sign.
pub(super) const DIALECTS: [Dialect; 4] = [Dialect::Jcs, Dialect::Jq16, Dialect::Jq17, Dialect::Maestro];

/// Stands where no provider is called.
const NO_PROVIDER: &str = "http://localhost";

pub(super) fn home(common: &Common) -> Result<Home, Error> {
    match &common.home {
        Some(path) => Home::open(path),
        None => Home::open_default(),
    }
}

/// The agent that the arguments or the environment name, or the only one.
pub(super) fn agent(common: &Common) -> Result<AgentHome, Failure> {
    let home = home(common)?;
    let found = match &common.agent {
        Some(name) => home.agent(name)?,
        None => home.default_agent().map_err(|error| which_agent(&home, error))?,
    };
    found.ok_or_else(|| Failure::not_found("there is no such agent here, `amp init NAME` makes one"))
}

/// Names the agents of a home that has several.
fn which_agent(home: &Home, error: Error) -> Failure {
    let mut names: Vec<String> =
        home.agents().into_iter().flatten().map(|agent| agent.address().name().to_owned()).collect();
    if error.kind() != amp_client::ErrorKind::Setup || names.len() < 2 {
        return error.into();
    }
    names.sort_unstable();
    let rule = "the home has several agents, say which one with --agent";
    Failure::new(Exit::Usage, format!("{rule}: {}", names.join(", ")))
}

/// The agent's client. Nothing is sent.
pub(super) async fn client(common: &Common) -> Result<Client, Failure> {
    let agent = agent(common)?;
    let api = match agent.registrations()?.first() {
        Some(registration) => api_url(registration.api_url())?,
        None => api_url(NO_PROVIDER)?,
    };
    let builder = builder(common, api)?;
    let builder = match &common.agent {
        Some(name) => builder.agent(name),
        None => builder,
    };
    Ok(builder.open().await?)
}

/// A client's builder with what every command sets.
pub(super) fn builder(common: &Common, api: ApiUrl) -> Result<ClientBuilder, Failure> {
    let builder = Client::builder(api)
        .home(home(common)?)
        .timeout(Duration::from_secs(common.timeout))
        .dialects(DIALECTS)
        .receiver(amp_client::receive::ReceiverBuilder::show_untrusted);
    Ok(common.allow_plain_http.iter().fold(builder, |builder, host| builder.allow_plain_http(host)))
}

fn api_url(text: &str) -> Result<ApiUrl, Failure> {
    text.parse().map_err(|error| Failure::new(Exit::Failed, format!("a registration's API: {error}")))
}
