//! What every request and every answer can do (provider API).

use super::api_error::ApiError;
#[cfg(feature = "http")]
use super::api_url::ApiUrl;
use super::endpoint::Endpoint;
#[cfg(feature = "http")]
use super::fault::WireError;
use super::parts::{AnswerParts, RequestParts};
#[cfg(feature = "http")]
use crate::identity::ApiKey;

/// A request of the provider's API: a client makes one and reads its answer, a provider reads one.
///
/// ```
/// use amp_core::wire::{Answer, ApiError, GetHealth, Health, HealthStatus, Request};
///
/// // The client's side: the parts go out over any transport.
/// let parts = GetHealth.to_parts();
/// // The provider's side.
/// let request = GetHealth::from_parts(&parts)?;
/// let answer = Health::new(HealthStatus::Healthy).to_parts();
/// // The client's side again.
/// assert_eq!(request.read_answer(&answer)?.status, HealthStatus::Healthy);
/// # Ok::<(), ApiError>(())
/// ```
pub trait Request: Sized {
    /// Where it goes.
    const ENDPOINT: Endpoint;

    /// What comes back.
    type Answer: Answer;

    /// The request as it is sent, without its API key.
    #[must_use]
    fn to_parts(&self) -> RequestParts;

    /// Reads a request, on the provider's side.
    ///
    /// # Errors
    /// The refusal to answer with: `not_found` when it is for another endpoint, `invalid_request`, `missing_field` or
    /// `invalid_field` when it is not what the endpoint takes, `request_too_large`.
    fn from_parts(parts: &RequestParts) -> Result<Self, ApiError>;

    /// Checks that an answer is one to this request and not to another.
    ///
    /// # Errors
    /// The rule that the answer breaks: the member, and what it has to be.
    fn check(&self, answer: &Self::Answer) -> Result<(), (&'static str, &'static str)> {
        let _ = answer;
        Ok(())
    }

    /// Reads the answer to this request, on the client's side.
    ///
    /// # Errors
    /// What the provider refused; or an error without a code when the answer is not what it ought to be, or is one
    /// to another request.
    fn read_answer(&self, answer: &AnswerParts) -> Result<Self::Answer, ApiError> {
        let read = Self::Answer::from_parts(answer)?;
        match self.check(&read) {
            Ok(()) => Ok(read),
            Err((field, rule)) => Err(answer.unreadable(super::fault::Fault::invalid(field, rule))),
        }
    }

    /// The request for a client of the crate `http`. The key goes into the header `Authorization`, where the endpoint
    /// wants one.
    ///
    /// # Errors
    /// [`WireError::KeyMissing`] when the endpoint wants a key and there is none; [`WireError::Field`] when a header
    /// cannot be sent.
    #[cfg(feature = "http")]
    fn to_http(
        &self,
        api: &ApiUrl,
        key: Option<&ApiKey>,
    ) -> Result<http::Request<alloc::vec::Vec<u8>>, WireError> {
        super::http::request(self.to_parts(), Self::ENDPOINT.authorization(), api, key)
    }

    /// Reads a request that arrived below the path of `api`.
    ///
    /// # Errors
    /// As [`from_parts`](Self::from_parts).
    #[cfg(feature = "http")]
    fn from_http<B: AsRef<[u8]>>(request: &http::Request<B>, api: &ApiUrl) -> Result<Self, ApiError> {
        Self::from_parts(&RequestParts::from_http(request, api)?)
    }
}

/// An answer of the provider's API.
pub trait Answer: Sized {
    /// The answer as it is sent.
    #[must_use]
    fn to_parts(&self) -> AnswerParts;

    /// Reads an answer, on the client's side. [`Request::read_answer`] checks also that it is one to the request.
    ///
    /// # Errors
    /// What the provider refused; or an error without a code when the answer is not what it ought to be.
    fn from_parts(parts: &AnswerParts) -> Result<Self, ApiError>;

    /// The answer for a server of the crate `http`.
    ///
    /// # Errors
    /// [`WireError::Field`] when a header cannot be sent.
    #[cfg(feature = "http")]
    fn to_http(&self) -> Result<http::Response<alloc::vec::Vec<u8>>, WireError> {
        super::http::response(self.to_parts())
    }

    /// Reads an answer that arrived.
    ///
    /// # Errors
    /// As [`from_parts`](Self::from_parts).
    #[cfg(feature = "http")]
    fn from_http<B: AsRef<[u8]>>(response: &http::Response<B>) -> Result<Self, ApiError> {
        Self::from_parts(&AnswerParts::from_http(response))
    }
}

/// A request without parameters and body.
macro_rules! bare_request {
    ($type:ident => $answer:ty) => {
        impl $crate::wire::Request for $type {
            const ENDPOINT: $crate::wire::Endpoint = $crate::wire::Endpoint::$type;
            type Answer = $answer;

            fn to_parts(&self) -> $crate::wire::RequestParts {
                $crate::wire::RequestParts::to(Self::ENDPOINT, &[])
            }

            fn from_parts(parts: &$crate::wire::RequestParts) -> Result<Self, $crate::wire::ApiError> {
                parts.arrive(Self::ENDPOINT)?;
                Ok(Self)
            }
        }
    };
}

/// An answer that is a JSON object, with this status; any 2xx is read.
macro_rules! json_answer {
    ($type:ident, $status:literal) => {
        impl $crate::wire::Answer for $type {
            fn to_parts(&self) -> $crate::wire::AnswerParts {
                $crate::wire::AnswerParts::new($status).with_object(self)
            }

            fn from_parts(parts: &$crate::wire::AnswerParts) -> Result<Self, $crate::wire::ApiError> {
                parts.read_object()
            }
        }
    };
}
