//! What an agent offers, for everybody to read (sealed mail, grants and capabilities).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use amp_envelope::{JsonKind, JsonValue, write_json};

use super::AdmissionError;

/// How large a manifest may be. A limit is the largest value that is still accepted.
pub mod limits {
    /// Most capabilities of one manifest.
    pub const CAPABILITIES_MAX: usize = 64;
    /// Longest title, in characters.
    pub const TITLE_MAX_CHARS: usize = 256;
    /// Longest description, in characters.
    pub const DESCRIPTION_MAX_CHARS: usize = 4_096;
    /// Largest `input_schema`, in bytes of its JSON text (64 KiB).
    pub const INPUT_SCHEMA_MAX_BYTES: usize = 64 * 1024;
}

/// Longest id without a namespace, and longest part of one with: 63 bytes.
const PART_MAX_BYTES: usize = 63;

/// The name of a capability: `code-review`, or `x-ns/name` for what is outside the common taxonomy.
///
/// Each part is `[a-z0-9][a-z0-9-]{0,62}`, and that before the slash begins with `x-`.
///
/// ```
/// use amp_core::admission::CapabilityId;
///
/// assert_eq!("code-review".parse::<CapabilityId>()?.namespace(), None);
/// assert_eq!("x-acme/audit".parse::<CapabilityId>()?.namespace(), Some("x-acme"));
/// assert!("Code Review".parse::<CapabilityId>().is_err());
/// # Ok::<(), amp_core::admission::CapabilityIdError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CapabilityId(Box<str>);

/// A text that is no capability's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a capability is named [a-z0-9][a-z0-9-]{{0,62}}, or x-ns/name of two such parts")]
#[non_exhaustive]
pub struct CapabilityIdError;

impl CapabilityId {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the slash, `x-` included.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.0.split_once('/').map(|(namespace, _)| namespace)
    }
}

fn is_part(text: &str) -> bool {
    let is_alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= PART_MAX_BYTES
        && text.bytes().next().is_some_and(is_alphanumeric)
        && text.bytes().all(|byte| is_alphanumeric(byte) || byte == b'-')
}

/// `x-ns/name`: two parts, the first of them more than `x-`.
pub(super) fn is_namespaced(text: &str) -> bool {
    text.split_once('/').is_some_and(|(namespace, name)| {
        namespace.strip_prefix("x-").is_some_and(is_part) && is_part(namespace) && is_part(name)
    })
}

impl FromStr for CapabilityId {
    type Err = CapabilityIdError;

    fn from_str(text: &str) -> Result<Self, CapabilityIdError> {
        if is_part(text) || is_namespaced(text) { Ok(Self(text.into())) } else { Err(CapabilityIdError) }
    }
}

impl fmt::Display for CapabilityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One thing that an agent offers to do.
///
/// Title and description are the agent's own words: content from outside when it is another's manifest.
#[derive(Clone, PartialEq, Eq)]
pub struct Capability {
    id: CapabilityId,
    title: Box<str>,
    description: Option<Box<str>>,
    /// The JSON text of an object or a boolean.
    input_schema: Option<Box<str>>,
}

impl Capability {
    /// A capability with a title of 1 to 256 characters.
    ///
    /// # Errors
    /// `invalid_field` when the title is empty or too long.
    pub fn new(id: CapabilityId, title: &str) -> Result<Self, AdmissionError> {
        let title = text_of("title", title, 1, limits::TITLE_MAX_CHARS)?;
        Ok(Self { id, title, description: None, input_schema: None })
    }

    /// Adds a description of at most 4,096 characters.
    ///
    /// # Errors
    /// `invalid_field` when it is too long.
    pub fn with_description(mut self, description: &str) -> Result<Self, AdmissionError> {
        self.description = Some(text_of("description", description, 0, limits::DESCRIPTION_MAX_CHARS)?);
        Ok(self)
    }

    /// Adds the JSON Schema (2020-12) of a message's context: the text of an object, at most 64 KiB. It is kept, not read.
    ///
    /// # Errors
    /// A code of the JSON profile when it is no object, `invalid_field` when it is too large.
    pub fn with_input_schema(mut self, schema: &[u8]) -> Result<Self, AdmissionError> {
        self.input_schema = Some(schema_of(JsonValue::read_object(schema)?)?);
        Ok(self)
    }

    /// The name.
    #[must_use]
    pub const fn id(&self) -> &CapabilityId {
        &self.id
    }

    /// The title, 1 to 256 characters.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The description, at most 4,096 characters.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// The JSON text of the schema that a message's context is to have.
    #[must_use]
    pub fn input_schema(&self) -> Option<&str> {
        self.input_schema.as_deref()
    }

    fn read(value: JsonValue<'_>) -> Result<Self, AdmissionError> {
        let text = |field: &'static str| match value.get(field) {
            None => Ok(None),
            Some(member) if member.is_null() => Ok(None),
            Some(member) => {
                member.as_str().map(Some).ok_or(AdmissionError::invalid(field, "the member is a string"))
            }
        };
        let id = text("id")?.ok_or(AdmissionError::missing("id"))?;
        let id = id.parse().map_err(|_| {
            AdmissionError::invalid("id", "a capability is named [a-z0-9][a-z0-9-]{0,62} or x-ns/name")
        })?;
        let mut capability = Self::new(id, &text("title")?.ok_or(AdmissionError::missing("title"))?)?;
        if let Some(description) = text("description")? {
            capability = capability.with_description(&description)?;
        }
        if let Some(schema) = value.get("input_schema").filter(|schema| !schema.is_null()) {
            capability.input_schema = Some(schema_of(schema)?);
        }
        Ok(capability)
    }

    fn write(&self, out: &mut String) {
        let mut member = |name: &str, json: &str| {
            for piece in [name, json] {
                out.push_str(piece);
            }
        };
        member("{\"id\":", &string(self.id.as_str()));
        member(",\"title\":", &string(&self.title));
        if let Some(description) = &self.description {
            member(",\"description\":", &string(description));
        }
        if let Some(schema) = &self.input_schema {
            member(",\"input_schema\":", schema);
        }
        out.push('}');
    }
}

impl fmt::Debug for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The agent's own words stay out of logs.
        write!(f, "Capability({})", self.id)
    }
}

fn string(text: &str) -> String {
    // A string always has a JSON text.
    write_json(text).unwrap_or_default()
}

fn text_of(field: &'static str, text: &str, least: usize, most: usize) -> Result<Box<str>, AdmissionError> {
    let length = text.chars().take(most.saturating_add(1)).count();
    if (least..=most).contains(&length) {
        Ok(text.into())
    } else {
        Err(AdmissionError::invalid(field, "the text is empty or too long"))
    }
}

fn schema_of(schema: JsonValue<'_>) -> Result<Box<str>, AdmissionError> {
    const FIELD: &str = "input_schema";
    if !matches!(schema.kind(), JsonKind::Object | JsonKind::Bool) {
        return Err(AdmissionError::invalid(FIELD, "a schema is an object"));
    }
    if schema.raw().len() > limits::INPUT_SCHEMA_MAX_BYTES {
        return Err(AdmissionError::invalid(FIELD, "a schema has at most 64 KiB of JSON"));
    }
    Ok(schema.raw().into())
}

/// What an agent offers: at most 64 capabilities, each id once. Public, and not signed by itself.
///
/// ```
/// use amp_core::admission::{Capability, CapabilityManifest};
///
/// let review = Capability::new("code-review".parse()?, "Reviews of Rust")?;
/// let manifest = CapabilityManifest::new([review])?;
/// let json = manifest.to_json();
/// assert_eq!(json, r#"{"capabilities":[{"id":"code-review","title":"Reviews of Rust"}]}"#);
/// assert_eq!(CapabilityManifest::from_json(json.as_bytes())?, manifest);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CapabilityManifest {
    capabilities: Vec<Capability>,
}

impl CapabilityManifest {
    /// A manifest of these capabilities, in this order.
    ///
    /// # Errors
    /// `invalid_field` when there are more than 64, or an id stands twice.
    pub fn new(capabilities: impl IntoIterator<Item = Capability>) -> Result<Self, AdmissionError> {
        let mut manifest = Self::default();
        capabilities.into_iter().try_for_each(|capability| manifest.push(capability))?;
        Ok(manifest)
    }

    /// Reads `{"capabilities":[{"id","title","description"?,"input_schema"?}]}`; members that it does not know are left out.
    ///
    /// # Errors
    /// A code of the JSON profile, `missing_field` or `invalid_field`.
    pub fn from_json(json: &[u8]) -> Result<Self, AdmissionError> {
        const FIELD: &str = "capabilities";
        let list = JsonValue::read_object(json)?.get(FIELD).ok_or(AdmissionError::missing(FIELD))?;
        if list.kind() != JsonKind::Array {
            return Err(AdmissionError::invalid(FIELD, "the capabilities are an array"));
        }
        let mut manifest = Self::default();
        for value in list.elements() {
            if value.kind() != JsonKind::Object {
                return Err(AdmissionError::invalid(FIELD, "a capability is an object"));
            }
            manifest.push(Capability::read(value)?)?;
        }
        Ok(manifest)
    }

    fn push(&mut self, capability: Capability) -> Result<(), AdmissionError> {
        const FIELD: &str = "capabilities";
        if self.capabilities.len() >= limits::CAPABILITIES_MAX {
            return Err(AdmissionError::invalid(FIELD, "a manifest has at most 64 capabilities"));
        }
        if self.get(&capability.id).is_some() {
            return Err(AdmissionError::invalid("id", "a capability stands once in a manifest"));
        }
        self.capabilities.push(capability);
        Ok(())
    }

    /// Writes the manifest as compact JSON; schemas stand in it as they were given.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = String::from("{\"capabilities\":[");
        for (index, capability) in self.capabilities.iter().enumerate() {
            if index > 0 {
                json.push(',');
            }
            capability.write(&mut json);
        }
        json.push_str("]}");
        json
    }

    /// The capability of this name.
    #[must_use]
    pub fn get(&self, id: &CapabilityId) -> Option<&Capability> {
        self.capabilities.iter().find(|capability| capability.id == *id)
    }

    /// The capabilities, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Capability> {
        self.capabilities.iter()
    }
}
