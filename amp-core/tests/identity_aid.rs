//! Agent Identity: documents, proofs, tokens; what is made verifies, what is changed does not, and nothing is used twice.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::std_instead_of_alloc, missing_docs)]

use core::time::Duration;

use amp_core::identity::{
    AID_GRANT_TYPE, AidDocument, AidForm, AidRegistration, Introspection, Issuer, ProofLedger, ProofMemory,
    RegistrationAnswer, RegistrationStatus, StatusProof, TokenAnswer, TokenError, TokenErrorCode, TokenProof,
    TokenRequest, TokenScopes, token_is_fresh,
};
use amp_core::{
    Address, Dialect, Identity, Signature, SigningContext, Timestamp, VerifyingKey, canonicalize,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const ISSUER: &str = "https://auth.example.com/acme";

fn alice() -> Identity {
    Identity::from_seed(&[7; 32])
}

fn address() -> Address {
    "alice@acme.crabmail.ai".parse().unwrap()
}

fn issuer() -> Issuer {
    ISSUER.parse().unwrap()
}

fn now() -> Timestamp {
    "2026-01-31T10:00:00Z".parse().unwrap()
}

fn later(seconds: u64) -> Timestamp {
    now().saturating_add(Duration::from_secs(seconds))
}

fn document() -> AidDocument {
    AidDocument::issue(&alice(), &address(), Some("alice"), now()).unwrap()
}

fn token_proof(now: Timestamp) -> String {
    ProofLedger::new().prove(&alice(), &issuer(), now).unwrap().into_text().expose().to_owned()
}

fn verify(proof: &str, at: Timestamp) -> Result<Timestamp, &'static str> {
    TokenProof::verify(alice().verifying_key(), proof, &issuer(), at).map_err(|error| error.code())
}

/// The document without its signature, in canonical form: what is signed.
fn signed_text(document: &AidDocument) -> Vec<u8> {
    let mut value: Value = serde_json::from_str(document.as_json()).unwrap();
    value.as_object_mut().unwrap().remove("signature");
    canonicalize(value.to_string().as_bytes(), Dialect::Jcs).unwrap()
}

// Documents.

// rule: AID-1, AID-8
#[test]
fn what_is_issued_verifies_and_holds_for_180_days() {
    let made = document();
    let read = AidDocument::decode(made.as_json().as_bytes()).unwrap().verify(now()).unwrap();
    assert_eq!((read.address(), read.alias()), (&address(), Some("alice")));
    assert_eq!(read.form(), AidForm::Canonical(Dialect::Jcs));
    assert_eq!(read.expires_at().duration_since(read.issued_at()), Some(Duration::from_secs(180 * 86_400)));
    let carried = AidDocument::from_base64url(&made.to_base64url()).unwrap();
    assert_eq!(carried.as_json(), made.as_json());
    assert!(AidDocument::from_base64url(&format!("{}=", made.to_base64url())).is_err());
    let end = read.expires_at();
    let at = |time| document().verify(time).map(|_| ()).map_err(|error| error.code());
    assert_eq!(at(end.saturating_sub(Duration::from_secs(1))), Ok(()));
    assert_eq!(at(end), Err("expired"));
    for end in [0, 184 * 86_400 + 1] {
        let refused = AidDocument::issue_until(&alice(), &address(), None, now(), later(end)).unwrap_err();
        assert_eq!((refused.code(), refused.field()), ("invalid_field", Some("expires_at")));
    }
    assert!(AidDocument::issue_until(&alice(), &address(), None, now(), later(184 * 86_400)).is_ok());
}

proptest! {
    // rule: AID-1, AID-10
    #[test]
    fn any_one_changed_byte_makes_another_document_or_none(index in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = document().as_json().as_bytes().to_vec();
        let index = index.index(bytes.len());
        bytes[index] = byte;
        if let Ok(verified) = AidDocument::decode(&bytes).and_then(|document| document.verify(now())) {
            // Only what canonical form does not keep may differ.
            prop_assert_eq!(signed_text(verified.as_document()), signed_text(&document()));
        }
    }

    #[test]
    fn any_alias_is_signed_and_read_back(alias in "(.|[\\u{0}-\\u{1f}\\u{7f}]){0,40}", seconds in 0..4_000_000_000_u64) {
        let at = Timestamp::from_unix_seconds(seconds.cast_signed()).unwrap();
        let made = AidDocument::issue(&alice(), &address(), Some(&alias), at).unwrap();
        let read = AidDocument::decode(made.as_json().as_bytes()).unwrap().verify(at).unwrap();
        prop_assert_eq!(read.alias(), Some(&*alias));
    }

    #[test]
    fn any_bytes_are_read_or_refused_with_a_code(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let text = String::from_utf8_lossy(&bytes);
        if let Err(error) = AidDocument::decode(&bytes) {
            prop_assert!(!error.code().is_empty());
        }
        prop_assert!(verify(&text, now()).is_err());
        prop_assert!(StatusProof::verify(alice().verifying_key(), &text, ISSUER, now()).is_err());
        let _ = (TokenAnswer::from_json(&bytes), TokenError::from_json(&bytes), Introspection::from_json(&bytes));
        let _ = (AidRegistration::from_json(&bytes), RegistrationAnswer::read(200, &bytes));
    }
}

// rule: AID-11
#[test]
fn a01_no_text_of_agent_identity_is_signed_in_another_context() {
    let seconds = now().unix_seconds();
    let texts: [(SigningContext, Vec<u8>); 3] = [
        (SigningContext::AidDocument, signed_text(&document())),
        (SigningContext::AidTokenExchange, format!("aid-token-exchange\n{seconds}\n{ISSUER}").into_bytes()),
        (
            SigningContext::AidRegistrationStatus,
            format!("aid-registration-status\n{seconds}\n{ISSUER}").into_bytes(),
        ),
    ];
    for (own, text) in &texts {
        let signature = alice().sign(*own, text).unwrap();
        for context in SigningContext::ALL {
            let verified = alice().verifying_key().verify(context, text, &signature);
            assert_eq!(verified.is_ok(), context == *own, "{own} as {context}");
            assert_eq!(alice().sign(context, text).is_ok(), context == *own, "{own} signed as {context}");
        }
    }
}

// rule: AID-11
#[test]
fn a01_a_proof_of_one_kind_is_none_of_the_other() {
    let status = StatusProof::make(&alice(), ISSUER, now()).unwrap();
    let key = alice().verifying_key().clone();
    assert_eq!(StatusProof::verify(&key, status.as_str(), ISSUER, now()).unwrap(), now());
    assert!(verify(status.as_str(), now()).is_err());
    assert!(StatusProof::verify(&key, &token_proof(now()), ISSUER, now()).is_err());

    // The signature within it has one spelling too.
    let seconds = now().unix_seconds().to_string();
    let text = format!("aid-registration-status\n{seconds}\n{ISSUER}");
    let signature = alice().sign(SigningContext::AidRegistrationStatus, text.as_bytes()).unwrap().to_base64();
    for (spelling, is_valid) in [
        (signature.clone(), true),
        (signature.replace('+', "-").replace('/', "_"), false),
        (signature.trim_end_matches('=').to_owned(), false),
    ] {
        let proof = base64url(&[spelling.as_bytes(), seconds.as_bytes()].concat());
        assert_eq!(StatusProof::verify(&key, &proof, ISSUER, now()).is_ok(), is_valid, "{spelling}");
    }

    // The same again with the bytes brought into the other's form.
    let (seconds, issuer) = (now().unix_seconds().to_string(), ISSUER);
    let text = format!("aid-registration-status\n{seconds}\n{issuer}");
    let signature = alice().sign(SigningContext::AidRegistrationStatus, text.as_bytes()).unwrap();
    assert_eq!(
        verify(&base64url(&[signature.as_bytes(), seconds.as_bytes()].concat()), now()),
        Err("signature_invalid")
    );
    let text = format!("aid-token-exchange\n{seconds}\n{issuer}");
    let signature = alice().sign(SigningContext::AidTokenExchange, text.as_bytes()).unwrap();
    let as_status = base64url(&[signature.to_base64().as_bytes(), seconds.as_bytes()].concat());
    let refused = StatusProof::verify(&key, &as_status, ISSUER, now()).unwrap_err();
    assert_eq!(refused.code(), "signature_invalid");
}

// rule: AID-11
#[test]
fn a01_a_card_is_no_document_and_a_document_no_card() {
    use amp_core::identity::AgentCard;
    assert!(AgentCard::decode(document().as_json().as_bytes()).is_err());
    let mut both: Value = serde_json::from_str(document().as_json()).unwrap();
    both["amp_agent_card"] = json!("1.0");
    both["provider_endpoint"] = json!("https://api.crabmail.ai/v1");
    both.as_object_mut().unwrap().remove("signature");
    let text = canonicalize(both.to_string().as_bytes(), Dialect::Jcs).unwrap();
    let signature = alice().sign(SigningContext::AidDocument, &text).unwrap();
    both["signature"] = json!(signature.to_base64());
    let card = AgentCard::decode(both.to_string().as_bytes()).and_then(|card| card.verify(now()));
    assert_eq!(card.unwrap_err().code(), "signature_invalid");
    assert!(AidDocument::decode(both.to_string().as_bytes()).unwrap().verify(now()).is_ok());
}

fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..=chunk.len() {
            text.push(char::from(DIGITS[(word >> (18 - 6 * digit) & 63) as usize]));
        }
    }
    text
}

// Proofs.

proptest! {
    // rule: AID-12, AID-13, AID-14
    #[test]
    fn a_proof_holds_for_five_minutes_either_way(made in 1_000_000..3_000_000_000_i64, offset in -1_000..1_000_i64, nanos in 0..1_000_000_000_u64) {
        let at = |seconds| Timestamp::from_unix_seconds(seconds).unwrap();
        let now = at(made + offset).saturating_add(Duration::from_nanos(nanos));
        let expected = if now > at(made + 300) {
            Err("timestamp_expired")
        } else if now < at(made - 300) {
            Err("timestamp_future")
        } else {
            Ok(at(made))
        };
        prop_assert_eq!(verify(&token_proof(at(made)), now), expected);
        let status = StatusProof::make(&alice(), ISSUER, at(made)).unwrap();
        let verified = StatusProof::verify(alice().verifying_key(), status.as_str(), ISSUER, now);
        prop_assert_eq!(verified.map_err(|error| error.code()), expected);
    }

    // rule: AID-12
    #[test]
    fn a_proof_has_one_spelling(index in any::<prop::sample::Index>(), character in any::<char>()) {
        let proof = token_proof(now());
        let mut changed: Vec<char> = proof.chars().collect();
        let index = index.index(changed.len());
        changed[index] = character;
        let changed: String = changed.into_iter().collect();
        prop_assert_eq!(verify(&changed, now()).is_ok(), changed == proof);
    }

    // rule: AID-13
    #[test]
    fn a_proof_is_for_one_issuer(other in "https?://[a-z.]{1,20}(/[a-z]{0,8}){0,2}") {
        let proof = token_proof(now());
        let issuer: Issuer = other.parse().unwrap();
        prop_assert_eq!(TokenProof::verify(alice().verifying_key(), &proof, &issuer, now()).is_ok(), other == ISSUER);
    }
}

// rule: AID-13
#[test]
fn an_issuer_is_a_url_that_cannot_move_the_fields() {
    let long = format!("https://{}", "a".repeat(2041));
    for text in [
        "",
        "https://",
        "ftp://a",
        "HTTPS://a",
        "https://a b",
        "https://a\n1",
        "//a",
        "a",
        "https://é",
        &long,
    ] {
        assert!(text.parse::<Issuer>().is_err(), "{text}");
        assert!(StatusProof::make(&alice(), text, now()).is_err(), "{text}");
    }
    assert!(long[..2048].parse::<Issuer>().is_ok());
}

// rule: AID-15
#[test]
fn a30_no_two_requests_carry_one_proof() {
    let mut ledger = ProofLedger::new();
    let mut seen = Vec::new();
    let other: Issuer = "https://auth.example.com/other".parse().unwrap();
    for half_second in 0..20 {
        let at = now().saturating_add(Duration::from_millis(half_second * 500));
        for issuer in [&issuer(), &other] {
            match ledger.prove(&alice(), issuer, at) {
                Ok(proof) => seen.push(proof.into_text().expose().to_owned()),
                Err(error) => assert_eq!((error.code(), half_second % 2), ("proof_too_soon", 1)),
            }
        }
    }
    let made = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!((made, seen.len()), (20, 20));
    // A clock set back a little could make a proof again that was sent already.
    assert!(ledger.prove(&alice(), &issuer(), now()).is_err());
    assert!(ledger.prove(&alice(), &issuer(), later(9)).is_err());
    assert!(ledger.prove(&alice(), &issuer(), later(10)).is_ok());
    // Set back by hours, it was wrong before; nothing that was made then holds now.
    let hours_ago = now().saturating_sub(Duration::from_secs(7_200));
    assert!(ledger.prove(&alice(), &issuer(), hours_ago).is_ok());
}

// rule: AID-15
#[test]
fn a30_a_server_accepts_a_proof_once() {
    let mut memory = ProofMemory::new(issuer());
    let (key, proof) = (alice().verifying_key().clone(), token_proof(now()));
    let mut accept = |proof: &str, at| memory.accept(&key, proof, at).map_err(|error| error.code());
    assert_eq!(accept(&proof, later(300)), Ok(now()));
    assert_eq!(accept(&proof, later(300)), Err("content_replay"));
    assert_eq!(accept(&proof, later(301)), Err("timestamp_expired"));
    assert_eq!(accept(&proof, now()), Err("content_replay"), "a clock set back forgets nothing");
    assert_eq!(accept(&token_proof(later(301)), now()), Ok(later(301)), "what is new is new");
    assert_eq!(accept(&token_proof(later(301)), now()), Err("content_replay"));
}

// rule: AID-15
#[test]
fn a30_a_jump_ahead_ends_no_server_and_revives_no_proof() {
    let mut memory = ProofMemory::new(issuer());
    let (key, proof, jump) = (alice().verifying_key().clone(), token_proof(now()), later(10 * 31_536_000));
    let mut accept = |proof: &str, at| memory.accept(&key, proof, at).map_err(|error| error.code());
    assert_eq!(accept(&proof, jump), Err("timestamp_expired"));
    assert_eq!(accept(&proof, now()), Ok(now()), "the clock is right again");
    // Also when the client's clock was ahead with the server's.
    assert_eq!(accept(&token_proof(jump), jump), Ok(jump));
    assert!(accept(&proof, now()).is_err(), "nothing was forgotten that could be used");
    assert_eq!(accept(&token_proof(later(600)), later(600)), Ok(later(600)), "ten minutes later it goes on");
}

// rule: AID-15
#[test]
fn a30_a_proof_that_was_not_verified_fills_no_memory_and_a_full_one_fails_closed() {
    let mut memory = ProofMemory::new(issuer()).with_capacity_of(1);
    let key = alice().verifying_key().clone();
    let mallory = Identity::from_seed(&[8; 32]);
    let forged = ProofLedger::new().prove(&mallory, &issuer(), now()).unwrap().into_text();
    assert_eq!(memory.accept(&key, forged.expose(), now()).unwrap_err().code(), "signature_invalid");
    assert!(memory.accept(&key, &token_proof(now()), now()).is_ok());
    let next = token_proof(later(1));
    assert_eq!(memory.accept(&key, &next, later(1)).unwrap_err().code(), "proof_memory_full");
    assert_eq!(memory.accept(&key, &token_proof(now()), later(1)).unwrap_err().code(), "content_replay");
    assert!(memory.accept(&key, &token_proof(later(302)), later(302)).is_ok(), "what has run out makes room");
}

// Tokens.

/// Reads a form as a server does.
fn form(body: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let [byte, after @ ..] = rest {
            rest = after;
            match (byte, rest) {
                (b'%', [high, low, after @ ..]) => {
                    bytes
                        .push(u8::from_str_radix(core::str::from_utf8(&[*high, *low]).unwrap(), 16).unwrap());
                    rest = after;
                }
                (b'+', _) => bytes.push(b' '),
                _ => bytes.push(*byte),
            }
        }
        String::from_utf8(bytes).unwrap()
    };
    body.split('&').map(|pair| pair.split_once('=').unwrap()).map(|(n, v)| (decode(n), decode(v))).collect()
}

proptest! {
    // rule: AID-16
    #[test]
    fn a_request_is_a_form_that_every_server_reads(scopes in proptest::collection::btree_set("[!#-\\[\\]-~]{1,12}", 0..5)) {
        let scopes: Vec<String> = scopes.into_iter().collect();
        let asked: TokenScopes = scopes.join(" ").parse().unwrap();
        let proof = ProofLedger::new().prove(&alice(), &issuer(), now()).unwrap();
        let body = TokenRequest::new(&document(), proof, &asked).into_form();
        let members = form(body.expose());
        let get = |name: &str| members.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        prop_assert_eq!(get("grant_type"), Some(AID_GRANT_TYPE));
        prop_assert_eq!(verify(get("proof").unwrap(), now()), Ok(now()));
        let document = AidDocument::from_base64url(get("agent_identity").unwrap()).unwrap();
        prop_assert!(document.verify(now()).is_ok());
        prop_assert_eq!(get("scope").map(str::to_owned), (!scopes.is_empty()).then(|| scopes.join(" ")));
        prop_assert_eq!(members.len(), if scopes.is_empty() { 3 } else { 4 });
    }

    // rule: AID-17
    #[test]
    fn a30_an_answer_with_a_scope_that_was_not_asked_for_is_refused(
        asked in proptest::collection::btree_set("[a-e]", 0..5), granted in proptest::collection::btree_set("[a-e]", 0..5),
    ) {
        let join = |set: &std::collections::BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(" ");
        let answer = answer(&json!({"scope": join(&granted)}));
        let checked = answer.check(&join(&asked).parse().unwrap(), &address());
        prop_assert_eq!(checked.is_ok(), asked.is_empty() || granted.is_subset(&asked));
    }
}

fn answer(members: &Value) -> TokenAnswer {
    TokenAnswer::from_json(answer_json(members).as_bytes()).unwrap()
}

fn answer_json(members: &Value) -> String {
    let mut answer = json!({"access_token": "eyJ0.e30.x", "token_type": "Bearer", "expires_in": 3600});
    for (name, value) in members.as_object().unwrap() {
        answer[name] = value.clone();
    }
    answer.to_string()
}

// rule: AID-17
#[test]
fn a30_an_answer_for_another_agent_is_refused() {
    let asked: TokenScopes = "files:read".parse().unwrap();
    let check = |members: Value| answer(&members).check(&asked, &address()).map_err(|error| error.code());
    assert_eq!(check(json!({"agent_address": "Alice@ACME.crabmail.ai"})), Ok(()));
    assert_eq!(check(json!({})), Ok(()), "an answer that does not say");
    assert_eq!(check(json!({"agent_address": "alice@acme.evil.ai"})), Err("key_mismatch"));
    assert_eq!(check(json!({"scope": "files:read files:read"})), Ok(()));
    assert_eq!(check(json!({"scope": "files:read admin"})), Err("invalid_scope"));
    assert_eq!(check(json!({"scope": "FILES:READ"})), Err("invalid_scope"));
}

// rule: AID-17
#[test]
fn an_answer_that_is_none_is_refused() {
    for (members, code) in [
        (json!({"access_token": null}), "missing_field"),
        (json!({"access_token": ""}), "invalid_field"),
        (json!({"access_token": "a b"}), "invalid_field"),
        (json!({"access_token": "a\r\nX-Evil: 1"}), "invalid_field"),
        (json!({"access_token": "a".repeat(16_385)}), "invalid_field"),
        (json!({"token_type": "mac"}), "invalid_field"),
        (json!({"token_type": null}), "missing_field"),
        (json!({"expires_in": null}), "missing_field"),
        (json!({"expires_in": "3600"}), "invalid_field"),
        (json!({"expires_in": -1}), "invalid_field"),
        (json!({"expires_in": 0.5}), "invalid_field"),
        (json!({"scope": "a\nb"}), "invalid_field"),
        (json!({"scope": ["a"]}), "invalid_field"),
        (json!({"agent_address": "alice"}), "invalid_field"),
        (json!({"x": "y".repeat(70_000)}), "too_large"),
    ] {
        let error = TokenAnswer::from_json(answer_json(&members).as_bytes()).unwrap_err();
        assert_eq!(error.code(), code, "{:.60}", members.to_string());
    }
    assert!(TokenAnswer::from_json(answer_json(&json!({"token_type": "bearer"})).as_bytes()).is_ok());
}

// rule: AID-18
#[test]
fn a_token_is_used_until_sixty_seconds_before_its_end() {
    let end = answer(&json!({})).expires_at(now());
    assert_eq!(end, later(3600));
    assert!(token_is_fresh(end, later(3539)));
    assert!(token_is_fresh(end, later(3539).saturating_add(Duration::from_millis(999))));
    for seconds in [3540, 3541, 3600, 90_000] {
        assert!(!token_is_fresh(end, later(seconds)), "{seconds}");
    }
    let endless = answer(&json!({"expires_in": u64::MAX}));
    assert_eq!(endless.expires_at(now()), later(366 * 86_400));
    assert!(!token_is_fresh(answer(&json!({"expires_in": 60})).expires_at(now()), now()));
    // printf 'https://auth.example.com/acme\n' | sha256sum
    assert_eq!(issuer().token_file_name(), "cbbb5991d7af6d65.json");
}

// rule: AID-18
#[test]
fn a_token_and_a_proof_stay_out_of_debug_output() {
    let proof = ProofLedger::new().prove(&alice(), &issuer(), now()).unwrap();
    let scopes = TokenScopes::none();
    let document = document();
    let request = TokenRequest::new(&document, proof, &scopes);
    let shown = format!("{request:?} {:?}", answer(&json!({})));
    assert!(!shown.contains("eyJ") && !shown.contains(&token_proof(now())[..20]), "{shown}");
    assert!(format!("{:?}", StatusProof::make(&alice(), ISSUER, now()).unwrap()) == "StatusProof(..)");
}

// rule: AID-16
#[test]
fn an_error_of_the_server_is_shown_escaped_and_short() {
    let json = json!({"error": "x\u{1b}[2J", "error_description": "\u{202e}".repeat(100)}).to_string();
    let error = TokenError::from_json(json.as_bytes()).unwrap();
    let shown = error.to_string();
    assert!(shown.is_ascii() && !shown.contains('\u{1b}') && shown.len() < 600, "{shown}");
    for (code, status) in [
        ("invalid_grant", 400),
        ("invalid_proof", 400),
        ("invalid_scope", 400),
        ("unsupported_grant_type", 400),
        ("agent_not_registered", 403),
        ("agent_suspended", 403),
    ] {
        let read = TokenErrorCode::read(code);
        assert!(!matches!(read, TokenErrorCode::Other(_)), "{code}");
        assert_eq!((read.as_str(), read.http_status()), (code, status));
    }
}

// Registration.

fn registration(change: impl Fn(&mut Value)) -> Result<AidRegistration, &'static str> {
    let made = AidRegistration::new("alice", &address(), alice().verifying_key())
        .with_role_id(2)
        .with_description("files")
        .with_token_lifetime(3600);
    let mut body: Value = serde_json::from_str(&made.to_json()).unwrap();
    change(&mut body["agent_registration"]);
    AidRegistration::from_json(body.to_string().as_bytes()).map_err(|error| error.code())
}

fn rename(body: &mut Value, from: &str, to: &str) {
    let value = body.as_object_mut().unwrap().remove(from).unwrap();
    body[to] = value;
}

// rule: AID-21
#[test]
fn a_registration_reads_back_in_either_spelling() {
    let older = |body: &mut Value| {
        for name in ["address", "fingerprint", "public_key"] {
            rename(body, name, &format!("amp_{name}"));
        }
    };
    for read in [registration(|_| {}).unwrap(), registration(older).unwrap()] {
        assert_eq!((read.name(), read.address(), read.description()), ("alice", &address(), "files"));
        assert_eq!((read.role_id(), read.token_lifetime()), (Some(2), Some(3600)));
        assert_eq!(read.verifying_key(), alice().verifying_key());
    }
}

// rule: AID-21
#[test]
fn a_registration_that_says_two_things_is_refused() {
    let mallory = Identity::from_seed(&[8; 32]);
    assert_eq!(
        registration(|body| body["amp_address"] = json!("bob@acme.crabmail.ai")).unwrap_err(),
        "invalid_field"
    );
    assert_eq!(
        registration(|body| body["amp_public_key"] = json!(mallory.verifying_key().to_pem())).unwrap_err(),
        "invalid_field"
    );
    assert_eq!(
        registration(|body| body["fingerprint"] = json!(mallory.fingerprint().to_string())).unwrap_err(),
        "fingerprint_mismatch"
    );
    assert_eq!(registration(|body| body["key_algorithm"] = json!("RSA")).unwrap_err(), "invalid_key");
    assert_eq!(registration(|body| body["public_key"] = json!("00".repeat(32))).unwrap_err(), "invalid_key");
    assert_eq!(registration(|body| body["role_id"] = json!("2")).unwrap_err(), "invalid_field");
    assert_eq!(registration(|body| body["name"] = json!("x".repeat(1_025))).unwrap_err(), "invalid_field");
    assert_eq!(
        registration(|body| {
            body.as_object_mut().unwrap().remove("name");
        })
        .unwrap_err(),
        "missing_field"
    );
}

// rule: AID-22
#[test]
fn a_refusal_is_never_taken_for_a_registration() {
    let read = |status, body: &str| RegistrationAnswer::read(status, body.as_bytes());
    for (status, body, answer) in [
        (200, r#"{"error":"authorization_pending"}"#, RegistrationAnswer::Pending),
        (400, r#"{"error":"authorization_pending"}"#, RegistrationAnswer::Pending),
        (429, r#"{"error":"slow_down"}"#, RegistrationAnswer::SlowDown),
        (429, "<html>", RegistrationAnswer::SlowDown),
        (410, r#"{"error":"expired_token"}"#, RegistrationAnswer::Expired),
        (410, "", RegistrationAnswer::Expired),
        (403, r#"{"error":"access_denied"}"#, RegistrationAnswer::Denied),
        (403, r#"{"data":{"id":"1","attributes":{"status":"active"}}}"#, RegistrationAnswer::Denied),
        (200, r#"{"error":"access_denied","status":"active"}"#, RegistrationAnswer::Denied),
    ] {
        assert_eq!(read(status, body), Ok(answer), "{status} {body}");
    }
    for (status, body) in [
        (200, "<html>"),
        (200, "{}"),
        (200, r#"{"error":"teapot","status":"active"}"#),
        (500, r#"{"status":"active"}"#),
        (401, r#"{"status":"active"}"#),
        (200, r#"{"status":"active","id":"a b"}"#),
        (200, r#"{"status":"active","id":""}"#),
        (200, r#"{"status":true}"#),
        (200, r#"{"status":"pending","status":"active"}"#),
    ] {
        assert!(read(status, body).is_err(), "{status} {body}");
    }
    for body in [
        r#"{"data":{"id":"17","attributes":{"status":"active"}}}"#,
        r#"{"data":{"attributes":{"unique_id":"17","status":"active"}}}"#,
        r#"{"agent_id":"17","status":"active"}"#,
        r#"{"id":17,"status":"active"}"#,
    ] {
        let registered =
            RegistrationAnswer::Registered { id: Some("17".into()), status: RegistrationStatus::Active };
        assert_eq!(read(201, body), Ok(registered), "{body}");
    }
}

// Introspection.

// rule: AID-20
#[test]
fn a_token_is_honoured_only_when_everything_says_so() {
    let honoured = |members: Value| {
        let mut answer = json!({"active": true, "scope": "a b", "exp": later(60).unix_seconds()});
        for (name, value) in members.as_object().unwrap() {
            answer[name] = value.clone();
        }
        match Introspection::from_json(answer.to_string().as_bytes()) {
            Ok(answer) => answer.honoured_at(now()).is_some(),
            Err(_) => false,
        }
    };
    assert!(honoured(json!({})));
    assert!(honoured(json!({"agent_status": "active", "x": [1]})));
    assert!(honoured(json!({"exp": null})));
    for members in [
        json!({"active": false}),
        json!({"active": null}),
        json!({"active": "true"}),
        json!({"active": 1}),
        json!({"agent_status": "suspended"}),
        json!({"agent_status": "deleted"}),
        json!({"agent_status": "pending"}),
        json!({"agent_status": "Active"}),
        json!({"agent_status": ""}),
        json!({"exp": now().unix_seconds()}),
        json!({"exp": "2099-01-01T00:00:00Z"}),
        json!({"exp": 1e300}),
        json!({"scope": "a\"b"}),
        json!({"agent_address": "alice"}),
    ] {
        assert!(!honoured(members.clone()), "{members}");
    }
    assert!(Introspection::from_json(b"{}").is_err());
    assert!(Introspection::from_json(br#"{"active":false,"active":true}"#).is_err());
}

// rule: AID-20
#[test]
fn an_introspection_reads_back() {
    for json in [
        r#"{"active":false}"#,
        r#"{"active":false,"reason":"agent_suspended"}"#,
        r#"{"active":true,"sub":"agent:1","scope":"a b","token_type":"Bearer","agent_id":"1","agent_address":"alice@acme.crabmail.ai","agent_name":"alice","agent_role":"support","agent_status":"active","exp":1711411200,"iat":1711407600}"#,
    ] {
        assert_eq!(Introspection::from_json(json.as_bytes()).unwrap().to_json(), json);
    }
}

#[test]
fn a_document_of_another_key_type_is_refused_without_its_feature() {
    // Nothing here may panic on a signature that is not 64 bytes long.
    let long = Signature::from_bytes(&[1; 256]).unwrap().to_base64();
    let mut value: Value = serde_json::from_str(document().as_json()).unwrap();
    value["signature"] = json!(long);
    let refused = AidDocument::decode(value.to_string().as_bytes()).unwrap().verify(now()).unwrap_err();
    assert_eq!(refused.code(), "signature_invalid");
    assert!(VerifyingKey::parse("").is_err());
}
