//! Reading an answer: its head, and a body that is whole or none (provider API).

use alloc::vec::Vec;

use amp_core::envelope::limits::HTTP_BODY_MAX_BYTES;
use amp_core::wire::AnswerParts;
use bytes::Bytes;
use reqwest::{Method, Response, header};

use super::error::{HttpError, of_reqwest};

/// An answer whose body is read piece by piece.
#[derive(Debug)]
pub(crate) struct Incoming {
    response: Response,
}

impl Incoming {
    pub(super) const fn new(response: Response) -> Self {
        Self { response }
    }

    /// Status and headers.
    pub(crate) fn head(&self) -> AnswerParts {
        let mut head = http::Response::new([]);
        *head.status_mut() = self.response.status();
        *head.headers_mut() = self.response.headers().clone();
        AnswerParts::from_http(&head)
    }

    /// The next bytes of the body; none at its end. Dropping the future loses no bytes.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, HttpError> {
        self.response.chunk().await.map_err(|error| of_reqwest(&error))
    }

    /// The whole answer, if its body has at most so many bytes as bodies have.
    pub(super) async fn read(mut self, method: &Method) -> Result<AnswerParts, HttpError> {
        let mut answer = self.head();
        let is_measured = self.is_measured(method);
        if self.response.content_length().is_some_and(|length| length > HTTP_BODY_MAX_BYTES as u64) {
            return Err(HttpError::TooLarge);
        }
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if body.len().saturating_add(chunk.len()) > HTTP_BODY_MAX_BYTES {
                return Err(HttpError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        // Nobody unpacks anything here; what is packed is not what was asked for.
        let is_plain = |value: &header::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
        if !body.is_empty() && !self.response.headers().get_all(header::CONTENT_ENCODING).iter().all(is_plain)
        {
            return Err(HttpError::Malformed("it is packed, though nobody asked for that"));
        }
        // Where only the connection's end says that the body is whole, a body of the API ends like an object.
        if !is_measured && !body.trim_ascii_end().ends_with(b"}") {
            return Err(HttpError::Unreachable);
        }
        answer.body = body;
        Ok(answer)
    }

    /// Whether a body that was cut off is told from a whole one.
    fn is_measured(&self, method: &Method) -> bool {
        let status = self.response.status().as_u16();
        let headers = self.response.headers();
        *method == Method::HEAD
            || matches!(status, 100..=199 | 204 | 304)
            || headers.contains_key(header::CONTENT_LENGTH)
            || headers.contains_key(header::TRANSFER_ENCODING)
    }
}
