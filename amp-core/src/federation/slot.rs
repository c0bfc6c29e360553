//! What one source said of a provider, and until when it holds (federation, discovery).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use core::time::Duration;

use amp_envelope::Timestamp;

use super::claim::{Claim, Source};
use super::known::LastKnown;

/// The place of one source.
#[derive(Clone, Debug, Default)]
pub(super) struct Slot {
    claim: Option<Claim>,
    /// What the same source says beside it, of another key.
    rival: Option<Claim>,
    is_verified: bool,
    /// When it was learnt, and for how long it holds. None when it never was, or does not hold any more.
    held: Option<(Timestamp, Duration)>,
}

impl Slot {
    pub(super) fn claimed(claim: Claim, rival: Option<Claim>, life: Duration) -> Self {
        Self { held: Some((claim.at, life)), claim: Some(claim), rival, is_verified: false }
    }

    pub(super) const fn nothing(now: Timestamp, life: Duration) -> Self {
        Self { claim: None, rival: None, is_verified: false, held: Some((now, life)) }
    }

    pub(super) const fn verified(mut self) -> Self {
        self.is_verified = true;
        self
    }

    pub(super) const fn is_verified(&self) -> bool {
        self.is_verified
    }

    /// Whether it holds. What was learnt after now was learnt before a clock was set back: it is asked again.
    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        self.held.is_some_and(|(at, life)| at <= now && now < at.saturating_add(life))
    }

    pub(super) fn claims(&self) -> impl Iterator<Item = &Claim> {
        self.claim.iter().chain(&self.rival)
    }

    /// Forgets what does not hold, so that no clock that goes back brings it to life again.
    fn expire(&mut self, now: Timestamp) {
        if !self.is_fresh(now) {
            *self = Self::default();
        }
    }
}

/// All that is known of one provider.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    dns: Slot,
    well_known: Slot,
    pub(super) registry: Slot,
    pub(super) known: Option<LastKnown>,
}

const NEVER: &Slot = &Slot { claim: None, rival: None, is_verified: false, held: None };

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

    pub(super) fn expire(&mut self, now: Timestamp) {
        [&mut self.dns, &mut self.well_known, &mut self.registry]
            .into_iter()
            .for_each(|slot| slot.expire(now));
    }

    /// What the sources say, in their order. What does not hold any more is to be expired before.
    pub(super) fn claims(&self) -> impl Iterator<Item = &Claim> {
        self.dns.claims().chain(self.well_known.claims()).chain(self.registry.claims())
    }

    /// Whether nothing would be lost with it but what can be asked again.
    pub(super) fn is_forgettable(&self, oldest: Timestamp, now: Timestamp) -> bool {
        let holds = [&self.dns, &self.well_known, &self.registry].iter().any(|slot| slot.is_fresh(now));
        let is_kept = self.known.as_ref().is_some_and(|known| known.is_confirmed || known.at >= oldest);
        !holds && !is_kept
    }
}
