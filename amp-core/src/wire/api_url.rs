//! The base URL of a provider's API (provider API).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;

use url::Url;

use super::fault::WireError;
use super::parts::RequestParts;
use super::path::write_query;

/// Longest URL, in bytes.
const URL_MAX_BYTES: usize = 2048;

/// Where a provider's API is: an http or https URL in ASCII, without credentials, query and fragment.
///
/// ```
/// use amp_core::wire::ApiUrl;
///
/// let api: ApiUrl = "https://API.crabmail.ai:443/v1/".parse()?;
/// assert_eq!(api.as_str(), "https://api.crabmail.ai/v1");
/// assert!(api.is_https());
/// assert!(api.same_site(&"https://api.crabmail.ai/v2".parse()?));
/// assert!("https://user@api.crabmail.ai/v1".parse::<ApiUrl>().is_err());
/// # Ok::<(), amp_core::wire::WireError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ApiUrl {
    /// In the form in which browsers write it, without a slash at its end.
    text: String,
    /// Where the host begins and ends in `text`, and where the path begins.
    host: (usize, usize),
    path_at: usize,
}

impl ApiUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// [`WireError::Url`]: another scheme, no host, credentials, a query, a fragment, characters outside of visible
    /// ASCII, a backslash, more than 2,048 bytes.
    pub fn parse(text: &str) -> Result<Self, WireError> {
        let fault = |rule| WireError::Url { rule };
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        if !is_plain || text.len() > URL_MAX_BYTES {
            return Err(fault("a URL is at most 2,048 visible ASCII characters without a backslash"));
        }
        let url = Url::parse(text).map_err(|_| fault("the value is a URL"))?;
        let scheme = url.scheme();
        if !matches!(scheme, "http" | "https") {
            return Err(fault("the URL is http or https"));
        }
        let authority = text.split_once("://").map(|(_, rest)| rest.split('/').next().unwrap_or_default());
        if authority.is_none_or(|authority| authority.is_empty() || authority.contains('@')) {
            return Err(fault("the URL has two slashes and a host behind its scheme, and no credentials"));
        }
        if text.contains(['?', '#']) {
            return Err(fault("the URL has neither query nor fragment"));
        }
        let host =
            url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| fault("the URL has a host"))?;
        let mut origin = String::from(scheme);
        origin.push_str("://");
        let host_at = origin.len();
        origin.push_str(host);
        let host_end = origin.len();
        if let Some(port) = url.port() {
            origin.push(':');
            origin.push_str(&port.to_string());
        }
        let path_at = origin.len();
        origin.push_str(url.path().trim_end_matches('/'));
        Ok(Self { text: origin, host: (host_at, host_end), path_at })
    }

    /// The URL, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host: a name in lower case, an IPv4 address in four decimal numbers, an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.text.get(self.host.0..self.host.1).unwrap_or_default()
    }

    /// Whether what is sent there is encrypted.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.text.starts_with("https://")
    }

    /// The path below which the API's endpoints lie: `/v1`, or nothing.
    #[must_use]
    pub fn path(&self) -> &str {
        self.text.get(self.path_at..).unwrap_or_default()
    }

    /// Whether the other URL has the same scheme, host and port: the same party answers there.
    #[must_use]
    pub fn same_site(&self, other: &Self) -> bool {
        self.origin() == other.origin()
    }

    /// The URL of a request: `https://api.crabmail.ai/v1/agents?limit=10`. What lies at the root of the host
    /// (`/.well-known/`) stays there.
    #[must_use]
    pub fn join(&self, parts: &RequestParts) -> String {
        let base = if parts.is_at_root() { self.origin() } else { self.as_str() };
        let mut url = String::from(base);
        // A path without its slash would go on where the host's name ends.
        if !parts.path.starts_with('/') {
            url.push('/');
        }
        url.push_str(&parts.path);
        if !parts.query.is_empty() {
            url.push('?');
            write_query(&parts.query, &mut url);
        }
        url
    }

    fn origin(&self) -> &str {
        self.text.get(..self.path_at).unwrap_or_default()
    }
}

impl FromStr for ApiUrl {
    type Err = WireError;

    fn from_str(text: &str) -> Result<Self, WireError> {
        Self::parse(text)
    }
}

impl fmt::Display for ApiUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for ApiUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiUrl({})", self.text)
    }
}
