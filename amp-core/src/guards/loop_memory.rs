//! What the loop guard remembers of a conversation (guardrails, loops).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::collections::{BTreeMap, VecDeque};
use core::num::NonZeroU32;
use core::ops::Bound;

use amp_envelope::Timestamp;
use core::time::Duration;

use super::loop_turn::Turn;
use super::loop_words::Token;

/// How many messages of a pair are remembered.
const SAID: usize = 10;
/// How many words and neighbours of a pair are.
const SHINGLES: usize = 256;
/// How many messages to an agent are.
const HEARD: usize = 4;
/// A silence after which a conversation may be forgotten, in milliseconds.
const SILENCE: u64 = 60 * 60 * 1000;
/// How many entries each message looks at, to forget some.
const SWEPT: usize = 8;
/// From here on a conversation is not pushed out by others.
const HOT: u16 = 40;

/// The most numbers of a message that are compared.
pub(super) const NUMBERS: usize = 3;
pub(super) const NO_NUMBER: i64 = i64::MIN;

/// A message that was said, as hashes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    pub(super) from: u64,
    pub(super) id: u32,
    pub(super) exact: u32,
    /// The text alone, and how many tokens it has.
    pub(super) text: (u32, u16),
    pub(super) template: u32,
    pub(super) carried: Option<NonZeroU32>,
    /// [`NO_NUMBER`] where there is none.
    pub(super) numbers: [i64; NUMBERS],
    pub(super) ticket: Option<NonZeroU32>,
    pub(super) data: Option<NonZeroU32>,
    pub(super) at: i64,
    pub(super) score: u16,
    pub(super) damping: u16,
    pub(super) turns: u16,
}

/// A text with fewer words is short: that it comes again says little.
pub(super) const SHORT: usize = 3;
/// A text with so many words is the same though it refers to something else.
pub(super) const LONG: usize = 4;

impl Said {
    pub(super) fn of(turn: &Turn, now: Timestamp) -> Self {
        let words = turn.text.words().count();
        let (mut exact, mut template) = (1u32, 1u32);
        let mut numbers = [NO_NUMBER; NUMBERS];
        let mut empty = numbers.iter_mut();
        let (mut ticket, mut data) = (None, None);
        for token in turn.tokens() {
            let (is, stands_for) = match token {
                Token::Word(word) => (word, word),
                Token::Number(number) => {
                    empty.next().into_iter().for_each(|place| *place = number);
                    (fold(number), 2)
                }
                Token::Part(part) => (fold(part), 3),
                Token::Ticket(reference) => {
                    ticket = ticket.or(NonZeroU32::new(reference));
                    (if words >= LONG { 4 } else { reference }, 4)
                }
                Token::Data(digest) => {
                    data = data.or(NonZeroU32::new(digest));
                    (digest, 5)
                }
            };
            exact = exact.rotate_left(5).wrapping_mul(0x9E37_79B1) ^ is;
            template = template.rotate_left(5).wrapping_mul(0x9E37_79B1) ^ stands_for;
        }
        Self {
            from: turn.from,
            id: turn.id,
            exact,
            text: (hash_of(&turn.text.tokens), u16::try_from(turn.text.tokens.len()).unwrap_or(u16::MAX)),
            template,
            carried: turn.carried.and_then(NonZeroU32::new),
            numbers,
            ticket,
            data,
            at: now.unix_milliseconds(),
            score: 0,
            damping: 0,
            turns: 0,
        }
    }
}

/// Whether a text ends with an earlier one, word for word.
pub(super) fn ends_with(text: &[Token], earlier: &Said) -> bool {
    let (hash, length) = earlier.text;
    let length = usize::from(length);
    let start = text.len().checked_sub(length).filter(|_| length >= SHORT);
    start.and_then(|start| text.get(start..)).is_some_and(|end| hash_of(end) == hash)
}

fn hash_of(tokens: &[Token]) -> u32 {
    tokens.iter().fold(1u32, |hash, token| {
        let next = match *token {
            Token::Word(word) => word,
            Token::Number(number) | Token::Part(number) => fold(number),
            Token::Ticket(hash) | Token::Data(hash) => hash,
        };
        hash.rotate_left(5).wrapping_mul(0x9E37_79B1) ^ next
    })
}

fn fold(number: i64) -> u32 {
    let [a, b, c, d, e, f, g, h] = number.to_be_bytes();
    u32::from_be_bytes([a, b, c, d]).rotate_left(3) ^ u32::from_be_bytes([e, f, g, h])
}

/// Adds the newest to so many at most, in no more memory than they take.
fn push<T>(to: &mut VecDeque<T>, newest: T, most: usize) {
    while to.len() >= most {
        to.pop_front();
    }
    let doubled = to.len().saturating_mul(2).clamp(1, most);
    to.reserve_exact(doubled.saturating_sub(to.len()));
    to.push_back(newest);
}

/// When a conversation was stopped, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stopped {
    pub(super) until: Timestamp,
    pub(super) pause: Duration,
}

impl Stopped {
    /// When the guard lets go, seen at `now`: a clock that was set back makes no pause longer.
    pub(super) fn ends(self, now: Timestamp) -> Timestamp {
        self.until.min(now.saturating_add(self.pause))
    }
}

/// Messages in one direction since the other side was heard, within a minute.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Burst {
    pub(super) from: u64,
    pub(super) since: i64,
    pub(super) all: u16,
    pub(super) alike: u16,
}

/// What is remembered of two agents.
#[derive(Clone, Debug, Default)]
pub(super) struct Pair {
    pub(super) said: VecDeque<Said>,
    pub(super) shingles: VecDeque<u16>,
    pub(super) stopped: Option<Stopped>,
    pub(super) stops: u8,
    /// Who was told to send its message again, and from when on.
    pub(super) deferred: Option<(u64, Stopped)>,
    pub(super) burst: Burst,
}

impl Pair {
    pub(super) fn say(&mut self, said: Said, shingles: &[u16]) {
        for shingle in shingles.iter().take(SHINGLES) {
            if !self.shingles.contains(shingle) {
                push(&mut self.shingles, *shingle, SHINGLES);
            }
        }
        push(&mut self.said, said, SAID);
    }

    fn last(&self) -> i64 {
        self.said.back().map_or(self.burst.since, |said| said.at)
    }

    fn is_hot(&self) -> bool {
        self.stopped.is_some() || self.said.back().is_some_and(|said| said.score.max(said.damping) >= HOT)
    }
}

/// Two agents, in the order of their names.
pub(super) type PairKey = (u64, u64);

/// All conversations and what agents heard last, both bounded.
#[derive(Clone, Debug)]
pub(super) struct LoopMemory {
    pub(super) pairs: BTreeMap<PairKey, Pair>,
    pub(super) heard: BTreeMap<u64, VecDeque<Said>>,
    most: usize,
    swept_pair: Option<PairKey>,
    swept_agent: Option<u64>,
}

impl LoopMemory {
    pub(super) const fn new(most: usize) -> Self {
        Self { pairs: BTreeMap::new(), heard: BTreeMap::new(), most, swept_pair: None, swept_agent: None }
    }

    /// Whether a pair is remembered, or would be if it were noted now: when all are hot, none makes room.
    pub(super) fn has_room(&self, key: PairKey) -> bool {
        self.pairs.len() < self.most || self.pairs.contains_key(&key) || self.may_go().next().is_some()
    }

    fn may_go(&self) -> impl Iterator<Item = &PairKey> {
        let from = self.swept_pair.map_or(Bound::Unbounded, Bound::Excluded);
        let next = self.pairs.range((from, Bound::Unbounded)).chain(&self.pairs).take(SWEPT);
        next.filter(|(_, pair)| !pair.is_hot()).map(|(key, _)| key)
    }

    /// The pair, if it is remembered or can be.
    pub(super) fn pair(&mut self, key: PairKey, now: Timestamp) -> Option<&mut Pair> {
        if !self.pairs.contains_key(&key) {
            self.make_room(now.unix_milliseconds());
            if self.pairs.len() >= self.most {
                return None;
            }
        }
        Some(self.pairs.entry(key).or_default())
    }

    /// Forgets conversations that have fallen silent. When there is no room left, also the oldest that is not hot among
    /// those that it looks at.
    fn make_room(&mut self, now: i64) {
        let is_full = self.pairs.len() >= self.most;
        let mut oldest: Option<(i64, PairKey)> = None;
        for _ in 0..SWEPT {
            let from = self.swept_pair.take().map_or(Bound::Unbounded, Bound::Excluded);
            let Some((key, pair)) = self.pairs.range((from, Bound::Unbounded)).next() else { continue };
            let (key, last, is_hot) = (*key, pair.last(), pair.is_hot());
            self.swept_pair = Some(key);
            if now.abs_diff(last) > SILENCE {
                self.pairs.remove(&key);
            } else if !is_hot && oldest.is_none_or(|(at, _)| last < at) {
                oldest = Some((last, key));
            }
        }
        if let Some((_, key)) = oldest.filter(|_| is_full && self.pairs.len() >= self.most) {
            self.pairs.remove(&key);
        }
    }

    /// Notes what an agent heard. Whoever has heard nothing for the longest time is forgotten for it.
    pub(super) fn hear(&mut self, agent: u64, said: Said) {
        if !self.heard.contains_key(&agent) && self.heard.len() >= self.most {
            let from = self.swept_agent.take().map_or(Bound::Unbounded, Bound::Excluded);
            let looked_at = self.heard.range((from, Bound::Unbounded)).take(SWEPT);
            let oldest = looked_at
                .map(|(agent, heard)| (heard.back().map_or(i64::MIN, |said| said.at), *agent))
                .min()
                .or_else(|| self.heard.keys().next().map(|agent| (0, *agent)));
            if let Some((_, agent)) = oldest {
                self.heard.remove(&agent);
                self.swept_agent = Some(agent);
            }
        }
        if self.most > 0 {
            let heard = self.heard.entry(agent).or_default();
            push(heard, said, HEARD);
        }
    }
}
