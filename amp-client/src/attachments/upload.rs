//! Performing an upload: what amp-core says next, over the connector (attachments, sending).

use amp_core::connection::{FormCall, PutFile, Upload, UploadError, UploadSettings, UploadStep, Uploaded};
use amp_core::crypto::seal::{FileKey, sealed_len};
use amp_core::envelope::limits::ATTACHMENT_MAX_BYTES;
use amp_core::envelope::{Attachment, AttachmentError, SealedFile};
use amp_core::identity::ApiKey;
use amp_core::wire::{AnswerParts, ApiUrl, AttachmentLimits};
use bytes::Bytes;

use super::body::{Reading, Sent};
use super::progress::Listener;
use super::sealing::{Changed, FirstReading, Sealing};
use super::source::UploadFile;
use crate::clock::{now, seed};
use crate::error::{Error, ErrorKind};
use crate::http::{Http, HttpError};

const STEP: &str = "uploading an attachment";

/// Uploads a file to the provider of an API, by what its `Info` says of attachments. Dropping the future ends the upload;
/// the provider forgets what no message refers to.
pub(crate) async fn upload(
    http: &Http,
    api: &ApiUrl,
    key: &ApiKey,
    limits: Option<&AttachmentLimits>,
    file: UploadFile,
) -> Result<Uploaded, Error> {
    let settings = settings(http, api, limits);
    let (name, content_type, source, listener) = file.into_parts();
    let reading = Reading::plain(source);
    let sum = reading.sum(ATTACHMENT_MAX_BYTES).await.map_err(unread)?;
    let upload = Upload::start(&name, &content_type, sum, settings).map_err(failed)?;
    Driver { http, api, key, upload, reading, listener }.run().await
}

/// Seals a file under a key of its own while it is uploaded. What a provider cannot look at in it is looked at here.
pub(crate) async fn upload_sealed(
    http: &Http,
    api: &ApiUrl,
    key: &ApiKey,
    limits: Option<&AttachmentLimits>,
    file: UploadFile,
) -> Result<SealedUpload, Error> {
    let settings = settings(http, api, limits);
    let (name, content_type, source, listener) = file.into_parts();
    let size = source.size().await.map_err(unread)?;
    let (sealed, most) = (sealed_len(size).unwrap_or(u64::MAX), settings.size_max());
    if sealed > most {
        return Err(failed(UploadError::TooLargeSealed { sealed, most }));
    }
    check(&content_type, &[])?;
    let file_key = FileKey::try_generate().map_err(|_| {
        Error::new(ErrorKind::Setup, "making a file's key: the system gives no random numbers")
    })?;
    let first = Sealing::first((&name, &content_type), &source, size, file_key).await.map_err(unread)?;
    let FirstReading { sealing, head } = first;
    check(&content_type, &head)?;
    let (name, content_type) = (SealedFile::NEUTRAL_NAME, SealedFile::NEUTRAL_TYPE);
    let upload = Upload::start(name, content_type, sealing.sum(), settings).map_err(failed)?;
    let file = sealing.file().clone();
    let reading = Reading::sealed(source, sealing);
    let uploaded = Driver { http, api, key, upload, reading, listener }.run().await?;
    Ok(SealedUpload { uploaded, file })
}

fn settings(http: &Http, api: &ApiUrl, limits: Option<&AttachmentLimits>) -> UploadSettings {
    let settings = UploadSettings::new(seed()).with_target_policy(http.policy(Some(api)));
    match limits {
        Some(limits) => settings.with_limits(limits),
        None => settings,
    }
}

/// What the recipient would refuse once it is opened.
fn check(content_type: &str, head: &[u8]) -> Result<(), Error> {
    let of = |error: AttachmentError| failed(UploadError::Content(error));
    Attachment::check_file(content_type, head).map_err(of)
}

/// A file that was sealed and uploaded: what the provider says of the ciphertext, and what the recipient needs to open it.
///
/// Both go into one message, and no other: [`Draft::sealed_attachment`](amp_core::Draft::sealed_attachment).
///
/// ```
/// # #[cfg(feature = "loopback")] {
/// use amp_client::attachments::UploadFile;
/// use amp_client::{Client, Loopback};
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let provider = Loopback::start().await?;
/// let alice = Client::builder(provider.url()).in_memory().register("alice").await?;
/// let table = UploadFile::from_bytes("fruit.csv", "text/csv", b"apples,3\n".to_vec());
/// let sealed = alice.upload_sealed(table).await?;
/// assert_eq!((sealed.file().filename(), sealed.file().size()), ("fruit.csv", 9));
/// assert!(!sealed.object().contains("fruit")); // the provider has `sealed.bin`
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SealedUpload {
    uploaded: Uploaded,
    file: SealedFile,
}

impl SealedUpload {
    /// The provider's object of the ciphertext, for the payload that everybody sees.
    #[must_use]
    pub fn object(&self) -> &str {
        self.uploaded.object()
    }

    /// The file's name, type, size and digest, and its key, for the payload that is sealed.
    #[must_use]
    pub const fn file(&self) -> &SealedFile {
        &self.file
    }

    /// What the provider says of the ciphertext. Its scan saw nothing of the file.
    #[must_use]
    pub const fn uploaded(&self) -> &Uploaded {
        &self.uploaded
    }
}

struct Driver<'a> {
    http: &'a Http,
    api: &'a ApiUrl,
    key: &'a ApiKey,
    upload: Upload,
    reading: Reading,
    listener: Listener,
}

impl Driver<'_> {
    async fn run(mut self) -> Result<Uploaded, Error> {
        loop {
            let step = self.upload.poll(now());
            let (sent, total) = self.upload.progress();
            self.listener.tell(sent, total);
            match step {
                UploadStep::Call(call) => {
                    let (ticket, limit) = (call.ticket(), call.timeout());
                    let answer = self.http.call(self.api, Some(self.key), call.into_parts(), limit).await;
                    match lasting(answer)? {
                        Some(answer) => self.upload.handle_answer(ticket, &answer, now()),
                        None => self.upload.handle_failure(ticket, now()),
                    }
                }
                UploadStep::Form(form) => self.send_form(&form).await?,
                UploadStep::Put(put) => self.put(&put).await?,
                UploadStep::Wait(until) => pause(until).await,
                UploadStep::Done(uploaded) => return Ok(uploaded),
                UploadStep::Failed(error) => return Err(failed(error)),
                // A step under way ends before the next one is asked for, so this only waits.
                _ => pause(self.upload.next_timeout().unwrap_or_else(now)).await,
            }
        }
    }

    async fn put(&mut self, put: &PutFile) -> Result<(), Error> {
        let sent = Sent::default();
        let body = self.reading.body(Bytes::new(), put.size(), Bytes::new(), &sent).map_err(unread)?;
        let http = self.http.clone();
        let putting = http.put(Some(self.api), put.target(), put.headers(), body);
        let outcome = self.watch(putting, put.ticket(), &sent, 0).await;
        self.unchanged()?;
        match outcome {
            Err(HttpError::Target(error)) => self.upload.handle_refused_target(put.ticket(), error),
            outcome => match lasting(outcome)? {
                Some(head) => self.upload.handle_put(put.ticket(), &head, now()),
                None => self.upload.handle_failure(put.ticket(), now()),
            },
        }
        Ok(())
    }

    async fn send_form(&mut self, call: &FormCall) -> Result<(), Error> {
        let (form, sent) = (call.form(), Sent::default());
        let (before, after) = (form.before().len() as u64, form.after().len() as u64);
        let size = form.content_length().saturating_sub(before).saturating_sub(after);
        let before_file = Bytes::copy_from_slice(form.before().as_bytes());
        let after_file = Bytes::copy_from_slice(form.after().as_bytes());
        let body = self.reading.body(before_file, size, after_file, &sent).map_err(unread)?;
        let (http, api, key) = (self.http.clone(), self.api, self.key);
        let sending = http.form(api, key, call.head(), body, form.content_length());
        let outcome = self.watch(sending, call.ticket(), &sent, before).await;
        self.unchanged()?;
        match lasting(outcome)? {
            Some(answer) => self.upload.handle_answer(call.ticket(), &answer, now()),
            None => self.upload.handle_failure(call.ticket(), now()),
        }
        Ok(())
    }

    /// What changed is not sent again, whatever the provider answered to the part that was.
    fn unchanged(&self) -> Result<(), Error> {
        if self.reading.has_changed() {
            return Err(Error::new(ErrorKind::File, STEP).because(Changed));
        }
        Ok(())
    }

    /// Waits for what is sent, for as long as it moves. `ahead` bytes of it are not the file's.
    async fn watch(
        &mut self,
        sending: impl Future<Output = Result<AnswerParts, HttpError>>,
        ticket: amp_core::connection::Ticket,
        sent: &Sent,
        ahead: u64,
    ) -> Result<AnswerParts, HttpError> {
        let mut sending = core::pin::pin!(sending);
        loop {
            let until = self.upload.next_timeout().unwrap_or_else(now);
            tokio::select! {
                outcome = &mut sending => return outcome,
                bytes = sent.changed() => {
                    self.upload.handle_progress(ticket, bytes.saturating_sub(ahead), now());
                    let (bytes, total) = self.upload.progress();
                    self.listener.tell(bytes, total);
                }
                () = pause(until) => return Err(HttpError::TimedOut),
            }
        }
    }
}

/// What may be different the next time is none; what stays is an error.
fn lasting(outcome: Result<AnswerParts, HttpError>) -> Result<Option<AnswerParts>, Error> {
    match outcome {
        Ok(answer) => Ok(Some(answer)),
        Err(
            HttpError::NotSent
            | HttpError::Unreachable
            | HttpError::TimedOut
            | HttpError::Malformed(_)
            | HttpError::TooLarge,
        ) => Ok(None),
        Err(error) => Err(error.at(STEP)),
    }
}

pub(super) async fn pause(until: amp_core::Timestamp) {
    tokio::time::sleep(until.duration_since(now()).unwrap_or_default()).await;
}

fn unread(error: std::io::Error) -> Error {
    Error::new(ErrorKind::File, "reading the file to upload").because(error)
}

fn failed(error: UploadError) -> Error {
    let kind = match &error {
        UploadError::Refused(api) => return Error::refused(STEP, api.clone()),
        UploadError::Target(_) => ErrorKind::Target,
        UploadError::Swapped { .. } | UploadError::Incomplete => ErrorKind::BadAnswer,
        UploadError::GaveUp => ErrorKind::Unreachable,
        _ => ErrorKind::Message,
    };
    Error::new(kind, STEP).because(error)
}
