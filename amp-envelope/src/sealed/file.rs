//! What a sealed attachment says of its file, inside the sealed payload (sealed messages).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use amp_address::Profile;
use amp_crypto::seal::{FileKey, MAX_FILE_SIZE, sealed_len};
use zeroize::Zeroizing;

use crate::attachment::{Attachment, AttachmentError, ProviderAttachment, Sha256Digest};
use crate::error::MessageError;
use crate::id::AttachmentId;
use crate::json::{self, JsonKind, JsonValue};

const FIELD: &str = "payload.attachments";

/// A file that is sealed with a key of its own: what its recipient is told of it, the key included.
///
/// The provider sees [`NEUTRAL_NAME`](Self::NEUTRAL_NAME), [`NEUTRAL_TYPE`](Self::NEUTRAL_TYPE), and the size and digest
/// of the ciphertext.
///
/// ```
/// use amp_crypto::seal::FileKey;
/// use amp_envelope::{SealedFile, Sha256Digest};
///
/// let key = FileKey::from_parts(&[7; 32], &[8; 19]); // `FileKey::generate()` with the feature `getrandom`
/// let file = SealedFile::new("result.csv", "text/csv", 3, Sha256Digest::of(b"abc"), key);
/// assert_eq!(file.sealed_size(), 3 + 16); // one chunk and its tag
/// ```
#[derive(Clone)]
pub struct SealedFile {
    filename: Box<str>,
    content_type: Box<str>,
    size: u64,
    digest: Sha256Digest,
    key: Arc<FileKey>,
}

impl SealedFile {
    /// The name under which the ciphertext is uploaded.
    pub const NEUTRAL_NAME: &'static str = "sealed.bin";
    /// The type under which the ciphertext is uploaded.
    pub const NEUTRAL_TYPE: &'static str = "application/octet-stream";

    /// A file of `size` bytes before sealing, with the digest of those, sealed with `key`.
    #[must_use]
    pub fn new(filename: &str, content_type: &str, size: u64, digest: Sha256Digest, key: FileKey) -> Self {
        Self {
            filename: filename.into(),
            content_type: content_type.into(),
            size,
            digest,
            key: Arc::new(key),
        }
    }

    /// The name that the sender gave: text from outside, in no way fit for a path.
    #[must_use]
    pub const fn filename(&self) -> &str {
        &self.filename
    }

    /// The media type that the sender claims.
    #[must_use]
    pub const fn content_type(&self) -> &str {
        &self.content_type
    }

    /// The size in bytes, before sealing.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The digest of the bytes before sealing.
    #[must_use]
    pub const fn digest(&self) -> &Sha256Digest {
        &self.digest
    }

    /// The key that the file is sealed with.
    #[must_use]
    pub fn key(&self) -> &FileKey {
        &self.key
    }

    /// The size in bytes of what is uploaded: padded, and with a tag for each chunk. Of a size that cannot be sealed,
    /// above [`MAX_FILE_SIZE`](amp_crypto::seal::MAX_FILE_SIZE), it is the largest number.
    #[must_use]
    pub fn sealed_size(&self) -> u64 {
        sealed_len(self.size).unwrap_or(u64::MAX)
    }

    /// The object inside the sealed payload.
    pub(super) fn to_json(&self, id: &AttachmentId) -> Zeroizing<String> {
        let (key, nonce) = (self.key.key(), self.key.nonce());
        let (digest, size) = (self.digest.to_string(), self.size.to_string());
        let parts = [r#"{"content_type":"#, r#","digest":""#, r#"","filename":"#, r#","id":""#];
        // Room for all of it: what grows leaves copies behind.
        let room = 512_usize
            .saturating_add(json::quoted_len_max(&self.filename))
            .saturating_add(json::quoted_len_max(&self.content_type));
        let mut json = Zeroizing::new(String::with_capacity(room));
        let [content_type_is, digest_is, filename_is, id_is] = parts;
        for part in [
            content_type_is,
            &Zeroizing::new(json::quoted(&self.content_type)),
            digest_is,
            &digest,
            filename_is,
            &Zeroizing::new(json::quoted(&self.filename)),
            id_is,
            id.as_str(),
            r#"","sealed":{"key":""#,
            key.expose(),
            r#"","nonce":""#,
            nonce.expose(),
            r#""},"size":"#,
            &size,
            "}",
        ] {
            json.push_str(part);
        }
        json
    }

    /// Reads the object inside the sealed payload, of which every member is required.
    pub(super) fn read(object: JsonValue<'_>) -> Result<(AttachmentId, Self), MessageError> {
        let sealed = object.get("sealed").filter(|sealed| sealed.kind() == JsonKind::Object);
        let sealed = sealed.ok_or(AttachmentError::Invalid { field: "sealed" })?;
        let (key, nonce) = (text(sealed, "key")?, text(sealed, "nonce")?);
        let key = FileKey::parse(&key, &nonce).map_err(|_| AttachmentError::Invalid { field: "sealed" })?;
        let id = AttachmentId::parse_with(&text(object, "id")?, Profile::Deployed)
            .map_err(|_| AttachmentError::Invalid { field: "id" })?;
        let size = member(object, "size")?.as_u64().filter(|size| *size <= MAX_FILE_SIZE);
        let size = size.ok_or(AttachmentError::Invalid { field: "size" })?;
        let digest = Sha256Digest::parse_with(&text(object, "digest")?, Profile::Spec)
            .map_err(AttachmentError::Digest)?;
        let (filename, content_type) = (text(object, "filename")?, text(object, "content_type")?);
        Ok((id, Self::new(&filename, &content_type, size, digest, key)))
    }

    /// Reads the provider's object of the ciphertext, as it is put into a draft: with an id, a neutral name and type, and
    /// the ciphertext's size and digest.
    pub(super) fn object(&self, object: JsonValue<'_>) -> Result<AttachmentId, MessageError> {
        let Attachment::Provider(object) = Attachment::read(object)? else {
            return Err(MessageError::invalid(FIELD, "a sealed file is kept at a provider"));
        };
        self.check_object(&object)?;
        let neutral = object.filename() == Some(Self::NEUTRAL_NAME)
            && object.content_type() == Some(Self::NEUTRAL_TYPE);
        if !neutral {
            let rule = "a sealed file is uploaded as sealed.bin, application/octet-stream";
            return Err(MessageError::invalid(FIELD, rule));
        }
        object.id().cloned().ok_or(AttachmentError::Missing { field: "id" }.into())
    }

    /// Checks what is said of the ciphertext against what is said of the file.
    pub(crate) fn check_object(&self, object: &ProviderAttachment) -> Result<(), AttachmentError> {
        if object.digest().is_none() {
            return Err(AttachmentError::Missing { field: "digest" });
        }
        match object.size() {
            None => Err(AttachmentError::Missing { field: "size" }),
            Some(size) if size != self.sealed_size() => Err(AttachmentError::Invalid { field: "size" }),
            Some(_) => Ok(()),
        }
    }
}

fn member<'a>(object: JsonValue<'a>, field: &'static str) -> Result<JsonValue<'a>, AttachmentError> {
    object.get(field).filter(|value| !value.is_null()).ok_or(AttachmentError::Missing { field })
}

fn text(object: JsonValue<'_>, field: &'static str) -> Result<Zeroizing<String>, AttachmentError> {
    let text = member(object, field)?.as_str().ok_or(AttachmentError::Invalid { field })?;
    Ok(Zeroizing::new(text.into_owned()))
}

impl PartialEq for SealedFile {
    fn eq(&self, other: &Self) -> bool {
        // Over digests, so that the time tells nothing of the keys.
        let id = |key: &FileKey| Sha256Digest::of(&parts(key));
        self.filename == other.filename
            && self.content_type == other.content_type
            && self.size == other.size
            && self.digest.equals(&other.digest)
            && id(&self.key).equals(&id(&other.key))
    }
}

impl Eq for SealedFile {}

fn parts(key: &FileKey) -> Zeroizing<Vec<u8>> {
    let (key, nonce) = (key.key(), key.nonce());
    Zeroizing::new([key.expose().as_bytes(), nonce.expose().as_bytes()].concat())
}

/// The name, the type and the key stay out of logs.
impl fmt::Debug for SealedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedFile").field("size", &self.size).finish_non_exhaustive()
    }
}
