//! Uploads: who may bring which file, when it may be used, and until when it is kept (attachments; provider API).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::time::Duration;

use amp_envelope::{Attachment, AttachmentId, Timestamp, safe_filename};

use super::action::Action;
use super::attachment::{AttachmentRecord, Found, GONE_FOR, OPEN_FOR, OPEN_MAX, Stage, UNUSED_FOR};
use super::attachment_rules::{AttachmentRules, HostChecks};
use super::codec::{Sha256Hash, StoredSecret};
use super::decision::{Decision, Plan};
use super::effect::Effect;
use super::engine::Provider;
use super::files::{ExpectedFile, FileBody, FileVerdict, ServedFile};
use super::moment::Moment;
use super::number::AgentNumber;
use super::reply::Reply;
use crate::connection::{CheckedFile, ContentSum, FileCheck, FileRefusal};
use crate::wire::{
    Answer as _, ApiError, ApiErrorCode, AttachmentState, DirectUpload, DownloadLocation, SignedUrl,
    StartUpload, UploadHeaders, UploadStarted,
};

/// Longest media type, in bytes.
const CONTENT_TYPE_MAX: usize = 127;

impl Provider {
    /// The file that may be put at an upload URL: the attachment of its path, and its token. None when there is no such
    /// upload, its hour is over, or a file was put there before.
    #[must_use]
    pub fn expected_file(&self, id: &AttachmentId, token: &str, now: Timestamp) -> Option<ExpectedFile> {
        self.open_upload(id, token, now).map(ExpectedFile::of)
    }

    /// A file was put at its upload URL, whole: what its check said. Its bytes are in the host's store, or were thrown
    /// away when the check refused them.
    ///
    /// The decision's reply is the answer to the upload. A refusal ends it: another try is another upload.
    pub fn attachment_received(
        &mut self,
        id: &AttachmentId,
        token: &str,
        checked: Result<&CheckedFile, &FileRefusal>,
        moment: Moment,
    ) -> Decision<'_> {
        let mut plan = self.begin(&moment);
        let reply = match self.open_upload(id, token, moment.now()) {
            None => Reply::Now(unknown().to_parts()),
            Some(record) => received(record, checked, moment.now(), &mut plan),
        };
        self.decide(plan, Some(reply), &moment)
    }

    /// The host has checked a file as [`Action::CheckFile`] asked for.
    pub fn attachment_checked(
        &mut self,
        id: &AttachmentId,
        verdict: FileVerdict,
        moment: Moment,
    ) -> Decision<'_> {
        let mut plan = self.begin(&moment);
        if let Some(record) = self.live_record(id, moment.now())
            && let Stage::Checking { found } = record.stage
        {
            let now = moment.now();
            let more = match verdict {
                FileVerdict::Clean => Some(Found::Clean),
                FileVerdict::BasicClean => Some(Found::BasicClean),
                FileVerdict::Suspicious => Some(Found::Suspicious),
                FileVerdict::Rejected => None,
            };
            match more {
                Some(more) => {
                    set(
                        record.at(Stage::Ready { found: found.and(more) }, now.saturating_add(UNUSED_FOR)),
                        &mut plan,
                    );
                }
                None => reject(record, now, &mut plan),
            }
        }
        self.decide(plan, None, &moment)
    }

    /// The checks that the host has begun, or was asked for, and not finished: to be done again after a restart.
    pub fn unfinished_checks(&self) -> impl Iterator<Item = &AttachmentId> {
        let checking = |record: &&AttachmentRecord| matches!(record.stage, Stage::Checking { .. });
        self.state.attachments.iter().filter(checking).map(AttachmentRecord::id)
    }

    /// The file that may be fetched at a URL: the attachment of its path, and its token. None when there is no such file,
    /// it may not be handed on, or its time is over.
    #[must_use]
    pub fn served_file(&self, id: &AttachmentId, token: &str, now: Timestamp) -> Option<ServedFile> {
        let record = self.live_record(id, now)?;
        let is_it =
            Sha256Hash::of(&[token.as_bytes()]).matches(&Sha256Hash::of(&[record.token.expose().as_bytes()]));
        (is_it && record.status().may_be_routed()).then(|| ServedFile::of(record))
    }

    pub(super) fn start_upload(
        &self,
        request: &StartUpload,
        caller: AgentNumber,
        moment: &Moment,
        plan: &mut Plan,
    ) -> Result<Reply, ApiError> {
        let rules = self.attachment_rules()?;
        let token = moment.hex("upload token");
        let stage = Stage::Open { token: Sha256Hash::of(&[token.as_bytes()]) };
        let record = self.new_attachment(request, caller, stage, OPEN_FOR, moment)?;
        let url = signed_url(rules, &record.id, &token)?;
        let mut started = UploadStarted::new(record.id.clone(), url, OPEN_FOR);
        let headers = alloc::vec![(String::from("Content-Type"), record.content_type.clone())];
        started.upload_headers = UploadHeaders::new(headers).unwrap_or_default();
        set(record, plan);
        Ok(Reply::Now(started.to_parts()))
    }

    pub(super) fn direct_upload(
        &self,
        request: &DirectUpload,
        caller: AgentNumber,
        moment: &Moment,
        plan: &mut Plan,
    ) -> Result<Reply, ApiError> {
        let rules = self.attachment_rules()?;
        if !rules.direct_upload {
            return Err(ApiError::new(ApiErrorCode::NotFound, "files are uploaded in two steps here"));
        }
        let about = request.about();
        let mut check = FileCheck::new(&about.content_type);
        check.update(request.file());
        let checked =
            check.finish(&ContentSum::new(about.size, about.digest)).map_err(|refusal| rejected(&refusal))?;
        let (stage, until) = self.confirmed(found(&checked));
        let record = self.new_attachment(about, caller, stage, until, moment)?;
        plan.files.push(FileBody { id: record.id.clone(), bytes: request.file().to_vec() });
        let answer = self.state_of(&record)?;
        ask_for_check(&record, plan);
        set(record, plan);
        Ok(Reply::Now(answer.to_parts()))
    }

    pub(super) fn confirm_upload(
        &self,
        id: &AttachmentId,
        caller: AgentNumber,
        now: Timestamp,
        plan: &mut Plan,
    ) -> Result<Reply, ApiError> {
        let record = self.own_record(id, caller, now)?;
        let confirmed = match &record.stage {
            Stage::Open { .. } => {
                let rule = "the file is not there yet";
                return Err(ApiError::new(ApiErrorCode::AttachmentPending, rule));
            }
            Stage::Received { found } => {
                let (stage, until) = self.confirmed(*found);
                let record = record.at(stage, now.saturating_add(until));
                set(record.clone(), plan);
                record
            }
            // Said before: said again.
            _ => record.clone(),
        };
        ask_for_check(&confirmed, plan);
        Ok(Reply::Now(AttachmentState::new(confirmed.id.clone(), confirmed.status()).to_parts()))
    }

    pub(super) fn get_attachment(
        &self,
        id: &AttachmentId,
        caller: AgentNumber,
        now: Timestamp,
    ) -> Result<Reply, ApiError> {
        let record = self.readable_record(id, caller, now)?;
        Ok(Reply::Now(self.state_of(record)?.to_parts()))
    }

    pub(super) fn download_attachment(
        &self,
        id: &AttachmentId,
        caller: AgentNumber,
        now: Timestamp,
    ) -> Result<Reply, ApiError> {
        let record = self.readable_record(id, caller, now)?;
        if !record.status().may_be_routed() {
            return Err(not_ready(record));
        }
        let url = self.url_of(record)?;
        Ok(Reply::Now(DownloadLocation::new(url).to_parts()))
    }

    /// Ends what is over: uploads that never came, files that nobody refers to, files that were kept long enough.
    pub(super) fn end_attachments(&self, now: Timestamp, most: usize, plan: &mut Plan) {
        for record in self.state.attachments.overdue(now, most) {
            release(record, plan);
            if matches!(record.stage, Stage::Gone | Stage::Open { .. }) {
                plan.effects.push(Effect::AttachmentForgotten { id: record.id.clone() });
            } else {
                set(record.at(Stage::Gone, now.saturating_add(GONE_FOR)), plan);
            }
        }
    }

    pub(super) fn attachment_rules(&self) -> Result<&AttachmentRules, ApiError> {
        let rule = "the provider carries no attachments";
        self.settings
            .attachments
            .as_ref()
            .ok_or_else(|| ApiError::new(ApiErrorCode::AttachmentsNotSupported, rule))
    }

    /// The URL at which a file can be fetched.
    pub(super) fn url_of(&self, record: &AttachmentRecord) -> Result<SignedUrl, ApiError> {
        signed_url(self.attachment_rules()?, &record.id, record.token.expose())
    }

    /// A record that is there, its time not over by the given clock.
    pub(super) fn live_record(&self, id: &AttachmentId, now: Timestamp) -> Option<&AttachmentRecord> {
        self.state
            .attachments
            .get(id)
            .filter(|record| now < record.until && !matches!(record.stage, Stage::Gone))
    }

    fn open_upload(&self, id: &AttachmentId, token: &str, now: Timestamp) -> Option<&AttachmentRecord> {
        let record = self.live_record(id, now)?;
        let Stage::Open { token: expected } = &record.stage else { return None };
        Sha256Hash::of(&[token.as_bytes()]).matches(expected).then_some(record)
    }

    /// A record of the caller's own. Those of others are not known to be there.
    fn own_record(
        &self,
        id: &AttachmentId,
        caller: AgentNumber,
        now: Timestamp,
    ) -> Result<&AttachmentRecord, ApiError> {
        let record =
            self.state.attachments.get(id).filter(|record| record.owner == caller).ok_or_else(unknown)?;
        self.live_record(id, now).map_or_else(|| Err(expired()), |_| Ok(record))
    }

    /// A record of the caller's own, or of a message that the caller was sent.
    fn readable_record(
        &self,
        id: &AttachmentId,
        caller: AgentNumber,
        now: Timestamp,
    ) -> Result<&AttachmentRecord, ApiError> {
        match self.state.attachments.get(id) {
            Some(record) if is_recipient(record, caller) => {
                self.live_record(id, now).map_or_else(|| Err(expired()), |_| Ok(record))
            }
            _ => self.own_record(id, caller, now),
        }
    }

    fn state_of(&self, record: &AttachmentRecord) -> Result<AttachmentState, ApiError> {
        let url = self.url_of(record)?;
        let state = AttachmentState::of(&record.object(url.as_str())).ok_or_else(unknown)?;
        // Nobody is told where a file is that may not be handed on.
        let url = state.url.filter(|_| record.status().may_be_routed());
        Ok(AttachmentState { url, ..state })
    }

    /// The stage of a file that was confirmed, and for how long.
    fn confirmed(&self, found: Found) -> (Stage, Duration) {
        let host_checks = self.settings.attachments.as_ref().map(|rules| rules.host_checks);
        let stage = match host_checks {
            Some(HostChecks::Scan) => Stage::Checking { found },
            Some(HostChecks::None) | None => Stage::Ready { found },
        };
        (stage, UNUSED_FOR)
    }

    /// A file that is announced, if it may come.
    fn new_attachment(
        &self,
        about: &StartUpload,
        owner: AgentNumber,
        stage: Stage,
        lasts: Duration,
        moment: &Moment,
    ) -> Result<AttachmentRecord, ApiError> {
        let rules = self.attachment_rules()?;
        let invalid =
            |field: &str, rule: &str| ApiError::new(ApiErrorCode::InvalidField, rule).with_field(field);
        if about.size > rules.size_max {
            let rule = alloc::format!("an attachment has at most {} bytes", rules.size_max);
            return Err(ApiError::new(ApiErrorCode::AttachmentTooLarge, &rule).with_field("size"));
        }
        if !is_media_type(&about.content_type) {
            return Err(invalid("content_type", "a media type is type/subtype, at most 127 characters"));
        }
        // What is said of it alone may be enough to refuse it.
        Attachment::check_file(&about.content_type, b"").map_err(|error| {
            ApiError::new(ApiErrorCode::AttachmentRejected, &error.to_string()).with_field("content_type")
        })?;
        let filename = safe_filename(&about.filename)
            .map_err(|_| invalid("filename", "a file name holds no encoded separators"))?;
        self.check_quota(rules, owner, about.size)?;
        if matches!(stage, Stage::Open { .. }) && self.state.attachments.share_of(owner).open >= OPEN_MAX {
            let rule = "too many files are announced and not there yet";
            return Err(ApiError::new(ApiErrorCode::RateLimited, rule));
        }
        let now = moment.now();
        Ok(AttachmentRecord {
            id: AttachmentId::from_parts(now, moment.bytes("attachment")),
            owner,
            filename: filename.as_str().into(),
            content_type: about.content_type.clone(),
            size: about.size,
            digest: Sha256Hash(*about.digest.as_bytes()),
            started_at: now,
            token: StoredSecret::new(&moment.hex("download token")),
            stage,
            until: now.saturating_add(lasts),
        })
    }

    fn check_quota(&self, rules: &AttachmentRules, owner: AgentNumber, size: u64) -> Result<(), ApiError> {
        let share = self.state.attachments.share_of(owner);
        let fits = share.count < rules.quota_files && share.bytes.saturating_add(size) <= rules.quota_bytes;
        if fits && self.state.attachments.len() < rules.files_max {
            return Ok(());
        }
        Err(ApiError::new(
            ApiErrorCode::RateLimited,
            "there is no room for another file until older ones are gone",
        ))
    }
}

/// What became of a file that was put at its upload URL.
fn received(
    record: &AttachmentRecord,
    checked: Result<&CheckedFile, &FileRefusal>,
    now: Timestamp,
    plan: &mut Plan,
) -> Reply {
    let announced = ContentSum::new(record.size, record.digest());
    match checked {
        Ok(file) if file.content().matches(&announced) => {
            let until = now.saturating_add(UNUSED_FOR);
            set(record.at(Stage::Received { found: found(file) }, until), plan);
            Reply::Now(crate::wire::AnswerParts::new(200))
        }
        // The host compared with something else than what was announced.
        Ok(_) => refuse(record, &FileRefusal::Digest, now, plan),
        Err(refusal) => refuse(record, refusal, now, plan),
    }
}

fn refuse(record: &AttachmentRecord, refusal: &FileRefusal, now: Timestamp, plan: &mut Plan) -> Reply {
    reject(record, now, plan);
    Reply::Now(rejected(refusal).to_parts())
}

/// A file that did not pass is not kept, but it is known that it did not.
fn reject(record: &AttachmentRecord, now: Timestamp, plan: &mut Plan) {
    release(record, plan);
    set(record.at(Stage::Rejected, now.saturating_add(UNUSED_FOR)), plan);
}

/// The host deletes the bytes.
fn release(record: &AttachmentRecord, plan: &mut Plan) {
    if record.has_file() {
        plan.released_files.push(record.id.clone());
    }
}

fn set(record: AttachmentRecord, plan: &mut Plan) {
    plan.effects.push(Effect::AttachmentSet { attachment: Box::new(record) });
}

fn ask_for_check(record: &AttachmentRecord, plan: &mut Plan) {
    if matches!(record.stage, Stage::Checking { .. }) {
        plan.actions.push(Action::CheckFile { attachment: record.id.clone() });
    }
}

const fn found(file: &CheckedFile) -> Found {
    if file.report().is_some() { Found::Suspicious } else { Found::BasicClean }
}

fn is_recipient(record: &AttachmentRecord, caller: AgentNumber) -> bool {
    matches!(&record.stage, Stage::Used { recipient, .. } if *recipient == Some(caller))
}

fn signed_url(rules: &AttachmentRules, id: &AttachmentId, token: &str) -> Result<SignedUrl, ApiError> {
    let url = alloc::format!("{}/{id}?token={token}", rules.files.as_str());
    SignedUrl::new(&url)
        .ok_or_else(|| ApiError::new(ApiErrorCode::InternalError, "the place of files has no URL"))
}

fn unknown() -> ApiError {
    ApiError::new(ApiErrorCode::AttachmentNotFound, "there is no such attachment of yours")
}

pub(super) fn expired() -> ApiError {
    ApiError::new(ApiErrorCode::AttachmentExpired, "the attachment is no longer kept")
}

fn rejected(refusal: &FileRefusal) -> ApiError {
    let error = ApiError::new(ApiErrorCode::AttachmentRejected, &refusal.to_string());
    match refusal.field() {
        Some(field) => error.with_field(field),
        None => error,
    }
}

/// Why a file may not be handed on yet, or ever.
pub(super) fn not_ready(record: &AttachmentRecord) -> ApiError {
    match &record.stage {
        Stage::Rejected => {
            ApiError::new(ApiErrorCode::AttachmentRejected, "the attachment did not pass its checks")
        }
        _ => ApiError::new(ApiErrorCode::AttachmentPending, "the attachment is still being checked"),
    }
}

/// `type/subtype` and parameters, in visible ASCII and blanks.
fn is_media_type(text: &str) -> bool {
    let is_token = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte))
    };
    let essence = text.split(';').next().unwrap_or_default().trim_end();
    let fits = text.len() <= CONTENT_TYPE_MAX && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    fits && essence.split_once('/').is_some_and(|(main, sub)| is_token(main) && is_token(sub))
}
