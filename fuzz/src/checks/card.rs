//! Cards, rotations and records: what verifies was signed, what is made verifies, and what is read is kept.

use std::sync::LazyLock;
use std::time::Duration;

use amp_core::identity::{
    AgentCard, Capability, CardBuilder, CardError, CardMemory, IdentityRecord, KeyHistory, NewKeyStanding,
    PinView, ProviderAssertedCard, RegistrationRecord, RotationPolicy, RotationRecord, RotationRequest,
    VerifiedCard, address_to_send_from, check_rotation, identity_text,
};
use amp_crypto::{Identity, Signature, SigningContext};
use amp_envelope::{Dialect, Timestamp, canonicalize};
use serde_json::{Map, Value};

use super::{assert_fit_to_show, text_of};

/// The first byte chooses: bytes as they are (0xff), what a card is made of (0xfe), a card to be signed (0xfd), or a
/// signed card to edit. The rest are the bytes, lines, members, or edits of three bytes.
pub fn card(data: &[u8]) {
    let [choice, rest @ ..] = data else { return };
    match choice {
        0xff => {
            whole(rest);
            records(rest);
        }
        0xfe => made(&text_of(rest)),
        0xfd => signed(rest),
        _ => edited(&SIGNED[usize::from(*choice) % SIGNED.len()], rest),
    }
}

/// The cards of the vectors that verify, and what each says.
static SIGNED: LazyLock<Vec<(String, Meaning)>> = LazyLock::new(|| {
    let files = [include_str!("../../../vectors/card.json"), include_str!("../../../vectors/own/card.json")];
    let good =
        |json: &String| AgentCard::decode(json.as_bytes()).is_ok_and(|card| card.verify(now()).is_ok());
    let cards = files.into_iter().flat_map(|file| {
        let file: Value = serde_json::from_str(file).unwrap();
        let raw = |case: &Value| case["input"]["raw"].as_str().map(str::to_owned);
        file["cases"].as_array().unwrap().iter().filter_map(raw).collect::<Vec<_>>()
    });
    let cards = cards.filter(good);
    cards.map(|json| (json.clone(), meaning(&AgentCard::decode(json.as_bytes()).unwrap()))).collect()
});

/// The canonical form of all that is signed, and the signature.
type Meaning = (Vec<u8>, Signature);

fn meaning(card: &AgentCard) -> Meaning {
    let mut members: Map<String, Value> = serde_json::from_str(card.as_json()).unwrap();
    let signature = members.remove("signature").unwrap();
    let signature = Signature::from_base64(signature.as_str().unwrap()).unwrap();
    let json = Value::Object(members).to_string();
    (canonicalize(json.as_bytes(), Dialect::Jcs).unwrap(), signature)
}

fn now() -> Timestamp {
    "2026-03-01T00:00:00Z".parse().unwrap()
}

/// Whatever the bytes are, a card that verifies is one that was signed.
fn whole(bytes: &[u8]) {
    if let Some(card) = verified(bytes) {
        let known = SIGNED.iter().any(|(_, known)| *known == meaning(&card));
        assert!(known, "{}", card.as_json());
    }
    if let Err(error) = ProviderAssertedCard::decode(bytes) {
        refusal(&error);
    }
}

fn verified(bytes: &[u8]) -> Option<VerifiedCard> {
    let card = AgentCard::decode(bytes).map_err(|error| refusal(&error)).ok()?;
    assert_eq!(AgentCard::decode(card.as_json().as_bytes()).unwrap().as_json(), card.as_json());
    let verified = card.verify(now()).map_err(|error| refusal(&error)).ok()?;
    well_behaved(&verified);
    Some(verified)
}

fn refusal(error: &CardError) {
    assert_fit_to_show(error);
    assert!(error.code().bytes().all(|byte| byte.is_ascii_lowercase() || b"_8".contains(&byte)));
}

/// What holds for every card that verifies.
fn well_behaved(card: &VerifiedCard) {
    let minute = Duration::from_secs(60);
    assert!(card.issued_at() <= now().saturating_add(minute) && card.expires_at() > now());
    assert!(card.verify(card.expires_at()).is_err());
    let life = card.expires_at().duration_since(card.issued_at()).unwrap();
    assert!(life > Duration::ZERO && life <= Duration::from_secs(184 * 24 * 60 * 60));

    // It offers a key to the holder of its pin, and to nobody else.
    let memory = CardMemory::new(1);
    let other = Identity::from_seed(&[0xee; 32]);
    let (address, key) = (card.address(), card.public_key());
    assert!(card.clone().check_against(address, other.verifying_key(), &memory).is_err());
    let current = card.clone().check_against(address, key, &memory).unwrap();
    let stated: Value = serde_json::from_str(card.as_json()).unwrap();
    let offered = current.encryption_key().map(|key| key.to_string());
    assert_eq!(offered.as_deref(), stated["encryption_key"].as_str());

    let mut memory = memory;
    memory.apply(&current.seen());
    assert!(card.clone().check_against(address, key, &memory).is_ok());
}

/// Edits of three bytes: what to do, where, and with what. The card verifies only if it still says the same.
fn edited((json, original): &(String, Meaning), edits: &[u8]) {
    let mut bytes = json.clone().into_bytes();
    for edit in edits.chunks_exact(3) {
        let at = usize::from(edit[1]) * bytes.len().max(1) / 256;
        let at = at.min(bytes.len().saturating_sub(1));
        match edit[0] % 4 {
            0 if !bytes.is_empty() => bytes[at] = edit[2],
            1 => bytes.insert(at, edit[2]),
            2 if !bytes.is_empty() => drop(bytes.remove(at)),
            _ => {
                let members =
                    ["\"did\":null,", "\"alias\":\"x\",", "\"x\":1,", " ", "\\u0041", "\"signature\":null,"];
                let member = members[usize::from(edit[2]) % members.len()];
                bytes.splice(at..at, member.bytes());
            }
        }
    }
    if let Some(card) = verified(&bytes) {
        let same = meaning(&card) == *original || SIGNED.iter().any(|(_, known)| *known == meaning(&card));
        assert!(same, "{}", card.as_json());
    }
}

/// Members that the fuzzer signs with a key of its own, so that what lies behind the signature is reached.
fn signed(bytes: &[u8]) {
    let alice = Identity::from_seed(&[7; 32]);
    let Ok(Value::Object(given)) = serde_json::from_slice::<Value>(bytes) else { return };
    let mut members: Map<String, Value> = serde_json::from_str(
        r#"{"amp_agent_card":"1.0","address":"alice@acme.crabmail.ai","key_algorithm":"Ed25519",
            "issued_at":"2026-02-01T00:00:00Z","expires_at":"2026-07-01T00:00:00Z"}"#,
    )
    .unwrap();
    members.insert("public_key".to_owned(), alice.verifying_key().to_pem().into());
    members.insert("fingerprint".to_owned(), alice.fingerprint().to_string().into());
    members.extend(given);
    members.remove("signature");
    let json = Value::Object(members.clone()).to_string();
    let Ok(canonical) = canonicalize(json.as_bytes(), Dialect::Jcs) else { return };
    let text = [b"amp-agent-card-v1\n", &canonical[..]].concat();
    let Ok(signature) = alice.sign(SigningContext::AgentCard, &text) else { return };
    members.insert("signature".to_owned(), signature.to_base64().into());
    let Some(card) = verified(Value::Object(members.clone()).to_string().as_bytes()) else { return };
    assert_eq!(card.public_key(), alice.verifying_key());
    for (name, value) in &members {
        if let Some(kept) = card.get(name) {
            let kept: Value = serde_json::from_str(kept.raw()).unwrap();
            assert!(super::canonicalize::is_same(&kept, value), "{name}");
        }
    }
}

/// Lines: an alias, an endpoint, a capability, the name of a member, and its JSON.
fn made(text: &str) {
    let mut lines = text.splitn(5, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (alias, endpoint, capability, name, json) = (line(), line(), line(), line(), line());
    let alice = Identity::from_seed(&[7; 32]);
    let mut builder = CardBuilder::new("alice@acme.crabmail.ai".parse().unwrap()).alias(alias);
    if !endpoint.is_empty() {
        builder = builder.provider_endpoint(endpoint);
    }
    if !capability.is_empty() {
        builder = builder.capability(Capability::from_wire(capability));
    }
    let value: Value = serde_json::from_str(json).unwrap_or_default();
    let builder = match builder.member(name, &value) {
        Ok(builder) => builder,
        Err(error) => return refusal(&error),
    };
    match builder.sign(&alice, now()) {
        Ok(card) => {
            let card = verified(card.as_json().as_bytes()).unwrap();
            assert_eq!(card.alias().as_deref(), Some(alias));
        }
        Err(error) => refusal(&error),
    }
}

/// Records that are read are written as they can be read again, and keep their secret.
fn records(bytes: &[u8]) {
    let alice = Identity::from_seed(&[7; 32]);
    let key = alice.verifying_key();
    let own = IdentityRecord::decode(bytes).or_else(|_| IdentityRecord::migrate(bytes, key, now()));
    let own = match own {
        Ok(own) => {
            assert_eq!(IdentityRecord::decode(own.to_json().as_bytes()).unwrap().to_json(), own.to_json());
            own
        }
        Err(error) => {
            assert_fit_to_show(&error);
            IdentityRecord::new(&"alice@acme.crabmail.ai".parse().unwrap(), key, now())
        }
    };
    match RegistrationRecord::decode(bytes) {
        Ok(record) => {
            let json = record.to_json();
            let again = RegistrationRecord::decode(json.expose().as_bytes()).unwrap();
            assert_eq!(again.to_json().expose(), json.expose());
            let registrations = [again];
            assert_eq!(address_to_send_from(record.address(), &own, &registrations), record.address());
            let text = identity_text(&own, &registrations, &text_of(bytes), now());
            assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte) || byte == b'\n'));
        }
        Err(error) => assert_fit_to_show(&error),
    }
    rotations(bytes, &alice);
}

fn rotations(bytes: &[u8], alice: &Identity) {
    if let Ok(history) = KeyHistory::decode(bytes) {
        assert_eq!(KeyHistory::decode(history.to_json().as_bytes()), Ok(history));
    }
    if let Ok(record) = RotationRecord::decode(bytes) {
        assert!(record.old_key().verify_rotation(record.new_key(), record.proof()).is_ok());
        assert_eq!(RotationRecord::decode(record.to_json().as_bytes()), Ok(record));
    }
    let Ok(request) = RotationRequest::decode(bytes) else { return };
    let address = "alice@acme.crabmail.ai".parse().unwrap();
    let pin = PinView::new(&address, alice.verifying_key());
    let policy = RotationPolicy::new().accepting_any_form();
    let free = |_: &amp_crypto::VerifyingKey| NewKeyStanding::Free;
    let accepted = check_rotation(pin, &request, free, policy, now());
    let proven = alice.verifying_key().verify_rotation(request.new_key(), request.proof());
    assert!(accepted.is_err() || proven.is_ok());
    if let Err(refused) = accepted {
        assert_fit_to_show(&refused);
    }
}
