//! Pair grants, held against a model that knows nothing of events; and the events, held against the state.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::std_instead_of_alloc, missing_docs)]

use core::time::Duration;
use std::collections::BTreeMap;

use amp_core::admission::{
    Actor, GrantError, GrantEvent, GrantLimits, GrantRefusal, GrantScope, GrantScopes, GrantState, Intent,
    Pair, PairGrants, PendingRequest,
};
use amp_core::{Address, MessageType, Timestamp};
use proptest::prelude::*;

const AGENTS: [&str; 4] = [
    "alice@acme.crabmail.ai",
    "bob@corp.crabmail.ai",
    "carol@acme.crabmail.ai",
    "dave@default.example.local",
];

fn agent(index: usize) -> Address {
    AGENTS[index].parse().unwrap()
}

fn pair(from: usize, to: usize) -> Pair {
    Pair::new(&agent(from), &agent(to))
}

fn owner() -> Actor {
    "owner:1".parse().unwrap()
}

fn at(second: u64) -> Timestamp {
    "2026-01-31T10:00:00Z".parse::<Timestamp>().unwrap().saturating_add(Duration::from_secs(second))
}

fn intent() -> Intent {
    Intent::first_line("May I?")
}

fn applied(grants: &mut PairGrants, event: Result<GrantEvent, GrantError>) -> GrantEvent {
    let event = event.unwrap();
    grants.apply(&event).unwrap();
    event
}

fn contact(grants: &mut PairGrants, pair: &Pair, second: u64) -> Result<(), GrantRefusal> {
    let contact = grants.contact(pair, &GrantScope::Message, &intent(), at(second));
    if let Some(event) = contact.event() {
        grants.apply(event).unwrap();
    }
    contact.outcome()
}

// The model: what an owner remembers, in the owner's words.

#[derive(Clone, Debug, Default, PartialEq)]
enum Standing {
    #[default]
    Strangers,
    Asked(u32),
    Yes {
        scopes: Vec<usize>,
        until: Option<u64>,
    },
    No,
    NoLonger,
}

#[derive(Default)]
struct Model {
    standing: BTreeMap<(usize, usize), Standing>,
}

const SCOPES: [&str; 3] = ["message", "code-review", "github:pull_request"];
const PENDING_PER_RECIPIENT: usize = 2;
const PENDING_PER_SENDER: usize = 2;

impl Model {
    fn of(&self, pair: (usize, usize)) -> Standing {
        self.standing.get(&pair).cloned().unwrap_or_default()
    }

    fn lets_in(&self, pair: (usize, usize), scope: usize, now: u64) -> bool {
        matches!(self.of(pair), Standing::Yes { scopes, until }
            if scopes.contains(&scope) && until.is_none_or(|until| now < until))
    }

    fn waiting(&self, counts: impl Fn(&(usize, usize)) -> bool) -> usize {
        self.standing.iter().filter(|(pair, is)| counts(pair) && matches!(is, Standing::Asked(_))).count()
    }

    fn contact(&mut self, pair: (usize, usize), now: u64) {
        let is_open = match self.of(pair) {
            Standing::Asked(contacts) => {
                self.standing.insert(pair, Standing::Asked(contacts + 1));
                false
            }
            Standing::No => false,
            Standing::Yes { until, .. } => until.is_some_and(|until| now >= until),
            Standing::Strangers | Standing::NoLonger => true,
        };
        let has_room = self.waiting(|(from, _)| *from == pair.0) < PENDING_PER_SENDER
            && self.waiting(|(_, to)| *to == pair.1) < PENDING_PER_RECIPIENT;
        if is_open && has_room {
            self.standing.insert(pair, Standing::Asked(1));
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Contact { scope: usize },
    Grant { scopes: Vec<usize>, for_seconds: Option<u64> },
    Decline,
    Lift,
    Revoke,
    Dismiss,
}

fn steps() -> impl Strategy<Value = Vec<(usize, usize, u64, Step)>> {
    let step = prop_oneof![
        4 => (0..SCOPES.len()).prop_map(|scope| Step::Contact { scope }),
        2 => (proptest::sample::subsequence(vec![0, 1, 2], 1..=3), proptest::option::of(0..40_u64))
            .prop_map(|(scopes, for_seconds)| Step::Grant { scopes, for_seconds }),
        1 => Just(Step::Decline),
        1 => Just(Step::Lift),
        1 => Just(Step::Revoke),
        1 => Just(Step::Dismiss),
    ];
    proptest::collection::vec((0..AGENTS.len(), 0..AGENTS.len(), 0..20_u64, step), 0..60)
}

fn limits() -> GrantLimits {
    GrantLimits::default()
        .with_requests_per_recipient(PENDING_PER_RECIPIENT as u32)
        .with_requests_per_sender(PENDING_PER_SENDER as u32)
}

fn shown(state: &GrantState) -> Standing {
    match state {
        GrantState::None => Standing::Strangers,
        GrantState::Requested(request) => Standing::Asked(request.contacts()),
        GrantState::Granted(grant) => Standing::Yes {
            scopes: (0..SCOPES.len())
                .filter(|index| grant.scopes().contains(&SCOPES[*index].parse().unwrap()))
                .collect(),
            until: grant.until().map(|until| until.duration_since(at(0)).unwrap().as_secs()),
        },
        GrantState::Declined { .. } => Standing::No,
        GrantState::Revoked { .. } => Standing::NoLonger,
        _ => panic!("a state that the model does not have"),
    }
}

fn run(
    grants: &PairGrants,
    model: &mut Model,
    from: usize,
    to: usize,
    now: u64,
    step: &Step,
) -> Option<GrantEvent> {
    let (pair, key) = (pair(from, to), (from, to));
    let before = model.of(key);
    let decided = match step {
        Step::Contact { scope } => {
            let contact = grants.contact(&pair, &SCOPES[*scope].parse().unwrap(), &intent(), at(now));
            assert_eq!(contact.outcome().is_ok(), model.lets_in(key, *scope, now));
            if contact.outcome().is_err() {
                model.contact(key, now);
            }
            contact.event().cloned()
        }
        Step::Grant { scopes, for_seconds } => {
            let until = for_seconds.map(|seconds| now + seconds);
            if before != Standing::No && *for_seconds != Some(0) {
                model.standing.insert(key, Standing::Yes { scopes: scopes.clone(), until });
            }
            let scopes =
                GrantScopes::new(scopes.iter().map(|scope| SCOPES[*scope].parse().unwrap())).unwrap();
            grants.grant(&pair, scopes, until.map(at), &owner(), at(now)).ok()
        }
        Step::Decline => {
            if !matches!(before, Standing::Yes { .. } | Standing::No) {
                model.standing.insert(key, Standing::No);
            }
            grants.decline(&pair, &owner(), at(now)).ok()
        }
        Step::Lift => {
            if before == Standing::No {
                model.standing.remove(&key);
            }
            grants.lift(&pair, &owner(), at(now)).ok()
        }
        Step::Revoke => {
            if matches!(before, Standing::Yes { .. }) {
                model.standing.insert(key, Standing::NoLonger);
            }
            grants.revoke(&pair, &owner(), at(now)).ok()
        }
        Step::Dismiss => {
            if matches!(before, Standing::Asked(_)) {
                model.standing.remove(&key);
            }
            grants.dismiss(&pair, &owner(), at(now)).ok()
        }
    };
    assert_eq!(shown(grants.state(&pair)), before, "deciding changes nothing");
    decided
}

proptest! {
    // rule: GRANT-1, GRANT-2, GRANT-4, GRANT-6, GRANT-8, GRANT-9
    #[test]
    fn grants_do_what_the_model_says_and_are_the_replay_of_their_events(steps in steps()) {
        let (mut grants, mut model) = (PairGrants::with_limits(limits()), Model::default());
        let (mut log, mut now) = (Vec::new(), 0);
        for (from, to, passed, step) in &steps {
            now += passed;
            if let Some(event) = run(&grants, &mut model, *from, *to, now, step) {
                prop_assert_eq!(event.at(), at(now));
                let is_contact = matches!(step, Step::Contact { .. });
                prop_assert_eq!(event.actor().as_str() == AGENTS[*from], is_contact);
                grants.apply(&event).unwrap();
                // What was stored reads back, and is applied once.
                let stored = GrantEvent::from_json(event.to_json().as_bytes()).unwrap();
                prop_assert_eq!(&stored, &event);
                if event.before() != event.after() {
                    prop_assert_eq!(grants.clone().apply(&stored), Err(GrantError::Stale));
                }
                log.push(stored);
            }
            for (from, to) in (0..4).flat_map(|from| (0..4).map(move |to| (from, to))) {
                let pair = pair(from, to);
                prop_assert_eq!(shown(grants.state(&pair)), model.of((from, to)));
                for (scope, name) in SCOPES.iter().enumerate() {
                    let lets_in = grants.check(&pair, &name.parse().unwrap(), at(now)).is_ok();
                    prop_assert_eq!(lets_in, model.lets_in((from, to), scope, now));
                }
                let holds = |from, to| (0..3).any(|scope| model.lets_in((from, to), scope, now));
                prop_assert_eq!(grants.is_mutual(&pair, at(now)), holds(from, to) && holds(to, from));
            }
            prop_assert_eq!(&PairGrants::replay(limits(), &log).unwrap(), &grants);
        }
        prop_assert_eq!(grants.iter().count(), model.standing.len());
    }

    // rule: GRANT-10
    #[test]
    fn a_log_with_an_event_missing_is_noticed_or_was_of_no_account(steps in steps(), missing in any::<prop::sample::Index>()) {
        let (mut grants, mut model) = (PairGrants::with_limits(limits()), Model::default());
        let (mut log, mut now) = (Vec::new(), 0);
        for (from, to, passed, step) in &steps {
            now += passed;
            if let Some(event) = run(&grants, &mut model, *from, *to, now, step) {
                grants.apply(&event).unwrap();
                log.push(event);
            }
        }
        prop_assume!(!log.is_empty());
        let index = missing.index(log.len());
        let removed = log.remove(index);
        let follows = log.iter().skip(index).any(|event| event.pair() == removed.pair());
        if follows && removed.before() != removed.after() {
            prop_assert_eq!(PairGrants::replay(limits(), &log), Err(GrantError::Stale));
        }
    }

    #[test]
    fn any_bytes_are_no_event_or_one_that_reads_back(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(event) = GrantEvent::from_json(&bytes) {
            prop_assert_eq!(GrantEvent::from_json(event.to_json().as_bytes()), Ok(event));
        }
    }

    // rule: GRANT-5
    #[test]
    fn an_intent_is_one_short_line_whatever_was_written(text in "\\PC{0,400}|(.|[\\r\\n\u{85}\u{2028}\u{0}\u{1b}]){0,400}") {
        let intent = Intent::first_line(&text);
        prop_assert_eq!(intent.as_str().parse::<Intent>(), Ok(intent.clone()));
        prop_assert!(intent.as_str().chars().count() <= 280);
        // A model sees it in a wrapper that it cannot leave.
        let shown = intent.for_prompt(&agent(0)).render().to_lowercase();
        prop_assert_eq!(shown.matches("<external-content").count(), 1);
        prop_assert_eq!(shown.matches("</external-content").count(), 1);
    }
}

// rule: GRANT-3
#[test]
fn a_first_contact_waits_and_further_ones_are_counted_and_not_kept() {
    let mut grants = PairGrants::new();
    let stranger = pair(0, 1);
    assert_eq!(contact(&mut grants, &stranger, 0), Err(GrantRefusal::Requested));
    let again = grants.contact(&stranger, &GrantScope::Casual, &Intent::first_line("Buy now"), at(9));
    grants.apply(again.event().unwrap()).unwrap();
    let request = grants.state(&stranger).request().unwrap();
    assert_eq!((request.contacts(), request.since(), request.scope()), (2, at(0), &GrantScope::Message));
    assert_eq!(request.intent().as_str(), "May I?");
}

// rule: GRANT-3
#[test]
fn a_flood_of_contacts_stops_being_counted_and_leaves_no_more_events() {
    let mut grants = PairGrants::new();
    let stranger = pair(0, 1);
    let mut events = 0;
    for second in 0..u64::from(PendingRequest::CONTACTS_MAX) + 500 {
        let contact = grants.contact(&stranger, &GrantScope::Message, &intent(), at(second));
        assert_eq!(contact.outcome(), Err(GrantRefusal::Requested));
        if let Some(event) = contact.event() {
            grants.apply(event).unwrap();
            events += 1;
        }
    }
    assert_eq!(events, PendingRequest::CONTACTS_MAX);
    assert_eq!(grants.state(&stranger).request().unwrap().contacts(), PendingRequest::CONTACTS_MAX);
    assert!(grants.grant(&stranger, GrantScope::Message.into(), None, &owner(), at(9)).is_ok());
}

// rule: GRANT-7
#[test]
fn a_declined_stranger_stays_out_until_the_owner_lifts_it() {
    let mut grants = PairGrants::new();
    let stranger = pair(0, 1);
    assert!(contact(&mut grants, &stranger, 0).is_err());
    let no = grants.decline(&stranger, &owner(), at(1));
    applied(&mut grants, no);
    for second in [2, 1_000, 100_000_000] {
        let contact = grants.contact(&stranger, &GrantScope::Message, &intent(), at(second));
        assert_eq!((contact.outcome(), contact.event()), (Err(GrantRefusal::Declined), None));
    }
    assert_eq!(
        grants.grant(&stranger, GrantScope::Message.into(), None, &owner(), at(2)),
        Err(GrantError::Declined),
        "a yes by mistake does not undo a no"
    );
    let lifted = grants.lift(&stranger, &owner(), at(3));
    applied(&mut grants, lifted);
    assert_eq!(contact(&mut grants, &stranger, 4), Err(GrantRefusal::Requested), "lifting grants nothing");
}

// rule: GRANT-6
#[test]
fn a_grant_ends_when_it_is_looked_at_and_a_clock_set_back_does_not_revive_a_revoked_one() {
    let mut grants = PairGrants::new();
    let friend = pair(0, 1);
    let yes = grants.grant(&friend, GrantScope::Message.into(), Some(at(10)), &owner(), at(0));
    applied(&mut grants, yes);
    assert!(grants.check(&friend, &GrantScope::Message, at(9)).is_ok());
    assert_eq!(grants.check(&friend, &GrantScope::Message, at(10)), Err(GrantRefusal::NotGranted));
    let revoked = grants.revoke(&friend, &owner(), at(20));
    applied(&mut grants, revoked);
    assert_eq!(grants.check(&friend, &GrantScope::Message, at(5)), Err(GrantRefusal::NotGranted));
    for until in [at(0), at(5)] {
        let refused = grants.grant(&friend, GrantScope::Message.into(), Some(until), &owner(), at(5));
        assert_eq!(refused, Err(GrantError::EndsBeforeItBegins));
    }
}

// rule: GRANT-4
#[test]
fn a_message_needs_the_scope_of_its_type() {
    let mut grants = PairGrants::new();
    let friend = pair(0, 1);
    let yes = grants.grant(&friend, GrantScope::Message.into(), None, &owner(), at(0));
    applied(&mut grants, yes);
    for (kind, is_let_in) in [
        ("request", true),
        ("task", true),
        ("no such type", true),
        ("message", true),
        ("scheduling", false),
        ("casual", false),
        ("projects", false),
        ("code-review", false),
        ("github:pull_request", false),
    ] {
        let needed = GrantScope::needed_by(&MessageType::read(kind));
        let contact = grants.contact(&friend, &needed, &intent(), at(1));
        assert_eq!(contact.outcome().is_ok(), is_let_in, "{kind}");
        assert_eq!(contact.event(), None, "a friend's other wishes are not a stranger's request");
    }
    assert!(
        grants.check(&friend.reversed(), &GrantScope::Message, at(1)).is_err(),
        "a grant has a direction"
    );
}

// rule: GRANT-8
#[test]
fn what_finds_no_room_is_refused_and_not_remembered() {
    let mut grants = PairGrants::with_limits(limits().with_pairs(3));
    assert_eq!(contact(&mut grants, &pair(0, 1), 0), Err(GrantRefusal::Requested));
    assert_eq!(contact(&mut grants, &pair(2, 1), 0), Err(GrantRefusal::Requested));
    assert_eq!(contact(&mut grants, &pair(3, 1), 0), Err(GrantRefusal::TooManyRequests), "of one recipient");
    assert_eq!(contact(&mut grants, &pair(0, 2), 0), Err(GrantRefusal::Requested));
    assert_eq!(contact(&mut grants, &pair(0, 3), 0), Err(GrantRefusal::TooManyRequests), "of one sender");
    assert_eq!(contact(&mut grants, &pair(3, 0), 0), Err(GrantRefusal::TooManyRequests), "of all pairs");
    assert_eq!(grants.state(&pair(3, 1)), &GrantState::None);
    let stranger = pair(3, 0);
    let scope = || GrantScopes::from(GrantScope::Message);
    assert_eq!(grants.grant(&stranger, scope(), None, &owner(), at(1)), Err(GrantError::TooManyPairs));
    assert_eq!(grants.decline(&stranger, &owner(), at(1)), Err(GrantError::TooManyPairs));
    assert!(
        grants.grant(&pair(0, 1), scope(), None, &owner(), at(1)).is_ok(),
        "who is known can be answered"
    );
    // An answer makes room.
    let dismissed = grants.dismiss(&pair(0, 2), &owner(), at(1));
    applied(&mut grants, dismissed);
    assert_eq!(contact(&mut grants, &pair(0, 3), 2), Err(GrantRefusal::Requested));
}

// rule: GRANT-11
#[test]
fn every_refusal_looks_alike_from_outside() {
    for refusal in [
        GrantRefusal::Requested,
        GrantRefusal::NotGranted,
        GrantRefusal::OtherScope,
        GrantRefusal::Declined,
        GrantRefusal::TooManyRequests,
    ] {
        assert_eq!(refusal.code(), "recipient_not_allowed");
    }
}

// rule: GRANT-9
#[test]
fn an_event_decided_before_another_was_applied_is_stale() {
    let mut grants = PairGrants::new();
    let stranger = pair(0, 1);
    let yes = grants.grant(&stranger, GrantScope::Message.into(), None, &owner(), at(0)).unwrap();
    let no = grants.decline(&stranger, &owner(), at(0)).unwrap();
    grants.apply(&no).unwrap();
    let before = grants.clone();
    assert_eq!(grants.apply(&yes), Err(GrantError::Stale));
    assert_eq!(grants, before);
}

// rule: GRANT-10
#[test]
fn an_event_that_no_step_leads_to_is_not_read() {
    let base = r#"{"from":"alice@acme.crabmail.ai","to":"bob@corp.crabmail.ai","actor":"owner:1","at":"2026-01-31T10:00:00Z","before":BEFORE,"after":AFTER}"#;
    let none = r#"{"state":"none"}"#;
    let since = r#""since":"2026-01-31T10:00:00Z""#;
    let declined = format!(r#"{{"state":"declined",{since}}}"#);
    let revoked = format!(r#"{{"state":"revoked",{since}}}"#);
    let granted = format!(r#"{{"state":"granted","scopes":["message"],{since}}}"#);
    let ended = r#"{"state":"granted","scopes":["message"],"since":"2026-01-01T00:00:00Z","until":"2026-01-31T10:00:00Z"}"#;
    let request =
        |n: u32| format!(r#"{{"state":"requested","scope":"message","intent":"hi",{since},"contacts":{n}}}"#);
    let read = |before: &str, after: &str| {
        GrantEvent::from_json(base.replace("BEFORE", before).replace("AFTER", after).as_bytes())
    };
    for (before, after) in [
        (none, &*granted),
        (none, &declined),
        (none, &request(1)),
        (&request(1), &request(2)),
        (&request(999), &request(1000)),
        (&request(7), none),
        (&granted, &revoked),
        (&granted, &granted),
        (ended, &request(1)),
        (&revoked, &request(1)),
        (&revoked, &granted),
        (&revoked, &declined),
        (&declined, none),
    ] {
        assert!(read(before, after).is_ok(), "{before} to {after}");
    }
    let until = granted.replace("}", r#","until":"2026-01-31T10:00:00Z"}"#);
    let many: Vec<String> = (0..33).map(|n| format!("\"x:{n}\"")).collect();
    for (before, after) in [
        (none, none),
        (none, &*revoked),
        (none, &request(2)),
        (&request(1), &request(3)),
        (&request(2), &request(1)),
        (&request(1000), &request(1001)),
        (none, &request(0)),
        (&request(1), &revoked),
        (&declined, &granted),
        (&declined, &request(1)),
        (&declined, &declined),
        (&granted, none),
        (&granted, &request(1)),
        (ended, &request(2)),
        (&granted, &declined),
        (&revoked, none),
        (none, &until),
        (none, &granted.replace("[\"message\"]", "[]")),
        (none, &granted.replace("\"message\"", "\"everything\"")),
        (none, &granted.replace("\"message\"", &many.join(","))),
        (none, &granted.replace("granted", "trusted")),
        (none, &granted.replace("}", r#","note":"x"}"#)),
        (none, &request(1).replace("hi", "two\\nlines")),
        (none, &request(1).replace("hi", &"x".repeat(281))),
        ("null", &granted),
    ] {
        assert!(read(before, after).is_err(), "{before} to {after}");
    }
    let good = base.replace("BEFORE", none).replace("AFTER", &granted);
    for (part, other) in [
        ("\"actor\":\"owner:1\"", "\"actor\":\"\""),
        ("\"actor\":\"owner:1\"", "\"actor\":\"a b\""),
        ("\"actor\":\"owner:1\"", "\"actor\":\"owner:1\",\"actor\":\"x\""),
        ("alice@acme.crabmail.ai", "alice"),
        ("\"at\":\"2026-01-31T10:00:00Z\"", "\"at\":\"2026-01-31\""),
        ("\"at\":", "\"extra\":1,\"at\":"),
    ] {
        assert!(GrantEvent::from_json(good.replace(part, other).as_bytes()).is_err(), "{other}");
    }
}
