//! Writing and signing a message: from its parts to the JSON that is sent.

use std::hint::black_box;

use amp_crypto::Identity;
use amp_envelope::{Draft, Timestamp};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use ruma_common::canonical_json::CanonicalJsonObject;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::corpus::{self, FROM, SEED, SUBJECT, Scores, Size, TO};
use crate::measure::{Subject, timed};

const NOW: &str = "2026-01-31T10:00:00Z";

/// What one message is made of, and what ours makes of it, which the peers then write as well.
pub struct Parts {
    text: String,
    context: String,
    attachments: Vec<String>,
    /// The payload that is signed, with its freshness block.
    canonical: Vec<u8>,
    signing_string: Vec<u8>,
    value: Value,
    /// The envelope and the payload for Matrix rules.
    ruma: CanonicalJsonObject,
}

/// The parts of all messages of a size.
pub struct Drafts {
    pub size: Size,
    identity: Identity,
    signing: SigningKey,
    pub parts: Vec<Parts>,
}

impl Drafts {
    pub fn new(size: Size, messages: usize) -> Self {
        let identity = Identity::from_seed(&SEED);
        let parts = (0..messages as u64).map(|n| Parts::new(size, n, &identity)).collect();
        Self { size, identity, signing: SigningKey::from_bytes(&SEED), parts }
    }
}

impl Parts {
    fn new(size: Size, n: u64, identity: &Identity) -> Self {
        let make = |scores| {
            let payload = corpus::payload(size.bytes(), n, scores);
            let mut value: Value = serde_json::from_str(&payload).expect("JSON");
            let text = value["message"].as_str().expect("a text").to_owned();
            let context = value["context"].to_string();
            // A draft has no further members: what does not fit the context travels as attachments by reference.
            let records = value["report"]["records"].take();
            let attachments: Vec<String> = records
                .as_array()
                .into_iter()
                .flatten()
                .map(|record| {
                    let mut attachment = serde_json::json!({
                        "storage": "afp",
                        "ref": "afp://lab/reviews/42/finding.json",
                        "filename": "finding.json",
                    });
                    let (members, record) = (attachment.as_object_mut(), record.as_object().cloned());
                    members.expect("an object").extend(record.expect("an object"));
                    attachment.to_string()
                })
                .collect();
            (text, context, attachments)
        };
        let written = |(text, context, attachments): &(String, String, Vec<String>)| {
            let signed = sign(text, context, attachments, identity, n);
            serde_json::from_str::<Value>(&signed).expect("JSON")
        };
        let own = make(Scores::Fractions);
        let value = written(&own)["payload"].take();
        let canonical = serde_json_canonicalizer::to_vec(&value).expect("JSON");
        let ruma = serde_json::json!({
            "envelope": { "from": FROM, "to": TO, "subject": SUBJECT, "priority": "normal", "timestamp": NOW },
            "payload": written(&make(Scores::Whole))["payload"].take(),
        });
        let (text, context, attachments) = own;
        Self {
            text,
            context,
            attachments,
            signing_string: corpus::signing_string_of(&canonical),
            canonical,
            value,
            ruma: serde_json::from_value(ruma).expect("canonical JSON of Matrix"),
        }
    }
}

/// From parts to wire JSON. The context comes as text, as `Draft::context` would have serialized it.
fn sign(text: &str, context: &str, attachments: &[String], identity: &Identity, n: u64) -> String {
    let now: Timestamp = NOW.parse().expect("a time");
    let (from, to) = (FROM.parse().expect("an address"), TO.parse().expect("an address"));
    let mut draft = Draft::request(to, SUBJECT, text).context_json(context).expect("a context");
    for attachment in attachments {
        draft = draft.attachment_json(attachment).expect("an attachment");
    }
    let nonce = u128::from(n).to_be_bytes();
    draft.from(&from).sign_with_nonce(identity, now, nonce).expect("a signed message").to_json()
}

/// The limit first, then ours, then the peers, which are handed a parsed payload and so need not read one.
pub fn subjects(drafts: &Drafts) -> Vec<Subject<'_>> {
    vec![
        Subject::new("limit", |n| {
            let parts = &drafts.parts[n];
            black_box(Sha256::digest(&parts.canonical));
            black_box(drafts.signing.sign(&parts.signing_string));
        }),
        Subject::new("amp", |n| {
            let Parts { text, context, attachments, .. } = &drafts.parts[n];
            black_box(sign(text, context, attachments, &drafts.identity, n as u64));
        }),
        ruma(drafts),
        jsonwebtoken(drafts),
        Subject::new("serde-canonicalizer", |n| {
            let value = &drafts.parts[n].value;
            let canonical = serde_json_canonicalizer::to_string(value).expect("JSON");
            black_box(wire(drafts, &canonical));
        }),
        naive(drafts),
    ]
}

fn ruma(drafts: &Drafts) -> Subject<'_> {
    let der = drafts.identity.to_pkcs8_der();
    let pair = ruma_signatures::Ed25519KeyPair::from_der(der.expose(), "1".to_owned()).expect("a key");
    Subject {
        name: "ruma",
        run: Box::new(move |range| {
            let mut objects: Vec<_> = range.map(|n| drafts.parts[n].ruma.clone()).collect();
            timed(|| {
                for object in &mut objects {
                    ruma_signatures::sign_json(FROM, &pair, object).expect("an object without signatures");
                    black_box(serde_json::to_string(object).expect("JSON"));
                }
            })
        }),
    }
}

fn jsonwebtoken(drafts: &Drafts) -> Subject<'_> {
    let key = jsonwebtoken::EncodingKey::from_ed_der(drafts.identity.to_pkcs8_der().expose());
    let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::EdDSA);
    Subject::new("jsonwebtoken", move |n| {
        black_box(jsonwebtoken::encode(&header, &drafts.parts[n].value, &key).expect("a token"));
    })
}

fn naive(drafts: &Drafts) -> Subject<'_> {
    Subject {
        name: "naive-serde-json",
        run: Box::new(move |range| {
            let mut values: Vec<_> = range.map(|n| drafts.parts[n].value.clone()).collect();
            timed(|| {
                for value in &mut values {
                    value.sort_all_objects();
                    let canonical = serde_json::to_string(value).expect("JSON");
                    black_box(wire(drafts, &canonical));
                }
            })
        }),
    }
}

fn wire(drafts: &Drafts, canonical: &str) -> String {
    let hash = BASE64_STANDARD.encode(Sha256::digest(canonical));
    let string = format!("{FROM}|{TO}|{SUBJECT}|normal||{hash}");
    let signature = BASE64_STANDARD.encode(drafts.signing.sign(string.as_bytes()).to_bytes());
    format!(
        r#"{{"envelope":{{"from":"{FROM}","to":"{TO}","subject":"{SUBJECT}","priority":"normal","timestamp":"{NOW}","signature":"{signature}"}},"payload":{canonical}}}"#
    )
}
