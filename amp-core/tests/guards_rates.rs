//! Limits hold in any window, under any clock, and for any number of keys.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, clippy::std_instead_of_alloc)]

use core::time::Duration;

use amp_core::Timestamp;
use amp_core::guards::{
    RateCharge, RateClass, RateDecision, RateKey, RateLimit, RateLimiter, RateLimits, RateShare,
};
use proptest::prelude::*;

const START: i64 = 1_769_853_600_000;

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_unix_milliseconds(START + milliseconds).unwrap()
}

fn charge(class: RateClass, name: &str) -> RateCharge {
    RateCharge::new(class, RateKey::of(name))
}

fn fill(limiter: &mut RateLimiter, charge: &RateCharge, now: Timestamp) -> usize {
    (0..100_000).take_while(|_| limiter.take(charge, now).is_admitted()).count()
}

// rule: RATE-1
#[test]
fn each_class_admits_the_protocols_number_of_calls() {
    let numbers = [60, 30, 10, 20, 20, 60, 30, 30, 10, 100, 500, 120, 100, 20, 1000];
    for (class, number) in RateClass::ALL.into_iter().zip(numbers) {
        let mut limiter = RateLimiter::default();
        assert_eq!(fill(&mut limiter, &charge(class, "alice"), at(0)), number, "{class}");
        let window = if class == RateClass::Sent { 3600 } else { 60 };
        assert_eq!(class.limit().window(), Duration::from_secs(window));
    }
}

// rule: RATE-1
#[test]
fn classes_and_keys_are_counted_apart() {
    let mut limiter = RateLimiter::default();
    fill(&mut limiter, &charge(RateClass::Route, "alice"), at(0));
    assert!(limiter.take(&charge(RateClass::Pending, "alice"), at(0)).is_admitted());
    assert!(limiter.take(&charge(RateClass::Route, "bob"), at(0)).is_admitted());
    assert!(!limiter.take(&charge(RateClass::Route, "alice"), at(0)).is_admitted());
}

// rule: RATE-5
#[test]
fn high_risk_halves_what_is_left() {
    let mut limiter = RateLimiter::default();
    let half = charge(RateClass::Route, "alice").with_share(RateShare::Half);
    assert_eq!(fill(&mut limiter, &half, at(0)), 30);
    let whole = charge(RateClass::Route, "alice");
    assert_eq!(fill(&mut limiter, &whole, at(0)), 30);
    assert_eq!(limiter.take(&half, at(0)).limit(), 30);
    assert_eq!(limiter.take(&half, at(0)).remaining(), 0);
}

// rule: RATE-5
#[test]
fn half_of_one_call_is_one_call() {
    let limits = RateLimits::default()
        .with(RateClass::Route, RateLimit::new(1, Duration::from_secs(60)))
        .with(RateClass::Pending, RateLimit::new(0, Duration::from_secs(60)));
    let mut limiter = RateLimiter::new(limits);
    assert_eq!(fill(&mut limiter, &charge(RateClass::Route, "alice").with_share(RateShare::Half), at(0)), 1);
    let none = limiter.take(&charge(RateClass::Pending, "alice"), at(0));
    assert_eq!((none.is_admitted(), none.retry_after()), (false, Some(Duration::from_secs(60))));
}

// rule: RATE-6
#[test]
fn a_call_that_is_refused_in_one_way_counts_in_none() {
    let mut limiter = RateLimiter::default();
    fill(&mut limiter, &charge(RateClass::Received, "bob"), at(0));
    let both = [charge(RateClass::Route, "alice"), charge(RateClass::Received, "bob")];
    for _ in 0..1000 {
        let refused = limiter.take_all(&both, at(0)).unwrap();
        assert!(!refused.is_admitted());
        assert_eq!(refused.class(), RateClass::Received);
    }
    assert_eq!(limiter.take(&both[0], at(0)).remaining(), 59);
    let twice = [charge(RateClass::Register, "carol"); 2];
    let admitted = (0..100).take_while(|_| limiter.take_all(&twice, at(0)).unwrap().is_admitted()).count();
    assert_eq!(admitted, 5);
    assert_eq!(limiter.take_all(&[], at(0)), None);
}

// rule: RATE-4
#[test]
fn a36_a_flood_of_new_keys_starves_no_active_one() {
    let mut limiter = RateLimiter::bounded(RateLimits::default(), 64);
    let alice = charge(RateClass::Route, "alice");
    assert_eq!(limiter.take(&alice, at(0)).remaining(), 59);
    let admitted = (0..10_000)
        .filter(|index| limiter.take(&charge(RateClass::Route, &format!("m{index}")), at(0)).is_admitted())
        .count();
    assert_eq!((admitted, limiter.keys()), (63, 64));
    let refused = limiter.take(&charge(RateClass::Route, "somebody new"), at(0));
    assert!(refused.retry_after().unwrap() >= Duration::from_secs(1));
    assert_eq!(limiter.take(&alice, at(0)).remaining(), 58);
    // When their calls have left the window, there is room again.
    let later = at(67_000);
    for _ in 0..64 {
        limiter.take(&alice, later);
    }
    assert_eq!(limiter.keys(), 1);
    assert!(limiter.take(&charge(RateClass::Route, "somebody new"), later).is_admitted());
}

// rule: RATE-4
#[test]
fn a36_a_flood_from_one_group_leaves_room_for_others() {
    let mut limiter = RateLimiter::bounded(RateLimits::default(), 64);
    let of = |name: String, group: &str| RateCharge::new(RateClass::Route, RateKey::of(&name).within(group));
    let admitted =
        (0..10_000).filter(|n| limiter.take(&of(format!("m{n}"), "evil"), at(0)).is_admitted()).count();
    assert_eq!(admitted, 8);
    assert!(limiter.take(&of("alice".into(), "acme"), at(0)).is_admitted());
    // The group's places come back as well.
    for _ in 0..64 {
        limiter.take(&of("alice".into(), "acme"), at(67_000));
    }
    assert!(limiter.take(&of("m".into(), "evil"), at(67_000)).is_admitted());
}

// rule: RATE-3
#[test]
fn a35_a_clock_that_is_set_back_refills_nothing_and_locks_nobody_out() {
    for back in [1, 1000, 59_000, 61_000, 3_600_000, 315_360_000_000] {
        let mut limiter = RateLimiter::default();
        let alice = charge(RateClass::Route, "alice");
        fill(&mut limiter, &alice, at(0));
        let refused = limiter.take(&alice, at(-back));
        assert!(!refused.is_admitted(), "{back}");
        // One window that time stands still, and one in which calls are forgotten.
        let wait = refused.retry_after().unwrap();
        assert!(wait <= Duration::from_secs(127), "{back}: {wait:?}");
        assert!(limiter.take(&alice, at(-back).saturating_add(wait)).is_admitted(), "{back}");
    }
}

// rule: RATE-3
#[test]
fn a35_a_clock_that_was_ahead_for_a_moment_locks_nobody_out() {
    let mut limiter = RateLimiter::default();
    let alice = charge(RateClass::Route, "alice");
    limiter.take(&alice, at(0));
    fill(&mut limiter, &alice, at(315_360_000_000));
    let refused = limiter.take(&alice, at(1000));
    assert!(refused.retry_after().unwrap() <= Duration::from_secs(127));
    assert!(limiter.take(&alice, at(128_000)).is_admitted());
}

// rule: RATE-3
#[test]
fn a35_two_hosts_whose_clocks_differ_share_one_limit() {
    let mut limiter = RateLimiter::default();
    let alice = charge(RateClass::Route, "alice");
    let admitted = (0..600_000i64)
        .step_by(50)
        .filter(|now| limiter.take(&alice, at(now + (now / 50 % 2) * 30_000)).is_admitted())
        .count();
    assert!(admitted <= 60 * 11, "{admitted}");
    assert!(admitted >= 60 * 9, "{admitted}");
}

/// Times that mostly go on, sometimes jump.
fn steps() -> impl Strategy<Value = Vec<i64>> {
    let step = prop_oneof![
        20 => 0i64..500,
        10 => 0i64..20_000,
        1 => -100_000i64..100_000,
        1 => prop_oneof![Just(-315_360_000_000i64), Just(315_360_000_000)],
    ];
    prop::collection::vec(step, 1..200)
}

fn small() -> RateLimits {
    RateLimits::default().with(RateClass::Route, RateLimit::new(5, Duration::from_secs(10)))
}

fn agree(before: &RateDecision, after: &RateDecision) -> bool {
    before.is_admitted() == after.is_admitted()
        && before.limit() == after.limit()
        && before.retry_after() == after.retry_after()
        && before.remaining() == after.remaining() + u16::from(after.is_admitted())
}

proptest! {
    // rule: RATE-2
    #[test]
    fn no_window_holds_more_calls_than_the_limit(steps in prop::collection::vec(0i64..4000, 1..200)) {
        let mut limiter = RateLimiter::new(small());
        let alice = charge(RateClass::Route, "alice");
        let (mut now, mut admitted) = (0, Vec::new());
        for step in steps {
            now += step;
            if limiter.take(&alice, at(now)).is_admitted() {
                admitted.push(now);
            }
        }
        for first in &admitted {
            let within = admitted.iter().filter(|other| (*first..first + 10_000).contains(other)).count();
            prop_assert!(within <= 5);
        }
    }

    // rule: RATE-2
    #[test]
    fn a_caller_who_keeps_below_the_limit_is_never_refused(steps in prop::collection::vec(2_200i64..9000, 1..200)) {
        let mut limiter = RateLimiter::new(small());
        let mut now = 0;
        for step in steps {
            now += step;
            prop_assert!(limiter.take(&charge(RateClass::Route, "alice"), at(now)).is_admitted());
        }
    }

    // rule: RATE-3
    #[test]
    fn however_the_clock_jumps_only_time_that_passes_forward_refills(steps in steps()) {
        let mut limiter = RateLimiter::new(small());
        let alice = charge(RateClass::Route, "alice");
        let (mut now, mut passed, mut admitted) = (0i64, 0i64, Vec::new());
        for step in steps {
            now = (now + step).clamp(-400_000_000_000, 400_000_000_000);
            passed += step.max(0);
            if limiter.take(&alice, at(now)).is_admitted() {
                admitted.push(passed);
            }
        }
        for first in &admitted {
            let within = admitted.iter().filter(|other| (*first..first + 10_000).contains(other)).count();
            prop_assert!(within <= 5);
        }
    }

    // rule: RATE-2, RATE-3
    #[test]
    fn who_waits_as_told_is_admitted_and_not_told_to_wait_too_long(steps in steps()) {
        let mut limiter = RateLimiter::new(small());
        let alice = charge(RateClass::Route, "alice");
        let mut now = 0i64;
        for step in steps {
            now = (now + step).clamp(-400_000_000_000, 400_000_000_000);
            let looked = limiter.look(&alice, at(now));
            let taken = limiter.take(&alice, at(now));
            prop_assert!(agree(&looked, &taken), "{:?} {:?}", looked, taken);
            prop_assert_eq!(taken.reset().subsec_nanos(), 0);
            if let Some(wait) = taken.retry_after() {
                prop_assert!(wait >= Duration::from_secs(1) && wait <= Duration::from_secs(22));
                prop_assert!(limiter.look(&alice, at(now).saturating_add(wait)).is_admitted());
                prop_assert!(limiter.look(&alice, taken.reset()).is_admitted());
                let sooner = wait.as_millis() as i64 - 1000;
                prop_assert!(sooner <= 0 || !limiter.look(&alice, at(now + sooner - 1)).is_admitted());
            } else {
                let remaining = limiter.look(&alice, at(now)).remaining();
                prop_assert_eq!(taken.remaining(), remaining);
                prop_assert!(limiter.look(&alice, taken.reset()).remaining() > remaining);
            }
        }
    }

    // rule: RATE-4
    #[test]
    fn no_more_keys_are_held_than_allowed(calls in prop::collection::vec((0u8..60, 0u8..12, 0i64..3000), 1..300)) {
        let mut limiter = RateLimiter::bounded(small(), 24);
        let mut now = 0;
        for (name, group, step) in calls {
            now += step;
            let key = RateKey::of(&format!("{name}@{group}")).within(&group.to_string());
            limiter.take(&RateCharge::new(RateClass::Route, key), at(now));
            prop_assert!(limiter.keys() <= 24);
        }
    }
}
