//! A WebSocket through the same connector as everything else (provider API, WebSocket; delivery).

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use amp_core::wire::{ApiError, ApiUrl, FRAME_MAX_BYTES, Method, RequestParts, SUBPROTOCOL};
use base64ct::{Base64, Encoding as _};
use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::{Client, Response, Upgraded, header};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};

use super::answer::Incoming;
use super::error::{HttpError, of_reqwest};

/// Longest wait for the upgrade.
const OPEN_MAX: Duration = Duration::from_secs(30);
/// Longest wait until a frame is written.
const WRITE_MAX: Duration = Duration::from_secs(30);
/// Longest wait until a closing frame is written.
const CLOSE_MAX: Duration = Duration::from_secs(2);
/// Sockets are many and mostly silent.
const BUFFER_BYTES: usize = 4 * 1024;
/// The peer is not answered without end while nobody reads.
const WRITE_BUFFER_BYTES: usize = 1024 * 1024;

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SocketError {
    /// An answer of another kind, and for how long it asks to wait.
    #[error("the provider answered the upgrade with HTTP status {status}")]
    NotUpgraded { status: u16, retry_after: Option<Duration> },
    #[error(transparent)]
    Http(#[from] HttpError),
}

impl SocketError {
    /// Whether there may be no socket at this place: nothing is found, or the connection is dropped.
    const fn is_nothing_there(&self) -> bool {
        matches!(self, Self::NotUpgraded { status: 404, .. } | Self::Http(HttpError::Unreachable))
    }
}

/// What happened on a socket.
#[derive(Debug)]
pub(crate) enum SocketEvent {
    Text(String),
    Binary,
    /// A ping or a pong. Pings are answered here.
    Control,
    /// With the code of a closing frame, if one came. Nothing follows.
    Closed(Option<u16>),
}

/// An open WebSocket. Dropping it closes the connection.
pub(crate) struct Socket {
    stream: WebSocketStream<Upgraded>,
    is_over: bool,
}

impl Socket {
    pub(super) async fn open(client: &Client, api: &ApiUrl) -> Result<Self, SocketError> {
        let opening = Self::upgrade(client, api);
        tokio::time::timeout(OPEN_MAX, opening).await.unwrap_or(Err(HttpError::TimedOut.into()))
    }

    async fn upgrade(client: &Client, api: &ApiUrl) -> Result<Self, SocketError> {
        match Self::upgrade_below(client, api).await {
            Err(error) if error.is_nothing_there() => match deployed_base(api) {
                Some(base) => Self::upgrade_below(client, &base).await,
                None => Err(error),
            },
            outcome => outcome,
        }
    }

    async fn upgrade_below(client: &Client, api: &ApiUrl) -> Result<Self, SocketError> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|_| HttpError::NotSent)?;
        let key = Base64::encode_string(&random);
        let url = api.join(&RequestParts::new(Method::Get, "/ws"));
        let request = client
            .get(url)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, &key)
            .header(header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL);
        let response = request.send().await.map_err(|error| of_reqwest(&error))?;
        if response.status().as_u16() != 101 {
            return Err(not_upgraded(response));
        }
        check(&response, &key)?;
        let upgraded = response.upgrade().await.map_err(|error| of_reqwest(&error))?;
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER_BYTES)
            .write_buffer_size(0)
            .max_write_buffer_size(WRITE_BUFFER_BYTES)
            .max_message_size(Some(FRAME_MAX_BYTES))
            .max_frame_size(Some(FRAME_MAX_BYTES));
        let stream = WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(config)).await;
        Ok(Self { stream, is_over: false })
    }

    /// Writes a text frame.
    pub(crate) async fn send_text(&mut self, text: &str) -> Result<(), HttpError> {
        let sending = self.stream.send(Message::text(text));
        match tokio::time::timeout(WRITE_MAX, sending).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(HttpError::Unreachable),
            Err(_) => Err(HttpError::TimedOut),
        }
    }

    /// What happens next. Waits for as long as nothing does; dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> SocketEvent {
        if self.is_over {
            return SocketEvent::Closed(None);
        }
        let event = match self.stream.next().await {
            Some(Ok(Message::Text(text))) => SocketEvent::Text(text.to_string()),
            Some(Ok(Message::Binary(_))) => SocketEvent::Binary,
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => SocketEvent::Control,
            Some(Ok(Message::Close(frame))) => SocketEvent::Closed(frame.map(|frame| frame.code.into())),
            // Also a frame that is larger than frames are.
            Some(Err(_)) | None => SocketEvent::Closed(None),
        };
        self.is_over = matches!(event, SocketEvent::Closed(_));
        event
    }

    /// Closes with this code.
    pub(crate) async fn close(mut self, code: u16) {
        let frame = CloseFrame { code: CloseCode::from(code), reason: "".into() };
        let _ = tokio::time::timeout(CLOSE_MAX, self.stream.close(Some(frame))).await;
    }
}

/// Where a deployed provider has its socket, whose other calls are below `/api/v1`.
fn deployed_base(api: &ApiUrl) -> Option<ApiUrl> {
    let site = api.as_str().strip_suffix("/api/v1")?;
    [site, "/v1"].concat().parse().ok()
}

fn not_upgraded(response: Response) -> SocketError {
    let status = response.status().as_u16();
    let retry_after = ApiError::from_parts(&Incoming::new(response).head()).retry_after();
    SocketError::NotUpgraded { status, retry_after }
}

/// Whether the other side speaks WebSocket, and answers this request.
fn check(response: &Response, key: &str) -> Result<(), HttpError> {
    let values = |name: header::HeaderName| -> Vec<&str> {
        response.headers().get_all(name).iter().map(|value| value.to_str().unwrap_or_default()).collect()
    };
    let is_upgrade =
        matches!(values(header::UPGRADE)[..], [value] if value.eq_ignore_ascii_case("websocket"));
    let is_connection = values(header::CONNECTION)
        .iter()
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().eq_ignore_ascii_case("upgrade"));
    if !is_upgrade || !is_connection {
        return Err(HttpError::Malformed("it switches to another protocol than WebSocket"));
    }
    let expected = derive_accept_key(key.as_bytes());
    if values(header::SEC_WEBSOCKET_ACCEPT)[..] != [expected.as_str()] {
        return Err(HttpError::Malformed("it does not accept the key of this WebSocket"));
    }
    if !values(header::SEC_WEBSOCKET_EXTENSIONS).is_empty() {
        return Err(HttpError::Malformed("it uses an extension of WebSocket that nobody asked for"));
    }
    // Deployed providers name none.
    let protocols = values(header::SEC_WEBSOCKET_PROTOCOL);
    if !protocols.is_empty() && protocols[..] != [SUBPROTOCOL] {
        return Err(HttpError::Malformed("it chose a subprotocol that nobody asked for"));
    }
    Ok(())
}
