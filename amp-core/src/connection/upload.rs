//! Uploading an attachment: a place for it, the file, its confirmation, and the wait for the scan (attachments, sending).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use core::fmt;
use core::time::Duration;

use amp_envelope::{Attachment, AttachmentId, ScanStatus, Timestamp, safe_filename};

use super::backoff::Backoff;
use super::call::{Call, Ticket};
use super::clock::Deadline;
use super::content::ContentSum;
use super::upload_step::{
    FormCall, PutFile, UploadError, UploadSettings, UploadStep, Uploaded, sent_headers,
};
use crate::webhook::{Target, TargetError};
use crate::wire::{
    Answer as _, AnswerParts, ApiError, ApiErrorCode, AttachmentState, ConfirmUpload, Extra, GetAttachment,
    Request, Retry, StartUpload, UploadStarted,
};

/// Longest wait for an answer, and longest time without a byte.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest time between two questions whether the scan has ended.
const POLL_MAX: Duration = Duration::from_secs(5);
/// For how long the scan is waited for.
const SCAN_MAX: Duration = Duration::from_secs(5 * 60);
/// Longest time that a provider can put the next attempt off.
const PAUSE_MAX: Duration = Duration::from_secs(5 * 60);
/// How often the whole is begun, each time with an id of its own.
const BEGINNINGS_MAX: u8 = 3;
/// How often one step is tried.
const ATTEMPTS_MAX: u8 = 5;

/// What is waited for or done next.
enum State {
    /// To ask for a place, or to send the form.
    Begin,
    Starting(Ticket, Deadline),
    Sending(Ticket, Deadline),
    /// To put the file.
    Placed(Place),
    Putting(Ticket, Deadline, Place),
    /// To say that it is there.
    Put(AttachmentId),
    Confirming(Ticket, Deadline, AttachmentId),
    /// To ask for the state of its scan.
    Scanned(Scan),
    Asking(Ticket, Deadline, Scan),
    Pausing(Deadline, Box<State>),
    Finished(Result<Uploaded, UploadError>),
}

#[derive(Clone)]
struct Place {
    id: AttachmentId,
    put: PutFile,
    /// Until when the place is open.
    open: Deadline,
}

#[derive(Clone)]
struct Scan {
    id: AttachmentId,
    end: Deadline,
}

/// Uploads one file. The driver does what [`poll`](Self::poll) says, and reads the file twice: for its size and digest
/// ([`ContentHasher`](super::ContentHasher)), and when it is sent. It is never in memory as a whole.
///
/// The API key goes to the provider's API and nowhere else. What the provider says of the attachment in the end is
/// compared with what was sent: size, digest, name and type. Then its object goes into the payload, without members that
/// this version does not know.
///
/// ```
/// use amp_core::connection::{ContentHasher, Upload, UploadSettings, UploadStep};
/// use amp_core::wire::AnswerParts;
/// # let now: amp_core::Timestamp = "2026-01-31T10:00:00Z".parse()?;
///
/// let mut hasher = ContentHasher::new();
/// hasher.update(b"a,b\n"); // …the file, piece by piece
/// let mut upload = Upload::start("a.csv", "text/csv", hasher.finish(), UploadSettings::new(7))?;
///
/// let UploadStep::Call(call) = upload.poll(now) else { panic!("no call") };
/// let started = br#"{"attachment_id":"att_1706648400_abc123","upload_url":"https://files.example.com/1?sig=s",
///     "upload_headers":{"Authorization":"Bearer stolen"},"expires_in":3600}"#;
/// upload.handle_answer(call.ticket(), &AnswerParts::new(201).with_body(started.to_vec()), now);
///
/// let UploadStep::Put(put) = upload.poll(now) else { panic!("no place") };
/// assert_eq!(put.target().host(), "files.example.com");
/// assert!(put.headers().iter().all(|(name, _)| name != "Authorization"));
/// upload.handle_progress(put.ticket(), 4, now);
/// upload.handle_put(put.ticket(), &AnswerParts::new(200), now);
/// assert!(matches!(upload.poll(now), UploadStep::Call(_))); // confirm, then ask until it is scanned
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Upload {
    about: StartUpload,
    settings: UploadSettings,
    sent: u64,
    beginnings: u8,
    attempts: u8,
    backoff: Backoff,
    last: Ticket,
    state: State,
}

impl Upload {
    /// Begins with a file of this name, type, size and digest.
    ///
    /// # Errors
    /// [`UploadError::TooLarge`] or [`UploadError::Program`]: the provider would refuse it.
    pub fn start(
        filename: &str,
        content_type: &str,
        content: ContentSum,
        settings: UploadSettings,
    ) -> Result<Self, UploadError> {
        if content.size() > settings.size_max {
            return Err(UploadError::TooLarge);
        }
        Attachment::check_file(content_type, &[]).map_err(|_| UploadError::Program)?;
        Ok(Self {
            about: StartUpload::new(filename, content_type, content.size(), content.digest()),
            backoff: Backoff::new(settings.seed),
            settings,
            sent: 0,
            beginnings: 0,
            attempts: 0,
            last: Ticket::FIRST,
            state: State::Begin,
        })
    }

    /// How many of the file's bytes are sent, of how many.
    #[must_use]
    pub const fn progress(&self) -> (u64, u64) {
        (self.sent, self.about.size)
    }

    /// What to do now. Call it after each input, and at [`next_timeout`](Self::next_timeout).
    pub fn poll(&mut self, now: Timestamp) -> UploadStep {
        self.pass_time(now);
        let ticket = self.last.next();
        let until = Deadline::after(TIMEOUT, now);
        let state = core::mem::replace(&mut self.state, State::Begin);
        let (state, step) = match state {
            State::Begin => match self.begin(ticket, now) {
                Ok(begun) => begun,
                Err(error) => (State::Finished(Err(error.clone())), UploadStep::Failed(error)),
            },
            State::Placed(place) => {
                self.sent = 0;
                let put = PutFile { ticket, ..place.put.clone() };
                (State::Putting(ticket, until, place), UploadStep::Put(put))
            }
            State::Put(id) => {
                let call = Call::new(ticket, &ConfirmUpload::new(id.clone()), TIMEOUT);
                (State::Confirming(ticket, until, id), UploadStep::Call(call))
            }
            State::Scanned(scan) => {
                let call = Call::new(ticket, &GetAttachment::new(scan.id.clone()), TIMEOUT);
                (State::Asking(ticket, until, scan), UploadStep::Call(call))
            }
            State::Pausing(end, then) => (State::Pausing(end, then), UploadStep::Wait(end.at())),
            State::Finished(outcome) => {
                let step = match &outcome {
                    Ok(uploaded) => UploadStep::Done(uploaded.clone()),
                    Err(error) => UploadStep::Failed(error.clone()),
                };
                (State::Finished(outcome), step)
            }
            under_way => (under_way, UploadStep::Busy),
        };
        if matches!(step, UploadStep::Call(_) | UploadStep::Form(_) | UploadStep::Put(_)) {
            self.last = ticket;
        }
        self.state = state;
        step
    }

    /// When to call [`poll`](Self::poll) at the latest.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Timestamp> {
        match &self.state {
            State::Starting(_, end)
            | State::Sending(_, end)
            | State::Putting(_, end, _)
            | State::Confirming(_, end, _)
            | State::Asking(_, end, _)
            | State::Pausing(end, _) => Some(end.at()),
            _ => None,
        }
    }

    /// So many of the file's bytes are sent by now.
    pub fn handle_progress(&mut self, ticket: Ticket, sent: u64, now: Timestamp) {
        if let State::Putting(own, end, _) | State::Sending(own, end) = &mut self.state
            && *own == ticket
            && sent > self.sent
        {
            *end = Deadline::after(TIMEOUT, now);
            self.sent = sent.min(self.about.size);
        }
    }

    /// Takes the answer to a call or a form.
    pub fn handle_answer(&mut self, ticket: Ticket, answer: &AnswerParts, now: Timestamp) {
        match core::mem::replace(&mut self.state, State::Begin) {
            State::Starting(own, _) if own == ticket => self.take_start(answer, now),
            State::Sending(own, _) if own == ticket => self.take_form(answer, now),
            State::Confirming(own, _, id) if own == ticket => self.take_confirmation(id, answer, now),
            State::Asking(own, _, scan) if own == ticket => self.take_state(scan, answer, now),
            other => self.state = other,
        }
    }

    /// Takes the head of the answer to a `PUT`. Its body says nothing.
    pub fn handle_put(&mut self, ticket: Ticket, head: &AnswerParts, now: Timestamp) {
        match core::mem::replace(&mut self.state, State::Begin) {
            State::Putting(own, _, place) if own == ticket => match head.status {
                200..=299 => {
                    self.sent = self.about.size;
                    self.attempts = 0;
                    self.state = State::Put(place.id);
                }
                408 | 425 | 429 | 500 | 502 | 503 | 504 => self.put_again(place, Some(head), now),
                // The place is closed, or moved: a file is not sent on to where an answer says.
                _ => self.begin_again(now),
            },
            other => self.state = other,
        }
    }

    /// There is no answer to a call, a form or a `PUT`.
    pub fn handle_failure(&mut self, ticket: Ticket, now: Timestamp) {
        let is_it = matches!(&self.state,
            State::Starting(own, _) | State::Sending(own, _) | State::Putting(own, ..) | State::Confirming(own, ..)
            | State::Asking(own, ..) if *own == ticket);
        if is_it {
            self.fail(now);
        }
    }

    /// The addresses of the place were not admitted.
    pub fn handle_refused_target(&mut self, ticket: Ticket, error: TargetError) {
        if matches!(&self.state, State::Putting(own, ..) if *own == ticket) {
            self.state = State::Finished(Err(UploadError::Target(error)));
        }
    }

    fn begin(&mut self, ticket: Ticket, now: Timestamp) -> Result<(State, UploadStep), UploadError> {
        if self.attempts == 0 {
            self.beginnings = self.beginnings.saturating_add(1);
        }
        if self.beginnings > BEGINNINGS_MAX {
            return Err(UploadError::GaveUp);
        }
        let until = Deadline::after(TIMEOUT, now);
        self.sent = 0;
        if self.settings.takes_forms {
            let form = FormCall::new(ticket, &self.about, TIMEOUT);
            return Ok((State::Sending(ticket, until), UploadStep::Form(form)));
        }
        let call = Call::new(ticket, &self.about, TIMEOUT);
        Ok((State::Starting(ticket, until), UploadStep::Call(call)))
    }

    fn take_start(&mut self, answer: &AnswerParts, now: Timestamp) {
        match self.about.read_answer(answer) {
            Ok(started) => match self.place(&started, now) {
                Ok(place) => {
                    self.attempts = 0;
                    self.state = State::Placed(place);
                }
                Err(error) => self.state = State::Finished(Err(error)),
            },
            Err(error) => self.again_or_refused(error, State::Begin, now),
        }
    }

    fn place(&self, started: &UploadStarted, now: Timestamp) -> Result<Place, UploadError> {
        let target = Target::parse_with(started.upload_url.as_str(), &self.settings.policy);
        let put = PutFile {
            ticket: self.last,
            target: target.map_err(UploadError::Target)?,
            headers: sent_headers(&started.upload_headers, &self.about.content_type, self.about.size),
            size: self.about.size,
        };
        let open = Deadline::after(started.expires_in, now);
        Ok(Place { id: started.attachment_id.clone(), put, open })
    }

    fn take_form(&mut self, answer: &AnswerParts, now: Timestamp) {
        match AttachmentState::from_parts(answer) {
            Ok(state) => {
                self.sent = self.about.size;
                self.attempts = 0;
                self.take_scan(self.scan(state.attachment_id.clone(), now), &state, now);
            }
            // It takes no forms after all.
            Err(error) if matches!(error.status, 404 | 405 | 415 | 501) => {
                self.settings.takes_forms = false;
                self.state = State::Begin;
            }
            Err(error) => self.again_or_refused(error, State::Begin, now),
        }
    }

    fn take_confirmation(&mut self, id: AttachmentId, answer: &AnswerParts, now: Timestamp) {
        match ConfirmUpload::new(id.clone()).read_answer(answer) {
            Ok(state) => {
                self.attempts = 0;
                self.take_scan(self.scan(id, now), &state, now);
            }
            // Confirmed before, by a call of which no answer came.
            Err(error) if error.is(&ApiErrorCode::AttachmentPending) => {
                self.state = State::Scanned(self.scan(id, now));
            }
            Err(error) if matches!(error.status, 404 | 410) => self.begin_again(now),
            Err(error) => self.again_or_refused(error, State::Put(id), now),
        }
    }

    fn take_state(&mut self, scan: Scan, answer: &AnswerParts, now: Timestamp) {
        match GetAttachment::new(scan.id.clone()).read_answer(answer) {
            Ok(state) => {
                self.attempts = 0;
                self.take_scan(scan, &state, now);
            }
            Err(error) if matches!(error.status, 404 | 410) => self.begin_again(now),
            Err(error) => self.again_or_refused(error, State::Scanned(scan), now),
        }
    }

    fn scan(&self, id: AttachmentId, now: Timestamp) -> Scan {
        Scan { id, end: Deadline::after(SCAN_MAX, now) }
    }

    fn take_scan(&mut self, mut scan: Scan, state: &AttachmentState, now: Timestamp) {
        let outcome = match state.scan_status {
            ScanStatus::Pending => {
                scan.end.hold(now);
                if scan.end.is_due(now) {
                    return self.begin_again(now);
                }
                let pause = self.backoff.jittered(POLL_MAX);
                self.state = State::Pausing(Deadline::after(pause, now), Box::new(State::Scanned(scan)));
                return;
            }
            ScanStatus::Rejected => Err(UploadError::Rejected),
            ScanStatus::Unscanned => Err(UploadError::Unscanned),
            ScanStatus::Clean | ScanStatus::BasicClean | ScanStatus::Suspicious => self.uploaded(state),
        };
        self.state = State::Finished(outcome);
    }

    /// The provider's object goes into the payload and is signed there: it has to describe the file that was sent.
    fn uploaded(&self, state: &AttachmentState) -> Result<Uploaded, UploadError> {
        if state.size.is_some_and(|size| size != self.about.size) {
            return Err(UploadError::Swapped { field: "size" });
        }
        if state.digest.is_some_and(|digest| !digest.equals(&self.about.digest)) {
            return Err(UploadError::Swapped { field: "digest" });
        }
        if state.filename.as_ref().is_some_and(|name| !is_name_of(name, &self.about.filename)) {
            return Err(UploadError::Swapped { field: "filename" });
        }
        let stated = state.content_type.as_ref();
        if stated.is_some_and(|stated| !stated.trim().eq_ignore_ascii_case(self.about.content_type.trim())) {
            return Err(UploadError::Swapped { field: "content_type" });
        }
        // Nobody signs what they cannot read.
        let known = AttachmentState { extra: Extra::default(), ..state.clone() };
        let object = known.payload_object().ok_or(UploadError::Incomplete)?;
        Ok(Uploaded { id: state.attachment_id.clone(), status: state.scan_status, object })
    }

    fn again_or_refused(&mut self, error: ApiError, then: State, now: Timestamp) {
        match error.retry(now) {
            // What it did is unknown; each step can be done twice.
            Retry::Never if error.is_unreadable() => self.again(then, Duration::ZERO, now),
            Retry::Never => self.state = State::Finished(Err(UploadError::Refused(error))),
            Retry::At(until) => self.again(then, until.duration_since(now).unwrap_or_default(), now),
            Retry::Backoff => self.again(then, Duration::ZERO, now),
        }
    }

    fn put_again(&mut self, mut place: Place, answer: Option<&AnswerParts>, now: Timestamp) {
        place.open.hold(now);
        let asked = match answer.map(|answer| ApiError::from_parts(answer).retry(now)) {
            Some(Retry::At(until)) => until.duration_since(now).unwrap_or_default(),
            _ => Duration::ZERO,
        };
        self.again(State::Placed(place), asked, now);
    }

    /// Once more, after a pause.
    fn again(&mut self, then: State, asked: Duration, now: Timestamp) {
        self.attempts = self.attempts.saturating_add(1);
        if self.attempts >= ATTEMPTS_MAX {
            return self.begin_again(now);
        }
        let pause = self.backoff.next_delay().max(asked).min(PAUSE_MAX);
        self.state = State::Pausing(Deadline::after(pause, now), Box::new(then));
    }

    /// From the start, with another id.
    fn begin_again(&mut self, now: Timestamp) {
        self.attempts = 0;
        let pause = self.backoff.next_delay().min(PAUSE_MAX);
        self.state = State::Pausing(Deadline::after(pause, now), Box::new(State::Begin));
    }

    fn fail(&mut self, now: Timestamp) {
        match core::mem::replace(&mut self.state, State::Begin) {
            State::Starting(..) | State::Sending(..) => self.again(State::Begin, Duration::ZERO, now),
            State::Putting(_, _, place) => self.put_again(place, None, now),
            State::Confirming(_, _, id) => self.again(State::Put(id), Duration::ZERO, now),
            State::Asking(_, _, scan) => self.again(State::Scanned(scan), Duration::ZERO, now),
            other => self.state = other,
        }
    }

    fn pass_time(&mut self, now: Timestamp) {
        let is_over = match &mut self.state {
            State::Starting(_, end)
            | State::Sending(_, end)
            | State::Putting(_, end, _)
            | State::Confirming(_, end, _)
            | State::Asking(_, end, _)
            | State::Pausing(end, _) => {
                end.hold(now);
                end.is_due(now)
            }
            _ => false,
        };
        if !is_over {
            return;
        }
        match core::mem::replace(&mut self.state, State::Begin) {
            State::Pausing(_, then) => match *then {
                State::Placed(place) if place.open.is_due(now) => self.begin_again(now),
                then => self.state = then,
            },
            other => {
                self.state = other;
                self.fail(now);
            }
        }
    }
}

/// Whether a stated name is the file's, or the one that it is made where names are kept safe for a disk.
fn is_name_of(stated: &str, filename: &str) -> bool {
    stated == filename || safe_filename(filename).is_ok_and(|safe| safe.as_str() == stated)
}

/// Shows how far it is, not where it goes.
impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload")
            .field("sent", &self.sent)
            .field("size", &self.about.size)
            .field("beginnings", &self.beginnings)
            .finish_non_exhaustive()
    }
}
