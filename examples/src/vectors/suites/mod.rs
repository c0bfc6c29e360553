//! What this library answers, suite by suite.

mod addresses;
mod aid;
mod cards;
mod federation;
mod input;
mod keys;
mod messages;
mod names;
mod policy;
mod receive;
mod risk;
mod scan;
mod sealed;
mod trust;
mod webhooks;

use serde_json::{Map, Value};

use super::answer::{Answer, Refusal, UNSUPPORTED_SUITE};
use input::Input;

/// The suites that this library implements.
pub const SUITES: [&str; 27] = [
    "address",
    "same-tenant",
    "expand",
    "pattern",
    "id",
    "key",
    "canonical",
    "signing-string",
    "decode",
    "verify",
    "rotation",
    "thread",
    "filename",
    "trust",
    "wrap",
    "card",
    "policy",
    "risk",
    "webhook",
    "federation",
    "txt",
    "target",
    "scan",
    "replay",
    "aid-identity",
    "aid-proof",
    "sealed",
];

/// What an operation gives: the members of its output, or why it failed.
type Outcome = Result<Map<String, Value>, Refusal>;

/// Answers a case.
///
/// ```
/// use amp_examples::vectors::{Answer, Refusal, answer};
/// use serde_json::json;
/// let refused = answer("canonical", &json!({"raw": r#"{"a":1,"a":2}"#, "dialect": "jcs"}));
/// assert_eq!(refused, Answer::Refusal(Refusal::new("duplicate_key")));
/// ```
#[must_use]
pub fn answer(suite: &str, input: &Value) -> Answer {
    let input = Input(input);
    let outcome = match suite {
        "address" => addresses::address(input),
        "same-tenant" => addresses::same_tenant(input),
        "expand" => addresses::expand(input),
        "pattern" => addresses::pattern(input),
        "id" => names::id(input),
        "filename" => names::filename(input),
        "trust" => trust::trust(input),
        "wrap" => trust::wrap(input),
        "thread" => names::thread(input),
        "key" => keys::key(input),
        "rotation" => keys::rotation(input),
        "canonical" => messages::canonical(input),
        "signing-string" => messages::signing_string(input),
        "decode" => messages::decode(input),
        "verify" => messages::verify(input),
        "card" => cards::card(input),
        "policy" => policy::policy(input),
        "risk" => risk::risk(input),
        "webhook" => webhooks::webhook(input),
        "federation" => federation::federation(input),
        "txt" => federation::txt(input),
        "target" => webhooks::target(input),
        "scan" => scan::scan(input),
        "replay" => receive::replay(input),
        "aid-identity" => aid::identity(input),
        "aid-proof" => aid::proof(input),
        "sealed" => sealed::sealed(input),
        _ => Err(Refusal::new(UNSUPPORTED_SUITE)),
    };
    match outcome {
        Ok(output) => Answer::Output(output),
        Err(refusal) => Answer::Refusal(refusal),
    }
}

/// The members of an output; null ones are left out.
fn output<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    let present = members.into_iter().filter(|(_, value)| !value.is_null());
    present.map(|(name, value)| (name.to_owned(), value)).collect()
}
