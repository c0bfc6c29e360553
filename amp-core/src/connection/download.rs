//! Downloading an attachment: vetted hops, resumed where it broke off, complete only when size and digest are right
//! (attachments, receiving).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use core::fmt;
use core::time::Duration;

use amp_envelope::{Attachment, ScanStatus, Timestamp};

use super::backoff::Backoff;
use super::clock::Deadline;
use super::download_content::Content;
use super::download_error::DownloadError;
use super::download_head::{Fetch, Head};
use super::download_step::{BodyPlan, DownloadSettings, DownloadStep, DownloadWarning, Downloaded};
use super::file_check::FileRefusal;
use crate::webhook::{Target, TargetError};
use crate::wire::{AnswerParts, ApiError, Retry};

/// Most redirects of one request.
const REDIRECTS_MAX: u8 = 2;
/// Longest time without a byte.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// Longest time for a whole file, beside a second for each [`BYTES_A_SECOND`].
const WHOLE_MAX: Duration = Duration::from_secs(30 * 60);
/// The least pace at which large files have to arrive.
const BYTES_A_SECOND: u64 = 64 * 1024;
/// Most requests for one file, beside one for each [`BYTES_A_REQUEST`].
const REQUESTS_MAX: u64 = 12;
const BYTES_A_REQUEST: u64 = 16 << 20;
/// Longest time that a server can make its client wait before the next attempt.
const PAUSE_MAX: Duration = Duration::from_secs(5 * 60);

enum State {
    /// To be requested.
    Ready,
    Requested(Deadline),
    Receiving(Deadline),
    Pausing(Deadline),
    Finished(Result<Downloaded, DownloadError>),
}

/// Downloads one attachment. The driver does what [`poll`](Self::poll) says: it resolves, connects, writes to a
/// temporary file, and hands over what arrives.
///
/// No request carries a credential. The file is complete only as [`DownloadStep::Done`]: then size and digest are those
/// that the sender signed, and it is neither a program nor of another kind than declared. Hand out the open file, not
/// its path: what has a name can be replaced.
///
/// A sealed file is opened as it arrives: each chunk is given out once its tag holds, and the file is complete when the
/// ciphertext is the one that was signed, all of it opened, and what came out passes the same checks.
///
/// ```
/// use amp_core::connection::{BodyPlan, Download, DownloadSettings, DownloadStep};
/// use amp_core::wire::AnswerParts;
/// # use amp_core::{Attachment, AttachmentId, ProviderAttachment, ScanStatus, Sha256Digest, Timestamp};
/// # let now: Timestamp = "2026-01-31T10:00:00Z".parse()?;
/// # let id = AttachmentId::from_parts(now, [7; 8]);
/// # let attachment = ProviderAttachment::new(id, "a.csv", "text/csv", 8, Sha256Digest::of(b"a,b\n1,2\n"))
/// #     .with_url("https://files.example.com/a").with_scan_status(ScanStatus::Clean);
/// # let attachment = Attachment::Provider(attachment);
///
/// let mut download = Download::start(&attachment, DownloadSettings::new(7), now)?;
/// let DownloadStep::Fetch(fetch) = download.poll(now) else { panic!("nothing was fetched") };
/// assert_eq!(fetch.target().host(), "files.example.com");
/// // …the driver resolves the host, has the addresses admitted, connects, and requests…
/// let plan = download.handle_head(&AnswerParts::new(200).with_header("Content-Length", "8"), now);
/// assert_eq!(plan, BodyPlan::Append { from: 0 });
/// for chunk in [&b"a,b\n"[..], b"1,2\n"] {
///     let piece = download.handle_chunk(chunk, now)?; // which is appended to the temporary file
///     assert_eq!(piece, chunk); // a sealed file's would be what was opened
/// }
/// download.handle_end(now);
/// assert!(matches!(download.poll(now), DownloadStep::Done(_)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Download<'s> {
    content: Content<'s>,
    warning: Option<DownloadWarning>,
    origin: Target,
    at: Target,
    hops: u8,
    /// Redirects before the first URL.
    hops_before: u8,
    etag: Option<Box<str>>,
    offers_ranges: bool,
    was_resumed: bool,
    may_resume: bool,
    requests_left: u64,
    backoff: Backoff,
    whole: Deadline,
    state: State,
}

impl<'s> Download<'s> {
    /// Begins with the URL that stands in the attachment.
    ///
    /// # Errors
    /// [`DownloadError`] for an attachment that is not downloaded at all: without size, digest or URL, too large,
    /// rejected, or with a URL that is not called.
    pub fn start(
        attachment: &Attachment,
        settings: DownloadSettings<'s>,
        now: Timestamp,
    ) -> Result<Self, DownloadError> {
        let url = url_of(attachment).ok_or(DownloadError::Missing { field: "url" })?;
        let target = Target::parse_with(url, &settings.policy)?;
        Self::start_at(attachment, target, settings, now)
    }

    /// Begins with the URL to which one's own provider redirected when it was asked for the attachment
    /// ([`DownloadAttachment`](crate::wire::DownloadAttachment)). That was the first of two redirects.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_from_redirect(
        attachment: &Attachment,
        location: &str,
        settings: DownloadSettings<'s>,
        now: Timestamp,
    ) -> Result<Self, DownloadError> {
        let target = Target::parse_with(location, &settings.policy)?;
        let mut download = Self::start_at(attachment, target, settings, now)?;
        (download.hops, download.hops_before) = (1, 1);
        Ok(download)
    }

    fn start_at(
        attachment: &Attachment,
        target: Target,
        settings: DownloadSettings<'s>,
        now: Timestamp,
    ) -> Result<Self, DownloadError> {
        let content = Content::of(attachment, settings.scanner)?;
        let size = content.size();
        attachment.check_local().map_err(DownloadError::NotDeliverable)?;
        attachment.check_content(&[]).map_err(DownloadError::NotDeliverable)?;
        if size > settings.size_max {
            return Err(DownloadError::TooLarge);
        }
        let whole =
            WHOLE_MAX.saturating_add(Duration::from_secs(size.checked_div(BYTES_A_SECOND).unwrap_or(0)));
        Ok(Self {
            content,
            warning: warning_of(attachment, settings.scanner.is_some()),
            origin: target.clone(),
            at: target,
            hops: 0,
            hops_before: 0,
            etag: None,
            offers_ranges: false,
            was_resumed: false,
            may_resume: true,
            requests_left: REQUESTS_MAX.saturating_add(size.checked_div(BYTES_A_REQUEST).unwrap_or(0)),
            backoff: Backoff::new(settings.seed),
            whole: Deadline::after(whole, now),
            state: State::Ready,
        })
    }

    /// What to do now. Call it after each input, and at [`next_timeout`](Self::next_timeout).
    pub fn poll(&mut self, now: Timestamp) -> DownloadStep {
        self.hold(now);
        let is_finished = matches!(self.state, State::Finished(_));
        if !is_finished && self.whole.is_due(now) {
            self.state = State::Finished(Err(DownloadError::GaveUp));
        }
        match &self.state {
            State::Requested(idle) | State::Receiving(idle) if idle.is_due(now) => self.handle_lost(now),
            State::Pausing(pause) if pause.is_due(now) => self.state = State::Ready,
            _ => {}
        }
        match &self.state {
            State::Ready => self.request(now),
            State::Requested(_) | State::Receiving(_) => DownloadStep::Busy,
            State::Pausing(pause) => DownloadStep::Wait(pause.at()),
            State::Finished(Ok(downloaded)) => DownloadStep::Done(downloaded.clone()),
            State::Finished(Err(error)) => DownloadStep::Failed(*error),
        }
    }

    /// When to call [`poll`](Self::poll) at the latest.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Timestamp> {
        let deadline = match &self.state {
            State::Finished(_) => return None,
            State::Ready => self.whole.at(),
            State::Requested(deadline) | State::Receiving(deadline) | State::Pausing(deadline) => {
                deadline.at().min(self.whole.at())
            }
        };
        Some(deadline)
    }

    /// How many bytes were received; not all of them need be the right ones. Those of a sealed file are ciphertext.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.content.received()
    }

    /// How many bytes are received in all.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.content.size()
    }

    /// Takes the head of the answer to a request: status and headers.
    #[must_use]
    pub fn handle_head(&mut self, head: &AnswerParts, now: Timestamp) -> BodyPlan {
        if !matches!(self.state, State::Requested(_)) {
            return BodyPlan::Leave;
        }
        let plan = match head.status {
            200 => self.take_whole(&Head(head), now),
            206 => self.take_rest(&Head(head), now),
            301 | 302 | 303 | 307 | 308 => self.redirect(&Head(head)),
            416 if self.received() > 0 => self.start_over(now),
            408 | 425 | 429 | 500 | 502 | 503 | 504 => {
                self.pause(head, now);
                Ok(BodyPlan::Leave)
            }
            status => Err(DownloadError::Refused { status }),
        };
        plan.unwrap_or_else(|error| {
            self.state = State::Finished(Err(error));
            BodyPlan::Leave
        })
    }

    /// Takes the next bytes of the body, and gives those that are to be appended to the file: the same ones, or what was
    /// opened of a sealed file with them, which may be none.
    ///
    /// # Errors
    /// [`DownloadError::Size`] when they are more than the file has, or the error with which the download ended before.
    pub fn handle_chunk<'c>(
        &'c mut self,
        chunk: &'c [u8],
        now: Timestamp,
    ) -> Result<&'c [u8], DownloadError> {
        if let State::Finished(Err(error)) = &self.state {
            return Err(*error);
        }
        if chunk.is_empty() {
            return Ok(&[]);
        }
        let missing = self.size().saturating_sub(self.received());
        let fits = matches!(self.state, State::Receiving(_)) && chunk.len() as u64 <= missing;
        if !fits {
            self.state = State::Finished(Err(DownloadError::Size));
            return Err(DownloadError::Size);
        }
        self.state = State::Receiving(Deadline::after(IDLE_MAX, now));
        Ok(self.content.take(chunk))
    }

    /// The body has ended as HTTP has it end.
    pub fn handle_end(&mut self, now: Timestamp) {
        if !matches!(self.state, State::Receiving(_)) {
            return;
        }
        if self.received() == self.size() {
            self.finish(now);
        } else {
            self.handle_lost(now);
        }
    }

    /// The connection was lost, or could not be made.
    pub fn handle_lost(&mut self, now: Timestamp) {
        match self.state {
            State::Receiving(_) if self.received() == self.size() => self.finish(now),
            State::Requested(_) | State::Receiving(_) => self.pause(&AnswerParts::new(503), now),
            State::Ready | State::Pausing(_) | State::Finished(_) => {}
        }
    }

    /// The target's addresses were not admitted, or its redirect not vetted by the driver.
    pub fn handle_refused_target(&mut self, error: TargetError) {
        if !matches!(self.state, State::Finished(_)) {
            self.state = State::Finished(Err(error.into()));
        }
    }

    fn request(&mut self, now: Timestamp) -> DownloadStep {
        let Some(left) = self.requests_left.checked_sub(1) else {
            self.state = State::Finished(Err(DownloadError::GaveUp));
            return DownloadStep::Failed(DownloadError::GaveUp);
        };
        self.requests_left = left;
        if !(self.may_resume && (self.offers_ranges || self.etag.is_some())) {
            self.forget();
        }
        self.state = State::Requested(Deadline::after(IDLE_MAX, now));
        let etag = self.etag.clone();
        DownloadStep::Fetch(Fetch { target: self.at.clone(), from: self.received(), etag })
    }

    fn take_whole(&mut self, head: &Head<'_>, now: Timestamp) -> Result<BodyPlan, DownloadError> {
        head.check_encoding()?;
        head.check_length(self.size())?;
        self.forget();
        self.etag = head.etag()?.map(Box::from);
        self.offers_ranges = head.offers_ranges();
        self.state = State::Receiving(Deadline::after(IDLE_MAX, now));
        Ok(BodyPlan::Append { from: 0 })
    }

    /// Another part than the one that was asked for, or a part of another file, is of no use.
    fn take_rest(&mut self, head: &Head<'_>, now: Timestamp) -> Result<BodyPlan, DownloadError> {
        head.check_encoding()?;
        let (from, size) = (self.received(), self.size());
        let etag = head.etag()?;
        let is_same_file = etag.is_none() || self.etag.is_none() || etag == self.etag.as_deref();
        if from == 0 || !is_same_file || !head.is_rest(from, size)? {
            return self.start_over(now);
        }
        head.check_length(size.saturating_sub(from))?;
        self.was_resumed = true;
        self.state = State::Receiving(Deadline::after(IDLE_MAX, now));
        Ok(BodyPlan::Append { from: self.content.written() })
    }

    fn redirect(&mut self, head: &Head<'_>) -> Result<BodyPlan, DownloadError> {
        let location = head.location()?.ok_or(DownloadError::Head)?;
        self.hops = self.hops.saturating_add(1);
        if self.hops > REDIRECTS_MAX {
            return Err(DownloadError::TooManyRedirects);
        }
        self.at = self.at.follow(location)?;
        self.state = State::Ready;
        Ok(BodyPlan::Leave)
    }

    /// Asks for the whole file again, once more from its first URL on.
    fn start_over(&mut self, now: Timestamp) -> Result<BodyPlan, DownloadError> {
        self.may_resume = false;
        self.forget();
        self.pause(&AnswerParts::new(503), now);
        Ok(BodyPlan::Leave)
    }

    fn forget(&mut self) {
        self.content.forget();
        self.etag = None;
        self.was_resumed = false;
    }

    /// Waits before the next request, which begins at the first URL: presigned ones behind it age.
    fn pause(&mut self, answer: &AnswerParts, now: Timestamp) {
        let own = self.backoff.next_delay();
        let asked = match ApiError::from_parts(answer).retry(now) {
            Retry::At(until) => until.duration_since(now).unwrap_or_default(),
            _ => Duration::ZERO,
        };
        self.hops = self.hops_before;
        self.at = self.origin.clone();
        self.state = State::Pausing(Deadline::after(own.max(asked).min(PAUSE_MAX), now));
    }

    fn finish(&mut self, now: Timestamp) {
        match self.content.finish() {
            Ok(file) => {
                let injection = file.report().map(|_| DownloadWarning::Injection);
                let warning = self.warning.or(injection);
                self.state = State::Finished(Ok(Downloaded { content: *file.content(), warning }));
            }
            // Two halves of two files, perhaps.
            Err(DownloadError::File(FileRefusal::Digest)) if self.was_resumed => {
                let _ = self.start_over(now);
            }
            Err(error) => self.state = State::Finished(Err(error)),
        }
    }

    fn hold(&mut self, now: Timestamp) {
        self.whole.hold(now);
        match &mut self.state {
            State::Requested(deadline) | State::Receiving(deadline) | State::Pausing(deadline) => {
                deadline.hold(now);
            }
            State::Ready | State::Finished(_) => {}
        }
    }
}

/// Shows how far it is, not where it leads.
impl fmt::Debug for Download<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Ready => "ready",
            State::Requested(_) => "requested",
            State::Receiving(_) => "receiving",
            State::Pausing(_) => "pausing",
            State::Finished(Ok(_)) => "done",
            State::Finished(Err(_)) => "failed",
        };
        f.debug_struct("Download")
            .field("state", &state)
            .field("received", &self.received())
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

fn url_of(attachment: &Attachment) -> Option<&str> {
    match attachment {
        Attachment::Provider(attachment) => attachment.url(),
        Attachment::Afp(attachment) => attachment.url(),
        Attachment::Sealed(attachment) => attachment.outer().url(),
        _ => None,
    }
}

fn warning_of(attachment: &Attachment, is_scanned: bool) -> Option<DownloadWarning> {
    let status = match attachment {
        Attachment::Provider(attachment) => attachment.scan_status(),
        // The provider saw the ciphertext alone: the scan here is the only one.
        Attachment::Sealed(attachment) => match attachment.outer().scan_status() {
            Some(ScanStatus::Suspicious) => Some(ScanStatus::Suspicious),
            _ if is_scanned => Some(ScanStatus::BasicClean),
            _ => Some(ScanStatus::Unscanned),
        },
        _ => return None,
    };
    match status {
        Some(ScanStatus::Suspicious) => Some(DownloadWarning::Suspicious),
        Some(ScanStatus::Unscanned) | None => Some(DownloadWarning::Unscanned),
        _ => None,
    }
}
