//! The host and port of a URL, read strictly (webhooks, targets).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::TargetError;

/// Top-level names that are not of the public internet: RFC 6761, 6762 (with its appendix G), 7686, 8375, 9476, and
/// ICANN's `.internal`.
const LOCAL_SUFFIXES: [&str; 13] = [
    "localhost",
    "local",
    "internal",
    "localdomain",
    "home.arpa",
    "intranet",
    "private",
    "corp",
    "home",
    "lan",
    "invalid",
    "onion",
    "alt",
];

/// What stands between `://` and the path, taken apart.
pub(super) struct Authority<'a> {
    pub(super) host: &'a str,
    pub(super) port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// `rest` is what follows `://`.
    pub(super) fn parse(rest: &'a str) -> Result<Self, TargetError> {
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(TargetError::UserInfo);
        }
        let host_end = match authority.strip_prefix('[') {
            Some(inner) => inner.find(']').map(|at| at.saturating_add(2)).ok_or(TargetError::Host)?,
            None => authority.find(':').unwrap_or(authority.len()),
        };
        let (host, port) = authority.split_at_checked(host_end).ok_or(TargetError::Host)?;
        let port = match port.strip_prefix(':') {
            Some(digits) => Some(parse_port(digits).ok_or(TargetError::Port)?),
            None if port.is_empty() => None,
            None => return Err(TargetError::Host),
        };
        Ok(Self { host, port })
    }
}

/// Digits alone, the first of which is not 0: a port has one spelling.
fn parse_port(digits: &str) -> Option<u16> {
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    digits.parse().ok().filter(|_| is_number)
}

/// A host in its one spelling.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct HostName {
    /// In lower case; an address of IPv6 without its brackets, as RFC 5952 writes it.
    text: Box<str>,
    address: Option<IpAddr>,
}

impl HostName {
    pub(super) fn parse(text: &str) -> Result<Self, TargetError> {
        let address = match text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            // The standard library takes no zone identifier.
            Some(inner) => Some(inner.parse::<Ipv6Addr>().map(IpAddr::V6).map_err(|_| TargetError::Host)?),
            None if ends_in_number(text) => {
                // It takes an address with leading zeros for none, as it does short and other forms.
                Some(text.parse::<Ipv4Addr>().map(IpAddr::V4).map_err(|_| TargetError::Host)?)
            }
            None => None,
        };
        let text = match address {
            Some(address) => alloc::string::ToString::to_string(&address),
            None => text.to_ascii_lowercase(),
        };
        if address.is_none() && !is_domain_name(&text) {
            return Err(TargetError::Host);
        }
        Ok(Self { text: text.into(), address })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) const fn address(&self) -> Option<IpAddr> {
        self.address
    }

    pub(super) fn is_localhost(&self) -> bool {
        &*self.text == "localhost" || self.text.ends_with(".localhost")
    }

    /// Whether the URL names this machine.
    pub(super) fn is_loopback(&self) -> bool {
        match self.address {
            Some(address) => address.is_loopback(),
            None => &*self.text == "localhost",
        }
    }

    /// Whether the name can be one of the public internet. Of addresses, their class decides.
    pub(super) fn check_public(&self) -> Result<(), TargetError> {
        if self.address.is_some() {
            return Ok(());
        }
        let ends_in = |suffix: &&str| {
            self.text.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        // A single label is completed by the resolver's search list.
        if LOCAL_SUFFIXES.iter().any(ends_in) || !self.text.contains('.') {
            return Err(TargetError::LocalName);
        }
        Ok(())
    }
}

/// Whether browsers would take the host for an address: its last label is a number, decimal or hexadecimal.
fn ends_in_number(host: &str) -> bool {
    let last = host.strip_suffix('.').unwrap_or(host).rsplit('.').next().unwrap_or_default();
    let is_hex = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let hex = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    (!last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit())) || hex.is_some_and(is_hex)
}

/// RFC 1123: labels of letters, digits and hyphens, 1 to 63 bytes each, 253 in all, without a dot at the end. Below a
/// registered name, the underscores that some hosts have there stand too.
fn is_domain_name(name: &str) -> bool {
    let is_label = |(place, label): (usize, &str)| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || (place > 1 && byte == b'_');
        (1..=63).contains(&label.len())
            && label.bytes().all(is_plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.rsplit('.').enumerate().all(is_label)
}
