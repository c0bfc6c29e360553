//! Sealed messages: what opens was sealed for this message and says what was sealed, whatever the bytes are.

use std::sync::LazyLock;

use amp_address::Address;
use amp_crypto::seal::{Binding, DecryptionKey, EncryptionKey, Suite, padded_len, seal};
use amp_crypto::{Identity, SigningContext};
use amp_envelope::{
    Attachment, Dialect, Draft, ErrorCode, Message, MessageError, OpenedMessage, OpeningError, OpeningKeys,
    PayloadHash, Priority, Timestamp, Verified, signing_string,
};
use serde_json::{Value, json};

use super::canonicalize::is_same;
use super::{assert_fit_to_show, text_of};

const ALICE: &str = "alice@acme.crabmail.ai";
const BOB: &str = "bob@acme.crabmail.ai";
const CAROL: &str = "carol@acme.crabmail.ai";

/// The first byte chooses: an outer payload that the fuzzer signs (0xff), an inner one that it seals (0xfe), a draft
/// (0xfd), or a sealed message to edit and to sign anew. The rest are the payload, the draft's lines, or whose the
/// message becomes in one byte and edits of three.
pub fn sealed_open(data: &[u8]) {
    let [choice, rest @ ..] = data else { return };
    match choice {
        0xff => outer(rest),
        0xfe => inner(rest),
        0xfd => draft(&text_of(rest)),
        _ => edited(&SEALED[usize::from(*choice) % SEALED.len()], rest),
    }
}

fn sender() -> Identity {
    Identity::from_seed(&[1; 32])
}

/// The recipient's keys: its signing key, mapped, and one of its own.
static KEYS: LazyLock<OpeningKeys> = LazyLock::new(|| {
    OpeningKeys::new()
        .with_identity(&Identity::from_seed(&[2; 32]))
        .with_key(DecryptionKey::from_bytes(&[3; 32]))
});

fn recipients() -> [EncryptionKey; 2] {
    [DecryptionKey::of(&Identity::from_seed(&[2; 32])), DecryptionKey::from_bytes(&[3; 32])]
        .map(|key| key.encryption_key())
}

const SUITES: [Suite; 2] = [Suite::XChaCha20Poly1305, Suite::ChaCha20Poly1305];

/// A sealed message.
struct Sealed {
    payload: String,
    inner: Value,
}

/// Sealed by the library, one for each suite and each key, and what each holds.
static SEALED: LazyLock<Vec<Sealed>> = LazyLock::new(|| {
    let kinds = SUITES.iter().flat_map(|suite| recipients().map(|key| (*suite, key)));
    let sealed = kinds.enumerate().map(|(n, (suite, key))| {
        let inner = json!({"type": "request", "message": format!("Message {n}"), "context": {"n": n}});
        Sealed { payload: wrapped(suite, &key, inner.to_string().as_bytes()), inner }
    });
    sealed.collect()
});

/// An outer payload around what is sealed, as another program would make it.
fn wrapped(suite: Suite, key: &EncryptionKey, plaintext: &[u8]) -> String {
    let binding = Binding::new(ALICE, BOB, sender().verifying_key()).unwrap();
    let sealed = seal(suite, key, &binding, plaintext, &[9; 32]).unwrap();
    let member = json!({"suite": suite.as_str(), "kid": key.id().to_string(),
        "epk": base64url(sealed.epk()), "ct": base64url(sealed.ct())});
    json!({"type": "sealed:v1", "message": "Sealed.", "context": {"sealed": member}}).to_string()
}

/// A message around a payload, signed by this key: none when the payload cannot be signed.
fn signed(from: &str, to: &str, signer: &Identity, payload: &[u8]) -> Option<Verified<Message>> {
    let payload = str::from_utf8(payload).ok()?;
    let hash = PayloadHash::of(payload.as_bytes(), Dialect::Jcs).ok()?;
    let address = |text: &str| -> Address { text.parse().unwrap() };
    let string = signing_string(&address(from), &address(to), "Hi", Priority::Normal, None, &hash).unwrap();
    let signature = signer.sign(SigningContext::Message, string.as_bytes()).unwrap().to_base64();
    let id = "msg_1769853600_00112233445566aa";
    let message = format!(
        r#"{{"envelope":{{"version":"amp/0.1","id":"{id}","from":"{from}","to":"{to}","subject":"Hi","timestamp":"2026-01-31T10:00:00Z","thread_id":"{id}","signature":"{signature}"}},"payload":{payload}}}"#
    );
    Some(Message::decode(message.as_bytes()).ok()?.verify(signer.verifying_key()).unwrap())
}

fn open(message: Verified<Message>) -> Result<OpenedMessage, OpeningError> {
    let raw = message.payload().raw().to_owned();
    let view = message.payload().sealed();
    let opened = message.open(&KEYS, Timestamp::UNIX_EPOCH);
    // The view and the opening agree on what is wrong outside.
    match (&view, opened.as_ref().map_err(|unopened| *unopened.error())) {
        (Ok(None), Err(OpeningError::NotSealed)) => {}
        (Err(error), Err(OpeningError::Unsupported(other) | OpeningError::Malformed(other))) => {
            assert_eq!(*error, other);
        }
        (Ok(Some(view)), Err(OpeningError::KeyNotHeld(id))) => assert_eq!(*view.key_id(), id),
        (Ok(Some(_)), Err(OpeningError::NotOpened | OpeningError::Inner(_))) => {}
        (Ok(Some(view)), Ok(opened)) => {
            assert_eq!((view.suite(), view.key_id()), (opened.suite(), opened.key_id()));
        }
        (view, opened) => panic!("{view:?}, and {opened:?}"),
    }
    if let Err(error) = view {
        sound(&error, &raw);
    }
    let opened = opened.map_err(|unopened| {
        assert_fit_to_show(unopened.error());
        assert_eq!(unopened.verified().payload().raw(), raw, "it is as it was");
        *unopened.error()
    })?;
    whole(&opened);
    // The secret that is kept of it opens it again, and no other message.
    let again = opened.verified().clone().open_with_secret(opened.shared_secret()).expect("opened before");
    assert_eq!(again.payload().raw(), opened.payload().raw());
    Ok(opened)
}

/// What is inside passes for a payload, and a second reader agrees.
fn whole(opened: &OpenedMessage) {
    let payload: Value = serde_json::from_str(opened.payload().raw()).expect("JSON");
    assert_eq!(payload["type"].as_str(), Some(opened.message_type().as_str()));
    assert_eq!(payload["message"].as_str(), Some(&*opened.text()));
    assert!(!opened.message_type().as_str().starts_with("sealed:"), "nested");
    assert!(payload["context"].get("amp").is_none());
    let inside = payload["attachments"].as_array().map_or(0, Vec::len);
    assert_eq!(opened.attachments().len(), inside);
    let sealed = opened.attachments().iter().filter(|file| matches!(file, Attachment::Sealed(_))).count();
    assert_eq!(opened.verified().payload().attachments_json().count(), sealed, "one outside for each inside");
    assert!(!format!("{opened:?}").contains(opened.shared_secret().to_base64url().expose()));
}

fn sound(error: &MessageError, raw: &str) {
    assert_fit_to_show(error);
    assert!(error.field().is_some_and(|field| field.starts_with("payload.")), "{error}");
    let payload: Value = serde_json::from_str(raw).unwrap();
    let version = payload["type"].as_str() == Some("sealed:v1");
    assert_eq!(error.code() == ErrorCode::UnsupportedVersion, !version, "{error}");
}

/// Whatever is signed, the payload is read alike by the view, the opening and a second reader.
fn outer(payload: &[u8]) {
    let Some(message) = signed(ALICE, BOB, &sender(), payload) else { return };
    let Ok(opened) = open(message) else { return };
    let mut known = SEALED.iter().map(|sealed| members(sealed.payload.as_bytes()));
    let is_known = VECTORS.contains(&members(payload)) || known.any(|known| known == members(payload));
    assert!(is_known, "nobody sealed this: {}", opened.payload().raw());
}

/// What is sealed in a payload.
fn members(payload: &[u8]) -> [Value; 4] {
    let payload: Value = serde_json::from_slice(payload).expect("JSON");
    ["suite", "kid", "epk", "ct"].map(|name| payload["context"]["sealed"][name].clone())
}

/// What is sealed in the test vectors, to the same keys.
static VECTORS: LazyLock<Vec<[Value; 4]>> = LazyLock::new(|| {
    let file: Value = serde_json::from_str(include_str!("../../../vectors/own/sealed.json")).unwrap();
    let messages = file["cases"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|case| serde_json::from_str::<Value>(case["input"]["raw"].as_str()?).ok());
    messages.map(|message| members(message["payload"].to_string().as_bytes())).collect()
});

/// What is sealed comes out as it went in, or is refused as a payload would be.
fn inner(plaintext: &[u8]) {
    let n = plaintext.len() % 4;
    let payload = wrapped(SUITES[n / 2], &recipients()[n % 2], plaintext);
    let Some(message) = signed(ALICE, BOB, &sender(), payload.as_bytes()) else { return };
    match open(message) {
        Ok(opened) => assert_eq!(opened.payload().raw().as_bytes(), plaintext.trim_ascii()),
        Err(OpeningError::Inner(error)) => assert_fit_to_show(&error),
        Err(OpeningError::Malformed(error)) => assert_eq!(error.code(), ErrorCode::TooLarge),
        Err(other) => panic!("{other}"),
    }
}

/// Lines: a subject, a text, a context. What can be sealed opens, verifies, and shows its bucket alone.
fn draft(text: &str) {
    let mut lines = text.splitn(3, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (subject, text, context) = (line(), line(), line());
    let (bob, from): (Address, Address) = (BOB.parse().unwrap(), ALICE.parse().unwrap());
    let draft = Draft::request(bob, subject, text).from(&from);
    let draft = draft.clone().context_json(context).unwrap_or(draft);
    let n = text.len() % 4;
    let draft = draft.seal_to(&recipients()[n % 2]).sealing_suite(SUITES[n / 2]).sealing_randomness([7; 32]);
    let signed = match draft.sign_with_nonce(&sender(), Timestamp::UNIX_EPOCH, [1; 16]) {
        Ok(signed) => signed,
        Err(error) => return assert_fit_to_show(&error),
    };
    let message = Message::decode(signed.to_json().as_bytes()).unwrap();
    let opened = open(message.verify(sender().verifying_key()).unwrap()).expect("what was sealed opens");
    assert_eq!(opened.text(), text);
    assert_eq!(opened.verified().subject(), subject);
    let kept = signed.shared_secret().expect("the sender keeps it").to_base64url();
    assert_eq!(opened.shared_secret().to_base64url().expose(), kept.expose());
    let outside: Value = serde_json::from_str(opened.verified().payload().raw()).unwrap();
    let sealed = outside["context"]["sealed"]["ct"].as_str().unwrap().len() as u64 * 3 / 4 - 16;
    assert_eq!(sealed, padded_len(opened.payload().raw().len() as u64));
}

/// A sealed message that is changed, or becomes another's, and is signed anew: it opens only where nothing that is bound
/// is another, and then to the same payload.
fn edited(sealed: &Sealed, edits: &[u8]) {
    let Some((whose, edits)) = edits.split_first() else { return };
    let (from, to, seed) = match whose % 4 {
        1 => (CAROL, BOB, 1),
        2 => (ALICE, CAROL, 1),
        3 => (ALICE, BOB, 5),
        _ => (ALICE, BOB, 1),
    };
    let mut bytes = sealed.payload.clone().into_bytes();
    for edit in edits.chunks_exact(3) {
        let at = usize::from(edit[1]) * bytes.len().max(1) / 256 + usize::from(edit[2] % 8);
        let at = at.min(bytes.len().saturating_sub(1));
        match edit[0] % 4 {
            0 if !bytes.is_empty() => bytes[at] = edit[2],
            1 => bytes.insert(at, edit[2]),
            2 if !bytes.is_empty() => drop(bytes.remove(at)),
            _ => {
                let parts =
                    ["\"sealed\":{},", "\"kid\":null,", "\"x\":1,", " ", "A", "\\u0041", "=", "sealed:v2"];
                bytes.splice(at..at, parts[usize::from(edit[2]) % parts.len()].bytes());
            }
        }
    }
    let Some(message) = signed(from, to, &Identity::from_seed(&[seed; 32]), &bytes) else { return };
    let opened = open(message);
    let is_same_sealed = members(&bytes) == members(sealed.payload.as_bytes());
    match opened {
        Ok(opened) => {
            assert!(is_same_sealed && whose % 4 == 0, "what is bound is another");
            let inside: Value = serde_json::from_str(opened.payload().raw()).unwrap();
            assert!(is_same(&inside, &sealed.inner));
        }
        Err(OpeningError::NotOpened) => assert!(!is_same_sealed || whose % 4 != 0),
        Err(OpeningError::Inner(error)) => {
            // Nothing inside is another: it does not fit to what is outside, which may name files now.
            assert!(is_same_sealed && error.field() == Some("payload.attachments"), "{error}");
        }
        Err(_) => {}
    }
}

fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits =
            group.iter().fold(0, |bits, byte| bits << 8 | usize::from(*byte)) << (8 * (3 - group.len()));
        text.extend((0..=group.len()).map(|n| char::from(DIGITS[bits >> (18 - 6 * n) & 63])));
    }
    text
}
