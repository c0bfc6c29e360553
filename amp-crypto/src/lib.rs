//! Keys, fingerprints, DIDs, signatures, MACs and sealing of the Agent Messaging Protocol.
//!
//! Proof, and nothing else: no message format, no address type, no clock, no file, no socket. `no_std` with
//! `alloc`; randomness sits behind the feature `getrandom`.
//!
//! ```
//! use amp_crypto::{Identity, SigningContext};
//!
//! let alice = Identity::from_seed(&[7; 32]); // `Identity::generate()` with the feature `getrandom`
//! let string = b"alice@acme.crabmail.ai|bob@acme.crabmail.ai|Hello|normal||4Z/XSV1AZKYKorrN9OyxY5kTmYXHIZY37sGUfOrHkdg=";
//! let signature = alice.sign(SigningContext::Message, string)?;
//! alice.verifying_key().verify(SigningContext::Message, string, &signature)?;
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! [`seal`] encrypts messages and files to their recipient's key: HPKE (RFC 9180) and a stream of sealed chunks. What it
//! hides, and what it does not, its own page says.
//!
//! # What is deliberately absent
//!
//! * **Raw signing.** The signing string carries no domain separator, so a signer that signs any bytes signs messages.
//!   Every signature is made and checked in one of the nine [`SigningContext`]s, whose grammars are pairwise disjoint.
//!   What a signature over other bytes is told for, [`VerifyingKey::verifies_outside_contexts`], is a diagnosis alone.
//! * **Batch verification.** The batch equation accepts signatures that the strict check refuses (a public key of small
//!   order with an all-zero `S`, for one), and what a verifier accepts must not depend on how busy it is.
//! * **Signing with RSA or P-256.** Both are verified (features `rsa` and `p256`), neither is written.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `getrandom` | yes | `Identity::generate`, and the keys of [`seal`], from the operating system's randomness |
//! | `p256` | no | verification of ECDSA P-256 with SHA-256 |
//! | `rsa` | no | verification of RSA PKCS#1 v1.5 with SHA-256, 2048 to 8192 bits |
//! | `aws-lc` | no | sealing at twice the speed: X25519 and ChaCha20-Poly1305 of AWS-LC, in C and assembly; every byte is the same, std is needed |
//!
//! `rsa` depends on a release candidate, pinned exactly. RUSTSEC-2023-0071 (the Marvin timing attack) is filed against
//! every version of that crate; it concerns operations with a private key, of which this crate has none.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod algorithm;
mod base58;
mod base64;
#[cfg(test)]
mod conformance;
mod context;
mod der;
mod did;
mod ed25519;
mod error;
mod fingerprint;
mod hex;
mod identity;
mod mac;
#[cfg(feature = "p256")]
mod p256;
mod pem;
mod pkcs8;
mod rotation;
#[cfg(feature = "rsa")]
mod rsa;
pub mod seal;
mod secret;
mod signature;
mod spki;
mod verifying_key;

#[cfg(feature = "getrandom")]
pub use crate::error::RandomnessError;
pub use crate::{
    algorithm::{KeyAlgorithm, OtherAlgorithm},
    context::SigningContext,
    did::DidKey,
    error::{ContextError, FingerprintError, KeyError, MacError, SignatureError, VerifyError},
    fingerprint::{Fingerprint, FingerprintForm},
    identity::Identity,
    mac::{MacTag, hmac_sha256},
    rotation::RotationForm,
    secret::{SecretBytes, SecretText},
    signature::{DigestReading, Signature},
    verifying_key::VerifyingKey,
};
