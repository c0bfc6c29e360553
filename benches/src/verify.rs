//! Verification as a whole: decode, canonicalize, hash, check the signature. Ours and every peer's.

use std::collections::BTreeMap;
use std::hint::black_box;

use amp_envelope::{Dialect, Message, Profile, Verifier};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, Verifier as _};
use ruma_common::canonical_json::CanonicalJsonObject;
use ruma_common::serde::Base64;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::corpus::{Corpus, FROM};
use crate::measure::Subject;

/// The limit first, then ours, then the peers.
pub fn subjects(corpus: &Corpus) -> Vec<Subject<'_>> {
    vec![
        limit(corpus),
        reused("amp", corpus, |n| corpus.samples[n].message.clone()),
        reused("amp-canonical", corpus, |n| corpus.samples[n].canonical_message.clone()),
        fresh(corpus),
        ruma(corpus),
        jsonwebtoken(corpus),
        serde_canonicalizer(corpus),
        naive(corpus),
    ]
}

/// What no verification can do without: SHA-256 of the canonical payload, and one (not strict) Ed25519 verification.
pub fn limit(corpus: &Corpus) -> Subject<'_> {
    Subject::new("limit", |n| {
        let sample = &corpus.samples[n];
        black_box(Sha256::digest(&sample.canonical));
        let signature = Signature::from_bytes(&sample.signature);
        corpus.key.verify(&sample.signing_string, &signature).expect("a good signature");
    })
}

/// A verifier whose buffers are used again, as a service has it: bytes go in, bytes come back.
fn reused<'a>(name: &'static str, corpus: &'a Corpus, wire: impl Fn(usize) -> Vec<u8>) -> Subject<'a> {
    let mut verifier = Verifier::new();
    let mut pool: Vec<Vec<u8>> = (0..corpus.samples.len()).map(wire).collect();
    let key = corpus.identity.verifying_key();
    Subject::new(name, move |n| {
        let bytes = std::mem::take(&mut pool[n]);
        let message = verifier.decode(bytes, Profile::Deployed).expect("a message");
        let verified = verifier.verify(message, key, &[Dialect::Jcs]).expect("a good signature");
        pool[n] = verifier.recycle(black_box(verified).into_inner());
    })
}

/// The short way: `Message::decode` and `verify`, which copy the message and let its buffers go.
fn fresh(corpus: &Corpus) -> Subject<'_> {
    let key = corpus.identity.verifying_key();
    Subject::new("amp-fresh", move |n| {
        let message = Message::decode(&corpus.samples[n].message).expect("a message");
        black_box(message.verify(key).expect("a good signature"));
    })
}

fn ruma(corpus: &Corpus) -> Subject<'_> {
    let key = Base64::new(corpus.key.as_bytes().to_vec());
    let keys = BTreeMap::from([(FROM.to_owned(), BTreeMap::from([("ed25519:1".to_owned(), key)]))]);
    Subject::new("ruma", move |n| {
        let object: CanonicalJsonObject =
            serde_json::from_slice(&corpus.samples[n].ruma).expect("canonical JSON of Matrix");
        ruma_signatures::verify_json(&keys, &object).expect("a good signature");
        black_box(object);
    })
}

fn jsonwebtoken(corpus: &Corpus) -> Subject<'_> {
    let x = BASE64_URL_SAFE_NO_PAD.encode(corpus.key.as_bytes());
    let key = jsonwebtoken::DecodingKey::from_ed_components(&x).expect("a key");
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::EdDSA);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    Subject::new("jsonwebtoken", move |n| {
        let token = jsonwebtoken::decode::<serde_json::Value>(&corpus.samples[n].jwt, &key, &validation)
            .expect("a good signature");
        black_box(token);
    })
}

#[derive(Deserialize)]
struct Envelope<'a> {
    from: &'a str,
    to: &'a str,
    subject: &'a str,
    priority: &'a str,
    #[serde(default)]
    in_reply_to: &'a str,
    signature: &'a str,
}

#[derive(Deserialize)]
struct RawMessage<'a> {
    #[serde(borrow)]
    envelope: Envelope<'a>,
    #[serde(borrow)]
    payload: &'a RawValue,
}

#[derive(Deserialize)]
struct ValueMessage<'a> {
    #[serde(borrow)]
    envelope: Envelope<'a>,
    payload: serde_json::Value,
}

/// What a careful program writes today: the raw payload, a canonicalizer, SHA-256, strict verification.
fn serde_canonicalizer(corpus: &Corpus) -> Subject<'_> {
    Subject::new("serde-canonicalizer", |n| {
        let message: RawMessage<'_> = serde_json::from_slice(&corpus.samples[n].message).expect("JSON");
        let canonical = serde_json_canonicalizer::pipe(message.payload.get()).expect("JSON");
        check(corpus, &message.envelope, canonical.as_bytes());
        black_box(&message);
    })
}

/// What a hurried program writes: a `Value`, sorted, written. Right for most payloads, not for all.
fn naive(corpus: &Corpus) -> Subject<'_> {
    Subject::new("naive-serde-json", |n| {
        let mut message: ValueMessage<'_> = serde_json::from_slice(&corpus.samples[n].message).expect("JSON");
        message.payload.sort_all_objects();
        let canonical = serde_json::to_vec(&message.payload).expect("JSON");
        check(corpus, &message.envelope, &canonical);
        black_box(message.payload);
    })
}

fn check(corpus: &Corpus, envelope: &Envelope<'_>, canonical: &[u8]) {
    let hash = BASE64_STANDARD.encode(Sha256::digest(canonical));
    let Envelope { from, to, subject, priority, in_reply_to, signature } = envelope;
    let string = format!("{from}|{to}|{subject}|{priority}|{in_reply_to}|{hash}");
    let mut bytes = [0; 66];
    BASE64_STANDARD.decode_slice(signature, &mut bytes).expect("base64");
    let signature = Signature::from_slice(&bytes[..64]).expect("64 bytes");
    corpus.key.verify_strict(string.as_bytes(), &signature).expect("a good signature");
}
