//! What one source said of a provider, and until when it holds (federation, discovery).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use core::time::Duration;

use amp_envelope::Timestamp;

use super::claim::{Claim, ClaimedKey, Source};
use super::known::LastKnown;

/// The place of one source.
#[derive(Clone, Debug, Default)]
pub(super) struct Slot {
    claim: Option<Claim>,
    /// What the same source says beside it, of another key.
    rival: Option<Claim>,
    is_verified: bool,
    /// How much time has passed when it does not hold any more.
    until: Duration,
}

impl Slot {
    pub(super) const fn claimed(claim: Claim, rival: Option<Claim>, until: Duration) -> Self {
        Self { claim: Some(claim), rival, is_verified: false, until }
    }

    pub(super) const fn nothing(until: Duration) -> Self {
        Self { claim: None, rival: None, is_verified: false, until }
    }

    pub(super) const fn verified(mut self) -> Self {
        self.is_verified = true;
        self
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.claim.is_none()
    }

    /// Whether it holds when so much time has passed.
    pub(super) fn is_fresh(&self, time: Duration) -> bool {
        time < self.until
    }

    fn claims(&self, time: Duration) -> impl Iterator<Item = &Claim> {
        let is_fresh = self.is_fresh(time);
        self.claim.iter().chain(&self.rival).filter(move |_| is_fresh)
    }
}

/// All that is known of one provider.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    dns: Slot,
    well_known: Slot,
    registry: Slot,
    pub(super) known: Option<LastKnown>,
}

const NEVER: &Slot = &Slot { claim: None, rival: None, is_verified: false, until: Duration::ZERO };

impl Entry {
    pub(super) const fn slot(&self, source: Source) -> &Slot {
        match source {
            Source::Dns => &self.dns,
            Source::WellKnown => &self.well_known,
            Source::Registry => &self.registry,
            Source::LastKnown => NEVER,
        }
    }

    pub(super) const fn slot_mut(&mut self, source: Source) -> Option<&mut Slot> {
        match source {
            Source::Dns => Some(&mut self.dns),
            Source::WellKnown => Some(&mut self.well_known),
            Source::Registry => Some(&mut self.registry),
            Source::LastKnown => None,
        }
    }

    /// What the sources say that still hold, in their order.
    pub(super) fn claims(&self, time: Duration) -> impl Iterator<Item = &Claim> {
        let (dns, well_known) = (self.dns.claims(time), self.well_known.claims(time));
        dns.chain(well_known).chain(self.registry.claims(time))
    }

    /// Whether the registry has verified the provider with this key.
    pub(super) fn is_registered(&self, key: &ClaimedKey, time: Duration) -> bool {
        self.registry.is_verified && self.registry.claims(time).any(|claim| claim.key.agrees(key))
    }

    /// Whether nobody has anything to say.
    pub(super) fn is_blank(&self) -> bool {
        self.known.is_none()
            && [&self.dns, &self.well_known, &self.registry].iter().all(|slot| slot.is_empty())
    }

    /// Until when something of it holds.
    pub(super) fn latest(&self) -> Duration {
        self.dns.until.max(self.well_known.until).max(self.registry.until)
    }

    /// When its key was last heard of.
    pub(super) fn heard(&self) -> Option<Timestamp> {
        self.known.as_ref().map(|known| known.at)
    }

    /// Whether neither a person has confirmed it, nor a message was exchanged with it.
    pub(super) fn is_unproven(&self) -> bool {
        self.known.as_ref().is_none_or(|known| !known.is_confirmed && !known.is_proven)
    }

    /// Whether nothing would be lost with it but what can be asked again.
    pub(super) fn is_forgettable(&self, oldest: Timestamp, time: Duration) -> bool {
        let holds = [&self.dns, &self.well_known, &self.registry].iter().any(|slot| slot.is_fresh(time));
        let is_kept = self.known.as_ref().is_some_and(|known| known.is_confirmed || known.at >= oldest);
        !holds && !is_kept
    }
}
