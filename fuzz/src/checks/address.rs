//! Addresses: what is read prints and reads back, and every reader agrees with the grammar written down once more.

use amp_address::{
    Address, AnyAddress, Boundary, KnownProviders, Profile, Provider, ShortAddress, parse_any, same_tenant,
};

use super::{PROFILES, assert_fit_to_show, text_of};

/// Lines: a text, the address of who resolves it, then provider domains that are known.
pub fn address(data: &[u8]) {
    let text = text_of(data);
    one(&text);
    let mut lines = text.split('\n').take(40);
    let (first, own) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let providers: Vec<Provider> =
        lines.filter_map(|line| Provider::parse_with(line, Profile::Deployed).ok()).collect();
    one(first);
    one(own);
    for profile in PROFILES {
        let Ok(own) = Address::parse_with(own, profile) else { continue };
        expansion(first, &own, profile);
        if let Ok(address) = Address::parse_with(first, profile) {
            boundaries(&address, &providers);
            tenants(&address, &own, &providers);
        }
    }
}

/// What holds for one text.
fn one(text: &str) {
    for profile in PROFILES {
        let parsed = Address::parse_with(text, profile);
        assert_eq!(Address::validate(text, profile), parsed.clone().map(|_| ()));
        assert_eq!(parsed.is_ok(), is_full(text, profile), "{text:?}");
        let short = ShortAddress::parse(text);
        assert_eq!(short.is_ok(), is_short(text), "{text:?}");
        assert!(parsed.is_err() || short.is_err());
        match parse_any(text, profile) {
            Ok(AnyAddress::Full(address)) => assert_eq!(Ok(address), parsed),
            Ok(AnyAddress::Short(address)) => assert_eq!(Ok(address), short),
            Err(error) => {
                assert!(parsed.is_err() && short.is_err());
                assert_fit_to_show(&error);
            }
        }
        match parsed {
            Ok(address) => full(&address, text, profile),
            Err(error) => {
                assert!(error.position() <= text.len() && error.position() <= 254);
                assert_fit_to_show(&error);
            }
        }
        if let Ok(short) = short {
            assert_eq!(short.as_str(), text.to_ascii_lowercase());
            assert_eq!(ShortAddress::parse(short.as_str()), Ok(short));
        }
    }
    if let Ok(address) = Address::parse(text) {
        let deployed = Address::parse_with(text, Profile::Deployed).unwrap();
        assert_eq!((&deployed, deployed.scope()), (&address, address.scope()));
    }
}

fn full(address: &Address, text: &str, profile: Profile) {
    assert_eq!(address.as_str(), text.to_ascii_lowercase());
    assert_eq!(address.to_string(), address.as_str());
    let again = Address::parse_with(address.as_str(), profile).unwrap();
    assert_eq!((&again, again.boundary()), (address, address.boundary()));
    assert_eq!(again.scope(), address.scope());
    assert_eq!(Address::parse_with(&text.to_ascii_uppercase(), profile).as_ref(), Ok(address));

    assert_eq!(address.domain(), format!("{}.{}", address.scope(), address.provider()));
    assert_eq!(address.as_str(), format!("{}@{}", address.name(), address.domain()));
    assert_eq!(address.scope().rsplit('.').next(), Some(address.tenant()));
    let labels = address.provider().split('.').count();
    assert_eq!(labels, if address.has_one_label_provider() { 1 } else { 2 });
    assert_eq!(address.boundary() == Boundary::OneLabel, address.has_one_label_provider());

    let (name, scope, provider) = address.to_parts();
    let joined = Address::new(&name, &scope, &provider).unwrap();
    assert_eq!((&joined, joined.provider()), (address, address.provider()));
    assert_eq!(provider.is_local(), address.is_local());
    assert!(same_tenant(address, address).is_same());
}

fn expansion(text: &str, own: &Address, profile: Profile) {
    let Ok(any) = parse_any(text, profile) else { return };
    let name = any.as_str().split('@').next().unwrap_or_default().to_owned();
    let is_short = matches!(any, AnyAddress::Short(_));
    match any.expand(own) {
        Ok(address) => {
            assert_eq!(address.name(), name);
            let again = Address::parse_with(address.as_str(), Profile::Deployed).unwrap();
            assert_eq!(again, address);
            if is_short {
                assert_eq!((address.provider(), address.boundary()), (own.provider(), own.boundary()));
            }
        }
        Err(error) => {
            assert!(is_short && text.len() + own.as_str().len() > 254);
            assert_fit_to_show(&error);
        }
    }
}

fn boundaries(address: &Address, providers: &[Provider]) {
    let known: KnownProviders = providers.iter().cloned().collect();
    let split = address.clone().with_known_providers(&known);
    assert_eq!(&split, address);
    let longest = providers
        .iter()
        .map(Provider::as_str)
        .filter(|provider| provider.contains('.'))
        .filter(|provider| address.domain().ends_with(&format!(".{provider}")))
        .max_by_key(|provider| provider.len());
    match longest {
        Some(provider) => assert_eq!((split.provider(), split.boundary()), (provider, Boundary::Known)),
        None => {
            assert_eq!((split.provider(), split.boundary()), (address.provider(), address.boundary()));
        }
    }
    assert_eq!(split.domain(), format!("{}.{}", split.scope(), split.provider()));
}

fn tenants(a: &Address, b: &Address, providers: &[Provider]) {
    let known: KnownProviders = providers.iter().cloned().collect();
    let (known_a, known_b) = (a.clone().with_known_providers(&known), b.clone().with_known_providers(&known));
    for (a, b) in [(a, b), (&known_a, &known_b), (a, &known_b)] {
        let (there, back) = (same_tenant(a, b), same_tenant(b, a));
        assert_eq!((there.is_same(), there.basis()), (back.is_same(), back.basis()));
        if there.is_same() {
            assert_eq!((a.provider(), a.tenant()), (b.provider(), b.tenant()));
            let both_known = (a.boundary(), b.boundary()) == (Boundary::Known, Boundary::Known);
            assert!(both_known || a.domain() == b.domain());
        }
    }
}

/// The grammar of full addresses, written down once more.
pub(super) fn is_full(text: &str, profile: Profile) -> bool {
    let least = if profile == Profile::Spec { 3 } else { 2 };
    text.len() <= 254
        && text.split_once('@').is_some_and(|(name, domain)| {
            is_name(name) && domain.split('.').count() >= least && domain.split('.').all(is_label)
        })
}

fn is_short(text: &str) -> bool {
    text.len() <= 254
        && text.split_once('@').map_or(is_name(text), |(name, label)| is_name(name) && is_label(label))
}

fn is_name(name: &str) -> bool {
    (1..=63).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

pub(super) fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len()) && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}
