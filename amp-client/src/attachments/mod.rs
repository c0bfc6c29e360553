//! Files beside messages: uploads and downloads in constant memory, verified while they stream (attachments).
//!
//! [`Client::upload`](crate::Client::upload) sends an [`UploadFile`] and gives the object for a message;
//! [`Client::download`](crate::Client::download) hands out a [`DownloadedFile`] that is what its sender signed.
//! [`Client::upload_sealed`](crate::Client::upload_sealed) seals what it sends, for a message that is sealed itself; what is
//! downloaded is opened on the way.

mod body;
mod carrying;
mod directory;
mod download;
mod progress;
#[cfg(test)]
mod sealed_tests;
mod sealing;
mod source;
#[cfg(test)]
mod tests;
mod upload;

pub use download::{DownloadTo, DownloadedFile};
pub use progress::Progress;
pub use source::UploadFile;
pub use upload::SealedUpload;

pub(crate) use download::download;
pub(crate) use upload::{upload, upload_sealed};
