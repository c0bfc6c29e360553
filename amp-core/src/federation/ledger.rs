//! Which forwards were accepted, and how they were answered (federation, forwarding; replay).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use core::time::Duration;

use amp_address::{Profile, Provider};
use amp_envelope::{JsonValue, MessageId, Timestamp, write_json};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};

use super::received::ProvenForward;
use super::refusal::{ForwardReason, ForwardRefusal};

/// How long before its arrival a message may be stamped, and how far its signer's clock may be ahead.
const MOST_AGE: Duration = Duration::from_secs(5 * 60);
const MOST_AHEAD: Duration = Duration::from_secs(60);
/// A message that came longer ago is refused for its stamp, so only what came since has to be remembered.
const NEEDED: Duration = Duration::from_secs(15 * 60);
/// How many forwards are remembered in all, and of one provider: more than the limits of a minute let in while they
/// are needed.
const MOST: usize = 65_536;
const MOST_OF_ONE: usize = 8_192;
/// The version of the JSON form.
const VERSION: u64 = 1;

/// What a [`ForwardLedger`] makes of a forward.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForwardSight {
    /// It was not accepted before. What is to be stored when it is, but for its answer.
    First(ForwardSeen),
    /// It was accepted before, and answered with this text. Nothing is to be done but to say it again.
    Again(Box<str>),
}

/// A forward that was accepted, as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForwardSeen {
    provider: Box<str>,
    id: Box<str>,
    /// SHA-256 of what the sender signed.
    digest: Box<str>,
    /// Fingerprint of the key that signed it.
    sender: Box<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nonce: Option<Box<str>>,
    at: Timestamp,
    answer: Box<str>,
}

impl ForwardSeen {
    /// Adds the body of the answer, for the next time that the forward comes.
    #[must_use]
    pub fn answered(mut self, answer: &str) -> Self {
        self.answer = answer.into();
        self
    }

    /// When it was accepted.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// A message that another host of the own provider hands on, by the host's name, and SHA-256 of the body.
    pub(crate) fn of_host(host: &str, id: &MessageId, digest: &[u8; 32], at: Timestamp) -> Self {
        Self {
            // No provider has a blank in its name.
            provider: alloc::format!("host {host}").into(),
            id: id_key(id),
            digest: Base64UrlUnpadded::encode_string(digest).into(),
            sender: Box::default(),
            nonce: None,
            at,
            answer: Box::default(),
        }
    }

    /// One line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let json = write_json(self).unwrap_or_default();
        alloc::format!(r#"{{"v":{VERSION},{}"#, json.strip_prefix('{').unwrap_or_default())
    }

    /// Reads what [`to_json`](Self::to_json) wrote. None for anything else, and for what a later version wrote.
    #[must_use]
    pub fn from_json(json: &[u8]) -> Option<Self> {
        let value = JsonValue::read_object(json).ok()?;
        if value.get("v")?.as_u64()? != VERSION {
            return None;
        }
        let seen = Self::deserialize(value).ok()?;
        let is_name = Provider::parse_with(&seen.provider, Profile::Deployed).is_ok();
        (is_name && MessageId::parse_with(&seen.id, Profile::Deployed).is_ok()).then_some(seen)
    }

    fn key(&self) -> Key {
        Key { provider: self.provider.clone(), id: self.id.clone() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    provider: Box<str>,
    id: Box<str>,
}

/// The forwards that were accepted, for as long as they could be accepted again, and longer while there is room.
///
/// A message is known by its provider, its id, the key that signed it and what was signed. One that comes again is
/// answered as the first time. Nothing is remembered until the host has stored it: a delivery that failed burns no id.
///
/// It holds 65,536 forwards, 8,192 of one provider, about 600 bytes each. The oldest make room, but none of the last 15
/// minutes, in which a message could be accepted again: when all are of those, the next is refused. The limits of a
/// minute ([`forward_charges`](super::forward_charges)) let in fewer.
///
/// ```
/// use amp_core::federation::{ForwardLedger, ForwardSeen};
/// let mut ledger = ForwardLedger::new();
/// # let stored = r#"{"v":1,"provider":"crabmail.ai","id":"msg_1_a","digest":"x","sender":"y","at":"2026-01-31T10:00:00Z","answer":"{}"}"#;
/// let seen = ForwardSeen::from_json(stored.as_bytes()).ok_or("what the host stored")?;
/// ledger.record(&seen);
/// assert_eq!((ledger.len(), seen.to_json().as_str()), (1, stored));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug)]
pub struct ForwardLedger {
    most: usize,
    most_of_one: usize,
    seen: BTreeMap<Key, ForwardSeen>,
    /// By the sender's key and its nonce.
    nonces: BTreeSet<(Box<str>, Box<str>)>,
    /// The oldest first: in all, and of each provider.
    ages: BTreeSet<(Timestamp, Key)>,
    ages_of: BTreeMap<Box<str>, BTreeSet<(Timestamp, Box<str>)>>,
}

impl Default for ForwardLedger {
    fn default() -> Self {
        Self::new()
    }
}

impl ForwardLedger {
    /// Nothing was accepted yet.
    #[must_use]
    pub const fn new() -> Self {
        Self::bounded(MOST, MOST_OF_ONE)
    }

    /// Nothing was accepted yet; so many are remembered in all, and so many of one provider.
    #[must_use]
    pub const fn bounded(most: usize, most_of_one: usize) -> Self {
        Self {
            most,
            most_of_one,
            seen: BTreeMap::new(),
            nonces: BTreeSet::new(),
            ages: BTreeSet::new(),
            ages_of: BTreeMap::new(),
        }
    }

    /// How many forwards are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// What is remembered, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &ForwardSeen> {
        self.ages.iter().filter_map(|(_, key)| self.seen.get(key))
    }

    /// Judges a forward, without remembering it. What was seen comes first: a retry is answered however late it is.
    ///
    /// # Errors
    /// [`ForwardRefusal`]: `expired`, `timestamp_expired` and `timestamp_future` for the message's times,
    /// `duplicate_message` for an id that names another message, `content_replay` for a nonce that came before,
    /// `rate_limited` when there is no room, and a code of the rules of messages for a broken freshness block.
    pub fn check(&self, forward: &ProvenForward, now: Timestamp) -> Result<ForwardSight, ForwardRefusal> {
        let seen = sight(forward, now)?;
        let known = self.seen.get(&seen.key());
        if let Some(known) = known.filter(|known| known.digest == seen.digest && known.sender == seen.sender)
        {
            return Ok(ForwardSight::Again(known.answer.clone()));
        }
        check_times(forward, now)?;
        if known.is_some() {
            return Err(refusal(
                ForwardReason::IdConflict,
                Some("envelope.id"),
                "a provider uses an id for one message",
            ));
        }
        let nonce = seen.nonce.as_ref().map(|nonce| (seen.sender.clone(), nonce.clone()));
        if nonce.is_some_and(|nonce| self.nonces.contains(&nonce)) {
            let field = Some("payload.context.amp.nonce");
            return Err(refusal(ForwardReason::ContentReplay, field, "a sender uses a nonce once"));
        }
        self.room_for(&seen).map(|_| ForwardSight::First(seen))
    }

    /// Judges what another host hands on, by its id and what it is, without remembering it.
    ///
    /// # Errors
    /// `duplicate_message` for an id that names another message, `rate_limited` when there is no room.
    pub(crate) fn sight_of(&self, seen: ForwardSeen) -> Result<ForwardSight, ForwardRefusal> {
        match self.seen.get(&seen.key()) {
            Some(known) if known.digest == seen.digest => Ok(ForwardSight::Again(known.answer.clone())),
            Some(_) => Err(refusal(ForwardReason::IdConflict, None, "a host uses an id for one message")),
            None => self.room_for(&seen).map(|_| ForwardSight::First(seen)),
        }
    }

    /// Remembers a forward that is stored. What is remembered already stays as it is.
    pub fn record(&mut self, seen: &ForwardSeen) {
        let key = seen.key();
        if self.seen.contains_key(&key) {
            return;
        }
        if let Ok(Some(oldest)) = self.room_for(seen) {
            self.forget(&oldest);
        }
        if let Some(nonce) = &seen.nonce {
            self.nonces.insert((seen.sender.clone(), nonce.clone()));
        }
        self.ages.insert((seen.at, key.clone()));
        self.ages_of.entry(key.provider.clone()).or_default().insert((seen.at, key.id.clone()));
        self.seen.insert(key, seen.clone());
    }

    /// What has to be forgotten for one more.
    fn room_for(&self, seen: &ForwardSeen) -> Result<Option<Key>, ForwardRefusal> {
        let is_needed = |at: Timestamp| at.saturating_add(NEEDED) >= seen.at;
        let full = refusal(ForwardReason::MemoryFull, None, "no more forwards can be remembered now");
        let own = self.ages_of.get(&seen.provider);
        if let Some(own) = own.filter(|own| own.len() >= self.most_of_one) {
            let oldest = own.first().filter(|(at, _)| !is_needed(*at)).ok_or(full)?;
            return Ok(Some(Key { provider: seen.provider.clone(), id: oldest.1.clone() }));
        }
        if self.len() < self.most {
            return Ok(None);
        }
        let oldest = self.ages.first().filter(|(at, _)| !is_needed(*at)).ok_or(full)?;
        Ok(Some(oldest.1.clone()))
    }

    fn forget(&mut self, key: &Key) {
        let Some(seen) = self.seen.remove(key) else { return };
        self.ages.remove(&(seen.at, key.clone()));
        if let Some(own) = self.ages_of.get_mut(&key.provider) {
            own.remove(&(seen.at, key.id.clone()));
            if own.is_empty() {
                self.ages_of.remove(&key.provider);
            }
        }
        if let Some(nonce) = seen.nonce {
            self.nonces.remove(&(seen.sender, nonce));
        }
    }
}

fn sight(forward: &ProvenForward, now: Timestamp) -> Result<ForwardSeen, ForwardRefusal> {
    let message = forward.message();
    let freshness = message.payload().freshness()?;
    let text = |bytes: &[u8]| Base64UrlUnpadded::encode_string(bytes).into_boxed_str();
    Ok(ForwardSeen {
        provider: forward.provider().as_str().into(),
        id: id_key(&forward.id()),
        digest: text(&message.signing_digest()),
        sender: text(message.key().fingerprint().as_bytes()),
        nonce: freshness.map(|freshness| text(freshness.nonce())),
        at: now,
        answer: Box::default(),
    })
}

/// The one text that all spellings of an id share: `msg_` ids are written with hyphens too.
fn id_key(id: &MessageId) -> Box<str> {
    let text = id.as_str();
    let is_message = text.starts_with("msg_") || text.starts_with("msg-");
    if is_message { text.replace('-', "_").into() } else { text.into() }
}

fn check_times(forward: &ProvenForward, now: Timestamp) -> Result<(), ForwardRefusal> {
    let unsigned = forward.message().unsigned();
    let freshness = forward.message().payload().freshness()?;
    let signed_expiry = freshness.and_then(|freshness| freshness.expires_at());
    if signed_expiry.into_iter().chain(unsigned.expires_at()).any(|expires_at| now > expires_at) {
        let rule = "a message is not accepted after its time";
        return Err(refusal(ForwardReason::Expired, Some("expires_at"), rule));
    }
    let (stamp, field) = (unsigned.timestamp(), Some("envelope.timestamp"));
    if stamp < now.saturating_sub(MOST_AGE) {
        let rule = "a message is forwarded within 5 minutes";
        return Err(refusal(ForwardReason::Stale, field, rule));
    }
    let latest = now.saturating_add(MOST_AHEAD);
    let sent_at = freshness.map(|freshness| freshness.sent_at());
    if stamp > latest || sent_at.is_some_and(|sent_at| sent_at > latest) {
        let rule = "a stamp is at most 60 seconds ahead of the receiver's clock";
        return Err(refusal(ForwardReason::Future, field, rule));
    }
    Ok(())
}

const fn refusal(reason: ForwardReason, field: Option<&'static str>, rule: &'static str) -> ForwardRefusal {
    ForwardRefusal::new(reason, field, rule)
}
