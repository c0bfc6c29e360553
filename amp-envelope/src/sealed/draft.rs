//! Sealing a draft, when it is signed: sender, key and address are known there (sealed messages).

use alloc::string::String;
use alloc::vec::Vec;

use amp_address::Address;
use amp_crypto::VerifyingKey;
use amp_crypto::seal::{Binding, EncryptionKey, SealError, SharedSecret, Suite, padded_len, seal};
use zeroize::Zeroizing;

use super::file::SealedFile;
use super::{inner, outer};
use crate::draft::{Draft, Parts, WrittenPayload};
use crate::error::{ErrorCode, MessageError};
use crate::freshness::Freshness;
use crate::json::{self, BigIntegers, Index, JsonValue, Keep};
use crate::payload::Payload;

const ATTACHMENTS: &str = "payload.attachments";

/// Whether a draft is sealed, and how.
#[derive(Clone)]
pub(crate) struct Sealing {
    recipient: Option<EncryptionKey>,
    suite: Suite,
    randomness: Option<Zeroizing<[u8; 32]>>,
}

impl Sealing {
    pub(crate) const NONE: Self = Self { recipient: None, suite: Suite::XChaCha20Poly1305, randomness: None };

    pub(crate) const fn recipient(&self) -> Option<&EncryptionKey> {
        self.recipient.as_ref()
    }

    /// The caller's 32 random bytes, else the operating system's.
    fn randomness(&self) -> Result<Zeroizing<[u8; 32]>, MessageError> {
        if let Some(randomness) = &self.randomness {
            return Ok(randomness.clone());
        }
        #[cfg(feature = "getrandom")]
        return crate::random::random_bytes().map(Zeroizing::new).map_err(|_| {
            MessageError::new(ErrorCode::InternalError, "the operating system gives randomness")
        });
        #[cfg(not(feature = "getrandom"))]
        Err(MessageError::new(
            ErrorCode::InternalError,
            "sealing takes 32 random bytes: `Draft::sealing_randomness`",
        ))
    }
}

/// An attachment of a draft: its object's JSON, by where the bytes are kept.
#[derive(Clone)]
pub(crate) enum Attached {
    AtProvider(Vec<u8>),
    ByReference(Vec<u8>),
    /// The ciphertext's object as the provider gave it, and what is said of the file inside.
    Sealed {
        object: Vec<u8>,
        inside: Zeroizing<String>,
    },
}

impl Attached {
    /// The object in a payload that everybody can read.
    pub(crate) fn in_plain(&self) -> Result<&str, MessageError> {
        match self {
            Self::AtProvider(object) | Self::ByReference(object) => Ok(JsonValue::new(object).raw()),
            Self::Sealed { .. } => Err(MessageError::invalid(
                ATTACHMENTS,
                "a sealed attachment stands in a sealed message, which keeps its key secret",
            )),
        }
    }

    /// The object inside a sealed payload.
    fn inside(&self) -> Result<&str, MessageError> {
        match self {
            Self::ByReference(object) => Ok(JsonValue::new(object).raw()),
            Self::Sealed { inside, .. } => Ok(inside),
            Self::AtProvider(_) => Err(MessageError::invalid(
                ATTACHMENTS,
                "a sealed message has no attachment that its provider can read: `Draft::sealed_attachment`",
            )),
        }
    }

    /// The object outside a sealed payload.
    fn outside(&self) -> Option<&str> {
        match self {
            Self::Sealed { object, .. } => Some(JsonValue::new(object).raw()),
            Self::AtProvider(_) | Self::ByReference(_) => None,
        }
    }
}

impl Draft {
    /// Seals the message to its recipient's key: type, text, context and attachments will be readable by the holder of
    /// that key alone. Sender, recipient, subject, priority, times and thread stay visible.
    ///
    /// It is sealed when it is signed, since the sender's address and key are bound to it. Each signing seals anew.
    ///
    /// ```
    /// use amp_crypto::{Identity, seal::EncryptionKey};
    /// use amp_envelope::{Draft, Timestamp};
    ///
    /// let (alice, bob) = (Identity::from_seed(&[7; 32]), Identity::from_seed(&[8; 32]));
    /// let signed = Draft::request("bob@acme.crabmail.ai".parse()?, "Code review", "Can you look at PR 42?")
    ///     .seal_to(&EncryptionKey::of(bob.verifying_key())?)
    ///     .from(&"alice@acme.crabmail.ai".parse()?)
    ///     .sign(&alice, "2026-01-31T10:00:00Z".parse()?)?;
    /// assert!(!signed.to_route_json().contains("PR 42"));
    /// assert!(signed.shared_secret().is_some()); // with which the sender reads it again
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn seal_to(mut self, key: &EncryptionKey) -> Self {
        self.sealing.recipient = Some(*key);
        self
    }

    /// The suite to seal with, if the draft is sealed; XChaCha20-Poly1305 unless set.
    pub const fn sealing_suite(mut self, suite: Suite) -> Self {
        self.sealing.suite = suite;
        self
    }

    /// 32 secret bytes of a secure generator to seal with, for hosts without the feature `getrandom`, and for tests.
    ///
    /// Giving the same bytes twice repeats no key, unless the same is sealed for the same recipient: then it shows that
    /// it is the same.
    pub fn sealing_randomness(mut self, randomness: [u8; 32]) -> Self {
        self.sealing.randomness = Some(Zeroizing::new(randomness));
        self
    }

    /// Does not seal the draft after all.
    pub const fn unsealed(mut self) -> Self {
        self.sealing.recipient = None;
        self
    }

    /// Whether the draft will be sealed.
    #[must_use]
    pub const fn is_sealed(&self) -> bool {
        self.sealing.recipient.is_some()
    }

    /// Adds a file that was sealed and uploaded: the provider's object of the ciphertext, exactly as it was given after
    /// the upload, and the file with its key. The draft can then only be signed sealed.
    ///
    /// # Errors
    /// `invalid_field` or `missing_field` when the object is not that of an upload under
    /// [`SealedFile::NEUTRAL_NAME`] and [`SealedFile::NEUTRAL_TYPE`], with an id, a digest and the size of the sealed
    /// file; or a code of the JSON profile.
    pub fn sealed_attachment(mut self, object: &str, file: &SealedFile) -> Result<Self, MessageError> {
        json::read(object.as_bytes(), Keep::Levels(0), BigIntegers::Refuse, 0, &mut Index::default())
            .map_err(|error| error.in_field(ATTACHMENTS))?;
        let object = object.trim_ascii().as_bytes().to_vec();
        let id = file.object(JsonValue::new(&object))?;
        self.attachments.push(Attached::Sealed { object, inside: file.to_json(&id) });
        Ok(self)
    }

    /// The outer payload of a sealed message as it will be sent and as it is hashed, and what opens it again.
    pub(crate) fn sealed_payload(
        &self,
        recipient: &EncryptionKey,
        from: &Address,
        sender: &VerifyingKey,
        freshness: Option<Freshness>,
    ) -> Result<(WrittenPayload, SharedSecret), MessageError> {
        let plaintext = self.plaintext()?;
        let binding = Binding::new(from.as_str(), self.to.as_str(), sender).map_err(not_sealed)?;
        let randomness = self.sealing.randomness()?;
        let sealed =
            seal(self.sealing.suite, recipient, &binding, &plaintext, &randomness).map_err(not_sealed)?;
        let block = freshness.map(Freshness::to_json);
        let amp = block.as_deref().map_or_else(String::new, |block| [r#""amp":"#, block, ","].concat());
        let context = ["{", &amp, r#""sealed":"#, &outer::write(&sealed), "}"].concat();
        let payload = self.outer(Some(&context))?;
        let (_, secret) = sealed.into_parts();
        Ok((payload, secret))
    }

    /// The outer payload without what is sealed, after the inner one was found fit to be.
    pub(crate) fn unsealed_outer(&self) -> Result<WrittenPayload, MessageError> {
        self.plaintext()?;
        self.outer(None)
    }

    fn outer(&self, context: Option<&str>) -> Result<WrittenPayload, MessageError> {
        let objects: Vec<&str> = self.attachments.iter().filter_map(Attached::outside).collect();
        WrittenPayload::of(Parts {
            attachments: &objects,
            context,
            message: outer::PLACEHOLDER,
            message_type: outer::TYPE,
        })
    }

    /// The inner payload and its padding: what is written passes what reads it.
    fn plaintext(&self) -> Result<Zeroizing<Vec<u8>>, MessageError> {
        let mut objects = Vec::new();
        for attached in &self.attachments {
            objects.push(attached.inside()?);
        }
        let context = self.context_value();
        let written = WrittenPayload::of(Parts {
            attachments: &objects,
            context: context.as_ref().map(JsonValue::raw),
            message: &self.text,
            message_type: self.message_type.as_str(),
        })?;
        written.check_names()?;
        // As in a message that is not sealed: doubles from 2^53 on are kept as they were written.
        let (json, payload) = match inner::read(&written.canonical) {
            Err(error) if error.code() == ErrorCode::UnportableNumber => {
                (written.text.as_bytes(), inner::read(written.text.as_bytes())?)
            }
            payload => (written.canonical.as_slice(), payload?),
        };
        self.check_attachments(&payload)?;
        let length = u64::try_from(json.len()).map_or(u64::MAX, padded_len);
        let length = usize::try_from(length).unwrap_or(json.len());
        let mut plaintext = Zeroizing::new(Vec::with_capacity(length));
        plaintext.extend_from_slice(json);
        plaintext.resize(length, b' ');
        Ok(plaintext)
    }

    /// Checks that the recipient can join what is inside with what is outside.
    fn check_attachments(&self, payload: &Payload<'_>) -> Result<(), MessageError> {
        if self.attachments.is_empty() {
            return Ok(());
        }
        let written = self.outer(None)?;
        let outer = JsonValue::new(&written.canonical);
        inner::attachments(payload, &Payload::new(outer)).map(drop)
    }
}

fn not_sealed(error: SealError) -> MessageError {
    match error {
        SealError::EphemeralKey => MessageError::new(
            ErrorCode::InvalidKey,
            "a message is sealed to a key that is not of small order",
        ),
        SealError::NotEd25519 => {
            MessageError::new(ErrorCode::InvalidKey, "a message is sealed by a sender with an Ed25519 key")
        }
        SealError::Randomness => MessageError::new(
            ErrorCode::InternalError,
            "the 32 bytes to seal with are random: `Draft::sealing_randomness`",
        ),
        _ => MessageError::new(
            ErrorCode::TooLarge,
            "what is sealed, and its addresses, are within their limits",
        ),
    }
}
