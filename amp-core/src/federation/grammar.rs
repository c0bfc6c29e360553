//! The grammar of what records hold: endpoints and capabilities (federation, discovery).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::record_error::DiscoveryError;
use crate::wire::ApiUrl;

/// Longest endpoint, in bytes.
pub(super) const ENDPOINT_MAX_BYTES: usize = 2048;
/// Most capabilities of one provider.
pub(super) const CAPABILITIES_MAX: usize = 64;
/// Longest capability, in bytes.
const CAPABILITY_MAX_BYTES: usize = 64;

const ENDPOINT_RULE: &str =
    "an endpoint is an https URL in ASCII, without credentials, query or fragment, of at most 2,048 bytes";

/// The base URL of a provider's API, as other providers may call it. Where it leads is judged apart from this.
pub(super) fn check_endpoint(url: &str) -> Result<(), DiscoveryError> {
    check_below(url, &["https://"])
}

/// The same, also with `http`, as deployed providers state it.
pub(super) fn check_any_endpoint(url: &str) -> Result<(), DiscoveryError> {
    check_below(url, &["https://", "http://"])
}

fn check_below(url: &str, schemes: &[&str]) -> Result<(), DiscoveryError> {
    let is_plain = |byte: u8| !matches!(byte, b'"' | b'<' | b'>');
    let is_endpoint = schemes.iter().any(|scheme| url.starts_with(scheme))
        && url.len() <= ENDPOINT_MAX_BYTES
        && url.bytes().all(is_plain)
        && ApiUrl::parse(url).is_ok_and(|url| !url.host().split('.').any(str::is_empty));
    if is_endpoint { Ok(()) } else { Err(DiscoveryError::Invalid { field: "endpoint", rule: ENDPOINT_RULE }) }
}

/// A name such as `attachments` or `notify:v1`.
pub(super) fn check_capability(name: &str) -> Result<(), DiscoveryError> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b',' | b';');
    let is_name = (1..=CAPABILITY_MAX_BYTES).contains(&name.len()) && name.bytes().all(is_plain);
    if is_name {
        Ok(())
    } else {
        Err(DiscoveryError::Invalid {
            field: "capabilities",
            rule: "a capability is a name of at most 64 ASCII characters without comma, semicolon and blank",
        })
    }
}

pub(super) const TOO_MANY_CAPABILITIES: DiscoveryError =
    DiscoveryError::Invalid { field: "capabilities", rule: "a provider states at most 64 capabilities" };
