//! To and from the types of the crate `http` (provider API).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;
use alloc::vec::Vec;

use ::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};

use super::api_error::ApiError;
use super::api_url::ApiUrl;
use super::endpoint::{Authorization, Endpoint};
use super::fault::{Fault, WireError};
use super::method::Method;
use super::parts::{AnswerParts, RequestParts};
use super::path::read_query;
use crate::identity::ApiKey;

/// A request with its key, ready to be sent.
pub(super) fn request(
    parts: RequestParts,
    authorization: Authorization,
    api: &ApiUrl,
    key: Option<&ApiKey>,
) -> Result<Request<Vec<u8>>, WireError> {
    let uri = api.join(&parts);
    let mut request = Request::builder()
        .method(parts.method.as_str())
        .uri(uri)
        .body(parts.body)
        .map_err(|_| WireError::Field { field: "path", rule: "the path is that of a URL" })?;
    put_headers(&parts.headers, request.headers_mut())?;
    match (authorization, key) {
        (Authorization::None, _) | (Authorization::Optional, None) => {}
        (_, None) => return Err(WireError::KeyMissing),
        (_, Some(key)) => {
            let mut value = zeroize::Zeroizing::new(String::from("Bearer "));
            value.push_str(key.expose());
            let mut value = HeaderValue::from_str(&value).map_err(|_| WireError::KeyMissing)?;
            // Keeps it out of what `Debug` shows.
            value.set_sensitive(true);
            request.headers_mut().insert(::http::header::AUTHORIZATION, value);
        }
    }
    Ok(request)
}

pub(super) fn response(parts: AnswerParts) -> Result<Response<Vec<u8>>, WireError> {
    let mut response = Response::new(parts.body);
    *response.status_mut() = StatusCode::from_u16(parts.status)
        .map_err(|_| WireError::Field { field: "status", rule: "a status is 100 to 999" })?;
    put_headers(&parts.headers, response.headers_mut())?;
    Ok(response)
}

fn put_headers(headers: &[(String, String)], map: &mut HeaderMap) -> Result<(), WireError> {
    let fault =
        || WireError::Field { field: "headers", rule: "a header has a name, and a value without controls" };
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| fault())?;
        map.append(name, HeaderValue::from_str(value).map_err(|_| fault())?);
    }
    Ok(())
}

/// A value that is not UTF-8 is none that the API knows; it is read with replacements.
fn read_headers(map: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    map.iter().map(|(name, value)| (String::from(name.as_str()), text(value))).collect()
}

impl RequestParts {
    /// The request for a client of the crate `http`. The key goes into the header `Authorization`, where the endpoint
    /// that the path is of wants one; to a path of no endpoint it does not go.
    ///
    /// # Errors
    /// As [`Request::to_http`](super::Request::to_http).
    pub fn into_http(self, api: &ApiUrl, key: Option<&ApiKey>) -> Result<Request<Vec<u8>>, WireError> {
        let endpoint = Endpoint::find(self.method, &self.path);
        let authorization = endpoint.map_or(Authorization::None, Endpoint::authorization);
        request(self, authorization, api, key)
    }

    /// Takes a request apart that arrived below the path of `api`.
    ///
    /// # Errors
    /// `not_found` for another method or a path that is not below; `invalid_request` for a query that cannot be decoded.
    pub fn from_http<B: AsRef<[u8]>>(request: &Request<B>, api: &ApiUrl) -> Result<Self, ApiError> {
        let method = Method::read(request.method().as_str()).ok_or_else(ApiError::not_found)?;
        let path = request.uri().path();
        let below = path.strip_prefix(api.path()).filter(|below| below.starts_with('/'));
        let path = if path.starts_with("/.well-known/") { Some(path) } else { below };
        let mut parts = Self::new(method, path.ok_or_else(ApiError::not_found)?);
        let query = request.uri().query().unwrap_or_default();
        parts.query = read_query(query)
            .ok_or_else(|| Fault::body("the query is percent-encoded UTF-8").of_request())?;
        parts.headers = read_headers(request.headers());
        parts.body = request.body().as_ref().to_vec();
        Ok(parts)
    }
}

impl AnswerParts {
    /// Takes an answer apart that arrived.
    #[must_use]
    pub fn from_http<B: AsRef<[u8]>>(response: &Response<B>) -> Self {
        let mut parts = Self::new(response.status().as_u16());
        parts.headers = read_headers(response.headers());
        parts.body = response.body().as_ref().to_vec();
        parts
    }
}
