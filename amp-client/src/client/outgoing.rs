//! What is sent, and what became of it (delivery).

use alloc::vec::Vec;
use core::fmt;
use std::sync::{Mutex, PoisonError};

use amp_core::envelope::MessageId;
use amp_core::sealing::SealingWish;
use amp_core::wire::{DeliveryStatus, Routed};
use amp_core::{Draft, SignedMessage};

use super::trace::TraceContext;
use crate::attachments::UploadFile;
use crate::error::Error;

/// What is to be sent: a draft, which the client signs, or a message that is signed already.
///
/// ```
/// use amp_client::{Draft, Outgoing};
///
/// let draft = Draft::request("bob@acme.crabmail.ai".parse()?, "Hello", "Are you there?");
/// let outgoing = Outgoing::from(draft).sealed().with_receipt();
/// # let _ = outgoing;
/// # Ok::<(), amp_client::AddressError>(())
/// ```
#[must_use = "nothing is sent until the client is told to"]
pub struct Outgoing {
    pub(super) content: Content,
    pub(super) wish: SealingWish,
    /// Behind a lock, which nobody ever waits for: what listens to the progress of an upload is one thread's at a time.
    files: Mutex<Vec<UploadFile>>,
    pub(super) wants_receipt: bool,
    pub(super) trace: Option<TraceContext>,
}

pub(super) enum Content {
    Draft(Draft),
    Signed(SignedMessage),
}

impl Outgoing {
    const fn new(content: Content) -> Self {
        let files = Mutex::new(Vec::new());
        Self { content, wish: SealingWish::Policy, files, wants_receipt: false, trace: None }
    }

    /// Seals the message, also toward a peer of whom it is not known that it opens such mail: it is sealed to the key of the
    /// peer's card, else to the one that it signs with, and sent to nobody without one. Subject, addresses, priority and
    /// thread stay visible.
    ///
    /// Without this and [`plain`](Self::plain), the [policy](crate::ClientBuilder::sealing) decides; an answer to a sealed
    /// message is sealed.
    pub const fn sealed(mut self) -> Self {
        self.wish = SealingWish::Seal;
        self
    }

    /// Sends the message as it is, also toward a peer with whom mail was sealed before: whoever relays it can read it.
    /// Nothing but this leads from sealed mail back to plain.
    pub const fn plain(mut self) -> Self {
        self.wish = SealingWish::Plain;
        self
    }

    /// Uploads a file when the message is sent, and attaches it: sealed, under a neutral name, if the message is. Call it once
    /// for each. A message that is signed already cannot take files on: sending it fails.
    pub fn attach(mut self, file: UploadFile) -> Self {
        self.files.get_mut().unwrap_or_else(PoisonError::into_inner).push(file);
        self
    }

    /// Takes the files out.
    pub(super) fn take_files(&mut self) -> Vec<UploadFile> {
        core::mem::take(self.files.get_mut().unwrap_or_else(PoisonError::into_inner))
    }

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
        Self::new(Content::Draft(draft))
    }
}

impl From<SignedMessage> for Outgoing {
    fn from(message: SignedMessage) -> Self {
        Self::new(Content::Signed(message))
    }
}

/// Shows no content.
impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_signed = matches!(self.content, Content::Signed(_));
        f.debug_struct("Outgoing")
            .field("is_signed", &is_signed)
            .field("wish", &self.wish)
            .finish_non_exhaustive()
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

    /// Whether the message was sealed: whoever relayed it cannot read it.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.message.payload().is_sealed()
    }

    /// Why the message is not in the folder of sent messages, if it is not. It was sent all the same.
    #[must_use]
    pub const fn not_kept(&self) -> Option<&Error> {
        self.not_kept.as_ref()
    }
}
