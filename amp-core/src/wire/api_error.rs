//! An answer that refuses, as it is made by a provider and read by a client (provider API, errors).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use amp_envelope::limits::HTTP_BODY_MAX_BYTES;
use amp_envelope::{JsonKind, JsonValue, Timestamp};

use super::code::ApiErrorCode;
use super::extra::{Extra, RawJson};
use super::fault::{Fault, FaultKind};
use super::member::{Member, Members, ObjectWriter};
use super::parts::AnswerParts;
use super::rate::{RETRY_MAX, RateStatus, Retry, read_number};
use crate::trust::Printable;

/// How much is kept of a body that is not an error's JSON, in bytes.
const EXCERPT_MAX_BYTES: usize = 200;
/// How much is kept of a message, in characters.
const MESSAGE_MAX_CHARS: usize = 512;
/// Most suggestions that are kept.
const SUGGESTIONS_MAX: usize = 16;

/// A refusal: what a provider answers instead of what was asked for.
///
/// A provider makes one with [`ApiError::new`] and sends [`to_parts`](Self::to_parts); a client reads whatever a
/// provider sent, HTML and empty bodies included. The other way in which asking fails is an answer that claims success
/// and is not what it ought to be: such an error has no code, and [`is_unreadable`](Self::is_unreadable) says so.
///
/// Texts in it come from outside; printing shows at most 64 characters of each, escaped.
///
/// ```
/// use amp_core::wire::{AnswerParts, ApiError, ApiErrorCode, Retry};
///
/// let refusal = ApiError::new(ApiErrorCode::NameTaken, "the name is taken").with_field("name");
/// let read = ApiError::from_parts(&refusal.to_parts());
/// assert_eq!(read, refusal);
/// assert_eq!(read.to_string(), "409 name_taken in name: the name is taken");
///
/// let html = AnswerParts::new(502).with_body(b"<html>\x1b[2J".to_vec());
/// assert_eq!(ApiError::from_parts(&html).to_string(), r"502: <html>\u{1b}[2J");
/// assert_eq!(ApiError::from_parts(&html).retry("2026-01-31T10:00:00Z".parse()?), Retry::Backoff);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// The code, where the body names one.
    pub code: Option<ApiErrorCode>,
    /// For people. From outside; at most 512 characters of it.
    pub message: String,
    /// The member at fault, as a dotted path. From outside.
    pub field: Option<String>,
    more: Box<More>,
}

/// What few refusals have.
#[derive(Clone, Default, PartialEq, Eq)]
struct More {
    details: Option<RawJson>,
    suggestions: Vec<String>,
    rate: Option<RateStatus>,
    retry_after: Option<Duration>,
    extra: Extra,
    /// The first 200 bytes of a body that is not an error's JSON.
    excerpt: Option<Box<str>>,
    is_unreadable: bool,
}

impl ApiError {
    /// A refusal with this code, its HTTP status, and a message for people. The message repeats nothing of the request.
    #[must_use]
    pub fn new(code: ApiErrorCode, message: &str) -> Self {
        Self {
            status: code.http_status(),
            code: Some(code),
            message: message.chars().take(MESSAGE_MAX_CHARS).collect(),
            field: None,
            more: Box::default(),
        }
    }

    /// The same, naming the member at fault.
    #[must_use]
    pub fn with_field(mut self, field: &str) -> Self {
        self.field = Some(field.into());
        self
    }

    /// The same, with names that are free.
    #[must_use]
    pub fn with_suggestions(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.more.suggestions = names.into_iter().take(SUGGESTIONS_MAX).collect();
        self
    }

    /// The same, with more about it.
    #[must_use]
    pub fn with_details(mut self, details: RawJson) -> Self {
        self.more.details = Some(details);
        self
    }

    /// The same, with what is left of a limit, and how long to wait.
    #[must_use]
    pub fn with_rate(mut self, rate: RateStatus, retry_after: Duration) -> Self {
        self.more.rate = Some(rate);
        self.more.retry_after = Some(retry_after);
        self
    }

    pub(crate) fn not_found() -> Self {
        Self::new(ApiErrorCode::NotFound, "there is nothing at this path")
    }

    pub(crate) fn unauthorized(rule: &str) -> Self {
        Self::new(ApiErrorCode::Unauthorized, rule)
    }

    /// The error of an answer whose status claims success.
    pub(crate) fn unreadable(answer: &AnswerParts, fault: Fault) -> Self {
        let is_body = matches!(fault.kind, FaultKind::Body | FaultKind::TooLarge);
        Self {
            status: answer.status,
            code: None,
            field: Some(fault.field).filter(|field| !field.is_empty()),
            more: Box::new(More {
                rate: RateStatus::read(answer),
                excerpt: is_body.then(|| excerpt_of(&answer.body)).flatten(),
                is_unreadable: true,
                ..More::default()
            }),
            ..Self::new(ApiErrorCode::InternalError, fault.rule)
        }
    }

    /// Reads an answer whose status is not 2xx, whatever its body.
    #[must_use]
    pub fn from_parts(answer: &AnswerParts) -> Self {
        let mut error = Self {
            status: answer.status,
            code: None,
            more: Box::new(More {
                rate: RateStatus::read(answer),
                retry_after: answer.header("retry-after").and_then(read_number).map(Duration::from_secs),
                ..More::default()
            }),
            ..Self::new(ApiErrorCode::InternalError, "")
        };
        match JsonValue::read_carrier(&answer.body, HTTP_BODY_MAX_BYTES)
            .ok()
            .filter(|body| names_error(*body))
        {
            Some(body) => error.read_body(body),
            None => error.more.excerpt = excerpt_of(&answer.body),
        }
        error
    }

    fn read_body(&mut self, body: JsonValue<'_>) {
        let Ok(members) = Members::of(body) else { return };
        let text = |name: &str| members.get(name).and_then(|value| value.as_str());
        self.code = text("error").map(|code| ApiErrorCode::read(&code));
        self.message = text("message").unwrap_or_default().chars().take(MESSAGE_MAX_CHARS).collect();
        self.field = text("field").map(|field| field.chars().take(128).collect());
        self.more.details = members.get("details").map(RawJson::copy_of);
        // Deployed providers put the suggestions into the details.
        let inside = members.get("details").and_then(|details| details.get("suggestions"));
        let suggestions = members.get("suggestions").or(inside);
        let names = suggestions.into_iter().flat_map(|list| list.elements()).filter_map(|name| name.as_str());
        self.more.suggestions =
            names.take(SUGGESTIONS_MAX).map(|name| name.chars().take(64).collect()).collect();
        self.more.extra = members.extra(&["error", "message", "field", "details", "suggestions"]);
    }

    /// The answer that says so.
    #[must_use]
    pub fn to_parts(&self) -> AnswerParts {
        let mut answer = AnswerParts::new(self.status);
        match (&self.code, &self.more.excerpt) {
            (Some(_), _) => answer = answer.with_object(self),
            (None, Some(excerpt)) => answer.body = excerpt.as_bytes().to_vec(),
            (None, None) => {}
        }
        if let Some(rate) = self.more.rate {
            answer = rate.put_on(answer);
        }
        match self.more.retry_after {
            Some(wait) => answer.with_header("Retry-After", &seconds_up(wait).to_string()),
            None => answer,
        }
    }

    /// More about it, as the provider wrote it. From outside.
    #[must_use]
    pub fn details(&self) -> Option<&RawJson> {
        self.more.details.as_ref()
    }

    /// Names that are free, where the wanted one is taken. From outside; at most 16, of at most 64 characters.
    #[must_use]
    pub fn suggestions(&self) -> &[String] {
        &self.more.suggestions
    }

    /// What is left of the limit that the request counted against.
    #[must_use]
    pub fn rate(&self) -> Option<RateStatus> {
        self.more.rate
    }

    /// How long to wait, as `Retry-After` says in seconds. [`retry`](Self::retry) caps it.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.more.retry_after
    }

    /// Members that this version does not know.
    #[must_use]
    pub fn extra(&self) -> &Extra {
        &self.more.extra
    }

    /// Whether the error has this code.
    #[must_use]
    pub fn is(&self, code: &ApiErrorCode) -> bool {
        self.code.as_ref() == Some(code)
    }

    /// Whether the provider claimed success with an answer that is not what it ought to be. What it did is then unknown.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        self.more.is_unreadable
    }

    /// The first 200 bytes of a body that is not an error's JSON. From outside: print it with
    /// [`Printable`](crate::trust::Printable).
    #[must_use]
    pub fn excerpt(&self) -> Option<&str> {
        self.more.excerpt.as_deref()
    }

    /// When the same request may be made again.
    ///
    /// What the provider asks for is obeyed up to an hour: no answer keeps its client waiting for longer.
    #[must_use]
    pub fn retry(&self, now: Timestamp) -> Retry {
        let is_passing = matches!(self.status, 408 | 425 | 429 | 500 | 502 | 503 | 504)
            || self.is(&ApiErrorCode::AttachmentPending);
        if !is_passing {
            return Retry::Never;
        }
        if let Some(wait) = self.more.retry_after.filter(|wait| !wait.is_zero()) {
            return Retry::At(now.saturating_add(wait.min(RETRY_MAX)));
        }
        let reset = self.more.rate.filter(|rate| rate.remaining == 0).map(|rate| rate.reset);
        match reset {
            Some(reset) if self.status == 429 && reset > now => {
                Retry::At(reset.min(now.saturating_add(RETRY_MAX)))
            }
            _ => Retry::Backoff,
        }
    }
}

/// Whole seconds, so that who waits for them has waited long enough.
fn seconds_up(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0))
}

fn names_error(body: JsonValue<'_>) -> bool {
    body.get("error").is_some_and(|code| code.kind() == JsonKind::String)
}

fn excerpt_of(body: &[u8]) -> Option<Box<str>> {
    let cut = body.get(..body.len().min(EXCERPT_MAX_BYTES)).unwrap_or_default();
    let text = String::from_utf8_lossy(cut);
    // A character that was cut in two is left out, not replaced.
    let text = if cut.len() < body.len() { text.trim_end_matches('\u{fffd}') } else { &text };
    (!text.is_empty()).then(|| text.into())
}

impl Fault {
    /// The refusal of a request with this fault.
    pub(crate) fn of_request(self) -> ApiError {
        let code = match self.kind {
            FaultKind::Body => ApiErrorCode::InvalidRequest,
            FaultKind::TooLarge => ApiErrorCode::RequestTooLarge,
            FaultKind::Missing => ApiErrorCode::MissingField,
            FaultKind::Invalid => ApiErrorCode::InvalidField,
        };
        let error = ApiError::new(code, self.rule);
        if self.field.is_empty() { error } else { error.with_field(&self.field) }
    }
}

/// The body of an error that has a code.
impl Member for ApiError {
    const RULE: &'static str = "the value is an error";

    fn read(value: JsonValue<'_>) -> Result<Self, Fault> {
        let mut error = Self::new(ApiErrorCode::InternalError, "");
        error.read_body(value);
        Ok(error)
    }

    fn write(&self, out: &mut String) {
        let mut object = ObjectWriter::open(out);
        object.text("error", self.code.as_ref().map_or("internal_error", ApiErrorCode::as_str));
        object.text("message", &self.message);
        object.member("field", &self.field);
        object.member("details", &self.more.details);
        if !self.more.suggestions.is_empty() {
            object.member("suggestions", &self.more.suggestions);
        }
        object.extra(&self.more.extra, &["error", "message", "field", "details", "suggestions"]);
        object.close();
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        if let Some(code) = &self.code {
            write!(f, " {code}")?;
        }
        if let Some(field) = &self.field {
            write!(f, " in {}", Printable::name(field))?;
        }
        match self.excerpt() {
            Some(excerpt) if self.message.is_empty() => write!(f, ": {}", Printable::name(excerpt)),
            _ if self.message.is_empty() => Ok(()),
            _ => write!(f, ": {}", Printable::name(&self.message)),
        }
    }
}

/// As it is displayed: what is in it comes from outside.
impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiError({self})")
    }
}

impl core::error::Error for ApiError {}
