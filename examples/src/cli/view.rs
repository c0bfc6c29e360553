//! A message as it is shown: what is known of it first, what it says after that.

use amp_client::envelope::Status;
use amp_client::receive::{Flag, Reading, Received, UntrustedMessage};
use amp_client::store::{Folder, MessageKey, Query, Summary};
use amp_client::trust::{PromptOptions, TrustLevel, wrap};
use amp_client::{Address, Client, ErrorKind, Message, SentMessage};
use serde_json::{Value, json};

use super::arguments::Which;
use super::failure::{Exit, Failure};
use super::files::{self, File};
use super::screen::{Answer, Page, Style};
use super::seal::Seal;

/// A message, and what is known of it.
pub(super) struct View {
    /// As it travelled.
    message: Message,
    seal: Seal,
    /// What kind of message it is, and its files: of a sealed one, what was inside.
    kind: String,
    files: Vec<File>,
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
            seal: Seal::of_received(received),
            kind: received.payload().message_type().to_string(),
            files: files::of_received(received),
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
        let message = untrusted.stored().into_message();
        Self {
            seal: Seal::of_untrusted(&message),
            kind: message.payload().message_type().to_string(),
            files: files::of_payload(message.payload()),
            message,
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

    /// One of the agent's own, from the folder of sent messages.
    pub(super) fn of_sent(sent: &SentMessage) -> Self {
        let text = sent.payload().text().into_owned();
        let files = sent.opened().map_or_else(
            || files::of_payload(sent.payload()),
            |opened| opened.attachments().iter().cloned().map(|file| File::of(Ok(file))).collect(),
        );
        Self {
            message: (**sent.verified()).clone(),
            seal: Seal::of_sent(sent),
            kind: sent.payload().message_type().to_string(),
            files,
            judged: None,
            status: None,
            for_prompt: text.clone(),
            text: Some(text),
            is_raw: true,
        }
    }

    /// One from the folder of sent messages that no key of the agent's signed: it may be anybody's.
    pub(super) fn of_anybody(message: Message) -> Self {
        Self {
            for_prompt: wrap(&message.text(), TrustLevel::Untrusted, &message.from()),
            seal: Seal::of_untrusted(&message),
            kind: message.payload().message_type().to_string(),
            files: files::of_payload(message.payload()),
            message,
            judged: Some(Judged {
                level: TrustLevel::Untrusted,
                reason: "signature_invalid",
                flags: Vec::new(),
                findings: Vec::new(),
            }),
            status: None,
            text: None,
            is_raw: false,
        }
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
        page.own("sent     ").value(unsigned.timestamp()).own("  ").value(&self.kind);
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
        self.seal.page(page);
        for file in &self.files {
            page.own("file     ").name(file.name()).own("  ").value(file.facts()).end();
        }
        page.end();
        page.quote(self.text.as_ref().filter(|_| self.is_raw).unwrap_or(&self.for_prompt)).end();
    }

    fn json(&self) -> Value {
        let unsigned = self.message.unsigned();
        let judged = self.judged.as_ref();
        let mut value = json!({
            "id": unsigned.id().as_str(),
            "from": self.message.from().as_str(),
            "to": self.message.to().as_str(),
            "subject": self.message.subject(),
            "type": self.kind,
            "priority": self.message.priority().as_str(),
            "sent_at": unsigned.timestamp().to_string(),
            "thread_id": unsigned.thread_id().as_str(),
            "in_reply_to": self.message.in_reply_to().map(|id| id.as_str().to_owned()),
            "status": self.status.map(Status::as_str),
            "trust": judged.map(|judged| judged.level.as_str()),
            "reason": judged.map(|judged| judged.reason),
            "flags": judged.map(|judged| &judged.flags),
            "findings": judged.map(|judged| &judged.findings),
            "attachments": self.files.iter().map(File::json).collect::<Vec<_>>(),
            "for_prompt": self.for_prompt,
            "text": self.text,
        });
        if let Value::Object(members) = &mut value {
            self.seal.json(members);
        }
        value
    }
}

/// A message in a list.
pub(super) struct Line {
    pub(super) summary: Summary,
    pub(super) folder: Folder,
    /// What it is worth now: a level, or the code of why it does not hold.
    pub(super) trust: Option<String>,
    pub(super) is_sealed: bool,
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
        if self.is_sealed {
            page.own("  sealed");
        }
        page.end()
            .own(if *folder == Folder::Sent { "    to " } else { "    from " })
            .value(summary.key.peer());
        page.end().own("    ").name(&summary.subject).end();
    }

    fn json(&self) -> Value {
        let Self { summary, folder, trust, is_sealed } = self;
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
            "sealed": is_sealed,
        })
    }
}

/// The line of a message of the inbox, with what it is worth now.
pub(super) async fn judged_line(client: &Client, summary: Summary) -> Result<Line, Failure> {
    let untrusted = TrustLevel::Untrusted.as_str();
    let (trust, is_sealed) = match client.read_stored(&summary.key).await {
        Ok(Some(Reading::Proven(received))) => {
            (Some(received.trust().as_str()), received.sealing().is_sealed())
        }
        Ok(Some(Reading::Untrusted(message))) => {
            (Some(untrusted), Seal::of_untrusted(message.stored().message()).is_sealed)
        }
        Ok(_) => (None, false),
        Err(error) if error.kind() == ErrorKind::Message => (Some("refused"), false),
        Err(error) => return Err(error.into()),
    };
    Ok(Line { summary, folder: Folder::Inbox, trust: trust.map(Into::into), is_sealed })
}

/// The line of a message among those that were sent, marked when no key of the agent's signed it.
pub(super) async fn sent_line(client: &Client, summary: Summary) -> Result<Line, Failure> {
    let (trust, is_sealed) = match client.read_sent(&summary.key).await {
        Ok(sent) => (None, sent.is_some_and(|sent| sent.is_sealed())),
        Err(error) if error.kind() == ErrorKind::Message => (Some(TrustLevel::Untrusted.to_string()), false),
        Err(error) => return Err(error.into()),
    };
    Ok(Line { summary, folder: Folder::Sent, trust, is_sealed })
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
        Flag::SealingDropped => "sealing_dropped",
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
