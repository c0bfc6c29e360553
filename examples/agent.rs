//! An agent that answers requests: the place where a model goes is a stub, and what the model is shown is
//! `for_prompt()`, which wraps what others may have planted.
//!
//! `cargo run --example agent` runs a provider in this process, sends itself two requests, and ends.
//! `cargo run --example agent -- https://api.crabmail.ai/v1 my-agent` answers at a real one until Ctrl-C; the agent is
//! kept in `~/.agent-messaging` and is the same one next time.

use core::convert::Infallible;
use core::error::Error;

use amp_client::envelope::MessageType;
use amp_client::receive::Received;
use amp_client::trust::{Printable, TrustLevel};
use amp_client::{Client, Draft, InboxSettings, InboxStopper, Loopback};

type Result<T = (), E = Box<dyn Error>> = core::result::Result<T, E>;

#[tokio::main]
async fn main() -> Result {
    let mut arguments = std::env::args().skip(1);
    match arguments.next() {
        Some(url) => {
            let name = arguments.next().unwrap_or_else(|| "agent".into());
            let agent = Client::builder(url.parse()?).register(&name).await?;
            let stop_at_ctrl_c = |stopper: InboxStopper| async move {
                // Without signals it runs until it is killed, and goes on from there.
                if tokio::signal::ctrl_c().await.is_ok() {
                    stopper.stop();
                }
            };
            answer(&agent, stop_at_ctrl_c).await
        }
        None => demonstrate().await,
    }
}

/// Answers requests until it is told to stop.
async fn answer<F>(agent: &Client, stop: impl FnOnce(InboxStopper) -> F) -> Result
where
    F: Future<Output = ()> + Send + 'static,
{
    println!("{} answers", agent.address());
    // What was in hand when the program ended comes again: a message counts as had when its reply is sent.
    let mut inbox = agent.inbox_with(InboxSettings::new().concurrency(4)).await?;
    let stopping = tokio::spawn(stop(inbox.stopper()));
    inbox.handle(handle).await;
    inbox.shut_down().await?;
    stopping.abort();
    Ok(())
}

/// One message: `Ok` with a reply, or with none.
async fn handle(received: Received) -> Result<Option<Draft>, Infallible> {
    let subject = received.verified().subject().into_owned();
    println!("{} [{}] {}", received.from(), received.trust(), Printable::name(&subject));
    // Two agents that answer each other's answers never end.
    if received.verified().payload().message_type() != MessageType::Request {
        return Ok(None);
    }
    let answer = ask_model(&received.for_prompt(), received.trust()).await;
    Ok(Some(received.reply(&answer)))
}

/// Here a model is called. Its tools depend on the level: what is external may be read, and orders nothing.
async fn ask_model(prompt: &str, level: TrustLevel) -> String {
    let tools = if level == TrustLevel::Verified { "all tools" } else { "no tools" };
    println!("   the model is shown, with {tools}:");
    for line in Printable::new(prompt).to_string().lines() {
        println!("   | {line}");
    }
    format!("You wrote {} words.", prompt.split_whitespace().count())
}

/// Two who ask, one of them a stranger.
async fn demonstrate() -> Result {
    let provider = Loopback::start().await?;
    let agent = Client::builder(provider.url()).in_memory().register("agent").await?;
    let colleague = Client::builder(provider.url()).in_memory().register("colleague").await?;
    let stranger =
        Client::builder(provider.url()).in_memory().tenant("elsewhere").register("stranger").await?;
    let to = agent.address();
    let ask_both = |stopper: InboxStopper| async move {
        for client in [colleague, stranger] {
            if let Err(error) =
                ask(&client, Draft::request(to.clone(), "A question", "How many words is this?")).await
            {
                eprintln!("{error}");
            }
        }
        stopper.stop();
    };
    answer(&agent, ask_both).await?;
    provider.stop().await;
    Ok(())
}

/// Asks, and waits for the answer to that.
async fn ask(client: &Client, question: Draft) -> Result<(), amp_client::Error> {
    let mut inbox = client.inbox().await?;
    let sent = client.send(question).await?;
    while let Some(received) = inbox.next().await {
        let received = received?;
        if received.is_answer_to(sent.message()) {
            println!(
                "{} has the answer: {}",
                client.address(),
                Printable::name(&received.text().into_parts().1)
            );
            break;
        }
    }
    inbox.shut_down().await
}
