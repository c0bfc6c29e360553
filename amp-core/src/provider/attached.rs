//! The attachments of a message that is being routed: whether each is the sender's, checked, and not yet used
//! (attachments; delivery, routing).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use amp_envelope::{
    Attachment, AttachmentError, AttachmentId, MessageId, Payload, ProviderAttachment, Timestamp,
};

use super::attachment::{AttachmentRecord, Stage};
use super::attachments::{expired, not_ready};
use super::decision::Plan;
use super::effect::Effect;
use super::engine::Provider;
use super::number::AgentNumber;
use crate::wire::{ApiError, ApiErrorCode};

/// The member of a body that is at fault.
const FIELD: &str = "payload.attachments";

impl Provider {
    /// The provider attachments of a payload, all of them fit to be sent by the caller. Attachments by reference are not
    /// the provider's to check.
    pub(super) fn check_attachments(
        &self,
        payload: &Payload<'_>,
        caller: AgentNumber,
        now: Timestamp,
    ) -> Result<Vec<AttachmentId>, ApiError> {
        let read = payload.attachments_json().map(Attachment::read).collect::<Result<Vec<_>, _>>();
        let attachments = read.map_err(|error| refused(&error))?;
        Attachment::check_limits(&attachments).map_err(|error| refused(&error))?;
        let mut ids = BTreeSet::new();
        for attachment in &attachments {
            let Attachment::Provider(attachment) = attachment else { continue };
            let record = self.attached(attachment, caller, now)?;
            if !ids.insert(record.id.clone()) {
                return Err(used());
            }
        }
        Ok(ids.into_iter().collect())
    }

    fn attached(
        &self,
        attachment: &ProviderAttachment,
        caller: AgentNumber,
        now: Timestamp,
    ) -> Result<&AttachmentRecord, ApiError> {
        self.attachment_rules()?;
        let refusal = |code, rule| ApiError::new(code, rule).with_field(FIELD);
        let missing = || refusal(ApiErrorCode::MissingField, "an attachment of the provider's has its id");
        let id = attachment.id().ok_or_else(missing)?;
        let unknown = || refusal(ApiErrorCode::AttachmentNotFound, "there is no such attachment of yours");
        let record =
            self.state.attachments.get(id).filter(|record| record.owner == caller).ok_or_else(unknown)?;
        if self.live_record(id, now).is_none() {
            return Err(expired().with_field(FIELD));
        }
        match &record.stage {
            Stage::Ready { .. } => {}
            Stage::Used { .. } => return Err(used()),
            _ => return Err(not_ready(record).with_field(FIELD)),
        }
        // Whoever reads the message believes what it says of the file: it has to be what the provider said.
        let url = self.url_of(record)?;
        if *attachment != record.object(url.as_str()) {
            let rule = "an attachment is copied into the payload as the provider wrote it";
            return Err(refusal(ApiErrorCode::InvalidField, rule));
        }
        Ok(record)
    }

    /// The attachments belong to this message from now on.
    pub(super) fn use_attachments(
        &self,
        ids: &[AttachmentId],
        message: &MessageId,
        recipient: Option<AgentNumber>,
        plan: &mut Plan,
    ) {
        for record in ids.iter().filter_map(|id| self.state.attachments.get(id)) {
            let Stage::Ready { found } = record.stage else { continue };
            let stage = Stage::Used { found, message: message.clone(), recipient };
            let attachment = Box::new(record.at(stage, record.expires_at()));
            plan.effects.push(Effect::AttachmentSet { attachment });
        }
    }
}

fn used() -> ApiError {
    let rule = "an attachment belongs to one message";
    ApiError::new(ApiErrorCode::AttachmentAlreadyUsed, rule).with_field(FIELD)
}

/// The refusal of an attachment that cannot be read, or of too many.
fn refused(error: &AttachmentError) -> ApiError {
    let (code, rule) = match error {
        AttachmentError::TooMany => {
            (ApiErrorCode::TooManyAttachments, "a message has at most 10 attachments")
        }
        AttachmentError::TooLarge => (ApiErrorCode::AttachmentTooLarge, "an attachment has at most 25 MiB"),
        AttachmentError::TooLargeTogether => {
            (ApiErrorCode::AttachmentTooLarge, "the attachments of a message have at most 100 MiB together")
        }
        AttachmentError::Digest(amp_envelope::DigestError::UnknownAlgorithm) => {
            (ApiErrorCode::InvalidDigestAlgorithm, "a digest is sha256: and 64 lowercase hex digits")
        }
        _ => (ApiErrorCode::InvalidField, "an attachment is what the protocol says"),
    };
    ApiError::new(code, rule).with_field(FIELD)
}
