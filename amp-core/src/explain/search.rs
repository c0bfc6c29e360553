//! The bounded search for what was signed (signing, deployed dialects).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use amp_crypto::{Signature, SigningContext, VerifyingKey};
use amp_envelope::{Dialect, PayloadHash, canonicalize};
use sha2::{Digest, Sha256};

use super::change::Change;
use super::explainer::{MAX_CANONICAL_FORMS, MAX_SIGNATURE_CHECKS};
use super::fields::{FieldVariant, SignedParts};
use super::form::hash_of;
use super::hint::Remedy;
use super::key::{KeyOrigin, TriedKey};
use super::payload::{self, PayloadVariant};

/// What is tried, put together before the search begins.
pub(super) struct Material<'a> {
    pub(super) signature: &'a Signature,
    /// What had to be done to the signature's text before it could be read.
    pub(super) respelled: bool,
    pub(super) keys: &'a [TriedKey],
    pub(super) received: &'a SignedParts,
    pub(super) fields: &'a [FieldVariant],
    /// The payload as received, and edits of it.
    pub(super) payloads: &'a [PayloadVariant],
    /// The dialects that were asked for.
    pub(super) asked: &'a [Dialect],
    /// Every dialect, those first.
    pub(super) dialects: &'a [Dialect],
}

/// What the search came to.
pub(super) struct Found {
    pub(super) remedy: Option<Remedy>,
    pub(super) checks: usize,
    pub(super) exhausted: bool,
}

/// Tries single changes before pairs and the key given before others, until one holds or the work is spent.
pub(super) fn search(material: &Material<'_>) -> Found {
    let mut search = Search::new(material);
    let remedy = search.run();
    Found { remedy, checks: search.checks, exhausted: search.exhausted }
}

/// A payload's hash, and what was done to the payload to get it.
#[derive(Clone)]
struct Hashed {
    changes: Vec<Change>,
    dialect: Option<Dialect>,
    hash: PayloadHash,
}

/// How the signing string was signed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Framing {
    AsIs,
    LineFeed,
    Digest,
    HexDigest,
    HashInHex,
    HashInBase64Url,
}

impl Framing {
    const OTHERS: [Self; 5] =
        [Self::LineFeed, Self::Digest, Self::HexDigest, Self::HashInHex, Self::HashInBase64Url];

    const fn change(self) -> Option<Change> {
        match self {
            Self::AsIs => None,
            Self::LineFeed => Some(Change::LineFeedSigned),
            Self::Digest => Some(Change::DigestSigned),
            Self::HexDigest => Some(Change::HexDigestSigned),
            Self::HashInHex => Some(Change::HashInHex),
            Self::HashInBase64Url => Some(Change::HashInBase64Url),
        }
    }

    /// The bytes that are signed for these fields and this payload hash.
    fn bytes(self, fields: &SignedParts, hash: &PayloadHash) -> Vec<u8> {
        let string = match self {
            Self::HashInHex => fields.signing_string(&hex(hash.as_bytes())),
            Self::HashInBase64Url => {
                let url_safe = hash.to_base64().replace('+', "-").replace('/', "_");
                fields.signing_string(url_safe.trim_end_matches('='))
            }
            _ => fields.signing_string(&hash.to_base64()),
        };
        match self {
            Self::LineFeed => [string.as_bytes(), b"\n"].concat(),
            Self::Digest => Sha256::digest(&string).to_vec(),
            Self::HexDigest => hex(&Sha256::digest(&string)).into_bytes(),
            _ => string.into_bytes(),
        }
    }
}

/// A payload and what is done to it before it is hashed.
#[derive(Clone, Copy)]
struct Body {
    payload: usize,
    treatment: Treatment,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Treatment {
    Canonical,
    Normalized(Change),
    AsItStands,
}

/// One thing to try, under each hash that its body has.
#[derive(Clone, Copy)]
struct Trial {
    key: usize,
    body: usize,
    /// The changed field, if any.
    field: Option<usize>,
    framing: Framing,
}

struct Search<'a> {
    material: &'a Material<'a>,
    bodies: Vec<Body>,
    /// What each body hashes to, written when it is first asked for.
    hashed: Vec<Option<Vec<Hashed>>>,
    /// What was checked already, by key.
    seen: BTreeSet<(usize, Vec<u8>)>,
    checks: usize,
    forms: usize,
    exhausted: bool,
}

impl<'a> Search<'a> {
    fn new(material: &'a Material<'a>) -> Self {
        let canonical = |payload| Body { payload, treatment: Treatment::Canonical };
        let others = [
            Treatment::Normalized(Change::PayloadComposed),
            Treatment::Normalized(Change::PayloadDecomposed),
            Treatment::AsItStands,
        ];
        let others = others.map(|treatment| Body { payload: 0, treatment });
        let bodies: Vec<Body> = (0..material.payloads.len()).map(canonical).chain(others).collect();
        let hashed = bodies.iter().map(|_| None).collect();
        Self { material, bodies, hashed, seen: BTreeSet::new(), checks: 0, forms: 0, exhausted: false }
    }

    fn run(&mut self) -> Option<Remedy> {
        for trial in self.trials() {
            for hashed in self.hashes(trial.body) {
                let remedy = self.attempt(trial, &hashed);
                if remedy.is_some() || self.exhausted {
                    return remedy;
                }
            }
        }
        None
    }

    /// Everything to try, the likely first. The first key is the one given, or the first there is.
    fn trials(&self) -> Vec<Trial> {
        let (keys, bodies, fields) =
            (self.material.keys.len(), self.bodies.len(), self.material.fields.len());
        let plain = Trial { key: 0, body: 0, field: None, framing: Framing::AsIs };
        let mut trials = Vec::new();
        trials.extend((0..bodies).map(|body| Trial { body, ..plain }));
        trials.extend((0..fields).map(|field| Trial { field: Some(field), ..plain }));
        trials.extend(Framing::OTHERS.map(|framing| Trial { framing, ..plain }));
        for key in 1..keys {
            trials.extend((0..bodies).map(|body| Trial { key, body, ..plain }));
            trials.extend(Framing::OTHERS.map(|framing| Trial { key, framing, ..plain }));
        }
        for body in 1..bodies {
            trials.extend((0..fields).map(|field| Trial { body, field: Some(field), ..plain }));
        }
        for framing in Framing::OTHERS {
            trials.extend((0..fields).map(|field| Trial { field: Some(field), framing, ..plain }));
        }
        for key in 1..keys {
            trials.extend((0..fields).map(|field| Trial { key, field: Some(field), ..plain }));
        }
        if keys == 0 { Vec::new() } else { trials }
    }

    /// The distinct hashes of a body, under the dialects that were asked for first.
    fn hashes(&mut self, body: usize) -> Vec<Hashed> {
        if let Some(Some(hashed)) = self.hashed.get(body) {
            return hashed.clone();
        }
        let hashed = self.bodies.get(body).copied().map(|body| self.write(body)).unwrap_or_default();
        if let Some(slot) = self.hashed.get_mut(body) {
            *slot = Some(hashed.clone());
        }
        hashed
    }

    fn write(&mut self, body: Body) -> Vec<Hashed> {
        let Some(variant) = self.material.payloads.get(body.payload) else { return Vec::new() };
        let json = variant.json.as_str();
        if body.treatment == Treatment::AsItStands {
            let changes = Vec::from([Change::PayloadNotCanonical]);
            return Vec::from([Hashed { changes, dialect: None, hash: hash_of(json.as_bytes()) }]);
        }
        let mut written: Vec<Hashed> = Vec::new();
        for &dialect in self.material.dialects {
            if self.forms >= MAX_CANONICAL_FORMS {
                self.exhausted = true;
                break;
            }
            self.forms = self.forms.saturating_add(1);
            let mut changes = variant.changes.clone();
            let canonical = match body.treatment {
                Treatment::Normalized(change) => {
                    changes.push(change);
                    payload::normalized(json, change, dialect)
                }
                _ => canonicalize(json.as_bytes(), dialect).ok(),
            };
            let Some(hash) = canonical.map(|canonical| hash_of(&canonical)) else { continue };
            if !written.iter().any(|other| other.hash == hash) {
                written.push(Hashed { changes, dialect: Some(dialect), hash });
            }
        }
        written
    }

    /// Checks one signing string; gives the remedy if it is what was signed.
    fn attempt(&mut self, trial: Trial, hashed: &Hashed) -> Option<Remedy> {
        let material = self.material;
        let key = material.keys.get(trial.key)?;
        let changes = self.changes(trial, hashed, key);
        if changes.is_empty() {
            // That is how the message was verified already.
            return None;
        }
        let field = trial.field.and_then(|field| material.fields.get(field));
        let fields = field.map_or(material.received, |variant| &variant.fields);
        let bytes = trial.framing.bytes(fields, &hashed.hash);
        if !self.seen.insert((trial.key, bytes.clone())) {
            return None;
        }
        if self.checks >= MAX_SIGNATURE_CHECKS {
            self.exhausted = true;
            return None;
        }
        self.checks = self.checks.saturating_add(1);
        let holds = holds(&key.key, &bytes, material.signature, trial.framing);
        holds.then(|| Remedy { changes, dialect: hashed.dialect, key: key.clone(), signed_bytes: bytes })
    }

    fn changes(&self, trial: Trial, hashed: &Hashed, key: &TriedKey) -> Vec<Change> {
        let material = self.material;
        let other_key = (key.origin != KeyOrigin::Given).then_some(Change::OtherKey);
        let respelled = material.respelled.then_some(Change::SignatureRespelled);
        let field = trial.field.and_then(|field| material.fields.get(field)).map(|variant| variant.change);
        let dialect = hashed.dialect.filter(|dialect| !material.asked.contains(dialect));
        let before = [other_key, respelled, field].into_iter().flatten();
        let after = [trial.framing.change(), dialect.map(Change::OtherDialect)].into_iter().flatten();
        before.chain(hashed.changes.iter().copied()).chain(after).collect()
    }
}

/// Whether the signature is over these bytes, in whatever sense.
fn holds(key: &VerifyingKey, bytes: &[u8], signature: &Signature, framing: Framing) -> bool {
    let context = match framing {
        Framing::HexDigest => SigningContext::RotationHex,
        _ => SigningContext::Message,
    };
    key.verify(context, bytes, signature).is_ok() || key.verifies_outside_contexts(bytes, signature)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| alloc::format!("{byte:02x}")).collect()
}
