//! What travels between an agent and its provider, as typed values: REST requests and answers, error codes, WebSocket
//! frames (provider API).
//!
//! Every value is made and read on both sides. None of them needs a transport: a [`Request`] becomes [`RequestParts`],
//! an [`Answer`] becomes [`AnswerParts`], and back. With the feature `http` they convert to and from the types of the
//! crate of that name as well. A provider reads any request with [`AnyRequest`].
//!
//! Unknown is not an error here: members that this version does not know are kept in `extra`, codes and states that it
//! does not know are kept as text. What is known is read strictly.

#[macro_use]
mod member;
#[macro_use]
mod open;
#[macro_use]
mod request;

mod any;
mod api_error;
mod api_url;
mod carried;
mod code;
mod endpoint;
mod extra;
mod fault;
mod frames;
#[cfg(feature = "http")]
mod http;
mod method;
mod parts;
mod path;
mod rate;
mod words;

mod health;

pub use any::AnyRequest;
pub use api_error::ApiError;
pub use api_url::ApiUrl;
pub use carried::{CarriedKey, CarriedMessage};
pub use code::{ApiErrorCode, OtherApiError};
pub use endpoint::{Authorization, Endpoint};
pub use extra::{Extra, RawJson};
pub use fault::WireError;
pub use frames::{
    AckFrame, AckSpelling, AuthFrame, ClientFrame, ConnectedFrame, DeliveredFrame, ErrorFrame, FRAME_MAX_BYTES,
    FrameError, FrameShape, MessageFrame, OtherFrame, PongFrame, ReadFrame, RouteFrame, SUBPROTOCOL, ServerFrame,
    socket_url,
};
pub(crate) use frames::PING;
pub use health::{GetHealth, Health};
pub use method::Method;
pub use parts::{AnswerParts, RequestParts};
pub use rate::{RateStatus, Retry};
pub use request::{Answer, Request};
pub use words::{
    Basis, DeliveryMethod, DeliveryStatus, HealthStatus, OtherBasis, OtherDeliveryMethod,
    OtherDeliveryStatus, OtherHealthStatus,
};
