//! Clients without any checks: what the embedded provider is spoken to with.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use std::time::{Duration, SystemTime};

use amp_client::Loopback;
use amp_client::identity::ApiKey;
use amp_client::prelude::*;
use amp_client::receive::SenderKey;
use amp_client::wire::{
    AnswerParts, ApiErrorCode, ApiUrl, AuthFrame, ClientFrame, Register, Registered, Request, RequestParts,
    Route, Routed, ServerFrame,
};
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::{WebSocketStream, client_async};

/// Only to fail instead of hanging.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub fn now() -> Timestamp {
    Timestamp::try_from(SystemTime::now()).unwrap()
}

/// HTTP, and nothing else.
#[derive(Clone)]
pub struct Plain {
    pub api: ApiUrl,
    pub http: reqwest::Client,
}

impl Plain {
    pub fn new(api: &ApiUrl) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self { api: api.clone(), http }
    }

    /// The answer as it came, with its headers.
    pub async fn parts(
        &self,
        key: Option<&ApiKey>,
        parts: RequestParts,
    ) -> Result<AnswerParts, reqwest::Error> {
        let url = self.api.join(&parts);
        let method = parts.method.as_str().parse().unwrap();
        let mut request = self.http.request(method, url).body(parts.body.clone());
        let parts = match key {
            Some(key) => parts.with_key(key),
            None => parts,
        };
        for (name, value) in &parts.headers {
            request = request.header(name, value);
        }
        let response = tokio::time::timeout(PATIENCE, request.send()).await.expect("an answer in time")?;
        let mut answer = AnswerParts::new(response.status().as_u16());
        for (name, value) in response.headers() {
            answer = answer.with_header(name.as_str(), value.to_str().unwrap_or_default());
        }
        Ok(answer.with_body(response.bytes().await?.to_vec()))
    }

    /// What is answered, or the code of the refusal; no code when nobody answers.
    pub async fn ask<R: Request>(
        &self,
        key: Option<&ApiKey>,
        request: &R,
    ) -> Result<R::Answer, Option<ApiErrorCode>> {
        let parts = self.parts(key, request.to_parts()).await.map_err(|_| None)?;
        request.read_answer(&parts).map_err(|error| error.code)
    }
}

/// An agent that believes everything.
pub struct Agent {
    pub plain: Plain,
    pub address: Address,
    pub key: ApiKey,
    pub identity: Identity,
    pub agent_id: String,
}

impl Agent {
    pub async fn register(provider: &Loopback, name: &str) -> Self {
        Self::register_in(&provider.url(), name, "research").await
    }

    pub async fn register_in(api: &ApiUrl, name: &str, tenant: &str) -> Self {
        let (plain, identity) = (Plain::new(api), Identity::generate());
        let request = Register::new(name.parse().unwrap(), identity.verifying_key()).in_tenant(tenant);
        let registered = plain.ask(None, &request).await.unwrap();
        Self::of(plain, identity, registered)
    }

    pub fn of(plain: Plain, identity: Identity, registered: Registered) -> Self {
        let agent_id = registered.agent_id.unwrap_or_default();
        Self { plain, address: registered.address, key: registered.api_key, identity, agent_id }
    }

    pub async fn ask<R: Request>(&self, request: &R) -> Result<R::Answer, Option<ApiErrorCode>> {
        self.plain.ask(Some(&self.key), request).await
    }

    pub async fn send(&self, to: &Agent, subject: &str, text: &str) -> Result<Routed, Option<ApiErrorCode>> {
        let draft = Draft::request(to.address.clone(), subject, text).from(&self.address);
        self.ask(&Route::new(&draft.sign(&self.identity, now()).unwrap())).await
    }

    /// The text of a message from somebody, whose signature holds.
    pub fn verified_text(&self, message: &[u8], from: &Agent) -> String {
        let message = Message::decode(message).unwrap();
        let verified = message.verify(from.identity.verifying_key()).unwrap();
        verified.text().to_string()
    }

    pub fn sender_key(&self) -> SenderKey {
        SenderKey::resolved(self.identity.verifying_key().clone())
    }

    pub async fn socket(&self) -> Socket {
        let mut socket = Socket::open(&self.plain.api).await;
        socket
            .say_text(ClientFrame::Auth(AuthFrame::new(self.key.expose().parse().unwrap())).encode().expose())
            .await;
        socket
    }
}

pub struct Socket(pub WebSocketStream<tokio::net::TcpStream>);

impl Socket {
    pub async fn open(api: &ApiUrl) -> Self {
        // The deployed provider has its API below /api/v1, and its sockets below /v1.
        let url = format!("{}/ws", api.as_str())
            .replacen("/api/v1/ws", "/v1/ws", 1)
            .replacen("http://", "ws://", 1);
        let authority = url.split('/').nth(2).unwrap().to_owned();
        let stream = tokio::net::TcpStream::connect(&authority).await.unwrap();
        let (socket, _) = tokio::time::timeout(PATIENCE, client_async(url, stream)).await.unwrap().unwrap();
        Self(socket)
    }

    pub async fn raw(stream: tokio::net::TcpStream) -> Self {
        Self(WebSocketStream::from_raw_socket(stream, Role::Client, None).await)
    }

    pub async fn say_text(&mut self, text: &str) {
        self.0.send(Frame::text(text)).await.unwrap();
    }

    pub async fn say(&mut self, frame: &ClientFrame) {
        self.say_text(frame.encode().expose()).await;
    }

    pub async fn next_text(&mut self) -> Option<String> {
        loop {
            match tokio::time::timeout(PATIENCE, self.0.next()).await.expect("a frame in time") {
                Some(Ok(Frame::Text(text))) => return Some(text.to_string()),
                Some(Ok(Frame::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    pub async fn next_frame(&mut self) -> ServerFrame {
        let text = self.next_text().await.expect("a frame");
        ServerFrame::decode(text.as_bytes()).unwrap()
    }

    /// The code with which the other end closes; none when it is simply gone.
    pub async fn close_code(&mut self) -> Option<u16> {
        loop {
            match tokio::time::timeout(PATIENCE, self.0.next()).await.expect("an end in time") {
                Some(Ok(Frame::Close(frame))) => return frame.map(|frame| frame.code.into()),
                Some(Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }
}
