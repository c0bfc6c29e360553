//! The dialect ladder under attack (A15): a bad signature makes a verifier try every canonical form it was told to.

use std::hint::black_box;

use amp_crypto::Identity;
use amp_envelope::{Dialect, ErrorCode, Profile, Verifier, canonicalize};
use ed25519_dalek::{Signature, Signer as _, SigningKey, Verifier as _};
use sha2::{Digest as _, Sha256};

use crate::corpus::{self, SEED, Scores, Size};
use crate::measure::Subject;

/// Six dialects may cost at most this many times what one costs.
pub const MOST: f64 = 6.0;

/// On these members every dialect writes something else.
const ALL_DIFFER: &str =
    "\"zz\":{\"9\":1.0,\"10\":1e-7,\"\u{e9}\":\"\u{7f}\",\"\u{1f600}\":1,\"\u{ff5e}\":1e22},";

/// Messages whose payload has six different canonical forms and whose signature is another message's.
pub struct Forgeries {
    pub size: Size,
    identity: Identity,
    key: ed25519_dalek::VerifyingKey,
    signature: [u8; 64],
    signing_string: Vec<u8>,
    canonical: Vec<Vec<u8>>,
    messages: Vec<Vec<u8>>,
    /// The same with an empty `attachments`, which doubles what is tried.
    doubled: Vec<Vec<u8>>,
}

impl Forgeries {
    pub fn new(size: Size, messages: usize) -> Self {
        let signing = SigningKey::from_bytes(&SEED);
        let signature = signing.sign(b"another message").to_bytes();
        let payloads: Vec<String> = (0..messages as u64)
            .map(|n| {
                let plain = corpus::payload(size.bytes() - ALL_DIFFER.len(), n, Scores::Fractions);
                plain.replacen('{', &["{", ALL_DIFFER].concat(), 1)
            })
            .collect();
        let forms =
            Dialect::ALL.map(|dialect| canonicalize(payloads[0].as_bytes(), dialect).expect("a payload"));
        for (n, form) in forms.iter().enumerate() {
            assert!(!forms[..n].contains(form), "all six forms differ");
        }
        let doubled = |payload: &String| payload.replacen('{', r#"{"attachments":[],"#, 1);
        Self {
            size,
            identity: Identity::from_seed(&SEED),
            key: signing.verifying_key(),
            signature,
            signing_string: corpus::signing_string_of(&forms[0]),
            canonical: payloads
                .iter()
                .map(|payload| canonicalize(payload.as_bytes(), Dialect::Jcs).expect("a payload"))
                .collect(),
            messages: payloads.iter().map(|payload| corpus::message(payload, &signature)).collect(),
            doubled: payloads.iter().map(|payload| corpus::message(&doubled(payload), &signature)).collect(),
        }
    }
}

/// The limit first (one hash, one verification), then one dialect and six, then both with the empty attachments.
pub fn subjects(forgeries: &Forgeries) -> Vec<Subject<'_>> {
    let limit = Subject::new("limit", |n| {
        black_box(Sha256::digest(&forgeries.canonical[n]));
        let signature = Signature::from_bytes(&forgeries.signature);
        let string = &forgeries.signing_string;
        forgeries.key.verify(string, &signature).expect_err("a bad signature");
    });
    vec![
        limit,
        refused("one-dialect", forgeries, &forgeries.messages, &[Dialect::Jcs]),
        refused("six-dialects", forgeries, &forgeries.messages, &Dialect::ALL),
        refused("one-dialect-empty-attachments", forgeries, &forgeries.doubled, &[Dialect::Jcs]),
        refused("six-dialects-empty-attachments", forgeries, &forgeries.doubled, &Dialect::ALL),
    ]
}

fn refused<'a>(
    name: &'static str,
    forgeries: &'a Forgeries,
    messages: &'a [Vec<u8>],
    dialects: &'static [Dialect],
) -> Subject<'a> {
    let mut verifier = Verifier::new();
    let mut pool = messages.to_vec();
    let key = forgeries.identity.verifying_key();
    Subject::new(name, move |n| {
        let bytes = std::mem::take(&mut pool[n]);
        let message = verifier.decode(bytes, Profile::Deployed).expect("a message");
        let refusal = verifier.verify(message, key, dialects).expect_err("a bad signature");
        assert_eq!(refusal.error().code(), ErrorCode::SignatureInvalid);
        pool[n] = verifier.recycle(refusal.into_inner());
    })
}
