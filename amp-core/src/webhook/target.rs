//! Which URLs a server may be made to call (webhooks, targets).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, SocketAddr};

use url::Url;

use super::target_host::{Authority, HostName};
use super::target_policy::Reach;
use super::{TargetError, TargetPolicy, classify};

/// A URL that a server may be made to call: an agent's webhook, a provider's endpoint, a presigned upload.
///
/// The URL comes from somebody else, and the call goes out from inside of the operator's network. So a call takes three
/// steps: the URL is vetted ([`parse`](Self::parse)); the host resolves its name and has **every** address vetted
/// ([`admit`](Self::admit)); the connection goes to one of the addresses of the [`VettedTarget`], never to a name, and
/// through no proxy from the environment, for either would resolve it anew. A redirect starts over ([`follow`](Self::follow)).
///
/// ```
/// use amp_core::webhook::Target;
///
/// let target = Target::parse("https://hooks.example.com/amp?agent=bob")?; // at registration, and again before a call
/// let answer = ["93.184.216.34".parse()?]; // what the host's resolver says of `target.host()`
/// let vetted = target.admit(&answer)?;
/// assert_eq!(vetted.socket_addresses().next(), Some("93.184.216.34:443".parse()?));
///
/// assert!(Target::parse("http://hooks.example.com/amp").is_err());
/// assert!(Target::parse("https://2130706433/").is_err());
/// assert!(target.admit(&["93.184.216.34".parse()?, "127.0.0.1".parse()?]).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// As RFC 3986 and the readers of browsers both write it.
    url: Box<str>,
    host: HostName,
    port: u16,
    is_https: bool,
    reach: Reach,
    /// Redirects that led here.
    hops: u8,
    policy: TargetPolicy,
}

impl Target {
    /// Longest URL, in bytes.
    pub const MAX_BYTES: usize = 2048;

    /// Most redirects of one request.
    pub const REDIRECTS_MAX: u8 = 2;

    /// Vets a URL from outside for the public internet: `https`, port 443 or 8443, a domain name of two labels or more
    /// or a complete address, without user name, password and fragment.
    ///
    /// The text is read twice, strictly and as browsers do, and what is not read alike is refused: tabs and backslashes,
    /// percent-encoded or non-ASCII hosts, a trailing dot, addresses spelled as hex, octal, decimal or short numbers
    /// (also public ones), zone identifiers.
    ///
    /// # Errors
    /// [`TargetError`].
    pub fn parse(url: &str) -> Result<Self, TargetError> {
        Self::parse_with(url, &TargetPolicy::new())
    }

    /// The same under a policy of the host's own.
    ///
    /// # Errors
    /// [`TargetError`].
    pub fn parse_with(url: &str, policy: &TargetPolicy) -> Result<Self, TargetError> {
        check_characters(url)?;
        let (is_https, rest) = split_scheme(url).ok_or(TargetError::Scheme)?;
        let authority = Authority::parse(rest)?;
        let host = HostName::parse(authority.host)?;
        let reach = reach(&host, is_https, policy)?;
        let port = authority.port.unwrap_or(if is_https { 443 } else { 80 });
        if reach != Reach::Loopback && !policy.calls_port(port) {
            return Err(TargetError::Port);
        }
        let url = read_again(url, is_https, &host, port)?;
        let target = Self { url, host, port, is_https, reach, hops: 0, policy: policy.clone() };
        match target.address() {
            Some(address) => target.check_address(address).map(|()| target),
            None => Ok(target),
        }
    }

    /// The URL to request, in normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// The host's name in lower case, or its address without brackets: what is resolved, and what the certificate names.
    #[must_use]
    pub fn host(&self) -> &str {
        self.host.as_str()
    }

    /// The address, when the URL names one instead of a host. Then there is nothing to resolve; it is admitted like any other.
    #[must_use]
    pub const fn address(&self) -> Option<IpAddr> {
        self.host.address()
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Whether the connection is encrypted. Always, under the policy for the public internet.
    #[must_use]
    pub const fn is_https(&self) -> bool {
        self.is_https
    }

    /// Whether a request to here may carry an `Authorization` header or another credential. Not after a redirect,
    /// wherever it led.
    #[must_use]
    pub const fn carries_credentials(&self) -> bool {
        self.hops == 0
    }

    /// Vets what the host's name resolves to: each of the addresses, from all records of both kinds. Done anew for
    /// each connection: an answer that was good at registration says nothing about the next.
    ///
    /// # Errors
    /// [`TargetError::NoAddress`] for an empty answer; [`TargetError::Address`] when one of them is not on the public
    /// internet, or is another than the URL names.
    pub fn admit(&self, resolved: &[IpAddr]) -> Result<VettedTarget, TargetError> {
        if resolved.is_empty() {
            return Err(TargetError::NoAddress);
        }
        resolved.iter().try_for_each(|address| self.check_address(*address))?;
        let mut addresses: Vec<IpAddr> = Vec::with_capacity(resolved.len().min(VettedTarget::ADDRESSES_MAX));
        for address in resolved {
            if addresses.len() < VettedTarget::ADDRESSES_MAX && !addresses.contains(address) {
                addresses.push(*address);
            }
        }
        Ok(VettedTarget { target: self.clone(), addresses })
    }

    fn check_address(&self, address: IpAddr) -> Result<(), TargetError> {
        let class = classify(address);
        if self.reach.admits(class) && self.address().is_none_or(|named| named == address) {
            Ok(())
        } else {
            Err(TargetError::Address { address, class })
        }
    }

    /// Vets where an answer redirects to: the value of its `Location` header, which may be relative. The new target has
    /// to be resolved and admitted like the first one, and carries no credentials.
    ///
    /// # Errors
    /// [`TargetError::TooManyRedirects`] for the third of one request, [`TargetError::Downgrade`] from https to http,
    /// or as [`parse`](Self::parse).
    pub fn follow(&self, location: &str) -> Result<Self, TargetError> {
        if self.hops >= Self::REDIRECTS_MAX {
            return Err(TargetError::TooManyRedirects);
        }
        check_characters(location)?;
        let next = Self::parse_with(&self.resolve(location)?, &self.policy)?;
        if self.is_https && !next.is_https {
            return Err(TargetError::Downgrade);
        }
        // Nobody on the internet leads into a network that only the operator may name.
        if self.reach == Reach::Public && next.reach != Reach::Public {
            return Err(TargetError::LocalName);
        }
        Ok(Self { hops: self.hops.saturating_add(1), ..next })
    }

    /// A whole URL as it is; the rest against this one.
    fn resolve(&self, location: &str) -> Result<String, TargetError> {
        let scheme = location.split(['/', '?']).next().unwrap_or_default();
        if scheme.contains(':') {
            return Ok(location.into());
        }
        let base = Url::parse(&self.url).map_err(|_| TargetError::Ambiguous)?;
        base.join(location).map(String::from).map_err(|_| TargetError::Host)
    }
}

/// Shows where it leads, without the path: that often holds a secret.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("host", &self.host())
            .field("port", &self.port)
            .field("is_https", &self.is_https)
            .field("hops", &self.hops)
            .finish_non_exhaustive()
    }
}

/// A target and the addresses to which the connection goes. Each of them was vetted.
///
/// Connect to one of [`socket_addresses`](Self::socket_addresses); name [`Target::host`] in the TLS handshake and the
/// `Host` header. It is good for one connection attempt: resolve and admit again for the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VettedTarget {
    target: Target,
    /// In the order of the answer; not empty.
    addresses: Vec<IpAddr>,
}

impl VettedTarget {
    /// Most addresses that are kept of one answer.
    pub const ADDRESSES_MAX: usize = 16;

    /// The target.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// The addresses, in the order of the resolver's answer, each once.
    #[must_use]
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// Where to connect to, in the order of the resolver's answer.
    pub fn socket_addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.addresses.iter().map(|address| SocketAddr::new(*address, self.target.port))
    }
}

/// What two readers of URLs are likely to differ about stays out from the start.
fn check_characters(url: &str) -> Result<(), TargetError> {
    if url.is_empty() || url.len() > Target::MAX_BYTES {
        return Err(TargetError::Length);
    }
    let stands_in_urls = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
    if !url.bytes().all(stands_in_urls) {
        return Err(TargetError::Character);
    }
    if url.contains('#') { Err(TargetError::Fragment) } else { Ok(()) }
}

/// Whether it is https, and what follows `://`.
fn split_scheme(url: &str) -> Option<(bool, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    if scheme.eq_ignore_ascii_case("https") {
        return Some((true, rest));
    }
    scheme.eq_ignore_ascii_case("http").then_some((false, rest))
}

fn reach(host: &HostName, is_https: bool, policy: &TargetPolicy) -> Result<Reach, TargetError> {
    if policy.allows_loopback() && host.is_loopback() {
        return Ok(Reach::Loopback);
    }
    if !is_https {
        return Err(TargetError::Scheme);
    }
    if host.address().is_none() && policy.names_private_host(host.as_str()) && !host.is_localhost() {
        return Ok(Reach::OwnNetwork);
    }
    host.check_public().map(|()| Reach::Public)
}

/// Has the URL read as browsers read it, and compares.
fn read_again(text: &str, is_https: bool, host: &HostName, port: u16) -> Result<Box<str>, TargetError> {
    let url = Url::parse(text).map_err(|_| TargetError::Ambiguous)?;
    let same_host = match (url.host(), host.address()) {
        (Some(url::Host::Domain(name)), None) => name == host.as_str(),
        (Some(url::Host::Ipv4(address)), Some(IpAddr::V4(named))) => address == named,
        (Some(url::Host::Ipv6(address)), Some(IpAddr::V6(named))) => address == named,
        _ => false,
    };
    let alike = same_host
        && url.scheme() == (if is_https { "https" } else { "http" })
        && url.port_or_known_default() == Some(port)
        && url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none();
    if alike { Ok(String::from(url).into()) } else { Err(TargetError::Ambiguous) }
}
