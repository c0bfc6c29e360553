//! Sealed messages, made with fixed keys and fixed randomness, and ways in which they can be wrong.
//!
//! The sender's seed is 32 bytes 01. Recipients are the seed of 32 bytes 02, whose Ed25519 key is mapped, and the X25519
//! key of 32 bytes 03.

use amp_core::crypto::seal::{Binding, DecryptionKey, EncryptionKey, Suite, padded_len, seal};
use amp_core::{Dialect, Draft, Identity, PayloadHash, SigningContext, Timestamp};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};

use super::Inputs;

const ALICE: &str = "alice@acme.crabmail.ai";
const BOB: &str = "bob@acme.crabmail.ai";
const PLACEHOLDER: &str = "This message is sealed end to end.";
const SUBJECT: &str = "Code review";
const ID: &str = "msg_1769853600_00112233445566aa";
const DIGEST: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const STOCK: Suite = Suite::ChaCha20Poly1305;

/// A recipient's secret.
#[derive(Clone, Copy)]
enum Recipient {
    /// The seed of an Ed25519 key.
    Mapped(u8),
    /// An X25519 key.
    Own(u8),
}

const BOBS: Recipient = Recipient::Mapped(2);
const BOBS_OWN: Recipient = Recipient::Own(3);

impl Recipient {
    fn secret(self) -> String {
        let (Self::Mapped(byte) | Self::Own(byte)) = self;
        format!("{byte:02x}").repeat(32)
    }

    fn key(self) -> EncryptionKey {
        match self {
            Self::Mapped(byte) => DecryptionKey::of(&Identity::from_seed(&[byte; 32])).encryption_key(),
            Self::Own(byte) => DecryptionKey::from_bytes(&[byte; 32]).encryption_key(),
        }
    }
}

/// What a message is made of, all of it open to being wrong.
#[derive(Clone)]
struct Made {
    suite: Suite,
    recipient: Recipient,
    from: &'static str,
    to: &'static str,
    /// The addresses that are bound, where they are not those of the envelope.
    bound: Option<(&'static str, &'static str)>,
    /// The seed of the key that is bound.
    bound_key: u8,
    in_reply_to: &'static str,
    inner: Vec<u8>,
    attachments: Option<Value>,
}

impl Made {
    fn of(inner: impl Into<Vec<u8>>) -> Self {
        Self {
            suite: Suite::default(),
            recipient: BOBS,
            from: ALICE,
            to: BOB,
            bound: None,
            bound_key: 1,
            in_reply_to: "",
            inner: inner.into(),
            attachments: None,
        }
    }

    fn padded(inner: &Value) -> Self {
        Self::of(padded(&inner.to_string()))
    }

    /// The member `sealed` of the outer context.
    fn member(&self) -> Option<Value> {
        let (from, to) = self.bound.unwrap_or((self.from, self.to));
        let (from, to) = (from.to_lowercase(), to.to_lowercase());
        let sender = Identity::from_seed(&[self.bound_key; 32]);
        let binding = Binding::new(&from, &to, sender.verifying_key()).ok()?;
        let key = self.recipient.key();
        let sealed = seal(self.suite, &key, &binding, &self.inner, &[9; 32]).ok()?;
        Some(json!({
            "suite": self.suite.as_str(),
            "kid": key.id().to_string(),
            "epk": base64(sealed.epk()),
            "ct": base64(sealed.ct()),
        }))
    }

    fn payload(&self) -> Option<Value> {
        let mut payload = outer(&self.member()?);
        if let Some(attachments) = &self.attachments {
            payload["attachments"] = attachments.clone();
        }
        Some(payload)
    }

    fn input(&self) -> Option<Value> {
        self.input_with(&self.payload()?)
    }

    /// The message around another payload.
    fn input_with(&self, payload: &Value) -> Option<Value> {
        let raw = signed(self.from, self.to, self.in_reply_to, payload, 1)?;
        Some(input(self.recipient, &raw))
    }

    /// The message with another member `sealed`.
    fn input_where(&self, change: impl FnOnce(&mut Value)) -> Option<Value> {
        let mut payload = self.payload()?;
        change(&mut payload["context"]["sealed"]);
        self.input_with(&payload)
    }
}

fn outer(member: &Value) -> Value {
    json!({"type": "sealed:v1", "message": PLACEHOLDER, "context": {"amp": amp(), "sealed": member}})
}

fn amp() -> Value {
    json!({"nonce": "CQkJCQkJCQkJCQkJCQkJCQ", "sent_at": "2026-01-31T10:00:00Z"})
}

fn input(recipient: Recipient, raw: &str) -> Value {
    let sender_key = Identity::from_seed(&[1; 32]).verifying_key().to_hex();
    json!({"recipient_secret": recipient.secret(), "sender_key": sender_key, "raw": raw})
}

/// A message around a payload. The addresses are signed as they are written.
fn signed(from: &str, to: &str, parent: &str, payload: &Value, seed: u8) -> Option<String> {
    let hash = PayloadHash::of(payload.to_string().as_bytes(), Dialect::Jcs).ok()?.to_base64();
    let string = format!("{from}|{to}|{SUBJECT}|normal|{parent}|{hash}");
    let signature = Identity::from_seed(&[seed; 32]).sign(SigningContext::Message, string.as_bytes()).ok()?;
    let mut envelope = json!({
        "version": "amp/0.1", "id": ID, "from": from, "to": to, "subject": SUBJECT, "priority": "normal",
        "timestamp": "2026-01-31T10:00:00Z", "thread_id": ID, "signature": signature.to_base64(),
    });
    if !parent.is_empty() {
        envelope["in_reply_to"] = parent.into();
    }
    Some(json!({"envelope": envelope, "payload": payload}).to_string())
}

/// The text with spaces up to its padded length.
fn padded(text: &str) -> String {
    let length =
        u64::try_from(text.len()).map(padded_len).ok().and_then(|length| usize::try_from(length).ok());
    with_spaces(text, length.unwrap_or_default())
}

fn with_spaces(text: &str, length: usize) -> String {
    text.to_owned() + &" ".repeat(length.saturating_sub(text.len()))
}

fn base64(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

fn request() -> Value {
    json!({"type": "request", "message": "Can you look at PR 42?", "context": {"repo": "agents-web", "pr": 42}})
}

pub(super) fn sealed() -> Option<Inputs> {
    let groups = [drafted()?, written()?, outside()?, members()?, keys()?, bound()?, inside()?, files()?];
    Some(groups.into_iter().flatten().collect())
}

/// Made as programs make them.
fn drafted() -> Option<Inputs> {
    let (alice, now): (_, Timestamp) = (Identity::from_seed(&[1; 32]), "2026-01-31T10:00:00Z".parse().ok()?);
    let draft =
        |text: &str| Some(Draft::request(BOB.parse().ok()?, SUBJECT, text).from(&ALICE.parse().ok()?));
    let made = |draft: Draft, suite: Suite, recipient: Recipient| {
        let draft = draft.seal_to(&recipient.key()).sealing_suite(suite).sealing_randomness([9; 32]);
        Some(input(recipient, &draft.sign_with_nonce(&alice, now, [9; 16]).ok()?.to_json()))
    };
    let (text, xchacha) = ("Can you look at PR 42?", Suite::default());
    let context = r#"{"repo": "agents-web", "pr": 42, "ratio": 1.50, "deep": [[{"a": null}], true]}"#;
    let long = "All work and no play. ".repeat(2978) + "All work and no play";
    Some(vec![
        ("XChaCha20, to the recipient's Ed25519 key, mapped", made(draft(text)?, xchacha, BOBS)?),
        ("XChaCha20, to an X25519 key", made(draft(text)?, xchacha, BOBS_OWN)?),
        ("ChaCha20, to the recipient's Ed25519 key, mapped", made(draft(text)?, STOCK, BOBS)?),
        ("ChaCha20, to an X25519 key", made(draft(text)?, STOCK, BOBS_OWN)?),
        ("a context", made(draft(text)?.context_json(context).ok()?, xchacha, BOBS)?),
        (
            "text beyond ASCII, and what JSON escapes",
            made(draft("Grüße 👋🏽 \u{202e}\u{7f}\u{1f}\"\\\n\u{2028}é e\u{301}")?, STOCK, BOBS_OWN)?,
        ),
        ("an empty text", made(draft("")?, xchacha, BOBS)?),
        ("the longest text, 65,536 bytes", made(draft(&long)?, xchacha, BOBS_OWN)?),
    ])
}

/// Made by other programs, within the rules.
fn written() -> Option<Inputs> {
    let reply = Made { in_reply_to: "msg_1769767200_0123456789abcdef", ..Made::padded(&request()) };
    let upper =
        Made { from: "Alice@Acme.CrabMail.AI", to: "BOB@acme.crabmail.ai", ..Made::padded(&request()) };
    let spaced = "\n{ \"message\" : \"M\",\r\n\t\"type\":\"x-team\", \"unknown\": {\"a\": 1} }\n \t \n";
    let bare = Made::of(request().to_string());
    let long = Made::of(with_spaces(&request().to_string(), 4096));
    let mut other_text = bare.payload()?;
    other_text["message"] = "Sealed; ask your program to open it.".into();
    other_text["context"]["trace"] = json!({"id": "4bf92f3577b34da6"});
    let mut timeless = bare.payload()?;
    timeless["context"].as_object_mut()?.remove("amp");
    let mut more = bare.payload()?;
    more["context"]["sealed"]["later"] = json!({"a": [1]});
    let afp = json!([{"storage": "afp", "filename": "a.csv", "content_type": "text/csv", "size": 3,
        "digest": DIGEST, "ref": "afp://lab/runs/a.csv"}]);
    let mut by_reference = request();
    by_reference["attachments"] = afp;
    Some(vec![
        ("an answer", reply.input()?),
        ("addresses in upper case are bound in their normal form", upper.input()?),
        (
            "white space around the payload, a type of its own, a member that nobody knows",
            Made::of(spaced).input()?,
        ),
        ("no padding", bare.input()?),
        ("more padding than asked for", long.input()?),
        ("another text outside, and more context", bare.input_with(&other_text)?),
        ("no freshness block", bare.input_with(&timeless)?),
        ("a member beside suite, kid, epk and ct", bare.input_with(&more)?),
        ("a file by reference inside", Made::padded(&by_reference).input()?),
    ])
}

/// The payload around what is sealed.
fn outside() -> Option<Inputs> {
    let made = Made::padded(&request());
    let with = |change: &dyn Fn(&mut Value)| {
        let mut payload = made.payload()?;
        change(&mut payload);
        made.input_with(&payload)
    };
    let named = |name: &'static str| move |payload: &mut Value| payload["type"] = name.into();
    let genuine = signed(ALICE, BOB, "", &made.payload()?, 1)?;
    let mut mallory = input(BOBS, &genuine);
    mallory["sender_key"] = Identity::from_seed(&[5; 32]).verifying_key().to_hex().into();
    Some(vec![
        ("a plain message that merely has a member `sealed`", with(&named("request"))?),
        ("a plain message", made.input_with(&request())?),
        ("another version", with(&named("sealed:v2"))?),
        ("no version", with(&named("sealed:"))?),
        ("a version in upper case", with(&named("sealed:V1"))?),
        ("a type that only begins as the other", with(&named("sealed:v1.1"))?),
        ("no context", with(&|payload| drop(payload.as_object_mut().and_then(|all| all.remove("context"))))?),
        ("a context without `sealed`", with(&|payload| payload["context"] = json!({"amp": amp()}))?),
        ("`sealed` is null", with(&|payload| payload["context"]["sealed"] = Value::Null)?),
        ("`sealed` is a text", with(&|payload| payload["context"]["sealed"] = "v1".into())?),
        ("`sealed` is an array", with(&|payload| payload["context"]["sealed"] = json!([]))?),
        ("the text outside changed after it was signed", input(BOBS, &genuine.replace(PLACEHOLDER, "Hello"))),
        ("the subject changed after it was signed", input(BOBS, &genuine.replace(SUBJECT, "Code Review"))),
        ("the key of another sender", mallory),
        ("no signature", input(BOBS, &genuine.replace("\"signature\"", "\"sign\""))),
    ])
}

/// The members of `sealed`.
fn members() -> Option<Inputs> {
    let made = Made::padded(&request());
    let set = |name: &str, value: Value| made.input_where(|sealed| sealed[name] = value);
    let without =
        |name: &str| made.input_where(|sealed| drop(sealed.as_object_mut().and_then(|all| all.remove(name))));
    let text = |name: &str, change: fn(&str) -> String| {
        made.input_where(|sealed| sealed[name] = change(sealed[name].as_str().unwrap_or_default()).into())
    };
    Some(vec![
        ("no suite", without("suite")?),
        ("no kid", without("kid")?),
        ("no epk", without("epk")?),
        ("no ct", without("ct")?),
        ("suite is null", set("suite", Value::Null)?),
        ("suite is a number", set("suite", 1.into())?),
        ("kid is a number", set("kid", 1.into())?),
        ("epk is an array", set("epk", json!([]))?),
        ("ct is an object", set("ct", json!({}))?),
        ("a suite that nobody knows", set("suite", "X25519-HKDF-SHA512-XChaCha20Poly1305".into())?),
        ("a suite in lower case", text("suite", str::to_lowercase)?),
        ("an empty suite", set("suite", "".into())?),
        ("the other suite", set("suite", STOCK.as_str().into())?),
        ("kid without its prefix", text("kid", |kid| kid.trim_start_matches("SHA256:").to_owned())?),
        ("kid without its padding", text("kid", |kid| kid.trim_end_matches('=').to_owned())?),
        ("kid in the other alphabet", set("kid", format!("SHA256:{}=", "_".repeat(42) + "8").into())?),
        ("an empty kid", set("kid", "".into())?),
        ("epk with padding", text("epk", |epk| format!("{epk}="))?),
        ("epk one byte short", set("epk", base64(&[9; 31]).into())?),
        ("epk one byte too long", set("epk", base64(&[9; 33]).into())?),
        ("epk in hexadecimal", set("epk", "09".repeat(32).into())?),
        ("an empty epk", set("epk", "".into())?),
        ("ct with a line feed", text("ct", |ct| format!("{ct}\n"))?),
        ("ct in the standard alphabet", set("ct", format!("+/{}", "A".repeat(62)).into())?),
        ("ct with spare bits set", set("ct", format!("{}B", "A".repeat(33)).into())?),
        ("ct shorter than a tag", set("ct", base64(&[9; 15]).into())?),
        ("an empty ct", set("ct", "".into())?),
        ("a tag alone", set("ct", base64(&[9; 16]).into())?),
        ("ct one byte short", text("ct", |ct| cut(ct, 1))?),
        ("ct sixteen bytes short", text("ct", |ct| cut(ct, 16))?),
        ("ct with a byte more", text("ct", longer)?),
        ("a bit of the first byte of ct", text("ct", |ct| flipped(ct, 0))?),
        ("a bit of the last byte of ct, which is of the tag", text("ct", |ct| flipped(ct, usize::MAX))?),
        ("a bit of another byte of ct", text("ct", |ct| flipped(ct, 20))?),
        ("a bit of epk", text("epk", |epk| flipped(epk, 3))?),
    ])
}

fn changed(text: &str, change: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut bytes = Base64UrlUnpadded::decode_vec(text).unwrap_or_default();
    change(&mut bytes);
    base64(&bytes)
}

fn cut(text: &str, count: usize) -> String {
    changed(text, |bytes| bytes.truncate(bytes.len().saturating_sub(count)))
}

fn longer(text: &str) -> String {
    changed(text, |bytes| bytes.push(0))
}

/// The lowest bit of one byte, the last byte's at most.
fn flipped(text: &str, at: usize) -> String {
    changed(text, |bytes| {
        let last = bytes.len().saturating_sub(1);
        if let Some(byte) = bytes.get_mut(at.min(last)) {
            *byte ^= 1;
        }
    })
}

/// Points that nobody has the key of, and keys of others.
fn keys() -> Option<Inputs> {
    let made = Made::padded(&request());
    let point = |bytes: [u8; 32]| made.input_where(|sealed| sealed["epk"] = base64(&bytes).into());
    let little = |first: u8, last: u8, middle: u8| {
        let mut bytes = [middle; 32];
        (bytes[0], bytes[31]) = (first, last);
        bytes
    };
    let valid = made.input()?;
    let held_by = |recipient: Recipient| {
        let mut input = valid.clone();
        input["recipient_secret"] = recipient.secret().into();
        input
    };
    let kid = |recipient: Recipient| {
        made.input_where(|sealed| sealed["kid"] = recipient.key().id().to_string().into())
    };
    let mut for_other = kid(BOBS_OWN)?;
    for_other["recipient_secret"] = BOBS_OWN.secret().into();
    let order_8 = [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda,
        0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
    ];
    let mut high = made.recipient.key().as_bytes().to_owned();
    high[31] |= 0x80;
    Some(vec![
        ("epk 0, of order 4", point([0; 32])?),
        ("epk 1, of order 1", point(little(1, 0, 0))?),
        ("epk -1, of order 2", point(little(0xec, 0x7f, 0xff))?),
        ("epk of order 8", point(order_8)?),
        ("epk 0, written as the prime", point(little(0xed, 0x7f, 0xff))?),
        ("epk 1, written beyond the prime", point(little(0xee, 0x7f, 0xff))?),
        ("epk 9, written beyond the prime", point(little(0xf6, 0x7f, 0xff))?),
        ("epk with its highest bit set", point(high)?),
        ("a recipient without the key", held_by(Recipient::Mapped(6))),
        ("a kid of nobody", kid(Recipient::Own(6))?),
        ("the kid of the recipient's other key", for_other),
    ])
}

/// What a sealed body is bound to.
fn bound() -> Option<Inputs> {
    let made = Made::padded(&request());
    let of = |from, to| Made { bound: Some((from, to)), ..made.clone() }.input();
    let (carol, split) = ("carol@acme.crabmail.ai", ("alice@acme.crabmail.a", "ibob@acme.crabmail.ai"));
    let stolen = signed(carol, BOB, "", &made.payload()?, 5)?;
    let mut stolen = input(BOBS, &stolen);
    stolen["sender_key"] = Identity::from_seed(&[5; 32]).verifying_key().to_hex().into();
    let forwarded = signed(ALICE, carol, "", &made.payload()?, 1)?;
    Some(vec![
        ("lifted into a message of another sender, who signs it", stolen),
        ("lifted into a message to another recipient", input(BOBS, &forwarded)),
        ("sealed for another sender's address", of(carol, BOB)?),
        ("sealed for another recipient's address", of(ALICE, carol)?),
        ("sender and recipient change places", of(BOB, ALICE)?),
        ("addresses that join to the same text", of(split.0, split.1)?),
        ("sealed under another sender's key", Made { bound_key: 5, ..made.clone() }.input()?),
    ])
}

/// What was sealed, and is no payload that may be.
fn inside() -> Option<Inputs> {
    let of = |inner: &str| Made::of(padded(inner)).input();
    let with = |name: &str, value: Value| {
        let mut inner = request();
        inner[name] = value;
        Made::padded(&inner).input()
    };
    let nested = Made::padded(&request()).payload()?;
    let payload = |bytes: usize| {
        let frame = json!({"type": "request", "message": "", "context": {"a": ""}}).to_string();
        let more = "x".repeat(bytes - frame.len());
        json!({"type": "request", "message": "", "context": {"a": more}}).to_string()
    };
    let file = json!([{"id": "att_1769853600_00112233445566aa", "filename": "a.txt", "size": 3}]);
    Some(vec![
        ("a sealed payload within a sealed payload", Made::padded(&nested).input()?),
        ("another version within", with("type", "sealed:v2".into())?),
        ("a freshness block inside", with("context", json!({"amp": amp()}))?),
        ("a file that is not sealed, inside", with("attachments", file)?),
        ("no type", of(r#"{"message":"M"}"#)?),
        ("no message", of(r#"{"type":"request"}"#)?),
        ("a message that is no text", with("message", 5.into())?),
        ("a context that is no object", with("context", json!([]))?),
        ("not JSON", of("Can you look at PR 42?")?),
        ("an array", of("[]")?),
        ("nothing", of("")?),
        ("spaces alone", of("        ")?),
        ("two payloads", of(r#"{"type":"request","message":"M"}{"type":"request","message":"N"}"#)?),
        ("a member twice", of(r#"{"type":"request","message":"M","message":"N"}"#)?),
        ("zeros for padding", Made::of(format!("{}\0\0\0\0", request())).input()?),
        ("not UTF-8", Made::of(&b"{\"type\":\"request\",\"message\":\"\xff\"}"[..]).input()?),
        ("a byte order mark", of("\u{feff}{\"type\":\"request\",\"message\":\"M\"}")?),
        ("a byte beyond 160 KiB", Made::of(payload(160 * 1024 + 1)).input()?),
        ("a message beyond 64 KiB", with("message", "x".repeat(64 * 1024 + 1).into())?),
    ])
}

/// Files whose content travels sealed beside the message.
fn files() -> Option<Inputs> {
    let id = "att_1769853600_00112233445566aa";
    let inner = |id: &str| {
        json!({"id": id, "filename": "Löhne.csv", "content_type": "text/csv", "size": 1000, "digest": DIGEST,
            "sealed": {"key": base64(&[4; 32]), "nonce": base64(&[5; 19])}})
    };
    let outer = |id: &str| {
        json!({"id": id, "filename": "sealed.bin", "content_type": "application/octet-stream", "size": 1040,
            "digest": DIGEST.replace("ba78", "b00b"), "url": format!("https://api.crabmail.ai/v1/attachments/{id}"),
            "scan_status": "clean", "expires_at": "2026-02-07T10:00:00Z"})
    };
    let of = |inside: Value, outside: Value| {
        let mut payload = request();
        payload["attachments"] = inside;
        Made { attachments: Some(outside), ..Made::padded(&payload) }.input()
    };
    let changed = |name: &str, value: Value| {
        let mut file = inner(id);
        file[name] = value;
        of(json!([file]), json!([outer(id)]))
    };
    let other = "att_1769853600_ffeeddccbbaa9988";
    let mut resized = outer(id);
    resized["size"] = 1041.into();
    Some(vec![
        ("a sealed file", of(json!([inner(id)]), json!([outer(id)]))?),
        (
            "two sealed files, in another order outside",
            of(json!([inner(id), inner(other)]), json!([outer(other), outer(id)]))?,
        ),
        ("a file inside alone", of(json!([inner(id)]), json!([]))?),
        ("a file outside alone", of(json!([]), json!([outer(id)]))?),
        ("another id outside", of(json!([inner(id)]), json!([outer(other)]))?),
        ("one id twice outside", of(json!([inner(id)]), json!([outer(id), outer(id)]))?),
        ("one id twice inside", of(json!([inner(id), inner(id)]), json!([outer(id)]))?),
        ("a size outside that the sealed file has not", of(json!([inner(id)]), json!([resized]))?),
        (
            "a file key one byte short",
            changed("sealed", json!({"key": base64(&[4; 31]), "nonce": base64(&[5; 19])}))?,
        ),
        (
            "a file nonce of 24 bytes",
            changed("sealed", json!({"key": base64(&[4; 32]), "nonce": base64(&[5; 24])}))?,
        ),
        ("no file key", changed("sealed", json!({"nonce": base64(&[5; 19])}))?),
        ("no digest of the content", changed("digest", Value::Null)?),
        ("no size of the content", changed("size", Value::Null)?),
    ])
}
