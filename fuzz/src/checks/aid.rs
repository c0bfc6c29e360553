//! Agent Identity: what verifies was signed, what is made verifies, proofs have one spelling, answers are held to the request.

use std::sync::LazyLock;
use std::time::Duration;

use amp_core::identity::{
    AidDocument, AidError, AidRegistration, Introspection, Issuer, ProofLedger, ProofMemory,
    RegistrationAnswer, StatusProof, TokenAnswer, TokenError, TokenProof, TokenScopes, VerifiedAid,
};
use amp_crypto::{Identity, SigningContext};
use amp_envelope::{Dialect, Timestamp, canonicalize};
use serde_json::{Map, Value};

use super::{assert_fit_to_show, text_of};

const ISSUER: &str = "https://auth.example.com/acme";

/// The first byte chooses: bytes as they are (0xff), what a document is made of (0xfe), members to be signed (0xfd), a
/// proof to edit (0xfc), scopes (0xfb), or a signed document to edit. The rest are the bytes, lines, members, or edits
/// of three bytes.
pub fn aid(data: &[u8]) {
    let [choice, rest @ ..] = data else { return };
    match choice {
        0xff => {
            whole(rest);
            answers(rest);
        }
        0xfe => made(&text_of(rest)),
        0xfd => signed(rest),
        0xfc => proof(rest),
        0xfb => scopes(&text_of(rest)),
        _ => {
            let (json, original) = &SIGNED[usize::from(*choice) % SIGNED.len()];
            let mut bytes = json.clone().into_bytes();
            edit(&mut bytes, rest);
            if let Some(document) = verified(&bytes) {
                let said = meaning(document.as_document());
                assert!(said == *original || SIGNED.iter().any(|(_, known)| *known == said), "{document:?}");
            }
        }
    }
}

/// The documents of the vectors that verify, and what each says.
static SIGNED: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let files = [
        include_str!("../../../vectors/aid-identity.json"),
        include_str!("../../../vectors/own/aid-identity.json"),
    ];
    let raws = files.into_iter().flat_map(|file| {
        let file: Value = serde_json::from_str(file).unwrap();
        let raw = |case: &Value| case["input"]["raw"].as_str().map(str::to_owned);
        file["cases"].as_array().unwrap().iter().filter_map(raw).collect::<Vec<_>>()
    });
    let read = |json: String| {
        let document = AidDocument::decode(json.as_bytes()).ok()?.verify(now()).ok()?;
        let said = meaning(document.as_document());
        Some((json, said))
    };
    raws.filter_map(read).collect()
});

/// The canonical form of all that is signed.
fn meaning(document: &AidDocument) -> Vec<u8> {
    let mut members: Map<String, Value> = serde_json::from_str(document.as_json()).unwrap();
    members.remove("signature");
    canonicalize(Value::Object(members).to_string().as_bytes(), Dialect::Jcs).unwrap()
}

fn now() -> Timestamp {
    "2026-12-01T00:00:00Z".parse().unwrap()
}

fn alice() -> Identity {
    Identity::from_seed(&[7; 32])
}

fn whole(bytes: &[u8]) {
    if let Some(document) = verified(bytes) {
        let said = meaning(document.as_document());
        assert!(SIGNED.iter().any(|(_, known)| *known == said), "{document:?}");
    }
}

fn refusal(error: &AidError) {
    assert_fit_to_show(error);
    assert!(error.code().bytes().all(|byte| byte.is_ascii_lowercase() || b"_8".contains(&byte)));
}

fn verified(bytes: &[u8]) -> Option<VerifiedAid> {
    let document = AidDocument::decode(bytes).map_err(|error| refusal(&error)).ok()?;
    let carried = AidDocument::from_base64url(&document.to_base64url()).unwrap();
    assert_eq!(carried.as_json(), document.as_json());
    let verified = document.verify(now()).map_err(|error| refusal(&error)).ok()?;
    let lifetime = verified.expires_at().duration_since(verified.issued_at()).unwrap();
    assert!(lifetime <= AidDocument::LIFETIME_MAX && verified.expires_at() > now());
    assert!(verified.issued_at() <= now().saturating_add(Duration::from_secs(300)));
    assert!(verified.as_document().clone().verify(verified.expires_at()).is_err());
    Some(verified)
}

/// Edits of three bytes: what to do, where, and with what.
fn edit(bytes: &mut Vec<u8>, edits: &[u8]) {
    for edit in edits.chunks_exact(3) {
        let at = (usize::from(edit[1]) * bytes.len().max(1) / 256).min(bytes.len().saturating_sub(1));
        match edit[0] % 4 {
            0 if !bytes.is_empty() => bytes[at] = edit[2],
            1 => bytes.insert(at, edit[2]),
            2 if !bytes.is_empty() => drop(bytes.remove(at)),
            _ => {
                let members =
                    ["\"alias\":\"x\",", "\"x\":1,", " ", "\\u0041", "\"signature\":null,", "\"a\":{},"];
                bytes.splice(at..at, members[usize::from(edit[2]) % members.len()].bytes());
            }
        }
    }
}

/// Lines: an alias, and how many seconds the document holds.
fn made(text: &str) {
    let (seconds, alias) = text.split_once('\n').unwrap_or(("", text));
    let end = now().saturating_add(Duration::from_secs(seconds.parse().unwrap_or(86_400)));
    let address = "alice@default.example.local".parse().unwrap();
    match AidDocument::issue_until(&alice(), &address, Some(alias), now(), end) {
        Ok(document) => {
            let read = verified(document.as_json().as_bytes()).unwrap();
            assert_eq!((read.alias(), read.address()), (Some(alias), &address));
        }
        Err(error) => refusal(&error),
    }
}

/// Members that the fuzzer signs with a key of its own, so that what lies behind the signature is reached.
fn signed(bytes: &[u8]) {
    let Ok(Value::Object(given)) = serde_json::from_slice::<Value>(bytes) else { return };
    let mut members: Map<String, Value> = serde_json::from_str(
        r#"{"aid_version":"1.0","address":"alice@default.local","key_algorithm":"Ed25519",
            "issued_at":"2026-11-01T00:00:00Z","expires_at":"2027-04-01T00:00:00Z"}"#,
    )
    .unwrap();
    members.insert("public_key".to_owned(), alice().verifying_key().to_pem().into());
    members.insert("fingerprint".to_owned(), alice().fingerprint().to_string().into());
    members.extend(given);
    members.remove("signature");
    let json = Value::Object(members.clone()).to_string();
    for dialect in [Dialect::Jcs, Dialect::Jq16, Dialect::Jq17] {
        let Ok(text) = canonicalize(json.as_bytes(), dialect) else { continue };
        let Ok(signature) = alice().sign(SigningContext::AidDocument, &text) else { continue };
        members.insert("signature".to_owned(), signature.to_base64().into());
        let json = Value::Object(members.clone()).to_string();
        if let Some(document) = verified(json.as_bytes()) {
            assert_eq!(document.verifying_key(), alice().verifying_key());
            let mut other: Value = serde_json::from_str(&json).unwrap();
            other["added"] = 1.into();
            if members.get("added") != other.get("added") {
                assert!(verified(other.to_string().as_bytes()).is_none(), "a member that was not signed");
            }
        }
    }
}

/// A proof with edits, and the rest as a proof by itself.
fn proof(bytes: &[u8]) {
    let (identity, issuer): (_, Issuer) = (alice(), ISSUER.parse().unwrap());
    let key = identity.verifying_key();
    let made = ProofLedger::new().prove(&identity, &issuer, now()).unwrap().into_text();
    let status = StatusProof::make(&identity, ISSUER, now()).unwrap();
    for (text, is_token) in [(made.expose(), true), (status.as_str(), false)] {
        let mut edited = text.as_bytes().to_vec();
        edit(&mut edited, bytes);
        for candidate in [&*text_of(&edited), &*text_of(bytes)] {
            let token = TokenProof::verify(key, candidate, &issuer, now());
            let state = StatusProof::verify(key, candidate, ISSUER, now());
            // One value has one spelling, and one kind.
            assert_eq!(token.is_ok(), candidate == made.expose(), "{candidate}");
            assert_eq!(state.is_ok(), candidate == status.as_str(), "{candidate}");
            let mut memory = ProofMemory::new(issuer.clone());
            assert_eq!(memory.accept(key, candidate, now()).is_ok(), token.is_ok());
            assert!(memory.accept(key, candidate, now()).is_err(), "a second time");
            for error in [token.err(), state.err()].into_iter().flatten() {
                refusal(&error);
            }
        }
        assert!(TokenProof::verify(key, text, &issuer, now()).is_ok() == is_token);
    }
}

/// Scopes asked for, and a line behind them scopes answered.
fn scopes(text: &str) {
    let (asked, answered) = text.split_once('\n').unwrap_or((text, ""));
    let (Ok(asked), Ok(answered)) = (asked.parse::<TokenScopes>(), answered.parse::<TokenScopes>()) else {
        return;
    };
    assert_eq!(asked.to_string().parse::<TokenScopes>().as_ref(), Ok(&asked));
    let body = serde_json::json!({
        "access_token": "t", "token_type": "Bearer", "expires_in": 60, "scope": answered.to_string(),
    });
    let answer = TokenAnswer::from_json(body.to_string().as_bytes()).unwrap();
    let checked = answer.check(&asked, &"alice@acme.crabmail.ai".parse().unwrap());
    let wider = answered.iter().any(|scope| !asked.contains(scope));
    assert_eq!(checked.is_err(), wider && !asked.is_empty());
}

/// What an authorization server may send, or be sent.
fn answers(bytes: &[u8]) {
    match TokenAnswer::from_json(bytes) {
        Ok(answer) => assert!(!format!("{answer:?}").contains("eyJ")),
        Err(error) => refusal(&error),
    }
    if let Ok(error) = TokenError::from_json(bytes) {
        let shown = error.to_string();
        assert!(shown.len() <= 2_000 && shown.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{shown}");
    }
    if let Ok(answer) = Introspection::from_json(bytes) {
        assert_eq!(Introspection::from_json(answer.to_json().as_bytes()).as_ref(), Ok(&answer));
        let stated: Value = serde_json::from_slice(bytes).unwrap();
        assert!(answer.honoured_at(now()).is_none() || stated["active"] == true);
    }
    if let Ok(body) = AidRegistration::from_json(bytes) {
        let again = AidRegistration::from_json(body.to_json().as_bytes()).unwrap();
        assert_eq!(again.to_json(), body.to_json());
    }
    for status in [200, 403, 429] {
        if let Ok(RegistrationAnswer::Registered { .. }) = RegistrationAnswer::read(status, bytes) {
            assert_eq!(status, 200);
        }
    }
}
