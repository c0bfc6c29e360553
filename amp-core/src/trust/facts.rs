//! The six facts that decide a level, and nothing else (trust, levels).

use core::fmt;
use core::str::FromStr;

use amp_address::{Address, Boundary, same_tenant};

use super::level::TrustLevel;

/// What is known about the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the decision table has a row for each")]
pub enum SignatureFact {
    /// It verifies under the sender's key.
    Valid,
    /// There is one, and it does not verify.
    Invalid,
    /// There is none.
    Missing,
    /// There is one, and no key to check it with.
    Unverifiable,
}

/// Where the sender stands, seen from the recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the decision table has a row for each")]
pub enum TenantFact {
    /// In the recipient's tenant.
    Same,
    /// At the recipient's provider, in another tenant.
    OtherTenant,
    /// At another provider.
    OtherProvider,
}

/// How firmly the sender's key is connected to the sender's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the decision table has a row for each")]
pub enum PinState {
    /// The key only travelled with the message: nothing connects it to the address.
    Candidate,
    /// An authenticated source named the key, for the first time now.
    FirstSeen,
    /// The key was named before, and has stayed the same.
    Pinned,
    /// A person compared the fingerprint, or another channel proved it.
    Confirmed,
    /// Another key is pinned to the address.
    Conflict,
}

impl PinState {
    /// Every state.
    pub const ALL: [Self; 5] =
        [Self::Candidate, Self::FirstSeen, Self::Pinned, Self::Confirmed, Self::Conflict];

    /// A stable name: `candidate`, `first_seen`, `pinned`, `confirmed` or `conflict`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Candidate => "candidate",
            Self::FirstSeen => "first_seen",
            Self::Pinned => "pinned",
            Self::Confirmed => "confirmed",
            Self::Conflict => "conflict",
        }
    }
}

impl fmt::Display for PinState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names none of the five states of a pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("pin state is not one of candidate, first_seen, pinned, confirmed, conflict")]
#[non_exhaustive]
pub struct UnknownPinState;

impl UnknownPinState {
    /// The protocol's code: `invalid_field`.
    #[must_use]
    pub const fn code(self) -> amp_envelope::ErrorCode {
        amp_envelope::ErrorCode::InvalidField
    }
}

impl FromStr for PinState {
    type Err = UnknownPinState;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(UnknownPinState)
    }
}

/// Whether the sender's key was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the decision table has a row for each")]
pub enum RevocationFact {
    /// It was looked up, and the key is not revoked.
    Clear,
    /// The key is revoked.
    Revoked,
    /// It could not be learnt.
    Unknown,
}

/// What came of the attestation in the message's `identity` slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the decision table has a row for each")]
pub enum AttestationFact {
    /// There is none.
    Absent,
    /// It holds, and it is about the key that signed.
    Accepted,
    /// There is one that counts for nothing: same as none.
    Refused,
}

/// What decides how far a message is believed.
///
/// Facts begin without any proof, and each one is stated by whoever established it:
///
/// ```
/// use amp_core::trust::{PinState, RevocationFact, SignatureFact, TrustFacts, TrustLevel, TrustReason};
/// use amp_core::Address;
///
/// let (sender, recipient): (Address, Address) = ("a@acme.crabmail.ai".parse()?, "b@acme.crabmail.ai".parse()?);
/// let facts = TrustFacts::between(&sender, &recipient);
/// assert_eq!(facts.level(), TrustLevel::Untrusted);
///
/// let facts = facts.signature(SignatureFact::Valid).pin(PinState::Pinned).revocation(RevocationFact::Clear);
/// assert_eq!((facts.level(), facts.reason()), (TrustLevel::Verified, TrustReason::SameTenant));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct TrustFacts {
    signature: SignatureFact,
    tenant: TenantFact,
    pin: PinState,
    revocation: RevocationFact,
    attestation: AttestationFact,
    boundary: Boundary,
}

impl TrustFacts {
    /// Facts about where the two stand, and no proof of anything: no signature, a mere candidate for a key, nothing
    /// known of revocations, no attestation.
    ///
    /// `boundary` says where the knowledge of the provider comes from; only [`Boundary::Known`] counts for something.
    pub const fn new(tenant: TenantFact, boundary: Boundary) -> Self {
        Self {
            signature: SignatureFact::Missing,
            tenant,
            pin: PinState::Candidate,
            revocation: RevocationFact::Unknown,
            attestation: AttestationFact::Absent,
            boundary,
        }
    }

    /// As [`new`](Self::new), from the two addresses. The boundary is known if it is known in both.
    pub fn between(sender: &Address, recipient: &Address) -> Self {
        let tenant = if sender.provider() != recipient.provider() {
            TenantFact::OtherProvider
        } else if same_tenant(sender, recipient).is_same() {
            TenantFact::Same
        } else {
            TenantFact::OtherTenant
        };
        let boundary = match sender.boundary() {
            Boundary::Known => recipient.boundary(),
            other => other,
        };
        Self::new(tenant, boundary)
    }

    /// States what is known about the signature.
    pub const fn signature(mut self, signature: SignatureFact) -> Self {
        self.signature = signature;
        self
    }

    /// States how firmly the key is connected to the address.
    pub const fn pin(mut self, pin: PinState) -> Self {
        self.pin = pin;
        self
    }

    /// States whether the key was revoked.
    pub const fn revocation(mut self, revocation: RevocationFact) -> Self {
        self.revocation = revocation;
        self
    }

    /// States what came of the attestation.
    pub const fn attestation(mut self, attestation: AttestationFact) -> Self {
        self.attestation = attestation;
        self
    }

    /// How far the message may be believed.
    #[must_use]
    pub const fn level(self) -> TrustLevel {
        match self.reason() {
            TrustReason::SignatureInvalid
            | TrustReason::SignatureMissing
            | TrustReason::SignatureUnverifiable
            | TrustReason::KeyRevoked
            | TrustReason::KeyConflict
            | TrustReason::KeyNotConnected => TrustLevel::Untrusted,
            TrustReason::RevocationUnknown | TrustReason::OtherTenant | TrustReason::OtherProvider => {
                TrustLevel::External
            }
            TrustReason::SameTenant => TrustLevel::Verified,
            TrustReason::Attested => TrustLevel::OrgVerified,
        }
    }

    /// What decided the level: the first rule that applies.
    #[must_use]
    pub const fn reason(self) -> TrustReason {
        match self.signature {
            SignatureFact::Invalid => return TrustReason::SignatureInvalid,
            SignatureFact::Missing => return TrustReason::SignatureMissing,
            SignatureFact::Unverifiable => return TrustReason::SignatureUnverifiable,
            SignatureFact::Valid => {}
        }
        match (self.revocation, self.pin) {
            (RevocationFact::Revoked, _) => return TrustReason::KeyRevoked,
            (_, PinState::Conflict) => return TrustReason::KeyConflict,
            (_, PinState::Candidate) => return TrustReason::KeyNotConnected,
            (RevocationFact::Unknown, _) => return TrustReason::RevocationUnknown,
            (RevocationFact::Clear, _) => {}
        }
        match self.tenant {
            _ if self.is_raised() => TrustReason::Attested,
            TenantFact::Same => TrustReason::SameTenant,
            TenantFact::OtherTenant => TrustReason::OtherTenant,
            TenantFact::OtherProvider => TrustReason::OtherProvider,
        }
    }

    /// Whether the attestation counts. It names a key, not an address: how far it carries depends on the pin.
    const fn is_raised(self) -> bool {
        matches!(self.attestation, AttestationFact::Accepted)
            && match (self.pin, self.tenant, self.boundary) {
                (PinState::Pinned | PinState::Confirmed, _, _)
                | (PinState::FirstSeen, TenantFact::Same, _)
                | (PinState::FirstSeen, TenantFact::OtherTenant, Boundary::Known) => true,
                // Across providers, the other provider alone said whose key it is.
                _ => false,
            }
    }
}

/// What decided a level.
///
/// ```
/// use amp_core::trust::TrustReason;
/// assert_eq!(TrustReason::KeyConflict.as_str(), "key_conflict");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TrustReason {
    /// Untrusted: the signature does not verify.
    SignatureInvalid,
    /// Untrusted: there is no signature.
    SignatureMissing,
    /// Untrusted: no key to check the signature with.
    SignatureUnverifiable,
    /// Untrusted: the key is revoked.
    KeyRevoked,
    /// Untrusted: another key is pinned to the address.
    KeyConflict,
    /// Untrusted: the key only travelled with the message.
    KeyNotConnected,
    /// External: whether the key is revoked could not be learnt.
    RevocationUnknown,
    /// External: the sender is in another tenant.
    OtherTenant,
    /// External: the sender is at another provider.
    OtherProvider,
    /// Verified: signed by a colleague.
    SameTenant,
    /// Org-verified: a trusted issuer attests the key's holder.
    Attested,
}

impl TrustReason {
    /// A stable name, with the wire's error code where there is one.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignatureInvalid => "signature_invalid",
            Self::SignatureMissing => "signature_missing",
            Self::SignatureUnverifiable => "signature_unverifiable",
            Self::KeyRevoked => "key_revoked",
            Self::KeyConflict => "key_conflict",
            Self::KeyNotConnected => "key_not_connected",
            Self::RevocationUnknown => "revocation_unknown",
            Self::OtherTenant => "other_tenant",
            Self::OtherProvider => "other_provider",
            Self::SameTenant => "same_tenant",
            Self::Attested => "attested",
        }
    }
}

impl fmt::Display for TrustReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
