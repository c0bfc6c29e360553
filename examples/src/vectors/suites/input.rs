//! Members of a case's input. A case that lacks one is answered with an error, like any other bad input.

use std::borrow::Cow;

use amp_core::{Dialect, KnownProviders, Profile, Provider};
use base64ct::{Base64, Encoding};
use serde_json::Value;

use super::Refusal;

#[derive(Clone, Copy)]
pub(super) struct Input<'a>(pub(super) &'a Value);

impl<'a> Input<'a> {
    /// A member that is a text.
    pub(super) fn text(self, name: &str) -> Result<&'a str, Refusal> {
        self.optional_text(name)?.ok_or_else(|| Refusal::of("missing_field", name))
    }

    /// A member that is a text, null or absent.
    pub(super) fn optional_text(self, name: &str) -> Result<Option<&'a str>, Refusal> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Refusal::of("invalid_field", name)),
        }
    }

    /// A member that is an array; none when it is absent.
    pub(super) fn list(self, name: &str) -> Result<Option<&'a [Value]>, Refusal> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Array(list)) => Ok(Some(list)),
            Some(_) => Err(Refusal::of("invalid_field", name)),
        }
    }

    /// `raw`, or what `raw_b64` stands for.
    pub(super) fn bytes(self) -> Result<Cow<'a, [u8]>, Refusal> {
        match self.optional_text("raw_b64")? {
            None => self.text("raw").map(|raw| Cow::Borrowed(raw.as_bytes())),
            Some(text) => {
                Base64::decode_vec(text).map(Cow::Owned).map_err(|_| Refusal::of("invalid_field", "raw_b64"))
            }
        }
    }

    /// The profile: deployed unless stated.
    pub(super) fn profile(self) -> Result<Profile, Refusal> {
        match self.optional_text("profile")? {
            None | Some("deployed") => Ok(Profile::Deployed),
            Some("spec") => Ok(Profile::Spec),
            Some(_) => Err(Refusal::of("invalid_field", "profile")),
        }
    }

    pub(super) fn dialect(self) -> Result<Dialect, Refusal> {
        self.text("dialect")?.parse().map_err(|_| Refusal::of("invalid_field", "dialect"))
    }

    /// The dialects to try, in order: RFC 8785 alone unless stated.
    pub(super) fn dialects(self) -> Result<Vec<Dialect>, Refusal> {
        let Some(names) = self.list("dialects")? else { return Ok(vec![Dialect::Jcs]) };
        names
            .iter()
            .map(|name| name.as_str().and_then(|name| name.parse().ok()))
            .collect::<Option<_>>()
            .ok_or_else(|| Refusal::of("invalid_field", "dialects"))
    }

    pub(super) fn known_providers(self) -> Result<KnownProviders, Refusal> {
        let names = self.list("known_providers")?.unwrap_or_default();
        names
            .iter()
            .map(|name| Provider::parse_with(name.as_str()?, Profile::Deployed).ok())
            .collect::<Option<_>>()
            .ok_or_else(|| Refusal::of("invalid_field", "known_providers"))
    }
}
