//! Agent Identity documents: read, verified, made (agent identity).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::{String, ToString};
use core::fmt;
use core::time::Duration;

use amp_address::{Address, Profile};
use amp_crypto::{
    Fingerprint, FingerprintForm, Identity, KeyAlgorithm, Signature, SigningContext, VerifyingKey,
};
use amp_envelope::{Dialect, Timestamp, canonicalize, write_json};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde::Serialize;

use super::aid_form::{self, AidForm};
use super::object::{Fault, Object};
use super::{AidError, aid_proof::WINDOW};

/// A statement by which an agent introduces itself to an authorization server: its address and its key, signed by that
/// key.
///
/// What is decoded is a claim until it is [verified](Self::verify), and then it still shows no more than that the key's
/// holder made it: which key is that address's own is for the server's registration to say.
///
/// ```
/// use amp_core::{Identity, Timestamp, identity::AidDocument};
///
/// let now: Timestamp = "2026-01-31T10:00:00Z".parse()?;
/// let alice = Identity::from_seed(&[7; 32]);
/// let made = AidDocument::issue(&alice, &"alice@acme.crabmail.ai".parse()?, Some("alice"), now)?;
///
/// let read = AidDocument::decode(made.as_json().as_bytes())?.verify(now)?;
/// assert_eq!(read.address().as_str(), "alice@acme.crabmail.ai");
/// assert_eq!(read.verifying_key(), alice.verifying_key());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct AidDocument {
    object: Object,
    address: Address,
    alias: Option<String>,
    key: VerifyingKey,
    fingerprint: Fingerprint,
    issued_at: Timestamp,
    expires_at: Timestamp,
    signature: Signature,
}

impl AidDocument {
    /// Longest document, in bytes of JSON (64 KiB).
    pub const MAX_BYTES: usize = 64 * 1024;
    /// Longest time between `issued_at` and `expires_at`: six months, which are at most 184 days.
    pub const LIFETIME_MAX: Duration = Duration::from_secs(184 * 86_400);

    /// Reads a document. Members that it does not know are covered by the signature like all others.
    ///
    /// # Errors
    /// [`AidError`]: a code of the JSON profile, `too_large`, `unsupported_version`, `missing_field`, `invalid_field`,
    /// `invalid_key`, `signature_missing`, or `signature_invalid` when the signature is no base64.
    pub fn decode(json: &[u8]) -> Result<Self, AidError> {
        if json.len() > Self::MAX_BYTES {
            return Err(AidError::TooLarge { rule: "a document has at most 64 KiB of JSON" });
        }
        let object = Object::read(json)?;
        check_version(&object)?;
        let address = address_of(&object)?;
        let alias = object.optional_text("alias")?.map(|alias| alias.into_owned());
        let key = key_of(&object)?;
        let fingerprint =
            object.parsed("fingerprint", "a fingerprint is SHA256: and base64, or 64 hex digits")?;
        let time = |field| object.parsed(field, "a time is RFC 3339");
        let (issued_at, expires_at): (Timestamp, Timestamp) = (time("issued_at")?, time("expires_at")?);
        let signature = signature_of(&object)?;
        check_lifetime(issued_at, expires_at)?;
        Ok(Self { address, alias, key, fingerprint, issued_at, expires_at, signature, object })
    }

    /// Reads a document as a token request carries it: base64url without padding.
    ///
    /// # Errors
    /// `invalid_field` in `agent_identity` when it is no such text, and what [`decode`](Self::decode) says.
    pub fn from_base64url(text: &str) -> Result<Self, AidError> {
        // Four digits stand for three bytes.
        if text.len() / 4 > Self::MAX_BYTES / 3 {
            return Err(AidError::TooLarge { rule: "a document has at most 64 KiB of JSON" });
        }
        let json = Base64UrlUnpadded::decode_vec(text)
            .map_err(|_| AidError::invalid("agent_identity", "the document is base64url without padding"))?;
        Self::decode(&json)
    }

    /// Verifies the document with its own key at a time.
    ///
    /// The signature may be over canonical form, or over the text that older scripts sign; [`VerifiedAid::form`] says
    /// which. The key alone decides the algorithm.
    ///
    /// # Errors
    /// In this order: `signature_invalid`, `fingerprint_mismatch`, `timestamp_future` when it was issued more than
    /// 5 minutes ahead of `now`, `expired` when `expires_at` is not ahead of `now`.
    pub fn verify(self, now: Timestamp) -> Result<VerifiedAid, AidError> {
        let unsigned = self.object.without("signature");
        let form = aid_form::find(unsigned.as_json(), |text| {
            self.key.verify(SigningContext::AidDocument, text, &self.signature).is_ok()
        });
        let form = form.ok_or(AidError::SignatureInvalid { field: "signature" })?;
        let fingerprint_form = self.fingerprint.matches(&self.key).ok_or(AidError::FingerprintMismatch)?;
        if self.issued_at.duration_since(now).is_some_and(|ahead| ahead > WINDOW) {
            return Err(AidError::InFuture { field: "issued_at" });
        }
        if now >= self.expires_at {
            return Err(AidError::Expired);
        }
        Ok(VerifiedAid { document: self, form, fingerprint_form })
    }

    /// Makes and signs a document that holds for 180 days from `now`.
    ///
    /// # Errors
    /// As [`issue_until`](Self::issue_until).
    pub fn issue(
        identity: &Identity,
        address: &Address,
        alias: Option<&str>,
        now: Timestamp,
    ) -> Result<Self, AidError> {
        let expires_at = now.saturating_add(Duration::from_secs(180 * 86_400));
        Self::issue_until(identity, address, alias, now, expires_at)
    }

    /// Makes and signs a document with a stated end. Times are written to the second.
    ///
    /// # Errors
    /// `invalid_field` in `expires_at` when the end is not after `now`, or more than 184 days after it; `too_large`.
    pub fn issue_until(
        identity: &Identity,
        address: &Address,
        alias: Option<&str>,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<Self, AidError> {
        let whole = |time: Timestamp| Timestamp::from_unix_seconds(time.unix_seconds()).unwrap_or(time);
        let (issued_at, expires_at) = (whole(now), whole(expires_at));
        if expires_at <= issued_at {
            return Err(AidError::invalid("expires_at", "a document ends after it begins"));
        }
        let unsigned = write_json(&Unsigned {
            aid_version: "1.0",
            address: address.as_str(),
            alias,
            public_key: identity.verifying_key().to_pem().trim_end(),
            key_algorithm: KeyAlgorithm::Ed25519.as_str(),
            fingerprint: identity.fingerprint().to_string(),
            issued_at,
            expires_at,
        })?;
        let text = canonicalize(unsigned.as_bytes(), Dialect::Jcs)?;
        let signature = identity
            .sign(SigningContext::AidDocument, &text)
            .map_err(|_| AidError::SignatureInvalid { field: "signature" })?;
        let mut object = Object::read(&text)?;
        object.set_text("signature", &signature.to_base64());
        Self::decode(object.as_json().as_bytes())
    }

    /// The document's JSON, as received or made.
    #[must_use]
    pub fn as_json(&self) -> &str {
        self.object.as_json()
    }

    /// The document as a token request carries it: base64url without padding.
    #[must_use]
    pub fn to_base64url(&self) -> String {
        Base64UrlUnpadded::encode_string(self.as_json().as_bytes())
    }

    /// The address that the document claims.
    #[must_use]
    pub const fn claimed_address(&self) -> &Address {
        &self.address
    }
}

/// Shows the address alone: what else stands in it is from outside.
impl fmt::Debug for AidDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AidDocument({})", self.address)
    }
}

#[derive(Serialize)]
struct Unsigned<'a> {
    aid_version: &'a str,
    address: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    alias: Option<&'a str>,
    public_key: &'a str,
    key_algorithm: &'a str,
    fingerprint: String,
    issued_at: Timestamp,
    expires_at: Timestamp,
}

fn check_version(object: &Object) -> Result<(), AidError> {
    let version = object.text("aid_version")?;
    let Some((major, minor)) = version.split_once('.') else { return Err(AidError::UnsupportedVersion) };
    let is_minor = (1..=4).contains(&minor.len()) && minor.bytes().all(|byte| byte.is_ascii_digit());
    if major == "1" && is_minor { Ok(()) } else { Err(AidError::UnsupportedVersion) }
}

/// Deployed identities are at home in a local tenant: `support@default.local`.
fn address_of(object: &Object) -> Result<Address, AidError> {
    Address::parse_with(&object.text("address")?, Profile::Deployed)
        .map_err(|_| Fault::Invalid("address", "the address is a full one").into())
}

fn key_of(object: &Object) -> Result<VerifyingKey, AidError> {
    let key = VerifyingKey::parse(&object.text("public_key")?);
    let key = key.map_err(|error| AidError::Key { field: "public_key", error })?;
    key.check_algorithm(&KeyAlgorithm::from_wire(&object.text("key_algorithm")?))
        .map_err(|error| AidError::Key { field: "key_algorithm", error })?;
    Ok(key)
}

fn signature_of(object: &Object) -> Result<Signature, AidError> {
    let text = object.optional_text("signature")?.filter(|text| !text.is_empty());
    Signature::from_base64(&text.ok_or(AidError::SignatureMissing)?)
        .map_err(|_| AidError::SignatureInvalid { field: "signature" })
}

fn check_lifetime(issued_at: Timestamp, expires_at: Timestamp) -> Result<(), AidError> {
    match expires_at.duration_since(issued_at) {
        Some(lifetime) if lifetime <= AidDocument::LIFETIME_MAX => Ok(()),
        Some(_) => Err(AidError::invalid("expires_at", "a document holds for at most six months")),
        None => Err(AidError::invalid("expires_at", "a document does not end before it begins")),
    }
}

/// A document whose own key signed it, and that holds at the time at which it was looked at.
///
/// There is no other way to one than [`AidDocument::verify`].
#[derive(Clone)]
pub struct VerifiedAid {
    document: AidDocument,
    form: AidForm,
    fingerprint_form: FingerprintForm,
}

impl VerifiedAid {
    /// The address that the key's holder gives itself.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.document.address
    }

    /// The name that the key's holder gives itself: text from outside.
    #[must_use]
    pub fn alias(&self) -> Option<&str> {
        self.document.alias.as_deref()
    }

    /// The key. Hold it against the registered one before anything is granted to the address.
    #[must_use]
    pub const fn verifying_key(&self) -> &VerifyingKey {
        &self.document.key
    }

    /// Which bytes of the key the stated fingerprint is over.
    #[must_use]
    pub const fn fingerprint_form(&self) -> FingerprintForm {
        self.fingerprint_form
    }

    /// Which text of the document was signed.
    #[must_use]
    pub const fn form(&self) -> AidForm {
        self.form
    }

    /// When it was issued.
    #[must_use]
    pub const fn issued_at(&self) -> Timestamp {
        self.document.issued_at
    }

    /// The first moment at which it no longer holds.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.document.expires_at
    }

    /// The document itself.
    #[must_use]
    pub const fn as_document(&self) -> &AidDocument {
        &self.document
    }
}

impl fmt::Debug for VerifiedAid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifiedAid({}, {:?})", self.document.address, self.document.key)
    }
}
