//! A provider's decisions beside the verification that is in one of them: `cargo bench --bench provider`.
//!
//! Times are those that the thread was busy, the least of many rounds. The provider has 10,000 agents and 1,000,000 waiting messages before anything is measured; what they take in memory
//! is printed first.
#![allow(missing_docs)]

use std::hint::black_box;

use amp_benches::measure::{self, Clock};
use amp_core::guards::{RateClass, RateLimit, RateLimits};
use amp_core::provider::{Call, Effect, Moment, Provider, Reply};
use amp_core::wire::{AcknowledgeBatch, Answer, GetPending, Method, Pending, Request, RequestParts};
use amp_core::{Address, Draft, Identity, RouteBody, Timestamp};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::time::Duration;

const AGENTS: u64 = 10_000;
const WAITING_OF_EACH: u64 = 100;
const SENDER_KEY: &str = "amp_live_sk_sender0000000000000000";
const RECIPIENT_KEY: &str = "amp_live_sk_recipient0000000000000";
/// How often everything is measured.
const ROUNDS: usize = 20;
const NOW: &str = "2026-01-31T10:00:00Z";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn agent(number: u64, identity: &Identity, api_key: &str) -> Effect {
    let record = json!({"v": 1, "effect": "agent_set", "agent": {
        "number": number, "agent_id": format!("agt_{number}"), "address": address(number),
        "key": identity.verifying_key().to_hex(), "registered_at": NOW, "alias": null,
        "api_key": hex(&Sha256::digest(api_key)), "former_api_key": null,
        "delivery": {"webhook_url": null, "webhook_secret": null, "prefer_websocket": true},
        "policy": null, "metadata": null, "capabilities": [], "owner": null}});
    Effect::from_json(record.to_string().as_bytes()).expect("an effect")
}

fn address(number: u64) -> String {
    format!("agent-{number}@acme.crabmail.ai")
}

fn queued(number: u64, agent: u64) -> Effect {
    let record = json!({"v": 1, "effect": "queued", "message": {
        "number": number, "id": format!("msg_1769853600_{number:016x}"), "agent": agent, "sender": 0,
        "queued_at": NOW, "expires_at": "2026-02-07T10:00:00Z", "bytes": 700, "receipt": false, "accepted_as": null}});
    Effect::from_json(record.to_string().as_bytes()).expect("an effect")
}

fn no_limits() -> RateLimits {
    let most = RateLimit::new(u16::MAX, Duration::from_secs(1));
    RateClass::ALL.into_iter().fold(RateLimits::default(), |limits, class| limits.with(class, most))
}

fn full_provider() -> Provider {
    let identity = Identity::from_seed(&[7; 32]);
    let api = "https://api.crabmail.ai/v1".parse().expect("a URL");
    let agents = (0..AGENTS).map(|number| match number {
        0 => agent(0, &identity, SENDER_KEY),
        1 => agent(1, &Identity::from_seed(&[8; 32]), RECIPIENT_KEY),
        _ => agent(number, &identity, &format!("amp_live_sk_{number:032}")),
    });
    // Everybody's queue is filled but the two that are measured.
    let messages = (0..AGENTS * WAITING_OF_EACH).map(|number| queued(number, 2 + number % (AGENTS - 2)));
    let builder = Provider::builder("crabmail.ai".parse().expect("a domain"), api).rate_limits(no_limits());
    builder.relay_limit(usize::MAX).restore(agents.chain(messages)).expect("one log").build()
}

/// A clock that takes a millisecond for each call, so that no window fills.
struct Ticker(Timestamp, u64);

impl Ticker {
    fn moment(&mut self) -> Moment {
        self.1 += 1;
        self.0 = self.0.saturating_add(Duration::from_millis(1));
        Moment::new(self.0, Sha256::digest(self.1.to_be_bytes()).into())
    }
}

fn with_key(parts: RequestParts, key: &str) -> Call {
    Call::new(parts.with_key(&key.parse().expect("a key")))
}

fn main() {
    let mut provider = None;
    let memory = allocation_counter::measure(|| provider = Some(full_provider()));
    let mut provider = provider.expect("made");
    let count = AGENTS * WAITING_OF_EACH;
    println!(
        "{count} waiting messages of {AGENTS} agents: {} bytes each, agents included",
        memory.bytes_current / count as i64
    );

    let (alice, to) = (Identity::from_seed(&[7; 32]), address(1).parse::<Address>().expect("an address"));
    let (me, now) =
        (address(0).parse::<Address>().expect("an address"), NOW.parse::<Timestamp>().expect("a time"));
    let bodies: Vec<String> = (0..256)
        .map(|n| {
            let text = format!("message {n}: {}", "can you look at this? ".repeat(10));
            let draft = Draft::request(to.clone(), "Code review", &text).from(&me);
            draft.sign(&alice, now).expect("signed").to_route_json()
        })
        .collect();
    let mut ticker = Ticker(now, 0);
    let mut store: HashMap<u64, Vec<u8>> = HashMap::new();
    let mut least = [f64::INFINITY; 3];
    measure::use_clock(Clock::Thread);
    for _ in 0..ROUNDS {
        let verified = measure::timed(|| {
            for body in &bodies {
                let body = RouteBody::decode(body.as_bytes(), &me).expect("a body");
                black_box(body.verify(alice.verifying_key()).expect("a good signature"));
            }
        });
        let routed = measure::timed(|| {
            for body in &bodies {
                let mut parts = RequestParts::new(Method::Post, "/route");
                parts.body = body.clone().into_bytes();
                run(&mut provider, &with_key(parts, SENDER_KEY), &mut ticker, &mut store);
            }
        });
        let handed_out = measure::timed(|| {
            for _ in &bodies {
                let fetch = GetPending::new().with_limit(1).to_parts();
                let page = run(&mut provider, &with_key(fetch, RECIPIENT_KEY), &mut ticker, &mut store);
                let page = Pending::from_parts(&page).expect("a page");
                let ids = page.messages.into_iter().map(|message| message.id);
                let ack = AcknowledgeBatch::new(ids).expect("few").to_parts();
                run(&mut provider, &with_key(ack, RECIPIENT_KEY), &mut ticker, &mut store);
            }
        });
        for (least, took) in least.iter_mut().zip([verified, routed, handed_out]) {
            *least = least.min(took.as_secs_f64() * 1e6 / bodies.len() as f64);
        }
    }
    let [verified, routed, handed_out] = least;
    println!("verify alone        {verified:7.1} us");
    println!("route               {routed:7.1} us   {:.2} of verifying alone", routed / verified);
    println!("fetch one, ack it   {handed_out:7.1} us   {:.2} of verifying alone", handed_out / verified);
    println!("all of it           {:7.0} messages a second and core", 1e6 / (routed + handed_out));
}

/// What a host does, with a map for a database: lines are written but go nowhere.
fn run(
    provider: &mut Provider,
    call: &Call,
    ticker: &mut Ticker,
    store: &mut HashMap<u64, Vec<u8>>,
) -> amp_core::wire::AnswerParts {
    let decision = provider.handle(call, ticker.moment());
    for effect in decision.effects() {
        black_box(effect.to_json());
    }
    store.extend(decision.bodies().iter().map(|body| (body.number().get(), body.as_bytes().to_vec())));
    for number in decision.released() {
        store.remove(&number.get());
    }
    let reply = decision.commit().reply.unwrap_or(Reply::Later);
    let answer =
        reply.into_answer(|number| store.get(&number.get()).cloned()).expect("bodies").expect("an answer");
    assert_eq!(answer.status, 200, "{:?}", String::from_utf8_lossy(&answer.body));
    answer
}
