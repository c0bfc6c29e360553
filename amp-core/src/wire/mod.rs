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
mod opaque_id;
mod parts;
mod path;
mod rate;
mod words;

mod agents;
mod card;
mod delete_owned;
mod delivery;
mod deregister;
mod acknowledge;
mod attachment;
mod deliver;
mod direct_upload;
mod mesh;
mod multipart;
mod pending;
mod quarantine;
mod read_receipt;
mod route;
mod suspension;
mod upload;
mod health;
mod info;
mod me;
mod owned;
mod register;
mod registered;
mod resolve;
mod revoke_api_key;
mod rotate_api_key;
mod rotate_keys;
mod update_me;
mod user_key;
mod well_known;

pub use agents::{AgentList, ListAgents, ListedAgent};
pub use any::AnyRequest;
pub use api_error::ApiError;
pub use api_url::ApiUrl;
pub use card::{Card, GetCard};
pub use carried::{CarriedKey, CarriedMessage};
pub use code::{ApiErrorCode, OtherApiError};
pub use delete_owned::DeleteOwned;
pub use delivery::{AgentScope, Delivery};
pub use deregister::{Deregister, Deregistered};
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
pub use info::{AttachmentLimits, GetInfo, Info, RateLimitsStated};
pub use me::{GetMe, Me};
pub use method::Method;
pub use opaque_id::OpaqueId;
pub use owned::{ListOwned, OwnedAgent, OwnedAgents};
pub use parts::{AnswerParts, RequestParts};
pub use rate::{RateStatus, Retry};
pub use register::Register;
pub use registered::{Registered, RegisteredProvider};
pub use request::{Answer, Request};
pub use resolve::{Resolve, Resolved};
pub use revoke_api_key::{ApiKeyRevoked, RevokeApiKey};
pub use rotate_api_key::{ApiKeyRotated, RotateApiKey};
pub use rotate_keys::{KeysRotated, RotateKeys};
pub use update_me::{UpdateMe, Updated};
pub use user_key::{GetUserKey, UserKey};
pub use well_known::GetWellKnown;
pub use words::{
    Basis, DeliveryMethod, DeliveryStatus, HealthStatus, OtherBasis, OtherDeliveryMethod,
    OtherDeliveryStatus, OtherHealthStatus,
};

pub use acknowledge::{Acknowledge, AcknowledgeBatch, AcknowledgeForm, Acknowledged, BatchAcknowledged};
pub use attachment::{AttachmentState, DownloadAttachment, DownloadLocation, GetAttachment};
pub use deliver::{Deliver, Delivered};
pub use direct_upload::{DirectUpload, UploadForm};
pub use mesh::Forwarded;
pub use pending::{CountPending, Cursor, GetPending, Pending, PendingCount, PendingMessage, UnreadableMessage};
pub use quarantine::{
    ApproveQuarantine, GetQuarantine, HeldMessage, HeldMessages, HoldReason, ListQuarantine, OtherHoldReason,
    OtherReviewStatus, RejectQuarantine, ReviewStatus, Reviewed,
};
pub use read_receipt::{MarkRead, ReadReceipt, ReceiptOutcome};
pub use route::{Route, Routed};
pub use suspension::{
    GetRisk, OtherRiskBand, Risk, RiskBand, RiskScore, Suspend, Suspended, Unsuspend, Unsuspended,
};
pub use upload::{ConfirmUpload, SignedUrl, StartUpload, UploadHeaders, UploadStarted};
