//! What the deployed provider does differently (deployed dialects, provider).
//!
//! Reproduced: the base path `/api/v1` with sockets at `/v1/ws`, one tenant for everybody, flat frames, deafness to whatever comes right after the
//! upgrade, `message.ack`, `ping` and `route` ignored on sockets, no live push but the backlog at connecting, already
//! acknowledged; its close codes and error codes, 500 without a code for what is no JSON, HTML for unknown paths, 429
//! without `Retry-After`, read receipts that want `original_sender`, keys of 64 hexadecimal digits beside messages.
//!
//! Not reproduced: mail that is written to files of the provider's own home instead of queued; unsigned messages that are
//! accepted; a body without a key for `rotate-keys`, to which it answers with a key of its own; a second registration of a
//! name and key that is answered by whoever asks.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use amp_core::envelope::limits::HTTP_BODY_MAX_BYTES;
use amp_core::envelope::{JsonValue, MessageId};
use amp_core::wire::{
    AckFrame, Answer as _, AnswerParts, ApiError, ApiErrorCode, CarriedKey, ClientFrame, Endpoint, Info,
    RequestParts,
};

use super::connection::Connection;
use super::request;

/// The base path of its API.
pub(super) const API_PATH: &str = "/api/v1";
/// Where it takes WebSockets; those that are asked for elsewhere are destroyed.
pub(super) const SOCKET_PATH: &str = "/v1/ws";
/// The tenant that it has.
pub(super) const TENANT: &str = "default";
/// How long a socket that was just opened hears nothing.
pub(super) const DEAF_FOR: Duration = Duration::from_millis(30);
/// What it calls its version in `/info`.
const VERSION: &str = "amp/0.1.3";

/// Answers a call as it does.
pub(super) async fn call(parts: RequestParts, connection: &Connection) -> AnswerParts {
    let endpoint = Endpoint::find(parts.method, &parts.path);
    let Some(endpoint) = endpoint else { return unknown_path() };
    let takes_json = endpoint != Endpoint::DirectUpload && !parts.body.is_empty();
    let json = JsonValue::read_carrier(&parts.body, HTTP_BODY_MAX_BYTES).ok();
    if takes_json && json.is_none() {
        return AnswerParts::new(500);
    }
    let names_sender = json.is_some_and(|body| body.get("original_sender").is_some());
    if endpoint == Endpoint::MarkRead && !names_sender {
        let error = ApiError::new(ApiErrorCode::MissingField, "original_sender is required");
        return error.with_field("original_sender").to_parts();
    }
    let mut answer = request::call(parts, connection).await;
    answer.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("Retry-After"));
    if !answer.is_success() {
        return refusal(&answer, endpoint);
    }
    match endpoint {
        Endpoint::MarkRead => answer.body = renamed(&answer.body, "read_receipt_sent", "receipt_sent"),
        Endpoint::GetInfo => {
            if let Ok(mut info) = Info::from_parts(&answer) {
                info.version = Some(VERSION.into());
                answer.body = info.to_parts().body;
            }
        }
        _ => {}
    }
    answer
}

/// A refusal in its words.
fn refusal(answer: &AnswerParts, endpoint: Endpoint) -> AnswerParts {
    let error = ApiError::from_parts(answer);
    let code = match (error.code.as_ref(), endpoint) {
        (Some(ApiErrorCode::SignatureInvalid), _) => ApiErrorCode::InvalidSignature,
        (Some(ApiErrorCode::RequestTooLarge), _) => ApiErrorCode::read("payload_too_large"),
        (Some(ApiErrorCode::NotFound), Endpoint::Resolve | Endpoint::Route) => ApiErrorCode::AgentNotFound,
        _ => return answer.clone(),
    };
    let mut renamed = AnswerParts::new(answer.status);
    renamed.headers.clone_from(&answer.headers);
    renamed.body = ApiError::new(code, &error.message).to_parts().body;
    renamed
}

/// A small answer with a member of another name.
fn renamed(body: &[u8], from: &str, to: &str) -> Vec<u8> {
    let (from, to) = (alloc::format!("\"{from}\":"), alloc::format!("\"{to}\":"));
    String::from_utf8_lossy(body).replacen(&from, &to, 1).into_bytes()
}

/// What it answers where nothing is.
pub(super) fn unknown_path() -> AnswerParts {
    AnswerParts::new(404)
        .with_header("Content-Type", "text/html; charset=utf-8")
        .with_body(b"<!DOCTYPE html><html><body><h1>404</h1></body></html>".to_vec())
}

/// The frame by which an agent would acknowledge a message, made of its stored body.
pub(super) fn acknowledgement(body: &[u8]) -> Option<Vec<u8>> {
    let body = JsonValue::read_carrier(body, HTTP_BODY_MAX_BYTES).ok()?;
    let id: MessageId = body.get("envelope")?.get("id")?.as_str()?.parse().ok()?;
    Some(ClientFrame::Ack(AckFrame::new(id)).encode().expose().as_bytes().to_vec())
}

/// A stored body, its sender's key as 64 hexadecimal digits.
pub(super) fn with_hex_key(body: Vec<u8>) -> Vec<u8> {
    let written = || {
        let value = JsonValue::read_carrier(&body, HTTP_BODY_MAX_BYTES).ok()?;
        let digits = CarriedKey::read(&value)?.key()?.to_hex()?;
        let (envelope, payload) = (value.get("envelope")?.raw(), value.get("payload")?.raw());
        let parts = [
            r#"{"envelope":"#,
            envelope,
            r#","payload":"#,
            payload,
            r#","sender_public_key":""#,
            &digits,
            "\"}",
        ];
        Some(parts.concat().into_bytes())
    };
    written().unwrap_or(body)
}

/// Whether it takes no notice of a frame.
pub(super) fn is_ignored(frame: &[u8]) -> bool {
    matches!(kind_of(frame).as_deref(), Some("message.ack" | "ping" | "route"))
}

/// Whether a frame says who the other end is.
pub(super) fn is_auth(frame: &[u8]) -> bool {
    kind_of(frame).as_deref() == Some("auth")
}

fn kind_of(frame: &[u8]) -> Option<String> {
    let frame = JsonValue::read_carrier(frame, HTTP_BODY_MAX_BYTES).ok()?;
    Some(frame.get("type")?.as_str()?.into_owned())
}

/// The code with which it closes: a wrong key has one of its own.
pub(super) const fn close_code(code: u16, showed_a_key: bool) -> u16 {
    match code {
        4001 if showed_a_key => 4003,
        code => code,
    }
}
