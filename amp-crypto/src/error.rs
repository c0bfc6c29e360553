//! What can go wrong with keys, signatures and MACs, and the wire code of each failure.
//!
//! No variant holds text from outside, so no message can echo a secret or carry control characters into a log.

use crate::SigningContext;

/// A key, DID or private-key file that was refused.
///
/// ```
/// use amp_crypto::{KeyError, VerifyingKey};
///
/// let error = VerifyingKey::parse("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").unwrap_err();
/// assert_eq!(error, KeyError::WrongPemLabel { expected: "PUBLIC KEY" });
/// assert_eq!(error.code(), "invalid_key");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text is none of PEM, 64 hex digits, base64 or `did:key`.
    #[error("not a key: neither PEM, 64 hex digits, base64 nor did:key")]
    UnrecognizedForm,
    /// The text is longer than any key this crate reads.
    #[error("the key is longer than any supported key")]
    TooLong,
    /// The PEM armour is broken, or something stands before or after it.
    #[error("malformed PEM")]
    MalformedPem,
    /// The PEM block is of another kind than the one asked for, `PUBLIC KEY` or `PRIVATE KEY`.
    #[error("the PEM block is not a {expected}")]
    WrongPemLabel {
        /// The label that was asked for.
        expected: &'static str,
    },
    /// The private key is encrypted; this crate reads unencrypted PKCS#8 only.
    #[error("the private key is encrypted")]
    Encrypted,
    /// The bytes are not the strict DER of the structure asked for.
    #[error("malformed DER")]
    MalformedDer,
    /// The text is not hexadecimal.
    #[error("malformed hexadecimal")]
    MalformedHex,
    /// The text is not a `did:key` in base58btc.
    #[error("malformed did:key")]
    MalformedDid,
    /// The `did:key` names a key type other than Ed25519.
    #[error("the did:key is not of an Ed25519 key")]
    UnsupportedCodec,
    /// The key bytes have the wrong length.
    #[error("a key of {expected} bytes was expected, got {actual}")]
    WrongLength {
        /// The length in bytes that the form calls for.
        expected: usize,
        /// The length in bytes that was given.
        actual: usize,
    },
    /// The algorithm is supported, by a feature that this build leaves out.
    #[error("{algorithm} keys need the feature `{feature}`")]
    UnsupportedAlgorithm {
        /// The algorithm's wire name.
        algorithm: &'static str,
        /// The crate feature that adds it.
        feature: &'static str,
    },
    /// The algorithm or curve is not one of the protocol's.
    #[error("the key's algorithm is not one of the protocol's")]
    UnknownAlgorithm,
    /// The bytes name no point of the curve.
    #[error("the key is not a point of the curve")]
    NotAPoint,
    /// The point is written in a way other than its one canonical encoding.
    #[error("the key is not in canonical encoding")]
    NonCanonical,
    /// The point has small order: anybody can make signatures that verify under it.
    #[error("the key is weak: its point has small order")]
    SmallOrder,
    /// The RSA modulus is even, shorter than 2048 or longer than 8192 bits.
    #[error("the RSA modulus is even or of {bits} bits, outside 2048 to 8192")]
    WeakModulus {
        /// The length of the modulus in bits.
        bits: usize,
    },
    /// The RSA exponent is even, below 3 or above 2^33 - 1.
    #[error("the RSA exponent is even or out of range")]
    WeakExponent,
    /// The public key inside a private-key file is not the private key's own.
    #[error("the file's public key does not belong to its private key")]
    PublicKeyMismatch,
    /// A stated DID is not the key's own.
    #[error("the stated DID does not belong to the key")]
    DidMismatch,
    /// A stated algorithm is not the key's own.
    #[error("the stated algorithm is not the key's own")]
    AlgorithmMismatch,
    /// The key has no such form: only Ed25519 keys have a `did:key`.
    #[error("only Ed25519 keys have this form")]
    NotEd25519,
}

impl KeyError {
    /// The wire code: `key_mismatch` for a stated DID that is another key's, else `invalid_key`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::DidMismatch => "key_mismatch",
            _ => "invalid_key",
        }
    }
}

/// Signature text or bytes that cannot be a signature of any algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// Neither standard nor URL-safe base64, or not in its one canonical spelling.
    #[error("the signature is not base64")]
    MalformedBase64,
    /// Empty, or longer than 1,024 bytes.
    #[error("the signature is empty or too long")]
    Length,
}

impl SignatureError {
    /// The wire code, always `signature_invalid`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "signature_invalid"
    }
}

/// A signature that does not hold. It does not say which of the checks failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The signature is not this key's over these bytes.
    #[error("the signature does not verify")]
    Invalid,
    /// The bytes are not in the grammar of the context they were presented in.
    #[error("the signed bytes are not {0}")]
    NotInContext(SigningContext),
    /// A rotation to the key that is already held.
    #[error("the new key is the old key")]
    SameKey,
}

impl VerifyError {
    /// The wire code: `invalid_key` for a rotation to the same key, else `signature_invalid`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::SameKey => "invalid_key",
            _ => "signature_invalid",
        }
    }
}

/// Bytes that this crate declines to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    /// The bytes are not in the context's grammar.
    #[error("the bytes to sign are not {0}")]
    NotInContext(SigningContext),
    /// The context is read for the sake of deployed implementations and never written.
    #[error("{0} is verified, never written")]
    VerifyOnly(SigningContext),
    /// A rotation is proved over the hexadecimal form of the new key, which only Ed25519 keys have.
    #[error("a rotation can be proved to an Ed25519 key only")]
    NotEd25519,
    /// A rotation to the key that is already held.
    #[error("the new key is the old key")]
    SameKey,
}

impl ContextError {
    /// The wire code: `ambiguous_signing_string` for a message, `invalid_key` for a key that cannot be rotated to,
    /// else `invalid_field`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotInContext(SigningContext::Message) => "ambiguous_signing_string",
            Self::NotEd25519 | Self::SameKey => "invalid_key",
            _ => "invalid_field",
        }
    }
}

/// Text that is no fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a fingerprint: SHA256: and base64, base64 or 64 hex digits are read")]
#[non_exhaustive]
pub struct FingerprintError;

impl FingerprintError {
    /// The wire code, always `fingerprint_mismatch`: malformed text matches no key.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "fingerprint_mismatch"
    }
}

/// Text that is no MAC tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a MAC tag: 64 hex digits are read")]
#[non_exhaustive]
pub struct MacError;

impl MacError {
    /// The wire code, always `signature_invalid`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "signature_invalid"
    }
}

/// The operating system has no randomness to give.
#[cfg(feature = "getrandom")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("the operating system gave no randomness")]
pub struct RandomnessError;
