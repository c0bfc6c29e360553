//! WebSocket frames, as either side writes and reads them (provider API, WebSocket).
//!
//! Every frame is one JSON object in a text frame. [`ClientFrame`] is what an agent says, [`ServerFrame`] what its
//! provider says; each is encoded and decoded here, so that both sides mean the same. A provider writes one of two
//! [`FrameShape`]s, and both are read. What is unknown is no error: it is kept as it came and counted by whoever reads.

mod client;
mod error;
mod server;

pub(crate) use client::PING;
pub use client::{AckFrame, AckSpelling, AuthFrame, ClientFrame, RouteFrame};
pub use error::FrameError;
pub use server::{
    ConnectedFrame, DeliveredFrame, ErrorFrame, FrameShape, MessageFrame, PongFrame, ReadFrame, ServerFrame,
};

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use amp_envelope::limits::MESSAGE_JSON_MAX_BYTES;
use amp_envelope::{JsonKind, JsonValue};

use super::api_url::ApiUrl;

/// The subprotocol that a client asks for when it opens the socket. A provider that does not name it in its answer is
/// spoken to all the same: deployed ones do not.
pub const SUBPROTOCOL: &str = "amp.v1";

/// Longest frame that is read, in bytes: the longest message, and 8 KiB around it. Set the same limit where the socket
/// is read, so that a longer one is never collected.
pub const FRAME_MAX_BYTES: usize = MESSAGE_JSON_MAX_BYTES + 8 * 1024;

/// Where the socket of an API is opened: `wss://api.crabmail.ai/v1/ws`, or `ws://` where the API has no TLS.
///
/// ```
/// let api = "https://api.crabmail.ai/v1".parse()?;
/// assert_eq!(amp_core::wire::socket_url(&api), "wss://api.crabmail.ai/v1/ws");
/// # Ok::<(), amp_core::wire::WireError>(())
/// ```
#[must_use]
pub fn socket_url(api: &ApiUrl) -> String {
    let after_http = api.as_str().strip_prefix("http").unwrap_or_default();
    ["ws", after_http, "/ws"].concat()
}

/// A frame whose type this version does not know, or whose contents are not specified yet.
#[derive(Clone, PartialEq, Eq)]
pub struct OtherFrame(Box<str>);

impl OtherFrame {
    /// The whole frame, as it came.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.0
    }
}

/// Shows no content.
impl fmt::Debug for OtherFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtherFrame").field("bytes", &self.0.len()).finish_non_exhaustive()
    }
}

/// A frame's object, and what its members stand in: `data` in the standard shape, the frame itself in the flat one.
struct Parsed<'a> {
    frame: JsonValue<'a>,
    body: JsonValue<'a>,
    kind: String,
}

impl<'a> Parsed<'a> {
    fn read(text: &'a [u8]) -> Result<Self, FrameError> {
        let frame = JsonValue::read_carrier(text, FRAME_MAX_BYTES).map_err(FrameError::Json)?;
        let kind = frame.get("type").ok_or(FrameError::Missing { field: "type" })?;
        let kind = kind.as_str().ok_or(FrameError::invalid("type", "the type is text"))?.into_owned();
        let body = frame.get("data").filter(|data| data.kind() == JsonKind::Object).unwrap_or(frame);
        Ok(Self { frame, body, kind })
    }

    fn other(&self) -> OtherFrame {
        OtherFrame(self.frame.raw().into())
    }
}
