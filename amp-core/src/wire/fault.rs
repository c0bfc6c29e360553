//! What is wrong with a value of the wire: before it is sent, or as it is read (provider API, errors).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::borrow::ToOwned;
use alloc::string::String;

use amp_envelope::MessageError;

/// Why a request or an answer cannot be made, or a URL not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The URL is not the base of an API.
    #[error("invalid_field in url: {rule}")]
    Url {
        /// The rule that it breaks, as a sentence for people.
        rule: &'static str,
    },
    /// The endpoint wants an API key, and there is none.
    #[error("unauthorized: the endpoint wants an API key")]
    KeyMissing,
    /// The provider named a place for messages that is not on the site of its API.
    #[error(
        "invalid_field in provider.route_url: messages go to the site of the API, or to one that is named by the host"
    )]
    ForeignRouteUrl,
    /// A value does not obey its grammar.
    #[error("invalid_field in {field}: {rule}")]
    Field {
        /// The member, as a dotted path.
        field: &'static str,
        /// The rule that it breaks, as a sentence for people.
        rule: &'static str,
    },
    /// The body is longer than what a provider reads.
    #[error("request_too_large: a body has at most 1 MiB")]
    TooLarge,
}

impl WireError {
    /// The protocol's code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Url { .. } | Self::ForeignRouteUrl | Self::Field { .. } => "invalid_field",
            Self::KeyMissing => "unauthorized",
            Self::TooLarge => "request_too_large",
        }
    }
}

/// What is wrong with a body that was read: the member and the rule, nothing of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    /// The member, as a dotted path; empty for the body itself.
    pub(crate) field: String,
    pub(crate) rule: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// The body is no JSON object of the profile.
    Body,
    /// The body is too long.
    TooLarge,
    /// A member is absent.
    Missing,
    /// A member does not obey its grammar.
    Invalid,
}

impl Fault {
    pub(crate) fn missing(field: &str) -> Self {
        Self { kind: FaultKind::Missing, field: field.to_owned(), rule: "the field is required" }
    }

    pub(crate) fn invalid(field: &str, rule: &'static str) -> Self {
        Self { kind: FaultKind::Invalid, field: field.to_owned(), rule }
    }

    pub(crate) const fn body(rule: &'static str) -> Self {
        Self { kind: FaultKind::Body, field: String::new(), rule }
    }

    /// The same fault, inside a member.
    pub(crate) fn within(mut self, outer: &str) -> Self {
        if self.field.is_empty() {
            self.field.push_str(outer);
        } else {
            self.field.insert(0, '.');
            self.field.insert_str(0, outer);
        }
        self
    }
}

impl From<MessageError> for Fault {
    fn from(error: MessageError) -> Self {
        let kind = match error.code() {
            amp_envelope::ErrorCode::TooLarge => FaultKind::TooLarge,
            _ => FaultKind::Body,
        };
        Self { kind, field: String::new(), rule: error.rule() }
    }
}
