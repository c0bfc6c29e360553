//! Discovery: what the sources say, for how long it holds, and what is made of it when they differ.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(unreachable_pub, clippy::std_instead_of_core, clippy::std_instead_of_alloc)]

use std::time::Duration;

use amp_core::federation::{
    Discovery, FederationMode, Finding, LastKnown, ProviderTrust, Query, RegistryRecord, Source, TxtRecord,
    WellKnown,
};
use amp_core::webhook::TargetPolicy;
use amp_core::{Fingerprint, Identity, Provider, Timestamp};
use proptest::prelude::*;

const ENDPOINT: &str = "https://api.crabmail.ai/v1";

fn crabmail() -> Provider {
    "crabmail.ai".parse().unwrap()
}

fn key(seed: u8) -> Identity {
    Identity::from_seed(&[seed; 32])
}

fn at(seconds: u64) -> Timestamp {
    "2026-01-31T10:00:00Z".parse::<Timestamp>().unwrap().saturating_add(Duration::from_secs(seconds))
}

fn txt(endpoint: &str, identity: &Identity) -> String {
    TxtRecord::new(endpoint, identity.verifying_key()).unwrap().to_string()
}

fn document(endpoint: &str, identity: &Identity) -> String {
    WellKnown::new(crabmail(), endpoint, identity.verifying_key()).unwrap().to_json()
}

fn record(endpoint: &str, identity: &Identity) -> RegistryRecord {
    RegistryRecord::new(crabmail(), endpoint, identity.fingerprint(), at(0)).unwrap()
}

fn with_registry() -> Discovery {
    Discovery::new().with_registry("https://registry.example.org/v1/").unwrap()
}

fn kinds(queries: &[Query]) -> Vec<&str> {
    let kind = |query: &Query| match query {
        Query::Txt { name } => {
            assert_eq!(name, "_amp._tcp.crabmail.ai");
            "dns"
        }
        Query::WellKnown { url } => {
            assert_eq!(url.as_str(), "https://crabmail.ai/.well-known/agent-messaging.json");
            "well_known"
        }
        Query::Registry { url } => {
            assert_eq!(url, "https://registry.example.org/v1/providers/crabmail.ai");
            "registry"
        }
        _ => panic!(),
    };
    queries.iter().map(kind).collect()
}

const MINUTES: Duration = Duration::from_secs(600);

// rule: DISC-8
#[test]
fn each_source_is_asked_again_when_its_time_is_over() {
    let mut discovery = with_registry();
    let identity = key(1);
    assert_eq!(kinds(&discovery.queries(&crabmail(), at(0))), ["dns", "well_known", "registry"]);
    // A TTL of a second counts as five minutes.
    discovery.note_txt(&crabmail(), &[txt(ENDPOINT, &identity)], Duration::from_secs(1), at(0)).unwrap();
    discovery.note_well_known(&crabmail(), document(ENDPOINT, &identity).as_bytes(), at(0)).unwrap();
    discovery.note_registry(&crabmail(), record(ENDPOINT, &identity).to_json().as_bytes(), at(0)).unwrap();
    assert!(discovery.queries(&crabmail(), at(299)).is_empty());
    assert_eq!(kinds(&discovery.queries(&crabmail(), at(300))), ["dns"]);
    assert_eq!(kinds(&discovery.queries(&crabmail(), at(3599))), ["dns"]);
    assert_eq!(kinds(&discovery.queries(&crabmail(), at(3600))), ["dns", "well_known"]);
    assert_eq!(kinds(&discovery.queries(&crabmail(), at(86_399))), ["dns", "well_known"]);
    assert_eq!(kinds(&discovery.queries(&crabmail(), at(86_400))), ["dns", "well_known", "registry"]);
    // A longer TTL counts, up to a day.
    discovery.note_txt(&crabmail(), &[txt(ENDPOINT, &identity)], Duration::from_secs(7200), at(0)).unwrap();
    assert_eq!(kinds(&discovery.queries(&crabmail(), at(7199))), ["well_known"]);
    assert_eq!(kinds(&discovery.queries(&crabmail(), at(7200))), ["dns", "well_known"]);
    discovery.note_txt(&crabmail(), &[txt(ENDPOINT, &identity)], Duration::MAX, at(0)).unwrap();
    assert!(kinds(&discovery.queries(&crabmail(), at(86_400))).contains(&"dns"));
}

// rule: DISC-8
#[test]
fn what_was_learnt_is_the_last_known_when_all_else_is_over() {
    let mut discovery = Discovery::new();
    let identity = key(1);
    let document = document(ENDPOINT, &identity);
    let known = discovery.note_well_known(&crabmail(), document.as_bytes(), at(0)).unwrap().unwrap();
    let source =
        |discovery: &mut Discovery, time| discovery.find(&crabmail(), time).found().unwrap().source();
    assert_eq!(source(&mut discovery, at(3599)), Source::WellKnown);
    assert_eq!(source(&mut discovery, at(3600)), Source::LastKnown);
    // A clock that is set back brings nothing to life again.
    assert_eq!(source(&mut discovery, at(10)), Source::LastKnown);
    // After a restart it is what the host has stored.
    let mut restored = Discovery::new();
    restored.restore([LastKnown::from_json(known.to_json().as_bytes()).unwrap()]).unwrap();
    assert_eq!(restored.find(&crabmail(), at(0)), discovery.find(&crabmail(), at(3600)));
    assert_eq!(restored.last_known(&crabmail()).unwrap().fingerprint(), &identity.fingerprint());
    restored.forget(&crabmail());
    assert_eq!(restored.find(&crabmail(), at(0)), Finding::Nothing);
}

#[test]
fn a_clock_that_is_set_back_makes_no_time_pass() {
    let mut discovery = Discovery::new();
    discovery.note_well_known(&crabmail(), document(ENDPOINT, &key(1)).as_bytes(), at(1_000_000)).unwrap();
    let source =
        |discovery: &mut Discovery, time| discovery.find(&crabmail(), time).found().unwrap().source();
    assert_eq!(source(&mut discovery, at(0)), Source::WellKnown);
    assert_eq!(source(&mut discovery, at(3599)), Source::WellKnown);
    assert_eq!(source(&mut discovery, at(3600)), Source::LastKnown);
    assert!(kinds(&discovery.queries(&crabmail(), at(0))).contains(&"well_known"));
}

// rule: DISC-7
#[test]
fn the_first_source_in_order_names_both_endpoint_and_key() {
    let identity = key(1);
    let mut discovery = with_registry();
    let found = |discovery: &mut Discovery| discovery.find(&crabmail(), at(1)).found().unwrap().clone();
    discovery.note_registry(&crabmail(), record(ENDPOINT, &identity).to_json().as_bytes(), at(0)).unwrap();
    assert_eq!((found(&mut discovery).source(), found(&mut discovery).key()), (Source::Registry, None));
    discovery.note_well_known(&crabmail(), document(ENDPOINT, &identity).as_bytes(), at(0)).unwrap();
    assert_eq!(found(&mut discovery).source(), Source::WellKnown);
    let spelled = ENDPOINT.replace("https://api", "https://API") + "/";
    discovery.note_txt(&crabmail(), &[txt(&spelled, &identity)], MINUTES, at(0)).unwrap();
    let found = found(&mut discovery);
    assert_eq!((found.endpoint(), found.source()), (ENDPOINT, Source::Dns));
    assert_eq!(found.key(), Some(identity.verifying_key()));
    assert_eq!(found.deliver_url(), format!("{ENDPOINT}/federation/deliver"));
    assert_eq!(found.deliver_target(&TargetPolicy::new()).unwrap().host(), "api.crabmail.ai");
}

// rule: DISC-7
#[test]
fn a_record_that_repeats_a_public_fingerprint_leads_nobody_elsewhere() {
    let identity = key(1);
    let forged = [txt("https://evil.example.net/v1", &identity)];
    // What a person has confirmed counts.
    let mut confirmed = Discovery::new();
    confirmed.confirm(&crabmail(), ENDPOINT, identity.verifying_key(), at(0)).unwrap();
    confirmed.note_txt(&crabmail(), &forged, MINUTES, at(1)).unwrap();
    assert_eq!(confirmed.find(&crabmail(), at(2)).found().unwrap().endpoint(), ENDPOINT);
    confirmed.note_well_known(&crabmail(), document(ENDPOINT, &identity).as_bytes(), at(3)).unwrap();
    let found = confirmed.find(&crabmail(), at(4)).found().unwrap().clone();
    assert_eq!((found.endpoint(), found.is_confirmed()), (ENDPOINT, true));
    // Without such a word it is a matter for a person, whichever comes first.
    for document_first in [true, false] {
        let mut discovery = Discovery::new();
        for is_document in [document_first, !document_first] {
            if is_document {
                let text = document(ENDPOINT, &identity);
                discovery.note_well_known(&crabmail(), text.as_bytes(), at(0)).unwrap();
            } else {
                discovery.note_txt(&crabmail(), &forged, MINUTES, at(0)).unwrap();
            }
        }
        let Finding::Conflict(conflict) = discovery.find(&crabmail(), at(1)) else { panic!() };
        assert_eq!(conflict.claims()[0].endpoint(), "https://evil.example.net/v1");
        assert!(conflict.to_string().starts_with("key_conflict: "));
    }
    // Nor when the document cannot be reached any more.
    let mut discovery = Discovery::new();
    discovery.note_well_known(&crabmail(), document(ENDPOINT, &identity).as_bytes(), at(0)).unwrap();
    discovery.note_txt(&crabmail(), &forged, MINUTES, at(4000)).unwrap();
    discovery.note_nothing(&crabmail(), Source::WellKnown, at(4000)).unwrap();
    assert!(matches!(discovery.find(&crabmail(), at(4001)), Finding::Conflict(_)));
    assert_eq!(discovery.find(&crabmail(), at(9000)).found().unwrap().endpoint(), ENDPOINT);
}

// rule: DISC-7
#[test]
fn a_provider_that_says_so_with_its_whole_key_has_moved() {
    let (identity, there) = (key(1), "https://there.crabmail.ai/v1");
    let mut discovery = Discovery::new();
    discovery.note_well_known(&crabmail(), document(ENDPOINT, &identity).as_bytes(), at(0)).unwrap();
    discovery.note_txt(&crabmail(), &[txt(there, &identity)], MINUTES, at(4000)).unwrap();
    discovery.note_well_known(&crabmail(), document(there, &identity).as_bytes(), at(4000)).unwrap();
    let found = discovery.find(&crabmail(), at(4001)).found().unwrap().clone();
    assert_eq!((found.endpoint(), found.key()), (there, Some(identity.verifying_key())));
    assert_eq!(discovery.find(&crabmail(), at(90_000)).found().unwrap().endpoint(), there);
}

// rule: DISC-7
#[test]
fn a_changed_key_is_a_conflict_with_what_was_known_until_a_person_decides() {
    let (old, new) = (key(1), key(2));
    let mut discovery = Discovery::new();
    discovery.note_well_known(&crabmail(), document(ENDPOINT, &old).as_bytes(), at(0)).unwrap();
    let changed =
        discovery.note_well_known(&crabmail(), document(ENDPOINT, &new).as_bytes(), at(4000)).unwrap();
    assert_eq!(changed, None);
    let Finding::Conflict(conflict) = discovery.find(&crabmail(), at(4000)) else { panic!() };
    let sources: Vec<_> = conflict.claims().iter().map(|claim| claim.source()).collect();
    assert_eq!(sources, [Source::WellKnown, Source::LastKnown]);
    assert!(conflict.to_string().starts_with("key_conflict: "));
    let trust = ProviderTrust::new(FederationMode::Open, "example.org".parse().unwrap());
    let finding = discovery.find(&crabmail(), at(4000));
    assert_eq!(trust.admit(&crabmail(), &finding).unwrap_err().code(), "provider_not_trusted");
    // A person confirms the new key.
    discovery.confirm(&crabmail(), ENDPOINT, new.verifying_key(), at(4001)).unwrap();
    let finding = discovery.find(&crabmail(), at(4002));
    assert_eq!(trust.admit(&crabmail(), &finding).unwrap().key(), new.verifying_key());
    // From then on nobody else's word counts against it.
    discovery
        .note_txt(&crabmail(), &[txt("https://mallory.example.edu/v1", &old)], MINUTES, at(5000))
        .unwrap();
    let found = discovery.find(&crabmail(), at(5000)).found().unwrap().clone();
    assert!(found.is_confirmed());
    assert_eq!((found.endpoint(), found.key()), (ENDPOINT, Some(new.verifying_key())));
}

// rule: DISC-7
#[test]
fn a_zone_that_names_two_keys_is_in_conflict_with_itself() {
    let mut discovery = Discovery::new();
    let records =
        [txt(ENDPOINT, &key(1)), "v=spf1 -all".to_owned(), txt("https://other.crabmail.ai", &key(2))];
    discovery.note_txt(&crabmail(), &records, MINUTES, at(0)).unwrap();
    assert!(matches!(discovery.find(&crabmail(), at(0)), Finding::Conflict(_)));
    let same = [txt(ENDPOINT, &key(1)), txt("https://other.crabmail.ai", &key(1))];
    let mut discovery = Discovery::new();
    discovery.note_txt(&crabmail(), &same, MINUTES, at(0)).unwrap();
    assert_eq!(discovery.find(&crabmail(), at(0)).found().unwrap().endpoint(), ENDPOINT);
}

#[test]
fn a_key_is_known_by_either_form_of_its_fingerprint() {
    let identity = key(1);
    let spki = Fingerprint::of_spki_der(identity.verifying_key());
    let dns = format!("v=AMP1; endpoint={ENDPOINT}; pubkey={spki}");
    let mut discovery = Discovery::new();
    discovery.note_txt(&crabmail(), &[dns], MINUTES, at(0)).unwrap();
    discovery.note_well_known(&crabmail(), document(ENDPOINT, &identity).as_bytes(), at(0)).unwrap();
    assert_eq!(discovery.find(&crabmail(), at(0)).found().unwrap().key(), Some(identity.verifying_key()));
}

// rule: DISC-9
#[test]
fn what_is_about_another_provider_is_not_believed() {
    let mut discovery = with_registry();
    let other =
        WellKnown::new("other.example.org".parse().unwrap(), ENDPOINT, key(1).verifying_key()).unwrap();
    let refused = discovery.note_well_known(&crabmail(), other.to_json().as_bytes(), at(0)).unwrap_err();
    assert_eq!((refused.code(), refused.field()), ("invalid_field", Some("provider")));
    let other =
        RegistryRecord::new("other.example.org".parse().unwrap(), ENDPOINT, key(1).fingerprint(), at(0))
            .unwrap();
    assert!(discovery.note_registry(&crabmail(), other.to_json().as_bytes(), at(0)).is_err());
    assert_eq!(discovery.find(&crabmail(), at(0)), Finding::Nothing);
    // It is not asked at once again.
    assert_eq!(kinds(&discovery.queries(&crabmail(), at(299))), ["dns"]);
    assert_eq!(kinds(&discovery.queries(&crabmail(), at(300))), ["dns", "well_known", "registry"]);
}

// rule: DISC-10
#[test]
fn an_endpoint_is_one_that_a_server_may_call() {
    for endpoint in [
        "http://api.crabmail.ai/v1",
        "https://127.0.0.1/v1",
        "https://localhost/v1",
        "https://db.internal/v1",
        "https://169.254.169.254/latest",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://[::ffff:10.0.0.1]/v1",
        "https://api.crabmail.ai:22/v1",
    ] {
        let mut discovery = Discovery::new();
        let fingerprint = key(1).fingerprint();
        let text = format!(r#"{{"version":"AMP1","endpoint":"{endpoint}","fingerprint":"{fingerprint}"}}"#);
        let noted = discovery.note_well_known(&crabmail(), text.as_bytes(), at(0));
        let is_literal = noted.is_ok();
        let found = discovery.find(&crabmail(), at(0));
        // Where the URL names an address, admission of the address refuses it when it is called.
        if is_literal {
            let target = found.found().unwrap().deliver_target(&TargetPolicy::new()).unwrap();
            assert!(target.admit(&[target.address().unwrap()]).is_err(), "{endpoint}");
        } else {
            assert_eq!(noted.unwrap_err().field(), Some("endpoint"), "{endpoint}");
            assert_eq!(found, Finding::Nothing);
        }
        assert!(
            is_literal || discovery.confirm(&crabmail(), endpoint, key(1).verifying_key(), at(0)).is_err()
        );
    }
    assert!(Discovery::new().queries(&"crew.local".parse().unwrap(), at(0)).is_empty());
}

#[test]
fn nobody_is_kept_known_by_being_asked_about() {
    let mut discovery = Discovery::new();
    discovery.note_well_known(&crabmail(), document(ENDPOINT, &key(1)).as_bytes(), at(0)).unwrap();
    let unreadable = discovery.note_well_known(&crabmail(), b"{}", at(3 * 86_400));
    assert!(unreadable.is_err());
    discovery.note_nothing(&crabmail(), Source::Dns, at(4 * 86_400)).unwrap();
    assert_eq!(discovery.last_known(&crabmail()).unwrap().at(), at(0));
    discovery.note_well_known(&crabmail(), document(ENDPOINT, &key(1)).as_bytes(), at(5 * 86_400)).unwrap();
    assert_eq!(discovery.last_known(&crabmail()).unwrap().at(), at(5 * 86_400));
}

#[test]
fn a_registrys_word_counts_when_it_has_verified_and_names_the_key() {
    let trust = ProviderTrust::new(FederationMode::Registry, "example.org".parse().unwrap());
    let identity = key(1);
    let mut discovery = with_registry();
    discovery.note_well_known(&crabmail(), document(ENDPOINT, &identity).as_bytes(), at(0)).unwrap();
    let admits = |discovery: &mut Discovery| {
        let finding = discovery.find(&crabmail(), at(1));
        trust.admit(&crabmail(), &finding).is_ok()
    };
    assert!(!admits(&mut discovery));
    let unverified = record(ENDPOINT, &identity);
    discovery.note_registry(&crabmail(), unverified.to_json().as_bytes(), at(0)).unwrap();
    assert!(!admits(&mut discovery));
    discovery.note_registry(&crabmail(), unverified.verified().to_json().as_bytes(), at(0)).unwrap();
    assert!(admits(&mut discovery));
}

fn named(name: &str) -> Provider {
    name.parse().unwrap()
}

fn note(discovery: &mut Discovery, name: &str, time: Timestamp) -> bool {
    discovery.note_txt(&named(name), &[txt(ENDPOINT, &key(2))], MINUTES, time).is_ok()
}

// rule: DISC-12
#[test]
fn a_crowd_of_providers_makes_none_forgotten_that_counts() {
    let mut discovery = Discovery::new().with_most(16);
    discovery.note_well_known(&crabmail(), document(ENDPOINT, &key(1)).as_bytes(), at(0)).unwrap();
    let stored = discovery.note_exchange(&crabmail()).unwrap();
    assert!(discovery.note_exchange(&crabmail()).is_none(), "it is known already");
    discovery.confirm(&named("friend.example"), ENDPOINT, key(3).verifying_key(), at(0)).unwrap();
    for number in 0..100 {
        assert!(note(&mut discovery, &format!("p{number}.evil.example"), at(1)));
    }
    assert_eq!(discovery.len(), 4, "an eighth under one domain");
    for number in 0..100 {
        assert!(note(&mut discovery, &format!("evil{number}.example"), at(2)));
    }
    assert_eq!(discovery.len(), 16);
    assert!(discovery.find(&crabmail(), at(10)).found().is_some());
    assert!(discovery.find(&named("friend.example"), at(10)).found().is_some());
    // Whoever is new is found at once.
    discovery.note_well_known(&named("new.example"), document_of("new.example"), at(3)).unwrap();
    assert!(discovery.find(&named("new.example"), at(10)).found().is_some());
    // A restart forgets nothing of that.
    let stored = amp_core::federation::LastKnown::from_json(stored.to_json().as_bytes()).unwrap();
    let mut discovery = Discovery::new().with_most(16);
    discovery.restore([stored]).unwrap();
    for number in 0..100 {
        note(&mut discovery, &format!("evil{number}.example"), at(11));
    }
    assert!(discovery.find(&crabmail(), at(12)).found().is_some());
    // Of what nobody has confirmed, what is silent for 90 days makes room for others that count.
    for number in 0..16 {
        let name = format!("later{number}.example");
        assert!(note(&mut discovery, &name, at(91 * 86_400)));
        discovery.note_exchange(&named(&name));
    }
    assert_eq!(discovery.len(), 16);
    assert!(discovery.find(&crabmail(), at(91 * 86_400)).found().is_none());
    assert!(!note(&mut discovery, "one-more.example", at(91 * 86_400)));
}

fn document_of(name: &str) -> &'static [u8] {
    let document = WellKnown::new(named(name), ENDPOINT, key(4).verifying_key()).unwrap();
    document.to_json().into_bytes().leak()
}

// rule: DISC-12
#[test]
fn names_of_which_nobody_knows_anything_take_no_room() {
    let mut discovery = Discovery::new().with_most(8);
    for number in 0..1_100 {
        let name = named(&format!("nobody{number}.example"));
        discovery.note_nothing(&name, Source::Dns, at(number)).unwrap();
        assert!(discovery.note_well_known(&name, b"<html>", at(number)).is_err());
        // But it is known of the last ones, so that they are not asked about again.
        assert!(discovery.queries(&name, at(number)).is_empty());
    }
    assert!(discovery.is_empty());
    assert!(!discovery.queries(&named("nobody1.example"), at(1)).is_empty());
    assert!(note(&mut discovery, "honest.example", at(1_100)));
    assert!(discovery.find(&named("honest.example"), at(1_101)).found().is_some());
}

#[test]
fn the_news_that_there_is_nothing_holds_for_five_minutes_and_erases_nothing() {
    let mut discovery = Discovery::new();
    discovery.note_nothing(&crabmail(), Source::Dns, at(0)).unwrap();
    assert_eq!(kinds(&discovery.queries(&crabmail(), at(299))), ["well_known"]);
    discovery.note_well_known(&crabmail(), document(ENDPOINT, &key(1)).as_bytes(), at(0)).unwrap();
    discovery.note_nothing(&crabmail(), Source::WellKnown, at(1)).unwrap();
    assert!(discovery.note_well_known(&crabmail(), b"<html>", at(2)).is_err());
    assert_eq!(discovery.find(&crabmail(), at(3)).found().unwrap().source(), Source::WellKnown);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    // rule: DISC-7
    #[test]
    fn what_is_found_names_the_key_of_every_source(
        steps in proptest::collection::vec((0_u8..4, 1_u8..4, 0_u64..100_000), 1..30),
    ) {
        let mut discovery = with_registry();
        let mut time = 0;
        for (source, seed, passes) in steps {
            time += passes;
            let (identity, endpoint) = (key(seed), format!("https://s{source}k{seed}.crabmail.ai/v1"));
            let _ = match source {
                0 => discovery.note_txt(&crabmail(), &[txt(&endpoint, &identity)], MINUTES, at(time)).map(drop),
                1 => discovery.note_well_known(&crabmail(), document(&endpoint, &identity).as_bytes(), at(time)).map(drop),
                2 => discovery.note_registry(&crabmail(), record(&endpoint, &identity).to_json().as_bytes(), at(time)).map(drop),
                _ => discovery.note_nothing(&crabmail(), Source::Dns, at(time)),
            };
            match discovery.find(&crabmail(), at(time)) {
                Finding::Found(found) => {
                    // The endpoint says which key its source named.
                    let named = found.endpoint().chars().find(|c| *c == 'k').is_some();
                    prop_assert!(named);
                    let seed: u8 = found.endpoint()[11..12].parse().unwrap();
                    prop_assert_eq!(found.fingerprint(), &key(seed).fingerprint());
                    // And it is the first that was ever learnt: no source changes it silently.
                    prop_assert_eq!(discovery.last_known(&crabmail()).unwrap().fingerprint(), found.fingerprint());
                }
                Finding::Conflict(conflict) => {
                    let mut prints: Vec<_> = conflict.claims().iter().filter_map(|claim| claim.fingerprint()).map(|print| print.to_string()).collect();
                    prints.sort();
                    prints.dedup();
                    let first = conflict.claims()[0].endpoint();
                    prop_assert!(prints.len() > 1 || conflict.claims().iter().any(|claim| claim.endpoint() != first));
                }
                _ => {}
            }
        }
    }
}
