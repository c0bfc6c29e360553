//! Forwards as they are received: each step of the stated order is a type, and gives the next (federation, forwarding).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use core::time::Duration;

use amp_address::{Address, Boundary, KnownProviders, Profile, Provider};
use amp_crypto::{Signature, SigningContext, VerifyingKey};
use amp_envelope::limits::HTTP_BODY_MAX_BYTES;
use amp_envelope::{Dialect, ErrorCode, JsonKind, JsonValue, Message, MessageId, Timestamp, Verified};

use super::peers::TrustedPeer;
use super::refusal::{ForwardReason, ForwardRefusal};
use super::signed::{
    KEY_REVOKED_HEADER, PROVIDER_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, digest_of, signed_bytes,
};
use crate::receive::SenderKey;
use crate::wire::{CarriedKey, CarriedMessage};

/// How long before, and after, a forward may be signed.
const WINDOW: Duration = Duration::from_secs(5 * 60);

/// A forward whose size, headers and time are in order. Who sent it is a claim.
///
/// The receiver checks, in this order, and refuses at the first failure:
///
/// 1. size, presence of the headers (each once), the time of the signature within 5 minutes: [`read`](Self::read);
/// 2. whether the provider is known and trusted: [`ProviderTrust::admit`](super::ProviderTrust::admit);
/// 3. the provider's signature over the raw body: [`authenticate`](Self::authenticate);
/// 4. JSON, the provider of `from`, the rules of messages: [`AuthenticForward::decode`];
/// 5. the sender's key, neither revoked nor in conflict, and the message's signature: [`DecodedForward::prove`];
/// 6. expiry and replay: [`ForwardLedger::check`](super::ForwardLedger::check);
/// 7. the recipient and the scan, which are for the provider to judge.
///
/// ```
/// # use amp_core::prelude::*;
/// # use amp_core::federation::*;
/// # use amp_core::wire::CarriedMessage;
/// # let (alice, crabmail) = (Identity::from_seed(&[7; 32]), Identity::from_seed(&[9; 32]));
/// # let now: Timestamp = "2026-01-31T10:00:00Z".parse()?;
/// # let signed = Draft::request("bob@team.example.org".parse()?, "Hi", "Hello")
/// #     .from(&"alice@acme.crabmail.ai".parse()?)
/// #     .sign(&alice, now)?;
/// # let body = ForwardBody::new(&CarriedMessage::from(&signed), alice.verifying_key());
/// # let request = body.sign(&crabmail, &"crabmail.ai".parse()?, now)?;
/// # let mut discovery = Discovery::new();
/// # discovery.confirm(&"crabmail.ai".parse()?, "https://api.crabmail.ai/v1", crabmail.verifying_key(), now)?;
/// # let trust = ProviderTrust::new(FederationMode::Open, "example.org".parse()?);
/// # let known = [].into_iter().collect();
/// let headers = request.headers(); // of the request, as they came
/// let forward = ReceivedForward::read(&headers, request.body(), now)?;
/// let peer = trust.admit(forward.provider(), &discovery.find(forward.provider(), now))?;
/// let decoded = forward.authenticate(&peer)?.decode(&known)?;
/// let proven = decoded.prove(KeyStanding::Clear, &[amp_core::Dialect::Jcs])?;
/// let mut ledger = ForwardLedger::new();
/// let ForwardSight::First(seen) = ledger.check(&proven, now)? else { panic!() };
/// assert_eq!(proven.message().text(), "Hello"); // verified: now recipient and scan
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ReceivedForward<'a> {
    provider: Provider,
    seconds: &'a str,
    signature: &'a str,
    claims_revocation: bool,
    body: Body<'a>,
}

/// Bytes that stay out of logs.
#[derive(Clone, Copy)]
struct Body<'a>(&'a [u8]);

impl core::fmt::Debug for Body<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl<'a> ReceivedForward<'a> {
    /// Reads the headers of a request, and looks at the length of its body and at the time of its signature. Headers
    /// that mean nothing here are ignored.
    ///
    /// # Errors
    /// [`ForwardRefusal`]: `request_too_large`, `missing_field`, `invalid_field`, `timestamp_expired`,
    /// `timestamp_future`.
    pub fn read<N: AsRef<str>, V: AsRef<str>>(
        headers: &'a [(N, V)],
        body: &'a [u8],
        now: Timestamp,
    ) -> Result<Self, ForwardRefusal> {
        if body.len() > HTTP_BODY_MAX_BYTES {
            return Err(refusal(ForwardReason::TooLarge, None, "a forward has at most 1 MiB"));
        }
        let provider = header(headers, PROVIDER_HEADER)?;
        let seconds = header(headers, TIMESTAMP_HEADER)?;
        let signature = header(headers, SIGNATURE_HEADER)?;
        let provider = Provider::parse(provider).map_err(|_| {
            let rule = "the header is the domain of a provider";
            refusal(ForwardReason::HeaderInvalid, Some(PROVIDER_HEADER), rule)
        })?;
        check_time(seconds, now)?;
        let claims_revocation = values(headers, KEY_REVOKED_HEADER).next().is_some();
        Ok(Self { provider, seconds, signature, claims_revocation, body: Body(body) })
    }

    /// The provider that the forward says it comes from.
    #[must_use]
    pub const fn provider(&self) -> &Provider {
        &self.provider
    }

    /// Whether a header says that the sender's key is revoked. Nobody signed it: look the key up again.
    #[must_use]
    pub const fn claims_revocation(&self) -> bool {
        self.claims_revocation
    }

    /// Verifies the provider's signature over the raw body.
    ///
    /// # Errors
    /// [`ForwardRefusal`]: `signature_invalid`, also when the peer is another provider than the header names.
    pub fn authenticate(self, peer: &TrustedPeer) -> Result<AuthenticForward<'a>, ForwardRefusal> {
        if *peer.provider() != self.provider {
            return Err(NOT_SIGNED);
        }
        check_signature(peer.key(), self.seconds, self.signature, self.body.0)?;
        let Self { provider, claims_revocation, body, .. } = self;
        Ok(AuthenticForward { provider, claims_revocation, body })
    }
}

/// A forward that its provider has signed. What is in it is not read yet.
#[derive(Clone, Debug)]
pub struct AuthenticForward<'a> {
    provider: Provider,
    claims_revocation: bool,
    body: Body<'a>,
}

impl AuthenticForward<'_> {
    /// The provider that forwards.
    #[must_use]
    pub const fn provider(&self) -> &Provider {
        &self.provider
    }

    /// SHA-256 of the raw body: two forwards of one body are one forward.
    #[must_use]
    pub fn body_digest(&self) -> [u8; 32] {
        digest_of(self.body.0)
    }

    /// Reads the body: JSON first, then whether the sender is one of the provider's agents, then the message and the
    /// sender's key. `known` are the providers whose domains the host knows; where none of them ends an address, the
    /// provider's own domain does.
    ///
    /// # Errors
    /// [`ForwardRefusal`]: a code of the JSON profile, `forbidden` for a sender of another provider, a code of the rules
    /// of messages, `missing_field` or `invalid_key` for the key.
    pub fn decode(self, known: &KnownProviders) -> Result<DecodedForward, ForwardRefusal> {
        let body = JsonValue::read_carrier(self.body.0, HTTP_BODY_MAX_BYTES)?;
        let from = sender(&body)?;
        if !is_agent_of(from, &self.provider, known) {
            let rule = "a provider forwards the messages of its own agents";
            return Err(refusal(ForwardReason::ForeignSender, Some("envelope.from"), rule));
        }
        let carried = CarriedMessage::read(&body).ok_or_else(|| missing("payload"))?;
        let message = Message::decode(carried.as_bytes())?;
        let key = CarriedKey::read(&body).ok_or_else(|| {
            let rule = "a forward names the sender's key";
            refusal(ForwardReason::KeyMissing, Some("sender_public_key"), rule)
        })?;
        let key = key.key().ok_or_else(|| {
            let rule = "the key is fit to verify with";
            refusal(ForwardReason::KeyInvalid, Some("sender_public_key"), rule)
        })?;
        let Self { provider, claims_revocation, .. } = self;
        Ok(DecodedForward { provider, claims_revocation, carried, message, key })
    }
}

/// What is known of the key that a forward names for its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyStanding {
    /// Nothing against it.
    Clear,
    /// It is revoked.
    Revoked,
    /// Another key is known for the sender, or this key for another sender.
    Conflict,
}

/// A forward that was read: a message of one of the provider's agents, and the key that the provider names for it.
#[derive(Clone, Debug)]
pub struct DecodedForward {
    provider: Provider,
    claims_revocation: bool,
    carried: CarriedMessage,
    message: Message,
    key: VerifyingKey,
}

impl DecodedForward {
    /// The message, not yet verified.
    #[must_use]
    pub const fn message(&self) -> &Message {
        &self.message
    }

    /// The key that the provider names for the sender, who is one of its own agents.
    #[must_use]
    pub const fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// Whether a header says that the key is revoked. Nobody signed it: look the key up again.
    #[must_use]
    pub const fn claims_revocation(&self) -> bool {
        self.claims_revocation
    }

    /// Verifies the message with the sender's key, under each of the dialects.
    ///
    /// # Errors
    /// [`ForwardRefusal`]: `key_revoked`, `key_conflict`, `signature_missing`, `signature_invalid`.
    pub fn prove(self, standing: KeyStanding, dialects: &[Dialect]) -> Result<ProvenForward, ForwardRefusal> {
        let field = Some("sender_public_key");
        match standing {
            KeyStanding::Clear => {}
            KeyStanding::Revoked => {
                return Err(refusal(ForwardReason::KeyRevoked, field, "the key is not revoked"));
            }
            KeyStanding::Conflict => {
                let rule = "the key is the one that is known for the sender";
                return Err(refusal(ForwardReason::KeyConflict, field, rule));
            }
        }
        let message =
            self.message.verify_with(&self.key, dialects).map_err(|unverified| *unverified.error())?;
        Ok(ProvenForward { provider: self.provider, carried: self.carried, message })
    }
}

/// A forward whose message its sender has signed.
#[derive(Clone, Debug)]
pub struct ProvenForward {
    provider: Provider,
    carried: CarriedMessage,
    message: Verified<Message>,
}

impl ProvenForward {
    /// The provider that forwards.
    #[must_use]
    pub const fn provider(&self) -> &Provider {
        &self.provider
    }

    /// The message.
    #[must_use]
    pub const fn message(&self) -> &Verified<Message> {
        &self.message
    }

    /// The message's id, which the sending provider gave it.
    #[must_use]
    pub fn id(&self) -> MessageId {
        self.message.unsigned().id()
    }

    /// The message as it was received, to be handed on.
    #[must_use]
    pub const fn carried(&self) -> &CarriedMessage {
        &self.carried
    }

    /// The sender's key as a receiver takes it: named by a provider that is authenticated, for an agent of its own.
    #[must_use]
    pub fn sender_key(&self) -> SenderKey {
        SenderKey::federated(self.message.key().clone(), &self.provider)
    }
}

const fn refusal(reason: ForwardReason, field: Option<&'static str>, rule: &'static str) -> ForwardRefusal {
    ForwardRefusal::new(reason, field, rule)
}

fn missing(field: &'static str) -> ForwardRefusal {
    refusal(ForwardReason::Message(ErrorCode::MissingField), Some(field), "the field is required")
}

fn values<'h, N: AsRef<str>, V: AsRef<str>>(
    headers: &'h [(N, V)],
    name: &'static str,
) -> impl Iterator<Item = &'h str> {
    let is_it = move |header: &&(N, V)| header.0.as_ref().eq_ignore_ascii_case(name);
    headers.iter().filter(is_it).map(|(_, value)| value.as_ref())
}

/// The value of a header that stands there exactly once.
fn header<'h, N: AsRef<str>, V: AsRef<str>>(
    headers: &'h [(N, V)],
    name: &'static str,
) -> Result<&'h str, ForwardRefusal> {
    let rule = "a forward has the header once";
    let mut values = values(headers, name);
    let value = values.next().ok_or(refusal(ForwardReason::HeaderMissing, Some(name), rule))?;
    match values.next() {
        None => Ok(value),
        Some(_) => Err(refusal(ForwardReason::HeaderInvalid, Some(name), rule)),
    }
}

/// Unix seconds in the one spelling that a number has, at most 5 minutes from now.
fn check_time(seconds: &str, now: Timestamp) -> Result<(), ForwardRefusal> {
    let field = Some(TIMESTAMP_HEADER);
    let is_plain = seconds == "0"
        || seconds.bytes().all(|byte| byte.is_ascii_digit()) && seconds.starts_with(|first| first != '0');
    let time = seconds.parse().ok().filter(|_| is_plain).and_then(Timestamp::from_unix_seconds);
    let time = time.ok_or(refusal(
        ForwardReason::HeaderInvalid,
        field,
        "the header is unix seconds in decimal digits",
    ))?;
    if time < now.saturating_sub(WINDOW) {
        let rule = "a forward was signed at most 5 minutes ago";
        return Err(refusal(ForwardReason::TimestampExpired, field, rule));
    }
    if time > now.saturating_add(WINDOW) {
        let rule = "a forward was signed at most 5 minutes ahead of the receiver's clock";
        return Err(refusal(ForwardReason::TimestampFuture, field, rule));
    }
    Ok(())
}

/// The sender that the envelope states.
fn sender(body: &JsonValue<'_>) -> Result<Address, ForwardRefusal> {
    let envelope = body.get("envelope").ok_or_else(|| missing("envelope"))?;
    if envelope.kind() != JsonKind::Object {
        let reason = ForwardReason::Message(ErrorCode::NotAnObject);
        return Err(refusal(reason, Some("envelope"), "the value is an object"));
    }
    let from = envelope.get("from").ok_or_else(|| missing("envelope.from"))?;
    let from = from.as_str().and_then(|from| Address::parse_with(&from, Profile::Deployed).ok());
    from.ok_or(refusal(
        ForwardReason::Message(ErrorCode::InvalidField),
        Some("envelope.from"),
        "the value is a full address",
    ))
}

/// Whether a provider may speak for an address. Where the boundary is assumed, the provider may begin further down.
fn is_agent_of(address: Address, provider: &Provider, known: &KnownProviders) -> bool {
    let address = address.with_known_providers(known);
    let provider = provider.as_str();
    match address.boundary() {
        Boundary::Assumed => {
            is_under(address.domain(), provider)
                && address.domain() != provider
                && is_under(provider, address.provider())
        }
        _ => provider == address.provider(),
    }
}

/// Whether a name is a domain, or lies under it.
fn is_under(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Verifies a provider's signature under a key that is at hand, as a test vector has it: the time first.
///
/// It proves the holder of the key and nothing about the provider. A provider goes through [`ReceivedForward`].
///
/// # Errors
/// [`ForwardRefusal`]: `invalid_field`, `timestamp_expired`, `timestamp_future`, `signature_invalid`.
pub fn verify_forward_signature(
    key: &VerifyingKey,
    timestamp: &str,
    signature: &str,
    body: &[u8],
    now: Timestamp,
) -> Result<(), ForwardRefusal> {
    check_time(timestamp, now)?;
    check_signature(key, timestamp, signature, body)
}

const NOT_SIGNED: ForwardRefusal = refusal(
    ForwardReason::ProviderSignature,
    Some(SIGNATURE_HEADER),
    "the provider signed the timestamp, a dot and the body as it was received",
);

fn check_signature(
    key: &VerifyingKey,
    seconds: &str,
    signature: &str,
    body: &[u8],
) -> Result<(), ForwardRefusal> {
    let signature = Signature::from_base64(signature).map_err(|_| NOT_SIGNED)?;
    let verified = key.verify(SigningContext::Federation, &signed_bytes(seconds, body), &signature);
    verified.map_err(|_| NOT_SIGNED)
}
