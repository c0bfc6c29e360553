//! A client's files, up to its provider and down from wherever they are (attachments).

use amp_core::connection::Uploaded;
use amp_core::envelope::Attachment;

use super::{DownloadTo, DownloadedFile, UploadFile, download, upload};
use crate::client::Client;
use crate::error::Error;

impl Client {
    /// Uploads a file to the provider that calls go to. What is given back says what stands in the message, for
    /// [`Draft::attachment_json`](amp_core::Draft::attachment_json).
    ///
    /// The file is read twice, in constant memory: once for its digest, once for its content. Dropping the future ends the
    /// upload; a provider forgets files that no message refers to.
    ///
    /// # Errors
    /// [`ErrorKind::File`](crate::ErrorKind::File) when it cannot be read, or becomes shorter meanwhile;
    /// [`ErrorKind::Message`](crate::ErrorKind::Message) for a program, for what is too large, and for what the provider's
    /// checks refuse; [`ErrorKind::BadAnswer`](crate::ErrorKind::BadAnswer) when the provider describes another file; as
    /// [`call`](Self::call) besides.
    pub async fn upload(&self, file: UploadFile) -> Result<Uploaded, Error> {
        let at = self.at()?;
        // Deployed providers do not all say what they take: the protocol's limits hold then.
        let limits = self.info().await.ok().and_then(|info| info.attachment_limits);
        upload(&self.shared().account.http, at.api(), &at.key(), limits.as_ref(), file).await
    }

    /// Downloads an attachment of a received message: it is what its sender signed, of that size and digest, or nothing.
    ///
    /// It is written in constant memory, goes on where it broke off, and connects to vetted addresses only. The API key goes
    /// to the agent's own provider alone. Dropping the future deletes what was written.
    ///
    /// # Errors
    /// [`ErrorKind::Message`](crate::ErrorKind::Message) when the message does not say enough of the file;
    /// [`ErrorKind::BadAnswer`](crate::ErrorKind::BadAnswer) when the file is not what its sender signed;
    /// [`ErrorKind::Target`](crate::ErrorKind::Target) for an address that is not vetted;
    /// [`ErrorKind::File`](crate::ErrorKind::File) when it cannot be written; as [`call`](Self::call) besides.
    pub async fn download(
        &self,
        attachment: &Attachment,
        to: impl Into<DownloadTo>,
    ) -> Result<DownloadedFile, Error> {
        let at = self.at().ok();
        let key = at.as_ref().map(crate::Registration::key);
        let own = at.as_ref().zip(key.as_deref()).map(|(at, key)| (at.api(), key));
        download(&self.shared().account.http, own, attachment, to.into()).await
    }
}
