//! Why a message was refused: a code, a field, a rule, and never its content (trust, failure codes).

use core::fmt;

use amp_envelope::{ErrorCode, MessageError};

/// Why a message, or a change of what is known about a key, was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalReason {
    /// The message breaks the rules of messages, signature included.
    Message(ErrorCode),
    /// The recipient is none of the receiver's addresses.
    NotForMe,
    /// No authenticated source connects a key with the sender's address.
    KeyNotFound,
    /// The key is revoked.
    KeyRevoked,
    /// Another key is pinned to the address, or the key to another address.
    KeyConflict,
    /// The key is not the address's any more.
    KeyMismatch,
    /// The key does not fit what it is for.
    InvalidKey,
    /// The address rotated its key a short while ago.
    RotationTooSoon,
    /// The message's time is over.
    Expired,
    /// The message is older than the way on which it came allows.
    TimestampExpired,
    /// A stamp lies in the future.
    TimestampFuture,
    /// The sender signed this nonce before.
    ContentReplay,
    /// The sender used this id for another message.
    IdConflict,
    /// The sender has used up its share of the memory.
    SenderQuota,
    /// The memory is full of what must not be forgotten yet.
    MemoryFull,
    /// The recipient does not take messages from this sender.
    SenderRefused,
    /// A sender without a grant, where the recipient demands one.
    NotGranted,
    /// The message is plain, and the host wants messages with this peer to be sealed.
    SealingRequired,
    /// The message is sealed, and the host wants messages with this peer not to be.
    SealingRefused,
    /// The scan found what must not reach the recipient.
    ContentBlocked,
    /// The entry is not in the state that the step needs.
    Decided,
}

impl RefusalReason {
    /// The wire's code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Message(code) => code.as_str(),
            Self::NotForMe => "recipient_not_found",
            Self::KeyNotFound => "key_not_found",
            Self::KeyRevoked => "key_revoked",
            Self::KeyConflict => "key_conflict",
            Self::KeyMismatch => "key_mismatch",
            Self::InvalidKey => "invalid_key",
            Self::RotationTooSoon => "rotation_too_soon",
            Self::Expired => "expired",
            Self::TimestampExpired => "timestamp_expired",
            Self::TimestampFuture => "timestamp_future",
            Self::ContentReplay => "content_replay",
            Self::IdConflict => "id_conflict",
            Self::SenderQuota | Self::MemoryFull => "rate_limited",
            Self::NotGranted => "recipient_not_allowed",
            Self::SealingRequired => "sealing_required",
            Self::SealingRefused => "sealing_refused",
            Self::SenderRefused | Self::ContentBlocked => "forbidden",
            Self::Decided => "quarantine_expired",
        }
    }

    /// Whether it stands however often the message comes.
    const fn is_final(self) -> bool {
        !matches!(
            self,
            Self::TimestampExpired
                | Self::TimestampFuture
                | Self::SenderQuota
                | Self::MemoryFull
                | Self::KeyNotFound
                | Self::KeyConflict
        )
    }
}

/// A refusal: code, field and rule. Nothing of the message is repeated in it.
///
/// It is written for the host. What a sender is told is [`public`](Self::public), or the code alone where the host
/// wants to be that open.
///
/// ```
/// use amp_core::receive::{Context, Disposition, Receiver, RefusalReason, Via};
/// # use amp_core::prelude::*;
/// let mut receiver = Receiver::builder("bob@acme.crabmail.ai".parse()?).build();
/// let context = Context::new("2026-01-31T10:00:00Z".parse()?, Via::Direct);
/// # let signed = Draft::request("carol@acme.crabmail.ai".parse()?, "Hi", "Hello")
/// #     .from(&"alice@acme.crabmail.ai".parse()?)
/// #     .sign(&Identity::from_seed(&[7; 32]), "2026-01-31T10:00:00Z".parse()?)?;
/// # let for_carol = signed.to_json();
/// let Disposition::Reject(refusal) = receiver.receive(for_carol.as_bytes(), &context).commit() else { panic!() };
/// assert_eq!((refusal.code(), refusal.reason()), ("recipient_not_found", RefusalReason::NotForMe));
/// assert_eq!(refusal.public().code(), "forbidden");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{}: {rule}", .reason.code(), Field(*.field))]
pub struct Refusal {
    reason: RefusalReason,
    field: Option<&'static str>,
    rule: &'static str,
    is_of_the_bytes: bool,
}

impl Refusal {
    pub(super) const fn new(reason: RefusalReason, field: &'static str, rule: &'static str) -> Self {
        Self { reason, field: Some(field), rule, is_of_the_bytes: false }
    }

    /// The wire's code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.reason.code()
    }

    /// The reason, finer than the code.
    #[must_use]
    pub const fn reason(&self) -> RefusalReason {
        self.reason
    }

    /// The field at fault, as a dotted path such as `envelope.from`.
    #[must_use]
    pub const fn field(&self) -> Option<&'static str> {
        self.field
    }

    /// The rule that was broken, as a sentence for people.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        self.rule
    }

    /// Whether the refusal stands however often the same message is offered, so that it may be acknowledged as settled.
    ///
    /// It does not where only the clock was against it (a stamp that is too old or yet to come: the host's clock may be wrong),
    /// the room, that nobody names the sender's key, or that two sources name different ones (a person can resolve that): such
    /// a message is left where it is, and comes again. A missing grant and a list of senders stand: its sender has to
    /// write again.
    ///
    /// ```
    /// use amp_core::receive::{Context, Disposition, Receiver, Via};
    /// # use amp_core::prelude::*;
    /// # let signed = Draft::request("bob@acme.crabmail.ai".parse()?, "Hi", "Hello")
    /// #     .from(&"alice@acme.crabmail.ai".parse()?)
    /// #     .sign(&Identity::from_seed(&[7; 32]), "2026-01-31T10:00:00Z".parse()?)?;
    /// # let bytes = signed.to_json();
    /// let mut receiver = Receiver::builder("bob@acme.crabmail.ai".parse()?).build();
    /// let without_key = Context::new("2026-01-31T10:00:05Z".parse()?, Via::Direct);
    /// let Disposition::Reject(refusal) = receiver.receive(bytes.as_bytes(), &without_key).commit() else { panic!() };
    /// assert!(!refusal.is_final()); // its provider could not be asked: do not acknowledge the message
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn is_final(&self) -> bool {
        self.reason.is_final()
    }

    /// One answer for whatever the receiver refuses: who is behind it, who may write to it, whom it knows and what it
    /// scans for stay its own. Only what the bytes break by themselves, whoever reads them, is told as it is.
    pub const fn public(&self) -> PublicRefusal {
        PublicRefusal { code: if self.is_of_the_bytes { self.reason.code() } else { "forbidden" } }
    }

    /// A refusal that depends on the bytes alone, not on who received them.
    pub(super) fn of_the_bytes(error: MessageError) -> Self {
        Self { is_of_the_bytes: true, ..Self::from(error) }
    }
}

impl From<MessageError> for Refusal {
    fn from(error: MessageError) -> Self {
        Self {
            reason: RefusalReason::Message(error.code()),
            field: error.field(),
            rule: error.rule(),
            is_of_the_bytes: false,
        }
    }
}

/// What a stranger may be told about a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct PublicRefusal {
    code: &'static str,
}

impl PublicRefusal {
    /// The wire's code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }
}

impl fmt::Display for PublicRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: the message was not accepted", self.code)
    }
}

struct Field(Option<&'static str>);

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |field| write!(f, " in {field}"))
    }
}
