//! Proofs that an agent holds its key, for an authorization server (agent identity).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use amp_crypto::{Identity, SecretText, Signature, SigningContext, VerifyingKey};
use amp_envelope::Timestamp;
use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::AidError;

/// How far a proof's time may lie from the verifier's, in either direction. Exactly as far is accepted.
pub(super) const WINDOW: Duration = Duration::from_secs(300);

/// The URL of an authorization server, as an agent writes it: compared byte for byte.
///
/// `http://` or `https://` and at most 2,048 printable ASCII characters without a space. Nothing is normalized: with
/// and without a slash at the end are two issuers.
///
/// ```
/// use amp_core::identity::Issuer;
///
/// let issuer: Issuer = "https://auth.example.com/acme".parse()?;
/// assert_eq!(issuer.token_endpoint(), "https://auth.example.com/acme/oauth/token");
/// assert_ne!(issuer, "https://auth.example.com/acme/".parse()?);
/// # Ok::<(), amp_core::identity::AidError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Issuer(String);

impl Issuer {
    const MAX_BYTES: usize = 2048;

    /// The URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where tokens are asked for: `<issuer>/oauth/token`.
    #[must_use]
    pub fn token_endpoint(&self) -> String {
        [self.as_str(), "/oauth/token"].concat()
    }

    /// The name of the file that deployed scripts keep this issuer's token in: 16 hex digits and `.json`.
    ///
    /// The digits are the first of SHA-256 over the URL and a line feed. One file an issuer, whatever the scopes.
    #[must_use]
    pub fn token_file_name(&self) -> String {
        use fmt::Write;
        let digest = Sha256::new().chain_update(self.as_str()).chain_update(b"\n").finalize();
        let mut name = String::with_capacity(21);
        for byte in digest.iter().take(8) {
            // Writing to a string does not fail.
            let _ = write!(name, "{byte:02x}");
        }
        name.push_str(".json");
        name
    }
}

impl FromStr for Issuer {
    type Err = AidError;

    fn from_str(text: &str) -> Result<Self, AidError> {
        check_url("issuer", text).map(|()| Self(text.to_string()))
    }
}

/// Such a text cannot hold a line feed, so it cannot move the fields of what is signed.
fn check_url(field: &'static str, text: &str) -> Result<(), AidError> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_url =
        rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic()));
    if is_url && text.len() <= Issuer::MAX_BYTES {
        Ok(())
    } else {
        Err(AidError::invalid(field, "the value is an http or https URL of at most 2,048 characters"))
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What a proof proves, and hence what is signed and how it is written.
#[derive(Clone, Copy)]
enum Kind {
    /// base64url(64 bytes of signature ‖ digits).
    TokenExchange,
    /// base64url(base64 text of the signature ‖ digits).
    RegistrationStatus,
}

impl Kind {
    const fn context(self) -> SigningContext {
        match self {
            Self::TokenExchange => SigningContext::AidTokenExchange,
            Self::RegistrationStatus => SigningContext::AidRegistrationStatus,
        }
    }

    fn signed(self, seconds: &str, url: &str) -> String {
        let domain = match self {
            Self::TokenExchange => "aid-token-exchange",
            Self::RegistrationStatus => "aid-registration-status",
        };
        [domain, "\n", seconds, "\n", url].concat()
    }

    fn make(self, identity: &Identity, url: &str, now: Timestamp) -> Result<Zeroizing<String>, AidError> {
        const FIELD: &str = "proof";
        let seconds = u64::try_from(now.unix_seconds())
            .map_err(|_| AidError::invalid(FIELD, "a proof is made after 1970"))?
            .to_string();
        let signature = identity
            .sign(self.context(), self.signed(&seconds, url).as_bytes())
            .map_err(|_| AidError::invalid(FIELD, "a proof is over an http or https URL"))?;
        let mut bytes: Zeroizing<Vec<u8>> = Zeroizing::default();
        match self {
            Self::TokenExchange => bytes.extend_from_slice(signature.as_bytes()),
            Self::RegistrationStatus => bytes.extend_from_slice(signature.to_base64().as_bytes()),
        }
        bytes.extend_from_slice(seconds.as_bytes());
        Ok(Zeroizing::new(Base64UrlUnpadded::encode_string(&bytes)))
    }

    /// The signature first: a time that nobody signed says nothing.
    fn verify(
        self,
        key: &VerifyingKey,
        proof: &str,
        url: &str,
        now: Timestamp,
    ) -> Result<Timestamp, AidError> {
        let (signature, seconds) = self.parts(proof)?;
        let made_at = time_of(&seconds)?;
        key.verify(self.context(), self.signed(&seconds, url).as_bytes(), &signature)
            .map_err(|_| AidError::SignatureInvalid { field: "proof" })?;
        if now.duration_since(made_at).is_some_and(|age| age > WINDOW) {
            return Err(AidError::ProofExpired);
        }
        if made_at.duration_since(now).is_some_and(|ahead| ahead > WINDOW) {
            return Err(AidError::InFuture { field: "proof" });
        }
        Ok(made_at)
    }

    fn parts(self, proof: &str) -> Result<(Signature, String), AidError> {
        const MALFORMED: AidError = AidError::invalid(
            "proof",
            "a proof is base64url of a signature and decimal seconds, without padding",
        );
        // The longer kind: 88 characters of signature and 12 digits.
        let mut room = [0; 112];
        let bytes = Base64UrlUnpadded::decode(proof, &mut room).map_err(|_| MALFORMED)?;
        let (signature, seconds) = match self {
            Self::TokenExchange => {
                let (signature, seconds) = bytes.split_at_checked(64).ok_or(MALFORMED)?;
                (Signature::from_bytes(signature).map_err(|_| MALFORMED)?, seconds)
            }
            Self::RegistrationStatus => {
                let (text, seconds) = bytes.split_at_checked(88).ok_or(MALFORMED)?;
                let text = core::str::from_utf8(text).map_err(|_| MALFORMED)?;
                let signature = Signature::from_base64(text).map_err(|_| MALFORMED)?;
                // One spelling: that which is written.
                if signature.as_bytes().len() != 64 || signature.to_base64() != text {
                    return Err(MALFORMED);
                }
                (signature, seconds)
            }
        };
        let seconds = core::str::from_utf8(seconds).map_err(|_| MALFORMED)?;
        Ok((signature, seconds.to_string()))
    }
}

/// Digits alone, in their one spelling: no sign, no leading zero, no more than a time has.
fn time_of(seconds: &str) -> Result<Timestamp, AidError> {
    let is_canonical = (1..=12).contains(&seconds.len())
        && seconds.bytes().all(|byte| byte.is_ascii_digit())
        && (seconds == "0" || !seconds.starts_with('0'));
    let time = seconds.parse().ok().filter(|_| is_canonical).and_then(Timestamp::from_unix_seconds);
    time.ok_or(AidError::invalid("proof", "the seconds of a proof are decimal digits without a leading zero"))
}

/// A proof that the agent holds its key, made for one request to one authorization server.
///
/// Whoever has it within five minutes can ask for tokens in the agent's name, so it cannot be copied or printed, and
/// [`TokenRequest::new`](super::TokenRequest::new) consumes it. It comes from a [`ProofLedger`](super::ProofLedger).
pub struct TokenProof {
    text: Zeroizing<String>,
}

impl TokenProof {
    pub(super) fn make(identity: &Identity, issuer: &Issuer, now: Timestamp) -> Result<Self, AidError> {
        Kind::TokenExchange.make(identity, issuer.as_str(), now).map(|text| Self { text })
    }

    /// Verifies a proof as an authorization server does, and says when it was made.
    ///
    /// A server accepts a proof once: [`ProofMemory`](super::ProofMemory) verifies and remembers.
    ///
    /// # Errors
    /// In this order: `invalid_field` in `proof` when it is not in the one form that is written; `signature_invalid`,
    /// also for a proof that was made for another issuer; `timestamp_expired` when it is more than 5 minutes old,
    /// `timestamp_future` when it lies more than 5 minutes ahead. Exactly 5 minutes are accepted.
    pub fn verify(
        key: &VerifyingKey,
        proof: &str,
        issuer: &Issuer,
        now: Timestamp,
    ) -> Result<Timestamp, AidError> {
        Kind::TokenExchange.verify(key, proof, issuer.as_str(), now)
    }

    /// The text of the member `proof`. It is spent with that: send it once.
    #[must_use]
    pub fn into_text(mut self) -> SecretText {
        SecretText::new(core::mem::take(&mut *self.text))
    }
}

impl fmt::Debug for TokenProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenProof(..)")
    }
}

/// A proof with which an agent asks how its registration stands, before it has a token.
///
/// ```
/// use amp_core::{Identity, Timestamp, identity::StatusProof};
///
/// let now: Timestamp = "2026-01-31T10:00:00Z".parse()?;
/// let alice = Identity::from_seed(&[7; 32]);
/// let url = "https://auth.example.com/acme/agent_registrations/17/status";
/// let proof = StatusProof::make(&alice, url, now)?;
/// assert_eq!(StatusProof::verify(alice.verifying_key(), proof.as_str(), url, now)?, now);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct StatusProof {
    text: Zeroizing<String>,
}

impl StatusProof {
    /// Makes a proof over the URL that is asked, exactly as it is asked.
    ///
    /// # Errors
    /// `invalid_field` in `url` when it is no http or https URL, in `proof` for a time before 1970.
    pub fn make(identity: &Identity, url: &str, now: Timestamp) -> Result<Self, AidError> {
        check_url("url", url)?;
        Kind::RegistrationStatus.make(identity, url, now).map(|text| Self { text })
    }

    /// Verifies a proof, and says when it was made.
    ///
    /// # Errors
    /// As [`TokenProof::verify`], and `invalid_field` in `url` when it is no http or https URL.
    pub fn verify(key: &VerifyingKey, proof: &str, url: &str, now: Timestamp) -> Result<Timestamp, AidError> {
        check_url("url", url)?;
        Kind::RegistrationStatus.verify(key, proof, url, now)
    }

    /// The proof's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for StatusProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StatusProof(..)")
    }
}
