//! What an answer's head says about the bytes of a file behind it (attachments, receiving).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::download_error::DownloadError;
use crate::webhook::Target;
use crate::wire::AnswerParts;

/// Longest entity tag that is kept, in bytes.
const ETAG_MAX_BYTES: usize = 256;

/// A file to be requested with `GET`: where, and from which byte on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    pub(super) target: Target,
    pub(super) from: u64,
    pub(super) etag: Option<Box<str>>,
}

impl Fetch {
    /// Where the file is. Have the addresses admitted to which its host resolves, and connect to one of those.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// From which byte on. Not 0 when an earlier attempt broke off.
    #[must_use]
    pub const fn from(&self) -> u64 {
        self.from
    }

    /// The headers of the request. There is no `Authorization` among them, and none is to be added, and no cookie.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = Vec::from([("Accept-Encoding", String::from("identity"))]);
        if self.from > 0 {
            headers.push(("Range", format!("bytes={}-", self.from)));
            headers.extend(self.etag.as_deref().map(|etag| ("If-Range", String::from(etag))));
        }
        headers
    }
}

/// What is known of the bytes that follow.
pub(super) struct Head<'a>(pub(super) &'a AnswerParts);

impl Head<'_> {
    fn values<'h>(&'h self, name: &'static str) -> impl Iterator<Item = &'h str> {
        let headers = self.0.headers.iter();
        headers.filter(move |(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// The one value of a header.
    ///
    /// # Errors
    /// [`DownloadError::Head`] when there are several that differ.
    fn value<'h>(&'h self, name: &'static str) -> Result<Option<&'h str>, DownloadError> {
        let mut values = self.values(name);
        let first = values.next();
        if values.all(|value| Some(value) == first) { Ok(first) } else { Err(DownloadError::Head) }
    }

    /// Refuses what would have to be unpacked.
    pub(super) fn check_encoding(&self) -> Result<(), DownloadError> {
        let is_plain = |value: &str| value.is_empty() || value.eq_ignore_ascii_case("identity");
        let is_framing = |value: &str| is_plain(value) || value.eq_ignore_ascii_case("chunked");
        let plain = self.values("content-encoding").all(is_plain);
        if plain && self.values("transfer-encoding").all(is_framing) {
            Ok(())
        } else {
            Err(DownloadError::Encoded)
        }
    }

    /// Compares the announced length with what is missing of the file.
    pub(super) fn check_length(&self, missing: u64) -> Result<(), DownloadError> {
        let Some(length) = self.value("content-length")? else { return Ok(()) };
        match number(length) {
            Some(length) if length == missing => Ok(()),
            Some(_) => Err(DownloadError::Size),
            None => Err(DownloadError::Head),
        }
    }

    /// The entity tag, if it is a strong one: only that says that two answers have the same bytes.
    pub(super) fn etag(&self) -> Result<Option<&str>, DownloadError> {
        let is_strong = |tag: &&str| {
            tag.len() <= ETAG_MAX_BYTES
                && tag.len() > 2
                && tag.starts_with('"')
                && tag.ends_with('"')
                && tag.bytes().all(|byte| byte.is_ascii_graphic())
        };
        Ok(self.value("etag")?.filter(is_strong))
    }

    /// Whether the server says that it hands out parts.
    pub(super) fn offers_ranges(&self) -> bool {
        self.values("accept-ranges").any(|value| value.eq_ignore_ascii_case("bytes"))
    }

    /// Whether the answer holds exactly what is missing of a file of `size` bytes.
    pub(super) fn is_rest(&self, from: u64, size: u64) -> Result<bool, DownloadError> {
        let Some(range) = self.value("content-range")? else { return Ok(false) };
        let stated = || {
            let (range, total) = range.strip_prefix("bytes ")?.split_once('/')?;
            let (first, last) = range.split_once('-')?;
            Some((number(first)?, number(last)?, number(total)?))
        };
        Ok(size.checked_sub(1).is_some_and(|last| stated() == Some((from, last, size))))
    }

    pub(super) fn location(&self) -> Result<Option<&str>, DownloadError> {
        self.value("location")
    }
}

/// Digits alone.
fn number(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}
