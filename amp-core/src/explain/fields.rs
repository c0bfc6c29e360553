//! The signed fields of an envelope as received, and the other ways in which a sender may have had them (signing).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use amp_address::{Address, AnyAddress, Profile, parse_any};
use amp_envelope::{Message, Priority};
use unicode_normalization::UnicodeNormalization;

use super::change::{AddressSpelling, Change};
use super::show::Shown;

/// The fields that a signature covers beside the payload, in the spelling that was received.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SignedParts {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) subject: String,
    pub(super) priority: &'static str,
    pub(super) in_reply_to: String,
}

impl SignedParts {
    pub(super) fn of(message: &Message) -> Self {
        let envelope = message.unsigned();
        let text =
            |name: &str| envelope.get(name).and_then(|value| value.as_str()).unwrap_or_default().into_owned();
        Self {
            from: text("from"),
            to: text("to"),
            subject: message.subject().into_owned(),
            priority: message.priority().as_str(),
            in_reply_to: message.in_reply_to().map(|id| id.as_str().to_string()).unwrap_or_default(),
        }
    }

    /// The sender's address as received, which need not be in lower case.
    #[must_use]
    pub fn from(&self) -> &str {
        &self.from
    }

    /// The recipient's address as received.
    #[must_use]
    pub fn to(&self) -> &str {
        &self.to
    }

    /// The subject.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The priority: `normal` when the message states none.
    #[must_use]
    pub const fn priority(&self) -> &str {
        self.priority
    }

    /// The id of the message that is answered; empty when there is none.
    #[must_use]
    pub fn in_reply_to(&self) -> &str {
        &self.in_reply_to
    }

    /// The signing string over a payload hash in whatever spelling.
    pub(super) fn signing_string(&self, hash: &str) -> String {
        let Self { from, to, subject, priority, in_reply_to } = self;
        format!("{from}|{to}|{subject}|{priority}|{in_reply_to}|{hash}")
    }
}

/// `from "…", to "…", subject "…", priority normal, in_reply_to none`, outside text cut and escaped.
impl fmt::Display for SignedParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to, subject) = (Shown(&self.from), Shown(&self.to), Shown(&self.subject));
        write!(f, "from \"{from}\", to \"{to}\", subject \"{subject}\", priority {}, ", self.priority)?;
        match self.in_reply_to.as_str() {
            "" => f.write_str("in_reply_to none"),
            id => write!(f, "in_reply_to \"{}\"", Shown(id)),
        }
    }
}

/// Fields that a sender may have signed in place of the received ones.
pub(super) struct FieldVariant {
    pub(super) change: Change,
    pub(super) fields: SignedParts,
}

/// Every single change to the signed fields that is worth a try: at most 32, each of them another text.
pub(super) fn variants(received: &SignedParts, message: &Message, known: &[&str]) -> Vec<FieldVariant> {
    let mut found: Vec<FieldVariant> = Vec::new();
    let mut add = |change: Change, edit: &dyn Fn(&mut SignedParts)| {
        let mut fields = received.clone();
        edit(&mut fields);
        if fields != *received && !found.iter().any(|variant| variant.fields == fields) {
            found.push(FieldVariant { change, fields });
        }
    };
    for (change, subject) in subjects(&received.subject) {
        add(change, &|fields| fields.subject.clone_from(&subject));
    }
    for (spelling, address) in addresses(&received.from, &message.from(), known) {
        add(Change::From(spelling), &|fields| fields.from.clone_from(&address));
    }
    for (spelling, address) in addresses(&received.to, &message.to(), known) {
        add(Change::To(spelling), &|fields| fields.to.clone_from(&address));
    }
    let thread = message.unsigned().thread_id();
    add(Change::WithoutInReplyTo, &|fields| fields.in_reply_to.clear());
    add(Change::ThreadAsInReplyTo, &|fields| fields.in_reply_to = thread.as_str().to_string());
    if let Some(id) = respelled_id(&received.in_reply_to) {
        add(Change::InReplyToRespelled, &|fields| fields.in_reply_to.clone_from(&id));
    }
    for priority in Priority::ALL {
        add(Change::Priority(priority), &|fields| fields.priority = priority.as_str());
    }
    add(Change::WithoutPriority, &|fields| fields.priority = "");
    found
}

fn subjects(subject: &str) -> [(Change, String); 5] {
    let trimmed = subject.trim();
    [
        (Change::SubjectTrimmed, trimmed.to_string()),
        (Change::SubjectEscaped, escaped(trimmed)),
        (Change::SubjectEscaped, escaped(subject)),
        (Change::SubjectComposed, subject.nfc().collect()),
        (Change::SubjectDecomposed, subject.nfd().collect()),
    ]
}

/// As jq's `@tsv` writes a field.
fn escaped(subject: &str) -> String {
    let mut out = String::with_capacity(subject.len());
    for character in subject.chars() {
        match character {
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\\' => out.push_str("\\\\"),
            other => out.push(other),
        }
    }
    out
}

fn addresses(received: &str, address: &Address, known: &[&str]) -> Vec<(AddressSpelling, String)> {
    let name = received.split('@').next().unwrap_or_default();
    let mut spellings = Vec::from([(AddressSpelling::Normal, address.as_str().to_string())]);
    // A spelling that the host knows is tried where it may mean the same agent.
    let same_name =
        |text: &&&str| text.split('@').next().is_some_and(|other| other.eq_ignore_ascii_case(name));
    for text in known.iter().filter(same_name) {
        let readable = parse_any(text, Profile::Deployed);
        if matches!(readable, Ok(AnyAddress::Full(_) | AnyAddress::Short(_))) {
            spellings.push((AddressSpelling::Known, (*text).to_string()));
        }
    }
    let (scope, tenant, provider) = (address.scope(), address.tenant(), address.provider());
    spellings.push((AddressSpelling::WithoutInnerScope, format!("{name}@{tenant}.{provider}")));
    spellings.push((AddressSpelling::NameAndScope, format!("{name}@{scope}")));
    spellings.push((AddressSpelling::Name, name.to_string()));
    spellings
}

/// `msg_…` and `msg-…` name one message.
fn respelled_id(id: &str) -> Option<String> {
    let underscore = id.strip_prefix("msg-").map(|rest| format!("msg_{rest}"));
    underscore.or_else(|| id.strip_prefix("msg_").map(|rest| format!("msg-{rest}")))
}
