//! Webhooks that the embedded provider calls: signed, tried again, and never where they do not belong.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    missing_docs
)]

mod plain;

use amp_client::prelude::*;
use amp_client::provider::Registration;
use amp_client::webhook::{Scheme, WebhookSecret, verify};
use amp_client::wire::{ApiErrorCode, Delivery, GetPending, Register};
use amp_client::{Loopback, SecretText};
use plain::{Agent, Plain};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

const SECRET: &str = "a secret of sixteen bytes or more";

/// Takes one request and gives one answer.
async fn answer_once(listener: &TcpListener, answer: &str) -> (Vec<(String, String)>, Vec<u8>) {
    let (stream, _) =
        tokio::time::timeout(plain::PATIENCE, listener.accept()).await.expect("a call").unwrap();
    let mut stream = BufReader::new(stream);
    let (mut headers, mut length) = (Vec::new(), 0);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.trim().split_once(": ") {
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().unwrap();
            }
            headers.push((name.to_owned(), value.to_owned()));
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    stream.write_all(answer.as_bytes()).await.unwrap();
    (headers, body)
}

const DONE: &str = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";

async fn with_webhook(provider: &Loopback, name: &str, url: &str) -> Result<Agent, Option<ApiErrorCode>> {
    let (plain, identity) = (Plain::new(&provider.url()), Identity::generate());
    let mut request = Register::new(name.parse().unwrap(), identity.verifying_key()).in_tenant("research");
    let mut delivery = Delivery::default();
    delivery.webhook_url = Some(url.into());
    delivery.webhook_secret = Some(SecretText::new(SECRET.into()));
    request.delivery = Some(delivery);
    let registered = plain.ask(None, &request).await?;
    Ok(Agent::of(plain, identity, registered))
}

#[tokio::test]
async fn a_message_is_posted_with_a_signature_that_holds() {
    let provider = Loopback::start().await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let alice = Agent::register(&provider, "alice").await;
    let bob = with_webhook(&provider, "bob", &url).await.unwrap();
    let (routed, (headers, body)) =
        tokio::join!(alice.send(&bob, "Hello", "By post"), answer_once(&listener, DONE));
    let routed = routed.unwrap();
    assert_eq!(
        (routed.status.as_str(), routed.method.as_ref().map(|method| method.as_str())),
        ("delivered", Some("webhook"))
    );
    let secrets = [WebhookSecret::new(SECRET).unwrap()];
    let delivery = verify(headers, &body, &secrets, plain::now(), Scheme::Standard).unwrap();
    let message = delivery.message().unwrap();
    assert_eq!(bob.verified_text(message.as_bytes(), &alice), "By post");
}

#[tokio::test]
async fn a_webhook_that_does_not_answer_leaves_the_message_in_the_queue() {
    let provider = Loopback::start().await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    drop(listener);
    let alice = Agent::register(&provider, "alice").await;
    let bob = with_webhook(&provider, "bob", &url).await.unwrap();
    assert_eq!(alice.send(&bob, "Hello", "By post").await.unwrap().status.as_str(), "queued");
    assert_eq!(bob.ask(&GetPending::new()).await.unwrap().messages.len(), 1);
}

#[tokio::test]
async fn a53_a_webhook_that_redirects_into_a_network_is_not_followed_there() {
    let provider = Loopback::start().await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let alice = Agent::register(&provider, "alice").await;
    let bob = with_webhook(&provider, "bob", &url).await.unwrap();
    let away = "HTTP/1.1 307 Elsewhere\r\nLocation: http://169.254.169.254/latest/meta-data\r\nConnection: close\r\n\r\n";
    let (routed, _) = tokio::join!(alice.send(&bob, "Hello", "By post"), answer_once(&listener, away));
    assert_eq!(routed.unwrap().status.as_str(), "queued");
}

#[tokio::test]
async fn a53_a_webhook_inside_a_network_is_refused_at_registration() {
    let provider = Loopback::builder().without_limits().start().await.unwrap();
    for url in
        ["http://192.168.1.1/hook", "http://169.254.169.254/", "https://10.0.0.1/", "http://example.org/hook"]
    {
        let refused = with_webhook(&provider, "bob", url).await.err();
        assert_eq!(refused, Some(Some(ApiErrorCode::InvalidField)), "{url}");
    }
    // Who does not test with it allows no webhooks on the machine itself.
    let strict = Loopback::builder().registration(Registration::open()).start().await.unwrap();
    let refused = with_webhook(&strict, "bob", "http://127.0.0.1:9/hook").await.err();
    assert_eq!(refused, Some(Some(ApiErrorCode::InvalidField)));
}

#[tokio::test]
async fn without_federation_a_message_to_another_provider_is_refused() {
    let provider = Loopback::start().await.unwrap();
    let alice = Agent::register(&provider, "alice").await;
    let draft = Draft::request("bob@acme.crabmail.ai".parse().unwrap(), "Hi", "Hello").from(&alice.address);
    let route = amp_client::wire::Route::new(&draft.sign(&alice.identity, plain::now()).unwrap());
    assert!(alice.ask(&route).await.unwrap_err().is_some());
}

/// There is no TLS between embedded providers, and federation knows nothing else: what is asked about others is asked, and
/// ends like any provider that is not found.
#[tokio::test]
async fn a_message_to_a_provider_that_is_nowhere_waits_and_holds_nothing_up() {
    let federation = || {
        let identity = Identity::from_seed(&[9; 32]);
        amp_client::provider::Federation::new(identity, amp_client::federation::FederationMode::Open)
    };
    let provider = Loopback::builder().federation(federation).start().await.unwrap();
    let alice = Agent::register(&provider, "alice").await;
    let draft =
        Draft::request("bob@acme.nowhere.invalid".parse().unwrap(), "Hi", "Hello").from(&alice.address);
    let route = amp_client::wire::Route::new(&draft.sign(&alice.identity, plain::now()).unwrap());
    let routed = alice.ask(&route).await.unwrap();
    assert_eq!(routed.status.as_str(), "queued", "{routed:?}");
    provider.restart().await.unwrap();
    // On a connection of its own: the ones before ended with the provider.
    plain::Plain::new(&provider.url()).ask(Some(&alice.key), &GetPending::new()).await.unwrap();
}
