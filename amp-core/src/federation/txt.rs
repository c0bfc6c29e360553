//! The TXT record at `_amp._tcp.<provider>`: read, chosen among several, written (federation, discovery).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use amp_address::Provider;
use amp_crypto::{Fingerprint, VerifyingKey};

use super::grammar::{CAPABILITIES_MAX, TOO_MANY_CAPABILITIES, check_capability, check_endpoint};
use super::record_error::DiscoveryError;

/// The version that is read and written.
const VERSION: &str = "AMP1";
/// Longest string of a TXT record, in bytes: DNS counts it in one byte.
const STRING_MAX_BYTES: usize = 255;
/// Longest `pubkey`, in bytes. A fingerprint has 51.
const PUBKEY_MAX_BYTES: usize = 256;

/// What a provider publishes in the DNS: where its API is, and the fingerprint of its key.
///
/// The fields stand in any order, and unknown ones are ignored: `v=AMP1; endpoint=<url>; pubkey=<fingerprint>;
/// capabilities=a,b`. A field that stands twice makes the record invalid, whatever the case of its letters: two readers
/// might take different ones.
///
/// ```
/// use amp_core::Identity;
/// use amp_core::federation::TxtRecord;
///
/// let key = Identity::from_seed(&[7; 32]);
/// let record = TxtRecord::new("https://api.crabmail.ai/v1", key.verifying_key())?.with_capability("attachments")?;
/// let read = TxtRecord::parse(&record.to_string())?;
/// assert_eq!((read.endpoint(), read.fingerprint()), ("https://api.crabmail.ai/v1", Some(&key.fingerprint())));
/// assert!(TxtRecord::parse("v=spf1 -all").is_err());
/// # Ok::<(), amp_core::federation::DiscoveryError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxtRecord {
    endpoint: Box<str>,
    pubkey: Box<str>,
    fingerprint: Option<Fingerprint>,
    capabilities: Vec<Box<str>>,
}

impl TxtRecord {
    /// Longest record that is read, in bytes of its joined strings.
    pub const MAX_BYTES: usize = 8 * 1024;

    /// A record to publish.
    ///
    /// # Errors
    /// [`DiscoveryError::Invalid`] when the endpoint is no https URL, or one that a record cannot hold: with `;`.
    pub fn new(endpoint: &str, key: &VerifyingKey) -> Result<Self, DiscoveryError> {
        check_endpoint(endpoint)?;
        if endpoint.contains(';') {
            return Err(DiscoveryError::Invalid {
                field: "endpoint",
                rule: "a record's fields hold no semicolon",
            });
        }
        let fingerprint = key.fingerprint();
        Ok(Self {
            endpoint: endpoint.into(),
            pubkey: alloc::format!("{fingerprint}").into(),
            fingerprint: Some(fingerprint),
            capabilities: Vec::new(),
        })
    }

    /// Adds a capability.
    ///
    /// # Errors
    /// [`DiscoveryError::Invalid`] for a name with blanks, commas or semicolons, of no or more than 64 bytes, and for the
    /// 65th.
    pub fn with_capability(mut self, name: &str) -> Result<Self, DiscoveryError> {
        check_capability(name)?;
        if self.capabilities.len() >= CAPABILITIES_MAX {
            return Err(TOO_MANY_CAPABILITIES);
        }
        self.capabilities.push(name.into());
        Ok(self)
    }

    /// The name under which a provider's record stands: `_amp._tcp.<provider>`.
    #[must_use]
    pub fn name(provider: &Provider) -> String {
        ["_amp._tcp.", provider.as_str()].concat()
    }

    /// Reads a record whose strings are joined already.
    ///
    /// # Errors
    /// [`DiscoveryError`]: `unsupported_version` for what is no record of this protocol, `duplicate_key`,
    /// `missing_field`, `invalid_field`, `too_large`.
    pub fn parse(text: &str) -> Result<Self, DiscoveryError> {
        if text.len() > Self::MAX_BYTES {
            return Err(DiscoveryError::TooLarge { most: Self::MAX_BYTES });
        }
        let fields = Fields::read(text)?;
        let endpoint = fields.endpoint.ok_or(DiscoveryError::Missing { field: "endpoint" })?;
        check_endpoint(endpoint)?;
        let pubkey = fields.pubkey.ok_or(DiscoveryError::Missing { field: "pubkey" })?;
        check_pubkey(pubkey)?;
        Ok(Self {
            endpoint: endpoint.into(),
            pubkey: pubkey.into(),
            fingerprint: Fingerprint::parse(pubkey).ok(),
            capabilities: read_capabilities(fields.capabilities.unwrap_or_default())?,
        })
    }

    /// Reads a record from its strings, as a resolver gives them.
    ///
    /// # Errors
    /// As [`parse`](Self::parse); `invalid_utf8` is `invalid_field`, since a record is ASCII text.
    pub fn from_strings<S: AsRef<[u8]>>(strings: &[S]) -> Result<Self, DiscoveryError> {
        let length = strings.iter().fold(0_usize, |sum, string| sum.saturating_add(string.as_ref().len()));
        if length > Self::MAX_BYTES {
            return Err(DiscoveryError::TooLarge { most: Self::MAX_BYTES });
        }
        let mut joined = Vec::with_capacity(length);
        strings.iter().for_each(|string| joined.extend_from_slice(string.as_ref()));
        let text = core::str::from_utf8(&joined)
            .map_err(|_| DiscoveryError::Invalid { field: "v", rule: "a record is text" })?;
        Self::parse(text)
    }

    /// The first valid record of several, each of joined strings. Others stand at the same name too, such as SPF's.
    ///
    /// # Errors
    /// What is wrong with the first record of this protocol; `unsupported_version` when there is none.
    pub fn first_of<S: AsRef<str>>(records: &[S]) -> Result<Self, DiscoveryError> {
        let mut first_fault = None;
        for record in records {
            match Self::parse(record.as_ref()) {
                Ok(record) => return Ok(record),
                Err(DiscoveryError::UnsupportedVersion { .. }) => {}
                Err(fault) => first_fault = first_fault.or(Some(fault)),
            }
        }
        Err(first_fault.unwrap_or(NOT_OURS))
    }

    /// The base URL of the provider's API. Where it leads is not judged yet.
    #[must_use]
    pub const fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The field `pubkey` as it stands there.
    #[must_use]
    pub const fn pubkey(&self) -> &str {
        &self.pubkey
    }

    /// The fingerprint that `pubkey` is. None when it is none: then the record names no key at all.
    #[must_use]
    pub const fn fingerprint(&self) -> Option<&Fingerprint> {
        self.fingerprint.as_ref()
    }

    /// What the provider can do, by name.
    pub fn capabilities(&self) -> impl ExactSizeIterator<Item = &str> {
        self.capabilities.iter().map(AsRef::as_ref)
    }

    /// The record in strings of at most 255 bytes, as a zone holds them.
    #[must_use]
    pub fn to_strings(&self) -> Vec<String> {
        let text = alloc::format!("{self}");
        // The record is ASCII: any byte may end a string.
        let strings = text.as_bytes().chunks(STRING_MAX_BYTES);
        strings.map(|string| String::from_utf8_lossy(string).into_owned()).collect()
    }
}

/// Writes the record as it is published.
impl fmt::Display for TxtRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v={VERSION}; endpoint={}; pubkey={}", self.endpoint, self.pubkey)?;
        for (at, capability) in self.capabilities.iter().enumerate() {
            f.write_str(if at == 0 { "; capabilities=" } else { "," })?;
            f.write_str(capability)?;
        }
        Ok(())
    }
}

impl FromStr for TxtRecord {
    type Err = DiscoveryError;

    fn from_str(text: &str) -> Result<Self, DiscoveryError> {
        Self::parse(text)
    }
}

const NOT_OURS: DiscoveryError = DiscoveryError::UnsupportedVersion { field: "v" };

/// The fields that have a meaning here, as they stand in a record of this version.
#[derive(Default)]
struct Fields<'a> {
    endpoint: Option<&'a str>,
    pubkey: Option<&'a str>,
    capabilities: Option<&'a str>,
}

impl<'a> Fields<'a> {
    fn read(text: &'a str) -> Result<Self, DiscoveryError> {
        let fields =
            || text.split(';').map(|field| field.trim_matches([' ', '\t'])).filter(|field| !field.is_empty());
        let named = || fields().map(|field| field.split_once('=').unwrap_or((field, "")));
        let named = || {
            named().map(|(name, value)| {
                (name.trim_end_matches([' ', '\t']), value.trim_start_matches([' ', '\t']))
            })
        };
        // Whether it is one of ours comes first: what is wrong with others is not our affair.
        if !named().any(|(name, value)| name == "v" && value == VERSION) {
            return Err(NOT_OURS);
        }
        let (mut read, mut names) = (Self::default(), BTreeSet::new());
        for (name, value) in named() {
            if !names.insert(name.to_ascii_lowercase()) {
                return Err(DiscoveryError::Duplicate);
            }
            match name {
                "endpoint" => read.endpoint = Some(value),
                "pubkey" => read.pubkey = Some(value),
                "capabilities" => read.capabilities = Some(value),
                _ => {}
            }
        }
        Ok(read)
    }
}

fn check_pubkey(text: &str) -> Result<(), DiscoveryError> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_plain && (1..=PUBKEY_MAX_BYTES).contains(&text.len()) {
        return Ok(());
    }
    let rule = "a fingerprint is ASCII text without blanks, of at most 256 bytes";
    Err(DiscoveryError::Invalid { field: "pubkey", rule })
}

fn read_capabilities(list: &str) -> Result<Vec<Box<str>>, DiscoveryError> {
    let names = list.split(',').map(|name| name.trim_matches([' ', '\t'])).filter(|name| !name.is_empty());
    let mut capabilities = Vec::new();
    for name in names {
        check_capability(name)?;
        if capabilities.len() >= CAPABILITIES_MAX {
            return Err(TOO_MANY_CAPABILITIES);
        }
        capabilities.push(name.into());
    }
    Ok(capabilities)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "v=AMP1; endpoint=https://a.example.org/v1; pubkey=SHA256:abc123";

    fn code(text: &str) -> (&'static str, Option<&'static str>) {
        TxtRecord::parse(text).map_err(|error| (error.code(), error.field())).unwrap_err()
    }

    // rule: DISC-1
    #[test]
    fn fields_stand_in_any_order_and_unknown_ones_are_ignored() {
        let record = TxtRecord::parse(" x=1;capabilities = e2ee , attachments,;pubkey=SHA256:a=b; flag ;endpoint=https://h.example.org ;v=AMP1;").unwrap();
        assert_eq!(record.endpoint(), "https://h.example.org");
        assert_eq!(record.pubkey(), "SHA256:a=b");
        assert!(record.capabilities().eq(["e2ee", "attachments"]));
        assert_eq!(record.fingerprint(), None);
    }

    // rule: DISC-2
    #[test]
    fn a_field_stands_once_in_whatever_case() {
        for extra in [
            "endpoint=https://b.example.org",
            "Endpoint=x",
            "v=AMP1",
            "V=AMP1",
            "pubkey=y",
            "capabilities=a; capabilities=b",
            "x=1; x=1",
        ] {
            assert_eq!(code(&alloc::format!("{FIRST}; {extra}")), ("duplicate_key", None), "{extra}");
        }
    }

    #[test]
    fn what_is_required_is_there_and_obeys_its_grammar() {
        assert_eq!(code("v=AMP1; endpoint=https://a.example.org"), ("missing_field", Some("pubkey")));
        assert_eq!(code("v=AMP1; endpoint; pubkey=x"), ("invalid_field", Some("endpoint")));
        assert_eq!(
            code("v=AMP1; endpoint=https://a.example.org; pubkey="),
            ("invalid_field", Some("pubkey"))
        );
        for other in [
            "",
            "v=AMP2; endpoint=https://a.example.org; pubkey=x",
            "V=AMP1; endpoint=https://a.example.org; pubkey=x",
            "v=amp1",
            "AMP1",
        ] {
            assert_eq!(code(other), ("unsupported_version", Some("v")), "{other}");
        }
        for endpoint in [
            "http://a.example.org",
            "https://",
            "https:///v1",
            "https://u:p@a.example.org",
            "https://a.example.org/?x",
            "https://a.example.org/#x",
            "https://a.example.org/é",
            "HTTPS://a.example.org",
            "https://a.example.org\\@b",
            "https://:443/",
            "ftp://a",
        ] {
            let text = alloc::format!("v=AMP1; endpoint={endpoint}; pubkey=x");
            assert_eq!(code(&text), ("invalid_field", Some("endpoint")), "{endpoint}");
        }
        assert_eq!(code(&" ".repeat(TxtRecord::MAX_BYTES + 1)), ("too_large", None));
    }

    // rule: DISC-3
    #[test]
    fn strings_are_joined_and_the_first_valid_record_is_taken() {
        let (head, tail) = FIRST.split_at(20);
        assert_eq!(TxtRecord::from_strings(&[head, tail]).unwrap(), TxtRecord::parse(FIRST).unwrap());
        assert!(TxtRecord::from_strings(&[&b"v=AMP1; \xff"[..]]).is_err());
        let second = FIRST.replace("a.example", "b.example");
        let records = ["v=spf1 -all", "v=AMP1; endpoint=nonsense; pubkey=x", &second, FIRST];
        assert_eq!(TxtRecord::first_of(&records).unwrap().endpoint(), "https://b.example.org/v1");
        assert_eq!(TxtRecord::first_of(&records[..2]).unwrap_err().field(), Some("endpoint"));
        assert_eq!(TxtRecord::first_of(&records[..1]).unwrap_err(), NOT_OURS);
        assert_eq!(TxtRecord::first_of::<&str>(&[]).unwrap_err(), NOT_OURS);
    }

    #[test]
    fn a_long_record_is_written_in_strings_that_are_read_again() {
        let key = amp_crypto::Identity::from_seed(&[1; 32]);
        let endpoint = alloc::format!("https://a.example.org/{}", "x".repeat(700));
        let record = TxtRecord::new(&endpoint, key.verifying_key()).unwrap().with_capability("a").unwrap();
        let strings = record.to_strings();
        assert!(strings.len() > 2 && strings.iter().all(|string| string.len() <= 255));
        assert_eq!(TxtRecord::from_strings(&strings).unwrap(), record);
        assert!(TxtRecord::new("https://a.example.org/;x", key.verifying_key()).is_err());
        assert!(record.with_capability("a,b").is_err());
    }
}
