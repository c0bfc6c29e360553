//! Patterns: what is read prints and reads back, and a set answers as its patterns do one by one.

use amp_address::{Address, AddressPattern, PatternKind, PatternSet, Profile};

use super::address::{is_full, is_label};
use super::{PROFILES, assert_fit_to_show, text_of};

/// Lines: each is tried as a pattern and as an address.
pub fn pattern(data: &[u8]) {
    let text = text_of(data);
    one(&text);
    let (mut patterns, mut addresses) = (Vec::new(), Vec::new());
    for line in text.split('\n').take(48) {
        one(line);
        patterns.extend(AddressPattern::parse_with(line, Profile::Deployed));
        addresses.extend(Address::parse_with(line, Profile::Deployed));
    }
    addresses.extend(patterns.iter().flat_map(nearby));
    set(&patterns, &addresses);
    patterns.reverse();
    set(&patterns, &addresses);
}

fn one(text: &str) {
    for profile in PROFILES {
        let parsed = AddressPattern::parse_with(text, profile);
        assert_eq!(parsed.as_ref().ok().map(AddressPattern::kind), kind_of(text, profile), "{text:?}");
        match parsed {
            Ok(pattern) => {
                assert_eq!(pattern.as_str(), text.to_ascii_lowercase());
                assert_eq!(pattern.to_string(), pattern.as_str());
                let again = AddressPattern::parse_with(pattern.as_str(), profile).unwrap();
                assert_eq!((again.kind(), &again), (pattern.kind(), &pattern));
            }
            Err(error) => {
                assert!(error.position() <= text.len());
                assert_fit_to_show(&error);
            }
        }
    }
    if let Ok(pattern) = AddressPattern::parse(text) {
        assert_eq!(AddressPattern::parse_with(text, Profile::Deployed), Ok(pattern));
    }
    if let Ok(address) = Address::parse_with(text, Profile::Deployed) {
        let pattern = AddressPattern::from(&address);
        assert_eq!(AddressPattern::parse_with(text, Profile::Deployed).as_ref(), Ok(&pattern));
        assert!(pattern.matches(&address));
    }
}

/// Addresses that a pattern is about, and others that end in the same text.
fn nearby(pattern: &AddressPattern) -> impl Iterator<Item = Address> + use<> {
    let text = pattern.as_str().replace("@*", "@s").replace('*', "n");
    let longer = [format!("x{text}"), text.replace('@', "@x"), text.replace('@', "@x."), text];
    longer.into_iter().filter_map(|text| Address::parse_with(&text, Profile::Deployed).ok())
}

fn set(patterns: &[AddressPattern], addresses: &[Address]) {
    let mut set = PatternSet::new();
    let mut distinct: Vec<&AddressPattern> = Vec::new();
    for pattern in patterns {
        let new = !distinct.contains(&pattern);
        assert_eq!(set.insert(pattern.clone()), new);
        if new {
            distinct.push(pattern);
        }
    }
    assert!(set.iter().eq(distinct.iter().copied()));
    assert_eq!((set.len(), set.is_empty()), (distinct.len(), distinct.is_empty()));
    for address in addresses {
        let mut best = None;
        for pattern in patterns {
            let matches = lets_through(pattern, address);
            assert_eq!(pattern.matches(address), matches, "{pattern} {address}");
            if matches {
                best = best.max(Some((specificity(pattern), pattern)));
            }
        }
        assert_eq!(set.which(address), best.map(|(_, pattern)| pattern));
        assert_eq!(set.matches(address), best.is_some());
    }
}

/// The four forms, written down once more.
fn kind_of(text: &str, profile: Profile) -> Option<PatternKind> {
    if text.len() > 254 {
        return None;
    }
    if text == "*@*" {
        return Some(PatternKind::Any);
    }
    if let Some(provider) = text.strip_prefix("*@*.") {
        let fits = provider.split('.').count() >= 2 && provider.split('.').all(is_label);
        return fits.then_some(PatternKind::Provider);
    }
    if let Some(domain) = text.strip_prefix("*@") {
        return is_full(&format!("x@{domain}"), profile).then_some(PatternKind::Domain);
    }
    is_full(text, profile).then_some(PatternKind::Exact)
}

fn lets_through(pattern: &AddressPattern, address: &Address) -> bool {
    let (name, domain) = pattern.as_str().split_once('@').unwrap();
    if domain == "*" {
        return true;
    }
    if let Some(provider) = domain.strip_prefix("*.") {
        let labels: Vec<_> = address.domain().split('.').collect();
        let wanted: Vec<_> = provider.split('.').collect();
        return labels.len() > wanted.len() && labels.ends_with(&wanted);
    }
    domain == address.domain() && (name == "*" || name == address.name())
}

/// Longer is narrower among patterns of one kind that match one address.
fn specificity(pattern: &AddressPattern) -> (u8, usize) {
    let rank = match pattern.kind() {
        PatternKind::Exact => 3,
        PatternKind::Domain => 2,
        PatternKind::Provider => 1,
        _ => 0,
    };
    (rank, pattern.as_str().len())
}
