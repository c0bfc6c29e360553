//! What the scan makes of a message and of its sender's last ones (guardrails, injection scan).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use amp_address::Address;
use amp_envelope::Timestamp;

use crate::scan::{ScanReport, Scanner, Severity};

/// The sender's last messages and flags. In memory only: a restart forgets them.
#[derive(Debug, Default)]
pub(super) struct Watch {}

/// What changes in memory when a reception is committed.
pub(super) struct Live {}

/// What was found, and what follows from it.
pub(super) struct Looked {
    pub(super) report: ScanReport,
    pub(super) verdict: Verdict,
    pub(super) is_escalated: bool,
    pub(super) live: Live,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    Deliver,
    Flag,
    Quarantine,
    Block,
}
#[derive(Debug, Default)]
pub struct Overrides {}

impl Watch {
    pub(super) fn look<'p>(
        &self,
        scanner: &Scanner,
        overrides: &Overrides,
        (from, to): (&Address, &Address),
        parts: impl Iterator<Item = &'p str>,
        now: Timestamp,
    ) -> Looked {
        let _ = (overrides, from, to, now);
        let joined: alloc::vec::Vec<&str> = parts.collect();
        let report = scanner.scan(&joined.join("\n"));
        let verdict = verdict(&report);
        Looked { report, verdict, is_escalated: false, live: Live {} }
    }

    pub(super) fn remember(&mut self, live: Live) {
        let Live {} = live;
    }
}

pub(super) fn verdict(report: &ScanReport) -> Verdict {
    match report.severity() {
        None | Some(Severity::Low) => Verdict::Deliver,
        Some(Severity::Medium) => Verdict::Flag,
        Some(Severity::High) => Verdict::Quarantine,
        Some(Severity::Critical) => Verdict::Block,
    }
}
