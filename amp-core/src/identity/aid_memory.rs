//! Proofs are used once: what a client has made, and what a server has seen (agent identity).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use amp_crypto::{Identity, VerifyingKey};
use amp_envelope::Timestamp;
use sha2::{Digest, Sha256};

use super::aid_proof::WINDOW;
use super::{AidError, Issuer, TokenProof};

/// How far a server's idea of the time follows its clock with one proof: twice a proof's life, so that what has lapsed
/// makes room at once.
const STEP: Duration = WINDOW.saturating_mul(2);

/// Makes a client's proofs, so that no two requests carry the same one.
///
/// A proof names its issuer and a second, and the same second gives the same proof: a client that asks twice within a
/// second would send one twice. Here the second request has to wait.
///
/// ```
/// use amp_core::{Identity, Timestamp, identity::{Issuer, ProofLedger, TokenProof}};
///
/// let now: Timestamp = "2026-01-31T10:00:00Z".parse()?;
/// let (alice, issuer): (_, Issuer) = (Identity::from_seed(&[7; 32]), "https://auth.example.com/acme".parse()?);
/// let mut ledger = ProofLedger::new();
/// let proof = ledger.prove(&alice, &issuer, now)?;
/// assert!(TokenProof::verify(alice.verifying_key(), proof.into_text().expose(), &issuer, now).is_ok());
/// assert_eq!(ledger.prove(&alice, &issuer, now).unwrap_err().code(), "proof_too_soon");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct ProofLedger {
    /// The last second in which a proof was made, by issuer. Seconds that have passed are forgotten.
    last: BTreeMap<Issuer, i64>,
}

impl ProofLedger {
    /// A ledger without proofs. One an agent: keep it as long as the program runs.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a proof for one request to this issuer.
    ///
    /// # Errors
    /// [`AidError::ProofTooSoon`] when one was made in this second or a later one: ask again in the next. A clock that was
    /// set back by more than ten minutes does not lock the agent out, since older proofs have run out by then.
    pub fn prove(
        &mut self,
        identity: &Identity,
        issuer: &Issuer,
        now: Timestamp,
    ) -> Result<TokenProof, AidError> {
        let second = now.unix_seconds();
        let far_ahead = second.saturating_add_unsigned(WINDOW.as_secs().saturating_mul(2));
        self.last.retain(|_, last| (second..=far_ahead).contains(last));
        if self.last.contains_key(issuer) {
            return Err(AidError::ProofTooSoon);
        }
        let proof = TokenProof::make(identity, issuer, now)?;
        self.last.insert(issuer.clone(), second);
        Ok(proof)
    }
}

/// The proofs that an authorization server has accepted, so that each is accepted once.
///
/// A proof is known by what was signed, never by the bytes of its signature. It is remembered for as long as it could be
/// used; a clock set back does not shorten that. What finds no room is refused: the memory fails closed. A clock that
/// was ahead for a while is forgiven once it is right again: the memory's own time follows it by at most ten
/// minutes with each proof that holds.
///
/// ```
/// use amp_core::{Identity, Timestamp, identity::{Issuer, ProofLedger, ProofMemory}};
///
/// let now: Timestamp = "2026-01-31T10:00:00Z".parse()?;
/// let (alice, issuer): (_, Issuer) = (Identity::from_seed(&[7; 32]), "https://auth.example.com/acme".parse()?);
/// let proof = ProofLedger::new().prove(&alice, &issuer, now)?.into_text();
/// let mut memory = ProofMemory::new(issuer);
/// assert!(memory.accept(alice.verifying_key(), proof.expose(), now).is_ok());
/// assert_eq!(memory.accept(alice.verifying_key(), proof.expose(), now).unwrap_err().code(), "content_replay");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ProofMemory {
    issuer: Issuer,
    most: usize,
    /// The latest time at which a proof held, as far as it is believed.
    latest: Option<Timestamp>,
    /// When each proof was made, and the digest of whose it is.
    seen: BTreeSet<(Timestamp, [u8; 32])>,
}

impl ProofMemory {
    /// A memory of at most 100,000 proofs for one issuer.
    #[must_use]
    pub fn new(issuer: Issuer) -> Self {
        Self { issuer, most: 100_000, latest: None, seen: BTreeSet::new() }
    }

    /// Sets how many proofs are remembered at most.
    #[must_use]
    pub const fn with_capacity_of(mut self, most: usize) -> Self {
        self.most = most;
        self
    }

    /// Verifies a proof and remembers it. Look the key up first: a stranger's proofs must not fill the memory.
    ///
    /// # Errors
    /// What [`TokenProof::verify`] says; [`AidError::ProofReused`] for one that was accepted before;
    /// [`AidError::MemoryFull`] when there is no room.
    pub fn accept(&mut self, key: &VerifyingKey, proof: &str, now: Timestamp) -> Result<Timestamp, AidError> {
        let judged = self.latest.map_or(now, |latest| latest.max(now));
        let made_at = TokenProof::verify(key, proof, &self.issuer, judged)?;
        let whose: [u8; 32] = Sha256::digest(key.to_spki_der()).into();
        if self.seen.contains(&(made_at, whose)) {
            return Err(AidError::ProofReused);
        }
        let latest = self.latest.map_or(now, |latest| latest.max(now.min(latest.saturating_add(STEP))));
        self.latest = Some(latest);
        self.seen = self.seen.split_off(&(latest.saturating_sub(WINDOW), [0; 32]));
        if self.seen.len() >= self.most {
            return Err(AidError::MemoryFull);
        }
        self.seen.insert((made_at, whose));
        Ok(made_at)
    }
}
