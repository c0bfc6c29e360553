//! Whether a delivery came from the agent's provider, and the message in it (webhooks).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;
use core::fmt;
use core::time::Duration;

use amp_crypto::MacTag;
use amp_envelope::{JsonValue, MessageId, Timestamp, limits};

use super::headers::{ALGORITHM, SIGNATURE, TIMESTAMP};
use super::{WebhookError, WebhookSecret};
use crate::receive::{Context, SenderKey, Via};
use crate::wire::{CarriedKey, CarriedMessage};

/// How far a delivery's time may lie from the receiver's, in either direction. Exactly as far is accepted.
const WINDOW: Duration = Duration::from_secs(300);

/// What a delivery's signature is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// The protocol's: time, dot and body under the secret of the registration.
    Standard,
    /// What the deployed provider AI Maestro does: the body alone, under the webhook's URL in place of a secret. The time
    /// is in nothing that is signed, and the URL is known to whoever can read a proxy's log, so such a signature shows
    /// little more than that the caller knew where to call. It is verified, and never made.
    Maestro,
}

/// Verifies a delivery: its headers, and its body exactly as it was received, before anything parsed it.
///
/// Every one of `secrets` is tried, so that a new one can be taken into use beside the old one; comparison takes the same
/// time whichever fits. Under [`Scheme::Maestro`] the secret is the webhook's URL. Names of headers are compared without
/// regard to case; a `&http::HeaderMap` will do for `headers`. Only the signature and its time are read: the other
/// `X-AMP-` headers are signed by nobody, so nothing may depend on them.
///
/// A delivery verifies again for as long as its time is near: whoever saw it can send it again. It is the receiver's
/// memory that makes it a duplicate, by the id in the signed body ([`AuthenticDelivery::message`]).
///
/// ```
/// use amp_core::prelude::*;
/// use amp_core::webhook::{Scheme, WebhookSecret, verify};
/// # let (now, mallory) = ("2026-01-31T10:00:02Z".parse()?, Identity::from_seed(&[7; 32]));
/// # let signed = Draft::request("bob@acme.crabmail.ai".parse()?, "Hi", "Are you there?")
/// #     .from(&"mallory@other.example.org".parse()?)
/// #     .sign(&mallory, "2026-01-31T10:00:00Z".parse()?)?;
/// # let body = signed.to_json().into_bytes();
/// # let secret = WebhookSecret::new("whsec_4f1c9a6be2d07358")?;
/// # let sent = amp_core::webhook::sign(&secret, &signed.id(), 1, &body, now);
/// # let headers = sent.iter();
/// let secrets = [WebhookSecret::new("whsec_4f1c9a6be2d07358")?];
/// let delivery = verify(headers, &body, &secrets, now, Scheme::Standard)?; // else answer 401
/// let message = delivery.message()?;
///
/// let mut receiver = Receiver::builder("bob@acme.crabmail.ai".parse()?).build();
/// let context = message.context(now); // the sender's key, asked for at one's own provider, takes the carried one's place
/// # let context = context.with_key(SenderKey::resolved(mallory.verifying_key().clone()));
/// let reception = receiver.receive(message.as_bytes(), &context);
/// // Store what the reception says, commit it, and only then answer 200.
/// assert!(matches!(reception.commit(), Disposition::Deliver(_)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// `too_large`, `signature_missing`, `missing_field`, `invalid_field`, `timestamp_expired`, `timestamp_future`,
/// `signature_invalid`, in this order.
pub fn verify<'a, N, V>(
    headers: impl IntoIterator<Item = (N, V)>,
    body: &'a [u8],
    secrets: &[WebhookSecret],
    now: Timestamp,
    scheme: Scheme,
) -> Result<AuthenticDelivery<'a>, WebhookError>
where
    N: AsRef<str>,
    V: AsRef<[u8]>,
{
    if body.len() > limits::HTTP_BODY_MAX_BYTES {
        return Err(WebhookError::TooLarge);
    }
    let stated = Stated::read(headers)?;
    let signature = stated.signature.ok_or(WebhookError::SignatureMissing)?;
    let (signed_at, tags) = match scheme {
        Scheme::Standard => {
            let timestamp = stated.timestamp.ok_or(WebhookError::TimestampMissing)?;
            let signed_at = seconds(&timestamp).ok_or(WebhookError::Timestamp)?;
            check_window(signed_at, now)?;
            (Some(signed_at), [timestamp, ".".into()])
        }
        Scheme::Maestro => (None, [String::new(), String::new()]),
    };
    let signature = tag(&signature).ok_or(WebhookError::SignatureInvalid)?;
    let [time, dot] = &tags;
    let fits =
        |secret: &WebhookSecret| secret.tag(&[time.as_bytes(), dot.as_bytes(), body]).matches(&signature);
    // No early end: how long it takes does not tell which secret fits.
    if secrets.iter().fold(false, |found, secret| found | fits(secret)) {
        Ok(AuthenticDelivery { body, signed_at })
    } else {
        Err(WebhookError::SignatureInvalid)
    }
}

/// The values of the two headers that count.
#[derive(Default)]
struct Stated {
    signature: Option<String>,
    timestamp: Option<String>,
}

impl Stated {
    /// Longest value that is looked at: either is shorter.
    const MAX_BYTES: usize = 80;

    fn read<N: AsRef<str>, V: AsRef<[u8]>>(
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, WebhookError> {
        let mut stated = Self::default();
        for (name, value) in headers {
            let (slot, header) = match name.as_ref() {
                name if name.eq_ignore_ascii_case(SIGNATURE) => (&mut stated.signature, SIGNATURE),
                name if name.eq_ignore_ascii_case(TIMESTAMP) => (&mut stated.timestamp, TIMESTAMP),
                _ => continue,
            };
            // A value that is no such text is kept as an empty one, which is neither a signature nor a time.
            let value = value.as_ref();
            let text = core::str::from_utf8(value).ok().filter(|_| value.len() <= Self::MAX_BYTES);
            if slot.replace(text.unwrap_or_default().into()).is_some() {
                return Err(WebhookError::Repeated { header });
            }
        }
        Ok(stated)
    }
}

/// Decimal digits alone, the first of which is not 0: a time has one spelling.
fn seconds(text: &str) -> Option<Timestamp> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && (!text.starts_with('0') || text == "0");
    let seconds = text.parse().ok().filter(|_| is_number)?;
    Timestamp::from_unix_seconds(seconds)
}

fn check_window(signed_at: Timestamp, now: Timestamp) -> Result<(), WebhookError> {
    if now.abs_diff(signed_at) <= WINDOW {
        Ok(())
    } else if signed_at < now {
        Err(WebhookError::Expired)
    } else {
        Err(WebhookError::InFuture)
    }
}

/// `sha256=` and 64 hex digits in lower case, as every sender writes them.
fn tag(text: &str) -> Option<MacTag> {
    let digits = text.strip_prefix(ALGORITHM)?;
    let is_lower = !digits.bytes().any(|byte| byte.is_ascii_uppercase());
    MacTag::from_hex(digits).ok().filter(|_| is_lower)
}

/// A delivery whose signature holds: somebody who knows the secret sent this body. What the message in it is worth, its
/// own signature decides.
#[derive(Clone, Copy)]
pub struct AuthenticDelivery<'a> {
    body: &'a [u8],
    signed_at: Option<Timestamp>,
}

impl<'a> AuthenticDelivery<'a> {
    /// When it was signed. None under [`Scheme::Maestro`], which signs no time.
    #[must_use]
    pub const fn signed_at(&self) -> Option<Timestamp> {
        self.signed_at
    }

    /// The body that the signature is over.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Takes the message out of the body, byte for byte.
    ///
    /// # Errors
    /// A code of the JSON profile; `invalid_field` when the body is no object with the objects `envelope` and `payload`.
    pub fn message(&self) -> Result<PostedMessage, WebhookError> {
        let body = JsonValue::read_carrier(self.body, limits::HTTP_BODY_MAX_BYTES)?;
        let message = CarriedMessage::read(&body).ok_or(WebhookError::NoMessage)?;
        Ok(PostedMessage { message, key: CarriedKey::read(&body) })
    }
}

/// Shows no content.
impl fmt::Debug for AuthenticDelivery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticDelivery")
            .field("signed_at", &self.signed_at)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// A message that was delivered by webhook. Nothing in it is verified but that the provider sent it.
#[derive(Clone, Debug)]
pub struct PostedMessage {
    message: CarriedMessage,
    key: Option<CarriedKey>,
}

impl PostedMessage {
    /// The message, `{"envelope":…,"payload":…}`: the bytes as they were received, for
    /// [`Receiver::receive`](crate::receive::Receiver::receive).
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        self.message.as_bytes()
    }

    /// The id in the body that the provider signed: what a duplicate is known by, not by the header `X-AMP-Message-Id`.
    /// None when the envelope holds no such id, so that the receiver will refuse it.
    #[must_use]
    pub const fn id(&self) -> Option<&MessageId> {
        self.message.id()
    }

    /// The key that travelled beside the message (`sender_public_key`): a hint, never proof of who sent it.
    #[must_use]
    pub const fn carried_key(&self) -> Option<&CarriedKey> {
        self.key.as_ref()
    }

    /// What is known about the message beside its bytes: it came directly, with the key that travelled beside it. The
    /// host adds the sender's key that its own provider names, which takes the carried key's place.
    pub fn context(&self, now: Timestamp) -> Context<'static> {
        let context = Context::new(now, Via::Direct);
        match self.key.as_ref().and_then(CarriedKey::key) {
            Some(key) => context.with_key(SenderKey::carried(key)),
            None => context,
        }
    }
}
