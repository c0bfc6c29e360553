//! Whatever a provider may be asked: the request, read (provider API).

use super::api_error::ApiError;
use super::endpoint::Endpoint;
use super::parts::RequestParts;
use super::request::Request;

macro_rules! any_request {
    ($($type:ident,)*) => {
        /// Any request of the API, as a provider reads it.
        ///
        /// ```
        /// use amp_core::wire::{AnyRequest, Method, RequestParts};
        ///
        /// let parts = RequestParts::new(Method::Get, "/health");
        /// assert!(matches!(AnyRequest::from_parts(&parts)?, AnyRequest::GetHealth(_)));
        /// let parts = RequestParts::new(Method::Get, "/nowhere");
        /// assert_eq!(AnyRequest::from_parts(&parts).unwrap_err().status, 404);
        /// # Ok::<(), amp_core::wire::ApiError>(())
        /// ```
        #[derive(Debug)]
        #[non_exhaustive]
        #[expect(clippy::large_enum_variant, reason = "a request is read, answered and gone")]
        pub enum AnyRequest {
            $(
                #[doc = concat!("[`", stringify!($type), "`](super::", stringify!($type), ")")]
                $type(super::$type),
            )*
        }

        impl AnyRequest {
            /// Reads a request of whatever endpoint.
            ///
            /// # Errors
            /// The refusal to answer with: see [`Request::from_parts`].
            pub fn from_parts(parts: &RequestParts) -> Result<Self, ApiError> {
                match parts.endpoint()? {
                    $( Endpoint::$type => super::$type::from_parts(parts).map(Self::$type), )*
                }
            }

            /// Which endpoint it is for.
            #[must_use]
            pub const fn endpoint(&self) -> Endpoint {
                match self {
                    $( Self::$type(_) => Endpoint::$type, )*
                }
            }

            /// The request as it is sent, without its API key.
            #[must_use]
            pub fn to_parts(&self) -> RequestParts {
                match self {
                    $( Self::$type(request) => request.to_parts(), )*
                }
            }
        }
    };
}

any_request! {
    GetHealth,
    GetInfo,
    GetWellKnown,
    Register,
    GetMe,
    UpdateMe,
    Deregister,
    GetCard,
    ListAgents,
    Resolve,
    RotateApiKey,
    RotateKeys,
    RevokeApiKey,
    GetUserKey,
    ListOwned,
    DeleteOwned,
    Route,
    CountPending,
    GetPending,
    AcknowledgeBatch,
    Acknowledge,
    MarkRead,
    DirectUpload,
    StartUpload,
    ConfirmUpload,
    GetAttachment,
    DownloadAttachment,
    ListQuarantine,
    GetQuarantine,
    ApproveQuarantine,
    RejectQuarantine,
    Suspend,
    Unsuspend,
    GetRisk,
    Deliver,
}
