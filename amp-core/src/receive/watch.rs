//! What the scan makes of a message and of its sender's last ones (guardrails, injection scan).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;
use alloc::vec::Vec;

use amp_address::Address;
use amp_envelope::Timestamp;

use super::content::Content;
use super::settings::Settings;
use crate::scan::{Escalation, ScanReport, Verdict, Windows};

/// How much of a message's end is kept for the scan of the next one, in bytes: more than a window holds.
const TAIL: usize = 4096;

/// The sender's last messages and flags. In memory only: a restart forgets them. Only messages whose signature holds
/// come here, so nobody can put words or flags into another's window.
#[derive(Debug, Default)]
pub(super) struct Watch {
    windows: Windows,
    escalation: Escalation,
}

/// What changes in memory when a reception is committed.
pub(super) struct Live {
    from: Address,
    to: Address,
    /// The end of the message's texts; none of a message that is refused.
    tail: Option<String>,
    /// The verdict over the message by itself.
    verdict: Verdict,
    now: Timestamp,
}

/// What was found, and what follows from it.
pub(super) struct Looked {
    pub(super) report: ScanReport,
    /// By what the message says, alone and together with the sender's last ones.
    pub(super) verdict: Verdict,
    /// Whether the sender was flagged so often that this message is held in any case.
    pub(super) is_escalated: bool,
    pub(super) live: Live,
}

impl Watch {
    pub(super) fn look(
        &self,
        settings: &Settings,
        (from, to): (&Address, &Address),
        content: &Content<'_>,
        now: Timestamp,
    ) -> Looked {
        let report = self.windows.scan(&settings.scanner, from, to, content.parts(), now);
        let verdict = report.verdict(&settings.overrides);
        let tail = (verdict < Verdict::Block).then(|| tail(content.parts()));
        Looked {
            report,
            verdict,
            is_escalated: self.escalation.is_escalated(from, now),
            live: Live { from: from.clone(), to: to.clone(), tail, verdict, now },
        }
    }

    pub(super) fn remember(&mut self, live: &Live) {
        let Live { from, to, tail, verdict, now } = live;
        if let Some(tail) = tail {
            self.windows.remember(from, to, [tail.as_str()], *now);
        }
        self.escalation.remember(from, *verdict, *now);
    }
}

/// The end of the texts, as lines.
fn tail<'p>(parts: impl Iterator<Item = &'p str>) -> String {
    let parts: Vec<&str> = parts.collect();
    let mut lines = Vec::new();
    let mut room = TAIL;
    for part in parts.into_iter().rev() {
        lines.push(end_of(part, room));
        room = room.saturating_sub(part.len());
        if room == 0 {
            break;
        }
    }
    lines.reverse();
    lines.join("\n")
}

/// At most the last `room` bytes of a text, from a character on.
fn end_of(text: &str, room: usize) -> &str {
    let mut from = text.len().saturating_sub(room);
    while !text.is_char_boundary(from) {
        from = from.saturating_add(1);
    }
    text.get(from..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_the_end_in_order() {
        assert_eq!(tail(["a", "b", "c"].into_iter()), "a\nb\nc");
        let long = "é".repeat(TAIL);
        let kept = tail(["start", &long, "end"].into_iter());
        assert!(kept.len() <= TAIL + 2 && kept.ends_with("é\nend") && !kept.contains("start"));
    }
}
