//! A client's files, up to its provider and down from wherever they are (attachments).

use amp_core::connection::Uploaded;
use amp_core::envelope::Attachment;

use super::{DownloadTo, DownloadedFile, SealedUpload, UploadFile, download, upload, upload_sealed};
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

    /// Seals a file under a key of its own and uploads it, for a message that is sealed: see
    /// [`Draft::sealed_attachment`](amp_core::Draft::sealed_attachment).
    ///
    /// The provider sees `sealed.bin`, `application/octet-stream`, and the size and digest of the ciphertext, of which the
    /// size says the file's to a few percent. It cannot look inside: that the file is no program and what its type says is
    /// checked here, and by the recipient. The largest file is one of 24.5 MiB, as the ciphertext may have 25.
    ///
    /// The file is read twice, in constant memory. When it changed between, nothing that differs leaves.
    ///
    /// # Errors
    /// [`ErrorKind::File`](crate::ErrorKind::File) when the file cannot be read, or changes meanwhile;
    /// [`ErrorKind::Message`](crate::ErrorKind::Message) for a program, for what is not what its type says, and for what is
    /// too large; as [`upload`](Self::upload) besides.
    pub async fn upload_sealed(&self, file: UploadFile) -> Result<SealedUpload, Error> {
        let at = self.at()?;
        let limits = self.info().await.ok().and_then(|info| info.attachment_limits);
        upload_sealed(&self.shared().account.http, at.api(), &at.key(), limits.as_ref(), file).await
    }

    /// Downloads an attachment of a received message: it is what its sender signed, of that size and digest, or nothing.
    ///
    /// One that is sealed is opened on the way: chunk by chunk, and it gets its name when all of it is what was signed and
    /// opened. It is written in constant memory, goes on where it broke off, and connects to vetted addresses only. The API key goes
    /// to the agent's own provider alone. Dropping the future deletes what was written.
    ///
    /// # Errors
    /// [`ErrorKind::Message`](crate::ErrorKind::Message) when the message does not say enough of the file;
    /// [`ErrorKind::BadAnswer`](crate::ErrorKind::BadAnswer) when the file is not what its sender signed, or a sealed one
    /// does not open;
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
