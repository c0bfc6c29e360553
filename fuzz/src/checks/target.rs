//! Targets: what is called is read alike by a plain reader, and only public addresses are connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use amp_core::webhook::{AddressClass, Target, TargetError, TargetPolicy, VettedTarget, classify};

use super::{assert_fit_to_show, text_of};

/// Lines: a URL, then `Location` headers one after the other; 16 bytes are also an address, and so are its four-byte parts.
pub fn target(data: &[u8]) {
    let text = text_of(data);
    let mut lines = text.split('\n');
    let url = lines.next().unwrap_or_default();
    let first = Target::parse(url);
    judged(url, &first);
    own(url);
    let mut at = first.ok().or_else(|| Target::parse("https://hooks.example.com/a/b").ok());
    for (hop, location) in lines.take(4).enumerate() {
        let Some(here) = at else { break };
        let next = here.follow(location);
        if let Ok(next) = &next {
            assert!(hop < usize::from(Target::REDIRECTS_MAX) && !next.carries_credentials());
            judged(next.as_str(), &Target::parse(next.as_str()));
            assert!(Target::parse(next.as_str()).is_ok());
        }
        at = next.map_err(|error| shown(&error)).ok();
    }
    addresses(data);
}

/// A target that is called, against the simplest of readers.
fn judged(url: &str, target: &Result<Target, TargetError>) {
    let target = match target {
        Ok(target) => target,
        Err(error) => return shown(error),
    };
    assert!(url.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\#".contains(&byte)), "{url:?}");
    assert!(
        url.len() <= Target::MAX_BYTES
            && url.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("https://"))
    );
    let rest = &url[8..];
    let authority = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
    assert!(!authority.contains(['@', '%']));
    let (host, port) = match authority.strip_prefix('[') {
        Some(inner) => inner.split_once(']').unwrap(),
        None => authority.find(':').map_or((authority, ""), |at| authority.split_at(at)),
    };
    assert!(port.is_empty() || port == format!(":{}", target.port()), "{url:?}");
    assert!([443, 8443].contains(&target.port()) && target.is_https() && target.carries_credentials());
    match target.address() {
        Some(address) => {
            assert_eq!(host.parse(), Ok(address));
            assert_eq!(classify(address), AddressClass::Global);
            assert!(target.admit(&[address]).is_ok());
        }
        None => {
            assert_eq!(host.to_ascii_lowercase(), target.host());
            let last = target.host().rsplit('.').next().unwrap();
            assert!(target.host().contains('.') && !last.bytes().all(|byte| byte.is_ascii_digit()));
            assert!(!["localhost", "local", "internal"].contains(&last));
            assert!(host.parse::<IpAddr>().is_err());
        }
    }
    let again = Target::parse(target.as_str()).unwrap();
    assert_eq!((again.as_str(), again.host()), (target.as_str(), target.host()));
    let debug = format!("{target:?}");
    assert!(target.as_str().len() < 60 || !debug.contains(target.as_str()));
}

/// A policy with exceptions lets through what the plain one does, and nothing else over http.
fn own(url: &str) {
    let policy = TargetPolicy::loopback_development();
    let development = Target::parse_with(url, &policy);
    if Target::parse(url).is_ok() {
        assert!(development.is_ok());
    }
    if let Ok(target) = development {
        let own =
            target.host() == "localhost" || target.address().is_some_and(|address| address.is_loopback());
        assert!(own || Target::parse(url).is_ok(), "{url:?}");
        if own {
            assert!(target.admit(&["93.184.216.34".parse().unwrap()]).is_err());
        }
    }
}

fn shown(error: &TargetError) {
    assert_fit_to_show(error);
    assert_eq!(error.code().as_str(), "invalid_field");
}

fn addresses(data: &[u8]) {
    let target = Target::parse("https://hooks.example.com/").unwrap();
    for chunk in data.chunks_exact(16).take(8) {
        let bits = u128::from_be_bytes(chunk.try_into().unwrap());
        let v6 = Ipv6Addr::from_bits(bits);
        let v4 = Ipv4Addr::from_bits(bits as u32);
        one(&target, v4.into());
        one(&target, v6.into());
        if v4.is_private()
            || v4.is_loopback()
            || v4.is_link_local()
            || v4.is_multicast()
            || v4.octets()[0] == 0
        {
            assert_ne!(classify(v4.into()), AddressClass::Global);
        }
        if v6.is_loopback() || v6.is_multicast() || v6.is_unique_local() || v6.is_unicast_link_local() {
            assert_ne!(classify(v6.into()), AddressClass::Global);
        }
        let mapped = v4.to_ipv6_mapped();
        assert_eq!(classify(mapped.into()), classify(v4.into()));
        let translated = Ipv6Addr::from_bits((0x64_ff9b << 96) | u128::from(v4.to_bits()));
        assert_eq!(classify(translated.into()), classify(v4.into()));
        let answer = [IpAddr::from(v4), v6.into()];
        let admitted = target.admit(&answer);
        assert_eq!(admitted.is_ok(), answer.iter().all(|address| classify(*address) == AddressClass::Global));
    }
}

fn one(target: &Target, address: IpAddr) {
    match target.admit(&[address]) {
        Ok(vetted) => {
            assert!(
                vetted.addresses() == [address] && vetted.addresses().len() <= VettedTarget::ADDRESSES_MAX
            );
            assert_eq!(classify(address), AddressClass::Global);
        }
        Err(error) => {
            shown(&error);
            assert_eq!(error.address(), Some(address));
            assert_ne!(classify(address), AddressClass::Global);
        }
    }
}
