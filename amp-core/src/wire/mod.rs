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
mod multipart;
mod opaque_id;
mod parts;
mod path;
mod rate;
mod words;

mod acknowledge;
mod agents;
mod attachment;
mod card;
mod delete_owned;
mod deliver;
mod delivery;
mod deregister;
mod direct_upload;
mod health;
mod info;
mod me;
mod mesh;
mod owned;
mod pending;
mod quarantine;
mod read_receipt;
mod register;
mod registered;
mod resolve;
mod revoke_api_key;
mod rotate_api_key;
mod rotate_keys;
mod route;
mod suspension;
mod update_me;
mod upload;
mod user_key;
mod well_known;

pub use acknowledge::{Acknowledge, AcknowledgeBatch, AcknowledgeForm, Acknowledged, BatchAcknowledged};
pub use agents::{AgentList, ListAgents, ListedAgent};
pub use any::AnyRequest;
pub use api_error::ApiError;
pub use api_url::ApiUrl;
pub use attachment::{AttachmentState, DownloadAttachment, DownloadLocation, GetAttachment};
pub use card::{Card, GetCard};
pub use carried::{CarriedKey, CarriedMessage};
pub use code::{ApiErrorCode, OtherApiError};
pub use delete_owned::DeleteOwned;
pub use deliver::{Deliver, Delivered};
pub use delivery::{AgentScope, Delivery};
pub use deregister::{Deregister, Deregistered};
pub use direct_upload::{DirectUpload, UploadForm};
pub use endpoint::{Authorization, Endpoint};
pub use extra::{Extra, RawJson};
pub use fault::WireError;
pub use frames::{
    AckFrame, AckSpelling, AuthFrame, ClientFrame, ConnectedFrame, DeliveredFrame, ErrorFrame,
    FRAME_MAX_BYTES, FrameError, FrameShape, MessageFrame, OtherFrame, PongFrame, ReadFrame, RouteFrame,
    SUBPROTOCOL, ServerFrame, socket_url,
};
pub use health::{GetHealth, Health};
pub use info::{AttachmentLimits, GetInfo, Info, RateLimitsStated};
pub use me::{GetMe, Me};
pub use mesh::Forwarded;
pub use method::Method;
pub use opaque_id::OpaqueId;
pub use owned::{ListOwned, OwnedAgent, OwnedAgents};
pub use parts::{AnswerParts, RequestParts};
pub use pending::{
    CountPending, Cursor, GetPending, Pending, PendingCount, PendingMessage, UnreadableMessage,
};
pub use quarantine::{
    ApproveQuarantine, GetQuarantine, HeldMessage, HeldMessages, HoldReason, ListQuarantine, OtherHoldReason,
    OtherReviewStatus, RejectQuarantine, ReviewStatus, Reviewed,
};
pub use rate::{RateStatus, Retry};
pub use read_receipt::{MarkRead, ReadReceipt, ReceiptOutcome};
pub use register::Register;
pub use registered::{Registered, RegisteredProvider};
pub use request::{Answer, Request};
pub use resolve::{Resolve, Resolved};
pub use revoke_api_key::{ApiKeyRevoked, RevokeApiKey};
pub use rotate_api_key::{ApiKeyRotated, RotateApiKey};
pub use rotate_keys::{KeysRotated, RotateKeys};
pub use route::{Route, Routed};
pub use suspension::{
    GetRisk, OtherRiskBand, Risk, RiskBand, RiskScore, Suspend, Suspended, Unsuspend, Unsuspended,
};
pub use update_me::{UpdateMe, Updated};
pub use upload::{ConfirmUpload, SignedUrl, StartUpload, UploadHeaders, UploadStarted};
pub use user_key::{GetUserKey, UserKey};
pub use well_known::GetWellKnown;
pub use words::{
    Basis, DeliveryMethod, DeliveryStatus, HealthStatus, OtherBasis, OtherDeliveryMethod,
    OtherDeliveryStatus, OtherHealthStatus,
};

pub(crate) use frames::PING;
