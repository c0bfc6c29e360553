//! Performing a download: what amp-core says next, over the connector, into a file that has no name until it verified
//! (attachments, receiving).

use alloc::sync::Arc;
use core::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use amp_core::Attachment;
use amp_core::connection::{
    BodyPlan, ContentSum, Download, DownloadError, DownloadSettings, DownloadStep, DownloadWarning,
    Downloaded, Fetch,
};
use amp_core::identity::ApiKey;
use amp_core::scan::Scanner;
use amp_core::wire::{ApiUrl, DownloadAttachment, Request as _};
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};

use super::directory::{Directory, Unnamed};
use super::progress::{Listener, Progress};
use super::upload::pause;
use crate::clock::{now, seed};
use crate::error::{Error, ErrorKind};
use crate::http::{Http, HttpError};

const STEP: &str = "downloading an attachment";
/// Longest wait for where one's own provider has a file.
const LOCATE_MAX: core::time::Duration = core::time::Duration::from_secs(30);

/// Where a file is downloaded to, and how.
///
/// ```
/// use amp_client::attachments::DownloadTo;
///
/// let to = DownloadTo::directory("attachments")
///     .with_size_max(1 << 20)
///     .on_progress(|progress| println!("{} of {} bytes", progress.bytes(), progress.total()));
/// # let _ = to;
/// ```
#[must_use]
pub struct DownloadTo {
    directory: PathBuf,
    size_max: Option<u64>,
    scanner: Option<Arc<Scanner>>,
    listener: Listener,
}

impl DownloadTo {
    /// Into this directory, under the sender's name for the file, made safe, or one beside it that is free.
    ///
    /// A directory that is missing is made for its owner alone. One in which others may write is refused.
    pub fn directory(path: impl Into<PathBuf>) -> Self {
        Self { directory: path.into(), size_max: None, scanner: None, listener: Listener::default() }
    }

    /// The largest file that is taken, in bytes; 25 MiB if it is not set. Of a sealed file the ciphertext counts.
    pub const fn with_size_max(mut self, bytes: u64) -> Self {
        self.size_max = Some(bytes);
        self
    }

    /// The scanner for text files, instead of the one with the usual rules.
    pub fn with_scanner(mut self, scanner: Arc<Scanner>) -> Self {
        self.scanner = Some(scanner);
        self
    }

    /// Has this called with the progress of the download, on whatever thread it runs. It must not block.
    pub fn on_progress(mut self, listener: impl FnMut(Progress) + Send + 'static) -> Self {
        self.listener = Listener::new(listener);
        self
    }
}

impl<P: Into<PathBuf>> From<P> for DownloadTo {
    fn from(path: P) -> Self {
        Self::directory(path)
    }
}

impl fmt::Debug for DownloadTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DownloadTo").field("listener", &self.listener).finish_non_exhaustive()
    }
}

/// A file that has the size and the digest that its sender signed, open.
///
/// One that came sealed was opened on the way, and nobody but the checks here has looked at it.
/// Read it from here and not from its path: what has a name can be replaced. Nothing here opens or runs it, and whoever
/// does looks at [`warning`](Self::warning) first.
#[derive(Debug)]
pub struct DownloadedFile {
    file: File,
    path: PathBuf,
    downloaded: Downloaded,
}

impl DownloadedFile {
    /// The file, at its beginning.
    #[must_use]
    pub const fn file(&self) -> &File {
        &self.file
    }

    /// The file, at its beginning.
    #[must_use]
    pub fn into_file(self) -> File {
        self.file
    }

    /// Where it was put, for people.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its size and digest.
    #[must_use]
    pub const fn content(&self) -> &ContentSum {
        self.downloaded.content()
    }

    /// Why it should not be opened without asking a person; none where nothing is known against it. No provider's scan
    /// has seen what is in a sealed file: then this is what was found here.
    #[must_use]
    pub const fn warning(&self) -> Option<DownloadWarning> {
        self.downloaded.warning()
    }
}

/// Downloads an attachment of a verified message. `own` is the provider that is asked where the file is, when its URL does
/// not hand it out. Dropping the future deletes what was written.
pub(crate) async fn download(
    http: &Http,
    own: Option<(&ApiUrl, &ApiKey)>,
    attachment: &Attachment,
    to: DownloadTo,
) -> Result<DownloadedFile, Error> {
    let DownloadTo { directory, size_max, scanner, listener } = to;
    let name = attachment.safe_filename().map_err(|error| of_message().because(error))?;
    let scanner = scanner.unwrap_or_else(crate::receiving::scanner);
    let settings = DownloadSettings::new(seed())
        .with_target_policy(http.policy(own.map(|(api, _)| api)))
        .with_scanner(&scanner);
    let settings = match size_max {
        Some(bytes) => settings.with_size_max(bytes),
        None => settings,
    };
    let unnamed = blocking(move || Directory::open(&directory)?.create()).await?;
    let mut driver = Driver { http, api: own.map(|(api, _)| api), unnamed, listener };
    let first = match Download::start(attachment, settings.clone(), now()) {
        Ok(download) => driver.run(download).await,
        Err(error) => Err(Ended::Download(error)),
    };
    let outcome = match (first, own) {
        (Err(Ended::Download(error)), Some((api, key))) if is_elsewhere(error) => {
            let location = locate(http, api, key, attachment, error).await?;
            let download = Download::start_from_redirect(attachment, &location, settings, now());
            driver.run(download.map_err(failed)?).await
        }
        (outcome, _) => outcome,
    };
    let downloaded = outcome.map_err(Ended::into_error)?;
    let unnamed = driver.unnamed;
    let (file, path) = blocking(move || unnamed.name(name.as_str())).await?;
    Ok(DownloadedFile { file, path, downloaded })
}

/// Whether one's own provider may know better where the file is.
fn is_elsewhere(error: DownloadError) -> bool {
    matches!(
        error,
        DownloadError::Missing { field: "url" } | DownloadError::Refused { status: 401 | 403 | 404 | 410 }
    )
}

async fn locate(
    http: &Http,
    api: &ApiUrl,
    key: &ApiKey,
    attachment: &Attachment,
    error: DownloadError,
) -> Result<alloc::string::String, Error> {
    let provider = match attachment {
        Attachment::Provider(provider) => provider,
        Attachment::Sealed(sealed) => sealed.outer(),
        _ => return Err(failed(error)),
    };
    let request = DownloadAttachment::new(provider.id().ok_or_else(|| failed(error))?.clone());
    let answer = http.call(api, Some(key), request.to_parts(), LOCATE_MAX).await;
    let answer = answer.map_err(|error| error.at(STEP))?;
    let location = request.read_answer(&answer).map_err(|api| Error::refused(STEP, api))?;
    Ok(location.url.as_str().into())
}

struct Driver<'a> {
    http: &'a Http,
    api: Option<&'a ApiUrl>,
    unnamed: Unnamed,
    listener: Listener,
}

/// Why a download ended without a file.
enum Ended {
    Download(DownloadError),
    Other(Error),
}

impl Ended {
    fn into_error(self) -> Error {
        match self {
            Self::Download(error) => failed(error),
            Self::Other(error) => error,
        }
    }
}

impl Driver<'_> {
    async fn run(&mut self, mut download: Download<'_>) -> Result<Downloaded, Ended> {
        loop {
            match download.poll(now()) {
                DownloadStep::Fetch(fetch) => {
                    self.fetch(&mut download, &fetch).await.map_err(Ended::Other)?
                }
                DownloadStep::Wait(until) => pause(until).await,
                DownloadStep::Done(downloaded) => {
                    self.listener.tell(download.size(), download.size());
                    return Ok(downloaded);
                }
                DownloadStep::Failed(error) => return Err(Ended::Download(error)),
                // A step under way ends before the next one is asked for, so this only waits.
                _ => pause(download.next_timeout().unwrap_or_else(now)).await,
            }
        }
    }

    async fn fetch(&mut self, download: &mut Download<'_>, fetch: &Fetch) -> Result<(), Error> {
        let headers = fetch.headers();
        let getting = self.http.get(self.api, fetch.target(), &headers);
        let mut incoming = match in_time(download, getting).await {
            Ok(incoming) => incoming,
            Err(HttpError::Target(error)) => {
                download.handle_refused_target(error);
                return Ok(());
            }
            Err(error @ (HttpError::Plain | HttpError::NoTls | HttpError::Request(_))) => {
                return Err(error.at(STEP));
            }
            Err(_) => {
                download.handle_lost(now());
                return Ok(());
            }
        };
        let BodyPlan::Append { from } = download.handle_head(&incoming.head(), now()) else { return Ok(()) };
        let file = self.unnamed.file().map_err(unwritten)?;
        file.set_len(from).await.map_err(unwritten)?;
        file.seek(std::io::SeekFrom::Start(from)).await.map_err(unwritten)?;
        loop {
            match in_time(download, incoming.chunk()).await {
                Ok(Some(chunk)) => {
                    let Ok(piece) = download.handle_chunk(&chunk, now()) else { break };
                    file.write_all(piece).await.map_err(unwritten)?;
                    self.listener.tell(download.received(), download.size());
                }
                Ok(None) => {
                    download.handle_end(now());
                    break;
                }
                Err(_) => {
                    download.handle_lost(now());
                    break;
                }
            }
        }
        file.flush().await.map_err(unwritten)
    }
}

/// Waits for as long as the download does.
async fn in_time<T>(
    download: &Download<'_>,
    waiting: impl Future<Output = Result<T, HttpError>>,
) -> Result<T, HttpError> {
    let until = download.next_timeout().unwrap_or_else(now);
    tokio::select! {
        outcome = waiting => outcome,
        () = pause(until) => Err(HttpError::TimedOut),
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome.map_err(unwritten),
        Err(_) => Err(Error::new(ErrorKind::Closed, STEP)),
    }
}

fn unwritten(error: std::io::Error) -> Error {
    Error::new(ErrorKind::File, "writing a downloaded file").because(error)
}

fn of_message() -> Error {
    Error::new(ErrorKind::Message, STEP)
}

fn failed(error: DownloadError) -> Error {
    let kind = match error {
        DownloadError::Target(_) | DownloadError::TooManyRedirects => ErrorKind::Target,
        DownloadError::Refused { .. } | DownloadError::GaveUp => ErrorKind::Unreachable,
        DownloadError::Encoded | DownloadError::Head | DownloadError::Size | DownloadError::File(_) => {
            ErrorKind::BadAnswer
        }
        DownloadError::NotOpened => ErrorKind::BadAnswer,
        _ => ErrorKind::Message,
    };
    Error::new(kind, STEP).because(error)
}
