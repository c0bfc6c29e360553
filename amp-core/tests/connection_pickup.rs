//! Picking messages up: from providers that can much or little, that fail, and that mean harm.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, clippy::std_instead_of_alloc)]

mod pickup_support;

use std::collections::BTreeSet;

use amp_core::connection::{Oddity, PickUp, PickUpEvent, PickUpSettings};
use amp_core::receive::Via;
use amp_core::wire::{AnswerParts, ApiErrorCode, Endpoint};
use amp_core::{Identity, Timestamp};
use pickup_support::*;
use proptest::prelude::*;
use serde_json::json;

const ABLE: [Able; 5] = [
    Able::PLAIN,
    Able { batches: false, ..Able::PLAIN },
    Able { counts: true, ..Able::PLAIN },
    Able { waits: true, ..Able::PLAIN },
    Able::FULL,
];

// rule: PICK-1
#[test]
fn everything_that_waits_is_picked_up_once_and_acknowledged_whatever_the_provider_can() {
    for able in ABLE {
        for count in [0, 1, 2, 49, 50, 51, 100, 237, 1_000] {
            let mut queue = Queue::new(able);
            queue.fill(count);
            let mut driver = Driver::plain();
            driver.run_for(600, &mut |parts, endpoint| queue.answer(parts, endpoint));
            let expected: Vec<_> = (0..count).map(|number| format!("msg_1_{number:04}")).collect();
            assert_eq!(driver.arrived, expected, "{able:?} {count}");
            assert_eq!(driver.acknowledged.len(), count, "{able:?} {count}");
            assert!(queue.entries.is_empty() && driver.pickup.is_acknowledged());
            assert_eq!(
                driver.oddities,
                if able.waits { vec![Oddity::DoesNotWait] } else { vec![] },
                "{able:?}"
            );
        }
    }
}

// rule: PICK-1
#[test]
fn messages_come_with_their_bytes_their_queue_time_and_the_key_beside_them() {
    let key = Identity::from_seed(&[7; 32]).verifying_key().clone();
    let hex: String = key.ed25519_bytes().unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
    let body = format!(
        r#"{{"messages":[{{"id":"msg_1_a","envelope": {{"x":1.0 }},"payload":{{}},"sender_public_key":"{hex}",
            "queued_at":"2026-01-31T11:00:00Z","expires_at":"2026-02-07T11:00:00Z"}},
            {{"id":"msg_1_b","envelope":{{}},"payload":{{}},"sender_public_key":""}}],"count":2,"remaining":0}}"#
    );
    let mut driver = Driver::plain();
    let info = driver.call().unwrap();
    driver.pickup.handle_answer(info.ticket(), &ok(&json!({})), noon());
    let call = driver.call().unwrap();
    let answer = AnswerParts::new(200).with_body(body.into_bytes());
    driver.pickup.handle_answer(call.ticket(), &answer, noon());
    let messages = driver.take();
    let [first, second] = messages.as_slice() else { panic!("two messages") };
    assert_eq!(first.bytes(), br#"{"envelope":{"x":1.0 },"payload":{}}"#);
    let queued_at: Timestamp = "2026-01-31T11:00:00Z".parse().unwrap();
    assert_eq!((first.via(), first.queued_at()), (Via::Relay { queued_at }, Some(queued_at)));
    assert_eq!((first.carried_key(), first.replay()), (Some(&key), true));
    assert!(first.expires_at().is_some());
    assert_eq!((second.via(), second.carried_key()), (Via::Store, None));
}

// rule: PICK-2
#[test]
fn a40_nothing_is_acknowledged_that_the_host_did_not_give_back() {
    for able in ABLE {
        let mut queue = Queue::new(able);
        queue.fill(20);
        let mut driver = Driver::plain();
        let mut kept = Vec::new();
        for _ in 0..200 {
            while let Some(call) = driver.call() {
                let answer = queue.answer(call.parts(), call.endpoint());
                driver.pickup.handle_answer(call.ticket(), &answer, driver.now);
                kept.extend(driver.take());
            }
            if !driver.next() {
                break;
            }
        }
        assert_eq!(driver.count_of(Endpoint::Acknowledge) + driver.count_of(Endpoint::AcknowledgeBatch), 0);
        assert!(queue.acked.is_empty() && queue.entries.len() == 20, "{able:?}");
        // Dropped or kept, it comes again after a while.
        assert!(driver.arrived.len() > 20, "{able:?}");
        let one = kept.swap_remove(3);
        let stored = one.id().as_str().to_owned();
        driver.pickup.acknowledge(one);
        let call = driver.call().unwrap();
        drop(queue.answer(call.parts(), call.endpoint()));
        assert_eq!(queue.acked, [stored]);
    }
}

// rule: PICK-3
#[test]
fn an_acknowledgement_that_got_lost_is_made_again() {
    let mut queue = Queue::new(Able::PLAIN);
    queue.fill(3);
    let mut driver = Driver::plain();
    let mut lost = 3;
    for _ in 0..100 {
        while let Some(call) = driver.call() {
            let is_ack = matches!(call.endpoint(), Endpoint::Acknowledge | Endpoint::AcknowledgeBatch);
            // The provider hears of it; we do not hear that it did.
            let answer = queue.answer(call.parts(), call.endpoint());
            if is_ack && lost > 0 {
                lost -= 1;
                driver.pickup.handle_failure(call.ticket(), driver.now);
            } else {
                driver.pickup.handle_answer(call.ticket(), &answer, driver.now);
            }
            for arrived in driver.take() {
                driver.pickup.acknowledge(arrived);
            }
        }
        if driver.pickup.is_acknowledged() && !driver.acknowledged.is_empty() {
            break;
        }
        assert!(driver.next());
    }
    assert_eq!((driver.arrived.len(), driver.acknowledged.len()), (3, 3));
}

// rule: PICK-4
#[test]
fn batches_that_are_not_understood_become_single_acknowledgements() {
    for status in [400, 404, 405, 501, 500] {
        let mut queue = Queue::new(Able::PLAIN);
        queue.fill(5);
        let mut driver = Driver::plain();
        driver.run_for(120, &mut |parts, endpoint| match endpoint {
            Endpoint::AcknowledgeBatch => AnswerParts::new(status),
            _ => queue.answer(parts, endpoint),
        });
        queue.fill_from(5, 5);
        driver.run_for(120, &mut |parts, endpoint| match endpoint {
            Endpoint::AcknowledgeBatch => AnswerParts::new(status),
            _ => queue.answer(parts, endpoint),
        });
        assert_eq!((driver.arrived.len(), driver.acknowledged.len()), (10, 10), "{status}");
        assert_eq!(driver.count_of(Endpoint::Acknowledge), 10, "{status}");
        let batches = driver.count_of(Endpoint::AcknowledgeBatch);
        assert_eq!(batches, if status == 500 { 3 } else { 1 }, "{status}");
    }
    // A batch of which one was gone already: which one, only single acknowledgements say.
    let mut queue = Queue::new(Able::PLAIN);
    queue.fill(3);
    let mut driver = Driver::plain();
    driver.run_for(60, &mut |parts, endpoint| {
        if endpoint == Endpoint::AcknowledgeBatch {
            queue.entries.retain(|(_, id)| id != "msg_1_0001");
        }
        queue.answer(parts, endpoint)
    });
    assert_eq!((driver.acknowledged.len(), driver.count_of(Endpoint::Acknowledge)), (3, 3));
}

// rule: PICK-4
#[test]
fn a_provider_that_knows_the_other_spelling_alone_is_acknowledged_in_it() {
    let mut left = vec!["msg_1_0001", "msg_1_0000"];
    let mut driver = Driver::plain();
    driver.run_for(60, &mut |parts, endpoint| match endpoint {
        Endpoint::GetPending => {
            ok(&json!({"messages": left.iter().rev().map(|id| entry(id)).collect::<Vec<_>>(),
            "remaining": 0}))
        }
        Endpoint::Acknowledge if parts.path == "/messages/pending" => {
            let id = query(parts, "id").unwrap();
            left.retain(|other| *other != id);
            ok(&json!({"acknowledged": true}))
        }
        _ => AnswerParts::new(404).with_body(b"<html>".to_vec()),
    });
    assert_eq!((driver.acknowledged.len(), left.len()), (2, 0));
}

// rule: PICK-5
#[test]
fn a_capability_is_used_only_where_the_provider_names_it() {
    let mut queue = Queue::new(Able::PLAIN);
    let mut driver = Driver::plain();
    driver.run_for(300, &mut |parts, endpoint| queue.answer(parts, endpoint));
    for (_, endpoint, parts) in &driver.calls {
        assert_ne!(*endpoint, Endpoint::CountPending);
        assert_eq!((query(parts, "wait"), query(parts, "after")), (None, None));
    }
    for able in [Able { counts: true, ..Able::PLAIN }, Able::FULL] {
        let mut queue = Queue::new(able);
        queue.fill(3);
        let mut driver = Driver::plain();
        driver.run_for(300, &mut |parts, endpoint| queue.answer(parts, endpoint));
        let waits = driver.calls.iter().filter_map(|(_, _, parts)| query(parts, "wait"));
        assert_eq!(waits.clone().count() > 0, able.waits);
        assert!(waits.map(|wait| wait.parse::<u64>().unwrap()).all(|wait| wait <= 30));
        assert!(driver.calls.iter().any(|(_, _, parts)| query(parts, "after").is_some()) || !able.waits);
        assert_eq!(driver.count_of(Endpoint::CountPending) > 0, !able.waits);
    }
}

// rule: PICK-5
#[test]
fn a_capability_that_is_named_and_not_known_is_done_without() {
    for status in [400, 404, 405, 501] {
        let mut queue = Queue::new(Able::PLAIN);
        queue.fill(7);
        let mut driver = Driver::plain();
        driver.run_for(120, &mut |parts, endpoint| match endpoint {
            Endpoint::GetInfo => ok(&json!({"capabilities": ["notify:v1", "notify:longpoll"]})),
            Endpoint::CountPending => AnswerParts::new(status),
            _ if query(parts, "wait").is_some() || query(parts, "after").is_some() => {
                AnswerParts::new(status)
            }
            _ => queue.answer(parts, endpoint),
        });
        assert_eq!((driver.arrived.len(), driver.acknowledged.len()), (7, 7), "{status}");
        assert_eq!(driver.oddities, [Oddity::CapabilityDenied], "{status}");
    }
}

// rule: PICK-5
#[test]
fn a_provider_without_information_is_polled_plainly() {
    for status in [404, 500, 429, 200] {
        let mut queue = Queue::new(Able::PLAIN);
        queue.fill(3);
        let mut driver = Driver::plain();
        driver.run_for(60, &mut |parts, endpoint| match endpoint {
            Endpoint::GetInfo => AnswerParts::new(status).with_body(b"<html>".to_vec()),
            _ => queue.answer(parts, endpoint),
        });
        assert_eq!(driver.acknowledged.len(), 3, "{status}");
    }
    let mut driver = Driver::plain();
    let info = driver.call().unwrap();
    driver.pickup.handle_failure(info.ticket(), driver.now);
    assert!(driver.next());
    assert_eq!(driver.call().unwrap().endpoint(), Endpoint::GetPending);
}

// rule: PICK-6
#[test]
fn a_place_that_is_gone_is_forgotten_and_the_queue_read_from_its_beginning() {
    let mut queue = Queue::new(Able::FULL);
    queue.fill(2);
    let mut driver = Driver::plain();
    driver.run_for(5, &mut |parts, endpoint| queue.answer(parts, endpoint));
    queue.fill(4);
    let mut expired = 0;
    driver.run_for(60, &mut |parts, endpoint| {
        if query(parts, "after").is_some() {
            expired += 1;
            return refusal(ApiErrorCode::CursorExpired);
        }
        queue.answer(parts, endpoint)
    });
    assert!(expired > 0 && queue.entries.is_empty());
    assert!(driver.others.is_empty(), "{:?}", driver.others);
}

// rule: PICK-7
#[test]
fn what_is_not_acknowledged_in_time_comes_again_though_the_place_is_behind_it() {
    let mut queue = Queue::new(Able::FULL);
    queue.fill(3);
    let mut driver = Driver::new(PickUpSettings::new(7).with_patience(seconds(60)));
    let mut first = true;
    let end = driver.now.saturating_add(seconds(300));
    while driver.now < end {
        while let Some(call) = driver.call() {
            let answer = queue.answer(call.parts(), call.endpoint());
            driver.pickup.handle_answer(call.ticket(), &answer, driver.now);
            for arrived in driver.take() {
                // The host fails to store the second one.
                if arrived.id().as_str() == "msg_1_0001" && first {
                    first = false;
                } else {
                    driver.pickup.acknowledge(arrived);
                }
            }
        }
        assert!(driver.next());
    }
    assert_eq!(driver.arrived, ["msg_1_0000", "msg_1_0001", "msg_1_0002", "msg_1_0001"]);
    assert!(queue.entries.is_empty());
}

// rule: PICK-8
#[test]
fn no_page_is_asked_for_before_the_last_one_is_taken() {
    let mut queue = Queue::new(Able::FULL);
    queue.fill(120);
    let mut driver = Driver::plain();
    for _ in 0..2 {
        let call = driver.call().unwrap();
        let answer = queue.answer(call.parts(), call.endpoint());
        driver.pickup.handle_answer(call.ticket(), &answer, driver.now);
    }
    driver.wait(86_400);
    assert!(driver.call().is_none());
    assert_eq!(driver.take().len(), 50);
    assert!(driver.call().is_some());
}

// rule: PICK-8
#[test]
fn a_host_that_acknowledges_nothing_is_not_given_more_than_a_thousand() {
    let mut queue = Queue::new(Able { counts: true, ..Able::PLAIN });
    queue.fill(3_000);
    let mut driver = Driver::new(PickUpSettings::new(7).with_limit(400));
    for _ in 0..100 {
        while let Some(call) = driver.call() {
            let answer = queue.answer(call.parts(), call.endpoint());
            driver.pickup.handle_answer(call.ticket(), &answer, driver.now);
            drop(driver.take());
        }
        if driver.arrived.len() >= 1_000 {
            break;
        }
        assert!(driver.next());
    }
    assert!((1_000..1_100).contains(&driver.arrived.len()), "{}", driver.arrived.len());
    // They are given up one after the other, and come again.
    let until = driver.pickup.next_timeout().unwrap();
    assert!(until.duration_since(driver.now).unwrap() <= seconds(300));
}

// rule: PICK-9
#[test]
fn pauses_grow_to_the_interval_and_shrink_when_messages_come() {
    let mut queue = Queue::new(Able::PLAIN);
    let mut driver = Driver::plain();
    driver.run_for(600, &mut |parts, endpoint| queue.answer(parts, endpoint));
    let times: Vec<_> = driver.calls.iter().map(|(at, ..)| *at).collect();
    let pauses: Vec<_> = times.windows(2).map(|pair| pair[1].duration_since(pair[0]).unwrap()).collect();
    assert!(pauses.iter().skip(1).all(|pause| *pause >= seconds(1) && *pause <= seconds(30)), "{pauses:?}");
    assert!(pauses.iter().skip(6).all(|pause| *pause >= seconds(15)), "{pauses:?}");
    queue.fill(1);
    while driver.acknowledged.is_empty() {
        assert!(driver.next());
        driver.run(&mut |parts, endpoint| queue.answer(parts, endpoint));
    }
    let until = driver.pickup.next_timeout().unwrap();
    assert!(until.duration_since(driver.now).unwrap() <= seconds(2), "{until:?}");
}

// rule: PICK-9
#[test]
fn a_nudge_makes_the_next_look_come_soon_and_not_at_once() {
    let mut queue = Queue::new(Able::PLAIN);
    let mut driver = Driver::plain();
    driver.run_for(300, &mut |parts, endpoint| queue.answer(parts, endpoint));
    driver.run(&mut |parts, endpoint| queue.answer(parts, endpoint));
    for _ in 0..100 {
        driver.pickup.nudge(driver.now);
        assert!(driver.call().is_none());
    }
    assert_eq!(driver.pickup.next_timeout(), Some(driver.now.saturating_add(seconds(1))));
}

// rule: PICK-10
#[test]
fn a_provider_that_holds_requests_is_asked_again_at_once() {
    let mut queue = Queue::new(Able::FULL);
    let mut driver = Driver::plain();
    let info = driver.call().unwrap();
    let answer = queue.answer(info.parts(), info.endpoint());
    driver.pickup.handle_answer(info.ticket(), &answer, driver.now);
    for _ in 0..10 {
        let call = driver.call().unwrap();
        assert_eq!(query(call.parts(), "wait"), Some("25"));
        assert_eq!(call.timeout(), seconds(55));
        driver.wait(25);
        let answer = queue.answer(call.parts(), call.endpoint());
        driver.pickup.handle_answer(call.ticket(), &answer, driver.now);
    }
    assert!(driver.oddities.is_empty(), "{:?}", driver.oddities);
}

// rule: PICK-10
#[test]
fn a_message_that_the_host_still_has_is_not_waited_behind() {
    let mut queue = Queue::new(Able { waits: true, ..Able::PLAIN });
    queue.fill(1);
    let mut driver = Driver::plain();
    let mut kept = Vec::new();
    let end = driver.now.saturating_add(seconds(200));
    while driver.now < end {
        while let Some(call) = driver.call() {
            // It would be answered at once, again and again.
            assert!(kept.is_empty() || query(call.parts(), "wait").is_none());
            let answer = queue.answer(call.parts(), call.endpoint());
            driver.pickup.handle_answer(call.ticket(), &answer, driver.now);
            kept.extend(driver.take());
        }
        assert!(driver.next());
    }
    assert_eq!((kept.len(), driver.oddities.len()), (1, 0));
    driver.pickup.acknowledge(kept.remove(0));
    driver.run_for(60, &mut |parts, endpoint| queue.answer(parts, endpoint));
    assert!(driver.calls.iter().any(|(_, _, parts)| query(parts, "wait").is_some()));
}

// rule: PICK-11
#[test]
fn a_call_without_an_answer_is_given_up_by_itself() {
    let mut driver = Driver::plain();
    for _ in 0..20 {
        let call = loop {
            match driver.call() {
                Some(call) => break call,
                None => assert!(driver.next()),
            }
        };
        assert!(driver.call().is_none(), "one at a time");
        let end = driver.pickup.next_timeout().unwrap();
        assert_eq!(end.duration_since(driver.now).unwrap(), call.timeout());
        driver.next();
        assert!(driver.call().is_none(), "after a failure there is a pause");
        // The answer comes after all, and is not waited for any more.
        driver.pickup.handle_answer(call.ticket(), &ok(&json!({"messages": [entry("msg_1_a")]})), driver.now);
        assert!(driver.take().is_empty());
        let pause = driver.pickup.next_timeout().unwrap().duration_since(driver.now).unwrap();
        assert!(pause <= seconds(60), "{pause:?}");
    }
}

// rule: PICK-12
#[test]
fn a60_no_answer_puts_the_next_request_off_for_more_than_five_minutes() {
    for answer in [
        AnswerParts::new(429).with_header("Retry-After", "999999999"),
        AnswerParts::new(503).with_header("Retry-After", "18446744073709551615"),
        AnswerParts::new(429)
            .with_header("X-RateLimit-Limit", "30")
            .with_header("X-RateLimit-Remaining", "0")
            .with_header("X-RateLimit-Reset", "99999999999"),
        ok(&json!({"messages": [], "remaining": 0}))
            .with_header("X-RateLimit-Limit", "30")
            .with_header("X-RateLimit-Remaining", "0")
            .with_header("X-RateLimit-Reset", "99999999999"),
        AnswerParts::new(403),
        AnswerParts::new(500),
        AnswerParts::new(418),
        AnswerParts::new(200).with_body(b"[]".to_vec()),
        AnswerParts::new(200).with_body(b"{\"messages\":7}".to_vec()),
    ] {
        let mut driver = Driver::plain();
        driver.run_for(20_000, &mut |_, _| answer.clone());
        let times: Vec<_> = driver.calls.iter().map(|(at, ..)| *at).collect();
        let pauses = times.windows(2).map(|pair| pair[1].duration_since(pair[0]).unwrap());
        assert!(pauses.max().unwrap() <= seconds(301), "{answer:?}");
        assert!(times.len() < 1_500, "{answer:?} {}", times.len());
    }
}

// rule: PICK-12
#[test]
fn a60_429_without_an_end_is_met_with_pauses_that_grow() {
    let mut driver = Driver::plain();
    driver.run_for(3_600, &mut |_, _| AnswerParts::new(429));
    assert!((60..140).contains(&driver.calls.len()), "{}", driver.calls.len());
}

// rule: PICK-12
#[test]
fn the_limit_that_a_provider_states_is_not_overrun() {
    let mut queue = Queue::new(Able::PLAIN);
    queue.fill(200);
    let mut driver = Driver::new(PickUpSettings::new(7).with_limit(10));
    let (start, mut used) = (driver.now, 0_u64);
    let mut window = start;
    driver.run_for(300, &mut |parts, endpoint| queue.answer(parts, endpoint));
    assert!(queue.entries.is_empty());
    let mut queue = Queue::new(Able::PLAIN);
    queue.fill(200);
    let mut driver = Driver::new(PickUpSettings::new(7).with_limit(10));
    let mut refused = 0;
    let end = driver.now.saturating_add(seconds(900));
    while driver.now < end {
        while let Some(call) = driver.call() {
            if driver.now.duration_since(window).unwrap() >= seconds(60) {
                // Windows begin with a whole second, as their ends are stated.
                let begin = Timestamp::from_unix_seconds(driver.now.unix_seconds()).unwrap();
                (window, used) = (begin, 0);
            }
            let left = 6_u64.saturating_sub(used);
            used += 1;
            refused += u64::from(left == 0);
            let reset = window.saturating_add(seconds(60)).unix_seconds();
            let answer =
                if left == 0 { AnswerParts::new(429) } else { queue.answer(call.parts(), call.endpoint()) };
            let answer = answer
                .with_header("X-RateLimit-Limit", "6")
                .with_header("X-RateLimit-Remaining", &left.saturating_sub(1).to_string())
                .with_header("X-RateLimit-Reset", &reset.to_string());
            driver.pickup.handle_answer(call.ticket(), &answer, driver.now);
            for arrived in driver.take() {
                driver.pickup.acknowledge(arrived);
            }
        }
        assert!(driver.next());
    }
    assert!(queue.entries.is_empty(), "{} left", queue.entries.len());
    assert_eq!(refused, 0, "calls were refused");
}

// rule: PICK-13
#[test]
fn an_api_key_that_is_refused_stops_the_pick_up_until_there_is_another() {
    let mut driver = Driver::plain();
    driver.run(&mut |_, endpoint| match endpoint {
        Endpoint::GetInfo => ok(&json!({})),
        _ => refusal(ApiErrorCode::Unauthorized),
    });
    assert!(matches!(driver.others.as_slice(), [PickUpEvent::Unauthorized]));
    assert_eq!(driver.pickup.next_timeout(), None);
    driver.wait(86_400);
    assert!(driver.call().is_none());
    driver.pickup.resume();
    assert!(driver.call().is_some());
}

// rule: PICK-13
#[test]
fn an_agent_that_is_suspended_asks_every_five_minutes_and_loses_nothing() {
    let mut queue = Queue::new(Able::PLAIN);
    queue.fill(3);
    let mut driver = Driver::plain();
    let end = noon().saturating_add(seconds(3_600));
    let suspended = core::cell::Cell::new(true);
    let mut answer = |parts: &amp_core::wire::RequestParts, endpoint| {
        if suspended.get() && endpoint != Endpoint::GetInfo {
            return refusal(ApiErrorCode::AgentSuspended);
        }
        queue.answer(parts, endpoint)
    };
    driver.run_for(3_600, &mut answer);
    assert!(driver.now >= end && driver.calls.len() <= 15, "{}", driver.calls.len());
    assert!(driver.others.iter().all(|event| matches!(event, PickUpEvent::Forbidden(_))));
    suspended.set(false);
    driver.run_for(301, &mut answer);
    assert_eq!(driver.acknowledged.len(), 3);
}

// rule: PICK-14
#[test]
fn a60_places_that_run_in_a_circle_are_left() {
    let mut driver = Driver::plain();
    let mut page = 0;
    driver.run_for(600, &mut |_, endpoint| match endpoint {
        Endpoint::GetInfo => ok(&json!({"capabilities": ["notify:v1"]})),
        Endpoint::CountPending => ok(&json!({"count": 9})),
        Endpoint::GetPending => {
            page += 1;
            ok(&json!({"messages": [], "remaining": 7, "next_cursor": format!("c{}", page % 3)}))
        }
        _ => AnswerParts::new(404),
    });
    assert!(driver.oddities.contains(&Oddity::CursorLoop) && driver.oddities.contains(&Oddity::NoProgress));
    assert!(page < 200, "{page} pages");
}

// rule: PICK-14
#[test]
fn a60_more_that_never_comes_is_not_waited_for() {
    for body in [
        json!({"messages": [], "remaining": 7}),
        json!({"messages": [entry("msg_1_a")], "remaining": 7}),
        json!({"messages": [entry("msg_1_a"), entry("msg_1_a"), entry("msg_1_a")], "remaining": 9_007_199_254_740_991_u64}),
    ] {
        let mut driver = Driver::plain();
        driver.run_for(600, &mut |_, endpoint| match endpoint {
            Endpoint::GetPending => ok(&body),
            Endpoint::Acknowledge => ok(&json!({"acknowledged": true})),
            _ => AnswerParts::new(404),
        });
        assert!(driver.oddities.contains(&Oddity::NoProgress), "{body}");
        assert!(driver.arrived.len() <= 1, "{body} {:?}", driver.arrived);
        assert!(driver.calls.len() < 150, "{body} {:?}", driver.calls);
    }
}

// rule: PICK-14
#[test]
fn a60_new_places_without_messages_are_followed_for_a_while_only() {
    let mut driver = Driver::plain();
    let mut page = 0_u64;
    driver.run_for(60, &mut |_, endpoint| match endpoint {
        Endpoint::GetInfo => ok(&json!({"capabilities": ["notify:v1", "notify:longpoll"]})),
        Endpoint::GetPending => {
            page += 1;
            ok(&json!({"messages": [], "remaining": 7, "next_cursor": format!("c{page}")}))
        }
        _ => AnswerParts::new(404),
    });
    assert!(page < 400, "{page} pages");
    assert!(driver.oddities.contains(&Oddity::NoProgress));
}

// rule: PICK-15
#[test]
fn a60_a_message_that_never_leaves_the_queue_is_handed_out_once() {
    let mut queue = Queue::new(Able { removes: false, ..Able::PLAIN });
    queue.fill(2);
    let mut driver = Driver::plain();
    driver.run_for(7_200, &mut |parts, endpoint| queue.answer(parts, endpoint));
    assert_eq!(driver.arrived, ["msg_1_0000", "msg_1_0001"]);
    let stubborn = |text| Oddity::NeverAcknowledged(id(text));
    assert!(
        driver.oddities.contains(&stubborn("msg_1_0000"))
            && driver.oddities.contains(&stubborn("msg_1_0001"))
    );
    assert!(queue.acked.len() <= 2 * 4, "{}", queue.acked.len());
}

// rule: PICK-15
#[test]
fn a60_an_acknowledgement_that_is_refused_is_given_up_after_five_attempts() {
    for answer in
        [AnswerParts::new(400), ok(&json!({"acknowledged": false})), ok(&json!({})), AnswerParts::new(409)]
    {
        let mut driver = Driver::plain();
        driver.run_for(3_600, &mut |_, endpoint| match endpoint {
            Endpoint::GetPending => ok(&json!({"messages": [entry("msg_1_a")], "remaining": 0})),
            Endpoint::Acknowledge => answer.clone(),
            _ => AnswerParts::new(404),
        });
        assert_eq!(driver.arrived.len(), 1);
        assert!(driver.acknowledged.is_empty());
        assert!(driver.oddities.contains(&Oddity::NeverAcknowledged(id("msg_1_a"))), "{answer:?}");
        assert!(driver.count_of(Endpoint::Acknowledge) <= 20, "{}", driver.count_of(Endpoint::Acknowledge));
    }
}

// rule: PICK-15
#[test]
fn a_page_that_was_asked_for_before_an_acknowledgement_may_still_hold_the_message() {
    let mut queue = Queue::new(Able::PLAIN);
    queue.fill(1);
    let mut driver = Driver::plain();
    for _ in 0..2 {
        let call = driver.call().unwrap();
        let answer = queue.answer(call.parts(), call.endpoint());
        driver.pickup.handle_answer(call.ticket(), &answer, driver.now);
    }
    let arrived = driver.take().remove(0);
    assert!(driver.next());
    let page = driver.call().unwrap();
    let written = queue.answer(page.parts(), page.endpoint());
    driver.pickup.acknowledge(arrived);
    let ack = driver.call().unwrap();
    let answer = queue.answer(ack.parts(), ack.endpoint());
    driver.pickup.handle_answer(ack.ticket(), &answer, driver.now);
    driver.pickup.handle_answer(page.ticket(), &written, driver.now);
    assert!(driver.take().is_empty());
    driver.run_for(60, &mut |parts, endpoint| queue.answer(parts, endpoint));
    assert_eq!((driver.count_of(Endpoint::Acknowledge), driver.oddities.len()), (1, 0));
}

// rule: PICK-15
#[test]
fn another_message_under_an_acknowledged_id_is_handed_out() {
    let mut driver = Driver::plain();
    let mut looks = 0;
    driver.run_for(120, &mut |_, endpoint| match endpoint {
        Endpoint::GetPending => {
            looks += 1;
            let text = if looks < 3 { "one" } else { "another" };
            let entry = json!({"id": "msg_1_a", "envelope": {}, "payload": {"text": text}});
            ok(&json!({"messages": [entry], "remaining": 0}))
        }
        Endpoint::Acknowledge => ok(&json!({"acknowledged": true})),
        _ => AnswerParts::new(404),
    });
    assert_eq!(driver.arrived.len(), 2);
}

// rule: PICK-16
#[test]
fn a60_more_messages_than_were_asked_for_are_taken_a_page_at_a_time() {
    let messages: Vec<_> = (0..300).map(|number| entry(&format!("msg_1_{number:04}"))).collect();
    let mut driver = Driver::new(PickUpSettings::new(7).with_limit(5));
    for answer in [ok(&json!({})), ok(&json!({"messages": messages, "remaining": 0}))] {
        let call = driver.call().unwrap();
        driver.pickup.handle_answer(call.ticket(), &answer, driver.now);
    }
    assert_eq!(driver.take().len(), 5);
    assert_eq!(driver.oddities, [Oddity::Oversized]);
}

// rule: PICK-16
#[test]
fn a60_an_answer_that_is_too_large_makes_the_next_one_smaller() {
    let mut queue = Queue::new(Able::PLAIN);
    queue.fill(40);
    let mut driver = Driver::plain();
    driver.run_for(900, &mut |parts, endpoint| match query(parts, "limit")
        .map(|limit| limit.parse::<u32>().unwrap())
    {
        Some(limit) if limit > 12 => AnswerParts::new(200).with_body(vec![b' '; 1_100_000]),
        _ => queue.answer(parts, endpoint),
    });
    assert!(driver.oddities.contains(&Oddity::TooLarge));
    assert_eq!(driver.acknowledged.len(), 40);
}

// rule: PICK-17
#[test]
fn an_entry_that_is_no_message_holds_nothing_up_and_can_be_discarded() {
    let mut queue = Queue::new(Able::PLAIN);
    queue.fill(2);
    let mut is_there = true;
    let mut driver = Driver::plain();
    for _ in 0..30 {
        while let Some(call) = driver.call() {
            let answer = match call.endpoint() {
                Endpoint::GetPending if is_there => {
                    let mut messages =
                        vec![json!({"id": "msg_1_broken", "envelope": 7}), json!("?"), json!({})];
                    messages.extend(queue.entries.iter().map(|(_, id)| entry(id)));
                    ok(&json!({"messages": messages, "remaining": 0}))
                }
                Endpoint::Acknowledge if call.parts().path.ends_with("broken") => {
                    is_there = false;
                    ok(&json!({"acknowledged": true}))
                }
                _ => queue.answer(call.parts(), call.endpoint()),
            };
            driver.pickup.handle_answer(call.ticket(), &answer, driver.now);
            for arrived in driver.take() {
                driver.pickup.acknowledge(arrived);
            }
            for event in core::mem::take(&mut driver.others) {
                let PickUpEvent::Unreadable(entry) = event else { panic!("{event:?}") };
                assert_eq!(entry.id().as_str(), "msg_1_broken");
                driver.pickup.discard(entry);
            }
        }
        driver.next();
    }
    assert_eq!((driver.arrived.len(), driver.acknowledged.len(), is_there), (2, 3, false));
}

// rule: PICK-18
#[test]
fn a35_a_clock_that_jumps_stops_no_pick_up() {
    let ten_years = seconds(10 * 365 * 86_400);
    for able in ABLE {
        for back in [true, false] {
            let mut queue = Queue::new(able);
            let mut driver = Driver::plain();
            driver.run_for(100, &mut |parts, endpoint| queue.answer(parts, endpoint));
            driver.now = if back {
                driver.now.saturating_sub(ten_years)
            } else {
                driver.now.saturating_add(ten_years)
            };
            queue.fill(3);
            let jumped = driver.now;
            if let Some(call) = driver.call() {
                let answer = queue.answer(call.parts(), call.endpoint());
                driver.pickup.handle_answer(call.ticket(), &answer, driver.now);
            }
            let next = driver.pickup.next_timeout().unwrap_or(jumped);
            assert!(next <= jumped.saturating_add(seconds(86_401)), "{able:?} {next:?}");
            driver.run_for(120, &mut |parts, endpoint| queue.answer(parts, endpoint));
            assert_eq!(driver.acknowledged.len(), 3, "{able:?} back: {back}");
        }
    }
}

#[derive(Clone, Debug)]
enum Act {
    Push(u8),
    Call,
    Answer,
    Fail,
    Late,
    Take,
    Store,
    Drop,
    Wait(u16),
    Jump(i64),
    Crash,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => (0_u8..8).prop_map(Act::Push),
        6 => Just(Act::Call),
        8 => Just(Act::Answer),
        1 => Just(Act::Fail),
        1 => Just(Act::Late),
        6 => Just(Act::Take),
        6 => Just(Act::Store),
        1 => Just(Act::Drop),
        4 => (0_u16..90).prop_map(Act::Wait),
        1 => (-400_000_000_i64..400_000_000).prop_map(Act::Jump),
        1 => Just(Act::Crash),
    ]
}

proptest! {
    // rule: PICK-1, PICK-2
    #[test]
    fn whatever_gets_lost_nothing_is_lost_and_nothing_acknowledged_that_is_not_stored(
        acts in proptest::collection::vec(act(), 1..150),
        which in 0_usize..5,
        limit in 1_u32..8,
    ) {
        let mut queue = Queue::new(ABLE[which]);
        let settings = || PickUpSettings::new(7).with_limit(limit);
        let mut driver = Driver::new(settings());
        let (mut sent, mut stored) = (Vec::new(), BTreeSet::new());
        let (mut calls, mut hand) = (Vec::new(), Vec::new());
        for act in acts {
            match act {
                Act::Push(_) if sent.len() > 200 => {}
                Act::Push(count) => for _ in 0..count {
                    let id = format!("msg_1_{:04}", sent.len());
                    queue.push(&id);
                    sent.push(id);
                },
                Act::Call => calls.extend(driver.call()),
                Act::Answer | Act::Fail | Act::Late if calls.is_empty() => {}
                Act::Answer => {
                    let call = calls.remove(0);
                    let answer = queue.answer(call.parts(), call.endpoint());
                    driver.pickup.handle_answer(call.ticket(), &answer, driver.now);
                }
                // The request, or its answer, got lost.
                Act::Fail => driver.pickup.handle_failure(calls.remove(0).ticket(), driver.now),
                Act::Late => {
                    let call = calls.remove(0);
                    drop(queue.answer(call.parts(), call.endpoint()));
                    driver.pickup.handle_failure(call.ticket(), driver.now);
                }
                Act::Take => hand.extend(driver.take()),
                Act::Store => if let Some(arrived) = hand.pop() {
                    stored.insert(arrived.id().as_str().to_owned());
                    driver.pickup.acknowledge(arrived);
                },
                Act::Drop => drop(hand.pop()),
                Act::Wait(count) => driver.wait(u64::from(count)),
                Act::Jump(count) => {
                    let far = seconds(count.unsigned_abs());
                    driver.now = if count < 0 { driver.now.saturating_sub(far) } else { driver.now.saturating_add(far) };
                }
                Act::Crash => {
                    driver.pickup = PickUp::new(settings());
                    calls.clear();
                    hand.clear();
                }
            }
            prop_assert!(queue.acked.iter().all(|id| stored.contains(id)));
        }
        // Once all works again, everything arrives.
        for arrived in hand.drain(..).chain(driver.take()) {
            stored.insert(arrived.id().as_str().to_owned());
            driver.pickup.acknowledge(arrived);
        }
        calls.clear();
        let arrived_before = driver.arrived.len();
        driver.run_for(4_000, &mut |parts, endpoint| queue.answer(parts, endpoint));
        stored.extend(driver.arrived.split_off(arrived_before));
        prop_assert!(queue.entries.is_empty(), "left: {:?}", queue.entries);
        prop_assert!(sent.iter().all(|id| stored.contains(id)));
    }
}
