//! The files of a message as they are shown.

use amp_client::envelope::{Attachment, AttachmentError, Payload};
use amp_client::receive::Received;
use serde_json::{Value, json};

/// An attachment as its sender describes it, or that it cannot be read.
pub(super) enum File {
    Described(Box<Attachment>),
    Unreadable(&'static str),
}

/// The files that a payload names.
pub(super) fn of_payload(payload: Payload<'_>) -> Vec<File> {
    payload.attachments_json().map(|value| File::of(Attachment::read(value))).collect()
}

/// The files of a received message, the sealed ones under their true names.
pub(super) fn of_received(received: &Received) -> Vec<File> {
    received.attachments().into_iter().map(File::of).collect()
}

impl File {
    pub(super) fn of(read: Result<Attachment, AttachmentError>) -> Self {
        match read {
            Ok(attachment) => Self::Described(attachment.into()),
            Err(error) => Self::Unreadable(error.code().as_str()),
        }
    }

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
        let Self::Described(attachment) = self else { return None };
        match &**attachment {
            Attachment::Provider(attachment) => attachment.id().map(|id| id.as_str()),
            Attachment::Sealed(attachment) => attachment.outer().id().map(|id| id.as_str()),
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
