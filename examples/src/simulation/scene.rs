//! What the parts of a run share: the true time, clocks that are wrong, chance, and what is to be done next.

use core::time::Duration;

use amp_core::Timestamp;
use amp_core::wire::{AnswerParts, RequestParts};

use super::ledger::Ledger;
use super::plan::Plan;
use super::pool::START_MS;
use super::random::Random;

/// Milliseconds since the run began, as no clock in it shows them.
pub(super) type Ms = u64;

/// A process ended.
#[derive(Debug)]
pub(super) struct Crash;

/// A wall clock, and by how much it is wrong.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WallClock {
    pub(super) offset_ms: i64,
}

impl WallClock {
    pub(super) fn read(self, now: Ms) -> Timestamp {
        let milliseconds = START_MS.saturating_add(now.cast_signed()).saturating_add(self.offset_ms);
        Timestamp::from_unix_milliseconds(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// When a moment of this clock comes, if nobody sets it. It is waited for on a clock that does not jump.
    pub(super) fn when(self, due: Timestamp, now: Ms) -> Ms {
        let wait = due.duration_since(self.read(now)).unwrap_or(Duration::ZERO);
        now.saturating_add(wait.as_micros().div_ceil(1_000).try_into().unwrap_or(u64::MAX / 2))
    }

    pub(super) const fn is_right(self) -> bool {
        self.offset_ms.unsigned_abs() < 1_000
    }
}

/// What a client wants of the network.
#[derive(Debug)]
pub(super) enum Wish {
    Connect { socket: u64 },
    Frame { socket: u64, text: String },
    Close { socket: u64 },
    Request { call: u64, parts: RequestParts },
}

/// Who asked, and for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    pub(super) client: usize,
    pub(super) life: u64,
    pub(super) call: u64,
}

/// What a provider does.
#[derive(Debug)]
pub(super) enum Deed {
    Answer {
        asker: Asker,
        parts: AnswerParts,
    },
    Frame {
        socket: u64,
        text: String,
    },
    Binary {
        socket: u64,
    },
    Control {
        socket: u64,
    },
    Close {
        socket: u64,
        code: u16,
    },
    /// Answers an upgrade with this HTTP status.
    NotUpgraded {
        socket: u64,
        status: u16,
    },
}

/// The rest of the world, for whoever acts.
pub(super) struct Scene<'w> {
    pub(super) now: Ms,
    pub(super) is_stormy: bool,
    pub(super) plan: &'w Plan,
    pub(super) random: &'w mut Random,
    pub(super) ledger: &'w mut Ledger,
    pub(super) wishes: &'w mut Vec<Wish>,
    pub(super) deeds: &'w mut Vec<Deed>,
    /// Sockets and calls have numbers of their own.
    pub(super) next_number: &'w mut u64,
}

impl Scene<'_> {
    pub(super) const fn number(&mut self) -> u64 {
        *self.next_number += 1;
        *self.next_number
    }

    /// Between two steps, a process may end.
    pub(super) const fn step(&mut self) -> Result<(), Crash> {
        if self.is_stormy && self.plan.crash_between > 0 && self.random.chance(self.plan.crash_between) {
            return Err(Crash);
        }
        Ok(())
    }
}
