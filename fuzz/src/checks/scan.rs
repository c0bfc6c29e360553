//! The scan: any text, also in parts and after earlier messages, in time that grows with its length.

use std::sync::LazyLock;

use amp_address::Address;
use amp_core::scan::{Overrides, ScanReport, Scanner, Severity, Verdict, Windows};
use amp_envelope::Timestamp;

use super::{assert_fit_to_show, text_of};

static SCANNER: LazyLock<Scanner> = LazyLock::new(Scanner::new);

/// The text is a message; what stands between line breaks are its parts, and the first half was sent before.
pub fn scan(data: &[u8]) {
    let text = text_of(data);
    let report = SCANNER.scan(&text);
    assert_holds(&report, &[&text]);
    let again = SCANNER.scan(&text);
    assert_eq!(report, again);

    let parts: Vec<&str> = text.split('\n').take(16).collect();
    assert_holds(&SCANNER.scan_parts(parts.iter().copied()), &parts);

    let (from, to): (Address, Address) =
        ("a@b.crabmail.ai".parse().unwrap(), "c@d.crabmail.ai".parse().unwrap());
    let now = Timestamp::from_unix_seconds(1_800_000_000).unwrap();
    let (earlier, current) = parts.split_at(parts.len() / 2);
    let mut windows = Windows::new();
    windows.remember(&from, &to, earlier.iter().copied(), now);
    let joined = windows.scan(&SCANNER, &from, &to, current.iter().copied(), now);
    assert_holds(&joined, current);
}

fn assert_holds(report: &ScanReport, parts: &[&str]) {
    assert!(report.findings().len() <= 1024);
    assert_fit_to_show_start(report);
    for finding in report.findings() {
        let part = parts.get(finding.part()).expect("a part of the message");
        assert!(part.get(finding.range()).is_some(), "{:?} of {part:?}", finding.range());
        assert!(!finding.is_window() || finding.range().start == 0);
    }
    assert_eq!(report.is_flagged(), report.severity() >= Some(Severity::Medium));
    assert_eq!(report.is_flagged(), !report.categories().is_empty());
    assert_eq!(report.is_flagged(), report.verdict(&Overrides::new()) > Verdict::Deliver);
    assert!(!report.truncated() || report.is_flagged());
}

/// A report may be long; its beginning shows what it is made of.
fn assert_fit_to_show_start(report: &ScanReport) {
    assert_fit_to_show(&report.to_string().chars().take(720).collect::<String>());
}
