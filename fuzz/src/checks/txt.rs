//! What providers publish: records are written as they can be read again, and no mixture of sources is ever found.

use std::time::Duration;

use amp_address::Provider;
use amp_core::federation::{
    Discovery, DiscoveryError, Finding, LastKnown, ProviderRegistration, RegistryRecord, Source, TxtRecord,
    WellKnown,
};
use amp_crypto::{Fingerprint, Identity};
use amp_envelope::Timestamp;

use super::{assert_fit_to_show, text_of};

/// The first byte chooses: a TXT record (even), documents (odd), or, from 0xf0, lines that answer a discovery.
pub fn txt(data: &[u8]) {
    let [choice, rest @ ..] = data else { return };
    match choice {
        0xf0.. => answers(&text_of(rest)),
        choice if choice.is_multiple_of(2) => record(&text_of(rest)),
        _ => documents(rest),
    }
}

fn provider() -> Provider {
    "crabmail.ai".parse().unwrap()
}

fn at(seconds: u64) -> Timestamp {
    let start: Timestamp = "2026-01-31T10:00:00Z".parse().unwrap();
    start.saturating_add(Duration::from_secs(seconds))
}

fn refusal(error: &DiscoveryError) {
    assert_fit_to_show(error);
    assert!(error.code().bytes().all(|byte| byte.is_ascii_lowercase() || b"_8".contains(&byte)));
}

fn record(text: &str) {
    let read = TxtRecord::parse(text);
    let joined = TxtRecord::from_strings(&text.as_bytes().chunks(7).collect::<Vec<_>>());
    assert_eq!(read, joined);
    let read = match read {
        Ok(read) => read,
        Err(error) => return refusal(&error),
    };
    // It is written in one spelling, which says the same.
    let written = read.to_string();
    assert_eq!(TxtRecord::parse(&written).as_ref(), Ok(&read));
    assert_eq!(TxtRecord::from_strings(&read.to_strings()).as_ref(), Ok(&read));
    assert_eq!(reference(text), Some((read.endpoint().to_owned(), read.pubkey().to_owned())));
    assert_eq!(read.fingerprint().copied(), Fingerprint::parse(read.pubkey()).ok());
    assert!(read.endpoint().starts_with("https://") && read.endpoint().is_ascii());
    // Once more is once too often.
    assert!(TxtRecord::parse(&format!("{text};endpoint={}", read.endpoint())).is_err());
}

/// The two fields, read with another hand: the only ones of their names, in whatever case.
fn reference(text: &str) -> Option<(String, String)> {
    let value = |name: &str| {
        let mut found = text.split(';').filter_map(|field| {
            let (field, value) = field.split_once('=').unwrap_or((field, ""));
            let blank = |c| c == ' ' || c == '\t';
            field.trim_matches(blank).eq_ignore_ascii_case(name).then(|| value.trim_matches(blank).to_owned())
        });
        let first = found.next()?;
        found.next().is_none().then_some(first)
    };
    (value("v")? == "AMP1").then_some(())?;
    Some((value("endpoint")?, value("pubkey")?))
}

fn documents(bytes: &[u8]) {
    match WellKnown::decode(bytes) {
        Ok(read) => {
            assert_eq!(WellKnown::decode(read.to_json().as_bytes()).as_ref(), Ok(&read));
            if let (Some(key), Some(fingerprint)) = (read.public_key(), read.fingerprint()) {
                assert!(fingerprint.matches(key).is_some());
            }
            assert!(read.public_key().is_none() || read.fingerprint().is_some());
        }
        Err(error) => refusal(&error),
    }
    match RegistryRecord::decode(bytes) {
        Ok(read) => assert_eq!(RegistryRecord::decode(read.to_json().as_bytes()).as_ref(), Ok(&read)),
        Err(error) => refusal(&error),
    }
    match ProviderRegistration::decode(bytes) {
        Ok(read) => assert_eq!(ProviderRegistration::decode(read.to_json().as_bytes()).as_ref(), Ok(&read)),
        Err(error) => refusal(&error),
    }
    match LastKnown::from_json(bytes) {
        Ok(read) => assert_eq!(LastKnown::from_json(read.to_json().as_bytes()).as_ref(), Ok(&read)),
        Err(error) => refusal(&error),
    }
}

/// Lines that a discovery is told one after the other: a digit that chooses the source and the key, then its text, or
/// what stands in for it.
fn answers(text: &str) {
    let mut discovery = Discovery::new().with_registry("https://registry.example.org").unwrap().with_most(8);
    let (mut now, mut first) = (0_u64, None);
    for line in text.lines().take(32) {
        let mut letters = line.chars();
        let (choice, seed) = (letters.next().unwrap_or('0'), letters.next().map_or(1, |c| c as u8 % 3 + 1));
        now += u64::from(seed) * 701;
        let identity = Identity::from_seed(&[seed; 32]);
        let endpoint = format!("https://k{seed}.crabmail.ai/v1");
        let rest = letters.as_str();
        let told = match choice {
            '0' => {
                let record = TxtRecord::new(&endpoint, identity.verifying_key()).unwrap().to_string();
                discovery.note_txt(&provider(), &[record], Duration::from_secs(now), at(now)).map(drop)
            }
            '1' => {
                let document = WellKnown::new(provider(), &endpoint, identity.verifying_key()).unwrap();
                discovery.note_well_known(&provider(), document.to_json().as_bytes(), at(now)).map(drop)
            }
            '2' => discovery.note_txt(&provider(), &[rest], Duration::ZERO, at(now)).map(drop),
            '3' => discovery.note_well_known(&provider(), rest.as_bytes(), at(now)).map(drop),
            '4' => discovery.note_registry(&provider(), rest.as_bytes(), at(now)).map(drop),
            _ => discovery.note_nothing(&provider(), Source::Dns, at(now)),
        };
        if let Err(error) = told {
            refusal(&error);
        }
        match discovery.find(&provider(), at(now)) {
            Finding::Found(found) => {
                assert!(found.key().is_none_or(|key| found.fingerprint().matches(key).is_some()));
                // Endpoints of ours say which key they belong to.
                let seed =
                    found.endpoint().strip_prefix("https://k").and_then(|rest| rest.get(..1)?.parse().ok());
                if let Some(seed) = seed.filter(|_| found.endpoint().ends_with(".crabmail.ai/v1"))
                    && !text.contains("\"endpoint\"")
                    && !text.contains("endpoint=")
                {
                    let key = Identity::from_seed(&[seed; 32]);
                    assert!(found.fingerprint().matches(key.verifying_key()).is_some());
                }
                // Nobody changes the key that was learnt first.
                let known = discovery.last_known(&provider()).map(|known| *known.fingerprint());
                let first = first.get_or_insert(*found.fingerprint());
                assert!(known.is_none_or(|known| known == *first) || found.key().is_some());
            }
            Finding::Conflict(conflict) => {
                assert!(conflict.claims().len() > 1);
                assert_eq!(conflict.provider(), &provider());
            }
            _ => {}
        }
        assert!(discovery.len() <= 8);
    }
}
