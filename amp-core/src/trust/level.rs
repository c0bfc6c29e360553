//! The four levels of trust (trust, levels).

use core::fmt;
use core::str::FromStr;

/// How far a message may be believed, from least to most.
///
/// The order is that of the levels, so "at least external" is a comparison:
///
/// ```
/// use amp_core::trust::TrustLevel;
///
/// assert!(TrustLevel::External < TrustLevel::Verified);
/// assert!(TrustLevel::External.needs_wrapping());
/// assert_eq!(TrustLevel::OrgVerified.as_str(), "org-verified");
/// assert_eq!("external".parse(), Ok(TrustLevel::External));
/// ```
///
/// A level is only a name: whoever has computed one got it from [`TrustFacts::level`](super::TrustFacts::level); one
/// that was read from a file or a wire is a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the protocol has exactly these four levels")]
pub enum TrustLevel {
    /// Nothing connects the message to its sender: no valid signature, or a key that is revoked, disputed or unknown.
    Untrusted,
    /// The sender's key signed it; the sender belongs to another tenant or provider.
    External,
    /// The sender's key signed it, and the sender belongs to the recipient's tenant.
    Verified,
    /// Signed, and an issuer that the host trusts attests who holds the key.
    OrgVerified,
}

impl TrustLevel {
    /// Every level, the least first.
    pub const ALL: [Self; 4] = [Self::Untrusted, Self::External, Self::Verified, Self::OrgVerified];

    /// The protocol's name, as it stands in annotations and in the wrapper's `trust` attribute.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Untrusted => "untrusted",
            Self::External => "external",
            Self::Verified => "verified",
            Self::OrgVerified => "org-verified",
        }
    }

    /// Whether a model sees the text only inside a wrapper.
    #[must_use]
    pub const fn needs_wrapping(self) -> bool {
        matches!(self, Self::Untrusted | Self::External)
    }
}

impl fmt::Display for TrustLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names none of the four levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("trust level is not one of untrusted, external, verified, org-verified")]
#[non_exhaustive]
pub struct UnknownTrustLevel;

impl UnknownTrustLevel {
    /// The protocol's code: `invalid_field`.
    #[must_use]
    pub const fn code(self) -> amp_envelope::ErrorCode {
        amp_envelope::ErrorCode::InvalidField
    }
}

impl FromStr for TrustLevel {
    type Err = UnknownTrustLevel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|level| level.as_str() == text).ok_or(UnknownTrustLevel)
    }
}
