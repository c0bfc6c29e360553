//! Answering a message, and telling whether a message answers another (threads, freshness).

use alloc::borrow::ToOwned;
use alloc::string::String;

use crate::draft::Draft;
use crate::error::MessageError;
use crate::id::MessageId;
use crate::limits::SUBJECT_MAX_CHARS;
use crate::message::Message;
use crate::message_type::MessageType;
use crate::signed::SignedMessage;
use crate::timestamp::Timestamp;
use crate::verify::Verified;

/// Whether a message answers the one it claims to answer.
///
/// ```
/// use amp_envelope::Answer;
/// # use amp_envelope::{Draft, Message, Timestamp};
/// # use amp_crypto::Identity;
/// # let (alice, bob) = (Identity::from_seed(&[1; 32]), Identity::from_seed(&[2; 32]));
/// # let now: Timestamp = "2026-01-31T10:00:00Z".parse()?;
/// # let question = Draft::request("bob@acme.crabmail.ai".parse()?, "Lunch?", "At noon?")
/// #     .from(&"alice@acme.crabmail.ai".parse()?).sign(&alice, now)?;
/// # let question = Message::decode(question.to_json().as_bytes())?.verify(alice.verifying_key())?;
/// let yes = question.reply("Yes.").sign(&bob, now)?;
/// let yes = Message::decode(yes.to_json().as_bytes())?.verify(bob.verifying_key())?;
/// assert_eq!(yes.answers(&question), Answer::Yes);
/// assert_eq!(question.answers(&yes), Answer::No);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Answer {
    /// The sender signed the digest of that very message.
    Yes,
    /// It names another message, or signed the digest of another.
    No,
    /// It names that message by an id, which whoever relayed it assigned; the sender signed no digest.
    Unproven,
}

impl Verified<Message> {
    /// Starts an answer: to the sender, from the recipient, in the thread, with the digest of what it answers.
    ///
    /// It goes to the signed `from`, never to an unsigned `reply_to`. The subject gets `Re: ` once.
    ///
    /// ```
    /// # use amp_envelope::{Draft, Message, Timestamp};
    /// # use amp_crypto::Identity;
    /// # let (alice, bob) = (Identity::from_seed(&[1; 32]), Identity::from_seed(&[2; 32]));
    /// # let now: Timestamp = "2026-01-31T10:00:00Z".parse()?;
    /// # let question = Draft::request("bob@acme.crabmail.ai".parse()?, "Lunch?", "At noon?")
    /// #     .from(&"alice@acme.crabmail.ai".parse()?).sign(&alice, now)?;
    /// # let verified = Message::decode(question.to_json().as_bytes())?.verify(alice.verifying_key())?;
    /// let answer = verified.reply("Yes.").sign(&bob, now)?;
    /// assert_eq!(answer.to().as_str(), "alice@acme.crabmail.ai");
    /// assert_eq!(answer.as_message().subject(), "Re: Lunch?");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reply(&self, text: &str) -> Draft {
        let unsigned = self.unsigned();
        Draft::new((**self).from())
            .from(&self.to())
            .message_type(MessageType::Response)
            .subject(&reply_subject(&self.subject()))
            .text(text)
            .answering(unsigned.id(), unsigned.thread_id(), self.digest_prefix())
    }

    /// Whether this message answers `parent`.
    ///
    /// Ids are assigned on the way, so a relay could put a "yes" under another question; a signed digest in the
    /// freshness block settles it, whatever the ids are. Without one, the id decides between `Unproven` and `No`. A
    /// freshness block that does not obey its grammar proves nothing: `No`.
    #[must_use]
    pub fn answers(&self, parent: &Self) -> Answer {
        self.answers_digest(&parent.signing_digest(), &parent.unsigned().id())
    }

    fn answers_digest(&self, digest: &[u8; 32], id: &MessageId) -> Answer {
        match self.payload().freshness().map(|freshness| freshness.and_then(|freshness| freshness.re)) {
            Ok(Some(re)) if digest.starts_with(&re) => Answer::Yes,
            Ok(None) if self.in_reply_to().is_some_and(|parent| parent.same_message(id)) => Answer::Unproven,
            _ => Answer::No,
        }
    }

    /// When the message expires: the earlier of the signed and the unsigned time; `None` when neither is stated.
    ///
    /// The unsigned one can be stripped or extended on the way, the signed one cannot.
    ///
    /// # Errors
    /// As [`Payload::freshness`](crate::Payload::freshness): a block that does not obey its grammar is not taken for
    /// an absent one.
    pub fn expires_at(&self) -> Result<Option<Timestamp>, MessageError> {
        let signed = self.payload().freshness()?.and_then(|freshness| freshness.expires_at);
        let unsigned = self.unsigned().expires_at();
        Ok(signed.into_iter().chain(unsigned).min())
    }

    fn digest_prefix(&self) -> [u8; 16] {
        let mut prefix = [0; 16];
        for (slot, byte) in prefix.iter_mut().zip(self.signing_digest()) {
            *slot = byte;
        }
        prefix
    }
}

impl SignedMessage {
    /// Whether a verified message answers this one, which its sender signed.
    ///
    /// The provider gave this message another id when it accepted it; the signed digest tells all the same. Without
    /// a digest only the sender's own record of that id could tell, so the answer is `No`.
    ///
    /// ```
    /// # use amp_envelope::{Answer, Draft, Message, Timestamp};
    /// # use amp_crypto::Identity;
    /// # let (alice, bob) = (Identity::from_seed(&[1; 32]), Identity::from_seed(&[2; 32]));
    /// # let now: Timestamp = "2026-01-31T10:00:00Z".parse()?;
    /// let question = Draft::request("bob@acme.crabmail.ai".parse()?, "Lunch?", "At noon?")
    ///     .from(&"alice@acme.crabmail.ai".parse()?)
    ///     .sign(&alice, now)?;
    /// let delivered = question.to_json().replace(question.id().as_str(), "msg_1795164439815_nmo7mxq");
    /// let delivered = Message::decode(delivered.as_bytes())?.verify(alice.verifying_key())?;
    /// let yes = delivered.reply("Yes.").sign(&bob, now)?;
    /// let yes = Message::decode(yes.to_json().as_bytes())?.verify(bob.verifying_key())?;
    /// assert_eq!(question.answered_by(&yes), Answer::Yes);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn answered_by(&self, answer: &Verified<Message>) -> Answer {
        answer.answers_digest(&self.signing_digest(), &self.id())
    }
}

/// `Re: ` once, within the longest subject.
fn reply_subject(subject: &str) -> String {
    if subject.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("re:")) {
        return subject.to_owned();
    }
    "Re: ".chars().chain(subject.chars()).take(SUBJECT_MAX_CHARS).collect()
}
