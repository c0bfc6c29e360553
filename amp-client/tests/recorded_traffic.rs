//! What the deployed provider answered when it was recorded, played to the client: every day's calls end as the answer
//! says, and no answer is taken for more than it is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    missing_docs
)]

mod client_support;

use std::time::Duration;

use amp_client::address::{AgentName, Profile};
use amp_client::envelope::MessageId;
use amp_client::trust::PinState;
use amp_client::wire::{AgentScope, GetHealth, MarkRead, Retry, RevokeApiKey};
use amp_client::{Address, Client, ClientBuilder, Draft, Error, ErrorKind, Identity, Timestamp};
use client_support::{ALICE, Answer, BOB, Scripted, Seen, record};
use serde_json::Value;

/// A recorded answer.
#[derive(Clone)]
struct Recorded {
    name: String,
    method: String,
    path: String,
    request: String,
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

fn recorded() -> Vec<Recorded> {
    let lines = include_str!("../../vectors/maestro-exchanges.jsonl").lines();
    lines.filter_map(|line| Recorded::of(&serde_json::from_str(line).unwrap())).collect()
}

/// All answers that were recorded under names that begin so.
fn named(name: &str) -> Vec<Recorded> {
    let found: Vec<Recorded> = recorded().into_iter().filter(|one| one.name.starts_with(name)).collect();
    assert!(!found.is_empty(), "nothing is recorded as {name}");
    found
}

impl Recorded {
    fn of(line: &Value) -> Option<Self> {
        let (request, response) = (line.get("request")?, line.get("response")?);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let headers = response["headers"].as_object().unwrap().iter();
        Some(Self {
            name: text(&line["name"]),
            method: text(&request["method"]),
            path: text(&request["path"]),
            request: request["body"].as_str().unwrap_or_default().to_owned(),
            status: response["status"].as_u64().unwrap().try_into().unwrap(),
            headers: headers.map(|(name, value)| (name.clone(), text(value))).collect(),
            body: text(&response["body"]),
        })
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// With members of its body set.
    fn with(mut self, members: &[(&str, &str)]) -> Self {
        let mut body = self.json();
        for (name, value) in members {
            body[*name] = Value::from(*value);
        }
        self.body = body.to_string();
        self
    }

    fn answer(&self) -> Answer {
        let framing = ["content-length", "transfer-encoding", "connection"];
        let headers = self.headers.iter().filter(|(name, _)| !framing.contains(&&*name.to_ascii_lowercase()));
        let headers: String = headers.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let (status, length, body) = (self.status, self.body.len(), &self.body);
        let head =
            format!("HTTP/1.1 {status} Status\r\n{headers}Content-Length: {length}\r\nConnection: close");
        Answer::Raw(format!("{head}\r\n\r\n{body}").into_bytes())
    }

    /// A provider that answers everything so, and a client of it who is registered.
    async fn played(&self) -> (Scripted, Client) {
        let answer = self.clone();
        let provider = Scripted::start(move |_, _| answer.answer()).await;
        let there = record("alice@acme.aimaestro.local", &provider.url());
        let set = |builder: ClientBuilder| builder.registration(there).timeout(Duration::from_millis(900));
        let alice = provider.alice_with(set).await;
        (provider, alice)
    }

    /// That the client says of a refusal what the provider said.
    fn assert_refused(&self, error: &Error) {
        let (name, said) = (&self.name, self.json());
        assert_eq!(error.api().map(|api| api.status), Some(self.status), "{name}: {error}");
        assert_eq!(error.code(), said["error"].as_str(), "{name}: {error}");
        let repeats = matches!(self.status, 429 | 500..);
        assert_eq!(error.retry(now()) == Retry::Never, !repeats, "{name}: {error}");
        assert!(self.status == 500 || error.kind() == ErrorKind::Refused, "{name}: {error}");
        assert!(!error.to_string().contains(|c: char| c.is_control()), "{name}");
    }
}

fn now() -> Timestamp {
    Timestamp::try_from(std::time::SystemTime::now()).unwrap()
}

fn address(text: &str) -> Address {
    Address::parse_with(text, Profile::Deployed).unwrap()
}

fn id(text: &str) -> MessageId {
    MessageId::parse_with(text, Profile::Deployed).unwrap()
}

fn hello() -> Draft {
    Draft::request(address(BOB), "Hello", "Are you there?")
}

#[tokio::test]
async fn every_answer_to_a_message_is_told_as_it_is() {
    let (mut taken, mut refused) = (0, 0);
    for one in recorded() {
        if (&*one.method, &*one.path) != ("POST", "/api/v1/route") {
            continue;
        }
        let (provider, alice) = one.played().await;
        match alice.send(hello()).await {
            Ok(sent) => {
                assert_eq!(one.status, 200, "{}", one.name);
                assert_eq!(sent.id().map(MessageId::as_str), one.json()["id"].as_str(), "{}", one.name);
                assert_eq!(Some(sent.status().as_str()), one.json()["status"].as_str(), "{}", one.name);
                taken += 1;
            }
            Err(error) => {
                assert_ne!(one.status, 200, "{}", one.name);
                one.assert_refused(&error);
                refused += 1;
            }
        }
        // What may help is asked again, under one idempotency key; what is refused is asked once.
        let asked = provider.seen();
        assert_eq!(asked.len() > 1, matches!(one.status, 429 | 500..), "{}: {}", one.name, asked.len());
        assert!(asked.iter().all(|seen| seen.body == asked[0].body), "{}", one.name);
    }
    assert_eq!((taken, refused), (83, 61));
}

#[tokio::test]
async fn every_answer_to_a_registration_is_taken_as_it_is() {
    let (mut taken, mut refused) = (0, 0);
    for one in recorded() {
        if (&*one.method, &*one.path) != ("POST", "/api/v1/register") {
            continue;
        }
        let identity = Identity::from_seed(&[7; 32]);
        let own = match one.status {
            201 => one.clone().with(&[("fingerprint", &identity.fingerprint().to_string())]),
            _ => one.clone(),
        };
        let routed = named("route unsigned").remove(0);
        let provider = Scripted::start(move |seen: &Seen, _| match &*seen.path {
            "/v1/register" => own.answer(),
            _ => routed.answer(),
        })
        .await;
        let asked: Value = serde_json::from_str(&one.request).unwrap_or_default();
        let name = asked["name"].as_str().unwrap_or("zed").to_ascii_lowercase();
        let name = if AgentName::parse(&name).is_ok() { name } else { "zed".into() };
        let mut builder = Client::builder(provider.url()).in_memory().identity(identity).tenant("acme");
        if asked["scope"].is_object() {
            let text = |member: &str| asked["scope"][member].as_str().unwrap();
            let scope = AgentScope::new(text("platform"), Some(text("repo"))).unwrap();
            builder = builder.scope(scope);
        }
        match builder.timeout(Duration::from_millis(900)).register(&name).await {
            Ok(client) => {
                taken += 1;
                let said = one.json();
                assert_eq!(Some(client.address().as_str()), said["address"].as_str(), "{}", one.name);
                // The endpoint and the route URL are another site's: they are not followed, and the latter is reported.
                assert!(client.registrations()[0].ignored_route_url().is_some(), "{}", one.name);
                client.send(hello()).await.unwrap();
                let last = provider.seen().pop().unwrap();
                assert_eq!(last.path, "/v1/route", "{}", one.name);
                assert!(last.head.contains(said["api_key"].as_str().unwrap()), "{}", one.name);
            }
            Err(error) => {
                refused += 1;
                one.assert_refused(&error);
            }
        }
    }
    assert_eq!((taken, refused), (29, 33));
}

#[tokio::test]
async fn a_registration_of_another_key_is_not_taken() {
    let one = named("register alice").remove(0);
    let provider = Scripted::start(move |_, _| one.answer()).await;
    let builder = Client::builder(provider.url()).in_memory().identity(Identity::from_seed(&[7; 32]));
    let error = builder.tenant("acme").register("alice").await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Key | ErrorKind::BadAnswer), "{error}");
}

#[tokio::test]
async fn a_taken_name_comes_with_suggestions() {
    let (_provider, alice) = named("register err: duplicate name").remove(0).played().await;
    let error = alice.register_at(&"http://127.0.0.1:9/v1".parse().unwrap(), "alice").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    let one = named("register err: duplicate name").remove(0);
    let provider = Scripted::start(move |_, _| one.answer()).await;
    let error = alice.register_at(&provider.url(), "alice").await.unwrap_err();
    assert_eq!(error.code(), Some("name_taken"));
    let details = error.api().unwrap().details().unwrap().as_object().unwrap();
    let suggestions = details.get("suggestions").unwrap();
    assert_eq!(suggestions.elements().count(), 3);
}

#[tokio::test]
async fn who_was_found_is_pinned_and_who_was_not_is_not() {
    for one in named("resolve") {
        let asked = one.path.rsplit('/').next().unwrap().replace("%40", "@");
        let (provider, alice) = one.played().await;
        let outcome = alice.resolve(&address(&asked)).await;
        let is_other = one.json()["address"].as_str().is_some_and(|said| said != asked);
        match outcome {
            Ok(peer) => {
                assert!(one.status == 200 && !is_other, "{}", one.name);
                let said = one.json();
                assert_eq!(Some(&*peer.key().fingerprint().to_string()), said["fingerprint"].as_str());
                assert_eq!(peer.pin(), PinState::FirstSeen);
                assert!(alice.known_key(&address(&asked)).await.unwrap().is_some());
            }
            Err(error) => {
                if is_other {
                    // The deployed provider looks at the name alone and answers with another agent.
                    assert_eq!(error.kind(), ErrorKind::BadAnswer, "{}: {error}", one.name);
                } else {
                    one.assert_refused(&error);
                }
                assert!(alice.known_key(&address(&asked)).await.unwrap().is_none());
            }
        }
        assert!(provider.seen().iter().all(|seen| seen.has_key()));
    }
}

#[tokio::test]
async fn what_waits_is_read_as_it_was_listed() {
    for one in named("pending") {
        let (_provider, alice) = one.played().await;
        match alice.pending().await {
            Ok(pending) => {
                let said = one.json();
                let said: Vec<&str> = said["messages"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|one| one["id"].as_str().unwrap())
                    .collect();
                let read: Vec<&str> = pending.messages.iter().map(|entry| entry.id.as_str()).collect();
                assert_eq!(read, said, "{}", one.name);
            }
            Err(error) => one.assert_refused(&error),
        }
    }
}

#[tokio::test]
async fn an_acknowledgement_is_done_whether_it_was_done_before_or_not() {
    let two = [id("msg_1795164441512_wdpaof2"), id("msg_1795164441529_txjmjor")];
    for one in named("ack path form").into_iter().chain(named("ack again")) {
        let (provider, alice) = one.played().await;
        let expected = u64::from(one.status == 200);
        assert_eq!(alice.acknowledge(&two[..1]).await.unwrap(), expected, "{}", one.name);
        let asked = provider.seen().pop().unwrap();
        assert_eq!(
            (&*asked.method, &*asked.path),
            ("DELETE", "/v1/messages/pending/msg_1795164441512_wdpaof2")
        );
    }
    for one in named("batch ack") {
        let (_provider, alice) = one.played().await;
        assert_eq!(Some(alice.acknowledge(&two).await.unwrap()), one.json()["acknowledged"].as_u64());
    }
}

#[tokio::test]
async fn a_receipt_says_which_way_it_went() {
    for one in named("read receipt") {
        let (provider, alice) = one.played().await;
        let said = one.json();
        let message = id(said["message_id"].as_str().unwrap());
        let read = alice.call(&MarkRead::new(message).to(&address(ALICE))).await.unwrap();
        assert_eq!(
            read.message_id.as_ref().map(MessageId::as_str),
            said["message_id"].as_str(),
            "{}",
            one.name
        );
        assert!(provider.seen()[0].body.contains(ALICE));
    }
}

#[tokio::test]
async fn the_agents_own_record_is_read() {
    for one in named("me no auth").into_iter().chain(named("me after")) {
        let (_provider, alice) = one.played().await;
        match alice.me().await {
            Ok(me) => {
                assert_eq!(Some(me.address.as_str()), one.json()["address"].as_str());
                // A webhook's secret that is told back is not shown.
                assert!(!format!("{me:?}").contains("whsec_x"));
            }
            Err(error) => one.assert_refused(&error),
        }
    }
    for one in named("agents search") {
        let (_provider, alice) = one.played().await;
        let found = alice.agents("bob").await.unwrap();
        assert_eq!(found.len(), one.json()["agents"].as_array().unwrap().len());
    }
    for one in named("health") {
        let (_provider, alice) = one.played().await;
        alice.call(&GetHealth).await.unwrap();
    }
}

#[tokio::test]
async fn a_card_is_handed_over_as_it_came() {
    for one in named("me/card") {
        let (_provider, alice) = one.played().await;
        assert_eq!(alice.card().await.unwrap().as_bytes(), one.body.as_bytes(), "{}", one.name);
    }
}

#[tokio::test]
async fn an_api_key_is_replaced_and_the_new_one_is_used() {
    for one in named("rotate-key").into_iter().filter(|one| one.name == "rotate-key") {
        let (rotated, me) = (one.clone(), named("old key in grace").remove(0));
        let me = me.with(&[("address", ALICE)]);
        let provider = Scripted::start(move |seen: &Seen, _| match &*seen.path {
            "/v1/auth/rotate-key" => rotated.answer(),
            _ => me.answer(),
        })
        .await;
        let alice = provider.alice().await;
        let until = alice.rotate_api_key().await.unwrap();
        assert_eq!(until, one.json()["previous_key_valid_until"].as_str().map(|time| time.parse().unwrap()));
        alice.me().await.unwrap();
        assert!(provider.seen().pop().unwrap().head.contains(one.json()["api_key"].as_str().unwrap()));
    }
    for one in named("revoke-key") {
        let (_provider, alice) = one.played().await;
        alice.call(&RevokeApiKey).await.unwrap();
    }
}

#[tokio::test]
async fn a_signing_key_is_replaced_only_when_the_provider_has_the_new_one() {
    for one in named("rotate-keys") {
        let (new, old) = (Identity::from_seed(&[8; 32]), Identity::from_seed(&[7; 32]));
        let in_force = if one.status == 200 { &new } else { &old };
        let fingerprint = in_force.fingerprint().to_string();
        let (pem, did) =
            (in_force.verifying_key().to_pem(), in_force.verifying_key().did().unwrap().to_string());
        let own = [("fingerprint", &*fingerprint), ("public_key", &*pem), ("did", &*did), ("address", ALICE)];
        let rotated = if one.status == 200 { one.clone().with(&own) } else { one.clone() };
        let resolved = named("resolve urlencoded").remove(0).with(&own);
        let provider = Scripted::start(move |seen: &Seen, _| match &*seen.path {
            "/v1/auth/rotate-keys" => rotated.answer(),
            _ => resolved.answer(),
        })
        .await;
        let alice = provider.alice().await;
        let outcome = alice.rotate_keys_to(Identity::from_seed(&[8; 32])).await;
        let key = alice.verifying_key();
        if one.status == 200 {
            outcome.unwrap();
            assert_eq!(&key, new.verifying_key());
        } else {
            one.assert_refused(&outcome.unwrap_err());
            assert_eq!(&key, old.verifying_key(), "{}", one.name);
        }
    }
}

#[tokio::test]
async fn what_a_proxy_says_in_its_place_is_no_answer() {
    let page = "<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1><p>The server cannot be reached: s3cr3t</p></body></html>";
    for (status, kind, body) in [
        (502, "text/html", page),
        (200, "text/html", page),
        (404, "text/html", page),
        (200, "application/json", ""),
        (500, "application/json", ""),
        (200, "application/json", "{\"id\":"),
        (200, "application/json", "null"),
    ] {
        let one = Recorded {
            name: format!("{status} {kind}"),
            method: String::new(),
            path: String::new(),
            request: String::new(),
            status,
            headers: vec![("Content-Type".into(), kind.into())],
            body: body.into(),
        };
        let (_provider, alice) = one.played().await;
        let errors = [
            alice.send(hello()).await.map(drop).unwrap_err(),
            alice.resolve(&address(BOB)).await.map(drop).unwrap_err(),
            alice.pending().await.map(drop).unwrap_err(),
            alice.me().await.map(drop).unwrap_err(),
            alice.rotate_api_key().await.map(drop).unwrap_err(),
        ];
        for error in errors {
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("s3cr3t") && !shown.contains(|c: char| c.is_control()), "{shown}");
            assert_eq!(error.code(), None, "{shown}");
        }
    }
}
