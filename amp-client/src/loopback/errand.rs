//! What the provider has to say to others: webhooks, other providers (delivery, webhooks; federation).

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use amp_core::federation::{LookUp, Query};
use amp_core::provider::{Forwarding, Performed, WebhookPost};
use amp_core::webhook::{Target, TargetError, VettedTarget};
use amp_core::wire::{AnswerParts, Deliver, Request as _};
use futures_util::StreamExt as _;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::handle::{Handle, Input};
use super::host::now;

/// How many are under way at once.
const AT_ONCE_MAX: usize = 64;
/// How long a connection may take, and an answer.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How much of an answer is read.
const ANSWER_MAX: usize = 64 * 1024;

/// Something to say to somebody else.
pub(super) enum Errand {
    Post { post: Box<WebhookPost>, body: Vec<u8> },
    Forward { forwarding: Box<Forwarding>, request: Box<Deliver> },
    LookUp(Box<LookUp>),
}

/// Runs errands until nobody has any.
pub(super) async fn run(mut errands: mpsc::UnboundedReceiver<Errand>, host: Handle) {
    let places = Arc::new(Semaphore::new(AT_ONCE_MAX));
    let mut running = JoinSet::new();
    loop {
        tokio::select! {
            errand = errands.recv() => {
                let Some(errand) = errand else { return };
                let (places, host) = (Arc::clone(&places), host.clone());
                running.spawn(async move {
                    let _place = places.acquire_owned().await;
                    host.tell(perform(errand).await);
                });
            }
            _ = running.join_next(), if !running.is_empty() => {}
        }
    }
}

async fn perform(errand: Errand) -> Input {
    match errand {
        Errand::Post { post, body } => Input::Performed(call_webhook(&post, &body).await),
        Errand::Forward { forwarding, request } => Input::Performed(forward(&forwarding, &request).await),
        Errand::LookUp(look_up) => {
            let found = match look_up.query() {
                Query::WellKnown { url } => fetch(url).await,
                Query::Registry { url } => match Target::parse(url) {
                    Ok(target) => fetch(&target).await,
                    Err(_) => None,
                },
                // The operating system's resolver gives no TXT records.
                _ => None,
            };
            let learned = found.map_or_else(|| look_up.nothing(), |body| look_up.body(body));
            Input::Learned(Box::new(learned))
        }
    }
}

/// Posts a message to a webhook, and wherever that redirects to, as far as it may.
async fn call_webhook(post: &WebhookPost, body: &[u8]) -> Performed {
    let mut target = post.target().clone();
    loop {
        let vetted = match vet(&target).await {
            Ok(Some(vetted)) => vetted,
            Ok(None) => return post.failed(),
            Err(_) => return post.not_admitted(),
        };
        let Some(headers) = now().and_then(|now| post.sign(body, now).ok()) else { return post.failed() };
        let Some(request) = request(&vetted, reqwest::Method::POST) else { return post.failed() };
        let mut request = request.header("Content-Type", "application/json").body(body.to_vec());
        for (name, value) in headers.iter() {
            request = request.header(name, value);
        }
        let Ok(answer) = request.send().await else { return post.failed() };
        let status = answer.status();
        if !status.is_redirection() {
            return post.answered(status.as_u16());
        }
        let location = answer.headers().get(http::header::LOCATION).and_then(|value| value.to_str().ok());
        match location.map(|location| target.follow(location)) {
            Some(Ok(next)) => target = next,
            Some(Err(_)) => return post.not_admitted(),
            None => return post.answered(status.as_u16()),
        }
    }
}

async fn forward(forwarding: &Forwarding, deliver: &Deliver) -> Performed {
    let Ok(Some(vetted)) = vet(forwarding.target()).await else { return forwarding.failed() };
    let parts = deliver.to_parts();
    let Some(mut request) = request(&vetted, reqwest::Method::POST) else { return forwarding.failed() };
    for (name, value) in &parts.headers {
        request = request.header(name, value);
    }
    match answer(request.body(parts.body)).await {
        Some(answer) => forwarding.answered(&answer),
        None => forwarding.failed(),
    }
}

/// The body of an answer 200, without redirects.
async fn fetch(target: &Target) -> Option<Vec<u8>> {
    let vetted = vet(target).await.ok()??;
    let answer = answer(request(&vetted, reqwest::Method::GET)?).await?;
    (answer.status == 200).then_some(answer.body)
}

/// Resolves a target and has its addresses admitted. None when the name does not resolve.
async fn vet(target: &Target) -> Result<Option<VettedTarget>, TargetError> {
    let addresses = match target.address() {
        Some(address) => [address].into(),
        None => {
            let looking = tokio::net::lookup_host((target.host(), target.port()));
            let Ok(Ok(found)) = tokio::time::timeout(CONNECT_WITHIN, looking).await else { return Ok(None) };
            found.map(|address| address.ip()).collect::<Vec<_>>()
        }
    };
    if addresses.is_empty() { Ok(None) } else { target.admit(&addresses).map(Some) }
}

/// A request to one of the addresses that were admitted, and to no other.
fn request(vetted: &VettedTarget, method: reqwest::Method) -> Option<reqwest::RequestBuilder> {
    let addresses: Vec<_> = vetted.socket_addresses().collect();
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_WITHIN)
        .timeout(ANSWER_WITHIN)
        .resolve_to_addrs(vetted.target().host(), &addresses)
        .build()
        .ok()?;
    Some(client.request(method, vetted.target().as_str()))
}

/// An answer of bounded length.
async fn answer(request: reqwest::RequestBuilder) -> Option<AnswerParts> {
    let response = request.send().await.ok()?;
    let mut parts = AnswerParts::new(response.status().as_u16());
    let mut pieces = response.bytes_stream();
    while let Some(piece) = pieces.next().await {
        parts.body.extend_from_slice(&piece.ok()?);
        if parts.body.len() > ANSWER_MAX {
            return None;
        }
    }
    Some(parts)
}
