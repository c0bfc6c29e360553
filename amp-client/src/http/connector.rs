//! Calls to an API, and transfers of files (provider API; attachments).

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use core::pin::Pin;
use core::time::Duration;
use std::io;
use std::sync::OnceLock;

use amp_core::identity::ApiKey;
use amp_core::webhook::{Target, TargetPolicy};
use amp_core::wire::{AnswerParts, ApiUrl, RequestParts};
use bytes::Bytes;
use futures_core::Stream;
use futures_util::TryStreamExt as _;
use reqwest::{Body, Client, Method, Request, header};

use super::access::{Access, NamedBy};
use super::answer::Incoming;
use super::error::{FileBroke, HttpError, of_reqwest};
use super::resolver::{LookUp, Resolver, system};
use super::socket::{Socket, SocketError};

/// Longest wait for a connection, its name's addresses and its TLS handshake included.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// Longest wait for the head of an answer to a transfer. A driver that knows better is sooner.
const HEAD_MAX: Duration = Duration::from_secs(60);
/// Most headers of an answer.
const HEADERS_MAX: usize = 128;
/// Most connections to one host that are kept open for later.
const IDLE_PER_HOST: usize = 8;

/// The bytes of a file, as a body.
pub(crate) type FileBody = Pin<alloc::boxed::Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// The connector. Clones share their connections.
#[derive(Clone)]
pub(crate) struct Http {
    inner: Arc<Inner>,
}

struct Inner {
    access: Arc<Access>,
    look_up: LookUp,
    secure: OnceLock<Option<Client>>,
    plain: OnceLock<Option<Client>>,
    strict: OnceLock<Option<Client>>,
}

impl Http {
    pub(crate) fn new(access: Access) -> Self {
        Self::with_look_up(access, system())
    }

    pub(super) fn with_look_up(access: Access, look_up: LookUp) -> Self {
        let inner = Inner {
            access: Arc::new(access),
            look_up,
            secure: OnceLock::new(),
            plain: OnceLock::new(),
            strict: OnceLock::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The policy for URLs that others name, or that come from the provider of this API.
    pub(crate) fn policy(&self, api: Option<&ApiUrl>) -> TargetPolicy {
        let access = &self.inner.access;
        api.map_or_else(|| access.policy(), |api| access.policy_beside(api))
    }

    /// Makes a call and reads its answer, whatever its status. The key goes where the endpoint wants one, and nowhere else:
    /// no redirect is followed.
    pub(crate) async fn call(
        &self,
        api: &ApiUrl,
        key: Option<&ApiKey>,
        request: RequestParts,
        limit: Duration,
    ) -> Result<AnswerParts, HttpError> {
        let client = self.client(self.inner.access.check_api(api)?)?;
        let mut request = request.into_http(api, key)?;
        let method = request.method().clone();
        if request.body().is_empty() && !matches!(method, Method::GET | Method::HEAD) {
            // There are servers that want to be told.
            request.headers_mut().insert(header::CONTENT_LENGTH, header::HeaderValue::from(0));
        }
        let request = Request::try_from(request).map_err(|error| of_reqwest(&error))?;
        let answer = async {
            let response = client.execute(request).await.map_err(|error| of_reqwest(&error))?;
            Incoming::new(response).read(&method).await
        };
        tokio::time::timeout(limit, answer).await.unwrap_or(Err(HttpError::TimedOut))
    }

    /// Sends a form with a file to an API, with the key. How long that may take is the caller's to say.
    pub(crate) async fn form(
        &self,
        api: &ApiUrl,
        key: &ApiKey,
        head: RequestParts,
        body: FileBody,
        size: u64,
    ) -> Result<AnswerParts, HttpError> {
        let client = self.client(self.inner.access.check_api(api)?)?;
        let request = head.into_http(api, Some(key))?;
        let method = request.method().clone();
        let mut request = Request::try_from(request).map_err(|error| of_reqwest(&error))?;
        request.headers_mut().insert(header::CONTENT_LENGTH, header::HeaderValue::from(size));
        *request.body_mut() = Some(stream(body));
        let response = client.execute(request).await.map_err(|error| of_reqwest(&error))?;
        Incoming::new(response).read(&method).await
    }

    /// Asks for what lies at a URL that others named, with these headers and no credentials. `api` is the user's own
    /// provider where the URL came through it.
    pub(crate) async fn get(
        &self,
        api: Option<&ApiUrl>,
        target: &Target,
        headers: &[(&'static str, String)],
    ) -> Result<Incoming, HttpError> {
        let client = self.client(self.inner.access.check(target, api)?)?;
        let headers = headers.iter().map(|(name, value)| (*name, value.as_str()));
        let request = with_headers(client.get(target.as_str()), headers);
        send(client, request).await
    }

    /// Reads a document at a URL that others named, following the redirects that are vetted.
    pub(crate) async fn document(
        &self,
        api: Option<&ApiUrl>,
        target: Target,
        limit: Duration,
    ) -> Result<AnswerParts, HttpError> {
        let reading = async {
            let mut target = target;
            loop {
                let incoming = self.get(api, &target, &[]).await?;
                let head = incoming.head();
                match head.header("location").filter(|_| matches!(head.status, 301 | 302 | 303 | 307 | 308)) {
                    Some(location) => target = target.follow(location)?,
                    None => return incoming.read(&Method::GET).await,
                }
            }
        };
        tokio::time::timeout(limit, reading).await.unwrap_or(Err(HttpError::TimedOut))
    }

    /// Puts a file to a URL that others named, with these headers and no credentials. How long that may take is the caller's
    /// to say.
    pub(crate) async fn put(
        &self,
        api: Option<&ApiUrl>,
        target: &Target,
        headers: &[(String, String)],
        body: FileBody,
    ) -> Result<AnswerParts, HttpError> {
        let client = self.client(self.inner.access.check(target, api)?)?;
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let request = with_headers(client.put(target.as_str()), headers).body(stream(body));
        let request = request.build().map_err(|error| of_reqwest(&error))?;
        let response = client.execute(request).await.map_err(|error| of_reqwest(&error))?;
        // Its body says nothing.
        Ok(Incoming::new(response).head())
    }

    /// Opens the WebSocket of an API. The key goes into its first frame, and not here.
    pub(crate) async fn socket(&self, api: &ApiUrl) -> Result<Socket, SocketError> {
        let client = self.client(self.inner.access.check_api(api)?)?;
        Socket::open(client, api).await
    }

    fn client(&self, named: NamedBy) -> Result<&Client, HttpError> {
        let place = match named {
            NamedBy::User => &self.inner.secure,
            NamedBy::UserPlain => &self.inner.plain,
            NamedBy::Others => &self.inner.strict,
        };
        place.get_or_init(|| self.build(named)).as_ref().ok_or(HttpError::NoTls)
    }

    fn build(&self, named: NamedBy) -> Option<Client> {
        let resolver = Resolver {
            access: Arc::clone(&self.inner.access),
            named,
            look_up: Arc::clone(&self.inner.look_up),
        };
        let builder = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .http1_only()
            .http1_max_headers(HEADERS_MAX)
            .connect_timeout(CONNECT_MAX)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .user_agent(concat!("amp-client/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(resolver);
        secured(builder, named).build().ok()
    }
}

/// Where no TLS is spoken, no certificates are loaded.
#[cfg(feature = "tls")]
fn secured(builder: reqwest::ClientBuilder, named: NamedBy) -> reqwest::ClientBuilder {
    match named {
        NamedBy::User | NamedBy::Others => builder.https_only(true),
        NamedBy::UserPlain => builder.tls_certs_only([]),
    }
}

#[cfg(not(feature = "tls"))]
fn secured(builder: reqwest::ClientBuilder, _: NamedBy) -> reqwest::ClientBuilder {
    builder
}

async fn send(client: &Client, request: reqwest::RequestBuilder) -> Result<Incoming, HttpError> {
    let request = request.build().map_err(|error| of_reqwest(&error))?;
    let head = async { client.execute(request).await.map_err(|error| of_reqwest(&error)) };
    let response = tokio::time::timeout(HEAD_MAX, head).await.map_err(|_| HttpError::TimedOut)??;
    Ok(Incoming::new(response))
}

fn with_headers<'h>(
    request: reqwest::RequestBuilder,
    headers: impl Iterator<Item = (&'h str, &'h str)>,
) -> reqwest::RequestBuilder {
    headers.fold(request, |request, (name, value)| request.header(name, value))
}

fn stream(body: FileBody) -> Body {
    Body::wrap_stream(body.map_err(|_| FileBroke))
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("access", &self.inner.access).finish_non_exhaustive()
    }
}
