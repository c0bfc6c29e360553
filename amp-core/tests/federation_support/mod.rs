//! Providers that speak to each other without a network.
#![allow(dead_code, reason = "each test file uses a part")]

use amp_core::federation::{
    Discovery, FederationMode, ForwardBody, ForwardLedger, ForwardRefusal, ForwardSight, KeyStanding,
    ProviderTrust, ReceivedForward, SignedForward, forward_charges,
};
use amp_core::guards::RateLimiter;
use amp_core::wire::CarriedMessage;
use amp_core::{
    Address, Dialect, Draft, Identity, KnownProviders, Provider, SignedMessage, Timestamp, address,
};

pub(crate) const NOW: &str = "2026-01-31T10:00:00Z";

pub(crate) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

pub(crate) fn after(seconds: u64) -> Timestamp {
    now().saturating_add(std::time::Duration::from_secs(seconds))
}

pub(crate) fn provider(name: &str) -> Provider {
    name.parse().unwrap()
}

/// An agent, and the key that it signs with.
pub(crate) struct Agent {
    pub(crate) address: Address,
    pub(crate) identity: Identity,
}

pub(crate) fn agent(address: &str, seed: u8) -> Agent {
    Agent { address: address.parse().unwrap(), identity: Identity::from_seed(&[seed; 32]) }
}

pub(crate) fn alice() -> Agent {
    agent("alice@acme.a.example.org", 1)
}

pub(crate) fn bob() -> Address {
    address!("bob@team.b.example.net")
}

pub(crate) fn carol() -> Address {
    address!("carol@team.c.example.com")
}

impl Agent {
    pub(crate) fn writes(&self, to: &Address, text: &str, at: Timestamp) -> SignedMessage {
        Draft::request(to.clone(), "Hello", text).from(&self.address).sign(&self.identity, at).unwrap()
    }

    pub(crate) fn body(&self, message: &SignedMessage) -> ForwardBody {
        ForwardBody::new(&CarriedMessage::from(message), self.identity.verifying_key())
    }
}

/// A provider: what it trusts and remembers, and what it has taken in.
pub(crate) struct Site {
    pub(crate) name: Provider,
    pub(crate) identity: Identity,
    pub(crate) discovery: Discovery,
    pub(crate) trust: ProviderTrust,
    pub(crate) ledger: ForwardLedger,
    pub(crate) limiter: RateLimiter,
    pub(crate) known: KnownProviders,
    pub(crate) taken: Vec<String>,
    /// The database fails.
    pub(crate) is_broken: bool,
}

impl Site {
    pub(crate) fn new(name: &str, seed: u8) -> Self {
        Self {
            name: provider(name),
            identity: Identity::from_seed(&[seed; 32]),
            discovery: Discovery::new(),
            trust: ProviderTrust::new(FederationMode::Open, provider(name)),
            ledger: ForwardLedger::new(),
            limiter: RateLimiter::default(),
            known: KnownProviders::new(),
            taken: Vec::new(),
            is_broken: false,
        }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("https://api.{}/v1", self.name.as_str())
    }

    pub(crate) fn knows(&mut self, other: &Self) {
        let key = other.identity.verifying_key();
        self.discovery.confirm(&other.name, &other.endpoint(), key, now()).unwrap();
    }

    pub(crate) fn sign(&self, body: &ForwardBody, at: Timestamp) -> SignedForward {
        body.sign(&self.identity, &self.name, at).unwrap()
    }

    pub(crate) fn take(&mut self, forward: &SignedForward, at: Timestamp) -> Result<String, ForwardRefusal> {
        self.take_raw(&forward.headers(), forward.body(), KeyStanding::Clear, at)
    }

    /// All of the stated order.
    pub(crate) fn take_raw<V: AsRef<str>>(
        &mut self,
        headers: &[(&str, V)],
        body: &[u8],
        standing: KeyStanding,
        at: Timestamp,
    ) -> Result<String, ForwardRefusal> {
        let forward = ReceivedForward::read(headers, body, at)?;
        let peer = self.trust.admit(forward.provider(), &self.discovery.find(forward.provider(), at))?;
        let decoded = forward.authenticate(&peer)?.decode(&self.known)?;
        let proven = decoded.prove(standing, &[Dialect::Jcs])?;
        let seen = match self.ledger.check(&proven, at)? {
            ForwardSight::Again(answer) => return Ok(answer.into()),
            ForwardSight::First(seen) => seen,
            _ => unimplemented!(),
        };
        let to = proven.message().to();
        self.trust.check_recipient(&to, &self.known)?;
        let charges = forward_charges(proven.provider(), &to);
        if !self.limiter.take_all(&charges, at).unwrap().is_admitted() {
            return Err(ForwardRefusal::rate_limited());
        }
        if self.is_broken {
            return Err(ForwardRefusal::queue_full());
        }
        let answer = format!(r#"{{"accepted":true,"number":{}}}"#, self.taken.len());
        self.taken.push(proven.carried().as_json().to_owned());
        self.ledger.record(&seen.answered(&answer));
        Ok(answer)
    }
}

/// Three providers that know each other.
pub(crate) fn three() -> [Site; 3] {
    let mut sites =
        [Site::new("a.example.org", 11), Site::new("b.example.net", 12), Site::new("c.example.com", 13)];
    for at in 0..3 {
        for other in 0..3 {
            if at != other {
                let key = sites[other].identity.verifying_key().clone();
                let (name, endpoint) = (sites[other].name.clone(), sites[other].endpoint());
                sites[at].discovery.confirm(&name, &endpoint, &key, now()).unwrap();
            }
        }
    }
    sites
}

pub(crate) fn code<T: std::fmt::Debug>(
    result: Result<T, ForwardRefusal>,
) -> (&'static str, Option<&'static str>) {
    let refusal = result.unwrap_err();
    (refusal.code(), refusal.field())
}
