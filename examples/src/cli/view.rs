//! A message as it is shown: what is known of it first, what it says after that.

use amp_client::envelope::{Attachment, Status, StoredMessage};
use amp_client::receive::{Flag, Reading, Received, UntrustedMessage};
use amp_client::store::{Folder, MessageKey, Query, Summary};
use amp_client::trust::{PromptOptions, TrustLevel, wrap};
use amp_client::{Address, Client, Message};
use serde_json::{Value, json};

use super::arguments::Which;
use super::failure::{Exit, Failure};
use super::opening::DIALECTS;
use super::screen::{Answer, Page, Style};

/// A message, and what is known of it.
pub(super) struct View {
    message: Message,
    /// What the message is worth; none for one that our own key signed.
    judged: Option<Judged>,
    status: Option<Status>,
    /// What a model may see.
    for_prompt: String,
    /// What was written, where somebody proved to have written it.
    text: Option<String>,
    /// A person asked for the text as it was written.
    pub(super) is_raw: bool,
}

struct Judged {
    level: TrustLevel,
    reason: &'static str,
    flags: Vec<String>,
    findings: Vec<String>,
}

impl View {
    pub(super) fn of_received(received: &Received, status: Option<Status>) -> Self {
        let (level, text) = received.text().into_parts();
        Self {
            message: (**received.verified()).clone(),
            judged: Some(Judged {
                level,
                reason: received.facts().reason().as_str(),
                flags: received.flags().iter().map(flag).collect(),
                findings: received.scan().rules().into_iter().map(Into::into).collect(),
            }),
            status,
            for_prompt: received.for_prompt_with(PromptOptions::new().with_context()),
            text: Some(text),
            is_raw: false,
        }
    }

    pub(super) fn of_untrusted(untrusted: &UntrustedMessage, status: Option<Status>) -> Self {
        Self {
            message: untrusted.stored().into_message(),
            judged: Some(Judged {
                level: TrustLevel::Untrusted,
                reason: untrusted.facts().reason().as_str(),
                flags: Vec::new(),
                findings: untrusted.scan().rules().into_iter().map(Into::into).collect(),
            }),
            status,
            for_prompt: untrusted.for_prompt_with(PromptOptions::new().with_context()),
            text: None,
            is_raw: false,
        }
    }

    pub(super) fn of_reading(reading: &Reading, status: Option<Status>) -> Result<Self, Failure> {
        match reading {
            Reading::Proven(received) => Ok(Self::of_received(received, status)),
            Reading::Untrusted(untrusted) => Ok(Self::of_untrusted(untrusted, status)),
            _ => Err(Failure::new(Exit::Failed, "the message cannot be shown by this program")),
        }
    }

    /// One from the folder of sent messages. What the agent's own key did not sign may be anybody's.
    pub(super) fn of_sent(client: &Client, stored: StoredMessage) -> Self {
        let message = stored.into_message();
        let text = message.text().into_owned();
        if is_own(client, &message) {
            let for_prompt = text.clone();
            return Self { for_prompt, text: Some(text), message, judged: None, status: None, is_raw: true };
        }
        let judged = Judged {
            level: TrustLevel::Untrusted,
            reason: "signature_invalid",
            flags: Vec::new(),
            findings: Vec::new(),
        };
        let for_prompt = wrap(&text, TrustLevel::Untrusted, &message.from());
        Self { for_prompt, text: None, message, judged: Some(judged), status: None, is_raw: false }
    }
}

impl View {
    /// Nothing vouches for it.
    pub(super) fn exit(&self) -> Exit {
        match &self.judged {
            Some(judged) if judged.level == TrustLevel::Untrusted => Exit::NotVerified,
            _ => Exit::Done,
        }
    }
}

impl Answer for View {
    fn page(&self, page: &mut Page) {
        let unsigned = self.message.unsigned();
        page.own("message  ").styled(Style::Bold, unsigned.id()).end();
        page.own("from     ").value(self.message.from()).end();
        page.own("to       ").value(self.message.to()).end();
        page.own("subject  ").name(&self.message.subject()).end();
        page.own("sent     ")
            .value(unsigned.timestamp())
            .own("  ")
            .value(self.message.payload().message_type());
        page.own("  ").value(self.message.priority()).end();
        if let Some(parent) = self.message.in_reply_to() {
            page.own("answers  ").value(parent).end();
        }
        if let Some(judged) = &self.judged {
            page.own("trust    ")
                .styled(style_of(judged.level), judged.level)
                .own("  ")
                .value(judged.reason)
                .end();
            for flag in &judged.flags {
                page.own("note     ").value(flag).end();
            }
            if !judged.findings.is_empty() {
                page.own("scan     ").styled(Style::Bad, judged.findings.join(", ")).end();
            }
        }
        for file in &attachments(&self.message) {
            page.own("file     ").name(file.name()).own("  ").value(file.facts()).end();
        }
        page.end();
        page.quote(self.text.as_ref().filter(|_| self.is_raw).unwrap_or(&self.for_prompt)).end();
    }

    fn json(&self) -> Value {
        let unsigned = self.message.unsigned();
        let judged = self.judged.as_ref();
        json!({
            "id": unsigned.id().as_str(),
            "from": self.message.from().as_str(),
            "to": self.message.to().as_str(),
            "subject": self.message.subject(),
            "type": self.message.payload().message_type().to_string(),
            "priority": self.message.priority().as_str(),
            "sent_at": unsigned.timestamp().to_string(),
            "thread_id": unsigned.thread_id().as_str(),
            "in_reply_to": self.message.in_reply_to().map(|id| id.as_str().to_owned()),
            "status": self.status.map(Status::as_str),
            "trust": judged.map(|judged| judged.level.as_str()),
            "reason": judged.map(|judged| judged.reason),
            "flags": judged.map(|judged| &judged.flags),
            "findings": judged.map(|judged| &judged.findings),
            "attachments": attachments(&self.message).iter().map(File::json).collect::<Vec<_>>(),
            "for_prompt": self.for_prompt,
            "text": self.text,
        })
    }
}

/// A message in a list.
pub(super) struct Line {
    pub(super) summary: Summary,
    pub(super) folder: Folder,
    /// What it is worth now: a level, or the code of why it does not hold.
    pub(super) trust: Option<String>,
}

impl Answer for Line {
    fn page(&self, page: &mut Page) {
        let Self { summary, folder, .. } = self;
        let style = if summary.status == Status::Unread { Style::Bold } else { Style::Plain };
        page.styled(style, summary.key.id())
            .own("  ")
            .value(summary.sent_at)
            .own("  ")
            .value(summary.priority);
        page.own("  ").value(summary.status);
        if let Some(trust) = &self.trust {
            let style = trust.parse().map_or(Style::Bad, style_of);
            page.own("  ").styled(style, trust);
        }
        page.end()
            .own(if *folder == Folder::Sent { "    to " } else { "    from " })
            .value(summary.key.peer());
        page.end().own("    ").name(&summary.subject).end();
    }

    fn json(&self) -> Value {
        let Self { summary, folder, trust } = self;
        json!({
            "id": summary.key.id().as_str(),
            "folder": if *folder == Folder::Sent { "sent" } else { "inbox" },
            "with": summary.key.peer().as_str(),
            "subject": summary.subject,
            "priority": summary.priority.as_str(),
            "thread_id": summary.thread.as_str(),
            "sent_at": summary.sent_at.to_string(),
            "received_at": summary.received_at.map(|time| time.to_string()),
            "status": summary.status.as_str(),
            "trust": trust,
        })
    }
}

/// The line of a message of the inbox, with what it is worth now.
pub(super) async fn judged_line(client: &Client, summary: Summary) -> Result<Line, Failure> {
    let trust = match client.read_stored(&summary.key).await {
        Ok(Some(Reading::Proven(received))) => Some(received.trust().as_str().to_owned()),
        Ok(Some(Reading::Untrusted(_))) => Some(TrustLevel::Untrusted.as_str().to_owned()),
        Ok(_) => None,
        Err(error) if error.kind() == amp_client::ErrorKind::Message => Some("refused".to_owned()),
        Err(error) => return Err(error.into()),
    };
    Ok(Line { summary, folder: Folder::Inbox, trust })
}

/// Whether the agent's own key, as it is now, signed a message.
fn is_own(client: &Client, message: &Message) -> bool {
    message.clone().verify_with(&client.verifying_key(), &DIALECTS).is_ok()
}

/// The line of a message among those that were sent, marked when the agent's own key did not sign it.
pub(super) async fn sent_line(client: &Client, summary: Summary) -> Result<Line, Failure> {
    let stored = client.store().get(Folder::Sent, &summary.key).await?;
    let is_own = stored.is_some_and(|stored| is_own(client, stored.message()));
    let trust = (!is_own).then(|| TrustLevel::Untrusted.as_str().to_owned());
    Ok(Line { summary, folder: Folder::Sent, trust })
}

/// The message that is meant. Two senders may have chosen one id.
pub(super) async fn find(client: &Client, folder: Folder, which: &Which) -> Result<Summary, Failure> {
    let mut query = Query::new(folder);
    query.id = Some(which.id.clone());
    query.peer.clone_from(&which.with);
    let mut found = client.store().list(&query).await?.messages.into_iter();
    let first = found.next().ok_or_else(|| Failure::not_found("there is no such message"))?;
    if found.any(|other| other.key.peer() != first.key.peer()) {
        let rule = "several messages have this id, say whose with --with ADDRESS";
        return Err(Failure::new(Exit::Usage, rule));
    }
    Ok(first)
}

/// What a stored message is worth now.
pub(super) async fn reading(client: &Client, key: &MessageKey) -> Result<Reading, Failure> {
    let read = client.read_stored(key).await?;
    read.ok_or_else(|| Failure::not_found("there is no such message"))
}

pub(super) const fn style_of(level: TrustLevel) -> Style {
    match level {
        TrustLevel::Untrusted => Style::Bad,
        TrustLevel::External => Style::Doubtful,
        _ => Style::Good,
    }
}

/// An attachment as its sender describes it, or that it cannot be read.
pub(super) enum File {
    Described(Attachment),
    Unreadable(&'static str),
}

pub(super) fn attachments(message: &Message) -> Vec<File> {
    let read = |value| {
        Attachment::read(value).map_or_else(|error| File::Unreadable(error.code().as_str()), File::Described)
    };
    message.payload().attachments_json().map(read).collect()
}

impl File {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Described(attachment) => attachment.filename().unwrap_or("(no name)"),
            Self::Unreadable(_) => "(cannot be read)",
        }
    }

    /// What its sender says of it.
    pub(super) fn facts(&self) -> String {
        match self {
            Self::Described(attachment) => {
                let size = attachment.size().map_or_else(|| "?".to_owned(), |size| size.to_string());
                let kind = attachment.content_type().unwrap_or("?");
                format!("{size} bytes  {kind}  {}", self.id().unwrap_or_default())
            }
            Self::Unreadable(code) => (*code).to_owned(),
        }
    }

    pub(super) fn id(&self) -> Option<&str> {
        match self {
            Self::Described(Attachment::Provider(attachment)) => attachment.id().map(|id| id.as_str()),
            _ => None,
        }
    }

    pub(super) fn json(&self) -> Value {
        let attachment = match self {
            Self::Described(attachment) => attachment,
            Self::Unreadable(code) => return json!({"error": code}),
        };
        json!({
            "id": self.id(),
            "filename": attachment.filename(),
            "content_type": attachment.content_type(),
            "size": attachment.size(),
            "digest": attachment.digest().map(ToString::to_string),
        })
    }
}

/// A stable name of what a reader should know.
fn flag(flag: &Flag) -> String {
    let name = match flag {
        Flag::ContentReplay => "content_replay",
        Flag::IdConflict => "id_conflict",
        Flag::Delayed => "delayed",
        Flag::FirstContact => "first_contact",
        Flag::KeyRotated => "key_rotated",
        Flag::FormerKey => "former_key",
        Flag::LookalikeOf(contact) => return format!("lookalike_of {contact}"),
        Flag::PublicSuffix => "public_suffix",
        Flag::FallbackDialect(dialect) => return format!("fallback_dialect {dialect}"),
        Flag::EmptyAttachments => "empty_attachments",
        Flag::SubjectNotNormalized => "subject_not_normalized",
        _ => "other",
    };
    name.to_owned()
}

/// A recipient as it is typed: a full address, or a short one that is completed from the agent's own.
pub(super) fn recipient(text: &str, own: &Address) -> Result<Address, Failure> {
    let fault = |error: amp_client::AddressError| Failure::new(Exit::Usage, format!("the address: {error}"));
    let read = amp_client::address::parse_any(text, amp_client::Profile::Deployed).map_err(fault)?;
    read.expand(own).map_err(fault)
}
