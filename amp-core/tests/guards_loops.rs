//! Agents that answer each other without end are noticed, and conversations that get somewhere are let alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, clippy::std_instead_of_alloc)]

#[path = "guards_corpus/loops.rs"]
mod loops;
#[path = "guards_corpus/script.rs"]
mod script;
#[path = "guards_corpus/threads.rs"]
mod threads;

use core::time::Duration;

use amp_core::crypto::seal::EncryptionKey;
use amp_core::guards::{LoopGuard, LoopSign, LoopVerdict, Turn};
use amp_core::{Address, Draft, Identity, MessageType, Timestamp};
use proptest::prelude::*;
use script::{Outcome, play};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(1_769_853_600 + seconds).unwrap()
}

fn agent(number: usize) -> Address {
    format!("agent{number}@acme.crabmail.ai").parse().unwrap()
}

/// A message of two agents in turn, in answer to the one before.
fn turn(n: usize, text: &str) -> Turn {
    Turn::new(&agent(n % 2), &agent((n + 1) % 2), &format!("msg_{n}"), text)
        .in_reply_to(&format!("msg_{}", n.wrapping_sub(1)))
}

/// Says something and tells what the guard made of it.
fn say(guard: &mut LoopGuard, n: usize, text: &str, now: Timestamp) -> LoopVerdict {
    let step = guard.judge(&turn(n, text), now);
    let verdict = *step.verdict();
    guard.remember(step, now);
    verdict
}

const ECHO: &str = "What can I do for you?";

/// Two agents that have just been stopped, at second 7.
fn stopped_pair() -> LoopGuard {
    let mut guard = LoopGuard::default();
    for n in 0..7 {
        assert!(!say(&mut guard, n, ECHO, at(n as i64)).is_stop());
    }
    assert!(say(&mut guard, 7, ECHO, at(7)).is_stop());
    guard
}

fn told(name: &str, outcome: &Outcome) -> String {
    format!("{name}: {outcome:?}")
}

/// The scripts that a guard did not stop in time, of those that it should.
fn missed(scripts: &[(&str, script::Script)], within: usize) -> Vec<String> {
    let played = scripts.iter().map(|(name, script)| (name, play(*script, within)));
    played
        .filter(|(_, outcome)| outcome.stopped.is_none())
        .map(|(name, outcome)| told(name, &outcome))
        .collect()
}

/// The scripts that a guard stopped, of those that it should not.
fn stopped(scripts: &[(&str, script::Script)]) -> Vec<String> {
    let played = scripts.iter().map(|(name, script)| (name, play(*script, 100)));
    played
        .filter(|(_, outcome)| outcome.stopped.is_some())
        .map(|(name, outcome)| told(name, &outcome))
        .collect()
}

// rule: LOOP-1
#[test]
fn two_naive_echo_agents_are_stopped_within_ten_messages() {
    assert_eq!(missed(loops::NAIVE, 10), [""; 0]);
    assert_eq!(missed(loops::NAIVE_HELD_OUT, 10), [""; 0]);
}

// rule: LOOP-1
#[test]
fn agents_that_find_other_words_are_stopped() {
    assert_eq!(missed(loops::OTHERS, 45), [""; 0]);
    assert_eq!(missed(loops::OTHERS_HELD_OUT, 45), [""; 0]);
}

// rule: LOOP-3
#[test]
fn what_only_changes_its_numbers_is_slowed_down_and_stopped_late() {
    for (name, script) in loops::COUNTING {
        let outcome = play(*script, 300);
        assert!(outcome.delayed.is_some_and(|at| at <= 15), "{}", told(name, &outcome));
        assert_eq!(outcome.longest, 2, "{}", told(name, &outcome));
        assert!(outcome.stopped.is_some_and(|at| at > 190), "{}", told(name, &outcome));
    }
}

/// A sealed message of two agents in turn.
fn sealed_turn(n: usize, text: &str) -> Turn {
    let identity = |n: usize| Identity::from_seed(&[7 + (n % 2) as u8; 32]);
    let draft = Draft::request(agent((n + 1) % 2), "A subject", text).from(&agent(n % 2));
    let draft = draft.seal_to(&EncryptionKey::of(identity(n + 1).verifying_key()).unwrap());
    let draft = draft.sealing_randomness([(n % 251) as u8 + 1; 32]);
    let signed = draft.sign_with_nonce(&identity(n), at(n as i64), [(n % 251) as u8; 16]).unwrap();
    let id = format!("msg_{n}");
    Turn::of_payload(&agent(n % 2), &agent((n + 1) % 2), &id, &signed.payload())
        .subject("A subject")
        .in_reply_to(&format!("msg_{}", n.wrapping_sub(1)))
}

// rule: LOOP-8
#[test]
fn sealed_messages_in_turn_are_slowed_down_and_stopped_late() {
    let mut guard = LoopGuard::default();
    let (mut warned, mut delayed, mut stopped) = (None, None, None);
    for n in 0..300 {
        let now = at(n as i64);
        let step = guard.judge(&sealed_turn(n, "Thank you, noted!"), now);
        match *step.verdict() {
            LoopVerdict::Warn(report) => {
                assert_eq!(report.last(), Some(LoopSign::Sealed));
                warned = warned.or(Some(n + 1));
            }
            LoopVerdict::Delay { until, .. } => {
                assert!(until <= now.saturating_add(Duration::from_secs(2)));
                delayed = delayed.or(Some(n + 1));
            }
            LoopVerdict::Stop { .. } => stopped = stopped.or(Some(n + 1)),
            _ => {}
        }
        guard.remember(step, now);
    }
    assert_eq!((warned, delayed, stopped), (Some(40), Some(60), Some(200)));
}

#[test]
fn a_loop_in_plain_does_not_get_away_by_sealing() {
    let mut guard = stopped_pair();
    let step = guard.judge(&sealed_turn(8, ECHO), at(8));
    assert!(step.verdict().is_stop());
    guard.remember(step, at(8));
    let minutes_later = at(8 + 6 * 60);
    assert!(!guard.judge(&sealed_turn(9, ECHO), minutes_later).verdict().is_stop());
}

#[test]
fn many_sealed_messages_at_once_are_not_taken_for_copies() {
    let mut guard = LoopGuard::default();
    for n in 0..100 {
        let step = guard.judge(&sealed_turn(2 * n, "A report"), at(0));
        assert!(matches!(step.verdict(), LoopVerdict::Pass), "{n}");
        guard.remember(step, at(0));
    }
}

// rule: LOOP-2
#[test]
fn no_thread_of_a_hundred_that_gets_somewhere_is_stopped() {
    assert_eq!(stopped(threads::KNOWN), [""; 0]);
    assert_eq!(stopped(threads::HELD_OUT), [""; 0]);
}

// rule: LOOP-2
#[test]
fn few_threads_that_get_somewhere_are_slowed_down() {
    let all = threads::KNOWN.iter().chain(threads::HELD_OUT);
    let slowed: Vec<(&str, usize)> = all
        .map(|(name, script)| (*name, play(*script, 100).delays))
        .filter(|(_, delays)| *delays > 0)
        .collect();
    assert!(slowed.len() <= 8, "{slowed:?}");
}

// rule: LOOP-2
#[test]
fn news_that_come_late_are_no_answer_though_they_name_a_message() {
    let mut guard = LoopGuard::default();
    let mut now = 0;
    for n in 0..200_usize {
        let is_news = n.is_multiple_of(2);
        now += if is_news { 30 } else { 1 };
        let kind = if is_news { MessageType::Status } else { MessageType::Ack };
        let step =
            guard.judge(&turn(n, if is_news { "All is well here." } else { "ok" }).kind(&kind), at(now));
        assert!(!step.verdict().is_stop(), "{n}");
        guard.remember(step, at(now));
    }
}

// rule: LOOP-4
#[test]
fn a_stopped_pair_is_let_go_after_five_minutes_and_later_each_time() {
    let mut guard = stopped_pair();
    assert!(say(&mut guard, 7, ECHO, at(7 + 299)).is_stop());
    let mut now = 7 + 300;
    let mut n = 7;
    let mut pauses = Vec::new();
    for _ in 0..6 {
        let mut passed = 0;
        let until = loop {
            match say(&mut guard, n, ECHO, at(now)) {
                LoopVerdict::Stop { until, .. } => break until,
                _ => passed += 1,
            }
            n += 1;
            now += 1;
        };
        assert!((1..10).contains(&passed), "{passed}");
        pauses.push(until.duration_since(at(now)).unwrap().as_secs() / 60);
        now = until.unix_seconds() - at(0).unix_seconds();
    }
    assert_eq!(pauses, [10, 20, 40, 60, 60, 60]);
}

// rule: LOOP-4
#[test]
fn a_stopped_pair_may_say_something_new_and_that_lets_it_go() {
    let mut guard = stopped_pair();
    assert_eq!(
        say(&mut guard, 7, "A person here: please send the invoices of March.", at(8)),
        LoopVerdict::Pass
    );
    assert!(!say(&mut guard, 8, "Thanks!", at(9)).is_stop());
}

// rule: LOOP-4
#[test]
fn the_host_can_let_a_pair_go() {
    let mut guard = stopped_pair();
    guard.release(&agent(1), &agent(0));
    assert_eq!(say(&mut guard, 7, ECHO, at(8)), LoopVerdict::Pass);
}

// rule: LOOP-4
#[test]
fn a35_no_jump_of_the_clock_makes_a_stop_longer() {
    let mut guard = LoopGuard::default();
    let far = 10 * 365 * 86_400;
    for n in 0..8 {
        say(&mut guard, n, ECHO, at(far + n as i64));
    }
    assert!(say(&mut guard, 7, ECHO, at(0)).is_stop());
    let LoopVerdict::Stop { until, .. } = say(&mut guard, 7, ECHO, at(10)) else { panic!("still stopped") };
    assert!(until <= at(310));
}

// rule: LOOP-7
#[test]
fn whoever_waits_as_it_was_told_is_let_through_and_has_still_answered() {
    let mut guard = LoopGuard::default();
    let (mut now, mut n, mut deferred) = (0, 0, 0);
    let stopped = loop {
        let turn = Turn::new(&agent(n % 2), &agent((n + 1) % 2), &format!("msg_{n}"), ECHO);
        let step = guard.judge(&turn, at(now));
        match *step.verdict() {
            LoopVerdict::Stop { .. } => break n + 1,
            LoopVerdict::Delay { until, .. } => {
                guard.defer(step, at(now));
                let again = guard.judge(&turn, at(now));
                assert!(matches!(again.verdict(), LoopVerdict::Delay { .. }), "it has not waited");
                deferred += 1;
                now = until.unix_seconds() - at(0).unix_seconds();
            }
            _ => {
                guard.remember(step, at(now));
                n += 1;
                now += 1;
            }
        }
    };
    assert_eq!((stopped, deferred), (8, 3));
}

// rule: LOOP-5
#[test]
fn judging_changes_nothing() {
    let mut guard = stopped_pair();
    for n in 0..100 {
        drop(guard.judge(&turn(n, "Something new, say about bananas."), at(8)));
    }
    assert!(say(&mut guard, 7, ECHO, at(9)).is_stop());
}

// rule: LOOP-5
#[test]
fn a_report_counts_and_quotes_nothing() {
    let mut guard = LoopGuard::default();
    let verdicts: Vec<LoopVerdict> = (0..5).map(|n| say(&mut guard, n, ECHO, at(n as i64))).collect();
    let LoopVerdict::Delay { until, report } = verdicts[4] else { panic!("delayed") };
    assert_eq!((report.score(), report.turns(), report.last()), (60, 4, Some(LoopSign::Copy)));
    assert_eq!(until, at(5));
    assert_eq!(report.to_string(), "4 turns without anything new, score 60, damping 60");
    assert!(verdicts[0].report().is_none() && matches!(verdicts[3], LoopVerdict::Warn(_)));
}

// rule: LOOP-6
#[test]
fn a36_strangers_push_no_loop_out_of_memory() {
    let mut guard = LoopGuard::bounded(64);
    for n in 0..6 {
        say(&mut guard, n, ECHO, at(n as i64));
    }
    for n in 100..5000 {
        let stranger = Turn::new(&agent(n), &agent(n + 1), "msg_1", "Hello there, stranger");
        let step = guard.judge(&stranger, at(6));
        guard.remember(step, at(6));
        assert!(guard.len() <= 64);
    }
    assert!(!say(&mut guard, 6, ECHO, at(6)).is_stop());
    assert!(say(&mut guard, 7, ECHO, at(7)).is_stop());
}

// rule: LOOP-6
#[test]
fn what_cannot_be_remembered_is_slowed_down() {
    let mut guard = LoopGuard::bounded(0);
    for n in 0..10 {
        assert!(
            matches!(say(&mut guard, n, ECHO, at(0)), LoopVerdict::Delay { until, .. } if until == at(1))
        );
    }
    assert!(guard.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    // rule: LOOP-6
    #[test]
    fn no_text_and_no_clock_makes_a_guard_fail(
        lines in prop::collection::vec((0usize..4, 0usize..4, ".{0,40}", -100_000i64..100_000), 1..60)
    ) {
        let mut guard = LoopGuard::bounded(3);
        for (n, (from, to, text, second)) in lines.into_iter().enumerate() {
            let turn = Turn::new(&agent(from), &agent(to), &format!("msg_{n}"), &text).subject(&text);
            let step = guard.judge(&turn, at(second));
            if let LoopVerdict::Delay { until, .. } | LoopVerdict::Stop { until, .. } = step.verdict() {
                prop_assert!(*until <= at(second).saturating_add(Duration::from_secs(3600)));
            }
            guard.remember(step, at(second));
            prop_assert!(guard.len() <= 3);
        }
    }

    // rule: LOOP-2
    #[test]
    fn what_is_new_each_time_always_passes(words in prop::collection::vec("[a-z]{5,9} [a-z]{5,9} [a-z]{5,9}", 100)) {
        let mut guard = LoopGuard::default();
        for (n, text) in words.iter().enumerate() {
            prop_assert_eq!(say(&mut guard, n, text, at(n as i64)), LoopVerdict::Pass);
        }
    }
}
