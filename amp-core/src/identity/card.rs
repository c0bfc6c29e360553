//! Agent cards: read, and verified (cards).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;
use core::time::Duration;

use amp_address::{Address, Profile};
use amp_crypto::seal::EncryptionKey;
use amp_crypto::{Fingerprint, KeyAlgorithm, Signature, SigningContext, VerifyingKey};
use amp_envelope::{Dialect, JsonKind, JsonValue, Timestamp, canonicalize};

use super::agent_id::AgentId;
use super::capability::Capability;
use super::card_error::CardError;
use super::object::{Fault, Object};

/// The line that a card's signed text begins with, so that no other signed text can be one.
const SEPARATOR: &[u8] = b"amp-agent-card-v1\n";

/// How far a card's issuer may be ahead of us.
const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// Six months: the longest that six calendar months can be.
pub(crate) const MAX_LIFETIME: Duration = Duration::from_secs(184 * 24 * 60 * 60);

const TIME_RULE: &str = "a time is RFC 3339, such as 2026-01-31T10:00:00Z";

/// The members that have a meaning here. Every other one is kept, and covered by the signature.
pub(super) const MEMBERS: [&str; 15] = [
    "amp_agent_card",
    "id",
    "address",
    "alias",
    "public_key",
    "key_algorithm",
    "fingerprint",
    "did",
    "provider_endpoint",
    "capabilities",
    "encryption_key",
    "issued_at",
    "expires_at",
    "signature",
    "provider_asserted",
];

/// A signed agent card that nobody has verified yet: what somebody says of themself.
///
/// ```
/// use amp_core::identity::{AgentCard, CardBuilder, CardError};
/// use amp_core::{Identity, Timestamp};
///
/// let alice = Identity::from_seed(&[7; 32]);
/// let now: Timestamp = "2026-01-31T10:00:00Z".parse()?;
/// let card = CardBuilder::new("alice@acme.crabmail.ai".parse()?).alias("Alice").sign(&alice, now)?;
///
/// let card = AgentCard::decode(card.as_json().as_bytes())?;
/// let verified = card.verify(now)?;
/// assert_eq!(verified.address().as_str(), "alice@acme.crabmail.ai");
/// assert_eq!(verified.public_key(), alice.verifying_key());
///
/// let tampered = card.as_json().replace("Alice", "Mallory");
/// assert_eq!(AgentCard::decode(tampered.as_bytes())?.verify(now).unwrap_err(), CardError::SignatureInvalid);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct AgentCard {
    object: Object,
    address: Address,
    key: VerifyingKey,
    /// None when the member is text that is no fingerprint, and so not the key's.
    fingerprint: Option<Fingerprint>,
    capabilities: Vec<Capability>,
    encryption_key: Option<EncryptionKey>,
    issued_at: Timestamp,
    expires_at: Timestamp,
    signature: Signature,
    /// The separator, and the canonical form of the card without its signature.
    signed: Vec<u8>,
}

impl AgentCard {
    /// Largest card, in bytes of its JSON text (64 KiB).
    pub const MAX_BYTES: usize = 64 * 1024;

    /// Reads a card. Nothing is verified; members that are not known are kept.
    ///
    /// # Errors
    /// [`CardError`]: the JSON profile, `too_large`, `unsupported_version`, `missing_field`, `invalid_field`,
    /// `invalid_key` (also for a stated algorithm that is not the key's), `key_mismatch` for a stated DID of another key,
    /// `signature_missing`, and `signature_invalid` for one that is no base64.
    pub fn decode(json: &[u8]) -> Result<Self, CardError> {
        if json.len() > Self::MAX_BYTES {
            return Err(CardError::TooLarge);
        }
        let object = Object::read(json)?;
        check_unsigned(&object)?;
        check_version(&object)?;
        let address = read_address(&object)?;
        let key = read_key(&object)?;
        let fingerprint = Fingerprint::parse(&object.text("fingerprint")?).ok();
        let capabilities = read_capabilities(&object)?;
        let encryption_key = check_optional_members(&object)?;
        let (issued_at, expires_at) =
            (object.parsed("issued_at", TIME_RULE)?, object.parsed("expires_at", TIME_RULE)?);
        let signature = read_signature(&object)?;
        let signed = signed_text(&object.without("signature"))?;
        Ok(Self {
            object,
            address,
            key,
            fingerprint,
            capabilities,
            encryption_key,
            issued_at,
            expires_at,
            signature,
            signed,
        })
    }

    /// Verifies that the card's own key signed it, that it is of now, and that it states its key's fingerprint.
    ///
    /// A card is good from 60 seconds before `issued_at` until the instant `expires_at`, which is at most 184 days
    /// (six months) after it.
    ///
    /// # Errors
    /// The first that applies of `signature_invalid`, `timestamp_future`, `expired`, `invalid_field` for a life that is
    /// too long or ends before it begins, `fingerprint_mismatch`. What is not signed is not judged any further.
    pub fn verify(&self, now: Timestamp) -> Result<VerifiedCard, CardError> {
        self.key
            .verify(SigningContext::AgentCard, &self.signed, &self.signature)
            .map_err(|_| CardError::SignatureInvalid)?;
        if self.issued_at > now.saturating_add(CLOCK_SKEW) {
            return Err(CardError::IssuedInFuture);
        }
        if self.expires_at <= now {
            return Err(CardError::Expired);
        }
        check_lifetime(self.issued_at, self.expires_at)?;
        let is_the_keys = self.fingerprint.is_some_and(|stated| stated.matches(&self.key).is_some());
        if !is_the_keys {
            return Err(CardError::FingerprintMismatch);
        }
        Ok(VerifiedCard(self.clone()))
    }

    /// The address that the card claims.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// The key that the card states.
    #[must_use]
    pub const fn public_key(&self) -> &VerifyingKey {
        &self.key
    }

    /// The agent's own identifier.
    #[must_use]
    pub fn id(&self) -> Option<AgentId> {
        self.object.get("id")?.as_str()?.parse().ok()
    }

    /// The name that the agent gives itself: text from outside, of any characters.
    #[must_use]
    pub fn alias(&self) -> Option<Cow<'_, str>> {
        self.object.get("alias")?.as_str()
    }

    /// The provider's base URL, as stated.
    #[must_use]
    pub fn provider_endpoint(&self) -> Option<Cow<'_, str>> {
        self.object.get("provider_endpoint")?.as_str()
    }

    /// What the agent says it can do, in the order stated. None stated means message routing and nothing more.
    #[must_use]
    pub fn capabilities(&self) -> &[Capability] {
        &self.capabilities
    }

    /// When the card was made, by its maker's clock.
    #[must_use]
    pub const fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// The instant from which on the card counts no more.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// A member that this library does not know. The signature covers it like the others.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<JsonValue<'_>> {
        if MEMBERS.contains(&name) { None } else { self.object.get(name) }
    }

    /// The card as it was received, without white space around it.
    #[must_use]
    pub fn as_json(&self) -> &str {
        self.object.as_json()
    }

    pub(crate) const fn stated_encryption_key(&self) -> Option<EncryptionKey> {
        self.encryption_key
    }
}

/// Shows whose card it says to be, and nothing else.
impl fmt::Debug for AgentCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AgentCard({}, {})", self.address, self.key.fingerprint())
    }
}

/// A card that its own key signed, and that is of now. There is no other way to one than [`AgentCard::verify`].
///
/// It shows that the holder of the key claims the address, not that the address is theirs: anybody can make a card of
/// any address with a key of their own. Hold it against the pinned key with [`check_against`](Self::check_against); for
/// an address without one its key is a candidate, which pins nothing.
///
/// ```compile_fail,E0423
/// fn pretend(card: amp_core::identity::AgentCard) -> amp_core::identity::VerifiedCard {
///     amp_core::identity::VerifiedCard(card)
/// }
/// ```
///
/// ```compile_fail,E0599
/// fn seal_to(card: amp_core::identity::VerifiedCard) { card.encryption_key(); }
/// ```
#[derive(Clone)]
pub struct VerifiedCard(AgentCard);

impl VerifiedCard {
    /// The fingerprint of the card's key, as it is written.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.key.fingerprint()
    }
}

impl Deref for VerifiedCard {
    type Target = AgentCard;

    fn deref(&self) -> &AgentCard {
        &self.0
    }
}

impl fmt::Debug for VerifiedCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifiedCard({}, {})", self.0.address, self.fingerprint())
    }
}

/// What the card's signature is over: the separator, and the canonical form (RFC 8785) of the card without `signature`.
pub(super) fn signed_text(card: &Object) -> Result<Vec<u8>, CardError> {
    let canonical = canonicalize(card.as_json().as_bytes(), Dialect::Jcs)?;
    Ok([SEPARATOR, &canonical].concat())
}

pub(super) fn check_lifetime(issued_at: Timestamp, expires_at: Timestamp) -> Result<(), CardError> {
    let rule = match expires_at.duration_since(issued_at) {
        Some(life) if !life.is_zero() && life <= MAX_LIFETIME => return Ok(()),
        Some(life) if !life.is_zero() => "a card lives at most six months (184 days)",
        _ => "a card expires after it was issued",
    };
    Err(CardError::Invalid { field: "expires_at", rule })
}

/// A card that a provider vouches for, or that says by null that it is not signed, is no signed card.
fn check_unsigned(card: &Object) -> Result<(), CardError> {
    let is_asserted = card.get("provider_asserted").and_then(|value| value.as_bool()) == Some(true);
    match card.get("signature") {
        None if is_asserted || card.has("signature") => Err(CardError::SignatureMissing),
        Some(_) if is_asserted => {
            let rule = "a card that a provider asserts is not signed";
            Err(CardError::Invalid { field: "provider_asserted", rule })
        }
        _ => Ok(()),
    }
}

/// `1.` and digits: later minor versions add members, and those are kept.
fn check_version(card: &Object) -> Result<(), CardError> {
    let version = card.text("amp_agent_card")?;
    let minor = version.strip_prefix("1.").unwrap_or_default();
    let is_known = (1..=9).contains(&minor.len()) && minor.bytes().all(|byte| byte.is_ascii_digit());
    if is_known { Ok(()) } else { Err(CardError::UnsupportedVersion) }
}

pub(super) fn read_address(card: &Object) -> Result<Address, Fault> {
    Address::parse_with(&card.text("address")?, Profile::Deployed)
        .map_err(|_| Fault::Invalid("address", "the value is a full address"))
}

/// The key, held against every statement about it that is not the fingerprint.
pub(super) fn read_key(card: &Object) -> Result<VerifyingKey, CardError> {
    let of = |field| move |error| CardError::Key { field, error };
    let key = VerifyingKey::parse(&card.text("public_key")?).map_err(of("public_key"))?;
    let algorithm = KeyAlgorithm::from_wire(&card.text("key_algorithm")?);
    key.check_algorithm(&algorithm).map_err(of("key_algorithm"))?;
    if let Some(did) = card.optional_text("did")? {
        key.check_did(&did).map_err(of("did"))?;
    }
    Ok(key)
}

pub(super) fn read_capabilities(card: &Object) -> Result<Vec<Capability>, Fault> {
    const RULE: &str = "the value is an array of texts";
    let Some(list) = card.get("capabilities") else { return Ok(Vec::new()) };
    if list.kind() != JsonKind::Array {
        return Err(Fault::Invalid("capabilities", RULE));
    }
    list.elements()
        .map(|name| name.as_str().map(|name| Capability::from_wire(&name)))
        .collect::<Option<_>>()
        .ok_or(Fault::Invalid("capabilities", RULE))
}

/// The members that may be absent, but not wrong.
fn check_optional_members(card: &Object) -> Result<Option<EncryptionKey>, Fault> {
    card.optional_text("alias")?;
    if let Some(id) = card.optional_text("id")? {
        id.parse::<AgentId>().map_err(|_| Fault::Invalid("id", "the value is a UUID of version 4"))?;
    }
    if let Some(url) = card.optional_text("provider_endpoint")? {
        check_endpoint(&url)?;
    }
    let Some(key) = card.optional_text("encryption_key")? else { return Ok(None) };
    let rule = "the value is x25519: and unpadded base64url of a 32-byte key, not of small order";
    key.parse().map(Some).map_err(|_| Fault::Invalid("encryption_key", rule))
}

/// A URL that can be shown and put into a request line: no white space, control or other script, no credentials.
pub(super) fn is_endpoint(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    !authority.is_empty()
        && !authority.contains('@')
        && url.len() <= 2048
        && url.bytes().all(|byte| byte.is_ascii_graphic())
}

pub(super) fn check_endpoint(url: &str) -> Result<(), Fault> {
    let rule = "the value is an http or https URL in ASCII, without credentials";
    if is_endpoint(url) { Ok(()) } else { Err(Fault::Invalid("provider_endpoint", rule)) }
}

fn read_signature(card: &Object) -> Result<Signature, CardError> {
    match card.optional_text("signature")? {
        None => Err(CardError::SignatureMissing),
        Some(text) if text.is_empty() => Err(CardError::SignatureMissing),
        Some(text) => Signature::from_base64(&text).map_err(|_| CardError::SignatureInvalid),
    }
}
