//! Secrets of a registration: used, never shown (identity, records; messages, API keys).

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::record_error::RecordError;

/// The key by which an agent calls its provider (`amp_live_sk_...`), or an owner theirs (`uk_...`). Wiped when dropped.
///
/// It has no `Display`, `Clone` or `Serialize`, its `Debug` is redacted, and no error repeats it. It goes into the
/// header `Authorization` and never into a URL.
///
/// ```
/// use amp_core::identity::ApiKey;
///
/// let key: ApiKey = "amp_live_sk_7f53efb3fb6588af".parse()?;
/// assert_eq!(format!("{key:?}"), "ApiKey(..)");
/// assert!(key.expose().starts_with("amp_live_sk_"));
/// assert!("two lines\r\nX-Other: 1".parse::<ApiKey>().is_err());
/// # Ok::<(), amp_core::identity::RecordError>(())
/// ```
///
/// ```compile_fail,E0277
/// println!("{}", "amp_live_sk_7f53efb3fb6588af".parse::<amp_core::identity::ApiKey>().unwrap());
/// ```
///
/// ```compile_fail,E0599
/// let copy = "amp_live_sk_7f53efb3fb6588af".parse::<amp_core::identity::ApiKey>().unwrap().clone();
/// ```
pub struct ApiKey(Zeroizing<String>);

impl ZeroizeOnDrop for ApiKey {}

impl ApiKey {
    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// 8 to 512 visible ASCII characters, of whatever prefix: providers have their own.
impl FromStr for ApiKey {
    type Err = RecordError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (8..=512).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        let rule = "an API key is 8 to 512 visible ASCII characters";
        if fits {
            Ok(Self(Zeroizing::new(text.into())))
        } else {
            Err(RecordError::Invalid { field: "apiKey", rule })
        }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

/// A record's JSON text, which holds a secret. Wiped when dropped; write it to a file of mode 0600.
///
/// ```compile_fail,E0277
/// fn show(json: amp_core::identity::SecretJson) { println!("{json}"); }
/// ```
pub struct SecretJson(Zeroizing<String>);

impl ZeroizeOnDrop for SecretJson {}

impl SecretJson {
    pub(super) fn new(json: &str) -> Self {
        Self(Zeroizing::new(json.into()))
    }

    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretJson(..)")
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    const fn assert_wiped<T: ZeroizeOnDrop>() {}

    #[test]
    fn secrets_are_wiped_and_redacted() {
        assert_wiped::<ApiKey>();
        assert_wiped::<SecretJson>();
        assert_eq!(format!("{:?}", SecretJson::new("{}")), "SecretJson(..)");
    }

    #[test]
    fn a_refused_key_is_not_repeated() {
        for text in ["short", "with a blank", "amp_live_sk_\u{e9}tude", "amp_live_sk_\u{1b}[31m", ""] {
            let error = text.parse::<ApiKey>().unwrap_err();
            assert_eq!((error.code(), error.field()), ("invalid_field", Some("apiKey")));
            assert!(text.is_empty() || !format!("{error} {error:?}").contains(text), "{text}");
        }
        assert!("a".repeat(513).parse::<ApiKey>().is_err());
    }
}
