//! An agent that is called instead of calling: a webhook receiver on axum. It talks to itself, over a provider in this
//! process, and ends.
//!
//! `cargo run --example webhook_receiver`
//!
//! For a real provider: put a proxy with TLS before the listener, register its https URL, and keep the secret.

use core::error::Error;

use amp_client::trust::Printable;
use amp_client::webhook::WebhookSecret;
use amp_client::{Client, Draft, InboxSettings, Loopback, SecretText, WebhookService};
use axum::Router;
use tokio::net::TcpListener;

/// 16 bytes at least, of which nobody else knows: a program takes them from the operating system, and one per endpoint.
const SECRET: &str = "whsec_4f1c9a6be2d07358";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let provider = Loopback::start().await?;
    let alice = Client::builder(provider.url()).in_memory().register("alice").await?;

    // Where the provider posts to is said when the agent registers.
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/hook", listener.local_addr()?);
    let bob = Client::builder(provider.url())
        .in_memory()
        .webhook(&url, SecretText::new(SECRET.into()))
        .register("bob")
        .await?;
    println!("{} is called at {url}", bob.address());

    // The service answers 200 when the message is verified, judged and stored.
    let service = WebhookService::new(&bob, [WebhookSecret::new(SECRET)?]);
    let server = axum::serve(listener, Router::new().route_service("/hook", service));
    let server = tokio::spawn(server.into_future());

    // What is posted comes out of the inbox. This one opens no socket and asks for nothing.
    let mut inbox = bob.inbox_with(InboxSettings::new().without_push().without_polling()).await?;
    let sent = alice.send(Draft::request(bob.address(), "Hello", "Are you there?")).await?;
    println!("alice sent it; the provider says: {}", sent.status().as_str());

    if let Some(received) = inbox.next().await {
        let received = received?;
        let subject = received.verified().subject().into_owned();
        println!("bob received {} [{}]", Printable::name(&subject), received.trust());
        println!("{}", received.for_prompt());
        bob.send(received.reply("Yes.")).await?;
    }
    inbox.shut_down().await?;

    let answer = alice.fetch().await?;
    println!("alice fetched {} answer", answer.delivered().len());
    server.abort();
    provider.stop().await;
    Ok(())
}
