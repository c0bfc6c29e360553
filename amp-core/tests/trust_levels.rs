//! How far a message is believed: the decision in full, and what may not raise it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::std_instead_of_alloc, missing_docs)]

use std::collections::BTreeMap;

use amp_core::trust::{
    Attestation, AttestationClaims, AttestationFact, AttestationRefusal, AttestationVerifier,
    CredentialStatus, PinState, RevocationFact, SignatureFact, TenantFact, TrustFacts, TrustLevel,
    TrustReason, TrustedIssuers, security_notes,
};
use amp_core::{
    Address, Boundary, DidKey, Identity, KnownProviders, Provider, SecurityPlacement, StoredMessage,
    Timestamp,
};

const SIGNATURES: [(&str, SignatureFact); 4] = [
    ("invalid", SignatureFact::Invalid),
    ("missing", SignatureFact::Missing),
    ("unverifiable", SignatureFact::Unverifiable),
    ("valid", SignatureFact::Valid),
];
const TENANTS: [(&str, TenantFact); 3] = [
    ("other_provider", TenantFact::OtherProvider),
    ("other_tenant", TenantFact::OtherTenant),
    ("same", TenantFact::Same),
];
const PINS: [(&str, PinState); 5] = [
    ("conflict", PinState::Conflict),
    ("candidate", PinState::Candidate),
    ("first_seen", PinState::FirstSeen),
    ("pinned", PinState::Pinned),
    ("confirmed", PinState::Confirmed),
];
const REVOCATIONS: [(&str, RevocationFact); 3] = [
    ("revoked", RevocationFact::Revoked),
    ("unknown", RevocationFact::Unknown),
    ("clear", RevocationFact::Clear),
];
const ATTESTATIONS: [(&str, AttestationFact); 3] = [
    ("absent", AttestationFact::Absent),
    ("refused", AttestationFact::Refused),
    ("accepted", AttestationFact::Accepted),
];
const BOUNDARIES: [(&str, &[Boundary]); 2] =
    [("other", &[Boundary::Assumed, Boundary::Stated, Boundary::OneLabel]), ("known", &[Boundary::Known])];

/// Names of the six facts, and how strong a proof each of them is.
type Row = ([&'static str; 6], [usize; 6]);

fn rows() -> Vec<(Row, Vec<TrustFacts>)> {
    let mut rows = Vec::new();
    for (s, (signature, signature_fact)) in SIGNATURES.iter().enumerate() {
        for (t, (tenant, tenant_fact)) in TENANTS.iter().enumerate() {
            for (p, (pin, pin_fact)) in PINS.iter().enumerate() {
                for (r, (revocation, revocation_fact)) in REVOCATIONS.iter().enumerate() {
                    for (a, (attestation, attestation_fact)) in ATTESTATIONS.iter().enumerate() {
                        for (b, (boundary, boundaries)) in BOUNDARIES.iter().enumerate() {
                            let names = [*signature, *tenant, *pin, *revocation, *attestation, *boundary];
                            // Three signatures prove nothing, and so do two attestations.
                            let proof = [s / 3, t, p, r, a / 2, b];
                            let facts = boundaries.iter().map(|boundary| {
                                TrustFacts::new(*tenant_fact, *boundary)
                                    .signature(*signature_fact)
                                    .pin(*pin_fact)
                                    .revocation(*revocation_fact)
                                    .attestation(*attestation_fact)
                            });
                            rows.push(((names, proof), facts.collect()));
                        }
                    }
                }
            }
        }
    }
    rows
}

/// The lines of the table: six patterns, level, reason and the number of rows.
fn table() -> Vec<Vec<String>> {
    let table = include_str!("trust_table.txt");
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

// rule: TRUST-1, TRUST-2, TRUST-3, TRUST-5, TRUST-6
#[test]
fn every_combination_of_facts_has_the_level_of_the_table() {
    let (rows, table) = (rows(), table());
    assert_eq!(rows.len(), 1080);
    let mut counts = vec![0_usize; table.len()];
    for ((names, _), all_facts) in rows {
        let fits = |line: &&Vec<String>| {
            line.iter()
                .zip(names)
                .all(|(pattern, name)| pattern == "*" || pattern.split('|').any(|one| one == name))
        };
        let lines: Vec<_> = table.iter().filter(fits).collect();
        assert_eq!(lines.len(), 1, "{names:?} stands in {} lines", lines.len());
        counts[table.iter().position(|line| line == lines[0]).unwrap()] += 1;
        for facts in all_facts {
            assert_eq!(facts.level().as_str(), lines[0][6], "{facts:?}");
            assert_eq!(facts.reason().as_str(), lines[0][7], "{facts:?}");
        }
    }
    for (line, count) in table.iter().zip(&counts) {
        assert_eq!(line[8], count.to_string(), "{line:?}");
    }
    assert_eq!(counts.iter().sum::<usize>(), 1080);
}

// rule: TRUST-7
#[test]
fn trust_never_rises_with_less_proof() {
    let rows = rows();
    let proven: Vec<([usize; 6], TrustLevel)> = rows
        .iter()
        .flat_map(|((_, proof), facts)| facts.iter().map(|facts| (*proof, facts.level())))
        .collect();
    for (less, low) in &proven {
        for (more, high) in &proven {
            if less.iter().zip(more).all(|(less, more)| less <= more) {
                assert!(low <= high, "{less:?} is {low}, {more:?} is {high}");
            }
        }
    }
}

#[test]
fn facts_begin_without_any_proof() {
    for (_, tenant) in TENANTS {
        let facts = TrustFacts::new(tenant, Boundary::Known).attestation(AttestationFact::Accepted);
        assert_eq!((facts.level(), facts.reason()), (TrustLevel::Untrusted, TrustReason::SignatureMissing));
        let facts = facts.signature(SignatureFact::Valid);
        assert_eq!(facts.reason(), TrustReason::KeyNotConnected);
        assert_eq!(facts.pin(PinState::Confirmed).level(), TrustLevel::External);
    }
}

#[test]
fn names_are_read_back_and_no_other_text_is() {
    for level in TrustLevel::ALL {
        assert_eq!(level.as_str().parse(), Ok(level));
        assert_eq!(level.needs_wrapping(), level < TrustLevel::Verified);
    }
    for (name, pin) in PINS {
        assert_eq!(name.parse(), Ok(pin));
        assert_eq!(pin.to_string(), name);
    }
    for text in ["", "Verified", "org_verified", " external", "none"] {
        assert_eq!(text.parse::<TrustLevel>().unwrap_err().code().as_str(), "invalid_field");
        assert!(text.parse::<PinState>().is_err());
    }
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

/// What a colleague's message with a pinned key is worth.
fn signed(sender: &Address, recipient: &Address) -> TrustLevel {
    let facts = TrustFacts::between(sender, recipient).signature(SignatureFact::Valid);
    facts.pin(PinState::Pinned).revocation(RevocationFact::Clear).level()
}

// rule: TRUST-4
#[test]
fn a19_a_tenants_name_at_another_provider_is_not_the_tenant() {
    let own = address("b@acme.crabmail.ai");
    assert_eq!(signed(&address("a@acme.crabmail.ai"), &own), TrustLevel::Verified);
    for sender in
        ["a@acme.evil.test", "a@acme.crabmail.io", "a@acme.crabmail.ai.evil.test", "a@acme.acme.crabmail.ai"]
    {
        assert_eq!(signed(&address(sender), &own), TrustLevel::External, "{sender}");
    }
}

// rule: TRUST-4
#[test]
fn h01_the_tenant_is_not_compared_without_the_provider() {
    assert_eq!(signed(&address("x@acme.evil.test"), &address("y@acme.crabmail.ai")), TrustLevel::External);
}

// rule: TRUST-4
#[test]
fn a20_an_assumed_boundary_joins_no_two_organizations() {
    let suffixes = [
        "co.uk",
        "org.uk",
        "com.au",
        "co.nz",
        "co.jp",
        "com.br",
        "co.in",
        "co.za",
        "com.cn",
        "com.mx",
        "github.io",
        "gitlab.io",
        "netlify.app",
        "vercel.app",
        "pages.dev",
        "herokuapp.com",
        "workers.dev",
        "fly.dev",
        "corp.io",
        "example.org",
    ];
    for suffix in suffixes {
        let (x, y) =
            (address(&format!("x@evil.agents.{suffix}")), address(&format!("y@good.agents.{suffix}")));
        assert_eq!(signed(&x, &y), TrustLevel::External, "{suffix}");
        let (x, y) = (address(&format!("x@evil.{suffix}")), address(&format!("y@good.{suffix}")));
        assert_eq!(signed(&x, &y), TrustLevel::External, "{suffix}");

        // Nor is a stranger's attestation taken for a neighbour's.
        let facts = TrustFacts::between(&x, &y).signature(SignatureFact::Valid).pin(PinState::FirstSeen);
        let facts = facts.revocation(RevocationFact::Clear).attestation(AttestationFact::Accepted);
        assert_eq!(facts.level(), TrustLevel::External, "{suffix}");
        let known: KnownProviders = [Provider::parse(suffix).unwrap()].into_iter().collect();
        let (x, y) = (x.with_known_providers(&known), y.with_known_providers(&known));
        let known = TrustFacts::between(&x, &y).signature(SignatureFact::Valid).pin(PinState::FirstSeen);
        let known = known.revocation(RevocationFact::Clear).attestation(AttestationFact::Accepted);
        assert_eq!(known.level(), TrustLevel::OrgVerified, "{suffix}");
    }
    // A provider does not speak for the one below it.
    let known: KnownProviders = [Provider::parse("agents.corp.io").unwrap()].into_iter().collect();
    let own = address("y@good.agents.corp.io").with_known_providers(&known);
    assert_eq!(signed(&address("x@good.corp.io"), &own), TrustLevel::External);
    assert_eq!(
        signed(&address("x@evil.agents.corp.io").with_known_providers(&known), &own),
        TrustLevel::External
    );
}

// rule: TRUST-6
#[test]
fn an_attestation_does_not_raise_a_first_key_of_another_provider() {
    let providers = ["crabmail.ai", "example.org"].map(|provider| Provider::parse(provider).unwrap());
    let known: KnownProviders = providers.into_iter().collect();
    let own = address("b@acme.crabmail.ai").with_known_providers(&known);
    for (sender, reason) in [
        ("a@acme.example.org", TrustReason::OtherProvider),
        ("a@acme.crabmail.io", TrustReason::OtherProvider),
        ("a@other.crabmail.ai", TrustReason::Attested),
        ("a@x.acme.crabmail.ai", TrustReason::Attested),
    ] {
        let sender = address(sender).with_known_providers(&known);
        let facts =
            TrustFacts::between(&sender, &own).signature(SignatureFact::Valid).pin(PinState::FirstSeen);
        let facts = facts.revocation(RevocationFact::Clear).attestation(AttestationFact::Accepted);
        assert_eq!(facts.reason(), reason, "{sender}");
    }
    // A boundary that one of the two only assumes is assumed.
    let facts = TrustFacts::between(&address("a@other.crabmail.ai"), &own).signature(SignatureFact::Valid);
    let facts = facts.pin(PinState::FirstSeen).revocation(RevocationFact::Clear);
    assert_eq!(facts.attestation(AttestationFact::Accepted).reason(), TrustReason::OtherTenant);
}

// rule: TRUST-2
#[test]
fn h02_a_tenant_without_a_checked_signature_is_worth_nothing() {
    let (a, b) = (address("a@acme.crabmail.ai"), address("b@acme.crabmail.ai"));
    for (_, signature) in &SIGNATURES[..3] {
        for pin in PinState::ALL {
            let facts = TrustFacts::between(&a, &b).signature(*signature).pin(pin);
            let facts = facts.revocation(RevocationFact::Clear).attestation(AttestationFact::Accepted);
            assert_eq!(facts.level(), TrustLevel::Untrusted);
        }
    }
}

/// Takes every token, and says what it was made to say.
struct Says(AttestationClaims);

impl AttestationVerifier for Says {
    fn verify(&self, token: &str, _: &DidKey, _: &Address, _: Timestamp) -> Option<AttestationClaims> {
        (token != "forged").then(|| self.0.clone())
    }
}

fn now() -> Timestamp {
    "2026-01-31T10:00:00Z".parse().unwrap()
}

const ISSUER: &str = "https://hr.acme.example";

fn examined(token: Option<&str>, claims: AttestationClaims) -> Attestation {
    let holder = Identity::from_seed(&[7; 32]).did();
    let trusted = TrustedIssuers::new().with(ISSUER, "Membership").with("https://other.example", "Audit");
    trusted.examine(&Says(claims), token, &holder, &address("a@acme.crabmail.ai"), now())
}

fn claims(
    subject: &str,
    issuer: &str,
    claim: &str,
    expires_at: &str,
    status: CredentialStatus,
) -> AttestationClaims {
    AttestationClaims::new(issuer, subject, claim, expires_at.parse().unwrap(), status)
}

// rule: TRUST-8
#[test]
fn an_attestation_counts_for_the_key_that_signed_and_for_nothing_else() {
    let holder = Identity::from_seed(&[7; 32]).did().to_string();
    let other = Identity::from_seed(&[8; 32]).did().to_string();
    let (soon, good) = ("2026-01-31T10:00:01Z", CredentialStatus::Good);
    let valid = claims(&holder, ISSUER, "Membership", soon, good);
    assert_eq!(examined(Some("token"), valid.clone()), Attestation::Accepted(valid.clone()));
    assert_eq!(examined(None, valid.clone()), Attestation::Absent);

    let refused = |token: &str, claims| match examined(Some(token), claims) {
        Attestation::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused("forged", valid.clone()), AttestationRefusal::NotVerified);
    assert_eq!(refused(&"x".repeat(16 * 1024 + 1), valid), AttestationRefusal::TooLarge);
    let cases = [
        (claims(&other, ISSUER, "Membership", soon, good), AttestationRefusal::OtherSubject),
        (claims("", ISSUER, "Membership", soon, good), AttestationRefusal::OtherSubject),
        (
            claims(&format!("{holder}#key"), ISSUER, "Membership", soon, good),
            AttestationRefusal::OtherSubject,
        ),
        (claims("a@acme.crabmail.ai", ISSUER, "Membership", soon, good), AttestationRefusal::OtherSubject),
        (claims(&holder, ISSUER, "Membership", "2026-01-31T10:00:00Z", good), AttestationRefusal::Expired),
        (
            claims(&holder, ISSUER, "Membership", soon, CredentialStatus::Revoked),
            AttestationRefusal::Withdrawn,
        ),
        (
            claims(&holder, ISSUER, "Membership", soon, CredentialStatus::Unknown),
            AttestationRefusal::Withdrawn,
        ),
        (
            claims(&holder, "https://evil.example", "Membership", soon, good),
            AttestationRefusal::IssuerNotTrusted,
        ),
        (claims(&holder, ISSUER, "Audit", soon, good), AttestationRefusal::IssuerNotTrusted),
        (
            claims(&holder, "https://other.example", "Membership", soon, good),
            AttestationRefusal::IssuerNotTrusted,
        ),
    ];
    for (claims, refusal) in cases {
        assert_eq!(refused("token", claims.clone()), refusal, "{claims:?}");
    }
}

// rule: TRUST-9
#[test]
fn a28_what_a_stored_message_says_of_its_trust_changes_no_decision() {
    let file = |level: &str| {
        format!(
            r#"{{"envelope":{{"version":"amp/0.1","id":"msg_1769853600_00112233445566aa","from":"eve@x.evil.test","to":"bob@acme.crabmail.ai","subject":"Hi","priority":"normal","timestamp":"2026-01-31T10:00:00Z","thread_id":"msg_1769853600_00112233445566aa","signature":null}},"payload":{{"type":"notification","message":"Hello","context":null}},"security":{{"trust":"{level}","trust_level":"{level}"}},"local":{{"security":{{"trust_level":"{level}"}},"status":"unread"}}}}"#
        )
    };
    let decisions: BTreeMap<&str, TrustLevel> = ["verified", "org-verified", "untrusted"]
        .into_iter()
        .map(|claimed| {
            let stored = StoredMessage::decode(file(claimed).as_bytes()).unwrap();
            assert_eq!(stored.claimed_security().unwrap().trust_level().as_deref(), Some(claimed));
            // All that a decision is made from: nothing of it can come from the notes.
            let facts = TrustFacts::between(&stored.message().from(), &stored.message().to());
            (claimed, facts.level())
        })
        .collect();
    assert!(decisions.values().all(|level| *level == TrustLevel::Untrusted), "{decisions:?}");
}

// rule: TRUST-9
#[test]
fn a_decision_is_noted_in_both_deployed_places() {
    let file = br#"{"envelope":{"version":"amp/0.1","id":"msg_1769853600_00112233445566aa","from":"eve@x.evil.test","to":"bob@acme.crabmail.ai","subject":"Hi","priority":"normal","timestamp":"2026-01-31T10:00:00Z","thread_id":"msg_1769853600_00112233445566aa","signature":null},"payload":{"type":"notification","message":"Hello","context":null}}"#;
    let mut stored = StoredMessage::decode(file).unwrap();
    let id = amp_core::QuarantineId::parse("qtn_1706648400_abc123").unwrap();
    let notes = security_notes(TrustLevel::External, ["instruction_override", "tool_abuse"]);
    stored.annotate(
        notes.with_quarantine_id(&id).with_window_scan_result("clean").with_sender_risk(12.5, "medium"),
    );
    let written: serde_json::Value =
        serde_json::from_str(&stored.to_json(SecurityPlacement::TopLevelAndLocal)).unwrap();
    let expected = serde_json::json!({
        "trust_level": "external", "injection_flags": ["instruction_override", "tool_abuse"],
        "quarantine_id": "qtn_1706648400_abc123", "window_scan_result": "clean",
        "sender_risk_score": 12.5, "sender_risk_level": "medium",
    });
    assert_eq!(written["security"], expected);
    assert_eq!(written["local"]["security"], expected);
}
