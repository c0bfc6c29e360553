//! Risk, suspension and quarantine: judged exactly, at access, within bounds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, clippy::std_instead_of_alloc)]

use core::time::Duration;

use amp_core::guards::{
    QuarantineError, QuarantineQueue, RateShare, Review, RiskCounts, RiskLedger, RiskLevel, Suspension,
    Suspensions,
};
use amp_core::receive::{QuarantineEntry, QuarantineStatus, RiskOutcome};
use amp_core::{Address, Timestamp};
use proptest::prelude::*;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(1_769_853_600 + seconds).unwrap()
}

// rule: RISK-2
#[test]
fn bands_have_no_gaps() {
    let level = |flagged, total| RiskCounts::new(0, 0, flagged, total).score().level();
    assert_eq!(level(100, 1000), RiskLevel::Low);
    assert_eq!(level(101, 1000), RiskLevel::Medium);
    assert_eq!(level(300, 1000), RiskLevel::Medium);
    assert_eq!(level(301, 1000), RiskLevel::High);
    assert_eq!(level(600, 1000), RiskLevel::High);
    assert_eq!(level(601, 1000), RiskLevel::Critical);
    assert_eq!(level(429_496_730, u32::MAX), RiskLevel::Medium);
    assert_eq!(level(429_496_729, u32::MAX), RiskLevel::Low);
}

// rule: RISK-3
#[test]
fn each_level_has_its_consequence() {
    let of = |level: RiskLevel| (level.notifies(), level.share(), level.suspends());
    assert_eq!(of(RiskLevel::Low), (false, RateShare::Full, false));
    assert_eq!(of(RiskLevel::Medium), (true, RateShare::Full, false));
    assert_eq!(of(RiskLevel::High), (true, RateShare::Half, false));
    assert_eq!(of(RiskLevel::Critical), (true, RateShare::Half, true));
}

// rule: RISK-4
#[test]
fn what_happened_more_than_a_day_and_an_hour_ago_counts_no_more() {
    let mut ledger = RiskLedger::default();
    ledger.count(&1, RiskOutcome::Blocked, at(0));
    assert_eq!(ledger.level(&1, at(DAY - 1)), RiskLevel::Critical);
    assert_eq!(ledger.level(&1, at(DAY + HOUR)), RiskLevel::Low);
    ledger.count(&1, RiskOutcome::Delivered, at(DAY + HOUR));
    assert_eq!(ledger.counts(&1, at(DAY + HOUR)), RiskCounts::new(0, 0, 0, 1));
}

// rule: RISK-4
#[test]
fn a35_a_clock_that_is_set_back_forgives_nothing() {
    let mut ledger = RiskLedger::default();
    ledger.count(&1, RiskOutcome::Blocked, at(0));
    for back in [1, HOUR, DAY, 3650 * DAY] {
        assert_eq!(ledger.level(&1, at(-back)), RiskLevel::Critical);
    }
    ledger.count(&1, RiskOutcome::Delivered, at(-3650 * DAY));
    assert_eq!(ledger.counts(&1, at(-3650 * DAY)).blocked(), 1);
    // It is still forgiven in the end: after the day that time stood still, and another.
    assert_eq!(ledger.counts(&1, at(-3650 * DAY + 2 * DAY + HOUR)).blocked(), 0);
}

// rule: RISK-5
#[test]
fn whoever_cannot_be_held_is_of_high_risk_and_findings_are_never_pushed_out() {
    let mut ledger = RiskLedger::bounded(8);
    for agent in 0..8 {
        ledger.count(&agent, RiskOutcome::Flagged, at(0));
    }
    for agent in 100..1000 {
        ledger.count(&agent, RiskOutcome::Delivered, at(1));
        assert_eq!(ledger.level(&agent, at(1)), RiskLevel::High);
    }
    assert_eq!(ledger.len(), 8);
    assert!((0..8).all(|agent| ledger.level(&agent, at(1)) == RiskLevel::Critical));
    // Of whom nothing was found, makes room.
    let mut ledger = RiskLedger::bounded(8);
    for agent in 0..8 {
        ledger.count(&agent, RiskOutcome::Delivered, at(0));
    }
    ledger.count(&100, RiskOutcome::Blocked, at(1));
    assert_eq!((ledger.len() <= 8, ledger.counts(&100, at(1)).blocked()), (true, 1));
}

fn outcomes() -> impl Strategy<Value = RiskOutcome> {
    prop_oneof![
        Just(RiskOutcome::Delivered),
        Just(RiskOutcome::Flagged),
        Just(RiskOutcome::Quarantined),
        Just(RiskOutcome::Blocked)
    ]
}

proptest! {
    // rule: RISK-1
    #[test]
    fn a_score_is_the_formula(b in 0u32..1000, q in 0u32..1000, f in 0u32..1000, total in 0u32..3000) {
        let score = RiskCounts::new(b, q, f, total).score();
        let weight = f64::from(3 * b + 2 * q + f);
        let wanted = if total == 0 { 0.0 } else { (weight * 100.0 / f64::from(total)).min(100.0) };
        prop_assert_eq!(score.as_f64(), wanted);
        prop_assert!((0.0..=100.0).contains(&score.as_f64()));
    }

    // rule: RISK-1
    #[test]
    fn no_counts_are_too_great(b: u32, q: u32, f: u32, total: u32) {
        let score = RiskCounts::new(b, q, f, total).score();
        prop_assert!((0.0..=100.0).contains(&score.as_f64()));
        prop_assert!(score <= RiskCounts::new(b.saturating_add(1), q, f, total).score());
    }

    // rule: RISK-4
    #[test]
    fn a_ledger_counts_each_outcome_of_the_last_day(
        steps in prop::collection::vec((0i64..4 * HOUR, 0u8..3, outcomes()), 1..120)
    ) {
        let mut ledger = RiskLedger::default();
        let (mut now, mut log) = (0, Vec::new());
        for (step, agent, outcome) in steps {
            now += step;
            let before = ledger.level(&agent, at(now));
            let change = ledger.count(&agent, outcome, at(now));
            prop_assert_eq!((change.before(), change.after()), (before, ledger.level(&agent, at(now))));
            log.push((now, agent, outcome));
            let since = |past: i64| log.iter().filter(|(at, of, _)| *of == agent && *at > past).count() as u32;
            let total = ledger.counts(&agent, at(now)).total();
            prop_assert!(total >= since(now - DAY) && total <= since(now - DAY - HOUR));
        }
    }

    // rule: SUSP-1, SUSP-2
    #[test]
    fn no_suspension_lasts_longer_than_it_was_meant_to_whatever_the_clock_does(
        steps in prop::collection::vec(-3 * HOUR..3 * HOUR, 1..60)
    ) {
        let mut suspensions = Suspensions::default();
        suspensions.suspend(Suspension::automatic("agt_7", at(0)));
        let (mut now, mut passed, mut was_over) = (0, 0, false);
        for step in steps {
            now += step;
            passed += step.max(0);
            let peeked = suspensions.get("agt_7", at(now)).is_some();
            let is = suspensions.is_suspended("agt_7", at(now));
            prop_assert_eq!(peeked, is);
            prop_assert!(!(is && was_over), "over is over");
            // Time that stands still while the clock is behind: at most as long as the suspension, each time.
            prop_assert!(!is || now < HOUR || passed < HOUR);
            was_over |= !is;
        }
    }
}

// rule: SUSP-1
#[test]
fn a_suspension_ends_at_its_time_and_not_before() {
    let mut suspensions = Suspensions::default();
    suspensions.suspend(Suspension::new("agt_7", "spam", "carol", at(0)).lasting(Duration::from_secs(60)));
    suspensions.suspend(Suspension::new("agt_8", "spam", "carol", at(0)));
    assert!(suspensions.is_suspended("agt_7", at(59)) && !suspensions.is_suspended("agt_9", at(59)));
    assert!(!suspensions.is_suspended("agt_7", at(60)));
    assert!(suspensions.is_suspended("agt_8", at(100 * 365 * DAY)));
    assert_eq!(suspensions.lift("agt_8").unwrap().suspended_by(), "carol");
    assert!(!suspensions.is_suspended("agt_8", at(60)) && suspensions.is_empty());
}

// rule: SUSP-2
#[test]
fn a35_a_clock_that_was_ahead_suspends_nobody_for_years() {
    let mut suspensions = Suspensions::default();
    suspensions.suspend(Suspension::automatic("agt_7", at(3650 * DAY)));
    assert!(suspensions.is_suspended("agt_7", at(0)));
    assert!(suspensions.is_suspended("agt_7", at(HOUR - 1)));
    assert!(!suspensions.is_suspended("agt_7", at(HOUR)));
    assert!(!suspensions.is_suspended("agt_7", at(0)));
}

// rule: SUSP-3
#[test]
fn what_a_rule_suspends_shortens_nothing_that_a_person_decided() {
    let mut suspensions = Suspensions::default();
    let automatic = Suspension::automatic("agt_7", at(0));
    assert!(suspensions.would_extend(&automatic, at(0)));
    suspensions.suspend(Suspension::new("agt_7", "spam", "carol", at(0)));
    assert!(!suspensions.would_extend(&automatic, at(0)));
    suspensions.suspend(Suspension::new("agt_7", "spam", "carol", at(0)).lasting(Duration::from_secs(7200)));
    assert!(!suspensions.would_extend(&automatic, at(0)));
    assert!(suspensions.would_extend(&Suspension::automatic("agt_7", at(5000)), at(5000)));
}

// rule: SUSP-4
#[test]
fn a_record_is_read_as_it_was_written_and_nothing_else_is() {
    let record = Suspension::new("agt_7", &"é".repeat(500), "carol", at(0));
    assert_eq!(record.reason().len(), 256);
    assert_eq!(Suspension::from_json(record.to_json().as_bytes()).unwrap(), record);
    assert!(record.to_json().contains(r#""expires_at":null"#));
    for json in ["{}", "[]", "", r#"{"agent_id":"a","suspended_at":"x","reason":"r","suspended_by":"s"}"#] {
        assert!(Suspension::from_json(json.as_bytes()).is_err());
    }
    let long = record.to_json().replace("carol", &"x".repeat(257));
    assert!(Suspension::from_json(long.as_bytes()).is_err());
}

fn entry(number: u64, since: i64) -> QuarantineEntry {
    let json = format!(
        r#"{{"quarantine_id":"qtn_{}_{number:016x}","reason":"injection_detected","rules_triggered":["override.en"],
        "severity":"high","quarantined_at":"{}","expires_at":"{}","status":"pending","sender":"alice@acme.crabmail.ai",
        "message_id":"msg_1769853600_00112233445566aa","digest":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}"#,
        1_769_853_600 + since,
        at(since),
        at(since + 3 * DAY)
    );
    QuarantineEntry::from_json(json.as_bytes()).unwrap()
}

fn bob() -> Address {
    "bob@acme.crabmail.ai".parse().unwrap()
}

// rule: QTN-1
#[test]
fn an_entry_is_decided_once_and_by_its_recipient_s_list() {
    let mut queue = QuarantineQueue::default();
    let (one, two) = (entry(1, 0), entry(2, 10));
    queue.set(&bob(), one.clone(), at(0));
    queue.set(&bob(), two.clone(), at(10));
    assert_eq!(queue.review(entry(3, 0).id(), Review::Approve, at(20)), Err(QuarantineError::NotFound));
    let approved = queue.review(one.id(), Review::Approve, at(20)).unwrap();
    assert_eq!(queue.get(one.id(), at(20)).unwrap().2, QuarantineStatus::Pending, "nothing has changed yet");
    queue.set(&bob(), approved, at(20));
    assert_eq!(queue.review(one.id(), Review::Reject, at(20)), Err(QuarantineError::Decided));
    let listed: Vec<_> =
        queue.list(&bob(), None, at(20)).map(|(entry, status)| (entry.id().clone(), status)).collect();
    let wanted =
        [(one.id().clone(), QuarantineStatus::Approved), (two.id().clone(), QuarantineStatus::Pending)];
    assert_eq!(listed, wanted);
    assert_eq!(queue.list(&bob(), Some(one.id()), at(20)).count(), 1);
    assert_eq!(queue.list(&"carol@acme.crabmail.ai".parse().unwrap(), None, at(20)).count(), 0);
}

// rule: QTN-2
#[test]
fn what_was_seen_expired_stays_expired() {
    let mut queue = QuarantineQueue::default();
    queue.set(&bob(), entry(1, 0), at(0));
    let late = at(3 * DAY + 1);
    assert_eq!(queue.review(entry(1, 0).id(), Review::Approve, late), Err(QuarantineError::Decided));
    queue.sweep(late);
    assert_eq!(queue.review(entry(1, 0).id(), Review::Approve, at(0)), Err(QuarantineError::Decided));
    assert_eq!(QuarantineError::Decided.code(), "quarantine_expired");
    (0..4).for_each(|_| queue.sweep(at(10 * DAY + 1)));
    assert_eq!(queue.review(entry(1, 0).id(), Review::Approve, at(0)), Err(QuarantineError::NotFound));
    assert!(queue.is_empty());
}

// rule: QTN-3
#[test]
fn when_there_is_no_room_nothing_that_is_pending_makes_any() {
    let mut queue = QuarantineQueue::bounded(4);
    (0..4).for_each(|number| queue.set(&bob(), entry(number, 0), at(0)));
    assert_eq!(queue.check_room(&bob()), Err(QuarantineError::Full));
    let mut queue = QuarantineQueue::default();
    (0..1024).for_each(|number| queue.set(&bob(), entry(number, 0), at(0)));
    assert_eq!(queue.check_room(&bob()), Err(QuarantineError::Full));
    assert_eq!(queue.check_room(&"carol@acme.crabmail.ai".parse().unwrap()), Ok(()));
}
