//! Why a URL is not called (webhooks, targets).

use core::net::IpAddr;

use amp_envelope::ErrorCode;

use super::AddressClass;

/// Why a URL is not called, or why the addresses that its host resolves to are not.
///
/// Nothing of the URL and none of the addresses is repeated in what it says, so it can be answered to whoever named the
/// URL: what a name resolves to inside of the provider's network is not for them. [`address`](Self::address) is for the
/// host's own log.
///
/// ```
/// use amp_core::webhook::{Target, TargetError};
///
/// let target = Target::parse("https://hooks.example.com/amp")?;
/// let error = target.admit(&["93.184.216.34".parse()?, "10.0.0.1".parse()?]).unwrap_err();
/// assert_eq!(error.address(), Some("10.0.0.1".parse()?));
/// assert_eq!(error.to_string(), "invalid_field in url: the host resolves to an address that is not called");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// More than [`Target::MAX_BYTES`](super::Target::MAX_BYTES), or nothing.
    #[error("invalid_field in url: a URL has 1 to 2,048 bytes")]
    Length,
    /// A space, a control, a backslash or another character that does not stand in a URL; or one outside of ASCII.
    #[error("invalid_field in url: a URL is written in the characters of RFC 3986")]
    Character,
    /// Not `https://`.
    #[error("invalid_field in url: the URL begins with https://")]
    Scheme,
    /// A name or password before the host.
    #[error("invalid_field in url: no user name and no password stand in the URL")]
    UserInfo,
    /// A fragment, which is never sent.
    #[error("invalid_field in url: the URL has no fragment")]
    Fragment,
    /// The host is neither a domain name of two labels or more nor a complete address.
    #[error("invalid_field in url: the host is a domain name or a whole address in its usual form")]
    Host,
    /// A name of the machine itself or of a network that is not the internet.
    #[error("invalid_field in url: the host's name is not one of the public internet")]
    LocalName,
    /// A port that is not on the list.
    #[error("invalid_field in url: the port is not one that is called")]
    Port,
    /// Two readers of URLs disagree about it.
    #[error("invalid_field in url: the URL can be read in more than one way")]
    Ambiguous,
    /// The host resolves to nothing.
    #[error("invalid_field in url: the host resolves to no address")]
    NoAddress,
    /// One of the addresses is not on the public internet, or not the one that the URL names.
    #[error("invalid_field in url: the host resolves to an address that is not called")]
    Address {
        /// The first such address.
        address: IpAddr,
        /// What it is for.
        class: AddressClass,
    },
    /// The third redirect of one request.
    #[error("invalid_field in url: at most 2 redirects are followed")]
    TooManyRedirects,
    /// From https to http.
    #[error("invalid_field in url: a redirect stays with https")]
    Downgrade,
}

impl TargetError {
    /// The protocol's code: `invalid_field`.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        ErrorCode::InvalidField
    }

    /// The address that is not called, where it is one of those that the host resolved to. Not for strangers.
    #[must_use]
    pub const fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Address { address, .. } => Some(*address),
            _ => None,
        }
    }
}
