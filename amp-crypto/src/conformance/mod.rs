//! Published test vectors, held against the curve and RSA code below the signing contexts.
//!
//! The vectors sign arbitrary bytes, which the public API does not, so these tests live inside the crate.

mod rfc8032;
mod strict;
mod wycheproof;

use crate::{DigestReading, Signature, VerifyingKey};

/// Whether the signature bytes hold, no context asked.
fn verifies(key: &VerifyingKey, message: &[u8], signature: &[u8]) -> bool {
    Signature::from_bytes(signature)
        .is_ok_and(|signature| key.verifies(message, &signature, DigestReading::Ordinary))
}

fn unhex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}
