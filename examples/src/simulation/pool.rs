//! Four agents, and the messages that they send in every run: signed once, since signing is what costs most.

use std::sync::{Arc, LazyLock};

use amp_core::identity::ApiKey;
use amp_core::scan::Scanner;
use amp_core::wire::{CarriedMessage, Request as _, RequestParts, Route};
use amp_core::{Address, Draft, IdempotencyKey, Identity, JsonValue, Timestamp, VerifyingKey};

/// How many agents there are.
pub(super) const AGENTS: usize = 4;
/// How many messages there are from each agent to each other one.
const OF_PAIR: usize = 64;
/// How many messages there are.
pub(super) const MESSAGES: usize = AGENTS * (AGENTS - 1) * OF_PAIR;
/// 2026-01-31T12:00:00Z, when the messages are signed and every run begins.
pub(super) const START_MS: i64 = 1_769_860_800_000;

/// Two of one tenant, one of another, and one with a scope.
const ADDRESSES: [&str; AGENTS] = [
    "alice@acme.crabmail.ai",
    "bob@acme.crabmail.ai",
    "carol@other.crabmail.ai",
    "dave@repo.github.acme.crabmail.ai",
];

pub(super) static POOL: LazyLock<Pool> = LazyLock::new(Pool::make);

/// One agent.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) address: Address,
    pub(super) key: VerifyingKey,
    pub(super) api_key: String,
}

/// One message, as its sender has it.
#[derive(Debug)]
pub(super) struct Signed {
    pub(super) sender: usize,
    pub(super) recipient: usize,
    /// The request that routes it, without its API key.
    pub(super) request: RequestParts,
    /// The JSON texts of what is signed.
    pub(super) payload: String,
    pub(super) subject: String,
    pub(super) signature: String,
}

/// Agents, messages and a scanner, the same in every run.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) agents: Vec<Agent>,
    messages: Vec<Signed>,
    pub(super) scanner: Arc<Scanner>,
}

impl Pool {
    fn make() -> Self {
        let identities: Vec<Identity> = (1..=AGENTS).map(|n| Identity::from_seed(&[n as u8; 32])).collect();
        let agents: Vec<Agent> = identities
            .iter()
            .zip(ADDRESSES)
            .enumerate()
            .filter_map(|(n, (identity, address))| {
                let api_key = format!("amp_live_sk_{n:064x}");
                let key = identity.verifying_key().clone();
                Some(Agent { address: address.parse().ok()?, key, api_key })
            })
            .collect();
        let messages = (0..MESSAGES).filter_map(|at| Signed::make(at, &agents, &identities)).collect();
        Self { agents, messages, scanner: Arc::new(Scanner::new()) }
    }

    /// Whether everything is there.
    pub(super) fn is_whole(&self) -> bool {
        self.agents.len() == AGENTS && self.messages.len() == MESSAGES
    }

    pub(super) fn message(&self, at: usize) -> Option<&Signed> {
        self.messages.get(at)
    }

    /// The message with this subject: which one it says it is.
    pub(super) fn named(subject: &str) -> Option<usize> {
        subject.strip_prefix("message ")?.parse().ok().filter(|at| *at < MESSAGES)
    }

    pub(super) fn agent_with(&self, api_key: &ApiKey) -> Option<usize> {
        self.agents.iter().position(|agent| agent.api_key == api_key.expose())
    }

    pub(super) fn agent_at(&self, address: &str) -> Option<usize> {
        self.agents.iter().position(|agent| agent.address.as_str() == address)
    }
}

/// Who sends the message of a number, and to whom.
pub(super) const fn pair_of(at: usize) -> (usize, usize) {
    let pair = at / OF_PAIR;
    let (sender, other) = (pair / (AGENTS - 1), pair % (AGENTS - 1));
    (sender, if other < sender { other } else { other + 1 })
}

impl Signed {
    fn make(at: usize, agents: &[Agent], identities: &[Identity]) -> Option<Self> {
        let (sender, recipient) = pair_of(at);
        let now = Timestamp::from_unix_milliseconds(START_MS)?;
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&(at as u64).to_be_bytes());
        let signed =
            Draft::request(agents[recipient].address.clone(), &format!("message {at}"), "Are you there?")
                .from(&agents[sender].address)
                .idempotency_key(IdempotencyKey::from_random(nonce))
                .sign_with_nonce(&identities[sender], now, nonce)
                .ok()?;
        let route = Route::new(&signed);
        let route = if at.is_multiple_of(4) { route.with_receipt() } else { route };
        let carried = CarriedMessage::from(&signed);
        let value = JsonValue::read_object(carried.as_bytes()).ok()?;
        let envelope = value.get("envelope")?;
        let raw = |name| envelope.get(name).map(|value| value.raw().to_owned());
        Some(Self {
            sender,
            recipient,
            request: route.to_parts(),
            payload: value.get("payload")?.raw().to_owned(),
            subject: raw("subject")?,
            signature: raw("signature")?,
        })
    }
}
