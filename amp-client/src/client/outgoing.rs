//! What is sent, and what became of it (delivery).

use core::fmt;

use amp_core::envelope::MessageId;
use amp_core::wire::{DeliveryStatus, Routed};
use amp_core::{Draft, SignedMessage};

use super::trace::TraceContext;
use crate::error::Error;

/// What is to be sent: a draft, which the client signs, or a message that is signed already.
///
/// ```
/// use amp_client::{Draft, Outgoing};
///
/// let draft = Draft::request("bob@acme.crabmail.ai".parse()?, "Hello", "Are you there?");
/// let outgoing = Outgoing::from(draft).with_receipt();
/// # let _ = outgoing;
/// # Ok::<(), amp_client::AddressError>(())
/// ```
#[must_use = "nothing is sent until the client is told to"]
pub struct Outgoing {
    pub(super) content: Content,
    pub(super) wants_receipt: bool,
    pub(super) trace: Option<TraceContext>,
}

pub(super) enum Content {
    Draft(Draft),
    Signed(SignedMessage),
}

impl Outgoing {
    /// Asks for word of the delivery. It comes as an event of the inbox.
    pub fn with_receipt(mut self) -> Self {
        self.wants_receipt = true;
        self
    }

    /// Says to which trace the message belongs, in what is signed. A message that is signed already cannot take it on:
    /// sending it fails.
    pub fn with_trace(mut self, trace: TraceContext) -> Self {
        self.trace = Some(trace);
        self
    }
}

impl From<Draft> for Outgoing {
    fn from(draft: Draft) -> Self {
        Self { content: Content::Draft(draft), wants_receipt: false, trace: None }
    }
}

impl From<SignedMessage> for Outgoing {
    fn from(message: SignedMessage) -> Self {
        Self { content: Content::Signed(message), wants_receipt: false, trace: None }
    }
}

/// Shows no content.
impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_signed = matches!(self.content, Content::Signed(_));
        f.debug_struct("Outgoing").field("is_signed", &is_signed).finish_non_exhaustive()
    }
}

/// A message that a provider has taken, and what it says became of it.
#[derive(Debug)]
pub struct Sent {
    pub(super) message: SignedMessage,
    pub(super) routed: Routed,
    pub(super) not_kept: Option<Error>,
}

impl Sent {
    /// The id under which the recipient sees the message. Only a message that waits for a person of the provider's may
    /// lack one.
    #[must_use]
    pub const fn id(&self) -> Option<&MessageId> {
        self.routed.id.as_ref()
    }

    /// Where the message is.
    #[must_use]
    pub const fn status(&self) -> &DeliveryStatus {
        &self.routed.status
    }

    /// All that the provider said.
    #[must_use]
    pub const fn routed(&self) -> &Routed {
        &self.routed
    }

    /// What was sent: [`Received::is_answer_to`](amp_core::receive::Received::is_answer_to) compares with it.
    #[must_use]
    pub const fn message(&self) -> &SignedMessage {
        &self.message
    }

    /// Why the message is not in the folder of sent messages, if it is not. It was sent all the same.
    #[must_use]
    pub const fn not_kept(&self) -> Option<&Error> {
        self.not_kept.as_ref()
    }
}
