//! Notices agents that answer each other without end (guardrails, loops).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::vec::Vec;
use core::num::NonZeroU32;
use core::time::Duration;

use amp_address::Address;
use amp_envelope::Timestamp;

use super::loop_memory::{
    Burst, LONG, LoopMemory, NO_NUMBER, Pair, PairKey, SHORT, Said, Stopped, ends_with,
};
use super::loop_report::{LoopReport, LoopSign, LoopVerdict};
use super::loop_turn::Turn;
use super::loop_words::Token;

/// The most pairs of agents, unless told otherwise.
const PAIRS: usize = 65_536;
/// Scores from which on something happens.
const WARN: u16 = 40;
const DELAY: u16 = 60;
const STOP: u16 = 100;
/// What changes numbers only is damped, and not stopped before so many turns.
const TURNS: u16 = 200;
/// What only damps goes no further.
const DAMPING: u16 = 70;
/// Within a minute and without an answer: so many messages that repeat each other, or so many at all.
const ALIKE_WARN: u16 = 10;
const ALIKE_DELAY: u16 = 20;
const ALIKE_STOP: u16 = 40;
const ALL_DELAY: u16 = 120;

const MINUTE_MILLIS: i64 = 60_000;
/// Whoever writes so soon after it was written to has answered, though it does not say so.
const AT_ONCE_MILLIS: i64 = 2_000;
/// News that come later than this after a message have not been caused by it.
const NEWS_MILLIS: i64 = 10_000;
/// Scores halve in this time.
const HALF_MILLIS: i64 = 600_000;
const PAUSE: Duration = Duration::from_secs(5 * 60);
/// How long a message waits of a pair that cannot be remembered.
const UNKNOWN: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

/// A judged message, to be remembered when it is sent on or stopped.
#[derive(Clone, Debug)]
#[must_use = "the guard knows nothing of a message until it remembers it"]
pub struct LoopStep {
    verdict: LoopVerdict,
    key: PairKey,
    to: u64,
    said: Said,
    shingles: Vec<u16>,
    sign: LoopSign,
    burst: Burst,
}

impl LoopStep {
    /// What is to be done with the message.
    #[must_use]
    pub const fn verdict(&self) -> &LoopVerdict {
        &self.verdict
    }
}

/// Notices when agents answer each other without saying anything new: warns, delays, stops, and lets go again.
///
/// A message adds to a score that it inherits from the message that it answers: 15 for a copy of an earlier message or
/// for mere courtesy, less for what is less certain. Something new takes three quarters of the score away. At 40 the
/// sender is warned, from 60 on messages are delayed by 1 to 16 seconds, at 100 what says nothing new is stopped: for
/// five minutes at first, for an hour at most, and until something new is said. What only changes its numbers is
/// delayed, and stopped after 200 turns; so is what is sealed, from 60 messages in turn on. Messages that nobody answers are
/// counted by the minute.
///
/// It is no defence against agents that mean to go round in circles: those have [rate limits](super::RateLimiter).
///
/// Memory: at most 65,536 pairs unless told otherwise, up to 1.7 KiB each, and for as many agents what each heard last,
/// 400 bytes. Conversations that were silent for an hour make room, then the older ones that look least like a loop;
/// when all look like one, a new pair is delayed by a second with each message.
///
/// ```
/// use amp_core::guards::{LoopGuard, Turn};
/// use amp_core::{Address, Timestamp};
/// let (alice, bob): (Address, Address) = ("alice@acme.crabmail.ai".parse()?, "bob@acme.crabmail.ai".parse()?);
/// let mut now: Timestamp = "2026-01-31T10:00:00Z".parse()?;
/// let mut guard = LoopGuard::default();
/// let mut sent = 0;
/// for (from, to) in [(&alice, &bob), (&bob, &alice)].into_iter().cycle().take(10) {
///     let (id, parent) = (format!("msg_{}", sent + 1), format!("msg_{sent}"));
///     let turn = Turn::new(from, to, &id, "I am out of office until Monday.").in_reply_to(&parent);
///     let step = guard.judge(&turn, now);
///     let stopped = step.verdict().is_stop();
///     guard.remember(step, now);
///     if stopped {
///         break;
///     }
///     sent += 1;
///     now = now.saturating_add(core::time::Duration::from_secs(1));
/// }
/// assert_eq!(sent, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct LoopGuard {
    memory: LoopMemory,
}

impl Default for LoopGuard {
    fn default() -> Self {
        Self::bounded(PAIRS)
    }
}

/// What a message inherits from the one that it answers.
#[derive(Clone, Copy, Debug, Default)]
struct Inherited {
    score: u16,
    damping: u16,
    turns: u16,
}

impl LoopGuard {
    /// Nothing was said; at most so many pairs, and so many agents, are remembered.
    #[must_use]
    pub const fn bounded(pairs: usize) -> Self {
        Self { memory: LoopMemory::new(pairs) }
    }

    /// Decides about a message. Nothing is remembered yet.
    pub fn judge(&self, turn: &Turn, now: Timestamp) -> LoopStep {
        let key = key(turn.from, turn.to);
        let unknown = Pair::default();
        let pair = self.memory.pairs.get(&key).unwrap_or(&unknown);
        let mut said = Said::of(turn, now);
        let shingles = turn.shingles();
        let parent = self.parent(turn, &said, pair, now);
        let sign = sign(turn, &said, &shingles, pair, parent.as_ref());
        let inherited = parent.map_or_else(Inherited::default, |parent| inherit(&parent, pair, said.at, now));
        let after = follow(inherited, sign, &said, turn, pair, parent.as_ref());
        (said.score, said.damping, said.turns) = (after.score, after.damping, after.turns);
        let burst = burst(turn, pair, sign, said.at);
        let report = LoopReport {
            score: after.score,
            damping: after.damping.max(after.score),
            turns: after.turns,
            burst: burst.alike,
            last: Some(sign),
        };
        let has_waited =
            pair.deferred.is_some_and(|(from, deferred)| from == turn.from && now >= deferred.ends(now));
        let verdict = match self.memory.has_room(key) {
            true => match verdict(report, &burst, sign, pair, now) {
                LoopVerdict::Delay { report, .. } if has_waited => LoopVerdict::Warn(report),
                verdict => verdict,
            },
            false => LoopVerdict::Delay { until: now.saturating_add(UNKNOWN), report },
        };
        LoopStep { verdict, key, to: turn.to, said, shingles, sign, burst }
    }

    /// Remembers a message that was judged, after what its verdict asks for was done.
    pub fn remember(&mut self, step: LoopStep, now: Timestamp) {
        let LoopStep { verdict, key, to, mut said, shingles, sign, burst } = step;
        let Some(pair) = self.memory.pair(key, now) else { return };
        pair.burst = burst;
        if let LoopVerdict::Stop { until, .. } = verdict {
            // It never arrives, so nobody answers it.
            if pair.stopped.is_none_or(|stopped| now >= stopped.ends(now)) {
                pair.stopped = Some(Stopped { until, pause: pause(pair.stops) });
                pair.stops = pair.stops.saturating_add(1);
            }
            return;
        }
        if let LoopVerdict::Delay { until, .. } = verdict {
            // Nobody answers it before it arrives.
            said.at = said.at.max(until.unix_milliseconds());
        }
        pair.deferred = pair.deferred.filter(|(from, _)| *from != said.from);
        let is_over = pair.stopped.is_some_and(|stopped| now >= stopped.ends(now));
        if is_over || sign == LoopSign::Novel {
            pair.stopped = None;
        }
        pair.say(said, &shingles);
        self.memory.hear(to, said);
    }

    /// Remembers that a message was refused for now, whose verdict is [`LoopVerdict::Delay`]: what its sender sends when
    /// the time is over passes with a warning. For hosts that cannot hold a message back themselves.
    pub fn defer(&mut self, step: LoopStep, now: Timestamp) {
        let LoopVerdict::Delay { until, .. } = step.verdict else { return };
        let Some(pair) = self.memory.pair(step.key, now) else { return };
        let pause = until.duration_since(now).unwrap_or_default();
        let is_told = pair.deferred.is_some_and(|(from, _)| from == step.said.from);
        if !is_told {
            pair.deferred = Some((step.said.from, Stopped { until, pause }));
        }
    }

    /// Lets two agents go on as if they had said nothing yet.
    pub fn release(&mut self, one: &Address, another: &Address) {
        let of = |address| Turn::new(address, address, "", "").from;
        let (one, another) = (of(one), of(another));
        self.memory.pairs.remove(&key(one, another));
        for (to, from) in [(one, another), (another, one)] {
            if let Some(heard) = self.memory.heard.get_mut(&to) {
                heard.retain(|said| said.from != from);
            }
        }
    }

    /// How many pairs are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.memory.pairs.len()
    }

    /// Whether no pair is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.memory.pairs.is_empty()
    }

    /// The message that a turn answers: the one that it names, else the last from the other side if it says that it is
    /// an answer or comes at once, else one that it passes on at once.
    fn parent(&self, turn: &Turn, said: &Said, pair: &Pair, now: Timestamp) -> Option<Said> {
        let heard = self.memory.heard.get(&turn.from);
        let meant = meant_at(turn, said, pair, now);
        let theirs = || pair.said.iter().rev().filter(|earlier| earlier.from == turn.to);
        let others = || heard.into_iter().flatten().rev();
        let named = turn.in_reply_to.and_then(|id| {
            theirs().find(|earlier| earlier.id == id).or_else(|| others().find(|earlier| earlier.id == id))
        });
        let within = |earlier: &Said, millis| {
            let gap = meant.saturating_sub(earlier.at);
            (0..=millis).contains(&gap)
        };
        let answered = theirs().next().filter(|last| {
            let is_named_otherwise = turn.in_reply_to.is_some();
            within(last, AT_ONCE_MILLIS) || (turn.answers && !is_named_otherwise && within(last, HALF_MILLIS))
        });
        let passed_on =
            || others().find(|earlier| within(earlier, AT_ONCE_MILLIS) && earlier.template == said.template);
        let parent = *named.or(answered).or_else(passed_on)?;
        (!turn.informs || within(&parent, NEWS_MILLIS)).then_some(parent)
    }
}

/// When a message would have come if its sender had not been told to wait.
fn meant_at(turn: &Turn, said: &Said, pair: &Pair, now: Timestamp) -> i64 {
    let deferred =
        pair.deferred.filter(|(from, _)| *from == turn.from).map(|(_, deferred)| deferred.ends(now));
    let Some(until) = deferred.map(Timestamp::unix_milliseconds) else { return said.at };
    let late = said.at.saturating_sub(until);
    let pause =
        pair.deferred.map_or(0, |(_, deferred)| i64::try_from(deferred.pause.as_millis()).unwrap_or(0));
    if (0..=AT_ONCE_MILLIS).contains(&late) {
        said.at.saturating_sub(pause).saturating_sub(late)
    } else {
        said.at
    }
}

const fn key(one: u64, another: u64) -> PairKey {
    if one < another { (one, another) } else { (another, one) }
}

/// What speaks for a loop in a message.
fn sign(turn: &Turn, said: &Said, shingles: &[u16], pair: &Pair, parent: Option<&Said>) -> LoopSign {
    if turn.is_sealed {
        return LoopSign::Sealed;
    }
    let earlier = || pair.said.iter().rev().chain(parent);
    let is_new = |of: fn(&Said) -> Option<NonZeroU32>| {
        of(said).is_some() && earlier().all(|earlier| of(earlier) != of(said))
    };
    if is_new(|said| said.carried) || is_new(|said| said.data) {
        return LoopSign::Novel;
    }
    let has_numbers = turn.tokens().any(|token| !matches!(token, Token::Word(_)));
    if turn.text.is_courtesy && !has_numbers {
        return LoopSign::Courtesy;
    }
    let words = turn.text.words().count();
    if earlier().any(|earlier| earlier.exact == said.exact) {
        return match said.ticket {
            Some(_) if earlier().all(|earlier| !is_same(earlier, said)) => reference(said, parent),
            _ if words >= SHORT => LoopSign::Copy,
            _ if period(said, pair) > 0 => LoopSign::Periodic,
            _ => LoopSign::Short,
        };
    }
    if let Some(earlier) = earlier().find(|earlier| earlier.template == said.template) {
        return if is_counter(earlier, said) { LoopSign::Counter } else { LoopSign::Novel };
    }
    let unseen =
        |shingles: &[u16]| shingles.iter().filter(|shingle| !pair.shingles.contains(shingle)).count();
    let tokens = turn.tokens().filter(|token| matches!(token, Token::Word(_) | Token::Data(_))).count();
    let (words, pairs) = shingles.split_at_checked(tokens).unwrap_or((shingles, &[]));
    let is_old = tokens >= SHORT && unseen(words) == 0 && unseen(pairs).saturating_mul(10) <= pairs.len();
    let repeats = || unseen(words) == 0 && earlier().any(|earlier| ends_with(&turn.text.tokens, earlier));
    match is_old {
        _ if repeats() => LoopSign::Copy,
        true => LoopSign::Reworded,
        false => LoopSign::Novel,
    }
}

fn is_same(earlier: &Said, said: &Said) -> bool {
    earlier.exact == said.exact && earlier.ticket == said.ticket
}

/// A text that comes again with another reference: when both sides have their own, neither speaks of the other's.
fn reference(said: &Said, parent: Option<&Said>) -> LoopSign {
    let theirs = parent.and_then(|parent| parent.ticket);
    if theirs.is_some() && theirs != said.ticket { LoopSign::Reference } else { LoopSign::Novel }
}

/// Whether numbers went up by one or two, and nothing else has changed.
fn is_counter(earlier: &Said, said: &Said) -> bool {
    let steps =
        earlier.numbers.iter().zip(said.numbers).map(|(before, after)| match after.checked_sub(*before) {
            _ if *before == after => Some(0),
            step if *before != NO_NUMBER && after != NO_NUMBER => step,
            _ => None,
        });
    let mut has_changed = false;
    let is_counter = steps.into_iter().all(|step| {
        has_changed |= step != Some(0);
        matches!(step, Some(0 | 1000 | 2000))
    });
    is_counter && has_changed
}

/// For how many messages up to this one each was the same as the one so many before it: one, two or four.
fn period(said: &Said, pair: &Pair) -> u16 {
    let texts: Vec<u32> = pair.said.iter().map(|said| said.exact).chain([said.exact]).rev().collect();
    let of = |distance: usize| {
        texts.iter().zip(texts.iter().skip(distance)).take_while(|(one, other)| one == other).count()
    };
    [1, 2, 4].into_iter().map(of).max().and_then(|most| u16::try_from(most).ok()).unwrap_or(0)
}

fn inherit(parent: &Said, pair: &Pair, at: i64, now: Timestamp) -> Inherited {
    let halves = at.saturating_sub(parent.at).max(0).checked_div(HALF_MILLIS).unwrap_or(0);
    let halves = u32::try_from(halves).unwrap_or(u32::MAX);
    let kept = |score: u16| score.checked_shr(halves).unwrap_or(0);
    let was_stopped = pair.stopped.is_some_and(|stopped| now >= stopped.ends(now));
    let (most, turns) = if was_stopped { (WARN, TURNS / 2) } else { (u16::MAX, u16::MAX) };
    Inherited {
        score: kept(parent.score).min(most),
        damping: kept(parent.damping).min(most),
        turns: kept(parent.turns).min(turns),
    }
}

/// What a message makes of what it inherits.
fn follow(
    from: Inherited,
    sign: LoopSign,
    said: &Said,
    turn: &Turn,
    pair: &Pair,
    parent: Option<&Said>,
) -> Inherited {
    let (score, damping) = match sign {
        LoopSign::Novel => {
            return Inherited { score: from.score >> 2, damping: from.damping >> 2, turns: 0 };
        }
        LoopSign::Short => {
            return Inherited { score: from.score >> 1, damping: from.damping >> 1, turns: 0 };
        }
        // Once or twice is chance; the third time makes up for the first two.
        LoopSign::Periodic if period(said, pair) < 3 => {
            return Inherited {
                score: from.score >> 1,
                damping: (from.damping >> 1).saturating_add(5),
                turns: 0,
            };
        }
        LoopSign::Periodic if period(said, pair) == 3 => (39, 39),
        LoopSign::Periodic => (13, 13),
        LoopSign::Copy | LoopSign::Courtesy => (15, 15),
        LoopSign::Counter if both_count(said, turn, parent) => (12, 12),
        LoopSign::Counter => (0, 6),
        LoopSign::Reference => (0, 10),
        LoopSign::Reworded => (0, 6),
        LoopSign::Sealed => (0, 1),
    };
    Inherited {
        score: from.score.saturating_add(score).min(STOP.saturating_mul(2)),
        damping: from.damping.saturating_add(damping).min(DAMPING),
        turns: from.turns.saturating_add(1),
    }
}

/// Whether both sides send one text and count on in it.
fn both_count(said: &Said, turn: &Turn, parent: Option<&Said>) -> bool {
    turn.text.words().count() >= LONG
        && parent.is_some_and(|parent| parent.template == said.template && parent.numbers != said.numbers)
}

/// The messages of this sender since the other side was heard, within a minute.
fn burst(turn: &Turn, pair: &Pair, sign: LoopSign, at: i64) -> Burst {
    let alike =
        u16::from(!matches!(sign, LoopSign::Novel | LoopSign::Short | LoopSign::Reworded | LoopSign::Sealed));
    let before = pair.burst;
    let goes_on = before.from == turn.from && (0..MINUTE_MILLIS).contains(&at.saturating_sub(before.since));
    if goes_on {
        Burst { all: before.all.saturating_add(1), alike: before.alike.saturating_add(alike), ..before }
    } else {
        Burst { from: turn.from, since: at, all: 1, alike }
    }
}

fn verdict(report: LoopReport, burst: &Burst, sign: LoopSign, pair: &Pair, now: Timestamp) -> LoopVerdict {
    let says_nothing = !matches!(sign, LoopSign::Novel | LoopSign::Short);
    if let Some(stopped) = pair.stopped.filter(|stopped| says_nothing && now < stopped.ends(now)) {
        return LoopVerdict::Stop { until: stopped.ends(now), report };
    }
    let is_loop = report.score >= STOP || report.turns >= TURNS || burst.alike >= ALIKE_STOP;
    if says_nothing && is_loop {
        return LoopVerdict::Stop { until: now.saturating_add(pause(pair.stops)), report };
    }
    if burst.alike >= ALIKE_DELAY || burst.all >= ALL_DELAY {
        let left = MINUTE_MILLIS.saturating_sub(now.unix_milliseconds().saturating_sub(burst.since));
        let left = u64::try_from(left).unwrap_or(0);
        return LoopVerdict::Delay { until: now.saturating_add(Duration::from_millis(left)), report };
    }
    if says_nothing && report.damping >= DELAY {
        let doublings = u32::from(report.damping.min(STOP).saturating_sub(DELAY) / 10);
        let wait = Duration::from_secs(1u64.checked_shl(doublings).unwrap_or(1));
        return LoopVerdict::Delay { until: now.saturating_add(wait), report };
    }
    if (says_nothing && report.damping >= WARN) || burst.alike >= ALIKE_WARN {
        return LoopVerdict::Warn(report);
    }
    LoopVerdict::Pass
}

/// How long the next stop lasts: each twice as long as the one before.
fn pause(stops: u8) -> Duration {
    let factor = 1u32.checked_shl(u32::from(stops)).unwrap_or(u32::MAX);
    PAUSE.saturating_mul(factor).min(LONGEST_PAUSE)
}
