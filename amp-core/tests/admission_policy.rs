//! Communication policies, capability manifests and audit chains: what is not understood never lets more through.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use amp_core::admission::{
    AuditChain, AuditHash, AuditRecord, Capability, CapabilityId, CapabilityManifest, CommunicationPolicy,
    GrantEvent, GrantScope, Pair, PairGrants, PolicyMode, limits,
};
use amp_core::{Address, AddressPattern, PatternSet};
use proptest::prelude::*;

fn bob() -> Address {
    "bob@acme.crabmail.ai".parse().unwrap()
}

fn policy(json: &str) -> CommunicationPolicy {
    CommunicationPolicy::from_json(json.as_bytes()).unwrap()
}

// rule: POLICY-1
#[test]
fn a_policy_that_says_nothing_is_open() {
    for json in ["{}", r#"{"mode":"open"}"#, r#"{"mode":"open","allowed_recipients":null}"#, r#"{"x":1}"#] {
        assert_eq!(policy(json).mode(), PolicyMode::Open);
        assert!(policy(json).check(&bob()).is_ok());
    }
    assert!(CommunicationPolicy::default().check(&bob()).is_ok());
}

// rule: POLICY-3
#[test]
fn an_unknown_mode_allows_nobody_and_is_not_handed_on() {
    for mode in ["closed", "OPEN", "Restricted", "open\\n", ""] {
        let json = format!(r#"{{"mode":"{mode}","allowed_recipients":["*@*"]}}"#);
        let read = policy(&json);
        assert_eq!((read.mode(), read.check(&bob()).is_ok()), (PolicyMode::Unknown, false), "{mode:?}");
        let again = policy(&read.to_json());
        assert!(again.check(&bob()).is_err(), "{mode:?} written and read again");
    }
}

// rule: POLICY-4
#[test]
fn an_entry_that_is_no_pattern_allows_nobody_and_is_counted() {
    let read = policy(r#"{"mode":"restricted","allowed_recipients":["*","bob@*","*@corp.crabmail.ai"]}"#);
    assert_eq!((read.ignored_entries(), read.allowed().len()), (2, 1));
    assert!(read.check(&bob()).is_err());
    assert!(read.check(&"bob@corp.crabmail.ai".parse().unwrap()).is_ok());
}

// rule: POLICY-5
#[test]
fn what_is_of_another_type_is_no_policy() {
    let long = format!(r#"{{"allowed_recipients":[{}"x"]}}"#, "\"x\",".repeat(10_000));
    for (json, code) in [
        (r#"{"mode":null}"#, "invalid_field"),
        (r#"{"mode":["open"]}"#, "invalid_field"),
        (r#"{"allowed_recipients":"*@*"}"#, "invalid_field"),
        (r#"{"allowed_recipients":{"*@*":true}}"#, "invalid_field"),
        (r#"{"allowed_recipients":["*@*",1]}"#, "invalid_field"),
        (r#"{"mode":"restricted","mode":"open"}"#, "duplicate_key"),
        (r#"["open"]"#, "not_an_object"),
        ("", "invalid_json"),
        (&*long, "invalid_field"),
    ] {
        let error = CommunicationPolicy::from_json(json.as_bytes()).unwrap_err();
        assert_eq!(error.code(), code, "{}", &json[..json.len().min(60)]);
    }
}

proptest! {
    // rule: POLICY-2
    #[test]
    fn a_restricted_policy_allows_what_one_of_its_patterns_allows(
        patterns in proptest::collection::vec("(\\*|[ab])@(\\*\\.)?([ab]\\.){1,2}(io|ai)|\\*@\\*", 0..5),
        recipient in "[ab]@([ab]\\.){1,3}(io|ai)",
    ) {
        let patterns: Vec<AddressPattern> = patterns.iter().filter_map(|text| text.parse().ok()).collect();
        if let Ok(recipient) = recipient.parse::<Address>() {
            let expected = patterns.iter().any(|pattern| pattern.matches(&recipient));
            let made = CommunicationPolicy::restricted(patterns.iter().cloned().collect::<PatternSet>());
            prop_assert_eq!(made.check(&recipient).is_ok(), expected);
            let read = policy(&made.to_json());
            prop_assert_eq!(read.mode(), PolicyMode::Restricted);
            prop_assert_eq!(read.check(&recipient).is_ok(), expected);
        }
    }

    #[test]
    fn any_policy_reads_back_as_strict_as_it_was(mode in "open|restricted|[a-z]{0,8}", entries in proptest::collection::vec("\\PC{0,12}|\\*@\\*", 0..4)) {
        let made = CommunicationPolicy::from_parts(&mode, entries.iter().map(String::as_str));
        let read = policy(&made.to_json());
        prop_assert_eq!(read.check(&bob()).is_ok(), made.check(&bob()).is_ok());
    }
}

// Manifests.

// rule: CAP-1
#[test]
fn an_id_is_a_token_or_two_behind_a_namespace() {
    let longest = "a".repeat(63);
    for id in ["a", "0", "code-review", "a-", &*longest, "x-acme/audit", "x-a/b", "x-0/0-0"] {
        assert!(id.parse::<CapabilityId>().is_ok(), "{id}");
    }
    let too_long = "a".repeat(64);
    for id in [
        "",
        "-a",
        "A",
        "code review",
        "code_review",
        "é",
        "a.b",
        "a/b",
        "acme/audit",
        "x-/a",
        "x-a/",
        "x-a/b/c",
        "x-A/b",
        "x--/a",
        "X-a/b",
        "/a",
        "x-a/-b",
        "a\n",
        " a",
        &*too_long,
        &format!("x-a/{too_long}"),
        &format!("x-{}/a", &too_long[..62]),
    ] {
        assert!(id.parse::<CapabilityId>().is_err(), "{id:?}");
    }
}

fn manifest(json: &str) -> Result<CapabilityManifest, &'static str> {
    CapabilityManifest::from_json(json.as_bytes()).map_err(|error| error.code())
}

// rule: CAP-2
#[test]
fn a_manifest_holds_sixty_four_capabilities_and_each_once() {
    let entries = |count: usize| {
        let entries: Vec<String> = (0..count).map(|n| format!(r#"{{"id":"c{n}","title":"t"}}"#)).collect();
        format!(r#"{{"capabilities":[{}]}}"#, entries.join(","))
    };
    assert_eq!(manifest(&entries(64)).unwrap().iter().count(), 64);
    assert_eq!(manifest(&entries(65)), Err("invalid_field"));
    assert_eq!(manifest(&entries(0)).unwrap().iter().count(), 0);
    let twice = r#"{"capabilities":[{"id":"a","title":"t"},{"id":"a","title":"u"}]}"#;
    assert_eq!(manifest(twice), Err("invalid_field"));
}

// rule: CAP-3
#[test]
fn what_is_no_capability_is_refused() {
    let title = "t".repeat(limits::TITLE_MAX_CHARS + 1);
    let description = "d".repeat(limits::DESCRIPTION_MAX_CHARS + 1);
    let schema = format!(r#"{{"x":"{}"}}"#, "s".repeat(limits::INPUT_SCHEMA_MAX_BYTES));
    for (entry, code) in [
        (r#"{"title":"t"}"#.to_owned(), "missing_field"),
        (r#"{"id":"a"}"#.to_owned(), "missing_field"),
        (r#"{"id":null,"title":"t"}"#.to_owned(), "missing_field"),
        (r#"{"id":"a b","title":"t"}"#.to_owned(), "invalid_field"),
        (r#"{"id":1,"title":"t"}"#.to_owned(), "invalid_field"),
        (r#"{"id":"a","title":""}"#.to_owned(), "invalid_field"),
        (r#"{"id":"a","title":1}"#.to_owned(), "invalid_field"),
        (r#"{"id":"a","title":"t","description":[]}"#.to_owned(), "invalid_field"),
        (r#"{"id":"a","title":"t","input_schema":"{}"}"#.to_owned(), "invalid_field"),
        (r#"{"id":"a","title":"t","input_schema":[{}]}"#.to_owned(), "invalid_field"),
        (r#"{"id":"a","id":"b","title":"t"}"#.to_owned(), "duplicate_key"),
        (r#""a""#.to_owned(), "invalid_field"),
        (format!(r#"{{"id":"a","title":"{title}"}}"#), "invalid_field"),
        (format!(r#"{{"id":"a","title":"t","description":"{description}"}}"#), "invalid_field"),
        (format!(r#"{{"id":"a","title":"t","input_schema":{schema}}}"#), "invalid_field"),
    ] {
        assert_eq!(
            manifest(&format!(r#"{{"capabilities":[{entry}]}}"#)),
            Err(code),
            "{}",
            &entry[..entry.len().min(60)]
        );
    }
    for json in [r#"{"capabilities":{}}"#, r#"{"capabilities":null}"#] {
        assert_eq!(manifest(json), Err("invalid_field"));
    }
    assert_eq!(manifest("{}"), Err("missing_field"));
}

// rule: CAP-4
#[test]
fn a_schema_is_kept_as_it_was_given() {
    let schema = r#"{"type": "object", "maximum": 1.50}"#;
    let capability = Capability::new("a".parse().unwrap(), "t").unwrap();
    let capability =
        capability.with_description("d \"q\"").unwrap().with_input_schema(schema.as_bytes()).unwrap();
    let made = CapabilityManifest::new([capability]).unwrap();
    let read = manifest(&made.to_json()).unwrap();
    assert_eq!(read, made);
    let read = read.get(&"a".parse().unwrap()).unwrap();
    assert_eq!((read.input_schema(), read.description(), read.title()), (Some(schema), Some("d \"q\""), "t"));
    assert!(Capability::new("a".parse().unwrap(), "t").unwrap().with_input_schema(b"{},\"x\":{}").is_err());
}

// Audit.

fn records(count: u32) -> Vec<AuditRecord> {
    (0..count)
        .map(|n| AuditRecord::new(format!(r#"{{"n":{n},"event":"grant"}}"#).as_bytes()).unwrap())
        .collect()
}

fn log(records: &[AuditRecord]) -> (Vec<(String, AuditHash)>, AuditChain) {
    let mut chain = AuditChain::new();
    let log = records.iter().map(|record| (record.as_str().to_owned(), chain.append(record))).collect();
    (log, chain)
}

fn verify(log: &[(String, AuditHash)]) -> Result<AuditChain, u64> {
    AuditChain::verify(log.iter().map(|(record, link)| (&**record, *link))).map_err(|broken| broken.number())
}

// rule: GRANT-12
#[test]
fn a_record_that_is_changed_moved_inserted_or_removed_breaks_the_chain() {
    let (whole, head) = log(&records(6));
    assert_eq!(verify(&whole), Ok(head));
    for index in 0..6 {
        let mut removed = whole.clone();
        removed.remove(index);
        assert!(verify(&removed) != Ok(head), "{index} removed");
        let mut changed = whole.clone();
        changed[index].0 = changed[index].0.replace("grant", "grants");
        assert_eq!(verify(&changed), Err(index as u64 + 1), "{index} changed");
        let mut doubled = whole.clone();
        doubled.insert(index, whole[index].clone());
        assert!(verify(&doubled).is_err(), "{index} doubled");
        if index > 0 {
            let mut swapped = whole.clone();
            swapped.swap(index, index - 1);
            assert_eq!(verify(&swapped), Err(index as u64), "{index} swapped");
        }
    }
    let shorter = verify(&whole[..4]).unwrap();
    assert_ne!(shorter, head, "a log that was cut short ends elsewhere");
    let mut resumed = AuditChain::resume(shorter.length(), shorter.head());
    for record in &records(6)[4..] {
        resumed.append(record);
    }
    assert_eq!(resumed, head);
}

#[test]
fn a_link_reads_back_from_its_digits_and_from_nothing_else() {
    let (whole, _) = log(&records(1));
    let text = whole[0].1.to_string();
    assert_eq!(text.parse(), Ok(whole[0].1));
    for bad in [&text[1..], &text.to_uppercase(), &text.replace(|_: char| true, "g"), ""] {
        assert!(bad.parse::<AuditHash>().is_err(), "{bad}");
    }
}

// rule: GRANT-13
#[test]
fn a_credential_never_stands_in_a_record() {
    const SECRET: &str = "s3cr3t-value";
    for name in [
        "api_key",
        "apiKey",
        "API-KEY",
        "access_token",
        "accessToken",
        "authorization",
        "password",
        "private_key",
        "webhook_secret",
        "secret",
        "token",
        "proof",
        "refresh_token",
        "client_secret",
        "cookie",
    ] {
        for value in [format!("\"{SECRET}\""), format!("[\"{SECRET}\"]"), format!("{{\"x\":\"{SECRET}\"}}")] {
            let event = format!(r#"{{"event":"x","inner":[{{"{name}":{value}}}]}}"#);
            let record = AuditRecord::new(event.as_bytes()).unwrap();
            assert!(!record.as_str().contains(SECRET), "{record:?}");
            assert!(record.as_str().contains(r#""event":"x""#));
        }
    }
    for value in [
        "amp_live_sk_abc",
        "amp_test_sk_abc",
        "uk_abc",
        "Bearer abc",
        "bearer abc",
        " eyJhbGciOiJSUzI1NiJ9.e30.abc",
        "-----BEGIN PRIVATE KEY-----\\nabc",
    ] {
        let record = AuditRecord::new(format!(r#"{{"note":["{value}"]}}"#).as_bytes()).unwrap();
        assert_eq!(record.as_str(), r#"{"note":["[redacted]"]}"#, "{value}");
    }
    let record = AuditRecord::new(br#"{"\u0061pi_key":"amp","n":1.0,"z":null}"#).unwrap();
    assert_eq!(record.as_str(), r#"{"api_key":"[redacted]","n":1,"z":null}"#);
}

#[test]
fn a_record_of_an_event_is_the_event() {
    let pair = Pair::new(&bob(), &"alice@acme.crabmail.ai".parse().unwrap());
    let now = "2026-01-31T10:00:00Z".parse().unwrap();
    let event =
        PairGrants::new().grant(&pair, GrantScope::Message.into(), None, &"owner:1".parse().unwrap(), now);
    let event = event.unwrap();
    let record = AuditRecord::new(event.to_json().as_bytes()).unwrap();
    assert_eq!(GrantEvent::from_json(record.as_str().as_bytes()), Ok(event));
}
