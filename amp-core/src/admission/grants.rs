//! Who may write to an agent: nobody, until its owner said yes (guardrails, pair grants).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::collections::BTreeMap;

use amp_address::Address;
use amp_envelope::Timestamp;

use super::{Actor, Grant, GrantEvent, GrantScope, GrantScopes, GrantState, Intent, Pair, PendingRequest};

/// How much a [`PairGrants`] remembers. What finds no room is refused and not remembered: it fails closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantLimits {
    requests_per_recipient: u32,
    requests_per_sender: u32,
    pairs: usize,
}

impl Default for GrantLimits {
    fn default() -> Self {
        Self { requests_per_recipient: 256, requests_per_sender: 64, pairs: 100_000 }
    }
}

impl GrantLimits {
    /// Most requests that wait for the owner of one recipient: 256 unless set.
    #[must_use]
    pub const fn with_requests_per_recipient(mut self, most: u32) -> Self {
        self.requests_per_recipient = most;
        self
    }

    /// Most requests of one sender that wait anywhere: 64 unless set.
    #[must_use]
    pub const fn with_requests_per_sender(mut self, most: u32) -> Self {
        self.requests_per_sender = most;
        self
    }

    /// Most pairs between whom anything stands: 100,000 unless set. Requests beyond are refused, and so are grants and
    /// declines for a pair of which nothing is known.
    #[must_use]
    pub const fn with_pairs(mut self, most: usize) -> Self {
        self.pairs = most;
        self
    }
}

/// Why a message is not let in. To its sender all of these look alike: one code, and no hint which it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum GrantRefusal {
    /// Nobody has granted anything; the contact becomes a request, or was one.
    #[error("no grant for this pair: a request waits for the recipient's owner")]
    Requested,
    /// Nobody has granted anything.
    #[error("no grant for this pair")]
    NotGranted,
    /// The grant is for other scopes.
    #[error("the grant is not for what this message needs")]
    OtherScope,
    /// The recipient's owner said no.
    #[error("the recipient's owner declined this pair")]
    Declined,
    /// Nobody has granted anything, and there is no room for another request.
    #[error("no grant for this pair, and too many requests wait already")]
    TooManyRequests,
}

impl GrantRefusal {
    /// The protocol's code, the same for all: `recipient_not_allowed`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        "recipient_not_allowed"
    }
}

/// Why an owner's decision cannot be carried out, or an event does not follow from the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum GrantError {
    /// The pair is declined: lift that first.
    #[error("the pair is declined; it has to be lifted first")]
    Declined,
    /// The pair is granted: revoke that first.
    #[error("the pair is granted; that has to be revoked first")]
    Granted,
    /// There is nothing to revoke, lift or dismiss.
    #[error("there is nothing to take back")]
    NothingThere,
    /// A grant ends after it begins.
    #[error("a grant ends after it begins")]
    EndsBeforeItBegins,
    /// There is no room for another pair.
    #[error("too many pairs are remembered")]
    TooManyPairs,
    /// The event begins at another state than the pair is in: it was decided before another was applied.
    #[error("the event does not follow from the pair's state")]
    Stale,
}

/// What comes of a message from a sender: let in or not, and what the host has to store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "the event has to be stored and applied"]
pub struct Contact {
    outcome: Result<(), GrantRefusal>,
    event: Option<GrantEvent>,
}

impl Contact {
    /// Whether the message is let in.
    ///
    /// # Errors
    /// [`GrantRefusal`] when it is not.
    pub const fn outcome(&self) -> Result<(), GrantRefusal> {
        self.outcome
    }

    /// What to store and to apply, if anything changes.
    #[must_use]
    pub const fn event(&self) -> Option<&GrantEvent> {
        self.event.as_ref()
    }

    const fn refused(refusal: GrantRefusal) -> Self {
        Self { outcome: Err(refusal), event: None }
    }
}

/// Who may write to whom, pair by pair.
///
/// Every method that decides leaves the state alone and returns a [`GrantEvent`]; [`apply`](Self::apply) carries it
/// out. A host stores the event between the two, so that a write that fails changes nothing. State is the replay of
/// events: [`replay`](Self::replay).
///
/// ```
/// use amp_core::{Address, Timestamp, admission::{GrantScope, Intent, Pair, PairGrants}};
///
/// let now: Timestamp = "2026-01-31T10:00:00Z".parse()?;
/// let pair = Pair::new(&"alice@acme.crabmail.ai".parse()?, &"bob@corp.crabmail.ai".parse()?);
/// let mut grants = PairGrants::new();
///
/// let first = grants.contact(&pair, &GrantScope::Message, &Intent::first_line("May I ask about PR 42?"), now);
/// assert!(first.outcome().is_err());
/// grants.apply(first.event().expect("the first contact is a request"))?;
///
/// let yes = grants.grant(&pair, GrantScope::Message.into(), None, &"owner:42".parse()?, now)?;
/// grants.apply(&yes)?;
/// assert!(grants.check(&pair, &GrantScope::Message, now).is_ok());
/// assert!(grants.check(&pair.reversed(), &GrantScope::Message, now).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PairGrants {
    limits: GrantLimits,
    /// No pair stands here in the state `None`.
    pairs: BTreeMap<Pair, GrantState>,
    /// How many requests of a sender, and to a recipient, wait. No entry is 0.
    by_sender: BTreeMap<Address, u32>,
    by_recipient: BTreeMap<Address, u32>,
}

impl PairGrants {
    /// Nothing granted to anybody, with the usual limits.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Nothing granted to anybody, with these limits.
    #[must_use]
    pub fn with_limits(limits: GrantLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// The state after these events, in the order in which they were applied.
    ///
    /// # Errors
    /// [`GrantError::Stale`] when one does not follow from those before it.
    pub fn replay<'e>(
        limits: GrantLimits,
        events: impl IntoIterator<Item = &'e GrantEvent>,
    ) -> Result<Self, GrantError> {
        let mut grants = Self::with_limits(limits);
        events.into_iter().try_for_each(|event| grants.apply(event))?;
        Ok(grants)
    }

    /// What stands between the two. A grant that has run out still stands here: see [`GrantState::grant_at`].
    #[must_use]
    pub fn state(&self, pair: &Pair) -> &GrantState {
        self.pairs.get(pair).unwrap_or(&GrantState::None)
    }

    /// Every pair between whom something stands, by recipient.
    pub fn iter(&self) -> impl Iterator<Item = (&Pair, &GrantState)> {
        self.pairs.iter()
    }

    /// Whether both directions hold a grant at this time, whatever its scopes.
    #[must_use]
    pub fn is_mutual(&self, pair: &Pair, now: Timestamp) -> bool {
        let holds = |pair: &Pair| self.state(pair).grant_at(now).is_some();
        holds(pair) && holds(&pair.reversed())
    }

    /// Whether a message that needs this scope is let in.
    ///
    /// # Errors
    /// [`GrantRefusal`] when it is not.
    pub fn check(&self, pair: &Pair, needed: &GrantScope, now: Timestamp) -> Result<(), GrantRefusal> {
        match self.state(pair) {
            GrantState::Granted(grant) if grant.holds_at(now) => {
                if grant.scopes().contains(needed) {
                    Ok(())
                } else {
                    Err(GrantRefusal::OtherScope)
                }
            }
            GrantState::Declined { .. } => Err(GrantRefusal::Declined),
            GrantState::Requested(_) => Err(GrantRefusal::Requested),
            GrantState::None | GrantState::Granted(_) | GrantState::Revoked { .. } => {
                Err(GrantRefusal::NotGranted)
            }
        }
    }

    /// Judges a message whose sender has been verified; without a grant it becomes, or is counted to, a request.
    ///
    /// Call it for verified senders only: anybody can write any name into `from`. Under a grant for other scopes, and
    /// once declined, nothing is asked and nothing is kept.
    pub fn contact(&self, pair: &Pair, needed: &GrantScope, intent: &Intent, now: Timestamp) -> Contact {
        let before = self.state(pair);
        let refusal = match (self.check(pair, needed, now), before) {
            (Ok(()), _) => return Contact { outcome: Ok(()), event: None },
            (Err(GrantRefusal::NotGranted), _) => GrantRefusal::Requested,
            (Err(refusal), _) => refusal,
        };
        let after = match before {
            GrantState::Requested(request) => request.counted_once_more(),
            GrantState::Declined { .. } => None,
            _ if refusal == GrantRefusal::OtherScope => None,
            _ if !self.has_room_for_request(pair) => return Contact::refused(GrantRefusal::TooManyRequests),
            _ => Some(PendingRequest::first(needed.clone(), intent.clone(), now)),
        };
        let Some(after) = after else { return Contact::refused(refusal) };
        let actor = Actor::from(pair.from());
        let event = self.event(pair, GrantState::Requested(after), &actor, now);
        Contact { outcome: Err(refusal), event: Some(event) }
    }

    /// The owner says yes, or changes what was said: the new grant takes the place of the old one.
    ///
    /// `until` is the first moment at which it no longer holds.
    ///
    /// # Errors
    /// [`GrantError`] when the pair is declined, the grant would end before it begins, or there is no room.
    pub fn grant(
        &self,
        pair: &Pair,
        scopes: GrantScopes,
        until: Option<Timestamp>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<GrantEvent, GrantError> {
        if matches!(self.state(pair), GrantState::Declined { .. }) {
            return Err(GrantError::Declined);
        }
        self.check_room(pair)?;
        let grant = Grant::new(scopes, now, until).map_err(|_| GrantError::EndsBeforeItBegins)?;
        Ok(self.event(pair, GrantState::Granted(grant), actor, now))
    }

    /// The owner says no, for good: nothing of this sender is asked again until [`lift`](Self::lift).
    ///
    /// # Errors
    /// [`GrantError`] when the pair is granted or declined already, or there is no room.
    pub fn decline(&self, pair: &Pair, actor: &Actor, now: Timestamp) -> Result<GrantEvent, GrantError> {
        match self.state(pair) {
            GrantState::Declined { .. } => return Err(GrantError::Declined),
            GrantState::Granted(_) => return Err(GrantError::Granted),
            _ => self.check_room(pair)?,
        }
        Ok(self.event(pair, GrantState::Declined { since: now }, actor, now))
    }

    /// The owner takes a no back. Nothing is granted by it.
    ///
    /// # Errors
    /// [`GrantError::NothingThere`] when the pair is not declined.
    pub fn lift(&self, pair: &Pair, actor: &Actor, now: Timestamp) -> Result<GrantEvent, GrantError> {
        match self.state(pair) {
            GrantState::Declined { .. } => Ok(self.event(pair, GrantState::None, actor, now)),
            _ => Err(GrantError::NothingThere),
        }
    }

    /// The owner takes a yes back, also one that has run out: a clock set back must not revive it.
    ///
    /// # Errors
    /// [`GrantError::NothingThere`] when the pair is not granted.
    pub fn revoke(&self, pair: &Pair, actor: &Actor, now: Timestamp) -> Result<GrantEvent, GrantError> {
        match self.state(pair) {
            GrantState::Granted(_) => Ok(self.event(pair, GrantState::Revoked { since: now }, actor, now)),
            _ => Err(GrantError::NothingThere),
        }
    }

    /// The owner forgets a request without an answer. The next contact is a request again.
    ///
    /// # Errors
    /// [`GrantError::NothingThere`] when no request waits.
    pub fn dismiss(&self, pair: &Pair, actor: &Actor, now: Timestamp) -> Result<GrantEvent, GrantError> {
        match self.state(pair) {
            GrantState::Requested(_) => Ok(self.event(pair, GrantState::None, actor, now)),
            _ => Err(GrantError::NothingThere),
        }
    }

    /// An owner's decision as it follows from the pair's present state, to be stored and applied at once.
    ///
    /// That the request was counted once more since it was made does not make it stale: no sender prevents a no by
    /// writing again.
    ///
    /// # Errors
    /// [`GrantError::Stale`] when the pair's state has changed in another way: decide again.
    pub fn brought_up_to_date(&self, decided: GrantEvent) -> Result<GrantEvent, GrantError> {
        let state = self.state(decided.pair());
        let requests = (state.request(), decided.before().request(), decided.after().request());
        let event = match requests {
            (Some(now), Some(then), None) if now.is_another_count_of(then) => {
                decided.starting_at(state.clone())
            }
            _ => decided,
        };
        self.check_follows(&event)?;
        Ok(event)
    }

    fn check_follows(&self, event: &GrantEvent) -> Result<(), GrantError> {
        let (before, after) = (event.before(), event.after());
        if self.state(event.pair()) == before && before.leads_to(after, event.at()) {
            Ok(())
        } else {
            Err(GrantError::Stale)
        }
    }

    /// Carries an event out. Limits are not asked again: what was decided and stored stands.
    ///
    /// # Errors
    /// [`GrantError::Stale`] when the pair is in another state than the event begins at; nothing changes then.
    pub fn apply(&mut self, event: &GrantEvent) -> Result<(), GrantError> {
        self.check_follows(event)?;
        let (pair, before, after) = (event.pair(), event.before(), event.after());
        match (before.request(), after.request()) {
            (None, Some(_)) => {
                count(&mut self.by_sender, pair.from());
                count(&mut self.by_recipient, pair.to());
            }
            (Some(_), None) => {
                discount(&mut self.by_sender, pair.from());
                discount(&mut self.by_recipient, pair.to());
            }
            _ => {}
        }
        if *after == GrantState::None {
            self.pairs.remove(pair);
        } else {
            self.pairs.insert(pair.clone(), after.clone());
        }
        Ok(())
    }

    fn event(&self, pair: &Pair, after: GrantState, actor: &Actor, now: Timestamp) -> GrantEvent {
        GrantEvent::new(pair.clone(), actor.clone(), now, self.state(pair).clone(), after)
    }

    fn has_room_for_request(&self, pair: &Pair) -> bool {
        let waiting = |counts: &BTreeMap<Address, u32>, address| counts.get(address).copied().unwrap_or(0);
        waiting(&self.by_sender, pair.from()) < self.limits.requests_per_sender
            && waiting(&self.by_recipient, pair.to()) < self.limits.requests_per_recipient
            && self.check_room(pair).is_ok()
    }

    fn check_room(&self, pair: &Pair) -> Result<(), GrantError> {
        if self.pairs.len() < self.limits.pairs || self.pairs.contains_key(pair) {
            Ok(())
        } else {
            Err(GrantError::TooManyPairs)
        }
    }
}

fn count(counts: &mut BTreeMap<Address, u32>, address: &Address) {
    let waiting = counts.entry(address.clone()).or_default();
    *waiting = waiting.saturating_add(1);
}

fn discount(counts: &mut BTreeMap<Address, u32>, address: &Address) {
    if let Some(waiting) = counts.get_mut(address) {
        *waiting = waiting.saturating_sub(1);
        if *waiting == 0 {
            counts.remove(address);
        }
    }
}
