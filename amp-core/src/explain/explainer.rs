//! Asking for an explanation: what failed, and what is known beside it (signing, deployed dialects).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use amp_address::{Address, Profile};
use amp_crypto::{Signature, VerifyingKey};
use amp_envelope::{Dialect, JsonKind, Message, RouteBody};
use unicode_normalization::is_nfc;

use super::difference;
use super::explanation::{Explanation, Outcome};
use super::fields::{self, SignedParts};
use super::form;
use super::hint::Hint;
use super::key::{self, KeyOrigin, Statement, TriedKey};
use super::payload;
use super::search::{Material, search};
use crate::receive::{Refusal, RefusalReason};

/// The most signatures that one explanation checks.
pub const MAX_SIGNATURE_CHECKS: usize = 512;

/// The most canonical forms that one explanation writes while it searches.
pub const MAX_CANONICAL_FORMS: usize = 128;

/// The most other keys that one explanation tries. Further ones are not looked at.
pub const MAX_OTHER_KEYS: usize = 16;

/// The most known spellings of addresses that one explanation tries.
const MAX_KNOWN_ADDRESSES: usize = 8;

/// The longest text in which a signature is looked for. The longest key's signature needs 2,048 hexadecimal digits.
const MAX_SIGNATURE_TEXT: usize = 4096;

/// Explains why bytes are no message, or why a message does not verify.
///
/// The work is bounded by [`MAX_SIGNATURE_CHECKS`] and [`MAX_CANONICAL_FORMS`] whatever the bytes are. It is still many
/// times that of verifying: explain to people who ask, not to every sender of a bad message.
///
/// ```
/// use amp_core::Profile;
/// use amp_core::explain::{Change, Explainer};
/// use amp_core::prelude::*;
///
/// // What alice signed, and what arrived: a client on the way added empty attachments.
/// let alice = Identity::from_seed(&[7; 32]);
/// let signed = Draft::request("bob@acme.crabmail.ai".parse()?, "Hi", "Are you there?")
///     .from(&"alice@acme.crabmail.ai".parse()?)
///     .sign(&alice, "2026-01-31T10:00:00Z".parse()?)?;
/// let arrived = signed.to_json().replace(r#""payload":{"#, r#""payload":{"attachments":[],"#);
///
/// let explanation = Explainer::new()
///     .profile(Profile::Spec) // `Profile::Deployed` verifies such a message
///     .key(alice.verifying_key())
///     .explain(arrived.as_bytes());
/// assert_eq!(explanation.code(), Some("signature_invalid"));
/// let Some(remedy) = explanation.remedy() else { panic!("nothing found") };
/// assert_eq!(remedy.changes(), [Change::WithoutEmptyAttachments]);
/// assert!(explanation.to_string().contains(r#"it verifies when "attachments": [] is left out"#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "an explainer does nothing until it is asked to explain"]
pub struct Explainer<'a> {
    profile: Profile,
    key: Option<&'a VerifyingKey>,
    dialects: Vec<Dialect>,
    others: Vec<TriedKey>,
    known: Vec<&'a str>,
    original: Option<&'a [u8]>,
}

impl Default for Explainer<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> Explainer<'a> {
    /// Knows nothing beside the bytes; reads under [`Profile::Deployed`] and verifies under RFC 8785.
    pub fn new() -> Self {
        Self {
            profile: Profile::Deployed,
            key: None,
            dialects: Vec::from([Dialect::Jcs]),
            others: Vec::new(),
            known: Vec::new(),
            original: None,
        }
    }

    /// The profile under which the bytes were read.
    pub const fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// The key with which the message was to be verified.
    pub const fn key(mut self, key: &'a VerifyingKey) -> Self {
        self.key = Some(key);
        self
    }

    /// The dialects under which it was to be verified. The others are tried too, and named when one holds.
    pub fn dialects(mut self, dialects: &[Dialect]) -> Self {
        self.dialects.clear();
        for dialect in dialects {
            if !self.dialects.contains(dialect) {
                self.dialects.push(*dialect);
            }
        }
        self
    }

    /// Another key that the sender may have signed with, under a name for people: `"rotated away in March"`.
    /// [`MAX_OTHER_KEYS`] are tried.
    pub fn other_key(mut self, name: &str, key: &VerifyingKey) -> Self {
        if self.others.len() < MAX_OTHER_KEYS {
            self.others.push(key::other(name, key));
        }
        self
    }

    /// An address as sender or recipient may have spelled it when signing: short, or in another case.
    pub fn known_address(mut self, address: &'a str) -> Self {
        if self.known.len() < MAX_KNOWN_ADDRESSES {
            self.known.push(address);
        }
        self
    }

    /// The message as it was before it travelled: the explanation lists the fields that differ.
    pub const fn original(mut self, bytes: &'a [u8]) -> Self {
        self.original = Some(bytes);
        self
    }

    /// Explains.
    #[must_use]
    pub fn explain(&self, bytes: &[u8]) -> Explanation {
        match Message::decode_with(bytes, self.profile) {
            Ok(message) => self.explain_message(bytes, message),
            Err(error) => {
                let mut explanation = Explanation::new(Outcome::NotDecoded(error));
                explanation.hints = self.other_readings(bytes);
                explanation
            }
        }
    }

    /// Explains why a receiver refused these bytes.
    ///
    /// A refusal for the signature or the form is looked into; for any other the account is the rule and what to do.
    #[must_use]
    pub fn explain_refusal(&self, bytes: &[u8], refusal: &Refusal) -> Explanation {
        match refusal.reason() {
            RefusalReason::Message(_) => {
                Explanation { outcome: Outcome::Refused(*refusal), ..self.explain(bytes) }
            }
            _ => Explanation::of_refusal(refusal),
        }
    }

    /// What else the bytes may be.
    fn other_readings(&self, bytes: &[u8]) -> Vec<Hint> {
        let deployed = self.profile == Profile::Spec && Message::decode(bytes).is_ok();
        // Whoever sends a route body is known from elsewhere; any address serves to read one.
        let route = Address::parse("a@a.a.a").is_ok_and(|from| RouteBody::decode(bytes, &from).is_ok());
        let hints = [deployed.then_some(Hint::ReadsAsDeployed), route.then_some(Hint::IsRouteBody)];
        hints.into_iter().flatten().collect()
    }

    fn explain_message(&self, bytes: &[u8], message: Message) -> Explanation {
        let (outcome, message) = self.verify(message);
        let mut explanation = Explanation::new(outcome);
        let payload = message.payload().raw().as_bytes();
        let (forms, refused) = form::write(payload, &self.all_dialects());
        explanation.asked.clone_from(&self.dialects);
        explanation.forms = forms;
        explanation.refused_dialects = refused;
        explanation.signed = Some(SignedParts::of(&message));
        explanation.hints.extend(about_sealing(&message));
        explanation.key = self.key.map(given);
        if let Some(original) = self.original.and_then(|bytes| Message::decode(bytes).ok()) {
            explanation.differences = difference::compare(&message, &original);
        }
        if !matches!(explanation.outcome, Outcome::Verifies { .. }) {
            self.look_for_causes(bytes, &message, &mut explanation);
        }
        explanation
    }

    /// Verifies as a receiver would.
    fn verify(&self, message: Message) -> (Outcome, Message) {
        let Some(key) = self.key else { return (Outcome::NoKey, message) };
        match message.verify_with(key, &self.dialects) {
            Ok(verified) => {
                let outcome = Outcome::Verifies { dialect: verified.dialect(), variant: verified.variant() };
                (outcome, verified.into_inner())
            }
            Err(refusal) => (Outcome::NotVerified(*refusal.error()), refusal.into_inner()),
        }
    }

    fn look_for_causes(&self, bytes: &[u8], message: &Message, explanation: &mut Explanation) {
        let stated = key::stated(bytes, message);
        explanation.hints.extend(stated.iter().filter_map(|statement| self.about_stated(statement)));
        if message.is_signed() {
            let keys = self.keys(stated);
            self.try_signature(message, &keys, explanation);
        }
        if explanation.remedy().is_none() {
            let unportable = explanation.forms.len() > 1;
            explanation.hints.extend(unportable.then_some(Hint::NotPortable));
            explanation.hints.extend(oddities(message));
        }
    }

    /// The given key, then those of the message, then the host's others: each once.
    fn keys(&self, stated: Vec<Statement>) -> Vec<TriedKey> {
        let of_message = stated.into_iter().filter_map(|statement| {
            let origin = KeyOrigin::Stated(statement.place);
            statement.key.map(|key| TriedKey { origin, key })
        });
        let mut keys: Vec<TriedKey> = Vec::new();
        for key in self.key.map(given).into_iter().chain(of_message).chain(self.others.iter().cloned()) {
            if !keys.iter().any(|other| other.key == key.key) {
                keys.push(key);
            }
        }
        keys
    }

    fn about_stated(&self, statement: &Statement) -> Option<Hint> {
        let Some(stated) = &statement.key else { return Some(Hint::StatesNoKey(statement.place)) };
        let differs = self.key.is_some_and(|given| given != stated);
        differs.then(|| Hint::StatesOtherKey(statement.place, stated.fingerprint()))
    }

    fn try_signature(&self, message: &Message, keys: &[TriedKey], explanation: &mut Explanation) {
        let text = message.unsigned().get("signature").and_then(|value| value.as_str()).unwrap_or_default();
        let Some((signature, respelled)) = self.read_signature(&text) else {
            explanation.hints.push(Hint::SignatureNotBase64);
            return;
        };
        if let Some(key) = self.key {
            let length = signature.as_bytes().len();
            if key.ed25519_bytes().is_some() && length != 64 {
                explanation.hints.push(Hint::SignatureLength(length, key.algorithm()));
            }
        }
        let received = SignedParts::of(message);
        let found = search(&Material {
            signature: &signature,
            respelled,
            keys,
            received: &received,
            fields: &fields::variants(&received, message, &self.known),
            payloads: &payload::variants(message),
            asked: &self.dialects,
            dialects: &self.all_dialects(),
        });
        explanation.checks = found.checks;
        explanation.hints.extend(found.remedy.map(|remedy| Hint::Verifies(Box::new(remedy))));
        explanation.hints.extend(found.exhausted.then_some(Hint::NotEverythingTried));
    }

    /// Every dialect, those that were asked for first.
    fn all_dialects(&self) -> Vec<Dialect> {
        let others = Dialect::ALL.into_iter().filter(|dialect| !self.dialects.contains(dialect));
        self.dialects.iter().copied().chain(others).collect()
    }

    /// Reads a signature in any spelling, and says whether verification would have read this one.
    fn read_signature(&self, text: &str) -> Option<(Signature, bool)> {
        if text.len() > MAX_SIGNATURE_TEXT {
            return None;
        }
        let joined: String = text.chars().filter(|character| !character.is_ascii_whitespace()).collect();
        // Hexadecimal reads as base64 of other bytes; a signature in base64 has digits that are not hexadecimal.
        if let Some(signature) = from_hex(&joined) {
            return Some((signature, true));
        }
        let signature = Signature::from_base64(&joined).ok()?;
        let as_read = match self.profile {
            Profile::Spec => signature.to_base64() == text,
            Profile::Deployed => joined == text,
        };
        Some((signature, !as_read))
    }
}

/// To which key the payload is sealed, if it is.
fn about_sealing(message: &Message) -> Option<Hint> {
    match message.payload().sealed() {
        Ok(sealed) => sealed.map(|sealed| Hint::Sealed(*sealed.key_id())),
        Err(error) => Some(Hint::SealedAmiss(error)),
    }
}

fn given(key: &VerifyingKey) -> TriedKey {
    TriedKey { origin: KeyOrigin::Given, key: key.clone() }
}

/// 64 bytes or more in hexadecimal.
fn from_hex(text: &str) -> Option<Signature> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|value| u8::try_from(value).ok())).collect();
    let digits = digits.filter(|digits| digits.len() >= 128)?;
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    let bytes: Vec<u8> = pairs.map(|pair| pair.iter().fold(0, |byte, digit| (byte << 4) | digit)).collect();
    Signature::from_bytes(&bytes).ok()
}

/// What is odd about a message for which no cause was found.
fn oddities(message: &Message) -> Vec<Hint> {
    let payload = message.payload();
    let wrapped = payload.get("message").is_some_and(|value| value.kind() == JsonKind::String)
        && payload::is_wrapped(&payload.text());
    let composed = is_nfc(&message.subject());
    let hints = [wrapped.then_some(Hint::Wrapped), (!composed).then_some(Hint::SubjectNotComposed)];
    hints.into_iter().flatten().collect()
}
