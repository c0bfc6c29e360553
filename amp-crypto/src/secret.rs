//! Private keys on their way out: text and bytes that cannot be printed, copied or left behind in memory.

use alloc::{string::String, vec::Vec};
use core::fmt;

use zeroize::{ZeroizeOnDrop, optimization_barrier};

/// Secret text, such as the PEM of a private key. Zeroized on drop.
///
/// It has no `Display`, `Clone` or `Serialize`, and its `Debug` is redacted. [`expose`](Self::expose) is the one way in.
///
/// ```
/// use amp_crypto::Identity;
///
/// let pem = Identity::from_seed(&[7; 32]).to_pkcs8_pem();
/// assert_eq!(format!("{pem:?}"), "SecretText(..)");
/// assert!(pem.expose().starts_with("-----BEGIN PRIVATE KEY-----"));
/// ```
///
/// ```compile_fail,E0277
/// let pem = amp_crypto::Identity::from_seed(&[7; 32]).to_pkcs8_pem();
/// println!("{pem}");
/// ```
///
/// ```compile_fail,E0599
/// let pem = amp_crypto::Identity::from_seed(&[7; 32]).to_pkcs8_pem();
/// let copy = pem.clone();
/// ```
#[derive(ZeroizeOnDrop)]
pub struct SecretText(String);

impl SecretText {
    /// Takes text that is to be kept secret from here on.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The secret itself. Write it to a file that only its owner may read (mode 0600).
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(..)")
    }
}

/// Secret bytes, such as the DER of a private key. Zeroized on drop.
///
/// ```
/// use amp_crypto::Identity;
///
/// let der = Identity::from_seed(&[7; 32]).to_pkcs8_der();
/// assert_eq!(format!("{der:?}"), "SecretBytes(..)");
/// assert_eq!(der.expose().len(), 48);
/// ```
///
/// ```compile_fail,E0599
/// let der = amp_crypto::Identity::from_seed(&[7; 32]).to_pkcs8_der();
/// let copy = der.clone();
/// ```
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// All of the allocation at the speed of memory: an opened message is long, and zeroize's own way goes byte by byte.
impl Drop for SecretBytes {
    fn drop(&mut self) {
        let bytes = &mut self.0;
        bytes.clear();
        bytes.resize(bytes.capacity(), 0);
        optimization_barrier(bytes.as_slice());
    }
}

impl ZeroizeOnDrop for SecretBytes {}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBytes(..)")
    }
}
