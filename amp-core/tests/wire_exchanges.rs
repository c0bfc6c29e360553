//! Recorded exchanges with a deployed provider: every request can be made by the client's types, every answer and every
//! frame is read. A line that is neither, and is not named here with its reason, fails the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::std_instead_of_alloc, missing_docs)]

#[path = "wire_exchanges_support/made.rs"]
mod made;
#[path = "wire_exchanges_support/not_made.rs"]
mod not_made;
#[path = "wire_exchanges_support/recorded.rs"]
mod recorded;

use amp_core::wire::{
    Acknowledge, AcknowledgeBatch, Answer, AnyRequest, ApiError, ClientFrame, Deliver, Deregister, Endpoint,
    GetCard, GetHealth, GetMe, GetPending, ListAgents, MarkRead, Register, Request, Resolve, RevokeApiKey,
    RotateApiKey, RotateKeys, Route, ServerFrame, UpdateMe, WireError,
};
use std::collections::BTreeSet;

use not_made::{NotMade, not_made};
use recorded::{Exchange, Line, lines, without_nulls};
use serde_json::Value;

/// What became of the lines of one kind.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    made: usize,
    not_made: usize,
    answers: usize,
    refusals: usize,
}

// rule: API-20
#[test]
fn every_recorded_request_is_made_or_refused_by_name() {
    let mut counts = Counts::default();
    let mut unused: BTreeSet<_> = not_made::names().collect();
    for exchange in lines().into_iter().filter_map(Line::exchange) {
        let name = &exchange.name;
        match not_made(name) {
            Some(NotMade { reason, code, .. }) => {
                let read = AnyRequest::from_parts(&exchange.request)
                    .and_then(|read| provider_check(&exchange, read));
                let said = read.err().and_then(|error| error.code).map(|code| code.as_str().to_owned());
                assert_eq!(said.as_deref(), *code, "{name}: {reason}");
                assert!(made::made(&exchange).is_err(), "{name} can be made, though {reason}");
                counts.not_made += 1;
                unused.remove(name.strip_prefix("strict: ").unwrap_or(name));
            }
            None => {
                let parts = made::made(&exchange).unwrap_or_else(|fault| panic!("{name}: {fault}"));
                exchange.assert_made(&parts);
                // What the client makes, a provider reads, and it says the same again.
                let read = AnyRequest::from_parts(&parts).unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(read.to_parts().body, parts.body, "{name}");
                counts.made += 1;
            }
        }
    }
    assert!(unused.is_empty(), "no longer recorded: {unused:?}");
    assert_eq!((counts.made, counts.not_made), (MADE, NOT_MADE));
}

const MADE: usize = 265;
const NOT_MADE: usize = 104;

/// What a provider finds wrong with a request that it could take apart: the key, or the message in it.
fn provider_check(exchange: &Exchange, read: AnyRequest) -> Result<(), ApiError> {
    exchange.request.key()?;
    match read {
        AnyRequest::Route(route) => made::check_signature(&route),
        AnyRequest::Deliver(delivery) => made::check_delivery(&delivery),
        _ => Ok(()),
    }
}

// rule: API-21
#[test]
fn every_recorded_answer_is_read() {
    let mut counts = Counts::default();
    for exchange in lines().into_iter().filter_map(Line::exchange) {
        let endpoint = Endpoint::find(exchange.request.method, &exchange.request.path).expect(&exchange.name);
        match read_answer(endpoint, &exchange) {
            Ok(()) => counts.answers += 1,
            Err(error) => {
                assert!(!exchange.answer.is_success(), "{}: {error}", exchange.name);
                assert_eq!(error.status, exchange.answer.status, "{}", exchange.name);
                let code =
                    exchange.answer_body().and_then(|body| Some(body.get("error")?.as_str()?.to_owned()));
                assert_eq!(
                    error.code.as_ref().map(|code| code.as_str().to_owned()),
                    code,
                    "{}",
                    exchange.name
                );
                counts.refusals += 1;
            }
        }
    }
    assert_eq!((counts.answers, counts.refusals), (ANSWERS_READ, REFUSALS_READ));
}

const ANSWERS_READ: usize = 227;
const REFUSALS_READ: usize = 142;

fn read_answer(endpoint: Endpoint, exchange: &Exchange) -> Result<(), ApiError> {
    match endpoint {
        Endpoint::GetHealth => kept::<GetHealth>(exchange),
        Endpoint::GetWellKnown => kept::<amp_core::wire::GetWellKnown>(exchange),
        Endpoint::Register => kept::<Register>(exchange),
        Endpoint::GetMe => kept::<GetMe>(exchange),
        Endpoint::UpdateMe => kept::<UpdateMe>(exchange),
        Endpoint::Deregister => kept::<Deregister>(exchange),
        Endpoint::GetCard => kept::<GetCard>(exchange),
        Endpoint::ListAgents => kept::<ListAgents>(exchange),
        Endpoint::Resolve => kept::<Resolve>(exchange),
        Endpoint::Route => kept::<Route>(exchange),
        Endpoint::GetPending => kept::<GetPending>(exchange),
        Endpoint::Acknowledge => kept::<Acknowledge>(exchange),
        Endpoint::AcknowledgeBatch => kept::<AcknowledgeBatch>(exchange),
        Endpoint::MarkRead => kept::<MarkRead>(exchange),
        Endpoint::RotateApiKey => kept::<RotateApiKey>(exchange),
        Endpoint::RotateKeys => kept::<RotateKeys>(exchange),
        Endpoint::RevokeApiKey => kept::<RevokeApiKey>(exchange),
        Endpoint::Deliver => kept::<Deliver>(exchange),
        other => panic!("{}: {other:?} was not recorded before", exchange.name),
    }
}

/// Reads the answer, and writes it again: nothing that it said is lost.
fn kept<R: Request>(exchange: &Exchange) -> Result<(), ApiError> {
    let read = R::Answer::from_parts(&exchange.answer)?;
    let written: Value = serde_json::from_slice(&read.to_parts().body).unwrap();
    let recorded = without_nulls(exchange.answer_body().unwrap());
    for (name, value) in recorded.as_object().unwrap() {
        // The two deployed spellings that are written in the standard's own.
        let standard = match (R::ENDPOINT, name.as_str()) {
            (Endpoint::MarkRead, "receipt_sent") => "read_receipt_sent",
            (Endpoint::Deliver, "status") => {
                assert_eq!(
                    written.get("delivered"),
                    Some(&Value::Bool(value == "delivered")),
                    "{}",
                    exchange.name
                );
                continue;
            }
            (_, name) => name,
        };
        assert_eq!(written.get(standard), Some(value), "{name} of {}", exchange.name);
    }
    Ok(())
}

// rule: API-31
#[test]
fn the_answer_about_somebody_else_is_not_taken() {
    let others = lines().into_iter().filter_map(Line::exchange).filter(|exchange| {
        let Ok(AnyRequest::Resolve(request)) = AnyRequest::from_parts(&exchange.request) else {
            return false;
        };
        exchange.answer.is_success() && request.read_answer(&exchange.answer).is_err()
    });
    // A deployed provider looks a name up and forgets the domain that it was asked for.
    let names: BTreeSet<_> = others.map(|exchange| exchange.name).collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["resolve wrong domain (name match only)"]);
}

#[test]
fn a_key_is_sent_where_one_is_wanted_and_nowhere_else() {
    let api = "http://127.0.0.1:23000/api/v1".parse().unwrap();
    for exchange in lines().into_iter().filter_map(Line::exchange) {
        let Ok(key) = exchange.request.key() else { continue };
        let Ok(read) = AnyRequest::from_parts(&exchange.request) else { continue };
        let AnyRequest::GetMe(request) = read else { continue };
        match (request.to_http(&api, key.as_ref()), &key) {
            (Ok(sent), Some(key)) => {
                let header = sent.headers().get("authorization").unwrap().to_str().unwrap();
                assert_eq!(header, format!("Bearer {}", key.expose()));
                assert!(!sent.uri().to_string().contains(key.expose()));
            }
            (result, None) => assert_eq!(result.unwrap_err(), WireError::KeyMissing),
            (Err(error), Some(_)) => panic!("{error}"),
        }
    }
}

#[test]
fn every_recorded_frame_is_read() {
    let (mut from_server, mut from_client, mut unreadable) = (0, 0, Vec::new());
    for (name, frame) in lines().into_iter().flat_map(Line::frames) {
        if frame.is_from_server {
            let read =
                ServerFrame::decode(frame.text.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(!matches!(read, ServerFrame::Other(_)), "{name}: {}", frame.text);
            from_server += 1;
        } else {
            match ClientFrame::decode(frame.text.as_bytes()) {
                Ok(_) => from_client += 1,
                Err(_) => unreadable.push(frame.text),
            }
        }
    }
    unreadable.sort();
    unreadable.dedup();
    // Sent to see what the server does.
    assert_eq!(unreadable, BROKEN_FRAMES);
    assert_eq!((from_server, from_client), (FRAMES_OF_SERVERS, FRAMES_OF_CLIENTS));
}

const BROKEN_FRAMES: [&str; 4] =
    ["hello", "not json", r#"{"type": "auth", "token": "nope"}"#, r#"{"type": "auth"}"#];
const FRAMES_OF_SERVERS: usize = 29;
const FRAMES_OF_CLIENTS: usize = 33;

// rule: API-33
#[test]
fn what_a_provider_sends_its_neighbour_is_read() {
    let (mut forwards, mut private) = (0, 0);
    for (name, request) in lines().into_iter().filter_map(Line::peer) {
        match AnyRequest::from_parts(&request) {
            Ok(AnyRequest::Route(route)) => {
                let forwarded = route.forwarded().expect(&name);
                assert!(forwarded.message_id().is_some() && forwarded.host() == "vm", "{name}");
                forwards += 1;
            }
            // `/api/agents/…` lies outside the protocol's API: how one deployed program asks another who lives there.
            Err(error) if error.status == 404 && request.path.starts_with("/api/agents/") => private += 1,
            other => panic!("{name}: {other:?}"),
        }
    }
    assert_eq!((forwards, private), (FORWARDS, PRIVATE));
}

const FORWARDS: usize = 15;
const PRIVATE: usize = 20;

#[test]
fn every_line_is_of_a_known_kind() {
    let all = lines();
    assert_eq!(all.len(), 433);
    assert!(all.iter().all(Line::is_known));
}
