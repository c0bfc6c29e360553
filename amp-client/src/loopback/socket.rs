//! A WebSocket: its handshake, what comes in, what goes out (provider API, WebSocket).

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;
use std::time::Instant;

use amp_core::provider::{Push, SocketId};
use amp_core::wire::{ApiError, ApiErrorCode, FRAME_MAX_BYTES};
use base64ct::{Base64, Encoding as _};
use futures_util::{SinkExt as _, StreamExt as _};
use http::header::{
    CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::body::{Body, empty, to_response};
use super::connection::Connection;
use super::deployed;
use super::handle::{Handle, Input};
use super::line::{Line, LineEnd, Order};
use super::listener::{Phase, Shared, stopping};
use super::request::the_only;
use super::settings::Behaviour;

/// The subprotocol that is spoken, whether it is asked for or not.
const SUBPROTOCOL: &str = "amp.v1";
/// How many frames of one socket wait for the provider. More are not read.
const FRAMES_MAX: usize = 16;
/// How long the other end has to say goodbye.
const GOODBYE_WITHIN: Duration = Duration::from_secs(2);
/// What a socket reads and writes at once. Ten thousand of them are open.
const BUFFER: usize = 4 * 1024;
/// The provider is going away.
const CLOSE_GOING_AWAY: u16 = 1001;

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Answers the handshake, after which the connection is a WebSocket.
pub(super) fn upgrade(request: Request<Incoming>, connection: &Arc<Connection>) -> Response<Body> {
    let Some(key) = key_of(request.method(), request.headers()) else {
        let rule = "a WebSocket is asked for by GET with the headers of version 13";
        return to_response(ApiError::new(ApiErrorCode::InvalidRequest, rule).to_parts());
    };
    let mut response = Response::new(empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    if lists(request.headers(), SEC_WEBSOCKET_PROTOCOL.as_str(), SUBPROTOCOL) {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    }
    connection.upgrade(hyper::upgrade::on(request));
    response
}

/// The key of a handshake, if it is one.
fn key_of(method: &Method, headers: &HeaderMap) -> Option<String> {
    let key = the_only(headers, SEC_WEBSOCKET_KEY.as_str())?;
    let is_key = Base64::decode_vec(key).is_ok_and(|bytes| bytes.len() == 16);
    let is_handshake = method == Method::GET
        && is_key
        && lists(headers, UPGRADE.as_str(), "websocket")
        && lists(headers, CONNECTION.as_str(), "upgrade")
        && the_only(headers, SEC_WEBSOCKET_VERSION.as_str()) == Some("13");
    is_handshake.then(|| key.into())
}

/// Whether a header names something among others.
fn lists(headers: &HeaderMap, name: &str, wanted: &str) -> bool {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|word| word.trim().eq_ignore_ascii_case(wanted))
}

/// Serves a WebSocket to its end.
pub(super) async fn serve(io: TokioIo<Upgraded>, shared: &Shared, phase: &mut watch::Receiver<Phase>) {
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * FRAME_MAX_BYTES)
        .max_message_size(Some(FRAME_MAX_BYTES))
        .max_frame_size(Some(FRAME_MAX_BYTES));
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let mut seat = Seat::take(&shared.host);
    let mut manners = Manners::new(shared.behaviour);
    let code = loop {
        tokio::select! {
            biased;
            order = seat.orders.next() => match order {
                Some(order) => match seat.follow(order, &mut socket).await {
                    Ok(None) => {}
                    Ok(Some(code)) => break Some(manners.close_code(code)),
                    Err(Gone) => break None,
                },
                None => break Some(CLOSE_GOING_AWAY),
            },
            () = stopping(phase) => break Some(CLOSE_GOING_AWAY),
            said = next(&mut socket, &seat.room) => match said {
                Some((Message::Text(text), room)) => manners.pass_on(&seat, &text, room),
                Some((Message::Ping(_) | Message::Pong(_), _)) => seat.tell(Input::SocketAlive(seat.id)),
                // Not of this protocol: neither understood nor counted.
                Some((Message::Binary(_) | Message::Frame(_), _)) => {}
                Some((Message::Close(_), _)) | None => break None,
            },
        }
    };
    if let Some(code) = code {
        close(&mut socket, code).await;
    }
}

/// The next frame, once there is room for it at the provider. None at the end.
async fn next(socket: &mut Socket, room: &Arc<Semaphore>) -> Option<(Message, OwnedSemaphorePermit)> {
    let room = Arc::clone(room).acquire_owned().await.ok()?;
    let message = socket.next().await?.ok()?;
    Some((message, room))
}

/// Says why, and waits a moment for the other end to agree.
async fn close(socket: &mut Socket, code: u16) {
    let frame = CloseFrame { code: CloseCode::from(code), reason: Utf8Bytes::default() };
    let goodbye = async {
        if socket.close(Some(frame)).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    let _ = tokio::time::timeout(GOODBYE_WITHIN, goodbye).await;
}

/// The other end is gone.
struct Gone;

/// A socket's place at the provider. When it is dropped, the provider knows that nobody sits there, and what was not
/// written.
struct Seat {
    host: Handle,
    id: SocketId,
    orders: LineEnd,
    room: Arc<Semaphore>,
}

impl Seat {
    fn take(host: &Handle) -> Self {
        let (line, orders) = Line::new();
        let id = SocketId(host.number());
        host.tell(Input::SocketOpened { socket: id, line });
        Self { host: host.clone(), id, orders, room: Arc::new(Semaphore::new(FRAMES_MAX)) }
    }

    fn tell(&self, input: Input) {
        self.host.tell(input);
    }

    /// Follows an order, and those that wait behind it. The code with which the socket is to be closed, if it is.
    async fn follow(&mut self, order: Order, socket: &mut Socket) -> Result<Option<u16>, Gone> {
        let mut written = Written { host: self.host.clone(), pushes: Vec::new(), is_flushed: false };
        let mut next = Some(order);
        let mut code = None;
        while let Some(order) = next {
            let text = match order {
                Order::Close(close) => {
                    code = Some(close);
                    break;
                }
                Order::Frame(text) => text,
                Order::Push { push, text } => {
                    written.pushes.push(*push);
                    text
                }
            };
            socket.feed(Message::Text(text.into())).await.map_err(|_| Gone)?;
            next = self.orders.next_now();
        }
        socket.flush().await.map_err(|_| Gone)?;
        written.is_flushed = true;
        Ok(code)
    }
}

/// Pushes that are being written. Those of which that is not certain have failed.
struct Written {
    host: Handle,
    pushes: Vec<Push>,
    is_flushed: bool,
}

impl Drop for Written {
    fn drop(&mut self) {
        for push in self.pushes.drain(..) {
            let performed = if self.is_flushed { push.written() } else { push.failed() };
            self.host.tell(Input::Performed(performed));
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.orders.close();
        while let Some(order) = self.orders.next_now() {
            if let Order::Push { push, .. } = order {
                self.tell(Input::Performed(push.failed()));
            }
        }
        self.tell(Input::SocketClosed(self.id));
    }
}

/// How a socket behaves.
struct Manners {
    behaviour: Behaviour,
    opened: Instant,
    /// Whether a key was shown.
    has_named_itself: bool,
}

impl Manners {
    fn new(behaviour: Behaviour) -> Self {
        Self { behaviour, opened: Instant::now(), has_named_itself: false }
    }

    /// Gives a frame to the provider, unless the deployed one would not have heard it.
    fn pass_on(&mut self, seat: &Seat, text: &str, room: OwnedSemaphorePermit) {
        let frame = text.as_bytes();
        if self.behaviour == Behaviour::Deployed {
            if !self.has_named_itself && self.opened.elapsed() < deployed::DEAF_FOR {
                return;
            }
            if deployed::is_ignored(frame) {
                return;
            }
            self.has_named_itself |= deployed::is_auth(frame);
        }
        seat.tell(Input::SocketSaid { socket: seat.id, frame: frame.to_vec(), room: Some(room) });
    }

    /// The code with which a socket is closed.
    const fn close_code(&self, code: u16) -> u16 {
        match self.behaviour {
            Behaviour::Deployed => deployed::close_code(code, self.has_named_itself),
            Behaviour::Standard => code,
        }
    }
}
