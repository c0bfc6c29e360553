//! A message as the loop guard sees it (guardrails, loops).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::borrow::Cow;
use alloc::vec::Vec;

use amp_address::Address;
use amp_envelope::{JsonValue, Message, MessageId, MessageType, Payload};

use super::loop_words::{Token, Words, hash, without_reply_marks};

/// How deep a context is read.
const DEPTH: u8 = 8;

/// A message as the [`LoopGuard`](super::LoopGuard) sees it: who writes what to whom, in answer to what.
///
/// ```
/// use amp_core::guards::Turn;
/// use amp_core::MessageType;
/// let turn = Turn::new(&"alice@acme.crabmail.ai".parse()?, &"bob@acme.crabmail.ai".parse()?, "msg_2", "Thank you!")
///     .in_reply_to("msg_1")
///     .kind(&MessageType::Response);
/// # let _ = turn;
/// # Ok::<(), amp_core::AddressError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Turn {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) id: u32,
    pub(super) in_reply_to: Option<u32>,
    pub(super) answers: bool,
    pub(super) informs: bool,
    pub(super) text: Words,
    pub(super) subject: Words,
    /// A hash of what the context says, and of the attached files; none when there is neither.
    pub(super) carried: Option<u32>,
    /// Whether what it says is sealed.
    pub(super) is_sealed: bool,
}

impl Turn {
    /// A message with a text, under the id that others will answer to.
    #[must_use]
    pub fn new(from: &Address, to: &Address, id: &str, text: &str) -> Self {
        Self {
            from: name(from),
            to: name(to),
            id: hash(id.as_bytes()),
            in_reply_to: None,
            answers: false,
            informs: false,
            text: Words::of(text),
            subject: Words::default(),
            carried: None,
            is_sealed: false,
        }
    }

    /// The turn of a message. `id` is the one that its recipient will see.
    #[must_use]
    pub fn of_message(message: &Message, id: &MessageId) -> Self {
        let (from, to) = (message.from(), message.to());
        let turn = Self::of_payload(&from, &to, id.as_str(), &message.payload()).subject(&message.subject());
        match message.in_reply_to() {
            Some(parent) => turn.in_reply_to(parent.as_str()),
            None => turn,
        }
    }

    /// The turn of a payload: its type, text, context and attachments.
    ///
    /// Of a sealed payload it is only known that it is sealed: a ciphertext is new each time. Whoever has opened it gives the
    /// inner one, [`Received::payload`](crate::receive::Received::payload).
    #[must_use]
    pub fn of_payload(from: &Address, to: &Address, id: &str, payload: &Payload<'_>) -> Self {
        if payload.is_sealed() {
            return Self { is_sealed: true, ..Self::new(from, to, id, "") };
        }
        let mut turn = Self::new(from, to, id, &payload.text()).kind(&payload.message_type());
        if let Some(context) = payload.context_json() {
            turn = turn.context(&context);
        }
        for attachment in payload.attachments_json() {
            let digest = attachment.get("digest").and_then(|digest| digest.as_str());
            turn = turn.attached(&digest.unwrap_or(Cow::Borrowed(attachment.raw())));
        }
        turn
    }

    /// Which message it answers.
    #[must_use]
    pub fn in_reply_to(mut self, id: &str) -> Self {
        self.in_reply_to = Some(hash(id.as_bytes()));
        self
    }

    /// The type of the message.
    #[must_use]
    pub const fn kind(mut self, kind: &MessageType) -> Self {
        self.answers = matches!(kind, MessageType::Response | MessageType::Ack);
        self.informs = matches!(
            kind,
            MessageType::Notification
                | MessageType::Status
                | MessageType::Update
                | MessageType::Alert
                | MessageType::System
        );
        self
    }

    /// The subject.
    #[must_use]
    pub fn subject(mut self, subject: &str) -> Self {
        self.subject = Words::of(without_reply_marks(subject));
        self
    }

    /// The context. The signed block of freshness, times, ids of the message itself and counts of attempts say nothing.
    #[must_use]
    pub fn context(mut self, context: &JsonValue<'_>) -> Self {
        if let Some(said) = context_hash(context, DEPTH) {
            self.carry(said);
        }
        self
    }

    /// An attached file, by its digest.
    #[must_use]
    pub fn attached(mut self, digest: &str) -> Self {
        self.carry(hash(digest.as_bytes()));
        self
    }

    fn carry(&mut self, hash: u32) {
        self.carried = Some(self.carried.unwrap_or(0).rotate_left(5) ^ hash);
    }

    /// The tokens of text and subject. Words that are behind a number of the subject count as words of the text.
    pub(super) fn tokens(&self) -> impl Iterator<Item = Token> {
        self.text.tokens.iter().chain(&self.subject.tokens).copied()
    }

    /// The words and the pairs of neighbours, as what is new is measured by.
    pub(super) fn shingles(&self) -> Vec<u16> {
        let words: Vec<u32> = self.tokens().filter_map(told).collect();
        let pairs = words.windows(2).map(|pair| {
            pair.iter().fold(0x9E37_79B9u32, |sum, word| sum.rotate_left(7).wrapping_mul(31) ^ *word)
        });
        let all = words.iter().copied().chain(pairs);
        all.map(|hash| {
            let [a, b, c, d] = hash.to_be_bytes();
            u16::from_be_bytes([a, b]) ^ u16::from_be_bytes([c, d])
        })
        .collect()
    }
}

fn told(token: Token) -> Option<u32> {
    match token {
        Token::Word(hash) | Token::Data(hash) => Some(hash),
        Token::Number(_) | Token::Part(_) | Token::Ticket(_) => None,
    }
}

fn name(address: &Address) -> u64 {
    let text = address.as_str();
    let reversed: Vec<u8> = text.bytes().rev().collect();
    (u64::from(hash(text.as_bytes())) << 32) | u64::from(hash(&reversed))
}

/// Members of a context that differ with each message, whatever it says.
const PASSED_OVER: [&str; 26] = [
    "amp",
    "id",
    "message_id",
    "request_id",
    "trace_id",
    "span_id",
    "correlation_id",
    "conversation_id",
    "session_id",
    "nonce",
    "timestamp",
    "time",
    "date",
    "now",
    "sent_at",
    "expires_at",
    "hop",
    "hops",
    "depth",
    "turn",
    "turns",
    "attempt",
    "attempts",
    "retries",
    "ttl",
    "count",
];

fn context_hash(value: &JsonValue<'_>, depth: u8) -> Option<u32> {
    let depth = depth.checked_sub(1)?;
    let parts = |parts: &mut dyn Iterator<Item = u32>| {
        parts.fold(None, |sum: Option<u32>, part| Some(sum.unwrap_or(7).wrapping_mul(31) ^ part))
    };
    if value.members().next().is_some() {
        let members = value.members().filter(|(name, _)| !PASSED_OVER.contains(&name.as_ref()));
        return parts(&mut members.filter_map(|(name, member)| {
            Some(hash(name.as_bytes()).rotate_left(9) ^ context_hash(&member, depth)?)
        }));
    }
    if value.elements().next().is_some() {
        return parts(&mut value.elements().filter_map(|element| context_hash(&element, depth)));
    }
    match value.as_str() {
        Some(text) if text.is_empty() => None,
        Some(text) => Some(hash(text.as_bytes())),
        None if value.is_null() || matches!(value.raw(), "{}" | "[]") => None,
        None => Some(hash(value.raw().as_bytes())),
    }
}
