//! Forwards as they are made: the body, and the headers that prove who forwards (federation, forwarding).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use amp_address::Provider;
use amp_crypto::{Identity, Signature, SigningContext, VerifyingKey};
use amp_envelope::Timestamp;
use sha2::{Digest, Sha256};

use crate::wire::{CarriedKey, CarriedMessage, Deliver};

/// Who forwards: a provider's domain.
pub const PROVIDER_HEADER: &str = "X-AMP-Provider";
/// When the forward was signed: unix seconds in decimal digits.
pub const TIMESTAMP_HEADER: &str = "X-AMP-Timestamp";
/// The provider's signature over the timestamp, a dot and the body, in base64.
pub const SIGNATURE_HEADER: &str = "X-AMP-Signature";
/// A hint that a key was revoked. Nobody signs it, so it is a reason to look the key up and nothing else.
pub const KEY_REVOKED_HEADER: &str = "X-AMP-Key-Revoked";

/// The body of a forward: a message as it was accepted, and its sender's key. One body serves every attempt.
///
/// ```
/// use amp_core::federation::ForwardBody;
/// use amp_core::wire::CarriedMessage;
/// # use amp_core::prelude::*;
/// # let alice = Identity::from_seed(&[7; 32]);
/// # let signed = Draft::request("bob@team.example.org".parse()?, "Hi", "Hello")
/// #     .from(&"alice@acme.crabmail.ai".parse()?)
/// #     .sign(&alice, "2026-01-31T10:00:00Z".parse()?)?;
/// let body = ForwardBody::new(&CarriedMessage::from(&signed), alice.verifying_key());
/// let provider = Identity::from_seed(&[9; 32]);
/// let forward = body.sign(&provider, &"crabmail.ai".parse()?, "2026-01-31T10:00:01Z".parse()?)?;
/// assert_eq!(forward.headers()[1], ("X-AMP-Timestamp", "1769853601".to_owned()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ForwardBody(Vec<u8>);

impl ForwardBody {
    /// Puts a message and its sender's key together. The message's bytes stay as they are.
    #[must_use]
    pub fn new(message: &CarriedMessage, sender_key: &VerifyingKey) -> Self {
        Self(Deliver::body_of(message, Some(&CarriedKey::pem(sender_key))))
    }

    /// The body's JSON.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Signs the body for one attempt. Each attempt is signed anew: a signature is accepted for 5 minutes.
    ///
    /// # Errors
    /// [`amp_crypto::ContextError`] for a time before 1970, which no forward has.
    pub fn sign(
        &self,
        identity: &Identity,
        provider: &Provider,
        now: Timestamp,
    ) -> Result<SignedForward, amp_crypto::ContextError> {
        let seconds = now.unix_seconds().to_string();
        let signature = identity.sign(SigningContext::Federation, &signed_bytes(&seconds, &self.0))?;
        Ok(SignedForward { provider: provider.clone(), seconds, signature, body: self.clone() })
    }
}

/// Shows no content.
impl fmt::Debug for ForwardBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ForwardBody({} bytes)", self.0.len())
    }
}

/// A forward, signed for one attempt: `POST` to [`Discovered::deliver_url`](super::Discovered::deliver_url).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedForward {
    provider: Provider,
    seconds: String,
    signature: Signature,
    body: ForwardBody,
}

impl SignedForward {
    /// The request.
    #[must_use]
    pub fn to_request(&self) -> Deliver {
        let (provider, signature) = (self.provider.as_str(), self.signature.to_base64());
        Deliver::signed(self.body.0.clone(), provider, &self.seconds, &signature)
    }

    /// The headers that it is sent with.
    #[must_use]
    pub fn headers(&self) -> [(&'static str, String); 4] {
        [
            (PROVIDER_HEADER, self.provider.as_str().into()),
            (TIMESTAMP_HEADER, self.seconds.clone()),
            (SIGNATURE_HEADER, self.signature.to_base64()),
            ("Content-Type", "application/json".into()),
        ]
    }

    /// The body that it is sent with.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.body.as_bytes()
    }
}

/// What a provider's signature is over.
pub(super) fn signed_bytes(seconds: &str, body: &[u8]) -> Vec<u8> {
    [seconds.as_bytes(), b".", body].concat()
}

/// What names a body among all.
pub(super) fn digest_of(body: &[u8]) -> [u8; 32] {
    Sha256::digest(body).into()
}
