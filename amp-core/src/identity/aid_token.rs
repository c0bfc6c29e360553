//! The token exchange: what is asked, what is answered, and how long it may be kept (agent identity).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use amp_address::{Address, Profile};
use amp_crypto::SecretText;
use amp_envelope::Timestamp;
use zeroize::Zeroizing;

use super::object::Object;
use super::{AidDocument, AidError, TokenProof};

/// The grant type of the exchange.
pub const AID_GRANT_TYPE: &str = "urn:aid:agent-identity";

/// How long before its end a token is no longer used.
const MARGIN: Duration = Duration::from_secs(60);
/// Longest answer of an authorization server that is read, in bytes.
const ANSWER_MAX_BYTES: usize = 64 * 1024;

/// A set of scopes: what a token may be used for (RFC 6749, section 3.3).
///
/// ```
/// use amp_core::identity::TokenScopes;
///
/// let scopes: TokenScopes = "files:write files:read".parse()?;
/// assert_eq!(scopes.to_string(), "files:read files:write");
/// assert!("files:read\"".parse::<TokenScopes>().is_err());
/// # Ok::<(), amp_core::identity::AidError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TokenScopes(BTreeSet<Box<str>>);

impl TokenScopes {
    /// Longest list, in bytes.
    const MAX_BYTES: usize = 4096;

    /// No scope. In a request this asks for all that are registered.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this scope is among them.
    #[must_use]
    pub fn contains(&self, scope: &str) -> bool {
        self.0.contains(scope)
    }

    /// Whether all of these are among the others.
    #[must_use]
    pub fn is_within(&self, others: &Self) -> bool {
        self.0.is_subset(&others.0)
    }

    /// The scopes, in order of their bytes.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|scope| &**scope)
    }
}

impl FromStr for TokenScopes {
    type Err = AidError;

    /// Reads scopes separated by spaces.
    fn from_str(text: &str) -> Result<Self, AidError> {
        let is_scope =
            |scope: &str| scope.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
        let mut scopes = text.split(' ').filter(|scope| !scope.is_empty());
        if text.len() > Self::MAX_BYTES || !scopes.clone().all(is_scope) {
            return Err(AidError::invalid(
                "scope",
                "scopes are printable ASCII without quotes, separated by spaces",
            ));
        }
        Ok(Self(scopes.by_ref().map(Into::into).collect()))
    }
}

impl fmt::Display for TokenScopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { " " })?;
            f.write_str(scope)?;
        }
        Ok(())
    }
}

/// A request for a token: `POST` it to [`Issuer::token_endpoint`](super::Issuer::token_endpoint) as
/// `application/x-www-form-urlencoded`.
///
/// ```
/// use amp_core::{Identity, Timestamp, identity::{AidDocument, Issuer, ProofLedger, TokenRequest}};
///
/// let now: Timestamp = "2026-01-31T10:00:00Z".parse()?;
/// let (alice, issuer): (_, Issuer) = (Identity::from_seed(&[7; 32]), "https://auth.example.com/acme".parse()?);
/// let document = AidDocument::issue(&alice, &"alice@acme.crabmail.ai".parse()?, None, now)?;
/// let proof = ProofLedger::new().prove(&alice, &issuer, now)?;
/// let body = TokenRequest::new(&document, proof, &"files:read".parse()?).into_form();
/// assert!(body.expose().starts_with("grant_type=urn%3Aaid%3Aagent-identity&agent_identity=ey"));
/// assert!(body.expose().ends_with("&scope=files%3Aread"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TokenRequest<'a> {
    document: &'a AidDocument,
    proof: TokenProof,
    scopes: &'a TokenScopes,
}

impl<'a> TokenRequest<'a> {
    /// A request with a document, a proof made for it, and the scopes that are wanted; none asks for all.
    #[must_use]
    pub const fn new(document: &'a AidDocument, proof: TokenProof, scopes: &'a TokenScopes) -> Self {
        Self { document, proof, scopes }
    }

    /// The body to send, once. It holds the proof: keep it out of logs.
    #[must_use]
    pub fn into_form(self) -> SecretText {
        let mut form = Zeroizing::new(String::from("grant_type="));
        push_encoded(AID_GRANT_TYPE, &mut form);
        form.push_str("&agent_identity=");
        push_encoded(&self.document.to_base64url(), &mut form);
        form.push_str("&proof=");
        push_encoded(self.proof.into_text().expose(), &mut form);
        if !self.scopes.is_empty() {
            form.push_str("&scope=");
            for (index, scope) in self.scopes.iter().enumerate() {
                form.push_str(if index == 0 { "" } else { "%20" });
                push_encoded(scope, &mut form);
            }
        }
        SecretText::new(core::mem::take(&mut *form))
    }
}

/// Percent-encodes all but the unreserved characters of RFC 3986.
fn push_encoded(text: &str, out: &mut String) {
    use fmt::Write;
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// An access token: a bearer credential. Wiped when dropped; it cannot be printed or copied.
///
/// ```compile_fail,E0277
/// # let answer = amp_core::identity::TokenAnswer::from_json(b"{}").unwrap();
/// println!("{}", answer.access_token());
/// ```
pub struct AccessToken(Zeroizing<String>);

impl AccessToken {
    /// Longest token that is read, in bytes.
    const MAX_BYTES: usize = 16 * 1024;

    fn read(text: &str) -> Result<Self, AidError> {
        let is_token =
            (1..=Self::MAX_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_token {
            Ok(Self(Zeroizing::new(text.into())))
        } else {
            Err(AidError::invalid("access_token", "a token is printable ASCII without a space"))
        }
    }

    /// The secret itself, for the header `Authorization: Bearer …`. Never put it into a URL.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(..)")
    }
}

/// What an authorization server answers: a token, for how long, for what and for whom.
///
/// What it says is the server's claim. [`check`](Self::check) holds it against what was asked.
///
/// ```
/// use amp_core::identity::{TokenAnswer, TokenScopes};
///
/// let answer = TokenAnswer::from_json(br#"{"access_token":"eyJ0","token_type":"Bearer","expires_in":3600,
///     "scope":"files:read files:write","agent_address":"alice@acme.crabmail.ai"}"#)?;
/// let me = "alice@acme.crabmail.ai".parse()?;
/// assert!(answer.check(&"files:read files:write".parse()?, &me).is_ok());
/// assert_eq!(answer.check(&"files:read".parse()?, &me).unwrap_err().code(), "invalid_scope");
/// assert!(!format!("{answer:?}").contains("eyJ0"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TokenAnswer {
    access_token: AccessToken,
    expires_in: Duration,
    scopes: Option<TokenScopes>,
    agent_address: Option<Address>,
}

impl TokenAnswer {
    /// Longest time that a token is believed to hold: 366 days. What is longer is cut to it.
    const EXPIRES_IN_MAX: u64 = 366 * 86_400;

    /// Reads the body of an answer with status 200. Members that it does not know are left out.
    ///
    /// # Errors
    /// A code of the JSON profile, `too_large`, `missing_field`, or `invalid_field`, also for a token type other than Bearer.
    pub fn from_json(json: &[u8]) -> Result<Self, AidError> {
        let object = read_answer(json)?;
        if !object.text("token_type")?.eq_ignore_ascii_case("bearer") {
            return Err(AidError::invalid("token_type", "the token is a bearer token"));
        }
        let scopes = object.optional_text("scope")?.map(|scope| scope.parse()).transpose()?;
        let address = object.optional_text("agent_address")?;
        let address = address.map(|text| Address::parse_with(&text, Profile::Deployed)).transpose();
        Ok(Self {
            access_token: AccessToken::read(&object.text("access_token")?)?,
            expires_in: seconds(&object, "expires_in")?,
            scopes,
            agent_address: address
                .map_err(|_| AidError::invalid("agent_address", "the address is a full one"))?,
        })
    }

    /// Holds the answer against the request: no scope that was not asked for, and no other agent's token.
    ///
    /// An answer without `scope` grants what was asked (RFC 6749, section 5.1). One with fewer scopes is in order, and
    /// [`scopes`](Self::scopes) says which. A request without scopes asks for all that are registered.
    ///
    /// # Errors
    /// [`AidError::ScopeWidened`] and [`AidError::OtherAgent`]. Do not use the token then.
    pub fn check(&self, requested: &TokenScopes, agent: &Address) -> Result<(), AidError> {
        let is_wider = self.scopes.as_ref().is_some_and(|granted| !granted.is_within(requested));
        if is_wider && !requested.is_empty() {
            return Err(AidError::ScopeWidened);
        }
        match &self.agent_address {
            Some(address) if address != agent => Err(AidError::OtherAgent),
            _ => Ok(()),
        }
    }

    /// The token.
    #[must_use]
    pub const fn access_token(&self) -> &AccessToken {
        &self.access_token
    }

    /// What the token is for, if the answer says so.
    #[must_use]
    pub const fn scopes(&self) -> Option<&TokenScopes> {
        self.scopes.as_ref()
    }

    /// Whose token it is, if the answer says so.
    #[must_use]
    pub const fn agent_address(&self) -> Option<&Address> {
        self.agent_address.as_ref()
    }

    /// When the token ends, for an answer that was received at this time.
    #[must_use]
    pub fn expires_at(&self, received_at: Timestamp) -> Timestamp {
        received_at.saturating_add(self.expires_in)
    }
}

/// Whether a kept token that ends at `expires_at` may still be used: until 60 seconds before its end, not at them.
#[must_use]
pub fn token_is_fresh(expires_at: Timestamp, now: Timestamp) -> bool {
    expires_at.duration_since(now).is_some_and(|left| left > MARGIN)
}

pub(super) fn read_answer(json: &[u8]) -> Result<Object, AidError> {
    if json.len() > ANSWER_MAX_BYTES {
        return Err(AidError::TooLarge { rule: "an answer has at most 64 KiB of JSON" });
    }
    Ok(Object::read(json)?)
}

fn seconds(object: &Object, field: &'static str) -> Result<Duration, AidError> {
    let value = object.get(field).ok_or(AidError::Missing { field })?;
    let seconds = value.as_u64().ok_or(AidError::invalid(field, "the time is a whole number of seconds"))?;
    Ok(Duration::from_secs(seconds.min(TokenAnswer::EXPIRES_IN_MAX)))
}
