//! Which addresses may be connected to, and for whom (delivery, webhook targets).

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use amp_core::webhook::{AddressClass, Target, TargetError, TargetPolicy, classify};
use amp_core::wire::ApiUrl;

use super::error::HttpError;

/// What the user allows by name, beyond what is allowed anyway.
#[derive(Clone, Debug, Default)]
pub(crate) struct Access {
    /// Hosts whose API may be called without TLS, though they are not on this machine or a local network.
    plain_hosts: Vec<String>,
    /// Hosts that may resolve to private addresses.
    private_hosts: Vec<String>,
}

/// Who named a URL, which decides where it may lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NamedBy {
    /// The user: the API of their own provider, over TLS.
    User,
    /// The user, without TLS.
    UserPlain,
    /// Somebody else: a place for an upload, an attachment's URL, what discovery found.
    Others,
}

impl Access {
    pub(crate) fn allow_plain_http(&mut self, host: &str) {
        self.plain_hosts.push(host.to_ascii_lowercase());
    }

    pub(crate) fn allow_target(&mut self, host: &str) {
        self.private_hosts.push(host.to_ascii_lowercase());
    }

    /// The policy for URLs that others name, without regard to an API.
    pub(crate) fn policy(&self) -> TargetPolicy {
        let policy = TargetPolicy::new();
        self.private_hosts.iter().fold(policy, |policy, host| policy.with_private_host(host))
    }

    /// The policy for URLs that the provider of this API names, or that come through it: its own site too, wherever that
    /// is. [`Access::check`] holds them to that site.
    pub(crate) fn policy_beside(&self, api: &ApiUrl) -> TargetPolicy {
        if is_loopback_host(api.host()) {
            let policy = TargetPolicy::loopback_development();
            return self.private_hosts.iter().fold(policy, |policy, host| policy.with_private_host(host));
        }
        self.policy().with_private_host(api.host()).with_port(port_of(api))
    }

    /// Whether a URL that was vetted may be requested: by the rule for the user's own API if it is on that API's site, else
    /// by the strict one.
    pub(super) fn check(&self, target: &Target, api: Option<&ApiUrl>) -> Result<NamedBy, TargetError> {
        let site = site_of(target);
        if let (Some(api), Ok(site)) = (api, &site)
            && api.same_site(site)
        {
            return Ok(if target.is_https() { NamedBy::User } else { NamedBy::UserPlain });
        }
        Target::parse_with(target.as_str(), &self.policy()).map(|_| NamedBy::Others)
    }

    /// Whether this API may be called as its URL stands, before anything is resolved.
    pub(super) fn check_api(&self, api: &ApiUrl) -> Result<NamedBy, HttpError> {
        let named = if api.is_https() { NamedBy::User } else { NamedBy::UserPlain };
        if let Ok(address) = bare(api.host()).parse::<IpAddr>() {
            self.admit(api.host(), &[address], named).map_err(|error| match named {
                NamedBy::UserPlain if classify(address) == AddressClass::Global => HttpError::Plain,
                _ => HttpError::Target(error),
            })?;
        } else if named == NamedBy::UserPlain && !is_local_name(api.host()) && !self.allows_plain(api.host())
        {
            return Err(HttpError::Plain);
        }
        if named == NamedBy::User && !cfg!(feature = "tls") {
            return Err(HttpError::NoTls);
        }
        Ok(named)
    }

    /// Whether all of these addresses of a host may be connected to. One that may not spoils the answer.
    pub(super) fn admit(&self, host: &str, addresses: &[IpAddr], named: NamedBy) -> Result<(), TargetError> {
        if addresses.is_empty() {
            return Err(TargetError::NoAddress);
        }
        if named == NamedBy::Others {
            let url = ["https://", host, "/"].concat();
            return Target::parse_with(&url, &self.policy())?.admit(addresses).map(drop);
        }
        for address in addresses {
            let class = classify(*address);
            if !self.admits_own(host, class, named) {
                return Err(TargetError::Address { address: *address, class });
            }
        }
        Ok(())
    }

    fn admits_own(&self, host: &str, class: AddressClass, named: NamedBy) -> bool {
        use AddressClass::{Global, Loopback, Private, Shared, UniqueLocal};
        let is_near = matches!(class, Private | UniqueLocal | Shared | Loopback);
        let is_literal = bare(host).parse::<IpAddr>().is_ok();
        let may_be_near =
            is_literal || is_local_name(host) || self.private_hosts.iter().any(|own| own == host);
        let may_be_far = named == NamedBy::User || self.allows_plain(host);
        if is_loopback_host(host) {
            return class == Loopback;
        }
        (is_near && may_be_near) || (class == Global && may_be_far)
    }

    fn allows_plain(&self, host: &str) -> bool {
        self.plain_hosts.iter().any(|allowed| allowed == host)
    }
}

/// The host without the brackets of an IPv6 address.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

fn is_loopback_host(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || bare(host).parse::<IpAddr>().is_ok_and(|address| classify(address) == AddressClass::Loopback)
}

/// Whether the name is one of this machine or of a network that is not the internet.
fn is_local_name(host: &str) -> bool {
    let url = ["https://", host, "/"].concat();
    matches!(Target::parse(&url), Err(TargetError::LocalName))
}

fn port_of(api: &ApiUrl) -> u16 {
    let authority = api.as_str().split("://").nth(1).and_then(|rest| rest.split('/').next());
    let port = authority.and_then(|authority| authority.get(api.host().len()..)?.strip_prefix(':'));
    port.and_then(|port| port.parse().ok()).unwrap_or(if api.is_https() { 443 } else { 80 })
}

/// The site of a target, to be compared with that of an API.
fn site_of(target: &Target) -> Result<ApiUrl, amp_core::wire::WireError> {
    let url = target.as_str();
    let end = url.find("://").map_or(0, |at| at.saturating_add(3));
    let authority = url.get(end..).unwrap_or_default().split(['/', '?']).next().unwrap_or_default();
    let scheme = url.get(..end).unwrap_or_default().to_owned();
    ApiUrl::parse(&(scheme + authority))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(text: &str) -> ApiUrl {
        text.parse().unwrap()
    }

    fn admits(host: &str, addresses: &[&str], named: NamedBy) -> bool {
        let addresses: Vec<IpAddr> = addresses.iter().map(|text| text.parse().unwrap()).collect();
        Access::default().admit(host, &addresses, named).is_ok()
    }

    #[test]
    fn plain_http_is_for_this_machine_and_local_networks() {
        let access = Access::default();
        for near in [
            "http://localhost:1",
            "http://127.0.0.1:23000/api/v1",
            "http://[::1]:9",
            "http://192.168.1.4/v1",
            "http://10.0.0.1",
            "http://[fd12::1]/v1",
            "http://maestro:23000",
            "http://maestro.local",
            "http://amp.internal",
        ] {
            assert_eq!(access.check_api(&api(near)).ok(), Some(NamedBy::UserPlain), "{near}");
        }
        for far in ["http://api.crabmail.ai/v1", "http://93.184.216.34/v1"] {
            assert_eq!(access.check_api(&api(far)), Err(HttpError::Plain), "{far}");
        }
        let mut access = Access::default();
        access.allow_plain_http("API.crabmail.ai");
        assert!(access.check_api(&api("http://api.crabmail.ai/v1")).is_ok());
    }

    #[test]
    fn no_api_is_at_an_address_of_a_metadata_service_or_a_link() {
        for url in [
            "http://169.254.169.254/v1",
            "https://169.254.169.254/v1",
            "http://[fd00:ec2::254]/v1",
            "http://0.0.0.0/v1",
            "http://224.0.0.1/v1",
            "https://[fe80::1]/v1",
            "http://2852039166/v1",
            "http://0xa9.0xfe.0xa9.0xfe/v1",
            "http://[::ffff:169.254.169.254]/v1",
        ] {
            assert!(Access::default().check_api(&api(url)).is_err(), "{url}");
        }
    }

    #[test]
    fn a53_a_public_name_never_resolves_inward_and_mixed_answers_are_refused() {
        for named in [NamedBy::User, NamedBy::Others] {
            assert!(admits("api.crabmail.ai", &["93.184.216.34"], named));
            assert!(!admits("api.crabmail.ai", &["10.0.0.1"], named));
            assert!(!admits("api.crabmail.ai", &["93.184.216.34", "127.0.0.1"], named));
            assert!(!admits("api.crabmail.ai", &[], named));
        }
        assert!(!admits("api.crabmail.ai", &["93.184.216.34"], NamedBy::UserPlain));
        assert!(admits("maestro.local", &["192.168.1.9"], NamedBy::UserPlain));
        assert!(!admits("maestro.local", &["93.184.216.34"], NamedBy::UserPlain));
        assert!(!admits("maestro.local", &["192.168.1.9"], NamedBy::Others));
        assert!(!admits("localhost", &["192.168.1.9"], NamedBy::UserPlain));
        assert!(!admits("localhost", &["127.0.0.1"], NamedBy::Others));
    }

    #[test]
    fn a_loopback_provider_opens_its_own_site_and_no_other_port() {
        let access = Access::default();
        let own = api("http://127.0.0.1:4000/v1");
        let policy = access.policy_beside(&own);
        let at = |url: &str| Target::parse_with(url, &policy).unwrap();
        assert_eq!(access.check(&at("http://127.0.0.1:4000/files/1"), Some(&own)), Ok(NamedBy::UserPlain));
        assert!(access.check(&at("http://127.0.0.1:4001/files/1"), Some(&own)).is_err());
        assert!(access.check(&at("http://localhost:4000/files/1"), Some(&own)).is_err());
        assert!(access.check(&at("http://127.0.0.1:4000/files/1"), None).is_err());
        assert_eq!(access.check(&at("https://files.example.com/1"), Some(&own)), Ok(NamedBy::Others));
    }

    #[test]
    fn a_private_provider_opens_its_own_site_and_no_other_port() {
        let access = Access::default();
        let own = api("https://amp.corp.internal:9443/v1");
        let policy = access.policy_beside(&own);
        let at = |url: &str| Target::parse_with(url, &policy).unwrap();
        assert_eq!(
            access.check(&at("https://amp.corp.internal:9443/files/1"), Some(&own)),
            Ok(NamedBy::User)
        );
        assert!(access.check(&at("https://amp.corp.internal/files/1"), Some(&own)).is_err());
        assert!(access.check(&at("https://files.example.com:9443/1"), Some(&own)).is_err());
    }
}
