//! What an authorization server says of a token (RFC 7662; agent identity, introspection).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::string::String;

use amp_address::{Address, Profile};
use amp_envelope::{Timestamp, write_json};
use serde::Serialize;

use super::aid_token::read_answer;
use super::object::Object;
use super::{AidError, RegistrationStatus, TokenScopes};

/// Longest text of a member, in characters.
const TEXT_MAX_CHARS: usize = 1024;

/// What an authorization server says of a token: whose it is and what for, or that it is not to be honoured.
///
/// ```
/// use amp_core::{Timestamp, identity::Introspection};
///
/// let now: Timestamp = "2026-01-31T10:00:00Z".parse()?;
/// let refused = Introspection::from_json(br#"{"active":false,"reason":"agent_suspended"}"#)?;
/// assert!(refused.honoured_at(now).is_none());
///
/// let answer = Introspection::from_json(br#"{"active":true,"sub":"agent:1","scope":"tickets:read",
///     "agent_address":"alice@acme.crabmail.ai","agent_status":"active","exp":1769857200}"#)?;
/// let token = answer.honoured_at(now).expect("it is active and has not run out");
/// assert!(token.scopes().contains("tickets:read"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Introspection {
    /// `active: true`. Whether it is to be honoured is for [`Introspection::honoured_at`] to say.
    Active(Box<ActiveToken>),
    /// `active: false`.
    Inactive {
        /// Why, if the server says so: at most 64 characters from outside.
        reason: Option<Box<str>>,
    },
}

/// What a server says of an active token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActiveToken {
    subject: Option<Box<str>>,
    scopes: TokenScopes,
    agent_id: Option<Box<str>>,
    agent_address: Option<Address>,
    agent_name: Option<Box<str>>,
    agent_role: Option<Box<str>>,
    agent_status: Option<RegistrationStatus>,
    expires_at: Option<Timestamp>,
    issued_at: Option<Timestamp>,
}

impl Introspection {
    /// Reads an answer. Members that it does not know are left out.
    ///
    /// # Errors
    /// A code of the JSON profile, `too_large`, `missing_field` for an answer without `active`, `invalid_field`. None of
    /// them is a token to honour.
    pub fn from_json(json: &[u8]) -> Result<Self, AidError> {
        let object = read_answer(json)?;
        let active = object.get("active").ok_or(AidError::Missing { field: "active" })?;
        match active.as_bool() {
            None => Err(AidError::invalid("active", "the member is true or false")),
            Some(false) => {
                let reason = object.get("reason").and_then(|reason| reason.as_str());
                Ok(Self::Inactive { reason: reason.map(|reason| reason.chars().take(64).collect()) })
            }
            Some(true) => ActiveToken::read(&object).map(|token| Self::Active(Box::new(token))),
        }
    }

    /// The token, if it is to be honoured: active, of an agent that is, and not at or after its end.
    ///
    /// A status that contradicts `active` wins, and so does an end that has passed: what is unclear is not honoured.
    #[must_use]
    pub fn honoured_at(&self, now: Timestamp) -> Option<&ActiveToken> {
        let Self::Active(token) = self else { return None };
        let is_agent_active = token.agent_status.as_ref().is_none_or(RegistrationStatus::may_have_tokens);
        let is_running = token.expires_at.is_none_or(|end| now < end);
        (is_agent_active && is_running).then_some(token)
    }

    /// Writes the answer of a server.
    #[must_use]
    pub fn to_json(&self) -> String {
        match self {
            Self::Active(token) => write_json(&token.members()),
            Self::Inactive { reason } => write_json(&Refused { active: false, reason: reason.as_deref() }),
        }
        // Texts, whole numbers and booleans can always be written.
        .unwrap_or_default()
    }
}

#[derive(Serialize)]
struct Refused<'a> {
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

#[derive(Serialize)]
struct Members<'a> {
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
    scope: String,
    token_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_address: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_role: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_status: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
}

impl ActiveToken {
    /// A token for these scopes, of which nothing else is said.
    #[must_use]
    pub fn new(scopes: TokenScopes) -> Self {
        Self { scopes, ..Self::default() }
    }

    /// Says whose token it is and how the agent's registration stands.
    #[must_use]
    pub fn of_agent(mut self, address: &Address, status: RegistrationStatus) -> Self {
        self.agent_address = Some(address.clone());
        self.agent_status = Some(status);
        self
    }

    /// Says when it was issued and when it ends, to the second.
    #[must_use]
    pub const fn between(mut self, issued_at: Timestamp, expires_at: Timestamp) -> Self {
        self.issued_at = Some(issued_at);
        self.expires_at = Some(expires_at);
        self
    }

    fn read(object: &Object) -> Result<Self, AidError> {
        let text = |field: &'static str| -> Result<Option<Box<str>>, AidError> {
            let Some(text) = object.optional_text(field)? else { return Ok(None) };
            if text.chars().nth(TEXT_MAX_CHARS).is_some() {
                return Err(AidError::invalid(field, "the text has at most 1,024 characters"));
            }
            Ok(Some(text.into()))
        };
        let time = |field: &'static str| -> Result<Option<Timestamp>, AidError> {
            let Some(value) = object.get(field) else { return Ok(None) };
            let time = value.as_i64().and_then(Timestamp::from_unix_seconds);
            time.map(Some).ok_or(AidError::invalid(field, "a time is a whole number of seconds since 1970"))
        };
        let address = text("agent_address")?
            .map(|address| Address::parse_with(&address, Profile::Deployed))
            .transpose()
            .map_err(|_| AidError::invalid("agent_address", "the address is a full one"))?;
        Ok(Self {
            subject: text("sub")?,
            scopes: object.optional_text("scope")?.unwrap_or_default().parse()?,
            agent_id: text("agent_id")?,
            agent_address: address,
            agent_name: text("agent_name")?,
            agent_role: text("agent_role")?,
            agent_status: text("agent_status")?.map(|status| RegistrationStatus::read(&status)),
            expires_at: time("exp")?,
            issued_at: time("iat")?,
        })
    }

    fn members(&self) -> Members<'_> {
        Members {
            active: true,
            sub: self.subject.as_deref(),
            scope: alloc::format!("{}", self.scopes),
            token_type: "Bearer",
            agent_id: self.agent_id.as_deref(),
            agent_address: self.agent_address.as_ref().map(Address::as_str),
            agent_name: self.agent_name.as_deref(),
            agent_role: self.agent_role.as_deref(),
            agent_status: self.agent_status.as_ref().map(RegistrationStatus::as_str),
            exp: self.expires_at.map(Timestamp::unix_seconds),
            iat: self.issued_at.map(Timestamp::unix_seconds),
        }
    }

    /// The server's name for whom the token stands for (`sub`).
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// What the token is for.
    #[must_use]
    pub const fn scopes(&self) -> &TokenScopes {
        &self.scopes
    }

    /// The server's id of the agent.
    #[must_use]
    pub fn agent_id(&self) -> Option<&str> {
        self.agent_id.as_deref()
    }

    /// The agent's address.
    #[must_use]
    pub const fn agent_address(&self) -> Option<&Address> {
        self.agent_address.as_ref()
    }

    /// The agent's name for people: text from outside.
    #[must_use]
    pub fn agent_name(&self) -> Option<&str> {
        self.agent_name.as_deref()
    }

    /// The agent's role, by the server's name for it.
    #[must_use]
    pub fn agent_role(&self) -> Option<&str> {
        self.agent_role.as_deref()
    }

    /// How the agent's registration stands.
    #[must_use]
    pub const fn agent_status(&self) -> Option<&RegistrationStatus> {
        self.agent_status.as_ref()
    }

    /// The first moment at which the token no longer holds.
    #[must_use]
    pub const fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// When the token was issued.
    #[must_use]
    pub const fn issued_at(&self) -> Option<Timestamp> {
        self.issued_at
    }
}
