//! Agent cards: what is made verifies, what is changed does not, and what a card may not do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::std_instead_of_alloc, missing_docs)]

use core::time::Duration;
use std::collections::BTreeMap;

use amp_core::identity::{
    AgentCard, AgentId, Capability, CardBuilder, CardError, CardMemory, CardSeen, EncryptionKey,
    ProviderAssertedCard, VerifiedCard,
};
use amp_core::{Address, Dialect, Fingerprint, Identity, Signature, Timestamp, VerifyingKey, canonicalize};
use proptest::prelude::*;
use serde_json::{Value, json};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn alice() -> Identity {
    Identity::from_seed(&[1; 32])
}

fn mallory() -> Identity {
    Identity::from_seed(&[2; 32])
}

fn address() -> Address {
    "alice@acme.crabmail.ai".parse().unwrap()
}

fn now() -> Timestamp {
    "2026-03-01T00:00:00Z".parse().unwrap()
}

fn encryption_key(first: u8) -> EncryptionKey {
    EncryptionKey::from_bytes([first; 32]).unwrap()
}

fn builder() -> CardBuilder {
    CardBuilder::new(address()).alias("Alice").encryption_key(encryption_key(9))
}

fn card() -> AgentCard {
    builder().sign(&alice(), now()).unwrap()
}

fn verified(card: &AgentCard) -> VerifiedCard {
    card.verify(now()).unwrap()
}

fn value(card: &AgentCard) -> Value {
    serde_json::from_str(card.as_json()).unwrap()
}

/// What a card says: the canonical form of everything but the signature, and the signature's bytes.
fn meaning(json: &[u8]) -> (Vec<u8>, Signature) {
    let mut card: Value = serde_json::from_slice(json).unwrap();
    let signature = card.as_object_mut().unwrap().remove("signature").unwrap();
    let rest = canonicalize(card.to_string().as_bytes(), Dialect::Jcs).unwrap();
    (rest, Signature::from_base64(signature.as_str().unwrap()).unwrap())
}

// rule: CARD-16
#[test]
fn a_card_states_its_key_and_lives_180_days_unless_told_otherwise() {
    let id: AgentId = "a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d".parse().unwrap();
    let card = builder()
        .id(id.clone())
        .provider_endpoint("https://api.crabmail.ai/v1")
        .capability(Capability::Threading)
        .capability(Capability::from_wire("github:code_review"))
        .sign(&alice(), now())
        .unwrap();
    assert_eq!(verified(&card).fingerprint(), alice().fingerprint());
    assert_eq!(card.expires_at().duration_since(card.issued_at()), Some(180 * DAY));
    assert_eq!(card.id(), Some(id));
    assert_eq!(card.alias().as_deref(), Some("Alice"));
    assert_eq!(card.provider_endpoint().as_deref(), Some("https://api.crabmail.ai/v1"));
    assert_eq!(
        card.capabilities().iter().map(Capability::as_str).collect::<Vec<_>>(),
        ["threading", "github:code_review"]
    );
    let names: Vec<String> = value(&card).as_object().unwrap().keys().cloned().collect();
    assert!(names.contains(&"fingerprint".to_owned()) && names.contains(&"encryption_key".to_owned()));
}

// rule: CARD-16, CARD-9
#[test]
fn a_card_that_would_not_verify_is_not_made() {
    let refused = |builder: CardBuilder| builder.sign(&alice(), now()).unwrap_err();
    let too_long = refused(builder().valid_for(184 * DAY + Duration::from_nanos(1)));
    assert_eq!((too_long.code(), too_long.field()), ("invalid_field", Some("expires_at")));
    assert_eq!(refused(builder().valid_for(Duration::ZERO)).field(), Some("expires_at"));
    assert_eq!(refused(builder().valid_for(Duration::MAX)), CardError::NotSignable);
    assert!(builder().valid_for(184 * DAY).sign(&alice(), now()).unwrap().verify(now()).is_ok());
    for name in ["messaging", "", "a:b:c", "x:\u{e9}"] {
        let error = refused(builder().capability(Capability::from_wire(name)));
        assert_eq!((error.code(), error.field()), ("invalid_field", Some("capabilities")), "{name}");
    }
    for url in ["crabmail.ai", "file:///etc/passwd", "https://a:b@crabmail.ai", "https://crabmail.ai/\n"] {
        assert_eq!(refused(builder().provider_endpoint(url)).field(), Some("provider_endpoint"), "{url}");
    }
    assert_eq!(refused(builder().alias(&"a".repeat(70_000))), CardError::TooLarge);
    let big = builder().member("x", &9_007_199_254_740_993_u64).unwrap();
    assert_eq!(refused(big).code(), "unportable_number");
}

// rule: CARD-17
#[test]
fn a_member_of_ones_own_takes_no_name_that_has_a_meaning() {
    for name in ["signature", "address", "public_key", "provider_asserted", "did", "encryption_key", "id"] {
        assert_eq!(builder().member(name, "x").unwrap_err().code(), "invalid_field", "{name}");
    }
    let twice = builder().member("x", &1).unwrap().member("x", &2);
    assert_eq!(twice.unwrap_err().code(), "invalid_field");
}

// rule: CARD-13
#[test]
fn members_that_nobody_knows_are_kept_to_the_byte() {
    let card = builder().member("x-team", &json!({"floor": 3, "names": ["a", "b"]})).unwrap();
    let card = card.sign(&alice(), now()).unwrap();
    let spread = format!("  {}\n", card.as_json().replace("\"floor\":3", "\"floor\" : 3.0"));
    let read = AgentCard::decode(spread.as_bytes()).unwrap();
    assert_eq!(read.as_json(), spread.trim());
    assert_eq!(verified(&read).get("x-team").unwrap().raw(), r#"{"floor" : 3.0,"names":["a","b"]}"#);
    assert!(read.get("encryption_key").is_none(), "what has a door of its own is behind it");
}

// rule: CARD-4
#[test]
fn a11_the_key_decides_the_algorithm_whatever_the_card_says() {
    let of = |name: &str| card().as_json().replace("\"Ed25519\"", &format!("\"{name}\""));
    for name in ["RSA", "ECDSA", "EdDSA25519", "none", "HS256", ""] {
        let error = AgentCard::decode(of(name).as_bytes()).unwrap_err();
        assert_eq!((error.code(), error.field()), ("invalid_key", Some("key_algorithm")), "{name}");
    }
    // Another key behind the same name is another card.
    let swapped = card().as_json().replace(
        &serde_json::to_string(&alice().verifying_key().to_pem()).unwrap(),
        &serde_json::to_string(&mallory().verifying_key().to_pem()).unwrap(),
    );
    let card = AgentCard::decode(swapped.as_bytes()).unwrap();
    assert_eq!(card.verify(now()).unwrap_err(), CardError::SignatureInvalid);
}

#[cfg(feature = "p256")]
#[test]
fn a11_a_card_of_a_p256_key_does_not_pass_for_one_of_ed25519() {
    const P256: &str = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE22L4/tUgnlomGRjwDGYTVeFP+EbC\n4510I6630eEi6aXN7Md1JINo/KluWvMV20AsquS2leIeOipp1XX+bN3isQ==\n-----END PUBLIC KEY-----\n";
    let with = |algorithm: &str| {
        let mut card = value(&card());
        card["public_key"] = P256.into();
        card["key_algorithm"] = algorithm.into();
        AgentCard::decode(card.to_string().as_bytes())
    };
    assert_eq!(with("Ed25519").unwrap_err().code(), "invalid_key");
    assert_eq!(with("RSA").unwrap_err().code(), "invalid_key");
    assert_eq!(with("ECDSA").unwrap().verify(now()).unwrap_err(), CardError::SignatureInvalid);
}

// rule: CARD-14
#[test]
fn a16_a_card_of_an_unknown_key_offers_nothing_and_pins_nothing() {
    // Perfectly valid, of Alice's address, with a key of Mallory's: anybody can make one.
    let forged = builder().encryption_key(encryption_key(66)).sign(&mallory(), now()).unwrap();
    let memory = CardMemory::new(10);
    let refused = verified(&forged).check_against(&address(), alice().verifying_key(), &memory);
    assert_eq!(refused.unwrap_err(), CardError::KeyConflict);
    assert_eq!(memory, CardMemory::new(10));
}

// rule: CARD-14
#[test]
fn a17_a_card_of_another_address_answers_for_nobody_else() {
    let own = CardBuilder::new("mallory@acme.crabmail.ai".parse().unwrap()).sign(&mallory(), now()).unwrap();
    let refused = verified(&own)
        .check_against(&address(), mallory().verifying_key(), &CardMemory::new(10))
        .unwrap_err();
    assert_eq!((refused.code(), refused.field()), ("key_mismatch", Some("address")));
}

// rule: CARD-15
#[test]
fn a18_a_forged_card_does_not_make_the_honest_ones_look_old() {
    let forged = builder().sign(&mallory(), now().saturating_add(Duration::from_secs(60))).unwrap();
    let mut memory = CardMemory::new(10);
    let refused = verified(&forged).check_against(&address(), alice().verifying_key(), &memory);
    assert!(refused.is_err(), "so there is no effect that could be applied");
    let honest = verified(&card()).check_against(&address(), alice().verifying_key(), &memory).unwrap();
    memory.apply(&honest.seen());
    assert_eq!(memory.newest(&address()), Some(now()));
}

// rule: CARD-15
#[test]
fn a25_an_older_valid_card_does_not_bring_a_lost_key_back() {
    let later = now().saturating_add(30 * DAY);
    let lost = card();
    let renewed = builder().encryption_key(encryption_key(10)).sign(&alice(), later).unwrap();
    let without = CardBuilder::new(address()).sign(&alice(), later.saturating_add(DAY)).unwrap();
    let mut memory = CardMemory::new(10);
    let mut offered = |card: &AgentCard, at: Timestamp| {
        let current = card.verify(at)?.check_against(&address(), alice().verifying_key(), &memory)?;
        memory.apply(&current.seen());
        Ok::<_, CardError>(current.encryption_key())
    };
    assert_eq!(offered(&lost, now()), Ok(Some(encryption_key(9))));
    assert_eq!(offered(&renewed, later), Ok(Some(encryption_key(10))));
    assert_eq!(offered(&renewed, later), Ok(Some(encryption_key(10))), "the newest may come again");
    assert_eq!(offered(&lost, later), Err(CardError::RolledBack { newest: later }));
    let last = later.saturating_add(DAY);
    assert_eq!(offered(&without, last), Ok(None), "a key can be taken back");
    assert_eq!(offered(&renewed, last), Err(CardError::RolledBack { newest: last }));
}

// rule: CARD-15
#[test]
fn a25_a_full_memory_takes_no_further_address() {
    let mut memory = CardMemory::new(1);
    let first = verified(&card()).check_against(&address(), alice().verifying_key(), &memory).unwrap();
    memory.apply(&first.seen());
    let other: Address = "bob@acme.crabmail.ai".parse().unwrap();
    let bob = CardBuilder::new(other.clone()).sign(&mallory(), now()).unwrap();
    let refused = verified(&bob).check_against(&other, mallory().verifying_key(), &memory);
    assert_eq!(refused.unwrap_err(), CardError::MemoryFull);
    assert!(verified(&card()).check_against(&address(), alice().verifying_key(), &memory).is_ok());

    // What is forgotten is so old that every older card has expired.
    memory.forget_lapsed(now().saturating_add(184 * DAY).saturating_sub(Duration::from_nanos(1)));
    assert_eq!(memory.newest(&address()), Some(now()));
    memory.forget_lapsed(now().saturating_add(184 * DAY));
    assert_eq!(memory.newest(&address()), None);
}

#[test]
fn a_seen_card_reads_back_and_restores_the_memory() {
    let seen = verified(&card())
        .check_against(&address(), alice().verifying_key(), &CardMemory::new(1))
        .unwrap()
        .seen();
    assert_eq!(
        seen.to_json(),
        r#"{"address":"alice@acme.crabmail.ai","issued_at":"2026-03-01T00:00:00Z"}"#,
        "stored by hosts, so it does not change"
    );
    assert_eq!(CardSeen::decode(seen.to_json().as_bytes()), Ok(seen));
    assert_eq!(CardSeen::decode(b"{}").unwrap_err().code(), "missing_field");
}

// rule: CARD-11
#[test]
fn what_a_provider_asserts_is_read_and_is_no_card() {
    let recorded: Value = include_str!("../../vectors/maestro-exchanges.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .find(|exchange| exchange["name"] == "me/card" && exchange["response"]["status"] == 200)
        .unwrap();
    let body = recorded["response"]["body"].as_str().unwrap();
    let asserted = ProviderAssertedCard::decode(body.as_bytes()).unwrap();
    assert_eq!(asserted.address().as_str(), "alice@acme.aimaestro.local");
    assert_eq!(asserted.alias().as_deref(), Some("Alice A."));
    assert_eq!(asserted.capabilities().len(), 2);
    assert!(asserted.asserted_at().is_some());
    assert!(asserted.get("provider").is_some());
    assert_eq!(AgentCard::decode(body.as_bytes()).unwrap_err(), CardError::SignatureMissing);

    // Its statements hold together, or it is not read.
    let changed = |name: &str, value: Value| {
        let mut card: Value = serde_json::from_str(body).unwrap();
        card[name] = value;
        ProviderAssertedCard::decode(card.to_string().as_bytes()).map(|_| ()).unwrap_err().code()
    };
    let other = mallory().verifying_key().clone();
    assert_eq!(changed("fingerprint", other.fingerprint().to_string().into()), "fingerprint_mismatch");
    assert_eq!(changed("did", other.did().unwrap().to_string().into()), "key_mismatch");
    assert_eq!(changed("key_algorithm", "RSA".into()), "invalid_key");
    assert_eq!(changed("provider_asserted", false.into()), "invalid_field");
    assert_eq!(changed("signature", "AAAA".into()), "invalid_field");
    assert_eq!(changed("address", "alice".into()), "invalid_field");
    assert!(ProviderAssertedCard::decode(card().as_json().as_bytes()).is_err());
}

/// Every way to fail that a card's bytes can lead to.
fn errors(json: &[u8], now: Timestamp) -> Option<CardError> {
    match AgentCard::decode(json) {
        Ok(card) => card.verify(now).err(),
        Err(error) => Some(error),
    }
}

#[test]
fn a51_no_error_and_no_debug_form_repeats_what_the_card_says() {
    let hostile = "\u{1b}]52;c;aGk=\u{7}\u{9b}31m\u{202e}\r\nalias";
    for name in
        ["address", "public_key", "key_algorithm", "fingerprint", "did", "id", "issued_at", "signature"]
    {
        let mut card = value(&card());
        card[name] = hostile.into();
        let error = errors(card.to_string().as_bytes(), now()).unwrap();
        assert!(format!("{error} {error:?}").chars().all(|c| (' '..='~').contains(&c)), "{name}");
    }
    let named = builder().alias(hostile).sign(&alice(), now()).unwrap();
    let shown = format!("{named:?} {:?}", verified(&named));
    assert!(shown.chars().all(|c| (' '..='~').contains(&c)), "{shown}");
}

prop_compose! {
    fn any_builder()(
        alias in proptest::option::of("\\PC{0,40}"),
        capabilities in proptest::collection::vec("[a-z]{1,8}:x[a-z0-9_.-]{0,8}|threading|priority", 0..4),
        seconds in 1_u64..=184 * 24 * 60 * 60,
        members in proptest::collection::btree_map("x-\\PC{0,10}", any_member(), 0..4),
        sealed in any::<bool>(),
    ) -> CardBuilder {
        let mut builder = CardBuilder::new(address()).valid_for(Duration::from_secs(seconds));
        if let Some(alias) = &alias {
            builder = builder.alias(alias);
        }
        for name in &capabilities {
            builder = builder.capability(Capability::from_wire(name));
        }
        if sealed {
            builder = builder.encryption_key(encryption_key(9));
        }
        let members: BTreeMap<String, Value> = members;
        members.iter().fold(builder, |builder, (name, value)| builder.member(name, value).unwrap())
    }
}

fn any_member() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        Just(json!({"b": [1, {"a": null}], "\u{fb33}": 1, "\u{1f600}": 2})),
    ]
}

proptest! {
    #[test]
    fn every_card_that_is_made_verifies_and_reads_back(builder in any_builder(), seed in any::<[u8; 32]>()) {
        let identity = Identity::from_seed(&seed);
        let card = builder.sign(&identity, now()).unwrap();
        let read = AgentCard::decode(card.as_json().as_bytes()).unwrap();
        prop_assert_eq!(read.as_json(), card.as_json());
        let verified = read.verify(now()).unwrap();
        prop_assert_eq!(verified.public_key(), identity.verifying_key());
        prop_assert!(Fingerprint::of(verified.public_key()) == identity.fingerprint());
        prop_assert!(verified.verify(card.expires_at()).is_err());
    }

    // rule: CARD-5
    #[test]
    fn a_changed_byte_is_noticed_or_changes_nothing(
        builder in any_builder(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let card = builder.sign(&alice(), now()).unwrap();
        let mut json = card.as_json().as_bytes().to_vec();
        let at = at.index(json.len());
        json[at] = byte;
        match errors(&json, now()) {
            None => prop_assert_eq!(meaning(&json), meaning(card.as_json().as_bytes())),
            Some(error) => prop_assert!(error.to_string().chars().all(|c| (' '..='~').contains(&c))),
        }
    }

    // rule: CARD-5
    #[test]
    fn members_may_change_places_and_nothing_else(builder in any_builder(), pretty in any::<bool>()) {
        let card = builder.sign(&alice(), now()).unwrap();
        // serde_json sorts the members.
        let value: Value = serde_json::from_str(card.as_json()).unwrap();
        let json = if pretty { format!("{value:#}") } else { value.to_string() };
        prop_assert!(AgentCard::decode(json.as_bytes()).unwrap().verify(now()).is_ok());
        for name in value.as_object().unwrap().keys().filter(|name| *name != "signature") {
            let mut less = value.clone();
            less.as_object_mut().unwrap().remove(name);
            prop_assert!(errors(less.to_string().as_bytes(), now()).is_some(), "without {}", name);
        }
    }

    // rule: CARD-7, CARD-8
    #[test]
    fn a_card_is_good_from_a_minute_before_its_issue_until_it_expires(
        life in 1_u64..=184 * 86_400, offset in -200_i64..=184 * 86_400 + 200,
    ) {
        let card = builder().valid_for(Duration::from_secs(life)).sign(&alice(), now()).unwrap();
        let at = Timestamp::from_unix_seconds(now().unix_seconds() + offset).unwrap();
        let expected = match offset {
            ..-60 => Some("timestamp_future"),
            _ if offset >= i64::try_from(life).unwrap() => Some("expired"),
            _ => None,
        };
        prop_assert_eq!(card.verify(at).err().map(|error| error.code()), expected);
    }

    #[test]
    fn effects_may_be_replayed_in_any_order_and_twice(times in proptest::collection::vec(0_i64..1_000, 1..20)) {
        let seen = |at: i64| {
            let json = format!(
                r#"{{"address":"alice@acme.crabmail.ai","issued_at":"{}"}}"#,
                Timestamp::from_unix_seconds(at).unwrap()
            );
            CardSeen::decode(json.as_bytes()).unwrap()
        };
        let mut memory = CardMemory::new(1);
        times.iter().chain(times.iter().rev()).for_each(|at| memory.apply(&seen(*at)));
        let newest = times.iter().max().and_then(|at| Timestamp::from_unix_seconds(*at));
        prop_assert_eq!(memory.newest(&address()), newest);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(errors(&bytes, now()).is_some());
    }
}

#[test]
fn a_key_is_compared_as_a_key_and_not_as_text() {
    let hex = value(&card()).to_string().replace(
        &serde_json::to_string(&alice().verifying_key().to_pem()).unwrap(),
        &format!("\"{}\"", alice().verifying_key().to_hex().unwrap()),
    );
    // The spelling is signed, so this one does not verify; the key in it is the same.
    let card = AgentCard::decode(hex.as_bytes()).unwrap();
    assert_eq!(card.public_key(), alice().verifying_key());
    assert_eq!(card.verify(now()).unwrap_err(), CardError::SignatureInvalid);
    assert_ne!(
        card.public_key(),
        &VerifyingKey::from_hex(&mallory().verifying_key().to_hex().unwrap()).unwrap()
    );
}
