//! Agents that answer each other without end are noticed, and conversations that get somewhere are let alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, clippy::std_instead_of_alloc)]

#[path = "guards_corpus/loops.rs"]
mod loops;
#[path = "guards_corpus/script.rs"]
mod script;
#[path = "guards_corpus/threads.rs"]
mod threads;

use script::{Outcome, play};

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
        assert!(outcome.stopped.is_some_and(|at| at > 190), "{}", told(name, &outcome));
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
    println!("{slowed:?}");
    assert!(slowed.len() <= 8, "{slowed:?}");
}
