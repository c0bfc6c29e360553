//! When a webhook is called: three times at most, whatever the clock does (webhooks).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use core::time::Duration;

use amp_core::Timestamp;
use amp_core::webhook::{Attempt, PostOutcome, RetryEnd, RetrySchedule, RetryStep};
use proptest::prelude::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(1_769_853_600 + seconds).unwrap()
}

fn post(schedule: &mut RetrySchedule, now: Timestamp) -> Attempt {
    match schedule.handle_timeout(now) {
        RetryStep::Post(attempt) => attempt,
        step => panic!("{step:?}"),
    }
}

// rule: HOOK-13
#[test]
fn a_webhook_is_tried_at_once_after_30_seconds_and_after_2_minutes() {
    let mut schedule = RetrySchedule::new(at(0));
    assert_eq!(schedule.next_timeout(), Some(at(0)));
    for (begins, number, next) in [(0, 1, Some(30)), (30, 2, Some(120)), (120, 3, None)] {
        let attempt = post(&mut schedule, at(begins));
        assert_eq!((attempt.number(), attempt.deadline()), (number, at(begins + 15)));
        assert_eq!(schedule.handle_timeout(at(begins + 1)), RetryStep::Wait { until: at(begins + 15) });
        schedule.handle_outcome(number, PostOutcome::Answered(500), at(begins + 2));
        assert_eq!(schedule.due(), next.map(at));
        if let Some(next) = next {
            assert_eq!(schedule.handle_timeout(at(next - 1)), RetryStep::Wait { until: at(next) });
        }
    }
    assert_eq!(schedule.handle_timeout(at(1000)), RetryStep::End(RetryEnd::Exhausted));
    assert_eq!((schedule.next_timeout(), schedule.due()), (None, None));
}

// rule: HOOK-14
#[test]
fn an_answer_decides_whether_it_is_tried_again() {
    for (outcome, end) in [
        (PostOutcome::Answered(200), Some(RetryEnd::Delivered)),
        (PostOutcome::Answered(204), Some(RetryEnd::Delivered)),
        (PostOutcome::Answered(299), Some(RetryEnd::Delivered)),
        (PostOutcome::Answered(302), Some(RetryEnd::Refused { status: 302 })),
        (PostOutcome::Answered(400), Some(RetryEnd::Refused { status: 400 })),
        (PostOutcome::Answered(429), Some(RetryEnd::Refused { status: 429 })),
        (PostOutcome::Answered(499), Some(RetryEnd::Refused { status: 499 })),
        (PostOutcome::NotAdmitted, Some(RetryEnd::NotAdmitted)),
        (PostOutcome::Answered(500), None),
        (PostOutcome::Answered(503), None),
        (PostOutcome::Answered(599), None),
        (PostOutcome::Answered(100), None),
        (PostOutcome::Answered(0), None),
        (PostOutcome::Answered(999), None),
        (PostOutcome::Failed, None),
    ] {
        let mut schedule = RetrySchedule::new(at(0));
        post(&mut schedule, at(0));
        schedule.handle_outcome(1, outcome, at(1));
        assert_eq!(schedule.end(), end, "{outcome:?}");
        assert_eq!(schedule.due().is_some(), end.is_none());
    }
}

// rule: HOOK-15
#[test]
fn what_is_acknowledged_or_deleted_is_posted_no_more() {
    for step in 0..4 {
        let mut schedule = RetrySchedule::new(at(0));
        if step > 0 {
            post(&mut schedule, at(0));
        }
        if step > 1 {
            schedule.handle_outcome(1, PostOutcome::Failed, at(5));
        }
        if step > 2 {
            post(&mut schedule, at(30));
        }
        schedule.stop();
        assert_eq!(schedule.handle_timeout(at(500)), RetryStep::End(RetryEnd::Stopped), "{step}");
        schedule.handle_outcome(1, PostOutcome::Answered(200), at(501));
        assert_eq!(schedule.end(), Some(RetryEnd::Stopped));
    }
    let mut delivered = RetrySchedule::new(at(0));
    post(&mut delivered, at(0));
    delivered.handle_outcome(1, PostOutcome::Answered(200), at(1));
    delivered.stop();
    assert_eq!(delivered.end(), Some(RetryEnd::Delivered), "what is over stays as it ended");
}

// rule: HOOK-16
#[test]
fn an_attempt_without_an_outcome_fails_when_its_time_is_over() {
    let mut schedule = RetrySchedule::new(at(0));
    post(&mut schedule, at(0));
    assert_eq!(schedule.next_timeout(), Some(at(15)));
    assert_eq!(schedule.handle_timeout(at(15)), RetryStep::Wait { until: at(30) });
    let second = post(&mut schedule, at(30));
    // The first one's outcome comes late: a failure changes nothing, an answer that took the message does.
    schedule.handle_outcome(1, PostOutcome::Answered(404), at(31));
    assert_eq!(schedule.end(), None);
    let mut late = schedule.clone();
    late.handle_outcome(1, PostOutcome::Answered(200), at(31));
    assert_eq!(late.end(), Some(RetryEnd::Delivered));
    schedule.handle_outcome(second.number(), PostOutcome::Answered(404), at(32));
    assert_eq!(schedule.end(), Some(RetryEnd::Refused { status: 404 }));
}

// rule: HOOK-16
#[test]
fn a_restart_forgets_no_attempt() {
    let mut schedule = RetrySchedule::new(at(0));
    for begun in 1..=3 {
        let due = schedule.due().unwrap();
        post(&mut schedule, due);
        assert_eq!(schedule.attempts(), begun);
        // Stored before the attempt is made; nothing is known of what came of it.
        let stored = schedule.due();
        let mut restored = RetrySchedule::resume(schedule.attempts(), stored.unwrap_or(at(0)));
        assert_eq!(restored.attempts(), begun);
        match stored {
            Some(due) => assert_eq!(post(&mut restored, due).number(), begun + 1),
            None => assert_eq!(restored.end(), Some(RetryEnd::Exhausted)),
        }
        schedule.handle_outcome(begun, PostOutcome::Failed, at(0));
    }
    assert_eq!(RetrySchedule::resume(200, at(0)).end(), Some(RetryEnd::Exhausted));
}

#[test]
fn a_clock_that_jumps_lengthens_no_wait() {
    let mut schedule = RetrySchedule::new(at(0));
    let back = at(-1_000_000);
    let attempt = post(&mut schedule, back);
    assert_eq!(attempt.number(), 1, "the first attempt waits for nothing");
    // Forward, in the middle of an attempt: it is over. Then far back.
    assert_eq!(post(&mut schedule, at(0)).number(), 2);
    let far = at(-30_000_000);
    let RetryStep::Wait { until } = schedule.handle_timeout(far) else { panic!("{schedule:?}") };
    assert_eq!(until.duration_since(far), Some(Duration::from_secs(15)));
    schedule.handle_outcome(2, PostOutcome::Failed, far);
    let RetryStep::Wait { until } = schedule.handle_timeout(far) else { panic!("{schedule:?}") };
    assert_eq!(until.duration_since(far), Some(Duration::from_secs(90)));
    // Forward again, past its time, and back: what became due was begun, and is not waited for once more.
    assert_eq!(post(&mut schedule, at(0)).number(), 3);
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Jump(i64),
    Ask,
    Outcome(u8, PostOutcome),
}

fn event() -> impl Strategy<Value = Event> {
    let outcome = prop_oneof![
        (0..700_u16).prop_map(PostOutcome::Answered),
        Just(PostOutcome::Failed),
        Just(PostOutcome::Answered(500)),
    ];
    prop_oneof![
        prop_oneof![-1000..1000_i64, -100_000_000..100_000_000_i64].prop_map(Event::Jump),
        Just(Event::Ask),
        Just(Event::Ask),
        (0..5_u8, outcome).prop_map(|(attempt, outcome)| Event::Outcome(attempt, outcome)),
    ]
}

proptest! {
    // rule: HOOK-13
    #[test]
    fn there_are_three_attempts_at_most_and_no_wait_is_long(events in prop::collection::vec(event(), 0..60)) {
        let mut schedule = RetrySchedule::new(at(0));
        let (mut now, mut attempts, mut ended) = (0_i64, 0_u8, None);
        for event in events {
            match event {
                Event::Jump(seconds) => now = (now + seconds).clamp(-1_000_000_000, 1_000_000_000),
                Event::Outcome(attempt, outcome) => schedule.handle_outcome(attempt, outcome, at(now)),
                Event::Ask => match schedule.handle_timeout(at(now)) {
                    RetryStep::Post(attempt) => {
                        attempts += 1;
                        prop_assert_eq!(attempt.number(), attempts);
                    }
                    RetryStep::Wait { until } => {
                        let wait = until.duration_since(at(now)).unwrap();
                        prop_assert!(wait > Duration::ZERO && wait <= Duration::from_secs(90), "{:?}", wait);
                    }
                    RetryStep::End(end) => prop_assert_eq!(Some(end), schedule.end()),
                },
            }
            prop_assert!(attempts <= RetrySchedule::ATTEMPTS_MAX && attempts == schedule.attempts());
            prop_assert_eq!(schedule.next_timeout().is_none(), schedule.end().is_some());
            prop_assert!(ended.is_none() || ended == schedule.end(), "an end is an end");
            ended = schedule.end();
        }
        // Whoever only waits, as told, comes to an end.
        for _ in 0..8 {
            if let Some(next) = schedule.next_timeout() {
                schedule.handle_timeout(next);
            }
        }
        prop_assert!(schedule.end().is_some());
    }
}
