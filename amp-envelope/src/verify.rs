//! Verification: the one way to a [`Verified`] message (signing).

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;

use amp_address::Profile;
use amp_crypto::{DigestReading, Signature, SigningContext, VerifyingKey};

use crate::canonical::{Dialect, Form, Scratch, Skip, write_object};
use crate::envelope::signature_missing;
use crate::error::{ErrorCode, MessageError};
use crate::json::{self, BigIntegers, Container, Index, Keep};
use crate::message::{Message, Part};
use crate::signing_string::{PayloadHash, SignedFields};

/// A value whose signature was verified: nothing else makes one.
///
/// It tells which key verified it and under which canonical form. Verified means that the holder of the key
/// signed it; whether the key is the sender's, and what the sender may be trusted with, are other questions.
///
/// ```
/// use amp_envelope::{Dialect, Message, Variant, Verified};
/// # use amp_envelope::Draft;
/// # let alice = amp_crypto::Identity::from_seed(&[7; 32]);
/// # let signed = Draft::request("bob@acme.crabmail.ai".parse()?, "Hi", "Are you there?")
/// #     .from(&"alice@acme.crabmail.ai".parse()?)
/// #     .sign(&alice, "2026-01-31T10:00:00Z".parse()?)?;
/// # let (json, key) = (signed.to_json(), alice.verifying_key());
/// fn obey(request: &Verified<Message>) {
///     assert_eq!(request.text(), "Are you there?"); // all that a `Message` has
/// }
///
/// let message = Message::decode(json.as_bytes())?;
/// let verified = message.verify_with(key, &[Dialect::Jcs, Dialect::Jq16])?;
/// obey(&verified);
/// assert_eq!((verified.dialect(), verified.variant()), (Dialect::Jcs, Variant::AsReceived));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// An unverified message does not pass for a verified one:
///
/// ```compile_fail,E0308
/// # use amp_envelope::{Message, Verified};
/// # fn obey(request: &Verified<Message>) {}
/// let message = Message::decode(b"{}").unwrap();
/// obey(&message);
/// ```
///
/// is not answered:
///
/// ```compile_fail,E0599
/// # use amp_envelope::Message;
/// let message = Message::decode(b"{}").unwrap();
/// let draft = message.reply("On it.");
/// ```
///
/// and is not made a verified one by hand:
///
/// ```compile_fail,E0451
/// # use amp_envelope::{Message, Verified};
/// # fn forge(message: Message, other: Verified<Message>) -> Verified<Message> {
/// Verified { value: message, ..other }
/// # }
/// ```
#[derive(Clone)]
pub struct Verified<T> {
    value: T,
    key: VerifyingKey,
    dialect: Dialect,
    variant: Variant,
    payload_hash: PayloadHash,
}

/// How the verified payload relates to the received one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Variant {
    /// The payload was verified as received.
    AsReceived,
    /// The payload was verified without its empty `attachments`, which a deployed client adds after signing.
    EmptyAttachments,
}

impl Variant {
    /// The variant's name in test vectors; `None` for the payload as received.
    #[must_use]
    pub const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::AsReceived => None,
            Self::EmptyAttachments => Some("empty-attachments"),
        }
    }
}

impl<T> Verified<T> {
    /// The key that verified the signature.
    #[must_use]
    pub const fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// The canonical form under which the signature verified.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Whether the payload was verified as received.
    #[must_use]
    pub const fn variant(&self) -> Variant {
        self.variant
    }

    /// The hash of the payload's canonical form.
    #[must_use]
    pub const fn payload_hash(&self) -> &PayloadHash {
        &self.payload_hash
    }

    /// Gives up the proof and returns the value.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl Verified<Message> {
    /// SHA-256 of the signing string: names what was signed, whatever id or signature bytes it travels with.
    #[must_use]
    pub fn signing_digest(&self) -> [u8; 32] {
        self.with_signed_fields(|fields| fields.digest(&self.payload_hash))
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Verified<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("value", &self.value)
            .field("key", &self.key)
            .field("dialect", &self.dialect)
            .field("variant", &self.variant)
            .finish_non_exhaustive()
    }
}

/// What did not verify, and why.
///
/// ```
/// use amp_envelope::{ErrorCode, Message};
/// # use amp_envelope::{Draft, Timestamp};
/// # use amp_crypto::Identity;
/// # let signed = Draft::request("bob@acme.crabmail.ai".parse()?, "Pay", "Send 10")
/// #     .from(&"alice@acme.crabmail.ai".parse()?)
/// #     .sign(&Identity::from_seed(&[7; 32]), "2026-01-31T10:00:00Z".parse()?)?;
/// # let key = Identity::from_seed(&[7; 32]).verifying_key().clone();
/// let tampered = signed.to_json().replace("Send 10", "Send 99");
/// let refusal = Message::decode(tampered.as_bytes())?.verify(&key).unwrap_err();
/// assert_eq!(refusal.error().code(), ErrorCode::SignatureInvalid);
/// assert_eq!(refusal.into_inner().text(), "Send 99");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", .0.0)]
pub struct Unverified<T>(Box<(MessageError, T)>);

impl<T> Unverified<T> {
    fn new(error: MessageError, value: T) -> Self {
        Self(Box::new((error, value)))
    }

    /// Why the message did not verify.
    #[must_use]
    pub fn error(&self) -> &MessageError {
        &self.0.0
    }

    /// The value, as unverified as it was.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.0.1
    }
}

impl Message {
    /// Verifies the signature under RFC 8785, and gives a value that proves it.
    ///
    /// A message decoded under [`Profile::Deployed`] whose attachments are an empty array is tried once more
    /// without them, because a deployed client adds them after signing.
    ///
    /// # Errors
    /// [`Unverified`] with the message in it: `signature_missing`, `signature_invalid`, or what keeps the payload
    /// from having a canonical form.
    pub fn verify(self, key: &VerifyingKey) -> Result<Verified<Self>, Unverified<Self>> {
        self.verify_with(key, &[Dialect::Jcs])
    }

    /// Verifies the signature under each of the dialects in turn, the empty-attachments variant after each.
    ///
    /// # Errors
    /// As [`verify`](Self::verify), after the last dialect failed.
    pub fn verify_with(
        self,
        key: &VerifyingKey,
        dialects: &[Dialect],
    ) -> Result<Verified<Self>, Unverified<Self>> {
        Verifier::new().verify(self, key, dialects)
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence {
            bytes: &self.bytes,
            index: &self.index,
            payload: self.payload,
            signature: self.fields.signature.map(|field| field.text(&self.bytes)),
            profile: self.profile,
        }
    }
}

/// Decodes and verifies messages one after another, with buffers that are used again.
///
/// Once its buffers have grown to what the messages need, neither decoding nor verifying an Ed25519 signature
/// allocates.
///
/// ```
/// use amp_envelope::{Dialect, Profile, Verifier};
/// # use amp_envelope::{Draft, Timestamp};
/// # use amp_crypto::Identity;
/// # let alice = Identity::from_seed(&[7; 32]);
/// # let signed = Draft::request("bob@acme.crabmail.ai".parse()?, "Hi", "Are you there?")
/// #     .from(&"alice@acme.crabmail.ai".parse()?)
/// #     .sign(&alice, "2026-01-31T10:00:00Z".parse()?)?;
/// # let (key, incoming) = (alice.verifying_key(), vec![signed.to_json().into_bytes()]);
/// let mut verifier = Verifier::new();
/// for bytes in incoming {
///     let message = verifier.decode(bytes, Profile::Deployed)?;
///     let verified = verifier.verify(message, key, &[Dialect::Jcs, Dialect::Jq16])?;
///     assert_eq!(verified.text(), "Are you there?");
///     let bytes: Vec<u8> = verifier.recycle(verified.into_inner());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Verifier {
    /// The index of the next message.
    spare: Index,
    /// The payload's index for dialects other than the reference.
    common: Index,
    scratch: Scratch,
    canonical: Vec<u8>,
    signing_string: Vec<u8>,
}

impl Verifier {
    /// A verifier with empty buffers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes a message, taking its bytes instead of copying them.
    ///
    /// # Errors
    /// As [`Message::decode_with`].
    pub fn decode(&mut self, bytes: Vec<u8>, profile: Profile) -> Result<Message, MessageError> {
        Message::read(bytes, profile, &mut self.spare)
    }

    /// Verifies a message under each of the dialects in turn.
    ///
    /// A canonical form that gives a hash already tried costs no second signature check, and a dialect named twice
    /// costs no second canonical form.
    ///
    /// # Errors
    /// As [`Message::verify_with`].
    pub fn verify(
        &mut self,
        message: Message,
        key: &VerifyingKey,
        dialects: &[Dialect],
    ) -> Result<Verified<Message>, Unverified<Message>> {
        let found =
            message.with_signed_fields(|fields| self.find_match(&message.evidence(), fields, key, dialects));
        self.conclude(message, key, found)
    }

    /// Turns the outcome of [`find_match`](Self::find_match) into a proof or a refusal.
    pub(crate) fn conclude<T>(
        &self,
        value: T,
        key: &VerifyingKey,
        found: Result<Match, MessageError>,
    ) -> Result<Verified<T>, Unverified<T>> {
        match found {
            Ok(found) => Ok(Verified {
                value,
                key: key.clone(),
                dialect: found.dialect,
                variant: found.variant,
                payload_hash: found.hash,
            }),
            Err(error) => Err(Unverified::new(error, value)),
        }
    }

    /// Takes back a message's buffers and returns its bytes.
    pub fn recycle(&mut self, message: Message) -> Vec<u8> {
        self.spare = message.index;
        message.bytes
    }

    /// Finds the first dialect and variant under which the signature verifies.
    pub(crate) fn find_match(
        &mut self,
        evidence: &Evidence<'_>,
        fields: SignedFields<'_>,
        key: &VerifyingKey,
        dialects: &[Dialect],
    ) -> Result<Match, MessageError> {
        let text = evidence.signature.as_ref().ok_or(signature_missing())?;
        if evidence.profile == Profile::Spec && !is_standard_base64(text) {
            return Err(signature_invalid("a signature must be padded base64 in the standard alphabet"));
        }
        let signature =
            Signature::from_base64(text).map_err(|_| signature_invalid("a signature must be base64"))?;
        let reading = match evidence.profile {
            Profile::Spec => DigestReading::Ordinary,
            Profile::Deployed => DigestReading::OrDigestAsMessage,
        };
        let mut tried = Tried::default();
        // The payload is read once for all dialects but the reference, for which it was read already.
        let mut common = None;
        let mut refusal = None;
        for &dialect in dialects {
            let form = match self.form(evidence, dialect, &mut common) {
                Ok(form) => form,
                Err(error) => {
                    refusal = refusal.or(Some(error));
                    continue;
                }
            };
            if !tried.is_new_form(form) {
                continue;
            }
            for variant in evidence.variants() {
                let hash = match self.hash(evidence, dialect, variant, common) {
                    Ok(hash) => hash,
                    Err(error) => {
                        refusal = refusal.or(Some(error));
                        continue;
                    }
                };
                if !tried.is_new_hash(hash) {
                    continue;
                }
                self.signing_string.clear();
                fields.write(&hash, &mut self.signing_string)?;
                if key.verify_with(SigningContext::Message, &self.signing_string, &signature, reading).is_ok()
                {
                    return Ok(Match { dialect, variant, hash });
                }
            }
        }
        // A payload that no dialect could write was not compared with anything.
        match refusal {
            Some(error) if tried.is_empty() => Err(error),
            _ => Err(signature_invalid(
                "the signature must verify under the sender's key, over what was received",
            )),
        }
    }

    /// The form in which a dialect writes this payload: dialects that write it alike have one form.
    fn form(
        &mut self,
        evidence: &Evidence<'_>,
        dialect: Dialect,
        common: &mut Option<Container>,
    ) -> Result<Form, MessageError> {
        if dialect == Dialect::Jcs {
            return Ok(dialect.form());
        }
        if common.is_none() {
            let bytes = evidence.payload.span.of(evidence.bytes);
            *common = Some(json::read(bytes, Keep::Uncommon, BigIntegers::Keep, 0, &mut self.common)?);
        }
        Ok(dialect.form().reduced(self.common.features()))
    }

    /// The hash of the payload under a dialect. `common` is the payload as read for any but the reference.
    fn hash(
        &mut self,
        evidence: &Evidence<'_>,
        dialect: Dialect,
        variant: Variant,
        common: Option<Container>,
    ) -> Result<PayloadHash, MessageError> {
        let payload = evidence.payload.span.of(evidence.bytes);
        let (bytes, index, root) = match common {
            Some(root) if dialect != Dialect::Jcs => (payload, &self.common, root),
            _ => (evidence.bytes, evidence.index, evidence.payload.container),
        };
        let skip = match variant {
            // The received bytes are the canonical form.
            Variant::AsReceived if root.clean => return Ok(PayloadHash::of_canonical(payload)),
            Variant::AsReceived => Skip::Nothing,
            Variant::EmptyAttachments => Skip::Attachments,
        };
        self.canonical.clear();
        write_object(bytes, index, root, dialect, skip, &mut self.scratch, &mut self.canonical)?;
        Ok(PayloadHash::of_canonical(&self.canonical))
    }
}

/// What a signature is checked against, beside the signed fields.
pub(crate) struct Evidence<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) index: &'a Index,
    pub(crate) payload: Part,
    pub(crate) signature: Option<Cow<'a, str>>,
    pub(crate) profile: Profile,
}

impl Evidence<'_> {
    /// The ways in which the payload may have been signed, as received first.
    fn variants(&self) -> impl Iterator<Item = Variant> + use<> {
        let [attachments] = self.index.members(self.bytes, self.payload.container, ["attachments"]);
        let empty = |item: json::Item| match item.value.of(self.bytes) {
            [b'[', inner @ .., b']'] => inner.trim_ascii().is_empty(),
            _ => false,
        };
        let empty = self.profile == Profile::Deployed && attachments.is_some_and(empty);
        core::iter::once(Variant::AsReceived).chain(empty.then_some(Variant::EmptyAttachments))
    }
}

/// The dialect and variant under which a signature verified.
pub(crate) struct Match {
    dialect: Dialect,
    variant: Variant,
    hash: PayloadHash,
}

/// What was tried already: at most one form a dialect, and one hash a form and variant.
#[derive(Default)]
struct Tried {
    forms: [Option<Form>; 6],
    hashes: [Option<PayloadHash>; 12],
}

impl Tried {
    fn is_new_form(&mut self, form: Form) -> bool {
        is_new(&mut self.forms, form)
    }

    fn is_new_hash(&mut self, hash: PayloadHash) -> bool {
        is_new(&mut self.hashes, hash)
    }

    /// Whether no canonical form was compared with the signature.
    fn is_empty(&self) -> bool {
        self.hashes.iter().all(Option::is_none)
    }
}

/// Whether a value is not in the list yet; puts it there.
fn is_new<T: PartialEq>(list: &mut [Option<T>], value: T) -> bool {
    for slot in list {
        match slot {
            Some(tried) if *tried == value => return false,
            Some(_) => {}
            None => {
                *slot = Some(value);
                return true;
            }
        }
    }
    // The list has room for every form there is.
    false
}

/// Whether base64 text is padded and free of the URL-safe alphabet's own characters.
fn is_standard_base64(text: &str) -> bool {
    text.len().is_multiple_of(4) && !text.contains(['-', '_'])
}

const fn signature_invalid(rule: &'static str) -> MessageError {
    MessageError::field_of(ErrorCode::SignatureInvalid, "envelope.signature", rule)
}
