//! Sealing: messages that their recipient alone can read, and files sealed in a stream (sealed messages).
//!
//! [`seal()`] is HPKE (RFC 9180) in base mode, single shot, with one of two [`Suite`]s. [`FileSealer`] and
//! [`FileOpener`] are the STREAM construction over XChaCha20-Poly1305, in constant memory.
//!
//! # What it does not do
//!
//! * **Base mode does not say who sealed.** Anybody can seal to a public key. The sender's key is *bound*
//!   ([`Binding`]), not proven: the proof is the Ed25519 signature over the message that carries the ciphertext.
//! * **No forward secrecy toward the recipient.** Each message has an ephemeral key of its own, yet whoever gets hold
//!   of the recipient's [`DecryptionKey`] opens all messages that were sealed to it, old ones too.
//! * **One key for two purposes**, where an agent's Ed25519 key is mapped ([`EncryptionKey::of`],
//!   [`DecryptionKey::of`]). The joint security of Ed25519 and an X25519 KEM under one key is argued in Thormarker,
//!   ePrint 2021/509; a torsion component that an Ed25519 key may have is cleared by the clamped scalar. A key of its
//!   own on the agent's card is the better choice.
//! * **The ciphers do not commit to their key.** A sender can make a ciphertext that opens to one text with the
//!   recipient's key, and to another one with a [`SharedSecret`] of its choice. A message says which key opens it, and a
//!   file's digest its one content; a shared secret is believed as far as the place where it was kept.
//! * **Length shows**, up to the bucket of [`padded_len`].

mod binding;
#[cfg(test)]
mod conformance;
mod decryption_key;
mod encryption_key;
mod error;
mod file_key;
mod message;
mod padding;
mod primitive;
mod schedule;
mod shared_secret;
mod stream;
mod suite;

pub use self::{
    binding::Binding,
    decryption_key::DecryptionKey,
    encryption_key::{EncryptionKey, EncryptionKeyError},
    error::{FileError, SealError},
    file_key::FileKey,
    message::{Ciphertext, Opened, Sealed, open, open_with, seal},
    padding::padded_len,
    shared_secret::SharedSecret,
    stream::{CHUNK_BYTES, Closing, FileOpener, FileSealer, MAX_FILE_SIZE, TAG_BYTES, sealed_len},
    suite::{Suite, SuiteError},
};
