//! A request and an answer in the parts that HTTP has, without an HTTP library (provider API).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use amp_envelope::JsonValue;
use amp_envelope::limits::HTTP_BODY_MAX_BYTES;

use super::api_error::ApiError;
use super::endpoint::{Authorization, Endpoint};
use super::fault::{Fault, FaultKind};
use super::member::{Member, to_json};
use super::method::Method;
use super::path;
use crate::identity::ApiKey;

/// Most headers that a request or an answer may have.
const HEADERS_MAX: usize = 128;
/// Most parameters of a query.
const QUERY_MAX: usize = 32;
/// Longest path, and longest name and value of a query or header, in bytes.
const TEXT_MAX_BYTES: usize = 8192;

/// A request to a provider's API. Any transport can send it; [`ApiUrl::join`](super::ApiUrl::join) gives its URL.
///
/// ```
/// use amp_core::wire::{ApiUrl, GetHealth, Request};
///
/// let api: ApiUrl = "https://api.crabmail.ai/v1".parse()?;
/// let parts = GetHealth.to_parts();
/// assert_eq!((parts.method.as_str(), api.join(&parts)), ("GET", "https://api.crabmail.ai/v1/health".to_owned()));
/// # Ok::<(), amp_core::wire::WireError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestParts {
    /// The method.
    pub method: Method,
    /// The path below the API's base URL, percent-encoded; it begins with a slash.
    pub path: String,
    /// The names and values of the query, decoded.
    pub query: Vec<(String, String)>,
    /// Names and values of headers. Names are compared without regard to case.
    pub headers: Vec<(String, String)>,
    /// The body; empty where there is none.
    pub body: Vec<u8>,
}

impl RequestParts {
    /// A request with neither query, headers nor body. The path is percent-encoded.
    #[must_use]
    pub fn new(method: Method, path: &str) -> Self {
        Self { method, path: path.into(), query: Vec::new(), headers: Vec::new(), body: Vec::new() }
    }

    /// A request to an endpoint, with the values of its path's placeholders.
    pub(crate) fn to(endpoint: Endpoint, values: &[&str]) -> Self {
        Self::new(endpoint.method(), &path::filled(endpoint.path(), values))
    }

    /// The same with a parameter in its query.
    pub(crate) fn with_query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// The same with a parameter, if there is a value.
    pub(crate) fn with_optional_query<T: ToString>(self, name: &str, value: Option<T>) -> Self {
        match value {
            Some(value) => self.with_query(name, &value.to_string()),
            None => self,
        }
    }

    /// The same with a header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The same with a JSON object as its body.
    pub(crate) fn with_object<T: Member>(self, object: &T) -> Self {
        self.with_json(to_json(object))
    }

    /// The same with this JSON text as its body.
    pub(crate) fn with_json(mut self, json: String) -> Self {
        self.body = json.into_bytes();
        self.with_header("Content-Type", "application/json")
    }

    /// The same with the API key in the header `Authorization`, which is the only place for it. Where anybody may call
    /// ([`Authorization::None`]) it is not sent, and the request stays as it is.
    #[must_use]
    pub fn with_key(self, key: &ApiKey) -> Self {
        let endpoint = Endpoint::find(self.method, &self.path);
        if endpoint.is_some_and(|endpoint| endpoint.authorization() == Authorization::None) {
            return self;
        }
        let mut value = String::from("Bearer ");
        value.push_str(key.expose());
        let mut parts = self;
        parts.headers.push(("Authorization".into(), value));
        parts
    }

    /// The API key of the header `Authorization`; none when there is no such header.
    ///
    /// # Errors
    /// `unauthorized`: two such headers, another scheme than `Bearer`, or no key.
    pub fn key(&self) -> Result<Option<ApiKey>, ApiError> {
        let mut values = headers_of(&self.headers, "authorization");
        let Some(value) = values.next() else { return Ok(None) };
        let unauthorized =
            || ApiError::unauthorized("the header Authorization is Bearer and an API key, once");
        if values.next().is_some() {
            return Err(unauthorized());
        }
        let (scheme, key) = value.split_once(' ').ok_or_else(unauthorized)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(unauthorized());
        }
        key.trim_matches(' ').parse().map(Some).map_err(|_| unauthorized())
    }

    /// The value of a header.
    ///
    /// # Errors
    /// `invalid_field`: it stands there twice.
    pub fn header(&self, name: &'static str) -> Result<Option<&str>, ApiError> {
        let mut values = headers_of(&self.headers, name);
        let value = values.next();
        if values.next().is_some() {
            return Err(Fault::invalid(name, "the header stands there once").of_request());
        }
        Ok(value)
    }

    /// The value of a parameter of the query.
    pub(crate) fn query_value(&self, name: &'static str) -> Result<Option<&str>, ApiError> {
        let mut values = self.query.iter().filter(|(parameter, _)| parameter == name);
        let value = values.next().map(|(_, value)| value.as_str());
        if values.next().is_some() {
            return Err(Fault::invalid(name, "the parameter stands there once").of_request());
        }
        Ok(value)
    }

    /// A parameter that is read from its text.
    pub(crate) fn query_parsed<T: core::str::FromStr>(
        &self,
        name: &'static str,
        rule: &'static str,
    ) -> Result<Option<T>, ApiError> {
        let value = self.query_value(name)?.map(str::parse).transpose();
        value.map_err(|_| Fault::invalid(name, rule).of_request())
    }

    /// Which endpoint the request is for.
    ///
    /// # Errors
    /// `not_found` when there is none of this method and path; `invalid_request` for more than 128 headers, 32
    /// parameters, or 8,192 bytes in one of them; `request_too_large` for a body over [`Endpoint::body_max_bytes`].
    pub fn endpoint(&self) -> Result<Endpoint, ApiError> {
        self.check_limits().map_err(Fault::of_request)?;
        let endpoint = Endpoint::find(self.method, &self.path);
        if self.body.len() > endpoint.map_or(HTTP_BODY_MAX_BYTES, Endpoint::body_max_bytes) {
            let fault = Fault::body("a body has at most 1 MiB, and 25 MiB where a file is uploaded directly");
            return Err(Fault { kind: FaultKind::TooLarge, ..fault }.of_request());
        }
        endpoint.ok_or_else(ApiError::not_found)
    }

    /// Whether the request goes to the root of the host, and not below the base of the API.
    pub(crate) fn is_at_root(&self) -> bool {
        self.path.starts_with("/.well-known/")
    }

    /// What stands at the placeholders of the endpoint's path.
    ///
    /// # Errors
    /// As [`endpoint`](Self::endpoint), and `not_found` when the request is for another one.
    pub(crate) fn arrive(&self, endpoint: Endpoint) -> Result<Vec<String>, ApiError> {
        if self.endpoint()? != endpoint {
            return Err(ApiError::not_found());
        }
        endpoint.values_of(self.method, &self.path).ok_or_else(ApiError::not_found)
    }

    /// The value at the endpoint's only placeholder.
    pub(crate) fn arrive_with<T: Member>(
        &self,
        endpoint: Endpoint,
        name: &'static str,
    ) -> Result<T, ApiError> {
        let values = self.arrive(endpoint)?;
        let value = values.first().map(String::as_str).unwrap_or_default();
        read_text(value).map_err(|fault| fault.within(name).of_request())
    }

    /// The body as a JSON object.
    pub(crate) fn json(&self) -> Result<JsonValue<'_>, ApiError> {
        JsonValue::read_carrier(&self.body, HTTP_BODY_MAX_BYTES)
            .map_err(|error| Fault::from(error).of_request())
    }

    /// The body as an object of this type.
    pub(crate) fn read_object<T: Member>(&self) -> Result<T, ApiError> {
        T::read(self.json()?).map_err(Fault::of_request)
    }

    fn check_limits(&self) -> Result<(), Fault> {
        let is_long = |(name, value): &(String, String)| name.len().max(value.len()) > TEXT_MAX_BYTES;
        if self.path.len() > TEXT_MAX_BYTES || self.query.iter().chain(&self.headers).any(is_long) {
            return Err(Fault::body("path, parameters and headers have at most 8,192 bytes each"));
        }
        if self.headers.len() > HEADERS_MAX || self.query.len() > QUERY_MAX {
            return Err(Fault::body("a request has at most 128 headers and 32 parameters"));
        }
        Ok(())
    }
}

/// Reads a value from a text that is not JSON, by the rules for JSON text.
fn read_text<T: Member>(text: &str) -> Result<T, Fault> {
    let mut json = String::from("{\"value\":");
    super::member::write_text(text, &mut json);
    json.push('}');
    let object = JsonValue::read_carrier(json.as_bytes(), usize::MAX)?;
    object.get("value").map_or_else(|| Err(Fault::missing("")), T::read)
}

fn headers_of<'h, 'n>(
    headers: &'h [(String, String)],
    name: &'n str,
) -> impl Iterator<Item = &'h str> + use<'h, 'n> {
    let is_it = move |header: &&(String, String)| header.0.eq_ignore_ascii_case(name);
    headers.iter().filter(is_it).map(|(_, value)| value.as_str())
}

/// Shows method and path; headers and bodies hold secrets.
impl fmt::Debug for RequestParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path: String = self.path.escape_default().take(128).collect();
        write!(f, "RequestParts({} {path}, {} bytes)", self.method, self.body.len())
    }
}

/// An answer of a provider's API.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AnswerParts {
    /// The HTTP status, 100 to 599.
    pub status: u16,
    /// Names and values of headers. Names are compared without regard to case.
    pub headers: Vec<(String, String)>,
    /// The body; empty where there is none.
    pub body: Vec<u8>,
}

impl AnswerParts {
    /// An answer with neither headers nor body.
    #[must_use]
    pub const fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// The same with a header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The same with a body.
    #[must_use]
    pub fn with_body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    /// The same with a JSON object as its body.
    pub(crate) fn with_object<T: Member>(self, object: &T) -> Self {
        self.with_body(to_json(object).into_bytes()).with_header("Content-Type", "application/json")
    }

    /// The value of a header, the first of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        headers_of(&self.headers, name).next()
    }

    /// Whether the status is 2xx.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// The body of a successful answer as a JSON object.
    ///
    /// # Errors
    /// What the provider refused; or, with the answer's own status, that the body is not what it ought to be.
    pub(crate) fn json(&self) -> Result<JsonValue<'_>, ApiError> {
        if !self.is_success() {
            return Err(ApiError::from_parts(self));
        }
        if self.headers.len() > HEADERS_MAX {
            return Err(self.unreadable(Fault::body("an answer has at most 128 headers")));
        }
        JsonValue::read_carrier(&self.body, HTTP_BODY_MAX_BYTES)
            .map_err(|error| self.unreadable(error.into()))
    }

    /// The body of a successful answer as an object of this type.
    pub(crate) fn read_object<T: Member>(&self) -> Result<T, ApiError> {
        T::read(self.json()?).map_err(|fault| self.unreadable(fault))
    }

    /// The error of an answer that claims success and is not what it ought to be.
    pub(crate) fn unreadable(&self, fault: Fault) -> ApiError {
        ApiError::unreadable(self, fault)
    }
}

/// Shows the status; headers and bodies hold secrets.
impl fmt::Debug for AnswerParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AnswerParts({}, {} bytes)", self.status, self.body.len())
    }
}
