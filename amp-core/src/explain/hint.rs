//! What an explanation found beside the failure: what would make it pass, and what is odd.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use amp_crypto::{Fingerprint, KeyAlgorithm};
use amp_envelope::{Dialect, MessageError};

use super::change::Change;
use super::key::{KeyOrigin, TriedKey};

/// A set of changes under which the signature holds: this is what was signed.
///
/// Found by trying: the signature did verify over [`signed_bytes`](Self::signed_bytes) under [`key`](Self::key). It says
/// what went wrong, not that the message as received may be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remedy {
    pub(super) changes: Vec<Change>,
    pub(super) dialect: Option<Dialect>,
    pub(super) key: TriedKey,
    pub(super) signed_bytes: Vec<u8>,
}

impl Remedy {
    /// What is different in what was signed: one change or more.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The canonical form under which the payload was hashed; `None` when it was hashed as it stands.
    #[must_use]
    pub const fn dialect(&self) -> Option<Dialect> {
        self.dialect
    }

    /// The key under which the signature holds.
    #[must_use]
    pub const fn key(&self) -> &TriedKey {
        &self.key
    }

    /// The bytes that were signed.
    #[must_use]
    pub fn signed_bytes(&self) -> &[u8] {
        &self.signed_bytes
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it verifies")?;
        if *self.key.origin() != KeyOrigin::Given {
            write!(f, " under {}", self.key)?;
        }
        let mut changes = self.changes.iter().filter(|change| **change != Change::OtherKey);
        match (changes.next(), changes.next()) {
            (None, _) => Ok(()),
            (Some(change), None) => write!(f, " when {change}"),
            (Some(first), Some(second)) => {
                write!(f, " when {} and {}", first.condition(), second.condition())?;
                changes.try_for_each(|change| write!(f, " and {}", change.condition()))
            }
        }
    }
}

/// One thing that an explanation found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hint {
    /// The signature holds over something else than what was received.
    Verifies(Box<Remedy>),
    /// The bytes are a message under `Profile::Deployed`, which reads what deployed programs write.
    ReadsAsDeployed,
    /// The bytes are the body of a route request, in which a provider has not yet put what it assigns.
    IsRouteBody,
    /// The message states another key than the one given, in this member.
    StatesOtherKey(&'static str, Fingerprint),
    /// What the message states in this member is no key.
    StatesNoKey(&'static str),
    /// The signature's text is not base64.
    SignatureNotBase64,
    /// A signature of this many bytes is none of a key with this algorithm.
    SignatureLength(usize, KeyAlgorithm),
    /// The text stands in a wrapper that somebody on the way put around it.
    Wrapped,
    /// Programs do not agree about the canonical form of this payload.
    NotPortable,
    /// The subject is not in composed Unicode (NFC), so that something on the way may change it.
    SubjectNotComposed,
    /// The payload is sealed to the key with this id: what it says is not what is shown of it.
    Sealed(Fingerprint),
    /// The payload is of a sealed type, and what should be sealed in it cannot be read.
    SealedAmiss(MessageError),
    /// The bounded work was spent before everything was tried.
    NotEverythingTried,
}

impl Hint {
    /// A stable name for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Verifies(_) => "verifies_when",
            Self::ReadsAsDeployed => "reads_as_deployed",
            Self::IsRouteBody => "is_route_body",
            Self::StatesOtherKey(..) => "states_other_key",
            Self::StatesNoKey(_) => "states_no_key",
            Self::SignatureNotBase64 => "signature_not_base64",
            Self::SignatureLength(..) => "signature_length",
            Self::Wrapped => "wrapped",
            Self::NotPortable => "not_portable",
            Self::SubjectNotComposed => "subject_not_composed",
            Self::Sealed(_) => "sealed",
            Self::SealedAmiss(_) => "sealed_amiss",
            Self::NotEverythingTried => "not_everything_tried",
        }
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Verifies(remedy) => return write!(f, "{remedy}"),
            Self::ReadsAsDeployed => "it is a message under the deployed profile",
            Self::IsRouteBody => "it is the body of a route request, not a message",
            Self::StatesOtherKey(member, fingerprint) => {
                return write!(f, "{member} states another key: {fingerprint}");
            }
            Self::StatesNoKey(member) => return write!(f, "what {member} states is no key"),
            Self::SignatureNotBase64 => "the signature's text is not base64",
            Self::SignatureLength(bytes, algorithm) => {
                return write!(f, "a signature of {bytes} bytes is none of a key of {algorithm}");
            }
            Self::Wrapped => "a provider wrapped the text before delivery, so its hash is another",
            Self::NotPortable => "programs do not agree about the canonical form of this payload",
            Self::SubjectNotComposed => "the subject is not in composed Unicode (NFC)",
            Self::Sealed(key_id) => {
                return write!(f, "the payload is sealed, and opens with the recipient's key {key_id} alone");
            }
            Self::SealedAmiss(error) => return write!(f, "what is sealed cannot be read: {error}"),
            Self::NotEverythingTried => "the work allowed was spent before everything was tried",
        })
    }
}
