//! What is measured: 64 distinct messages of each size, signed for us and for every peer, all from one seed.
//!
//! A payload is a review: a text, a context of many small records (objects of four to six members, a few nested arrays,
//! numbers mostly integers, strings mostly ASCII) and, because a context has at most 256 KiB, a further member with
//! more of them. Members stand in the order in which people declare them, strings as compact writers spell them.

use std::fmt::Write as _;

use amp_crypto::Identity;
use amp_envelope::{Dialect, PayloadHash, Priority, canonicalize, signing_string};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer as _, SigningKey};

/// Distinct messages of a size: a repeated small input trains the branch predictor and flatters by half.
pub const MESSAGES: usize = 64;

pub const FROM: &str = "alice@acme.crabmail.ai";
pub const TO: &str = "bob@acme.crabmail.ai";

/// A published throwaway seed.
pub const SEED: [u8; 32] = [7; 32];

/// A context has at most 256 KiB; the rest of a large payload goes to the member `report`.
const CONTEXT_BYTES: usize = 250 * 1024;

/// The size of a payload as received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Size {
    B300,
    K4,
    K64,
    K400,
}

impl Size {
    pub const ALL: [Self; 4] = [Self::B300, Self::K4, Self::K64, Self::K400];

    pub const fn name(self) -> &'static str {
        match self {
            Self::B300 => "300",
            Self::K4 => "4k",
            Self::K64 => "64k",
            Self::K400 => "400k",
        }
    }

    pub const fn bytes(self) -> usize {
        match self {
            Self::B300 => 300,
            Self::K4 => 4 * 1024,
            Self::K64 => 64 * 1024,
            Self::K400 => 400 * 1024,
        }
    }

    /// How many messages one time reading covers: enough to be far above the clock's grain, few enough that some
    /// readings escape the interruptions of a busy machine.
    pub const fn per_reading(self) -> usize {
        match self {
            Self::B300 => 64,
            Self::K4 => 16,
            Self::K64 => 8,
            Self::K400 => 4,
        }
    }
}

/// One payload and everything that was made of it.
pub struct Sample {
    /// As a typical writer emits it: compact, members in the order of their declaration.
    pub payload: String,
    /// RFC 8785, which two implementations agree on.
    pub canonical: Vec<u8>,
    /// Members sorted, with a space behind every comma and colon.
    pub spaced: Vec<u8>,
    pub signing_string: Vec<u8>,
    pub signature: [u8; 64],
    /// The wire message around [`payload`](Self::payload).
    pub message: Vec<u8>,
    /// The wire message around [`canonical`](Self::canonical).
    pub canonical_message: Vec<u8>,
    /// The same envelope and payload as an object signed by Matrix rules, which know no fractions: `score` is a whole
    /// number there.
    pub ruma: Vec<u8>,
    /// The payload as the claims of a JSON Web Token.
    pub jwt: String,
}

/// All samples of a size, and the key that signed them.
pub struct Corpus {
    pub size: Size,
    pub identity: Identity,
    pub key: ed25519_dalek::VerifyingKey,
    pub samples: Vec<Sample>,
}

impl Corpus {
    pub fn new(size: Size, messages: usize) -> Self {
        let signing = SigningKey::from_bytes(&SEED);
        let samples = (0..messages).map(|n| Sample::new(size, n as u64, &signing)).collect();
        Self { size, identity: Identity::from_seed(&SEED), key: signing.verifying_key(), samples }
    }
}

impl Sample {
    fn new(size: Size, n: u64, signing: &SigningKey) -> Self {
        let payload = payload(size.bytes(), n, Scores::Fractions);
        let canonical = canonicalize(payload.as_bytes(), Dialect::Jcs).expect("a payload of the profile");
        let oracle = serde_json_canonicalizer::pipe(&payload).expect("JSON");
        assert_eq!(canonical, oracle.as_bytes(), "two implementations write one canonical form");
        let signing_string = signing_string_of(&canonical);
        let signature = signing.sign(&signing_string).to_bytes();
        let message = message(&payload, &signature);
        let canonical_message = self::message(std::str::from_utf8(&canonical).expect("UTF-8"), &signature);
        let ruma = ruma(&self::payload(size.bytes(), n, Scores::Whole), signing);
        let jwt = jwt(&payload, signing);
        let spaced = spaced(&canonical);
        Self { payload, canonical, spaced, signing_string, signature, message, canonical_message, ruma, jwt }
    }
}

/// The signing string of our fixed envelope over a canonical payload.
pub fn signing_string_of(canonical: &[u8]) -> Vec<u8> {
    let hash = PayloadHash::of(canonical, Dialect::Jcs).expect("a canonical payload");
    let (from, to) = (FROM.parse().expect("an address"), TO.parse().expect("an address"));
    signing_string(&from, &to, SUBJECT, Priority::Normal, None, &hash).expect("plain fields").into_bytes()
}

pub const SUBJECT: &str = "Code review";

/// The envelope's members before the signature, as the reference provider orders them.
const ENVELOPE: &str = concat!(
    r#"{"version":"amp/0.1","id":"msg_1769853600000_k3j9x2m","from":"alice@acme.crabmail.ai","#,
    r#""to":"bob@acme.crabmail.ai","subject":"Code review","priority":"normal","#,
    r#""timestamp":"2026-01-31T10:00:00Z","thread_id":"msg_1769853600000_k3j9x2m""#,
);

/// A wire message around a payload.
pub fn message(payload: &str, signature: &[u8; 64]) -> Vec<u8> {
    let signature = BASE64_STANDARD.encode(signature);
    format!(r#"{{"envelope":{ENVELOPE},"signature":"{signature}"}},"payload":{payload}}}"#).into_bytes()
}

fn ruma(payload: &str, signing: &SigningKey) -> Vec<u8> {
    let unsigned = format!(r#"{{"envelope":{ENVELOPE}}},"payload":{payload}}}"#);
    let object = serde_json::from_str(&unsigned).expect("JSON without fractions");
    let canonical =
        ruma_signatures::to_canonical_json_string_for_signing(&object).expect("canonical JSON of Matrix");
    let signature = BASE64_STANDARD_NO_PAD.encode(signing.sign(canonical.as_bytes()).to_bytes());
    let body = unsigned.strip_suffix('}').unwrap_or_default();
    format!(r#"{body},"signatures":{{"{FROM}":{{"ed25519:1":"{signature}"}}}}}}"#).into_bytes()
}

fn jwt(payload: &str, signing: &SigningKey) -> String {
    let header = BASE64_URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"EdDSA"}"#);
    let mut token = format!("{header}.{}", BASE64_URL_SAFE_NO_PAD.encode(payload));
    let signature = BASE64_URL_SAFE_NO_PAD.encode(signing.sign(token.as_bytes()).to_bytes());
    token.push('.');
    token.push_str(&signature);
    token
}

/// A space behind every comma and colon that stands outside of strings.
fn spaced(compact: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(compact.len() * 5 / 4);
    let (mut in_string, mut escaped) = (false, false);
    for &byte in compact {
        out.push(byte);
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = byte == b'\\' && !escaped;
        } else if byte == b'"' {
            in_string = true;
        } else if matches!(byte, b',' | b':') {
            out.push(b' ');
        }
    }
    out
}

/// How a record spells its score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scores {
    Fractions,
    Whole,
}

/// A payload of exactly `bytes` bytes; `n` tells distinct ones apart.
pub fn payload(bytes: usize, n: u64, scores: Scores) -> String {
    let mut rng = Rng(n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ bytes as u64);
    let mut context =
        format!(r#"{{"repo":"agents-web","revision":"{:016x}","pr":{}"#, rng.next(), rng.below(9000) + 1000);
    // A text of at least 40 characters, and what stands around it.
    let mut room = bytes.saturating_sub(context.len() + 100);
    let in_context = room.min(CONTEXT_BYTES);
    let rest = room - in_context;
    if bytes >= 2048 {
        let findings = records(&mut rng, in_context.saturating_sub(320), scores);
        let _ = write!(context, r#","findings":{findings}"#);
    }
    context.push('}');
    let mut tail = format!(r#","context":{context}"#);
    if rest > 1024 {
        let details = records(&mut rng, rest.saturating_sub(320), scores);
        let _ = write!(tail, r#","report":{{"title":"Details","records":{details}}}"#);
    }
    tail.push('}');
    let head = r#"{"type":"request","message":""#;
    room = bytes - head.len() - tail.len() - 1;
    let mut text = String::from("Can you look at these?\\n");
    while text.len() < room {
        text.push_str(rng.pick(&WORDS));
        text.push(' ');
    }
    while text.len() > room {
        text.pop();
    }
    if text.ends_with('\\') {
        text.pop();
    }
    while text.len() < room {
        text.push('.');
    }
    let payload = [head, &text, "\"", &tail].concat();
    assert_eq!(payload.len(), bytes);
    payload
}

/// Records of about `bytes` bytes together.
fn records(rng: &mut Rng, bytes: usize, scores: Scores) -> String {
    let mut out = String::from("[");
    while out.len() < bytes {
        if out.len() > 1 {
            out.push(',');
        }
        record(rng, &mut out, scores);
    }
    out.push(']');
    out
}

fn record(rng: &mut Rng, out: &mut String, scores: Scores) {
    let members = rng.below(8);
    let (folder, file, number) = (rng.pick(&FOLDERS), rng.pick(&FILES), rng.below(60));
    let _ = write!(out, r#"{{"path":"{folder}/{file}_{number}.rs","line":{}"#, rng.below(4000));
    let _ = write!(out, r#","severity":"{}","text":""#, rng.pick(&["note", "warning", "error"]));
    for word in 0..8 + rng.below(11) {
        if word > 0 {
            out.push(' ');
        }
        out.push_str(rng.pick(&WORDS));
    }
    match rng.below(16) {
        0..3 => out.push_str("\\nsee above"),
        3 => out.push_str(" – größer als erwartet"),
        _ => {}
    }
    out.push('"');
    if members >= 1 {
        out.push_str(r#","flags":["#);
        for flag in 0..rng.below(3) {
            if flag > 0 {
                out.push(',');
            }
            let _ = write!(out, r#""{}""#, rng.pick(&FLAGS));
        }
        out.push(']');
    }
    match members {
        5 => {
            let score = rng.below(90) + 10;
            let _ = match scores {
                Scores::Fractions => write!(out, r#","score":0.{}"#, score | 1),
                Scores::Whole => write!(out, r#","score":10{score}"#),
            };
        }
        6 => {
            let (line, column) = (rng.below(4000), rng.below(100));
            let _ = write!(out, r#","span":[[{line},{column}],[{},{}]]"#, line + 2, column + 9);
        }
        7 => out.push_str(r#","fixed":false"#),
        _ => {}
    }
    out.push('}');
}

const FOLDERS: [&str; 8] = [
    "src",
    "crates/relay/src",
    "tests",
    "crates/core/src/net",
    "examples",
    "benches",
    "xtask/src",
    "docs/code",
];
const FILES: [&str; 8] = ["session", "parser", "envelope", "router", "queue", "store", "key", "retry"];
const FLAGS: [&str; 6] = ["style", "unused", "perf", "unsafe", "docs", "todo"];
const WORDS: [&str; 32] = [
    "the",
    "value",
    "is",
    "never",
    "read",
    "after",
    "this",
    "loop",
    "consider",
    "borrowing",
    "instead",
    "of",
    "cloning",
    "error",
    "ignored",
    "in",
    "branch",
    "missing",
    "check",
    "for",
    "empty",
    "input",
    "lock",
    "held",
    "across",
    "await",
    "point",
    "unused",
    "import",
    "string",
    "comparison",
    "timeout",
];

/// SplitMix64: small, seeded, the same everywhere.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len() as u64) as usize]
    }
}
