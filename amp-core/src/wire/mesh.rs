//! What one host of a provider says to another when it hands a message on (delivery, mesh).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;
use core::fmt;

use amp_address::Profile;
use amp_envelope::MessageId;

use super::{ApiError, CarriedKey, RequestParts};
use crate::trust::Printable;

/// Longest name of a host, in bytes.
const HOST_MAX_BYTES: usize = 253;

/// The headers of a message that a host of the same provider hands on: hints, all of them.
///
/// `X-Forwarded-From` authenticates nobody. A host that takes forwarded messages authenticates the peer by its own
/// configuration, and checks the message's signature as ever.
///
/// ```
/// use amp_core::wire::Forwarded;
///
/// let forwarded = Forwarded::by("host-a").ok_or("no host")?.with_message_id("msg_1706648400_abc123".parse()?);
/// assert_eq!(forwarded.host(), "host-a");
/// assert_eq!(Forwarded::by("two\r\nlines"), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Forwarded {
    host: String,
    message_id: Option<MessageId>,
    signature: Option<String>,
    sender_key: Option<CarriedKey>,
}

impl Forwarded {
    /// Handed on by a host of this name: 1 to 253 visible ASCII characters, none for anything else.
    #[must_use]
    pub fn by(host: &str) -> Option<Self> {
        let fits =
            (1..=HOST_MAX_BYTES).contains(&host.len()) && host.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self { host: host.into(), message_id: None, signature: None, sender_key: None })
    }

    /// The id that the message was given (`X-AMP-Envelope-Id`).
    #[must_use]
    pub fn with_message_id(mut self, id: MessageId) -> Self {
        self.message_id = Some(id);
        self
    }

    /// The message's signature in base64, as deployed hosts repeat it (`X-AMP-Signature`). The body's is the one that
    /// counts.
    #[must_use]
    pub fn with_signature(mut self, signature: &amp_crypto::Signature) -> Self {
        self.signature = Some(signature.to_base64());
        self
    }

    /// The sender's key as the forwarding host knows it (`X-AMP-Sender-Key`).
    #[must_use]
    pub fn with_sender_key(mut self, key: CarriedKey) -> Self {
        self.sender_key = Some(key);
        self
    }

    /// The host that says it hands the message on.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The id that it says the message was given.
    #[must_use]
    pub const fn message_id(&self) -> Option<&MessageId> {
        self.message_id.as_ref()
    }

    /// The key that it says is the sender's.
    #[must_use]
    pub const fn sender_key(&self) -> Option<&CarriedKey> {
        self.sender_key.as_ref()
    }

    pub(super) fn put_on(&self, parts: RequestParts) -> RequestParts {
        let rest = [
            ("X-AMP-Envelope-Id", self.message_id.as_ref().map(MessageId::as_str)),
            ("X-AMP-Signature", self.signature.as_deref()),
            // A PEM block has lines, a header has one.
            (
                "X-AMP-Sender-Key",
                self.sender_key.as_ref().map(CarriedKey::as_str).filter(|key| is_header(key)),
            ),
        ];
        let parts = parts.with_header("X-Forwarded-From", &self.host);
        let present = rest.into_iter().filter_map(|(name, value)| Some((name, value?)));
        present.fold(parts, |parts, (name, value)| parts.with_header(name, value))
    }

    /// What the headers say; none when nobody says that the message is handed on. What cannot be read of the rest is
    /// left out.
    pub(super) fn read(parts: &RequestParts) -> Result<Option<Self>, ApiError> {
        let Some(host) = parts.header("x-forwarded-from")? else { return Ok(None) };
        let Some(forwarded) = Self::by(host) else { return Ok(None) };
        let id = parts.header("x-amp-envelope-id")?;
        let signature = parts.header("x-amp-signature")?.filter(|value| value.len() <= 1_024);
        Ok(Some(Self {
            message_id: id.and_then(|id| MessageId::parse_with(id, Profile::Deployed).ok()),
            signature: signature.map(String::from),
            sender_key: parts.header("x-amp-sender-key")?.and_then(CarriedKey::from_text),
            ..forwarded
        }))
    }
}

fn is_header(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Shows who and which message.
impl fmt::Debug for Forwarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forwarded")
            .field("host", &Printable::name(&self.host))
            .field("message_id", &self.message_id)
            .finish_non_exhaustive()
    }
}
