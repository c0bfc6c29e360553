//! Decoding: what is read is what stands there, byte for byte, and what any of it says can be signed and verified.

use std::cell::RefCell;

use amp_address::Address;
use amp_crypto::{Identity, SigningContext};
use amp_envelope::{
    Answer, Attachment, Dialect, ErrorCode, JsonKind, JsonValue, Message, MessageError, Payload, PayloadHash,
    Profile, RouteBody, SecurityPlacement, StoredMessage, Timestamp, Verified, Verifier, canonicalize,
    signing_string,
};
use serde::Deserialize;
use serde_json::Value;

use super::canonicalize::{depth, is_same};
use super::filename::assert_is_safe;
use super::{PROFILES, assert_fit_to_show};

thread_local! {
    /// Used again for every input, so that what one leaves behind would show in the next.
    static USED: RefCell<Verifier> = RefCell::default();
}

/// The bytes are a message, a route body, a stored message or a payload.
pub fn decode(data: &[u8]) {
    let messages = PROFILES.map(|profile| Message::decode_with(data, profile));
    for (profile, message) in PROFILES.into_iter().zip(&messages) {
        with_used_buffers(data, profile, message);
        match message {
            Ok(message) => one(data, message, profile),
            Err(error) => refusal(data, error),
        }
    }
    if let [Ok(strict), wide] = &messages {
        assert_eq!(facts(strict), facts(wide.as_ref().unwrap()));
    }
    let bodies = PROFILES.map(|profile| RouteBody::decode_with(data, &sender(), profile));
    for body in &bodies {
        body.as_ref().map_or_else(|error| refusal(data, error), |read| route(data, read));
    }
    if let [Ok(strict), wide] = &bodies {
        assert_eq!(route_facts(strict), route_facts(wide.as_ref().unwrap()));
    }
    stored(data, &messages[1]);
    match Payload::from_json(data) {
        Ok(payload) => self::payload(data, payload),
        Err(error) => refusal(data, &error),
    }
}

fn one(data: &[u8], message: &Message, profile: Profile) {
    payload(data, message.payload());
    view(message.unsigned().envelope());
    assert_is_part(data, message.unsigned().envelope().raw());

    let written = message.to_json();
    let again = Message::decode_with(written.as_bytes(), profile).unwrap();
    assert_eq!(facts(&again), facts(message));
    assert_eq!(again.to_json(), written);

    let refused = message.clone().verify_with(stranger().verifying_key(), &Dialect::ALL).unwrap_err();
    assert_eq!(refused.error().code() == ErrorCode::SignatureMissing, !message.is_signed());
    assert_fit_to_show(&refused);
    assert_eq!(facts(&refused.into_inner()), facts(message));
    let dialects = [Dialect::Jcs, Dialect::ALL[data.len() % Dialect::ALL.len()]];
    for dialect in dialects {
        signed_by_a_stranger(message, profile, dialect);
    }
}

/// Everything that the message says through its accessors.
fn facts(message: &Message) -> impl PartialEq + std::fmt::Debug {
    let unsigned = message.unsigned();
    (
        [message.from(), message.to()],
        [message.subject().into_owned(), message.text().into_owned(), unsigned.version().into_owned()],
        [message.in_reply_to(), Some(unsigned.id()), Some(unsigned.thread_id())],
        (message.priority(), message.is_signed(), unsigned.timestamp(), unsigned.expires_at()),
        unsigned.idempotency_key(),
        [unsigned.envelope().raw().to_owned(), message.payload().raw().to_owned()],
    )
}

/// A verifier whose buffers were used before reads and refuses as one without any.
fn with_used_buffers(data: &[u8], profile: Profile, fresh: &Result<Message, MessageError>) {
    USED.with_borrow_mut(|used| match (used.decode(data.to_vec(), profile), fresh) {
        (Ok(message), Ok(fresh)) => {
            assert_eq!(facts(&message), facts(fresh));
            let key = stranger();
            let refused = used.verify(message, key.verifying_key(), &Dialect::ALL).unwrap_err();
            let fresh = fresh.clone().verify_with(key.verifying_key(), &Dialect::ALL).unwrap_err();
            assert_eq!(refused.error(), fresh.error());
            assert_eq!(used.recycle(refused.into_inner()), data);
        }
        (Err(error), Err(fresh)) => assert_eq!(error, *fresh),
        (used, fresh) => panic!("{used:?} against {fresh:?}"),
    });
}

/// A key of which no message in the corpus knows.
fn stranger() -> Identity {
    Identity::from_seed(&[0x5a; 32])
}

/// Whatever can be decoded verifies once it is signed, under the dialect it was signed in.
fn signed_by_a_stranger(message: &Message, profile: Profile, dialect: Dialect) {
    let (identity, payload) = (stranger(), message.payload());
    let Ok(hash) = PayloadHash::of(payload.raw().as_bytes(), dialect) else { return };
    let reply = message.in_reply_to();
    let (from, to, subject) = (message.from(), message.to(), message.subject());
    let string = signing_string(&from, &to, &subject, message.priority(), reply.as_ref(), &hash).unwrap();
    let signature = identity.sign(SigningContext::Message, string.as_bytes()).unwrap().to_base64();
    let unsigned = message.unsigned();
    let subject = unsigned.get("subject").unwrap();
    let reply = reply.map_or("null".to_owned(), |id| format!("\"{id}\""));
    let envelope = format!(
        r#"{{"version":"amp/0.1","id":"{}","from":"{from}","to":"{to}","subject":{},"priority":"{}","timestamp":"{}","in_reply_to":{reply},"thread_id":"{}","signature":"{signature}"}}"#,
        unsigned.id(),
        subject.raw(),
        message.priority().as_str(),
        unsigned.timestamp(),
        unsigned.thread_id(),
    );
    let json = format!("{{\"payload\": {},\"envelope\":{envelope}}}", payload.raw());
    let key = identity.verifying_key();
    let verified =
        Message::decode_with(json.as_bytes(), profile).unwrap().verify_with(key, &[dialect]).unwrap();
    assert_eq!(
        (*verified.payload_hash(), verified.dialect(), verified.variant().as_str()),
        (hash, dialect, None)
    );
    let _ = (verified.expires_at(), verified.answers(&verified));
    answer(&verified, &identity);

    let json = format!(
        r#"{{"payload":{},"to":"{to}","subject":{},"priority":"{}","in_reply_to":{reply},"signature":"{signature}"}}"#,
        payload.raw(),
        subject.raw(),
        message.priority().as_str(),
    );
    let body = RouteBody::decode_with(json.as_bytes(), &from, profile).unwrap();
    assert!(body.verify_with(key, &[dialect]).is_ok());
}

/// Whatever verifies can be answered, unless an address is not fit to be written.
fn answer(verified: &Verified<Message>, identity: &Identity) {
    let answered = verified.reply("Yes.").sign_with_nonce(identity, Timestamp::UNIX_EPOCH, [1; 16]);
    match answered {
        Ok(answer) => {
            assert_eq!((answer.to(), answer.from()), (verified.from(), verified.to()));
            let answer = answer.as_message().clone().verify(identity.verifying_key()).unwrap();
            assert_eq!(answer.answers(verified), Answer::Yes);
        }
        Err(error) => {
            let addresses = [verified.from(), verified.to()];
            assert!(addresses.iter().any(Address::has_one_label_provider), "{error}");
        }
    }
}

fn sender() -> Address {
    "alice@acme.crabmail.ai".parse().unwrap()
}

fn route(data: &[u8], body: &RouteBody) {
    payload(data, body.payload());
    let refused = body.clone().verify(stranger().verifying_key()).unwrap_err();
    assert_fit_to_show(&refused);
    assert_eq!(route_facts(&refused.into_inner()), route_facts(body));
}

fn route_facts(body: &RouteBody) -> impl PartialEq + std::fmt::Debug {
    (
        (body.to(), body.subject().into_owned(), body.priority(), body.in_reply_to()),
        (body.unsigned().expires_at(), body.unsigned().idempotency_key(), body.payload().raw().to_owned()),
        body.unsigned().get("options").map(|value| value.raw().to_owned()),
    )
}

fn stored(data: &[u8], message: &Result<Message, MessageError>) {
    let stored = match StoredMessage::decode(data) {
        Ok(stored) => stored,
        Err(error) => return refusal(data, &error),
    };
    // What stands beside the message changes nothing in it.
    assert_eq!(facts(stored.message()), facts(message.as_ref().unwrap()));
    let local = stored.local();
    let _ = (local.received_at(), local.read_at(), local.delivery_method(), local.claimed_verified());
    if let Some(notes) = stored.claimed_security() {
        let _ = (notes.trust_level(), notes.injection_flags(), notes.quarantine_id(), notes.verified_at());
        let _ = (notes.window_scan_result(), notes.sender_risk_score(), notes.sender_risk_level());
    }
    for placement in [SecurityPlacement::TopLevel, SecurityPlacement::TopLevelAndLocal] {
        let written = stored.to_json(placement);
        let again = StoredMessage::decode(written.as_bytes()).unwrap();
        assert_eq!(facts(again.message()), facts(stored.message()));
        assert_eq!(again.local().status(), stored.local().status());
        assert_eq!(again.claimed_security().is_some(), stored.claimed_security().is_some());
        assert_eq!(again.to_json(placement), written);
    }
    let mut stripped = stored.clone();
    stripped.strip_claims();
    let written = stripped.to_json(SecurityPlacement::TopLevelAndLocal);
    let again = StoredMessage::decode(written.as_bytes()).unwrap();
    assert!(again.claimed_security().is_none() && again.local().claimed_verified().is_none());
}

fn payload(data: &[u8], payload: Payload<'_>) {
    assert_is_part(data, payload.raw());
    let object = payload.get("message").unwrap();
    assert_eq!(object.as_str(), Some(payload.text()));
    let _ = (payload.message_type(), payload.freshness());
    if let Ok(oracle) = serde_json::from_str::<Value>(payload.raw()) {
        for (name, wanted) in oracle.as_object().unwrap() {
            same(payload.get(name).unwrap(), wanted);
        }
        let context = payload.context::<Value>().unwrap();
        let wanted = oracle.get("context").filter(|context| !context.is_null());
        assert_eq!(context.is_some(), wanted.is_some());
        if let (Some(context), Some(wanted)) = (&context, wanted) {
            assert!(is_same(context, wanted));
        }
    } else {
        // The other reader stops at 127 levels.
        assert_eq!(depth(payload.raw().as_bytes()), 128);
    }
    assert_eq!(Payload::from_json(payload.raw().as_bytes()), Ok(payload));
    portability(payload);
    let attachments: Vec<_> = payload.attachments_json().collect();
    let read: Vec<_> = attachments.iter().filter_map(|value| attachment(*value)).collect();
    let _ = Attachment::check_limits(&read);
}

/// The dialects that are said to agree write the same bytes, the others do not.
fn portability(payload: Payload<'_>) {
    let Ok(portability) = payload.portability() else { return };
    let bytes = payload.raw().as_bytes();
    let reference = canonicalize(bytes, Dialect::Jcs).unwrap();
    let agreeing: Vec<_> = portability.agreeing_dialects().collect();
    for dialect in Dialect::ALL {
        let agrees = canonicalize(bytes, dialect).is_ok_and(|form| form == reference);
        assert_eq!(agreeing.contains(&dialect), agrees, "{dialect}");
    }
    assert_eq!(portability.is_portable(), agreeing.len() == Dialect::ALL.len());
    portability.notes().iter().for_each(|note| assert_fit_to_show(note));
}

fn attachment(value: JsonValue<'_>) -> Option<Attachment> {
    let wide = Attachment::read(value);
    match Attachment::read_with(value, Profile::Spec) {
        Ok(strict) => {
            assert_eq!(wide.as_ref(), Ok(&strict));
            let written = match &strict {
                Attachment::Provider(attachment) => attachment.to_json(),
                Attachment::Afp(attachment) => attachment.to_json(),
                _ => return None,
            };
            let json = format!(r#"{{"type":"task","message":"","attachments":[{written}]}}"#);
            let payload = Payload::from_json(json.as_bytes()).unwrap();
            let again = payload.attachments_json().next().unwrap();
            assert_eq!(Attachment::read_with(again, Profile::Spec), Ok(strict));
        }
        Err(error) => assert_fit_to_show(&error),
    }
    match wide {
        Ok(attachment) => {
            if let Ok(name) = attachment.safe_filename() {
                assert_is_safe(name.as_str());
            }
            let _ = (attachment.check_routed(), attachment.check_local(), attachment.content_type());
            Some(attachment)
        }
        Err(error) => {
            assert_fit_to_show(&error);
            None
        }
    }
}

/// The view of the received bytes shows what another reader sees in them.
fn same(value: JsonValue<'_>, wanted: &Value) {
    match wanted {
        Value::Null => assert!(value.is_null()),
        Value::Bool(wanted) => assert_eq!(value.as_bool(), Some(*wanted)),
        Value::Number(wanted) => {
            assert_eq!(value.as_f64(), wanted.as_f64(), "{}", value.raw());
            if wanted.is_u64() {
                assert_eq!(value.as_u64(), wanted.as_u64());
            }
            if wanted.is_i64() {
                assert_eq!(value.as_i64(), wanted.as_i64());
            }
        }
        Value::String(wanted) => assert_eq!(value.as_str().as_deref(), Some(wanted.as_str())),
        Value::Array(wanted) => {
            assert_eq!((value.kind(), value.elements().count()), (JsonKind::Array, wanted.len()));
            value.elements().zip(wanted).for_each(|(value, wanted)| same(value, wanted));
        }
        Value::Object(wanted) => {
            assert_eq!((value.kind(), value.members().count()), (JsonKind::Object, wanted.len()));
            value.members().for_each(|(name, value)| same(value, &wanted[name.as_ref()]));
        }
    }
}

fn view(value: JsonValue<'_>) {
    if let Ok(wanted) = serde_json::from_str(value.raw()) {
        same(value, &wanted);
        assert!(is_same(&Value::deserialize(value).unwrap(), &wanted));
    }
}

/// What is shown as received stands in the bytes that were received.
fn assert_is_part(data: &[u8], raw: &str) {
    assert!(!raw.is_empty() && std::str::from_utf8(data).unwrap().contains(raw));
}

fn refusal(data: &[u8], error: &MessageError) {
    assert_fit_to_show(error);
    assert!(error.at_byte().is_none_or(|at| at as usize <= data.len()));
}
