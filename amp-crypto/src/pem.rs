//! PEM armour (RFC 7468), read as deployed clients write it and written as OpenSSL does.
//!
//! Line ends may be LF or CRLF, lines of any width, white space may surround block and lines. Nothing else may: no text
//! before or after the block, no second block, no headers.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::{string::String, vec::Vec};

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use crate::KeyError;

pub(crate) const PUBLIC: &str = "PUBLIC KEY";
pub(crate) const PRIVATE: &str = "PRIVATE KEY";

/// No key of ours needs more: an RSA key of 8192 bits takes 1.5 KiB.
const MAX_TEXT: usize = 8 * 1024;

/// The DER inside the one block with this label. Zeroized on drop, since it may be a private key.
pub(crate) fn decode(text: &str, label: &'static str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    if text.len() > MAX_TEXT {
        return Err(KeyError::TooLong);
    }
    let (found, body) = block(text.trim_ascii()).ok_or(KeyError::MalformedPem)?;
    if found == "ENCRYPTED PRIVATE KEY" {
        return Err(KeyError::Encrypted);
    }
    if found != label {
        return Err(KeyError::WrongPemLabel { expected: label });
    }
    let mut compact = Zeroizing::new(Vec::with_capacity(body.len()));
    compact.extend(body.bytes().filter(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n')));
    let mut der = Zeroizing::new(alloc::vec![0; compact.len()]);
    let length = Base64::decode(compact.as_slice(), &mut der).map_err(|_| KeyError::MalformedPem)?.len();
    der.truncate(length);
    if der.is_empty() { Err(KeyError::MalformedPem) } else { Ok(der) }
}

/// The label and the body of a text that is one block.
fn block(text: &str) -> Option<(&str, &str)> {
    let (label, rest) = text.strip_prefix("-----BEGIN ")?.split_once("-----")?;
    let (body, end) = rest.split_once("-----END ")?;
    let end = end.strip_prefix(label)?;
    (end == "-----" && body.starts_with([' ', '\t', '\r', '\n'])).then_some((label, body))
}

/// The block of these bytes: lines of 64 characters, LF, a final LF. The caller owns the secrecy of the result.
pub(crate) fn encode(der: &[u8], label: &str) -> String {
    let body = Zeroizing::new(Base64::encode_string(der));
    // Room for everything at once, so that no copy of a secret is left behind by growing.
    let mut text = String::with_capacity(body.len().saturating_mul(2).saturating_add(128));
    for part in ["-----BEGIN ", label, "-----\n"] {
        text.push_str(part);
    }
    for line in body.as_bytes().chunks(64) {
        text.extend(line.iter().copied().map(char::from));
        text.push('\n');
    }
    for part in ["-----END ", label, "-----\n"] {
        text.push_str(part);
    }
    text
}
