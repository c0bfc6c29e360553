//! Canonical JSON: RFC 8785 (JCS) and the deployed dialects, in one writer.
//!
//! The reader has already found what is canonical as it stands; the writer copies that and rewrites the rest.

mod dialect;
mod number;
mod string;
mod writer;

use alloc::vec::Vec;

pub(crate) use dialect::Form;
pub use dialect::{Dialect, UnknownDialect};
pub(crate) use writer::{Scratch, Skip, array_index, write_object};

use crate::error::MessageError;
use crate::json::{self, BigIntegers, Index, Keep};

/// Writes a JSON object in canonical form.
///
/// The canonical form of a payload is what its hash is computed over. All rules of the JSON profile hold:
/// names are distinct, numbers finite, nesting at most 128 deep.
///
/// # Errors
/// Any code of the JSON profile; `unportable_number` for integer literals outside ±(2^53 − 1) except under
/// `jq-1.7` and the Python dialects, which write them exactly; `unportable_payload` for a member `__proto__`
/// under `maestro`, which loses it.
///
/// ```
/// use amp_envelope::{canonicalize, Dialect};
/// let canonical = canonicalize(br#"{"type": "notification", "message": "Hello"}"#, Dialect::Jcs)?;
/// assert_eq!(canonical, br#"{"message":"Hello","type":"notification"}"#);
/// # Ok::<(), amp_envelope::MessageError>(())
/// ```
pub fn canonicalize(object: &[u8], dialect: Dialect) -> Result<Vec<u8>, MessageError> {
    let mut out = Vec::new();
    Canonicalizer::new().canonicalize_into(object, dialect, &mut out)?;
    Ok(out)
}

/// Writes canonical forms one after another, with buffers that are used again.
///
/// Once its buffers have grown to what a text needs, canonicalizing does not allocate.
///
/// ```
/// use amp_envelope::{Canonicalizer, Dialect};
/// let mut canonicalizer = Canonicalizer::new();
/// let mut out = Vec::new();
/// for text in [r#"{"b":1,"a":2}"#, r#"{"b":{},"a":[]}"#] {
///     out.clear();
///     canonicalizer.canonicalize_into(text.as_bytes(), Dialect::Jcs, &mut out)?;
/// }
/// assert_eq!(out, br#"{"a":[],"b":{}}"#);
/// # Ok::<(), amp_envelope::MessageError>(())
/// ```
#[derive(Debug, Default)]
pub struct Canonicalizer {
    index: Index,
    scratch: Scratch,
}

impl Canonicalizer {
    /// A canonicalizer with empty buffers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends the canonical form of `object` to `out`. On an error, `out` is left as it was.
    ///
    /// # Errors
    /// As [`canonicalize`].
    pub fn canonicalize_into(
        &mut self,
        object: &[u8],
        dialect: Dialect,
        out: &mut Vec<u8>,
    ) -> Result<(), MessageError> {
        let keep = if dialect == Dialect::Jcs { Keep::Levels(0) } else { Keep::Uncommon };
        let root = json::read(object, keep, BigIntegers::Keep, 0, &mut self.index)?;
        let len = out.len();
        let trimmed = object.trim_ascii();
        if root.clean {
            out.extend_from_slice(trimmed);
            return Ok(());
        }
        write_object(object, &self.index, root, dialect, Skip::Nothing, &mut self.scratch, out)
            .inspect_err(|_| out.truncate(len))
    }

    /// Whether `object` is in RFC 8785 form already, byte for byte.
    ///
    /// # Errors
    /// As [`canonicalize`]: what is not JSON of the profile is an error, not `false`.
    pub fn is_canonical(&mut self, object: &[u8]) -> Result<bool, MessageError> {
        let root = json::read(object, Keep::Levels(0), BigIntegers::Refuse, 0, &mut self.index)?;
        Ok(root.clean && object.trim_ascii().len() == object.len())
    }
}

/// Writes a number literal that has passed the reader as `dialect` does.
pub(crate) fn write_number(literal: &[u8], dialect: Dialect, out: &mut Vec<u8>) -> Result<(), MessageError> {
    number::write(literal, dialect.form().numbers, out)
}
