//! Why an authorization server gives no token (agent identity, errors).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use core::fmt;

use super::AidError;
use super::aid_token::read_answer;

/// Why an authorization server gives no token.
///
/// The list is open: a code that this version does not know is kept as text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenErrorCode {
    /// `invalid_grant`: the document does not verify, or has expired.
    InvalidGrant,
    /// `invalid_proof`: the proof does not verify, or is out of time.
    InvalidProof,
    /// `invalid_scope`: more was asked for than is registered.
    InvalidScope,
    /// `unsupported_grant_type`: the server does not know the exchange.
    UnsupportedGrantType,
    /// `agent_not_registered`: the server does not know the agent.
    AgentNotRegistered,
    /// `agent_suspended`: the agent's registration is suspended.
    AgentSuspended,
    /// Any other code. Its text is [`TokenErrorCode::as_str`].
    Other(OtherTokenError),
}

/// The text of a code that this version does not know, at most 64 characters of it. From outside.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OtherTokenError(Box<str>);

impl TokenErrorCode {
    const NAMED: [Self; 6] = [
        Self::InvalidGrant,
        Self::InvalidProof,
        Self::InvalidScope,
        Self::UnsupportedGrantType,
        Self::AgentNotRegistered,
        Self::AgentSuspended,
    ];

    /// Reads a code; what is unknown is kept.
    #[must_use]
    pub fn read(text: &str) -> Self {
        Self::NAMED
            .into_iter()
            .find(|code| code.as_str() == text)
            .unwrap_or_else(|| Self::Other(OtherTokenError(text.chars().take(64).collect())))
    }

    /// The code on the wire. Text from outside when it is [`TokenErrorCode::Other`].
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidProof => "invalid_proof",
            Self::InvalidScope => "invalid_scope",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::AgentNotRegistered => "agent_not_registered",
            Self::AgentSuspended => "agent_suspended",
            Self::Other(code) => &code.0,
        }
    }

    /// The HTTP status that goes with it: 403 for an agent that is not registered or suspended, else 400.
    #[must_use]
    pub const fn http_status(&self) -> u16 {
        match self {
            Self::AgentNotRegistered | Self::AgentSuspended => 403,
            _ => 400,
        }
    }
}

/// Unknown codes are shown escaped.
impl fmt::Display for TokenErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_str().escape_default())
    }
}

/// Why an authorization server gave no token, in its own words. Shown escaped, and cut at 64 characters.
///
/// ```
/// use amp_core::identity::{TokenError, TokenErrorCode};
///
/// let error = TokenError::from_json(br#"{"error":"agent_suspended","error_description":"ask the admin"}"#)?;
/// assert_eq!(error.code(), &TokenErrorCode::AgentSuspended);
/// assert_eq!(error.to_string(), "agent_suspended: ask the admin");
/// # Ok::<(), amp_core::identity::AidError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenError {
    code: TokenErrorCode,
    description: Option<Box<str>>,
}

impl TokenError {
    /// Reads the body of an answer with an error status.
    ///
    /// # Errors
    /// A code of the JSON profile, `too_large`, `missing_field` or `invalid_field`: the body is no error of this exchange.
    pub fn from_json(json: &[u8]) -> Result<Self, AidError> {
        let object = read_answer(json)?;
        let code = TokenErrorCode::read(&object.text("error")?);
        let description =
            object.optional_text("error_description")?.map(|text| text.chars().take(64).collect());
        Ok(Self { code, description })
    }

    /// Which error it is.
    #[must_use]
    pub const fn code(&self) -> &TokenErrorCode {
        &self.code
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        match &self.description {
            Some(description) => write!(f, ": {}", description.escape_default()),
            None => Ok(()),
        }
    }
}

impl core::error::Error for TokenError {}
