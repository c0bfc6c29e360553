//! Some hundred runs in virtual time, and the seeds that once failed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::std_instead_of_alloc, missing_docs)]

use amp_examples::simulation::{Counts, Host, run};

/// Seeds that failed once, and what was wrong then.
const REGRESSIONS: &[(u64, &str)] = &[
    (84, "a message was called lost that a provider had destroyed by giving its id to another"),
    (758, "acknowledging what a provider hands out again and again was called hurry"),
    (2_040_797, "a frame that was slower than the news of its socket's end reached the client all the same"),
];

#[test]
fn seeds_that_failed_once_fail_no_more() {
    for (seed, was) in REGRESSIONS {
        let run = run(*seed, Host::Careful);
        assert_eq!(run.failure, None, "seed {seed}, which failed once: {was}");
    }
}

#[test]
fn nothing_is_lost_shown_twice_or_believed_without_proof_whatever_goes_wrong() {
    let mut counts = Counts::default();
    for seed in 0..60 {
        let run = run(seed, Host::Careful);
        assert_eq!(run.failure, None, "seed {seed}");
        counts.add(&run.counts);
    }
    // Everything happens in some of them.
    for (name, count) in counts.values() {
        assert!(count > 0, "{name}");
    }
    assert!(counts.shown > counts.sent / 2, "{counts:?}");
}

#[test]
fn a_seed_says_all_that_happens() {
    for seed in 1_000..1_005 {
        assert_eq!(run(seed, Host::Careful), run(seed, Host::Careful), "seed {seed}");
    }
}

#[test]
fn the_mistakes_of_a_host_are_noticed() {
    let mistakes = [
        Host::AcknowledgesFirst,
        Host::ShowsDuplicates,
        Host::ForgetsEffects,
        Host::DropsWhenFull,
        Host::BelievesAnything,
    ];
    for host in mistakes {
        let noticed = (0..150).find_map(|seed| run(seed, host).failure);
        assert!(noticed.is_some(), "{host:?} is not noticed");
    }
}
