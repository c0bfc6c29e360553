//! Attestations: what a third party says about the holder of a key (trust, attestations).

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use core::fmt;

use amp_address::Address;
use amp_crypto::DidKey;
use amp_envelope::Timestamp;

use super::facts::AttestationFact;

/// Longest attestation that is handed to a verifier, in bytes.
pub const ATTESTATION_MAX_BYTES: usize = 16 * 1024;

/// Verifies attestations: a W3C Verifiable Credential, an SD-JWT VC or whatever a host accepts.
///
/// The host implements it, with keys and status lists that it has at hand. It says who signed what; whether that
/// counts for the sender of a message is decided by [`TrustedIssuers::examine`].
pub trait AttestationVerifier {
    /// Checks the issuer's signature over the token and reads what it says; `None` if it does not verify.
    ///
    /// `holder` is the key that signed the message, and `address` its sender: a token that is bound to either in a way
    /// of its own can be refused here.
    fn verify(
        &self,
        token: &str,
        holder: &DidKey,
        address: &Address,
        now: Timestamp,
    ) -> Option<AttestationClaims>;
}

/// Whether an issuer still stands by an attestation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CredentialStatus {
    /// The issuer says so, or issues none that could be withdrawn.
    Good,
    /// Withdrawn, for now or for good.
    Revoked,
    /// It could not be learnt.
    Unknown,
}

/// What a verified attestation says, and who says it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct AttestationClaims {
    issuer: String,
    subject: String,
    claim: String,
    expires_at: Timestamp,
    status: CredentialStatus,
}

impl AttestationClaims {
    /// What a verifier read from a token whose signature it checked: the issuer's identifier, the subject's DID, the
    /// kind of claim (such as `OrganizationMembership`), when the token expires and whether it was withdrawn.
    pub fn new(
        issuer: impl Into<String>,
        subject: impl Into<String>,
        claim: impl Into<String>,
        expires_at: Timestamp,
        status: CredentialStatus,
    ) -> Self {
        Self { issuer: issuer.into(), subject: subject.into(), claim: claim.into(), expires_at, status }
    }

    /// Who attests.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// About whom: a DID.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// What is attested.
    #[must_use]
    pub fn claim(&self) -> &str {
        &self.claim
    }

    /// Until when.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Whether the issuer still stands by it.
    #[must_use]
    pub const fn status(&self) -> CredentialStatus {
        self.status
    }
}

/// Which issuers a host believes, and about what.
///
/// ```
/// use amp_core::trust::{AttestationClaims, AttestationFact, AttestationVerifier, CredentialStatus, TrustedIssuers};
/// use amp_core::{Address, DidKey, Identity, Timestamp};
///
/// /// Stands for a library that verifies credentials.
/// struct Credentials;
/// impl AttestationVerifier for Credentials {
///     fn verify(&self, token: &str, _: &DidKey, _: &Address, now: Timestamp) -> Option<AttestationClaims> {
///         let tomorrow = now.saturating_add(core::time::Duration::from_secs(86_400));
///         Some(AttestationClaims::new("https://hr.acme.example", token, "Membership", tomorrow, CredentialStatus::Good))
///     }
/// }
///
/// let trusted = TrustedIssuers::new().with("https://hr.acme.example", "Membership");
/// let alice: Address = "alice@acme.crabmail.ai".parse()?;
/// let now: Timestamp = "2026-01-31T10:00:00Z".parse()?;
/// let key = Identity::from_seed(&[7; 32]).verifying_key().did().ok_or("an Ed25519 key")?;
/// let of = |token: &str| trusted.examine(&Credentials, Some(token), &key, &alice, now).fact();
/// assert_eq!(of(&key.to_string()), AttestationFact::Accepted);
/// assert_eq!(of("did:key:z6MkehRgf7yJbgaGfYsdoAsKdBPE3dj2CYhowQdcjqSJgvVd"), AttestationFact::Refused);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct TrustedIssuers {
    issuers: BTreeSet<(String, String)>,
}

impl TrustedIssuers {
    /// Believes nobody.
    pub const fn new() -> Self {
        Self { issuers: BTreeSet::new() }
    }

    /// Believes an issuer about one kind of claim. Both are compared as they are written.
    pub fn with(mut self, issuer: impl Into<String>, claim: impl Into<String>) -> Self {
        self.issuers.insert((issuer.into(), claim.into()));
        self
    }

    /// Examines what stands in a message's `identity` slot, if anything does.
    ///
    /// It counts if the verifier takes it, its subject is the `did:key` of the key that signed the message, it has not
    /// expired, the issuer stands by it, and the issuer is trusted for that claim. In all other cases the message is
    /// as trusted as it would be without: an attestation only ever raises.
    pub fn examine(
        &self,
        verifier: &(impl AttestationVerifier + ?Sized),
        slot: Option<&str>,
        holder: &DidKey,
        address: &Address,
        now: Timestamp,
    ) -> Attestation {
        let Some(token) = slot else { return Attestation::Absent };
        if token.len() > ATTESTATION_MAX_BYTES {
            return Attestation::Refused(AttestationRefusal::TooLarge);
        }
        let Some(claims) = verifier.verify(token, holder, address, now) else {
            return Attestation::Refused(AttestationRefusal::NotVerified);
        };
        match self.refusal(&claims, holder, now) {
            Some(refusal) => Attestation::Refused(refusal),
            None => Attestation::Accepted(claims),
        }
    }

    fn refusal(
        &self,
        claims: &AttestationClaims,
        holder: &DidKey,
        now: Timestamp,
    ) -> Option<AttestationRefusal> {
        if claims.subject != holder.to_string() {
            Some(AttestationRefusal::OtherSubject)
        } else if claims.expires_at <= now {
            Some(AttestationRefusal::Expired)
        } else if claims.status != CredentialStatus::Good {
            Some(AttestationRefusal::Withdrawn)
        } else if !self
            .issuers
            .iter()
            .any(|(issuer, claim)| (issuer, claim) == (&claims.issuer, &claims.claim))
        {
            Some(AttestationRefusal::IssuerNotTrusted)
        } else {
            None
        }
    }
}

/// What came of an attestation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a fact of the decision table for each")]
#[must_use]
pub enum Attestation {
    /// There was none.
    Absent,
    /// It counts: who attested what.
    Accepted(AttestationClaims),
    /// It counts for nothing.
    Refused(AttestationRefusal),
}

impl Attestation {
    /// What it contributes to a decision.
    #[must_use]
    pub const fn fact(&self) -> AttestationFact {
        match self {
            Self::Absent => AttestationFact::Absent,
            Self::Accepted(_) => AttestationFact::Accepted,
            Self::Refused(_) => AttestationFact::Refused,
        }
    }
}

/// Why an attestation counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AttestationRefusal {
    /// It is longer than [`ATTESTATION_MAX_BYTES`].
    TooLarge,
    /// The verifier did not take it.
    NotVerified,
    /// It is about another key than the one that signed the message.
    OtherSubject,
    /// It has expired.
    Expired,
    /// Its issuer no longer stands by it, or that could not be learnt.
    Withdrawn,
    /// The host does not believe this issuer about this claim.
    IssuerNotTrusted,
}

impl fmt::Display for AttestationRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "an attestation has at most 16 KiB",
            Self::NotVerified => "the attestation does not verify",
            Self::OtherSubject => "the attestation is about another key",
            Self::Expired => "the attestation has expired",
            Self::Withdrawn => "the attestation's issuer does not stand by it",
            Self::IssuerNotTrusted => "the attestation's issuer is not trusted for its claim",
        })
    }
}
