//! Prints what the guards cost with a million keys: bytes a key, and nanoseconds a decision.

use std::hint::black_box;

use amp_benches::measure::timed;

use amp_core::guards::{
    LoopGuard, RateCharge, RateClass, RateKey, RateLimiter, RateLimits, RiskLedger, Suspension, Suspensions,
    Turn,
};
use amp_core::receive::RiskOutcome;
use amp_core::{Address, Timestamp};

const KEYS: usize = 1_000_000;

fn at(second: usize) -> Timestamp {
    Timestamp::from_unix_seconds(1_769_853_600 + second as i64).expect("a time of this century")
}

/// Fills something with a million keys, then decides a million times more, in another order.
fn measure<S>(name: &str, new: impl FnOnce() -> S, mut decide: impl FnMut(&mut S, usize, usize)) {
    let mut state = None;
    let mut fill = 0.0;
    let info = allocation_counter::measure(|| {
        let mut filled = new();
        let busy = timed(|| (0..KEYS).for_each(|key| decide(&mut filled, key, 0)));
        fill = busy.as_nanos() as f64 / KEYS as f64;
        state = Some(filled);
    });
    let mut state = state.expect("it was filled");
    let busy = timed(|| (0..KEYS).for_each(|n| decide(&mut state, n * 7_919 % KEYS, 1)));
    let again = busy.as_nanos() as f64 / KEYS as f64;
    black_box(&state);
    println!("{name:<24}{:>12}{fill:>12.0}{again:>12.0}", info.bytes_current as usize / KEYS);
}

fn address(key: usize) -> Address {
    format!("agent{key}@tenant{}.crabmail.ai", key % 1000).parse().expect("an address")
}

fn main() {
    println!("{:<24}{:>12}{:>12}{:>12}", "a million", "bytes each", "ns, first", "ns, again");
    let limiter = || RateLimiter::bounded(RateLimits::default(), 2 * KEYS);
    measure("callers", limiter, |limiter, key, second| {
        let key = RateKey::of(&format!("agent{key}@tenant.crabmail.ai"));
        black_box(limiter.take(&RateCharge::new(RateClass::Route, key), at(second)));
    });
    measure("callers of 1000 groups", limiter, |limiter, key, second| {
        let group = format!("tenant{}", key % 1000);
        let key = RateKey::of(&format!("agent{key}@tenant.crabmail.ai")).within(&group);
        black_box(limiter.take(&RateCharge::new(RateClass::Route, key), at(second)));
    });
    measure(
        "risks",
        || RiskLedger::bounded(2 * KEYS),
        |ledger, key, second| {
            black_box(ledger.count(&key, RiskOutcome::Flagged, at(second)));
        },
    );
    measure("suspensions", Suspensions::default, |suspensions, key, second| {
        let id = format!("agt_{key:032}");
        if second == 0 {
            suspensions.suspend(Suspension::automatic(&id, at(0)));
        } else {
            black_box(suspensions.is_suspended(&id, at(second)));
        }
    });
    measure(
        "pairs, one message",
        || LoopGuard::bounded(2 * KEYS),
        |guard, key, second| {
            let turn =
                Turn::new(&address(key), &address(key + 1), "msg_1", "Could you look at the build, please?");
            let step = guard.judge(&turn, at(second));
            guard.remember(step, at(second));
        },
    );
    let full = || LoopGuard::bounded(2 * KEYS);
    let name = "pairs, twelve messages";
    measure(name, full, |guard, key, second| {
        let (one, another) = (address(key), address(key + 1));
        for n in 0..if second == 0 { 12 } else { 1 } {
            let text = format!("{n} {:x} what is new this time in part {:x}", n * 7_919 + key, key * 31 + n);
            let turn = Turn::new(&one, &another, "msg_1", &text);
            let step = guard.judge(&turn, at(second));
            guard.remember(step, at(second));
        }
    });
}
