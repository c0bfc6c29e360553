//! Scripted conversations, and what a loop guard makes of them.

use amp_core::guards::{LoopGuard, LoopVerdict, Turn};
use amp_core::{Address, JsonValue, MessageType, Timestamp};
use core::time::Duration;

/// Which message a line answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answers {
    /// The one before it.
    Last,
    /// The first of all.
    First,
    Nothing,
}

/// A line of a script. Agents are numbered.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// Milliseconds after the line before it.
    pub(crate) after: u64,
    pub(crate) answers: Answers,
    pub(crate) kind: MessageType,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) context: Option<String>,
    pub(crate) attached: Option<String>,
}

/// The `n`th line, from 0.
pub(crate) type Script = fn(usize) -> Line;

/// Two agents in turn, each answering the message before it within a second.
pub(crate) fn talk(n: usize, text: impl Into<String>) -> Line {
    Line {
        from: n % 2,
        to: (n + 1) % 2,
        after: 900,
        answers: Answers::Last,
        kind: if n == 0 { MessageType::Request } else { MessageType::Response },
        subject: String::from("Hello"),
        text: text.into(),
        context: None,
        attached: None,
    }
}

impl Line {
    pub(crate) fn after(self, after: u64) -> Self {
        Self { after, ..self }
    }

    pub(crate) fn kind(self, kind: MessageType) -> Self {
        Self { kind, ..self }
    }

    pub(crate) fn answers(self, answers: Answers) -> Self {
        Self { answers, ..self }
    }

    pub(crate) fn subject(self, subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), ..self }
    }

    pub(crate) fn context(self, context: impl Into<String>) -> Self {
        Self { context: Some(context.into()), ..self }
    }

    pub(crate) fn attached(self, digest: impl Into<String>) -> Self {
        Self { attached: Some(digest.into()), ..self }
    }

    /// From one agent to another, instead of two in turn.
    pub(crate) fn way(self, from: usize, to: usize) -> Self {
        Self { from, to, ..self }
    }

    /// News that answer nothing.
    pub(crate) fn news(self) -> Self {
        self.kind(MessageType::Notification).answers(Answers::Nothing)
    }
}

/// What became of a script: messages are counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) stopped: Option<usize>,
    pub(crate) delayed: Option<usize>,
    pub(crate) warned: Option<usize>,
    pub(crate) delays: usize,
    /// The longest of them, in seconds.
    pub(crate) longest: u64,
}

fn address(agent: usize) -> Address {
    format!("agent{agent}@acme.crabmail.ai").parse().unwrap()
}

/// Plays a script until it is stopped, for at most so many messages.
pub(crate) fn play(script: Script, most: usize) -> Outcome {
    let mut guard = LoopGuard::default();
    let mut now = Timestamp::from_unix_seconds(1_769_853_600).unwrap();
    let mut outcome = Outcome::default();
    for n in 0..most {
        let line = script(n);
        now = now.saturating_add(Duration::from_millis(line.after));
        let id = format!("msg_{n}");
        let mut turn = Turn::new(&address(line.from), &address(line.to), &id, &line.text)
            .kind(&line.kind)
            .subject(&line.subject);
        match line.answers {
            Answers::Last if n > 0 => turn = turn.in_reply_to(&format!("msg_{}", n - 1)),
            Answers::First if n > 0 => turn = turn.in_reply_to("msg_0"),
            _ => {}
        }
        if let Some(context) = &line.context {
            turn = turn.context(&JsonValue::read_object(context.as_bytes()).unwrap());
        }
        if let Some(digest) = &line.attached {
            turn = turn.attached(digest);
        }
        let step = guard.judge(&turn, now);
        let verdict = *step.verdict();
        guard.remember(step, now);
        match verdict {
            LoopVerdict::Stop { .. } => {
                outcome.stopped = Some(n + 1);
                return outcome;
            }
            LoopVerdict::Delay { until, .. } => {
                outcome.delayed = outcome.delayed.or(Some(n + 1));
                outcome.delays += 1;
                let wait = until.duration_since(now).unwrap().as_secs();
                outcome.longest = outcome.longest.max(wait);
                // Whoever waits for an answer gets it later; whoever does not, writes on.
                if script(n + 1).from == line.to {
                    now = now.max(until);
                }
            }
            LoopVerdict::Warn(_) => outcome.warned = outcome.warned.or(Some(n + 1)),
            _ => {}
        }
    }
    outcome
}

/// The `n`th of a list, from its beginning again after its end.
pub(crate) fn pick<'l>(list: &[&'l str], n: usize) -> &'l str {
    list[n % list.len()]
}

/// A number that looks random, below a bound: the same each time.
pub(crate) fn dice(n: usize, below: usize) -> usize {
    let mut x = (n as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((x ^ (x >> 31)) % below as u64) as usize
}

/// So many hexadecimal digits that look random.
pub(crate) fn hex(n: usize, digits: usize) -> String {
    (0..digits).map(|i| char::from_digit(dice(n * 1000 + i, 16) as u32, 16).unwrap()).collect()
}

/// Lines of English that people wrote: pages about the protocol.
pub(crate) fn prose(n: usize) -> &'static str {
    const PAGES: &str = concat!(
        include_str!("../../../docs/protocol/trust.md"),
        include_str!("../../../docs/protocol/keys.md"),
        include_str!("../../../docs/protocol/threads.md"),
        include_str!("../../../docs/protocol/addresses.md"),
    );
    PAGES.lines().filter(|line| line.split_whitespace().count() > 4).nth(n).unwrap()
}
