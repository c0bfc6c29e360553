//! The members of an attachment object, under the spellings that a profile reads.

use alloc::boxed::Box;

use amp_address::Profile;

use super::{AttachmentError, Sha256Digest};
use crate::json::JsonValue;
use crate::timestamp::Timestamp;

pub(super) struct Fields<'a> {
    object: JsonValue<'a>,
    profile: Profile,
}

impl<'a> Fields<'a> {
    pub(super) const fn new(object: JsonValue<'a>, profile: Profile) -> Self {
        Self { object, profile }
    }

    pub(super) const fn profile(&self) -> Profile {
        self.profile
    }

    /// Whether every member of the attachment's kind must be there.
    pub(super) fn is_strict(&self) -> bool {
        matches!(self.profile, Profile::Spec)
    }

    /// The member; null is absent. The specification's own spelling wins over deployed ones.
    pub(super) fn get(&self, field: &'static str) -> Option<JsonValue<'a>> {
        let present = |name: &str| self.object.get(name).filter(|value| !value.is_null());
        present(field).or_else(|| {
            if self.is_strict() { None } else { deployed_names(field).iter().find_map(|name| present(name)) }
        })
    }

    /// A text member.
    pub(super) fn text(&self, field: &'static str) -> Result<Option<Box<str>>, AttachmentError> {
        self.parsed(field, |text| Ok(text.into()))
    }

    /// A text member that only deployed writers have.
    pub(super) fn deployed_text(&self, field: &'static str) -> Result<Option<Box<str>>, AttachmentError> {
        if self.is_strict() { Ok(None) } else { self.text(field) }
    }

    /// A text member with a grammar.
    pub(super) fn parsed<T>(
        &self,
        field: &'static str,
        parse: impl FnOnce(&str) -> Result<T, AttachmentError>,
    ) -> Result<Option<T>, AttachmentError> {
        let Some(value) = self.get(field) else { return Ok(None) };
        let text = value.as_str().ok_or(AttachmentError::Invalid { field })?;
        parse(&text).map(Some)
    }

    pub(super) fn size(&self) -> Result<Option<u64>, AttachmentError> {
        let read = |value: JsonValue<'_>| value.as_u64().ok_or(AttachmentError::Invalid { field: "size" });
        self.get("size").map(read).transpose()
    }

    pub(super) fn digest(&self) -> Result<Option<Sha256Digest>, AttachmentError> {
        self.parsed("digest", |text| Ok(Sha256Digest::parse_with(text, self.profile)?))
    }

    pub(super) fn timestamp(&self, field: &'static str) -> Result<Option<Timestamp>, AttachmentError> {
        self.parsed(field, |text| text.parse().map_err(|_| AttachmentError::Invalid { field }))
    }

    /// Passes what was read on, unless the profile demands the member and it is absent.
    pub(super) fn demand<T>(
        &self,
        field: &'static str,
        value: Option<T>,
    ) -> Result<Option<T>, AttachmentError> {
        if value.is_none() && self.is_strict() { Err(AttachmentError::Missing { field }) } else { Ok(value) }
    }

    /// Refuses a member that this kind of attachment does not have, where the profile is strict.
    pub(super) fn refuse(&self, field: &'static str) -> Result<(), AttachmentError> {
        if self.is_strict() && self.get(field).is_some() {
            Err(AttachmentError::Invalid { field })
        } else {
            Ok(())
        }
    }
}

/// What deployed writers call a member.
const fn deployed_names(field: &'static str) -> &'static [&'static str] {
    match field.as_bytes() {
        b"filename" => &["name"],
        b"content_type" => &["mime_type", "type"],
        b"url" => &["download_url"],
        _ => &[],
    }
}
