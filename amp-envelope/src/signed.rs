//! A signed message, in the forms in which it travels: the full message and the body of a route request.

use alloc::string::String;
use alloc::sync::Arc;

use amp_address::{Address, Profile};
use amp_crypto::seal::SharedSecret;
use sha2::{Digest, Sha256};

use crate::error::MessageError;
use crate::id::MessageId;
use crate::json::JsonValue;
use crate::message::Message;
use crate::payload::Payload;

/// A message that this program signed: made by [`Draft::sign`](crate::Draft::sign), ready to send.
///
/// ```
/// use amp_envelope::{Draft, Timestamp};
/// use amp_crypto::Identity;
/// let signed = Draft::request("bob@acme.crabmail.ai".parse()?, "Hi", "Are you there?")
///     .from(&"alice@acme.crabmail.ai".parse()?)
///     .sign(&Identity::generate(), "2026-01-31T10:00:00Z".parse()?)?;
/// assert_eq!(signed.to().as_str(), "bob@acme.crabmail.ai");
/// assert!(signed.to_route_json().starts_with(r#"{"to":"bob@acme.crabmail.ai","#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct SignedMessage {
    message: Message,
    signing_digest: [u8; 32],
    secret: Option<Arc<SharedSecret>>,
}

impl SignedMessage {
    /// Puts the parts together and reads them back: what is written passes the strict profile.
    ///
    /// An answer names its parent and thread by ids that a provider assigned, in whatever form; only those are read
    /// under `Profile::Deployed`.
    pub(crate) fn new(
        envelope: &str,
        payload: &[u8],
        signing_string: &[u8],
        ids: Profile,
    ) -> Result<Self, MessageError> {
        let payload = JsonValue::new(payload).raw();
        let json = [r#"{"envelope":"#, envelope, r#","payload":"#, payload, "}"].concat();
        let message = Message::read_written(json.into_bytes(), ids)?;
        Ok(Self { message, signing_digest: Sha256::digest(signing_string).into(), secret: None })
    }

    /// Keeps what opens the message again.
    pub(crate) fn with_shared_secret(mut self, secret: Option<SharedSecret>) -> Self {
        self.secret = secret.map(Arc::new);
        self
    }

    /// The full message: `{"envelope":{...},"payload":{...}}`, for delivery, federation and storage.
    #[must_use]
    pub fn to_json(&self) -> String {
        self.message.to_json()
    }

    /// The flat body of `POST /route`: what the sender says, without what the provider assigns (`from`, `id`,
    /// `timestamp`).
    #[must_use]
    pub fn to_route_json(&self) -> String {
        let mut json = String::new();
        let envelope = self.message.unsigned().envelope();
        for name in ["to", "subject", "priority", "in_reply_to", "signature", "expires_at", "idempotency_key"]
        {
            if let Some(value) = envelope.get(name) {
                json.push_str(&alloc::format!(
                    "{}\"{name}\":{}",
                    if json.is_empty() { '{' } else { ',' },
                    value.raw()
                ));
            }
        }
        if self.message.in_reply_to().is_some() {
            json.push_str(&alloc::format!(",\"thread_id\":\"{}\"", self.message.unsigned().thread_id()));
        }
        json.push_str(&alloc::format!(",\"payload\":{}}}", self.message.payload().raw()));
        json
    }

    /// The id under which the message was signed; the provider replaces it on acceptance.
    #[must_use]
    pub fn id(&self) -> MessageId {
        self.message.unsigned().id()
    }

    /// The sender.
    #[must_use]
    pub fn from(&self) -> Address {
        self.message.from()
    }

    /// The recipient.
    #[must_use]
    pub fn to(&self) -> Address {
        self.message.to()
    }

    /// The payload, in canonical form.
    #[must_use]
    pub fn payload(&self) -> Payload<'_> {
        self.message.payload()
    }

    /// SHA-256 of the signing string: names what was signed. The `re` of an answer is its first 16 bytes.
    #[must_use]
    pub const fn signing_digest(&self) -> [u8; 32] {
        self.signing_digest
    }

    /// What opens this one message, if it is sealed: its sender has no other way to read it again.
    ///
    /// It is in none of the forms in which the message travels. A host may keep it beside the message, on its own disk
    /// ([`StoredMessage::set_sealed_secret`](crate::StoredMessage::set_sealed_secret)).
    #[must_use]
    pub fn shared_secret(&self) -> Option<&SharedSecret> {
        self.secret.as_deref()
    }

    /// The message as its recipient will decode it: unverified.
    #[must_use]
    pub const fn as_message(&self) -> &Message {
        &self.message
    }
}
