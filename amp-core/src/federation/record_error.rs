//! Why what a provider publishes of itself cannot be used (federation, discovery).

use amp_crypto::KeyError;
use amp_envelope::MessageError;

/// Why a TXT record, a well-known document or a registry's record is refused. Nothing of it is repeated.
///
/// ```
/// use amp_core::federation::TxtRecord;
/// let error = TxtRecord::parse("v=AMP1; pubkey=SHA256:abc123").unwrap_err();
/// assert_eq!((error.code(), error.field()), ("missing_field", Some("endpoint")));
/// assert_eq!(error.to_string(), "missing_field in endpoint: the field is required");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// The document is no JSON object of the profile.
    #[error(transparent)]
    Json(#[from] MessageError),
    /// The text is longer than any record that is read.
    #[error("too_large: a record has at most {most} bytes")]
    TooLarge {
        /// The limit, in bytes.
        most: usize,
    },
    /// The text is of another version, or no record of this protocol.
    #[error("unsupported_version in {field}: the version is one that this library knows")]
    UnsupportedVersion {
        /// The field that states the version.
        field: &'static str,
    },
    /// A field is absent.
    #[error("missing_field in {field}: the field is required")]
    Missing {
        /// The field.
        field: &'static str,
    },
    /// A field does not obey its grammar.
    #[error("invalid_field in {field}: {rule}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// The rule that was broken.
        rule: &'static str,
    },
    /// A field stands twice.
    #[error("duplicate_key: a field stands once")]
    Duplicate,
    /// The key is not fit to verify with.
    #[error("{code} in public_key: {0}", code = .0.code())]
    Key(KeyError),
    /// The stated fingerprint is another key's.
    #[error("fingerprint_mismatch in fingerprint: the fingerprint is that of the key beside it")]
    FingerprintMismatch,
    /// The endpoint is none that a server may call.
    #[error(
        "invalid_field in endpoint: the endpoint is on the public internet, or where the host's policy allows"
    )]
    Endpoint,
    /// There is no room to remember another provider, or another one under its domain.
    #[error("rate_limited: no more providers can be remembered now")]
    Full,
    /// The record is about another provider than the one that was asked for.
    #[error("invalid_field in provider: the record is about the provider that was asked for")]
    OtherProvider,
}

impl DiscoveryError {
    /// The protocol's code, such as `missing_field`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Json(error) => error.code().as_str(),
            Self::TooLarge { .. } => "too_large",
            Self::UnsupportedVersion { .. } => "unsupported_version",
            Self::Missing { .. } => "missing_field",
            Self::Invalid { .. } | Self::Endpoint | Self::OtherProvider => "invalid_field",
            Self::Full => "rate_limited",
            Self::Duplicate => "duplicate_key",
            Self::Key(error) => error.code(),
            Self::FingerprintMismatch => "fingerprint_mismatch",
        }
    }

    /// The field at fault, where one is.
    #[must_use]
    pub const fn field(&self) -> Option<&'static str> {
        match self {
            Self::UnsupportedVersion { field } | Self::Missing { field } | Self::Invalid { field, .. } => {
                Some(field)
            }
            Self::Key(_) => Some("public_key"),
            Self::FingerprintMismatch => Some("fingerprint"),
            Self::OtherProvider => Some("provider"),
            Self::Endpoint => Some("endpoint"),
            Self::Full | Self::Json(_) | Self::TooLarge { .. } | Self::Duplicate => None,
        }
    }
}
