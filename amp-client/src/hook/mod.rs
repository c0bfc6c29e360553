//! A service that takes webhooks in (delivery, webhooks).

mod body;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::convert::Infallible;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use amp_core::webhook::{Scheme, WebhookSecret, verify};
use http::{Method, Request, Response, StatusCode};
use http_body::Body;
use tokio::sync::Semaphore;
use tower_service::Service;

use crate::client::{Client, Shared};
use crate::clock;
use crate::receiving::{Incoming, TakenIn};

/// Bodies that are read at once. Whoever calls may be anybody until the body is read.
const READING_MAX: usize = 64;

/// Takes the deliveries that a provider posts: a [`tower_service::Service`] for whichever server the host runs.
///
/// A delivery is read with a limit (1 MiB) and a deadline, its signature is verified, the message in it is judged by the
/// client's receiver and stored, and only then is it answered with 200. The message comes out of the client's
/// [`Inbox`](crate::Inbox), as if it had been pushed; one that came before is answered with 200 and does not come out again.
///
/// | answer | when |
/// |---|---|
/// | 200 | the store has the message, had it before, or it is refused for good |
/// | 400 | an authentic delivery without a message in it |
/// | 401 | no secret fits; nothing says why |
/// | 405, 408, 413 | another method; the body did not come within 5 seconds; more than 1 MiB |
/// | 503 | the store failed, the sender's key could not be asked for, the message is refused for now, or too much is in hand: the provider tries again |
///
/// ```
/// # #[cfg(feature = "loopback")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use amp_client::webhook::WebhookSecret;
/// use amp_client::{Client, Loopback, WebhookService};
/// use tower_service::Service;
///
/// # let provider = Loopback::start().await?;
/// # let bob = Client::builder(provider.url()).in_memory().register("bob").await?;
/// let secret = WebhookSecret::new("whsec_4f1c9a6be2d07358")?;
/// let mut service = WebhookService::new(&bob, [secret]); // for axum: `.route_service("/hook", service)`
///
/// let forged = http::Request::post("/hook").body(String::from("{}"))?;
/// assert_eq!(service.call(forged).await?.status(), 401);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "loopback"))]
/// # fn main() {}
/// ```
#[derive(Clone)]
pub struct WebhookService {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    secrets: Vec<WebhookSecret>,
    scheme: Scheme,
    reading: Semaphore,
}

impl WebhookService {
    /// Takes in what one of these secrets signed: the one that was registered, and, while it is replaced, the one before.
    #[must_use]
    pub fn new(client: &Client, secrets: impl IntoIterator<Item = WebhookSecret>) -> Self {
        Self::with_scheme(client, secrets, Scheme::Standard)
    }

    /// Takes in what is signed by another scheme. Under [`Scheme::Maestro`], the secret is the webhook's URL.
    #[must_use]
    pub fn with_scheme(
        client: &Client,
        secrets: impl IntoIterator<Item = WebhookSecret>,
        scheme: Scheme,
    ) -> Self {
        let (shared, secrets) = (Arc::clone(client.shared()), secrets.into_iter().collect());
        let reading = Semaphore::new(READING_MAX);
        Self { inner: Arc::new(Inner { shared, secrets, scheme, reading }) }
    }
}

impl fmt::Debug for WebhookService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookService").field("scheme", &self.inner.scheme).finish_non_exhaustive()
    }
}

impl<B> Service<Request<B>> for WebhookService
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<String>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            let mut answer = Response::new(String::new());
            *answer.status_mut() = inner.take(request).await;
            Ok(answer)
        })
    }
}

impl Inner {
    async fn take<B: Body>(&self, request: Request<B>) -> StatusCode {
        if request.method() != Method::POST {
            return StatusCode::METHOD_NOT_ALLOWED;
        }
        let (head, body) = request.into_parts();
        let bytes = {
            let Ok(_permit) = self.reading.try_acquire() else { return StatusCode::SERVICE_UNAVAILABLE };
            match body::read(body).await {
                Ok(bytes) => bytes,
                Err(status) => return status,
            }
        };
        let incoming = {
            let verified = verify(&head.headers, &bytes, &self.secrets, clock::now(), self.scheme);
            let Ok(delivery) = verified else { return StatusCode::UNAUTHORIZED };
            let Ok(message) = delivery.message() else { return StatusCode::BAD_REQUEST };
            let carried = message.carried_key().and_then(amp_core::wire::CarriedKey::key);
            Incoming::direct(message.as_bytes().to_vec(), carried)
        };
        if !self.shared.receiving.ready().has_room() {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        match self.shared.receiving.take_in(incoming).await {
            Ok(taken) => answer(&taken),
            Err(error) => {
                tracing::warn!(%error, "a posted message was not stored");
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }
}

fn answer(taken: &TakenIn) -> StatusCode {
    if taken.may_be_acknowledged() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}
