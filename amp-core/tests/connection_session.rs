//! The contract of a session, with a scripted peer: what is written when, what is waited for, and what ends it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use core::time::Duration;

use amp_core::connection::{
    Arrived, Connected, Disconnected, EndReason, EventsWait, Naming, Session, SessionBuilder, SessionEvent,
    Transmit,
};
use amp_core::wire::AckSpelling;
use amp_core::{Address, Timestamp};
use proptest::prelude::*;

const KEY: &str = "amp_live_sk_7f53efb3fb6588af";
const BOB: &str = "bob@acme.crabmail.ai";
const CONNECTED: &str = r#"{"type":"connected","data":{"address":"bob@acme.crabmail.ai","pending_count":0}}"#;
const YEARS_10: i64 = 315_360_000;

fn start() -> Timestamp {
    "2026-01-31T10:00:00Z".parse().unwrap()
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn builder() -> SessionBuilder {
    Session::builder(BOB.parse().unwrap(), KEY.parse().unwrap()).seed(7)
}

/// A session, its clock, and what it did.
struct Driven {
    session: Session,
    now: Timestamp,
}

impl Driven {
    fn new() -> Self {
        Self::of(builder())
    }

    fn of(builder: SessionBuilder) -> Self {
        Self { session: builder.build(start()), now: start() }
    }

    /// A session whose key was accepted, with nothing left to do.
    fn open() -> Self {
        Self::opened(builder())
    }

    fn opened(builder: SessionBuilder) -> Self {
        let mut driven = Self::of(builder);
        driven.reconnect();
        driven
    }

    fn reconnect(&mut self) {
        assert_eq!(self.sent(), ["(connect)"]);
        self.session.handle_connected(self.now);
        assert_eq!(self.sent(), [auth()]);
        self.frame(CONNECTED);
        assert!(matches!(self.events().as_slice(), [.., SessionEvent::Connected(_)]));
    }

    fn sent(&mut self) -> Vec<String> {
        let next = || {
            Some(match self.session.poll_transmit()? {
                Transmit::Connect => "(connect)".to_owned(),
                Transmit::Text(text) => text.expose().to_owned(),
                Transmit::Close(code) => format!("(close {code})"),
                _ => panic!("unknown"),
            })
        };
        core::iter::from_fn(next).collect()
    }

    fn events(&mut self) -> Vec<SessionEvent> {
        core::iter::from_fn(|| self.session.poll_event()).collect()
    }

    fn frame(&mut self, text: &str) {
        self.session.handle_frame(text.as_bytes(), self.now).unwrap();
    }

    fn wait(&mut self, time: Duration) -> Vec<String> {
        self.now = self.now.saturating_add(time);
        self.session.handle_timeout(self.now);
        self.sent()
    }

    fn jump(&mut self, seconds: i64) {
        self.now = Timestamp::from_unix_seconds(self.now.unix_seconds() + seconds).unwrap();
    }

    /// Waits until the session wants something, and tells how long that took.
    fn until_due(&mut self) -> Duration {
        let due = self.session.next_timeout().unwrap();
        let waited = due.duration_since(self.now).unwrap_or_default();
        self.now = self.now.max(due);
        self.session.handle_timeout(self.now);
        waited
    }

    fn ended(&mut self) -> Disconnected {
        match self.events().pop() {
            Some(SessionEvent::Disconnected(end)) => end,
            other => panic!("not ended: {other:?}"),
        }
    }

    fn message(&mut self, text: &str) -> Arrived {
        self.frame(text);
        match self.events().pop() {
            Some(SessionEvent::Message(arrived)) => arrived,
            other => panic!("no message: {other:?}"),
        }
    }
}

fn auth() -> String {
    format!(r#"{{"type":"auth","token":"{KEY}"}}"#)
}

fn pushed(id: &str) -> String {
    format!(r#"{{"type":"message.new","data":{{"id":"{id}","envelope":{{"id":"{id}"}},"payload":{{}}}}}}"#)
}

fn ack(id: &str) -> String {
    format!(r#"{{"type":"ack","id":"{id}"}}"#)
}

// rule: WS-1
#[test]
fn the_key_goes_into_the_first_frame_and_nowhere_else() {
    let mut driven = Driven::new();
    assert_eq!(driven.sent(), ["(connect)"]);
    driven.session.handle_connected(driven.now);
    assert_eq!(driven.sent(), [auth()]);
    assert!(!format!("{:?}", driven.session).contains("7f53"));
}

// rule: WS-2
#[test]
fn an_authentication_without_an_answer_is_sent_once_more_after_400_ms() {
    let mut driven = Driven::new();
    driven.sent();
    driven.session.handle_connected(driven.now);
    assert_eq!(driven.sent(), [auth()]);
    assert_eq!(driven.session.next_timeout(), Some(driven.now.saturating_add(ms(400))));
    assert!(driven.wait(ms(399)).is_empty());
    assert_eq!(driven.wait(ms(1)), [auth()]);
    for _ in 0..9 {
        assert!(driven.wait(secs(1)).is_empty());
    }
    assert_eq!(driven.wait(ms(600)), ["(close 1008)"]);
    assert_eq!(driven.ended().reason, EndReason::NotAuthenticated);
}

// rule: WS-2
#[test]
fn an_answer_in_time_keeps_the_authentication_from_being_sent_twice() {
    for answer in [CONNECTED, r#"{"type":"error","error":"rate_limited"}"#] {
        let mut driven = Driven::new();
        driven.sent();
        driven.session.handle_connected(driven.now);
        driven.sent();
        driven.frame(answer);
        for _ in 0..9 {
            assert!(driven.wait(secs(1)).is_empty());
        }
    }
}

// rule: WS-2
#[test]
fn both_answers_to_an_authentication_that_was_sent_twice_are_taken() {
    let mut driven = Driven::open();
    driven.frame(CONNECTED);
    assert!(driven.events().is_empty() && driven.session.is_open());
    assert_eq!(driven.session.counts().unexpected, 1);
}

#[test]
fn a_connection_that_does_not_come_about_is_given_up() {
    let mut driven = Driven::new();
    assert_eq!(driven.sent(), ["(connect)"]);
    assert_eq!(driven.until_due(), secs(30));
    assert_eq!(driven.sent(), ["(close 1000)"]);
    assert_eq!(driven.ended().reason, EndReason::NotReached);
    assert!(driven.until_due() <= secs(1));
    assert_eq!(driven.sent(), ["(connect)"]);
}

// rule: WS-8
#[test]
fn a_ping_goes_out_every_30_seconds() {
    let mut driven = Driven::open();
    for _ in 0..20 {
        assert_eq!(driven.until_due(), secs(30));
        assert_eq!(driven.sent(), [r#"{"type":"ping"}"#]);
        driven.frame(r#"{"type":"pong"}"#);
    }
    assert!(driven.events().is_empty());
}

// rule: WS-8
#[test]
fn five_minutes_of_silence_end_a_connection() {
    let mut driven = Driven::open();
    let mut waited = Duration::ZERO;
    while driven.session.is_open() {
        waited += driven.until_due();
    }
    assert_eq!(waited, secs(300));
    assert_eq!(driven.ended().reason, EndReason::Silent);
    assert_eq!(driven.sent(), ["(close 1000)"]);
}

// rule: WS-8
#[test]
fn anything_that_is_heard_is_a_sign_of_life() {
    let mut driven = Driven::open();
    for step in 0..6 {
        for _ in 0..9 {
            driven.until_due();
        }
        driven.sent();
        assert!(driven.session.is_open());
        match step % 3 {
            0 => driven.session.handle_control(driven.now),
            1 => driven.frame(r#"{"type":"news"}"#),
            _ => driven.frame("nonsense"),
        }
    }
    assert_eq!((driven.session.counts().unknown, driven.session.counts().malformed), (2, 2));
}

// rule: WS-6
#[test]
fn a40_only_what_is_acknowledged_is_acknowledged() {
    let mut driven = Driven::open();
    let first = driven.message(&pushed("msg_1_a"));
    let second = driven.message(&pushed("msg_2_b"));
    assert!(driven.wait(secs(29)).is_empty());
    drop(first);
    driven.session.acknowledge(second);
    assert_eq!(driven.sent(), [ack("msg_2_b")]);
    assert!(driven.wait(ms(10)).is_empty());
}

// rule: WS-6
#[test]
fn an_acknowledgement_waits_for_the_next_connection() {
    let mut driven = Driven::open();
    let message = driven.message(&pushed("msg_1_a"));
    driven.session.handle_closed(None, driven.now);
    driven.session.acknowledge(message);
    assert!(driven.sent().is_empty());
    driven.until_due();
    assert_eq!(driven.sent(), ["(connect)"]);
    driven.session.handle_connected(driven.now);
    assert_eq!(driven.sent(), [auth()], "nothing goes before the authentication is answered");
    driven.frame(CONNECTED);
    assert_eq!(driven.sent(), [ack("msg_1_a")]);
}

// rule: WS-6
#[test]
fn acknowledgements_that_wait_are_bounded_and_the_rest_comes_again() {
    let mut driven = Driven::open();
    let messages: Vec<Arrived> =
        (0..1030).map(|at| driven.message(&pushed(&format!("msg_{at}_a")))).collect();
    driven.session.handle_closed(None, driven.now);
    for message in messages {
        driven.session.acknowledge(message);
    }
    assert_eq!(driven.session.counts().acks_left_out, 6);
    driven.until_due();
    driven.reconnect();
    assert_eq!(driven.sent().len(), 1024);
}

#[test]
fn acknowledgements_are_spelled_as_the_provider_wants_them() {
    let mut driven = Driven::opened(builder().ack_spelling(AckSpelling::MessageAck));
    let message = driven.message(&pushed("msg_1_a"));
    driven.session.acknowledge(message);
    assert_eq!(driven.sent(), [r#"{"type":"message.ack","id":"msg_1_a"}"#]);
}

// rule: WS-4
#[test]
fn a_pushed_message_is_handed_on_as_it_came_in_either_shape() {
    let mut driven = Driven::open();
    let key = "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c";
    let standard = format!(
        r#"{{"type":"message.new","replay":true,"data":{{"id":"msg_1_a","envelope":{{"id":"x"}} ,"payload":{{"n" :1.0}},"sender_public_key":"{key}"}}}}"#
    );
    let arrived = driven.message(&standard);
    assert_eq!(arrived.bytes(), br#"{"envelope":{"id":"x"},"payload":{"n" :1.0}}"#);
    assert!(arrived.replay() && arrived.carried_key().is_some());
    assert_eq!(arrived.id().as_str(), "msg_1_a");
    let flat = r#"{"type":"message","envelope":{"id":"msg_2_b"},"payload":{},"sender_public_key":""}"#;
    let arrived = driven.message(flat);
    assert!(!arrived.replay() && arrived.carried_key().is_none());
    assert_eq!(arrived.id().as_str(), "msg_2_b");
}

// rule: WS-14
#[test]
fn what_waited_when_the_socket_was_opened_is_marked_though_flat_frames_do_not_say_so() {
    let mut driven = Driven::new();
    driven.sent();
    driven.session.handle_connected(driven.now);
    driven.frame(r#"{"type":"connected","address":"bob@acme.crabmail.ai","pending_count":2}"#);
    let flat = r#"{"type":"message","envelope":{"id":"msg_2_b"},"payload":{}}"#;
    let marks = [(); 4].map(|()| driven.message(flat).replay());
    assert_eq!(marks, [true, true, false, false]);
}

// rule: WS-14
#[test]
fn a_duplicate_is_passed_on_because_the_receiver_knows_it() {
    let mut driven = Driven::open();
    for _ in 0..2 {
        let arrived = driven.message(&pushed("msg_1_a"));
        driven.session.acknowledge(arrived);
        assert_eq!(driven.sent(), [ack("msg_1_a")]);
    }
}

// rule: WS-7
#[test]
fn a_slow_host_loses_nothing() {
    let mut driven = Driven::open();
    let (mut taken, mut refused) = (0_u32, 0);
    let mut seen = Vec::new();
    for at in 0..1000 {
        let text = pushed(&format!("msg_{at}_a"));
        while driven.session.handle_frame(text.as_bytes(), driven.now) == Err(EventsWait) {
            refused += 1;
            // The host takes a few events at a time.
            for _ in 0..100 {
                if let Some(SessionEvent::Message(arrived)) = driven.session.poll_event() {
                    seen.push(arrived.id().as_str().to_owned());
                }
            }
        }
        taken += 1;
    }
    seen.extend(driven.events().into_iter().filter_map(|event| match event {
        SessionEvent::Message(arrived) => Some(arrived.id().as_str().to_owned()),
        _ => None,
    }));
    assert_eq!(seen, (0..1000).map(|at| format!("msg_{at}_a")).collect::<Vec<_>>());
    assert!(taken == 1000 && refused >= 7, "{refused}");
}

// rule: WS-7
#[test]
fn what_waits_for_the_host_is_bounded_in_bytes() {
    let mut driven = Driven::open();
    let filler = "a".repeat(500_000);
    let mut held = 0;
    for at in 0..100 {
        let text = format!(
            r#"{{"type":"message.new","data":{{"id":"msg_{at}_a","envelope":{{}},"payload":{{"m":"{filler}"}}}}}}"#
        );
        match driven.session.handle_frame(text.as_bytes(), driven.now) {
            Ok(()) => held += filler.len(),
            Err(EventsWait) => break,
        }
    }
    assert!(held <= 3 * 1024 * 1024, "{held}");
    assert!(held >= 1024 * 1024, "{held}");
}

// rule: WS-7
#[test]
fn a_host_that_does_not_look_is_not_taken_for_a_silent_peer() {
    let mut driven = Driven::open();
    while driven.session.handle_frame(pushed("msg_1_a").as_bytes(), driven.now).is_ok() {}
    for _ in 0..100 {
        driven.until_due();
        driven.sent();
        assert!(driven.session.is_open());
    }
    driven.events();
    let mut waited = Duration::ZERO;
    while driven.session.is_open() {
        waited += driven.until_due();
    }
    assert!(waited >= secs(270) && waited <= secs(330), "{waited:?}");
}

// rule: WS-9
#[test]
fn reconnections_are_further_and_further_apart_and_never_more_than_a_minute() {
    let mut driven = Driven::new();
    let mut delays = Vec::new();
    for _ in 0..12 {
        assert_eq!(driven.sent(), ["(connect)"]);
        driven.session.handle_closed(None, driven.now);
        assert_eq!(driven.ended().reason, EndReason::Closed(None));
        delays.push(driven.until_due());
    }
    for (delay, whole) in delays.iter().zip([1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60]) {
        assert!(*delay >= secs(whole) / 2 && *delay <= secs(whole), "{delays:?}");
    }
}

// rule: WS-9
#[test]
fn only_a_connection_that_held_a_minute_makes_the_next_delay_short() {
    let delay_after = |held: Duration| {
        let mut driven = Driven::open();
        for _ in 0..5 {
            driven.session.handle_closed(Some(1006), driven.now);
            driven.until_due();
            driven.reconnect();
        }
        driven.now = driven.now.saturating_add(held);
        driven.session.handle_closed(Some(1006), driven.now);
        driven.until_due()
    };
    assert!(delay_after(secs(60)) <= secs(1));
    assert!(delay_after(secs(59)) >= secs(16));
}

// rule: WS-10
#[test]
fn what_is_refused_is_asked_for_rarely() {
    let refusals: [(&[&str], u16, EndReason); 5] = [
        (&[r#"{"type":"error","error":"agent_suspended"}"#], 4003, EndReason::Suspended),
        (&[r#"{"type":"error","error":"invalid_token"}"#], 4003, EndReason::KeyRefused),
        (&[r#"{"type":"error","error":"unauthorized"}"#], 1008, EndReason::KeyRefused),
        (&[], 4003, EndReason::Refused),
        (&[r#"{"type":"error","error":"rate_limited"}"#], 4003, EndReason::Refused),
    ];
    for (frames, code, reason) in refusals {
        let mut driven = Driven::open();
        frames.iter().for_each(|frame| driven.frame(frame));
        driven.session.handle_closed(Some(code), driven.now);
        assert_eq!(driven.ended().reason, reason);
        assert!(driven.until_due() >= secs(150), "{reason:?}");
    }
}

// rule: WS-10
#[test]
fn a_refused_key_is_not_tried_again_and_again() {
    let mut driven = Driven::new();
    let mut attempts = 0;
    let day_later = driven.now.saturating_add(secs(86_400));
    while driven.now < day_later {
        assert_eq!(driven.sent(), ["(connect)"]);
        attempts += 1;
        driven.session.handle_connected(driven.now);
        driven.sent();
        driven.frame(r#"{"type":"error","error":"invalid_token"}"#);
        assert_eq!(driven.sent(), ["(close 1000)"]);
        driven.session.handle_closed(Some(4003), driven.now);
        assert_eq!(driven.ended().reason, EndReason::KeyRefused);
        driven.until_due();
    }
    assert!(attempts < 50, "{attempts}");
}

// rule: WS-10
#[test]
fn a_new_key_is_tried_at_once() {
    let mut driven = Driven::new();
    driven.sent();
    driven.session.handle_connected(driven.now);
    driven.frame(r#"{"type":"error","error":"unauthorized"}"#);
    driven.sent();
    driven.session.replace_key("amp_live_sk_other".parse().unwrap(), driven.now);
    assert_eq!(driven.sent(), ["(connect)"]);
    driven.session.handle_connected(driven.now);
    assert_eq!(driven.sent(), [r#"{"type":"auth","token":"amp_live_sk_other"}"#]);
}

// rule: WS-10
#[test]
fn close_codes_that_lost_frames_cause_are_tried_again_soon() {
    for code in [Some(4001), Some(4002), Some(1001), Some(1006), Some(1011), Some(4999), None] {
        let mut driven = Driven::new();
        driven.sent();
        driven.session.handle_connected(driven.now);
        driven.session.handle_closed(code, driven.now);
        assert_eq!(driven.ended().reason, EndReason::Closed(code));
        assert!(driven.until_due() <= secs(1));
    }
}

// rule: WS-10
#[test]
fn an_upgrade_that_is_refused_is_asked_for_rarely_unless_time_heals_it() {
    let delay_after = |status, retry_after| {
        let mut driven = Driven::new();
        driven.sent();
        driven.session.handle_not_upgraded(status, retry_after, driven.now);
        assert_eq!(driven.ended().reason, EndReason::NotUpgraded(status));
        driven.until_due()
    };
    for status in [400, 401, 403, 404, 405, 426] {
        assert!(delay_after(status, None) >= secs(150), "{status}");
    }
    for status in [429, 408, 500, 502, 503, 200, 302] {
        assert!(delay_after(status, None) <= secs(1), "{status}");
    }
    assert_eq!(delay_after(429, Some(secs(40))), secs(40));
}

// rule: WS-10
#[test]
fn a60_a_huge_retry_after_counts_for_an_hour() {
    let mut driven = Driven::new();
    driven.sent();
    driven.session.handle_not_upgraded(429, Some(Duration::MAX), driven.now);
    assert_eq!(driven.until_due(), secs(3600));
}

fn named(own: &str, stated: &str) -> Option<Naming> {
    let own: Address = own.parse().unwrap();
    let session =
        Session::builder(own, KEY.parse().unwrap()).also_named("alias@acme.crabmail.ai".parse().unwrap());
    let mut driven = Driven::of(session);
    driven.sent();
    driven.session.handle_connected(driven.now);
    driven.frame(stated);
    match driven.events().pop() {
        Some(SessionEvent::Connected(Connected { naming, .. })) => Some(naming),
        Some(SessionEvent::Disconnected(end)) => {
            assert_eq!(end.reason, EndReason::OtherAgent);
            None
        }
        other => panic!("{other:?}"),
    }
}

// rule: WS-11
#[test]
fn a_scoped_agent_may_be_named_by_its_short_address() {
    let connected =
        |address: &str| format!(r#"{{"type":"connected","address":"{address}","pending_count":0}}"#);
    let scoped = "scoped@repo.github.acme.aimaestro.local";
    let short = "scoped@acme.aimaestro.local";
    assert_eq!(named(scoped, &connected(scoped)), Some(Naming::Own));
    assert_eq!(named(scoped, &connected(short)), Some(Naming::Short(short.parse().unwrap())));
    assert_eq!(named(BOB, &connected("alias@acme.crabmail.ai")), Some(Naming::Own));
    assert_eq!(named(BOB, r#"{"type":"connected"}"#), Some(Naming::Unstated));
}

// rule: WS-11
#[test]
fn a60_a_socket_of_another_agent_is_closed_and_nothing_is_acknowledged_there() {
    let others = [
        "alice@acme.crabmail.ai",
        "bob@other.crabmail.ai",
        "bob@acme.crabmail.example",
        "bob@xacme.crabmail.ai",
        "bob@team.acme.crabmail.ai",
    ];
    for other in others {
        assert_eq!(named(BOB, &format!(r#"{{"type":"connected","address":"{other}"}}"#)), None, "{other}");
    }
    let mut driven = Driven::open();
    let message = driven.message(&pushed("msg_1_a"));
    driven.session.handle_closed(None, driven.now);
    driven.session.acknowledge(message);
    driven.until_due();
    driven.sent();
    driven.session.handle_connected(driven.now);
    driven.sent();
    driven.frame(r#"{"type":"connected","data":{"address":"mallory@acme.crabmail.ai"}}"#);
    assert_eq!(driven.sent(), ["(close 1000)"]);
    assert!(driven.until_due() >= secs(150));
}

// rule: WS-3
#[test]
fn a_binary_frame_ends_the_connection() {
    let mut driven = Driven::open();
    driven.session.handle_binary(driven.now);
    assert_eq!(driven.sent(), ["(close 1003)"]);
    assert_eq!(driven.ended().reason, EndReason::BinaryFrame);
}

// rule: WS-13
#[test]
fn a60_a_flood_of_frames_that_say_nothing_ends_the_connection() {
    for noise in
        ["x", r#"{"type":"news"}"#, r#"{"type":"pong"}"#, r#"{"type":"error","error":"x"}"#, CONNECTED]
    {
        let mut driven = Driven::open();
        let mut frames = 0;
        while driven.session.is_open() {
            driven.frame(noise);
            let _ = driven.events();
            frames += 1;
            assert!(frames <= 1001, "{noise}");
        }
        assert_eq!(driven.sent(), ["(close 1008)"]);
    }
    let mut driven = Driven::open();
    for _ in 0..1000 {
        driven.session.handle_control(driven.now);
    }
    assert!(driven.session.is_open());
    driven.session.handle_control(driven.now);
    assert!(!driven.session.is_open());
}

// rule: WS-13
#[test]
fn a60_a_flood_before_the_authentication_ends_the_connection() {
    let mut driven = Driven::new();
    driven.sent();
    driven.session.handle_connected(driven.now);
    for _ in 0..1001 {
        driven.frame(r#"{"type":"news"}"#);
    }
    assert_eq!(driven.ended().reason, EndReason::Flood);
}

// rule: WS-13
#[test]
fn a_flood_of_messages_is_held_by_the_queue_and_ends_nothing() {
    let mut driven = Driven::open();
    for at in 0..5000 {
        driven.frame(&pushed(&format!("msg_{at}_a")));
        assert_eq!(driven.events().len(), 1);
    }
    assert!(driven.session.is_open());
}

// rule: WS-5
#[test]
fn frames_without_a_connection_are_counted_and_change_nothing() {
    let mut driven = Driven::open();
    driven.session.handle_closed(None, driven.now);
    driven.ended();
    driven.frame(&pushed("msg_1_a"));
    driven.frame(CONNECTED);
    driven.session.handle_connected(driven.now);
    driven.session.handle_binary(driven.now);
    assert!(driven.events().is_empty() && driven.sent().is_empty());
    assert_eq!(driven.session.counts().unexpected, 2);
}

#[test]
fn shutting_down_sends_what_was_acknowledged_and_closes() {
    let mut driven = Driven::open();
    let message = driven.message(&pushed("msg_1_a"));
    driven.session.acknowledge(message);
    driven.session.shut_down();
    assert_eq!(driven.sent(), [ack("msg_1_a"), "(close 1000)".to_owned()]);
    assert_eq!(driven.session.next_timeout(), None);
    driven.session.handle_closed(Some(1000), driven.now);
    driven.session.handle_timeout(driven.now);
    assert!(driven.sent().is_empty() && driven.events().is_empty());
}

// rule: WS-12
#[test]
fn a35_a_clock_that_goes_back_ten_years_delays_nothing() {
    let mut driven = Driven::new();
    driven.sent();
    driven.session.handle_closed(None, driven.now);
    driven.jump(-YEARS_10);
    driven.session.handle_timeout(driven.now);
    assert!(driven.until_due() <= secs(1));
    assert_eq!(driven.sent(), ["(connect)"]);

    driven.session.handle_connected(driven.now);
    driven.sent();
    driven.jump(-YEARS_10);
    driven.session.handle_timeout(driven.now);
    assert_eq!(driven.until_due(), ms(400));
    driven.jump(-YEARS_10 / 10);
    assert_eq!(driven.sent(), [auth()]);
    driven.session.handle_timeout(driven.now);
    assert_eq!(driven.until_due(), secs(10));
    assert_eq!(driven.ended().reason, EndReason::NotAuthenticated);

    driven.until_due();
    driven.sent();
    driven.session.handle_connected(driven.now);
    driven.sent();
    driven.frame(CONNECTED);
    driven.jump(-YEARS_10 / 10);
    driven.session.handle_timeout(driven.now);
    assert_eq!(driven.until_due(), secs(30));
    assert_eq!(driven.sent(), [r#"{"type":"ping"}"#]);
}

// rule: WS-12
#[test]
fn a35_a_clock_that_jumps_ahead_asks_before_it_gives_a_connection_up() {
    let mut driven = Driven::open();
    driven.jump(YEARS_10);
    driven.session.handle_timeout(driven.now);
    assert_eq!(driven.sent(), [r#"{"type":"ping"}"#]);
    assert!(driven.session.is_open());
    driven.frame(r#"{"type":"pong"}"#);
    for _ in 0..5 {
        driven.until_due();
        driven.frame(r#"{"type":"pong"}"#);
    }
    assert!(driven.session.is_open());
    driven.jump(YEARS_10);
    driven.session.handle_timeout(driven.now);
    let mut waited = Duration::ZERO;
    while driven.session.is_open() {
        waited += driven.until_due();
    }
    assert_eq!(waited, secs(10));
}

/// What a driver, a peer or a clock may do.
#[derive(Clone, Debug)]
enum Step {
    Due,
    Wait(u64),
    Jump(i64),
    Connected,
    Closed(Option<u16>),
    NotUpgraded(u16),
    Frame(usize),
    Binary,
    Control,
    Send,
    Take,
    Acknowledge,
    ReplaceKey,
}

const FRAMES: [&str; 9] = [
    CONNECTED,
    r#"{"type":"connected","address":"mallory@acme.crabmail.ai"}"#,
    r#"{"type":"pong"}"#,
    r#"{"type":"message","envelope":{"id":"msg_1_a"},"payload":{}}"#,
    r#"{"type":"message.new","replay":true,"data":{"id":"msg_2_b","envelope":{},"payload":{}}}"#,
    r#"{"type":"error","error":"unauthorized"}"#,
    r#"{"type":"error","error":"agent_suspended"}"#,
    r#"{"type":"message.read","id":"msg_1_a"}"#,
    "nonsense",
];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let codes = prop::sample::select(vec![None, Some(1000), Some(1006), Some(4001), Some(4002), Some(4003)]);
    let step = prop_oneof![
        6 => Just(Step::Due),
        3 => (0_u64..400_000).prop_map(Step::Wait),
        1 => (-YEARS_10..YEARS_10).prop_map(Step::Jump),
        4 => Just(Step::Connected),
        2 => codes.prop_map(Step::Closed),
        1 => prop::sample::select(vec![200, 401, 404, 429, 503]).prop_map(Step::NotUpgraded),
        8 => (0..FRAMES.len()).prop_map(Step::Frame),
        4 => Just(Step::Frame(0)),
        1 => Just(Step::Binary),
        1 => Just(Step::Control),
        6 => Just(Step::Send),
        4 => Just(Step::Take),
        3 => Just(Step::Acknowledge),
        1 => Just(Step::ReplaceKey),
    ];
    prop::collection::vec(step, 1..200)
}

/// What the session may have done by now, as a slow reader of its contract has it.
#[derive(Default)]
struct Model {
    /// Authentications of the present connection.
    auths: u32,
    has_socket: bool,
    accepted: bool,
    acknowledged: u32,
    acks_sent: u32,
    held: Vec<Arrived>,
    taken: u32,
}

impl Model {
    fn send(&mut self, session: &mut Session) {
        while let Some(transmit) = session.poll_transmit() {
            match transmit {
                Transmit::Connect => {
                    *self = Self { has_socket: true, auths: 0, accepted: false, ..core::mem::take(self) }
                }
                Transmit::Close(_) => (self.has_socket, self.accepted) = (false, false),
                Transmit::Text(text) => {
                    let text = text.expose();
                    assert!(self.has_socket, "{text}");
                    if text.starts_with(r#"{"type":"auth""#) {
                        self.auths += 1;
                        assert!(self.auths <= 2 && !self.accepted, "an authentication too many");
                    } else {
                        assert!(self.accepted, "{text} before the authentication was answered");
                    }
                    if text.starts_with(r#"{"type":"ack""#) {
                        self.acks_sent += 1;
                        assert!(self.acks_sent <= self.acknowledged, "{text} was not acknowledged");
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn take(&mut self, session: &mut Session) {
        while let Some(event) = session.poll_event() {
            match event {
                SessionEvent::Message(arrived) => self.held.push(arrived),
                SessionEvent::Connected(_) => self.taken += 1,
                _ => {}
            }
        }
    }
}

fn bounded(session: &Session, now: Timestamp) {
    if let Some(due) = session.next_timeout() {
        let longest = secs(3600);
        assert!(due.duration_since(now).unwrap_or_default() <= longest, "nothing is due before {due:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    // rule: WS-2, WS-6, WS-12
    #[test]
    fn a60_no_peer_and_no_clock_makes_a_session_stop_hurry_or_acknowledge(steps in steps(), seed: u64) {
        let mut session = builder().seed(seed).build(start());
        let (mut now, mut model) = (start(), Model::default());
        for step in steps {
            match step {
                Step::Due => {
                    let due = session.next_timeout().unwrap();
                    now = now.max(due);
                    session.handle_timeout(now);
                    prop_assert!(session.next_timeout().unwrap() > now, "what was due is still due");
                }
                Step::Wait(milliseconds) => {
                    now = now.saturating_add(ms(milliseconds));
                    session.handle_timeout(now);
                }
                Step::Jump(seconds) => {
                    now = Timestamp::from_unix_seconds(now.unix_seconds() + seconds).unwrap_or(start());
                    session.handle_timeout(now);
                    bounded(&session, now);
                }
                Step::Connected => {
                    model.send(&mut session);
                    if model.has_socket {
                        session.handle_connected(now);
                    }
                }
                Step::Closed(code) => session.handle_closed(code, now),
                Step::NotUpgraded(status) => session.handle_not_upgraded(status, None, now),
                Step::Frame(at) => {
                    model.send(&mut session);
                    if model.has_socket {
                        while session.handle_frame(FRAMES[at].as_bytes(), now).is_err() {
                            model.take(&mut session);
                        }
                        model.accepted = session.is_open();
                    }
                }
                Step::Binary => session.handle_binary(now),
                Step::Control => session.handle_control(now),
                Step::Send => model.send(&mut session),
                Step::Take => model.take(&mut session),
                Step::Acknowledge => {
                    if let Some(arrived) = model.held.pop() {
                        session.acknowledge(arrived);
                        model.acknowledged += 1;
                    }
                }
                Step::ReplaceKey => session.replace_key(KEY.parse().unwrap(), now),
            }
            model.accepted &= session.is_open();
            bounded(&session, now);
        }
    }
}
