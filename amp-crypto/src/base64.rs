//! Base64 (RFC 4648) as the protocol meets it: standard or URL-safe alphabet, padded or not.
//!
//! Every spelling is strict in itself: no white space, no mixed alphabets, no spare bits, padding whole or absent.
//! The codec is constant-time, so secrets may pass through it.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use base64ct::{Base64, Base64Unpadded, Base64Url, Base64UrlUnpadded, Encoding};

/// Reads any of the four spellings into `buffer` and returns the part that was filled.
pub(crate) fn decode_any<'b>(text: &str, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let url_safe = text.bytes().any(|byte| matches!(byte, b'-' | b'_'));
    match (url_safe, text.ends_with('=')) {
        (false, true) => Base64::decode(text, buffer),
        (false, false) => Base64Unpadded::decode(text, buffer),
        (true, true) => Base64Url::decode(text, buffer),
        (true, false) => Base64UrlUnpadded::decode(text, buffer),
    }
    .ok()
}
