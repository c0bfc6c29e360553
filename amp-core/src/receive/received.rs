//! A message that was accepted (trust, levels; attacks, what a model sees).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use amp_address::Address;
use amp_crypto::seal::EncryptionKey;
use amp_envelope::{
    Answer, Attachment, AttachmentError, Dialect, Draft, Message, Payload, SecurityNotes, SignedMessage,
    StoredMessage, Timestamp, Verified,
};

use super::content::{Content, context_lines};
use super::letter::Letter;
use crate::scan::{Category, Finding, ScanReport};
use crate::sealing::Sealing;
use crate::trust::{
    AttestationClaims, Prompt, PromptOptions, Quoted, TrustFacts, TrustLevel, security_notes,
};

/// Something about an accepted message that its reader should know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flag {
    /// The same content came before under another id, without a nonce: two equal messages, or a replay of one.
    ContentReplay,
    /// Another message of the sender came before under this one's id. The sender did not sign the ids.
    IdConflict,
    /// It was signed more than five minutes before it was handed over, whatever its stamp says: honest delay, or a
    /// message that was kept back.
    Delayed,
    /// No message of the sender was delivered before, and no person has spoken for its key.
    FirstContact,
    /// The sender's key took another's place within the last 24 hours.
    KeyRotated,
    /// The signature holds under a key that the address had before. Said of messages that were received while it had
    /// it: see [`Receiver::read_again`](super::Receiver::read_again).
    FormerKey,
    /// The sender's address looks like that of a known contact. It is said as long as the sender's key is first seen.
    LookalikeOf(Address),
    /// The sender's provider is a suffix under which anybody can register, such as `co.uk` or `github.io`.
    PublicSuffix,
    /// The signature holds under an older canonical form.
    FallbackDialect(Dialect),
    /// The signature holds without the empty list of attachments, which a deployed program adds after signing.
    EmptyAttachments,
    /// It is plain, and its sender sealed messages before: somebody on the way, or around its sender, may have a use for
    /// mail that can be read.
    SealingDropped,
    /// The subject is not in Unicode's normal form C: another one may look the same.
    SubjectNotNormalized,
}

/// A message that was accepted: verified, not seen before, its sender's key known, its content scanned.
///
/// Only a [`Receiver`](super::Receiver) makes one, and hands it out when the effects that belong to it are committed.
///
/// ```
/// use amp_core::receive::{Context, Disposition, Receiver, SenderKey, Via};
/// use amp_core::trust::TrustLevel;
/// # use amp_core::prelude::*;
/// # let alice = Identity::from_seed(&[7; 32]);
/// # let signed = Draft::request("bob@acme.crabmail.ai".parse()?, "Hi", "Are you there?")
/// #     .from(&"alice@acme.crabmail.ai".parse()?)
/// #     .sign(&alice, "2026-01-31T10:00:00Z".parse()?)?;
/// # let (bytes, key) = (signed.to_json(), alice.verifying_key().clone());
/// let mut receiver = Receiver::builder("bob@acme.crabmail.ai".parse()?).build();
/// let context = Context::new("2026-01-31T10:00:05Z".parse()?, Via::Direct).with_key(SenderKey::resolved(key));
/// let Disposition::Deliver(received) = receiver.receive(bytes.as_bytes(), &context).commit() else { panic!() };
///
/// assert_eq!(received.trust(), TrustLevel::Verified);
/// assert_eq!(received.for_prompt(), "Subject: Hi\n\nAre you there?");
/// let (level, text) = received.text().into_parts();
/// assert_eq!((level, text.as_str()), (TrustLevel::Verified, "Are you there?"));
/// assert_eq!(received.reply("Yes.").sign(&Identity::from_seed(&[8; 32]), context.now())?.to(), received.from());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A verified message is not yet a received one:
///
/// ```compile_fail,E0308
/// # use amp_core::{Message, Verified, receive::Received};
/// # fn show(message: &Received) {}
/// # fn cheat(verified: Verified<Message>) {
/// show(&verified);
/// # }
/// ```
///
/// and nothing else makes one by hand:
///
/// ```compile_fail,E0451
/// # use amp_core::{Message, Verified, receive::Received};
/// # fn forge(message: Verified<Message>, other: Received) -> Received {
/// Received { letter: message, ..other }
/// # }
/// ```
#[derive(Clone)]
pub struct Received {
    pub(super) letter: Letter,
    pub(super) from: Address,
    pub(super) facts: TrustFacts,
    pub(super) attestation: Option<AttestationClaims>,
    pub(super) scan: ScanReport,
    pub(super) flags: Vec<Flag>,
    pub(super) received_at: Timestamp,
    /// What an answer to a sealed message is sealed to, where it is not the key with which that was signed.
    pub(super) answer_to: Option<EncryptionKey>,
}

impl Received {
    /// The sender, whose key signed the message.
    #[must_use]
    pub fn from(&self) -> Address {
        self.from.clone()
    }

    /// How far the message may be believed.
    #[must_use]
    pub const fn trust(&self) -> TrustLevel {
        self.facts.level()
    }

    /// What the level rests on.
    pub const fn facts(&self) -> TrustFacts {
        self.facts
    }

    /// Who attests what about the holder of the key; none unless the attestation counts.
    #[must_use]
    pub const fn attestation(&self) -> Option<&AttestationClaims> {
        self.attestation.as_ref()
    }

    /// What the scan found.
    #[must_use]
    pub const fn scan(&self) -> &ScanReport {
        &self.scan
    }

    /// What else its reader should know.
    #[must_use]
    pub fn flags(&self) -> &[Flag] {
        &self.flags
    }

    /// Whether the message was sealed, and whether it is open.
    #[must_use]
    pub fn sealing(&self) -> Sealing {
        self.letter.sealing()
    }

    /// The text for a model: subject, names of attachments and text, inside a wrapper where the level demands it.
    ///
    /// Nothing in it comes from the unsigned part of the envelope. Of a sealed message it is what was inside; of one that
    /// could not be opened, a line that says so.
    #[must_use]
    pub fn for_prompt(&self) -> String {
        self.for_prompt_with(PromptOptions::new())
    }

    /// The text for a model, as the host wants it.
    #[must_use]
    pub fn for_prompt_with(&self, options: PromptOptions) -> String {
        let mut content = Content::of_letter(&self.letter);
        // Ciphertexts and what is said about them are nothing to read.
        if self.letter.is_unopened() {
            content.attachments.clear();
            content.text = self.letter.text();
        }
        let context =
            || if self.letter.is_unopened() { Vec::new() } else { context_lines(&self.letter.payload()) };
        prompt(content, context, self.trust(), &self.from, &self.scan, options)
    }

    /// The text as it was sent, with its level. It has no wrapper: it is not for a model.
    pub fn text(&self) -> RawText {
        RawText { level: self.trust(), text: self.letter.text().into_owned() }
    }

    /// The text as a quotation: it keeps its level and its sender wherever it is put.
    pub fn quote(&self) -> Quoted {
        Quoted::new(self.letter.text().into_owned(), self.trust(), &self.from)
    }

    /// The payload: of a sealed message the one that was inside, as soon as it is open. Its texts are as they were sent: see
    /// [`text`](Self::text).
    #[must_use]
    pub fn payload(&self) -> Payload<'_> {
        self.letter.payload()
    }

    /// The attachments, in order, each with why it cannot be read if it cannot. Sealed files come with their keys, under
    /// the names and the digests that were inside; a message that could not be opened has none.
    #[must_use]
    pub fn attachments(&self) -> Vec<Result<Attachment, AttachmentError>> {
        self.letter.attachments()
    }

    /// Starts an answer: to the sender whose key signed, in the thread, with the digest of what it answers.
    ///
    /// The answer to a sealed message is sealed, to the key with which its sender signed, or to the present one if that is a
    /// [former key](Flag::FormerKey); `Draft::seal_to` names another one,
    /// such as that of [`plan_sealing`](super::Receiver::plan_sealing), and `Draft::unsealed` none.
    pub fn reply(&self, text: &str) -> Draft {
        let draft = self.letter.reply(text);
        match &self.answer_to {
            Some(key) => draft.seal_to(key),
            None => draft,
        }
    }

    /// Whether the one to whom the host has sent a message has signed that this answers it.
    ///
    /// The ids of both were assigned on the way, so an id that fits proves nothing: what the sender signed does.
    #[must_use]
    pub fn is_answer_to(&self, sent: &SignedMessage) -> bool {
        self.from == sent.to() && sent.answered_by(self.verified()) == Answer::Yes
    }

    /// The verified message as it travelled, for hosts that need more of it. Its text is as it was sent: see
    /// [`text`](Self::text). What was sealed in it is not in here: see [`payload`](Self::payload).
    #[must_use]
    pub const fn verified(&self) -> &Verified<Message> {
        self.letter.verified()
    }

    /// The message in its stored form, with the receiver's own findings beside it. What came with it as `security` or
    /// `local` is not in it.
    ///
    /// A sealed message is stored sealed. Beside an open one stands what opens this one again when the key is gone: the
    /// stored form is for the host's own disk.
    #[must_use]
    pub fn stored(&self) -> StoredMessage {
        let mut stored = StoredMessage::new((**self.verified()).clone(), self.received_at);
        stored.set_verified(true);
        if let Some(secret) = self.letter.secret() {
            stored.set_sealed_secret(secret);
        }
        stored.annotate(notes(self.trust(), &self.scan));
        stored
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received")
            .field("message", &**self.verified())
            .field("sealing", &self.sealing())
            .field("trust", &self.trust())
            .field("flags", &self.flags)
            .finish_non_exhaustive()
    }
}

/// A text as it was sent, and how far it may be believed. It has to be taken apart, so that nobody overlooks the level.
///
/// ```compile_fail,E0277
/// # use amp_core::receive::RawText;
/// fn ask_model(text: RawText) -> String {
///     format!("{text}") // neither printed nor compared as it is
/// }
/// ```
#[derive(Clone)]
#[must_use]
pub struct RawText {
    level: TrustLevel,
    text: String,
}

impl RawText {
    /// The level and the text.
    #[must_use]
    pub fn into_parts(self) -> (TrustLevel, String) {
        (self.level, self.text)
    }
}

impl fmt::Debug for RawText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawText({}, {} bytes)", self.level, self.text.len())
    }
}

/// A message that nothing vouches for, for hosts that want to see such messages all the same. It is never opened, if it is
/// sealed: whose it is, is a part of what opens it.
///
/// There is no more to be had of it than its wrapped text: it has no sender, no text of its own, and no answer.
///
/// ```compile_fail,E0599
/// # use amp_core::receive::UntrustedMessage;
/// fn answer(message: &UntrustedMessage) {
///     let draft = message.reply("Thank you.");
/// }
/// ```
#[derive(Clone)]
pub struct UntrustedMessage {
    pub(super) message: Message,
    pub(super) claimed_from: Address,
    pub(super) facts: TrustFacts,
    pub(super) scan: ScanReport,
    pub(super) received_at: Timestamp,
}

impl UntrustedMessage {
    /// What the level rests on, or rather what it lacks.
    pub const fn facts(&self) -> TrustFacts {
        self.facts
    }

    /// What the scan found.
    #[must_use]
    pub const fn scan(&self) -> &ScanReport {
        &self.scan
    }

    /// The text for a model: inside a wrapper that warns and does not name the claimed sender.
    #[must_use]
    pub fn for_prompt(&self) -> String {
        self.for_prompt_with(PromptOptions::new())
    }

    /// The text for a model, as the host wants it.
    #[must_use]
    pub fn for_prompt_with(&self, options: PromptOptions) -> String {
        let (content, context) = (Content::of(&self.message), || context_lines(&self.message.payload()));
        prompt(content, context, TrustLevel::Untrusted, &self.claimed_from, &self.scan, options)
    }

    /// The message in its stored form, noted as untrusted.
    #[must_use]
    pub fn stored(&self) -> StoredMessage {
        let mut stored = StoredMessage::new(self.message.clone(), self.received_at);
        stored.set_verified(false);
        stored.annotate(notes(TrustLevel::Untrusted, &self.scan));
        stored
    }
}

impl fmt::Debug for UntrustedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UntrustedMessage").field("reason", &self.facts.reason()).finish_non_exhaustive()
    }
}

fn prompt(
    content: Content<'_>,
    context: impl FnOnce() -> Vec<String>,
    level: TrustLevel,
    from: &Address,
    scan: &ScanReport,
    options: PromptOptions,
) -> String {
    let Content { subject, text, attachments, .. } = content;
    let mut prompt = Prompt::new(text, level, from).attachments(attachments).options(options);
    // Nothing is collected that is not shown.
    if options == options.with_context() {
        prompt = prompt.context(context());
    }
    // Deployed programs send messages without a subject.
    if !subject.is_empty() {
        prompt = prompt.subject(subject);
    }
    prompt.findings(scan.flagged_count()).render()
}

/// The receiver's findings, as they are stored beside a message.
fn notes(level: TrustLevel, scan: &ScanReport) -> SecurityNotes {
    let mut notes = security_notes(level, scan.categories().into_iter().map(Category::as_str));
    if scan.findings().iter().any(Finding::is_window) {
        notes = notes.with_window_scan_result("flagged");
    }
    notes
}
