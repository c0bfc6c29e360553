//! Public keys: every form they are read in, every form they are written in, and verification.

use alloc::{string::String, vec::Vec};
use core::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

#[cfg(feature = "p256")]
use crate::p256::P256Key;
#[cfg(feature = "rsa")]
use crate::rsa::RsaKey;
use crate::{
    DidKey, DigestReading, Fingerprint, KeyAlgorithm, KeyError, Signature, SigningContext, VerifyError,
    base64,
    ed25519::Ed25519Key,
    hex, pem,
    spki::{self, SubjectKey},
};

/// Base64 of the longest key, an RSA SPKI of 8192 bits, stays below this many characters.
const MAX_BASE64: usize = 2048;

/// A public key that is fit to verify with: well-formed, canonical, not weak.
///
/// The algorithm is a property of the key. Nothing in a message can change how its signature is checked.
///
/// ```
/// use amp_crypto::VerifyingKey;
///
/// let key = VerifyingKey::parse("did:key:z6MkehRgf7yJbgaGfYsdoAsKdBPE3dj2CYhowQdcjqSJgvVd")?;
/// assert_eq!(key, "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8".parse()?);
/// assert_eq!(key.fingerprint().to_string(), "SHA256:Vkdap1RjR0wChd9dvyvKtz2mUTWIOem3dIGy6rEHcIw=");
/// assert!(VerifyingKey::parse(&"00".repeat(32)).is_err()); // a point of small order
/// # Ok::<(), amp_crypto::KeyError>(())
/// ```
#[derive(Clone)]
pub struct VerifyingKey(Inner);

#[derive(Clone)]
enum Inner {
    Ed25519(Ed25519Key),
    #[cfg(feature = "p256")]
    P256(P256Key),
    #[cfg(feature = "rsa")]
    Rsa(RsaKey),
}

impl VerifyingKey {
    /// Reads any form: PEM (SPKI), 64 hex digits, `did:key`, or base64 of the raw 32 bytes or of the SPKI DER.
    ///
    /// White space around the text is ignored.
    ///
    /// # Errors
    /// [`KeyError`] when the text is none of them, or the key is not fit to verify with.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim_ascii();
        if text.starts_with("-----BEGIN ") {
            Self::from_pem(text)
        } else if text.starts_with("did:") {
            Self::from_did(text)
        } else if text.len() == 64 {
            Self::from_hex(text)
        } else {
            Self::from_base64(text)
        }
    }

    /// Reads a PEM block `PUBLIC KEY` (SPKI).
    ///
    /// Lines may end in LF or CRLF and have any width; nothing but white space may surround the block.
    ///
    /// # Errors
    /// [`KeyError`] for any other text, or a key that is not fit to verify with.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        Self::from_spki_der(&pem::decode(text, pem::PUBLIC)?)
    }

    /// Reads the strict DER of a SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// [`KeyError`] for BER, trailing bytes, an unsupported algorithm, or a key that is not fit to verify with.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, KeyError> {
        match spki::parse(der)? {
            SubjectKey::Ed25519(bytes) => Self::from_ed25519_bytes(bytes),
            #[cfg(feature = "p256")]
            SubjectKey::P256(point) => P256Key::parse(point).map(|key| Self(Inner::P256(key))),
            #[cfg(not(feature = "p256"))]
            SubjectKey::P256(_) => {
                Err(KeyError::UnsupportedAlgorithm { algorithm: "ECDSA", feature: "p256" })
            }
            #[cfg(feature = "rsa")]
            SubjectKey::Rsa { modulus, exponent } => {
                RsaKey::parse(modulus, exponent, der).map(|key| Self(Inner::Rsa(key)))
            }
            #[cfg(not(feature = "rsa"))]
            SubjectKey::Rsa { .. } => {
                Err(KeyError::UnsupportedAlgorithm { algorithm: "RSA", feature: "rsa" })
            }
        }
    }

    /// Reads the 64 hex digits of an Ed25519 key, in either case.
    ///
    /// # Errors
    /// [`KeyError`] for any other text, or a weak or non-canonical key.
    pub fn from_hex(text: &str) -> Result<Self, KeyError> {
        if text.len() != 64 {
            return Err(KeyError::WrongLength { expected: 32, actual: text.len() / 2 });
        }
        Self::from_ed25519_bytes(&hex::decode_32(text).ok_or(KeyError::MalformedHex)?)
    }

    /// Reads a `did:key` of an Ed25519 key.
    ///
    /// # Errors
    /// [`KeyError`] for any other text, or a weak or non-canonical key.
    pub fn from_did(text: &str) -> Result<Self, KeyError> {
        DidKey::parse(text).map(|did| did.verifying_key().clone())
    }

    /// Takes the 32 raw bytes of an Ed25519 key (RFC 8032).
    ///
    /// # Errors
    /// [`KeyError::NonCanonical`], [`KeyError::NotAPoint`] or [`KeyError::SmallOrder`].
    pub fn from_ed25519_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        Ed25519Key::parse(bytes).map(Self::of_ed25519)
    }

    fn from_base64(text: &str) -> Result<Self, KeyError> {
        if text.len() > MAX_BASE64 {
            return Err(KeyError::TooLong);
        }
        let mut room = [0; MAX_BASE64];
        let bytes = base64::decode_any(text, &mut room).ok_or(KeyError::UnrecognizedForm)?;
        match <&[u8; 32]>::try_from(bytes) {
            Ok(raw) => Self::from_ed25519_bytes(raw),
            Err(_) => Self::from_spki_der(bytes),
        }
    }

    pub(crate) fn of_ed25519(key: Ed25519Key) -> Self {
        Self(Inner::Ed25519(key))
    }

    /// The algorithm, which the key alone decides.
    #[must_use]
    pub fn algorithm(&self) -> KeyAlgorithm {
        match &self.0 {
            Inner::Ed25519(_) => KeyAlgorithm::Ed25519,
            #[cfg(feature = "p256")]
            Inner::P256(_) => KeyAlgorithm::EcdsaP256,
            #[cfg(feature = "rsa")]
            Inner::Rsa(_) => KeyAlgorithm::Rsa,
        }
    }

    /// Compares a stated `key_algorithm` with the key's own.
    ///
    /// # Errors
    /// [`KeyError::AlgorithmMismatch`] when it is another, or one that this version does not know.
    pub fn check_algorithm(&self, stated: &KeyAlgorithm) -> Result<(), KeyError> {
        if self.algorithm() == *stated { Ok(()) } else { Err(KeyError::AlgorithmMismatch) }
    }

    /// The 32 raw bytes of an Ed25519 key; other keys have none.
    #[must_use]
    pub fn ed25519_bytes(&self) -> Option<&[u8; 32]> {
        match &self.0 {
            Inner::Ed25519(key) => Some(key.as_bytes()),
            #[cfg(any(feature = "p256", feature = "rsa"))]
            _ => None,
        }
    }

    /// The coordinate u of an Ed25519 key on the Montgomery curve (RFC 7748, section 4.1); other keys have none.
    pub(crate) fn to_x25519(&self) -> Option<[u8; 32]> {
        match &self.0 {
            Inner::Ed25519(key) => Some(key.to_x25519()),
            #[cfg(any(feature = "p256", feature = "rsa"))]
            _ => None,
        }
    }

    /// The 64 lower-case hex digits of an Ed25519 key; other keys have none.
    #[must_use]
    pub fn to_hex(&self) -> Option<String> {
        self.ed25519_bytes().map(hex::encode_32_string)
    }

    /// The PEM block `PUBLIC KEY`, as OpenSSL writes it: lines of 64, a final LF.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::encode(&self.to_spki_der(), pem::PUBLIC)
    }

    /// The DER of the SubjectPublicKeyInfo: 44 bytes for Ed25519, 91 for P-256.
    #[must_use]
    pub fn to_spki_der(&self) -> Vec<u8> {
        match &self.0 {
            Inner::Ed25519(key) => spki::encode_ed25519(key.as_bytes()).to_vec(),
            #[cfg(feature = "p256")]
            Inner::P256(key) => key.to_spki_der(),
            #[cfg(feature = "rsa")]
            Inner::Rsa(key) => key.spki_der().to_vec(),
        }
    }

    /// The `did:key` of an Ed25519 key; other keys have none in this protocol.
    #[must_use]
    pub fn did(&self) -> Option<DidKey> {
        DidKey::of(self)
    }

    /// Holds a stated DID against the key. A DID is derived from a key, never believed beside it.
    ///
    /// # Errors
    /// [`KeyError::DidMismatch`] when the DID is well-formed and another key's, else what [`DidKey::parse`] says.
    pub fn check_did(&self, stated: &str) -> Result<(), KeyError> {
        if DidKey::parse(stated)?.verifying_key() == self { Ok(()) } else { Err(KeyError::DidMismatch) }
    }

    /// The fingerprint that is written for this key: over the raw 32 bytes for Ed25519, over the SPKI DER for others.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self)
    }

    /// Verifies a signature that was made in this context.
    ///
    /// Strict: for Ed25519 canonical encodings, `S` below the group order, no point of small order. Does not allocate
    /// for Ed25519, except in the context [`SigningContext::RotationPem`].
    ///
    /// # Errors
    /// [`VerifyError::NotInContext`] when the bytes are not in the context's grammar, else [`VerifyError::Invalid`].
    pub fn verify(
        &self,
        context: SigningContext,
        bytes: &[u8],
        signature: &Signature,
    ) -> Result<(), VerifyError> {
        self.verify_with(context, bytes, signature, DigestReading::Ordinary)
    }

    /// Verifies a signature under a stated reading of "sign the digest", which matters to RSA and P-256 alone.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_with(
        &self,
        context: SigningContext,
        bytes: &[u8],
        signature: &Signature,
        reading: DigestReading,
    ) -> Result<(), VerifyError> {
        if !context.accepts(bytes) {
            return Err(VerifyError::NotInContext(context));
        }
        let reading = if context.is_rotation() { DigestReading::Ordinary } else { reading };
        if self.verifies(bytes, signature, reading) { Ok(()) } else { Err(VerifyError::Invalid) }
    }

    /// Whether the signature is over bytes that belong to no context: a diagnosis, and never a proof.
    ///
    /// Programs that sign the wrong bytes (a digest, a line feed too many, a short address) are told so. Always false
    /// for bytes in the grammar of a [`SigningContext`], so that nothing which means something is accepted here.
    ///
    /// ```
    /// use amp_crypto::{Identity, SigningContext};
    ///
    /// let alice = Identity::from_seed(&[7; 32]);
    /// let string = b"alice@acme.crabmail.ai|bob@acme.crabmail.ai|Hello|normal||4Z/XSV1AZKYKorrN9OyxY5kTmYXHIZY37sGUfOrHkdg=";
    /// let signature = alice.sign(SigningContext::Message, string)?;
    /// assert!(!alice.verifying_key().verifies_outside_contexts(string, &signature));
    /// # Ok::<(), amp_crypto::ContextError>(())
    /// ```
    #[must_use]
    pub fn verifies_outside_contexts(&self, bytes: &[u8], signature: &Signature) -> bool {
        !SigningContext::ALL.iter().any(|context| context.accepts(bytes))
            && self.verifies(bytes, signature, DigestReading::Ordinary)
    }

    #[cfg_attr(
        not(any(feature = "p256", feature = "rsa")),
        expect(unused_variables, reason = "Ed25519 has one")
    )]
    pub(crate) fn verifies(&self, bytes: &[u8], signature: &Signature, reading: DigestReading) -> bool {
        match &self.0 {
            Inner::Ed25519(key) => signature.as_array().is_some_and(|array| key.verifies(bytes, array)),
            #[cfg(feature = "p256")]
            Inner::P256(key) => {
                digest_verifies(bytes, reading, |digest| key.verifies(digest, signature.as_bytes()))
            }
            #[cfg(feature = "rsa")]
            Inner::Rsa(key) => {
                digest_verifies(bytes, reading, |digest| key.verifies(digest, signature.as_bytes()))
            }
        }
    }
}

/// Tries the digest, and under the wider reading the digest of the digest.
#[cfg(any(feature = "p256", feature = "rsa"))]
fn digest_verifies(bytes: &[u8], reading: DigestReading, verifies: impl Fn(&[u8; 32]) -> bool) -> bool {
    use sha2::{Digest, Sha256};

    let digest: [u8; 32] = Sha256::digest(bytes).into();
    verifies(&digest)
        || (reading == DigestReading::OrDigestAsMessage && verifies(&Sha256::digest(digest).into()))
}

/// Keys are equal when their canonical encodings are.
impl PartialEq for VerifyingKey {
    fn eq(&self, other: &Self) -> bool {
        match (self.ed25519_bytes(), other.ed25519_bytes()) {
            (Some(one), Some(another)) => one == another,
            (None, None) => self.to_spki_der() == other.to_spki_der(),
            _ => false,
        }
    }
}

impl Eq for VerifyingKey {}

impl Hash for VerifyingKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.ed25519_bytes() {
            Some(bytes) => bytes.hash(state),
            None => self.to_spki_der().hash(state),
        }
    }
}

/// Reads any form, as [`VerifyingKey::parse`] does.
impl FromStr for VerifyingKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// Shows the fingerprint.
impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({})", self.fingerprint())
    }
}
