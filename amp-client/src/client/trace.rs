//! W3C trace context, carried in the signed payload as `context.trace` (messages, context).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use amp_core::envelope::{JsonValue, write_json};
use amp_core::receive::Received;

use crate::error::{Error, ErrorKind};

/// Longest `tracestate` that is written or read, in bytes: what the standard asks everybody to pass on.
const STATE_MAX_BYTES: usize = 512;
/// Most members of a `tracestate`.
const STATE_MEMBERS_MAX: usize = 32;

/// Which trace a message belongs to: the headers `traceparent` and `tracestate` of W3C Trace Context (level 2).
///
/// A client puts it into what it signs when its host asks for that, with
/// [`ClientBuilder::trace_context`](crate::ClientBuilder::trace_context) or [`Outgoing::with_trace`](crate::Outgoing::with_trace). A
/// recipient reads it with [`of`](Self::of): the sender signed it, and may have invented it all the same.
///
/// ```
/// use amp_client::TraceContext;
///
/// let trace = TraceContext::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", Some("congo=t61rcWkgMzE"))?;
/// assert_eq!(trace.trace_id(), "0af7651916cd43dd8448eb211c80319c");
/// assert_eq!(trace.parent_id(), "b7ad6b7169203331");
/// assert!(trace.is_sampled());
/// assert!(TraceContext::parse("00-00000000000000000000000000000000-b7ad6b7169203331-01", None).is_err());
/// # Ok::<(), amp_client::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TraceContext {
    parent: String,
    state: Option<String>,
}

impl TraceContext {
    /// Reads the two headers. What a future version of `traceparent` adds at its end is left out.
    ///
    /// # Errors
    /// [`ErrorKind::Message`] when one of them does not obey the standard's grammar, or `tracestate` is longer than 512
    /// bytes.
    pub fn parse(traceparent: &str, tracestate: Option<&str>) -> Result<Self, Error> {
        let parent = read_parent(traceparent)
            .ok_or_else(|| fault("traceparent is version, trace, parent and flags"))?;
        let state = tracestate.map(str::trim).filter(|state| !state.is_empty());
        if state.is_some_and(|state| !is_state(state)) {
            return Err(fault("tracestate is a list of at most 32 keys and values in 512 bytes"));
        }
        Ok(Self { parent, state: state.map(ToOwned::to_owned) })
    }

    /// The trace that the sender of a message says it belongs to. None when there is none, or it is not one; a `tracestate`
    /// that does not obey the grammar is left out.
    #[must_use]
    pub fn of(message: &Received) -> Option<Self> {
        Self::read(message.payload().context_json()?)
    }

    fn read(context: JsonValue<'_>) -> Option<Self> {
        let trace = context.get("trace")?;
        let parent = read_parent(&trace.get("traceparent")?.as_str()?)?;
        let state = trace.get("tracestate").and_then(|state| state.as_str());
        let state = state.filter(|state| is_state(state)).map(|state| state.trim().to_owned());
        Some(Self { parent, state })
    }

    /// The header `traceparent`.
    #[must_use]
    pub fn traceparent(&self) -> &str {
        &self.parent
    }

    /// The header `tracestate`, at most 512 bytes.
    #[must_use]
    pub fn tracestate(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// The trace's id: 32 lowercase hex digits.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        self.parent.get(3..35).unwrap_or_default()
    }

    /// The id of the span that sent the message: 16 lowercase hex digits.
    #[must_use]
    pub fn parent_id(&self) -> &str {
        self.parent.get(36..52).unwrap_or_default()
    }

    /// Whether the sender may have recorded the trace.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        let flags = self.parent.get(53..55).and_then(|flags| u8::from_str_radix(flags, 16).ok());
        flags.is_some_and(|flags| flags & 1 == 1)
    }

    /// A context with this trace in it. What stands there under `trace` is replaced.
    pub(super) fn put_into(&self, context: Option<JsonValue<'_>>) -> String {
        let members = context.into_iter().flat_map(|context| context.members());
        let mut json = String::from("{");
        for (name, value) in members.filter(|(name, _)| name != "trace") {
            json.push_str(&quoted(&name));
            json.push(':');
            json.push_str(value.raw());
            json.push(',');
        }
        json.push_str(r#""trace":{"traceparent":"#);
        json.push_str(&quoted(&self.parent));
        if let Some(state) = &self.state {
            json.push_str(r#","tracestate":"#);
            json.push_str(&quoted(state));
        }
        json.push_str("}}");
        json
    }
}

/// Shows the trace's id, and not what vendors put beside it.
impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceContext({})", self.parent)
    }
}

/// The form of version 00 of a `traceparent` of any version but `ff`.
fn read_parent(text: &str) -> Option<String> {
    let text = text.trim();
    let rest = text.get(55..)?;
    let mut parts = text.get(..55)?.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |part: &str, length| {
        part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_zero = |part: &str| part.bytes().all(|b| b == b'0');
    let is_it = is_hex(version, 2)
        && is_hex(trace, 32)
        && is_hex(parent, 16)
        && is_hex(flags, 2)
        && parts.next().is_none()
        && version != "ff"
        && !is_zero(trace)
        && !is_zero(parent)
        && (rest.is_empty() || version != "00" && rest.starts_with('-'));
    is_it.then(|| ["00-", trace, "-", parent, "-", flags].concat())
}

/// Whether a text is a `tracestate`.
fn is_state(text: &str) -> bool {
    let members: Vec<&str> = text.split(',').map(|member| member.trim_matches([' ', '\t'])).collect();
    let mut keys: Vec<&str> = Vec::new();
    for member in members.iter().filter(|member| !member.is_empty()) {
        let Some((key, value)) = member.split_once('=') else { return false };
        if !is_key(key) || !is_value(value) || keys.contains(&key) {
            return false;
        }
        keys.push(key);
    }
    text.len() <= STATE_MAX_BYTES && keys.len() <= STATE_MEMBERS_MAX
}

fn is_key(key: &str) -> bool {
    let is_tail = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/');
    let fits = |part: &str, length_max, may_begin_with_digit: fn(&u8) -> bool| {
        let mut bytes = part.as_bytes().iter();
        part.len() <= length_max && bytes.next().is_some_and(may_begin_with_digit) && bytes.all(is_tail)
    };
    match key.split_once('@') {
        Some((tenant, system)) => {
            fits(tenant, 241, |b| b.is_ascii_lowercase() || b.is_ascii_digit())
                && fits(system, 14, u8::is_ascii_lowercase)
        }
        None => fits(key, 256, u8::is_ascii_lowercase),
    }
}

fn is_value(value: &str) -> bool {
    let is_visible = |byte: u8| matches!(byte, 0x20..=0x7e) && byte != b',' && byte != b'=';
    (1..=256).contains(&value.len()) && value.bytes().all(is_visible) && !value.ends_with(' ')
}

fn quoted(text: &str) -> String {
    // Text without lone surrogates can always be written.
    write_json(text).unwrap_or_default()
}

fn fault(rule: &'static str) -> Error {
    Error::new(ErrorKind::Message, rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    // rule: MSG-16
    #[test]
    fn a_traceparent_obeys_the_standards_grammar() {
        for wrong in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0\u{e9}",
            "00-0af7651916cd43dd8448eb211c8031-c-b7ad6b7169203331-01",
        ] {
            assert!(TraceContext::parse(wrong, None).is_err(), "{wrong}");
        }
        let later = TraceContext::parse("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", None);
        assert_eq!(later.unwrap().traceparent(), PARENT);
        assert!(!TraceContext::parse(&PARENT.replace("-01", "-02"), None).unwrap().is_sampled());
    }

    #[test]
    fn a_tracestate_obeys_the_standards_grammar() {
        let members =
            |count: usize| (0..count).map(|at| alloc::format!("k{at}=v")).collect::<Vec<_>>().join(",");
        for fine in ["a=1", "a=1,b=2", "a=1 , b=2,,", "fw529a3039@dt=FfffffC", "a/b*_-9= x", "0t@s=1"] {
            assert!(TraceContext::parse(PARENT, Some(fine)).is_ok(), "{fine}");
        }
        assert!(TraceContext::parse(PARENT, Some(&members(32))).is_ok());
        let long = ["a=", &"x".repeat(257)].concat();
        let many = members(33);
        for wrong in
            ["a", "a=", "=1", "A=1", "0a=1", "a=1,a=2", "a=b=c", "a=\u{1b}", "a@=1", "t@0s=1", &long, &many]
        {
            assert!(TraceContext::parse(PARENT, Some(wrong)).is_err(), "{wrong}");
        }
    }

    // rule: MSG-16
    #[test]
    fn a_trace_is_added_to_a_context_and_read_back() {
        let trace = TraceContext::parse(PARENT, Some("congo=t61")).unwrap();
        let context = JsonValue::read_object(br#"{"n":[1],"trace":"other","\u0022":2}"#).unwrap();
        let json = trace.put_into(Some(context));
        let context = JsonValue::read_object(json.as_bytes()).unwrap();
        assert_eq!(context.members().count(), 3);
        assert_eq!(context.get("n").unwrap().raw(), "[1]");
        assert_eq!(TraceContext::read(context), Some(trace));
        let alone = TraceContext::parse(PARENT, None).unwrap().put_into(None);
        assert_eq!(alone, [r#"{"trace":{"traceparent":""#, PARENT, r#""}}"#].concat());
        let bad = br#"{"trace":{"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","tracestate":"\u001b"}}"#;
        assert_eq!(TraceContext::read(JsonValue::read_object(bad).unwrap()).unwrap().tracestate(), None);
    }
}
