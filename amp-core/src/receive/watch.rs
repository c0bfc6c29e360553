//! What the scan makes of a message and of its sender's last ones (guardrails, injection scan).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;
use alloc::vec::Vec;

use amp_address::Address;
use amp_envelope::Timestamp;

use super::content::{Content, tail};
use super::settings::Settings;
use crate::scan::{Escalation, ScanReport, Verdict, Windows};

/// The sender's last messages and flags. In memory only: a restart forgets them. Only messages whose signature holds
/// come here, so nobody can put words or flags into another's window.
#[derive(Debug, Default)]
pub(super) struct Watch {
    windows: Windows,
    /// The texts alone: a subject or a context stands between two of them for the scan, and not always for a model.
    texts: Windows,
    escalation: Escalation,
}

/// What changes in memory when a reception is committed.
pub(super) struct Live {
    from: Address,
    to: Address,
    /// The end of the message's parts, and that of its text; none of a message that is refused.
    tails: Option<(String, String)>,
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
        let (scanner, pair, parts) = (&*settings.scanner, (from, to), content.parts().collect::<Vec<_>>());
        let mut report = content.scan(scanner);
        self.windows.look_back(scanner, pair, &parts, now, &mut report);
        self.texts.look_back_from(scanner, pair, content.text_part(), now, &mut report);
        let verdict = report.verdict(&settings.overrides);
        let text = content.text_part().1;
        let tails = (verdict < Verdict::Block).then(|| (tail(parts.into_iter()), tail([text].into_iter())));
        Looked {
            report,
            verdict,
            is_escalated: self.escalation.is_escalated(from, now),
            live: Live { from: from.clone(), to: to.clone(), tails, verdict, now },
        }
    }

    pub(super) fn remember(&mut self, live: &Live) {
        let Live { from, to, tails, verdict, now } = live;
        if let Some((parts, text)) = tails {
            self.windows.remember(from, to, [parts.as_str()], *now);
            self.texts.remember(from, to, [text.as_str()], *now);
        }
        self.escalation.remember(from, *verdict, *now);
    }
}
