//! HMAC-SHA256 (RFC 2104), which webhooks are authenticated with.

use alloc::string::String;
use core::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::{MacError, hex};

/// An HMAC-SHA256 tag. It has no `==`: [`matches`](Self::matches) compares in constant time.
///
/// ```
/// use amp_crypto::{MacTag, hmac_sha256};
///
/// let tag = hmac_sha256(b"whsec_abc", &[b"1706648400", b".", br#"{"envelope":{},"payload":{}}"#]);
/// let stated = MacTag::from_hex("3f5a7ad80dedf1e0ab469e18aa10f641fc3b2a37cab522ee2d3c709037931a92")?;
/// assert!(tag.matches(&stated));
/// # Ok::<(), amp_crypto::MacError>(())
/// ```
///
/// ```compile_fail,E0369
/// # use amp_crypto::hmac_sha256;
/// assert!(hmac_sha256(b"key", &[]) == hmac_sha256(b"key", &[]));
/// ```
#[derive(Clone)]
pub struct MacTag([u8; 32]);

/// HMAC-SHA256 over the parts, one after the other. The key may have any length.
///
/// Parts are concatenated without separators: a caller that joins several fields puts what separates them in between.
#[must_use]
#[expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "HMAC takes keys of every length (RFC 2104, section 2)"
)]
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> MacTag {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    for part in parts {
        mac.update(part);
    }
    MacTag(mac.finalize().into_bytes().into())
}

impl MacTag {
    /// Reads 64 hex digits, in either case.
    ///
    /// # Errors
    /// [`MacError`] for anything else.
    pub fn from_hex(text: &str) -> Result<Self, MacError> {
        hex::decode_32(text).map(Self).ok_or(MacError)
    }

    /// The 64 lower-case hex digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode_32_string(&self.0)
    }

    /// The tag as a key that is derived.
    pub(crate) const fn into_bytes(self) -> [u8; 32] {
        self.0
    }

    /// Compares in constant time.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// Redacted: the tag computed over a forged body is the one that would make it pass.
impl fmt::Debug for MacTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacTag(..)")
    }
}
