//! How an agent's registration stands, and which steps there are (agent identity, lifecycle).

use alloc::boxed::Box;
use core::fmt;

/// How an agent's registration stands with an authorization server.
///
/// ```
/// use amp_core::identity::{RegistrationStatus as Status, RegistrationStep as Step};
///
/// let active = Status::Pending.after(Step::Approve)?;
/// assert!(active.may_have_tokens());
/// let suspended = active.after(Step::Suspend)?;
/// assert!(!suspended.may_have_tokens());
/// assert!(Status::Deleted.after(Step::Reactivate).is_err());
/// # Ok::<(), amp_core::identity::NoSuchStep>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RegistrationStatus {
    /// `pending`: an administrator has not decided.
    Pending,
    /// `active`: the agent may have tokens.
    Active,
    /// `suspended`: no tokens until it is reactivated.
    Suspended,
    /// `deleted`: for good.
    Deleted,
    /// A status that this version does not know. No tokens, and no step leads on from it.
    Other(OtherStatus),
}

/// The text of a status that this version does not know, at most 64 characters of it. From outside.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OtherStatus(Box<str>);

/// What an administrator does with a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the steps between the four states of the protocol")]
pub enum RegistrationStep {
    /// `pending` to `active`.
    Approve,
    /// `pending` to `deleted`.
    Reject,
    /// `active` to `suspended`.
    Suspend,
    /// `suspended` to `active`.
    Reactivate,
    /// Any but `deleted` to `deleted`.
    Delete,
}

impl RegistrationStep {
    /// Every step.
    pub const ALL: [Self; 5] = [Self::Approve, Self::Reject, Self::Suspend, Self::Reactivate, Self::Delete];
}

/// The step does not lead on from this status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such step from this status of a registration")]
#[non_exhaustive]
pub struct NoSuchStep;

impl RegistrationStatus {
    const NAMED: [Self; 4] = [Self::Pending, Self::Active, Self::Suspended, Self::Deleted];

    /// Reads a status, exactly; what is unknown is kept.
    #[must_use]
    pub fn read(text: &str) -> Self {
        Self::NAMED
            .into_iter()
            .find(|status| status.as_str() == text)
            .unwrap_or_else(|| Self::Other(OtherStatus(text.chars().take(64).collect())))
    }

    /// The status on the wire. Text from outside when it is [`RegistrationStatus::Other`].
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Deleted => "deleted",
            Self::Other(status) => &status.0,
        }
    }

    /// Whether tokens are given to the agent, and those it has are honoured on introspection.
    #[must_use]
    pub const fn may_have_tokens(&self) -> bool {
        matches!(self, Self::Active)
    }

    /// The status after a step.
    ///
    /// # Errors
    /// [`NoSuchStep`] when the step does not lead on from this status. Nothing leads on from `deleted`.
    pub fn after(&self, step: RegistrationStep) -> Result<Self, NoSuchStep> {
        use RegistrationStep::{Approve, Delete, Reactivate, Reject, Suspend};
        match (self, step) {
            (Self::Pending, Approve) | (Self::Suspended, Reactivate) => Ok(Self::Active),
            (Self::Active, Suspend) => Ok(Self::Suspended),
            (Self::Pending, Reject) | (Self::Pending | Self::Active | Self::Suspended, Delete) => {
                Ok(Self::Deleted)
            }
            _ => Err(NoSuchStep),
        }
    }
}

/// Unknown ones are shown escaped.
impl fmt::Display for RegistrationStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_str().escape_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // rule: AID-19
    #[test]
    fn the_steps_are_these_six_and_no_others() {
        use RegistrationStatus::{Active, Deleted, Pending, Suspended};
        use RegistrationStep::{Approve, Delete, Reactivate, Reject, Suspend};
        let table = [
            (Pending, Approve, Active),
            (Pending, Reject, Deleted),
            (Pending, Delete, Deleted),
            (Active, Suspend, Suspended),
            (Active, Delete, Deleted),
            (Suspended, Reactivate, Active),
            (Suspended, Delete, Deleted),
        ];
        for status in RegistrationStatus::NAMED.into_iter().chain([RegistrationStatus::read("ACTIVE")]) {
            for step in RegistrationStep::ALL {
                let expected = table
                    .iter()
                    .find(|(from, by, _)| (from, by) == (&status, &step))
                    .map(|(.., to)| to.clone());
                assert_eq!(status.after(step).ok(), expected, "{status} {step:?}");
            }
        }
    }

    #[test]
    fn only_an_active_agent_has_tokens() {
        for text in ["pending", "suspended", "deleted", "Active", "", "approved"] {
            assert!(!RegistrationStatus::read(text).may_have_tokens(), "{text}");
        }
        assert!(RegistrationStatus::read("active").may_have_tokens());
    }
}
