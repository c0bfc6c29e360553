//! How a member of a JSON body is read and written, and the macro that makes a body of its members (provider API).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use amp_address::{Address, AgentName, Profile, Provider};
use amp_crypto::{Fingerprint, KeyAlgorithm, SecretText, Signature, VerifyingKey};
use amp_envelope::{IdempotencyKey, JsonKind, JsonValue, MessageId, Sha256Digest, Timestamp, write_json};

use super::fault::Fault;
use super::{ApiUrl, Extra, OpaqueId};
use crate::admission::CommunicationPolicy;
use crate::identity::{AgentId, ApiKey};

/// A value that stands in a JSON body.
pub(crate) trait Member: Sized {
    /// What it has to be, as a sentence for people.
    const RULE: &'static str;

    /// Reads a value that is not null.
    fn read(value: JsonValue<'_>) -> Result<Self, Fault>;

    /// What stands for an absent member, if it may be absent.
    fn absent() -> Option<Self> {
        None
    }

    /// Whether nothing is written.
    fn is_absent(&self) -> bool {
        false
    }

    fn write(&self, out: &mut String);
}

/// The fault of a value that is not what its type wants; the member's name comes with [`Fault::within`].
pub(crate) fn misfit<T: Member>() -> Fault {
    Fault::invalid("", T::RULE)
}

/// Text as JSON. Text can always be written.
pub(crate) fn write_text(text: &str, out: &mut String) {
    out.push_str(&write_json(text).unwrap_or_default());
}

/// A type that reads itself from text.
macro_rules! text_member {
    ($($type:ty: $rule:literal, |$text:ident| $read:expr, |$value:ident| $write:expr;)*) => { $(
        impl Member for $type {
            const RULE: &'static str = $rule;

            fn read(value: JsonValue<'_>) -> Result<Self, Fault> {
                let $text = value.as_str().ok_or_else(misfit::<Self>)?;
                $read.ok_or_else(misfit::<Self>)
            }

            fn write(&self, out: &mut String) {
                let $value = self;
                write_text($write, out);
            }
        }
    )* };
}

text_member! {
    String: "the value is text", |text| Some(text.into_owned()), |value| value;
    Timestamp: "the value is an RFC 3339 time", |text| text.parse().ok(), |value| &value.to_string();
    Address: "the value is a full address",
        |text| Address::parse_with(&text, Profile::Deployed).ok(), |value| value.as_str();
    Provider: "the value is a provider's domain",
        |text| Provider::parse_with(&text, Profile::Deployed).ok(), |value| value.as_str();
    MessageId: "the value is a message id", |text| MessageId::parse_with(&text, Profile::Deployed).ok(), |value| value.as_str();
    IdempotencyKey: "the value is an idempotency key", |text| text.parse().ok(), |value| value.as_str();
    Fingerprint: "the value is a fingerprint", |text| Fingerprint::parse(&text).ok(), |value| &value.to_string();
    Signature: "the value is a signature in base64",
        |text| Signature::from_base64(&text).ok(), |value| &value.to_base64();
    Sha256Digest: "the value is sha256: and 64 lowercase hex digits", |text| text.parse().ok(), |value| &value.to_string();
    VerifyingKey: "the value is a public key as a PEM block, fit to verify with",
        |text| VerifyingKey::from_pem(&text).ok(), |value| &value.to_pem();
    KeyAlgorithm: "the value is text", |text| Some(KeyAlgorithm::from_wire(&text)), |value| value.as_str();
    AgentName: "a name is 1 to 63 of ASCII letters, digits, - and _",
        |text| AgentName::parse(&text).ok(), |value| value.as_str();
    AgentId: "an agent's id is a UUID of version 4", |text| text.parse().ok(), |value| value.as_str();
    ApiUrl: "the value is an http or https URL in ASCII, without credentials, query and fragment",
        |text| text.parse().ok(), |value| value.as_str();
    OpaqueId: "an id is 1 to 128 of A-Z, a-z, 0-9 and ._:@-", |text| text.parse().ok(), |value| value.as_str();
    ApiKey: "an API key is 8 to 512 visible ASCII characters", |text| text.parse().ok(), |value| value.expose();
    SecretText: "the value is text", |text| Some(SecretText::new(text.into_owned())), |value| value.expose();
}

impl Member for CommunicationPolicy {
    const RULE: &'static str = "the value is a policy: a mode, and a list of allowed recipients";

    fn read(value: JsonValue<'_>) -> Result<Self, Fault> {
        Self::from_json(value.raw().as_bytes()).map_err(|_| misfit::<Self>())
    }

    fn write(&self, out: &mut String) {
        out.push_str(&self.to_json());
    }
}

impl Member for bool {
    const RULE: &'static str = "the value is true or false";

    fn read(value: JsonValue<'_>) -> Result<Self, Fault> {
        value.as_bool().ok_or_else(misfit::<Self>)
    }

    fn write(&self, out: &mut String) {
        out.push_str(if *self { "true" } else { "false" });
    }
}

impl Member for u64 {
    const RULE: &'static str = "the value is a whole number from 0 to 2^53 - 1";

    fn read(value: JsonValue<'_>) -> Result<Self, Fault> {
        value.as_u64().filter(|number| *number < 1 << 53).ok_or_else(misfit::<Self>)
    }

    fn write(&self, out: &mut String) {
        out.push_str(&self.to_string());
    }
}

impl<T: Member> Member for Option<T> {
    const RULE: &'static str = T::RULE;

    fn read(value: JsonValue<'_>) -> Result<Self, Fault> {
        T::read(value).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }

    fn write(&self, out: &mut String) {
        match self {
            Some(value) => value.write(out),
            None => out.push_str("null"),
        }
    }
}

impl<T: Member> Member for Vec<T> {
    const RULE: &'static str = "the value is a list";

    fn read(value: JsonValue<'_>) -> Result<Self, Fault> {
        if value.kind() != JsonKind::Array {
            return Err(misfit::<Self>());
        }
        value.elements().map(T::read).collect()
    }

    fn write(&self, out: &mut String) {
        out.push('[');
        for (at, value) in self.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            value.write(out);
        }
        out.push(']');
    }
}

/// The members of an object that is being read. Each lookup looks at names only.
pub(crate) struct Members<'a>(Vec<(Cow<'a, str>, JsonValue<'a>)>);

impl<'a> Members<'a> {
    pub(crate) fn of(value: JsonValue<'a>) -> Result<Self, Fault> {
        if value.kind() != JsonKind::Object {
            return Err(Fault::invalid("", "the value is an object"));
        }
        Ok(Self(value.members().collect()))
    }

    /// The member's value; one that is null counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<JsonValue<'a>> {
        let value = self.0.iter().find_map(|(member, value)| (member == name).then_some(*value));
        value.filter(|value| !value.is_null())
    }

    pub(crate) fn read<T: Member>(&self, name: &str) -> Result<T, Fault> {
        match self.get(name) {
            Some(value) => T::read(value).map_err(|fault| fault.within(name)),
            None => T::absent().ok_or_else(|| Fault::missing(name)),
        }
    }

    /// What remains beside the members of these names.
    pub(crate) fn extra(&self, known: &[&str]) -> Extra {
        let mut extra = Extra::default();
        for (name, value) in self.0.iter().filter(|(name, _)| !known.contains(&&**name)) {
            extra.push(name, *value);
        }
        extra
    }
}

/// An object that is being written.
pub(crate) struct ObjectWriter<'o> {
    out: &'o mut String,
    is_first: bool,
}

impl<'o> ObjectWriter<'o> {
    pub(crate) fn open(out: &'o mut String) -> Self {
        out.push('{');
        Self { out, is_first: true }
    }

    fn name(&mut self, name: &str) {
        if !self.is_first {
            self.out.push(',');
        }
        self.is_first = false;
        write_text(name, self.out);
        self.out.push(':');
    }

    /// Writes a member, unless it is absent.
    pub(crate) fn member<T: Member>(&mut self, name: &str, value: &T) {
        if !value.is_absent() {
            self.name(name);
            value.write(self.out);
        }
    }

    /// Writes a member that is text.
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        write_text(text, self.out);
    }

    /// Writes a member whose value is JSON already.
    pub(crate) fn raw(&mut self, name: &str, json: &str) {
        self.name(name);
        self.out.push_str(json);
    }

    /// Writes members that are JSON already: `"name":value,...`, at least one.
    pub(crate) fn members(&mut self, json: &str) {
        if !self.is_first {
            self.out.push(',');
        }
        self.is_first = false;
        self.out.push_str(json);
    }

    /// Writes what is not known, except under names that are.
    pub(crate) fn extra(&mut self, extra: &Extra, known: &[&str]) {
        for (name, json) in extra.iter().filter(|(name, _)| !known.contains(name)) {
            self.raw(name, json);
        }
    }

    pub(crate) fn close(self) {
        self.out.push('}');
    }
}

/// An object's JSON text.
pub(crate) fn to_json<T: Member>(value: &T) -> String {
    let mut out = String::new();
    value.write(&mut out);
    out
}

/// The name of a field on the wire: its own, or the one given behind `as`.
macro_rules! member_name {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $wire:literal) => {
        $wire
    };
}

/// A struct whose fields are the members of a JSON object. Members that it does not name are kept in `extra`.
///
/// An `Option` may be absent or null. `as "name"` gives a field another name on the wire.
macro_rules! object {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[$field_meta:meta])* $vis:vis $field:ident $(as $wire:literal)?: $type:ty, )*
        }
    ) => {
        $(#[$meta])*
        #[non_exhaustive]
        pub struct $name {
            $( $(#[$field_meta])* $vis $field: $type, )*
            /// Members that this version does not know.
            pub extra: $crate::wire::Extra,
        }

        impl $name {
            const MEMBERS: &'static [&'static str] = &[$(member_name!($field $($wire)?)),*];
        }

        impl $crate::wire::member::Member for $name {
            const RULE: &'static str = "the value is an object";

            fn read(value: ::amp_envelope::JsonValue<'_>) -> Result<Self, $crate::wire::fault::Fault> {
                let members = $crate::wire::member::Members::of(value)?;
                Ok(Self {
                    $( $field: members.read(member_name!($field $($wire)?))?, )*
                    extra: members.extra(Self::MEMBERS),
                })
            }

            fn write(&self, out: &mut ::alloc::string::String) {
                let mut object = $crate::wire::member::ObjectWriter::open(out);
                $( object.member(member_name!($field $($wire)?), &self.$field); )*
                object.extra(&self.extra, Self::MEMBERS);
                object.close();
            }
        }
    };
}
