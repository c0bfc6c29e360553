//! Verification: a changed message verifies only if nothing that was signed has changed.

use std::sync::LazyLock;

use amp_address::Address;
use amp_crypto::{Identity, Signature, VerifyingKey};
use amp_envelope::{
    Dialect, Draft, ErrorCode, Message, MessageError, Profile, RouteBody, Timestamp, Variant, Verified,
    canonicalize,
};
use serde_json::Value;

use super::canonicalize::is_same;
use super::{assert_fit_to_show, text_of};

/// The first byte chooses: a whole message of the input's own (0xff), a draft (0xfe), or a signed message to edit.
/// The second says how it is read, and the rest is the message, the draft's text, or the edits.
pub fn verify(data: &[u8]) {
    let [choice, how, rest @ ..] = data else { return };
    match choice {
        0xff => whole(rest),
        0xfe => draft(&text_of(rest)),
        _ => {
            let signed = &SIGNED[usize::from(*choice) % SIGNED.len()];
            if how & 4 == 0 {
                edited(&edit(&signed.json, rest), signed, *how);
            } else {
                edited_body(&edit(&signed.body, rest), signed, *how);
            }
        }
    }
}

/// A message that its sender signed.
struct Signed {
    json: String,
    /// The same as a route request has it.
    body: String,
    from: Address,
    key: VerifyingKey,
    dialect: Dialect,
    tuple: Tuple,
}

/// What a signature covers, as received.
#[derive(Clone)]
struct Tuple {
    from: String,
    to: String,
    subject: String,
    priority: &'static str,
    in_reply_to: String,
    payload: Value,
    signature: Signature,
}

impl Tuple {
    fn is(&self, other: &Self) -> bool {
        let fields = |tuple: &Self| {
            let Self { from, to, subject, priority, in_reply_to, .. } = tuple.clone();
            ([from, to, subject, in_reply_to], priority)
        };
        // An Ed25519 signature is no other's twin: its bytes count too.
        fields(self) == fields(other)
            && is_same(&self.payload, &other.payload)
            && self.signature == other.signature
    }
}

/// Messages recorded from deployed programs, and the project's own in every dialect: those of the vectors that verify
/// under some dialect. Whether each does as it should is for the vectors' own test to say.
static SIGNED: LazyLock<Vec<Signed>> =
    LazyLock::new(|| inputs().iter().filter_map(|input| Signed::read(&json_of(input)?, input)).collect());

/// Signatures of messages that the vectors hold in a changed form alone: a fuzzer may find the way back.
static OF_UNKNOWN: LazyLock<Vec<Signature>> = LazyLock::new(|| {
    let is_known = |signature: &Signature| SIGNED.iter().any(|signed| signed.tuple.signature == *signature);
    let all = inputs().into_iter().filter_map(|input| {
        let message: Value = serde_json::from_str(&json_of(&input)?).ok()?;
        Signature::from_base64(message["envelope"]["signature"].as_str()?).ok()
    });
    all.filter(|signature| !is_known(signature)).collect()
});

fn inputs() -> Vec<Value> {
    let files = [
        include_str!("../../../vectors/verify-maestro.json"),
        include_str!("../../../vectors/verify-bash-client.json"),
        include_str!("../../../vectors/own/verify-dialects.json"),
    ];
    let cases = files.iter().flat_map(|file| {
        let mut file: Value = serde_json::from_str(file).unwrap();
        let cases = std::mem::take(file["cases"].as_array_mut().unwrap());
        cases.into_iter().map(|mut case| case["input"].take())
    });
    cases.collect()
}

fn json_of(input: &Value) -> Option<String> {
    match input["raw"].as_str() {
        Some(json) => Some(json.to_owned()),
        None => String::from_utf8(base64(input["raw_b64"].as_str()?)).ok(),
    }
}

impl Signed {
    fn read(json: &str, input: &Value) -> Option<Self> {
        let key = VerifyingKey::parse(input["public_key"].as_str()?).ok()?;
        key.ed25519_bytes()?;
        let verified = Message::decode(json.as_bytes()).ok()?.verify_with(&key, &Dialect::ALL).ok()?;
        let unsigned = verified.unsigned();
        let mut body = String::from("{");
        for name in ["to", "subject", "priority", "in_reply_to", "signature"] {
            if let Some(value) = unsigned.get(name) {
                body.push_str(&format!("\"{name}\":{},", value.raw()));
            }
        }
        body.push_str(&format!("\"payload\":{}}}", verified.payload().raw()));
        let (from, dialect, tuple) = (verified.from(), verified.dialect(), tuple_of(&verified));
        Some(Self { json: json.to_owned(), body, from, key, dialect, tuple })
    }
}

fn tuple_of(verified: &Verified<Message>) -> Tuple {
    let unsigned = verified.unsigned();
    let text = |name| unsigned.get(name).and_then(|value| value.as_str()).unwrap_or_default().into_owned();
    Tuple {
        from: text("from"),
        to: text("to"),
        subject: text("subject"),
        priority: verified.priority().as_str(),
        in_reply_to: text("in_reply_to"),
        payload: payload_of(verified.payload().raw(), verified.variant()),
        signature: Signature::from_base64(&text("signature")).unwrap(),
    }
}

/// The payload's value as it was signed.
fn payload_of(raw: &str, variant: Variant) -> Value {
    let mut payload: Value = serde_json::from_str(raw).unwrap();
    if variant == Variant::EmptyAttachments {
        let removed = payload.as_object_mut().unwrap().remove("attachments");
        assert_eq!(removed, Some(Value::Array(Vec::new())));
    }
    payload
}

/// Edits of four bytes each: what to do, where, and with what.
fn edit(json: &str, edits: &[u8]) -> Vec<u8> {
    let mut bytes = json.as_bytes().to_vec();
    for &[what, low, high, with] in edits.as_chunks::<4>().0.iter().take(16) {
        let at = usize::from(u16::from_le_bytes([low, high])) % bytes.len().max(1);
        match what % 8 {
            _ if bytes.is_empty() => {}
            0 => bytes[at] ^= 1 << (with & 7),
            1 => bytes[at] = with,
            2 => bytes.insert(at, with),
            3 => drop(bytes.drain(at..(at + usize::from(with) + 1).min(bytes.len()))),
            4 | 5 => drop(bytes.splice(at..at, PIECES[usize::from(with) % PIECES.len()].bytes())),
            6 => {
                let copied = bytes[at..(at + usize::from(with)).min(bytes.len())].to_vec();
                drop(bytes.splice(at..at, copied));
            }
            _ => {
                let other = (at + usize::from(with)) % bytes.len();
                bytes.swap(at, other);
            }
        }
    }
    bytes
}

/// What an attacker would try to put in.
const PIECES: [&str; 24] = [
    " ",
    "\n",
    "\\u0061",
    "\\/",
    "|",
    ".0",
    "e0",
    "0",
    "-",
    "\"attachments\":[],",
    ",\"attachments\":[]",
    "\"attachments\":[ ],",
    "\"subject\":\"x\",",
    "\"payload\":{},",
    "\"context\":null,",
    "\"context\":{},",
    "\"a\":1,",
    "\"in_reply_to\":null,",
    "\"in_reply_to\":\"\",",
    "\"priority\":\"normal\",",
    "\"priority\":\"high\",",
    "\"__proto__\":{},",
    "\u{e9}",
    "[],",
];

fn edited(bytes: &[u8], signed: &Signed, how: u8) {
    let profile = if how & 1 == 0 { Profile::Deployed } else { Profile::Spec };
    let dialects = if how & 2 == 0 { &Dialect::ALL[..] } else { &[Dialect::Jcs] };
    let Ok(message) = Message::decode_with(bytes, profile) else { return };
    let json = message.to_json();
    let untouched = is_untouched(&message, signed) && profile == Profile::Deployed && how & 2 == 0;
    match message.verify_with(&signed.key, dialects) {
        Ok(verified) => {
            assert!(dialects.contains(&verified.dialect()));
            assert_was_signed(&verified, &signed.key);
        }
        Err(refused) => {
            refusal(refused.error());
            assert!(!untouched, "{}", String::from_utf8_lossy(bytes));
            assert_eq!(refused.into_inner().to_json(), json);
        }
    }
}

/// Whether all that was signed is still there, so that the message must verify.
fn is_untouched(message: &Message, signed: &Signed) -> bool {
    let (unsigned, tuple) = (message.unsigned(), &signed.tuple);
    let text = |name| unsigned.get(name).and_then(|value| value.as_str()).unwrap_or_default();
    let form = |json: &str| canonicalize(json.as_bytes(), signed.dialect).ok();
    let original = Message::decode(signed.json.as_bytes()).unwrap();
    text("from") == tuple.from
        && text("to") == tuple.to
        && text("subject") == tuple.subject
        && message.priority().as_str() == tuple.priority
        && text("in_reply_to") == tuple.in_reply_to
        && Signature::from_base64(&text("signature")).as_ref() == Ok(&tuple.signature)
        && form(message.payload().raw()) == form(original.payload().raw())
}

fn assert_was_signed(verified: &Verified<Message>, key: &VerifyingKey) {
    let tuple = tuple_of(verified);
    let known = SIGNED.iter().any(|signed| signed.key == *key && signed.tuple.is(&tuple));
    assert!(known || OF_UNKNOWN.contains(&tuple.signature), "{}", verified.to_json());
}

fn edited_body(bytes: &[u8], signed: &Signed, how: u8) {
    let profile = if how & 1 == 0 { Profile::Deployed } else { Profile::Spec };
    let Ok(body) = RouteBody::decode_with(bytes, &signed.from, profile) else { return };
    match body.verify_with(&signed.key, &Dialect::ALL) {
        Ok(verified) => {
            let text = |name| {
                verified
                    .unsigned()
                    .get(name)
                    .and_then(|value| value.as_str())
                    .unwrap_or_default()
                    .into_owned()
            };
            let tuple = Tuple {
                from: signed.from.as_str().to_owned(),
                to: text("to"),
                subject: text("subject"),
                priority: verified.priority().as_str(),
                in_reply_to: text("in_reply_to"),
                payload: payload_of(verified.payload().raw(), verified.variant()),
                signature: Signature::from_base64(&text("signature")).unwrap(),
            };
            assert!(signed.tuple.is(&tuple), "{}", String::from_utf8_lossy(bytes));
        }
        Err(refused) => refusal(refused.error()),
    }
}

fn refusal(error: &MessageError) {
    assert_fit_to_show(error);
    let expected = [
        ErrorCode::SignatureMissing,
        ErrorCode::SignatureInvalid,
        ErrorCode::UnportableNumber,
        ErrorCode::UnportablePayload,
    ];
    assert!(expected.contains(&error.code()), "{error}");
}

/// Verifies under a known key only if that key's owner signed it.
fn whole(bytes: &[u8]) {
    let Ok(message) = Message::decode(bytes) else { return };
    let mut tried: Vec<&VerifyingKey> = Vec::new();
    for signed in SIGNED.iter() {
        if tried.contains(&&signed.key) {
            continue;
        }
        tried.push(&signed.key);
        if let Ok(verified) = message.clone().verify_with(&signed.key, &Dialect::ALL) {
            assert_was_signed(&verified, &signed.key);
        }
    }
}

/// Lines: subject, text, context, an attachment. What can be signed verifies, under the strict profile, and says what was meant.
fn draft(text: &str) {
    let mut lines = text.splitn(4, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (subject, text, context, attachment) = (line(), line(), line(), line());
    let (alice, now) = (Identity::from_seed(&[7; 32]), Timestamp::UNIX_EPOCH);
    let from: Address = "alice@acme.crabmail.ai".parse().unwrap();
    let draft = Draft::request("bob@acme.crabmail.ai".parse().unwrap(), subject, text).from(&from);
    let draft = draft.clone().attachment_json(attachment).unwrap_or(draft);
    let with_context = draft.clone().context_json(context);
    let has_context = with_context.is_ok();
    let signed = match with_context.unwrap_or(draft).sign_with_nonce(&alice, now, [1; 16]) {
        Ok(signed) => signed,
        Err(error) => return assert_fit_to_show(&error),
    };
    let message = Message::decode_with(signed.to_json().as_bytes(), Profile::Spec).unwrap();
    let verified = message.verify(alice.verifying_key()).unwrap();
    assert_eq!((verified.subject(), verified.text()), (subject.into(), text.into()));
    assert_eq!(verified.signing_digest(), signed.signing_digest());
    let body = RouteBody::decode_with(signed.to_route_json().as_bytes(), &from, Profile::Spec).unwrap();
    let body = body.verify(alice.verifying_key()).unwrap();
    assert_eq!((body.subject(), body.payload().raw()), (subject.into(), verified.payload().raw()));
    let answer = verified.reply(text).sign_with_nonce(&alice, now, [2; 16]).unwrap();
    assert_eq!(answer.as_message().in_reply_to(), Some(signed.id()));

    let mut wanted: Value =
        if has_context { serde_json::from_str(context).unwrap_or_default() } else { Value::Null };
    let mut read = verified.payload().context::<Value>().unwrap().unwrap();
    assert!(read.as_object_mut().unwrap().remove("amp").is_some());
    if wanted.is_null() {
        wanted = Value::Object(serde_json::Map::new());
    }
    assert!(is_same(&read, &wanted), "{context}");
}

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_usize, 0);
    for value in text.bytes().filter_map(|c| DIGITS.iter().position(|digit| *digit == c)) {
        (bits, count) = (bits << 6 | value, count + 6);
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    bytes
}
